package screen_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"countersign/internal/screen"
	"countersign/internal/store/storetest"
)

// Each guard says what it thinks, in the order in which they are asked, and where it stands.
func TestExplain(t *testing.T) {
	n := newWorld(t, storetest.SQLite(t)).node(priced(20_000))
	n.policy(screen.Policy{Countries: screen.Countries{Mode: screen.Record, Allow: []string{"DE"}}, Limits: screen.Limits{Client: screen.Window{Hour: 3}}})
	n.sent(3, proven(t, american))
	if err := n.quota.Return(t.Context()); err != nil {
		t.Fatal(err)
	}
	d, lines, err := n.Explain(t.Context(), ask(t, american))
	if err != nil || d.Refused != screen.ClientRate || !d.Open || !slices.Equal(d.Recorded, []screen.Reason{screen.Country}) {
		t.Fatalf("%+v, %v", d, err)
	}
	var got []string
	for _, l := range lines {
		got = append(got, l.Guard+" "+l.Result)
		if l.Text == "" || l.Mode == "" {
			t.Errorf("%+v", l)
		}
	}
	want := []string{
		"rules passes", "fictional passes", "countries would refuse", "line_types passes", "client refuses", "pool passes", "spend passes",
		"client_strangers passes", "pool_strangers passes", "country passes", "spend_strangers passes", "pumping passes",
		"number passes", "account passes", "address passes",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if l := lines[4]; l.Limit != 3 || l.Taken != 3 || l.Text != "3 of 3 messages of the client are used this hour" {
		t.Errorf("%+v", l)
	}
	if l := lines[6]; l.Limit != 200_000_000 || l.Taken != 60_000 || !contains(l.Text, "0.06 of 200 USD") {
		t.Errorf("%+v", l)
	}
	n.policy(screen.Policy{Mode: screen.Off})
	if d, lines, err := n.Explain(t.Context(), ask(t, american)); err != nil || d.Refused != "" || len(lines) != 1 || lines[0].Mode != screen.Off {
		t.Errorf("a policy that is off: %+v, %+v, %v", d, lines, err)
	}
}

func TestReport(t *testing.T) {
	n := newWorld(t, storetest.SQLite(t)).node(priced(20_000))
	n.policy(screen.Policy{Limits: screen.Limits{Pool: screen.Window{Hour: 100}}})
	n.sent(3, ask(t, american))
	if err := n.quota.Return(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := n.Report(t.Context(), poolID)
	if err != nil || r.Mode != screen.Enforce || !r.At.Equal(noon) {
		t.Fatalf("%+v, %v", r, err)
	}
	if s := r.Spend; s != (screen.SpendNow{Day: "2026-11-21", Currency: "USD", Spent: 60_000, Strangers: 60_000, Limit: 200_000_000}) {
		t.Errorf("%+v", s)
	}
	if q := r.Quotas; len(q) < 2 || q[0].Key != "pool/h/" || q[0].Taken != 3 || q[0].Limit != 100 || q[1].Key != "pool_strangers/h/" || q[1].Limit != 80 {
		t.Errorf("%+v", q)
	}
}

// A pool without a policy has the server's, and the server's own is the default otherwise.
func TestBase(t *testing.T) {
	base := quiet(screen.Policy{Countries: screen.Countries{Deny: []string{"DE"}}})
	n := newWorld(t, storetest.SQLite(t)).node(func(c *screen.Config) { c.Base = &base })
	if d := n.screen(ask(t, german)); d.Refused != screen.Country {
		t.Errorf("without a policy of its own: %+v", d)
	}
	n.policy(quiet(screen.Policy{}))
	if d := n.screen(ask(t, german)); d.Refused != "" {
		t.Errorf("with one: %+v", d)
	}
}

// Two nodes that are asked in parallel give away what there is, and no more.
func TestParallel(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		nodes := []*node{w.node(priced(10_000)), w.node(priced(10_000))}
		nodes[0].policy(quiet(screen.Policy{Limits: screen.Limits{Pool: screen.Window{Hour: 150}}, Spend: screen.SpendLimit{Day: "1.00"}}))
		var sent atomic.Int64
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				n := nodes[i%2]
				for turn := range 40 {
					d, err := n.Screen(t.Context(), proven(t, american))
					if err != nil {
						t.Error(err)
					}
					switch {
					case d.Refused != "":
					case turn%5 == 4:
						n.Undo(d)
					default:
						n.Committed(t.Context(), poolID, d)
						sent.Add(1)
					}
				}
			})
		}
		all.Wait()
		if n := sent.Load(); n > 100 || n < 90 {
			t.Errorf("%d messages of 0.01 for 1.00", n)
		}
	})
}
