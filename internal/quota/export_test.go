package quota

import (
	"context"

	"countersign/internal/store"
)

// MaxKeys is how many keys are kept.
const MaxKeys = maxKeys

// Tidy is what Run does every five seconds.
func (s *Service) Tidy(ctx context.Context) error { return s.tidy(ctx) }

// Keys returns how many keys are in memory.
func (s *Service) Keys() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries)
}

// Wanted returns how much callers of Take want at present.
func (s *Service) Wanted(k store.QuotaKey) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[idOf(k)]; e != nil {
		return e.wanted
	}
	return 0
}

// Forget drops all keys that may be dropped.
func (s *Service) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.evict(s.c.Now()) {
	}
	s.dropIdle(s.c.Now())
}
