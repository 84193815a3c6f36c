package management

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"countersign/internal/fault"
)

// TestScansTakeTurns: a few at once, some wait, the rest hears that it is too much, and who stops waiting makes room.
func TestScansTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScans()
		ctx, leave := context.WithCancel(t.Context())
		release := make(chan struct{})
		var ran, left atomic.Int32
		for range scansAtOnce + scansWaiting {
			go func() {
				done, err := s.turn(ctx)
				if err != nil {
					if !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
					left.Add(1)
					return
				}
				ran.Add(1)
				<-release
				done()
			}()
			synctest.Wait()
		}
		if _, err := s.turn(ctx); ran.Load() != scansAtOnce || fault.CodeOf(err) != fault.Overloaded {
			t.Errorf("%d run, the next one: %v", ran.Load(), err)
		}
		leave()
		synctest.Wait()
		if left.Load() != scansWaiting {
			t.Errorf("%d left", left.Load())
		}
		close(release)
		synctest.Wait()
		done, err := s.turn(t.Context())
		if err != nil || len(s.waiting) != 1 {
			t.Fatalf("%v, %d", err, len(s.waiting))
		}
		done()
	})
}

// TestSearchesEnd: searches give their turn back, whether they find, fail or are refused.
func TestSearchesEnd(t *testing.T) {
	b := newBench(t)
	for range scansAtOnce + scansWaiting + 1 {
		b.send("GET", "/logs?q=type:s", "").is(200)
		b.send("GET", "/logs?q=type:s&page=99&per_page=100", "").is(400)
		b.send("GET", "/users?q=name:x&sort=email:1", "").is(200)
		b.send("GET", "/stats/active-users", "").is(200)
		b.Advance(1e9)
	}
}
