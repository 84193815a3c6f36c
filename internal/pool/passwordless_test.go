package pool_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/facts"
	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/store"
	"countersign/internal/trigger"
)

func byCode(p *pool.Config, _ *pool.ClientConfig) {
	p.FirstFactors = []string{"PASSWORD", "SMS_OTP", "EMAIL_OTP"}
	p.Tenant = &pool.TenantConfig{FriendlyName: "Acme"}
}

func noSignUp(p *pool.Config, _ *pool.ClientConfig) {
	p.Tenant.PasswordlessSignUpOff, p.Tenant.PasswordlessEmailSignUpOff = true, true
}

func (w *world) start(c pool.Caller, to string) (*pool.PasswordlessStarted, error) {
	in := pool.PasswordlessInput{OAuthClient: w.oauth(), Connection: "sms", Phone: to}
	if strings.Contains(to, "@") {
		in.Connection, in.Phone, in.Email = "email", "", to
	}
	return w.Service.StartPasswordless(w.t.Context(), c, in)
}

func (w *world) finish(c pool.Caller, to, code string, scope ...string) (*pool.OAuthResult, error) {
	in := pool.PasswordlessGrantInput{OAuthClient: w.oauth(), Realm: "sms", Username: to, Code: code, Asked: pool.Asked{Scope: strings.Join(scope, " ")}}
	if strings.Contains(to, "@") {
		in.Realm = "email"
	}
	return w.Service.PasswordlessGrant(w.t.Context(), c, in)
}

func (w *world) elsewhere() pool.Caller {
	c := w.a0()
	c.IP = w.from("198.51.100.77").IP
	return c
}

// The first code makes the user, the next one signs it in.
func TestPasswordless(t *testing.T) {
	for _, to := range []string{cell, carol} {
		each(t, func(t *testing.T, w *world) {
			c := w.a0()
			out, err := w.start(c, to)
			w.must(err)
			if len(out.ID) != 24 || out.Phone+out.Email != to || out.Verified || out.Language != "en" {
				t.Errorf("started %+v", out)
			}
			msg := w.Last(to)
			if len(msg.Code) != 6 || !msg.ExpiresAt.Equal(w.Now().Add(5*time.Minute)) {
				t.Errorf("message %+v", msg.Draft)
			}
			_, err = w.finish(c, to, pooltest.Wrong(msg.Code))
			w.want(err, fault.CodeMismatch)
			tk, err := w.finish(c, to, msg.Code, "openid", "phone", "email")
			w.must(err)
			id := claimsOf(t, tk.Tokens.ID)
			sub := id["sub"].(string)
			_, own, _ := strings.Cut(sub, "|")
			attr := map[bool]string{true: "phone_number", false: "email"}[to == cell]
			if u := w.user(own); u.Status != store.Confirmed || u.PasswordHash != "" || u.Attributes[attr] != to || u.Attributes[attr+"_verified"] != "true" {
				t.Errorf("user %+v", u)
			}
			if want := map[bool]string{true: "sms|", false: "email|"}[to == cell]; !strings.HasPrefix(sub, want) || id[attr] != to || id[attr+"_verified"] != true {
				t.Errorf("ID token %v", id)
			}
			_, err = w.finish(c, to, msg.Code)
			w.want(err, fault.CodeExpired, fault.CodeMismatch)
			w.Advance(time.Minute)
			again, err := w.start(c, to)
			w.must(err)
			if *again != *out {
				t.Errorf("a known destination is answered otherwise: %+v, %+v", again, out)
			}
			tk, err = w.finish(c, to, w.Code(to), "openid")
			w.must(err)
			if claimsOf(t, tk.Tokens.ID)["sub"] != sub {
				t.Error("another user")
			}
			sent := map[bool]eventlog.Type{true: eventlog.CodeSent, false: eventlog.LinkSent}[to == cell]
			w.happened(sent, eventlog.SignUpSucceeded, eventlog.PasswordlessFailed, eventlog.LoginSucceeded)
		}, byCode)
	}
}

