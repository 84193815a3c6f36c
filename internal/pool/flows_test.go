package pool_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/srp"
	"countersign/internal/srp/srptest"
	"countersign/internal/store"
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

// Strangers use up their own share of calls and messages, not the owner's.
func TestStrangersUseTheirOwnShare(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		stranger := w.from("198.51.100.9")
		w.SignUp(w.client, alice, passw0rd)
		w.enableSMS(alice) // makes the owner's network known
		open := w.Begin(w.client, alice, passw0rd)
		code := w.Code(alice)
		for range 30 {
			w.must(w.forgot(stranger, alice))
		}
		for range 30 {
			_, _ = w.password(stranger, alice, "Wr0ng-Horse!")
			_ = w.confirmForgot(stranger, alice, "0")
			w.Advance(time.Second)
		}
		out, err := w.respond(w.Caller(), open, alice, "SMS_MFA_CODE", code)
		w.must(err)
		if out.Tokens == nil {
			t.Fatalf("the owner's sign-in ended with %+v", out)
		}
		before := len(w.To(alice))
		w.must(w.forgot(w.Caller(), alice))
		if len(w.To(alice)) != before+1 {
			t.Fatal("the owner gets no reset code")
		}
		w.must(w.confirmForgot(w.Caller(), alice, w.Code(alice)))
		if ch := w.Begin(w.client, alice, "An0ther-Horse!"); ch.Challenge != "SMS_MFA" {
			t.Errorf("got %+v", ch)
		}
	}, hidden)
}

func rotating(_ *pool.Config, c *pool.ClientConfig) { c.Rotation, c.Grace = true, 30*time.Second }

func (w *world) refresh(token string) (*pool.Tokens, error) {
	return w.Service.Refresh(w.t.Context(), w.Caller(), pool.RefreshInput{ClientAuth: w.auth(), RefreshToken: token})
}

// A client that lost the answer, or two tabs at once, ask twice: both get the same token, which works.
func TestRotationGrace(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		first := w.SignIn(w.client, alice, passw0rd)
		one, err := w.refresh(first.Refresh)
		w.must(err)
		w.Advance(10 * time.Second)
		two, err := w.refresh(first.Refresh)
		w.must(err)
		if one.Refresh == "" || one.Refresh != two.Refresh || one.Refresh == first.Refresh {
			t.Errorf("a retry got %q, the first call %q", two.Refresh, one.Refresh)
		}
		three, err := w.refresh(one.Refresh)
		w.must(err)
		if _, err := w.Service.User(t.Context(), w.Caller(), three.Access); err != nil {
			t.Error(err)
		}
		_, err = w.Service.InitiateAuth(t.Context(), w.Caller(), pool.AuthInput{ClientID: w.client, Flow: "REFRESH_TOKEN_AUTH", Params: map[string]string{"REFRESH_TOKEN": three.Refresh}})
		w.want(err, fault.FlowNotEnabled)
	}, rotating)
}

// After its grace a superseded token means that somebody has a copy: nothing of the family works any more.
func TestRotationReuse(t *testing.T) {
	for _, deep := range []int{1, 2, 5} {
		each(t, func(t *testing.T, w *world) {
			w.SignUp(w.client, alice, passw0rd)
			first := w.SignIn(w.client, alice, passw0rd)
			last := first
			for range deep {
				next, err := w.refresh(last.Refresh)
				w.must(err)
				last = next
			}
			w.Advance(31 * time.Second)
			_, err := w.refresh(first.Refresh)
			w.want(err, fault.RefreshTokenReused)
			_, err = w.refresh(last.Refresh)
			w.want(err, fault.RefreshTokenRevoked)
			_, err = w.Service.User(t.Context(), w.Caller(), last.Access)
			w.want(err, fault.AccessTokenRevoked)
		}, rotating)
	}
}

// RevokeToken ends the family whichever of its tokens it is given, and never another's.
func TestRevoke(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.Caller()
		w.SignUp(w.client, alice, passw0rd)
		first, other := w.SignIn(w.client, alice, passw0rd), w.SignIn(w.client, alice, passw0rd)
		last := first
		for range 3 {
			next, err := w.refresh(last.Refresh)
			w.must(err)
			last = next
		}
		w.must(w.Service.Revoke(ctx, c, w.auth(), first.Refresh))
		_, err := w.Service.User(ctx, c, last.Access)
		w.want(err, fault.AccessTokenRevoked)
		w.must(w.Service.Revoke(ctx, c, w.auth(), first.Refresh))
		_, err = w.Service.User(ctx, c, other.Access)
		w.must(err)
		w.want(w.Service.Revoke(ctx, c, w.auth(), other.Access), fault.TokenTypeUnsupported)
		foreign := pool.ClientAuth{ClientID: w.Client(w.pool, pooltest.AppClient())}
		w.want(w.Service.Revoke(ctx, c, foreign, other.Refresh), fault.ClientSecretWrong)
		_, err = w.Service.User(ctx, c, other.Access)
		w.must(err)
	}, rotating)
}

