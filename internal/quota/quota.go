package quota

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"countersign/internal/fault"
	"countersign/internal/store"
)

// Config of a Service.
type Config struct {
	Store store.Store
	// Now defaults to time.Now.
	Now func() time.Time
	// Logger defaults to none.
	Logger *slog.Logger
	// Block is how much of a limit a node may hold of a key at most, unless more is wanted at once. It defaults to 2 %, at least 1. A block is in any case
	// no more than 1,000 times what is taken of it at once.
	Block func(limit int64) int64
}

// Service holds this node's blocks. It is safe for concurrent use.
type Service struct {
	c Config

	mu      sync.Mutex
	entries map[id]*entry
	// owed is what goes back to the store at the next occasion, of keys that are no longer known.
	owed []owed
}

// id is a store.QuotaKey that can be compared.
type id struct {
	pool, key string
	span      int64
}

// entry is what this node knows and holds of a key.
type entry struct {
	key  store.QuotaKey
	ends time.Time
	// left is what is left of the block; back is what is to be given back to the store at the next occasion.
	left, back int64
	// taken is how many are taken in the store, with the blocks of all nodes, when it was last asked; top the same when left was leased: nobody whose
	// limit is lower may be served from it.
	taken, top int64
	// block is the size of the last lease.
	block int64
	// wanted is what callers of TakeAll want at present, callers how many they are: their entry stays.
	wanted, callers int64
	// leasing is closed when the lease under way has ended; nil: there is none.
	leasing chan struct{}
	// used is when it was last asked for.
	used time.Time
	// Until fullUntil, fullN and more are refused to limits of fullLimit and less.
	fullN, fullLimit int64
	fullUntil        time.Time
}

// inUse is how many are taken as far as this node knows.
func (e *entry) inUse() int64 { return max(e.taken-e.left-e.back, 0) }

// serves reports whether the block can give n to somebody with this limit.
func (e *entry) serves(n, limit int64) bool { return e.left >= n && e.top <= limit }

func (e *entry) full(n, limit int64, now time.Time) bool {
	return n > limit || n >= e.fullN && limit <= e.fullLimit && now.Before(e.fullUntil)
}

func idOf(k store.QuotaKey) id { return id{pool: k.PoolID, key: k.Key, span: k.Span.UnixMicro()} }

const (
	// maxKeys bounds the keys in memory, some 200 bytes each.
	maxKeys = 20_000
	// grace is how long the store keeps a row after its span, so that those who come late find the same row.
	grace = time.Hour
	// fullFor is how long a refusal is answered from memory.
	fullFor = time.Second
)

// New returns a service that holds nothing yet.
func New(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Block == nil {
		c.Block = func(limit int64) int64 { return max(limit/50, 1) }
	}
	return &Service{c: c, entries: map[id]*entry{}}
}

// Result is what became of a Take.
type Result struct {
	// OK says that it was taken.
	OK bool
	// Taken is how many are taken in the whole deployment, as far as this node knows: others' blocks count as taken, its own block does not.
	Taken int64
}

// Want is what TakeAll is to take of one key.
type Want struct {
	Key store.QuotaKey
	// N is taken if that makes no more than Limit. Nothing is asked of the store for an N of 0 or less.
	N, Limit int64
	// Ends is the end of the span.
	Ends time.Time
}

// Take takes n of what is left below limit in the span that ends at a time. Not OK is no error; errors are the store's and the context's.
func (s *Service) Take(ctx context.Context, k store.QuotaKey, n, limit int64, ends time.Time) (Result, error) {
	if r, ok := s.fromBlock(k, n, limit); ok {
		return r, nil
	}
	r, err := s.TakeAll(ctx, []Want{{Key: k, N: n, Limit: limit, Ends: ends}})
	if err != nil {
		return Result{}, err
	}
	return r[0], nil
}

// fromBlock is what almost every Take is.
func (s *Service) fromBlock(k store.QuotaKey, n, limit int64) (Result, bool) {
	now := s.c.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[idOf(k)]
	if e == nil || n <= 0 || !e.serves(n, limit) {
		return Result{}, false
	}
	e.left -= n
	e.used = now
	return Result{OK: true, Taken: e.inUse()}, true
}

