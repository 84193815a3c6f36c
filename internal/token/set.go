package token

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"countersign/internal/store"
)

// keySet is all live keys of a pool. Immutable.
type keySet struct {
	loaded   time.Time
	keys     []*key // newest ActiveAt first
	byHeader map[string]*key
	jwks     []byte
	etag     string
	last     map[Use]string // id of the newest row of each use, whatever its state
}

// signer returns the key that signs now: the newest active one; failing that (a clock behind that of the node which
// made it) the next; nil if there is none.
func (s *keySet) signer(use Use, now time.Time) *key {
	var next *key
	for _, k := range s.keys {
		if k.use != use || !k.live(now) {
			continue
		}
		if !k.activeAt.After(now) {
			return k
		}
		next = k
	}
	return next
}

func (s *keySet) complete(now time.Time) bool {
	for _, u := range uses {
		if s.signer(u, now) == nil {
			return false
		}
	}
	return true
}

// read loads a pool's keys. What have already decrypted is not decrypted again.
func (k *Keys) read(ctx context.Context, poolID string, have *keySet) (*keySet, error) {
	now := k.c.Now()
	rows, err := k.c.Store.SigningKeys(ctx, poolID)
	if err != nil {
		return nil, err
	}
	set := &keySet{loaded: now, byHeader: make(map[string]*key, len(rows)), last: map[Use]string{}}
	for i, until := range k.ends(rows) {
		row := rows[i]
		if use := Use(row.Use); set.last[use] == "" {
			set.last[use] = row.KeyID
		}
		if !until.IsZero() && !now.Before(until) {
			continue
		}
		key, err := k.open(ctx, row, have)
		if err != nil {
			return nil, fmt.Errorf("token: signing key %s of pool %q: %w", row.KeyID, poolID, err)
		}
		key.until = until
		set.keys = append(set.keys, key)
		set.byHeader[key.header] = key
	}
	set.jwks, set.etag = jwks(set.keys)
	return set, nil
}

// ends sorts rows, newest first, and returns when the last token signed by each has expired, zero while it may sign. A
// key ends MaxLife after its successor became active, or when it was revoked; one that was revoked before it became
// active succeeds nobody.
func (k *Keys) ends(rows []*Row) []time.Time {
	slices.SortFunc(rows, newest)
	out := make([]time.Time, len(rows))
	successor := map[string]time.Time{}
	for i, row := range rows {
		if next := successor[row.Use]; !next.IsZero() {
			out[i] = next.Add(k.c.MaxLife)
		}
		if r := row.RetireAt; !r.IsZero() && (out[i].IsZero() || r.Before(out[i])) {
			out[i] = r
		}
		if row.RetireAt.IsZero() || row.RetireAt.After(row.ActiveAt) {
			successor[row.Use] = row.ActiveAt
		}
	}
	return out
}

func newest(a, b *Row) int {
	return cmp.Or(b.ActiveAt.Compare(a.ActiveAt), cmp.Compare(b.KeyID, a.KeyID))
}

// The place of a private key, for its seal.
const (
	sealTable  = "signing_keys"
	sealColumn = "private"
)

func (k *Keys) open(ctx context.Context, row *Row, have *keySet) (*key, error) {
	if have != nil {
		if old := have.byHeader[header(row.KeyID, Alg(row.Alg))]; old != nil && old.use == Use(row.Use) {
			again := *old
			again.created, again.activeAt = row.CreatedAt, row.ActiveAt
			return &again, nil
		}
	}
	private, err := k.c.Vault.OpenRecord(ctx, row.PoolID, sealTable, sealedRow(row), sealColumn, row.Sealed)
	if err != nil {
		return nil, err
	}
	defer clear(private)
	return parseKey(row, private)
}

// sealedRow names the row in its seal: the use is part of it, so that an ID key cannot be made to sign access tokens.
func sealedRow(row *Row) string { return row.Use + ":" + row.KeyID }

// create makes the keys that set lacks. The caller holds the pool's turn.
func (k *Keys) create(ctx context.Context, poolID string, set *keySet) error {
	for _, use := range uses {
		now := k.c.Now()
		if set.signer(use, now) != nil {
			continue
		}
		if err := k.add(ctx, poolID, use, set.last[use], now, now); err != nil {
			return err
		}
	}
	return nil
}

