package route

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/gateway/account"
	"countersign/internal/ratecard"
	"countersign/internal/routehealth"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/phone"
	"countersign/provider"
)

// Keys is what routes need of the keyring (*keyring.Keyring).
type Keys interface {
	SealRecord(ctx context.Context, poolID, table, row, column string, plaintext []byte) ([]byte, error)
	OpenRecord(ctx context.Context, poolID, table, row, column string, sealed []byte) ([]byte, error)
}

// Health is what routes need of route health (*routehealth.Monitor). What became of messages it learns from others: delivery.Config.Observe, receipts.
type Health interface {
	// Rank returns the accounts with degraded ones last.
	Rank(poolID, channel, country, network string, accounts []string) []string
	Degraded(k routehealth.Key) (routehealth.Evidence, bool)
}

// OptOuts is what routes need of the opt-out list (*optout.Service).
type OptOuts interface {
	// Check reports whether a number does not want texts from one of these senders; an empty one stands for what the service chooses.
	Check(ctx context.Context, poolID string, to phone.Number, senders ...string) (bool, error)
	// Put remembers what a service said.
	Put(ctx context.Context, o *store.OptOut, number phone.Number) (bool, error)
}

// Config configures a Service.
type Config struct {
	// Store, Keys, Log and Deps are required.
	Store store.Store
	Keys  Keys
	Log   *eventlog.Log
	// Logger defaults to slog.Default(), Now to time.Now.
	Logger *slog.Logger
	Now    func() time.Time
	// Specs are the kinds of accounts there are.
	Specs []account.Spec
	// Deps is what a provider of an account may use of the world.
	Deps func(kind string, c AccountConfig) account.Deps
	// Health may be nil: then the order of the plan stands.
	Health Health
	// OptOuts may be nil.
	OptOuts OptOuts
	// Rates returns a pool's rate card, nil if it has none. It is asked once in 5 s. May be nil.
	Rates func(ctx context.Context, poolID string) (*ratecard.Card, error)
	// ReceiptURL returns where the account's service is to report, or "". poolID is empty for accounts of the configuration file. May be nil.
	ReceiptURL func(ctx context.Context, poolID, account, kind string) (string, error)
	// KeyURL returns where the keys pressed in a call are to go. May be nil: then no call asks for keys.
	KeyURL func(ctx context.Context, poolID, account, kind string, m provider.Message) (string, error)
	// Notice gets what services tell over connections of their own (provider.Stream). May be nil.
	Notice func(ctx context.Context, poolID, account string, n provider.Notice)
	// Static is for pools without a plan of their own. May be nil.
	Static *Static
}

// Service holds accounts and plans and makes senders of them. It is safe for concurrent use.
type Service struct {
	c     Config
	specs map[string]account.Spec
	// static is nil if the configuration file says nothing.
	static   *view
	networks networks
	work     sync.WaitGroup

	mu    sync.RWMutex
	pools map[string]*slot

	runMu sync.Mutex
	// running is the context of Run, nil while it is not running.
	running context.Context
	// streaming are the kinds of accounts that keep connections, as far as one was made.
	streaming map[string]bool
}

// New returns a Service. It reports everything that is wrong with Config.Static.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Keys == nil || c.Log == nil || c.Deps == nil {
		return nil, errors.New("route: Store, Keys, Log and Deps are required")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Service{c: c, specs: map[string]account.Spec{}, pools: map[string]*slot{}, streaming: map[string]bool{}}
	s.networks.known = map[string]known{}
	for _, spec := range c.Specs {
		s.specs[spec.Kind] = spec
	}
	if c.Static == nil {
		return s, nil
	}
	return s, s.takeStatic(c.Static)
}

// takeStatic checks the configuration file's accounts and plan, and makes them ready.
func (s *Service) takeStatic(st *Static) error {
	var wrong []error
	v := &view{accounts: map[string]*live{}}
	for i, a := range st.Accounts {
		at := fmt.Sprintf("accounts[%d]", i)
		if v.accounts[a.Name] != nil {
			wrong = append(wrong, fault.Invalidf(at+".name", "There are two accounts named %q.", a.Name))
		}
		if err := s.checkAccount(a.AccountConfig, a.Secrets); err != nil {
			f := fault.Of(err)
			wrong = append(wrong, f.WithField(at+"."+f.Field))
		}
		l := s.newLive("", a.AccountConfig)
		if l.secrets = a.Secrets; l.secrets == nil {
			l.secrets = map[string]secret.String{}
		}
		v.accounts[a.Name] = l
	}
	if err := checkPlan(st.Plan, func(name string) (AccountConfig, bool) {
		l := v.accounts[name]
		if l == nil {
			return AccountConfig{}, false
		}
		return l.c, true
	}); err != nil {
		wrong = append(wrong, err)
	}
	if len(st.Plan.Rules) > 0 {
		v.plan = compile(st.Plan, 0)
	}
	s.static = v
	return errors.Join(wrong...)
}

func (s *Service) spec(kind string) (account.Spec, bool) {
	spec, ok := s.specs[kind]
	return spec, ok
}

// find returns an account of a pool, or else the static one of that name.
func (s *Service) find(ctx context.Context, poolID, name string) (*live, *view, error) {
	if poolID != "" {
		v, err := s.pool(ctx, poolID)
		if err != nil {
			return nil, nil, err
		}
		if l := v.accounts[name]; l != nil {
			return l, v, nil
		}
	}
	if s.static != nil {
		if l := s.static.accounts[name]; l != nil {
			return l, s.static, nil
		}
	}
	return nil, nil, fault.New(fault.ResourceNotFound).WithField("account")
}

