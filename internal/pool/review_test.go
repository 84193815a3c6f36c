package pool_test

import (
	"fmt"
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/totp"
)

// noMFAByText leaves an authenticator as the only second factor, and demands one.
func noMFAByText(p *pool.Config, _ *pool.ClientConfig) { p.MFA, p.MFASMS = "ON", false }

func named(p *pool.Config, _ *pool.ClientConfig) {
	p.UsernameAttributes, p.AliasAttributes = nil, []string{"phone_number", "preferred_username"}
}

func separate(p *pool.Config, _ *pool.ClientConfig) { p.SeparateAttempts = true }

func (w *world) signUp(c pool.Caller, name string, attrs ...pool.Attr) error {
	_, err := w.Service.SignUp(w.t.Context(), c, pool.SignUpInput{ClientAuth: w.auth(), Username: name, Password: passw0rd, Attributes: attrs})
	return err
}

func (w *world) confirm(c pool.Caller, name, code string) error {
	_, err := w.Service.ConfirmSignUp(w.t.Context(), c, pool.ConfirmSignUpInput{ClientAuth: w.auth(), Username: name, Code: code})
	return err
}

func (w *world) resend(c pool.Caller, name string) error {
	_, err := w.Service.ResendSignUp(w.t.Context(), c, pool.NameInput{ClientAuth: w.auth(), Username: name})
	return err
}

// enrol walks through MFA_SETUP up to the last step, whose session it returns.
func (w *world) enrol(ch *pool.AuthResult) *pool.AuthResult {
	w.t.Helper()
	as, err := w.Service.AssociateTOTP(w.t.Context(), w.Caller(), "", ch.Session)
	w.must(err)
	code, err := totp.Code(as.SecretCode, w.Now())
	w.must(err)
	next, err := w.Service.VerifyTOTP(w.t.Context(), w.Caller(), "", as.Session, code)
	w.must(err)
	return &pool.AuthResult{Challenge: ch.Challenge, Session: next}
}

// Somebody who knows a password only must not keep a set-up open until the owner has enrolled, and then replace the owner's factor.
func TestSetupEndsWhenTheOwnerHasEnrolled(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		thief, late, owner := w.Begin(w.client, alice, passw0rd), w.Begin(w.client, alice, passw0rd), w.Begin(w.client, alice, passw0rd)
		ready := w.enrol(thief)
		out, err := w.respond(w.Caller(), w.enrol(owner), alice)
		w.must(err)
		if out.Tokens == nil {
			t.Fatalf("the owner got %+v", out)
		}
		_, err = w.respond(w.Caller(), ready, alice)
		w.want(err, fault.SessionInvalid, fault.SessionUsed)
		_, err = w.Service.AssociateTOTP(t.Context(), w.Caller(), "", late.Session)
		w.want(err, fault.SessionInvalid, fault.SessionUsed)
	}, noMFAByText)
}

// A sub names its user, whatever names others take.
func TestASubCannotBeTakenAsAName(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sub := w.SignUp(w.client, "alice", passw0rd, pooltest.Phone(alice))
		w.want(w.signUp(w.Caller(), sub, pooltest.Phone(bob)), fault.UsernameTaken)
		w.SignUp(w.client, "mallory", passw0rd, pooltest.Phone(bob))
		tk := w.SignIn(w.client, "mallory", passw0rd)
		for _, name := range []string{sub, alice} {
			_, err := w.Service.UpdateAttributes(t.Context(), w.Caller(), tk.Access, []pool.Attr{{Name: "preferred_username", Value: name}})
			if err != nil {
				continue
			}
			v, err := w.Service.AdminGetUser(t.Context(), w.Admin(), w.pool, name)
			w.must(err)
			if v.Sub != sub {
				t.Errorf("%s is now the name of another user", name)
			}
		}
		_, err := w.Service.UpdateAttributes(t.Context(), w.Caller(), tk.Access, []pool.Attr{{Name: "preferred_username", Value: "+12025550177"}})
		w.want(err, fault.InvalidParameter)
	}, named)
}