// A user of the database with the verified number signs in with its code; one who merely claims it does not, and owns nothing.
func TestAdvisory_GHSA_992q_9gwp_7r79_passwordless(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sub := w.SignUp(w.client, alice, passw0rd)
		_, err := w.start(w.a0(), alice)
		w.must(err)
		out, err := w.finish(w.a0(), alice, w.Code(alice), "openid")
		w.must(err)
		if got := claimsOf(t, out.Tokens.ID)["sub"]; got != "auth0|"+sub {
			t.Errorf("sub %v", got)
		}
		// An attacker signs up the victim's number with a password of its own and waits.
		w.must(w.signUp(w.Caller(), bob))
		_, err = w.start(w.a0(), bob)
		w.must(err)
		out, err = w.finish(w.a0(), bob, w.Code(bob), "openid")
		w.must(err)
		if got := claimsOf(t, out.Tokens.ID)["sub"].(string); !strings.HasPrefix(got, "sms|") {
			t.Errorf("the attacker's account: %v", got)
		}
		if out, err := w.grant(bob, passw0rd); err == nil {
			t.Errorf("the attacker's password signs in: %+v", out)
		}
	}, byCode)
}

// kratos#4521: nothing tells known from unknown, also where users do not create themselves.
func TestAdvisory_kratos_4521_passwordless(t *testing.T) {
	const nobody = "+12025550155"
	for name, change := range map[string]func(*pool.Config, *pool.ClientConfig){"signs up": byCode, "does not": noSignUp} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				blocked := "+12025550102"
				w.SignUp(w.client, alice, passw0rd)
				w.SignUp(w.client, blocked, passw0rd)
				w.must(w.Service.AdminDisable(t.Context(), w.Admin(), w.pool, blocked))
				for _, to := range []string{alice, blocked, nobody} {
					before := len(w.To(to))
					_, err := w.finish(w.a0(), to, "12345")
					w.want(err, fault.CodeExpired)
					for i := range 22 {
						out, err := w.start(w.elsewhere(), to)
						w.must(err)
						if i == 0 && (out.Verified || len(out.ID) != 24) {
							t.Errorf("%s: %+v", to, out)
						}
					}
					_, err = w.finish(w.a0(), to, "12345")
					w.want(err, fault.CodeMismatch)
					w.Advance(5 * time.Minute)
					_, err = w.finish(w.a0(), to, "12345")
					w.want(err, fault.CodeExpired)
					sent := len(w.To(to)) - before
					if real := to == alice || to == nobody && name == "signs up"; real != (sent >= 19) || !real && sent != 0 {
						t.Errorf("%s: %d messages", to, sent)
					}
				}
			}, byCode, change)
		})
	}
}

// GHSA-25rw-g6ff-fmg8: who may not sign up does not sign up by a code either.
func TestAdvisory_GHSA_25rw_g6ff_fmg8_passwordless(t *testing.T) {
	for _, change := range []func(*pool.Config, *pool.ClientConfig){noSignUp, func(p *pool.Config, _ *pool.ClientConfig) { p.AdminCreateOnly = true }} {
		each(t, func(t *testing.T, w *world) {
			_, err := w.start(w.a0(), cell)
			w.must(err)
			if n := len(w.To(cell)); n != 0 {
				t.Errorf("%d messages", n)
			}
			_, err = w.finish(w.a0(), cell, "123456")
			w.want(err, fault.CodeMismatch)
		}, byCode, change)
	}
}

// A stranger's wrong codes kill nobody's code, and its requests do not either; three wrong ones from one network make that network ask again.
func TestAdvisory_GHSA_cq42_vhv7_xr7p_passwordless(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, err := w.start(w.a0(), cell)
		w.must(err)
		code := w.Code(cell)
		for i := range 4 {
			_, err := w.finish(w.elsewhere(), cell, pooltest.Wrong(code))
			if want := map[bool]fault.Code{true: fault.CodeMismatch, false: fault.CodeExpired}[i < 3]; fault.CodeOf(err) != want {
				t.Errorf("wrong code %d: %v", i+1, err)
			}
		}
		_, err = w.start(w.elsewhere(), cell)
		w.must(err)
		out, err := w.finish(w.a0(), cell, code)
		w.must(err)
		if out.Tokens == nil {
			t.Errorf("%+v", out)
		}
	}, byCode)
	each(t, func(t *testing.T, w *world) {
		_, err := w.start(w.a0(), cell)
		w.must(err)
		code := w.Code(cell)
		for range 3 {
			_, err := w.finish(w.a0(), cell, pooltest.Wrong(code))
			w.want(err, fault.CodeMismatch)
		}
		_, err = w.finish(w.a0(), cell, code)
		w.want(err, fault.CodeExpired)
		_, err = w.start(w.a0(), cell)
		w.must(err)
		_, err = w.finish(w.a0(), cell, w.Code(cell))
		w.must(err)
	}, byCode)
}

