package countersign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"countersign/internal/adminapi"
	"countersign/internal/canary"
	"countersign/internal/delivery"
	"countersign/internal/egress"
	"countersign/internal/gateway"
	"countersign/internal/gateway/account"
	"countersign/internal/optout"
	"countersign/internal/pool"
	"countersign/internal/ratecard"
	"countersign/internal/receipt"
	"countersign/internal/route"
	"countersign/internal/routehealth"
	"countersign/internal/screen"
	"countersign/internal/store"
	"countersign/provider"
)

// Delivery configures accounts with providers and the plans that choose among them.
type Delivery struct {
	// Static are the accounts and the plan of pools that have none of their own. May be nil.
	Static *route.Static
	// Allow lists networks and addresses, otherwise refused as private, that accounts may be at.
	Allow []string
	// Live lets accounts call the real services in dev mode; otherwise the simulator answers, and what it does not know is refused.
	Live bool
}

// providerTimeout bounds one exchange with a service; the gateways have shorter limits of their own.
const providerTimeout = 20 * time.Second

// openDelivery makes what messages go through, except the worker.
func (p *parts) openDelivery(c *Config) (err error) {
	world, err := p.world(c)
	if err != nil {
		return err
	}
	p.canaries = canary.New(canary.Config{Store: p.store, Keys: p.keyring, Log: p.events, Deliver: p.worker, Logger: c.Log, Now: c.Now})
	p.health = routehealth.New(routehealth.Config{Store: p.store, Log: p.events, Logger: c.Log, Now: c.Now})
	p.optouts = optout.New(optout.Config{Store: p.store, Log: p.events, Keys: p.keyring, Logger: c.Log, Now: c.Now})
	p.routes, err = route.New(route.Config{
		Store: p.store, Keys: p.keyring, Log: p.events, Logger: c.Log, Now: c.Now, Specs: gateway.Specs(),
		Deps:   func(string, route.AccountConfig) account.Deps { return world },
		Health: p.health, OptOuts: p.optouts, Rates: p.rates, Static: c.Delivery.Static,
		ReceiptURL: func(ctx context.Context, poolID, name, kind string) (string, error) {
			return p.receipts.URL(ctx, poolID, name, kind)
		},
		KeyURL: func(ctx context.Context, poolID, name, kind string, m provider.Message) (string, error) {
			return p.receipts.KeyURL(ctx, poolID, name, kind, m)
		},
		Notice: func(ctx context.Context, poolID, name string, n provider.Notice) {
			if err := p.receipts.Notice(ctx, poolID, name, n, receipt.Stream, true); err != nil {
				c.Log.Warn("a receipt was not recorded", "account", name, "error", err)
			}
		},
	})
	if err != nil {
		return err
	}
	p.receipts = receipt.New(receipt.Config{
		Store: p.store, Keys: p.keyring, Log: p.events, Logger: c.Log, Now: c.Now, Routes: p.routes, OptOuts: p.optouts, Health: p.health,
		BaseURL: p.reportURL, Reported: p.sending.reported, Text: p.answerText,
		Priced: func(m *store.Message, was int64) { p.screen.Settled(m, was) },
	})
	return nil
}

// world is what providers may use: the network under the rules, or in dev mode the simulator.
func (p *parts) world(c *Config) (account.Deps, error) {
	policy, err := egress.NewPolicy(c.Mode == Dev, c.Delivery.Allow...)
	if err != nil {
		return account.Deps{}, fmt.Errorf("countersign: %w", err)
	}
	real := egress.NewClient(egress.Config{Policy: policy, Timeout: providerTimeout, MaxResponse: 1 << 20})
	dial := (&egress.Dialer{Policy: policy}).DialContext
	d := account.Deps{Client: real, Dial: dial, Now: c.Now, Log: c.Log}
	if p.inbox == nil || c.Delivery.Live {
		return d, nil
	}
	d.Client = &http.Client{Transport: devTransport{p, real.Transport}, CheckRedirect: real.CheckRedirect, Timeout: real.Timeout}
	d.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, _, err := net.SplitHostPort(address); err == nil && !loopbackName(host) {
			return nil, errNotLive
		}
		return dial(ctx, network, address)
	}
	return d, nil
}

// callBack is how simulated services report: to our own receipt URLs, in this process, and nowhere else.
func (p *parts) callBack(r *http.Request) {
	if p.public != nil && strings.HasPrefix(r.URL.Path, "/receipts/") {
		_, _ = simulated{p.public}.RoundTrip(r)
	}
}