// TakeAll takes all of these, or nothing if one is not OK; some that are OK were not taken then. The keys must differ. Results are in the order of wants.
func (s *Service) TakeAll(ctx context.Context, wants []Want) ([]Result, error) {
	for i, w := range wants {
		for _, other := range wants[:i] {
			if idOf(w.Key) == idOf(other.Key) {
				return nil, fault.Internalf("quota: one key twice in one call of TakeAll")
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	entries := s.enter(wants)
	defer leave(entries, wants)
	for {
		if results := s.judge(entries, wants); results != nil {
			return results, nil
		}
		mine, wait := s.leases(entries, wants)
		err := s.unlocked(func() error {
			if len(mine) > 0 {
				return s.lease(ctx, mine)
			}
			select {
			case <-wait:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		if err != nil {
			return nil, err
		}
	}
}

// unlocked runs f without the lock.
func (s *Service) unlocked(f func() error) error {
	s.mu.Unlock()
	defer s.mu.Lock()
	return f()
}

// enter finds or makes the entries of wants and keeps them; mu is held.
func (s *Service) enter(wants []Want) []*entry {
	now := s.c.Now()
	entries := make([]*entry, len(wants))
	for i, w := range wants {
		e := s.entry(w.Key, now)
		e.ends, e.used = w.Ends, now
		e.callers++
		e.wanted += max(w.N, 0)
		entries[i] = e
	}
	return entries
}

func leave(entries []*entry, wants []Want) {
	for i, e := range entries {
		e.callers--
		e.wanted -= max(wants[i].N, 0)
	}
}

// judge takes everything if the blocks suffice, and refuses if a quota is full. Otherwise it returns nil; mu is held.
func (s *Service) judge(entries []*entry, wants []Want) []Result {
	now := s.c.Now()
	results, refused, served := make([]Result, len(wants)), false, true
	for i, e := range entries {
		n, limit := wants[i].N, wants[i].Limit
		results[i] = Result{OK: true, Taken: e.inUse()}
		switch {
		case n <= 0 || e.serves(n, limit):
		case e.full(n, limit, now):
			results[i].OK, refused = false, true
		default:
			served = false
		}
	}
	switch {
	case refused:
		return results
	case !served:
		return nil
	}
	for i, e := range entries {
		e.left -= max(wants[i].N, 0)
		results[i].Taken = e.inUse()
	}
	return results
}

// Give returns what was taken and not used to this node's block.
func (s *Service) Give(k store.QuotaKey, n int64) {
	if n <= 0 {
		return
	}
	now := s.c.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[idOf(k)]; e != nil && e.block > 0 {
		e.left += n
		return
	}
	s.entry(k, now).back += n
}

// Add adds n, which may be negative, whatever the limit is, and returns how many are taken in the whole deployment as far as this node knows. What makes it
// more comes from the block or goes to the store at once; what makes it less reaches the store within seconds.
func (s *Service) Add(ctx context.Context, k store.QuotaKey, n int64, ends time.Time) (int64, error) {
	if taken, ok := s.addHere(k, n); ok {
		return taken, nil
	}
	var taken int64
	err := s.c.Store.Write(ctx, func(tx store.Tx) (err error) {
		taken, err = tx.Guards().AddQuota(ctx, k, n, ends.Add(grace))
		return err
	})
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[idOf(k)]; e != nil {
		e.taken = taken
		taken = e.inUse()
	}
	return taken, nil
}

func (s *Service) addHere(k store.QuotaKey, n int64) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[idOf(k)]
	switch {
	case e == nil:
		return 0, false
	case n < 0:
		e.back -= n
	case e.left >= n:
		e.left -= n
	default:
		return 0, false
	}
	return e.inUse(), true
}

// Taken reads how many are taken in the whole deployment; others' blocks count as taken, this node's block does not.
func (s *Service) Taken(ctx context.Context, k store.QuotaKey) (int64, error) {
	var taken int64
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		taken, err = tx.Guards().QuotaTaken(ctx, k)
		return err
	})
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[idOf(k)]; e != nil {
		taken = max(taken-e.left-e.back, 0)
	}
	return taken, nil
}
