package optout

import (
	"context"
	"sync"
	"time"

	"countersign/internal/store"
)

const (
	// freshFor is how old what is remembered of a pool may be.
	freshFor = 5 * time.Second
	// waryFor is how long nothing is remembered of a pool that this node changes: longer than the change may take to be committed.
	waryFor = 2 * freshFor
	// maxKept bounds the opt-outs that are remembered of a pool; those of larger lists are read one by one.
	maxKept = 1000
	// maxPools bounds the pools that are remembered.
	maxPools = 256
	// worthIt is how often an empty list must have been asked within freshFor before it is read as a whole, rowsEach how many rows of it cost
	// about as much as one more question.
	worthIt, rowsEach = 8, 8
)

// memory holds the whole lists of busy pools for some seconds: most pools have few opt-outs, and a pool that sends hundreds of codes a second need not
// ask the store for each.
type memory struct {
	mu    sync.Mutex
	pools map[string]*list
}

// list is what is remembered of a pool. All but the fields of counting is replaced, not changed.
type list struct {
	// senders are those of each number's hash; nil: nothing is remembered.
	senders map[string][]string
	readAt  time.Time
	// size is how many rows there were when it was last read, more than maxKept if it is too long.
	size int
	// asked counts the questions since the time from. wary is until when nothing is remembered; reading, that somebody reads.
	asked   int
	from    time.Time
	wary    time.Time
	reading bool
}

// look returns the senders that a number has opted out of, if that is remembered. read says that the caller should read the whole list.
func (m *memory) look(pool string, number []byte, now time.Time) (senders []string, known, read bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.of(pool, now)
	if now.Before(l.wary) {
		return nil, false, false
	}
	if l.senders != nil && now.Sub(l.readAt) < freshFor {
		return l.senders[string(number)], true, false
	}
	if now.Sub(l.from) >= freshFor {
		l.asked, l.from = 0, now
		if l.size > maxKept {
			l.size = maxKept // it may have become shorter: it is tried again when it is asked for often
		}
	}
	l.asked++
	if read = !l.reading && l.size <= maxKept && l.asked > worthIt+l.size/rowsEach; read {
		l.reading = true
	}
	return nil, false, read
}

// of returns a pool's list; mu is held. If there are too many, others are forgotten, but for those that are being changed.
func (m *memory) of(pool string, now time.Time) *list {
	if l := m.pools[pool]; l != nil {
		return l
	}
	for other, l := range m.pools {
		if len(m.pools) < maxPools {
			break
		}
		if !now.Before(l.wary) {
			delete(m.pools, other)
		}
	}
	if m.pools == nil {
		m.pools = map[string]*list{}
	}
	l := &list{from: now}
	m.pools[pool] = l
	return l
}

// keep remembers what was read at a time. rows are at most one more than maxKept; nil if they could not be read.
func (m *memory) keep(pool string, rows []*store.OptOut, at time.Time, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.of(pool, at)
	l.reading, l.asked, l.from = false, 0, at
	if err != nil {
		return
	}
	if l.size = len(rows); l.size > maxKept {
		l.senders = nil
		return
	}
	senders := make(map[string][]string, len(rows))
	for _, o := range rows {
		senders[string(o.Number)] = append(senders[string(o.Number)], o.Sender)
	}
	l.senders, l.readAt = senders, at
}

// forget drops what is remembered of a pool that is about to change, until the change is committed for sure.
func (m *memory) forget(pool string, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.of(pool, now)
	l.senders, l.wary = nil, now.Add(waryFor)
}

// optedOut returns the senders that a number has opted out of.
func (s *Service) optedOut(ctx context.Context, poolID string, number []byte) (out []string, err error) {
	now := s.c.Now()
	out, known, whole := s.memory.look(poolID, number, now)
	if known {
		return out, nil
	}
	if whole {
		s.remember(ctx, poolID, now)
	}
	err = s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		out, err = tx.OptOuts().OptedOut(ctx, poolID, number)
		return err
	})
	return out, err
}

// remember reads a pool's list, as far as it is short enough.
func (s *Service) remember(ctx context.Context, poolID string, now time.Time) {
	var rows []*store.OptOut
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		rows, err = tx.OptOuts().ListOptOuts(ctx, store.OptOutQuery{PoolID: poolID, Limit: maxKept + 1})
		return err
	})
	s.memory.keep(poolID, rows, now, err)
}
