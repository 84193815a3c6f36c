package quota_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"countersign/internal/quota"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

var (
	start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	ends  = start.Add(time.Hour)
	sent  = key("sent")
)

func key(name string) store.QuotaKey { return store.QuotaKey{PoolID: "p", Key: name, Span: start} }

// counted counts the transactions that write, and fails them when it is told to.
type counted struct {
	store.Store
	writes atomic.Int64
	fail   atomic.Bool
}

var errDown = errors.New("the store is down")

func (s *counted) Write(ctx context.Context, f func(store.Tx) error) error {
	s.writes.Add(1)
	if s.fail.Load() {
		return errDown
	}
	return s.Store.Write(ctx, f)
}

// bench is a store with the time of all its nodes.
type bench struct {
	testing.TB
	*counted
	now atomic.Int64
}

func newBench(t testing.TB, s store.Store) *bench {
	b := &bench{TB: t, counted: &counted{Store: s}}
	b.now.Store(start.UnixNano())
	return b
}

func (b *bench) pass(d time.Duration) { b.now.Add(int64(d)) }

func (b *bench) time() time.Time { return time.Unix(0, b.now.Load()).UTC() }

func (b *bench) node() *quota.Service {
	return quota.New(quota.Config{Store: b.counted, Now: b.time})
}

// take takes once and fails unless it goes as expected.
func (b *bench) take(s *quota.Service, k store.QuotaKey, n, limit int64, ok bool, taken int64) {
	b.Helper()
	r, err := s.Take(b.Context(), k, n, limit, ends)
	if want := (quota.Result{OK: ok, Taken: taken}); r != want || err != nil {
		b.Errorf("Take(%s, %d, %d) = %+v, %v; want %+v", k.Key, n, limit, r, err, want)
	}
}

// all takes one by one until it is refused, and returns how many it got.
func (b *bench) all(s *quota.Service, limit int64) (n int64) {
	b.Helper()
	for {
		r, err := s.Take(b.Context(), sent, 1, limit, ends)
		if err != nil || n > limit {
			b.Fatalf("Take: %v, %d taken of %d", err, n, limit)
		}
		if !r.OK {
			return n
		}
		n++
	}
}

// stored is what the store says is taken.
func (b *bench) stored(k store.QuotaKey, want int64) {
	b.Helper()
	err := b.Store.Read(b.Context(), func(tx store.Tx) error {
		got, err := tx.Guards().QuotaTaken(b.Context(), k)
		if got != want {
			b.Errorf("%d are taken in the store, not %d", got, want)
		}
		return err
	})
	if err != nil {
		b.Error(err)
	}
}

func TestOneNode(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st store.Store) {
		b := newBench(t, st)
		s := b.node()
		b.take(s, sent, 0, 10, true, 0)
		b.take(s, sent, 11, 10, false, 0)
		b.take(s, sent, 1, 0, false, 0)
		if n := b.writes.Load(); n != 0 {
			t.Errorf("%d writes for what needs none", n)
		}
		for n := range int64(10) {
			b.take(s, sent, 1, 10, true, n+1)
		}
		b.take(s, sent, 1, 10, false, 10)
		writes := b.writes.Load()
		for range 100 {
			b.take(s, sent, 1, 10, false, 10)
		}
		if n := b.writes.Load() - writes; n != 0 {
			t.Errorf("%d writes while it is full", n)
		}
		s.Give(sent, 2)
		b.take(s, sent, 3, 10, false, 8)
		b.take(s, sent, 2, 10, true, 10)
		b.take(s, key("other"), 1, 10, true, 1)
		next := sent
		next.Span = ends
		b.take(s, next, 1, 10, true, 1)
	})
}

