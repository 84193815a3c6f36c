package screen

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"countersign/internal/quota"
)

// hold is what a decision took.
type hold struct {
	s      *Service
	poolID string
	taken  []want
	// mark is the detector's.
	mark string
	at   time.Time
	// done says that it was committed or given back.
	done atomic.Bool
}

// count asks the detector and the quotas. What is known against the number already is not told to who did not type it in, but costs what a message costs.
func (j *judgement) count(ctx context.Context) (Decision, error) {
	if j.found[byNumber] != nil {
		return j.charge(ctx, byNumber, 0)
	}
	if err := j.judgePumping(ctx, j.a.Pretended); err != nil {
		return Decision{}, err
	}
	cost := j.cost(ctx)
	if j.found[byProof] != nil {
		return j.charge(ctx, byProof, cost)
	}
	held, err := j.take(ctx, j.wants(byProof, cost))
	if err != nil {
		j.release()
		return Decision{}, err
	}
	for at := byRequest; at < steps; at++ {
		switch {
		case j.found[at] == nil:
		case at == byRequest || at == byNumber && j.a.Typed:
			j.release()
			return j.refused(at), nil
		default:
			j.release()
			return j.charge(ctx, at, cost)
		}
	}
	j.alarm(ctx, held)
	if j.a.Pretended {
		held, cost = j.giveAllBut(byRequest, held), 0
	}
	return j.passed(ctx, held, cost)
}

// charge is a refusal of which the caller may not learn: it costs what a message costs, and what would be said of the request itself is said.
func (j *judgement) charge(ctx context.Context, at step, cost int64) (Decision, error) {
	f := j.found[at]
	j.found[at] = nil
	held, err := j.take(ctx, j.wants(at-1, cost))
	if err != nil {
		return Decision{}, err
	}
	for before := byRequest; before < at; before++ {
		switch {
		case j.found[before] == nil:
		case before == byRequest || j.a.Typed:
			return j.refused(before), nil
		default: // the day's money is used up, which it costs no more to learn
			return j.charge(ctx, before, cost)
		}
	}
	held = j.giveAllBut(byRequest, held)
	j.found[at] = f
	d := j.refused(at)
	d.hold = &hold{s: j.s, poolID: j.a.PoolID, taken: held, at: j.now}
	return d, nil
}

// take takes all places, or none and notes the first refusal of each step. What only records is left out where it is full, but for money: that is spent.
func (j *judgement) take(ctx context.Context, ws []want) ([]want, error) {
	var spent []want
	for len(ws) > 0 {
		results, err := j.s.c.Quota.TakeAll(ctx, asked(ws))
		if err != nil {
			return nil, fmt.Errorf("screen: quotas: %w", err)
		}
		left := 0
		for i := range ws {
			w := &ws[i]
			w.taken = results[i].Taken
			if results[i].OK {
				left++
				continue
			}
			if j.full(ctx, w); w.money() && w.mode == Record {
				spent = append(spent, *w)
			}
		}
		switch {
		case j.found != [steps]*finding{}:
			return nil, nil
		case left == len(ws):
			return j.overspend(ctx, ws, spent)
		}
		ws = withPlace(ws, results)
	}
	return j.overspend(ctx, nil, spent)
}

// withPlace returns those that were not full.
func withPlace(ws []want, results []quota.Result) (out []want) {
	for i := range ws {
		if results[i].OK {
			out = append(out, ws[i])
		}
	}
	return out
}

func asked(ws []want) []quota.Want {
	out := make([]quota.Want, len(ws))
	for i := range ws {
		out[i] = ws[i].Want
	}
	return out
}

// overspend adds money beyond a limit that only records.
func (j *judgement) overspend(ctx context.Context, held, spent []want) ([]want, error) {
	for _, w := range spent {
		if _, err := j.s.c.Quota.Add(ctx, w.Key, w.N, w.Ends); err != nil {
			return nil, fmt.Errorf("screen: quotas: %w", err)
		}
		held = append(held, w)
	}
	return held, nil
}

// full notes a quota without a place.
func (j *judgement) full(ctx context.Context, w *want) {
	j.find(w.mode, w.at, finding{reason: w.reason, key: w.keyText(), evidence: j.words(w), after: w.Ends.Sub(j.now)})
	if w.guard == spendQuota {
		j.tell(ctx, w, exceeded)
	}
}

// giveAllBut gives back what was taken for later steps than one, and returns what is still held.
func (j *judgement) giveAllBut(at step, held []want) []want {
	return slices.DeleteFunc(held, func(w want) bool {
		if w.at > at {
			j.s.c.Quota.Give(w.Key, w.N)
		}
		return w.at > at
	})
}

// release tells the detector that no message comes of it.
func (j *judgement) release() {
	if j.mark != "" {
		j.s.c.Pumping.Refused(j.a.PoolID, j.mark, j.now)
		j.mark = ""
	}
}

// passed is the decision of a message that may be sent.
func (j *judgement) passed(ctx context.Context, held []want, cost int64) (Decision, error) {
	d := Decision{Recorded: j.recorded, Cost: cost, hold: &hold{s: j.s, poolID: j.a.PoolID, taken: held, mark: j.mark, at: j.now}}
	if j.a.Pretended {
		return d, nil
	}
	sealed, err := "", error(nil)
	if j.mark != "" {
		sealed, err = j.s.c.Pumping.Seal(ctx, j.a.PoolID, j.mark)
	}
	if err != nil {
		j.s.Undo(d)
		return Decision{}, fmt.Errorf("screen: mark: %w", err)
	}
	d.Mark = marking{recorded: j.recorded, strange: j.strange(), cost: cost, pumping: sealed, at: j.now.UnixMilli()}.String()
	return d, nil
}

// Committed counts a message that was committed.
func (s *Service) Committed(_ context.Context, poolID string, d Decision) {
	if h := d.hold; h != nil && h.done.CompareAndSwap(false, true) && h.mark != "" {
		s.c.Pumping.Sent(poolID, h.mark, h.at)
	}
}

// Undo gives back what a decision took: nothing was committed, or the message was held back. It may be called for any decision, and more than once; after
// Committed it does nothing.
func (s *Service) Undo(d Decision) {
	h := d.hold
	if h == nil || !h.done.CompareAndSwap(false, true) {
		return
	}
	for _, w := range h.taken {
		s.c.Quota.Give(w.Key, w.N)
	}
	if h.mark != "" {
		s.c.Pumping.Refused(h.poolID, h.mark, h.at)
	}
}
