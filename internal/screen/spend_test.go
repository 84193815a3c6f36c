package screen_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/quota"
	"countersign/internal/screen"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

// money is a policy that limits money alone.
func money(day string) screen.Policy {
	none := screen.Window{Hour: -1, Day: -1}
	return quiet(screen.Policy{Limits: screen.Limits{Client: none, Pool: none, Country: none}, Spend: screen.SpendLimit{Day: day}})
}

// Strangers stop at four fifths, everybody at the whole, and operators hear of it once, whatever number of nodes there is.
func TestSpend(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		one, two := w.node(priced(100_000)), w.node(priced(100_000))
		one.policy(money("10.00"))
		if got := one.sent(90, ask(t, american)); got != 80 {
			t.Errorf("strangers got %d messages of 8.00", got)
		}
		d := one.send(ask(t, american))
		if d.Refused != screen.Spend || d.Open || d.RetryAfter != 12*time.Hour || !contains(d.Evidence, "8 of 8 USD") {
			t.Errorf("a stranger more: %+v", d)
		}
		if n := len(w.events(eventlog.SpendWarning)); n != 1 {
			t.Errorf("%d warnings at 80 %%", n)
		}
		if n := len(w.events(eventlog.SpendExceeded)); n != 0 {
			t.Errorf("%d alarms while owners have money left", n)
		}
		typed := proven(t, american)
		typed.Typed = true
		if err := one.quota.Return(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := two.sent(25, typed); got != 20 {
			t.Errorf("owners got %d messages of 2.00", got)
		}
		for _, n := range []*node{one, two} {
			if d := n.send(typed); d.Refused != screen.Spend || !d.Open {
				t.Errorf("an owner more: %+v", d)
			}
			if d := n.send(proven(t, american)); d.Refused != screen.Spend || d.Open {
				t.Errorf("to a number that was not typed in: %+v", d)
			}
		}
		for _, kind := range []eventlog.Type{eventlog.SpendWarning, eventlog.SpendExceeded} {
			events := w.events(kind)
			if len(events) != 1 || !contains(string(events[0].Data), `"limit":"10"`, `"currency":"USD"`, `"day":"2026-11-21"`) {
				t.Errorf("%s: %d events, %v", kind, len(events), events)
			}
		}
		w.now = w.now.Add(12 * time.Hour)
		if d := two.send(ask(t, american)); d.Refused != "" {
			t.Errorf("after midnight: %+v", d)
		}
	})
}

// What a message really cost takes the place of what was reserved, on the day on which it was made, for strangers as well.
func TestSettled(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := w.node(priced(1_000_000))
		n.policy(money("10"))
		d := n.send(ask(t, american))
		if d.Cost != 1_000_000 || screen.ReservedOf(d.Mark) != d.Cost {
			t.Fatalf("cost %d, mark %q", d.Cost, d.Mark)
		}
		m := &store.Message{PoolID: poolID, Guard: d.Mark, CreatedAt: w.now, Cost: 3_500_000}
		n.Settled(m, screen.ReservedOf(m.Guard))
		m.Cost = 3_000_000
		n.Settled(m, 3_500_000)
		n.Settled(&store.Message{PoolID: poolID, CreatedAt: w.now, Cost: 1_000_000}, 0) // not screened
		n.Settled(&store.Message{PoolID: poolID, CreatedAt: w.now.Add(-24 * time.Hour), Cost: 9_000_000}, 0)
		if err := n.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := n.quota.Return(t.Context()); err != nil {
			t.Fatal(err)
		}
		r, err := n.Report(t.Context(), poolID)
		if err != nil || r.Spend.Spent != 4_000_000 || r.Spend.Strangers != 3_000_000 || r.Spend.Limit != 10_000_000 {
			t.Errorf("%+v, %v", r.Spend, err)
		}
		if got := n.sent(10, ask(t, american)); got != 5 {
			t.Errorf("strangers got %d more", got)
		}
	})
}

