package routehealth

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"countersign/internal/store"
)

// route sends a country's traffic by the ranks, as a plan does: to the first account.
func (w *world) route(d time.Duration, perMinute float64, ratio map[string]float64, until func() bool) bool {
	for end := w.now.Add(d); w.now.Before(end); {
		counts := map[string]int{}
		for range int(perMinute * step.Minutes()) {
			m := w.nodes[w.rnd.IntN(len(w.nodes))]
			counts[m.Rank("pool", "sms", "DE", "26201", []string{"a", "b"})[0]]++
		}
		for _, a := range []string{"a", "b"} {
			for range counts[a] {
				m, k := w.nodes[w.rnd.IntN(len(w.nodes))], keyFor(a, "DE", "26201")
				at := w.now.Add(time.Duration(w.rnd.Int64N(int64(step))))
				m.Sent(k, at)
				w.n++
				if w.rnd.Float64() < ratio[a] {
					w.plan(typed{k, at, at.Add(time.Duration(w.rnd.ExpFloat64() * float64(20*time.Second))), false})
				}
			}
		}
		if w.run(step, nil, until) {
			return true
		}
	}
	return false
}

// A total drop, an hour of it, and the return: degraded once, probed, recovered once, over two nodes.
func TestDegradedIsProbedAndRecovers(t *testing.T) {
	for seed := range uint64(5) {
		w := newWorld(t, 2, seed)
		w.past(stream{key: keyFor("a", "DE", "26201"), perMinute: 60, ratio: 0.7, median: 15 * time.Second})
		good := map[string]float64{"a": 0.7, "b": 0.65}
		w.route(time.Hour, 60, good, nil)
		if told := w.store.told(); len(told) != 0 {
			t.Fatal(told)
		}
		if !w.route(6*time.Minute, 60, map[string]float64{"b": 0.65}, func() bool { return len(w.store.told()) > 0 }) {
			t.Fatal("a total drop was not noticed")
		}
		w.route(time.Hour, 60, map[string]float64{"b": 0.65}, nil)
		if told := w.store.told(); !slices.Equal(told, []string{"degraded a DE * 5min"}) {
			t.Fatal(told)
		}
		var first int
		for range 2000 {
			if w.nodes[0].Rank("pool", "sms", "DE", "26201", []string{"a", "b"})[0] == "a" {
				first++
			}
		}
		if first != 100 {
			t.Fatalf("%d probes of 2000", first)
		}
		back := w.now
		if !w.route(40*time.Minute, 60, good, func() bool { return len(w.store.told()) > 1 }) {
			t.Fatal("it did not recover")
		}
		if seed == 0 {
			t.Logf("recovered after %v of probes", w.now.Sub(back))
		}
		w.route(2*time.Hour, 60, good, nil) // the rule of an hour does not look at what was before
		if told := w.store.told(); !slices.Equal(told, []string{"degraded a DE * 5min", "recovered a DE * 5min"}) {
			t.Fatal(told)
		}
		if len(w.store.sets) != 0 {
			t.Fatalf("%d rows are left", len(w.store.sets))
		}
	}
}

// An account that stays at half is not called well by its few probes.
func TestHalfIsNotWell(t *testing.T) {
	w := newWorld(t, 1, 3)
	w.past(stream{key: keyFor("a", "DE", "26201"), perMinute: 60, ratio: 0.7, median: 15 * time.Second})
	w.route(time.Hour, 60, map[string]float64{"a": 0.7, "b": 0.65}, nil)
	w.route(12*time.Hour, 60, map[string]float64{"a": 0.35, "b": 0.65}, nil)
	if told := w.store.told(); len(told) != 1 {
		t.Fatal(told)
	}
}

// Where nobody asks for codes, nobody can say that an account is well: after a day it gets its chance.
func TestDegradedForADay(t *testing.T) {
	w := newWorld(t, 1, 4)
	s := stream{key: keyFor("a", "DE", "26201"), perMinute: 30, ratio: 0.7, median: 15 * time.Second}
	w.past(s)
	w.run(30*time.Minute, []stream{s}, nil)
	dead := s
	dead.ratio = 0
	w.run(20*time.Minute, []stream{dead}, nil)
	if len(w.store.told()) != 1 {
		t.Fatal(w.store.told())
	}
	w.now = w.now.Add(23 * time.Hour)
	w.run(time.Minute, nil, nil)
	if len(w.store.told()) != 1 {
		t.Fatal(w.store.told())
	}
	w.now = w.now.Add(time.Hour)
	w.run(time.Minute, nil, nil)
	if told := w.store.told(); len(told) != 2 || told[1] != "recovered a DE * 5min" {
		t.Fatal(told)
	}
}

