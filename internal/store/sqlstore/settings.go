package sqlstore

import (
	"context"

	"countersign/internal/store"
)

const settingColumns = `pool_id, name, doc, sealed, updated_at, version`

func readSetting(s *scan) *store.Setting {
	return &store.Setting{PoolID: s.text(), Name: s.text(), Doc: s.json(), Sealed: s.blob(), UpdatedAt: s.time(), Version: s.int64()}
}

func (t settingTx) Setting(ctx context.Context, poolID, name string) (*store.Setting, error) {
	return one(ctx, t.tx, `SELECT `+settingColumns+` FROM settings WHERE pool_id = $1 AND name = $2`, readSetting, poolID, name)
}

func (t settingTx) ListSettings(ctx context.Context, poolID, prefix, after string, limit int) ([]*store.Setting, error) {
	return many(ctx, t.tx, `SELECT `+settingColumns+` FROM settings WHERE pool_id = $1 AND name >= $2 AND name < $3 AND name > $4
		ORDER BY name LIMIT $5`, readSetting, poolID, prefix, prefix+highest, after, limit)
}

func (t settingTx) PutSetting(ctx context.Context, s *store.Setting) (bool, error) {
	if s.Version == 0 {
		return t.changed(ctx, `INSERT INTO settings (`+settingColumns+`) VALUES ($1, $2, $3, $4, $5, 1) ON CONFLICT (pool_id, name) DO NOTHING`,
			s.PoolID, s.Name, jsonText(s.Doc), s.Sealed, micros(s.UpdatedAt))
	}
	return t.changed(ctx, `UPDATE settings SET doc = $1, sealed = $2, updated_at = $3, version = version + 1
		WHERE pool_id = $4 AND name = $5 AND version = $6`, jsonText(s.Doc), s.Sealed, micros(s.UpdatedAt), s.PoolID, s.Name, s.Version)
}

func (t settingTx) DeleteSetting(ctx context.Context, poolID, name string) (bool, error) {
	return t.changed(ctx, `DELETE FROM settings WHERE pool_id = $1 AND name = $2`, poolID, name)
}
