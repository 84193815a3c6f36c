package wire

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := NewLimiter(Rate{Burst: 3, Every: 20 * time.Second}, 2, func() time.Time { return now })
	for _, c := range []struct {
		after     time.Duration
		key       string
		ok        bool
		remaining int
		reset     time.Duration // from now
	}{
		{0, "a", true, 2, 20 * time.Second},
		{0, "a", true, 1, 40 * time.Second},
		{0, "a", true, 0, 20 * time.Second},
		{0, "a", false, 0, 20 * time.Second},
		{0, "b", true, 2, 20 * time.Second}, // keys do not share
		{19 * time.Second, "a", false, 0, time.Second},
		{time.Second, "a", true, 0, 20 * time.Second},
		{time.Hour, "a", true, 2, 20 * time.Second}, // never more than the burst
	} {
		now = now.Add(c.after)
		a := l.Take(c.key)
		if a.OK != c.ok || a.Remaining != c.remaining || a.Limit != 3 || a.Reset.Sub(now) != c.reset {
			t.Errorf("%+v: %+v, reset in %s", c, a, a.Reset.Sub(now))
		}
	}
}

func TestLimiterIsBounded(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := NewLimiter(PerHour(1), 100, func() time.Time { return now })
	for i := range 1000 {
		l.Take(fmt.Sprint(i))
	}
	if len(l.buckets) != 100 || l.used.Len() != 100 {
		t.Errorf("%d buckets, %d in the list", len(l.buckets), l.used.Len())
	}
	if l.Take("999").OK {
		t.Error("the last used bucket was forgotten")
	}
}

func TestAllowanceHeaders(t *testing.T) {
	h := http.Header{}
	Allowance{Limit: 50, Reset: time.Unix(100, 1), RetryAfter: 1500 * time.Millisecond}.Headers(h)
	for name, want := range map[string]string{"x-ratelimit-limit": "50", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "101", "retry-after": "2"} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, not %q", name, got, want)
		}
	}
}

func TestAddressKey(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1:1234": "192.0.2.1", "[::ffff:192.0.2.1]:9": "192.0.2.1", "[2001:db8::1]:1": "2001:db8::/64", "[2001:db8::2%eth0]:1": "2001:db8::/64", "@": "@",
	} {
		if got := AddressKey(in); got != want {
			t.Errorf("%s: %q, not %q", in, got, want)
		}
	}
}

func BenchmarkLimiter(b *testing.B) {
	l := NewLimiter(PerHour(50), 0, nil)
	for b.Loop() {
		l.Take("192.0.2.1")
	}
}
