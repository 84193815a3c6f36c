package pool_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/trigger"
	"countersign/provider"
)

// madeCode is what the service of these tests sends to everybody.
const madeCode = "135790"

// maker is a service that makes and checks codes: each verification says yes once.
type maker struct {
	mu    sync.Mutex
	asked []string
	used  map[string]bool
	down  error
}

func (m *maker) Name() string { return "maker" }

func (m *maker) Send(context.Context, provider.Message) (provider.Receipt, error) {
	return provider.Receipt{}, errors.New("not called here")
}

func (m *maker) CheckCode(ctx context.Context, id, to, code string) (ok, ended bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, id+" "+to+" "+code)
	if m.down != nil {
		return true, true, m.down // what comes with an error means nothing
	}
	if m.used[id] || code != madeCode {
		return false, m.used[id], nil
	}
	m.used[id] = true
	return true, false, nil
}

func (m *maker) calls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.asked)
}

func (m *maker) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = err
}

// eachMade is each for pools whose codes a service makes.
func eachMade(t *testing.T, f func(*testing.T, *world, *maker), change ...func(*pool.Config, *pool.ClientConfig)) {
	m := &maker{}
	opt := func(o *pool.Options) {
		*m = maker{used: map[string]bool{}}
		o.CodeMaker = func(_ context.Context, _, account string) (provider.CodeMaker, error) {
			if account != "verify" {
				return nil, errors.New("no such account")
			}
			return m, nil
		}
	}
	made := func(p *pool.Config, _ *pool.ClientConfig) { p.CodeMaker = &pool.MakerConfig{Account: "verify"} }
	eachWith(t, opt, func(t *testing.T, w *world) { f(t, w, m) }, append(change, made)...)
}

// madeUser signs a user up with the service's code.
func (w *world) madeUser(name string) {
	w.t.Helper()
	w.must(w.signUp(w.Caller(), name))
	w.must(w.confirm(w.Caller(), name, madeCode))
}

func TestMadeCodesOnTheCognitoWire(t *testing.T) {
	eachMade(t, func(t *testing.T, w *world, m *maker) {
		c := w.Caller()
		w.must(w.signUp(c, alice))
		if d := w.Last(alice); d.Text != "" || d.Code != "" || d.Account != "verify" || d.ID != d.CodeID {
			t.Errorf("the draft: %+v", d.Draft)
		}
		w.want(w.confirm(c, alice, "135791"), fault.CodeMismatch)
		w.must(w.confirm(c, alice, madeCode))
		if want := pooltest.ProviderID(w.Last(alice).ID) + " " + alice + " " + madeCode; m.asked[len(m.asked)-1] != want {
			t.Errorf("asked %q, want %q", m.asked, want)
		}
		w.enableSMS(alice)
		ch, err := w.password(c, alice, passw0rd)
		w.must(err)
		_, err = w.respond(c, ch, alice, "SMS_MFA_CODE", "000000")
		w.want(err, fault.ChallengeCodeMismatch)
		_, err = w.respond(c, ch, alice, "SMS_MFA_CODE", "letters")
		w.want(err, fault.ChallengeCodeMismatch)
		out, err := w.respond(c, ch, alice, "SMS_MFA_CODE", madeCode)
		w.must(err)
		if out.Tokens == nil {
			t.Errorf("%+v", out)
		}
		if len(m.asked) != 4 {
			t.Errorf("the service was asked %q", m.asked)
		}
		w.must(w.forgot(c, alice))
		w.want(w.confirmForgot(c, alice, "000000"), fault.CodeMismatch)
		w.must(w.confirmForgot(c, alice, madeCode))
		w.want(w.confirmForgot(c, alice, madeCode), fault.CodeExpired, fault.CodeMismatch)
	})
}

func TestMadeCodesOfAttributes(t *testing.T) {
	eachMade(t, func(t *testing.T, w *world, _ *maker) {
		w.must(w.signUp(w.Caller(), "ann", pooltest.Phone(alice)))
		w.must(w.confirm(w.Caller(), "ann", madeCode))
		tk := w.SignIn(w.client, "ann", passw0rd)
		_, err := w.Service.UpdateAttributes(t.Context(), w.Caller(), tk.Access, []pool.Attr{pooltest.Phone(bob)})
		w.must(err)
		w.want(w.Service.VerifyAttribute(t.Context(), w.Caller(), tk.Access, "phone_number", "111111"), fault.CodeMismatch)
		w.must(w.Service.VerifyAttribute(t.Context(), w.Caller(), tk.Access, "phone_number", madeCode))
	}, func(p *pool.Config, _ *pool.ClientConfig) { p.UsernameAttributes = nil })
}