// fromPhone is a text that was typed on a simulated phone.
func (p *parts) fromPhone(ctx context.Context, from, text string) error {
	return p.receipts.Inbound(ctx, DevPool, "", provider.Inbound{From: from, Text: text})
}

var errNotLive = errors.New("countersign dev calls no service outside of this machine: use one that it simulates, a base_url on this machine, or --live-providers")

// devTransport answers the services' hosts by the simulator, lets this machine be called, and refuses everything else.
type devTransport struct {
	p    *parts
	real http.RoundTripper
}

func (t devTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if h := t.p.inbox.Host(r.URL.Hostname()); h != nil {
		return simulated{h}.RoundTrip(r)
	}
	if loopbackName(r.URL.Hostname()) {
		return t.real.RoundTrip(r)
	}
	return nil, errNotLive
}

func loopbackName(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// rates reads a pool's rate card.
func (p *parts) rates(ctx context.Context, poolID string) (*ratecard.Card, error) {
	if poolID == "" {
		return nil, nil
	}
	row, err := p.setting(ctx, poolID, adminapi.RatesSetting)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return p.cards.of(row)
}

// cards keeps parsed rate cards: routes ask for a pool's every few seconds, and a large one takes milliseconds.
type cards struct {
	mu   sync.Mutex
	kept map[string]keptCard // by pool
}

type keptCard struct {
	version int64
	at      time.Time
	card    *ratecard.Card
}

// maxCards bounds the pools whose cards are kept.
const maxCards = 1000

func (c *cards) of(row *store.Setting) (*ratecard.Card, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k, ok := c.kept[row.PoolID]; ok && k.version == row.Version && k.at.Equal(row.UpdatedAt) {
		return k.card, nil
	}
	var doc adminapi.Rates
	if err := json.Unmarshal(row.Doc, &doc); err != nil {
		return nil, err
	}
	card, err := ratecard.Parse([]byte(doc.CSV))
	if err != nil {
		return nil, err
	}
	if c.kept == nil || len(c.kept) >= maxCards {
		c.kept = map[string]keptCard{}
	}
	c.kept[row.PoolID] = keptCard{row.Version, row.UpdatedAt, card}
	return card, nil
}

// seen feeds metrics and route health with a step of a message. What was sent is counted as it is stored, so that the receipt and the typed code find
// the same key.
func (p *parts) seen(s delivery.Seen) {
	p.sending.seen(s)
	if s.Step == delivery.Ended {
		p.screen.Settled(s.Message, screen.ReservedOf(s.Message.Guard))
	}
	if !s.Code || s.Account == "" {
		return
	}
	k := routehealth.Key{PoolID: s.PoolID, Account: s.Account, Channel: s.Channel, Country: s.Country, Network: s.Network}
	switch {
	case s.Step == delivery.Ended && s.Outcome == string(store.Sent):
		p.health.Sent(k, p.now())
	case s.Step == delivery.Attempted && blame(s.Outcome):
		p.health.Failed(k, p.now())
	}
}

// blame reports whether what a call came to says something about the account, and not about the number.
func blame(outcome string) bool {
	switch outcome {
	case string(store.Sent), string(provider.InvalidNumber), string(provider.OptedOut), string(provider.Blocked), string(provider.Withheld), string(provider.Unreachable):
		return false
	}
	return true
}

// typed hears that the code of a message came back. While the message is still being sent nobody knows yet by which account: the worker tells again.
func (p *parts) typed(m *store.Message, at time.Time) {
	if !m.State.Final() {
		return
	}
	p.sending.typed(m, at)
	p.screen.Typed(m, at)
	if m.SentAt.IsZero() {
		return
	}
	p.health.Verified(routehealth.Key{PoolID: m.PoolID, Account: m.Account, Channel: m.Channel, Country: m.Country, Network: m.Network}, m.SentAt, at)
	p.receipts.Typed(m)
}

// codeMaker is the account whose service makes a pool's codes.
func (p *parts) codeMaker(ctx context.Context, poolID, name string) (provider.CodeMaker, error) {
	pr, _, err := p.routes.Provider(ctx, poolID, name)
	if err != nil {
		return nil, err
	}
	maker, ok := pr.(provider.CodeMaker)
	if !ok {
		return nil, provider.Misconfigured(fmt.Errorf("the account %s makes no codes: its kind is %s", name, pr.Name()))
	}
	return maker, nil
}

// tryMessage sends a message of an operator and waits for its first attempt.
func (p *parts) tryMessage(ctx context.Context, t adminapi.Trial) (string, error) {
	d := delivery.Draft{
		PoolID: t.PoolID, Lane: store.LaneNotice, Channel: provider.SMS, To: t.To.String(), Text: t.Text, TriggerSource: "Test", Account: t.Account,
	}
	if t.Voice {
		d.Channel = provider.Voice
	}
	id, _, err := p.sendAndWait(ctx, d)
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil // its timeline says how far it has come
	}
	return id, err
}

