package optout_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/optout"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

// counted counts reads of the store.
type counted struct {
	store.Store
	reads atomic.Int64
}

func (c *counted) Read(ctx context.Context, f func(store.Tx) error) error {
	c.reads.Add(1)
	return c.Store.Read(ctx, f)
}

// node is one of several services on one store.
type node struct {
	*world
	reads *counted
}

func nodes(t *testing.T, s store.Store, now func() time.Time, n int) (out []*node) {
	log := eventlog.New(eventlog.Config{Keys: keyringtest.New(t, "p", "q")})
	for range n {
		c := &counted{Store: s}
		out = append(out, &node{&world{t, optout.New(optout.Config{Store: c, Log: log, Now: now}), s, log}, c})
	}
	return out
}

// busy asks until the list is remembered, and reports how often the store was read by a hundred more questions.
func (n *node) busy(to string) int64 {
	for range 200 {
		n.out("p", to, false)
	}
	before := n.reads.reads.Load()
	for range 100 {
		n.out("p", to, false)
	}
	return n.reads.reads.Load() - before
}

// A busy pool's list is remembered. What a node hears it knows at once, all others after five seconds.
func TestMemory(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
		list := nodes(t, s, func() time.Time { return now }, 2)
		a, b := list[0], list[1]
		if n := a.busy(bob) + b.busy(bob); n != 0 {
			t.Errorf("%d reads of a list that is remembered", n)
		}
		a.hear(sender, alice, optout.Stop)
		a.out("p", alice, true, sender)
		a.out("p", alice, false, "+12025550000")
		if n := a.busy(bob); n != 100 {
			t.Errorf("%d reads of 100 while the list changes", n)
		}
		now = now.Add(5 * time.Second)
		b.out("p", alice, true, sender)
		now = now.Add(5 * time.Second)
		if n := a.busy(bob) + b.busy(bob); n != 0 {
			t.Errorf("%d reads once the change is over", n)
		}
		a.out("p", alice, true, sender)
		b.out("p", alice, true, sender)
		b.out("q", alice, false, sender)

		a.hear(sender, alice, optout.Start)
		a.out("p", alice, false, sender)
		now = now.Add(5 * time.Second)
		b.out("p", alice, false, sender)
	})
}

// What changes nothing makes nobody forget: somebody who is signed in asks for many codes.
func TestMemoryStaysWithoutAChange(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		a := nodes(t, s, time.Now, 1)[0]
		a.busy(bob)
		if n, err := a.Lift(t.Context(), "p", "", number(t, alice), optout.SignedIn); n != 0 || err != nil {
			t.Fatal(n, err)
		}
		before := a.reads.reads.Load()
		a.out("p", bob, false)
		if n := a.reads.reads.Load() - before; n != 0 {
			t.Errorf("%d reads", n)
		}
	})
}

// A list that is too long is read number by number.
func TestLongList(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		a := nodes(t, s, time.Now, 1)[0]
		err := s.Write(t.Context(), func(tx store.Tx) error {
			for i := range 1001 {
				o := &store.OptOut{PoolID: "p", Sender: "*", Number: fmt.Appendf(nil, "hash %d", i), Source: optout.Operator, At: time.Now()}
				if _, err := tx.OptOuts().PutOptOut(t.Context(), o); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := a.busy(bob); n < 100 || n > 102 {
			t.Errorf("%d reads for 100 questions", n)
		}
	})
}

// An opt-out that was heard is never unheard by questions that come meanwhile.
func TestMemoryUnderLoad(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		a := nodes(t, s, time.Now, 1)[0]
		var wg sync.WaitGroup
		stop := make(chan struct{})
		for range 4 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						a.out("p", bob, false)
					}
				}
			})
		}
		for i := range 50 {
			to := number(t, fmt.Sprintf("+1202555%04d", 1000+i))
			if err := a.Hear(t.Context(), "p", sender, to, optout.Stop); err != nil {
				t.Fatal(err)
			}
			if got, err := a.Check(t.Context(), "p", to, sender); err != nil || !got {
				t.Errorf("number %d: %v, %v", i, got, err)
			}
		}
		close(stop)
		wg.Wait()
	})
}
