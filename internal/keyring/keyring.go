package keyring

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"countersign/internal/secret"
	"countersign/internal/store"
)

// Deployment is the pseudo pool whose keys belong to no pool: access keys, operators, configuration.
const Deployment = ""

// Purpose says what a pool key is for. Keys of different purposes are independent.
type Purpose = string

// The purposes, as stored.
const (
	PurposeSeal    Purpose = "seal"
	PurposeSession Purpose = "session"
	PurposeCode    Purpose = "code"
	PurposeLookup  Purpose = "lookup"
)

var purposes = [...]Purpose{PurposeSeal, PurposeSession, PurposeCode, PurposeLookup}

// pageSize is how many rows are read at once when all keys are walked.
const pageSize = 256

var (
	// ErrNoKeys means that the pool has no key for the purpose: Create was not called, or the pool is gone.
	ErrNoKeys = errors.New("keyring: the pool has no keys")
	// ErrWrongRoot means that keys are wrapped by a root key that was not given. See WrongRootError.
	ErrWrongRoot = errors.New("keyring: wrong root key")
	// ErrDamaged means that a wrapped key names a root key that we have, and yet does not open.
	ErrDamaged = errors.New("keyring: wrapped key is damaged")
)

// WrongRootError tells which root keys are missing. errors.Is(err, ErrWrongRoot) holds.
type WrongRootError struct {
	// Have and Need are fingerprints: of the root keys given, and of those that wrap keys in the database.
	Have, Need []string
	// Keys is the number of keys that cannot be opened.
	Keys int
}

// Error says what to do.
func (e *WrongRootError) Error() string {
	return fmt.Sprintf("keyring: wrong root key: %d keys in the database are wrapped by root key %v, given was %v; "+
		"start with the key of that fingerprint (or list it among the accepted ones)", e.Keys, e.Need, e.Have)
}

// Is makes errors.Is(err, ErrWrongRoot) hold.
func (e *WrongRootError) Is(target error) bool { return target == ErrWrongRoot }

// Config is what Open needs besides the store.
type Config struct {
	// Accept are further root keys that may wrap keys: the old one after a root rotation that may not have ended, or
	// the coming one on the other nodes while it runs.
	Accept []Root
	// Log receives failed refreshes. Defaults to slog.Default().
	Log *slog.Logger
	// MaxPools bounds the pools whose keys are held in memory. Defaults to 4096.
	MaxPools int
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Refresh is how old keys in memory get before they are read again. Defaults to one minute. Rotated keys come
	// into use after twice this time.
	Refresh time.Duration
	// Root wraps new keys. Required.
	Root Root
}

// Keyring hands out the keys of pools. It is safe for concurrent use.
type Keyring struct {
	store    Store
	log      *slog.Logger
	now      func() time.Time
	refresh  time.Duration
	maxPools int
	roots    atomic.Pointer[rootSet]

	mu    sync.RWMutex // guards pools; never held during I/O
	pools map[string]*entry
}

// rootSet is immutable.
type rootSet struct {
	current Root
	all     map[string]Root
}

