package countersign

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	mgmtapi "countersign/internal/auth0api/management"
	"countersign/internal/delivery"
	"countersign/internal/fault"
	"countersign/internal/front"
	"countersign/internal/hook"
	"countersign/internal/npm"
	"countersign/internal/pool"
	"countersign/internal/script"
	"countersign/internal/store"
	"countersign/provider"
)

// openHooks makes what runs hooks, actions and rules: as functions run, each in workers of its own.
func (p *parts) openHooks(c *Config) error {
	builder, err := npm.New(npm.Options{Runner: p.launcher.get, Program: c.Functions.Launcher, Registry: c.Hooks.Registry, Logger: c.Log, Now: c.Now})
	if err != nil {
		return err
	}
	scripts := &script.Runner{Code: p.launcher, MemoryMB: c.Hooks.MemoryMB, Timeout: c.Hooks.Timeout, Now: c.Now}
	p.hooks = hook.New(hook.Config{
		Store: p.store, Keys: p.keyring, Events: p.events, Builder: builder, Scripts: scripts, Log: c.Log, Now: c.Now, Dev: c.Mode == Dev,
		Limits: hook.Limits{CodeBytes: int64(c.Functions.StorageMB) << 20},
	})
	return nil
}

// chooseText returns the sender of a text or call of a pool whose texts its own hook, action or account with a provider sends, as its settings in
// the Auth0 dialect say; false if this server's own route does.
func (p *parts) chooseText(ctx context.Context, m *store.Message) (delivery.Sender, bool, error) {
	if provider.Channel(m.Channel) == provider.Email {
		return nil, false, nil
	}
	name, err := p.pool.TextProvider(ctx, m.PoolID)
	if fault.CodeOf(err) == fault.PoolNotFound {
		return nil, false, provider.Permanent(err)
	}
	if err != nil {
		return nil, false, err
	}
	switch name {
	case pool.ProviderHook:
		return p.userSender(ctx, m.PoolID, hook.PhoneHook)
	case pool.ProviderAction:
		return p.userSender(ctx, m.PoolID, hook.PhoneProvider)
	case pool.ProviderTwilio:
		s, ok, err := p.poolsTwilio(ctx, m)
		if ok && err == nil {
			s = p.cleared(s, m)
		}
		return s, ok, err
	}
	return nil, false, nil
}

// trialOfProvider is the trigger source of a message that tries the branding phone provider.
const trialOfProvider = "ProviderTrial"

// brandingSender is the branding phone provider, whether the pool uses it or not.
func (p *parts) brandingSender(ctx context.Context, m *store.Message) (delivery.Sender, error) {
	row, err := p.setting(ctx, m.PoolID, mgmtapi.SettingPhoneProvider)
	if errors.Is(err, store.ErrNotFound) {
		return nil, provider.Permanent(errors.New("the phone provider does not exist any more"))
	}
	if err != nil {
		return nil, err
	}
	var doc mgmtapi.PhoneProvider
	if err := json.Unmarshal(row.Doc, &doc); err != nil {
		return nil, err
	}
	var s delivery.Sender
	if doc.Name == pool.ProviderAction {
		s, _, err = p.userSender(ctx, m.PoolID, hook.PhoneProvider)
	} else {
		s, _, err = p.twilioSender(ctx, m, mgmtapi.SettingPhoneProvider)
	}
	return s, err
}

// userSender is the pool's own code. A pool that asks for it and has none does not fall back on another sender: that would hide the mistake.
func (p *parts) userSender(ctx context.Context, poolID string, which hook.Which) (delivery.Sender, bool, error) {
	s, ok, err := p.hooks.Sender(ctx, poolID, which)
	if err == nil && !ok {
		what := "no hook is enabled, and no action is bound, for send-phone-message"
		if which == hook.PhoneProvider {
			what = "no action of custom-phone-provider is deployed"
		}
		err = provider.Misconfigured(fault.New(fault.DeliveryFailed).WithPublic("The provider of the pool's texts is %s, but %s.", which, what))
	}
	return s, ok, err
}