// TestBlocks: a warm key costs few writes, a cold one leaves nothing behind.
func TestBlocks(t *testing.T) {
	b := newBench(t, storetest.SQLite(t))
	s := b.node()
	b.take(s, key("cold"), 1, 100_000, true, 1)
	b.stored(key("cold"), 1)
	b.writes.Store(0)
	const limit = 100_000
	if n := b.all(s, limit); n != limit {
		t.Fatalf("%d of %d", n, limit)
	}
	if n := b.writes.Load(); n > limit/500 {
		t.Errorf("%d writes for %d takes", n, limit)
	}
	// Money: blocks are counted in takes.
	b.writes.Store(0)
	for range 4000 {
		b.take(s, key("spent"), 50_000, 200_000_000, true, taken(b, s, key("spent"))+50_000)
	}
	b.take(s, key("spent"), 1, 200_000_000, false, 200_000_000)
	if n := b.writes.Load(); n > 200 {
		t.Errorf("%d writes for 4000 messages' money", n)
	}
}

func taken(b *bench, s *quota.Service, k store.QuotaKey) int64 {
	b.Helper()
	n, err := s.Taken(b.Context(), k)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// TestTwoNodes: together they never take more than the limit, and everything once what lies unused has come back.
func TestTwoNodes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st store.Store) {
		const limit = 3000
		b := newBench(t, st)
		nodes := []*quota.Service{b.node(), b.node()}
		var total atomic.Int64
		run := func() {
			var wg sync.WaitGroup
			for i := range 16 {
				wg.Go(func() {
					for try := 0; ; try++ {
						r, err := nodes[i%2].Take(b.Context(), sent, int64(i%3+1), limit, ends)
						if err != nil {
							t.Errorf("Take: %v", err)
						}
						if err != nil || !r.OK {
							return
						}
						if i == 5 && try < 1000 {
							nodes[1].Give(sent, 3)
							continue
						}
						total.Add(int64(i%3 + 1))
					}
				})
			}
			wg.Wait()
		}
		run()
		if n := total.Load(); n > limit || n < limit/2 {
			t.Fatalf("%d taken of %d", n, limit)
		}
		for _, s := range nodes {
			if err := s.Return(b.Context()); err != nil {
				t.Fatal(err)
			}
		}
		b.stored(sent, total.Load())
		b.pass(2 * time.Second)
		total.Add(b.all(nodes[0], limit))
		if n := total.Load(); n != limit {
			t.Errorf("%d taken of %d in the end", n, limit)
		}
	})
}

// TestRestart: a node that dies loses its blocks; what is taken in all stays below the limit.
func TestRestart(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st store.Store) {
		const limit = 1000
		b := newBench(t, st)
		total := int64(0)
		for range 10 {
			s := b.node()
			for range 30 {
				if r, err := s.Take(b.Context(), sent, 1, limit, ends); err != nil || !r.OK {
					t.Fatal(r, err)
				}
				total++
			}
		}
		total += b.all(b.node(), limit)
		if lost := limit - total; lost < 0 || lost > 10*limit/50 {
			t.Errorf("%d taken of %d", total, limit)
		}
	})
}

