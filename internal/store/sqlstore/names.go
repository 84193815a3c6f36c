package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"countersign/internal/store"
)

// maxKeys bounds the sign-in names that FindUser tries at once.
const maxKeys = 16

// found is a user with the alias that led to it.
type found struct {
	key string
	userRow
}

func readFound(s *scan) found { return found{s.text(), readUser(s)} }

// findUser holds the query for each number of keys.
var findUser = func() (q [maxKeys + 1]string) {
	for n := 1; n <= maxKeys; n++ {
		keys := strings.TrimPrefix(placeholders(n+1), "$1, ")
		q[n] = `SELECT a.name, ` + userColumns + ` FROM aliases a JOIN users u ON u.pool_id = a.pool_id AND u.id = a.user_id
			WHERE a.pool_id = $1 AND a.name IN (` + keys + `)`
	}
	return q
}()

func (t userTx) FindUser(ctx context.Context, poolID string, keys ...string) (*store.User, string, error) {
	if len(keys) == 0 {
		return nil, "", store.ErrNotFound
	}
	if len(keys) > maxKeys {
		return nil, "", fmt.Errorf("store: %d names at once, more than %d", len(keys), maxKeys)
	}
	args := make([]any, 1, len(keys)+1)
	args[0] = poolID
	for _, k := range keys {
		args = append(args, k)
	}
	rows, err := many(ctx, t.tx, findUser[len(keys)], readFound, args...)
	if err != nil {
		return nil, "", err
	}
	for _, k := range keys {
		for _, r := range rows {
			if r.key == k {
				u, err := user(r.userRow, nil)
				return u, k, err
			}
		}
	}
	return nil, "", store.ErrNotFound
}

// ClaimAlias decides in one statement: the update of a conflict changes nothing, but returns and holds the owner's row.
func (t userTx) ClaimAlias(ctx context.Context, poolID, key, userID string) (string, error) {
	owner, _, err := returned(ctx, t.tx, `INSERT INTO aliases AS a (pool_id, name, user_id) VALUES ($1, $2, $3)
		ON CONFLICT (pool_id, name) DO UPDATE SET user_id = a.user_id RETURNING user_id`, readText, poolID, key, userID)
	return owner, err
}

func (t userTx) ReleaseAlias(ctx context.Context, poolID, key, userID string) error {
	return t.exec(ctx, `DELETE FROM aliases WHERE pool_id = $1 AND name = $2 AND user_id = $3`, poolID, key, userID)
}

func (t userTx) InsertAttempt(ctx context.Context, a *store.Attempt, keep int) error {
	if keep < 1 {
		return errors.New("store: InsertAttempt must keep at least one")
	}
	row, err := document(&a.User)
	if err != nil {
		return err
	}
	err = t.insert(ctx, `INSERT INTO signups (id, pool_id, client_id, name_key, network, user_row, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING`,
		a.ID, a.PoolID, a.ClientID, a.NameKey, a.Network, row, micros(a.CreatedAt), micros(a.ExpiresAt))
	if err != nil {
		return err
	}
	return t.exec(ctx, `DELETE FROM signups WHERE pool_id = $1 AND name_key = $2 AND id NOT IN (SELECT id FROM signups
		WHERE pool_id = $1 AND name_key = $2 ORDER BY created_at DESC, id DESC LIMIT $3)`, a.PoolID, a.NameKey, keep)
}

// attemptRow is an attempt and what was wrong with its columns.
type attemptRow struct {
	*store.Attempt
	err error
}

func readAttempt(s *scan) attemptRow {
	a := &store.Attempt{ID: s.text(), PoolID: s.text(), ClientID: s.text(), NameKey: s.text(), Network: s.text()}
	err := json.Unmarshal([]byte(s.text()), &a.User)
	a.CreatedAt, a.ExpiresAt = s.time(), s.time()
	return attemptRow{a, err}
}

func (t userTx) Attempts(ctx context.Context, poolID, nameKey string, now time.Time) ([]*store.Attempt, error) {
	rows, err := many(ctx, t.tx, `SELECT id, pool_id, client_id, name_key, network, user_row, created_at, expires_at FROM signups
		WHERE pool_id = $1 AND name_key = $2 AND expires_at > $3 ORDER BY created_at DESC, id DESC`, readAttempt, poolID, nameKey, micros(now))
	var out []*store.Attempt
	for _, r := range rows {
		if r.err != nil {
			return nil, r.err
		}
		out = append(out, r.Attempt)
	}
	return out, err
}

func (t userTx) DeleteAttempts(ctx context.Context, poolID, nameKey string) error {
	return t.exec(ctx, `DELETE FROM signups WHERE pool_id = $1 AND name_key = $2`, poolID, nameKey)
}

func (t userTx) SeeNetwork(ctx context.Context, poolID, userID string, network []byte, expires time.Time) error {
	return t.exec(ctx, `INSERT INTO networks (pool_id, user_id, network, expires_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (pool_id, user_id, network) DO UPDATE SET expires_at = excluded.expires_at`,
		poolID, userID, network, micros(expires))
}

func (t userTx) ForgetNetworks(ctx context.Context, poolID, userID string) error {
	return t.exec(ctx, `DELETE FROM networks WHERE pool_id = $1 AND user_id = $2`, poolID, userID)
}

func (t userTx) NetworkSeen(ctx context.Context, poolID, userID string, network []byte, now time.Time) (bool, error) {
	_, err := one(ctx, t.tx, `SELECT CAST(1 AS BIGINT) FROM networks WHERE pool_id = $1 AND user_id = $2 AND network = $3
		AND expires_at > $4`, readInt, poolID, userID, network, micros(now))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
