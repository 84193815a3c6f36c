package hook

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"countersign/internal/script"
)

const (
	// liveTTL is how long another node's change may go unseen. A node's own changes are seen at once.
	liveTTL = 2 * time.Second
	// livePools bounds the pools that are kept; all are dropped when there are more.
	livePools = 4096
	// loadTime bounds the reading of one pool's scripts.
	loadTime = 10 * time.Second
)

// unit is a script as it runs.
type unit struct {
	script.Unit
	poolID string
	// kind is that of the store ("hook"); id and name are the script's.
	kind, id, name string
	// trigger, versionID and bindingID are an action's.
	trigger, versionID, bindingID string
	secrets                       map[string]string
}

// live is what runs in a pool. Immutable.
type live struct {
	// hook is the enabled hook of send-phone-message, or nil; custom the action of custom-phone-provider, or nil.
	hook, custom *unit
	// sends and logins are the bound actions of send-phone-message and post-login, in order.
	sends, logins []*unit
	rules         []*unit
	until         time.Time
}

// liveEntry is a pool's place in the cache. mu is held while its scripts are read, so that they are read once.
type liveEntry struct {
	mu    sync.Mutex
	now   atomic.Pointer[live]
	drops atomic.Int64
	// last is what was read last, guarded by mu: the workers of what no longer runs are ended.
	last *live
}

// liveCache keeps what runs, by pool.
type liveCache struct {
	mu    sync.RWMutex
	pools map[string]*liveEntry
}

func (c *liveCache) entry(poolID string) *liveEntry {
	c.mu.RLock()
	e := c.pools[poolID]
	c.mu.RUnlock()
	if e != nil {
		return e
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e = c.pools[poolID]; e != nil {
		return e
	}
	if c.pools == nil || len(c.pools) >= livePools {
		c.pools = map[string]*liveEntry{}
	}
	e = &liveEntry{}
	c.pools[poolID] = e
	return e
}

// forget makes the next look at a pool read it anew. One that is being read is not kept.
func (c *liveCache) forget(poolID string) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if e := c.pools[poolID]; e != nil {
		e.drops.Add(1)
		e.now.Store(nil)
	}
}

// remove drops a pool that is gone, and returns its entry or nil.
func (c *liveCache) remove(poolID string) *liveEntry {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.pools[poolID]
	delete(c.pools, poolID)
	return e
}

// units are all that runs, by id.
func (l *live) units() map[string]*unit {
	out := map[string]*unit{}
	for _, u := range slices.Concat([]*unit{l.hook, l.custom}, l.sends, l.logins, l.rules) {
		if u != nil {
			out[u.ID] = u
		}
	}
	return out
}

// replace ends the workers of what runs no longer; mu is held.
func (s *Service) replace(e *liveEntry, l *live) {
	if e.last != nil {
		now := l.units()
		for id, u := range e.last.units() {
			if now[id] == nil {
				s.breaker.forget(id)
				s.c.forget(u)
			}
		}
	}
	e.last = l
}

// running returns what runs in a pool, from memory as a rule.
func (s *Service) running(ctx context.Context, poolID string) (*live, error) {
	e := s.live.entry(poolID)
	if l := e.now.Load(); l != nil && s.c.Now().Before(l.until) {
		return l, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if l := e.now.Load(); l != nil && s.c.Now().Before(l.until) {
		return l, nil
	}
	drops, until := e.drops.Load(), s.c.Now().Add(liveTTL)
	ctx, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	l, err := s.read(ctx, poolID)
	if err != nil {
		return nil, err
	}
	l.until = until
	s.replace(e, l)
	e.now.Store(l)
	if e.drops.Load() != drops {
		e.now.Store(nil) // it may have been read before the change; who asked before the change gets this
	}
	return l, nil
}
