package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"countersign/internal/store"
	"countersign/provider"
)

// Sender is how a pool hands messages over: a route of providers, a hook, an action, a function, a webhook.
//
// Send makes one attempt and returns the receipt and the name of the provider that gave it (or refused). Errors are
// classed as package provider says; two meanings are added:
//
//   - an error that wraps ErrSuppressed ends the message as suppressed;
//   - provider.Permanent around an error that wraps provider.ErrAmbiguous ends the message although it may have been sent: for user code,
//     which is not called a second time once it has begun.
//
// The context ends at the attempt's timeout or when the message's code dies, whichever is first. Implementations are safe
// for concurrent use.
type Sender interface {
	Send(ctx context.Context, m provider.Message) (receipt provider.Receipt, providerName string, err error)
}

// EventSender is a Sender that also wants to know what the message was made for (Draft.Event): user code that composes its own text.
// It is called in place of Send. The event is empty if the message was made without one.
type EventSender interface {
	Sender
	SendEvent(ctx context.Context, m provider.Message, event json.RawMessage) (receipt provider.Receipt, providerName string, err error)
}

// Route chooses the sender of a message. Its errors are classed like those of a Sender. It is called for every attempt
// and should answer from memory.
type Route func(ctx context.Context, m *store.Message) (Sender, error)

// ErrSuppressed is wrapped by a Sender's error when the message is held back for good (opt-out, guard).
var ErrSuppressed = errors.New("delivery: suppressed")

// AtMost is err of a sender that wants its message to have up to n attempts in all, in place of Config.MaxAttempts. Its class stays.
func AtMost(n int, err error) error { return &atMost{n, err} }

type atMost struct {
	n   int
	err error
}

func (e *atMost) Error() string { return e.err.Error() }
func (e *atMost) Unwrap() error { return e.err }

// SenderFunc makes a function a Sender.
type SenderFunc func(ctx context.Context, m provider.Message) (provider.Receipt, string, error)

// Send calls f.
func (f SenderFunc) Send(ctx context.Context, m provider.Message) (provider.Receipt, string, error) {
	return f(ctx, m)
}

// FromProvider makes a provider a Sender, without failover.
func FromProvider(p provider.Provider) Sender {
	return SenderFunc(func(ctx context.Context, m provider.Message) (provider.Receipt, string, error) {
		r, err := p.Send(ctx, m)
		return r, p.Name(), err
	})
}

// Always is the Route that gives every message to s.
func Always(s Sender) Route {
	return func(context.Context, *store.Message) (Sender, error) { return s, nil }
}

// NoSender is the sender of a pool that has none: every message fails as misconfigured.
type NoSender struct{}

// Send fails.
func (NoSender) Send(context.Context, provider.Message) (provider.Receipt, string, error) {
	return provider.Receipt{}, "", provider.Misconfigured(errors.New("no sender is configured for this pool"))
}

// Try is one call of a provider inside a Send, of which only the last shows in what Send returns.
type Try struct {
	Provider           string
	Err                error
	StartedAt, EndedAt time.Time
}

const maxTries = 16

type tries struct {
	mu   sync.Mutex
	list []Try
}

type triesKey struct{}

// Note records a failed call of a provider before Send goes on to the next one, so that the message's timeline shows
// it. The call whose result Send returns is not noted. Outside of Send it does nothing.
func Note(ctx context.Context, t Try) {
	ts, ok := ctx.Value(triesKey{}).(*tries)
	if !ok || t.Err == nil {
		return
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if len(ts.list) < maxTries {
		ts.list = append(ts.list, t)
	}
}

// take returns what was noted and refuses more: a sender that was abandoned must not write into a settled attempt.
func (ts *tries) take() []Try {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	out := ts.list
	ts.list = make([]Try, maxTries)
	return out
}
