package pool_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/internal/totp"
)

const (
	base  = "http://localhost:7446"
	carol = "carol@example.com"
	cell  = "+12025550140"
	cell2 = "+12025550141"
)

// guardian is a pool as Auth0 tenants have it: users with an e-mail address and a password, a phone factor that everybody needs, recovery codes.
func guardian(p *pool.Config, c *pool.ClientConfig) {
	p.UsernameAttributes, p.AutoVerified = []string{"email"}, []string{"email"}
	p.MFA, p.MFASMS, p.MFATOTP, p.MFAEmail = "ON", true, true, false
	p.Tenant = &pool.TenantConfig{FriendlyName: "Acme", RecoveryCodes: true, MessageTypes: []string{"sms", "voice"}}
	c.AccessTTL = time.Hour
}

func optional(p *pool.Config, _ *pool.ClientConfig) { p.MFA = "OPTIONAL" }

// a0 is a device that speaks the Auth0 dialect.
func (w *world) a0() pool.Caller {
	c := w.Caller()
	c.Wire, c.BaseURL = "auth0", base
	return c
}

func (w *world) oauth() pool.OAuthClient { return pool.OAuthClient{ID: w.client} }

func (w *world) grant(name, pw string, scope ...string) (*pool.OAuthResult, error) {
	return w.Service.PasswordGrant(w.t.Context(), w.a0(), pool.PasswordGrantInput{
		OAuthClient: w.oauth(), Asked: pool.Asked{Scope: strings.Join(scope, " ")}, Username: name, Password: pw})
}

// owing signs in with the password and returns the mfa_token.
func (w *world) owing(name string, scope ...string) *pool.MFARequired {
	w.t.Helper()
	out, err := w.grant(name, passw0rd, scope...)
	w.must(err)
	if out.MFA == nil || out.Tokens != nil {
		w.t.Fatalf("sign-in of %s: %+v", name, out)
	}
	return out.MFA
}

func (w *world) associate(token, number, channel string) (*pool.AssociateResult, error) {
	return w.Service.Associate(w.t.Context(), w.a0(), pool.AssociateInput{
		MFABearer: pool.MFABearer{Token: token}, Types: []string{"oob"}, Channels: []string{channel}, Phone: number})
}

func (w *world) challenge(token string, change ...func(*pool.ChallengeInput)) (*pool.ChallengeResult, error) {
	in := pool.ChallengeInput{OAuthClient: w.oauth(), Token: token, Types: []string{"oob"}}
	for _, f := range change {
		f(&in)
	}
	return w.Service.ChallengeMFA(w.t.Context(), w.a0(), in)
}

func (w *world) oob(token, oobCode, code string) (*pool.OAuthTokens, error) {
	return w.Service.RedeemOOB(w.t.Context(), w.a0(), pool.RedeemInput{OAuthClient: w.oauth(), Token: token, OOBCode: oobCode, Code: code})
}

func (w *world) otp(token, code string) (*pool.OAuthTokens, error) {
	return w.Service.RedeemOTP(w.t.Context(), w.a0(), pool.RedeemInput{OAuthClient: w.oauth(), Token: token, Code: code})
}

func (w *world) recover(token, code string) (*pool.OAuthTokens, error) {
	return w.Service.RedeemRecovery(w.t.Context(), w.a0(), pool.RedeemInput{OAuthClient: w.oauth(), Token: token, Code: code})
}

// enrolled signs a user up and enrols a phone. It returns sub and recovery code.
func (w *world) enrolled(name, number string) (sub, recovery string) {
	w.t.Helper()
	sub = w.SignUp(w.client, name, passw0rd)
	m := w.owing(name)
	as, err := w.associate(m.Token, number, "sms")
	w.must(err)
	_, err = w.oob(m.Token, as.OOBCode, w.Code(number))
	w.must(err)
	w.Advance(time.Minute)
	if len(as.RecoveryCodes) > 0 {
		recovery = as.RecoveryCodes[0]
	}
	return sub, recovery
}

