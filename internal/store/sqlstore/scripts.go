package sqlstore

import (
	"context"
	"time"

	"countersign/internal/store"
)

const scriptColumns = `id, pool_id, kind, name, trigger_id, enabled, position, doc, sealed, artifact, last_version, deployed,
	created_at, updated_at, version`

func readScript(s *scan) *store.Script {
	return &store.Script{
		ID: s.text(), PoolID: s.text(), Kind: s.text(), Name: s.text(), Trigger: s.text(), Enabled: s.flag(), Position: s.int64(),
		Doc: s.json(), Sealed: s.blob(), Artifact: s.text(), LastVersion: s.int64(), Deployed: s.int64(),
		CreatedAt: s.time(), UpdatedAt: s.time(), Version: s.int64(),
	}
}

// artifactHold is how long the artifact of a script counts as just written: programs that do not know the table would else sweep
// it away while both run.
const artifactHold = 24 * time.Hour

func (t scriptTx) hold(ctx context.Context, hash string, at time.Time) error {
	if hash == "" {
		return nil
	}
	return t.exec(ctx, `UPDATE artifacts SET written_at = $1 WHERE hash = $2 AND written_at < $1`, micros(at.Add(artifactHold)), hash)
}

func (t scriptTx) InsertScript(ctx context.Context, s *store.Script) (bool, error) {
	ok, err := t.changed(ctx, `INSERT INTO scripts (`+scriptColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 1)
		ON CONFLICT DO NOTHING`, s.ID, s.PoolID, s.Kind, s.Name, s.Trigger, flag(s.Enabled), s.Position, jsonText(s.Doc), s.Sealed,
		s.Artifact, s.LastVersion, s.Deployed, micros(s.CreatedAt), micros(s.UpdatedAt))
	if err != nil || !ok {
		return false, err
	}
	return true, t.hold(ctx, s.Artifact, s.UpdatedAt)
}

func (t scriptTx) Script(ctx context.Context, poolID, id string) (*store.Script, error) {
	return one(ctx, t.tx, `SELECT `+scriptColumns+` FROM scripts WHERE id = $1 AND pool_id = $2`, readScript, id, poolID)
}

// maxScripts bounds a list without a limit.
const maxScripts = 10_000

func (t scriptTx) ListScripts(ctx context.Context, q store.ScriptQuery) ([]*store.Script, error) {
	f := scriptFilter(`SELECT `+scriptColumns, q)
	limit := q.Limit
	if limit <= 0 {
		limit = maxScripts
	}
	f.and(`1 = 1 ORDER BY position, id LIMIT `, limit)
	f.args = append(f.args, q.Skip)
	f.sql += ` OFFSET ` + placeholder(len(f.args))
	return many(ctx, t.tx, f.sql, readScript, f.args...)
}

func (t scriptTx) CountScripts(ctx context.Context, q store.ScriptQuery) (int, error) {
	f := scriptFilter(`SELECT count(*)`, q)
	n, err := one(ctx, t.tx, f.sql, readInt, f.args...)
	return int(n), err
}

func scriptFilter(columns string, q store.ScriptQuery) filter {
	f := filter{sql: columns + ` FROM scripts WHERE pool_id = $1`, args: []any{q.PoolID}}
	for _, c := range []struct{ condition, value string }{
		{`kind = `, q.Kind}, {`trigger_id = `, q.Trigger}, {`name = `, q.Name},
	} {
		if c.value != "" {
			f.and(c.condition, c.value)
		}
	}
	if q.Enabled != nil {
		f.and(`enabled = `, flag(*q.Enabled))
	}
	return f
}

// UpdateScript looks for the name in the same statement; the unique index alone would end the transaction.
func (t scriptTx) UpdateScript(ctx context.Context, s *store.Script) (ok, taken bool, err error) {
	ok, err = t.changed(ctx, `UPDATE scripts SET name = $1, trigger_id = $2, enabled = $3, position = $4, doc = $5, sealed = $6, artifact = $7,
		last_version = $8, deployed = $9, updated_at = $10, version = version + 1
		WHERE id = $11 AND pool_id = $12 AND version = $13 AND NOT EXISTS
			(SELECT 1 FROM scripts o WHERE o.pool_id = $12 AND o.kind = scripts.kind AND o.name = $1 AND o.id <> $11)`,
		s.Name, s.Trigger, flag(s.Enabled), s.Position, jsonText(s.Doc), s.Sealed, s.Artifact, s.LastVersion, s.Deployed,
		micros(s.UpdatedAt), s.ID, s.PoolID, s.Version)
	if err != nil {
		return false, false, err
	}
	if ok {
		return true, false, t.hold(ctx, s.Artifact, s.UpdatedAt)
	}
	n, err := one(ctx, t.tx, `SELECT count(*) FROM scripts s JOIN scripts o ON o.pool_id = s.pool_id AND o.kind = s.kind
		WHERE s.id = $1 AND s.pool_id = $2 AND o.name = $3 AND o.id <> $1`, readInt, s.ID, s.PoolID, s.Name)
	return false, n > 0, err
}

// EnableOnly writes all scripts of the trigger in one statement, so that two that run at once wait for each other.
func (t scriptTx) EnableOnly(ctx context.Context, poolID, id string, now time.Time) error {
	if t.readOnly {
		return store.ErrReadOnly
	}
	s, err := t.Script(ctx, poolID, id)
	if err != nil {
		return err
	}
	return t.exec(ctx, `UPDATE scripts SET enabled = CASE WHEN id = $1 THEN 1 ELSE 0 END,
		version = version + CASE WHEN (id = $1) = (enabled = 1) THEN 0 ELSE 1 END,
		updated_at = CASE WHEN (id = $1) = (enabled = 1) THEN updated_at ELSE CAST($2 AS BIGINT) END
		WHERE pool_id = $3 AND kind = $4 AND trigger_id = $5`, id, micros(now), poolID, s.Kind, s.Trigger)
}

func (t scriptTx) DeleteScript(ctx context.Context, poolID, id string) (bool, error) {
	ok, err := t.changed(ctx, `DELETE FROM scripts WHERE id = $1 AND pool_id = $2`, id, poolID)
	if err != nil || !ok {
		return false, err
	}
	return true, t.exec(ctx, `DELETE FROM script_versions WHERE script_id = $1`, id)
}

const scriptVersionColumns = `id, script_id, number, doc, sealed, artifact, created_at`

func readScriptVersion(s *scan) *store.ScriptVersion {
	return &store.ScriptVersion{
		ID: s.text(), ScriptID: s.text(), Number: s.int64(), Doc: s.json(), Sealed: s.blob(), Artifact: s.text(), CreatedAt: s.time(),
	}
}

// InsertScriptVersion takes the pool from the script, which must be there.
func (t scriptTx) InsertScriptVersion(ctx context.Context, v *store.ScriptVersion) error {
	err := t.insert(ctx, `INSERT INTO script_versions (`+scriptVersionColumns+`, pool_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT pool_id FROM scripts WHERE id = $2)) ON CONFLICT DO NOTHING`,
		v.ID, v.ScriptID, v.Number, jsonText(v.Doc), v.Sealed, v.Artifact, micros(v.CreatedAt))
	if err != nil {
		return err
	}
	return t.hold(ctx, v.Artifact, v.CreatedAt)
}

func (t scriptTx) ScriptVersion(ctx context.Context, scriptID, id string) (*store.ScriptVersion, error) {
	return one(ctx, t.tx, `SELECT `+scriptVersionColumns+` FROM script_versions WHERE id = $1 AND script_id = $2`, readScriptVersion, id, scriptID)
}

func (t scriptTx) ScriptVersionByNumber(ctx context.Context, scriptID string, number int64) (*store.ScriptVersion, error) {
	return one(ctx, t.tx, `SELECT `+scriptVersionColumns+` FROM script_versions WHERE script_id = $1 AND number = $2`,
		readScriptVersion, scriptID, number)
}

func (t scriptTx) ListScriptVersions(ctx context.Context, scriptID string, before int64, limit int) ([]*store.ScriptVersion, error) {
	f := filter{sql: `SELECT ` + scriptVersionColumns + ` FROM script_versions WHERE script_id = $1`, args: []any{scriptID}}
	if before != 0 {
		f.and(`number < `, before)
	}
	f.and(`1 = 1 ORDER BY number DESC LIMIT `, limit)
	return many(ctx, t.tx, f.sql, readScriptVersion, f.args...)
}

func (t scriptTx) DeleteScriptVersion(ctx context.Context, scriptID, id string) (bool, error) {
	return t.changed(ctx, `DELETE FROM script_versions WHERE id = $1 AND script_id = $2`, id, scriptID)
}
