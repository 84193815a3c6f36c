package sqlstore

import (
	"context"
	"errors"
	"time"

	"countersign/internal/store"
)

// PutArtifactChunk touches the artifact first: its row then is held until the commit, and no sweep takes chunks away meanwhile.
func (t artifactTx) PutArtifactChunk(ctx context.Context, hash string, n int, data []byte, at time.Time) error {
	size := int64(n)*store.ChunkSize + int64(len(data)) // so far; it counts although it may never be completed
	err := t.exec(ctx, `INSERT INTO artifacts (hash, size, created_at, written_at) VALUES ($1, $2, NULL, $3)
		ON CONFLICT (hash) DO UPDATE SET written_at = excluded.written_at,
			size = CASE WHEN artifacts.created_at IS NULL AND artifacts.size < excluded.size THEN excluded.size ELSE artifacts.size END`,
		hash, size, micros(at))
	if err != nil {
		return err
	}
	return t.exec(ctx, `INSERT INTO artifact_chunks (hash, n, data) VALUES ($1, $2, $3) ON CONFLICT (hash, n) DO NOTHING`, hash, n, data)
}

func (t artifactTx) CompleteArtifact(ctx context.Context, a *store.Artifact) error {
	return t.exec(ctx, `INSERT INTO artifacts (hash, size, created_at, written_at) VALUES ($1, $2, $3, $3)
		ON CONFLICT (hash) DO UPDATE SET size = excluded.size, created_at = excluded.created_at, written_at = excluded.written_at`,
		a.Hash, a.Size, micros(a.CreatedAt))
}

func (t artifactTx) Artifact(ctx context.Context, hash string) (*store.Artifact, error) {
	return one(ctx, t.tx, `SELECT hash, size, created_at FROM artifacts WHERE hash = $1 AND created_at IS NOT NULL`,
		func(s *scan) *store.Artifact {
			return &store.Artifact{Hash: s.text(), Size: s.int64(), CreatedAt: s.time()}
		}, hash)
}

func (t artifactTx) TouchArtifact(ctx context.Context, hash string, at time.Time) (bool, error) {
	return t.changed(ctx, `UPDATE artifacts SET written_at = $1 WHERE hash = $2 AND created_at IS NOT NULL`, micros(at), hash)
}

func (t artifactTx) ArtifactBytes(ctx context.Context) (int64, error) {
	return one(ctx, t.tx, `SELECT CAST(coalesce(sum(size), 0) AS BIGINT) FROM artifacts`, readInt)
}

func (t artifactTx) ArtifactChunk(ctx context.Context, hash string, n int) ([]byte, error) {
	return one(ctx, t.tx, `SELECT data FROM artifact_chunks WHERE hash = $1 AND n = $2`, (*scan).blob, hash, n)
}

// SweepArtifacts makes an artifact invisible, which holds its row, before it deletes the first chunk.
func (t artifactTx) SweepArtifacts(ctx context.Context, before time.Time, limit int) (int, error) {
	if t.readOnly {
		return 0, store.ErrReadOnly
	}
	total, after := 0, ""
	for range limit {
		hash, err := one(ctx, t.tx, `SELECT a.hash FROM artifacts a WHERE a.written_at < $1 AND a.hash > $2
			AND NOT EXISTS (SELECT 1 FROM functions f WHERE f.artifact = a.hash)
			AND NOT EXISTS (SELECT 1 FROM function_versions v WHERE v.artifact = a.hash)
			AND NOT EXISTS (SELECT 1 FROM scripts s WHERE s.artifact = a.hash)
			AND NOT EXISTS (SELECT 1 FROM script_versions w WHERE w.artifact = a.hash)
			ORDER BY a.hash LIMIT 1`, readText, micros(before), after)
		if errors.Is(err, store.ErrNotFound) {
			return total, nil
		}
		if err != nil {
			return 0, err
		}
		n, err := t.sweep(ctx, hash, before, limit-total)
		if err != nil {
			return 0, err
		}
		if total += n; total >= limit {
			break
		}
		after = hash
	}
	return total, nil
}

func (t artifactTx) sweep(ctx context.Context, hash string, before time.Time, limit int) (int, error) {
	ok, err := t.changed(ctx, `UPDATE artifacts SET created_at = NULL WHERE hash = $1 AND written_at < $2`, hash, micros(before))
	if err != nil || !ok {
		return 0, err
	}
	n, err := t.change(ctx, `DELETE FROM artifact_chunks WHERE hash = $1 AND n IN
		(SELECT n FROM artifact_chunks WHERE hash = $1 ORDER BY n LIMIT $2)`, hash, limit)
	if err != nil || n >= limit {
		return n, err
	}
	return n, t.exec(ctx, `DELETE FROM artifacts WHERE hash = $1`, hash)
}
