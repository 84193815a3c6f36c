package sqlstore

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"countersign/internal/store"
)

const messageColumns = `id, pool_id, user_id, client_id, lane, channel, state, sealed, mask, number, code_id, trigger_source,
	segments, attempts, last_class, last_error, provider, provider_id, next_at, expires_at, lease_owner, lease_until,
	created_at, updated_at, account, sender, country, prefix, network, cost, currency, settled, sent_at, verified_at, poll_at, guard`

func readMessage(s *scan) *store.Message {
	return &store.Message{
		ID: s.text(), PoolID: s.text(), UserID: s.text(), ClientID: s.text(), Lane: store.Lane(s.int()), Channel: s.text(),
		State: store.State(s.text()), Sealed: s.blob(), Mask: s.text(), Number: s.blob(), CodeID: s.text(), TriggerSource: s.text(),
		Segments: s.int(), Attempts: s.int(), LastClass: s.text(), LastError: s.text(), Provider: s.text(), ProviderID: s.text(),
		NextAt: s.time(), ExpiresAt: s.time(), LeaseOwner: s.text(), LeaseUntil: s.time(), CreatedAt: s.time(), UpdatedAt: s.time(),
		Account: s.text(), Sender: s.text(), Country: s.text(), Prefix: s.text(), Network: s.text(), Cost: s.int64(), Currency: s.text(),
		Settled: s.flag(), SentAt: s.time(), VerifiedAt: s.time(), PollAt: s.time(),
		Guard: s.text(),
	}
}

func (t outboxTx) Enqueue(ctx context.Context, m *store.Message) error {
	due := micros(m.NextAt)
	switch {
	case m.State == store.Sending:
		due = micros(m.LeaseUntil)
	case m.State.Final():
		due = nil
	case due == nil:
		due = int64(0)
	}
	return t.insert(ctx, `INSERT INTO outbox (`+messageColumns+`, due_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
		$11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37)
		ON CONFLICT (id) DO NOTHING`,
		m.ID, m.PoolID, m.UserID, m.ClientID, int(m.Lane), m.Channel, string(m.State), sealedOf(m), m.Mask, m.Number, m.CodeID,
		m.TriggerSource, m.Segments, m.Attempts, m.LastClass, m.LastError, m.Provider, m.ProviderID, micros(m.NextAt),
		micros(m.ExpiresAt), orNull(m.LeaseOwner), micros(m.LeaseUntil), micros(m.CreatedAt), micros(m.UpdatedAt), m.Account,
		m.Sender, m.Country, m.Prefix, m.Network, m.Cost, m.Currency, flag(m.Settled), micros(m.SentAt), micros(m.VerifiedAt), micros(m.PollAt),
		m.Guard, due)
}

// sealedOf is the contents as they may be stored: none once the state is final.
func sealedOf(m *store.Message) []byte {
	if m.State.Final() {
		return nil
	}
	return m.Sealed
}

// A claim is one statement: claimUpdate, the dialect's way to choose ids, claimReturning.
const (
	claimUpdate = `UPDATE outbox SET state = 'sending', lease_owner = $2, lease_until = $3, due_at = $3, attempts = attempts + 1,
	updated_at = $1 WHERE due_at IS NOT NULL AND id IN `
	claimReturning = ` RETURNING ` + messageColumns
)

func (t outboxTx) Claim(ctx context.Context, owner string, now, lease time.Time, limit int) ([]*store.Message, error) {
	var out []*store.Message
	err := t.write(ctx, t.d.claim, []any{micros(now), owner, micros(lease), limit}, func(s *scan) { out = append(out, readMessage(s)) })
	slices.SortFunc(out, func(a, b *store.Message) int {
		return cmp.Or(cmp.Compare(a.Lane, b.Lane), a.NextAt.Compare(b.NextAt), cmp.Compare(a.ID, b.ID))
	})
	return out, err
}

func (t outboxTx) ExpireDue(ctx context.Context, now time.Time, limit int) ([]*store.Message, error) {
	var out []*store.Message
	err := t.write(ctx, `UPDATE outbox SET state = 'expired', sealed = NULL, due_at = NULL, lease_owner = NULL, lease_until = NULL,
		updated_at = $1 WHERE due_at IS NOT NULL AND id IN
		(SELECT id FROM outbox WHERE due_at IS NOT NULL AND expires_at <= $1 ORDER BY expires_at LIMIT $2)
		RETURNING `+messageColumns, []any{micros(now), limit}, func(s *scan) { out = append(out, readMessage(s)) })
	slices.SortFunc(out, func(a, b *store.Message) int { return cmp.Compare(a.ID, b.ID) })
	return out, err
}