// An invited user gives the required attributes it lacks with its first password, sign-in names included.
func TestFirstPasswordWithRequiredNames(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, err := w.Service.AdminCreateUser(t.Context(), w.Admin(), pool.AdminCreateInput{PoolID: w.pool, Username: bob, TemporaryPassword: passw0rd})
		w.must(err)
		w.SignUp(w.client, alice, passw0rd, pooltest.Email("taken@example.com"))
		w.must(w.Service.AdminUpdateAttributes(t.Context(), w.Admin(), w.pool, alice, []pool.Attr{{Name: "email_verified", Value: "true"}}))
		ch := w.Begin(w.client, bob, passw0rd)
		if want := `["userAttributes.email"]`; ch.Parameters["requiredAttributes"] != want {
			t.Fatalf("required: %s", ch.Parameters["requiredAttributes"])
		}
		_, err = w.respond(w.Caller(), ch, bob, "NEW_PASSWORD", "An0ther-Horse!")
		w.want(err, fault.InvalidParameter)
		_, err = w.respond(w.Caller(), ch, bob, "NEW_PASSWORD", "An0ther-Horse!", "userAttributes.email", "taken@example.com")
		w.want(err, fault.AliasTaken)
		_, err = w.respond(w.Caller(), ch, bob, "NEW_PASSWORD", "An0ther-Horse!", "userAttributes.email", "b@example.com", "userAttributes.phone_number", alice)
		w.want(err, fault.InvalidParameter)
		out, err := w.respond(w.Caller(), ch, bob, "NEW_PASSWORD", "An0ther-Horse!", "userAttributes.email", "b@example.com")
		w.must(err)
		if out.Tokens == nil {
			t.Fatalf("got %+v", out)
		}
		v, err := w.Service.User(t.Context(), w.Caller(), out.Tokens.Access)
		w.must(err)
		if a := attrs(v); a["email"] != "b@example.com" || a["email_verified"] != "false" || v.Status != "CONFIRMED" {
			t.Errorf("got %+v", v)
		}
	}, func(p *pool.Config, _ *pool.ClientConfig) {
		p.UsernameAttributes = []string{"phone_number", "email"}
		for i := range p.Schema {
			if p.Schema[i].Name == "email" {
				p.Schema[i].Required = true
			}
		}
	})
}

// A name that the first password's form changes is given up, and an unverified new one owns nothing.
func TestFirstPasswordMovesNames(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, err := w.Service.AdminCreateUser(t.Context(), w.Admin(), pool.AdminCreateInput{PoolID: w.pool, Username: "bob", TemporaryPassword: passw0rd,
			Attributes: []pool.Attr{pooltest.Phone(bob), {Name: "phone_number_verified", Value: "true"}}})
		w.must(err)
		ch := w.Begin(w.client, bob, passw0rd)
		_, err = w.respond(w.Caller(), ch, bob, "NEW_PASSWORD", "An0ther-Horse!", "userAttributes.phone_number", alice, "userAttributes.preferred_username", "bobby")
		w.must(err)
		for name, want := range map[string]fault.Code{bob: fault.UserNotFound, alice: fault.UserNotFound, "bob": "", "bobby": ""} {
			_, err := w.password(w.Caller(), name, "An0ther-Horse!")
			w.want(err, want)
		}
	}, named)
}

// What a user may do next does not depend on which client its password was set through.
func TestVerifierForAnyClient(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ccfg := pooltest.AppClient()
		ccfg.Flows = append(ccfg.Flows, "ALLOW_USER_SRP_AUTH")
		mobile := w.Client(w.pool, ccfg)
		w.SignUp(w.client, alice, passw0rd) // through a client without SRP
		other := &world{Harness: w.Harness, t: t, pool: w.pool, client: mobile}
		if out, err := other.srp(alice, passw0rd); err != nil || out.Tokens == nil {
			t.Errorf("SRP after a password without SRP: %+v, %v", out, err)
		}
	})
}

// srp signs in by USER_SRP_AUTH as a client does that knows the password.
func (w *world) srp(name, pw string) (*pool.AuthResult, error) {
	cl := srptest.NewClient()
	ch, err := w.begin(w.Caller(), "USER_SRP_AUTH", "USERNAME", name, "SRP_A", cl.A())
	if err != nil {
		return nil, err
	}
	return w.prove(cl, ch, pw)
}

