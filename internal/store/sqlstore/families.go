package sqlstore

import (
	"context"
	"time"

	"countersign/internal/store"
)

const familyColumns = `id, origin_jti, pool_id, user_id, client_id, hash, previous, previous_until, older, name, device_key,
	auth_time, created_at, expires_at, revoked_at, version, wire, scope, audience, methods`

func readFamily(s *scan) *store.Family {
	return &store.Family{
		ID: s.text(), OriginJTI: s.text(), PoolID: s.text(), UserID: s.text(), ClientID: s.text(), Hash: s.blob(), Previous: s.blob(),
		PreviousUntil: s.time(), Older: s.blob(), Name: s.text(), DeviceKey: s.text(), AuthTime: s.time(), CreatedAt: s.time(),
		ExpiresAt: s.time(), RevokedAt: s.time(), Version: s.int64(), Wire: s.text(), Scope: s.text(), Audience: s.text(), Methods: s.text(),
	}
}

func (t familyTx) InsertFamily(ctx context.Context, f *store.Family) error {
	return t.insert(ctx, `INSERT INTO families (`+familyColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 1, $16, $17, $18, $19) ON CONFLICT (id) DO NOTHING`,
		f.ID, f.OriginJTI, f.PoolID, f.UserID, f.ClientID, f.Hash, f.Previous, micros(f.PreviousUntil), f.Older, f.Name, f.DeviceKey,
		micros(f.AuthTime), micros(f.CreatedAt), micros(f.ExpiresAt), micros(f.RevokedAt), orNull(f.Wire), orNull(f.Scope), orNull(f.Audience), orNull(f.Methods))
}

func (t familyTx) Family(ctx context.Context, id string) (*store.Family, error) {
	return one(ctx, t.tx, `SELECT `+familyColumns+` FROM families WHERE id = $1`, readFamily, id)
}

func (t familyTx) UpdateFamily(ctx context.Context, f *store.Family) (bool, error) {
	return t.changed(ctx, `UPDATE families SET hash = $1, previous = $2, previous_until = $3, older = $4, revoked_at = $5,
		expires_at = $6, version = version + 1 WHERE id = $7 AND version = $8`,
		f.Hash, f.Previous, micros(f.PreviousUntil), f.Older, micros(f.RevokedAt), micros(f.ExpiresAt), f.ID, f.Version)
}

// RevokeFamilies raises Version, so that a refresh that read a family before cannot bring it back.
func (t familyTx) RevokeFamilies(ctx context.Context, poolID, userID, except string, now time.Time) error {
	return t.exec(ctx, `UPDATE families SET revoked_at = $1, version = version + 1 WHERE pool_id = $2 AND user_id = $3
		AND revoked_at IS NULL AND (origin_jti <> $4 OR $4 = '')`, micros(now), poolID, userID, except)
}

func (t familyTx) SetMethods(ctx context.Context, poolID, userID, originJTI, methods string) error {
	return t.exec(ctx, `UPDATE families SET methods = $1 WHERE origin_jti = $2 AND pool_id = $3 AND user_id = $4`, methods, originJTI, poolID, userID)
}

// bearer is a user with the state of one family.
type bearer struct {
	userRow
	pool, owner, methods   string
	auth, expires, revoked time.Time
}

func readBearer(s *scan) bearer {
	return bearer{userRow: readUser(s), pool: s.text(), owner: s.text(), auth: s.time(), expires: s.time(), revoked: s.time(), methods: s.text()}
}

// Bearer joins by the family's own name alone, and compares its owner here: a user may have many families, and a planner
// may prefer to look through them.
func (t familyTx) Bearer(ctx context.Context, poolID, userID, originJTI string, now time.Time) (*store.Bearer, error) {
	rows, err := many(ctx, t.tx, `SELECT `+userColumns+`, f.pool_id, f.user_id, f.auth_time, f.expires_at, f.revoked_at, f.methods
		FROM users u LEFT JOIN families f ON f.origin_jti = $3 WHERE u.pool_id = $1 AND u.id = $2`, readBearer, poolID, userID, originJTI)
	if err == nil && len(rows) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	b := &store.Bearer{Revoked: true}
	b.User, err = user(rows[0].userRow, nil)
	for _, r := range rows {
		if r.pool == poolID && r.owner == userID {
			b.Revoked, b.AuthTime, b.Methods = !r.revoked.IsZero() || !r.expires.After(now), r.auth, r.methods
		}
	}
	return b, err
}

func (t familyTx) ListFamilies(ctx context.Context, poolID, userID string, now time.Time, limit int) ([]*store.Family, error) {
	return many(ctx, t.tx, `SELECT `+familyColumns+` FROM families WHERE pool_id = $1 AND user_id = $2 AND revoked_at IS NULL
		AND expires_at > $3 ORDER BY id DESC LIMIT $4`, readFamily, poolID, userID, micros(now), limit)
}
