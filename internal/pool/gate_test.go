package pool_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign/internal/facts"
	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/trigger"
)

// CVE-2026-9091: each path to tokens meets the rules, also the sign-in that follows a sign-up by its Session.
func TestAdvisory_CVE_2026_9091_autoSignIn(t *testing.T) {
	userAuth := func(_ *pool.Config, c *pool.ClientConfig) { c.Flows = append(c.Flows, "ALLOW_USER_AUTH") }
	auto := func(w *world) (*pool.AuthResult, error) {
		w.must(w.signUp(w.Caller(), alice))
		session, err := w.Service.ConfirmSignUp(w.t.Context(), w.Caller(), pool.ConfirmSignUpInput{ClientAuth: w.auth(), Username: alice, Code: w.Code(alice)})
		w.must(err)
		return w.Service.InitiateAuth(w.t.Context(), w.Caller(),
			pool.AuthInput{ClientID: w.client, Flow: "USER_AUTH", Params: map[string]string{"USERNAME": alice}, Session: session})
	}
	for name, c := range map[string]struct {
		verdict   facts.Verdict
		challenge string
		code      fault.Code
	}{
		"no demand": {}, "a factor": {verdict: facts.Verdict{MFA: true}, challenge: "SMS_MFA"},
		"a kind": {verdict: facts.Verdict{MFA: true, Providers: []string{"otp"}}, challenge: "MFA_SETUP"}, "denied": {verdict: facts.Verdict{Denied: "no"}, code: fault.LoginRefused},
	} {
		t.Run(name, func(t *testing.T) {
			eachJudged(t, func(t *testing.T, w *world, j *judge) {
				j.verdict = c.verdict
				out, err := auto(w)
				if fault.CodeOf(err) != c.code {
					t.Fatal(err)
				}
				if err == nil && (out.Challenge != c.challenge || (out.Tokens != nil) != (c.challenge == "")) {
					t.Errorf("%+v", out)
				}
			}, optional, userAuth, func(p *pool.Config, _ *pool.ClientConfig) { p.MFATOTP = true })
		})
	}
	each(t, func(t *testing.T, w *world) {
		out, err := auto(w)
		w.must(err)
		if out.Tokens == nil {
			t.Errorf("a new user is asked for its network: %+v", out)
		}
	}, userAuth, func(p *pool.Config, _ *pool.ClientConfig) {
		p.MFA, p.Tenant = "OPTIONAL", &pool.TenantConfig{Adaptive: true}
	})
}

// A factor of another kind than a rule names is no way to a new one by password, also while it is switched off.
func TestAuth0JudgeKindsDormant(t *testing.T) {
	eachJudged(t, func(t *testing.T, w *world, j *judge) {
		w.SignUp(w.client, carol, passw0rd)
		access := w.SignIn(w.client, carol, passw0rd).Access
		w.withTOTP(access)
		j.verdict = facts.Verdict{MFA: true, Providers: []string{"phone"}}
		_, err := w.grant(carol, passw0rd)
		w.want(err, fault.ChallengeUnsupported)
		_, err = w.password(w.Caller(), carol, passw0rd)
		w.want(err, fault.ChallengeUnsupported)
		j.verdict.Providers = nil
		if m := w.owing(carol); len(m.Enroll) != 0 || m.Challenge[0] != "otp" {
			t.Errorf("owed %+v", m)
		}
	}, guardian, optional)
}

// Our texts are no spam cannon: what a user says of itself is in none to a number that nobody proved.
func TestAuth0TextToUnverified(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.SignUp(w.client, carol, passw0rd)
		access := w.SignIn(w.client, carol, passw0rd).Access
		_, err := w.Service.UpdateAttributes(ctx, w.Caller(), access, []pool.Attr{{Name: "name", Value: "Win A Prize"}, {Name: "phone_number", Value: cell}})
		w.must(err)
		w.must(w.Service.SetMFAPreference(ctx, w.Caller(), access, pool.MFAPreference{SMS: &pool.FactorChange{Enabled: true}}))
		for i, want := range []string{"", "Win A Prize"} { // the right code verifies it
			m := w.owing(carol)
			ch, err := w.challenge(m.Token)
			w.must(err)
			if msg := w.Last(cell); msg.Text != strings.TrimSpace(msg.Code+" for "+want) {
				t.Errorf("text %d: %q", i, msg.Text)
			}
			_, err = w.oob(m.Token, ch.OOBCode, w.Code(cell))
			w.must(err)
		}
	}, guardian, optional, func(p *pool.Config, _ *pool.ClientConfig) {
		p.Tenant.Consolidated = true
		p.Tenant.Branding = map[string]pool.PhoneTemplate{"otp_verify": {Text: "{{ code }} for {{ user.name }}"}}
	})
}

