package sqlstore

import (
	"context"
	"errors"
	"math"
	"time"

	"countersign/internal/store"
)

const counterSelect = `SELECT n, total, since, last, locked_until FROM counters
	WHERE pool_id = $1 AND subject = $2 AND purpose = $3 AND bucket = $4`

func readCounter(s *scan) store.Counter {
	return store.Counter{N: s.int(), Total: s.int(), Since: s.time(), Last: s.time(), LockedUntil: s.time()}
}

func (t counterTx) LockCounter(ctx context.Context, k store.CounterKey) (store.Counter, error) {
	c, _, err := returned(ctx, t.tx, t.d.lockCounter, readCounter, k.PoolID, k.Subject, k.Purpose, k.Bucket)
	return c, err
}

func (t counterTx) Counter(ctx context.Context, k store.CounterKey) (store.Counter, error) {
	c, err := one(ctx, t.tx, counterSelect, readCounter, k.PoolID, k.Subject, k.Purpose, k.Bucket)
	if errors.Is(err, store.ErrNotFound) {
		return store.Counter{}, nil
	}
	return c, err
}

func (t counterTx) SaveCounter(ctx context.Context, k store.CounterKey, c store.Counter, expires time.Time) error {
	return t.exec(ctx, `INSERT INTO counters (pool_id, subject, purpose, bucket, n, total, since, last, locked_until, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (pool_id, subject, purpose, bucket) DO UPDATE SET n = excluded.n, total = excluded.total,
		since = excluded.since, last = excluded.last, locked_until = excluded.locked_until, expires_at = excluded.expires_at`,
		k.PoolID, k.Subject, k.Purpose, k.Bucket, c.N, c.Total, micros(c.Since), micros(c.Last), micros(c.LockedUntil), micros(expires))
}

// BumpCounter keeps total and locked_until as they are: such counters have neither. The row may be swept when its window
// ends, which within a window changes no index.
func (t counterTx) BumpCounter(ctx context.Context, k store.CounterKey, now time.Time, window time.Duration) (int, error) {
	n, _, err := returned(ctx, t.tx, `INSERT INTO counters AS c
		(pool_id, subject, purpose, bucket, n, total, since, last, expires_at) VALUES ($1, $2, $3, $4, 1, 0, $5, $5, $6)
		ON CONFLICT (pool_id, subject, purpose, bucket) DO UPDATE SET
		n = CASE WHEN c.since > $7 THEN c.n + 1 ELSE 1 END,
		since = CASE WHEN c.since > $7 THEN c.since ELSE excluded.since END,
		expires_at = CASE WHEN c.since > $7 THEN c.expires_at ELSE excluded.expires_at END,
		last = excluded.last RETURNING n`, readInt,
		k.PoolID, k.Subject, k.Purpose, k.Bucket, micros(now), micros(now.Add(window)), micros(now.Add(-window)))
	return int(n), err
}

// TakeCounter keeps the row until an hour after the day: within a day it changes no index.
func (t counterTx) TakeCounter(ctx context.Context, k store.CounterKey, w store.Taking) (store.Counter, bool, error) {
	limit := func(n int) int {
		if n <= 0 {
			return math.MaxInt32
		}
		return n
	}
	return returned(ctx, t.tx, `INSERT INTO counters AS c
		(pool_id, subject, purpose, bucket, n, total, since, last, locked_until, expires_at) VALUES ($1, $2, $3, $4, 1, 1, $5, $5, $6, $7)
		ON CONFLICT (pool_id, subject, purpose, bucket) DO UPDATE SET
		n = CASE WHEN c.since > $8 THEN c.n + 1 ELSE 1 END,
		since = CASE WHEN c.since > $8 THEN c.since ELSE excluded.since END,
		total = CASE WHEN c.locked_until > excluded.last THEN c.total + 1 ELSE 1 END,
		locked_until = CASE WHEN c.locked_until > excluded.last THEN c.locked_until ELSE excluded.locked_until END,
		expires_at = CASE WHEN c.locked_until > excluded.last THEN c.expires_at ELSE excluded.expires_at END,
		last = excluded.last
		WHERE (CASE WHEN c.since > $8 THEN c.n ELSE 0 END) < $9 AND (CASE WHEN c.locked_until > excluded.last THEN c.total ELSE 0 END) < $10
		RETURNING n, total, since, last, locked_until`, readCounter,
		k.PoolID, k.Subject, k.Purpose, k.Bucket, micros(w.Now), micros(w.DayEnds), micros(w.DayEnds.Add(w.Window)), micros(w.Now.Add(-w.Window)),
		limit(w.Limit), limit(w.DayLimit))
}

func (t counterTx) ResetCounters(ctx context.Context, poolID, subject, purpose string) error {
	return t.exec(ctx, `DELETE FROM counters WHERE pool_id = $1 AND subject = $2 AND purpose = $3`, poolID, subject, purpose)
}
