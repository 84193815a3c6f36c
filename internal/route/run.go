package route

import (
	"context"
	"time"

	"countersign/internal/store"
	"countersign/provider"
)

const (
	lookUpEvery = time.Second
	// refreshEvery is when pools whose accounts keep connections are read again: a deleted account must hang up.
	refreshEvery = 5 * time.Second
	// searchEvery is when all pools are searched for accounts that keep connections.
	searchEvery = time.Minute
	searchPage  = 100
	firstPause  = time.Second
	longPause   = time.Minute
)

// Run keeps the connections of services that have them, closes providers whose account changed, and learns networks, until ctx ends. Its error
// is nil.
func (s *Service) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.work.Wait()
	defer cancel()
	s.runMu.Lock()
	s.running = ctx
	s.runMu.Unlock()
	s.search(ctx)
	look, refresh, search := time.NewTicker(lookUpEvery), time.NewTicker(refreshEvery), time.NewTicker(searchEvery)
	defer look.Stop()
	defer refresh.Stop()
	defer search.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			s.lookUp(ctx)
		case <-refresh.C:
			s.refreshStreaming(ctx)
		case <-search.C:
			s.search(ctx)
		}
	}
}

// stream begins the connection of a provider that has one; mu of l is held.
func (l *live) stream() {
	st, ok := l.p.(provider.Stream)
	if !ok {
		return
	}
	s := l.s
	s.runMu.Lock()
	defer s.runMu.Unlock()
	s.streaming[l.c.Kind] = true
	if s.running == nil || s.running.Err() != nil {
		return
	}
	ctx, cancel := context.WithCancel(s.running)
	l.stop = cancel
	s.work.Go(func() { l.keep(ctx, st) })
}

// keep holds a connection until ctx ends.
func (l *live) keep(ctx context.Context, st provider.Stream) {
	tell := func(n provider.Notice) {
		if l.s.c.Notice != nil {
			l.s.c.Notice(ctx, l.owner, l.c.Name, n)
		}
	}
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		began := l.s.c.Now()
		err := st.Run(ctx, tell)
		if ctx.Err() != nil {
			return
		}
		if l.s.c.Now().Sub(began) > longPause {
			pause = firstPause
		}
		l.s.c.Logger.WarnContext(ctx, "a connection with a service ended", "pool", l.owner, "account", l.c.Name, "error", err, "pause", pause)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// begin makes the provider of an account if its kind keeps connections, or nobody knows whether it does.
func (s *Service) begin(ctx context.Context, l *live) {
	s.runMu.Lock()
	streams, tried := s.streaming[l.c.Kind]
	s.runMu.Unlock()
	if l.c.Disabled || tried && !streams {
		return
	}
	l.mu.Lock()
	if p := l.p; p != nil && l.stop == nil {
		l.stream() // it was made before Run began
	}
	l.mu.Unlock()
	p, err := l.acquire(ctx)
	if err != nil {
		s.c.Logger.WarnContext(ctx, "an account cannot be used", "pool", l.owner, "account", l.c.Name, "error", faultText(err))
		return
	}
	defer l.release()
	_, ok := p.(provider.Stream)
	s.runMu.Lock()
	s.streaming[l.c.Kind] = ok
	s.runMu.Unlock()
}

// search begins the connections of all pools.
func (s *Service) search(ctx context.Context) {
	if s.static != nil {
		for _, l := range s.static.accounts {
			s.begin(ctx, l)
		}
	}
	for after := ""; ctx.Err() == nil; {
		var ids []string
		err := s.c.Store.Read(ctx, func(tx store.Tx) error {
			pools, err := tx.Pools().ListPools(ctx, after, searchPage)
			ids = ids[:0]
			for _, p := range pools {
				after = p.ID
				rows, err := tx.Settings().ListSettings(ctx, p.ID, accountPrefix, "", 1)
				if err != nil {
					return err
				}
				if len(rows) > 0 {
					ids = append(ids, p.ID)
				}
			}
			if len(pools) < searchPage {
				after = ""
			}
			return err
		})
		if err != nil {
			s.c.Logger.WarnContext(ctx, "pools could not be searched for accounts", "error", err)
			return
		}
		for _, id := range ids {
			s.beginAll(ctx, id)
		}
		if after == "" {
			return
		}
	}
}

func (s *Service) beginAll(ctx context.Context, poolID string) {
	v, err := s.pool(ctx, poolID)
	if err != nil {
		s.c.Logger.WarnContext(ctx, "accounts of a pool could not be read", "pool", poolID, "error", err)
		return
	}
	for _, l := range v.accounts {
		s.begin(ctx, l)
	}
}

// refreshStreaming reads pools with connections again.
func (s *Service) refreshStreaming(ctx context.Context) {
	var ids []string
	s.mu.RLock()
	for id, e := range s.pools {
		if e.view == nil {
			continue
		}
		for _, l := range e.view.accounts {
			l.mu.Lock()
			connected := l.stop != nil
			l.mu.Unlock()
			if connected {
				ids = append(ids, id)
				break
			}
		}
	}
	s.mu.RUnlock()
	for _, id := range ids {
		s.beginAll(ctx, id)
	}
}
