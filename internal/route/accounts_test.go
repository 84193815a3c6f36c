package route_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/route"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/provider"
)

const token = "hush-hush-0417"

// Secrets go in and never come out, neither by reading nor by the log; a change without them keeps them.
func TestSecrets(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		r := newRig(t, s)
		c := route.AccountConfig{Name: "a", Kind: "fake", Settings: map[string]string{"region": "eu"}}
		a, err := r.r.PutAccount(route.By(t.Context(), "key-1"), pool, c, map[string]string{"token": token}, 0)
		if err != nil || a.Version == 0 || !slices.Equal(a.SecretsSet, []string{"token"}) {
			t.Fatalf("%+v %v", a, err)
		}
		c.Disabled = true
		b, err := r.r.PutAccount(t.Context(), pool, c, nil, a.Version)
		if err != nil || !b.Disabled || b.Version == a.Version {
			t.Fatalf("%+v %v", b, err)
		}
		if said, err := r.r.Check(t.Context(), pool, "a"); err != nil || said != "fine: "+token {
			t.Errorf("%q %v", said, err)
		}
		shown, _ := json.Marshal(b)
		all := string(shown)
		for _, e := range r.events(eventlog.SenderChanged) {
			all += string(e.Data)
		}
		err = s.Read(t.Context(), func(tx store.Tx) error {
			set, err := tx.Settings().Setting(t.Context(), pool, "delivery/account/a")
			all += string(set.Doc) + string(set.Sealed)
			return err
		})
		if err != nil || strings.Contains(all, token) || !strings.Contains(all, `"secrets_changed":["token"]`) || !strings.Contains(all, `"by":"key-1"`) {
			t.Errorf("%s %v", all, err)
		}
		c2, err := r.r.PutAccount(t.Context(), pool, c, map[string]string{"token": ""}, b.Version)
		if err != nil || len(c2.SecretsSet) != 0 {
			t.Errorf("%+v %v", c2, err)
		}
	})
}

// Secrets could be read by an API: who may change an account could otherwise have its secrets, which are never shown, sent to an address of its own.
func TestAdvisory_CVE_2026_40166_SecretsStayWithTheirAddress(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		r := newRig(t, s)
		c := route.AccountConfig{Name: "a", Kind: "fake", Settings: map[string]string{"base_url": "https://api.example"}}
		a, err := r.r.PutAccount(t.Context(), pool, c, map[string]string{"token": token}, 0)
		if err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]func(*route.AccountConfig){
			"address":    func(c *route.AccountConfig) { c.Settings = map[string]string{"base_url": "https://evil.example"} },
			"no address": func(c *route.AccountConfig) { c.Settings = nil },
			"kind":       func(c *route.AccountConfig) { c.Kind = "line" },
		} {
			other := c
			change(&other)
			if _, err := r.r.PutAccount(t.Context(), pool, other, nil, a.Version); fault.CodeOf(err) != fault.InvalidParameter || fault.Of(err).Field != "secrets" {
				t.Errorf("%s: %v", name, err)
			}
		}
		c.Settings = map[string]string{"base_url": "https://eu.api.example"}
		if a, err = r.r.PutAccount(t.Context(), pool, c, map[string]string{"token": "another"}, a.Version); err != nil {
			t.Error("with the secrets:", err)
		}
		c.From = "Acme"
		if _, err = r.r.PutAccount(t.Context(), pool, c, nil, a.Version); err != nil {
			t.Error("the same address:", err)
		}
	})
}

