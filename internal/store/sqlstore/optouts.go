package sqlstore

import (
	"context"

	"countersign/internal/store"
)

const optOutColumns = `pool_id, number, sender, mask, source, keyword, at`

func readOptOut(s *scan) *store.OptOut {
	return &store.OptOut{
		PoolID: s.text(), Number: s.blob(), Sender: s.text(), Mask: s.text(), Source: s.text(), Keyword: s.text(), At: s.time(),
	}
}

func (t optOutTx) PutOptOut(ctx context.Context, o *store.OptOut) (bool, error) {
	return t.changed(ctx, `INSERT INTO optouts (`+optOutColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (pool_id, number, sender) DO NOTHING`, o.PoolID, o.Number, o.Sender, o.Mask, o.Source, o.Keyword, micros(o.At))
}

func (t optOutTx) DeleteOptOut(ctx context.Context, poolID, sender string, number []byte) (int, error) {
	if sender == "" {
		return t.change(ctx, `DELETE FROM optouts WHERE pool_id = $1 AND number = $2`, poolID, number)
	}
	return t.change(ctx, `DELETE FROM optouts WHERE pool_id = $1 AND number = $2 AND sender = $3`, poolID, number, sender)
}

func (t optOutTx) OptedOut(ctx context.Context, poolID string, number []byte) ([]string, error) {
	return many(ctx, t.tx, `SELECT sender FROM optouts WHERE pool_id = $1 AND number = $2 ORDER BY sender`, readText, poolID, number)
}

func (t optOutTx) ListOptOuts(ctx context.Context, q store.OptOutQuery) ([]*store.OptOut, error) {
	f := filter{sql: `SELECT ` + optOutColumns + ` FROM optouts WHERE pool_id = $1`, args: []any{q.PoolID}}
	if q.After != nil {
		f.args = append(f.args, q.After.Number, q.After.Sender)
		f.sql += ` AND (number, sender) > ($2, $3)`
	}
	if q.Sender != "" {
		f.and(`sender = `, q.Sender)
	}
	if len(q.Number) > 0 {
		f.and(`number = `, q.Number)
	}
	f.and(`1 = 1 ORDER BY number, sender LIMIT `, q.Limit)
	return many(ctx, t.tx, f.sql, readOptOut, f.args...)
}