// signedIn signs an enrolled user in with its phone.
func (w *world) signedIn(name, number string, scope ...string) *pool.OAuthTokens {
	w.t.Helper()
	m := w.owing(name, scope...)
	return w.second(m.Token, number)
}

func (w *world) second(token, number string) *pool.OAuthTokens {
	w.t.Helper()
	ch, err := w.challenge(token)
	w.must(err)
	tk, err := w.oob(token, ch.OOBCode, w.Code(number))
	w.must(err)
	return tk
}

func (w *world) user(sub string) (u *store.User) {
	w.t.Helper()
	w.Read(func(tx store.Tx) (err error) { u, err = tx.Users().User(w.t.Context(), w.pool, sub); return err })
	return u
}

// types are the types of the pool's events, oldest first.
func (w *world) types() (out []eventlog.Type) {
	w.t.Helper()
	w.Read(func(tx store.Tx) error {
		list, err := tx.Events().ListEvents(w.t.Context(), store.EventQuery{PoolID: w.pool, Ascending: true, Limit: 1000})
		for _, e := range list {
			out = append(out, eventlog.Type(e.Type))
		}
		return err
	})
	return out
}

func (w *world) happened(types ...eventlog.Type) {
	w.t.Helper()
	have := w.types()
	for _, typ := range types {
		if !slices.Contains(have, typ) {
			w.t.Errorf("no event %s in %v", typ, have)
		}
	}
}

// The whole way: password, enrolment, tokens; then password, challenge, tokens.
func TestAuth0SecondFactor(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sub := w.SignUp(w.client, carol, passw0rd)
		m := w.owing(carol, "openid", "profile", "email", "offline_access")
		if !slices.Equal(m.Enroll, []string{"phone", "otp"}) || len(m.Challenge) != 0 {
			t.Errorf("owed: %+v", m)
		}
		list, err := w.Service.Authenticators(t.Context(), w.a0(), pool.MFABearer{Token: m.Token})
		w.must(err)
		if len(list) != 0 {
			t.Errorf("authenticators: %+v", list)
		}
		_, err = w.challenge(m.Token)
		w.want(err, fault.AssociationRequired)
		as, err := w.associate(m.Token, cell, "sms")
		w.must(err)
		if as.Type != "oob" || as.Channel != "sms" || len(as.RecoveryCodes) != 1 || len(as.RecoveryCodes[0]) != 24 {
			t.Errorf("associated: %+v", as)
		}
		msg := w.Last(cell)
		if len(msg.Code) != 6 || !strings.Contains(msg.Text, "Acme") || !msg.ExpiresAt.Equal(w.Now().Add(5*time.Minute)) {
			t.Errorf("message: %+v", msg.Draft)
		}
		if list, _ = w.Service.Authenticators(t.Context(), w.a0(), pool.MFABearer{Token: m.Token}); len(list) != 2 || list[0].Active {
			t.Errorf("while it waits: %+v", list)
		}
		if u := w.user(sub); u.MFA.SMS || u.MFA.Recovery != "" || u.Attributes["phone_number"] != "" {
			t.Errorf("an enrolment that waits changed the user: %+v", u.MFA)
		}
		_, err = w.oob(m.Token, as.OOBCode, pooltest.Wrong(msg.Code))
		w.want(err, fault.ChallengeCodeMismatch)
		tk, err := w.oob(m.Token, as.OOBCode, msg.Code)
		w.must(err)
		if tk.Refresh == "" || tk.ID == "" || tk.Scope != "openid profile email offline_access" || tk.ExpiresIn != 3600 {
			t.Errorf("tokens: %+v", tk)
		}
		id, access := claimsOf(t, tk.ID), claimsOf(t, tk.Access)
		if id["iss"] != base+"/" || id["sub"] != "auth0|"+sub || id["aud"] != w.client || id["email"] != carol || id["email_verified"] != true {
			t.Errorf("ID token: %v", id)
		}
		if !slices.Contains(id["amr"].([]any), any("mfa")) || access["aud"] != base+"/userinfo" || access["azp"] != w.client || access["gty"] != "password" {
			t.Errorf("access token: %v, amr %v", access, id["amr"])
		}
		if u := w.user(sub); !u.MFA.SMS || u.Attributes["phone_number"] != cell || u.Attributes["phone_number_verified"] != "true" || u.Meta.Logins != 1 {
			t.Errorf("user: %+v %+v", u.MFA, u.Attributes)
		}
		_, err = w.oob(m.Token, as.OOBCode, msg.Code)
		w.want(err, fault.MFATokenInvalid)
		_, err = w.associate(m.Token, cell2, "sms")
		w.want(err, fault.MFATokenInvalid)

		w.Advance(time.Minute)
		m = w.owing(carol)
		if !slices.Equal(m.Challenge, []string{"phone", "recovery-code"}) || len(m.Enroll) != 0 {
			t.Errorf("owed: %+v", m)
		}
		_, err = w.associate(m.Token, cell2, "sms")
		w.want(err, fault.AlreadyEnrolled)
		tk = w.second(m.Token, cell)
		if tk.Refresh != "" || tk.ID != "" {
			t.Errorf("unasked: %+v", tk)
		}
		w.happened(eventlog.MFARequired, eventlog.StartEnroll, eventlog.EnrollmentComplete, eventlog.StartAuth, eventlog.AuthSucceeded, eventlog.AuthFailed,
			eventlog.OOBExchanged, eventlog.OOBExchangeFailed, eventlog.LoginSucceeded, eventlog.StartEnrollFailed)
	}, guardian)
}