func TestVersions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		r := newRig(t, s)
		put := func(version int64) (int64, fault.Code) {
			a, err := r.r.PutAccount(t.Context(), pool, route.AccountConfig{Name: "a", Kind: "fake"}, nil, version)
			return a.Version, fault.CodeOf(err)
		}
		if _, code := put(3); code != fault.ResourceNotFound {
			t.Errorf("replacing nothing: %s", code)
		}
		v, _ := put(0)
		if _, code := put(0); code != fault.ResourceExists {
			t.Errorf("creating twice: %s", code)
		}
		if _, code := put(v); code != "" {
			t.Errorf("replacing: %s", code)
		}
		if _, code := put(v); code != fault.ConcurrentModification {
			t.Errorf("replacing an old one: %s", code)
		}
		n, err := r.r.PutPlan(t.Context(), pool, newPlan("a"), 0)
		if err != nil || n == 0 {
			t.Fatal(err)
		}
		if _, err := r.r.PutPlan(t.Context(), pool, newPlan("a"), n+1); fault.CodeOf(err) != fault.ConcurrentModification {
			t.Errorf("plan: %v", err)
		}
		if err := r.r.DeleteAccount(t.Context(), pool, "a"); fault.CodeOf(err) != fault.InvalidParameter {
			t.Errorf("an account in use was deleted: %v", err)
		}
		if err := errors.Join(r.r.DeletePlan(t.Context(), pool), r.r.DeleteAccount(t.Context(), pool, "a")); err != nil {
			t.Error(err)
		}
		if err := r.r.DeleteAccount(t.Context(), pool, "a"); fault.CodeOf(err) != fault.ResourceNotFound {
			t.Errorf("deleted twice: %v", err)
		}
		if n := len(r.events(eventlog.SenderChanged)); n != 5 {
			t.Errorf("%d changes are in the log", n)
		}
	})
}

func TestRefusedAccounts(t *testing.T) {
	r := newRig(t, sqlite(t))
	tests := []struct {
		field   string
		change  func(*route.AccountConfig)
		secrets map[string]string
	}{
		{"name", func(c *route.AccountConfig) { c.Name = "A b" }, nil},
		{"kind", func(c *route.AccountConfig) { c.Kind = "pigeon" }, nil},
		{"settings.colour", func(c *route.AccountConfig) { c.Settings = map[string]string{"colour": "red"} }, nil},
		{"settings.token", func(c *route.AccountConfig) { c.Settings = map[string]string{"token": "x"} }, nil},
		{"settings.region", func(c *route.AccountConfig) { c.Settings = map[string]string{"region": "mars"} }, nil},
		{"secrets.region", nil, map[string]string{"region": "eu"}},
		{"settings", func(c *route.AccountConfig) { c.Settings = map[string]string{"from": "broken"} }, nil},
		{"channels[0]", func(c *route.AccountConfig) { c.Channels = []string{"email"} }, nil},
		{"senders", func(c *route.AccountConfig) { c.Senders = map[string]string{"XX": "x"} }, nil},
		{"senders.DE", func(c *route.AccountConfig) { c.Senders = map[string]string{"DE": ""} }, nil},
		{"from", func(c *route.AccountConfig) { c.From = "a\nb" }, nil},
		{"per_second", func(c *route.AccountConfig) { c.PerSecond = -1 }, nil},
		{"country_per_second", func(c *route.AccountConfig) { c.CountryPerSecond = map[string]float64{"Germany": 1} }, nil},
		{"max_in_flight", func(c *route.AccountConfig) { c.MaxInFlight = -1 }, nil},
	}
	for _, tt := range tests {
		c := route.AccountConfig{Name: "a", Kind: "fake"}
		if tt.change != nil {
			tt.change(&c)
		}
		_, err := r.r.PutAccount(t.Context(), pool, c, tt.secrets, 0)
		if f := fault.Of(err); f == nil || f.Code != fault.InvalidParameter || f.Field != tt.field || f.Public == "" {
			t.Errorf("%s: %v", tt.field, err)
		}
	}
}

