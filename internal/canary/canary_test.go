package canary_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"countersign/internal/canary"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/pool/pooltest"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

const mine = "+12025550190"

type world struct {
	*pooltest.Harness
	t    *testing.T
	pool string
	s    *canary.Service
}

func each(t *testing.T, f func(*testing.T, *world)) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := &world{Harness: pooltest.New(t, s), t: t}
		w.pool = w.Pool(pooltest.PhonePool())
		w.s = w.node("one")
		f(t, w)
	})
}

func (w *world) node(owner string) *canary.Service {
	return canary.New(canary.Config{Store: w.Store, Keys: w.Keys, Log: w.Log, Deliver: w.Inbox, Now: w.Now, Owner: owner})
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) put(c canary.Canary) {
	w.t.Helper()
	_, err := w.s.Put(w.t.Context(), w.pool, c, -1)
	w.must(err)
}

// look moves the clock and looks.
func (w *world) look(after time.Duration) {
	w.t.Helper()
	w.Advance(after)
	w.must(w.s.Look(w.t.Context()))
}

func (w *world) results(name string) []canary.Result {
	w.t.Helper()
	all, err := w.s.Results(w.t.Context(), w.pool)
	w.must(err)
	return all[name]
}

// receipt is what a service tells of the last text.
func (w *world) receipt(to store.State) {
	w.t.Helper()
	w.Write(func(tx store.Tx) error {
		m, err := tx.Outbox().Message(w.t.Context(), w.Last(mine).ID)
		if err != nil {
			return err
		}
		from := m.State
		m.State, m.UpdatedAt, m.LastClass = to, w.Now(), "unreachable"
		ok, err := tx.Outbox().Advance(w.t.Context(), m, from)
		if err == nil && !ok {
			w.t.Error("no receipt was stored")
		}
		return err
	})
}

func (w *world) events() (out []eventlog.Type) {
	w.t.Helper()
	w.Read(func(tx store.Tx) error {
		list, err := tx.Events().ListEvents(w.t.Context(), store.EventQuery{PoolID: w.pool, Ascending: true, Limit: 100})
		for _, e := range list {
			if typ := eventlog.Type(e.Type); typ == eventlog.CanaryFailed || typ == eventlog.CanaryPassed {
				out = append(out, typ)
			}
			if bytes.Contains(e.Data, []byte(mine[1:])) {
				w.t.Errorf("a number in an event: %s", e.Data)
			}
		}
		return err
	})
	return out
}

func TestPut(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		for name, c := range map[string]canary.Canary{
			"name":     {Name: "A B", To: mine},
			"no phone": {Name: "a"},
			"phone":    {Name: "a", To: "0170"},
			"often":    {Name: "a", To: mine, EverySeconds: 299},
			"seldom":   {Name: "a", To: mine, EverySeconds: 8 * 24 * 3600},
			"at once":  {Name: "a", To: mine, WithinSeconds: 4},
			"too long": {Name: "a", To: mine, EverySeconds: 300, WithinSeconds: 151},
			"expect":   {Name: "a", To: mine, Expect: "read"},
		} {
			if _, err := w.s.Put(ctx, w.pool, c, -1); fault.CodeOf(err) != fault.InvalidParameter {
				t.Errorf("%s: %v", name, err)
			}
		}
		v, err := w.s.Put(ctx, w.pool, canary.Canary{Name: "b", To: mine}, 0)
		w.must(err)
		if _, err := w.s.Put(ctx, w.pool, canary.Canary{Name: "a", To: mine}, v-1); fault.CodeOf(err) != fault.ConcurrentModification {
			t.Errorf("an old version: %v", err)
		}
		v, err = w.s.Put(ctx, w.pool, canary.Canary{Name: "a", To: "+12025550191", EverySeconds: 600, Expect: canary.ExpectSent}, v)
		w.must(err)
		if v, err = w.s.Put(ctx, w.pool, canary.Canary{Name: "b", Disabled: true}, v); err != nil {
			t.Errorf("without its phone: %v", err)
		}
		list, version, err := w.s.List(ctx, w.pool)
		w.must(err)
		b := canary.Canary{Name: "b", Mask: list[1].Mask, EverySeconds: 3600, WithinSeconds: 120, Expect: canary.ExpectDelivered, Disabled: true}
		if version != v || len(list) != 2 || list[0].Name != "a" || list[1] != b || !strings.HasSuffix(b.Mask, "0190") || strings.Contains(b.Mask, "555") {
			t.Errorf("version %d, %+v", version, list)
		}
		w.Read(func(tx store.Tx) error {
			row, err := tx.Settings().Setting(ctx, w.pool, "delivery/canaries")
			if raw, _ := json.Marshal(row); err != nil || bytes.Contains(raw, []byte("2025550")) {
				t.Errorf("in clear: %s, %v", raw, err)
			}
			return nil
		})
		if _, err := w.s.Delete(ctx, w.pool, "c", -1); fault.CodeOf(err) != fault.ResourceNotFound {
			t.Errorf("deleting nothing: %v", err)
		}
		_, err = w.s.Delete(ctx, w.pool, "a", version)
		w.must(err)
		for i := range canary.MaxCanaries - 1 {
			w.put(canary.Canary{Name: "x" + string(rune('a'+i)), To: mine})
		}
		if _, err := w.s.Put(ctx, w.pool, canary.Canary{Name: "y", To: mine}, -1); fault.CodeOf(err) != fault.TooMany {
			t.Errorf("one more: %v", err)
		}
	})
}