// TestReturn: nothing is lost by a node that ends as it should.
func TestReturn(t *testing.T) {
	b := newBench(t, storetest.SQLite(t))
	s := b.node()
	for n := range int64(100) {
		b.take(s, sent, 1, 10_000, true, n+1)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	b.stored(sent, 100)
	b.take(s, sent, 1, 10_000, true, 101)
	s.Give(sent, 1)
	if err := s.Return(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.stored(sent, 100)
}

// TestIdle: what lies unused for ten seconds goes back, so that others can take it.
func TestIdle(t *testing.T) {
	b := newBench(t, storetest.SQLite(t))
	s, other := b.node(), b.node()
	for range 6 {
		if _, err := s.Take(t.Context(), sent, 1, 100, ends); err != nil {
			t.Fatal(err)
		}
	}
	s.Give(sent, 3)
	if got := b.all(other, 100); got >= 97 {
		t.Fatalf("another node took %d of what this one holds", got)
	}
	b.pass(9 * time.Second)
	b.tidy(s)
	if n := s.Keys(); n != 1 {
		t.Errorf("%d keys after nine seconds", n)
	}
	b.pass(time.Second)
	b.tidy(s)
	if n := s.Keys(); n != 0 {
		t.Errorf("%d keys after ten seconds", n)
	}
	b.all(other, 100)
	b.stored(sent, 100)
	// A Give that comes later still reaches the store.
	s.Give(sent, 1)
	b.tidy(s)
	b.stored(sent, 99)
}

func (b *bench) tidy(s *quota.Service) {
	b.Helper()
	if err := s.Tidy(b.Context()); err != nil {
		b.Error(err)
	}
}

// TestNearTheEnd: what is too little for one is enough for another, on this node and on others.
func TestNearTheEnd(t *testing.T) {
	b := newBench(t, storetest.SQLite(t))
	s, other := b.node(), b.node()
	for range 90 {
		if r, err := s.Take(t.Context(), sent, 1, 100, ends); err != nil || !r.OK {
			t.Fatal(r, err)
		}
	}
	if err := s.Return(t.Context()); err != nil {
		t.Fatal(err)
	}
	big := quota.New(quota.Config{Store: b.counted, Now: b.time, Block: func(limit int64) int64 { return limit }})
	for n := range int64(3) {
		b.take(big, sent, 1, 100, true, 91+n)
	}
	b.take(other, sent, 8, 100, false, 93)
	b.take(other, sent, 7, 100, true, 100)

	b.take(s, key("spent"), 70, 100, true, 70)
	b.take(s, key("spent"), 40, 100, false, 70)
	b.take(other, key("spent"), 10, 100, true, 80)
	b.take(s, key("spent"), 20, 100, true, 100)
}

// TestRun: a node that is not asked any more holds nothing after a quarter of a minute.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, storetest.SQLite(t))
		s := quota.New(quota.Config{Store: b.counted})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		for n := range int64(6) {
			b.take(s, sent, 1, 1000, true, n+1)
		}
		b.stored(sent, 21)
		time.Sleep(16 * time.Second)
		if n := s.Keys(); n != 0 {
			t.Errorf("%d keys in memory", n)
		}
		b.stored(sent, 6)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestTwoLimits: of one key some may take only a part, whoever took it before them.
func TestTwoLimits(t *testing.T) {
	b := newBench(t, storetest.SQLite(t))
	s := b.node()
	const whole, part = 10_000, 8_000
	for n := range int64(part - 3) {
		b.take(s, sent, 1, whole, true, n+1)
	}
	// Its block reaches beyond the part.
	for n := range int64(3) {
		b.take(s, sent, 1, part, true, part-2+n)
	}
	b.take(s, sent, 1, part, false, part)
	b.take(s, sent, 1, whole, true, part+1)
	b.take(s, sent, 1, part, false, part+1)
	b.pass(2 * time.Second)
	b.take(s, sent, 1, part, false, part+1)
	b.take(s, sent, 1, whole, true, part+2)
	// A limit that is lowered holds at once.
	b.take(s, sent, 1, 100, false, part+2)
	s.Give(sent, 2)
	b.pass(2 * time.Second)
	b.take(s, sent, 1, part, false, part)
	s.Give(sent, 1)
	b.pass(2 * time.Second)
	b.take(s, sent, 1, part, true, part)
}

func TestAdd(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st store.Store) {
		b := newBench(t, st)
		s := b.node()
		add := func(n, want int64) {
			t.Helper()
			if got, err := s.Add(t.Context(), sent, n, ends); got != want || err != nil {
				t.Errorf("Add(%d) = %d, %v; want %d", n, got, err, want)
			}
		}
		add(3, 3)
		b.stored(sent, 3)
		b.take(s, sent, 5, 100, true, 8)
		add(200, 208)
		b.take(s, sent, 1, 100, false, 208)
		add(-200, 8)
		b.tidy(s)
		b.pass(2 * time.Second)
		b.take(s, sent, 1, 100, true, 9)
		for n := range int64(20) {
			b.take(s, sent, 1, 1000, true, n+10)
		}
		before := b.writes.Load()
		for range 5 {
			add(1, taken(b, s, sent)+1)
			add(-1, taken(b, s, sent)-1)
		}
		if n := b.writes.Load() - before; n > 1 {
			t.Errorf("%d writes for ten small corrections", n)
		}
		b.take(s, sent, 1, 1000, true, 30)
	})
}