func TestAuth0Voice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.enrolled(carol, cell)
		m := w.owing(carol)
		ch, err := w.challenge(m.Token, func(in *pool.ChallengeInput) { in.Channel = "voice" })
		w.must(err)
		msg := w.Last(cell)
		if ch.Channel != "voice" || msg.Channel != "voice" || !strings.Contains(msg.Text, strings.Join(strings.Split(msg.Code, ""), ".")) {
			t.Errorf("%+v: %+v", ch, msg.Draft)
		}
		tk, err := w.oob(m.Token, ch.OOBCode, msg.Code)
		w.must(err)
		if tk.Access == "" {
			t.Error("no token")
		}
		w.Reconfigure(w.pool, func(c *pool.Config) { c.Tenant.MessageTypes = []string{"sms"} })
		_, err = w.challenge(w.owing(carol).Token, func(in *pool.ChallengeInput) { in.Channel = "voice" })
		w.want(err, fault.ChallengeUnsupported)
	}, guardian)
}

func TestAuth0AuthenticatorApp(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sub := w.SignUp(w.client, carol, passw0rd)
		m := w.owing(carol)
		associate := func(token string) (*pool.AssociateResult, error) {
			return w.Service.Associate(t.Context(), w.a0(), pool.AssociateInput{MFABearer: pool.MFABearer{Token: token}, Types: []string{"otp"}})
		}
		as, err := associate(m.Token)
		w.must(err)
		if as.Type != "otp" || as.Secret == "" || !strings.HasPrefix(as.URI, "otpauth://totp/Acme:") || len(as.RecoveryCodes) != 1 {
			t.Errorf("associated: %+v", as)
		}
		other := w.owing(carol) // of another sign-in: it proves nothing about a secret that it never saw
		code := w.totpCode(as.Secret)
		_, err = w.otp(other.Token, code)
		w.want(err, fault.ChallengeUnsupported)
		_, err = w.otp(m.Token, pooltest.Wrong(code))
		w.want(err, fault.OTPWrong)
		_, err = w.otp(m.Token, code)
		w.must(err)
		if u := w.user(sub); !u.MFA.TOTP || !u.MFA.TOTPReady || u.MFA.Recovery == "" || len(u.Pending) != 0 {
			t.Errorf("user: %+v %v", u.MFA, u.Pending)
		}
		m = w.owing(carol)
		_, err = w.otp(m.Token, code)
		w.want(err, fault.OTPWrong) // a step is good once
		_, err = associate(m.Token)
		w.want(err, fault.AlreadyEnrolled)
		w.Advance(time.Minute)
		ch, err := w.challenge(m.Token, func(in *pool.ChallengeInput) { in.Types = nil })
		w.must(err)
		if ch.Type != "otp" || ch.OOBCode != "" {
			t.Errorf("challenge: %+v", ch)
		}
		_, err = w.challenge(m.Token)
		w.want(err, fault.ChallengeUnsupported)
		tk, err := w.otp(m.Token, w.totpCode(as.Secret))
		w.must(err)
		if tk.Access == "" {
			t.Error("no token")
		}
		w.happened(eventlog.OTPExchanged, eventlog.OTPExchangeFailed, eventlog.EnrollmentComplete)
	}, guardian)
}