func (w *world) prove(cl *srptest.Client, ch *pool.AuthResult, pw string) (*pool.AuthResult, error) {
	w.t.Helper()
	_, short, _ := strings.Cut(w.pool, "_")
	p := ch.Parameters
	sig, at, err := cl.Answer(srptest.Challenge{PoolName: short, UserID: p["USER_ID_FOR_SRP"], Salt: p["SALT"], B: p["SRP_B"], SecretBlock: p["SECRET_BLOCK"]}, pw, w.Now())
	w.must(err)
	return w.respond(w.Caller(), ch, p["USER_ID_FOR_SRP"], "PASSWORD_CLAIM_SECRET_BLOCK", p["SECRET_BLOCK"], "PASSWORD_CLAIM_SIGNATURE", sig, "TIMESTAMP", at)
}

// Sending the present value again cancels the pending one and leaves the present one verified (cognito.md 3.8: only a new value needs a code).
func TestPendingChange(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.Caller()
		w.SignUp(w.client, alice, passw0rd)
		tk := w.SignIn(w.client, alice, passw0rd)
		update := func(v string) []*pool.Delivery {
			t.Helper()
			d, err := w.Service.UpdateAttributes(ctx, c, tk.Access, []pool.Attr{pooltest.Phone(v)})
			w.must(err)
			return d
		}
		verify := func(code string) error { return w.Service.VerifyAttribute(ctx, c, tk.Access, "phone_number", code) }
		if d := update(bob); len(d) != 1 || d[0].Destination != "+*******0101" {
			t.Fatalf("got %+v", d)
		}
		first := w.Code(bob)
		v, err := w.Service.User(ctx, c, tk.Access)
		w.must(err)
		if a := attrs(v); a["phone_number"] != alice || a["phone_number_verified"] != "true" {
			t.Fatalf("before the code: %v", a)
		}
		w.SignIn(w.client, alice, passw0rd)
		const third = "+12025550103"
		update(third)
		w.want(verify(first), fault.CodeMismatch)
		sent := len(w.To(alice))
		if d := update(alice); len(d) != 0 || len(w.To(alice)) != sent {
			t.Errorf("the present value got a code: %+v", d)
		}
		w.want(verify(w.Code(third)), fault.CodeExpired)
		v, err = w.Service.User(ctx, c, tk.Access)
		w.must(err)
		if a := attrs(v); a["phone_number"] != alice || a["phone_number_verified"] != "true" {
			t.Fatalf("after taking it back: %v", a)
		}
		update(bob)
		w.must(verify(w.Code(bob)))
		w.SignIn(w.client, bob, passw0rd)
		_, err = w.password(c, alice, passw0rd)
		w.want(err, fault.UserNotFound)
		if last := w.Last(alice); last.Code != "" {
			t.Errorf("the old number was not told")
		}
	}, func(p *pool.Config, _ *pool.ClientConfig) { p.VerifyBeforeUpdate = []string{"phone_number"} })
}

// cognito.md 3.9 and 3.5: what an unconfirmed user is told about recovery.
func TestRecoveryOfTheUnconfirmed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.Caller()
		w.must(w.signUp(c, alice))
		w.want(w.forgot(c, alice), fault.ResetNotPossible)
		w.want(w.confirmForgot(c, alice, "123456"), fault.UserNotConfirmed)
		_, err := w.Service.AdminCreateUser(t.Context(), w.Admin(), pool.AdminCreateInput{PoolID: w.pool, Username: bob, TemporaryPassword: passw0rd})
		w.must(err)
		w.want(w.forgot(c, bob), fault.ResetWrongState)
	})
}

