package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"countersign/internal/store"
)

// expiring are the tables whose rows die at expires_at, with the columns of their primary keys.
var expiring = []struct{ table, key string }{
	{"signups", "id"},
	{"networks", "pool_id, user_id, network"},
	{"counters", "pool_id, subject, purpose, bucket"},
	{"codes", "id"},
	{"challenges", "id"},
	{"spent", "mark"},
	{"families", "id"},
}

// sweeps holds a bounded delete for each of them.
var sweeps = func() (out []string) {
	for _, e := range expiring {
		out = append(out, fmt.Sprintf(`DELETE FROM %[1]s WHERE expires_at <= $1 AND (%[2]s) IN
			(SELECT %[2]s FROM %[1]s WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`, e.table, e.key))
	}
	return out
}()

func (t *tx) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	total := 0
	for _, sql := range sweeps {
		n, err := t.change(ctx, sql, micros(now), limit)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func (t *tx) Epoch(ctx context.Context) (int64, error) {
	return one(ctx, t, `SELECT value FROM meta WHERE name = 'epoch'`, readInt)
}

func (t *tx) RaiseEpoch(ctx context.Context, now time.Time) (int64, error) {
	for _, sql := range []string{
		`DELETE FROM codes`,
		`DELETE FROM challenges`,
		`UPDATE families SET revoked_at = $1, version = version + 1 WHERE revoked_at IS NULL`,
		`UPDATE outbox SET state = 'expired', sealed = NULL, due_at = NULL, lease_owner = NULL, lease_until = NULL, updated_at = $1
			WHERE due_at IS NOT NULL`,
	} {
		args := []any{micros(now)}
		if sql[0] == 'D' {
			args = nil
		}
		if err := t.exec(ctx, sql, args...); err != nil {
			return 0, err
		}
	}
	n, _, err := returned(ctx, t, `UPDATE meta SET value = value + 1 WHERE name = 'epoch' RETURNING value`, readInt)
	return n, err
}

// pooled are the tables that hold a pool's rows, with their primary keys, in the order in which a pool is purged. What
// hangs on messages goes with them.
var pooled = []struct{ table, key string }{
	{"clients", "id"},
	{"users", "pool_id, id"},
	{"aliases", "pool_id, name"},
	{"signups", "id"},
	{"networks", "pool_id, user_id, network"},
	{"counters", "pool_id, subject, purpose, bucket"},
	{"codes", "id"},
	{"challenges", "id"},
	{"families", "id"},
	{"outbox", "id"},
	{"events", "id"},
	{"pool_keys", "pool_id, purpose, version"},
	{"signing_keys", "pool_id, key_id"},
}

// purgeAttempts deletes the attempts of the messages that are next to be purged.
const purgeAttempts = `DELETE FROM attempts WHERE (message_id, n, id) IN (SELECT a.message_id, a.n, a.id
	FROM (SELECT id FROM outbox WHERE pool_id = $1 ORDER BY id LIMIT $2) AS o JOIN attempts a ON a.message_id = o.id LIMIT $2)`

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
	for _, p := range pooled {
		if total >= limit {
			return total, nil
		}
		if p.table == "outbox" {
			n, err := t.change(ctx, purgeAttempts, pool, limit-total)
			if err != nil {
				return 0, err
			}
			if total += n; total >= limit {
				return total, nil
			}
		}
		n, err := t.change(ctx, fmt.Sprintf(`DELETE FROM %[1]s WHERE pool_id = $1 AND (%[2]s) IN
			(SELECT %[2]s FROM %[1]s WHERE pool_id = $1 ORDER BY %[2]s LIMIT $2)`, p.table, p.key), pool, limit-total)
		if err != nil {
			return 0, err
		}
		total += n
	}
	if total >= limit {
		return total, nil
	}
	n, err := t.change(ctx, `DELETE FROM pools WHERE id = $1 AND deleted_at IS NOT NULL`, pool)
	return total + n, err
}
