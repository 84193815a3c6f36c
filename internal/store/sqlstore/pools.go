package sqlstore

import (
	"context"
	"time"

	"countersign/internal/store"
)

const poolColumns = `id, name, config, wire, created_at, updated_at, version`

func readPool(s *scan) *store.Pool {
	return &store.Pool{
		ID: s.text(), Name: s.text(), Config: s.json(), Wire: s.json(),
		CreatedAt: s.time(), UpdatedAt: s.time(), Version: s.int64(),
	}
}

func (t poolTx) InsertPool(ctx context.Context, p *store.Pool) (bool, error) {
	return t.changed(ctx, `INSERT INTO pools (id, name, config, wire, created_at, updated_at, version)
		VALUES ($1, $2, $3, $4, $5, $6, 1) ON CONFLICT (id) DO NOTHING`,
		p.ID, p.Name, jsonText(p.Config), jsonText(p.Wire), micros(p.CreatedAt), micros(p.UpdatedAt))
}

func (t poolTx) Pool(ctx context.Context, id string) (*store.Pool, error) {
	return one(ctx, t.tx, `SELECT `+poolColumns+` FROM pools WHERE id = $1 AND deleted_at IS NULL`, readPool, id)
}

func (t poolTx) ListPools(ctx context.Context, after string, limit int) ([]*store.Pool, error) {
	return many(ctx, t.tx, `SELECT `+poolColumns+` FROM pools WHERE id > $1 AND deleted_at IS NULL ORDER BY id LIMIT $2`,
		readPool, after, limit)
}

func (t poolTx) UpdatePool(ctx context.Context, p *store.Pool) (bool, error) {
	return t.changed(ctx, `UPDATE pools SET name = $1, config = $2, wire = $3, updated_at = $4, version = version + 1
		WHERE id = $5 AND version = $6 AND deleted_at IS NULL`,
		p.Name, jsonText(p.Config), jsonText(p.Wire), micros(p.UpdatedAt), p.ID, p.Version)
}

func (t poolTx) DeletePool(ctx context.Context, id string, now time.Time) (bool, error) {
	return t.changed(ctx, `UPDATE pools SET deleted_at = $1 WHERE id = $2 AND deleted_at IS NULL`, micros(now), id)
}

const clientColumns = `c.id, c.pool_id, c.name, c.config, c.wire, c.sealed_secrets, c.created_at, c.updated_at, c.version`

func readClient(s *scan) *store.Client {
	return &store.Client{
		ID: s.text(), PoolID: s.text(), Name: s.text(), Config: s.json(), Wire: s.json(), SealedSecrets: s.blob(),
		CreatedAt: s.time(), UpdatedAt: s.time(), Version: s.int64(),
	}
}

func (t poolTx) InsertClient(ctx context.Context, c *store.Client) (bool, error) {
	return t.changed(ctx, `INSERT INTO clients (id, pool_id, name, config, wire, sealed_secrets, created_at, updated_at, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1) ON CONFLICT (id) DO NOTHING`,
		c.ID, c.PoolID, c.Name, jsonText(c.Config), jsonText(c.Wire), c.SealedSecrets, micros(c.CreatedAt), micros(c.UpdatedAt))
}

func (t poolTx) Client(ctx context.Context, id string) (*store.Client, error) {
	return one(ctx, t.tx, `SELECT `+clientColumns+` FROM clients c JOIN pools p ON p.id = c.pool_id
		WHERE c.id = $1 AND p.deleted_at IS NULL`, readClient, id)
}

func (t poolTx) ListClients(ctx context.Context, poolID, after string, limit int) ([]*store.Client, error) {
	return many(ctx, t.tx, `SELECT `+clientColumns+` FROM clients c JOIN pools p ON p.id = c.pool_id
		WHERE c.pool_id = $1 AND c.id > $2 AND p.deleted_at IS NULL ORDER BY c.id LIMIT $3`, readClient, poolID, after, limit)
}

func (t poolTx) UpdateClient(ctx context.Context, c *store.Client) (bool, error) {
	return t.changed(ctx, `UPDATE clients SET name = $1, config = $2, wire = $3, sealed_secrets = $4, updated_at = $5,
		version = version + 1 WHERE id = $6 AND pool_id = $7 AND version = $8`,
		c.Name, jsonText(c.Config), jsonText(c.Wire), c.SealedSecrets, micros(c.UpdatedAt), c.ID, c.PoolID, c.Version)
}

func (t poolTx) DeleteClient(ctx context.Context, poolID, id string) (bool, error) {
	return t.changed(ctx, `DELETE FROM clients WHERE pool_id = $1 AND id = $2`, poolID, id)
}
