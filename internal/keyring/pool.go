package keyring

import (
	"cmp"
	"context"
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"countersign/internal/secret"
)

// missPause is how long an unknown key version is believed to be forged before the database is asked again.
const missPause = time.Second

// poolKeys are the unwrapped keys of a pool. Immutable.
type poolKeys struct {
	seal, session Sealing
	code          Codes
	lookup        secret.MACKey
	loaded        time.Time
}

// Sealing seals under the current key of a pool and opens under all its versions. It is a snapshot: it does no I/O,
// and is good for the request that took it.
type Sealing struct {
	current  secret.Key
	versions []secret.Key // newest first
}

// Seal returns plaintext encrypted under the current key and bound to aad.
func (s Sealing) Seal(plaintext, aad []byte) []byte { return secret.Seal(s.current, plaintext, aad) }

// Open returns the plaintext; secret.ErrKeyVersion if the snapshot does not know the version, secret.ErrOpen otherwise.
func (s Sealing) Open(sealed, aad []byte) ([]byte, error) {
	v, err := secret.Version(sealed)
	if err != nil {
		return nil, err
	}
	for _, k := range s.versions {
		if k.Version() == v {
			return secret.Open(k, sealed, aad)
		}
	}
	return nil, secret.ErrKeyVersion
}

// Stale reports whether sealed was made under another key than the current one and is worth sealing again when it is
// next written.
func (s Sealing) Stale(sealed []byte) bool {
	v, err := secret.Version(sealed)
	return err == nil && v != s.current.Version()
}

// Codes makes and checks keyed hashes of one-time codes. It is a snapshot as Sealing is.
type Codes struct {
	current  codeKey
	versions []codeKey // newest first
}

type codeKey struct {
	version uint32
	key     secret.MACKey
}

// Sum returns the keyed hash of the parts: the code, and everything that it is bound to (pool, user, purpose, client,
// wire, challenge). 36 bytes: key version, then HMAC-SHA256.
func (c Codes) Sum(parts ...string) []byte {
	out := binary.BigEndian.AppendUint32(make([]byte, 0, 4+secret.MACSize), c.current.version)
	return secret.AppendMAC(out, c.current.key, parts...)
}

// Check reports in constant time whether sum was made by Sum of the same parts, under any version of the key.
func (c Codes) Check(sum []byte, parts ...string) bool {
	if len(sum) != 4+secret.MACSize {
		return false
	}
	v := binary.BigEndian.Uint32(sum)
	for _, k := range c.versions {
		if k.version == v {
			return hmac.Equal(sum[4:], secret.MAC(k.key, parts...))
		}
	}
	return false
}

// entry is a place in the cache. turn is held by the goroutine that reads the database for it.
type entry struct {
	keys *poolKeys // guarded by Keyring.mu
	turn chan struct{}
}

// pool returns the keys of a pool, from memory if they are fresh.
func (k *Keyring) pool(ctx context.Context, poolID string) (*poolKeys, error) {
	k.mu.RLock()
	e := k.pools[poolID]
	var p *poolKeys
	if e != nil {
		p = e.keys
	}
	k.mu.RUnlock()
	if p != nil && k.now().Sub(p.loaded) < k.refresh {
		return p, nil
	}
	return k.load(ctx, poolID, p)
}

// load reads the keys of a pool unless another goroutine already replaced have. While there are old keys nobody waits
// for the database but the one that reads it, and its failure is not the caller's.
func (k *Keyring) load(ctx context.Context, poolID string, have *poolKeys) (*poolKeys, error) {
	e := k.entry(poolID)
	if have != nil {
		select {
		case e.turn <- struct{}{}:
		default:
			return have, nil
		}
	} else {
		select {
		case e.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	defer func() { <-e.turn }()
	k.mu.RLock()
	p := e.keys
	k.mu.RUnlock()
	if p != have && p != nil {
		return p, nil
	}
	p, err := k.read(ctx, poolID)
	if err != nil {
		if have != nil && !errors.Is(err, ErrNoKeys) {
			k.log.WarnContext(ctx, "keys of a pool could not be refreshed; going on with those in memory", "pool", poolID, "err", err)
			return have, nil
		}
		k.Forget(poolID)
		return nil, err
	}
	k.mu.Lock()
	e.keys = p
	k.mu.Unlock()
	return p, nil
}

// entry returns the pool's place in the cache, and drops another pool's if there are too many.
func (k *Keyring) entry(poolID string) *entry {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.pools[poolID]; e != nil {
		return e
	}
	for id := range k.pools {
		if len(k.pools) < k.maxPools {
			break
		}
		delete(k.pools, id)
	}
	e := &entry{turn: make(chan struct{}, 1)}
	k.pools[poolID] = e
	return e
}

// Forget drops a pool's keys from memory; they are read again when needed. Call it when a pool is deleted.
func (k *Keyring) Forget(poolID string) {
	k.mu.Lock()
	delete(k.pools, poolID)
	k.mu.Unlock()
}

// missed is called when a value names a key version that p does not know: another node may have rotated.
func (k *Keyring) missed(ctx context.Context, poolID string, p *poolKeys) (*poolKeys, error) {
	if k.now().Sub(p.loaded) < missPause {
		return p, nil
	}
	return k.load(ctx, poolID, p)
}

func (k *Keyring) read(ctx context.Context, poolID string) (*poolKeys, error) {
	now := k.now()
	rows, err := k.store.PoolKeys(ctx, poolID)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b *Row) int { return cmp.Compare(b.Version, a.Version) })
	p := &poolKeys{loaded: now}
	set := k.roots.Load()
	for _, row := range rows {
		// The first version is in use at once, later ones when every node has loaded them.
		usable := row.Version == 1 || !row.CreatedAt.Add(2*k.refresh).After(now)
		if err := p.add(set, row, usable); err != nil {
			return nil, err
		}
	}
	if p.seal.current.IsZero() || p.session.current.IsZero() || p.code.current.key.IsZero() || p.lookup.IsZero() {
		return nil, fmt.Errorf("%w: pool %q", ErrNoKeys, poolID)
	}
	return p, nil
}

// add unwraps a row into p. Rows come newest first. Purposes of later releases are passed over.
func (p *poolKeys) add(set *rootSet, row *Row, usable bool) error {
	if !slices.Contains(purposes[:], row.Purpose) {
		return nil
	}
	if row.Version < 1 || row.Version > math.MaxInt32 {
		return fmt.Errorf("%w: pool %q, version %d", ErrDamaged, row.PoolID, row.Version)
	}
	raw, err := set.unwrap(row)
	if err != nil {
		return err
	}
	defer clear(raw)
	switch row.Purpose {
	case PurposeSeal:
		return p.seal.add(row, raw, usable)
	case PurposeSession:
		return p.session.add(row, raw, usable)
	case PurposeCode:
		return p.code.add(row, raw, usable)
	default:
		p.lookup, err = secret.NewMACKey(raw)
		return err
	}
}

func (s *Sealing) add(row *Row, raw []byte, usable bool) error {
	key, err := secret.NewKey(uint32(row.Version), raw)
	if err != nil {
		return err
	}
	s.versions = append(s.versions, key)
	if usable && s.current.IsZero() {
		s.current = key
	}
	return nil
}

func (c *Codes) add(row *Row, raw []byte, usable bool) error {
	key, err := secret.NewMACKey(raw)
	if err != nil {
		return err
	}
	ck := codeKey{uint32(row.Version), key}
	c.versions = append(c.versions, ck)
	if usable && c.current.key.IsZero() {
		c.current = ck
	}
	return nil
}
