package route_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/route"
	"countersign/internal/store"
	"countersign/provider"
)

// providers.md 1.1, row by row: who is asked after the first account has failed, and whether a call follows when the second fails too.
func TestReasons(t *testing.T) {
	tests := []struct {
		first error
		// asked are all accounts asked if every text fails like the first.
		asked string
		class provider.Class
	}{
		{fail(provider.InvalidNumber), "a", provider.ClassPermanent},
		{fail(provider.Unreachable), "a b v", provider.ClassPermanent},
		{fail(provider.OptedOut), "a", provider.ClassPermanent},
		{fail(provider.Blocked), "a", provider.ClassPermanent},
		{fail(provider.SenderRejected), "a b c v", provider.ClassMisconfigured},
		{fail(provider.ContentRejected), "a b c v", provider.ClassMisconfigured},
		{fail(provider.AuthFailed), "a b c v", provider.ClassMisconfigured},
		{fail(provider.InsufficientFunds), "a b c v", provider.ClassMisconfigured},
		{fail(provider.RateLimited), "a b c", provider.ClassThrottled},
		{fail(provider.Temporary), "a b c v", provider.ClassRetryable},
		{fail(provider.BadRequest), "a b c v", provider.ClassMisconfigured},
		{fail(provider.Unknown), "a b c v", provider.ClassRetryable},
		{errSilence, "a b c v", provider.ClassAmbiguous},
		{errors.New("odd"), "a b c v", provider.ClassRetryable},
		{provider.Permanent(errors.New("never")), "a", provider.ClassPermanent},
	}
	for _, tt := range tests {
		t.Run(string(provider.ReasonOf(tt.first)), func(t *testing.T) {
			r := newRig(t, sqlite(t))
			p := newPlan("a", "b", "c")
			p.Voice = route.Voice{Fallback: true, Use: []route.Choice{{Account: "v"}}}
			r.setUp(p, append(named("a", "b", "c"), route.AccountConfig{Name: "v", Kind: "keyed"})...)
			for _, n := range []string{"a", "b", "c", "v"} {
				r.w.answer(n, tt.first)
			}
			err := r.text()
			if got := strings.Join(r.w.accounts(), " "); got != tt.asked {
				t.Errorf("asked %s, want %s", got, tt.asked)
			}
			if class, _ := provider.ClassOf(err); class != tt.class {
				t.Errorf("class %s, want %s", class, tt.class)
			}
			for _, s := range r.w.seen {
				if s.Text != text || s.Code != code || s.To != number || s.IdempotencyKey != "i" || s.ReceiptURL != "https://id.example/receipts/"+s.account {
					t.Errorf("%s got %+v", s.account, s.Message)
				}
				if call := s.account == "v"; call != (s.Channel == provider.Voice) || call != (s.KeyURL == "https://id.example/keys/v?k=42") {
					t.Errorf("%s got %+v", s.account, s.Message)
				}
			}
		})
	}
}

// After the second account's success nobody else is asked.
func TestFailover(t *testing.T) {
	r := newRig(t, sqlite(t))
	r.setUp(newPlan("a", "b", "c"), named("a", "b", "c")...)
	r.w.answer("a", fail(provider.Temporary))
	if err := r.text(); err != nil || !slices.Equal(r.w.accounts(), []string{"a", "b"}) {
		t.Errorf("asked %v: %v", r.w.accounts(), err)
	}
}

// A service that hangs costs a code no more than 2.5 s, and one that many messages are waiting for is left alone afterwards.
func TestHangingService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, sqlite(t))
		r.setUp(newPlan("a", "b"), named("a", "b")...)
		r.w.hang("a")
		for i := range 8 {
			began := time.Now()
			if err := r.text(); err != nil {
				t.Fatal(err)
			}
			took := time.Since(began)
			if i < 5 && took != 2500*time.Millisecond || i >= 5 && took != 0 {
				t.Errorf("message %d took %v", i, took)
			}
		}
		synctest.Wait()
		ev := r.events(eventlog.CircuitOpened)
		if len(ev) != 1 || !strings.Contains(string(ev[0].Data), `"account":"a"`) {
			t.Errorf("events %v", ev)
		}
		r.w.answer("a", nil)
		time.Sleep(15 * time.Second)
		r.w.clear()
		for range 3 {
			if err := r.text(); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		if ev := r.events(eventlog.CircuitClosed); len(ev) != 1 || !slices.Equal(r.w.accounts(), []string{"a", "a", "a"}) {
			t.Errorf("asked %v, events %v", r.w.accounts(), ev)
		}
	})
}

