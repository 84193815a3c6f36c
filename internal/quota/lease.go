package quota

import (
	"cmp"
	"context"
	"slices"

	"countersign/internal/store"
)

const (
	// growth is how much larger the next block of a key is than the last.
	growth = 4
	// maxTakes bounds a block, in what is taken of it at once.
	maxTakes = 1000
	// share is the part of what is left in the store that a block may be at most, if no more is wanted at once.
	share = 8
)

// lease is a block that is being fetched.
type lease struct {
	e *entry
	Want
	// left is what the entry holds, give what goes back first: because it was leased above this caller's limit, or was not needed.
	left, give int64
	// demand is how much is wanted of the store at once; block is what is fetched if there is enough, without regard to what is left.
	demand, block int64
	// granted and taken are the store's answer.
	granted, taken int64
}

// leases begins one for each key that does not serve its caller. If all of them are under way already, wait is closed when the first has ended; mu is held.
func (s *Service) leases(entries []*entry, wants []Want) (mine []*lease, wait chan struct{}) {
	for i, e := range entries {
		w := wants[i]
		if w.N <= 0 || e.serves(w.N, w.Limit) {
			continue
		}
		if e.leasing != nil {
			wait = e.leasing
			continue
		}
		e.leasing = make(chan struct{})
		l := &lease{e: e, Want: w}
		l.give, e.back = e.back, 0
		if e.top > w.Limit {
			l.give, e.left = l.give+e.left, 0
		}
		l.left = e.left
		l.demand = e.wanted - e.left
		l.block = min(growth*e.block, s.c.Block(w.Limit), maxTakes*w.N)
		mine = append(mine, l)
	}
	slices.SortFunc(mine, func(a, b *lease) int { return compareKeys(a.Key, b.Key) })
	return mine, wait
}

// compareKeys is the order in which transactions touch rows: two nodes never wait for each other in a circle.
func compareKeys(a, b store.QuotaKey) int {
	return cmp.Or(cmp.Compare(a.PoolID, b.PoolID), cmp.Compare(a.Key, b.Key), a.Span.Compare(b.Span))
}

// lease fetches blocks, all in one transaction. What it was to give back is lost if that fails: then it is not known what was committed, and less than the
// limit is better than more.
func (s *Service) lease(ctx context.Context, mine []*lease) error {
	done := false
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, l := range mine {
			s.settle(l, done)
		}
	}()
	err := s.c.Store.Write(ctx, func(tx store.Tx) error {
		for _, l := range mine {
			if err := l.fetch(ctx, tx.Guards()); err != nil {
				return err
			}
		}
		return nil
	})
	done = err == nil
	return err
}

// fetch runs in the transaction, more than once perhaps.
func (l *lease) fetch(ctx context.Context, g store.Guards) error {
	if l.give > 0 {
		if err := g.GiveQuota(ctx, l.Key, l.give); err != nil {
			return err
		}
	}
	taken, err := g.QuotaTaken(ctx, l.Key)
	if err != nil {
		return err
	}
	n := max(l.demand, min(l.block, (l.Limit-taken)/share))
	l.granted, l.taken, err = g.TakeQuota(ctx, l.Key, n, l.Limit, l.Ends.Add(grace))
	if err != nil || l.left+l.granted >= l.N || l.granted == 0 {
		return err
	}
	// Others may want less than this caller: what is too little for it stays in the store.
	err = g.GiveQuota(ctx, l.Key, l.granted)
	l.taken -= l.granted
	l.granted = 0
	return err
}

// settle ends a lease; mu is held.
func (s *Service) settle(l *lease, done bool) {
	e := l.e
	close(e.leasing)
	e.leasing = nil
	if !done {
		return
	}
	e.left += l.granted
	e.taken, e.top = l.taken, l.taken
	if l.granted > 0 {
		e.block = l.granted
		return
	}
	e.fullN, e.fullLimit, e.fullUntil = l.N, l.Limit, s.c.Now().Add(fullFor)
}