func TestRefusedPlans(t *testing.T) {
	r := newRig(t, sqlite(t))
	if _, err := r.r.PutAccount(t.Context(), pool, route.AccountConfig{Name: "a", Kind: "fake"}, nil, 0); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		field  string
		change func(p *route.Plan)
	}{
		{"rules[0].name", func(p *route.Plan) { p.Rules[0].Name = "" }},
		{"rules[1].name", func(p *route.Plan) { p.Rules = append(p.Rules, p.Rules[0]) }},
		{"rules[0].use", func(p *route.Plan) { p.Rules[0].Use = nil }},
		{"rules[0].use[0].account", func(p *route.Plan) { p.Rules[0].Use[0].Account = "b" }},
		{"rules[0].use[1].account", func(p *route.Plan) { p.Rules[0].Use = append(p.Rules[0].Use, p.Rules[0].Use[0]) }},
		{"rules[0].use[0].weight", func(p *route.Plan) { p.Rules[0].Use[0].Weight = -1 }},
		{"rules[0].use[0].timeout_seconds", func(p *route.Plan) { p.Rules[0].Use[0].TimeoutSeconds = 99 }},
		{"rules[0].use[0].senders", func(p *route.Plan) { p.Rules[0].Use[0].Senders = map[string]string{"de": "x"} }},
		{"rules[0].countries[1]", func(p *route.Plan) { p.Rules[0].Countries = []string{"DE", "Germany"} }},
		{"rules[0].prefixes[0]", func(p *route.Plan) { p.Rules[0].Prefixes = []string{"49"} }},
		{"rules[0].channels[0]", func(p *route.Plan) { p.Rules[0].Channels = []string{"email"} }},
		{"rules[0].purposes[0]", func(p *route.Plan) { p.Rules[0].Purposes = []string{"fun"} }},
		{"rules[0].clients[0]", func(p *route.Plan) { p.Rules[0].Clients = []string{""} }},
		{"voice.use", func(p *route.Plan) { p.Voice.Fallback = true }},
		{"voice.purposes[0]", func(p *route.Plan) { p.Voice.Purposes = []string{"fun"} }},
		{"voice.use[0].account", func(p *route.Plan) { p.Voice.Use = []route.Choice{{Account: "v"}} }},
	}
	for _, tt := range tests {
		p := newPlan("a")
		tt.change(&p)
		_, err := r.r.PutPlan(t.Context(), pool, p, 0)
		if f := fault.Of(err); f == nil || f.Code != fault.InvalidParameter || f.Field != tt.field || f.Public == "" {
			t.Errorf("%s: %v", tt.field, err)
		}
	}
}

// A change holds at once here, within five seconds elsewhere; what was replaced is closed when its last send has ended.
func TestChangesTakeEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, sqlite(t))
		c := route.AccountConfig{Name: "a", Kind: "fake"}
		a, err := r.r.PutAccount(t.Context(), pool, c, map[string]string{"token": "one"}, 0)
		if err != nil {
			t.Fatal(err)
		}
		r.setUp(newPlan("a", "b"), named("b")...)
		other := *r
		other.r = r.again()
		if err := errors.Join(r.text(), other.text()); err != nil {
			t.Fatal(err)
		}
		begun, finish := make(chan struct{}), make(chan struct{})
		r.w.do("a", func(context.Context, provider.Message) (provider.Receipt, error) {
			close(begun)
			<-finish
			return provider.Receipt{}, nil
		})
		done := make(chan error)
		go func() { done <- r.text() }()
		<-begun
		r.w.mu.Lock()
		before := len(r.w.closed)
		r.w.mu.Unlock()
		c.Disabled = true
		if a, err = r.r.PutAccount(t.Context(), pool, c, nil, a.Version); err != nil {
			t.Fatal(err)
		}
		if err := r.text(); err != nil || r.w.last().account != "b" {
			t.Errorf("here it went to %s: %v", r.w.last().account, err)
		}
		synctest.Wait()
		if len(r.w.closed) != before+1 { // the one that only tried the settings
			t.Errorf("closed with a send at work: %v", r.w.closed)
		}
		close(finish)
		if err := <-done; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := len(r.w.closed); n != before+2 || r.w.closed[n-1] != "a one" {
			t.Errorf("closed %v", r.w.closed)
		}
		time.Sleep(5 * time.Second)
		if err := other.text(); err != nil || r.w.last().account != "b" {
			t.Errorf("elsewhere it went to %s: %v", r.w.last().account, err)
		}
	})
}

