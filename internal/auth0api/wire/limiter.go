package wire

import (
	"container/list"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// Rate is a token bucket: Burst calls at once, and one more each Every. The header x-ratelimit-limit says Burst.
type Rate struct {
	Burst int
	Every time.Duration
}

// PerMinute, PerHour: n calls at once, and n more spread over the time.
func PerMinute(n int) Rate { return Rate{n, time.Minute / time.Duration(n)} }

// PerHour: see PerMinute.
func PerHour(n int) Rate { return Rate{n, time.Hour / time.Duration(n)} }

// DefaultKeys bounds a Limiter's buckets: about 10 MB.
const DefaultKeys = 1 << 16

// Limiter holds a bucket for each key (an address, a client) in memory. A bucket that was not used for longest makes room for a new one. Each
// node counts for itself. Safe for concurrent use.
type Limiter struct {
	rate Rate
	keys int
	now  func() time.Time

	mu      sync.Mutex
	buckets map[string]*list.Element
	used    list.List // of *bucket, the last used in front
}

// bucket is full at the time full: what a bucket holds follows from it.
type bucket struct {
	key  string
	full time.Time
}

// NewLimiter returns a Limiter of at most keys buckets (0: DefaultKeys). now is the clock, time.Now if nil. It panics without a rate.
func NewLimiter(rate Rate, keys int, now func() time.Time) *Limiter {
	if rate.Burst < 1 || rate.Every <= 0 {
		panic("wire: a rate without burst or interval")
	}
	if keys <= 0 {
		keys = DefaultKeys
	}
	if now == nil {
		now = time.Now
	}
	return &Limiter{rate: rate, keys: keys, now: now, buckets: map[string]*list.Element{}}
}

// Allowance is what a bucket answers.
type Allowance struct {
	OK               bool
	Limit, Remaining int
	// Reset is when there is another token, if none is left, and else when the bucket is full.
	Reset time.Time
	// RetryAfter is at least a second where OK is false.
	RetryAfter time.Duration
}

// Take takes a token of the key's bucket. A refused call costs nothing.
func (l *Limiter) Take(key string) Allowance {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	b := l.bucket(key)
	if b.full.Before(now) {
		b.full = now
	}
	// after this call the bucket would be full at full+Every; it may never be further away than a whole refill
	span := time.Duration(l.rate.Burst) * l.rate.Every
	after := b.full.Add(l.rate.Every)
	if wait := after.Sub(now) - span; wait > 0 {
		return Allowance{Limit: l.rate.Burst, Reset: now.Add(wait), RetryAfter: max(time.Second, wait)}
	}
	b.full = after
	left := int((span - after.Sub(now)) / l.rate.Every)
	a := Allowance{OK: true, Limit: l.rate.Burst, Remaining: left, Reset: after}
	if left == 0 {
		a.Reset = after.Add(l.rate.Every - span)
	}
	return a
}

func (l *Limiter) bucket(key string) *bucket {
	if e := l.buckets[key]; e != nil {
		l.used.MoveToFront(e)
		return e.Value.(*bucket)
	}
	if len(l.buckets) >= l.keys {
		last := l.used.Back()
		delete(l.buckets, l.used.Remove(last).(*bucket).key)
	}
	b := &bucket{key: key}
	l.buckets[key] = l.used.PushFront(b)
	return b
}

// Headers sets Auth0's headers, x-ratelimit-reset in seconds since 1970, and Retry-After on a refusal.
func (a Allowance) Headers(h http.Header) {
	h.Set("X-RateLimit-Limit", strconv.Itoa(a.Limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(a.Remaining))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(roundUp(a.Reset), 10))
	if !a.OK {
		h.Set("Retry-After", strconv.FormatInt(int64((a.RetryAfter+time.Second-1)/time.Second), 10))
	}
}

func roundUp(t time.Time) int64 {
	s := t.Unix()
	if t.Nanosecond() > 0 {
		s++
	}
	return s
}

// AddressKey names the network of a client's address (http.Request.RemoteAddr): one IPv4 address, or one /64 of IPv6, which is one customer's.
func AddressKey(remote string) string {
	a, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote
	}
	ip := a.Addr().Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	p, err := ip.Prefix(64)
	if err != nil {
		return remote
	}
	return p.String()
}