// While the store is down nothing is judged, and what was settled waits; Run writes it before it ends.
func TestStoreDown(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	down := &broken{Store: w.store}
	n := w.node(priced(1_000_000), func(c *screen.Config) {
		c.Store, c.Quota = down, quota.New(quota.Config{Store: down, Now: func() time.Time { return w.now }})
	})
	n.policy(money("10"))
	m := &store.Message{PoolID: poolID, CreatedAt: w.now, Cost: 4_000_000}
	n.Settled(m, 0)
	down.err = errors.New("down")
	if d, err := n.Screen(t.Context(), ask(t, american)); !errors.Is(err, down.err) || d.Refused != "" {
		t.Errorf("%+v, %v", d, err)
	}
	if err := n.Flush(t.Context()); !errors.Is(err, down.err) {
		t.Errorf("Flush: %v", err)
	}
	w.now = w.now.Add(time.Minute)
	if _, err := n.Limits(t.Context(), poolID); !errors.Is(err, down.err) {
		t.Errorf("Limits by a policy of a minute ago: %v", err)
	}
	down.err = nil
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Run(ctx); err != nil {
		t.Errorf("Run: %v", err)
	}
	if r, err := n.Report(t.Context(), poolID); err != nil || r.Spend.Spent != 4_000_000 {
		t.Errorf("%+v, %v", r.Spend, err)
	}
}

// broken is a store that fails while err is set.
type broken struct {
	store.Store
	err error
}

func (b *broken) Write(ctx context.Context, f func(store.Tx) error) error {
	if b.err != nil {
		return b.err
	}
	return b.Store.Write(ctx, f)
}

func (b *broken) Read(ctx context.Context, f func(store.Tx) error) error {
	if b.err != nil {
		return b.err
	}
	return b.Store.Read(ctx, f)
}

// A limit that only records is passed, counted on, and told.
func TestSpendRecorded(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	n := w.node(priced(1_000_000))
	p := money("2")
	p.Spend.Mode = screen.Record
	n.policy(p)
	recorded := 0
	for range 5 {
		d := n.send(proven(t, american))
		if d.Refused != "" || d.Cost != 1_000_000 {
			t.Errorf("%+v", d)
		}
		recorded += len(d.Recorded)
	}
	if recorded != 3 {
		t.Errorf("%d were recorded", recorded)
	}
	if err := n.quota.Return(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r, err := n.Report(t.Context(), poolID); err != nil || r.Spend.Spent != 5_000_000 {
		t.Errorf("%+v, %v", r.Spend, err)
	}
	events := w.events(eventlog.SpendExceeded)
	if len(events) != 1 || !contains(string(events[0].Data), `"enforced":false`) {
		t.Errorf("%d events", len(events))
	}
}

// Without a price a text costs as many times the default as it has parts.
func TestUnpriced(t *testing.T) {
	n := newWorld(t, storetest.SQLite(t)).node()
	n.policy(money("10"))
	a := ask(t, american)
	a.Segments = 3
	if d := n.screen(a); d.Cost != 150_000 {
		t.Errorf("three parts: %d", d.Cost)
	}
	a.Channel = "voice"
	if d := n.screen(a); d.Cost != 50_000 {
		t.Errorf("a call: %d", d.Cost)
	}
	n.policy(money(screen.None))
	if d := n.screen(a); d.Cost != 0 || d.Refused != "" {
		t.Errorf("without a limit: %+v", d)
	}
}

// Marks say what was put into them, and nothing that was not.
func FuzzMark(f *testing.F) {
	for _, s := range []string{"", "r=country,spend s c=50000 p=r:+1415|x=y", "c=12", "s", "p= c=7", "c=99999999999999999999", "r= x", "p"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		recorded, cost := screen.RecordedOf(s), screen.ReservedOf(s)
		if again := screen.Marking(recorded, cost, s); screen.ReservedOf(again) != max(cost, 0) || len(screen.RecordedOf(again)) != len(recorded) {
			t.Errorf("%q is %v, %d, and written as %q", s, recorded, cost, again)
		}
	})
}