// mountManagement makes the Management API when it is first asked: its tables cost a start what most starts do not need.
func (s *Server) mountManagement() {
	made := sync.OnceValue(func() http.Handler {
		return mgmtapi.Handler(mgmtapi.Options{
			Authenticate: s.parts.mgmt.authenticate, PoolOf: s.poolOf, BaseURLOf: func(r *http.Request) string { return front.BaseURLOf(r.Context()) },
			PageURLOf: s.pageURL, Pools: s.parts.pool, Hooks: s.parts.hooks, Store: s.parts.store, Keys: s.parts.keyring, Events: s.parts.events, Try: s.parts.try,
			Dev: s.c.Mode == Dev, Log: s.c.Log, Now: s.c.Now,
		})
	})
	s.surfaces[front.Auth0API] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { made().ServeHTTP(w, r) })
}

// try sends a text of an administrator and waits for the first attempt.
func (p *parts) try(ctx context.Context, t mgmtapi.Trial) error {
	d := delivery.Draft{PoolID: t.PoolID, Lane: store.LaneNotice, Channel: provider.SMS, To: t.To, Text: t.Text, TriggerSource: "Trial"}
	if t.Provider {
		d.TriggerSource = trialOfProvider
	}
	if t.Voice {
		d.Channel = provider.Voice
	}
	_, o, err := p.sendAndWait(ctx, d)
	if err == nil && !o.OK() {
		err = fault.New(fault.DeliveryFailed).WithPublic("The message was not sent: %s", o.Text)
	}
	return err
}

// poolOf is the pool whose root paths a request means: that of its Host, or the only one there is.
func (s *Server) poolOf(r *http.Request) string { return s.poolIn(r.Context()) }

func (s *Server) poolIn(ctx context.Context) string {
	if id := front.PoolOf(ctx); id != "" {
		return id
	}
	return s.sole.get(ctx, s)
}

// pageURL is the base URL of pages for the end users of the pool that a request means: the one that it came by, unless only operators reach that.
func (s *Server) pageURL(r *http.Request) string {
	if base := front.BaseURLOf(r.Context()); base != "" && !s.operators(base) {
		return base
	}
	return s.publicURL(s.poolOf(r))
}

// operators reports whether only operators reach a base URL.
func (s *Server) operators(u string) bool {
	same := func(o string) bool { have, err := front.OriginOf(o); return err == nil && have == u }
	return slices.ContainsFunc(s.c.AdminBaseURLs, same) && !slices.ContainsFunc(s.c.BaseURLs, same)
}

// publicURL is the pool's own base URL, or the first one that is shared; an empty pool has shared ones alone.
func (s *Server) publicURL(pool string) string {
	shared := ""
	for _, u := range s.urlsOf(pool) {
		if s.operators(u) {
			continue
		}
		if owner, _ := s.hosts.Owner(u); owner == pool && pool != "" {
			return u
		}
		shared = cmp.Or(shared, u)
	}
	return shared
}

// sole remembers the only pool of a server for a moment.
type sole struct {
	mu   sync.Mutex
	id   string
	read time.Time
}

// soleLife is how long a deployment of one pool is believed to be one.
const soleLife = 5 * time.Second

func (o *sole) get(ctx context.Context, s *Server) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := s.c.Now()
	if o.id != "" && now.Sub(o.read) < soleLife {
		return o.id
	}
	o.id = ""
	var list []*store.Pool
	err := s.parts.store.Read(ctx, func(tx store.Tx) (err error) {
		list, err = tx.Pools().ListPools(ctx, "", 2)
		return err
	})
	if err == nil && len(list) == 1 {
		o.id, o.read = list[0].ID, now
	}
	return o.id
}

// urlsOf are the declared base URLs of a pool: with a slash, the issuers of its tokens in the Auth0 dialect. In dev mode a pool may also be reached at a
// host of its own (poolByName).
func (s *Server) urlsOf(poolID string) []string {
	var out []string
	for _, u := range s.hosts.List() {
		if owner, _ := s.hosts.Owner(u); owner == poolID || owner == "" {
			out = append(out, u)
		}
	}
	if s.c.Mode != Dev || poolID == DevPool {
		return out
	}
	_, own, _ := strings.Cut(poolID, "_")
	names := []string{strings.ToLower(own)}
	if p, err := s.parts.pool.GetPool(context.Background(), poolID); err == nil {
		names = append(names, strings.ToLower(p.Name))
	}
	for _, u := range s.c.BaseURLs {
		if scheme, rest, ok := strings.Cut(u, "://localhost"); ok {
			for _, name := range names {
				out = append(out, scheme+"://"+name+".localhost"+rest)
			}
		}
	}
	return out
}
