package routehealth

import (
	"cmp"
	"slices"
	"time"

	"countersign/internal/store"
)

const (
	// maxKeys bounds the keys in memory; those without traffic for longest go first.
	maxKeys = 10_000
	// keep is how much of the present is held for a key, keepDegraded for a degraded one, whose probes are few.
	keep         = 13
	keepDegraded = int64(24 * time.Hour / Span)

	minMature, maxMature, usualMature = 30 * time.Second, 3 * time.Minute, 2 * time.Minute
	// lag is how late the counts of another node can be: its flush, and a little.
	lag = 2 * flushEvery
)

// span is what the store holds of one key and five minutes.
type span struct {
	n int64
	counts
}

// mark remembers how many tries of a span were known at a time.
type mark struct {
	span  int64
	at    time.Time
	tried int
}

// series is what is known of one key.
type series struct {
	// spans are in order of time, none twice.
	spans []span
	marks []mark
	base  counts
}

// put sets what is known of a span.
func (s *series) put(n int64, c counts, add bool) {
	i, found := slices.BinarySearchFunc(s.spans, n, func(s span, n int64) int { return cmp.Compare(s.n, n) })
	switch {
	case found && add:
		s.spans[i].counts = s.spans[i].plus(c, 1)
	case found:
		s.spans[i].counts = c
	default:
		s.spans = slices.Insert(s.spans, i, span{n, c})
	}
}

// cut forgets the spans from a number on, which are about to be read again.
func (s *series) cut(from int64) {
	for len(s.spans) > 0 && s.spans[len(s.spans)-1].n >= from {
		s.spans = s.spans[:len(s.spans)-1]
	}
}

// forget drops the spans before a number.
func (s *series) forget(before int64) {
	i := 0
	for i < len(s.spans) && s.spans[i].n < before {
		i++
	}
	s.spans = slices.Delete(s.spans, 0, i)
}

// note marks what is known of the last two spans, and drops marks that nobody will ask for.
func (s *series) note(now time.Time) {
	current := spanOf(now)
	for _, sp := range s.spans[max(len(s.spans)-2, 0):] {
		if sp.n >= current-1 {
			s.marks = append(s.marks, mark{sp.n, now, sp.tried()})
		}
	}
	i := 0
	for i < len(s.marks) && (s.marks[i].span < current-1 || now.Sub(s.marks[i].at) > maxMature+lag+2*loadEvery) {
		i++
	}
	s.marks = slices.Delete(s.marks, 0, i)
}

// newest is the number of the last span with traffic, 0 without.
func (s *series) newest() int64 {
	if len(s.spans) == 0 {
		return 0
	}
	return s.spans[len(s.spans)-1].n
}

// matureAfter is how old a send must be to count: 2.3 times the mean time to verify, or two minutes while that is unknown.
func matureAfter(base counts) time.Duration {
	if base.verified < minBaseVerified {
		return usualMature
	}
	return min(max(base.mean()*23/10, minMature), maxMature)
}

// whole reports whether all of a span is old enough.
func wholly(n int64, after time.Duration, now time.Time) bool {
	return !spanStart(n + 1).Add(after + lag).After(now)
}

// mature is how many tries of a span are old enough to count. A code that was typed in counts at once, with its send.
func (s *series) mature(sp span, after time.Duration, now time.Time) int {
	tried := sp.tried()
	if wholly(sp.n, after, now) {
		return max(tried, sp.verified)
	}
	known := 0
	for _, m := range slices.Backward(s.marks) {
		if m.span == sp.n && now.Sub(m.at) >= after {
			known = m.tried
			break
		}
	}
	return max(min(known, tried), sp.verified)
}

// window adds up the spans from one number to another.
func (s *series) window(from, to int64, after time.Duration, now time.Time) Window {
	var sum counts
	mature := 0
	for _, sp := range slices.Backward(s.spans) {
		if sp.n < from {
			break
		}
		if sp.n <= to {
			sum = sum.plus(sp.counts, 1)
			mature += s.mature(sp, after, now)
		}
	}
	w := windowOf(sum, spanStart(from), spanStart(to+1))
	w.Mature = mature
	w.Ratio = share(sum.verified, mature)
	if w.To.After(now) {
		w.To = now.UTC().Truncate(time.Second)
	}
	return w
}

// state is what a refresh works on.
type state struct {
	keys map[Key]*series
	// spans from loaded on have not been read since they ended; 0 before the first reading.
	loaded int64
	// The baselines hold the spans in [baseFrom, baseTo); builtAt is when they were last added up from nothing.
	baseFrom, baseTo, builtAt int64
	// known are degraded, well were until a while ago.
	known, well map[Key]held
	pruned      int64
}

func newState() state {
	return state{keys: map[Key]*series{}, known: map[Key]held{}, well: map[Key]held{}}
}

func (st *state) of(k Key) *series {
	s := st.keys[k]
	if s == nil {
		s = &series{}
		st.keys[k] = s
	}
	return s
}

// take replaces the spans from a number on by what the store holds now.
func (st *state) take(rows []store.RouteCount, from int64) {
	for _, s := range st.keys {
		s.cut(from)
	}
	for _, r := range rows {
		k, n, c := keyOf(r), spanOf(r.Span), countsOf(r)
		if k.Network == AllNetworks || n < from {
			continue
		}
		st.of(k).put(n, c, false)
		st.of(k.whole()).put(n, c, true)
	}
}

// rebase adds rows to the baselines, or takes them away.
func (st *state) rebase(rows []store.RouteCount, sign int) {
	for _, r := range rows {
		k := keyOf(r)
		for _, k := range [...]Key{k, k.whole()} {
			s := st.of(k)
			s.base = s.base.plus(countsOf(r), sign)
		}
	}
}

func countsOf(r store.RouteCount) counts {
	return counts{r.Sent, r.Failed, r.Delivered, r.Undelivered, r.Verified, r.VerifyTime}
}

// tidy forgets what is too old, and keys beyond the bound.
func (st *state) tidy(now int64) {
	for k, s := range st.keys {
		if _, bad := st.known[k]; bad {
			s.forget(now - keepDegraded)
		} else {
			s.forget(now - keep)
		}
		if len(s.spans) == 0 && s.base.tried() <= 0 {
			delete(st.keys, k)
		}
	}
	if over := len(st.keys) - maxKeys; over > 0 {
		all := make([]Key, 0, len(st.keys))
		for k := range st.keys {
			all = append(all, k)
		}
		slices.SortFunc(all, func(a, b Key) int {
			return cmp.Or(cmp.Compare(st.keys[a].newest(), st.keys[b].newest()), compareKeys(a, b))
		})
		for _, k := range all[:over] {
			delete(st.keys, k)
		}
	}
}
