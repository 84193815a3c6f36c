package sqlstore

import (
	"context"
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
	f := filter{sql: `SELECT ` + eventColumns + ` FROM events WHERE pool_id = $1`, args: []any{q.PoolID}}
	if q.Type != "" {
		f.and(`type = `, q.Type)
	}
	if q.UserID != "" {
		f.sql += ` AND user_id <> ''`
		f.and(`user_id = `, q.UserID)
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
	order := `1 = 1 ORDER BY id DESC LIMIT `
	if q.Ascending {
		order = `1 = 1 ORDER BY id LIMIT `
	}
	if q.After != "" && q.Ascending {
		f.and(`id > `, q.After)
	} else if q.After != "" {
		f.and(`id < `, q.After)
	}
	f.and(order, q.Limit)
	return many(ctx, t.tx, f.sql, readEvent, f.args...)
}

// Prune goes by id, as events and messages do.
func (t eventTx) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	bound := store.MinID(before)
	total := 0
	for _, sql := range []string{
		`DELETE FROM attempts WHERE (message_id, n, id) IN (SELECT message_id, n, id FROM attempts WHERE message_id < $1
			ORDER BY message_id LIMIT $2)`,
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
