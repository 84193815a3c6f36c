package pool

import (
	"sync"
	"time"
)

// tenantTTL is how long another node's change of a pool or client may go unseen. A node's own changes are seen at once.
const tenantTTL = time.Second

// tenantMax bounds the cache; it is emptied when full.
const tenantMax = 4096

// tenantCache keeps decoded pools and clients. Only found ones are kept, so that unknown ids cannot fill it.
type tenantCache struct {
	now func() time.Time

	mu      sync.RWMutex
	entries map[string]tenantEntry
}

type tenantEntry struct {
	t     *tenant
	until time.Time
}

func newTenantCache(now func() time.Time) *tenantCache {
	return &tenantCache{now: now, entries: make(map[string]tenantEntry)}
}

func (c *tenantCache) client(id string, load func() (*tenant, error)) (*tenant, error) {
	return c.get("client/"+id, load)
}

func (c *tenantCache) pool(id string, load func() (*tenant, error)) (*tenant, error) {
	return c.get("pool/"+id, load)
}

func (c *tenantCache) get(key string, load func() (*tenant, error)) (*tenant, error) {
	now := c.now()
	c.mu.RLock()
	e, ok := c.entries[key]
	c.mu.RUnlock()
	if ok && now.Before(e.until) {
		return e.t, nil
	}
	t, err := load()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= tenantMax {
		clear(c.entries)
	}
	c.entries[key] = tenantEntry{t, now.Add(tenantTTL)}
	return t, nil
}

// forget empties the cache after a change made here.
func (c *tenantCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.entries)
}
