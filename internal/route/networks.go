package route

import (
	"context"
	"sync"
	"time"

	"countersign/internal/store"
)

const (
	// networkAge is how long the network of a prefix is remembered, or that none is known.
	networkAge = 10 * time.Minute
	// maxKnown bounds the prefixes that are remembered; maxWanted those that are looked up at once.
	maxKnown  = 50_000
	maxWanted = 500
)

// networks remembers which carrier a prefix belongs to. A message never waits for it: what is not known yet is looked up for the next one.
type networks struct {
	mu     sync.Mutex
	known  map[string]known
	wanted map[string]bool
}

type known struct {
	network string
	at      time.Time
}

// of returns the network of a prefix, as far as it is known. want says that it is worth looking up.
func (n *networks) of(prefix string, want bool, now time.Time) string {
	if prefix == "" || !want {
		return ""
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	k, ok := n.known[prefix]
	if (!ok || now.Sub(k.at) > networkAge) && len(n.wanted) < maxWanted {
		if n.wanted == nil {
			n.wanted = map[string]bool{}
		}
		n.wanted[prefix] = true
	}
	return k.network
}

// lookUp reads what is wanted.
func (s *Service) lookUp(ctx context.Context) {
	n := &s.networks
	n.mu.Lock()
	wanted := make([]string, 0, len(n.wanted))
	for p := range n.wanted {
		wanted = append(wanted, p)
	}
	n.wanted = nil
	n.mu.Unlock()
	if len(wanted) == 0 {
		return
	}
	var found map[string]string
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		found, err = tx.Routes().NetworksOf(ctx, wanted)
		return err
	})
	if err != nil {
		s.c.Logger.WarnContext(ctx, "networks could not be read", "error", err)
		return
	}
	now := s.c.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.known)+len(wanted) > maxKnown {
		clear(n.known)
	}
	for _, p := range wanted {
		n.known[p] = known{found[p], now}
	}
}
