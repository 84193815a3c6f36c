package quota

import (
	"context"
	"slices"
	"time"

	"countersign/internal/store"
)

const (
	// every is how often Run looks for blocks that nobody uses.
	every = 5 * time.Second
	// idleFor is how long a block may lie unused before it is given back.
	idleFor = 10 * time.Second
	// evicted is how many keys make room at once for new ones.
	evicted = 256
	// givenAtOnce bounds the rows of one transaction.
	givenAtOnce = 256
)

// owed is what a key that is no longer known must get back.
type owed struct {
	key store.QuotaKey
	n   int64
}

// entry finds a key or makes it known; mu is held.
func (s *Service) entry(k store.QuotaKey, now time.Time) *entry {
	i := idOf(k)
	if e := s.entries[i]; e != nil {
		return e
	}
	if len(s.entries) >= maxKeys && !s.evict(now.Add(-fullFor)) {
		s.evict(now)
	}
	e := &entry{key: k, used: now}
	s.entries[i] = e
	return e
}

// evict forgets some keys that were last used at a time or before, and reports whether there were any; mu is held.
func (s *Service) evict(before time.Time) bool {
	n := 0
	for i, e := range s.entries {
		if n == evicted {
			break
		}
		if e.callers == 0 && !e.used.After(before) {
			s.forget(i, e)
			n++
		}
	}
	return n > 0
}

// forget drops a key that nobody uses; what it holds is owed to the store. mu is held.
func (s *Service) forget(i id, e *entry) {
	delete(s.entries, i)
	if n := e.left + e.back; n > 0 && len(s.owed) < maxKeys {
		s.owed = append(s.owed, owed{e.key, n})
	}
}

// Drop forgets the keys of a pool whose rows are gone from the store; nothing is given back.
func (s *Service) Drop(poolID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owed = slices.DeleteFunc(s.owed, func(o owed) bool { return o.key.PoolID == poolID })
	for i, e := range s.entries {
		switch {
		case e.key.PoolID != poolID:
		case e.callers == 0:
			delete(s.entries, i)
		default:
			e.left, e.back, e.taken, e.top, e.block, e.fullUntil = 0, 0, 0, 0, 0, time.Time{}
		}
	}
}

// Run gives back what lies unused, every five seconds, until the context ends, and then all blocks. It returns what the last giving returned.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			// The store still works while the server drains.
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), every)
			defer cancel()
			return s.Return(last)
		case <-tick.C:
			if err := s.tidy(ctx); err != nil && ctx.Err() == nil {
				s.c.Logger.ErrorContext(ctx, "giving back blocks of quotas", "error", err)
			}
		}
	}
}

// tidy forgets the keys that were not used lately and gives back what they hold, and what others are to give back.
func (s *Service) tidy(ctx context.Context) error {
	s.mu.Lock()
	s.dropIdle(s.c.Now().Add(-idleFor))
	list := s.owed
	s.owed = nil
	s.mu.Unlock()
	return s.give(ctx, list)
}

// dropIdle forgets the keys that were last used at a time or before; mu is held.
func (s *Service) dropIdle(before time.Time) {
	for i, e := range s.entries {
		switch {
		case e.callers > 0:
		case !e.used.After(before):
			s.forget(i, e)
		case e.back > 0:
			s.owed = append(s.owed, owed{e.key, e.back})
			e.taken -= e.back
			e.back = 0
		}
	}
}

// Return gives all blocks back, as a node does that ends. It may be used again afterwards.
func (s *Service) Return(ctx context.Context) error {
	s.mu.Lock()
	list := s.owed
	s.owed = nil
	for _, e := range s.entries {
		if n := e.left + e.back; n > 0 {
			list = append(list, owed{e.key, n})
			e.taken -= n
			e.left, e.back, e.block = 0, 0, 0
		}
	}
	s.mu.Unlock()
	return s.give(ctx, list)
}

// give writes what is given back. What fails is lost until the end of its span: it is not known what was committed.
func (s *Service) give(ctx context.Context, list []owed) error {
	slices.SortFunc(list, func(a, b owed) int { return compareKeys(a.key, b.key) })
	for some := range slices.Chunk(list, givenAtOnce) {
		err := s.c.Store.Write(ctx, func(tx store.Tx) error {
			for _, o := range some {
				if err := tx.Guards().GiveQuota(ctx, o.key, o.n); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
