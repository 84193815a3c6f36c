package script

import (
	"sync"
	"time"
)

// The limits of api.cache, for each trigger (Auth0, "Actions limitations" and the triggers' API objects).
const (
	maxCacheEntries = 20
	maxCacheKey     = 64
	maxCacheValue   = 4 << 10
	maxCacheBytes   = 8 << 10
	maxCacheLife    = 24 * time.Hour
	// maxCaches bounds how many caches one process keeps: 8 MiB.
	maxCaches = 1024
)

// caches are what actions keep between calls: in memory, on the node that ran them, and lost with it.
type caches struct {
	mu  sync.Mutex
	all map[string]*cache
}

type cache struct {
	entries map[string]*cachedValue
	used    time.Time
}

// cachedValue is an entry; Expires is in milliseconds since 1970, as JavaScript counts.
type cachedValue struct {
	Value   string `json:"value"`
	Expires int64  `json:"expires_at"`
}

// cacheChange is what a call did to its cache, in order. No value: the key was deleted.
type cacheChange struct {
	Key   string       `json:"key"`
	Entry *cachedValue `json:"entry"`
}

// get returns a copy of a cache without what has expired. It is never nil.
func (c *caches) get(name string, now time.Time) map[string]*cachedValue {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]*cachedValue{}
	one := c.all[name]
	if one == nil {
		return out
	}
	one.used = now
	for k, v := range one.entries {
		if v.Expires <= now.UnixMilli() {
			delete(one.entries, k)
			continue
		}
		out[k] = v // never changed
	}
	return out
}

// apply makes the changes of a call. Calls at the same time change one cache: the last one counts for each key. What goes beyond a limit is left out.
func (c *caches) apply(name string, changes []cacheChange, now time.Time) {
	if len(changes) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.all[name]
	if one == nil {
		if c.all == nil {
			c.all = map[string]*cache{}
		}
		if len(c.all) >= maxCaches {
			c.dropOldest()
		}
		one = &cache{entries: map[string]*cachedValue{}}
		c.all[name] = one
	}
	one.used = now
	for _, ch := range changes {
		delete(one.entries, ch.Key)
		if e := ch.Entry; e != nil && one.fits(ch.Key, e, now) {
			one.entries[ch.Key] = e
		}
	}
}

func (c *cache) fits(key string, e *cachedValue, now time.Time) bool {
	at := now.UnixMilli()
	if len(key) == 0 || len(key) > maxCacheKey || len(e.Value) > maxCacheValue || e.Expires <= at || e.Expires > at+maxCacheLife.Milliseconds()+int64(time.Minute/time.Millisecond) {
		return false
	}
	total := len(key) + len(e.Value)
	for k, v := range c.entries {
		total += len(k) + len(v.Value)
	}
	return len(c.entries) < maxCacheEntries && total <= maxCacheBytes
}

func (c *caches) dropOldest() {
	oldest := ""
	for name, one := range c.all {
		if oldest == "" || one.used.Before(c.all[oldest].used) {
			oldest = name
		}
	}
	delete(c.all, oldest)
}