// What services report names an account and an id that another service may have given, too: two accounts a pool uses never share a name.
func TestNamesOfTheFile(t *testing.T) {
	r := newRig(t, sqlite(t), func(c *route.Config) {
		c.Static = &route.Static{Accounts: []route.StaticAccount{{AccountConfig: route.AccountConfig{Name: "s", Kind: "fake"}}}}
	})
	_, err := r.r.PutAccount(t.Context(), pool, route.AccountConfig{Name: "s", Kind: "fake"}, nil, 0)
	if fault.CodeOf(err) != fault.InvalidParameter || fault.Of(err).Field != "name" {
		t.Errorf("%v", err)
	}
}

// Pools without a plan are served by the configuration file's, if there is one.
func TestStatic(t *testing.T) {
	r := newRig(t, sqlite(t), func(c *route.Config) {
		c.Static = &route.Static{Accounts: []route.StaticAccount{{AccountConfig: route.AccountConfig{Name: "s", Kind: "fake"},
			Secrets: map[string]secret.String{"token": secret.New(token)}}}, Plan: newPlan("s")}
	})
	if err := r.text(); err != nil || r.w.last().account != "s" {
		t.Fatalf("%v", err)
	}
	list, err := r.r.Accounts(t.Context(), "")
	if err != nil || len(list) != 1 || !list[0].Static || !slices.Equal(list[0].SecretsSet, []string{"token"}) {
		t.Errorf("%+v %v", list, err)
	}
	if _, err := r.r.PutAccount(t.Context(), "", route.AccountConfig{Name: "x", Kind: "fake"}, nil, 0); fault.CodeOf(err) != fault.InvalidParameter {
		t.Errorf("the file was changed: %v", err)
	}
	if _, c, err := r.r.Provider(t.Context(), pool, "s"); err != nil || c.Name != "s" {
		t.Errorf("%v", err)
	}
	r.setUp(newPlan("a"), named("a")...)
	if err := r.text(); err != nil || r.w.last().account != "a" {
		t.Errorf("a pool with a plan was served by %s: %v", r.w.last().account, err)
	}
	bare := newRig(t, sqlite(t))
	if _, ok, err := bare.r.SenderFor(t.Context(), row()); ok || err != nil {
		t.Errorf("a pool without anything has a sender: %v", err)
	}
	mail := row()
	mail.Channel = "email"
	if _, ok, err := r.r.SenderFor(t.Context(), mail); ok || err != nil {
		t.Errorf("e-mail goes by a route: %v", err)
	}
}

