package pumping

import (
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

func sent(n int, ago time.Duration) *series {
	s := &series{}
	for range n {
		t := noon.Add(-ago)
		s.count(t, 1, 0, 0)
		if recent(spanOf(t), noon) {
			s.reserve(t, 1)
		}
	}
	return s
}

// An untyped code says nothing after seconds, much after minutes, and no more after hours.
func TestEvidenceComesWithAge(t *testing.T) {
	last := -1.0
	for _, ago := range []time.Duration{0, 20 * time.Second, time.Minute, 3 * time.Minute, time.Hour} {
		w := sent(10, ago).weigh(0.7, 1, noon.Add(-day), noon)
		if w <= last {
			t.Errorf("%s: %.2f, not more than before (%.2f)", ago, w, last)
		}
		last = w
	}
	if w := sent(10, 5*time.Second).weigh(0.7, 1, noon.Add(-day), noon); w > 1 {
		t.Errorf("ten codes of five seconds weigh %.2f", w)
	}
	if a, b := sent(10, time.Hour).weigh(0.7, 1, noon.Add(-day), noon), sent(10, 20*time.Hour).weigh(0.7, 1, noon.Add(-day), noon); a != b {
		t.Errorf("an hour: %.2f, a day: %.2f", a, b)
	}
	if w := sent(10, 25*time.Hour).weigh(0.7, 1, noon.Add(-day), noon); w != 0 {
		t.Errorf("yesterday's codes weigh %.2f", w)
	}
}

// People of the morning are no credit for an attack in the evening, beyond a bound.
func TestCreditIsBounded(t *testing.T) {
	s := &series{}
	s.count(noon.Add(-6*time.Hour), 1000, 800, 0)
	if w := s.weigh(0.7, 4, noon.Add(-day), noon); w != -4 {
		t.Errorf("a thousand people: %.2f", w)
	}
	s.count(noon.Add(-time.Hour), 20, 0, 0)
	if w := s.weigh(0.7, 4, noon.Add(-day), noon); w < 10 {
		t.Errorf("and twenty untyped codes: %.2f", w)
	}
}

// While a whole country's codes are not typed in, its keys are not blamed; unless there is much more traffic than usual.
func TestShort(t *testing.T) {
	country := func(last int) *series {
		s := &series{}
		for h := 2; h < 48; h++ {
			s.count(noon.Add(-time.Duration(h)*time.Hour), 100, 75, 0)
		}
		for m := 10; m < 40; m += 5 {
			s.count(noon.Add(-time.Duration(m)*time.Minute), last, 0, 0)
		}
		return s
	}
	none := &series{}
	if f := short(country(8), none, 0.7, noon); f > 0.3 {
		t.Errorf("an outage: %.2f", f)
	}
	if f := short(country(200), none, 0.7, noon); f != 1 {
		t.Errorf("a flood: %.2f", f)
	}
	own := country(8)
	if f := short(own, own, 0.7, noon); f != 1 {
		t.Errorf("a key that is all of its country's trouble: %.2f", f)
	}
}

// What others counted is dated when it is seen; what this node wrote is not counted twice.
func TestReadingBack(t *testing.T) {
	s := &series{}
	at := noon.Add(-10 * time.Second)
	s.count(at, 3, 0, 0)
	s.reserve(at, 3)
	s.wrote(spanOf(at), 3, 0, 0)
	s.read(spanOf(at), stored{5, 1, 0}, noon, false)
	if b := s.sum(spanOf(at), spanOf(at)+1); b.sent != 5 || b.verified != 1 {
		t.Errorf("%+v", b)
	}
	if n := s.waiting(noon); n != 4 {
		t.Errorf("%d wait", n)
	}
	s.read(spanOf(at), stored{5, 1, 0}, noon, false)
	if n := s.waiting(noon); n != 4 {
		t.Errorf("%d wait after a second reading", n)
	}
}
