package receipt_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/optout"
	"countersign/internal/receipt"
	"countersign/internal/route"
	"countersign/internal/routehealth"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/phone"
	"countersign/provider"
)

const (
	pool   = "p"
	alice  = "+12025550123"
	sender = "+12025550199"
	base   = "https://id.example.com"
)

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// plain sends and does nothing else.
type plain struct{ name string }

func (p plain) Name() string { return p.name }
func (p plain) Send(context.Context, provider.Message) (provider.Receipt, error) {
	return provider.Receipt{}, errors.New("not asked")
}

// caller calls back: bodies are notices in JSON, signed by a header.
type caller struct {
	plain
	signed bool
	read   int
	fail   error
}

func (c *caller) Signed() bool { return c.signed }
func (c *caller) ReadCallback(_ context.Context, cb provider.Callback) ([]provider.Notice, provider.Reply, error) {
	if c.signed && cb.Header["X-Sign"] == nil {
		return nil, provider.Reply{}, fmt.Errorf("%w: not here", provider.ErrSignature)
	}
	if c.fail != nil {
		return nil, provider.Reply{}, c.fail
	}
	c.read++
	var notices []provider.Notice
	if err := json.Unmarshal(cb.Body, &notices); err != nil {
		return nil, provider.Reply{}, errors.New("not JSON, from +12025550123")
	}
	return notices, provider.Reply{Status: 202}, nil
}

func (c *caller) AskKey() bool { return true }
func (c *caller) AnswerKeys(_ context.Context, cb provider.Callback, open func(string) (provider.Message, error)) (provider.Reply, error) {
	reply := provider.Reply{Body: []byte("bye")}
	if c.signed && cb.Header["X-Sign"] == nil {
		return reply, provider.ErrSignature
	}
	m, err := open(cb.URL.Query().Get(provider.KeyToken))
	switch {
	case err != nil:
		return reply, err
	case string(cb.Body) != m.Key:
		return reply, provider.ErrWrongKey
	}
	return provider.Reply{Body: []byte(m.Text)}, nil
}

// asked can be asked, and wants to know of codes.
type asked struct {
	caller
	mu       sync.Mutex
	answer   provider.Notice
	err      error
	polls    []string
	feedback []string
}

func (a *asked) Poll(_ context.Context, id string) (provider.Notice, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.polls = append(a.polls, id)
	return a.answer, a.err
}

func (a *asked) Confirmed(_ context.Context, id string, used bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.feedback = append(a.feedback, fmt.Sprint(id, " ", used))
	return a.err
}

func (a *asked) told() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(slices.Values(a.feedback))
}

// routes holds accounts by pool and name.
type routes map[string]provider.Provider

func (r routes) Provider(_ context.Context, poolID, account string) (provider.Provider, route.AccountConfig, error) {
	for _, key := range []string{poolID + "/" + account, "/" + account} {
		if p := r[key]; p != nil {
			return p, route.AccountConfig{Name: account, Kind: p.Name(), TrustUnsigned: strings.HasPrefix(account, "trusted")}, nil
		}
	}
	return nil, route.AccountConfig{}, fault.New(fault.ResourceNotFound).WithField("account")
}

type health struct{ delivered, undelivered []routehealth.Key }

func (h *health) Delivered(k routehealth.Key, _ time.Time) { h.delivered = append(h.delivered, k) }
func (h *health) Undelivered(k routehealth.Key, _ time.Time) {
	h.undelivered = append(h.undelivered, k)
}

// world is a service with a clock of its own.
type world struct {
	*testing.T
	*receipt.Service
	s       store.Store
	keys    *keyring.Keyring
	log     *eventlog.Log
	optouts *optout.Service
	routes  routes
	health  health
	logged  bytes.Buffer
	now     time.Time
	seen    []string
	helped  []receipt.Answer
	base    string
}

func newWorld(t *testing.T, s store.Store) *world {
	w := &world{T: t, s: s, keys: keyringtest.New(t, pool, "q"), now: start, base: base}
	clock := func() time.Time { return w.now }
	w.log = eventlog.New(eventlog.Config{Keys: w.keys, Now: clock})
	logger := slog.New(slog.NewTextHandler(&w.logged, nil))
	w.optouts = optout.New(optout.Config{Store: s, Log: w.log, Now: clock})
	w.routes = routes{
		"p/signed": &caller{plain: plain{"k"}, signed: true}, "p/mute": plain{"k"}, "p/asked": &asked{caller: caller{plain: plain{"k"}}},
		"p/unsigned": &caller{plain: plain{"k"}}, "p/trusted": &caller{plain: plain{"k"}}, "/signed": &caller{plain: plain{"k"}, signed: true},
	}
	w.Service = receipt.New(receipt.Config{
		Store: s, Keys: w.keys, Log: w.log, Logger: logger, Now: clock, Routes: w.routes, OptOuts: w.optouts, Health: &w.health,
		BaseURL: func(context.Context, string) string { return w.base },
		Reported: func(m *store.Message, account string, state provider.State, authentic, moved bool) {
			w.seen = append(w.seen, fmt.Sprint(account, " ", state, " ", authentic, " ", moved, " ", m.State))
		},
		Text: func(_ context.Context, a receipt.Answer) error { w.helped = append(w.helped, a); return nil },
	})
	return w
}