// A service to which there was no connection in time cannot have sent anything: the next one's text is the only one.
func TestNoConnectionIsNotAmbiguous(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, sent := range []error{provider.ErrNotSent, provider.ErrAmbiguous, nil} {
			r := newRig(t, sqlite(t))
			r.setUp(newPlan("a"), named("a")...)
			r.w.do("a", func(ctx context.Context, _ provider.Message) (provider.Receipt, error) {
				<-ctx.Done()
				if sent == nil {
					return provider.Receipt{}, ctx.Err()
				}
				return provider.Receipt{}, fmt.Errorf("fake: %w: %w", sent, ctx.Err())
			})
			if err := r.text(); errors.Is(err, provider.ErrAmbiguous) == errors.Is(sent, provider.ErrNotSent) {
				t.Errorf("%v becomes %v", sent, err)
			}
		}
	})
}

// All accounts fit into the code's life, and none is asked after it.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, sqlite(t))
		r.setUp(newPlan("a", "b", "c"), named("a", "b", "c")...)
		for _, n := range []string{"a", "b", "c"} {
			r.w.hang(n)
		}
		m := texted()
		m.ExpiresAt = time.Now().Add(1500 * time.Millisecond)
		_, _, err := r.send(row(), m)
		if !slices.Equal(r.w.accounts(), []string{"a", "b", "c"}) || time.Now().After(m.ExpiresAt) {
			t.Errorf("asked %v, %v after the end", r.w.accounts(), time.Since(m.ExpiresAt))
		}
		if class, _ := provider.ClassOf(err); class != provider.ClassAmbiguous {
			t.Errorf("%v", err)
		}
		r.w.clear()
		m.ExpiresAt = time.Now()
		if _, _, err := r.send(row(), m); err == nil || len(r.w.accounts()) != 0 {
			t.Errorf("sent at its end: %v", err)
		}
	})
}

func TestOptOutBefore(t *testing.T) {
	r := newRig(t, sqlite(t), func(c *route.Config) { c.OptOuts = optOuts{"Acme": true} })
	p := newPlan("a", "b")
	p.Rules[0].Use[1].From = "Acme"
	r.setUp(p, named("a", "b")...)
	err := r.text()
	if !errors.Is(err, delivery.ErrSuppressed) || provider.ReasonOf(err) != provider.OptedOut || len(r.w.accounts()) != 0 {
		t.Errorf("asked %v: %v", r.w.accounts(), err)
	}
}

// Before a text is made it can be asked whether its number wants none.
func TestOptedOut(t *testing.T) {
	opted := optOuts{"Acme": true}
	r := newRig(t, sqlite(t), func(c *route.Config) { c.OptOuts = opted })
	ask := func(want bool, to string) {
		t.Helper()
		if got, err := r.r.OptedOut(t.Context(), pool, "c1", to); got != want || err != nil {
			t.Errorf("%s: %v %v", to, got, err)
		}
	}
	ask(false, number) // without a plan nobody knows
	p := newPlan("a")
	p.Rules[0].Countries, p.Rules[0].Use[0].From = []string{"US"}, "Acme"
	r.setUp(p, named("a")...)
	ask(true, number)
	ask(false, "+447400900123") // no rule, no text
	ask(false, "nonsense")
	delete(opted, "Acme")
	ask(false, number)
}

// What a service knows of an opt-out is kept; that it holds a text back for another reason is not.
func TestOptOutIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := optOuts{}
		r := newRig(t, sqlite(t), func(c *route.Config) { c.OptOuts = known })
		r.setUp(newPlan("a"), route.AccountConfig{Name: "a", From: "Acme"})
		r.w.answer("a", fail(provider.Blocked))
		_ = r.text()
		synctest.Wait()
		if len(known) != 0 {
			t.Errorf("kept %v", known)
		}
		r.w.answer("a", fail(provider.OptedOut))
		err := r.text()
		synctest.Wait()
		if provider.ReasonOf(err) != provider.OptedOut || len(known) != 1 || !known["put Acme "+number] {
			t.Errorf("kept %v: %v", known, err)
		}
	})
}