func (w *world) totpCode(secret string) string {
	w.t.Helper()
	code, err := totp.Code(secret, w.Now())
	w.must(err)
	return code
}

func TestAuth0RecoveryCode(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, code := w.enrolled(carol, cell)
		m := w.owing(carol)
		_, err := w.recover(m.Token, "ABCDEFGHIJKLMNOPQRSTUVWX")
		w.want(err, fault.RecoveryCodeWrong)
		tk, err := w.recover(m.Token, strings.ToLower(code[:6]+"-"+code[6:]))
		w.must(err)
		if len(tk.RecoveryCode) != 24 || tk.RecoveryCode == code {
			t.Errorf("new code %q", tk.RecoveryCode)
		}
		_, err = w.recover(m.Token, tk.RecoveryCode)
		w.want(err, fault.MFATokenInvalid)
		_, err = w.recover(w.owing(carol).Token, code)
		w.want(err, fault.RecoveryCodeWrong)
		_, err = w.recover(w.owing(carol).Token, tk.RecoveryCode)
		w.must(err)
		w.happened(eventlog.RecoverySucceeded, eventlog.RecoveryFailed, eventlog.RecoveryExchanged, eventlog.RecoveryExchangeFailed)
	}, guardian)
}

// manager signs in for the MFA API.
func (w *world) manager(name, number string) string {
	w.t.Helper()
	out, err := w.Service.PasswordGrant(w.t.Context(), w.a0(), pool.PasswordGrantInput{OAuthClient: w.oauth(), Username: name, Password: passw0rd,
		Asked: pool.Asked{Audience: base + "/mfa/", Scope: "openid enroll read:authenticators remove:authenticators"}})
	w.must(err)
	if out.MFA == nil {
		return out.Tokens.Access
	}
	return w.second(out.MFA.Token, number).Access
}

// Who is signed in adds and removes factors.
func TestAuth0ManagesFactors(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		sub, _ := w.enrolled(carol, cell)
		access := w.manager(carol, cell)
		w.Advance(time.Minute)
		as, err := w.associate(access, cell2, "voice")
		w.must(err)
		if len(as.RecoveryCodes) != 0 {
			t.Error("a second recovery code")
		}
		tk, err := w.oob(access, as.OOBCode, w.Code(cell2))
		w.must(err)
		if c := claimsOf(t, tk.Access); tk.Refresh != "" || !strings.Contains(c["scope"].(string), "enroll") {
			t.Errorf("tokens: %+v", tk)
		}
		_, err = w.oob(access, as.OOBCode, w.Code(cell2))
		w.want(err, fault.OOBCodeInvalid)
		if u := w.user(sub); len(u.MFA.Phones) != 2 || u.Attributes["phone_number"] != cell {
			t.Errorf("user: %+v %v", u.MFA, u.Attributes)
		}
		_, err = w.associate(access, cell2, "sms")
		w.want(err, fault.AlreadyEnrolled)
		list, err := w.Service.Authenticators(ctx, w.a0(), pool.MFABearer{Token: access})
		w.must(err)
		if len(list) != 5 || list[2].Channel != "voice" || list[2].Name != "XXXXXXXX0141" || !list[2].Active {
			t.Errorf("list: %+v", list)
		}
		remove := func(token, id string) error {
			return w.Service.DeleteAuthenticator(ctx, w.a0(), pool.MFABearer{Token: token}, id)
		}
		w.want(remove(w.owing(carol).Token, list[0].ID), fault.AccessTokenScope)
		w.want(remove(access, "sms|dev_nothing"), fault.MfaMethodNotFound)
		w.must(remove(access, list[2].ID))
		if u := w.user(sub); len(u.MFA.Phones) != 1 || !u.MFA.SMS || u.MFA.Recovery == "" {
			t.Errorf("user: %+v", u.MFA)
		}
		w.must(remove(access, list[1].ID))
		if u := w.user(sub); len(u.MFA.Phones) != 0 || u.MFA.SMS || u.MFA.Recovery != "" {
			t.Errorf("user: %+v", u.MFA)
		}
		w.happened(eventlog.Unenroll)
	}, guardian)
}

