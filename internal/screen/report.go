package screen

import (
	"context"
	"strings"
	"time"

	"countersign/internal/store"
)

// Line is what one guard thinks of a message.
type Line struct {
	// Guard is rules, fictional, countries, line_types, client, pool, country, range, spend, strangers_..., pumping, number, account or address.
	Guard string `json:"guard"`
	Mode  Mode   `json:"mode"`
	// Result is passes, refuses, would refuse (it only records), or not asked.
	Result string `json:"result"`
	Reason Reason `json:"reason,omitempty"`
	// Text says in words what it allows and where it stands.
	Text string `json:"text"`
	// Limit and Taken are of quotas; money in millionths.
	Limit int64 `json:"limit,omitempty"`
	Taken int64 `json:"taken,omitempty"`
}

// Report is where a pool's guards stand.
type Report struct {
	At time.Time `json:"at"`
	// Mode is the policy's.
	Mode  Mode     `json:"mode"`
	Spend SpendNow `json:"spend"`
	// Quotas are those of the pool and of the clients, countries and ranges that this node has seen in this hour or day.
	Quotas []QuotaNow `json:"quotas"`
	// Blocks are the detector's and operators'.
	Blocks []*store.GuardBlock `json:"blocks"`
	// Countries and Ranges are those with the most untyped codes of the last 24 hours, the worst first.
	Countries []store.GuardCount `json:"countries"`
	Ranges    []store.GuardCount `json:"ranges"`
}

// SpendNow is what today's messages have cost, in millionths of Currency. Limit 0: there is none.
type SpendNow struct {
	Day       string `json:"day"`
	Currency  string `json:"currency"`
	Spent     int64  `json:"spent_micros"`
	Strangers int64  `json:"strangers_micros"`
	Limit     int64  `json:"limit_micros"`
}

// QuotaNow is a quota of the present hour or day.
type QuotaNow struct {
	Key   string    `json:"key"`
	Ends  time.Time `json:"ends"`
	Taken int64     `json:"taken"`
	Limit int64     `json:"limit"`
}

// A report names the worst ten countries and ranges of a day.
const (
	topCount     = 10
	reportWindow = 24 * time.Hour
)

// Report says where a pool's guards stand now. Errors are those of the store.
func (s *Service) Report(ctx context.Context, poolID string) (Report, error) {
	p, err := s.policy(ctx, poolID)
	if err != nil {
		return Report{}, err
	}
	now := s.c.Now().UTC()
	day := now.Truncate(daily)
	r := Report{At: now, Mode: p.mode, Spend: SpendNow{Day: day.Format(time.DateOnly), Currency: p.doc.Spend.Currency, Limit: p.dayMicros}}
	if r.Spend.Spent, err = s.c.Quota.Taken(ctx, store.QuotaKey{PoolID: poolID, Key: spendKey, Span: day}); err != nil {
		return Report{}, err
	}
	if r.Spend.Strangers, err = s.c.Quota.Taken(ctx, store.QuotaKey{PoolID: poolID, Key: spendStrangeKey, Span: day}); err != nil {
		return Report{}, err
	}
	if r.Blocks, err = s.c.Pumping.Blocks(ctx, poolID); err != nil {
		return Report{}, err
	}
	if r.Countries, err = s.c.Pumping.Top(ctx, poolID, "c", now.Add(-reportWindow), topCount); err != nil {
		return Report{}, err
	}
	if r.Ranges, err = s.c.Pumping.Top(ctx, poolID, "r", now.Add(-reportWindow), topCount); err != nil {
		return Report{}, err
	}
	return r, s.addQuotas(ctx, p, poolID, &r)
}

// Spending is what today's messages have cost over pools.
type Spending struct {
	// Micros are millionths by currency.
	Micros map[string]int64
	// Share is the greatest part of its day's money that one pool has used: 1 is all of it.
	Share float64
}

// Spending returns what today's messages have cost, of the pools whose messages this node judged lately. Errors are those of the store.
func (s *Service) Spending(ctx context.Context) (Spending, error) {
	out := Spending{Micros: map[string]int64{}}
	day := s.c.Now().UTC().Truncate(daily)
	for id, p := range s.policies.All() {
		n, err := s.c.Quota.Taken(ctx, store.QuotaKey{PoolID: id, Key: spendKey, Span: day})
		if err != nil {
			return Spending{}, err
		}
		out.Micros[p.doc.Spend.Currency] += n
		if p.dayMicros > 0 {
			out.Share = max(out.Share, float64(n)/float64(p.dayMicros))
		}
	}
	return out, nil
}

// addQuotas adds the quotas of the pool, and of the countries that the report names.
func (s *Service) addQuotas(ctx context.Context, p *compiled, poolID string, r *Report) error {
	j := &judgement{s: s, p: p, a: Ask{PoolID: poolID}, now: r.At}
	list := j.wants(byRequest, 0)
	if p.doc.Limits.StrangersPercent < 100 {
		for _, w := range list[:len(list):len(list)] {
			key := strings.Replace(w.Key.Key, poolQuota, poolStrange, 1)
			list = append(list, j.want(poolStrange, key, byProof, PoolRate, 1, share(w.Limit, p.doc.Limits.StrangersPercent), w.Ends.Sub(w.Key.Span)))
		}
	}
	for _, c := range r.Countries {
		for _, x := range []struct {
			n    int
			name string
			span time.Duration
		}{{p.doc.Limits.Country.Hour, "/h/", hourly}, {p.doc.Limits.Country.Day, "/d/", daily}} {
			if x.n > 0 && p.quotas != Off {
				key := countryQuota + x.name + strings.TrimPrefix(c.Key, "c:")
				list = append(list, j.want(countryQuota, key, byProof, CountryRate, 1, int64(x.n), x.span))
			}
		}
	}
	for _, w := range list {
		taken, err := s.c.Quota.Taken(ctx, w.Key)
		if err != nil {
			return err
		}
		r.Quotas = append(r.Quotas, QuotaNow{Key: w.Key.Key, Ends: w.Ends, Taken: taken, Limit: w.Limit})
	}
	return nil
}
