package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"countersign/internal/store"
)

const day = 24 * time.Hour

// maxDays bounds CountDays; dayBatch days go in one statement.
const (
	maxDays  = 400
	dayBatch = 32
)

// CountDays counts by ranges of ids, in an index alone.
func (t eventTx) CountDays(ctx context.Context, poolID string, types []string, from, to time.Time) ([]store.DayCount, error) {
	padded, err := padded(types)
	if err != nil || len(padded) == 0 {
		return nil, err
	}
	first := from.UTC().Truncate(day)
	if to.Sub(first) > maxDays*day {
		return nil, fmt.Errorf("store: more than %d days at once", maxDays)
	}
	var out []store.DayCount
	for start := first; start.Before(to); start = start.Add(dayBatch * day) {
		f := filter{sql: `WITH d (n, low, high) AS (VALUES `}
		for n := range dayBatch {
			low, high := start.Add(time.Duration(n)*day), start.Add(time.Duration(n+1)*day)
			low, high = latest(low, from), earliest(high, to)
			f.args = append(f.args, store.MinID(low), store.MinID(latest(low, high)))
			f.sql += fmt.Sprintf(", (%d, $%d, $%d)", n, 2*n+1, 2*n+2)
		}
		f.sql = strings.Replace(f.sql, "VALUES , ", "VALUES ", 1) + `) SELECT CAST(d.n AS BIGINT), e.type, count(*) FROM d JOIN events e
			ON e.id >= d.low AND e.id < d.high WHERE 1 = 1`
		f.and(`e.pool_id = `, poolID)
		f.in(`e.type`, padded)
		rows, err := many(ctx, t.tx, f.sql+` GROUP BY d.n, e.type ORDER BY d.n, e.type`, func(s *scan) store.DayCount {
			return store.DayCount{Day: start.Add(time.Duration(s.int64()) * day), Type: s.text(), N: s.int()}
		}, f.args...)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (t eventTx) CountActive(ctx context.Context, poolID string, types []string, from time.Time, limit int) (int, error) {
	padded, err := padded(types)
	if err != nil || len(padded) == 0 {
		return 0, err
	}
	f := filter{sql: `SELECT count(DISTINCT user_id) FROM (SELECT user_id FROM events WHERE pool_id = $1`, args: []any{poolID}}
	f.in(`type`, padded)
	f.and(`id >= `, store.MinID(from))
	f.and(`1 = 1 LIMIT `, limit)
	n, err := one(ctx, t.tx, f.sql+`) AS n WHERE user_id <> ''`, readInt, f.args...)
	return int(n), err
}
