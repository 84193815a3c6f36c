package recall

import (
	"context"
	"iter"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a Memory is made of. Load and Fresh are required.
type Config[K comparable, V any] struct {
	// Load says what holds for a key. It runs in the goroutine and with the context of one of those who ask, and must not ask the Memory for the same key.
	Load func(ctx context.Context, key K) (V, error)
	// Fresh is how old what is returned may be, counted from before Load ran.
	Fresh time.Duration
	// Most bounds the keys that are kept; default 1.
	Most int
	// Now defaults to time.Now.
	Now func() time.Time
}

// Memory remembers what Load said. It is safe for concurrent use.
type Memory[K comparable, V any] struct {
	c Config[K, V]
	// places is replaced, not changed, with mu held. A key that is forgotten loses its place: what is read into that is seen by none who asks later.
	places atomic.Pointer[map[K]*place[V]]
	mu     sync.Mutex
}

// place is what is known of a key.
type place[V any] struct {
	known atomic.Pointer[known[V]]
	mu    sync.Mutex
	// under is the reading under way, nil if there is none.
	under *reading[V]
}

type known[V any] struct {
	v  V
	at time.Time
}

// reading is shared by all who wait for it; all but done is written before done is closed.
type reading[V any] struct {
	done chan struct{}
	v    V
	err  error
	// told says that v and err are what Load said, false that the one who read gave up.
	told bool
}

// New returns an empty Memory. It panics without Load or Fresh, which is a mistake of the programmer.
func New[K comparable, V any](c Config[K, V]) *Memory[K, V] {
	if c.Load == nil || c.Fresh <= 0 {
		panic("recall: Config.Load or Config.Fresh is missing")
	}
	if c.Most <= 0 {
		c.Most = 1
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	m := &Memory[K, V]{c: c}
	m.places.Store(&map[K]*place[V]{})
	return m
}

// Get returns what holds for a key, from memory if that is fresh. Errors: those of Load; that of ctx if it ends before another's reading.
func (m *Memory[K, V]) Get(ctx context.Context, key K) (V, error) {
	if p := (*m.places.Load())[key]; p != nil {
		if k := p.known.Load(); k != nil && m.fresh(k, m.c.Now()) {
			return k.v, nil
		}
	}
	for {
		p := m.place(key)
		now := m.c.Now()
		p.mu.Lock()
		if k := p.known.Load(); k != nil && m.fresh(k, now) {
			p.mu.Unlock()
			return k.v, nil
		}
		r := p.under
		if r == nil {
			r = &reading[V]{done: make(chan struct{})}
			p.under = r
			p.mu.Unlock()
			return m.read(ctx, key, p, r, now)
		}
		p.mu.Unlock()
		select {
		case <-r.done:
			if r.told {
				return r.v, r.err
			}
		case <-ctx.Done():
			var none V
			return none, ctx.Err()
		}
	}
}

// read runs Load for all who wait for r, and ends r even if Load panics.
func (m *Memory[K, V]) read(ctx context.Context, key K, p *place[V], r *reading[V], now time.Time) (V, error) {
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if r.told && r.err == nil {
			p.known.Store(&known[V]{r.v, now})
		}
		p.under = nil
		close(r.done)
	}()
	v, err := m.c.Load(ctx, key)
	r.v, r.err, r.told = v, err, err == nil || ctx.Err() == nil
	return v, err
}

// fresh takes a clock that went back for an old value.
func (m *Memory[K, V]) fresh(k *known[V], now time.Time) bool { return now.Sub(k.at).Abs() < m.c.Fresh }

// place returns the place of a key; if there are too many, those that are too old go, or else any other.
func (m *Memory[K, V]) place(key K) *place[V] {
	if p := (*m.places.Load())[key]; p != nil {
		return p
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	have := *m.places.Load()
	if p := have[key]; p != nil {
		return p
	}
	next := maps.Clone(have)
	if len(next) >= m.c.Most {
		now := m.c.Now()
		maps.DeleteFunc(next, func(_ K, p *place[V]) bool { return m.idle(p, now) })
	}
	for other := range next {
		if len(next) < m.c.Most {
			break
		}
		delete(next, other)
	}
	p := &place[V]{}
	next[key] = p
	m.places.Store(&next)
	return p
}

// idle reports whether a place holds nothing that is fresh, and nobody reads.
func (m *Memory[K, V]) idle(p *place[V], now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.known.Load()
	return p.under == nil && (k == nil || !m.fresh(k, now))
}

// Forget drops what is remembered of a key, and what is being read of it for those who ask from now on.
func (m *Memory[K, V]) Forget(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	have := *m.places.Load()
	if have[key] == nil {
		return
	}
	next := maps.Clone(have)
	delete(next, key)
	m.places.Store(&next)
}

// ForgetAll is Forget of all keys.
func (m *Memory[K, V]) ForgetAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.places.Store(&map[K]*place[V]{})
}

// All yields what is remembered, in no order, even if it is no longer fresh.
func (m *Memory[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for key, p := range *m.places.Load() {
			if k := p.known.Load(); k != nil && !yield(key, k.v) {
				return
			}
		}
	}
}
