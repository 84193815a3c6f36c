package routehealth

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/store"
)

const (
	// Span is how long a row of counts is.
	Span = 5 * time.Minute
	// AllNetworks is the Network of a country as a whole.
	AllNetworks = "*"

	flushEvery = 2 * time.Second
	loadEvery  = 10 * time.Second
	// maxPending bounds the rows that wait for the store; what does not fit is not counted, and logged.
	maxPending = 20_000
	// maxVerify bounds one time to verify: codes live shorter.
	maxVerify = time.Hour
	// lastFlush bounds the flush at the end.
	lastFlush = 5 * time.Second
)

// Key names what is judged.
type Key struct {
	PoolID, Account, Channel string
	// Country is an ISO 3166 region or empty. Network is the carrier's MCC and MNC, empty if it is not known, or AllNetworks.
	Country, Network string
}

// whole is the key of the country.
func (k Key) whole() Key { k.Network = AllNetworks; return k }

// clean drops what is no country and no network: both can come from services.
func (k Key) clean() Key {
	if len(k.Country) != 2 {
		k.Country = ""
	}
	if n := len(k.Network); n != 5 && n != 6 || strings.Trim(k.Network, "0123456789") != "" {
		k.Network = ""
	}
	return k
}

func compareKeys(a, b Key) int {
	return cmp.Or(strings.Compare(a.PoolID, b.PoolID), strings.Compare(a.Account, b.Account), strings.Compare(a.Channel, b.Channel),
		strings.Compare(a.Country, b.Country), strings.Compare(a.Network, b.Network))
}

// Config configures a Monitor.
type Config struct {
	// Store is required.
	Store store.Store
	// Log makes the events; nil: none.
	Log *eventlog.Log
	// Logger defaults to slog.Default, Now to time.Now.
	Logger *slog.Logger
	Now    func() time.Time
}

// Monitor counts and judges. It is safe for concurrent use.
type Monitor struct {
	c Config

	mu      sync.Mutex
	pending map[row]*counts
	dropped int

	view atomic.Pointer[view]

	work   sync.Mutex // of what follows: one refresh at a time
	state  state
	report atomic.Pointer[[]Line]
}

// row is where a count belongs.
type row struct {
	Key
	span int64
}

// counts of one row, or a sum of rows.
type counts struct {
	sent, failed, delivered, undelivered, verified int
	verifyTime                                     time.Duration
}

func (c counts) tried() int { return c.sent + c.failed }

func (c counts) mean() time.Duration {
	if c.verified <= 0 {
		return 0
	}
	return c.verifyTime / time.Duration(c.verified)
}

// plus adds sign times d.
func (c counts) plus(d counts, sign int) counts {
	return counts{c.sent + sign*d.sent, c.failed + sign*d.failed, c.delivered + sign*d.delivered, c.undelivered + sign*d.undelivered,
		c.verified + sign*d.verified, c.verifyTime + time.Duration(sign)*d.verifyTime}
}

// spanOf is the number of the span of a time since 1970.
func spanOf(t time.Time) int64 {
	return t.Unix() / int64(Span/time.Second)
}

func spanStart(n int64) time.Time { return time.Unix(n*int64(Span/time.Second), 0).UTC() }

// New returns a Monitor that knows nothing yet. It panics without a Store, which is a mistake of the programmer.
func New(c Config) *Monitor {
	if c.Store == nil {
		panic("routehealth: Config.Store is missing")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Monitor{c: c, pending: map[row]*counts{}, state: newState()}
}

// Sent counts a message with a code that a service accepted at a time, Failed one that it did not.
func (m *Monitor) Sent(k Key, at time.Time) { m.count(k, at, counts{sent: 1}) }

// Failed counts a message with a code that a service did not accept.
func (m *Monitor) Failed(k Key, at time.Time) { m.count(k, at, counts{failed: 1}) }

// Delivered counts a receipt that says so; sentAt is when the message was accepted.
func (m *Monitor) Delivered(k Key, sentAt time.Time) { m.count(k, sentAt, counts{delivered: 1}) }

// Undelivered counts a receipt that says that a message did not arrive.
func (m *Monitor) Undelivered(k Key, sentAt time.Time) { m.count(k, sentAt, counts{undelivered: 1}) }

// Verified counts a code that was typed in at a time.
func (m *Monitor) Verified(k Key, sentAt, at time.Time) {
	m.count(k, sentAt, counts{verified: 1, verifyTime: min(max(at.Sub(sentAt), 0), maxVerify)})
}

func (m *Monitor) count(k Key, at time.Time, c counts) {
	if m == nil || at.IsZero() {
		return
	}
	r := row{k.clean(), spanOf(at)}
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pending[r]
	if p == nil {
		if len(m.pending) >= maxPending {
			m.dropped++
			return
		}
		p = &counts{}
		m.pending[r] = p
	}
	*p = p.plus(c, 1)
}

// Flush adds what was counted to the store, in one Write. What could not be written stays for the next time.
func (m *Monitor) Flush(ctx context.Context) error {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	taken, dropped := m.pending, m.dropped
	m.pending, m.dropped = map[row]*counts{}, 0
	m.mu.Unlock()
	if dropped > 0 {
		m.c.Logger.WarnContext(ctx, "route health: too many kinds of counts at once, some were left out", "left_out", dropped)
	}
	if len(taken) == 0 {
		return nil
	}
	list := make([]store.RouteCount, 0, len(taken))
	for r, c := range taken {
		list = append(list, store.RouteCount{
			PoolID: r.PoolID, Account: r.Account, Channel: r.Channel, Country: r.Country, Network: r.Network, Span: spanStart(r.span),
			Sent: c.sent, Failed: c.failed, Delivered: c.delivered, Undelivered: c.undelivered, Verified: c.verified, VerifyTime: c.verifyTime,
		})
	}
	slices.SortFunc(list, func(a, b store.RouteCount) int { // one order for all nodes: no deadlocks
		return cmp.Or(compareKeys(keyOf(a), keyOf(b)), a.Span.Compare(b.Span))
	})
	err := m.c.Store.Write(ctx, func(tx store.Tx) error { return tx.Routes().AddRouteCounts(ctx, list) })
	if err != nil {
		m.putBack(taken)
	}
	return err
}

func (m *Monitor) putBack(taken map[row]*counts) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for r, c := range taken {
		switch p := m.pending[r]; {
		case p != nil:
			*p = p.plus(*c, 1)
		case len(m.pending) < maxPending:
			m.pending[r] = c
		default:
			m.dropped += c.tried()
		}
	}
}

func keyOf(c store.RouteCount) Key { return Key{c.PoolID, c.Account, c.Channel, c.Country, c.Network} }

// Run flushes every two seconds and judges every ten until ctx ends, then flushes once more. It returns ctx's error.
func (m *Monitor) Run(ctx context.Context) error {
	if m == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	flush, load := time.NewTicker(flushEvery), time.NewTicker(loadEvery)
	defer flush.Stop()
	defer load.Stop()
	m.log(ctx, m.Refresh(ctx))
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
			defer cancel()
			m.log(last, m.Flush(last))
			return ctx.Err()
		case <-flush.C:
			m.log(ctx, m.Flush(ctx))
		case <-load.C:
			m.log(ctx, m.Refresh(ctx))
		}
	}
}

func (m *Monitor) log(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		m.c.Logger.ErrorContext(ctx, "route health: the store does not answer", "error", err)
	}
}