// each runs f with a fresh world on each engine.
func each(t *testing.T, f func(w *world)) {
	storetest.Each(t, func(t *testing.T, s store.Store) { f(newWorld(t, s)) })
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) want(err error, code fault.Code) {
	w.Helper()
	if err == nil || fault.CodeOf(err) != code {
		w.Errorf("error %v, want %s", err, code)
	}
}

func number(t testing.TB, s string) phone.Number {
	n, err := phone.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// message enqueues a message that an account accepted a second ago, as change makes it, with one attempt.
func (w *world) message(account, providerID string, change func(*store.Message, *store.DeliveryAttempt)) (*store.Message, *store.DeliveryAttempt) {
	w.Helper()
	at := w.now.Add(-time.Second)
	hash, err := w.log.NumberHash(w.Context(), pool, alice)
	w.ok(err)
	m := &store.Message{
		ID: store.NewID(at), PoolID: pool, UserID: "u", ClientID: "c", Channel: "sms", State: store.Sent, Mask: "+*******0123", Number: hash, CodeID: "code",
		Segments: 1, Provider: "k", ProviderID: providerID, Account: account, Sender: sender, Country: "US", Prefix: "+1202555", Cost: 500000,
		Currency: "USD", SentAt: at, CreatedAt: at, UpdatedAt: at, ExpiresAt: at.Add(3 * time.Minute), Attempts: 1,
	}
	a := &store.DeliveryAttempt{
		ID: store.NewID(at), MessageID: m.ID, N: 1, Provider: "k", Account: account, Sender: sender, ProviderID: providerID, Outcome: "sent", StartedAt: at, EndedAt: at,
	}
	if change != nil {
		change(m, a)
	}
	w.write(func(ctx context.Context, tx store.Tx) error {
		if err := tx.Outbox().Enqueue(ctx, m); err != nil {
			return err
		}
		return tx.Outbox().AddAttempt(ctx, a)
	})
	return m, a
}

func (w *world) write(f func(ctx context.Context, tx store.Tx) error) {
	w.Helper()
	w.ok(w.s.Write(w.Context(), func(tx store.Tx) error { return f(w.Context(), tx) }))
}

func (w *world) stored(id string) (m *store.Message, receipts []*store.Receipt) {
	w.Helper()
	w.write(func(ctx context.Context, tx store.Tx) (err error) {
		if m, err = tx.Outbox().Message(ctx, id); err != nil {
			return err
		}
		receipts, err = tx.Outbox().ListReceipts(ctx, id)
		return err
	})
	return m, receipts
}

// events returns the pool's events, oldest first, and fails if one of them shows a number or a text.
func (w *world) events(kinds ...eventlog.Type) (out []*store.Event) {
	w.Helper()
	w.write(func(ctx context.Context, tx store.Tx) error {
		list, err := tx.Events().ListEvents(ctx, store.EventQuery{PoolID: pool, Ascending: true, Limit: 100})
		for _, ev := range list {
			if strings.Contains(string(ev.Data), alice[1:]) || strings.Contains(string(ev.Data), "what I wrote") {
				w.Errorf("an event shows too much: %s", ev.Data)
			}
			if slices.Contains(kinds, eventlog.Type(ev.Type)) {
				out = append(out, ev)
			}
		}
		return err
	})
	return out
}

// door returns kind and secret of an account's door.
func (w *world) door(poolID, account string) (kind, secret string) {
	w.Helper()
	u, err := w.URL(w.Context(), poolID, account, "k")
	w.ok(err)
	kind, secret, ok := strings.Cut(strings.TrimPrefix(u, base+"/receipts/"), "/")
	if !ok || len(secret) != 43 {
		w.Fatalf("URL %s", u)
	}
	return kind, secret
}

// call brings notices to a pool's door.
func (w *world) call(account string, signed bool, notices ...provider.Notice) error {
	w.Helper()
	return w.callAt(pool, account, signed, notices...)
}

func (w *world) callAt(poolID, account string, signed bool, notices ...provider.Notice) error {
	w.Helper()
	kind, secret := w.door(poolID, account)
	body, err := json.Marshal(notices)
	w.ok(err)
	reply, err := w.Take(w.Context(), kind, secret, w.callback(secret, signed, body))
	if err == nil && reply.Status != 202 {
		w.Errorf("reply %+v", reply)
	}
	if strings.Contains(w.logged.String(), secret) || strings.Contains(w.logged.String(), alice) {
		w.Error("a secret or a number was logged")
	}
	return err
}

func (w *world) callback(secret string, signed bool, body []byte) provider.Callback {
	u, err := url.Parse(base + "/receipts/k/" + secret)
	w.ok(err)
	c := provider.Callback{Method: "POST", URL: u, Header: map[string][]string{}, Body: body, Now: w.now}
	if signed {
		c.Header["X-Sign"] = []string{"yes"}
	}
	return c
}
