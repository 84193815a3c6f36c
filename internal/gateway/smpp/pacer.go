package smpp

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// hold is how long nothing is sent after the centre asked for less.
	hold = time.Second
	// minRate is what halving ends at, parts per second.
	minRate = 1
	// growth is what a rate gains in a second, as a share of where it is to end.
	growth = 0.1
)

// errPaced says that the deadline comes before the turn.
var errPaced = errors.New("smpp: the rate leaves no room before the deadline")

// pacer spaces submits. It measures time by the monotonic clock alone, never by Config.Now, which may be moved.
type pacer struct {
	mu sync.Mutex
	// top is the operator's bound, 0 for none; goal is where a halved rate grows back to; rate is the present one, 0 for none.
	top, goal, rate float64
	// grown is when rate was last changed, next the next free slot, until the end of a hold.
	grown, next, until time.Time
	// second, now and last count what was sent in this and the last second, to know what to halve where there is no bound.
	second    time.Time
	now, last int
}

func newPacer(perSecond float64) *pacer {
	return &pacer{top: perSecond, goal: perSecond, rate: perSecond}
}

// wait returns when a submit may be sent. Errors: errPaced at once if that is after the deadline, with the time to wait; the context's.
func (p *pacer) wait(ctx context.Context) (time.Duration, error) {
	for {
		d, err := p.reserve(ctx)
		if err != nil || d <= 0 {
			return d, err
		}
		t := time.NewTimer(d)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return 0, ctx.Err()
		}
		if !p.held() {
			return 0, nil
		}
	}
}

func (p *pacer) held() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Before(p.until)
}

// reserve takes the next slot and returns how far away it is.
func (p *pacer) reserve(ctx context.Context) (time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.grow(now)
	slot := now
	for _, t := range []time.Time{p.next, p.until} {
		if t.After(slot) {
			slot = t
		}
	}
	if deadline, ok := ctx.Deadline(); ok && !slot.Before(deadline) {
		return slot.Sub(now), errPaced
	}
	if p.rate > 0 {
		p.next = slot.Add(time.Duration(float64(time.Second) / p.rate))
	}
	p.count(now)
	return slot.Sub(now), nil
}

func (p *pacer) count(now time.Time) {
	if age := now.Sub(p.second); age >= time.Second {
		p.last, p.now, p.second = p.now, 0, now
		if age >= 2*time.Second {
			p.last = 0
		}
	}
	p.now++
}

// grow brings the rate back, a tenth of its goal in a second.
func (p *pacer) grow(now time.Time) {
	if p.rate == p.goal || now.Before(p.until) {
		return
	}
	p.rate += p.goal * growth * now.Sub(p.grown).Seconds()
	p.grown = now
	if p.rate >= p.goal { // without a bound of the operator's, the centre's is found anew
		p.rate, p.goal = p.top, p.top
	}
}

// throttled halves the rate and holds everything for a second. Answers to what was under way already do not halve it again.
func (p *pacer) throttled() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Before(p.until) {
		return
	}
	p.grow(now)
	if p.rate == 0 {
		p.rate = float64(max(p.now, p.last, 2*minRate))
		p.goal = p.rate
	}
	p.rate = max(p.rate/2, min(minRate, p.goal))
	p.until = now.Add(hold)
	p.next, p.grown = p.until, p.until
}
