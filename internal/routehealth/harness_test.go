package routehealth

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/store"
)

// memory is a store that holds what this package uses.
type memory struct {
	store.Store
	mu     sync.Mutex
	spans  map[time.Time]map[Key]*store.RouteCount
	sets   map[string]*store.Setting
	events []*store.Event
	writes int
	fail   error
}

func newMemory() *memory {
	return &memory{spans: map[time.Time]map[Key]*store.RouteCount{}, sets: map[string]*store.Setting{}}
}

func (s *memory) Read(_ context.Context, f func(store.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return cmp.Or(s.fail, f(memoryTx{s: s}))
}

func (s *memory) Write(_ context.Context, f func(store.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.writes++
	return f(memoryTx{s: s})
}

func (s *memory) setFail(err error) { s.mu.Lock(); defer s.mu.Unlock(); s.fail = err }

// told returns the types of the events, with account, country and network.
func (s *memory) told() (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		var d struct{ Account, Country, Network, Rule string }
		if err := json.Unmarshal(e.Data, &d); err != nil {
			panic(err)
		}
		out = append(out, strings.TrimPrefix(e.Type, "cs_route_")+" "+d.Account+" "+d.Country+" "+d.Network+" "+d.Rule)
	}
	return out
}

type memoryTx struct {
	store.Tx
	s *memory
}

func (t memoryTx) Routes() store.Routes     { return memoryRoutes{s: t.s} }
func (t memoryTx) Settings() store.Settings { return memorySettings{s: t.s} }
func (t memoryTx) Events() store.Events     { return memoryEvents{s: t.s} }

type memoryRoutes struct {
	store.Routes
	s *memory
}

func (r memoryRoutes) AddRouteCounts(_ context.Context, list []store.RouteCount) error {
	for _, c := range list {
		byKey := r.s.spans[c.Span]
		if byKey == nil {
			byKey = map[Key]*store.RouteCount{}
			r.s.spans[c.Span] = byKey
		}
		old := byKey[keyOf(c)]
		if old == nil {
			byKey[keyOf(c)] = &c
			continue
		}
		old.Sent, old.Failed, old.Delivered = old.Sent+c.Sent, old.Failed+c.Failed, old.Delivered+c.Delivered
		old.Undelivered, old.Verified, old.VerifyTime = old.Undelivered+c.Undelivered, old.Verified+c.Verified, old.VerifyTime+c.VerifyTime
	}
	return nil
}

func (r memoryRoutes) RouteCounts(_ context.Context, poolID string, from, to time.Time) (out []store.RouteCount, err error) {
	for at := from.Truncate(Span); at.Before(to); at = at.Add(Span) {
		for _, c := range r.s.spans[at] {
			if poolID == "" || c.PoolID == poolID {
				out = append(out, *c)
			}
		}
	}
	return out, nil
}

func (r memoryRoutes) PruneRouteCounts(_ context.Context, before time.Time, _ int) (n int, err error) {
	for at := range maps.Keys(r.s.spans) {
		if at.Before(before) {
			n += len(r.s.spans[at])
			delete(r.s.spans, at)
		}
	}
	return n, nil
}

type memorySettings struct {
	store.Settings
	s *memory
}

func (x memorySettings) ListSettings(_ context.Context, _, prefix, _ string, limit int) (out []*store.Setting, err error) {
	for _, name := range slices.Sorted(maps.Keys(x.s.sets)) {
		if strings.HasPrefix(name, prefix) && len(out) < limit {
			out = append(out, x.s.sets[name])
		}
	}
	return out, nil
}

func (x memorySettings) PutSetting(_ context.Context, set *store.Setting) (bool, error) {
	old := x.s.sets[set.Name]
	if old == nil && set.Version != 0 || old != nil && old.Version != set.Version {
		return false, nil
	}
	c := *set
	c.Version++
	x.s.sets[set.Name] = &c
	return true, nil
}

func (x memorySettings) Setting(_ context.Context, _, name string) (*store.Setting, error) {
	if s := x.s.sets[name]; s != nil {
		return s, nil
	}
	return nil, store.ErrNotFound
}

func (x memorySettings) DeleteSetting(_ context.Context, _, name string) (bool, error) {
	ok := x.s.sets[name] != nil
	delete(x.s.sets, name)
	return ok, nil
}

type memoryEvents struct {
	store.Events
	s *memory
}

func (x memoryEvents) Append(_ context.Context, e *store.Event) error {
	x.s.events = append(x.s.events, e)
	return nil
}

// noKeys is for a log whose events have nothing personal.
type noKeys struct{}

func (noKeys) SealRecord(context.Context, string, string, string, string, []byte) ([]byte, error) {
	panic("nothing is personal")
}
func (noKeys) OpenRecord(context.Context, string, string, string, string, []byte) ([]byte, error) {
	panic("nothing is personal")
}
func (noKeys) Lookup(context.Context, string, ...string) ([]byte, error) { panic("no numbers") }

// begin is a time within a span.
var begin = time.Date(2026, 11, 2, 9, 2, 0, 0, time.UTC)

// world is nodes over one store, and the clock.
type world struct {
	t     testing.TB
	store *memory
	now   time.Time
	nodes []*Monitor
	rnd   *rand.Rand
	later map[int64][]typed
	n     int
}

// typed is a code that will be typed in.
type typed struct {
	key    Key
	sentAt time.Time
	at     time.Time
	bad    bool
}

func newWorld(t testing.TB, nodes int, seed uint64) *world {
	w := &world{t: t, store: newMemory(), now: begin, rnd: rand.New(rand.NewPCG(seed, 1)), later: map[int64][]typed{}}
	for range nodes {
		w.nodes = append(w.nodes, w.node())
	}
	return w
}

func (w *world) node() *Monitor {
	now := func() time.Time { return w.now }
	return New(Config{Store: w.store, Log: eventlog.New(eventlog.Config{Keys: noKeys{}, Now: now}), Logger: slog.New(slog.DiscardHandler), Now: now})
}

// stream is honest traffic of a key.
type stream struct {
	key Key
	// perMinute is how many messages are sent, ratio how many of them are typed in, after a log-normal time with this median.
	perMinute, ratio float64
	median           time.Duration
	// undelivered is the share with such a receipt, failed the share that is not accepted.
	undelivered, failed float64
	// moody streams differ by the hour of the day and at random from hour to hour.
	moody bool
}

const step = 10 * time.Second

// present is the stream's ratio now.
func (w *world) present(s stream) float64 {
	if !s.moody {
		return s.ratio
	}
	hour := float64(w.now.Hour()) + float64(w.now.Minute())/60
	h := rand.New(rand.NewPCG(uint64(w.now.Unix()/3600), uint64(len(s.key.Account))*31+uint64(s.key.Account[len(s.key.Account)-1])))
	return min(s.ratio*(1+0.1*math.Sin(hour/24*2*math.Pi)+0.05*h.NormFloat64()), 0.98)
}

// run lets time pass with traffic; each step it asks until, and stops if it says so.
func (w *world) run(d time.Duration, streams []stream, until func() bool) bool {
	for end := w.now.Add(d); w.now.Before(end); {
		for _, s := range streams {
			w.send(s)
		}
		w.now = w.now.Add(step)
		tick := w.now.Unix() / int64(step/time.Second)
		for _, c := range w.later[tick] {
			m := w.nodes[w.rnd.IntN(len(w.nodes))]
			if c.bad {
				m.Undelivered(c.key, c.sentAt)
			} else {
				m.Verified(c.key, c.sentAt, c.at)
			}
		}
		delete(w.later, tick)
		for _, m := range w.nodes {
			if err := m.Refresh(context.Background()); err != nil {
				w.t.Fatal(err)
			}
		}
		if until != nil && until() {
			return true
		}
	}
	return false
}

// send makes the messages of one step: a Poisson number.
func (w *world) send(s stream) {
	ratio := w.present(s)
	for p, limit := w.rnd.Float64(), math.Exp(-s.perMinute*step.Minutes()); p > limit; p *= w.rnd.Float64() {
		m := w.nodes[w.rnd.IntN(len(w.nodes))]
		at := w.now.Add(time.Duration(w.rnd.Int64N(int64(step))))
		if w.rnd.Float64() < s.failed {
			m.Failed(s.key, at)
			continue
		}
		m.Sent(s.key, at)
		w.n++
		switch u := w.rnd.Float64(); {
		case u < ratio:
			d := time.Duration(float64(s.median) * math.Exp(0.8*w.rnd.NormFloat64()))
			w.plan(typed{s.key, at, at.Add(min(d, 15*time.Minute)), false})
		case u > 1-s.undelivered:
			w.plan(typed{s.key, at, at.Add(3 * time.Second), true})
		}
	}
}

func (w *world) plan(c typed) {
	tick := c.at.Unix()/int64(step/time.Second) + 1
	w.later[tick] = append(w.later[tick], c)
}

// past fills the store with a week of a stream, without noise.
func (w *world) past(streams ...stream) {
	for _, s := range streams {
		n := int(s.perMinute * Span.Minutes())
		every := 1
		if n < 20 { // fewer, larger rows
			every = 12
			n = int(s.perMinute * 60)
		}
		to := spanOf(w.now) - 12
		for sp := to - 7*24*12 + 12; sp < to; sp += int64(every) {
			v := int(math.Round(float64(n) * s.ratio))
			c := store.RouteCount{
				PoolID: s.key.PoolID, Account: s.key.Account, Channel: s.key.Channel, Country: s.key.Country, Network: s.key.Network,
				Span: spanStart(sp), Sent: n,
				Verified: v, VerifyTime: time.Duration(v) * s.median * 138 / 100, Undelivered: int(float64(n) * s.undelivered),
				Failed: int(float64(n) * s.failed),
			}
			_ = memoryRoutes{s: w.store}.AddRouteCounts(context.Background(), []store.RouteCount{c})
		}
	}
}

func keyFor(account, country, network string) Key {
	return Key{PoolID: "pool", Account: account, Channel: "sms", Country: country, Network: network}
}