// MFA_SETUP by e-mail: the address becomes a factor with its code, belongs to nobody else, and is asked for at the next sign-in.
func TestSetupByEmail(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.Caller()
		w.must(w.signUp(c, alice))
		w.must(w.Service.AdminConfirmSignUp(t.Context(), w.Admin(), w.pool, alice))
		w.SignUp(w.client, "taken@example.com", passw0rd)
		ch := w.Begin(w.client, alice, passw0rd)
		if ch.Challenge != "MFA_SETUP" || ch.Parameters["MFAS_CAN_SETUP"] != `["SOFTWARE_TOKEN_MFA","EMAIL_OTP"]` {
			t.Fatalf("got %+v", ch)
		}
		taken, err := w.respond(c, ch, alice, "EMAIL", "taken@example.com")
		w.must(err)
		_, err = w.respond(c, taken, alice, "EMAIL_OTP_CODE", w.Code("taken@example.com"))
		w.want(err, fault.AliasTaken)
		ch = w.Begin(w.client, alice, passw0rd)
		mail, err := w.respond(c, ch, alice, "EMAIL", "a@example.com")
		w.must(err)
		if mail.Challenge != "EMAIL_OTP" || mail.Parameters["CODE_DELIVERY_DESTINATION"] != "a***@e***" {
			t.Fatalf("got %+v", mail)
		}
		_, err = w.respond(c, mail, alice, "EMAIL_OTP_CODE", pooltest.Wrong(w.Code("a@example.com")))
		w.want(err, fault.ChallengeCodeMismatch)
		out, err := w.respond(c, mail, alice, "EMAIL_OTP_CODE", w.Code("a@example.com"))
		w.must(err)
		v, err := w.Service.User(t.Context(), c, out.Tokens.Access)
		w.must(err)
		if a := attrs(v); a["email"] != "a@example.com" || a["email_verified"] != "true" || len(v.Factors) != 1 || v.Factors[0] != "EMAIL_OTP" {
			t.Errorf("got %+v", v)
		}
		if next := w.Begin(w.client, alice, passw0rd); next.Challenge != "EMAIL_OTP" {
			t.Errorf("got %+v", next)
		}
	}, noMFAByText, func(p *pool.Config, _ *pool.ClientConfig) {
		p.UsernameAttributes, p.AutoVerified, p.MFAEmail = []string{"phone_number", "email"}, []string{"phone_number", "email"}, true
	})
}

// Resending: both forms, not a try, never by an authenticator, one text for the retries of one call, and five wrong answers over all sessions.
func TestResendInsideASignIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		w.enableSMS(alice)
		c, more, inPlace := w.Caller(), w.Caller(), w.Caller()
		more.Control = map[string]string{"resend": "true"}
		inPlace.Control = map[string]string{"resend": "error"}
		ch := w.Begin(w.client, alice, passw0rd)
		first, sent := w.Code(alice), len(w.To(alice))
		for range 6 {
			w.Advance(time.Millisecond) // codes are ordered by their time
			next, err := w.respond(more, ch, alice, "SMS_MFA_CODE", "x")
			w.must(err)
			if next.Challenge != "SMS_MFA" || next.Session == ch.Session {
				t.Fatalf("got %+v", next)
			}
			_, err = w.respond(c, ch, alice, "SMS_MFA_CODE", w.Code(alice))
			w.want(err, fault.SessionUsed)
			ch = next
		}
		w.Advance(time.Millisecond)
		_, err := w.respond(inPlace, ch, alice, "SMS_MFA_CODE", "x")
		w.want(err, fault.CodeResent)
		inPlace.Invocation = "7b0c"
		w.Advance(time.Millisecond)
		for range 3 {
			_, err = w.respond(inPlace, ch, alice, "SMS_MFA_CODE", "x")
			w.want(err, fault.CodeResent)
		}
		if n := len(w.To(alice)) - sent; n != 8 {
			t.Errorf("%d texts, want 8", n)
		}
		if w.Code(alice) != first {
			_, err = w.respond(c, ch, alice, "SMS_MFA_CODE", first)
			w.want(err, fault.ChallengeCodeMismatch)
		}
		out, err := w.respond(c, ch, alice, "SMS_MFA_CODE", w.Code(alice))
		w.must(err)
		if out.Tokens == nil {
			t.Fatalf("got %+v", out)
		}

		// A resend that no provider takes leaves the older code good.
		ch = w.Begin(w.client, alice, passw0rd)
		first = w.Code(alice)
		w.Refuse(true)
		ch, err = w.respond(more, ch, alice, "SMS_MFA_CODE", "x")
		w.must(err)
		w.Refuse(false)
		_, err = w.respond(c, ch, alice, "SMS_MFA_CODE", first)
		w.must(err)
	})
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		out, err := w.respond(w.Caller(), w.enrol(w.Begin(w.client, alice, passw0rd)), alice)
		w.must(err)
		if out.Tokens == nil {
			t.Fatalf("got %+v", out)
		}
		more := w.Caller()
		more.Control = map[string]string{"resend": "true"}
		ch := w.Begin(w.client, alice, passw0rd)
		for range 10 {
			_, err = w.respond(more, ch, alice, "SOFTWARE_TOKEN_MFA_CODE", "x")
			w.want(err, fault.InvalidParameter)
		}
	}, noMFAByText)
}

// Five wrong answers end a session, resends or not.
func TestFiveAnswersEndASession(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		w.enableSMS(alice)
		ch := w.Begin(w.client, alice, passw0rd)
		for range 5 {
			_, err := w.respond(w.Caller(), ch, alice, "SMS_MFA_CODE", pooltest.Wrong(w.Code(alice)))
			w.want(err, fault.ChallengeCodeMismatch)
		}
		w.Advance(5 * time.Second)
		_, err := w.respond(w.Caller(), ch, alice, "SMS_MFA_CODE", w.Code(alice))
		w.want(err, fault.SessionInvalid)
	})
}

