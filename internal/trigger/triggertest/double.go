// Package triggertest gives tests functions and keys in memory.
//
//	d := triggertest.New(t)
//	d.On(trigger.PreSignUp, func(e triggertest.Event) (any, error) { return e.Answer("autoConfirmUser", true), nil })
//	cfg.Triggers = d.Config(trigger.PreSignUp)
//	o.Triggers = d.Runner()
package triggertest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"countersign/envelope"
	"countersign/internal/fault"
	"countersign/internal/trigger"
)

// Key is the ARN of the double's only key.
const Key = "arn:aws:kms:us-local-1:000000000000:key/8a3c0000-0000-4000-8000-000000000001"

// ARN is the function of a trigger.
func ARN(n trigger.Name) string {
	return "arn:aws:lambda:us-local-1:000000000000:function:" + string(n)
}

// Event is what a function was given.
type Event map[string]any

// Request is the member request.
func (e Event) Request() map[string]any { return e["request"].(map[string]any) }

// Source is triggerSource.
func (e Event) Source() string { return e["triggerSource"].(string) }

// Answer is the event with members of its response set: name, value, name, value ...
func (e Event) Answer(set ...any) any {
	r, _ := e["response"].(map[string]any)
	if r == nil {
		r = map[string]any{}
	}
	for i := 0; i < len(set); i += 2 {
		r[set[i].(string)] = set[i+1]
	}
	e["response"] = r
	return e
}

// Thrown is an error that a function throws. Other errors that a Handler returns are those of the call.
type Thrown string

func (t Thrown) Error() string { return string(t) }

// Handler is a function. Its answer becomes JSON.
type Handler func(Event) (any, error)

// Double implements trigger.Functions and trigger.Keys. It is safe for concurrent use.
type Double struct {
	t    testing.TB
	ring *envelope.RawAES

	mu       sync.Mutex
	handlers map[string]Handler
	events   []Event
	callers  []trigger.Caller
	// denied is what Permit and Invoke answer, unusable what Usable does; nil: nothing.
	denied, unusable error
}

// New returns a double without functions.
func New(t testing.TB) *Double {
	t.Helper()
	ring, err := envelope.NewRawAES("triggertest", Key, make([]byte, 32))
	if err != nil {
		t.Fatalf("triggertest: %v", err)
	}
	return &Double{t: t, ring: ring, handlers: map[string]Handler{}}
}

// Runner returns a runner of the double's functions.
func (d *Double) Runner() *trigger.Runner { return &trigger.Runner{Functions: d, Keys: d} }

// Config is a pool's configuration with the triggers named.
func (d *Double) Config(names ...trigger.Name) *trigger.Config {
	c := &trigger.Config{Functions: map[trigger.Name]string{}, KMSKey: Key}
	for _, n := range names {
		c.Functions[n] = ARN(n)
	}
	return c
}

// On sets the function of a trigger.
func (d *Double) On(n trigger.Name, h Handler) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.handlers[ARN(n)] = h
}

// Deny makes Permit and Invoke fail, or work again with nil; Unusable does so to the key.
func (d *Double) Deny(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.denied = err
}

// Unusable makes the key unusable, or usable again with nil.
func (d *Double) Unusable(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unusable = err
}

// Events returns what was invoked with events of a source, oldest first; all with "".
func (d *Double) Events(source string) []Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []Event
	for _, e := range d.events {
		if source == "" || e.Source() == source {
			out = append(out, e)
		}
	}
	return out
}

// Callers returns on whose behalf functions were called.
func (d *Double) Callers() []trigger.Caller {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]trigger.Caller(nil), d.callers...)
}

// Permit implements trigger.Functions.
func (d *Double) Permit(_ context.Context, arn string, _ trigger.Caller) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.denied != nil {
		return d.denied
	}
	if d.handlers[arn] == nil {
		return fault.New(fault.ResourceNotFound).WithField(arn).WithHint("aws lambda create-function")
	}
	return nil
}

// Invoke implements trigger.Functions.
func (d *Double) Invoke(ctx context.Context, arn string, c trigger.Caller, payload []byte, timeout time.Duration) (*trigger.Answer, error) {
	if timeout <= 0 {
		return nil, fmt.Errorf("triggertest: a timeout of %s", timeout)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("triggertest: %w: %w", trigger.ErrNotBegun, err)
	}
	if err := d.Permit(ctx, arn, c); err != nil {
		return nil, err
	}
	var seen, given Event
	if err := json.Unmarshal(payload, &seen); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(payload, &given); err != nil {
		return nil, err
	}
	d.mu.Lock()
	h := d.handlers[arn]
	d.events, d.callers = append(d.events, seen), append(d.callers, c)
	d.mu.Unlock()
	out, err := h(given)
	if thrown, ok := errors.AsType[Thrown](err); ok {
		return &trigger.Answer{ErrorType: "Error", ErrorMessage: string(thrown), Begun: true}, nil
	}
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(out)
	return &trigger.Answer{Payload: raw, Begun: true}, err
}

// Usable implements trigger.Keys.
func (d *Double) Usable(_ context.Context, keyARN, _ string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.unusable == nil && keyARN != Key {
		return fault.New(fault.ResourceNotFound).WithField(keyARN).WithHint("aws kms create-key")
	}
	return d.unusable
}

// Keyring implements trigger.Keys.
func (d *Double) Keyring(string) envelope.Keyring { return d.ring }

// Open decrypts the code of a sender's event and returns it with the message's header; the test fails if it cannot.
func (d *Double) Open(e Event) (string, *envelope.Header) {
	d.t.Helper()
	code, ok := e.Request()["code"].(string)
	if !ok {
		d.t.Fatalf("triggertest: the event has no code: %v", e)
	}
	raw, err := base64.StdEncoding.DecodeString(code)
	if err != nil {
		d.t.Fatalf("triggertest: %v", err)
	}
	plain, h, err := envelope.Decrypter{Keyring: d.ring, Expect: envelope.Context{"userpool-id": e["userPoolId"].(string)}}.Decrypt(d.t.Context(), raw)
	if err != nil {
		d.t.Fatalf("triggertest: %v", err)
	}
	return string(plain), h
}
