package function

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"countersign/internal/fault"
	"countersign/internal/runner"
)

const (
	// MaxPayload is the size of a synchronous payload in bytes, MaxEventPayload that of an Event invocation's (Lambda quotas).
	MaxPayload      = 6 << 20
	MaxEventPayload = 1 << 20
	maxClientCtx    = 3583
)

// inFlight counts the calls at work: all of them, and those of functions with reserved concurrency.
type inFlight struct {
	mu    sync.Mutex
	all   int
	calls map[string]int
}

// enter takes a place for a call of a function, or reports false.
func (f *inFlight) enter(functionID string, limit int, reserved *int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all >= limit || reserved != nil && f.calls[functionID] >= *reserved {
		return false
	}
	if f.calls == nil {
		f.calls = map[string]int{}
	}
	f.all++
	f.calls[functionID]++
	return true
}

func (f *inFlight) leave(functionID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all--
	if f.calls[functionID]--; f.calls[functionID] <= 0 {
		delete(f.calls, functionID)
	}
}

// request is one call on its way.
type request struct {
	ref  Ref
	call runner.Call
	mode Mode
	// poolID is the pool on whose behalf a trigger calls, or empty.
	poolID string
	// attempt counts from 1.
	attempt int
	// confided is what the call's words must not tell, besides the function's own secrets.
	confided []string
}

// outcome is its end.
type outcome struct {
	target *target
	pick   *pick
	result *runner.Result
}

// run gives one call to the runner and reports its end. The errors are the runner's: ErrBusy (for reserved concurrency and our
// own bound, too), what wraps ErrUnavailable, and the context's.
func (s *Service) run(ctx context.Context, t *target, q *request) (*outcome, error) {
	p := t.choose()
	if q.call.RequestID == "" {
		q.call.RequestID = uuid.NewString()
	}
	if len(q.call.Payload) == 0 {
		q.call.Payload = []byte("{}")
	}
	o := &outcome{target: t, pick: p}
	if s.c.Runner == nil {
		err := errors.Join(runner.ErrUnavailable, errors.New("functions cannot run on this server"))
		s.report(ctx, q, o, err)
		return o, err
	}
	if !s.inFlight.enter(t.functionID, s.c.Limits.Calls, t.reserved) {
		s.report(ctx, q, o, runner.ErrBusy)
		return o, runner.ErrBusy
	}
	defer s.inFlight.leave(t.functionID)
	var err error
	o.result, err = s.c.Runner.Run(ctx, p.code, &q.call)
	s.report(ctx, q, o, err)
	return o, err
}

func (s *Service) judgeCall(c *Call, limit int) error {
	switch {
	case len(c.Payload) > limit:
		return &fault.Error{Code: fault.PayloadTooLarge, Field: "Payload", Public: itoa(len(c.Payload)) + " byte payload is too large for this invocation (limit " + itoa(limit) + " bytes)"}
	case len(c.Payload) > 0 && !validJSON(c.Payload):
		return fault.Invalidf("Payload", "Could not parse request body into json: it is no JSON value.")
	case len(c.ClientContext) > maxClientCtx:
		return fault.Invalidf("ClientContext", "ClientContext must have at most %d bytes.", maxClientCtx)
	}
	return nil
}

// Call runs what the reference names and waits for its end; a function that threw is a result. The caller's right was
// checked before. The errors are fault.ResourceNotFound, fault.InvalidParameter, fault.PayloadTooLarge, fault.Overloaded (no
// worker is free, or the reserved concurrency is used up), fault.UnsupportedOperation (cannot run here) and the context's.
func (s *Service) Call(ctx context.Context, ref Ref, c *Call) (*CallResult, error) {
	if err := firstOf(ref.validate(), s.judgeCall(c, MaxPayload)); err != nil {
		return nil, err
	}
	t, err := s.resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	q := &request{ref: ref, mode: Request, attempt: 1, call: runner.Call{RequestID: c.RequestID, Payload: c.Payload, ClientContext: c.ClientContext}}
	o, err := s.run(ctx, t, q)
	if err != nil {
		return nil, callFault(err)
	}
	r := o.result
	if c.Masked {
		r = masked(r, o.pick.secrets)
	}
	return &CallResult{Result: r, Version: o.pick.version, RequestID: q.call.RequestID}, nil
}

// DryRun checks that a call could be made: the function exists and could run on this node.
func (s *Service) DryRun(ctx context.Context, ref Ref) error {
	if err := ref.validate(); err != nil {
		return err
	}
	t, err := s.resolve(ctx, ref)
	if err != nil {
		return err
	}
	if _, err := s.check(t.picks[len(t.picks)-1].code.Runtime); err != nil {
		return unavailable(err)
	}
	return nil
}

func callFault(err error) error {
	switch {
	case errors.Is(err, runner.ErrBusy):
		return &fault.Error{Code: fault.Overloaded, Field: "Concurrency", Public: "Rate Exceeded.", RetryAfter: time.Second, Err: err}
	case errors.Is(err, runner.ErrUnavailable):
		return unavailable(err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return stored(err)
}

// unavailable says why a function cannot run here. The runner's words are about this machine, not about the caller's data.
func unavailable(err error) error {
	return &fault.Error{Code: fault.UnsupportedOperation, Field: "Runtime", Err: err,
		Public: "The function cannot run on this server.", Hint: "countersign says at start which runtimes and isolation this machine offers: " + err.Error()}
}