func (r *rootSet) ids() []string {
	ids := make([]string, 0, len(r.all))
	for id := range r.all {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Open returns a keyring over s. It checks that the given root keys open everything (*WrongRootError if not) and makes
// the keys of the deployment on first use.
func Open(ctx context.Context, s Store, c Config) (*Keyring, error) {
	if c.Root.IsZero() {
		return nil, errors.New("keyring: no root key")
	}
	k := &Keyring{store: s, log: c.Log, now: c.Now, refresh: c.Refresh, maxPools: c.MaxPools, pools: map[string]*entry{}}
	if k.log == nil {
		k.log = slog.Default()
	}
	if k.now == nil {
		k.now = time.Now
	}
	if k.refresh <= 0 {
		k.refresh = time.Minute
	}
	if k.maxPools <= 0 {
		k.maxPools = 4096
	}
	set := &rootSet{current: c.Root, all: map[string]Root{c.Root.id: c.Root}}
	for _, r := range c.Accept {
		if !r.IsZero() {
			set.all[r.id] = r
		}
	}
	k.roots.Store(set)
	if err := k.Check(ctx); err != nil {
		return nil, err
	}
	if err := k.Create(ctx, Deployment); err != nil {
		return nil, err
	}
	return k, nil
}

// Root returns the fingerprint of the root key that wraps new keys.
func (k *Keyring) Root() string { return k.roots.Load().current.id }

// Check reads which root keys wrap the keys in the database and returns *WrongRootError if one of them was not given.
// It decrypts nothing but the keys of the deployment.
func (k *Keyring) Check(ctx context.Context) error {
	set := k.roots.Load()
	need := map[string]int{}
	err := k.walk(ctx, func(row *Row) error {
		if _, ok := set.all[row.RootID]; !ok {
			need[row.RootID]++
		} else if row.PoolID == Deployment {
			if _, err := set.unwrap(row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(need) == 0 {
		return err
	}
	wrong := &WrongRootError{Have: set.ids()}
	for id, n := range need {
		wrong.Need = append(wrong.Need, id)
		wrong.Keys += n
	}
	slices.Sort(wrong.Need)
	return wrong
}

func (k *Keyring) walk(ctx context.Context, f func(*Row) error) error {
	var after *Row
	for {
		rows, err := k.store.AllKeys(ctx, after, pageSize)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := f(row); err != nil {
				return err
			}
		}
		if len(rows) < pageSize {
			return nil
		}
		after = rows[len(rows)-1]
	}
}

// Create makes the keys of a pool that it does not have yet. Nodes may race: the first row of each purpose wins.
// Call it in the prepare step of creating a pool; rows of a pool that then is not created do no harm.
func (k *Keyring) Create(ctx context.Context, poolID string) error {
	rows, err := k.store.PoolKeys(ctx, poolID)
	if err != nil {
		return err
	}
	for _, p := range purposes {
		if slices.ContainsFunc(rows, func(r *Row) bool { return r.Purpose == p }) {
			continue
		}
		if _, err := k.store.AddKey(ctx, k.newRow(poolID, p, 1)); err != nil {
			return err
		}
	}
	return nil
}

// Rotate adds a new version of a pool's key. It comes into use once every node has loaded it (see Config.Refresh);
// older versions go on opening. If another node rotated at the same moment there is still one new version.
func (k *Keyring) Rotate(ctx context.Context, poolID string, purpose Purpose) error {
	if purpose == PurposeLookup {
		return errors.New("keyring: the lookup key is never rotated: nothing would be found again")
	}
	rows, err := k.store.PoolKeys(ctx, poolID)
	if err != nil {
		return err
	}
	last := 0
	for _, r := range rows {
		if r.Purpose == purpose {
			last = max(last, r.Version)
		}
	}
	if last == 0 {
		return fmt.Errorf("%w: pool %q, purpose %q", ErrNoKeys, poolID, purpose)
	}
	if _, err := k.store.AddKey(ctx, k.newRow(poolID, purpose, last+1)); err != nil {
		return err
	}
	k.Forget(poolID)
	return nil
}

// maxPasses bounds RotateRoot, should other nodes add keys under the old root faster than it re-wraps them.
const maxPasses = 8

// RotateRoot makes next the root key and re-wraps all keys; it returns how many. Interrupted, it can be run again: both
// roots are accepted until it has ended, and Open accepts the old one by Config.Accept. Other nodes must have next in
// Accept before it starts.
func (k *Keyring) RotateRoot(ctx context.Context, next Root) (int, error) {
	if next.IsZero() {
		return 0, errors.New("keyring: no root key")
	}
	old := k.roots.Load()
	set := &rootSet{current: next, all: map[string]Root{next.id: next}}
	for id, r := range old.all {
		set.all[id] = r
	}
	k.roots.Store(set)
	total := 0
	for range maxPasses {
		n := 0
		err := k.walk(ctx, func(row *Row) error {
			if row.RootID == next.id {
				return nil
			}
			n++
			return k.rewrap(ctx, set, row)
		})
		total += n
		if err != nil || n == 0 {
			return total, err
		}
	}
	return total, errors.New("keyring: keys are still being added under the old root key; give every node the new one, then run again")
}

func (k *Keyring) rewrap(ctx context.Context, set *rootSet, row *Row) error {
	raw, err := set.unwrap(row)
	if err != nil {
		return err
	}
	defer clear(raw)
	again := *row
	again.RootID = set.current.id
	again.Wrapped = set.wrap(&again, raw)
	if err := k.store.RewrapKey(ctx, &again); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil // the pool was deleted meanwhile
}

func (k *Keyring) newRow(poolID string, purpose Purpose, version int) *Row {
	set := k.roots.Load()
	row := &Row{PoolID: poolID, Purpose: purpose, Version: version, RootID: set.current.id, CreatedAt: k.now().UTC().Truncate(time.Microsecond)}
	raw := secret.RandomKey()
	defer clear(raw)
	row.Wrapped = set.wrap(row, raw)
	return row
}

func (r *rootSet) wrap(row *Row, raw []byte) []byte {
	return secret.Seal(r.all[row.RootID].key, raw, rowAAD(row))
}

func (r *rootSet) unwrap(row *Row) ([]byte, error) {
	root, ok := r.all[row.RootID]
	if !ok {
		return nil, &WrongRootError{Have: r.ids(), Need: []string{row.RootID}, Keys: 1}
	}
	raw, err := secret.Open(root.key, row.Wrapped, rowAAD(row))
	if err != nil {
		return nil, fmt.Errorf("%w: pool %q, purpose %q, version %d", ErrDamaged, row.PoolID, row.Purpose, row.Version)
	}
	return raw, nil
}

func rowAAD(row *Row) []byte {
	return secret.Bind("pool key", row.PoolID, row.Purpose, strconv.Itoa(row.Version))
}