// CVE-2026-27946: a number becomes a telephone of its own, and confirmed, by its code or an administrator's word, not by getting a name.
func TestAdvisory_CVE_2026_27946_phoneName(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		sub := w.SignUp(w.client, carol, passw0rd)
		access := w.SignIn(w.client, carol, passw0rd).Access
		_, err := w.Service.UpdateAttributes(ctx, w.Caller(), access, []pool.Attr{{Name: "phone_number", Value: cell}})
		w.must(err)
		w.must(w.Service.SetMFAPreference(ctx, w.Caller(), access, pool.MFAPreference{SMS: &pool.FactorChange{Enabled: true}}))
		list, err := w.Service.Factors(ctx, w.Admin(), w.pool, sub)
		w.must(err)
		name, id := "work", list[0].ID
		rename := func() error {
			return w.Service.UpdatePhoneFactor(ctx, w.Admin(), w.pool, sub, id, &name, nil)
		}
		w.want(rename(), fault.InvalidParameter)
		if u := w.user(sub); len(u.MFA.Phones) != 0 {
			t.Errorf("%+v", u.MFA)
		}
		w.second(w.owing(carol).Token, cell)
		w.must(rename())
		if u := w.user(sub); len(u.MFA.Phones) != 1 || !u.MFA.Phones[0].Confirmed() || u.MFA.Phones[0].Name != name {
			t.Errorf("%+v", u.MFA)
		}
	}, guardian, optional)
}

// A set-up that was begun before the user got an address does not replace it, on either wire.
func TestEmailSetupReplacesNothing(t *testing.T) {
	const thief, owner = "thief@example.com", "alice@example.com"
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		sub := w.SignUp(w.client, "alice", passw0rd, pooltest.Phone(alice))
		m, ch := w.owing("alice"), w.Begin(w.client, "alice", passw0rd)
		as, err := w.Service.Associate(ctx, w.a0(),
			pool.AssociateInput{MFABearer: pool.MFABearer{Token: m.Token}, Types: []string{"oob"}, Channels: []string{"email"}, Email: thief})
		w.must(err)
		oob := w.Code(thief)
		asked, err := w.respond(w.Caller(), ch, "alice", "EMAIL", thief)
		w.must(err)
		otp := w.Code(thief)
		w.must(w.Service.AdminUpdateAttributes(ctx, w.Admin(), w.pool, "alice", []pool.Attr{pooltest.Email(owner)}))
		_, err = w.oob(m.Token, as.OOBCode, oob)
		w.want(err, fault.OOBCodeInvalid)
		_, err = w.respond(w.Caller(), asked, "alice", "EMAIL_OTP_CODE", otp)
		w.want(err, fault.SessionInvalid)
		if u := w.user(sub); u.Attributes["email"] != owner || u.Attributes["email_verified"] == "true" || u.MFA.Email {
			t.Errorf("%v %+v", u.Attributes, u.MFA)
		}
	}, named, func(p *pool.Config, _ *pool.ClientConfig) { p.MFA, p.MFASMS, p.MFAEmail = "ON", false, true })
}

// keycloak#46164: codes of a first factor do not forgive wrong ones of the second, on either wire.
func TestAdvisory_keycloak_46164_factors(t *testing.T) {
	eachJudged(t, func(t *testing.T, w *world, j *judge) {
		w.SignUp(w.client, alice, passw0rd)
		w.withTOTP(w.SignIn(w.client, alice, passw0rd).Access)
		j.verdict = facts.Verdict{MFA: true, Providers: []string{"otp"}}
		judged := 0
		for range 30 {
			ch, err := w.begin(w.Caller(), "USER_AUTH", "USERNAME", alice, "PREFERRED_CHALLENGE", "SMS_OTP")
			w.must(err)
			ch, err = w.respond(w.Caller(), ch, alice, "SMS_OTP_CODE", w.Code(alice))
			if fault.CodeOf(err) == fault.AttemptLimit {
				break
			}
			w.must(err)
			for range 4 {
				if _, err = w.respond(w.Caller(), ch, alice, "SOFTWARE_TOKEN_MFA_CODE", "00000x"); fault.CodeOf(err) == fault.ChallengeCodeMismatch {
					judged++
				}
			}
			_, err = w.start(w.a0(), alice)
			w.must(err)
			if out, err := w.finish(w.a0(), alice, w.Code(alice)); err == nil && out.MFA == nil {
				t.Fatalf("%+v", out)
			}
			w.Advance(20 * time.Minute)
		}
		if judged > 20 {
			t.Errorf("%d wrong codes in a row", judged)
		}
	}, byCode, func(p *pool.Config, c *pool.ClientConfig) {
		p.MFA, p.MFATOTP = "OFF", true
		c.Flows = append(c.Flows, "ALLOW_USER_AUTH")
	})
}

