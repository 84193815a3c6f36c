package route_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"countersign/internal/route"
	"countersign/internal/store"
)

// asked notes the networks that route health is asked about.
type asked struct {
	calm
	networks *[]string
}

func (a asked) Rank(_, _, _, network string, names []string) []string {
	*a.networks = append(*a.networks, network)
	return []string{names[1], names[0]}
}

// The network of a prefix is looked up beside the messages, and the order of route health is followed.
func TestNetworksAndRank(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var networks []string
		r := newRig(t, sqlite(t), func(c *route.Config) { c.Health = asked{networks: &networks} })
		r.setUp(newPlan("a", "b"), named("a", "b")...)
		if err := r.s.Write(t.Context(), func(tx store.Tx) error {
			return tx.Routes().LearnNetwork(t.Context(), "+1202555", "310260", time.Now())
		}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.r.Run(ctx) }()
		for range 2 {
			if err := r.text(); err != nil || r.w.last().account != "b" {
				t.Errorf("%s: %v", r.w.last().account, err)
			}
			time.Sleep(2 * time.Second)
		}
		cancel()
		<-done
		if len(networks) != 2 || networks[0] != "" || networks[1] != "310260" {
			t.Errorf("networks %q", networks)
		}
	})
}
