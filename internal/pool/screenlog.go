package pool

import (
	"context"
	"sync"
	"time"
)

const (
	// refusalsAtOnce is how many refusals of a pool are written down one by one, refusalEvery when there may be one more: who asks for refused messages
	// all day long neither fills the log nor keeps the database busy.
	refusalsAtOnce = 300
	refusalEvery   = 200 * time.Millisecond
	// toldEvery is how often those that are left out are told.
	toldEvery = time.Minute
)

// refusalLog bounds the events of refusals that are written apart from everything else. There is one for each pool that had one.
type refusalLog struct {
	mu    sync.Mutex
	pools map[string]*refusals
}

// refusals are those of a pool: full is when all of its places are free again.
type refusals struct {
	full, told time.Time
	left       int
}

// take reports whether a refusal is to be written down. left is how many were not since it was last told; 0: there is nothing to tell.
func (l *refusalLog) take(poolID string, now time.Time) (ok bool, left int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pools == nil {
		l.pools = map[string]*refusals{}
	}
	r := l.pools[poolID]
	if r == nil {
		r = &refusals{told: now}
		l.pools[poolID] = r
	}
	if r.full.Before(now) {
		r.full = now
	}
	if ok = r.full.Sub(now) <= (refusalsAtOnce-1)*refusalEvery; ok {
		r.full = r.full.Add(refusalEvery)
	} else {
		r.left++
	}
	if r.left > 0 && now.Sub(r.told) >= toldEvery {
		left, r.left, r.told = r.left, 0, now
	}
	return ok, left
}

// mayLog reports whether a refusal of a pool is to be written down, and tells of those that were not.
func (s *Service) mayLog(ctx context.Context, poolID string) bool {
	ok, left := s.refusals.take(poolID, s.now())
	if left > 0 {
		s.Log.WarnContext(ctx, "guards refuse so much that not all of it is in the log", "pool", poolID, "left_out", left)
	}
	return ok
}