// Nor do password resets.
func TestAdvisory_keycloak_46164_reset(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		access := w.SignIn(w.client, alice, passw0rd).Access
		w.withTOTP(access)
		w.must(w.Service.SetMFAPreference(t.Context(), w.Caller(), access, preferTOTP(true)))
		judged, pw := 0, passw0rd
		for i := range 12 {
			if ch, err := w.password(w.Caller(), alice, pw); err == nil {
				for range 5 {
					if _, err = w.respond(w.Caller(), ch, alice, "SOFTWARE_TOKEN_MFA_CODE", "00000x"); fault.CodeOf(err) == fault.ChallengeCodeMismatch {
						judged++
					}
				}
			}
			w.Advance(20 * time.Minute)
			pw = passw0rd + string(rune('a'+i))
			w.must(w.forgot(w.Caller(), alice))
			w.must(w.Service.ConfirmForgotPassword(t.Context(), w.Caller(),
				pool.ConfirmForgotPasswordInput{ClientAuth: w.auth(), Username: alice, Code: w.Code(alice), Password: pw}))
		}
		if judged > 20 {
			t.Errorf("%d wrong codes in a row", judged)
		}
	}, optional, func(p *pool.Config, _ *pool.ClientConfig) { p.MFATOTP = true })
}

// CVE-2024-45042: a user with a password does not get in by two codes to one line, or one address, on either wire.
func TestAdvisory_CVE_2024_45042_twice(t *testing.T) {
	bySMS := func(p *pool.Config, c *pool.ClientConfig) {
		p.FirstFactors, p.AliasAttributes, p.UsernameAttributes = []string{"PASSWORD", "SMS_OTP"}, nil, []string{"phone_number"}
		p.AutoVerified, p.MFA = []string{"phone_number"}, "OPTIONAL"
		c.Flows = append(c.Flows, "ALLOW_USER_AUTH")
	}
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		w.must(w.Service.SetMFAPreference(t.Context(), w.Caller(), w.SignIn(w.client, alice, passw0rd).Access, pool.MFAPreference{SMS: &pool.FactorChange{Enabled: true}}))
		first := func() (*pool.OAuthResult, error) {
			_, err := w.start(w.a0(), alice)
			w.must(err)
			return w.finish(w.a0(), alice, w.Code(alice))
		}
		_, err := first()
		w.want(err, fault.AccessDenied)
		// With another telephone, or an authenticator app, that is what is asked for.
		access := w.manager(alice, alice)
		as, err := w.associate(access, cell, "sms")
		w.must(err)
		_, err = w.oob(access, as.OOBCode, w.Code(cell))
		w.must(err)
		as, err = w.associate(access, alice, "sms")
		w.must(err)
		_, err = w.oob(access, as.OOBCode, w.Code(alice))
		w.must(err)
		out, err := first()
		w.must(err)
		before := len(w.To(alice))
		list, err := w.Service.Authenticators(t.Context(), w.a0(), pool.MFABearer{Token: out.MFA.Token})
		w.must(err)
		for _, x := range list[:len(list)-1] { // the last one is the recovery code
			_, err := w.challenge(out.MFA.Token, func(in *pool.ChallengeInput) { in.Authenticator = x.ID })
			if same := x.Name == "XXXXXXXX"+alice[len(alice)-4:]; same != (err != nil) {
				t.Errorf("%s: %v", x.Name, err)
			}
		}
		if n := len(w.To(alice)); n != before {
			t.Errorf("%d texts to the line of the first factor", n-before)
		}
		if tk := w.second(out.MFA.Token, cell); tk.Access == "" {
			t.Error("no token")
		}
	}, guardian, bySMS)
	// A rule that asks for a factor on the Cognito wire.
	eachJudged(t, func(t *testing.T, w *world, j *judge) {
		w.SignUp(w.client, alice, passw0rd)
		j.verdict = facts.Verdict{MFA: true}
		ch, err := w.begin(w.Caller(), "USER_AUTH", "USERNAME", alice, "PREFERRED_CHALLENGE", "SMS_OTP")
		w.must(err)
		_, err = w.respond(w.Caller(), ch, alice, "SMS_OTP_CODE", w.Code(alice))
		w.want(err, fault.WrongCredentials)
	}, guardian, bySMS)
	// Who came by codes alone has no other factor, as on Auth0.
	each(t, func(t *testing.T, w *world) {
		_, err := w.start(w.a0(), cell)
		w.must(err)
		out, err := w.finish(w.a0(), cell, w.Code(cell))
		w.must(err)
		if tk := w.second(out.MFA.Token, cell); tk.Access == "" {
			t.Error("no token")
		}
	}, guardian, bySMS, func(p *pool.Config, _ *pool.ClientConfig) { p.MFA = "ON" })
}