func TestSecondOpinion(t *testing.T) {
	r := newRig(t, sqlite(t))
	p := newPlan("a", "b", "c")
	p.SecondOpinion = true
	p.Voice = route.Voice{Fallback: true, Use: []route.Choice{{Account: "a"}}, WithoutKey: true}
	r.setUp(p, named("a", "b", "c")...)
	for _, n := range []string{"a", "b", "c"} {
		r.w.answer(n, fail(provider.InvalidNumber))
	}
	if err := r.text(); provider.ReasonOf(err) != provider.InvalidNumber || !slices.Equal(r.w.accounts(), []string{"a", "b"}) {
		t.Errorf("asked %v: %v", r.w.accounts(), err)
	}
}

// Rules are asked in order, by all conditions.
func TestRules(t *testing.T) {
	r := newRig(t, sqlite(t))
	use := func(n string) []route.Choice { return []route.Choice{{Account: n}} }
	r.setUp(route.Plan{Rules: []route.Rule{
		{Name: "client", Clients: []string{"vip"}, Use: use("a")},
		{Name: "notices", Purposes: []string{route.Notice}, Countries: []string{"US", "GB"}, Use: use("b")},
		{Name: "prefix", Prefixes: []string{"+4915", "+4479"}, Use: use("c")},
		{Name: "country", Countries: []string{"DE"}, Channels: []string{"sms"}, Use: use("d")},
		{Name: "calls", Channels: []string{"voice"}, Use: use("e")},
		{Name: "us", Countries: []string{"US"}, Use: use("f")},
	}}, named("a", "b", "c", "d", "e", "f")...)
	tests := []struct{ name, to, client, want string }{
		{"client", "+4915123456789", "vip", "a"}, {"notice", number, "", "b"}, {"prefix", "+447912345678", "", "c"}, {"german", "+493012345678", "", "d"},
		{"call", "+493012345678", "", "e"}, {"american", number, "", "f"}, {"none", "+33612345678", "", ""},
	}
	for _, tt := range tests {
		r.w.clear()
		m, p := row(), texted()
		p.To, p.Country, m.ClientID = tt.to, "", tt.client
		if tt.name == "notice" {
			m.Lane = store.LaneNotice
		}
		if tt.name == "call" {
			m.Channel, p.Channel = "voice", provider.Voice
		}
		_, _, err := r.send(m, p)
		if got := strings.Join(r.w.accounts(), " "); got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s: asked %q: %v", tt.name, got, err)
		}
	}
}

func TestWeights(t *testing.T) {
	r := newRig(t, sqlite(t))
	p := newPlan("a", "b", "c", "d")
	p.Rules[0].Use[1].Weight, p.Rules[0].Use[2].Weight = 3, 1
	r.setUp(p, named("a", "b", "c", "d")...)
	for _, n := range []string{"a", "b", "c"} {
		r.w.answer(n, fail(provider.ContentRejected))
	}
	first := map[string]int{}
	for range 400 {
		r.w.clear()
		if err := r.text(); err != nil {
			t.Fatal(err)
		}
		got := r.w.accounts()
		if len(got) != 4 || got[0] != "a" || got[3] != "d" {
			t.Fatalf("order %v", got)
		}
		first[got[1]]++
	}
	if first["b"] < 250 || first["b"] > 350 {
		t.Errorf("drawn %v, want 3 to 1", first)
	}
}

// Where a message comes from: rule by country, rule, account by country, message, account.
func TestSenders(t *testing.T) {
	table := map[string]string{"US": "by-country"}
	tests := []struct {
		c    route.Choice
		a    route.AccountConfig
		own  string
		want string
	}{
		{route.Choice{From: "rule", Senders: table}, route.AccountConfig{}, "own", "by-country"},
		{route.Choice{From: "rule", Senders: map[string]string{"DE": "x"}}, route.AccountConfig{Senders: table}, "own", "rule"},
		{route.Choice{}, route.AccountConfig{Senders: table, From: "account"}, "own", "by-country"},
		{route.Choice{}, route.AccountConfig{From: "account"}, "own", "own"},
		{route.Choice{}, route.AccountConfig{From: "account"}, "", "account"},
		{route.Choice{}, route.AccountConfig{}, "", ""},
	}
	for _, tt := range tests {
		r := newRig(t, sqlite(t))
		tt.c.Account, tt.a.Name = "a", "a"
		r.setUp(route.Plan{Rules: []route.Rule{{Name: "all", Use: []route.Choice{tt.c}}}}, tt.a)
		m := texted()
		m.From = tt.own
		if _, _, err := r.send(row(), m); err != nil || r.w.last().From != tt.want {
			t.Errorf("from %q, want %q: %v", r.w.last().From, tt.want, err)
		}
	}
}

