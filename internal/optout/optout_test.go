package optout_test

import (
	"encoding/json"
	"strings"
	"testing"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/optout"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/phone"
)

func TestRead(t *testing.T) {
	for text, want := range map[string]optout.Keyword{
		"STOP": optout.Stop, " stop\r\n": optout.Stop, "Stop.": optout.Stop, "“STOP”": optout.Stop, "stopall": optout.Stop, "Unsubscribe": optout.Stop,
		"cancel": optout.Stop, "END": optout.Stop, "quit": optout.Stop, "REVOKE": optout.Stop, "OptOut": optout.Stop, "arret": optout.Stop, "Arrêt": optout.Stop,
		"START": optout.Start, "unstop": optout.Start, "Yes!": optout.Start, "help?": optout.Help, "INFO": optout.Help,
		"": "", " ": "", "stop it": "", "please stop": "", "123456": "", "STOP STOP": "", "unsubscribed": "", "s top": "", "NO": "", "STOP\x00": optout.Stop,
	} {
		got, ok := optout.Read(text)
		if got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v", text, got, ok)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"STOP", "ſtop", "İNFO", "arrêt", "\xff", strings.Repeat("stop ", 100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, ok := optout.Read(text)
		if ok != (k == optout.Stop || k == optout.Start || k == optout.Help) {
			t.Fatalf("%q: %q, %v", text, k, ok)
		}
		again, _ := optout.Read("\n" + text + " ")
		if again != k {
			t.Fatalf("%q: %q, with space around it %q", text, k, again)
		}
	})
}

type world struct {
	*testing.T
	*optout.Service
	s   store.Store
	log *eventlog.Log
}

func newWorld(t *testing.T, s store.Store) *world {
	log := eventlog.New(eventlog.Config{Keys: keyringtest.New(t, "p", "q")})
	return &world{t, optout.New(optout.Config{Store: s, Log: log}), s, log}
}

func number(t testing.TB, s string) phone.Number {
	n, err := phone.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (w *world) out(pool, to string, want bool, senders ...string) {
	w.Helper()
	got, err := w.Check(w.Context(), pool, number(w, to), senders...)
	if err != nil || got != want {
		w.Errorf("%s %q: %v, %v, want %v", pool, senders, got, err, want)
	}
}

func (w *world) hear(sender, from string, k optout.Keyword) {
	w.Helper()
	if err := w.Hear(w.Context(), "p", sender, number(w, from), k); err != nil {
		w.Fatal(err)
	}
}

// events returns the data of all events of the pool, oldest first, and fails if a number is in one.
func (w *world) events() (types []string) {
	w.Helper()
	err := w.s.Read(w.Context(), func(tx store.Tx) error {
		list, err := tx.Events().ListEvents(w.Context(), store.EventQuery{PoolID: "p", Ascending: true, Limit: 100})
		for _, ev := range list {
			types = append(types, ev.Type)
			var data map[string]any
			if err := json.Unmarshal(ev.Data, &data); err != nil || len(ev.Number) == 0 || strings.Contains(string(ev.Data), alice[1:]) {
				w.Errorf("%s, %v", ev.Data, err)
			}
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return types
}

const alice, bob, sender = "+12025550123", "+12025550124", "+12025550199"

func TestLife(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		w.out("p", alice, false)
		w.hear(sender, alice, optout.Stop)
		w.hear(sender[1:], alice, optout.Stop)
		w.hear(sender, alice, optout.Help)
		w.out("p", alice, true, sender)
		w.out("p", alice, true, sender[1:])
		w.out("p", alice, true)
		w.out("p", alice, true, "ACME", "")
		w.out("p", alice, false, "ACME")
		w.out("p", bob, false, sender)
		w.out("q", alice, false, sender)
		w.hear("+12025550198", alice, optout.Start)
		w.out("p", alice, true, sender)
		w.hear(sender, alice, optout.Start)
		w.hear(sender, alice, optout.Start)
		w.out("p", alice, false)
		w.hear("", alice, optout.Stop)
		w.out("p", alice, true, "ACME")
		w.hear(sender, alice, optout.Start)
		w.out("p", alice, false)
		got := strings.Join(w.events(), " ")
		if want := "cs_opt_out cs_opt_in cs_opt_out cs_opt_in"; got != want {
			t.Errorf("events %q, want %q", got, want)
		}
	})
}

// TestSpellings: a Mexican mobile number with and without the former 1 is one line.
func TestSpellings(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	w.hear(sender, "+5215512345678", optout.Stop)
	w.out("p", "+525512345678", true, sender)
}

func TestLiftTx(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	for _, from := range []string{"+12025550198", "ACME", optout.AnySender} {
		fresh, err := w.Put(t.Context(), &store.OptOut{PoolID: "p", Sender: from, Source: optout.Operator}, number(t, alice))
		if err != nil || !fresh {
			t.Fatal(fresh, err)
		}
	}
	hash, err := w.log.NumberHash(t.Context(), "p", alice)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{3, 0} {
		err := w.s.Write(t.Context(), func(tx store.Tx) error {
			n, err := w.LiftTx(t.Context(), tx, "p", hash)
			if n != want {
				t.Errorf("lifted %d, want %d", n, want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.events()); n != 4 {
		t.Errorf("%d events", n)
	}
}

func TestList(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	for _, to := range []string{alice, bob} {
		for _, from := range []string{"A", "B"} {
			if _, err := w.Put(t.Context(), &store.OptOut{PoolID: "p", Sender: from, Source: optout.Operator}, number(t, to)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		q    optout.Query
		want int
	}{
		{optout.Query{Limit: 3}, 4}, {optout.Query{Limit: 1}, 4}, {optout.Query{Sender: "A"}, 2},
		{optout.Query{Number: number(t, alice), Limit: 1}, 2}, {optout.Query{Number: number(t, sender)}, 0},
	} {
		c.q.PoolID = "p"
		got := 0
		for pages := 0; pages == 0 || c.q.After != ""; pages++ {
			list, next, err := w.List(t.Context(), c.q)
			if err != nil || pages > 4 {
				t.Fatal(pages, err)
			}
			for _, o := range list {
				if !strings.Contains(o.Mask, "***") {
					t.Errorf("mask %q", o.Mask)
				}
			}
			got, c.q.After = got+len(list), next
		}
		if got != c.want {
			t.Errorf("%+v: %d, want %d", c.q, got, c.want)
		}
	}
	for _, after := range []string{"x", "AA", ".", "AA.", "AA.!", strings.Repeat("A", 300)} {
		if _, _, err := w.List(t.Context(), optout.Query{PoolID: "p", After: after}); fault.CodeOf(err) != fault.InvalidParameter {
			t.Errorf("%q: %v", after, err)
		}
	}
	for _, from := range []string{"", " ", strings.Repeat("x", 41)} {
		if _, err := w.Put(t.Context(), &store.OptOut{PoolID: "p", Sender: from}, number(t, alice)); fault.CodeOf(err) != fault.InvalidParameter {
			t.Errorf("sender %q: %v", from, err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	for _, e := range storetest.Engines(b) {
		b.Run(e.Name, func(b *testing.B) {
			log := eventlog.New(eventlog.Config{Keys: keyringtest.New(b, "p")})
			s := optout.New(optout.Config{Store: e.Open(b), Log: log})
			to := number(b, alice)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Check(b.Context(), "p", to, sender); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