// What an administrator takes away takes the recovery code and half-done enrolments with it.
func TestAuth0LostAuthenticator(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		sub := w.SignUp(w.client, carol, passw0rd)
		enrol := func(m *pool.MFARequired) *pool.AssociateResult {
			t.Helper()
			as, err := w.Service.Associate(ctx, w.a0(), pool.AssociateInput{MFABearer: pool.MFABearer{Token: m.Token}, Types: []string{"otp"}})
			w.must(err)
			return as
		}
		m := w.owing(carol)
		first := enrol(m)
		_, err := w.otp(m.Token, w.totpCode(first.Secret))
		w.must(err)
		w.must(w.Service.AdminDeleteTOTP(ctx, w.Admin(), w.pool, carol))
		if u := w.user(sub); u.MFA.Recovery != "" || u.MFA.TOTPID != "" {
			t.Errorf("%+v", u.MFA)
		}
		w.Advance(time.Minute)
		m = w.owing(carol)
		second := enrol(m)
		if len(second.RecoveryCodes) != 1 {
			t.Error("no new recovery code")
		}
		w.must(w.Service.AdminDeleteTOTP(ctx, w.Admin(), w.pool, carol))
		_, err = w.otp(m.Token, w.totpCode(second.Secret))
		w.want(err, fault.ChallengeUnsupported)
	}, guardian)
}

// CVE-2024-4629: while answers are not judged, a right one causes nothing that a wrong one does not, or else guessing would go on by the clock.
func TestAdvisory_CVE_2024_4629_oracle(t *testing.T) {
	asked := []trigger.Name{trigger.PostAuthentication, trigger.PreTokenGeneration, trigger.PreSignUp}
	eachLambda(t, asked, func(t *testing.T, l *lambda) {
		l.Reconfigure(l.pool, func(c *pool.Config) { c.MFA, c.FirstFactors = "ON", []string{"PASSWORD", "SMS_OTP"} })
		l.SignUp(l.client, alice, passw0rd)
		m := l.owing(alice)
		ch, err := l.challenge(m.Token)
		l.must(err)
		right := l.Code(alice)
		spare := l.owing(alice)
		other, err := l.challenge(spare.Token)
		l.must(err)
		code := l.Code(alice)
		for range 3 {
			_, err = l.oob(m.Token, ch.OOBCode, pooltest.Wrong(right))
			l.want(err, fault.ChallengeCodeMismatch)
		}
		for range 4 {
			_, err = l.oob(spare.Token, other.OOBCode, pooltest.Wrong(code))
		}
		l.want(err, fault.AttemptLimit)
		before := len(l.sources())
		_, err = l.oob(m.Token, ch.OOBCode, right)
		l.want(err, fault.AttemptLimit)
		if got := l.sources()[before:]; len(got) != 0 {
			t.Errorf("a right second factor: %v", got)
		}

		l.Advance(time.Hour)
		_, err = l.start(l.a0(), cell)
		l.must(err)
		first := l.Code(cell)
		for i := range 30 {
			c := l.a0()
			c.IP = l.from(fmt.Sprintf("198.51.100.%d", i+1)).IP
			_, err = l.finish(c, cell, pooltest.Wrong(first))
		}
		l.want(err, fault.AttemptLimit)
		before = len(l.sources())
		_, err = l.finish(l.elsewhere(), cell, first)
		l.want(err, fault.AttemptLimit)
		if got := l.sources()[before:]; len(got) != 0 {
			t.Errorf("a right first factor: %v", got)
		}
		// The lock over, the same codes do.
		l.Advance(2 * time.Minute)
		_, err = l.finish(l.a0(), cell, first)
		l.must(err)
	})
}
