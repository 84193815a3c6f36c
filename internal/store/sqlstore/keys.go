package sqlstore

import (
	"context"
	"time"

	"countersign/internal/store"
)

const wrappedColumns = `pool_id, purpose, version, root_id, wrapped, created_at, retired_at`

func readWrapped(s *scan) *store.WrappedKey {
	return &store.WrappedKey{
		PoolID: s.text(), Purpose: s.text(), Version: s.int(), RootID: s.text(), Wrapped: s.blob(), CreatedAt: s.time(), RetiredAt: s.time(),
	}
}

func (t keyTx) AddKey(ctx context.Context, k *store.WrappedKey) (bool, error) {
	return t.changed(ctx, `INSERT INTO pool_keys (`+wrappedColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (pool_id, purpose, version) DO NOTHING`,
		k.PoolID, k.Purpose, k.Version, k.RootID, k.Wrapped, micros(k.CreatedAt), micros(k.RetiredAt))
}

func (t keyTx) PoolKeys(ctx context.Context, poolID string) ([]*store.WrappedKey, error) {
	return many(ctx, t.tx, `SELECT `+wrappedColumns+` FROM pool_keys WHERE pool_id = $1 ORDER BY purpose, version`, readWrapped, poolID)
}

func (t keyTx) AllKeys(ctx context.Context, after *store.WrappedKey, limit int) ([]*store.WrappedKey, error) {
	if after == nil {
		after = &store.WrappedKey{}
	}
	return many(ctx, t.tx, `SELECT `+wrappedColumns+` FROM pool_keys WHERE (pool_id, purpose, version) > ($1, $2, CAST($3 AS BIGINT))
		ORDER BY pool_id, purpose, version LIMIT $4`, readWrapped, after.PoolID, after.Purpose, after.Version, limit)
}

func (t keyTx) RewrapKey(ctx context.Context, k *store.WrappedKey) error {
	ok, err := t.changed(ctx, `UPDATE pool_keys SET root_id = $1, wrapped = $2, retired_at = $3
		WHERE pool_id = $4 AND purpose = $5 AND version = $6`, k.RootID, k.Wrapped, micros(k.RetiredAt), k.PoolID, k.Purpose, k.Version)
	return mustExist(ok, err)
}

// mustExist is the error of an update by key that is not guarded.
func mustExist(ok bool, err error) error {
	if err == nil && !ok {
		return store.ErrNotFound
	}
	return err
}

const signingColumns = `pool_id, key_id, token_use, alg, sealed, public, created_at, active_at, retire_at`

func readSigning(s *scan) *store.SigningKey {
	return &store.SigningKey{
		PoolID: s.text(), KeyID: s.text(), Use: s.text(), Alg: s.text(), Sealed: s.blob(), Public: s.blob(), CreatedAt: s.time(),
		ActiveAt: s.time(), RetireAt: s.time(),
	}
}

func (t keyTx) AddSigningKey(ctx context.Context, k *store.SigningKey) (bool, error) {
	return t.changed(ctx, `INSERT INTO signing_keys (`+signingColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (pool_id, key_id) DO NOTHING`,
		k.PoolID, k.KeyID, k.Use, k.Alg, k.Sealed, k.Public, micros(k.CreatedAt), micros(k.ActiveAt), micros(k.RetireAt))
}

func (t keyTx) SigningKeys(ctx context.Context, poolID string) ([]*store.SigningKey, error) {
	return many(ctx, t.tx, `SELECT `+signingColumns+` FROM signing_keys WHERE pool_id = $1 ORDER BY key_id`, readSigning, poolID)
}

func (t keyTx) UpdateSigningKey(ctx context.Context, k *store.SigningKey) error {
	ok, err := t.changed(ctx, `UPDATE signing_keys SET active_at = $1, retire_at = $2 WHERE pool_id = $3 AND key_id = $4`,
		micros(k.ActiveAt), micros(k.RetireAt), k.PoolID, k.KeyID)
	return mustExist(ok, err)
}

func (t keyTx) DeleteSigningKey(ctx context.Context, poolID, keyID string) error {
	return t.exec(ctx, `DELETE FROM signing_keys WHERE pool_id = $1 AND key_id = $2`, poolID, keyID)
}

const accessColumns = `id, name, kind, sealed_secret, grants, created_at, revoked_at, last_used_at`

func readAccess(s *scan) *store.AccessKey {
	return &store.AccessKey{
		ID: s.text(), Name: s.text(), Kind: s.text(), SealedSecret: s.blob(), Grants: s.json(), CreatedAt: s.time(), RevokedAt: s.time(),
		LastUsedAt: s.time(),
	}
}

func (t accessTx) InsertAccessKey(ctx context.Context, k *store.AccessKey) (bool, error) {
	return t.changed(ctx, `INSERT INTO access_keys (`+accessColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING`,
		k.ID, k.Name, k.Kind, k.SealedSecret, jsonText(k.Grants), micros(k.CreatedAt), micros(k.RevokedAt), micros(k.LastUsedAt))
}

func (t accessTx) AccessKey(ctx context.Context, id string) (*store.AccessKey, error) {
	return one(ctx, t.tx, `SELECT `+accessColumns+` FROM access_keys WHERE id = $1`, readAccess, id)
}

func (t accessTx) ListAccessKeys(ctx context.Context, after string, limit int) ([]*store.AccessKey, error) {
	return many(ctx, t.tx, `SELECT `+accessColumns+` FROM access_keys WHERE id > $1 ORDER BY id LIMIT $2`, readAccess, after, limit)
}

func (t accessTx) RevokeAccessKey(ctx context.Context, id string, now time.Time) (bool, error) {
	return t.changed(ctx, `UPDATE access_keys SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL`, micros(now), id)
}

func (t accessTx) ResealAccessKey(ctx context.Context, id string, sealed []byte) error {
	ok, err := t.changed(ctx, `UPDATE access_keys SET sealed_secret = $1 WHERE id = $2`, sealed, id)
	return mustExist(ok, err)
}
