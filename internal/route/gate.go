package route

import (
	"context"
	"math"
	"sync"
	"time"

	"countersign/internal/store"
)

const (
	// patience is how long a code waits in place for an account's rate: it holds a place of the worker meanwhile.
	patience = 2 * time.Second
	// maxBuckets bounds the senders and countries whose rate is remembered; beyond it they begin anew.
	maxBuckets = 1024
	// slotWait is what a message is taken to wait for each call before it that must end first.
	slotWait = 200 * time.Millisecond
)

// gate lets messages through to one account, at its rates and no more than its number of calls at once. Waiting codes go in the order of
// lanes, then first come first served. Notices do not wait here: they take what is left over or are told when to come again.
type gate struct {
	now         func() time.Time
	maxInFlight int
	perSender   float64
	perCountry  map[string]float64

	mu        sync.Mutex
	inFlight  int
	whole     bucket
	senders   map[string]*bucket
	countries map[string]*bucket
	// waiting is in the order of service.
	waiting []*waiter
	timer   *time.Timer
	// places stands for maxInFlight among the buckets that hold somebody up.
	places bucket
}

func newGate(c AccountConfig, now func() time.Time) *gate {
	return &gate{now: now, maxInFlight: c.MaxInFlight, perSender: c.SenderPerSecond, perCountry: c.CountryPerSecond, whole: bucket{rate: c.PerSecond},
		senders: map[string]*bucket{}, countries: map[string]*bucket{}}
}

// bucket holds what may go at once, filled at a rate per second; a rate of 0 is no bound.
type bucket struct {
	rate, tokens float64
	filled       time.Time
	// away is up to when codes, and up to when notices, have been told to come again because of this bucket.
	away [2]time.Time
}

// burst is how many may go at once after a pause: a tenth of a second's worth.
func (b *bucket) burst() float64 { return max(1, b.rate/10) }

func (b *bucket) fill(now time.Time) {
	if b.filled.IsZero() {
		b.tokens = b.burst()
	} else if d := now.Sub(b.filled); d > 0 {
		b.tokens = min(b.burst(), b.tokens+b.rate*d.Seconds())
	}
	b.filled = now
}

// wait is how long until n more may go; 0: now.
func (b *bucket) wait(now time.Time, n int) time.Duration {
	if b == nil || b.rate <= 0 {
		return 0
	}
	b.fill(now)
	short := float64(n) - b.tokens
	if short <= 1e-9 {
		return 0
	}
	return time.Duration(math.Ceil(short / b.rate * float64(time.Second)))
}

// step is the time between two messages.
func (b *bucket) step() time.Duration {
	if b == nil || b.rate <= 0 {
		return 0
	}
	return time.Duration(float64(time.Second) / b.rate)
}

func (b *bucket) take() {
	if b != nil && b.rate > 0 {
		b.tokens--
	}
}

type waiter struct {
	lane            store.Lane
	sender, country *bucket
	pass            chan struct{}
	granted         bool
}

// enter asks for a place. wait is 0 if it has it: then leave must follow. Otherwise wait is how long the message would have to stay away. The errors are
// ctx's. longest is how long the message is willing to wait.
func (g *gate) enter(ctx context.Context, lane store.Lane, sender, country string, longest time.Duration) (wait time.Duration, err error) {
	g.mu.Lock()
	w := &waiter{lane: lane, sender: g.bucket(g.senders, sender, g.perSender), country: g.bucket(g.countries, country, g.perCountry[country])}
	now := g.now()
	wait, step, by := g.estimate(w, now)
	switch {
	case wait == 0:
		g.admit(w)
		g.mu.Unlock()
		return 0, nil
	case lane == store.LaneNotice, wait > min(longest, patience):
		wait = by.comeAgain(lane, now, wait, step)
		g.mu.Unlock()
		return wait, nil
	}
	w.pass = make(chan struct{})
	g.queue(w)
	g.arm(now)
	g.mu.Unlock()
	timer := time.NewTimer(min(longest, 2*patience))
	defer timer.Stop()
	select {
	case <-w.pass:
		return 0, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if w.granted {
		if err != nil {
			g.free()
		}
		return 0, err
	}
	g.drop(w)
	now = g.now()
	wait, step, by = g.estimate(w, now)
	return by.comeAgain(lane, now, max(wait, time.Millisecond), step), err
}

// leave gives a place back.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.free()
}

