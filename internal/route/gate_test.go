package route

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"countersign/internal/store"
)

const long = time.Hour

func (g *gate) try(t *testing.T, lane store.Lane) time.Duration {
	t.Helper()
	wait, err := g.enter(t.Context(), lane, "", "", long)
	if err != nil {
		t.Fatal(err)
	}
	return wait
}

// Codes wait in the order of their lanes, whatever came first.
func TestLanesAtTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(AccountConfig{PerSecond: 5}, time.Now)
		if g.try(t, store.LaneSignUp) != 0 {
			t.Fatal("the first waits")
		}
		var mu sync.Mutex
		var order []store.Lane
		var wg sync.WaitGroup
		for _, lane := range []store.Lane{store.LaneSignUp, store.LaneSignUp, store.LaneRecovery, store.LaneSignIn, store.LaneSignIn} {
			wg.Go(func() {
				wait, err := g.enter(context.Background(), lane, "", "", long)
				mu.Lock()
				defer mu.Unlock()
				if order = append(order, lane); wait != 0 || err != nil {
					t.Errorf("lane %d: wait %v, %v", lane, wait, err)
				}
			})
			synctest.Wait()
		}
		began := time.Now()
		wg.Wait()
		if d := time.Since(began); d != time.Second {
			t.Errorf("five at 5/s took %v", d)
		}
		for i, want := range []store.Lane{0, 0, 1, 2, 2} {
			if order[i] != want {
				t.Fatalf("order %v", order)
			}
		}
	})
}

// Notices that fill an account's rate do not hold up a code longer than one message takes; a notice never takes what a code waits for.
func TestNoticesNeverHoldUpCodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(AccountConfig{PerSecond: 10}, time.Now)
		sent, away := 0, map[time.Duration]int{}
		for range 200 {
			if wait := g.try(t, store.LaneNotice); wait == 0 {
				sent++
			} else {
				away[wait.Round(time.Millisecond)]++
			}
		}
		if sent != 1 || len(away) != 199 {
			t.Errorf("%d notices left, the others come again at %d times", sent, len(away))
		}
		for range 30 {
			began := time.Now()
			if wait := g.try(t, store.LaneSignIn); wait != 0 || time.Since(began) > 100*time.Millisecond {
				t.Fatalf("a code waited %v (%v)", time.Since(began), wait)
			}
			if g.try(t, store.LaneNotice) == 0 {
				t.Fatal("a notice went in the moment of a code")
			}
		}
	})
}

// Over any second no more leave than the rate and its burst.
func TestRateHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(AccountConfig{PerSecond: 20, SenderPerSecond: 8, CountryPerSecond: map[string]float64{"DE": 3}}, time.Now)
		var mu sync.Mutex
		count := map[string]int{}
		var wg sync.WaitGroup
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for i := range 60 {
			sender, country := "A", "US"
			if i%3 == 1 {
				sender = "B"
			}
			if i%3 == 2 {
				sender, country = "C", "DE"
			}
			wg.Go(func() {
				for {
					wait, err := g.enter(ctx, store.LaneSignIn, sender, country, long)
					if err != nil {
						return
					}
					if wait > 0 {
						select {
						case <-ctx.Done():
							return
						case <-time.After(wait):
						}
						continue
					}
					mu.Lock()
					count[sender]++
					mu.Unlock()
					g.leave()
				}
			})
		}
		wg.Wait()
		all := count["A"] + count["B"] + count["C"]
		if all > 20*10+2 || all < 180 || count["A"] > 81 || count["B"] > 81 || count["C"] > 31 || count["C"] < 28 || count["A"] < 70 || count["B"] < 70 {
			t.Errorf("in ten seconds %v", count)
		}
		if in, waiting := g.load(); in != 0 || waiting != 0 {
			t.Errorf("%d at work, %d waiting", in, waiting)
		}
	})
}

// A code that cannot leave in the time it has is told so, and the more wait the longer.
func TestToldToComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(AccountConfig{PerSecond: 1}, time.Now)
		g.try(t, store.LaneSignIn)
		wait, err := g.enter(t.Context(), store.LaneSignIn, "", "", 500*time.Millisecond)
		if err != nil || wait != time.Second {
			t.Errorf("wait %v, %v", wait, err)
		}
		for i := range 10 {
			wait, _ = g.enter(t.Context(), store.LaneSignIn, "", "", 500*time.Millisecond)
			if want := time.Duration(2+i) * time.Second; wait != want {
				t.Errorf("number %d comes again in %v, want %v", i, wait, want)
			}
		}
	})
}

func TestCallsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(AccountConfig{MaxInFlight: 2}, time.Now)
		first, second := g.try(t, 0), g.try(t, 0)
		if first != 0 || second != 0 {
			t.Fatal("no place")
		}
		if wait := g.try(t, store.LaneNotice); wait == 0 {
			t.Fatal("three at once")
		}
		var wait time.Duration
		var wg sync.WaitGroup
		began := time.Now()
		wg.Go(func() { wait = g.try(t, 0) })
		synctest.Wait()
		time.Sleep(300 * time.Millisecond)
		g.leave()
		wg.Wait()
		if wait != 0 || time.Since(began) != 300*time.Millisecond {
			t.Errorf("waited %v of %v", wait, time.Since(began))
		}
		// One that gives up is forgotten.
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := g.enter(ctx, 0, "", "", long); err == nil {
			t.Error("a third place")
		}
		g.leave()
		g.leave()
		if in, waiting := g.load(); in != 0 || waiting != 0 {
			t.Errorf("%d at work, %d waiting", in, waiting)
		}
	})
}
