package registration

import (
	"context"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/store"
)

const (
	// every is how often the registrations are looked through.
	every = time.Hour
	// poolPage is how many pools are read at once.
	poolPage = 200
	day      = 24 * time.Hour
)

// warnings are how many days before its end a registration is warned of.
func warnings() []int { return []int{1, 7, 30} }

// Run warns of approved registrations 30, 7 and 1 days before they end, and marks those that have ended, each time with an event
// (eventlog.RegistrationExpires, which package eventlog counts for metrics). Several nodes may run it: one of them warns. It ends with ctx and returns
// nil.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.c.Logger.WarnContext(ctx, "the registrations could not be looked through", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// sweep looks through the registrations of the deployment and of all pools.
func (s *Service) sweep(ctx context.Context) error {
	if err := s.sweepPool(ctx, ""); err != nil {
		return err
	}
	for after := ""; ; {
		var pools []*store.Pool
		err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
			pools, err = tx.Pools().ListPools(ctx, after, poolPage)
			return err
		})
		if err != nil {
			return err
		}
		for _, p := range pools {
			if err := s.sweepPool(ctx, p.ID); err != nil {
				return err
			}
			after = p.ID
		}
		if len(pools) < poolPage {
			return nil
		}
	}
}

func (s *Service) sweepPool(ctx context.Context, poolID string) error {
	var found []stored
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		found, err = all(ctx, tx, poolID)
		return err
	})
	if err != nil {
		return err
	}
	now := s.c.Now()
	for _, x := range found {
		if next, due := x.due(now); due {
			if err := s.tell(ctx, next); err != nil {
				return err
			}
		}
	}
	return nil
}

// due returns a registration as it is to be written where its end, or a warning of it, has come.
func (x stored) due(now time.Time) (stored, bool) {
	if x.Status != Approved || x.ExpiresAt.IsZero() {
		return x, false
	}
	if !now.Before(x.ExpiresAt) {
		x.Status = Expired
		return x, true
	}
	for _, days := range warnings() {
		if x.ExpiresAt.Sub(now) <= time.Duration(days)*day {
			due := x.Warned == 0 || x.Warned > days
			x.Warned = days
			return x, due
		}
	}
	return x, false
}

// tell writes what was done with its event. If somebody else changed the registration, it is left for the next time.
func (s *Service) tell(ctx context.Context, x stored) error {
	ctx = context.WithoutCancel(ctx)
	left := max(x.ExpiresAt.Sub(s.c.Now()), 0)
	ev := s.c.Log.Event(eventlog.Entry{PoolID: x.PoolID, Type: eventlog.RegistrationExpires, Data: map[string]any{
		"id": x.ID, "name": x.Name, "country": x.Country, "kind": string(x.Kind), "expires_at": x.ExpiresAt, "days_left": int((left + day - 1) / day)}})
	done := false
	err := s.c.Store.Write(ctx, func(tx store.Tx) error {
		rec, err := toRecord(x)
		if err != nil {
			return err
		}
		if done, err = tx.Records().PutRecord(ctx, rec); err != nil || !done {
			return err
		}
		return tx.Events().Append(ctx, ev)
	})
	s.forget(x.PoolID)
	if err != nil || !done {
		return err
	}
	s.c.Log.Publish(ev)
	s.c.Logger.WarnContext(ctx, "a registration ends", "pool", x.PoolID, "registration", x.Name, "country", x.Country, "expires", x.ExpiresAt)
	return nil
}
