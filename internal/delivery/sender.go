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

// Later is err of a sender that has called nobody because its message must wait (for a rate, for instance): the message goes back to the queue
// until at, and this was no attempt. A message whose code will be dead by then fails at once.
func Later(at time.Time, err error) error { return &later{at, err} }

// Waits returns until when a message waits if err is Later's.
func Waits(err error) (until time.Time, ok bool) {
	l, ok := errors.AsType[*later](err)
	if !ok {
		return time.Time{}, false
	}
	return l.at, true
}

type later struct {
	at  time.Time
	err error
}

func (e *later) Error() string { return e.err.Error() }
func (e *later) Unwrap() error { return e.err }

// AsksKey is the vendor code of an attempt whose call asks for its key.
const AsksKey = "asks_key"

// Try is one call of a provider inside a Send.
type Try struct {
	// ID is the attempt's id, which the provider got as Message.Reference. Empty: a new one.
	ID string
	// Provider is the provider's name, Account the configured account (the Provider where there are none), Sender the origination identity.
	Provider, Account, Sender string
	// Channel is the one that was used, for a call in place of a text. Empty: the message's.
	Channel provider.Channel
	// AsksKey says that it is a call that reads its code to whoever presses its key: that somebody answered does not bring it there.
	AsksKey bool
	// Receipt is the provider's answer if Err is nil.
	Receipt provider.Receipt
	Err     error
	// Cost was reserved for it, in millionths of Currency; what Receipt says of the price wins.
	Cost     int64
	Currency string
	// Network is the carrier's MCC and MNC as far as it is known; PollAt is when the service is to be asked what became of the message, zero: never.
	Network            string
	PollAt             time.Time
	StartedAt, EndedAt time.Time
	// Result says that this is the call whose result Send returns: nothing else is recorded for it.
	Result bool
}

const maxTries = 16

type tries struct {
	mu     sync.Mutex
	list   []Try
	closed bool
}

type triesKey struct{}

// Note records a call of a provider, so that the message's timeline shows it: each failed one before Send goes on to the next, and the one whose
// result Send returns either with Result set or not at all. Outside of Send it does nothing.
func Note(ctx context.Context, t Try) {
	ts, ok := ctx.Value(triesKey{}).(*tries)
	if !ok || t.Err == nil && !t.Result {
		return
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if !ts.closed && (len(ts.list) < maxTries || t.Result) {
		ts.list = append(ts.list, t)
	}
}

// take returns what was noted and refuses more: a sender that was abandoned must not write into a settled attempt.
func (ts *tries) take() []Try {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	out := ts.list
	ts.list, ts.closed = nil, true
	return out
}