func TestTakeAll(t *testing.T) {
	b := newBench(t, storetest.SQLite(t))
	s := b.node()
	want := func(name string, n, limit int64) quota.Want {
		return quota.Want{Key: key(name), N: n, Limit: limit, Ends: ends}
	}
	takeAll := func(ok []bool, wants ...quota.Want) {
		t.Helper()
		got, err := s.TakeAll(t.Context(), wants)
		if err != nil || len(got) != len(ok) {
			t.Fatalf("TakeAll: %v, %v", got, err)
		}
		for i, r := range got {
			if r.OK != ok[i] {
				t.Errorf("result %d is %+v", i, r)
			}
		}
	}
	takeAll(nil)
	takeAll([]bool{true, true, true}, want("c", 1, 10), want("a", 2, 2), want("b", 0, 0))
	if n := b.writes.Load(); n != 1 {
		t.Errorf("%d writes for two keys at once", n)
	}
	takeAll([]bool{true, false}, want("c", 1, 10), want("a", 1, 2))
	for _, k := range []struct {
		name string
		want int64
	}{{"a", 2}, {"b", 0}, {"c", 1}} {
		if n := taken(b, s, key(k.name)); n != k.want {
			t.Errorf("%d of %s are taken, not %d", n, k.name, k.want)
		}
	}
	if _, err := s.TakeAll(t.Context(), []quota.Want{want("a", 1, 10), want("a", 1, 10)}); err == nil {
		t.Error("one key twice")
	}
}

// TestTakeAllRace: many callers on two nodes take the same keys in different orders.
func TestTakeAllRace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st store.Store) {
		const limit = 300
		b := newBench(t, st)
		nodes := []*quota.Service{b.node(), b.node()}
		var total atomic.Int64
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				for {
					var wants []quota.Want
					for n := range 3 {
						name := fmt.Sprint("k", (n*(i%2*2-1)+i+3)%3)
						wants = append(wants, quota.Want{Key: key(name), N: 1, Limit: limit, Ends: ends})
					}
					results, err := nodes[i%2].TakeAll(t.Context(), wants)
					if err != nil {
						t.Error(err)
						return
					}
					for _, r := range results {
						if !r.OK {
							return
						}
					}
					total.Add(1)
				}
			})
		}
		wg.Wait()
		if n := total.Load(); n > limit || n < limit/2 {
			t.Errorf("%d of %d", n, limit)
		}
	})
}