// A name is no number to call from, and where the service chooses the sender of texts, nobody knows it before.
func TestSendersOfCallsAndSets(t *testing.T) {
	names := map[string]string{"US": "Acme"}
	tests := []struct {
		channel provider.Channel
		c       route.Choice
		a       route.AccountConfig
		own     string
		want    string
		out     string // the sender that the number wants no texts from
		opted   bool
	}{
		{provider.Voice, route.Choice{Senders: names}, route.AccountConfig{From: "+12025550100"}, "Acme", "+12025550100", "", false},
		{provider.Voice, route.Choice{}, route.AccountConfig{Senders: names, From: "Acme"}, "", "", "", false},
		{provider.SMS, route.Choice{}, route.AccountConfig{From: "+12025550100", Settings: map[string]string{"set": "MG1"}}, "", "", "+12025550111", true},
		{provider.SMS, route.Choice{}, route.AccountConfig{Settings: map[string]string{"set": "MG1", "from": "+12025550100"}}, "", "", "+12025550111", true},
		{provider.SMS, route.Choice{From: "+12025550122"}, route.AccountConfig{Settings: map[string]string{"set": "MG1"}}, "", "+12025550122", "+12025550111", false},
		{provider.Voice, route.Choice{}, route.AccountConfig{From: "+12025550100", Settings: map[string]string{"set": "MG1"}}, "", "+12025550100", "", false},
		{provider.SMS, route.Choice{From: "pool-0f3a"}, route.AccountConfig{}, "", "pool-0f3a", "+12025550111", true},
	}
	for i, tt := range tests {
		opted := optOuts{"nobody": true}
		r := newRig(t, sqlite(t), func(c *route.Config) { c.OptOuts = opted })
		tt.c.Account, tt.a.Name = "a", "a"
		r.setUp(route.Plan{Rules: []route.Rule{{Name: "all", Use: []route.Choice{tt.c}}}}, tt.a)
		m := texted()
		m.From, m.Channel = tt.own, tt.channel
		if _, _, err := r.send(row(), m); err != nil || r.w.last().From != tt.want {
			t.Errorf("%d: from %q, want %q: %v", i, r.w.last().From, tt.want, err)
		}
		if tt.out != "" {
			opted[""], opted[tt.out] = true, true // what package optout takes an unknown sender for
			if _, _, err := r.send(row(), m); errors.Is(err, delivery.ErrSuppressed) != tt.opted {
				t.Errorf("%d: opted out %v: %v", i, tt.opted, err)
			}
		}
	}
}

// A call takes over for a code where the plan says so, and never without its key unless the plan says so too.
func TestCalls(t *testing.T) {
	tests := []struct {
		name  string
		voice route.Voice
		kind  string
		lane  store.Lane
		key   string
		calls bool
	}{
		{"sign-in", route.Voice{Fallback: true}, "keyed", store.LaneSignIn, "42", true},
		{"sign-up", route.Voice{Fallback: true}, "keyed", store.LaneSignUp, "42", true},
		{"recovery", route.Voice{Fallback: true}, "keyed", store.LaneRecovery, "42", false},
		{"recovery by name", route.Voice{Fallback: true, Purposes: []string{route.Recovery}}, "keyed", store.LaneRecovery, "42", true},
		{"off", route.Voice{}, "keyed", store.LaneSignIn, "42", false},
		{"no key", route.Voice{Fallback: true}, "keyed", store.LaneSignIn, "", false},
		{"asks for none", route.Voice{Fallback: true}, "fake", store.LaneSignIn, "42", false},
		{"allowed without", route.Voice{Fallback: true, WithoutKey: true}, "fake", store.LaneSignIn, "42", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, sqlite(t))
			p := newPlan("a")
			tt.voice.Use = []route.Choice{{Account: "v"}}
			p.Voice = tt.voice
			r.setUp(p, route.AccountConfig{Name: "a"}, route.AccountConfig{Name: "v", Kind: tt.kind})
			r.w.answer("a", fail(provider.ContentRejected))
			m, s := texted(), row()
			m.Key, s.Lane = tt.key, tt.lane
			receipt, _, err := r.send(s, m)
			if (err == nil) != tt.calls {
				t.Fatalf("asked %v: %v", r.w.accounts(), err)
			}
			if !tt.calls {
				return
			}
			got := r.w.last()
			if receipt.Raw != "by call" || got.Channel != provider.Voice || got.Code != code {
				t.Errorf("%+v, receipt %+v", got.Message, receipt)
			}
			if (got.KeyURL == "") != tt.voice.WithoutKey || (got.Key == "") != tt.voice.WithoutKey {
				t.Errorf("%+v, receipt %+v", got.Message, receipt)
			}
		})
	}
}

