package pool

import (
	"context"
	"strings"
	"time"

	"countersign/internal/fault"
	"countersign/internal/store"
)

// awaitMost is how long an answer waits for the first attempt to send its message.
const awaitMost = 10 * time.Second

// await waits for the first attempt of a committed message. If the message will not be sent it says so: the challenge stays good, and another can be
// asked for. A message that will be tried again, or of which nothing is known in time, counts as sent.
func (s *Service) await(ctx context.Context, m *store.Message) error {
	return s.awaitSend(ctx, m, true)
}

// awaitSend is await; a message that was held back for good (an opt-out, a guard) counts as sent unless the caller may be told. It reads of m only
// what never changes: since the commit the message belongs to the worker.
func (s *Service) awaitSend(ctx context.Context, m *store.Message, told bool) error {
	if s.Await == nil || m == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, awaitMost)
	defer cancel()
	o, err := s.Await(ctx, m.ID)
	if err != nil {
		if ctx.Err() == nil {
			s.Log.WarnContext(ctx, "the outcome of a message is not known", "pool", m.PoolID, "message", m.ID, "error", err)
		}
		return nil
	}
	held := o.State == store.Suppressed && (!told || o.Provider == testProvider) // a test number gets no text
	if !o.State.Final() || o.OK() || held {
		return nil
	}
	failed := fault.New(fault.DeliveryFailed).WithPublic("The message could not be sent.")
	if o.Text != "" {
		sender := firstOf(o.Provider, "The sender")
		failed = failed.WithHint("%s: %s", sender, strings.TrimPrefix(o.Text, sender+": "))
	}
	return failed
}
