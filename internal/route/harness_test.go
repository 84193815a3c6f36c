package route_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/gateway/account"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/ratecard"
	"countersign/internal/route"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/phone"
	"countersign/provider"
)

const (
	pool   = "us-local-1_test"
	number = "+12025550123"
	code   = "918273"
	text   = "918273 is your code for Example"
)

// sent is a message that a service got.
type sent struct {
	account string
	provider.Message
	at time.Time
	// taken says that the service accepted it, whatever it answered.
	taken bool
}

// world holds what services do and saw. Its accounts are of the kinds fake (texts and calls), keyed (calls that ask for keys) and maker.
type world struct {
	mu     sync.Mutex
	seen   []sent
	script map[string]func(ctx context.Context, m provider.Message) (provider.Receipt, error)
	closed []string
	made   int
	lines  int
	tell   map[string]func(provider.Notice)
}

func newWorld() *world {
	return &world{script: map[string]func(context.Context, provider.Message) (provider.Receipt, error){}, tell: map[string]func(provider.Notice){}}
}

// answer makes an account answer so from now on; nil is success.
func (w *world) answer(name string, err error) {
	w.do(name, func(context.Context, provider.Message) (provider.Receipt, error) { return provider.Receipt{}, err })
}

func (w *world) do(name string, f func(ctx context.Context, m provider.Message) (provider.Receipt, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.script[name] = f
}

// hang makes an account take the message and never answer.
func (w *world) hang(name string) {
	w.do(name, func(ctx context.Context, _ provider.Message) (provider.Receipt, error) {
		<-ctx.Done()
		return provider.Receipt{}, ctx.Err()
	})
}

func (w *world) accounts() (out []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.seen {
		out = append(out, s.account)
	}
	return out
}

func (w *world) last() sent {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[len(w.seen)-1]
}

func (w *world) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = nil
}

// fake is an account at work.
type fake struct {
	w    *world
	a    account.Account
	now  func() time.Time
	keys bool
}

func (f *fake) Name() string { return f.a.Kind }

func (f *fake) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	f.w.mu.Lock()
	do := f.w.script[f.a.Name]
	i := len(f.w.seen)
	f.w.seen = append(f.w.seen, sent{account: f.a.Name, Message: m, at: f.now()})
	f.w.mu.Unlock()
	var r provider.Receipt
	var err error
	if do != nil {
		r, err = do(ctx, m)
	}
	if err == nil {
		f.w.mu.Lock()
		if i < len(f.w.seen) {
			f.w.seen[i].taken = true
		}
		f.w.mu.Unlock()
		if r.ProviderID == "" {
			r.ProviderID = "id-" + m.Reference
		}
	}
	return r, err
}

func (f *fake) Close() error {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	f.w.closed = append(f.w.closed, f.a.Name+" "+f.a.Secrets["token"].Reveal())
	return nil
}

func (f *fake) AskKey() bool { return f.keys }
func (f *fake) AnswerKeys(context.Context, provider.Callback, func(string) (provider.Message, error)) (provider.Reply, error) {
	return provider.Reply{}, nil
}
func (f *fake) Check(context.Context) (string, error) {
	return "fine: " + f.a.Secrets["token"].Reveal(), nil
}
func (f *fake) Poll(context.Context, string) (provider.Notice, error) {
	return provider.Notice{}, nil
}

// line is a fake that keeps a connection.
type line struct{ *fake }

func (l line) Run(ctx context.Context, tell func(provider.Notice)) error {
	l.w.mu.Lock()
	l.w.tell[l.a.Name] = tell
	l.w.lines++
	l.w.mu.Unlock()
	<-ctx.Done()
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	l.w.lines--
	return ctx.Err()
}

// maker is a fake whose service makes codes.
type maker struct{ *fake }

func (maker) CheckCode(context.Context, string, string, string) (bool, bool, error) {
	return true, true, nil
}

func (w *world) specs(now func() time.Time) []account.Spec {
	spec := func(kind string, wrap func(*fake) provider.Provider, channels ...provider.Channel) account.Spec {
		return account.Spec{Kind: kind, Channels: channels, SenderSets: []string{"set"}, Fields: []account.Field{{Name: "token", Secret: true}, {Name: "from"}, {Name: "set"},
			{Name: "region", Values: []string{"eu", "us"}}, {Name: "base_url"}},
			New: func(a account.Account, d account.Deps) (provider.Provider, error) {
				if a.Settings["from"] == "broken" {
					return nil, errors.New("from: broken")
				}
				w.mu.Lock()
				defer w.mu.Unlock()
				w.made++
				return wrap(&fake{w: w, a: a, now: now, keys: kind == "keyed"}), nil
			}}
	}
	plain := func(f *fake) provider.Provider { return f }
	return []account.Spec{
		spec("fake", plain, provider.SMS, provider.Voice), spec("keyed", plain, provider.Voice),
		spec("maker", func(f *fake) provider.Provider { return maker{f} }, provider.SMS),
		spec("line", func(f *fake) provider.Provider { return line{f} }, provider.SMS),
	}
}