func TestMadeCodesOnTheAuth0Wire(t *testing.T) {
	eachMade(t, func(t *testing.T, w *world, m *maker) {
		w.SignUp(w.client, carol, passw0rd) // by e-mail: our own code
		mfa := w.owing(carol)
		as, err := w.associate(mfa.Token, cell, "sms")
		w.must(err)
		_, err = w.oob(mfa.Token, as.OOBCode, "999999")
		w.want(err, fault.ChallengeCodeMismatch)
		_, err = w.oob(mfa.Token, as.OOBCode, madeCode)
		w.must(err)
		w.Advance(time.Minute)
		mfa = w.owing(carol)
		ch, err := w.challenge(mfa.Token)
		w.must(err)
		tk, err := w.oob(mfa.Token, ch.OOBCode, madeCode)
		w.must(err)
		if tk.Access == "" || m.calls() != 3 {
			t.Errorf("%+v, asked %q", tk, m.asked)
		}
	}, guardian)
	eachMade(t, func(t *testing.T, w *world, m *maker) {
		c := w.a0()
		_, err := w.start(c, cell)
		w.must(err)
		verify := func(code string) error {
			return w.Service.VerifyPasswordless(t.Context(), c, pool.PasswordlessGrantInput{OAuthClient: w.oauth(), Realm: "sms", Username: cell, Code: code})
		}
		w.want(verify("000000"), fault.CodeMismatch)
		w.must(verify(madeCode))
		w.must(verify(madeCode)) // the service itself says yes once
		_, err = w.finish(c, cell, madeCode, "openid")
		w.must(err)
		_, err = w.finish(c, cell, madeCode, "openid")
		w.want(err, fault.CodeExpired)
		if m.calls() != 2 {
			t.Errorf("asked %q", m.asked)
		}
	}, byCode)
}

// A service that cannot be reached says nothing about a code: it is neither taken, nor called wrong, nor counted, and stays good.
func TestMadeCodesInAnOutage(t *testing.T) {
	const nobody = "+12025550155"
	eachMade(t, func(t *testing.T, w *world, m *maker) {
		c := w.Caller()
		w.madeUser(alice)
		w.must(w.forgot(c, alice))
		w.must(w.forgot(c, nobody))
		m.fail(provider.Misconfigured(errors.New("401")))
		for range 12 {
			w.want(w.confirmForgot(c, alice, madeCode), fault.CodeCheckFailed)
			w.want(w.confirmForgot(c, nobody, madeCode), fault.CodeCheckFailed) // as an account that exists is answered
		}
		m.fail(nil)
		w.must(w.confirmForgot(c, alice, madeCode))
		w.want(w.confirmForgot(c, nobody, madeCode), fault.CodeMismatch)
	}, hidden)
	eachMade(t, func(t *testing.T, w *world, m *maker) { // codes of e-mails are ours, and judged
		c := w.Caller()
		w.must(w.signUp(c, alice))
		m.fail(errors.New("timeout"))
		w.want(w.confirm(c, alice, madeCode), fault.CodeCheckFailed)
		w.SignUp(w.client, carol, passw0rd)
		w.must(w.forgot(c, carol))
		w.want(w.confirmForgot(c, carol, pooltest.Wrong(w.Code(carol))), fault.CodeMismatch)
		w.must(w.confirmForgot(c, carol, w.Code(carol)))
		w.must(w.forgot(c, "nobody@example.com"))
		w.want(w.confirmForgot(c, "nobody@example.com", "123456"), fault.CodeMismatch)
		_, err := w.start(w.a0(), "dora@example.com")
		w.must(err)
		_, err = w.finish(w.a0(), "dora@example.com", w.Code("dora@example.com"))
		w.must(err)
		_, err = w.Service.PutMessageSettings(t.Context(), w.Admin(), w.pool, pool.MessageSettings{CodeMaker: &pool.MakerConfig{Account: "twilio"}})
		w.want(err, fault.InvalidParameter)
	}, hidden, byCode, func(p *pool.Config, _ *pool.ClientConfig) {
		p.UsernameAttributes, p.AutoVerified = []string{"phone_number", "email"}, []string{"phone_number", "email"}
	})
	eachMade(t, func(t *testing.T, w *world, m *maker) {
		w.must(w.signUp(w.Caller(), alice))
		w.Reconfigure(w.pool, func(c *pool.Config) { c.CodeMaker.Account = "gone" }) // its messages are another account's
		w.want(w.confirm(w.Caller(), alice, madeCode), fault.CodeMismatch, fault.CodeCheckFailed)
		w.Reconfigure(w.pool, func(c *pool.Config) { c.CodeMaker = nil })
		w.want(w.confirm(w.Caller(), alice, madeCode), fault.CodeMismatch)
	})
}