// add makes and stores a key that follows the one with id last.
func (k *Keys) add(ctx context.Context, poolID string, use Use, last string, now, activeAt time.Time) error {
	alg, err := k.c.Algorithm(ctx, poolID)
	if err != nil {
		return err
	}
	kid, err := k.keyID(ctx, poolID, use, last, now)
	if err != nil {
		return err
	}
	select {
	case k.making <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	private, public, err := generate(alg)
	<-k.making
	if err != nil {
		return err
	}
	defer clear(private)
	row := &Row{PoolID: poolID, KeyID: kid, Use: string(use), Alg: string(alg), Public: public,
		CreatedAt: now.UTC().Truncate(time.Microsecond), ActiveAt: activeAt.UTC().Truncate(time.Microsecond)}
	// The work is done: an impatient caller shall not make the next one do it again.
	ctx = context.WithoutCancel(ctx)
	if row.Sealed, err = k.c.Vault.SealRecord(ctx, poolID, sealTable, sealedRow(row), sealColumn, private); err != nil {
		return err
	}
	_, err = k.c.Store.AddSigningKey(ctx, row)
	return err
}

// keyID derives the id of the key that follows last: two nodes that make it within the same hour derive the same. The
// pool's lookup key makes it look random; the hour keeps an id from returning after a restore.
func (k *Keys) keyID(ctx context.Context, poolID string, use Use, last string, now time.Time) (string, error) {
	hour := strconv.FormatInt(now.Unix()/3600, 10)
	var raw []byte
	for _, half := range []string{"1", "2"} {
		part, err := k.c.Vault.Lookup(ctx, poolID, "signing key id", string(use), last, hour, half)
		if err != nil {
			return "", err
		}
		raw = append(raw, part...)
	}
	return base64.StdEncoding.EncodeToString(raw), nil
}

// Rotate makes the successor of a pool's signing key: published at once, used after Config.Announce. The old key is
// accepted until the tokens that it signed have expired. A pool without keys gets its first.
func (k *Keys) Rotate(ctx context.Context, poolID string, use Use) error {
	if !slices.Contains(uses[:], use) {
		return fmt.Errorf("token: unknown use %q", use)
	}
	if _, err := k.ready(ctx, poolID); err != nil {
		return err
	}
	set, err := k.read(ctx, poolID, nil)
	if err != nil {
		return err
	}
	now := k.c.Now()
	err = k.add(ctx, poolID, use, set.last[use], now, now.Add(k.c.Announce))
	k.Forget(poolID)
	return err
}

// Revoke makes a key dead at once: no longer published, its tokens refused, on this node now and on others within
// Config.Refresh. If it was the signer, a new key is made by the next Sign. Unknown ids are no error.
func (k *Keys) Revoke(ctx context.Context, poolID, keyID string) error {
	rows, err := k.c.Store.SigningKeys(ctx, poolID)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.KeyID != keyID {
			continue
		}
		row.RetireAt = k.c.Now().UTC().Truncate(time.Microsecond)
		if err := k.c.Store.UpdateSigningKey(ctx, row); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	k.Forget(poolID)
	return nil
}

// pruneAfter is how long a key that is gone stays in the database, for people who look back.
const pruneAfter = 7 * 24 * time.Hour

// Prune deletes keys that have been gone for a week and returns how many.
func (k *Keys) Prune(ctx context.Context, poolID string) (int, error) {
	rows, err := k.c.Store.SigningKeys(ctx, poolID)
	if err != nil {
		return 0, err
	}
	limit, n := k.c.Now().Add(-pruneAfter), 0
	for i, until := range k.ends(rows) {
		row := rows[i]
		isNewest := !slices.ContainsFunc(rows[:i], func(r *Row) bool { return r.Use == row.Use })
		if isNewest || until.IsZero() || until.After(limit) {
			continue // the newest is what the next id is derived from
		}
		if err := k.c.Store.DeleteSigningKey(ctx, poolID, row.KeyID); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// Info describes a key for people.
type Info struct {
	KeyID string
	Use   Use
	Alg   Alg
	// State is next, active or retired.
	State     string
	CreatedAt time.Time
	ActiveAt  time.Time
	// Until is when it is no longer accepted; zero: open.
	Until time.Time
}

// List returns a pool's live keys, newest first.
func (k *Keys) List(ctx context.Context, poolID string) ([]Info, error) {
	set, err := k.keys(ctx, poolID)
	if err != nil {
		return nil, err
	}
	now := k.c.Now()
	var out []Info
	for _, key := range set.keys {
		if !key.live(now) {
			continue
		}
		state := "retired"
		switch {
		case key == set.signer(key.use, now):
			state = "active"
		case key.activeAt.After(now):
			state = "next"
		}
		out = append(out, Info{key.id, key.use, key.alg, state, key.created, key.activeAt, key.until})
	}
	return out, nil
}
