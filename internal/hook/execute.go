package hook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"countersign/internal/facts"
	"countersign/internal/runner"
	"countersign/internal/script"
	"countersign/provider"
)

const (
	// margin is how much earlier than what waits for it a call ends, so that the one's end is not taken for the other's.
	margin = 250 * time.Millisecond
	// firstPause and longestPause are between calls of code that is busy; leastCall is what a call needs to be worth it.
	firstPause, longestPause, leastCall = 200 * time.Millisecond, 2 * time.Second, 3 * time.Second
)

// execute calls a unit once. Errors are those before it began: runner.ErrBusy, what wraps runner.ErrUnavailable, *restingError and the context's.
func (s *Service) execute(ctx context.Context, u *unit, c *script.Call) (*script.Outcome, error) {
	if s.c.Scripts == nil {
		return nil, fmt.Errorf("%w: scripts do not run on this server", runner.ErrUnavailable)
	}
	started := s.c.Now()
	if wait := s.breaker.enter(u.ID, started); wait > 0 {
		return nil, &restingError{u.Name, wait}
	}
	c.RequestID = uuid.NewString()
	if end, ok := ctx.Deadline(); ok {
		left := time.Until(end) - margin
		if left <= 0 {
			s.breaker.leave(u.ID, nil, started, started)
			return nil, context.DeadlineExceeded
		}
		c.Deadline = started.Add(left)
	}
	o, err := s.c.Scripts.Run(ctx, &u.Unit, c)
	counts := o
	if errors.Is(ctx.Err(), context.Canceled) {
		counts = nil // whoever called hung up, which is no fault of the code: strangers could have it left alone
	}
	if s.breaker.leave(u.ID, counts, started, s.c.Now()) {
		s.c.Log.Warn("a script keeps crashing or timing out and is left alone for a while", "pool", u.poolID, "script", u.Name, "id", u.id)
	}
	if err != nil {
		return nil, err
	}
	if s.c.Dev && o.Console != "" {
		s.c.Log.Info("a script wrote", "script", u.Name, "text", o.Console)
	}
	return o, nil
}

// patiently is execute for a unit that may be busy: it asks again while there is time for it.
func (s *Service) patiently(ctx context.Context, u *unit, c *script.Call) (*script.Outcome, error) {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		o, err := s.execute(ctx, u, c)
		if !errors.Is(err, runner.ErrBusy) {
			return o, err
		}
		if end, ok := ctx.Deadline(); !ok || time.Until(end) < pause+leastCall {
			return nil, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// sensitive is what code knows of a message and must not say to the log.
func sensitive(m provider.Message, f *facts.Message) []string {
	return append(personal(f.User), m.Code, m.To, m.Text, f.Voice)
}

// personal is what must not be said of a user.
func personal(u *facts.User) []string {
	if u == nil {
		return nil
	}
	return []string{u.Email, u.Phone, u.Name, u.FamilyName, u.Username}
}