// Our own counters hold before the service is asked, and names that nobody has cause no question.
func TestMadeCodesAreGuarded(t *testing.T) {
	const nobody = "+12025550155"
	eachMade(t, func(t *testing.T, w *world, m *maker) {
		c := w.Caller()
		w.madeUser(alice)
		w.must(w.forgot(c, alice))
		w.must(w.forgot(c, nobody))
		for range 5 {
			w.want(w.confirmForgot(c, alice, "246802"), fault.CodeMismatch)
			before := m.calls()
			w.want(w.confirmForgot(c, nobody, "246802"), fault.CodeMismatch)
			if m.calls() != before {
				t.Fatal("the service was asked about nobody")
			}
		}
		before := m.calls()
		w.want(w.confirmForgot(c, alice, madeCode), fault.AttemptLimit)
		if m.calls() != before {
			t.Error("the service was asked although the account is locked")
		}
		w.Advance(2 * time.Second)
		w.must(w.confirmForgot(c, alice, madeCode))
	}, hidden)
}

// Whoever asks for codes in the names of others learns nothing from wrong answers, on neither wire.
func TestMadeCodesHideExistence(t *testing.T) {
	const nobody = "+12025550155"
	eachMade(t, func(t *testing.T, w *world, m *maker) {
		c := w.Caller()
		w.madeUser(alice)
		for _, name := range []string{alice, nobody} {
			ch, err := w.begin(c, "USER_AUTH", "USERNAME", name, "PREFERRED_CHALLENGE", "SMS_OTP")
			w.must(err)
			_, err = w.respond(c, ch, name, "SMS_OTP_CODE", "00000000")
			w.want(err, fault.ChallengeCodeMismatch)
			_, err = w.start(w.a0(), name)
			w.must(err)
			_, err = w.finish(w.a0(), name, "000000")
			w.want(err, fault.CodeMismatch)
			w.must(w.resend(c, name))
			w.want(w.confirm(c, name, "000000"), fault.CodeMismatch, fault.CodeExpired)
		}
		m.fail(errors.New("no connection"))
		for _, name := range []string{alice, nobody} {
			ch, err := w.begin(c, "USER_AUTH", "USERNAME", name, "PREFERRED_CHALLENGE", "SMS_OTP")
			w.must(err)
			_, err = w.respond(c, ch, name, "SMS_OTP_CODE", madeCode)
			w.want(err, fault.CodeCheckFailed)
		}
	}, hidden, userAuth, byCode, noSignUp)
}

// A right code that led nowhere is still right: the service would not say so twice.
func TestMadeCodesStayRight(t *testing.T) {
	eachMade(t, func(t *testing.T, w *world, m *maker) {
		c := w.Caller()
		w.madeUser(alice)
		w.must(w.forgot(c, alice))
		reuse := pool.ConfirmForgotPasswordInput{ClientAuth: w.auth(), Username: alice, Code: madeCode, Password: passw0rd}
		w.want(w.Service.ConfirmForgotPassword(t.Context(), c, reuse), fault.PasswordReused)
		before := m.calls()
		w.must(w.confirmForgot(c, alice, madeCode))
		if m.calls() != before {
			t.Errorf("asked %q", m.asked)
		}
	}, func(p *pool.Config, _ *pool.ClientConfig) { p.PasswordHistory = 5 })
}