// trialWait is how long an operator's test message is waited for.
const trialWait = 25 * time.Second

// sendAndWait sends a message and waits for its first attempt.
func (p *parts) sendAndWait(ctx context.Context, d delivery.Draft) (id string, o delivery.Outcome, err error) {
	if id, err = p.enqueue(ctx, d); err != nil {
		return "", o, err
	}
	ctx, cancel := context.WithTimeout(ctx, trialWait)
	defer cancel()
	o, err = p.worker.Await(ctx, id)
	return id, o, err
}

// previewKinds are the pool's kinds of texts by what a person calls them.
var previewKinds = map[string]string{
	"": "sms_authentication", "sign_in": "sms_authentication", "sign_up": "sms_verification", "reset": "sms_verification", "verify": "sms_verification",
	"invite": "sms_invitation",
}

// preview renders what a pool would send, and says what it would cost by the account that would be asked first.
func (p *parts) preview(ctx context.Context, in adminapi.PreviewInput) (adminapi.Preview, error) {
	ask := pool.PreviewInput{Kind: in.Kind, Locale: in.Locale, ClientID: in.Client}
	if kind, ok := previewKinds[in.Kind]; ok {
		ask.Kind = kind
	}
	if in.Text != "" {
		ask.Template = &in.Text
	}
	got, err := p.pool.Preview(ctx, in.PoolID, ask)
	if err != nil {
		return adminapi.Preview{}, err
	}
	out := adminapi.Preview{Text: got.Text, Encoding: got.Encoding, Segments: got.Segments, Units: got.Units, Foreign: string(got.Foreign)}
	if in.To == "" {
		return out, nil
	}
	steps, err := p.routes.Explain(ctx, in.PoolID, route.Question{To: in.To, Channel: in.Channel, Text: got.Text})
	if err != nil {
		return adminapi.Preview{}, err
	}
	for _, s := range steps {
		if s.PassedOver == "" {
			out.Cost, out.Currency, out.Known = adminapi.Amount(s.Cost), s.Currency, !s.Estimated
			break
		}
	}
	return out, nil
}

// reportURL is the base URL at which services reach a pool: one of its own if it has one, and never one that only operators reach. poolID is empty for
// the accounts of the configuration file.
func (p *parts) reportURL(_ context.Context, poolID string) string { return p.publicURL(poolID) }

// answerText answers HELP, if the pool has a text for it.
func (p *parts) answerText(ctx context.Context, a receipt.Answer) error {
	cfg, err := poolConfig(ctx, p.store, a.PoolID)
	if err != nil || a.Keyword != optout.Help || cfg.Texts == nil || cfg.Texts.Help == "" {
		return err
	}
	_, err = p.enqueue(ctx, delivery.Draft{
		PoolID: a.PoolID, Lane: store.LaneNotice, Channel: provider.SMS, To: a.To.String(), From: a.From, Text: cfg.Texts.Help, TriggerSource: "Help", Account: a.Account,
	})
	return err
}

// enqueue commits a message and wakes the worker.
func (p *parts) enqueue(ctx context.Context, d delivery.Draft) (id string, err error) {
	m, err := p.worker.Prepare(ctx, d)
	if err != nil {
		return "", err
	}
	id = m.ID
	if err := p.store.Write(ctx, func(tx store.Tx) error { return p.worker.Enqueue(ctx, tx, m) }); err != nil {
		return "", err
	}
	p.worker.Wake(m)
	return id, nil
}

// optedOut asks the routes of a pool, as far as its texts go that way.
func (p *parts) optedOut(log *slog.Logger) func(ctx context.Context, poolID, clientID, to string) bool {
	return func(ctx context.Context, poolID, clientID, to string) bool {
		out, err := p.routes.OptedOut(ctx, poolID, clientID, to)
		if err != nil {
			log.WarnContext(ctx, "opt-outs could not be asked before a text", "pool", poolID, "error", err)
		}
		return out
	}
}

// liftOptOut is what the flows of signed-in users do to their own numbers.
func (p *parts) liftOptOut(ctx context.Context, tx store.Tx, poolID string, number []byte) error {
	_, err := p.optouts.LiftTx(ctx, tx, poolID, number)
	return err
}
