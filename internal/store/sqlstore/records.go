package sqlstore

import (
	"context"
	"fmt"
	"strings"

	"countersign/internal/store"
)

const recordColumns = `kind, pool_id, id, name, hash, country, status, type, body, sealed, version, created_at, updated_at, ends_at`

func readRecord(s *scan) *store.Record {
	return &store.Record{
		Kind: s.text(), PoolID: s.text(), ID: s.text(), Name: s.text(), Hash: s.blob(), Country: s.text(), Status: s.text(), Type: s.text(),
		Body: s.json(), Sealed: s.blob(), Version: s.int64(), CreatedAt: s.time(), UpdatedAt: s.time(), ExpiresAt: s.time(),
	}
}

const recordOf = `SELECT ` + recordColumns + ` FROM records WHERE kind = $1 AND pool_id = $2 AND `

func (t recordTx) Record(ctx context.Context, kind, poolID, id string) (*store.Record, error) {
	return one(ctx, t.tx, recordOf+`id = $3`, readRecord, kind, poolID, id)
}

func (t recordTx) RecordByName(ctx context.Context, kind, poolID, name string) (*store.Record, error) {
	return one(ctx, t.tx, recordOf+`name = $3 AND name <> ''`, readRecord, kind, poolID, name)
}

func (t recordTx) RecordByHash(ctx context.Context, kind, poolID string, hash []byte) (*store.Record, error) {
	return one(ctx, t.tx, recordOf+`hash = $3 AND hash IS NOT NULL`, readRecord, kind, poolID, hash)
}

// PutRecord looks for the name and the hash in the statement that writes: a unique index alone would end the transaction.
func (t recordTx) PutRecord(ctx context.Context, r *store.Record) (bool, error) {
	if r.Version == 0 {
		return t.changed(ctx, `INSERT INTO records (`+recordColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $12, $13)
			ON CONFLICT DO NOTHING`, r.Kind, r.PoolID, r.ID, r.Name, r.Hash, r.Country, r.Status, r.Type, jsonText(r.Body), r.Sealed,
			r.CreatedAt.UnixMicro(), r.UpdatedAt.UnixMicro(), micros(r.ExpiresAt))
	}
	return t.changed(ctx, `UPDATE records SET name = $1, hash = $2, country = $3, status = $4, type = $5, body = $6, sealed = $7,
		updated_at = $8, ends_at = $9, version = version + 1 WHERE kind = $10 AND pool_id = $11 AND id = $12 AND version = $13
		AND NOT EXISTS (SELECT 1 FROM records o WHERE o.kind = $10 AND o.pool_id = $11 AND o.name = $1 AND o.name <> '' AND o.id <> $12)
		AND NOT EXISTS (SELECT 1 FROM records o WHERE o.kind = $10 AND o.pool_id = $11 AND o.hash = $2 AND o.hash IS NOT NULL AND o.id <> $12)`,
		r.Name, r.Hash, r.Country, r.Status, r.Type, jsonText(r.Body), r.Sealed, r.UpdatedAt.UnixMicro(), micros(r.ExpiresAt),
		r.Kind, r.PoolID, r.ID, r.Version)
}

func (t recordTx) DeleteRecord(ctx context.Context, kind, poolID, id string) (bool, error) {
	return t.changed(ctx, `DELETE FROM records WHERE kind = $1 AND pool_id = $2 AND id = $3`, kind, poolID, id)
}

func (t recordTx) DeleteRecords(ctx context.Context, kind, poolID string) (int, error) {
	return t.change(ctx, `DELETE FROM records WHERE kind = $1 AND pool_id = $2`, kind, poolID)
}

// ListRecords reads all records of the kind and pool that fit, which are some thousands at most, and sorts them.
func (t recordTx) ListRecords(ctx context.Context, q store.RecordQuery) ([]*store.Record, error) {
	f := filter{sql: `SELECT ` + recordColumns + ` FROM records WHERE kind = $1 AND pool_id = $2`, args: []any{q.Kind, q.PoolID}}
	for _, c := range []struct{ condition, value string }{
		{`country = `, q.Country}, {`status = `, q.Status}, {`type = `, q.Type}, {`name <> '' AND name = `, q.Name},
	} {
		if c.value != "" {
			f.and(c.condition, c.value)
		}
	}
	field, descending := strings.CutPrefix(q.Sort, "-")
	column, value := "", any(nil)
	after := q.After
	if after == nil {
		after = &store.Record{}
	}
	switch field {
	case "", "id":
	case "name":
		column, value = "name", after.Name
	case "created":
		column, value = "created_at", after.CreatedAt.UnixMicro()
	case "updated":
		column, value = "updated_at", after.UpdatedAt.UnixMicro()
	default:
		return nil, fmt.Errorf("store: records cannot be sorted by %q", q.Sort)
	}
	f.page(column, value, after.ID, q.After != nil, descending)
	f.and(`1 = 1 `+order(column, descending)+` LIMIT `, q.Limit)
	return many(ctx, t.tx, f.sql, readRecord, f.args...)
}

// page goes on after a row of a list that is sorted by a column (empty: by id alone) and the id.
func (f *filter) page(column string, value any, id string, after, descending bool) {
	compare := ` > `
	if descending {
		compare = ` < `
	}
	switch {
	case !after:
	case column == "":
		f.and(`id`+compare, id)
	default:
		f.args = append(f.args, value, id)
		f.sql += ` AND (` + column + `, id)` + compare + `(` + placeholder(len(f.args)-1) + `, ` + placeholder(len(f.args)) + `)`
	}
}

func order(column string, descending bool) string {
	direction := ""
	if descending {
		direction = " DESC"
	}
	if column == "" {
		return `ORDER BY id` + direction
	}
	return `ORDER BY ` + column + direction + `, id` + direction
}

func (t recordTx) CountRecords(ctx context.Context, kind, poolID, status string) (int, error) {
	f := filter{sql: `SELECT count(*) FROM records WHERE kind = $1 AND pool_id = $2`, args: []any{kind, poolID}}
	if status != "" {
		f.and(`status = `, status)
	}
	n, err := one(ctx, t.tx, f.sql, readInt, f.args...)
	return int(n), err
}
