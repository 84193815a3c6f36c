package pumping_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/pumping"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

var begin = time.Date(2026, 11, 2, 9, 2, 0, 0, time.UTC)

// world is nodes over one store, and the clock.
type world struct {
	t     testing.TB
	store store.Store
	log   *eventlog.Log
	now   time.Time
	n     int
}

func newWorld(t testing.TB, s store.Store) *world {
	w := &world{t: t, store: s, now: begin}
	w.log = eventlog.New(eventlog.Config{Keys: keyringtest.New(t, "p"), Now: w.clock})
	return w
}

func (w *world) clock() time.Time { return w.now }

func (w *world) node() *pumping.Detector {
	return pumping.New(pumping.Config{Store: w.store, Log: w.log, Logger: slog.New(slog.DiscardHandler), Now: w.clock, Hash: hash})
}

func hash(_ context.Context, _ string, parts ...string) (string, error) {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// ask is a new number of a range from a new address.
func (w *world) ask(prefix, country string) pumping.Ask {
	w.n++
	return pumping.Ask{
		PoolID: "p", Country: country, Prefix: prefix, Number: fmt.Sprintf("%s%04d", prefix, w.n), ClientID: "app",
		Address: netip.AddrFrom4([4]byte{198, byte(w.n >> 8), byte(w.n), 7}), At: w.now,
	}
}

func (w *world) judge(d *pumping.Detector, s pumping.Settings, a pumping.Ask) pumping.Verdict {
	w.t.Helper()
	v, err := d.Judge(w.t.Context(), s, a)
	if err != nil {
		w.t.Fatal(err)
	}
	if !v.Blocked {
		d.Sent("p", v.Mark, w.now)
	}
	return v
}

// pass lets time pass and the nodes write.
func (w *world) pass(d time.Duration, nodes ...*pumping.Detector) {
	w.t.Helper()
	for _, n := range nodes {
		if err := n.Flush(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
	w.now = w.now.Add(d)
}

// raid asks every ten seconds, at the nodes in turn, until the key is blocked, and returns how many were sent.
func (w *world) raid(prefix, country string, nodes ...*pumping.Detector) (sent int) {
	w.t.Helper()
	for i := range 200 {
		v := w.judge(nodes[i%len(nodes)], pumping.Settings{}, w.ask(prefix, country))
		if v.Blocked && v.Reason == pumping.Untyped {
			return sent
		}
		if !v.Blocked {
			sent++
		}
		w.pass(10*time.Second, nodes...)
	}
	w.t.Fatal("200 codes that nobody typed in, and no block")
	return 0
}

func (w *world) events(typ eventlog.Type) (n int) {
	w.t.Helper()
	err := w.store.Read(w.t.Context(), func(tx store.Tx) error {
		list, err := tx.Events().ListEvents(w.t.Context(), store.EventQuery{PoolID: "p", Limit: 1000})
		for _, e := range list {
			if e.Type == string(typ) {
				n++
				if strings.Contains(string(e.Data), "*") {
					w.t.Errorf("the event hides its range: %s", e.Data)
				}
			}
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// Two nodes find together what each sees half of, a third that has just begun knows it, and what one lifts the others forget.
func TestNodesAgree(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		a, b := w.node(), w.node()
		if n := w.raid("+22462455", "GN", a, b); n > 16 {
			t.Errorf("%d codes before the block", n)
		}
		w.pass(3*time.Second, a, b)
		c := w.node()
		for name, d := range map[string]*pumping.Detector{"a": a, "b": b, "c, begun later": c} {
			if v := w.judge(d, pumping.Settings{}, w.ask("+22462455", "GN")); !v.Blocked || v.Key != "r:+22462455" || v.Mark != "" {
				t.Errorf("node %s: %+v", name, v)
			}
			if v := w.judge(d, pumping.Settings{}, w.ask("+22462811", "GN")); v.Blocked {
				t.Errorf("node %s blocks another range: %+v", name, v)
			}
		}
		w.pass(3*time.Second, a, b, c)
		list, err := b.Blocks(t.Context(), "p")
		if err != nil || len(list) != 1 || list[0].Refused < 3 || list[0].By != "detector" {
			t.Fatalf("blocks: %+v, %v", list, err)
		}
		if err := b.Unblock(t.Context(), "p", pumping.LogKey("r:+22462455")); err != nil {
			t.Fatal(err)
		}
		w.pass(3*time.Second, a, b, c)
		for name, d := range map[string]*pumping.Detector{"a": a, "b": b, "c": c, "new": w.node()} {
			if v := w.judge(d, pumping.Settings{}, w.ask("+22462455", "GN")); v.Blocked {
				t.Errorf("node %s after the block was lifted: %+v", name, v)
			}
		}
		if n, m := w.events(eventlog.GuardBlocked), w.events(eventlog.GuardUnblocked); n != 1 || m != 1 {
			t.Errorf("%d events of blocks and %d of ends", n, m)
		}
	})
}

// A block lasts while somebody tries, ends twelve hours after the last attempt, and tells so once.
func TestABlockEnds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		a, b := w.node(), w.node()
		w.raid("+22462455", "GN", a, b)
		for range 5 {
			w.pass(4*time.Hour, a, b)
			if v := w.judge(a, pumping.Settings{}, w.ask("+22462455", "GN")); !v.Blocked {
				t.Fatalf("the block ended at %s", w.now)
			}
		}
		w.pass(12*time.Hour+time.Second, a, b)
		for _, d := range []*pumping.Detector{a, b} {
			if err := d.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		w.pass(time.Second, a, b)
		if n := w.events(eventlog.GuardUnblocked); n != 1 {
			t.Errorf("%d events of the end", n)
		}
		if v := w.judge(b, pumping.Settings{}, w.ask("+22462455", "GN")); v.Blocked {
			t.Errorf("after the end: %+v", v)
		}
	})
}

// Codes that are typed in keep all keys open, however many there are.
func TestPeople(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	d := w.node()
	for i := range 300 {
		a := w.ask("+49151234", "DE")
		a.Address = netip.MustParseAddr("192.0.2.1")
		v := w.judge(d, pumping.Settings{}, a)
		if v.Blocked {
			t.Fatalf("message %d: %+v", i, v)
		}
		sent := w.now
		w.pass(12*time.Second, d)
		if i%4 != 0 {
			d.Verified("p", v.Mark, sent, w.now)
		}
	}
}

// Places are taken by Judge: requests at the same moment cannot pass all at once. What was not made gives its place back.
func TestWaiting(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	d := w.node()
	asks := make([]pumping.Ask, 64)
	for i := range asks {
		asks[i] = w.ask("+22462455", "GN")
	}
	var mu sync.Mutex
	var passed []pumping.Verdict
	var all sync.WaitGroup
	for _, a := range asks {
		all.Go(func() {
			v, err := d.Judge(t.Context(), pumping.Settings{}, a)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				t.Error(err)
			case !v.Blocked:
				passed = append(passed, v)
			case v.Reason != pumping.Waiting || v.Key != "r:+22462455":
				t.Errorf("refused: %+v", v)
			}
		})
	}
	all.Wait()
	limit := pumping.Defaults().Range.Waiting
	if len(passed) != limit {
		t.Fatalf("%d passed at once, want %d", len(passed), limit)
	}
	d.Refused("p", passed[0].Mark, w.now)
	if v := w.judge(d, pumping.Settings{}, w.ask("+22462455", "GN")); v.Blocked {
		t.Errorf("the place that was given back: %+v", v)
	}
	if v := w.judge(d, pumping.Settings{}, w.ask("+22462455", "GN")); !v.Blocked {
		t.Error("one more passed")
	}
}

// Look says what Judge would, and leaves no trace.
func TestLook(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	d := w.node()
	for range 50 {
		if v, err := d.Look(t.Context(), pumping.Settings{}, w.ask("+22462455", "GN")); err != nil || v.Blocked || v.Mark != "" {
			t.Fatalf("%+v, %v", v, err)
		}
	}
	w.raid("+22462455", "GN", d)
	if v, err := d.Look(t.Context(), pumping.Settings{}, w.ask("+22462455", "GN")); err != nil || !v.Blocked {
		t.Errorf("%+v, %v", v, err)
	}
}

// In record mode everything is sent, what would have been refused says so, and nothing is blocked.
func TestRecordMode(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	d := w.node()
	recorded := 0
	for range 40 {
		v := w.judge(d, pumping.Settings{Mode: pumping.Record}, w.ask("+22462455", "GN"))
		if v.Blocked || v.Mark == "" {
			t.Fatalf("%+v", v)
		}
		if v.Recorded {
			recorded++
		}
		w.pass(10*time.Second, d)
	}
	if recorded < 20 || w.events(eventlog.GuardRecorded) != 1 || w.events(eventlog.GuardBlocked) != 0 {
		t.Errorf("%d recorded, %d events", recorded, w.events(eventlog.GuardRecorded))
	}
	if list, err := d.Blocks(t.Context(), "p"); err != nil || len(list) != 0 {
		t.Errorf("blocks: %+v, %v", list, err)
	}
	for range 20 {
		if v := w.judge(d, pumping.Settings{Mode: pumping.Off}, w.ask("+22462455", "GN")); v.Blocked || v.Recorded {
			t.Fatalf("off: %+v", v)
		}
	}
}

func TestBlockByHand(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	d := w.node()
	for _, key := range []string{"", "DE", "c:de", "r:49x", "k:app", "a:x", "r:+4915112345678901", "c:DE;x"} {
		if err := d.Block(t.Context(), "p", key, w.now.Add(time.Hour), ""); fault.Of(err).Code != fault.InvalidParameter {
			t.Errorf("%q: %v", key, err)
		}
	}
	if err := d.Block(t.Context(), "p", "c:GN", w.now, ""); err == nil {
		t.Error("a block that has ended already")
	}
	if err := d.Unblock(t.Context(), "p", "c:GN"); fault.Of(err).Code != fault.ResourceNotFound {
		t.Errorf("unblock of what is not blocked: %v", err)
	}
	if err := d.Block(t.Context(), "p", "c:GN", w.now.Add(time.Hour), "not our market"); err != nil {
		t.Fatal(err)
	}
	v := w.judge(d, pumping.Settings{}, w.ask("+22462455", "GN"))
	if !v.Blocked || v.Reason != pumping.Operator || v.Evidence != "not our market" || !v.Until.Equal(w.now.Add(time.Hour)) {
		t.Errorf("%+v", v)
	}
	w.pass(time.Hour, d)
	if v := w.judge(d, pumping.Settings{}, w.ask("+22462455", "GN")); v.Blocked {
		t.Errorf("after its end: %+v", v)
	}
}

// broken is a store that does not answer.
type broken struct{ store.Store }

var errDown = errors.New("down")

func (broken) Read(context.Context, func(store.Tx) error) error  { return errDown }
func (broken) Write(context.Context, func(store.Tx) error) error { return errDown }

func TestStoreDown(t *testing.T) {
	w := newWorld(t, broken{})
	d := w.node()
	if _, err := d.Judge(t.Context(), pumping.Settings{}, w.ask("+22462455", "GN")); !errors.Is(err, errDown) {
		t.Errorf("Judge: %v", err)
	}
	d.Sent("p", "+GN;+22462455;;;;", w.now)
	if err := d.Flush(t.Context()); !errors.Is(err, errDown) {
		t.Errorf("Flush: %v", err)
	}
	w.store = storetest.SQLite(t)
}

func TestTop(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	d := w.node()
	for i, prefix := range []string{"+22462455", "+22462455", "+22462455", "+22462811"} {
		w.judge(d, pumping.Settings{}, w.ask(prefix, "GN"))
		w.pass(time.Duration(i)*time.Second, d)
	}
	list, err := d.Top(t.Context(), "p", "r", w.now.Add(-time.Hour), 10)
	if err != nil || len(list) != 2 || list[0].Key != "r:+22462455" || list[0].Sent != 3 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestSettings(t *testing.T) {
	if err := (pumping.Settings{}).Check(); err != nil {
		t.Errorf("the zero value: %v", err)
	}
	if err := pumping.Defaults().Check(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	for field, s := range map[string]pumping.Settings{
		"pumping.mode":                  {Mode: "on"},
		"pumping.country.hour_floor":    {Country: pumping.Level{HourFloor: -1}},
		"pumping.range.waiting":         {Range: pumping.Level{Waiting: 2_000_000}},
		"pumping.address":               {Address: pumping.Level{DayRatio: -0.1}},
		"pumping.countries_per_address": {CountriesPerAddress: 300},
		"pumping.odds":                  {Odds: 2},
		"pumping.conversion":            {Conversion: 0.05},
		"pumping.block_hours":           {BlockHours: 10_000},
	} {
		if err := s.Check(); fault.Of(err).Code != fault.InvalidParameter || fault.Of(err).Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	w := newWorld(b, storetest.SQLite(b))
	d := w.node()
	b.Run("known address", func(b *testing.B) {
		a := w.ask("+49151234", "DE")
		for b.Loop() {
			v, err := d.Judge(b.Context(), pumping.Settings{}, a)
			if err != nil {
				b.Fatal(err)
			}
			d.Sent("p", v.Mark, w.now)
			d.Verified("p", v.Mark, w.now, w.now)
		}
	})
	b.Run("new address", func(b *testing.B) {
		for b.Loop() {
			if _, err := d.Judge(b.Context(), pumping.Settings{}, w.ask("+49151234", "DE")); err != nil {
				b.Fatal(err)
			}
		}
	})
}