func (t outboxTx) NextDue(ctx context.Context) (time.Time, bool, error) {
	at, err := one(ctx, t.tx, `SELECT min(at) FROM (
		SELECT min(due_at) AS at FROM outbox WHERE lane = 0 AND due_at IS NOT NULL
		UNION ALL SELECT min(due_at) FROM outbox WHERE lane = 1 AND due_at IS NOT NULL
		UNION ALL SELECT min(due_at) FROM outbox WHERE lane = 2 AND due_at IS NOT NULL
		UNION ALL SELECT min(due_at) FROM outbox WHERE lane = 3 AND due_at IS NOT NULL) AS lanes`, (*scan).time)
	return at, !at.IsZero(), err
}

func (t outboxTx) Settle(ctx context.Context, m *store.Message) (bool, error) {
	var due any
	if !m.State.Final() {
		if due = micros(m.NextAt); due == nil {
			due = int64(0)
		}
	}
	args := []any{
		string(m.State), m.Provider, m.ProviderID, m.LastClass, m.LastError, micros(m.NextAt), m.Segments, micros(m.UpdatedAt), due,
		flag(m.State.Final()), m.Attempts, m.Account, m.Sender, m.Network, m.Cost, m.Currency, flag(m.Settled), micros(m.SentAt),
		micros(m.PollAt), m.Channel, m.ID, m.LeaseOwner,
	}
	// RETURNING makes the change dearer, and codes that come back before the answer of their service are few.
	held, err := t.changed(ctx, settle+` AND verified_at IS NULL`, args...)
	if held {
		m.VerifiedAt = time.Time{}
	}
	if held || err != nil {
		return held, err
	}
	typed, held, err := returned(ctx, t.tx, settle+` AND verified_at IS NOT NULL RETURNING verified_at`, (*scan).time, args...)
	if held {
		m.VerifiedAt = typed
	}
	return held, err
}

const settle = `UPDATE outbox SET state = $1, provider = $2, provider_id = $3, last_class = $4, last_error = $5, next_at = $6, segments = $7,
	updated_at = $8, due_at = $9, lease_owner = NULL, lease_until = NULL, sealed = CASE WHEN $10 = 1 THEN NULL ELSE sealed END, attempts = $11,
	account = $12, sender = $13, network = $14, cost = $15, currency = $16, settled = $17, sent_at = $18, poll_at = $19, channel = $20
	WHERE id = $21 AND lease_owner = $22 AND state = 'sending'`

// Release walks the leases that are still running: what has run out is due anyway.
func (t outboxTx) Release(ctx context.Context, owner string, now time.Time) error {
	return t.exec(ctx, `UPDATE outbox SET state = 'queued', next_at = $1, due_at = $1, lease_owner = NULL, lease_until = NULL,
		updated_at = $1 WHERE lane IN (0, 1, 2, 3) AND due_at > $1 AND lease_owner = $2 AND state = 'sending'`, micros(now), owner)
}

func (t outboxTx) Message(ctx context.Context, id string) (*store.Message, error) {
	return one(ctx, t.tx, `SELECT `+messageColumns+` FROM outbox WHERE id = $1`, readMessage, id)
}

func (t outboxTx) ListMessages(ctx context.Context, q store.MessageQuery) ([]*store.Message, error) {
	f := filter{sql: `SELECT ` + messageColumns + ` FROM outbox WHERE pool_id = $1`, args: []any{q.PoolID}}
	if q.UserID != "" {
		f.sql += ` AND user_id <> ''`
		f.and(`user_id = `, q.UserID)
	}
	if len(q.Number) > 0 {
		f.and(`number = `, q.Number)
	}
	if q.State != "" {
		f.and(`state = `, string(q.State))
	}
	if q.Before != "" {
		f.and(`id < `, q.Before)
	}
	f.and(`1 = 1 ORDER BY id DESC LIMIT `, q.Limit)
	return many(ctx, t.tx, f.sql, readMessage, f.args...)
}

// filter builds a query from the conditions that are asked for.
type filter struct {
	sql  string
	args []any
}

func (f *filter) and(condition string, arg any) {
	f.args = append(f.args, arg)
	f.sql += " AND " + condition + placeholder(len(f.args))
}

// in is a condition on a list.
func (f *filter) in(what string, values []any) {
	f.sql += " AND " + what + " IN ("
	for i, v := range values {
		if i > 0 {
			f.sql += ", "
		}
		f.args = append(f.args, v)
		f.sql += placeholder(len(f.args))
	}
	f.sql += ")"
}

func placeholder(n int) string { return "$" + strconv.Itoa(n) }