// A number is a factor without being the user's phone_number, and stays where it is when that changes.
func TestAuth0PhoneStays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		sub, _ := w.enrolled(carol, cell)
		access := w.manager(carol, cell)
		as, err := w.associate(access, cell2, "sms")
		w.must(err)
		_, err = w.oob(access, as.OOBCode, w.Code(cell2))
		w.must(err)
		list, err := w.Service.Authenticators(ctx, w.a0(), pool.MFABearer{Token: access})
		w.must(err)
		w.must(w.Service.DeleteAuthenticator(ctx, w.a0(), pool.MFABearer{Token: access}, list[0].ID))
		// Now the factor is cell2, and phone_number is cell: the Cognito wire texts the factor.
		before := len(w.To(cell))
		ch := w.Begin(w.client, carol, passw0rd)
		if ch.Challenge != "SMS_MFA" || len(w.To(cell)) != before {
			t.Fatalf("challenge %s, texts to phone_number: %d", ch.Challenge, len(w.To(cell))-before)
		}
		out := w.Answer(w.client, carol, ch, "SMS_MFA_CODE", w.Code(cell2))
		_, err = w.Service.UpdateAttributes(ctx, w.Caller(), out.Tokens.Access, []pool.Attr{{Name: "phone_number", Value: "+12025550199"}})
		w.must(err)
		w.Advance(time.Minute)
		ch = w.Begin(w.client, carol, passw0rd)
		out = w.Answer(w.client, carol, ch, "SMS_MFA_CODE", w.Code(cell2))
		if u := w.user(sub); u.Attributes["phone_number_verified"] == "true" || u.Attributes["phone_number"] != "+12025550199" {
			t.Errorf("the factor's code verified another number: %v", u.Attributes)
		}
		w.must(w.Service.DeleteAttributes(ctx, w.Caller(), out.Tokens.Access, []string{"phone_number"}))
		if u := w.user(sub); !u.MFA.SMS {
			t.Error("without phone_number the factor is off")
		}
		w.signedIn(carol, cell2)
		off := pool.MFAPreference{SMS: &pool.FactorChange{}}
		w.must(w.Service.AdminSetMFAPreference(ctx, w.Admin(), w.pool, carol, off))
		if u := w.user(sub); u.MFA.SMS || len(u.MFA.Phones) != 1 {
			t.Errorf("switched off: %+v", u.MFA)
		}
	}, guardian)
}

// A user whom the Cognito wire texts has a telephone on the Auth0 wire, always the same.
func TestAuth0CognitoPhone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		tk := w.SignIn(w.client, alice, passw0rd)
		w.must(w.Service.SetMFAPreference(t.Context(), w.Caller(), tk.Access, pool.MFAPreference{SMS: &pool.FactorChange{Enabled: true}}))
		var ids []string
		for range 2 {
			m := w.owing(alice)
			list, err := w.Service.Authenticators(t.Context(), w.a0(), pool.MFABearer{Token: m.Token})
			w.must(err)
			if len(list) != 1 || !list[0].Active || list[0].Channel != "sms" {
				t.Fatalf("list: %+v", list)
			}
			ids = append(ids, list[0].ID)
			_, err = w.associate(m.Token, cell, "sms")
			w.want(err, fault.AlreadyEnrolled)
			w.second(m.Token, alice)
			w.Advance(time.Minute)
		}
		if ids[0] != ids[1] {
			t.Errorf("ids %v", ids)
		}
	}, optional)
}