func TestStaticIsChecked(t *testing.T) {
	r := newRig(t, sqlite(t))
	c := r.c
	c.Static = &route.Static{Accounts: []route.StaticAccount{{AccountConfig: route.AccountConfig{Name: "s", Kind: "pigeon"}},
		{AccountConfig: route.AccountConfig{Name: "s", Kind: "fake"}}}, Plan: newPlan("z")}
	_, err := route.New(c)
	for _, want := range []string{"accounts[0].kind", "accounts[1].name", "rules[0].use[0].account"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}

func TestExplain(t *testing.T) {
	r := newRig(t, sqlite(t))
	p := newPlan("a", "b", "c")
	p.Rules[0].Use[1].From = "Acme"
	p.Voice = route.Voice{Fallback: true, Use: []route.Choice{{Account: "v"}, {Account: "b"}}}
	r.setUp(p, append(named("b", "c"), route.AccountConfig{Name: "a", Disabled: true}, route.AccountConfig{Name: "v", Kind: "keyed"})...)
	r.w.answer("b", fail(provider.AuthFailed))
	if err := r.text(); err != nil {
		t.Fatal(err)
	}
	n := len(r.w.accounts())
	steps, err := r.r.Explain(t.Context(), pool, route.Question{To: number, Text: strings.Repeat("x", 200)})
	if err != nil || len(steps) != 5 || len(r.w.accounts()) != n {
		t.Fatalf("%+v %v", steps, err)
	}
	for i, want := range []route.Step{
		{Rule: "all", Account: "a", Kind: "fake", Channel: "sms", PassedOver: "it is disabled", Segments: 2, Cost: 20_000, Currency: "EUR"},
		{Rule: "all", Account: "b", Kind: "fake", Channel: "sms", From: "Acme", PassedOver: "its circuit is open: auth_failed", Segments: 2,
			Cost: 20_000, Currency: "EUR"},
		{Rule: "all", Account: "c", Kind: "fake", Channel: "sms", Segments: 2, Cost: 20_000, Currency: "EUR"},
		{Rule: "voice", Account: "v", Kind: "keyed", Channel: "voice", Cost: 200_000, Currency: "EUR"},
		{Rule: "voice", Account: "b", Kind: "fake", Channel: "voice", PassedOver: "its calls ask for no key", Cost: 200_000, Currency: "EUR"},
	} {
		if steps[i] != want {
			t.Errorf("step %d: %+v\nwant %+v", i, steps[i], want)
		}
	}
	if st, err := r.r.Status(t.Context(), pool); err != nil || len(st) != 4 || st[1].Circuit != "open" || st[1].Reason != "auth_failed" {
		t.Errorf("%+v %v", st, err)
	}
	for _, q := range []route.Question{{To: "12"}, {To: number, Channel: "pigeon"}, {To: number, Purpose: "fun"}} {
		if _, err := r.r.Explain(t.Context(), pool, q); fault.CodeOf(err) != fault.InvalidParameter {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// Connections are kept while Run runs, begin again with a changed account, and end with a deleted one.
// What was made is closed at the end, and the end waits for it.
func TestClose(t *testing.T) {
	r := newRig(t, sqlite(t), func(c *route.Config) {
		c.Static = &route.Static{Accounts: []route.StaticAccount{{AccountConfig: route.AccountConfig{Name: "s", Kind: "fake"}}},
			Plan: newPlan("s")}
	})
	m, p := row(), texted()
	m.PoolID, p.PoolID = "us-local-1_other", "us-local-1_other"
	if _, _, err := r.send(m, p); err != nil {
		t.Fatal(err)
	}
	r.setUp(newPlan("a"), named("a", "unused")...)
	if err := r.text(); err != nil {
		t.Fatal(err)
	}
	r.w.mu.Lock()
	r.w.closed = nil // those that were made to be checked
	r.w.mu.Unlock()
	r.r.Close()
	slices.Sort(r.w.closed)
	if !slices.Equal(r.w.closed, []string{"a ", "s "}) {
		t.Errorf("closed %q", r.w.closed)
	}
}

func TestStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan string, 1)
		r := newRig(t, sqlite(t), func(c *route.Config) {
			c.Notice = func(_ context.Context, poolID, name string, n provider.Notice) {
				told <- poolID + " " + name + " " + n.ProviderID
			}
		})
		if err := r.s.Write(t.Context(), func(tx store.Tx) error {
			_, err := tx.Pools().InsertPool(t.Context(), &store.Pool{ID: pool, Name: "test", Config: []byte(`{}`), Wire: []byte(`{}`)})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		a, err := r.r.PutAccount(t.Context(), pool, route.AccountConfig{Name: "l", Kind: "line"}, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		other := r.again()
		go func() { done <- other.Run(ctx) }()
		synctest.Wait()
		lines := func() int {
			r.w.mu.Lock()
			defer r.w.mu.Unlock()
			return r.w.lines
		}
		if lines() != 1 {
			t.Fatal("no connection")
		}
		r.w.tell["l"](provider.Notice{ProviderID: "7"})
		if got := <-told; got != pool+" l 7" {
			t.Errorf("told %s", got)
		}
		if _, err = r.r.PutAccount(t.Context(), pool, route.AccountConfig{Name: "l", Kind: "line", From: "x"}, nil, a.Version); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Second)
		if n := lines(); n != 1 {
			t.Errorf("a changed account has %d connections", n)
		}
		if err := r.r.DeleteAccount(t.Context(), pool, "l"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Second)
		if lines() != 0 {
			t.Error("a deleted account is still connected")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