// TestSingleFlight: who waits for a lease is served by it.
func TestSingleFlight(t *testing.T) {
	b := newBench(t, storetest.SQLite(t))
	gate := make(chan struct{})
	s := quota.New(quota.Config{Store: &slowStore{Store: b.counted, gate: gate}, Now: b.time})
	var wg sync.WaitGroup
	var ok atomic.Int64
	for range 50 {
		wg.Go(func() {
			r, err := s.Take(t.Context(), sent, 1, 50, ends)
			if err != nil {
				t.Error(err)
			}
			if r.OK {
				ok.Add(1)
			}
		})
	}
	for s.Wanted(sent) < 50 {
		runtime.Gosched()
	}
	b.pass(time.Minute)
	s.Forget()
	if s.Wanted(sent) != 50 {
		t.Error("a key was forgotten that somebody waits for")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Take(ctx, sent, 1, 50, ends); !errors.Is(err, context.Canceled) {
		t.Errorf("who does not wait any longer gets %v", err)
	}
	close(gate)
	wg.Wait()
	if ok.Load() != 50 || b.writes.Load() > 3 {
		t.Errorf("%d of 50 were served by %d writes", ok.Load(), b.writes.Load())
	}
	if n := s.Wanted(sent); n != 0 {
		t.Errorf("%d are still wanted", n)
	}
}

// slowStore holds the first write until the gate opens.
type slowStore struct {
	store.Store
	gate chan struct{}
}

func (s *slowStore) Write(ctx context.Context, f func(store.Tx) error) error {
	<-s.gate
	return s.Store.Write(ctx, f)
}

// TestStoreDown: an error is no answer, and nothing is kept of it.
func TestStoreDown(t *testing.T) {
	b := newBench(t, storetest.SQLite(t))
	s := b.node()
	for range 6 {
		if _, err := s.Take(t.Context(), sent, 1, 1000, ends); err != nil {
			t.Fatal(err)
		}
	}
	b.fail.Store(true)
	held := b.down(s)
	if held == 0 {
		t.Error("the block does not outlive the store")
	}
	if _, err := s.Add(t.Context(), key("other"), 1, ends); !errors.Is(err, errDown) {
		t.Errorf("Add: %v", err)
	}
	s.Give(sent, 1)
	if err := s.Return(t.Context()); !errors.Is(err, errDown) {
		t.Errorf("Return: %v", err)
	}
	b.fail.Store(false)
	if n := b.all(s, 1000); n > 1000-6-held {
		t.Errorf("%d more than the limit", n-(1000-6-held))
	}
}

// down takes until the store is needed, and returns how many that were.
func (b *bench) down(s *quota.Service) (n int64) {
	b.Helper()
	for {
		r, err := s.Take(b.Context(), sent, 1, 1000, ends)
		if err != nil {
			if !errors.Is(err, errDown) {
				b.Errorf("Take: %v", err)
			}
			return n
		}
		if !r.OK {
			b.Fatalf("refused: %+v", r)
		}
		n++
	}
}

// TestMemory: keys are bounded, and what is crowded out is not lost.
func TestMemory(t *testing.T) {
	b := newBench(t, storetest.SQLite(t))
	s := b.node()
	for range 6 {
		if _, err := s.Take(t.Context(), sent, 1, 1000, ends); err != nil {
			t.Fatal(err)
		}
	}
	b.pass(2 * time.Second)
	for n := range quota.MaxKeys + 1000 {
		b.take(s, key(fmt.Sprint("k", n)), 0, 1, true, 0)
	}
	if n := s.Keys(); n > quota.MaxKeys {
		t.Errorf("%d keys in memory", n)
	}
	b.tidy(s)
	b.stored(sent, 6)
}

// BenchmarkTake is one unit of one key, by all processors at once: from a large block, and of a limit so small that every block is one unit.
func BenchmarkTake(b *testing.B) {
	for _, e := range storetest.Engines(b) {
		for name, limit := range map[string]int64{"warm": 1 << 40, "small": 40} {
			b.Run(e.Name+"/"+name, func(b *testing.B) {
				s := quota.New(quota.Config{Store: e.Open(b)})
				var n atomic.Int64
				b.ReportAllocs()
				b.RunParallel(func(p *testing.PB) {
					for p.Next() {
						k := sent
						if limit == 40 {
							k = key(fmt.Sprint("range", n.Add(1)/20))
						}
						if r, err := s.Take(b.Context(), k, 1, limit, time.Now().Add(time.Hour)); err != nil || !r.OK {
							b.Error(r, err)
						}
					}
				})
			})
		}
	}
}

// BenchmarkTakeAll is what a message to an unconfirmed number takes, of warm keys.
func BenchmarkTakeAll(b *testing.B) {
	s := quota.New(quota.Config{Store: storetest.SQLite(b)})
	var wants []quota.Want
	for n := range 8 {
		wants = append(wants, quota.Want{Key: key(fmt.Sprint("guard/h/", n)), N: 1, Limit: 1 << 40, Ends: time.Now().Add(time.Hour)})
	}
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if r, err := s.TakeAll(b.Context(), wants); err != nil || !r[7].OK {
				b.Error(r, err)
			}
		}
	})
}
