package sqlstore

import (
	"context"
	"time"

	"countersign/internal/store"
)

const attemptColumns = `message_id, n, id, provider, outcome, vendor_code, text, started_at, ended_at, reason, account, sender,
	provider_id, segments, cost, currency`

func readDelivery(s *scan) *store.DeliveryAttempt {
	return &store.DeliveryAttempt{
		MessageID: s.text(), N: s.int(), ID: s.text(), Provider: s.text(), Outcome: s.text(), VendorCode: s.text(), Text: s.text(),
		StartedAt: s.time(), EndedAt: s.time(), Reason: s.text(), Account: s.text(), Sender: s.text(), ProviderID: s.text(),
		Segments: s.int(), Cost: s.int64(), Currency: s.text(),
	}
}

func (t outboxTx) AddAttempt(ctx context.Context, a *store.DeliveryAttempt) error {
	return t.insert(ctx, `INSERT INTO attempts (`+attemptColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
		$14, $15, $16) ON CONFLICT (message_id, n, id) DO NOTHING`,
		a.MessageID, a.N, a.ID, a.Provider, a.Outcome, a.VendorCode, a.Text, micros(a.StartedAt), micros(a.EndedAt), a.Reason, a.Account,
		a.Sender, a.ProviderID, a.Segments, a.Cost, a.Currency)
}

func (t outboxTx) ListAttempts(ctx context.Context, messageID string) ([]*store.DeliveryAttempt, error) {
	return many(ctx, t.tx, `SELECT `+attemptColumns+` FROM attempts WHERE message_id = $1 ORDER BY n, id`, readDelivery, messageID)
}

func (t outboxTx) Attempt(ctx context.Context, id string) (*store.DeliveryAttempt, error) {
	return one(ctx, t.tx, `SELECT `+attemptColumns+` FROM attempts WHERE id = $1`, readDelivery, id)
}

// AttemptByProviderID looks at the few attempts that share a service's id, and compares their pools by the messages' own keys.
func (t outboxTx) AttemptByProviderID(ctx context.Context, poolID, account, providerID string) (*store.DeliveryAttempt, error) {
	return one(ctx, t.tx, `SELECT `+attemptColumns+` FROM attempts WHERE account = $1 AND provider_id = $2 AND provider_id <> ''
		AND ($3 = '' OR EXISTS (SELECT 1 FROM outbox o WHERE o.id = attempts.message_id AND o.pool_id = $3))
		ORDER BY message_id DESC, n DESC, id DESC LIMIT 1`, readDelivery, account, providerID, poolID)
}

const receiptColumns = `message_id, provider_id, state, vendor_code, authentic, id, pool_id, account, reason, text, source, segments,
	cost, currency, network, at, received_at`

func readReceipt(s *scan) *store.Receipt {
	return &store.Receipt{
		MessageID: s.text(), ProviderID: s.text(), State: s.text(), VendorCode: s.text(), Authentic: s.flag(), ID: s.text(), PoolID: s.text(),
		Account: s.text(), Reason: s.text(), Text: s.text(), Source: s.text(), Segments: s.int(), Cost: s.int64(), Currency: s.text(),
		Network: s.text(), At: s.time(), ReceivedAt: s.time(),
	}
}

func (t outboxTx) AddReceipt(ctx context.Context, r *store.Receipt) (bool, error) {
	return t.changed(ctx, `INSERT INTO receipts (`+receiptColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
		$14, $15, $16, $17) ON CONFLICT (message_id, provider_id, state, vendor_code, authentic) DO NOTHING`,
		r.MessageID, r.ProviderID, r.State, r.VendorCode, flag(r.Authentic), r.ID, r.PoolID, r.Account, r.Reason, r.Text, r.Source, r.Segments,
		r.Cost, r.Currency, r.Network, micros(r.At), micros(r.ReceivedAt))
}

func (t outboxTx) ListReceipts(ctx context.Context, messageID string) ([]*store.Receipt, error) {
	return many(ctx, t.tx, `SELECT `+receiptColumns+` FROM receipts WHERE message_id = $1 ORDER BY received_at, id`, readReceipt, messageID)
}

func (t outboxTx) Advance(ctx context.Context, m *store.Message, from store.State) (bool, error) {
	return t.changed(ctx, `UPDATE outbox SET state = $1, last_class = $2, last_error = $3, segments = $4, network = $5, cost = $6,
		currency = $7, settled = $8, poll_at = $9, updated_at = $10, provider = $11, provider_id = $12, account = $13, sender = $14, sent_at = $15
		WHERE id = $16 AND state = $17`,
		string(m.State), m.LastClass, m.LastError, m.Segments, m.Network, m.Cost, m.Currency, flag(m.Settled), micros(m.PollAt),
		micros(m.UpdatedAt), m.Provider, m.ProviderID, m.Account, m.Sender, micros(m.SentAt), m.ID, string(from))
}

func (t outboxTx) CodeTyped(ctx context.Context, codeID string, now time.Time) (*store.Message, error) {
	m, ok, err := returned(ctx, t.tx, `UPDATE outbox SET verified_at = $1, updated_at = $1 WHERE verified_at IS NULL AND id =
		(SELECT id FROM outbox WHERE code_id = $2 AND code_id <> '' ORDER BY id DESC LIMIT 1) RETURNING `+messageColumns,
		readMessage, micros(now), codeID)
	if err == nil && !ok {
		err = store.ErrNotFound
	}
	return m, err
}

// DuePolls repeats its condition outside: whoever waited for a row that another caller has moved sees it as it is then.
func (t outboxTx) DuePolls(ctx context.Context, now, next time.Time, limit int) ([]*store.Message, error) {
	var out []*store.Message
	err := t.write(ctx, `UPDATE outbox SET poll_at = $1 WHERE poll_at <= $2 AND id IN
		(SELECT id FROM outbox WHERE poll_at <= $2 ORDER BY poll_at LIMIT $3) RETURNING `+messageColumns,
		[]any{micros(next), micros(now), limit}, func(s *scan) { out = append(out, readMessage(s)) })
	return out, err
}

// Unverified walks the ids of the range, which are made of the messages' times.
func (t outboxTx) Unverified(ctx context.Context, from, to time.Time, after string, limit int) ([]*store.Message, error) {
	return many(ctx, t.tx, `SELECT `+messageColumns+` FROM outbox WHERE id >= $1 AND id < $2 AND id > $3 AND code_id || '' <> '' AND provider_id <> ''
		AND verified_at IS NULL AND state IN ('sent', 'delivered', 'undelivered') ORDER BY id LIMIT $4`,
		readMessage, store.MinID(from), store.MinID(to), after, limit)
}