// An e-mail address is a factor as well: the user's own, or one that its code proves.
func TestAuth0Email(t *testing.T) {
	byMail := func(p *pool.Config, _ *pool.ClientConfig) { p.MFASMS, p.MFATOTP, p.MFAEmail = false, false, true }
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, carol, passw0rd)
		m := w.owing(carol) // has it verified, which will do where one is required
		if !slices.Equal(m.Challenge, []string{"email"}) {
			t.Fatalf("owed %+v", m)
		}
		ch, err := w.challenge(m.Token)
		w.must(err)
		if code := w.Code(carol); len(code) != 6 || ch.Channel != "email" {
			t.Errorf("code %q, %+v", code, ch)
		}
		tk, err := w.oob(m.Token, ch.OOBCode, w.Code(carol))
		w.must(err)
		if tk.Access == "" {
			t.Error("no token")
		}
	}, guardian, byMail)
	each(t, func(t *testing.T, w *world) {
		const mail = "alice@example.com"
		sub := w.SignUp(w.client, "alice", passw0rd, pooltest.Phone(alice))
		access := w.manager("alice", "")
		enrol := func(to string) (*pool.AssociateResult, error) {
			return w.Service.Associate(t.Context(), w.a0(), pool.AssociateInput{MFABearer: pool.MFABearer{Token: access}, Types: []string{"oob"}, Channels: []string{"email"}, Email: to})
		}
		_, err := enrol("nonsense")
		w.want(err, fault.InvalidParameter)
		as, err := enrol(mail)
		w.must(err)
		if u := w.user(sub); u.Attributes["email"] != "" {
			t.Errorf("before its code: %v", u.Attributes)
		}
		tk, err := w.oob(access, as.OOBCode, w.Code(mail))
		w.must(err)
		if u := w.user(sub); !u.MFA.Email || u.Attributes["email"] != mail || u.Attributes["email_verified"] != "true" {
			t.Errorf("%+v %v", u.MFA, u.Attributes)
		}
		access = tk.Access
		_, err = enrol("other@example.com")
		w.want(err, fault.AlreadyEnrolled)
		ch, err := w.challenge(w.owing("alice").Token)
		w.must(err)
		if ch.Channel != "email" {
			t.Errorf("%+v", ch)
		}
	}, named, func(p *pool.Config, _ *pool.ClientConfig) { p.MFAEmail = true })
}

// The whole sign-in with a second factor, but for the hash of the password.
func BenchmarkAuth0SignIn(b *testing.B) {
	s := storetest.SQLite(b)
	limits := guard.Limits{SendsNumber: -1, SendsNetwork: -1, FactorSends: -1, SendsAccount: map[guard.Purpose]int{guard.SignIn: -1}}
	h := pooltest.New(b, s, func(o *pool.Options) { o.Limits = limits })
	cfg, ccfg := pooltest.PhonePool(), pooltest.AppClient()
	cfg.MFA = "ON"
	id := h.Client(h.Pool(cfg), ccfg)
	h.SignUp(id, alice, passw0rd)
	ctx, c, client := b.Context(), h.Caller(), pool.OAuthClient{ID: id}
	for b.Loop() {
		out, err := h.Service.PasswordGrant(ctx, c, pool.PasswordGrantInput{OAuthClient: client, Username: alice, Password: passw0rd})
		if err != nil {
			b.Fatal(err)
		}
		ch, err := h.Service.ChallengeMFA(ctx, c, pool.ChallengeInput{OAuthClient: client, Token: out.MFA.Token})
		if err != nil {
			b.Fatal(err)
		}
		if _, err = h.Service.RedeemOOB(ctx, c, pool.RedeemInput{OAuthClient: client, Token: out.MFA.Token, OOBCode: ch.OOBCode, Code: h.Code(alice)}); err != nil {
			b.Fatal(err)
		}
	}
}