// optOuts is a list of senders whose texts nobody wants.
type optOuts map[string]bool

func (o optOuts) Check(_ context.Context, _ string, _ phone.Number, senders ...string) (bool, error) {
	for _, s := range senders {
		if o[s] {
			return true, nil
		}
	}
	return o["*"], nil
}

func (o optOuts) Put(_ context.Context, out *store.OptOut, n phone.Number) (bool, error) {
	o["put "+out.Sender+" "+n.String()] = true
	return true, nil
}

// rig is a service on a store.
type rig struct {
	t   testing.TB
	w   *world
	s   store.Store
	log *eventlog.Log
	c   route.Config
	r   *route.Service
}

func newRig(t testing.TB, s store.Store, change ...func(*route.Config)) *rig {
	t.Helper()
	keys := keyringtest.New(t, pool)
	w := newWorld()
	card, err := ratecard.Parse([]byte("account,country,channel,price,currency,from\n*,US,sms,0.01,EUR,\n*,US,voice,0.2,EUR,\n"))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, w: w, s: s, log: eventlog.New(eventlog.Config{Keys: keys})}
	r.c = route.Config{Store: s, Keys: keys, Log: r.log, Logger: slog.New(slog.DiscardHandler), Now: time.Now, Specs: w.specs(time.Now),
		Deps:  func(string, route.AccountConfig) account.Deps { return account.Deps{} },
		Rates: func(context.Context, string) (*ratecard.Card, error) { return card, nil },
		ReceiptURL: func(_ context.Context, poolID, name, kind string) (string, error) {
			return "https://id.example/receipts/" + name, nil
		},
		KeyURL: func(_ context.Context, _, name, _ string, m provider.Message) (string, error) {
			return "https://id.example/keys/" + name + "?k=" + m.Key, nil
		}}
	for _, f := range change {
		f(&r.c)
	}
	r.r = r.again()
	return r
}

// again makes another node.
func (r *rig) again() *route.Service {
	r.t.Helper()
	s, err := route.New(r.c)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func newPlan(names ...string) route.Plan {
	p := route.Plan{Rules: []route.Rule{{Name: "all"}}}
	for _, n := range names {
		p.Rules[0].Use = append(p.Rules[0].Use, route.Choice{Account: n})
	}
	return p
}

// setUp makes accounts of kind fake and a plan.
func (r *rig) setUp(p route.Plan, accounts ...route.AccountConfig) {
	r.t.Helper()
	for _, a := range accounts {
		if a.Kind == "" {
			a.Kind = "fake"
		}
		if _, err := r.r.PutAccount(r.t.Context(), pool, a, nil, 0); err != nil {
			r.t.Fatal(err)
		}
	}
	if _, err := r.r.PutPlan(r.t.Context(), pool, p, 0); err != nil {
		r.t.Fatal(err)
	}
}

func named(names ...string) (out []route.AccountConfig) {
	for _, n := range names {
		out = append(out, route.AccountConfig{Name: n})
	}
	return out
}

func row() *store.Message {
	return &store.Message{ID: store.NewID(time.Now()), PoolID: pool, ClientID: "c1", Channel: "sms", Prefix: "+1202555", Country: "US", Segments: 1, Attempts: 1}
}

func texted() provider.Message {
	return provider.Message{ID: store.NewID(time.Now()), IdempotencyKey: "i", Channel: provider.SMS, To: number, Text: text, Code: code, PoolID: pool,
		Country: "US", ExpiresAt: time.Now().Add(3 * time.Minute), Key: "42"}
}

// send sends a message once, as package delivery would.
func (r *rig) send(m *store.Message, p provider.Message) (provider.Receipt, string, error) {
	r.t.Helper()
	d, ok, err := r.r.SenderFor(r.t.Context(), m)
	if err != nil || !ok {
		r.t.Fatalf("no sender: %v %v", ok, err)
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), 25*time.Second)
	defer cancel()
	return d.Send(ctx, p)
}

func (r *rig) text() error {
	r.t.Helper()
	_, _, err := r.send(row(), texted())
	return err
}

func fail(reason provider.Reason) error {
	return provider.Fail(reason, 0, &provider.VendorError{Provider: "fake", VendorCode: "7", Text: "no"})
}

var errSilence = fmt.Errorf("%w: silence", provider.ErrAmbiguous)

// events returns the events of a type.
func (r *rig) events(kind eventlog.Type) (out []*store.Event) {
	r.t.Helper()
	all, err := r.log.List(context.Background(), r.s, eventlog.Query{PoolID: pool, Ascending: true, Limit: 1000})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range all {
		if e.Type == string(kind) {
			out = append(out, e)
		}
	}
	return out
}

func sqlite(t testing.TB) store.Store { return storetest.SQLite(t) }

var _ delivery.Sender = delivery.NoSender{}
