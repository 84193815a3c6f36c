package screen

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"countersign/internal/quota"
	"countersign/internal/ratecard"
	"countersign/internal/store"
)

// The names of quotas, as guards of Explain and the first parts of their keys.
const (
	clientQuota   = "client"
	poolQuota     = "pool"
	spendQuota    = "spend"
	clientStrange = "client_strangers"
	poolStrange   = "pool_strangers"
	spendStrange  = "spend_strangers"
	countryQuota  = "country"
	rangeQuota    = "range"
)

const (
	hourly = time.Hour
	daily  = 24 * time.Hour
)

// want is a place in a quota that a message needs.
type want struct {
	quota.Want
	guard  string
	reason Reason
	at     step
	mode   Mode
	// taken is how many are taken, as far as is known.
	taken int64
}

func (w *want) money() bool { return w.reason == Spend }

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

// wants are the places that the message needs, of all steps up to one, in their order. cost is in millionths.
func (j *judgement) wants(last step, cost int64) []want {
	strange, size := last >= byProof && j.strange(), 3
	if strange {
		size = 8
	}
	l, out := &j.p.doc.Limits, make([]want, 0, size)
	add := func(guard, id string, at step, reason Reason, w Window, percent int) {
		for _, x := range [...]struct {
			n    int
			span time.Duration
			name string
		}{{w.Hour, hourly, "/h/"}, {w.Day, daily, "/d/"}} {
			if limit := share(int64(x.n), percent); limit > 0 {
				out = append(out, j.want(guard, guard+x.name+id, at, reason, 1, limit, x.span))
			}
		}
	}
	client := j.a.ClientID != "" && !j.a.Operator && !j.exemptAlways
	if j.p.quotas != Off {
		if client {
			add(clientQuota, j.a.ClientID, byRequest, ClientRate, l.Client, 100)
		}
		add(poolQuota, "", byRequest, PoolRate, l.Pool, 100)
	}
	if last >= byNumber && j.p.spend != Off && j.p.dayMicros > 0 {
		out = append(out, j.want(spendQuota, spendKey, byNumber, Spend, cost, j.p.dayMicros, daily))
	}
	if !strange {
		return out
	}
	if j.p.quotas != Off {
		if l.StrangersPercent < 100 {
			if client {
				add(clientStrange, j.a.ClientID, byProof, ClientRate, l.Client, l.StrangersPercent)
			}
			add(poolStrange, "", byProof, PoolRate, l.Pool, l.StrangersPercent)
		}
		if j.to != "" {
			add(countryQuota, j.region, byProof, CountryRate, l.Country, 100)
			add(rangeQuota, rangeOf(j.to), byProof, PrefixRate, l.Range, 100)
		}
	}
	if j.p.spend != Off && j.p.strangersMicros > 0 && j.p.strangersMicros < j.p.dayMicros {
		out = append(out, j.want(spendStrange, spendStrangeKey, byProof, Spend, cost, j.p.strangersMicros, daily))
	}
	return out
}

const (
	spendKey        = spendQuota + "/d/"
	spendStrangeKey = spendStrange + "/d/"
)

func share(limit int64, percent int) int64 {
	if limit <= 0 || percent >= 100 {
		return limit
	}
	return max(limit*int64(percent)/100, 1)
}

func (j *judgement) want(guard, key string, at step, reason Reason, n, limit int64, span time.Duration) want {
	mode := j.p.quotas
	if reason == Spend {
		mode = j.p.spend
	}
	begin := j.now.Truncate(span)
	return want{guard: guard, reason: reason, at: at, mode: mode, Want: quota.Want{
		Key: store.QuotaKey{PoolID: j.a.PoolID, Key: key, Span: begin}, N: n, Limit: limit, Ends: begin.Add(span),
	}}
}

// cost is what the message may cost, in millionths.
func (j *judgement) cost(ctx context.Context) int64 {
	if j.p.spend == Off || j.p.dayMicros == 0 {
		return 0
	}
	if price := j.s.c.Price; price != nil && j.to != "" {
		if micros, known := price(ctx, j.a.PoolID, j.region, j.a.Channel, j.a.Segments); known {
			return min(micros, maxDay)
		}
	}
	if j.a.Channel == voice {
		return j.p.unpriced
	}
	return min(j.p.unpriced*int64(min(j.a.Segments, 1000)), maxDay)
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
	return j.passed(held, cost), nil
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
	j.giveAllBut(byRequest, held)
	j.found[at] = f
	return j.refused(at), nil
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

// keyText is the key in package pumping's spelling where there is one.
func (w *want) keyText() string {
	switch _, id, _ := cutKey(w.Key.Key); w.guard {
	case countryQuota:
		return "c:" + id
	case rangeQuota:
		return "r:" + id
	}
	return w.guard
}

// words say where a quota stands.
func (j *judgement) words(w *want) string {
	span := "this hour"
	if w.Ends.Sub(w.Key.Span) == daily {
		span = "this day (UTC)"
	}
	who := ""
	if w.at == byProof {
		who = " to unconfirmed numbers"
	}
	if w.money() {
		c := j.p.doc.Spend.Currency
		return fmt.Sprintf("messages%s have cost %s of %s %s %s", who, ratecard.FormatPrice(min(w.taken, w.Limit)), ratecard.FormatPrice(w.Limit), c, span)
	}
	return fmt.Sprintf("%d of %d messages%s of the %s are used %s", min(w.taken, w.Limit), w.Limit, who, nouns[w.guard], span)
}

var nouns = map[string]string{
	clientQuota: "client", poolQuota: "pool", clientStrange: "client", poolStrange: "pool", countryQuota: "country", rangeQuota: "range",
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
func (j *judgement) passed(held []want, cost int64) Decision {
	d := Decision{Recorded: j.recorded, Cost: cost, hold: &hold{s: j.s, poolID: j.a.PoolID, taken: held, mark: j.mark, at: j.now}}
	if !j.a.Pretended {
		d.Mark = marking{recorded: j.recorded, strange: j.strange(), cost: cost, pumping: j.mark}.String()
	}
	return d
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