// After a request for a code, a wrong one is answered alike for every name (cognito.md 3.10).
func TestHiddenCodes(t *testing.T) {
	const nobody = "+12025550155"
	t.Run("reset", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			c := w.Caller()
			disabled := "+12025550102"
			w.SignUp(w.client, alice, passw0rd)
			w.SignUp(w.client, disabled, passw0rd)
			w.must(w.Service.AdminDisable(t.Context(), w.Admin(), w.pool, disabled))
			w.must(w.signUp(c, bob))
			for _, name := range []string{alice, bob, disabled, nobody} {
				w.want(w.confirmForgot(c, name, "000000"), fault.CodeExpired)
				w.must(w.forgot(c, name))
				w.want(w.confirmForgot(c, name, "00000"), fault.CodeMismatch)
				w.want(w.confirmForgot(c, name, ""), fault.CodeMismatch)
			}
			w.Advance(time.Hour)
			for _, name := range []string{alice, bob, disabled, nobody} {
				w.want(w.confirmForgot(c, name, "00000"), fault.CodeExpired)
			}
		}, hidden)
	})
	for _, mode := range [][]func(*pool.Config, *pool.ClientConfig){{hidden}, {hidden, separate}} {
		t.Run(fmt.Sprintf("sign-up %d", len(mode)), func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				c := w.Caller()
				w.SignUp(w.client, alice, passw0rd)
				w.must(w.signUp(c, bob))
				for _, name := range []string{alice, bob, nobody} {
					w.must(w.resend(c, name))
					w.want(w.confirm(c, name, "00000"), fault.CodeMismatch)
				}
			}, mode...)
		})
	}
	t.Run("separate attempts", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			c := w.Caller()
			w.SignUp(w.client, alice, passw0rd)
			for _, name := range []string{alice, nobody} {
				w.must(w.signUp(c, name))
				w.want(w.confirm(c, name, "00000"), fault.CodeMismatch)
			}
		}, hidden, separate)
	})
}

// A simulated challenge is bound to its name as a real one is, and shows the same person after a resend.
func TestSimulatedChallenges(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.Caller()
		w.SignUp(w.client, "alice", passw0rd, pooltest.Phone(alice))
		for _, name := range []string{"alice", "nobody"} {
			ch, err := w.begin(c, "USER_AUTH", "USERNAME", name, "PREFERRED_CHALLENGE", "SMS_OTP")
			w.must(err)
			if ch.Challenge != "SMS_OTP" || ch.Parameters["CODE_DELIVERY_DELIVERY_MEDIUM"] != "SMS" {
				t.Fatalf("%s: %+v", name, ch)
			}
			_, err = w.respond(c, ch, "somebody", "SMS_OTP_CODE", "00000000")
			w.want(err, fault.SessionInvalid)
			_, err = w.respond(c, ch, ch.Parameters["USER_ID_FOR_SRP"], "SMS_OTP_CODE", "0")
			w.want(err, fault.ChallengeCodeMismatch)
			again := c
			again.Control = map[string]string{"resend": "yes"}
			next, err := w.respond(again, ch, name, "SMS_OTP_CODE", "0")
			w.must(err)
			for k, v := range ch.Parameters {
				if next.Parameters[k] != v {
					t.Errorf("%s: after a resend %s is %q, was %q", name, k, next.Parameters[k], v)
				}
			}
		}
	}, hidden, userAuth, named, func(p *pool.Config, _ *pool.ClientConfig) { p.AutoVerified = []string{"phone_number", "email"} })
	each(t, func(t *testing.T, w *world) {
		ch, err := w.begin(w.Caller(), "USER_AUTH", "USERNAME", "nobody", "PREFERRED_CHALLENGE", "SMS_OTP")
		w.must(err)
		if m := ch.Parameters["CODE_DELIVERY_DELIVERY_MEDIUM"]; m != "SMS" {
			t.Errorf("a text goes by %s", m)
		}
	}, hidden, userAuth, named, func(p *pool.Config, _ *pool.ClientConfig) { p.AutoVerified = []string{"email"} })
}