// Texts go at their pace; what arrives is passed, what does not is an alarm, and so is the first that arrives again.
func TestLook(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.put(canary.Canary{Name: "home", To: mine, EverySeconds: 300, WithinSeconds: 60, Account: "twilio-1"})
		w.look(0)
		w.look(15 * time.Second)
		m := w.Last(mine)
		if len(w.To(mine)) != 1 || m.Account != "twilio-1" || m.Lane != store.LaneSignIn || m.Code != "" || !m.ExpiresAt.Equal(pooltest.Start.Add(time.Minute)) {
			t.Errorf("%+v", w.To(mine))
		}
		w.receipt(store.Delivered)
		w.look(5 * time.Second)
		if r := w.results("home"); len(r) != 1 || r[0].State != canary.Passed || r[0].TookMillis != 15_000 || len(w.events()) != 0 {
			t.Errorf("%+v, %v", r, w.events())
		}
		w.look(4 * time.Minute)
		if len(w.To(mine)) != 1 {
			t.Error("too early")
		}
		w.look(40 * time.Second) // five minutes after the first
		w.look(61 * time.Second)
		if r := w.results("home"); len(r) != 2 || r[0].State != canary.Failed || r[0].Reason != "no receipt in time" {
			t.Errorf("%+v", r)
		}
		w.look(5 * time.Minute)
		w.receipt(store.Undelivered)
		w.look(time.Second)
		if r := w.results("home"); r[0].State != canary.Failed || r[0].Reason != "undelivered: unreachable" {
			t.Errorf("%+v", r)
		}
		w.look(5 * time.Minute)
		w.receipt(store.Delivered)
		w.look(time.Second)
		w.look(5 * time.Minute)
		w.receipt(store.Delivered)
		w.look(time.Second)
		want := []eventlog.Type{eventlog.CanaryFailed, eventlog.CanaryFailed, eventlog.CanaryPassed}
		if got := w.events(); !slices.Equal(got, want) {
			t.Errorf("events %v", got)
		}
		_, err := w.s.Delete(t.Context(), w.pool, "home", -1)
		w.must(err)
		w.look(time.Hour)
		if r := w.results("home"); r != nil || len(w.To(mine)) != 5 {
			t.Errorf("%+v, %d texts", r, len(w.To(mine)))
		}
	})
}

func TestExpectSent(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.put(canary.Canary{Name: "home", To: mine, EverySeconds: 300, Expect: canary.ExpectSent})
		w.look(0)
		w.look(15 * time.Second)
		w.Refuse(true)
		w.look(5 * time.Minute)
		w.look(15 * time.Second)
		r := w.results("home")
		if len(r) != 2 || r[1].State != canary.Passed || r[0].State != canary.Failed || !strings.HasPrefix(r[0].Reason, "failed") {
			t.Errorf("%+v", r)
		}
		w.put(canary.Canary{Name: "home", EverySeconds: 300, Expect: canary.ExpectSent, Disabled: true})
		w.look(time.Hour)
		if len(w.results("home")) != 2 {
			t.Error("a disabled canary was sent")
		}
	})
}

// However many nodes look, each text goes once; when the one with the lease stops, another goes on.
func TestNodes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.put(canary.Canary{Name: "home", To: mine, EverySeconds: 300, Expect: canary.ExpectSent})
		two := w.node("two")
		for range 100 {
			w.look(15 * time.Second)
			w.must(two.Look(t.Context()))
		}
		if n := len(w.To(mine)); n != 5 { // 1,500 seconds
			t.Errorf("%d texts", n)
		}
		for range 20 {
			w.Advance(15 * time.Second)
			w.must(two.Look(t.Context()))
		}
		if n := len(w.To(mine)); n != 6 {
			t.Errorf("%d texts after the first node stopped", n)
		}
	})
}

// broken is a store that counts reads, all of which fail.
type broken struct {
	store.Store
	reads int
}

func (b *broken) Read(context.Context, func(store.Tx) error) error {
	b.reads++
	return store.ErrClosed
}

// Run looks every few seconds whatever comes of it, and ends with its context.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broken{}
		c := canary.New(canary.Config{Store: b, Logger: slog.New(slog.DiscardHandler), Look: 20 * time.Second})
		ctx, stop := context.WithTimeout(t.Context(), time.Minute-time.Second)
		defer stop()
		if err := c.Run(ctx); err != nil || b.reads != 3 {
			t.Errorf("%v after %d looks", err, b.reads)
		}
	})
}
