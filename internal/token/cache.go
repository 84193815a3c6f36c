package token

import (
	"crypto/sha256"
	"sync"
)

const shards = 16

// cache remembers verified tokens by their SHA-256. It holds two generations in each shard: when the young one is full
// the old one is dropped, so that nothing is ever scanned and what is in use stays. Expiry is the reader's to check.
type cache struct {
	shard [shards]cacheShard
	// half is the size at which a generation of a shard is full.
	half int
}

type cacheShard struct {
	mu         sync.Mutex
	young, old map[[sha256.Size]byte]*Claims
}

func newCache(size int) *cache { return &cache{half: max(size/(2*shards), 1)} }

func (c *cache) get(sum [sha256.Size]byte) *Claims {
	s := &c.shard[sum[0]%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.young[sum]; v != nil {
		return v
	}
	v := s.old[sum]
	if v != nil {
		delete(s.old, sum)
		c.insert(s, sum, v)
	}
	return v
}

func (c *cache) put(sum [sha256.Size]byte, v *Claims) {
	s := &c.shard[sum[0]%shards]
	s.mu.Lock()
	c.insert(s, sum, v)
	s.mu.Unlock()
}

func (c *cache) insert(s *cacheShard, sum [sha256.Size]byte, v *Claims) {
	if len(s.young) >= c.half {
		s.old, s.young = s.young, nil
	}
	if s.young == nil {
		s.young = make(map[[sha256.Size]byte]*Claims)
	}
	s.young[sum] = v
}

func (c *cache) len() int {
	n := 0
	for i := range c.shard {
		s := &c.shard[i]
		s.mu.Lock()
		n += len(s.young) + len(s.old)
		s.mu.Unlock()
	}
	return n
}
