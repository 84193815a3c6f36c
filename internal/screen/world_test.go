package screen_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/pumping"
	"countersign/internal/quota"
	"countersign/internal/screen"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/phone"
)

const poolID = "p"

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// fresh returns the name of a pool that nobody has used.
func (w *world) fresh() string {
	w.pools++
	return fmt.Sprint(poolID, w.pools)
}

// world is a deployment of one pool, with a clock.
type world struct {
	testing.TB
	store store.Store
	log   *eventlog.Log
	now   time.Time
	pools int
	hash  func(ctx context.Context, poolID string, parts ...string) (string, error)
}

func newWorld(t testing.TB, s store.Store) *world {
	return &world{
		TB: t, store: s, log: eventlog.New(eventlog.Config{Keys: keyringtest.New(t, poolID)}), now: noon,
		hash: func(_ context.Context, poolID string, parts ...string) (string, error) {
			h := sha256.Sum256([]byte(poolID + strings.Join(parts, "\x00")))
			return hex.EncodeToString(h[:]), nil
		},
	}
}

// node is a server of the deployment.
type node struct {
	*world
	*screen.Service
	quota *quota.Service
	// pool is the one whose policy and messages these are.
	pool string
}

func (w *world) node(change ...func(*screen.Config)) *node {
	now := func() time.Time { return w.now }
	quiet := slog.New(slog.DiscardHandler)
	c := screen.Config{
		Store: w.store, Log: w.log, Now: now, Logger: quiet, Quota: quota.New(quota.Config{Store: w.store, Now: now}),
		Pumping: pumping.New(pumping.Config{Store: w.store, Log: w.log, Now: now, Logger: quiet, Hash: w.hash}),
	}
	for _, f := range change {
		f(&c)
	}
	return &node{w, screen.New(c), c.Quota, poolID}
}

// dev makes a node of a developer's server.
func dev(c *screen.Config) { c.Dev = true }

// priced makes every message cost as much.
func priced(micros int64) func(*screen.Config) {
	return func(c *screen.Config) {
		c.Price = func(context.Context, string, string, string, int) (int64, bool) { return micros, true }
	}
}

func number(t testing.TB, s string) phone.Number {
	t.Helper()
	n, err := phone.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// ask is a sign-up's text to an American number.
func ask(t testing.TB, to string) screen.Ask {
	return screen.Ask{
		PoolID: poolID, ClientID: "app", To: number(t, to), Channel: "sms", Purpose: "sign_up", IP: netip.MustParseAddr("192.0.2.7"), Typed: true,
	}
}

// proven is a sign-in's text to the account's own number.
func proven(t testing.TB, to string) screen.Ask {
	a := ask(t, to)
	a.Purpose, a.Confirmed, a.Typed = "sign_in", true, false
	return a
}

const (
	american = "+14155552671"
	german   = "+4915123456789"
)

func (n *node) policy(p screen.Policy) {
	n.Helper()
	_, version, err := n.Policy(n.Context(), n.pool)
	if err == nil {
		_, err = n.PutPolicy(n.Context(), n.pool, p, version)
	}
	if err != nil {
		n.Fatal(err)
	}
}

// screen judges a message; nothing is committed yet.
func (n *node) screen(a screen.Ask) screen.Decision {
	n.Helper()
	a.PoolID = n.pool
	d, err := n.Screen(n.Context(), a)
	if err != nil {
		n.Fatal(err)
	}
	return d
}

// send judges a message and commits it if it may be sent.
func (n *node) send(a screen.Ask) screen.Decision {
	n.Helper()
	d := n.screen(a)
	if d.Refused == "" {
		n.Committed(n.Context(), n.pool, d)
	}
	return d
}

// sent counts how many of some messages may be sent.
func (n *node) sent(times int, a screen.Ask) (sent int) {
	n.Helper()
	for range times {
		if n.send(a).Refused == "" {
			sent++
		}
	}
	return sent
}

func (w *world) events(kind eventlog.Type) []*store.Event {
	w.Helper()
	all, err := w.log.List(w.Context(), w.store, eventlog.Query{PoolID: poolID, Limit: 1000})
	if err != nil {
		w.Fatal(err)
	}
	return slices.DeleteFunc(all, func(e *store.Event) bool { return e.Type != string(kind) })
}

// quiet is a policy without the detector, which has tests of its own.
func quiet(p screen.Policy) screen.Policy {
	p.Pumping.Mode = pumping.Off
	return p
}

func each(t *testing.T, f func(t *testing.T, w *world)) {
	storetest.Each(t, func(t *testing.T, s store.Store) { f(t, newWorld(t, s)) })
}

func contains(s string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(s, p) })
}
