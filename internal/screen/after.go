package screen

import (
	"context"
	"strconv"
	"strings"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/ratecard"
	"countersign/internal/store"
)

// marking is what store.Message.Guard holds: "r=country,spend s c=50000 t=... p=..." with spaces between and the detector's last.
type marking struct {
	recorded []Reason
	// strange: it counts for the strangers' share. cost is what was reserved, in millionths.
	strange bool
	cost    int64
	pumping string
	// at is when the detector was asked, in milliseconds; 0 without its mark.
	at int64
}

func (m marking) String() string {
	var parts []string
	if len(m.recorded) > 0 {
		list := make([]string, len(m.recorded))
		for i, r := range m.recorded {
			list[i] = string(r)
		}
		parts = append(parts, "r="+strings.Join(list, ","))
	}
	if m.strange {
		parts = append(parts, "s")
	}
	if m.cost > 0 {
		parts = append(parts, "c="+strconv.FormatInt(m.cost, 10))
	}
	if m.pumping != "" {
		parts = append(parts, "t="+strconv.FormatInt(m.at, 36), "p="+m.pumping)
	}
	return strings.Join(parts, " ")
}

// parseMarking reads what String wrote; what it does not know it leaves out.
func parseMarking(s string) (m marking) {
	for s != "" {
		part, rest, _ := strings.Cut(s, " ")
		switch name, value, _ := strings.Cut(part, "="); name {
		case "r":
			for r := range strings.SplitSeq(value, ",") {
				m.recorded = append(m.recorded, Reason(r))
			}
		case "s":
			m.strange = true
		case "c":
			m.cost, _ = strconv.ParseInt(value, 10, 64)
		case "t":
			m.at, _ = strconv.ParseInt(value, 36, 64)
		case "p":
			m.pumping = strings.TrimPrefix(s, "p=")
			return m
		}
		s = rest
	}
	return m
}

// RecordedOf returns the guards that a message was sent in spite of, from store.Message.Guard.
func RecordedOf(mark string) []Reason { return parseMarking(mark).recorded }

// ReservedOf returns what was reserved of the day's money for a message, in millionths, from store.Message.Guard.
func ReservedOf(mark string) int64 { return parseMarking(mark).cost }

// Typed counts a code that was typed in. It does not block, but for the pool's keys if they are not in memory.
func (s *Service) Typed(m *store.Message, at time.Time) {
	mark := parseMarking(m.Guard)
	if mark.pumping == "" {
		return
	}
	asked := m.CreatedAt
	if mark.at > 0 {
		asked = time.UnixMilli(mark.at).UTC()
	}
	opened, err := s.c.Pumping.Open(context.Background(), m.PoolID, mark.pumping)
	if err != nil {
		s.c.Logger.Warn("a code that was typed in is not counted", "pool", m.PoolID, "error", err)
		return
	}
	s.c.Pumping.Verified(m.PoolID, opened, asked, at)
}

// Settled corrects the money of the day on which a message was made: m.Cost is what is known now, wasMicros what was counted before (ReservedOf its Guard at
// first, 0 for messages that were not screened). It does not block; Run writes it.
func (s *Service) Settled(m *store.Message, wasMicros int64) {
	more := m.Cost - wasMicros
	if more == 0 || m.PoolID == "" {
		return
	}
	day := m.CreatedAt.UTC().Truncate(daily)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owed[store.QuotaKey{PoolID: m.PoolID, Key: spendKey, Span: day}] += more
	if parseMarking(m.Guard).strange {
		s.owed[store.QuotaKey{PoolID: m.PoolID, Key: spendStrangeKey, Span: day}] += more
	}
}

// Run writes what Settled was told, every second until ctx ends, and what is left then. It returns the error of that.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := s.Flush(ctx); err != nil && ctx.Err() == nil {
				s.c.Logger.WarnContext(ctx, "the day's spend is not corrected yet", "error", err)
			}
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return s.Flush(last)
		}
	}
}

// Flush writes what Settled was told until now. What fails is tried again the next time.
func (s *Service) Flush(ctx context.Context) error {
	s.mu.Lock()
	owed := s.owed
	s.owed = map[store.QuotaKey]int64{}
	s.mu.Unlock()
	var first error
	for k, n := range owed {
		if first == nil && n != 0 {
			_, first = s.c.Quota.Add(ctx, k, n, k.Span.Add(daily))
			if first == nil {
				n = 0
			}
		}
		if n != 0 {
			s.mu.Lock()
			s.owed[k] += n
			s.mu.Unlock()
		}
	}
	return first
}

// What there is to say of a day's money.
const (
	warning  = "warning"
	exceeded = "exceeded"
)

// alarm warns once a day when most of the money is used.
func (j *judgement) alarm(ctx context.Context, held []want) {
	for i := range held {
		if w := &held[i]; w.guard == spendQuota && w.taken >= j.p.alarmMicros {
			j.tell(ctx, w, warning)
		}
	}
}

// tell writes the event of a day's money, once in the deployment: whoever takes the only place of its quota. What cannot be written is not
// worth a message that is not sent.
func (j *judgement) tell(ctx context.Context, w *want, what string) {
	s := j.s
	k := store.QuotaKey{PoolID: j.a.PoolID, Key: "told/" + what, Span: w.Key.Span}
	s.mu.Lock()
	told := s.warned[k]
	if len(s.warned) > 10_000 {
		clear(s.warned)
	}
	s.warned[k] = true
	s.mu.Unlock()
	if told {
		return
	}
	ctx = context.WithoutCancel(ctx)
	err := s.tellOnce(ctx, k, w, j.p.doc.Spend.Currency, what, w.mode == Enforce)
	if err != nil {
		s.mu.Lock()
		delete(s.warned, k)
		s.mu.Unlock()
		s.c.Logger.WarnContext(ctx, "the day's spend is not in the log", "pool", j.a.PoolID, "what", what, "error", err)
	}
}

func (s *Service) tellOnce(ctx context.Context, k store.QuotaKey, w *want, currency, what string, enforced bool) error {
	r, err := s.c.Quota.Take(ctx, k, 1, 1, w.Ends)
	if err != nil || !r.OK {
		return err
	}
	kind := eventlog.SpendWarning
	if what == exceeded {
		kind = eventlog.SpendExceeded
	}
	ev := s.c.Log.Event(eventlog.Entry{PoolID: k.PoolID, Type: kind, Data: map[string]any{
		"day": k.Span.Format(time.DateOnly), "spent": ratecard.FormatPrice(w.taken), "limit": ratecard.FormatPrice(w.Limit), "currency": currency,
		"enforced": enforced,
	}})
	err = s.c.Store.Write(ctx, func(tx store.Tx) error { return tx.Events().Append(ctx, ev) })
	if err == nil {
		s.c.Log.Publish(ev)
	}
	return err
}

// cutKey takes a quota's key apart: guard, id and span.
func cutKey(key string) (guard, id string, span time.Duration) {
	guard, rest, _ := strings.Cut(key, "/")
	kind, id, _ := strings.Cut(rest, "/")
	if kind == "d" {
		return guard, id, daily
	}
	return guard, id, hourly
}