// kratos#4606: however many codes are asked for, the guesses of one account are bounded; and so are those of the right code found by retries.
func TestAdvisory_kratos_4606_passwordless(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		judged := 0
		for i := range 400 {
			c := w.a0()
			c.IP = w.from(fmt.Sprintf("198.51.%d.%d", 100+i/200, i%200+1)).IP
			if i%10 == 0 {
				_, err := w.start(c, cell)
				w.must(err)
			}
			_, err := w.finish(c, cell, "99999x")
			if code := fault.CodeOf(err); code == fault.CodeMismatch || code == fault.CodeExpired {
				judged++
			} else if code != fault.AttemptLimit || fault.Of(err).Field != "code" {
				t.Fatal(err)
			}
			w.Advance(9 * time.Second)
		}
		if judged > 20 {
			t.Errorf("%d guesses in an hour", judged)
		}
	}, byCode)
}

// A passwordless code is its client's, its connection's and its destination's.
func TestAdvisory_CVE_2026_55672_passwordless(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, err := w.start(w.a0(), cell)
		w.must(err)
		code := w.Code(cell)
		first := w.client
		w.client = w.Client(w.pool, pooltest.AppClient())
		_, err = w.finish(w.a0(), cell, code)
		w.want(err, fault.CodeExpired)
		w.client = first
		_, err = w.finish(w.a0(), cell2, code)
		w.want(err, fault.CodeExpired, fault.CodeMismatch)
		_, err = w.finish(w.a0(), cell, code)
		w.must(err)
	}, byCode)
}

// One gate: a second factor is owed after a passwordless code as after a password.
func TestAdvisory_CVE_2024_45042_passwordless(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, err := w.start(w.a0(), carol)
		w.must(err)
		out, err := w.finish(w.a0(), carol, w.Code(carol))
		w.must(err)
		if out.MFA == nil || !slices.Equal(out.MFA.Enroll, []string{"phone", "otp"}) {
			t.Fatalf("%+v", out)
		}
		as, err := w.associate(out.MFA.Token, cell, "sms")
		w.must(err)
		tk, err := w.oob(out.MFA.Token, as.OOBCode, w.Code(cell))
		w.must(err)
		if tk.Access == "" {
			t.Error("no token")
		}
	}, guardian, func(p *pool.Config, _ *pool.ClientConfig) { p.FirstFactors = []string{"PASSWORD", "EMAIL_OTP"} })
}

func TestPasswordlessOffered(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, err := w.start(w.a0(), cell)
		w.want(err, fault.GrantNotAllowed)
		_, err = w.finish(w.a0(), cell, "123456")
		w.want(err, fault.GrantNotAllowed)
		cfg := pooltest.AppClient()
		cfg.Grants = []string{pool.GrantPasswordless}
		w.client = w.Client(w.pool, cfg)
		_, err = w.start(w.a0(), cell)
		w.must(err)
		_, err = w.start(w.a0(), "0049170")
		w.want(err, fault.InvalidParameter)
		_, err = w.Service.StartPasswordless(t.Context(), w.a0(), pool.PasswordlessInput{OAuthClient: w.oauth(), Connection: "facebook", Phone: cell})
		w.want(err, fault.InvalidParameter)
	})
}

// The fate of the first message is told only where everybody gets one.
func TestPasswordlessAwaits(t *testing.T) {
	box := &sends{}
	failed := delivery.Outcome{State: store.Failed, Text: "no"}
	opt := func(o *pool.Options) { *box, o.Await = sends{outcome: failed}, box.await }
	eachWith(t, opt, func(t *testing.T, w *world) {
		_, err := w.start(w.a0(), cell)
		w.want(err, fault.DeliveryFailed)
		box.outcome.State = store.Suppressed
		_, err = w.start(w.a0(), cell)
		w.must(err)
		if len(box.ids) != 2 {
			t.Errorf("awaited %v", box.ids)
		}
	}, byCode)
	eachWith(t, opt, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		for _, to := range []string{alice, cell} {
			_, err := w.start(w.a0(), to)
			w.must(err)
		}
		if len(box.ids) != 0 {
			t.Errorf("awaited %v", box.ids)
		}
	}, byCode, noSignUp)
}

