package routehealth

import (
	"log/slog"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

// On both engines, two nodes: counts add up, a drop is found by both and told once, and what is old goes.
func TestOnRealStores(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		now := begin
		clock := func() time.Time { return now }
		log := eventlog.New(eventlog.Config{Keys: noKeys{}, Now: clock})
		var nodes []*Monitor
		for range 2 {
			nodes = append(nodes, New(Config{Store: s, Log: log, Logger: slog.New(slog.DiscardHandler), Now: clock}))
		}
		k := keyFor("a", "DE", "26201")
		span := func(ago time.Duration, sent, verified int) {
			at := now.Add(-ago)
			for i := range sent {
				m := nodes[i%2]
				if m.Sent(k, at); i < verified {
					nodes[(i+1)%2].Verified(k, at, at.Add(20*time.Second))
				}
			}
			for _, m := range nodes {
				if err := m.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		for h := range 30 {
			span(time.Duration(2+h)*time.Hour, 100, 70)
		}
		span(9*24*time.Hour, 10, 7)
		span(6*time.Minute, 60, 0)
		for range 2 {
			for _, m := range nodes {
				if err := m.Refresh(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i, m := range nodes {
			e, ok := m.Degraded(k)
			if !ok || e.Baseline.Sent != 3000 || e.Baseline.Verified != 2100 || e.Baseline.VerifySeconds != 20 || e.Short.Sent != 60 {
				t.Errorf("node %d: %v, %+v", i, ok, e)
			}
			if got := m.Rank("pool", "sms", "DE", "26201", []string{"a", "b"}); got[0] != "b" {
				t.Errorf("node %d: %v", i, got)
			}
		}
		now = now.Add(25 * time.Hour)
		for _, m := range nodes {
			if err := m.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		events, err := log.List(t.Context(), s, eventlog.Query{PoolID: "pool", Types: []eventlog.Type{eventlog.RouteDegraded, eventlog.RouteRecovered}})
		if err != nil || len(events) != 2 || events[0].Type != string(eventlog.RouteRecovered) {
			t.Errorf("%d events, %v", len(events), err)
		}
		if _, bad := nodes[1].Degraded(k); bad {
			t.Error("the second node does not know that it recovered")
		}
		err = s.Read(t.Context(), func(tx store.Tx) error {
			old, err := tx.Routes().RouteCounts(t.Context(), "", now.AddDate(-1, 0, 0), now.Add(-keepRows))
			if len(old) != 0 {
				t.Errorf("%d old rows", len(old))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		now = now.Add(2 * time.Hour)
		if err := nodes[0].Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := nodes[0].Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		err = s.Read(t.Context(), func(tx store.Tx) error {
			left, err := tx.Settings().ListSettings(t.Context(), "", settings, "", 10)
			if len(left) != 0 {
				t.Errorf("%d rows of judgements are left", len(left))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