// Asking for more codes inside a sign-in tells nothing about the name either.
func TestHiddenResends(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		for range 9 { // the owner's own messages use up part of the number's allowance
			w.must(w.forgot(w.Caller(), alice))
		}
		c := w.Caller()
		c.Control = map[string]string{"resend": "yes"}
		for _, name := range []string{alice, "+12025550155"} {
			ch, err := w.begin(c, "USER_AUTH", "USERNAME", name, "PREFERRED_CHALLENGE", "SMS_OTP")
			w.must(err)
			for range 30 {
				ch, err = w.respond(c, ch, name, "SMS_OTP_CODE", "0")
				w.must(err)
			}
		}
	}, hidden, userAuth)
}

// No code goes to a user that cannot sign in.
func TestNoFirstFactorForTheDisabled(t *testing.T) {
	for _, hide := range []bool{false, true} {
		each(t, func(t *testing.T, w *world) {
			w.SignUp(w.client, alice, passw0rd)
			w.must(w.Service.AdminDisable(t.Context(), w.Admin(), w.pool, alice))
			sent := len(w.To(alice))
			ch, err := w.begin(w.Caller(), "USER_AUTH", "USERNAME", alice, "PREFERRED_CHALLENGE", "SMS_OTP")
			if !hide {
				w.want(err, fault.UserDisabled)
			} else {
				w.must(err)
				_, err = w.respond(w.Caller(), ch, alice, "SMS_OTP_CODE", "0")
				w.want(err, fault.ChallengeCodeMismatch)
			}
			if len(w.To(alice)) != sent {
				t.Error("a code was sent")
			}
		}, userAuth, func(_ *pool.Config, c *pool.ClientConfig) { c.HideExistence = hide })
	}
}

// Switching a factor on and off is no way to send texts without end.
func TestNoticesAreLimited(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		tk := w.SignIn(w.client, alice, passw0rd)
		before := len(w.To(alice))
		for i := range 40 {
			w.must(w.Service.SetMFAPreference(t.Context(), w.Caller(), tk.Access, pool.MFAPreference{SMS: &pool.FactorChange{Enabled: i%2 == 0}}))
		}
		if n := len(w.To(alice)) - before; n < 3 || n > 10 {
			t.Errorf("40 changes sent %d notices", n)
		}
	})
}

// Each password is compared with the whole history, which costs: refusals count as well.
func TestReusedPasswordsCount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.Caller()
		w.SignUp(w.client, alice, passw0rd)
		tk := w.SignIn(w.client, alice, passw0rd)
		n, err := guess(20, func() error { return w.Service.ChangePassword(ctx, c, tk.Access, passw0rd, passw0rd) }, fault.PasswordReused)
		if n != 5 || fault.CodeOf(err) != fault.AttemptLimit {
			t.Errorf("ChangePassword compared %d times, then %v", n, err)
		}
		w.must(w.forgot(c, alice))
		n, err = guess(40, func() error {
			return w.Service.ConfirmForgotPassword(ctx, c, pool.ConfirmForgotPasswordInput{ClientAuth: w.auth(), Username: alice, Code: w.Code(alice), Password: passw0rd})
		}, fault.PasswordReused)
		if n != 20 || fault.CodeOf(err) != fault.AttemptLimit {
			t.Errorf("ConfirmForgotPassword compared %d times, then %v", n, err)
		}
		w.Advance(time.Hour)
		_, err = w.Service.AdminCreateUser(ctx, w.Admin(), pool.AdminCreateInput{PoolID: w.pool, Username: bob, TemporaryPassword: passw0rd})
		w.must(err)
		ch := w.Begin(w.client, bob, passw0rd)
		n, err = guess(20, func() error {
			_, err := w.respond(c, ch, bob, "NEW_PASSWORD", passw0rd)
			return err
		}, fault.PasswordReused)
		if n != 5 || fault.CodeOf(err) != fault.SessionInvalid {
			t.Errorf("NEW_PASSWORD_REQUIRED compared %d times, then %v", n, err)
		}
	}, func(p *pool.Config, _ *pool.ClientConfig) { p.PasswordHistory = 3 })
}
