package sqlstore

import (
	"context"
	"time"

	"countersign/internal/store"
)

const challengeColumns = `id, pool_id, client_id, user_id, wire, audience, kind, chain, hash, data, tries, created_at,
	expires_at, used_at`

func readChallenge(s *scan) *store.Challenge {
	return &store.Challenge{
		ID: s.text(), PoolID: s.text(), ClientID: s.text(), UserID: s.text(), Wire: s.text(), Audience: s.text(), Kind: s.text(),
		Chain: s.text(), Hash: s.blob(), Data: s.json(), Tries: s.int(), CreatedAt: s.time(), ExpiresAt: s.time(), UsedAt: s.time(),
	}
}

func (t challengeTx) InsertChallenge(ctx context.Context, c *store.Challenge) error {
	return t.insert(ctx, `INSERT INTO challenges (`+challengeColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (id) DO NOTHING`,
		c.ID, c.PoolID, c.ClientID, c.UserID, c.Wire, c.Audience, c.Kind, c.Chain, c.Hash, jsonText(c.Data), c.Tries,
		micros(c.CreatedAt), micros(c.ExpiresAt), micros(c.UsedAt))
}

func (t challengeTx) Challenge(ctx context.Context, id string) (*store.Challenge, error) {
	return one(ctx, t.tx, `SELECT `+challengeColumns+` FROM challenges WHERE id = $1`, readChallenge, id)
}

func (t challengeTx) UseChallenge(ctx context.Context, id string, now time.Time) (bool, error) {
	return t.changed(ctx, `UPDATE challenges SET used_at = $1 WHERE id = $2 AND used_at IS NULL`, micros(now), id)
}

func (t challengeTx) AddTry(ctx context.Context, id string) (int, error) {
	n, ok, err := returned(ctx, t.tx, `UPDATE challenges SET tries = tries + 1 WHERE id = $1 RETURNING tries`, readInt, id)
	if err == nil && !ok {
		err = store.ErrNotFound
	}
	return int(n), err
}

func (t challengeTx) EndChallenges(ctx context.Context, poolID, userID string, now time.Time) error {
	return t.exec(ctx, `UPDATE challenges SET used_at = $1 WHERE pool_id = $2 AND user_id = $3 AND used_at IS NULL`,
		micros(now), poolID, userID)
}

func (t challengeTx) Spend(ctx context.Context, mark []byte, expires time.Time) (bool, error) {
	return t.changed(ctx, `INSERT INTO spent (mark, expires_at) VALUES ($1, $2) ON CONFLICT (mark) DO NOTHING`, mark, micros(expires))
}