// The pool's functions are asked as on the Cognito wire.
func TestPasswordlessTriggers(t *testing.T) {
	names := []trigger.Name{trigger.PreSignUp, trigger.PostConfirmation, trigger.PreAuthentication, trigger.PostAuthentication, trigger.PreTokenGeneration}
	eachLambda(t, names, func(t *testing.T, l *lambda) {
		l.Reconfigure(l.pool, func(c *pool.Config) { c.FirstFactors = []string{"PASSWORD", "SMS_OTP"} })
		_, err := l.start(l.a0(), cell)
		l.must(err)
		l.d.On(trigger.PreSignUp, throw("not you"))
		_, err = l.finish(l.a0(), cell, l.Code(cell))
		l.want(err, fault.TriggerRefused)
		_, err = l.Service.AdminGetUser(t.Context(), l.Admin(), l.pool, cell)
		l.want(err, fault.UserNotFound)
		l.d.On(trigger.PreSignUp, answer())
		_, err = l.finish(l.a0(), cell, l.Code(cell))
		l.must(err)
		l.wantSources("PreAuthentication_Authentication", "PreSignUp_SignUp", "PreSignUp_SignUp", "PostAuthentication_Authentication", "TokenGeneration_Authentication",
			"PostConfirmation_ConfirmSignUp")
		l.d.On(trigger.PreAuthentication, throw("never"))
		_, err = l.grant(cell, passw0rd)
		l.want(err, fault.TriggerRefused)
	})
}

// User code hears of a first factor, also for a number that nobody has.
func TestPasswordlessFacts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, err := w.start(w.a0(), cell)
		w.must(err)
		msg := w.Last(cell)
		f := factsOf(t, msg.Event)
		if f.Purpose != facts.FirstFactor || f.Connection.Strategy != "sms" || msg.Text != "Code "+msg.Code || msg.From != "ACME" {
			t.Errorf("%+v, %+v", f, msg.Draft)
		}
	}, byCode, func(p *pool.Config, _ *pool.ClientConfig) {
		p.Tenant.Provider, p.Tenant.Passwordless, p.Tenant.PasswordlessFrom = "phone-message-hook", "Code @@password@@", "ACME"
	})
}

// Each connection has its own switch: what is off for e-mail is on for texts, and the other way round.
func TestPasswordlessSignUpByConnection(t *testing.T) {
	for _, c := range []struct {
		change  func(*pool.TenantConfig)
		on, off string
	}{
		{func(p *pool.TenantConfig) { p.PasswordlessEmailSignUpOff = true }, cell, carol},
		{func(p *pool.TenantConfig) { p.PasswordlessSignUpOff = true }, carol, cell},
	} {
		each(t, func(t *testing.T, w *world) {
			for _, to := range []string{c.on, c.off} {
				_, err := w.start(w.a0(), to)
				w.must(err)
				if got := len(w.To(to)) > 0; got != (to == c.on) {
					t.Errorf("%s: a code was sent: %v", to, got)
				}
			}
		}, byCode, func(p *pool.Config, _ *pool.ClientConfig) { c.change(p.Tenant) })
	}
}

// Asking whether a code is right spends nothing, and gives nobody a try more than the grant.
func TestVerifyPasswordless(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.a0()
		_, err := w.start(c, cell)
		w.must(err)
		code := w.Last(cell).Code
		verify := func(c pool.Caller, code string) error {
			return w.Service.VerifyPasswordless(t.Context(), c, pool.PasswordlessGrantInput{OAuthClient: w.oauth(), Realm: "sms", Username: cell, Code: code})
		}
		w.must(verify(c, code))
		w.must(verify(c, code))
		w.want(verify(c, pooltest.Wrong(code)), fault.CodeMismatch)
		tk, err := w.finish(c, cell, code, "openid")
		w.must(err)
		if tk.Tokens.ID == "" {
			t.Error("no tokens")
		}
		if fault.CodeOf(verify(c, code)) == "" {
			t.Error("a spent code is right")
		}

		_, err = w.start(c, cell)
		w.must(err)
		code = w.Last(cell).Code
		for range 3 {
			w.want(verify(c, pooltest.Wrong(code)), fault.CodeMismatch)
		}
		if fault.CodeOf(verify(c, code)) == "" {
			t.Error("after three wrong codes a right one is told")
		}
		if _, err := w.finish(c, cell, code); fault.CodeOf(err) == "" {
			t.Error("after three wrong codes, asked here, the grant takes a right one")
		}
	}, byCode)
}