// The session of ConfirmSignUp signs in once, without a further factor, and for its own user alone.
func TestAutoSignIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.Caller()
		auto := func(name, session string) (*pool.AuthResult, error) {
			return w.Service.InitiateAuth(ctx, c, pool.AuthInput{ClientID: w.client, Flow: "USER_AUTH", Params: map[string]string{"USERNAME": name}, Session: session})
		}
		sessions := map[string]string{}
		for _, name := range []string{alice, bob} {
			_, err := w.Service.SignUp(ctx, c, pool.SignUpInput{ClientAuth: w.auth(), Username: name, Password: passw0rd})
			w.must(err)
			sessions[name], err = w.Service.ConfirmSignUp(ctx, c, pool.ConfirmSignUpInput{ClientAuth: w.auth(), Username: name, Code: w.Code(name)})
			w.must(err)
		}
		_, err := auto(bob, sessions[alice])
		w.want(err, fault.SessionInvalid)
		out, err := auto(alice, sessions[alice])
		w.must(err)
		if out.Tokens == nil {
			t.Fatalf("got %+v", out)
		}
		_, err = auto(alice, sessions[alice])
		w.want(err, fault.SessionUsed)
		w.Advance(3 * time.Minute)
		_, err = auto(bob, sessions[bob])
		w.want(err, fault.SessionExpired)
	}, userAuth, mfaOn)
}

// Strict mode: ten minutes for every code, and not a moment more.
func TestStrict(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.Caller()
		w.must(w.signUp(c, alice, pooltest.Email("a@example.com")))
		w.Advance(10 * time.Minute)
		w.want(w.confirm(c, alice, w.Code(alice)), fault.CodeExpired)
		w.must(w.resend(c, alice))
		w.Advance(10*time.Minute - time.Second)
		w.must(w.confirm(c, alice, w.Code(alice)))
		w.must(w.forgot(c, alice))
		w.Advance(10 * time.Minute)
		w.want(w.confirmForgot(c, alice, w.Code(alice)), fault.CodeExpired)
		tk := w.SignIn(w.client, alice, passw0rd)
		_, err := w.Service.SendAttributeCode(ctx, c, tk.Access, "email")
		w.must(err)
		w.Advance(10 * time.Minute)
		w.want(w.Service.VerifyAttribute(ctx, c, tk.Access, "email", w.Code("a@example.com")), fault.CodeExpired)
		w.enableSMS(alice)
		ch := w.Begin(w.client, alice, passw0rd)
		w.Advance(10 * time.Minute)
		_, err = w.respond(c, ch, alice, "SMS_MFA_CODE", w.Code(alice))
		w.want(err, fault.ChallengeCodeMismatch)
	}, func(p *pool.Config, c *pool.ClientConfig) { p.Strict, c.AuthSession = true, 15*time.Minute })
}

// What a name's first answers look like does not tell whether somebody has it: the size of a SECRET_BLOCK, what is offered, how often it may be
// signed up.
func TestHiddenShapes(t *testing.T) {
	const nobody = "+12025550155"
	each(t, func(t *testing.T, w *world) {
		c := w.Caller()
		w.SignUp(w.client, alice, passw0rd)
		w.must(w.signUp(c, bob))
		size, offer := map[int]bool{}, map[string]bool{}
		for _, name := range []string{alice, bob, nobody} {
			cl := srptest.NewClient()
			for range 4 {
				ch, err := w.begin(c, "USER_SRP_AUTH", "USERNAME", name, "SRP_A", cl.A())
				w.must(err)
				size[len(ch.Parameters["SECRET_BLOCK"])] = true
			}
			ch, err := w.begin(c, "USER_AUTH", "USERNAME", name)
			w.must(err)
			offer[fmt.Sprint(ch.Available)] = true
		}
		if len(size) != 1 || len(offer) != 1 {
			t.Errorf("sizes %v, offers %v", size, offer)
		}
	}, hidden, userAuth, func(_ *pool.Config, c *pool.ClientConfig) { c.Flows = append(c.Flows, "ALLOW_USER_SRP_AUTH") })
	each(t, func(t *testing.T, w *world) {
		c := w.Caller()
		w.SignUp(w.client, alice, passw0rd)
		w.must(w.signUp(w.from("198.51.100.9"), bob))
		for range 8 {
			for _, name := range []string{alice, bob, nobody} {
				w.must(w.signUp(c, name))
				w.must(w.resend(c, name))
			}
		}
		if n := len(w.To(nobody)); n > 5 {
			t.Errorf("%d texts", n)
		}
	}, separate)
}

