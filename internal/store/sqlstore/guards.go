package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign/internal/store"
)

const guardCountColumns = `pool_id, key, span, sent, verified, refused`

func readGuardCount(s *scan) store.GuardCount {
	return store.GuardCount{PoolID: s.text(), Key: s.text(), Span: s.time(), Sent: s.int(), Verified: s.int(), Refused: s.int()}
}

func compareGuardCounts(a, b store.GuardCount) int {
	return cmp.Or(cmp.Compare(a.PoolID, b.PoolID), cmp.Compare(a.Key, b.Key), a.Span.Compare(b.Span))
}

// AddGuardCounts goes in the order of the keys: two nodes that add to the same rows never wait for each other in a circle.
func (t guardTx) AddGuardCounts(ctx context.Context, counts []store.GuardCount) error {
	for _, c := range slices.SortedFunc(slices.Values(counts), compareGuardCounts) {
		err := t.exec(ctx, `INSERT INTO guard_counts AS c (`+guardCountColumns+`) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (pool_id, key, span) DO UPDATE SET sent = c.sent + excluded.sent, verified = c.verified + excluded.verified,
			refused = c.refused + excluded.refused`, c.PoolID, c.Key, c.Span.UnixMicro(), c.Sent, c.Verified, c.Refused)
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	// maxGuardKeys bounds one question of a caller, guardKeys one statement.
	maxGuardKeys, guardKeys = 1000, 32
)

// guardCountsOf asks for a number of keys, each by a SELECT of its own: given a list of keys, PostgreSQL's generic plan goes through all rows of the span.
func guardCountsOf(keys int) string {
	one := `SELECT ` + guardCountColumns + ` FROM guard_counts WHERE pool_id = $1 AND span >= $2 AND span < $3 AND key = `
	all := make([]string, keys)
	for i := range all {
		all[i] = one + placeholder(i+4)
	}
	return strings.Join(all, ` UNION ALL `)
}

var oneGuardCount, someGuardCounts = guardCountsOf(1), guardCountsOf(guardKeys)

// GuardCounts asks in statements of one key or of guardKeys, some of which may be NULL: two statements to prepare, not thirty-two.
func (t guardTx) GuardCounts(ctx context.Context, poolID string, keys []string, from, to time.Time) (out []store.GuardCount, err error) {
	if len(keys) > maxGuardKeys {
		return nil, fmt.Errorf("store: counts of %d keys at once, more than %d", len(keys), maxGuardKeys)
	}
	keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	for some := range slices.Chunk(keys, guardKeys) {
		sql, n := someGuardCounts, guardKeys
		if len(some) == 1 {
			sql, n = oneGuardCount, 1
		}
		args := make([]any, n+3)
		args[0], args[1], args[2] = poolID, from.UnixMicro(), to.UnixMicro()
		for i, key := range some {
			args[i+3] = key
		}
		rows, err := many(ctx, t.tx, sql, readGuardCount, args...)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	slices.SortFunc(out, compareGuardCounts)
	return out, nil
}

func (t guardTx) TopGuardCounts(ctx context.Context, poolID, prefix string, from, to time.Time, limit int) ([]store.GuardCount, error) {
	return many(ctx, t.tx, `SELECT pool_id, key, min(span), CAST(sum(sent) AS BIGINT), CAST(sum(verified) AS BIGINT), CAST(sum(refused) AS BIGINT)
		FROM guard_counts WHERE pool_id = $1 AND key >= $2 AND key < $3 AND span >= $4 AND span < $5
		GROUP BY pool_id, key ORDER BY sum(sent) - sum(verified) DESC, key LIMIT $6`,
		readGuardCount, poolID, prefix, prefix+highest, from.UnixMicro(), to.UnixMicro(), limit)
}

func (t guardTx) PruneGuardCounts(ctx context.Context, before time.Time, limit int) (int, error) {
	return t.change(ctx, `DELETE FROM guard_counts WHERE (pool_id, key, span) IN
		(SELECT pool_id, key, span FROM guard_counts WHERE span < $1 ORDER BY span LIMIT $2)`, before.UnixMicro(), limit)
}

const guardBlockColumns = `pool_id, key, reason, evidence, placed_by, since, expires_at, refused`

func readGuardBlock(s *scan) *store.GuardBlock {
	return &store.GuardBlock{
		PoolID: s.text(), Key: s.text(), Reason: s.text(), Evidence: s.text(), By: s.text(), Since: s.time(), Until: s.time(), Refused: s.int64(),
	}
}

// PutGuardBlock takes the new block's Since for the present time.
func (t guardTx) PutGuardBlock(ctx context.Context, b *store.GuardBlock) error {
	return t.exec(ctx, `INSERT INTO guard_blocks AS b (`+guardBlockColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (pool_id, key) DO UPDATE SET reason = excluded.reason, evidence = excluded.evidence, placed_by = excluded.placed_by,
		refused = CASE WHEN b.expires_at > excluded.since THEN b.refused ELSE excluded.refused END,
		since = CASE WHEN b.expires_at > excluded.since THEN b.since ELSE excluded.since END, expires_at = excluded.expires_at`,
		b.PoolID, b.Key, b.Reason, b.Evidence, b.By, b.Since.UnixMicro(), b.Until.UnixMicro(), b.Refused)
}

func (t guardTx) CountGuardBlock(ctx context.Context, poolID, key string, refused int64, until time.Time) error {
	return t.exec(ctx, `UPDATE guard_blocks SET refused = refused + $1, expires_at = CASE WHEN expires_at < $2 THEN $2 ELSE expires_at END
		WHERE pool_id = $3 AND key = $4`, refused, until.UnixMicro(), poolID, key)
}

func (t guardTx) GuardBlocks(ctx context.Context, poolID string, after time.Time) ([]*store.GuardBlock, error) {
	if poolID == "" {
		all, err := many(ctx, t.tx, `SELECT `+guardBlockColumns+` FROM guard_blocks WHERE expires_at > $1 ORDER BY expires_at`,
			readGuardBlock, after.UnixMicro())
		slices.SortFunc(all, func(a, b *store.GuardBlock) int {
			return cmp.Or(cmp.Compare(a.PoolID, b.PoolID), cmp.Compare(a.Key, b.Key))
		})
		return all, err
	}
	return many(ctx, t.tx, `SELECT `+guardBlockColumns+` FROM guard_blocks WHERE pool_id = $1 AND expires_at > $2 ORDER BY key`,
		readGuardBlock, poolID, after.UnixMicro())
}

func (t guardTx) EndGuardBlock(ctx context.Context, poolID, key string) (bool, error) {
	return t.changed(ctx, `DELETE FROM guard_blocks WHERE pool_id = $1 AND key = $2`, poolID, key)
}

// TakeQuota first holds the row, by an update that changes nothing: how much is granted follows from what is taken then.
func (t guardTx) TakeQuota(ctx context.Context, k store.QuotaKey, n, limit int64, expires time.Time) (granted, taken int64, err error) {
	taken, _, err = returned(ctx, t.tx, `INSERT INTO quotas AS q (pool_id, key, span, taken, expires_at) VALUES ($1, $2, $3, 0, $4)
		ON CONFLICT (pool_id, key, span) DO UPDATE SET taken = q.taken RETURNING taken`, readInt, k.PoolID, k.Key, k.Span.UnixMicro(), micros(expires))
	if err != nil {
		return 0, 0, err
	}
	granted = min(n, limit-taken)
	if granted <= 0 {
		return 0, taken, nil
	}
	err = t.exec(ctx, `UPDATE quotas SET taken = taken + $1 WHERE pool_id = $2 AND key = $3 AND span = $4`, granted, k.PoolID, k.Key, k.Span.UnixMicro())
	return granted, taken + granted, err
}

func (t guardTx) GiveQuota(ctx context.Context, k store.QuotaKey, n int64) error {
	return t.exec(ctx, `UPDATE quotas SET taken = CASE WHEN taken > $1 THEN taken - $1 ELSE 0 END WHERE pool_id = $2 AND key = $3 AND span = $4`,
		max(n, 0), k.PoolID, k.Key, k.Span.UnixMicro())
}

func (t guardTx) AddQuota(ctx context.Context, k store.QuotaKey, n int64, expires time.Time) (int64, error) {
	taken, _, err := returned(ctx, t.tx, `INSERT INTO quotas AS q (pool_id, key, span, taken, expires_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (pool_id, key, span) DO UPDATE SET taken = CASE WHEN q.taken + $6 > 0 THEN q.taken + $6 ELSE 0 END RETURNING taken`,
		readInt, k.PoolID, k.Key, k.Span.UnixMicro(), max(n, 0), micros(expires), n)
	return taken, err
}

func (t guardTx) QuotaTaken(ctx context.Context, k store.QuotaKey) (int64, error) {
	n, err := one(ctx, t.tx, `SELECT taken FROM quotas WHERE pool_id = $1 AND key = $2 AND span = $3`, readInt, k.PoolID, k.Key, k.Span.UnixMicro())
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	return n, err
}
