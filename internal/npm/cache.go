package npm

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/json"
	"sync"
	"time"

	"countersign/internal/fault"
)

const (
	// lockLife is how long what "latest" and ranges resolved to is believed where nobody keeps the lock, maxLocks how many are.
	lockLife = 10 * time.Minute
	maxLocks = 64
)

// bundleOf is what modules were made into.
type bundleOf struct {
	files   []packed
	bundled bool
	bytes   int64
}

// cache keeps what was built: those longest unused go first.
type cache struct {
	limit int64

	mu    sync.Mutex
	used  int64
	order *list.List // of *cached, the latest first
	items map[[sha256.Size]byte]*list.Element
	locks map[[sha256.Size]byte]resolved
}

type cached struct {
	key [sha256.Size]byte
	*bundleOf
}

// resolved is a lock that npm made at a time.
type resolved struct {
	lock []byte
	at   time.Time
}

func newCache(limit int64) *cache {
	return &cache{limit: limit, order: list.New(), items: map[[sha256.Size]byte]*list.Element{}, locks: map[[sha256.Size]byte]resolved{}}
}

func (c *cache) get(key [sha256.Size]byte) *bundleOf {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.items[key]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).bundleOf
}

func (c *cache) put(key [sha256.Size]byte, b *bundleOf) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.items[key] != nil || b.bytes > c.limit {
		return
	}
	c.items[key] = c.order.PushFront(&cached{key, b})
	for c.used += b.bytes; c.used > c.limit; {
		last := c.order.Back()
		old := c.order.Remove(last).(*cached)
		delete(c.items, old.key)
		c.used -= old.bytes
	}
}

// lockKey names a question to npm: dependencies, and the lock from before.
func lockKey(before []byte, install map[string]string) [sha256.Size]byte {
	sum := sha256.Sum256(before)
	text, _ := json.Marshal(install) // strings, in the order of their names
	return sha256.Sum256(append(text, sum[:]...))
}

func (c *cache) lock(before []byte, install map[string]string, now time.Time) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok := c.locks[lockKey(before, install)]; ok && now.Sub(r.at) < lockLife && !now.Before(r.at) {
		return r.lock
	}
	return nil
}

func (c *cache) putLock(before []byte, install map[string]string, lock []byte, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, r := range c.locks {
		if now.Sub(r.at) >= lockLife || len(c.locks) >= maxLocks {
			delete(c.locks, key)
		}
	}
	c.locks[lockKey(before, install)] = resolved{lock, now}
}

// queue lets one build at a time to npm.
type queue struct {
	turn chan struct{}
	wait chan struct{}
}

func newQueue(waiting int) *queue {
	return &queue{turn: make(chan struct{}, 1), wait: make(chan struct{}, waiting)}
}

// enter waits for its turn; waits is called if it is not at once. leave must be called.
func (q *queue) enter(ctx context.Context, waits func()) (leave func(), err error) {
	leave = func() { <-q.turn }
	select {
	case q.turn <- struct{}{}:
		return leave, nil
	default:
	}
	select {
	case q.wait <- struct{}{}:
		defer func() { <-q.wait }()
	default:
		return nil, fault.New(fault.Overloaded).WithPublic("too many builds wait for npm: try again in a minute")
	}
	waits()
	select {
	case q.turn <- struct{}{}:
		return leave, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
