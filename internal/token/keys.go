package token

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"countersign/internal/fault"
)

const (
	// maxRefresh bounds Config.Refresh, so that a revoked key is dead everywhere within a minute.
	maxRefresh = time.Minute
	// missPause is how long a header that no key writes is believed to be forged before the database is asked again.
	missPause = time.Second
	// maxPending bounds the pools that wait for keys made in the background.
	maxPending = 64
)

// Config is what New needs.
type Config struct {
	// Algorithm chooses the algorithm of a pool's next keys. Defaults to RS256 for all.
	Algorithm func(ctx context.Context, poolID string) (Alg, error)
	// Announce is how long a rotated key is published before it signs. Defaults to one hour.
	Announce time.Duration
	// Log receives failed refreshes and background failures. Defaults to slog.Default().
	Log *slog.Logger
	// MaxLife is the longest life of a token; a retired key stays published so long. Defaults to 25 hours, one more
	// than Cognito's longest.
	MaxLife time.Duration
	// MaxPools bounds the pools whose keys are held in memory (about 15 KB each). Defaults to 1024.
	MaxPools int
	// MaxVerified bounds the verified tokens that are remembered (about 2 KB each). Defaults to 4096.
	MaxVerified int
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Refresh is how old keys in memory get before they are read again: at most, and by default, one minute.
	Refresh time.Duration
	// Store and Vault are required.
	Store Store
	Vault Vault
}

// Keys signs and verifies the tokens of all pools. It is safe for concurrent use.
type Keys struct {
	c        Config
	verified *cache

	mu    sync.RWMutex // guards pools and the sets in it; never held during I/O
	pools map[string]*entry

	making  chan struct{} // held while a key is generated: one core at most
	pending chan struct{}
	stop    context.CancelFunc
	life    context.Context
	wg      sync.WaitGroup
}

// entry is a pool's place in the cache. turn is held by the goroutine that reads or makes its keys.
type entry struct {
	set  *keySet // guarded by Keys.mu
	turn chan struct{}
}

// New returns a Keys. Close ends its background work.
func New(c Config) *Keys {
	if c.Store == nil || c.Vault == nil {
		panic("token: New without Store or Vault")
	}
	if c.Algorithm == nil {
		c.Algorithm = func(context.Context, string) (Alg, error) { return RS256, nil }
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Refresh <= 0 || c.Refresh > maxRefresh {
		c.Refresh = maxRefresh
	}
	c.Announce = orDefault(c.Announce, time.Hour)
	c.MaxLife = orDefault(c.MaxLife, 25*time.Hour)
	c.MaxPools = orDefault(c.MaxPools, 1024)
	c.MaxVerified = orDefault(c.MaxVerified, 4096)
	k := &Keys{c: c, verified: newCache(c.MaxVerified), pools: map[string]*entry{},
		making: make(chan struct{}, 1), pending: make(chan struct{}, maxPending)}
	k.life, k.stop = context.WithCancel(context.Background())
	return k
}

func orDefault[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// Close waits for keys that are being made in the background.
func (k *Keys) Close() error {
	k.stop()
	k.wg.Wait()
	return nil
}

// Prepare makes the signing keys that a pool lacks; with RSA that takes some 100 ms each. It is idempotent, and nodes
// may race. Without it, the first Sign or JWKS of the pool does the same. The pool must exist in the keyring. Not
// inside store.Write.
func (k *Keys) Prepare(ctx context.Context, poolID string) error {
	_, err := k.ready(ctx, poolID)
	return err
}

// PrepareLater is Prepare in the background. Failure is logged, and made good by the first Sign; that the pool has been
// deleted meanwhile is none.
func (k *Keys) PrepareLater(poolID string) {
	select {
	case k.pending <- struct{}{}:
	default:
		return
	}
	k.wg.Go(func() {
		defer func() { <-k.pending }()
		err := k.Prepare(k.life, poolID)
		switch {
		case err == nil || k.life.Err() != nil:
		case errors.Is(err, fault.New(fault.PoolNotFound)):
			k.c.Log.Debug("the pool was deleted before its signing keys were made", "pool", poolID)
		default:
			k.c.Log.Error("signing keys could not be prepared", "pool", poolID, "err", err)
		}
	})
}

// Forget drops a pool's keys from memory; they are read again when needed. Call it when a pool is deleted.
func (k *Keys) Forget(poolID string) {
	k.mu.Lock()
	delete(k.pools, poolID)
	k.mu.Unlock()
}

// keys returns the keys of a pool, from memory if they are fresh. There may be none.
func (k *Keys) keys(ctx context.Context, poolID string) (*keySet, error) {
	k.mu.RLock()
	var set *keySet
	if e := k.pools[poolID]; e != nil {
		set = e.set
	}
	k.mu.RUnlock()
	if set != nil && k.c.Now().Sub(set.loaded) < k.c.Refresh {
		return set, nil
	}
	return k.load(ctx, poolID, set)
}

// ready returns the keys of a pool, and makes those that are missing.
func (k *Keys) ready(ctx context.Context, poolID string) (*keySet, error) {
	set, err := k.keys(ctx, poolID)
	if err != nil || set.complete(k.c.Now()) {
		return set, err
	}
	e := k.entry(poolID)
	select {
	case e.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-e.turn }()
	if set, err = k.read(ctx, poolID, set); err != nil {
		return nil, err
	}
	if !set.complete(k.c.Now()) {
		if err := k.create(ctx, poolID, set); err != nil {
			return nil, err
		}
		if set, err = k.read(ctx, poolID, set); err != nil {
			return nil, err
		}
		if !set.complete(k.c.Now()) {
			return nil, errors.New("token: signing keys were made but are not there")
		}
	}
	k.put(e, set)
	return set, nil
}

// load reads the keys of a pool unless another goroutine already replaced have. While there are old keys nobody waits
// for the database but the one that reads it, and its failure is not the caller's.
func (k *Keys) load(ctx context.Context, poolID string, have *keySet) (*keySet, error) {
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
	set := e.set
	k.mu.RUnlock()
	if set != nil && set != have {
		return set, nil
	}
	set, err := k.read(ctx, poolID, have)
	if err != nil {
		if have == nil {
			return nil, err
		}
		k.c.Log.WarnContext(ctx, "signing keys could not be refreshed; going on with those in memory", "pool", poolID, "err", err)
		return have, nil
	}
	k.put(e, set)
	return set, nil
}

func (k *Keys) put(e *entry, set *keySet) {
	k.mu.Lock()
	e.set = set
	k.mu.Unlock()
}

// entry returns the pool's place in the cache, and drops another pool's if there are too many.
func (k *Keys) entry(poolID string) *entry {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.pools[poolID]; e != nil {
		return e
	}
	for id := range k.pools {
		if len(k.pools) < k.c.MaxPools {
			break
		}
		delete(k.pools, id)
	}
	e := &entry{turn: make(chan struct{}, 1)}
	k.pools[poolID] = e
	return e
}
