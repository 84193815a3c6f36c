package routehealth

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// What the simulations run; larger ones by hand: go test -run FalseAlarms -timeout 1h -sim.days 70 -sim.keys 100 ./internal/routehealth
var (
	simDays = flag.Int("sim.days", 1, "days of honest traffic")
	simKeys = flag.Int("sim.keys", 24, "keys with honest traffic")
)

// Honest noise: volumes from one message in five minutes to 60 a minute, ratios from 0.15 to 0.95, times of one to sixty seconds, moods of hour and day.
func TestHonestTrafficRaisesNoAlarm(t *testing.T) {
	w := newWorld(t, 1, 7)
	var streams []stream
	for i := range *simKeys {
		streams = append(streams, stream{
			key:       keyFor(fmt.Sprintf("account-%d", i/4), "DE", fmt.Sprintf("262%02d", i%4)),
			perMinute: []float64{0.2, 1, 3, 8, 20}[i%5], ratio: 0.15 + 0.8*float64(i*7%40)/40, median: time.Duration(5+i*11%55) * time.Second,
			undelivered: float64(i%4) * 0.03, failed: float64(i%3) * 0.02, moody: true,
		})
		if i%20 == 7 {
			streams[i].perMinute = 60
		}
	}
	start := time.Now()
	w.run(time.Duration(*simDays)*24*time.Hour, streams, nil)
	told := w.store.told()
	alarms := 0
	for _, e := range told {
		if strings.HasPrefix(e, "degraded") {
			alarms++
		}
	}
	keys := len(w.nodes[0].state.keys)
	weeks := float64(*simDays) / 7 * float64(keys) / 100
	t.Logf("%d messages of %d keys in %d days, %v: %d alarms, %.2f per week of 100 keys", w.n, keys, *simDays, time.Since(start).Round(time.Second),
		alarms, float64(alarms)/weeks)
	if float64(alarms) >= max(weeks, 1) {
		t.Fatalf("%d false alarms: %v", alarms, told[:min(len(told), 20)])
	}
}

// firstAlarm is how long after a change a node ranks the account last.
func firstAlarm(t *testing.T, nodes int, seed uint64, offset time.Duration, before, after stream, most time.Duration) (time.Duration, Evidence) {
	w := newWorld(t, nodes, seed)
	w.now = w.now.Truncate(Span).Add(-90 * time.Minute).Add(offset)
	w.past(before)
	if w.run(90*time.Minute, []stream{before}, func() bool { return len(w.store.told()) > 0 }) {
		t.Fatal("an alarm before anything happened: ", w.store.told())
	}
	at := w.now
	w.run(most, []stream{after}, func() bool {
		for _, m := range w.nodes {
			if r := m.Rank("pool", "sms", "DE", "26201", []string{"a", "b"}); r[0] != "b" {
				return false
			}
		}
		return true
	})
	e, ok := w.nodes[0].Degraded(before.key)
	if !ok {
		t.Fatalf("seed %d, offset %v: not noticed in %v", seed, offset, most)
	}
	return w.now.Sub(at), e
}

func TestDropIsNoticed(t *testing.T) {
	normal := func(perMinute, ratio float64) stream {
		return stream{key: keyFor("a", "DE", "26201"), perMinute: perMinute, ratio: ratio, median: 15 * time.Second}
	}
	for name, c := range map[string]struct {
		nodes         int
		before, after stream
		most          time.Duration
	}{
		"total, 50 a minute":              {1, normal(50, 0.7), normal(50, 0), 6 * time.Minute},
		"total, 50 a minute, two nodes":   {2, normal(50, 0.7), normal(50, 0), 6 * time.Minute},
		"total, 50 a minute, few typed":   {1, normal(50, 0.4), normal(50, 0), 8 * time.Minute},
		"total, slow to type":             {1, normal(50, 0.7).typedIn(60 * time.Second), normal(50, 0), 8 * time.Minute},
		"total, 5 a minute":               {1, normal(5, 0.7), normal(5, 0), 16 * time.Minute},
		"half, 50 a minute":               {1, normal(50, 0.7), normal(50, 0.35), time.Hour},
		"half, 50 a minute, two nodes":    {2, normal(50, 0.7), normal(50, 0.35), time.Hour},
		"half, 10 a minute":               {1, normal(10, 0.7), normal(10, 0.35), time.Hour},
		"refused":                         {1, normal(50, 0.7), normal(50, 0.2).refused(0.8), 3 * time.Minute},
		"late: 15 seconds become minutes": {1, normal(50, 0.7), normal(50, 0.7).typedIn(2 * time.Minute), 15 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			var took []time.Duration
			for i := range 10 {
				d, e := firstAlarm(t, c.nodes, uint64(i), time.Duration(i)*30*time.Second, c.before, c.after, c.most)
				if took = append(took, d); e.Rule == "" || e.Baseline.Sent == 0 || e.Since.IsZero() {
					t.Fatalf("%+v", e)
				}
			}
			slices.Sort(took)
			t.Logf("noticed after %v to %v, median %v", took[0], took[len(took)-1], took[len(took)/2])
		})
	}
}

func (s stream) typedIn(median time.Duration) stream { s.median = median; return s }
func (s stream) refused(share float64) stream        { s.failed = share; return s }