// A message whose code a service makes goes to its account alone, and no other message goes there.
func TestCodeMakers(t *testing.T) {
	r := newRig(t, sqlite(t))
	r.setUp(newPlan("m", "a"), route.AccountConfig{Name: "m", Kind: "maker"}, route.AccountConfig{Name: "a"})
	if err := r.text(); err != nil || !slices.Equal(r.w.accounts(), []string{"a"}) {
		t.Errorf("asked %v: %v", r.w.accounts(), err)
	}
	r.w.clear()
	s, m := row(), texted()
	s.Account, m.Text, m.Code = "m", "", ""
	r.w.answer("m", fail(provider.Temporary))
	if _, _, err := r.send(s, m); err == nil || !slices.Equal(r.w.accounts(), []string{"m"}) {
		t.Errorf("asked %v: %v", r.w.accounts(), err)
	}
	r.w.clear()
	s.Account = "a"
	if _, _, err := r.send(s, m); err == nil || len(r.w.accounts()) != 0 {
		t.Errorf("a text without a text went to %v: %v", r.w.accounts(), err)
	}
}

// A panic of a provider is an attempt of unknown outcome.
func TestPanic(t *testing.T) {
	r := newRig(t, sqlite(t))
	r.setUp(newPlan("a", "b"), named("a", "b")...)
	r.w.do("a", func(context.Context, provider.Message) (provider.Receipt, error) { panic("boom") })
	if err := r.text(); err != nil || !slices.Equal(r.w.accounts(), []string{"a", "b"}) {
		t.Errorf("asked %v: %v", r.w.accounts(), err)
	}
}

// A rate holds notices back without an attempt; a code goes elsewhere when it cannot leave within a third of its life.
func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, sqlite(t))
		r.setUp(newPlan("a", "b"), route.AccountConfig{Name: "a", PerSecond: 0.1}, route.AccountConfig{Name: "b"})
		if err := r.text(); err != nil {
			t.Fatal(err)
		}
		r.w.clear()
		n := row()
		n.Lane = store.LaneNotice
		if _, _, err := r.send(n, texted()); err == nil || len(r.w.accounts()) != 0 || !strings.Contains(err.Error(), "its rate is used up") {
			t.Errorf("a notice went to %v: %v", r.w.accounts(), err)
		}
		short := texted()
		short.ExpiresAt = time.Now().Add(20 * time.Second)
		if _, _, err := r.send(row(), short); err != nil || !slices.Equal(r.w.accounts(), []string{"b"}) {
			t.Errorf("a code that dies soon went to %v: %v", r.w.accounts(), err)
		}
		r.w.clear()
		if err := r.text(); err == nil || len(r.w.accounts()) != 0 {
			t.Errorf("a code with time went to %v: %v", r.w.accounts(), err)
		}
		time.Sleep(10 * time.Second)
		if err := r.text(); err != nil || !slices.Equal(r.w.accounts(), []string{"a"}) {
			t.Errorf("later it went to %v: %v", r.w.accounts(), err)
		}
	})
}

// What an account has refused for good it is not asked again.
func TestRefusalsStay(t *testing.T) {
	r := newRig(t, sqlite(t))
	r.setUp(newPlan("a", "b"), named("a", "b")...)
	m := row()
	err := r.s.Write(t.Context(), func(tx store.Tx) error {
		if err := tx.Outbox().Enqueue(t.Context(), &store.Message{ID: m.ID, PoolID: pool, Channel: "sms", State: store.Sending, Attempts: 2}); err != nil {
			return err
		}
		return tx.Outbox().AddAttempt(t.Context(), &store.DeliveryAttempt{ID: store.NewID(time.Now()), MessageID: m.ID, N: 1, Account: "a", Outcome: "misconfigured",
			Reason: string(provider.SenderRejected)})
	})
	if err != nil {
		t.Fatal(err)
	}
	m.Attempts = 2
	if _, _, err := r.send(m, texted()); err != nil || !slices.Equal(r.w.accounts(), []string{"b"}) {
		t.Errorf("asked %v: %v", r.w.accounts(), err)
	}
}
