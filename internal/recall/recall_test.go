package recall_test

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"countersign/internal/recall"
)

const fresh = 2 * time.Second

// source is a store that answers after a time; what it answers is what held when it was asked.
type source struct {
	value, reads atomic.Int64
	takes        time.Duration
	err          error
}

func (s *source) load(ctx context.Context, _ string) (int64, error) {
	s.reads.Add(1)
	v, err := s.value.Load(), s.err
	select {
	case <-time.After(s.takes):
		return v, err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func get(t *testing.T, m *recall.Memory[string, int64], key string) int64 {
	t.Helper()
	v, err := m.Get(t.Context(), key)
	if err != nil {
		t.Error(err)
	}
	return v
}

func TestFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{takes: time.Second}
		m := recall.New(recall.Config[string, int64]{Load: s.load, Fresh: fresh, Most: 2})
		get(t, m, "a")
		s.value.Store(1)
		// Age counts from before the reading, which took a second.
		time.Sleep(fresh - time.Second - 1)
		if v := get(t, m, "a"); v != 0 || s.reads.Load() != 1 {
			t.Errorf("fresh: got %d after %d reads", v, s.reads.Load())
		}
		time.Sleep(time.Nanosecond)
		if v := get(t, m, "a"); v != 1 || s.reads.Load() != 2 {
			t.Errorf("old: got %d after %d reads", v, s.reads.Load())
		}
	})
}

func TestClockGoesBack(t *testing.T) {
	s := &source{}
	now := time.Unix(1e9, 0)
	m := recall.New(recall.Config[string, int64]{Load: s.load, Fresh: fresh, Now: func() time.Time { return now }})
	get(t, m, "a")
	s.value.Store(1)
	now = now.Add(-time.Hour)
	if v := get(t, m, "a"); v != 1 {
		t.Error("what was read an hour ahead is still believed")
	}
}

func TestOneReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{takes: time.Second}
		m := recall.New(recall.Config[string, int64]{Load: s.load, Fresh: fresh})
		s.value.Store(7)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if v := get(t, m, "a"); v != 7 {
					t.Errorf("got %d", v)
				}
			})
		}
		wg.Wait()
		if n := s.reads.Load(); n != 1 {
			t.Errorf("%d reads", n)
		}
	})
}

// A reading that began before a write of this node must not be seen after the write.
func TestForgetWhileReading(t *testing.T) {
	for name, forget := range map[string]func(*recall.Memory[string, int64]){
		"one": func(m *recall.Memory[string, int64]) { m.Forget("a") },
		"all": (*recall.Memory[string, int64]).ForgetAll,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &source{takes: time.Second}
				m := recall.New(recall.Config[string, int64]{Load: s.load, Fresh: fresh})
				go m.Get(t.Context(), "a")
				synctest.Wait()
				s.value.Store(1)
				forget(m)
				if v := get(t, m, "a"); v != 1 {
					t.Error("what was read before the write is returned after it")
				}
				if v := get(t, m, "a"); v != 1 || s.reads.Load() != 2 {
					t.Errorf("got %d after %d reads", v, s.reads.Load())
				}
			})
		})
	}
}

func TestErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{takes: time.Second, err: errors.New("no store")}
		m := recall.New(recall.Config[string, int64]{Load: s.load, Fresh: fresh})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if _, err := m.Get(t.Context(), "a"); !errors.Is(err, s.err) {
					t.Errorf("got %v", err)
				}
			})
		}
		wg.Wait()
		if n := s.reads.Load(); n != 1 {
			t.Errorf("%d readings of those who asked together", n)
		}
		s.err = nil
		get(t, m, "a")
		time.Sleep(fresh)
		s.err = errors.New("no store again")
		if _, err := m.Get(t.Context(), "a"); !errors.Is(err, s.err) {
			t.Errorf("an old value instead of %v: %v", s.err, err)
		}
	})
}

func TestContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{takes: time.Minute}
		m := recall.New(recall.Config[string, int64]{Load: s.load, Fresh: time.Hour})
		short := func(after time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			if _, err := m.Get(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		}
		var wg sync.WaitGroup
		wg.Go(func() { short(2 * time.Second) })
		synctest.Wait()
		wg.Go(func() { short(time.Second) }) // waits for the first, no longer than its own context
		wg.Go(func() { get(t, m, "a") })     // reads when the first gives up
		wg.Wait()
		if n := s.reads.Load(); n != 2 {
			t.Errorf("%d reads", n)
		}
	})
}

func TestPanic(t *testing.T) {
	fail := true
	m := recall.New(recall.Config[string, int]{Fresh: fresh, Load: func(context.Context, string) (int, error) {
		if fail {
			panic("a mistake")
		}
		return 1, nil
	}})
	func() {
		defer func() { _ = recover() }()
		_, _ = m.Get(t.Context(), "a")
	}()
	fail = false
	if v, err := m.Get(t.Context(), "a"); v != 1 || err != nil {
		t.Errorf("after a panic: %d, %v", v, err)
	}
}

func TestMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		m := recall.New(recall.Config[string, int64]{Load: s.load, Fresh: fresh, Most: 8})
		for i := range 7 {
			get(t, m, strconv.Itoa(i))
		}
		time.Sleep(fresh)
		get(t, m, "young")
		get(t, m, "new") // the old ones go
		if got := maps.Collect(m.All()); len(got) != 2 {
			t.Errorf("kept %v", got)
		}
		for i := range 100 {
			get(t, m, strconv.Itoa(i))
			if got := maps.Collect(m.All()); len(got) > 8 {
				t.Fatalf("kept %d", len(got))
			}
		}
		// Keys of which nothing could be read make no one else go for long.
		time.Sleep(fresh)
		s.err = errors.New("no such key")
		for i := range 100 {
			_, _ = m.Get(t.Context(), "missing"+strconv.Itoa(i))
		}
		s.err = nil
		for i := range 8 {
			get(t, m, strconv.Itoa(i))
		}
		if got := maps.Collect(m.All()); len(got) != 8 {
			t.Errorf("kept %v", got)
		}
	})
}

// Writers forget after each write; whoever asks after that finds what was written, or what is newer.
func TestRace(t *testing.T) {
	var value atomic.Int64
	m := recall.New(recall.Config[int, int64]{Fresh: time.Hour, Most: 3, Load: func(context.Context, int) (int64, error) { return value.Load(), nil }})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				wrote := int64(0)
				if i%10 == 0 {
					wrote = value.Add(1)
					if i%20 == 0 {
						m.ForgetAll()
					} else {
						m.Forget(g % 5)
					}
				}
				if v, err := m.Get(t.Context(), g%5); err != nil || v < wrote {
					t.Errorf("got %d after %d was written: %v", v, wrote, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestNewNeeds(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("made without a loader")
		}
	}()
	recall.New(recall.Config[string, int]{Fresh: fresh})
}

// BenchmarkGet reads no clock: what time.Now costs differs between machines, and is shown beside.
func BenchmarkGet(b *testing.B) {
	s := &source{}
	now := time.Now()
	m := recall.New(recall.Config[string, int64]{Load: s.load, Fresh: time.Hour, Most: 1024, Now: func() time.Time { return now }})
	for i := range 1000 {
		if _, err := m.Get(b.Context(), "pool-"+strconv.Itoa(i)); err != nil {
			b.Fatal(err)
		}
	}
	ctx := b.Context()
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = m.Get(ctx, "pool-500")
		}
	})
	b.Run("many", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_, _ = m.Get(ctx, "pool-500")
			}
		})
	})
	b.Run("clock", func(b *testing.B) {
		for b.Loop() {
			_ = time.Now()
		}
	})
}
