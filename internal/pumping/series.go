package pumping

import (
	"slices"
	"time"
)

const (
	// span is the length of a row of the store, tick that of what is remembered of the last spans.
	span = 5 * time.Minute
	tick = 5 * time.Second
	// day is how far evidence is looked for, past how far conversion is learned from.
	day  = 24 * time.Hour
	past = 7 * day
)

func spanOf(t time.Time) int64      { return t.Unix() / int64(span/time.Second) }
func spanStart(n int64) time.Time   { return time.Unix(n*int64(span/time.Second), 0).UTC() }
func tickOf(t time.Time) int64      { return t.Unix() / int64(tick/time.Second) }
func tickStart(n int64) time.Time   { return time.Unix(n*int64(tick/time.Second), 0).UTC() }
func (b bucket) untyped() int       { return max(b.sent-max(b.verified, 0), 0) }
func (b bucket) typed() int         { return max(min(b.verified, b.sent), 0) }
func (b *bucket) add(sent, ver int) { b.sent, b.verified = b.sent+sent, b.verified+ver }
func find(list []bucket, at int64) (int, bool) {
	return slices.BinarySearchFunc(list, at, func(b bucket, at int64) int { return int(b.at - at) })
}

// bucket counts messages by when they were asked for: at is the number of a span or tick.
type bucket struct {
	at             int64
	sent, verified int
	refused        int
}

// stored is what a span's row held when it was last read or written.
type stored struct{ sent, verified, refused int }

// series is what is known of a key. All is known that this node did, and what others did a moment ago.
type series struct {
	// spans are the last seven days, fine the last two spans by ticks, those with something in them alone.
	spans, fine []bucket
	// seen is what the store holds of spans, by their number.
	seen map[int64]stored
	// week is the sum of the seven days without the last hour, as of a span.
	week   bucket
	weekAt int64
	// readAt is when others' counts were last read; zero: never. usedAt is when it was last asked for.
	readAt, usedAt time.Time
	// from is before when nothing counts as evidence: the key's last block ended then. convicted says that it ended by itself.
	from      time.Time
	convicted bool
	// countries are those that an address sent to without a code typed in, and when.
	countries map[string]visit
}

// visit is what an address did in a country.
type visit struct {
	at       time.Time
	verified bool
}

// at returns the bucket of a list, made if need be.
func at(list *[]bucket, n int64) *bucket {
	i, ok := find(*list, n)
	if !ok {
		*list = slices.Insert(*list, i, bucket{at: n})
	}
	return &(*list)[i]
}

// recent says that a span is among those that are known by ticks.
func recent(n int64, now time.Time) bool { return n >= spanOf(now)-1 }

// reserve adds a message that is about to be made; n is -1 to take it back.
func (s *series) reserve(t time.Time, n int) { at(&s.fine, tickOf(t)).sent += n }

// count adds what became of a message to its span.
func (s *series) count(t time.Time, sent, verified, refused int) {
	b := at(&s.spans, spanOf(t))
	b.add(sent, verified)
	b.refused += refused
}

// typedIn notes a verification of a message of a tick.
func (s *series) typedIn(t time.Time, now time.Time) {
	if !recent(spanOf(t), now) {
		return
	}
	n := tickOf(t)
	for i := range s.fine { // the message's own tick, or the nearest after it that has one left
		if b := &s.fine[i]; b.at >= n && b.sent > b.verified {
			b.verified++
			return
		}
	}
	s.assign(spanOf(t), 1)
}

// assign notes verifications of a span of which the tick is not known: the oldest are typed in first.
func (s *series) assign(n int64, verified int) {
	for i := range s.fine {
		b := &s.fine[i]
		if verified <= 0 || spanOf(tickStart(b.at)) > n {
			return
		}
		if spanOf(tickStart(b.at)) == n {
			k := min(max(b.sent-b.verified, 0), verified)
			b.verified += k
			verified -= k
		}
	}
}

// forget takes untyped messages of a span back that another node explained or forgave.
func (s *series) forget(n int64, untyped int) {
	for i := range s.fine {
		if b := &s.fine[i]; spanOf(tickStart(b.at)) == n {
			k := min(b.untyped(), untyped)
			b.sent -= k
			untyped -= k
		}
	}
}

// read takes over what the store holds of a span. What others added since is dated now, or in the middle of the span if it is
// the first reading.
func (s *series) read(n int64, row stored, now time.Time, first bool) {
	old := s.seen[n]
	if row == old {
		return
	}
	if s.seen == nil {
		s.seen = map[int64]stored{}
	}
	s.seen[n] = row
	sent, verified := row.sent-old.sent, row.verified-old.verified
	b := at(&s.spans, n)
	b.add(sent, verified)
	b.refused += row.refused - old.refused
	if !recent(n, now) {
		return
	}
	begin, end := spanStart(n), spanStart(n+1).Add(-tick)
	if now.Before(end) {
		end = now
	}
	when := end
	if first {
		when = begin.Add(end.Sub(begin) / 2)
	}
	switch {
	case sent > 0:
		at(&s.fine, tickOf(when)).sent += sent
	case sent < 0:
		s.forget(n, -sent)
	}
	s.assign(n, verified)
}

// wrote notes that the store holds more by what this node counted.
func (s *series) wrote(n int64, sent, verified, refused int) {
	if s.seen == nil {
		s.seen = map[int64]stored{}
	}
	o := s.seen[n]
	s.seen[n] = stored{o.sent + sent, o.verified + verified, o.refused + refused}
}

// trim forgets what is too old.
func (s *series) trim(now time.Time) {
	oldest := spanOf(now.Add(-past))
	i, _ := find(s.spans, oldest)
	for _, b := range s.spans[:i] {
		delete(s.seen, b.at)
	}
	s.spans = slices.Delete(s.spans, 0, i)
	j, _ := find(s.fine, tickOf(spanStart(spanOf(now)-1)))
	s.fine = slices.Delete(s.fine, 0, j)
	for c, v := range s.countries {
		if now.Sub(v.at) >= day {
			delete(s.countries, c)
		}
	}
}

// sum adds up the spans in [from, to).
func (s *series) sum(from, to int64) (b bucket) {
	i, _ := find(s.spans, from)
	for ; i < len(s.spans) && s.spans[i].at < to; i++ {
		b.add(max(s.spans[i].sent, 0), s.spans[i].typed())
		b.refused += s.spans[i].refused
	}
	return b
}

// waiting is how many codes of the last minute and a half are not typed in.
func (s *series) waiting(now time.Time) (n int) {
	from := tickOf(later(now.Add(-waitingFor), s.from))
	i, _ := find(s.fine, from)
	for ; i < len(s.fine); i++ {
		n += s.fine[i].untyped()
	}
	return n
}

// typedToday is how many codes were typed in within a day.
func (s *series) typedToday(now time.Time) int {
	return s.sum(spanOf(now.Add(-day)), spanOf(now)+1).verified
}

// before is the sum of the last seven days without the last hour. It is reckoned once in five minutes.
func (s *series) before(now time.Time) bucket {
	if n := spanOf(now); s.weekAt != n {
		s.week, s.weekAt = s.sum(spanOf(now.Add(-past)), spanOf(now.Add(-time.Hour))), n
	}
	return s.week
}
