package pumping

import (
	"fmt"
	"math"
	"time"
)

const (
	// minUsual and maxUsual bound the conversion that a key is compared with.
	minUsual, maxUsual = 0.2, 0.95
	// pumped is the conversion of an attack: who rents numbers types some codes in.
	pumped = 0.04
	// typedMedian and typedSpread are those of the log-normal time that people take to type a code in. It is slower than what is measured (15 to 25
	// seconds), so that slow people and slow networks are no evidence.
	typedMedian, typedSpread = 30.0, 1.0
	// waitingFor is how long a code counts as waiting.
	waitingFor = 90 * time.Second
)

// typedBy is the share of codes that people who type them in have typed in at that age, by ticks.
var typedBy = func() (f [2 * span / tick]float64) {
	for i := range f {
		age := (time.Duration(i) * tick).Seconds()
		if age > 0 {
			f[i] = 0.5 * math.Erfc(-math.Log(age/typedMedian)/typedSpread/math.Sqrt2)
		}
	}
	return f
}()

// matured is typedBy at an age.
func matured(now time.Time, n int64) float64 {
	i := tickOf(now) - n
	switch {
	case i < 0:
		return 0
	case i >= int64(len(typedBy)):
		return 1
	}
	return typedBy[i]
}

// weigh returns the logarithm of how much likelier an attack explains what was seen of a key since a time than people do, of whom a usual share types
// codes in. It begins anew where people are likelier by more than credit: an attack of the evening does not profit from the whole day's people.
func (s *series) weigh(usual, credit float64, since, now time.Time) (w float64) {
	yes, no := math.Log(pumped/usual), math.Log((1-pumped)/(1-usual))
	old := spanOf(now) - 1
	i, _ := find(s.spans, spanOf(since))
	for ; i < len(s.spans) && s.spans[i].at < old; i++ {
		b := s.spans[i]
		w = max(w+float64(b.typed())*yes+float64(b.untyped())*no, -credit)
	}
	j, _ := find(s.fine, max(tickOf(since), tickOf(spanStart(old))))
	for ; j < len(s.fine); j++ {
		b := s.fine[j]
		w += float64(b.typed()) * yes
		if n := b.untyped(); n > 0 {
			f := matured(now, b.at)
			w += float64(n) * math.Log((1-pumped*f)/(1-usual*f))
		}
		w = max(w, -credit)
	}
	return w
}

// usual is the conversion that is learned from a country: that of seven days without the last hour, the less it is known the nearer to the default.
func (s *series) usual(otherwise float64, now time.Time) float64 {
	const weight = 25
	b := s.before(now)
	u := (float64(b.typed()) + weight*otherwise) / (float64(max(b.sent, 0)) + weight)
	return min(max(u*0.95, minUsual), maxUsual)
}

// served says that enough people of a country have typed codes in before the last hour for it not to be blocked as a whole.
func (s *series) served(now time.Time) bool {
	b := s.before(now)
	return b.verified >= 20 && float64(b.verified) >= minUsual/2*float64(b.sent)
}

// short is how far behind its usual conversion a country is now, without one key of it: 1 in ordinary times, near 0 while its texts do not arrive.
// Where there is much more traffic than usual, it is no outage.
func short(country, without *series, usual float64, now time.Time) float64 {
	const weight = 8
	from := spanOf(now) - 1
	var expected, typed, sent float64
	recents := func(s *series) []bucket {
		i, _ := find(s.fine, tickOf(spanStart(from)))
		return s.fine[i:]
	}
	for _, b := range recents(country) {
		expected += float64(b.sent) * usual * matured(now, b.at)
		typed += float64(b.typed())
		sent += float64(b.sent)
	}
	for _, b := range recents(without) {
		expected -= float64(b.sent) * usual * matured(now, b.at)
		typed -= float64(b.typed())
	}
	i, _ := find(country.spans, from-6)
	for ; i < len(country.spans) && country.spans[i].at < from; i++ {
		b := country.spans[i]
		expected, typed = expected+float64(max(b.sent, 0))*usual, typed+float64(b.typed())
		sent += float64(b.sent)
	}
	i, _ = find(without.spans, from-6)
	for ; i < len(without.spans) && without.spans[i].at < from; i++ {
		b := without.spans[i]
		expected, typed = expected-float64(max(b.sent, 0))*usual, typed-float64(b.typed())
	}
	week := country.before(now)
	if len(country.spans) > 0 {
		spans := max(spanOf(now)-12-country.spans[0].at, 12)
		if sent > 20+4*8*float64(week.sent)/float64(spans) {
			return 1
		}
	}
	return min((max(typed, 0)+weight)/(max(expected, 0)+weight), 1)
}

// window is what the thresholds of a level are compared with.
func (s *series) window(since, now time.Time) (sent, verified, untyped int) {
	b := s.sum(spanOf(since), spanOf(now)-1)
	for _, f := range s.fine {
		if f.at >= tickOf(since) && f.at >= tickOf(spanStart(spanOf(now)-1)) {
			b.add(f.sent, f.typed())
		}
	}
	return b.sent, b.verified, max(b.sent-b.verified, 0)
}

// over says that a key is beyond a level's floors and ratios in the last hour or day.
func (s *series) over(l Level, since, now time.Time) bool {
	_, v, u := s.window(later(since, now.Add(-time.Hour)), now)
	if float64(u) > max(float64(l.HourFloor), l.HourRatio*float64(v)) {
		return true
	}
	_, v, u = s.window(since, now)
	return float64(u) > max(float64(l.DayFloor), l.DayRatio*float64(v))
}

// words tells people why a key is blocked.
func (s *series) words(usual, weight float64, since, now time.Time) string {
	hs, hv, _ := s.window(later(since, now.Add(-time.Hour)), now)
	ds, dv, _ := s.window(since, now)
	return fmt.Sprintf("last hour: %d of %d codes typed in; last day: %d of %d; usual here: %.0f %%; odds of an attack: %.0f to 1",
		hv, hs, dv, ds, usual*100, math.Exp(min(weight, 25)))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
