package sqlstore

import (
	"context"

	"countersign/internal/store"
)

const functionColumns = `id, region, name, doc, sealed_env, artifact, last_version, created_at, updated_at, version`

func readFunction(s *scan) *store.Function {
	return &store.Function{
		ID: s.text(), Region: s.text(), Name: s.text(), Doc: s.json(), SealedEnv: s.blob(), Artifact: s.text(), LastVersion: s.int64(),
		CreatedAt: s.time(), UpdatedAt: s.time(), Version: s.int64(),
	}
}

func (t functionTx) InsertFunction(ctx context.Context, f *store.Function) (bool, error) {
	return t.changed(ctx, `INSERT INTO functions (`+functionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1)
		ON CONFLICT (region, name) DO NOTHING`, f.ID, f.Region, f.Name, jsonText(f.Doc), f.SealedEnv, f.Artifact, f.LastVersion,
		micros(f.CreatedAt), micros(f.UpdatedAt))
}

func (t functionTx) Function(ctx context.Context, region, name string) (*store.Function, error) {
	return one(ctx, t.tx, `SELECT `+functionColumns+` FROM functions WHERE region = $1 AND name = $2`, readFunction, region, name)
}

func (t functionTx) FunctionByID(ctx context.Context, id string) (*store.Function, error) {
	return one(ctx, t.tx, `SELECT `+functionColumns+` FROM functions WHERE id = $1`, readFunction, id)
}

func (t functionTx) ListFunctions(ctx context.Context, region, after string, limit int) ([]*store.Function, error) {
	return many(ctx, t.tx, `SELECT `+functionColumns+` FROM functions WHERE region = $1 AND name > $2 ORDER BY name LIMIT $3`,
		readFunction, region, after, limit)
}

func (t functionTx) UpdateFunction(ctx context.Context, f *store.Function) (bool, error) {
	return t.changed(ctx, `UPDATE functions SET doc = $1, sealed_env = $2, artifact = $3, last_version = $4, updated_at = $5,
		version = version + 1 WHERE id = $6 AND version = $7`,
		jsonText(f.Doc), f.SealedEnv, f.Artifact, f.LastVersion, micros(f.UpdatedAt), f.ID, f.Version)
}

func (t functionTx) DeleteFunction(ctx context.Context, id string) (bool, error) {
	ok, err := t.changed(ctx, `DELETE FROM functions WHERE id = $1`, id)
	if err != nil || !ok {
		return false, err
	}
	if err := t.exec(ctx, `DELETE FROM function_versions WHERE function_id = $1`, id); err != nil {
		return false, err
	}
	return true, t.exec(ctx, `DELETE FROM function_aliases WHERE function_id = $1`, id)
}

const versionColumns = `function_id, number, doc, sealed_env, artifact, created_at`

func readVersion(s *scan) *store.FunctionVersion {
	return &store.FunctionVersion{
		FunctionID: s.text(), Number: s.int64(), Doc: s.json(), SealedEnv: s.blob(), Artifact: s.text(), CreatedAt: s.time(),
	}
}

func (t functionTx) InsertFunctionVersion(ctx context.Context, v *store.FunctionVersion) error {
	return t.insert(ctx, `INSERT INTO function_versions (`+versionColumns+`) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (function_id, number) DO NOTHING`, v.FunctionID, v.Number, jsonText(v.Doc), v.SealedEnv, v.Artifact, micros(v.CreatedAt))
}

func (t functionTx) FunctionVersion(ctx context.Context, functionID string, number int64) (*store.FunctionVersion, error) {
	return one(ctx, t.tx, `SELECT `+versionColumns+` FROM function_versions WHERE function_id = $1 AND number = $2`,
		readVersion, functionID, number)
}

func (t functionTx) ListFunctionVersions(ctx context.Context, functionID string, after int64, limit int) ([]*store.FunctionVersion, error) {
	return many(ctx, t.tx, `SELECT `+versionColumns+` FROM function_versions WHERE function_id = $1 AND number > $2 ORDER BY number LIMIT $3`,
		readVersion, functionID, after, limit)
}

func (t functionTx) DeleteFunctionVersion(ctx context.Context, functionID string, number int64) (bool, error) {
	return t.changed(ctx, `DELETE FROM function_versions WHERE function_id = $1 AND number = $2`, functionID, number)
}

const functionAliasColumns = `function_id, name, doc, created_at, updated_at, version`

func readFunctionAlias(s *scan) *store.FunctionAlias {
	return &store.FunctionAlias{
		FunctionID: s.text(), Name: s.text(), Doc: s.json(), CreatedAt: s.time(), UpdatedAt: s.time(), Version: s.int64(),
	}
}

func (t functionTx) InsertFunctionAlias(ctx context.Context, a *store.FunctionAlias) (bool, error) {
	return t.changed(ctx, `INSERT INTO function_aliases (`+functionAliasColumns+`) VALUES ($1, $2, $3, $4, $5, 1)
		ON CONFLICT (function_id, name) DO NOTHING`, a.FunctionID, a.Name, jsonText(a.Doc), micros(a.CreatedAt), micros(a.UpdatedAt))
}

func (t functionTx) FunctionAlias(ctx context.Context, functionID, name string) (*store.FunctionAlias, error) {
	return one(ctx, t.tx, `SELECT `+functionAliasColumns+` FROM function_aliases WHERE function_id = $1 AND name = $2`,
		readFunctionAlias, functionID, name)
}

func (t functionTx) UpdateFunctionAlias(ctx context.Context, a *store.FunctionAlias) (bool, error) {
	return t.changed(ctx, `UPDATE function_aliases SET doc = $1, updated_at = $2, version = version + 1
		WHERE function_id = $3 AND name = $4 AND version = $5`, jsonText(a.Doc), micros(a.UpdatedAt), a.FunctionID, a.Name, a.Version)
}

func (t functionTx) ListFunctionAliases(ctx context.Context, functionID, after string, limit int) ([]*store.FunctionAlias, error) {
	return many(ctx, t.tx, `SELECT `+functionAliasColumns+` FROM function_aliases WHERE function_id = $1 AND name > $2 ORDER BY name LIMIT $3`,
		readFunctionAlias, functionID, after, limit)
}

func (t functionTx) DeleteFunctionAlias(ctx context.Context, functionID, name string) (bool, error) {
	return t.changed(ctx, `DELETE FROM function_aliases WHERE function_id = $1 AND name = $2`, functionID, name)
}