// Provider returns the provider of an account, whatever its circuit says; where the pool has no such account, the static one of that name.
// It is good for calls that begin soon: one whose account is changed is closed. Errors: fault.ResourceNotFound, fault.InvalidParameter for settings
// that make no provider.
func (s *Service) Provider(ctx context.Context, poolID, account string) (provider.Provider, AccountConfig, error) {
	l, _, err := s.find(ctx, poolID, account)
	if err != nil {
		return nil, AccountConfig{}, err
	}
	p, err := l.acquire(ctx)
	if err != nil {
		return nil, AccountConfig{}, err
	}
	l.release()
	return p, l.c, nil
}

// Check tests an account's credentials without a text to anybody, and says what it found. Errors: as Provider's and provider.Checker's;
// fault.UnsupportedOperation if the service has no such thing.
func (s *Service) Check(ctx context.Context, poolID, account string) (string, error) {
	l, _, err := s.find(ctx, poolID, account)
	if err != nil {
		return "", err
	}
	p, err := l.acquire(ctx)
	if err != nil {
		return "", err
	}
	defer l.release()
	c, ok := p.(provider.Checker)
	if !ok {
		return "", fault.New(fault.UnsupportedOperation).WithPublic("Accounts of kind %s cannot be tested without a text.", l.c.Kind)
	}
	return c.Check(ctx)
}

// Status returns how a pool's accounts and those of the configuration file do on this node, by name; a pool's hides another's of its name.
func (s *Service) Status(ctx context.Context, poolID string) ([]Status, error) {
	v, err := s.viewOf(ctx, poolID)
	if err != nil {
		return nil, err
	}
	all := map[string]*live{}
	if s.static != nil {
		maps.Copy(all, s.static.accounts)
	}
	maps.Copy(all, v.accounts)
	now := s.c.Now()
	out := make([]Status, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[name].status(now))
	}
	return out, nil
}

// viewOf is pool, and the static view for "".
func (s *Service) viewOf(ctx context.Context, poolID string) (*view, error) {
	if poolID != "" {
		return s.pool(ctx, poolID)
	}
	if s.static == nil {
		return &view{}, nil
	}
	return s.static, nil
}

// Forget drops what is remembered of a pool: call it when its rate card or receipt URL has changed, or the pool was deleted. Accounts that have not
// changed keep their circuits.
func (s *Service) Forget(poolID string) {
	s.mu.Lock()
	e := s.pools[poolID]
	if e == nil || e.view == nil {
		s.mu.Unlock()
		return
	}
	old := *e.view
	old.loaded = time.Time{}
	e.view = &old
	s.mu.Unlock()
	for _, l := range old.accounts {
		l.forgetURL()
	}
}

// Close ends the providers of all accounts and waits for what works beside messages. Call it when Run has returned and nothing is sent any more.
func (s *Service) Close() {
	var all []*live
	s.mu.Lock()
	for _, e := range s.pools {
		if e.view != nil {
			all = slices.AppendSeq(all, maps.Values(e.view.accounts))
		}
	}
	clear(s.pools)
	s.mu.Unlock()
	if s.static != nil {
		all = slices.AppendSeq(all, maps.Values(s.static.accounts))
	}
	for _, l := range all {
		l.retire()
	}
	s.work.Wait()
}

// CloseCircuits lets the accounts of the configuration file serve again at once, and forgets why they did not.
func (s *Service) CloseCircuits() {
	if s.static == nil {
		return
	}
	for _, l := range s.static.accounts {
		l.circuit.reset()
		l.forgetURL()
	}
}

func (l *live) forgetURL() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.urlKnown = time.Time{}
}

// background runs what must not hold up a message.
func (s *Service) background(f func(ctx context.Context)) {
	s.work.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), backgroundTime)
		defer cancel()
		f(ctx)
	})
}

const backgroundTime = 10 * time.Second

// writeCircuit writes the event of a circuit that opened or closed.
func (s *Service) writeCircuit(ctx context.Context, poolID string, l *live, ch change, now time.Time) {
	data := map[string]any{"account": l.c.Name, "kind": l.c.Kind, "reason": string(ch.reason), "static": l.owner == ""}
	kind := eventlog.CircuitOpened
	if ch.opened {
		data["until"] = ch.until.UTC()
		s.c.Logger.WarnContext(ctx, "an account is left alone", "pool", l.owner, "account", l.c.Name, "reason", ch.reason, "until", ch.until)
	} else {
		kind = eventlog.CircuitClosed
		data["open_seconds"] = int64(ch.lasted.Seconds())
		s.c.Logger.InfoContext(ctx, "an account serves again", "pool", l.owner, "account", l.c.Name)
	}
	ev := s.c.Log.Event(eventlog.Entry{PoolID: poolID, Type: kind, Data: data, At: now})
	if err := s.c.Store.Write(ctx, func(tx store.Tx) error { return tx.Events().Append(context.WithoutCancel(ctx), ev) }); err != nil {
		s.c.Logger.ErrorContext(ctx, "an event was lost", "type", kind, "pool", poolID, "error", err)
		return
	}
	s.c.Log.Publish(ev)
}
