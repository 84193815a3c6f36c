package sqlstore

import (
	"context"
	"time"

	"countersign/internal/store"
)

const kmsKeyColumns = `id, region, doc, sealed, delete_at, created_at, updated_at, version`

func readKMSKey(s *scan) *store.KMSKey {
	return &store.KMSKey{
		ID: s.text(), Region: s.text(), Doc: s.json(), Sealed: s.blob(), DeleteAt: s.time(), CreatedAt: s.time(), UpdatedAt: s.time(),
		Version: s.int64(),
	}
}

func (t kmsTx) InsertKMSKey(ctx context.Context, k *store.KMSKey) error {
	return t.insert(ctx, `INSERT INTO kms_keys (`+kmsKeyColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, 1) ON CONFLICT (id) DO NOTHING`,
		k.ID, k.Region, jsonText(k.Doc), k.Sealed, micros(k.DeleteAt), micros(k.CreatedAt), micros(k.UpdatedAt))
}

func (t kmsTx) KMSKey(ctx context.Context, id string) (*store.KMSKey, error) {
	return one(ctx, t.tx, `SELECT `+kmsKeyColumns+` FROM kms_keys WHERE id = $1`, readKMSKey, id)
}

func (t kmsTx) KMSKeyVersion(ctx context.Context, id string) (int64, error) {
	return one(ctx, t.tx, `SELECT version FROM kms_keys WHERE id = $1`, readInt, id)
}

func (t kmsTx) ListKMSKeys(ctx context.Context, region, after string, limit int) ([]*store.KMSKey, error) {
	return many(ctx, t.tx, `SELECT `+kmsKeyColumns+` FROM kms_keys WHERE region = $1 AND id > $2 ORDER BY id LIMIT $3`,
		readKMSKey, region, after, limit)
}

func (t kmsTx) CountKMSKeys(ctx context.Context, region string) (int64, error) {
	return one(ctx, t.tx, `SELECT count(*) FROM kms_keys WHERE region = $1`, readInt, region)
}

func (t kmsTx) UpdateKMSKey(ctx context.Context, k *store.KMSKey) (bool, error) {
	return t.changed(ctx, `UPDATE kms_keys SET doc = $1, sealed = $2, delete_at = $3, updated_at = $4, version = version + 1
		WHERE id = $5 AND version = $6`, jsonText(k.Doc), k.Sealed, micros(k.DeleteAt), micros(k.UpdatedAt), k.ID, k.Version)
}

// DeleteKMSKeys looks at the date again with each deletion: it may just have been cancelled.
func (t kmsTx) DeleteKMSKeys(ctx context.Context, now time.Time, limit int) (int, error) {
	if t.readOnly {
		return 0, store.ErrReadOnly
	}
	due, err := many(ctx, t.tx, `SELECT id FROM kms_keys WHERE delete_at IS NOT NULL AND delete_at <= $1 ORDER BY delete_at LIMIT $2`,
		readText, micros(now), limit)
	if err != nil {
		return 0, err
	}
	total := 0
	for _, id := range due {
		ok, err := t.changed(ctx, `DELETE FROM kms_keys WHERE id = $1 AND delete_at IS NOT NULL AND delete_at <= $2`, id, micros(now))
		if err != nil {
			return 0, err
		}
		if !ok {
			continue
		}
		total++
		for _, sql := range []string{`DELETE FROM kms_aliases WHERE key_id = $1`, `DELETE FROM kms_grants WHERE key_id = $1`} {
			if err := t.exec(ctx, sql, id); err != nil {
				return 0, err
			}
		}
	}
	return total, nil
}

const kmsAliasColumns = `region, name, key_id, created_at, updated_at`

func readKMSAlias(s *scan) *store.KMSAlias {
	return &store.KMSAlias{Region: s.text(), Name: s.text(), KeyID: s.text(), CreatedAt: s.time(), UpdatedAt: s.time()}
}

func (t kmsTx) InsertKMSAlias(ctx context.Context, a *store.KMSAlias) (bool, error) {
	return t.changed(ctx, `INSERT INTO kms_aliases (`+kmsAliasColumns+`) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (region, name) DO NOTHING`,
		a.Region, a.Name, a.KeyID, micros(a.CreatedAt), micros(a.UpdatedAt))
}

func (t kmsTx) KMSAlias(ctx context.Context, region, name string) (*store.KMSAlias, error) {
	return one(ctx, t.tx, `SELECT `+kmsAliasColumns+` FROM kms_aliases WHERE region = $1 AND name = $2`, readKMSAlias, region, name)
}

func (t kmsTx) MoveKMSAlias(ctx context.Context, a *store.KMSAlias) (bool, error) {
	return t.changed(ctx, `UPDATE kms_aliases SET key_id = $1, updated_at = $2 WHERE region = $3 AND name = $4`,
		a.KeyID, micros(a.UpdatedAt), a.Region, a.Name)
}

func (t kmsTx) DeleteKMSAlias(ctx context.Context, region, name string) (bool, error) {
	return t.changed(ctx, `DELETE FROM kms_aliases WHERE region = $1 AND name = $2`, region, name)
}

func (t kmsTx) ListKMSAliases(ctx context.Context, region, keyID, after string, limit int) ([]*store.KMSAlias, error) {
	if keyID != "" {
		return many(ctx, t.tx, `SELECT `+kmsAliasColumns+` FROM kms_aliases WHERE key_id = $1 AND name > $2 AND region = $3 ORDER BY name
			LIMIT $4`, readKMSAlias, keyID, after, region, limit)
	}
	return many(ctx, t.tx, `SELECT `+kmsAliasColumns+` FROM kms_aliases WHERE region = $1 AND name > $2 ORDER BY name LIMIT $3`,
		readKMSAlias, region, after, limit)
}

const kmsGrantColumns = `id, key_id, retiring, doc, created_at`

func readKMSGrant(s *scan) *store.KMSGrant {
	return &store.KMSGrant{ID: s.text(), KeyID: s.text(), Retiring: s.text(), Doc: s.json(), CreatedAt: s.time()}
}

func (t kmsTx) InsertKMSGrant(ctx context.Context, g *store.KMSGrant) error {
	return t.insert(ctx, `INSERT INTO kms_grants (`+kmsGrantColumns+`) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING`,
		g.ID, g.KeyID, g.Retiring, jsonText(g.Doc), micros(g.CreatedAt))
}

func (t kmsTx) KMSGrant(ctx context.Context, keyID, id string) (*store.KMSGrant, error) {
	return one(ctx, t.tx, `SELECT `+kmsGrantColumns+` FROM kms_grants WHERE id = $1 AND key_id = $2`, readKMSGrant, id, keyID)
}

func (t kmsTx) KMSGrants(ctx context.Context, keyID, after string, limit int) ([]*store.KMSGrant, error) {
	return many(ctx, t.tx, `SELECT `+kmsGrantColumns+` FROM kms_grants WHERE key_id = $1 AND id > $2 ORDER BY id LIMIT $3`,
		readKMSGrant, keyID, after, limit)
}

func (t kmsTx) RetirableKMSGrants(ctx context.Context, region, principal, after string, limit int) ([]*store.KMSGrant, error) {
	return many(ctx, t.tx, `SELECT `+kmsGrantColumns+` FROM kms_grants g WHERE retiring <> '' AND retiring = $1 AND id > $2
		AND EXISTS (SELECT 1 FROM kms_keys k WHERE k.id = g.key_id AND k.region = $3) ORDER BY id LIMIT $4`,
		readKMSGrant, principal, after, region, limit)
}

func (t kmsTx) DeleteKMSGrant(ctx context.Context, keyID, id string) (bool, error) {
	return t.changed(ctx, `DELETE FROM kms_grants WHERE id = $1 AND key_id = $2`, id, keyID)
}
