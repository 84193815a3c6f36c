package function

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign/internal/fault"
	"countersign/internal/runner"
	"countersign/internal/trigger"
)

var _ trigger.Functions = (*Service)(nil)

// Invoke implements trigger.Functions. The function's own limit holds as well as the timeout.
func (s *Service) Invoke(ctx context.Context, arn string, c trigger.Caller, payload []byte, timeout time.Duration) (*trigger.Answer, error) {
	ref, t, err := s.resolveARN(ctx, arn)
	switch {
	case errors.Is(err, errElsewhere):
		return s.invokeRemote(ctx, ref, arn, payload, timeout, confided(payload, c.Secret))
	case err != nil:
		return nil, err
	case !t.permits(c):
		return nil, s.denied(ref, c)
	}
	if err := s.judgeCall(&Call{Payload: payload}, MaxPayload); err != nil {
		return nil, err
	}
	deadline := time.Now().Add(timeout)
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	_, pool, _ := strings.Cut(c.SourceARN, ":userpool/")
	q := &request{ref: ref, mode: Trigger, poolID: pool, attempt: 1, call: runner.Call{Payload: payload, Deadline: deadline}, confided: confided(payload, c.Secret)}
	o, err := s.run(ctx, t, q)
	if err != nil {
		return nil, triggerError(ref, err)
	}
	return triggerAnswer(ref, o.result, slices.Concat(o.pick.secrets, q.confided))
}

// triggerError is the error for a call that never reached the code.
func triggerError(ref Ref, err error) error {
	switch {
	case errors.Is(err, runner.ErrBusy):
		return callFault(err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("function %s: no worker in time: %w: %w", ref.Name, trigger.ErrTimeout, trigger.ErrNotBegun)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("function %s: %w: %w", ref.Name, err, trigger.ErrNotBegun)
	}
	return fmt.Errorf("function %s: %w: %w: %w", ref.Name, trigger.ErrBroken, trigger.ErrNotBegun, err)
}

// triggerAnswer is what a trigger is told of a call that reached its worker. The function's own words are in the Answer alone,
// never in an error, and do not tell secrets: they go to whoever signs in, and into the timelines of messages.
func triggerAnswer(ref Ref, r *runner.Result, secrets []string) (*trigger.Answer, error) {
	e := r.Error
	if e == nil {
		return &trigger.Answer{Payload: r.Payload, Begun: true}, nil
	}
	if e.Reason == runner.Thrown {
		return &trigger.Answer{ErrorType: hide(e.Type, secrets), ErrorMessage: hide(e.Message, secrets), Begun: e.Begun}, nil
	}
	kind := trigger.ErrBroken
	if e.Reason == runner.Timeout {
		kind = trigger.ErrTimeout
	}
	if e.Begun {
		return nil, fmt.Errorf("function %s: %s: %w", ref.Name, e.Reason, kind)
	}
	return nil, fmt.Errorf("function %s: %s: %w: %w", ref.Name, e.Reason, kind, trigger.ErrNotBegun)
}

func (s *Service) invokeRemote(ctx context.Context, ref Ref, arn string, payload []byte, timeout time.Duration, secrets []string) (*trigger.Answer, error) {
	if len(payload) > MaxPayload {
		return nil, &fault.Error{Code: fault.PayloadTooLarge, Field: "Payload"}
	}
	begin := time.Now()
	a, err := s.c.Remote.Invoke(ctx, arn, payload, timeout)
	inv := Invocation{Region: ref.Region, Function: ref.Name, Mode: Trigger, Outcome: "ok", Duration: time.Since(begin)}
	switch {
	case errors.Is(err, trigger.ErrTimeout):
		inv.Outcome = string(runner.Timeout)
	case fault.CodeOf(err) == fault.Overloaded:
		inv.Outcome = "busy"
	case err != nil:
		inv.Outcome = "error"
	case a.ErrorType != "" || a.ErrorMessage != "":
		inv.Outcome = string(runner.Thrown)
	}
	if s.c.Observe != nil {
		s.c.Observe(inv)
	}
	if a != nil {
		a.ErrorType, a.ErrorMessage = hide(a.ErrorType, secrets), hide(a.ErrorMessage, secrets)
	}
	return a, err
}
