package screen

import (
	"context"
	"fmt"
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
			add(rangeQuota, rangeOf(j.line), byProof, PrefixRate, l.Range, 100)
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