func srpFlows(p *pool.Config, c *pool.ClientConfig) {
	c.Flows = append(c.Flows, "ALLOW_USER_SRP_AUTH", "ALLOW_USER_AUTH")
	p.UsernameAttributes, p.AliasAttributes = nil, []string{"phone_number", "preferred_username"}
}

// SRP in every flow and under every name: the proof is made over USER_ID_FOR_SRP, never over what was typed.
func TestSRPRoundTrips(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.Caller()
		sub := w.SignUp(w.client, "Alice", passw0rd, pooltest.Phone(alice))
		tokens := func(what string, out *pool.AuthResult, err error) {
			t.Helper()
			if err != nil || out.Tokens == nil {
				t.Errorf("%s: %+v, %v", what, out, err)
			}
		}
		for _, name := range []string{"Alice", "alice", "ALICE", alice, sub} {
			out, err := w.srp(name, passw0rd)
			tokens(name, out, err)

			cl := srptest.NewClient()
			ch, err := w.begin(c, "USER_AUTH", "USERNAME", name, "PREFERRED_CHALLENGE", "PASSWORD_SRP", "SRP_A", cl.A())
			w.must(err)
			if p := ch.Parameters; ch.Challenge != "PASSWORD_VERIFIER" || p["USER_ID_FOR_SRP"] != "Alice" || ch.Session == "" {
				t.Fatalf("%s: %+v", name, ch)
			}
			stolen := *ch
			stolen.Session = ""
			_, err = w.prove(cl, &stolen, passw0rd)
			w.want(err, fault.SessionInvalid)
			out, err = w.prove(cl, ch, passw0rd)
			tokens("preferred, "+name, out, err)
			_, err = w.prove(cl, ch, passw0rd)
			w.want(err, fault.SessionUsed)

			cl = srptest.NewClient()
			ch, err = w.begin(c, "USER_AUTH", "USERNAME", name)
			w.must(err)
			ch, err = w.respond(c, ch, name, "ANSWER", "PASSWORD_SRP", "SRP_A", cl.A())
			w.must(err)
			out, err = w.prove(cl, ch, passw0rd)
			tokens("chosen, "+name, out, err)
		}
		cl := srptest.NewClient()
		ch, err := w.begin(c, "USER_SRP_AUTH", "USERNAME", "alice", "SRP_A", cl.A())
		w.must(err)
		_, err = w.respond(c, ch, "Alice", "PASSWORD_CLAIM_SECRET_BLOCK", ch.Parameters["SECRET_BLOCK"], "PASSWORD_CLAIM_SIGNATURE", "x",
			"TIMESTAMP", w.Now().UTC().Format("Mon Jan 2 15:04:05 UTC 2006"), "DEVICE_KEY", "us-local-1_7b0c")
		w.want(err, fault.ResourceNotFound)
		out, err := w.prove(cl, ch, passw0rd) // the block survives "Device does not exist."
		tokens("after a device", out, err)
		_, err = w.prove(cl, ch, passw0rd)
		w.want(err, fault.WrongCredentials)
		_, err = w.srp("alice", "Wr0ng-Horse!")
		w.want(err, fault.WrongCredentials)
		_, err = w.srp("nobody", passw0rd)
		w.want(err, fault.UserNotFound)
	}, srpFlows)
}

// Leading zeros of a salt vanish on the wire, where it is a number.
func TestSRPSaltIsANumber(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		sub := w.SignUp(w.client, "alice", passw0rd, pooltest.Phone(alice))
		_, short, _ := strings.Cut(w.pool, "_")
		salt := append(make([]byte, 2), []byte("\x0fsalt-of-14-by")...)
		w.Write(func(tx store.Tx) error {
			u, err := tx.Users().User(ctx, w.pool, sub)
			if err != nil {
				return err
			}
			u.SRPSalt = salt
			if u.SealedVerifier, err = w.Keys.SealRecord(ctx, w.pool, "users", sub, "verifier", srp.Verifier(short, "alice", passw0rd, salt)); err != nil {
				return err
			}
			_, err = tx.Users().UpdateUser(ctx, u)
			return err
		})
		ch, err := w.begin(w.Caller(), "USER_SRP_AUTH", "USERNAME", "alice", "SRP_A", srptest.NewClient().A())
		w.must(err)
		if ch.Parameters["SALT"][0] != 'f' {
			t.Errorf("SALT is %s", ch.Parameters["SALT"])
		}
		out, err := w.srp("alice", passw0rd)
		w.must(err)
		if out.Tokens == nil {
			t.Errorf("got %+v", out)
		}
	}, srpFlows)
}

