package sqlstore

import (
	"context"
	"errors"
	"time"

	"countersign/internal/store"
)

const (
	// artifactAge is how long Sweep keeps an artifact that nothing names: an upload must have been finished and named by then, which it
	// is within minutes.
	artifactAge = time.Hour
	// artifactChunks is how many of its chunks, a megabyte each, go in one transaction.
	artifactChunks = 16
)

func (t *tx) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	total := 0
	for _, sql := range sweeps {
		n, err := t.change(ctx, sql, micros(now), limit)
		if err != nil {
			return 0, err
		}
		total += n
	}
	keys, err := t.KMS().DeleteKMSKeys(ctx, now, limit)
	if err != nil {
		return 0, err
	}
	chunks, err := t.Artifacts().SweepArtifacts(ctx, now.Add(-artifactAge), min(limit, artifactChunks))
	if err != nil {
		return 0, err
	}
	return total + keys + chunks, nil
}

func (t *tx) Epoch(ctx context.Context) (int64, error) {
	return one(ctx, t, `SELECT value FROM meta WHERE name = 'epoch'`, readInt)
}

func (t *tx) RaiseEpoch(ctx context.Context, now time.Time) (int64, error) {
	for _, sql := range []string{`DELETE FROM codes`, `DELETE FROM challenges`} {
		if err := t.exec(ctx, sql); err != nil {
			return 0, err
		}
	}
	for _, sql := range []string{
		`UPDATE families SET revoked_at = $1, version = version + 1 WHERE revoked_at IS NULL`,
		`UPDATE outbox SET state = 'expired', sealed = NULL, due_at = NULL, lease_owner = NULL, lease_until = NULL, updated_at = $1
			WHERE due_at IS NOT NULL`,
	} {
		if err := t.exec(ctx, sql, micros(now)); err != nil {
			return 0, err
		}
	}
	n, _, err := returned(ctx, t, `UPDATE meta SET value = value + 1 WHERE name = 'epoch' RETURNING value`, readInt)
	return n, err
}

// PurgePool goes through the tables of the pool that was deleted first; its own row goes last.
func (t poolTx) PurgePool(ctx context.Context, limit int) (int, error) {
	if t.readOnly {
		return 0, store.ErrReadOnly
	}
	total := 0
	for total < limit {
		pool, err := one(ctx, t.tx, `SELECT id FROM pools WHERE deleted_at IS NOT NULL ORDER BY deleted_at LIMIT 1`, readText)
		if errors.Is(err, store.ErrNotFound) {
			return total, nil
		}
		if err != nil {
			return 0, err
		}
		n, err := t.purge(ctx, pool, limit-total)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func (t poolTx) purge(ctx context.Context, pool string, limit int) (int, error) {
	total := 0
	for _, p := range tables {
		sql := purges[p.name]
		if sql == "" {
			continue
		}
		n, err := t.change(ctx, sql, pool, limit-total)
		if err != nil {
			return 0, err
		}
		if total += n; total >= limit {
			return total, nil
		}
	}
	n, err := t.change(ctx, `DELETE FROM pools WHERE id = $1 AND deleted_at IS NOT NULL`, pool)
	return total + n, err
}
