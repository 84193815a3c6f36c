package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"sync"
)

// maxKeys bounds the cache. Only keys that verified a signature enter it, so that strangers cannot fill it.
const maxKeys = 1024

// keyCache remembers derived signing keys: one for each access key, day, region and service. The zero value is ready.
type keyCache struct {
	mu   sync.RWMutex
	keys map[scope]cachedKey
}

type scope struct{ accessKeyID, date, region, service string }

// cachedKey holds the hash of the secret that the key came from, so that a changed secret does not find it.
type cachedKey struct {
	secret [32]byte
	key    [32]byte
}

func (s *signature) scope() scope { return scope{s.accessKeyID, s.date, s.region, s.service} }

func (c *keyCache) get(s *signature, secret string) ([32]byte, bool) {
	c.mu.RLock()
	k, ok := c.keys[s.scope()]
	c.mu.RUnlock()
	if !ok {
		return [32]byte{}, false
	}
	sum := sha256.Sum256([]byte(secret))
	return k.key, subtle.ConstantTimeCompare(sum[:], k.secret[:]) == 1
}

func (c *keyCache) put(s *signature, secret string, key [32]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == nil || len(c.keys) >= maxKeys {
		c.keys = make(map[scope]cachedKey) // start anew: deriving costs two microseconds
	}
	c.keys[s.scope()] = cachedKey{secret: sha256.Sum256([]byte(secret)), key: key}
}