// Exactly one of several right answers that come at once gets through.
func TestMadeCodesAreUsedOnce(t *testing.T) {
	eachMade(t, func(t *testing.T, w *world, _ *maker) {
		w.madeUser(alice)
		w.enableSMS(alice)
		ch, err := w.password(w.Caller(), alice, passw0rd)
		w.must(err)
		var wg sync.WaitGroup
		var mu sync.Mutex
		good := 0
		for range 6 {
			wg.Go(func() {
				if out, err := w.respond(w.Caller(), ch, alice, "SMS_MFA_CODE", madeCode); err == nil && out.Tokens != nil {
					mu.Lock()
					good++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if good != 1 {
			t.Errorf("%d sign-ins", good)
		}
	})
}

// Purposes that are not chosen keep our own codes.
func TestMadeCodesForChosenPurposes(t *testing.T) {
	eachMade(t, func(t *testing.T, w *world, m *maker) {
		w.Reconfigure(w.pool, func(c *pool.Config) { c.CodeMaker.Purposes = []string{pool.ForRecovery} })
		w.SignUp(w.client, alice, passw0rd)
		if m.calls() != 0 {
			t.Errorf("asked %q", m.asked)
		}
		w.must(w.forgot(w.Caller(), alice))
		w.must(w.confirmForgot(w.Caller(), alice, madeCode))
	})
}

func TestMessageSettings(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		put := func(m pool.MessageSettings) error {
			_, err := w.Service.PutMessageSettings(t.Context(), w.Admin(), w.pool, m)
			return err
		}
		until := w.Now().Add(24 * time.Hour)
		test := func(number, code string, until time.Time) pool.MessageSettings {
			return pool.MessageSettings{TestNumbers: []pool.TestPhone{{Number: number, Code: code, Until: until}}}
		}
		texts := func(c pool.ClientText) pool.MessageSettings {
			return pool.MessageSettings{Texts: pool.TextConfig{Clients: map[string]pool.ClientText{"": c}}}
		}
		for name, bad := range map[string]pool.MessageSettings{
			"number":   test("0170", "123456", until),
			"digits":   test(alice, "12345", until),
			"letters":  test(alice, "12345x", until),
			"past":     test(alice, "123456", w.Now()),
			"91 days":  test(alice, "123456", w.Now().Add(91*24*time.Hour)),
			"many":     {TestNumbers: make([]pool.TestPhone, 11)},
			"twice":    {TestNumbers: slices.Repeat(test(alice, "123456", until).TestNumbers, 2)},
			"host":     texts(pool.ClientText{OriginHost: "https://example.com"}),
			"hash":     texts(pool.ClientText{AndroidHash: "short"}),
			"locale":   {Texts: pool.TextConfig{Locales: map[string]pool.Templates{"fr_CA": {}}}},
			"template": {Texts: pool.TextConfig{Locales: map[string]pool.Templates{"fr": {SMSAuth: "Votre code"}}}},
			"account":  {CodeMaker: &pool.MakerConfig{}},
			"purpose":  {CodeMaker: &pool.MakerConfig{Account: "verify", Purposes: []string{"notice"}}},
		} {
			if err := put(bad); fault.CodeOf(err) != fault.InvalidParameter {
				t.Errorf("%s: %v", name, err)
			}
		}
		w.must(put(test(alice, "123456", until)))
		got, err := w.Service.MessageSettings(t.Context(), w.pool)
		w.must(err)
		if x := got.TestNumbers[0]; !x.Since.Equal(w.Now()) || !x.Until.Equal(until) {
			t.Errorf("%+v", x)
		}
		since := got.TestNumbers[0].Since
		w.Advance(time.Hour)
		w.must(put(test(alice, "654321", until.Add(time.Hour))))
		got, err = w.Service.MessageSettings(t.Context(), w.pool)
		w.must(err)
		if !got.TestNumbers[0].Since.Equal(since) {
			t.Error("a test number that was there began anew")
		}
		w.happened(eventlog.PoolChanged)
	})
}

// User code that needs the code and a service that keeps it to itself do not go together, whichever comes first.
func TestMakerAndUserCode(t *testing.T) {
	maker := pool.MessageSettings{CodeMaker: &pool.MakerConfig{Account: "verify"}}
	for name, change := range map[string]func(*pool.Config){
		"sender": func(c *pool.Config) {
			c.Triggers = &trigger.Config{Functions: map[trigger.Name]string{trigger.CustomSMSSender: "arn"}}
		},
		"message": func(c *pool.Config) {
			c.Triggers = &trigger.Config{Functions: map[trigger.Name]string{trigger.CustomMessage: "arn"}}
		},
		"hook": func(c *pool.Config) { c.Tenant = &pool.TenantConfig{Provider: pool.ProviderHook} },
		"action": func(c *pool.Config) {
			c.Tenant = &pool.TenantConfig{Consolidated: true, BrandingProvider: pool.ProviderAction}
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				_, err := w.Service.PutMessageSettings(t.Context(), w.Admin(), w.pool, maker)
				w.must(err)
				_, err = w.Service.UpdatePool(t.Context(), w.Admin(), w.pool, func(p *pool.Pool) error { change(&p.Config); return nil })
				w.want(err, fault.InvalidParameter)
				w.Reconfigure(w.pool, func(c *pool.Config) { c.CodeMaker = nil; change(c) })
				_, err = w.Service.PutMessageSettings(t.Context(), w.Admin(), w.pool, maker)
				w.want(err, fault.InvalidParameter)
			})
		})
	}
}

// An account that is older than the test number, and one after its end, get the service's codes, and those are judged by it.
func TestMadeCodesBesideTestNumbers(t *testing.T) {
	eachMade(t, func(t *testing.T, w *world, _ *maker) {
		w.madeUser(testNumber)
		w.Advance(time.Minute)
		_, err := w.Service.PutMessageSettings(t.Context(), w.Admin(), w.pool, pool.MessageSettings{CodeMaker: &pool.MakerConfig{Account: "verify"},
			TestNumbers: []pool.TestPhone{{Number: testNumber, Code: testCode, Until: w.Now().Add(time.Hour)}}})
		w.must(err)
		for range 2 {
			w.must(w.forgot(w.Caller(), testNumber))
			w.want(w.confirmForgot(w.Caller(), testNumber, testCode), fault.CodeMismatch)
			w.must(w.confirmForgot(w.Caller(), testNumber, madeCode))
			w.Advance(2 * time.Hour)
		}
	})
}
