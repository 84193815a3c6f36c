package routehealth

import (
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// ranked returns a Monitor that holds some accounts degraded, and others well by their own judgement.
func ranked(bad, well []string) *Monitor {
	m := New(Config{Store: newMemory()})
	v := &view{degraded: map[Key]*degraded{}, well: map[Key]bool{}}
	for _, a := range bad {
		v.degraded[keyFor(a, "DE", AllNetworks)] = &degraded{asked: new(atomic.Uint32)}
	}
	for _, a := range well {
		v.well[keyFor(a, "DE", "26201")] = true
	}
	m.view.Store(v)
	return m
}

func TestRank(t *testing.T) {
	for name, c := range map[string]struct{ accounts, bad, well, want []string }{
		"none":              {[]string{"a", "b", "c"}, nil, nil, []string{"a", "b", "c"}},
		"one":               {[]string{"a", "b", "c"}, []string{"a"}, nil, []string{"b", "c", "a"}},
		"two":               {[]string{"a", "b", "c"}, []string{"a", "b"}, nil, []string{"c", "a", "b"}},
		"a later one":       {[]string{"a", "b", "c"}, []string{"b"}, nil, []string{"a", "c", "b"}},
		"all":               {[]string{"a", "b"}, []string{"a", "b"}, nil, []string{"a", "b"}},
		"alone":             {[]string{"a"}, []string{"a"}, nil, []string{"a"}},
		"nobody":            {nil, []string{"a"}, nil, nil},
		"its own judgement": {[]string{"a", "b"}, []string{"a"}, []string{"a"}, []string{"a", "b"}},
	} {
		in := slices.Clone(c.accounts)
		if got := ranked(c.bad, c.well).Rank("pool", "sms", "DE", "26201", in); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
		if !slices.Equal(in, c.accounts) {
			t.Errorf("%s: the list was changed", name)
		}
	}
}

// A degraded account that the plan does not use first is not probed: it would get more than the plan gives it.
func TestOnlyTheFirstAreProbed(t *testing.T) {
	m := ranked([]string{"a", "c"}, nil)
	first := map[string]int{}
	for range 10 * probeEvery {
		first[m.Rank("pool", "sms", "DE", "26201", []string{"a", "b", "c"})[0]]++
	}
	if first["a"] != 10 || first["b"] != 190 || first["c"] != 0 {
		t.Fatal(first)
	}
}

// Whatever is degraded, Rank gives a permutation, in which healthy accounts keep their order, and never begins with two degraded ones.
func TestRankProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 70).Draw(t, "n")
		var accounts, bad []string
		isBad := map[string]bool{}
		for i := range n {
			a := string(rune('A' + i))
			accounts = append(accounts, a)
			if i < 64 && rapid.Bool().Draw(t, "bad") {
				bad, isBad[a] = append(bad, a), true
			}
		}
		m := ranked(bad, nil)
		for range rapid.IntRange(1, 45).Draw(t, "calls") {
			got := m.Rank("pool", "sms", "DE", "26201", accounts)
			if s := slices.Sorted(slices.Values(got)); !slices.Equal(s, accounts) {
				t.Fatalf("%v of %v", got, accounts)
			}
			if len(bad) == n {
				if !slices.Equal(got, accounts) {
					t.Fatalf("all are degraded, and the order changed: %v", got)
				}
				continue
			}
			if n > 1 && isBad[got[0]] && isBad[got[1]] {
				t.Fatalf("two degraded ones first: %v", got)
			}
			healthy := slices.DeleteFunc(slices.Clone(got), func(a string) bool { return isBad[a] })
			if !slices.IsSorted(healthy) {
				t.Fatalf("%v", got)
			}
		}
	})
}

func TestRankAllocates(t *testing.T) {
	list := []string{"a", "b", "c"}
	well, ill := ranked(nil, nil), ranked([]string{"a"}, nil)
	if n := testing.AllocsPerRun(100, func() { well.Rank("pool", "sms", "DE", "26201", list) }); n != 0 {
		t.Errorf("%v allocations where all are well", n)
	}
	if n := testing.AllocsPerRun(100, func() { ill.Rank("pool", "sms", "DE", "26201", list) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

// The bounds are Wilson's: known values, and they hold the ratio between them.
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		v, n         int
		z            float64
		lower, upper float64
	}{
		{0, 0, 2, 0, 1}, {5, 10, 1.96, 0.2366, 0.7634}, {0, 10, 1.96, 0, 0.2775}, {10, 10, 1.96, 0.7225, 1}, {0, 30, 4, 0, 0.3478}, {12, 10, 1.96, 0.7225, 1},
	} {
		lower, upper := wilson(c.v, c.n, c.z)
		if math.Abs(lower-c.lower) > 5e-4 || math.Abs(upper-c.upper) > 5e-4 {
			t.Errorf("%+v: %.4f to %.4f", c, lower, upper)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 1_000_000).Draw(t, "n")
		v := rapid.IntRange(0, n).Draw(t, "v")
		z := rapid.Float64Range(0.1, 6).Draw(t, "z")
		lower, upper := wilson(v, n, z)
		p := float64(v) / float64(n)
		if lower < 0 || upper > 1 || lower > p+1e-9 || upper < p-1e-9 {
			t.Fatalf("%v not in %v to %v", p, lower, upper)
		}
	})
}

func BenchmarkRank(b *testing.B) {
	list := []string{"a", "b", "c"}
	for name, m := range map[string]*Monitor{"well": ranked(nil, nil), "degraded": ranked([]string{"a"}, nil)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.Rank("pool", "sms", "DE", "26201", list)
			}
		})
	}
}

func BenchmarkSent(b *testing.B) {
	m, k, at := New(Config{Store: newMemory()}), keyFor("twilio-eu", "DE", "26201"), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		m.Sent(k, at)
	}
}

func BenchmarkRefresh(b *testing.B) {
	w := newWorld(b, 1, 1)
	var streams []stream
	for i := range 1000 {
		streams = append(streams, stream{key: keyFor("a", string([]byte{'A' + byte(i/26%26), 'A' + byte(i%26)}), "26201"), perMinute: 6, ratio: 0.7,
			median: 10 * time.Second})
	}
	w.run(30*time.Minute, streams, nil)
	for b.Loop() {
		w.now = w.now.Add(step)
		if err := w.nodes[0].Refresh(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