func (g *gate) free() {
	g.inFlight--
	if len(g.waiting) > 0 {
		g.serve()
	}
}

// load returns how many are at work and how many wait.
func (g *gate) load() (inFlight, waiting int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inFlight, len(g.waiting)
}

// bucket returns the bucket of a key, nil where there is no bound.
func (g *gate) bucket(m map[string]*bucket, key string, rate float64) *bucket {
	if rate <= 0 {
		return nil
	}
	b := m[key]
	if b == nil {
		if len(m) >= maxBuckets {
			clear(m)
		}
		b = &bucket{rate: rate}
		m[key] = b
	}
	return b
}

// estimate is how long a newcomer waits behind those who go first, how long the next one after it would wait on top of that, and what they wait for.
func (g *gate) estimate(w *waiter, now time.Time) (wait, step time.Duration, by *bucket) {
	by = &g.whole
	before, sender, country := 1, 1, 1
	for _, o := range g.waiting {
		if o.lane > w.lane {
			break
		}
		before++
		if o.sender == w.sender {
			sender++
		}
		if o.country == w.country {
			country++
		}
	}
	longer := func(b *bucket, d, s time.Duration) {
		if d > wait {
			wait, step, by = d, s, b
		}
	}
	longer(&g.whole, g.whole.wait(now, before), g.whole.step())
	longer(w.sender, w.sender.wait(now, sender), w.sender.step())
	longer(w.country, w.country.wait(now, country), w.country.step())
	if over := g.inFlight + before - g.maxInFlight; g.maxInFlight > 0 && over > 0 {
		s := slotWait / time.Duration(g.maxInFlight)
		longer(&g.places, max(slotWait, time.Duration(over)*s), s)
	}
	return wait, step, by
}

// comeAgain spreads those whom one bucket sends away over the time ahead, so that they do not all come back at once, and says how long this one stays
// away.
func (b *bucket) comeAgain(lane store.Lane, now time.Time, wait, step time.Duration) time.Duration {
	away := &b.away[0]
	if lane == store.LaneNotice {
		away = &b.away[1]
	}
	if at := now.Add(wait); away.Before(at) {
		*away = at
	} else {
		*away = away.Add(step)
	}
	return away.Sub(now)
}

// queue puts a waiter behind those of its lane.
func (g *gate) queue(w *waiter) {
	i := len(g.waiting)
	for i > 0 && g.waiting[i-1].lane > w.lane {
		i--
	}
	g.waiting = append(g.waiting, nil)
	copy(g.waiting[i+1:], g.waiting[i:])
	g.waiting[i] = w
}

func (g *gate) drop(w *waiter) {
	for i, o := range g.waiting {
		if o == w {
			g.waiting = append(g.waiting[:i], g.waiting[i+1:]...)
			return
		}
	}
}

func (g *gate) admit(w *waiter) {
	g.whole.take()
	w.sender.take()
	w.country.take()
	g.inFlight++
}

// ready is how long a waiter must wait whoever else waits; a full house counts as for ever.
func (g *gate) ready(w *waiter, now time.Time) time.Duration {
	if g.maxInFlight > 0 && g.inFlight >= g.maxInFlight {
		return math.MaxInt64
	}
	return max(g.whole.wait(now, 1), w.sender.wait(now, 1), w.country.wait(now, 1))
}

// serve lets in who may go now, in order: one that waits for its own sender or country does not hold up others.
func (g *gate) serve() {
	now := g.now()
	rest := g.waiting[:0]
	for _, w := range g.waiting {
		if g.ready(w, now) > 0 {
			rest = append(rest, w)
			continue
		}
		g.admit(w)
		w.granted = true
		close(w.pass)
	}
	clear(g.waiting[len(rest):])
	g.waiting = rest
	g.arm(now)
}

// arm sets the timer to when the next one may go.
func (g *gate) arm(now time.Time) {
	first := time.Duration(math.MaxInt64)
	for _, w := range g.waiting {
		first = min(first, g.ready(w, now))
	}
	if first == math.MaxInt64 {
		return // a call that ends serves
	}
	if g.timer == nil {
		g.timer = time.AfterFunc(first, func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.serve()
		})
		return
	}
	g.timer.Reset(first)
}