// A foreign hash signs in by its plain password, becomes one of ours with that, and then serves SRP.
func TestForeignHashUpgrade(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		sub := w.SignUp(w.client, "alice", passw0rd, pooltest.Phone(alice))
		user := func() (u *store.User) {
			w.Read(func(tx store.Tx) (err error) {
				u, err = tx.Users().User(ctx, w.pool, sub)
				return err
			})
			return u
		}
		w.Write(func(tx store.Tx) error {
			u, err := tx.Users().User(ctx, w.pool, sub)
			if err != nil {
				return err
			}
			u.PasswordHash, u.SRPSalt, u.SealedVerifier = "$2b$04$abcdefghijklmnopqrstuugZ4cCtXYvT3AWc2gHnp4bhaIZgm6TGC", nil, nil
			_, err = tx.Users().UpdateUser(ctx, u)
			return err
		})
		_, err := w.srp("alice", "secret-1")
		w.want(err, fault.WrongCredentials)
		_, err = w.password(w.Caller(), "alice", "secret-2")
		w.want(err, fault.WrongCredentials)
		if u := user(); u.PasswordHash[:4] != "$2b$" {
			t.Fatal("a wrong password replaced the hash")
		}
		w.SignIn(w.client, "alice", "secret-1")
		if u := user(); !strings.HasPrefix(u.PasswordHash, "$argon2id$") || len(u.SealedVerifier) == 0 {
			t.Errorf("after a success: %q", u.PasswordHash[:8])
		}
		w.SignIn(w.client, "alice", "secret-1")
		out, err := w.srp("alice", "secret-1")
		w.must(err)
		if out.Tokens == nil {
			t.Errorf("got %+v", out)
		}
	}, srpFlows)
}

// The hash is over the name of the same request; a refresh knows the stored name, the sub and the name that was typed.
func TestSecretHash(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.Caller()
		const secret, second = "0123456789abcdefghijklmnop", "abcdefghijklmnop0123456789"
		sub := w.SignUp(w.client, "alice", passw0rd, pooltest.Phone(alice))
		id := w.Client(w.pool, pooltest.AppClient(), secret, second)
		begin := func(name string, hash *string) (*pool.AuthResult, error) {
			p := map[string]string{"USERNAME": name, "PASSWORD": passw0rd}
			if hash != nil {
				p["SECRET_HASH"] = *hash
			}
			return w.Service.InitiateAuth(ctx, c, pool.AuthInput{ClientID: id, Flow: "USER_PASSWORD_AUTH", Params: p})
		}
		over := func(key, name string) *string { h := pool.SecretHash(key, name, id); return &h }
		_, err := begin(alice, nil)
		w.want(err, fault.SecretHashMissing)
		for _, wrong := range []*string{over(secret, "alice"), over("another", alice), over(secret, "")} {
			_, err = begin(alice, wrong)
			w.want(err, fault.SecretHashWrong)
		}
		_, err = begin(alice, over(second, alice))
		w.must(err)
		out, err := begin(alice, over(secret, alice))
		w.must(err)
		for _, name := range []string{"alice", alice, sub} {
			_, err = w.Service.InitiateAuth(ctx, c, pool.AuthInput{ClientID: id, Flow: "REFRESH_TOKEN_AUTH",
				Params: map[string]string{"REFRESH_TOKEN": out.Tokens.Refresh, "SECRET_HASH": *over(secret, name)}})
			w.must(err)
		}
		_, err = w.Service.InitiateAuth(ctx, c, pool.AuthInput{ClientID: id, Flow: "REFRESH_TOKEN_AUTH",
			Params: map[string]string{"REFRESH_TOKEN": out.Tokens.Refresh, "SECRET_HASH": *over(secret, "bob")}})
		w.want(err, fault.SecretHashWrong)
		in := pool.RefreshInput{ClientAuth: pool.ClientAuth{ClientID: id}, RefreshToken: out.Tokens.Refresh}
		_, err = w.Service.Refresh(ctx, c, in)
		w.want(err, fault.ClientSecretWrong)
		right := secret
		in.Secret = &right
		_, err = w.Service.Refresh(ctx, c, in)
		w.must(err)
		w.want(w.Service.Revoke(ctx, c, pool.ClientAuth{ClientID: id}, out.Tokens.Refresh), fault.ClientSecretWrong)
		for what, err := range map[string]error{
			"ForgotPassword": func() error {
				_, err := w.Service.ForgotPassword(ctx, c, pool.NameInput{ClientAuth: in.ClientAuth, Username: alice})
				return err
			}(),
			"SignUp": func() error {
				_, err := w.Service.SignUp(ctx, c, pool.SignUpInput{ClientAuth: in.ClientAuth, Username: "bob", Password: passw0rd})
				return err
			}(),
		} {
			if fault.CodeOf(err) != fault.SecretHashMissing {
				t.Errorf("%s: %v", what, err)
			}
		}
	}, named)
}

