package guard

import (
	"context"
	"time"

	"countersign/internal/fault"
	"countersign/internal/store"
)

// The buckets of the Auth0 wire ("Entity limit policy" and "Authenticate using ROPG flow with MFA"): ten at once, and one more in each span.
const (
	factorBurst        = 10
	factorSendEvery    = time.Hour
	factorFailureEvery = 6 * time.Minute
)

func (t Try) factorKey() store.CounterKey {
	return store.CounterKey{PoolID: t.PoolID, Subject: t.Subject, Purpose: "factor/" + string(t.Purpose), Bucket: bucket(t.Known)}
}

// draw takes one from a bucket of the given size, into which one falls back each span, or only looks whether one is left. N of the counter is how
// many are missing, Since when the last one fell back. AttemptLimit, with the time until the next one, if none is left.
func (g *Guard) draw(ctx context.Context, tx store.Tx, k store.CounterKey, size int, span time.Duration, take bool) error {
	if size <= 0 {
		return nil
	}
	c, err := tx.Counters().LockCounter(ctx, k)
	if err != nil {
		return err
	}
	now := g.Now().UTC()
	if c, err = refilled(c, size, span, now); err != nil || !take {
		return err
	}
	if c.N == 0 {
		c.Since = now
	}
	c.N, c.Last = c.N+1, now
	return tx.Counters().SaveCounter(ctx, k, c, now.Add(time.Duration(c.N+1)*span))
}

// refilled is a bucket as it is now; AttemptLimit if it is empty.
func refilled(c store.Counter, size int, span time.Duration, now time.Time) (store.Counter, error) {
	if back := int(now.Sub(c.Since) / span); c.N > 0 && back > 0 {
		c.N, c.Since = max(c.N-back, 0), c.Since.Add(time.Duration(back)*span)
	}
	if c.N < size {
		return c, nil
	}
	e := fault.New(fault.AttemptLimit)
	e.RetryAfter = c.Since.Add(span).Sub(now)
	return c, e
}
