package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign/internal/store"
)

const eventColumns = `id, pool_id, type, user_id, client_id, number, data, sealed, at`

func readEvent(s *scan) *store.Event {
	return &store.Event{
		ID: s.text(), PoolID: s.text(), Type: s.text(), UserID: s.text(), ClientID: s.text(), Number: s.blob(), Data: s.json(),
		Sealed: s.blob(), At: s.time(),
	}
}

func (t eventTx) Append(ctx context.Context, e *store.Event) error {
	return t.insert(ctx, `INSERT INTO events (`+eventColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING`,
		e.ID, e.PoolID, e.Type, e.UserID, e.ClientID, e.Number, jsonText(e.Data), e.Sealed, micros(e.At))
}

// idSlack is how far an event's time may be from the time in its id.
const idSlack = 10 * time.Minute

// ListEvents walks the ids of its time range, which is why an event's id must be made of its time.
func (t eventTx) ListEvents(ctx context.Context, q store.EventQuery) ([]*store.Event, error) {
	if q.Type == "" && len(q.Types) == 1 {
		q.Type = q.Types[0]
	}
	var types []any
	if q.Type == "" {
		var err error
		if types, err = padded(q.Types); err != nil {
			return nil, err
		}
	}
	selective := q.UserID != "" || len(q.Number) > 0 || q.ClientID != ""
	f := eventFilter(q)
	switch {
	case len(types) == 0:
	case selective: // one walk of the index of the user, number or client; the empty text keeps planners from the one of types
		f.in(`type || ''`, types)
	default:
		return many(ctx, t.tx, f.byType(types, q), readEvent, f.args...)
	}
	f.and(`1 = 1 ORDER BY id`+direction(q)+` LIMIT `, q.Limit)
	return many(ctx, t.tx, f.sql, readEvent, f.args...)
}

func direction(q store.EventQuery) string {
	if q.Ascending {
		return ""
	}
	return " DESC"
}

func eventFilter(q store.EventQuery) *filter {
	f := &filter{sql: `SELECT ` + eventColumns + ` FROM events WHERE pool_id = $1`, args: []any{q.PoolID}}
	if q.Type != "" {
		f.and(`type = `, q.Type)
	}
	if q.UserID != "" {
		f.sql += ` AND user_id <> ''`
		f.and(`user_id = `, q.UserID)
	}
	if q.ClientID != "" {
		f.sql += ` AND client_id <> ''`
		f.and(`client_id = `, q.ClientID)
	}
	if len(q.Number) > 0 {
		f.and(`number = `, q.Number)
	}
	if !q.From.IsZero() {
		f.and(`id >= `, store.MinID(q.From.Add(-idSlack)))
		f.and(`at >= `, micros(q.From))
	}
	if !q.To.IsZero() {
		f.and(`id < `, store.MinID(q.To.Add(idSlack)))
		f.and(`at < `, micros(q.To))
	}
	if q.After != "" && q.Ascending {
		f.and(`id > `, q.After)
	} else if q.After != "" {
		f.and(`id < `, q.After)
	}
	return f
}

// byType merges one walk for each type: a condition on several would sort all that there are before the first is returned.
func (f *filter) byType(types []any, q store.EventQuery) string {
	f.args = append(f.args, q.Limit)
	limit := placeholder(len(f.args))
	end := ` ORDER BY id` + direction(q) + ` LIMIT ` + limit
	var walks []string
	for _, typ := range types {
		f.args = append(f.args, typ)
		walks = append(walks, `SELECT `+eventColumns+` FROM (`+f.sql+` AND type = `+placeholder(len(f.args))+end+`) AS n`)
	}
	return `SELECT ` + eventColumns + ` FROM (` + strings.Join(walks, ` UNION ALL `) + `) AS o` + end
}

// maxTypes bounds the types of a query.
const maxTypes = 32

// padded returns the types without duplicates, filled up with empty ones to a power of two, so that there are few statements to prepare.
func padded(types []string) ([]any, error) {
	if len(types) > maxTypes {
		return nil, fmt.Errorf("store: %d types of events at once, more than %d", len(types), maxTypes)
	}
	types = slices.Compact(slices.Sorted(slices.Values(types)))
	var out []any
	for _, typ := range types {
		out = append(out, typ)
	}
	for len(out)&(len(out)-1) != 0 {
		out = append(out, "")
	}
	return out, nil
}

func (t eventTx) Event(ctx context.Context, poolID, id string) (*store.Event, error) {
	return one(ctx, t.tx, `SELECT `+eventColumns+` FROM events WHERE id = $1 AND pool_id = $2`, readEvent, id, poolID)
}

// Prune goes by id, as events and messages do.
func (t eventTx) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	bound := store.MinID(before)
	total := 0
	for _, sql := range []string{
		`DELETE FROM attempts WHERE (message_id, n, id) IN (SELECT message_id, n, id FROM attempts WHERE message_id < $1
			ORDER BY message_id LIMIT $2)`,
		`DELETE FROM receipts WHERE (message_id, provider_id, state, vendor_code, authentic) IN (SELECT message_id, provider_id, state,
			vendor_code, authentic FROM receipts WHERE message_id < $1 ORDER BY message_id LIMIT $2)`,
		`DELETE FROM outbox WHERE due_at IS NULL AND id IN (SELECT id FROM outbox WHERE id < $1 AND due_at IS NULL ORDER BY id LIMIT $2)`,
		`DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id < $1 ORDER BY id LIMIT $2)`,
	} {
		n, err := t.change(ctx, sql, bound, limit)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}
