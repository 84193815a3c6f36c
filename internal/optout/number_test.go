package optout_test

import (
	"testing"

	"countersign/internal/eventlog"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/optout"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

// A named list holds back what asks for it, and nothing else.
func TestNamedLists(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		list := optout.List("Marketing")
		w.put(list, alice)
		w.out("p", alice, true, list)
		w.out("p", alice, true, sender, list)
		w.out("p", alice, false)
		w.out("p", alice, false, sender, "")
		w.out("p", alice, false, optout.List("Other"))
		w.put(optout.AnySender, alice)
		if n, err := w.Lift(t.Context(), "p", list, number(t, alice), optout.Operator); n != 1 || err != nil {
			t.Error(n, err)
		}
		w.out("p", alice, true)
	})
}

func (w *world) put(sender, to string) {
	w.Helper()
	_, err := w.Put(w.Context(), &store.OptOut{PoolID: "p", Sender: sender, Source: optout.Operator}, number(w, to))
	if err != nil {
		w.Fatal(err)
	}
}

// What an operator put on a list is named until its last opt-out is gone; what a phone said is a hash for ever.
func TestNumbers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		keys := keyringtest.New(t, "p")
		log := eventlog.New(eventlog.Config{Keys: keys})
		w := &world{t, optout.New(optout.Config{Store: s, Log: log, Keys: keys}), s, log}
		w.put("*", alice)
		w.put("ACME", alice)
		w.hear("ACME", bob, optout.Stop)
		w.named(alice)
		w.hear("ACME", alice, optout.Start) // lifts both
		w.named()
		w.put("ACME", alice)
		w.put(optout.List("x"), alice)
		w.hear("ACME", alice, optout.Start)
		w.named(alice)
		if _, err := w.Lift(t.Context(), "p", "", number(t, alice), optout.Operator); err != nil {
			t.Fatal(err)
		}
		if err := s.Read(t.Context(), func(tx store.Tx) error {
			n, err := tx.Records().CountRecords(t.Context(), "opted_out_number", "p", "")
			if n != 0 {
				t.Errorf("%d numbers are kept", n)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	})
}

// named checks which numbers of the pool's list are known.
func (w *world) named(want ...string) {
	w.Helper()
	list, _, err := w.List(w.Context(), optout.Query{PoolID: "p"})
	if err != nil {
		w.Fatal(err)
	}
	got, err := w.Numbers(w.Context(), list)
	if err != nil || len(got) != len(want) {
		w.Fatalf("%v, %v, want %v", got, err, want)
	}
	for _, n := range got {
		if n.String() != want[0] {
			w.Errorf("%s", n)
		}
	}
}

func TestPlaceAfter(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		w.put("*", alice)
		w.put("zulu", alice)
		w.put("*", bob)
		list, _, err := w.List(t.Context(), optout.Query{PoolID: "p"})
		if err != nil || len(list) != 3 {
			t.Fatal(list, err)
		}
		first := list[0].Number
		for _, o := range list {
			rest, _, err := w.List(t.Context(), optout.Query{PoolID: "p", After: optout.PlaceAfter(o.Number)})
			want := 0
			for _, p := range list {
				if string(p.Number) > string(o.Number) {
					want++
				}
			}
			if err != nil || len(rest) != want {
				t.Errorf("after %x (first %x): %d, %v, want %d", o.Number, first, len(rest), err, want)
			}
		}
	})
}