// A broken network is told alone, and the country's other networks keep their order; a country that breaks as a whole makes one event.
func TestNetworksAndCountries(t *testing.T) {
	w := newWorld(t, 1, 5)
	var all []stream
	for _, n := range []string{"26201", "26202", "26203", ""} {
		all = append(all, stream{key: keyFor("a", "DE", n), perMinute: 20, ratio: 0.7, median: 15 * time.Second})
	}
	w.past(all...)
	w.run(time.Hour, all, nil)
	broken := slices.Clone(all)
	broken[0].ratio = 0
	w.run(30*time.Minute, broken, nil)
	if told := w.store.told(); !slices.Equal(told, []string{"degraded a DE 26201 5min"}) {
		t.Fatal(told)
	}
	m, two := w.nodes[0], []string{"a", "b"}
	for network, first := range map[string]string{"26201": "b", "26202": "a", "": "a", "26299": "a"} {
		if got := m.Rank("pool", "sms", "DE", network, two)[0]; got != first {
			t.Errorf("network %q goes to %s", network, got)
		}
	}
	if m.Rank("pool", "sms", "FR", "26201", two)[0] != "a" || m.Rank("pool", "voice", "DE", "26201", two)[0] != "a" || m.Rank("other", "sms", "DE",
		"26201", two)[0] != "a" {
		t.Error("it spread")
	}
	for i := range broken {
		broken[i].ratio = 0
	}
	broken[1].ratio = 0.7 // one network still works
	w.run(30*time.Minute, broken, nil)
	for _, e := range w.store.told()[1:] {
		if e != "degraded a DE * 5min" && e != "degraded a DE * 60min" && e != "degraded a DE 26203 5min" && e != "degraded a DE  5min" {
			t.Error(e)
		}
	}
	w.run(time.Hour, broken, nil)
	for network, first := range map[string]string{"26201": "b", "26202": "a", "26203": "b", "26299": "b"} {
		if got := m.Rank("pool", "sms", "DE", network, two)[0]; got != first {
			t.Errorf("network %q goes to %s", network, got)
		}
	}
	if _, ok := m.Degraded(keyFor("a", "DE", AllNetworks)); !ok {
		t.Error("the country is not degraded")
	}
	if _, ok := m.Degraded(keyFor("a", "DE", "26202")); ok {
		t.Error("a network that works is")
	}
}

// The event holds both windows and the baseline.
func TestEvidence(t *testing.T) {
	w := newWorld(t, 1, 6)
	s := stream{key: keyFor("a", "DE", "26201"), perMinute: 60, ratio: 0.7, median: 15 * time.Second, undelivered: 0.05}
	w.past(s)
	w.run(time.Hour, []stream{s}, nil)
	s.ratio = 0
	w.run(10*time.Minute, []stream{s}, nil)
	if len(w.store.events) != 1 {
		t.Fatal(w.store.told())
	}
	var d struct {
		Account, Channel, Country, Network, Rule string
		Short, Long, Baseline                    Window
		BaselineOf                               string `json:"baseline_of"`
		Upper, Lower                             float64
		Since                                    time.Time
	}
	if err := json.Unmarshal(w.store.events[0].Data, &d); err != nil {
		t.Fatal(err)
	}
	if d.Account != "a" || d.Channel != "sms" || d.Country != "DE" || d.Network != "*" || d.Rule != "5min" || d.BaselineOf != "network" ||
		d.Short.Mature < minTried || d.Short.Ratio > 0.35 || d.Long.Sent < 3000 || d.Long.Undelivered == 0 || d.Long.VerifySeconds < 15 ||
		d.Baseline.Ratio != 0.7 ||
		d.Baseline.Sent < 500_000 || d.Upper >= 0.5*d.Lower || d.Since.IsZero() || !d.Short.From.Before(d.Short.To) {
		t.Errorf("%s", w.store.events[0].Data)
	}
	lines := w.nodes[0].Report("pool")
	if len(lines) != 2 || lines[0].Key.Network != AllNetworks || !lines[0].Degraded || lines[0].Evidence.Rule != Fast ||
		lines[1].Evidence.Baseline.Sent == 0 {
		t.Errorf("%+v", lines)
	}
	if len(w.nodes[0].Report("other")) != 0 || len(w.nodes[0].Report("")) != 2 {
		t.Error("the report of another pool")
	}
}

// What was judged outlives a node, and a new node tells nothing twice.
func TestRestart(t *testing.T) {
	w := newWorld(t, 1, 8)
	s := stream{key: keyFor("a", "DE", "26201"), perMinute: 60, ratio: 0.7, median: 15 * time.Second}
	w.past(s)
	w.run(30*time.Minute, []stream{s}, nil)
	s.ratio = 0
	w.run(10*time.Minute, []stream{s}, nil)
	w.nodes = []*Monitor{w.node(), w.node()}
	w.run(10*time.Minute, []stream{s}, nil)
	if told := w.store.told(); len(told) != 1 {
		t.Fatal(told)
	}
	if _, ok := w.nodes[1].Degraded(s.key); !ok {
		t.Fatal("forgotten")
	}
}