// An invited user from the invitation to a password and a factor of its own.
func TestInvitedUser(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.Caller()
		in := pool.AdminCreateInput{PoolID: w.pool, Username: alice}
		v, err := w.Service.AdminCreateUser(ctx, w.Admin(), in)
		w.must(err)
		if v.Status != store.ForceChangePassword || w.Last(alice).Code == "" || !strings.Contains(w.Last(alice).Text, alice) {
			t.Fatalf("got %+v, %q", v, w.Last(alice).Text)
		}
		w.want(w.forgot(c, alice), fault.ResetWrongState)
		first := w.Code(alice)
		in.Action = "RESEND"
		_, err = w.Service.AdminCreateUser(ctx, w.Admin(), in)
		w.must(err)
		_, err = w.password(c, alice, first)
		w.want(err, fault.WrongCredentials)
		choice, err := w.begin(c, "USER_AUTH", "USERNAME", alice, "PREFERRED_CHALLENGE", "SMS_OTP")
		w.must(err)
		if choice.Challenge != "SELECT_CHALLENGE" || fmt.Sprint(choice.Available) != "[PASSWORD_SRP PASSWORD]" {
			t.Fatalf("got %+v", choice)
		}
		ch := w.Begin(w.client, alice, w.Code(alice))
		if ch.Challenge != "NEW_PASSWORD_REQUIRED" || ch.Parameters["requiredAttributes"] != "[]" || !strings.Contains(ch.Parameters["userAttributes"], alice) {
			t.Fatalf("got %+v", ch)
		}
		_, err = w.respond(c, ch, alice, "NEW_PASSWORD", "short")
		w.want(err, fault.PasswordPolicy)
		_, err = w.respond(c, ch, alice, "NEW_PASSWORD", passw0rd, "userAttributes.phone_number_verified", "true")
		w.want(err, fault.AttributeNotWritable)
		mfa, err := w.respond(c, ch, alice, "NEW_PASSWORD", passw0rd)
		w.must(err)
		if mfa.Challenge != "SMS_MFA" {
			t.Fatalf("got %+v", mfa)
		}
		out, err := w.respond(c, mfa, alice, "SMS_MFA_CODE", w.Code(alice))
		w.must(err)
		v, err = w.Service.User(ctx, c, out.Tokens.Access)
		w.must(err)
		if v.Status != store.Confirmed || attrs(v)["phone_number_verified"] != "true" {
			t.Errorf("got %+v", v)
		}
		in.Action = "RESEND"
		_, err = w.Service.AdminCreateUser(ctx, w.Admin(), in)
		w.want(err, fault.UserStateUnsupported)

		_, err = w.Service.AdminCreateUser(ctx, w.Admin(), pool.AdminCreateInput{PoolID: w.pool, Username: bob, TemporaryPassword: passw0rd, Action: "SUPPRESS"})
		w.must(err)
		if len(w.To(bob)) != 0 {
			t.Error("a suppressed invitation was sent")
		}
		w.Advance(7 * 24 * time.Hour)
		_, err = w.password(c, bob, passw0rd)
		w.want(err, fault.TemporaryPasswordExpired)
	}, userAuth, mfaOn)
}

// Users without a password: they sign in by a code, cannot by a password, and give themselves one without an old one.
func TestUserWithoutAPassword(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.Caller()
		w.SignUp(w.client, alice, "")
		_, err := w.password(c, alice, "x")
		w.want(err, fault.WrongCredentials)
		ch, err := w.begin(c, "USER_AUTH", "USERNAME", alice)
		w.must(err)
		if fmt.Sprint(ch.Available) != "[SMS_OTP]" {
			t.Fatalf("got %+v", ch)
		}
		ch, err = w.respond(c, ch, alice, "ANSWER", "SMS_OTP")
		w.must(err)
		if len(w.Code(alice)) != 8 {
			t.Errorf("a first factor has %d digits", len(w.Code(alice)))
		}
		out, err := w.respond(c, ch, alice, "SMS_OTP_CODE", w.Code(alice))
		w.must(err)
		w.must(w.Service.ChangePassword(ctx, c, out.Tokens.Access, "", passw0rd))
		w.want(w.Service.ChangePassword(ctx, c, out.Tokens.Access, "", "An0ther-Horse!"), fault.WrongCredentials)
		w.SignIn(w.client, alice, passw0rd)
	}, userAuth)
}