// A store that does not answer loses no counts and stops no sends.
func TestStoreFails(t *testing.T) {
	w := newWorld(t, 1, 9)
	m, k := w.nodes[0], keyFor("a", "DE", "26201")
	w.store.setFail(errors.New("gone"))
	for range 3 {
		m.Sent(k, w.now)
		if err := m.Refresh(t.Context()); err == nil {
			t.Fatal("no error")
		}
	}
	w.store.setFail(nil)
	if err := m.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := w.store.spans[w.now.Truncate(Span)][k]; c == nil || c.Sent != 3 {
		t.Fatalf("%+v", c)
	}
	if w.store.writes != 1 {
		t.Fatalf("%d writes", w.store.writes)
	}
	if err := m.Flush(t.Context()); err != nil || w.store.writes != 1 {
		t.Fatal("an empty flush writes")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	w := newWorld(t, 1, 10)
	m := w.nodes[0]
	country := func(i int) string { return string([]byte{'A' + byte(i/26%26), 'A' + byte(i%26)}) }
	for i := range maxPending + 500 {
		m.Sent(keyFor("a"+country(i/676), country(i), ""), w.now)
	}
	if len(m.pending) != maxPending || m.dropped != 500 {
		t.Fatalf("%d wait, %d dropped", len(m.pending), m.dropped)
	}
	if err := m.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(Span)
	m.Sent(keyFor("new", "DE", ""), w.now)
	if err := m.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(m.state.keys); n != maxKeys {
		t.Fatalf("%d keys", n)
	}
	if m.state.keys[keyFor("new", "DE", "")] == nil {
		t.Fatal("the newest was dropped")
	}
}

func TestKeysAreCleaned(t *testing.T) {
	w := newWorld(t, 1, 11)
	m := w.nodes[0]
	for _, k := range []Key{keyFor("a", "Germany", "26201"), keyFor("a", "DE", "*"), keyFor("a", "DE", "2620x"), keyFor("a", "DE", "2620123"),
		keyFor("a", "", "")} {
		m.Sent(k, w.now)
	}
	m.Sent(keyFor("a", "DE", "26201"), time.Time{})
	want := map[Key]int{keyFor("a", "", "26201"): 1, keyFor("a", "DE", ""): 3, keyFor("a", "", ""): 1}
	for r, c := range m.pending {
		if want[r.Key] != c.sent {
			t.Errorf("%+v: %d", r.Key, c.sent)
		}
	}
	if len(m.pending) != len(want) {
		t.Error(len(m.pending))
	}
	m.Verified(keyFor("b", "", ""), w.now, w.now.Add(-time.Minute))
	m.Verified(keyFor("b", "", ""), w.now, w.now.Add(50*time.Hour))
	if c := m.pending[row{keyFor("b", "", ""), spanOf(w.now)}]; c.verified != 2 || c.verifyTime != maxVerify {
		t.Errorf("%+v", c)
	}
}

func TestNilMonitor(t *testing.T) {
	var m *Monitor
	m.Sent(Key{}, time.Now())
	m.Verified(Key{}, time.Now(), time.Now())
	list := []string{"a", "b"}
	if got := m.Rank("", "", "", "", list); &got[0] != &list[0] {
		t.Error("the order changed")
	}
	if _, ok := m.Degraded(Key{}); ok || m.Report("") != nil || m.Flush(t.Context()) != nil || m.Refresh(t.Context()) != nil {
		t.Error("it knows something")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		m := New(Config{Store: s})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- m.Run(ctx) }()
		k := keyFor("a", "DE", "26201")
		m.Sent(k, time.Now())
		time.Sleep(flushEvery + time.Millisecond)
		synctest.Wait()
		if got := s.spans[time.Now().UTC().Truncate(Span)][k]; got == nil || got.Sent != 1 {
			t.Fatal("not flushed")
		}
		time.Sleep(loadEvery)
		synctest.Wait()
		if len(m.Report("pool")) != 2 {
			t.Fatal("not judged")
		}
		m.Sent(k, time.Now())
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if got := s.spans[time.Now().UTC().Truncate(Span)][k]; got.Sent != 2 {
			t.Fatal("the last counts are lost")
		}
	})
}

// Counting, ranking and judging at once.
func TestConcurrently(t *testing.T) {
	s := newMemory()
	m := New(Config{Store: s})
	k := keyFor("a", "DE", "26201")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 500 {
				m.Sent(k, time.Now())
				m.Verified(k, time.Now(), time.Now())
				m.Rank("pool", "sms", "DE", "26201", []string{"a", "b"})
				m.Degraded(k)
				m.Report("pool")
			}
		})
	}
	for range 20 {
		if err := m.Refresh(t.Context()); err != nil {
			t.Error(err)
		}
	}
	all.Wait()
	if err := m.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, byKey := range s.spans {
		n += byKey[k].Sent
	}
	if n != 4000 {
		t.Fatalf("%d of 4000", n)
	}
}

var _ store.Store = (*memory)(nil)
