package pool_test

import (
	"strings"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
)

func (w *world) renew(token, scope string) (*pool.OAuthTokens, error) {
	return w.Service.RefreshGrant(w.t.Context(), w.a0(), pool.RefreshGrantInput{OAuthClient: w.oauth(), RefreshToken: token, Scope: scope})
}

// Tokens, handles and codes of one wire are nothing on the other.
func TestAuth0WiresApart(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.SignUp(w.client, alice, passw0rd)
		out, err := w.grant(alice, passw0rd, "openid", "offline_access", "phone")
		w.must(err)
		mine, theirs := out.Tokens, w.SignIn(w.client, alice, passw0rd)
		_, err = w.renew(theirs.Refresh, "")
		w.want(err, fault.RefreshTokenInvalid)
		_, err = w.Service.Refresh(ctx, w.Caller(), pool.RefreshInput{ClientAuth: w.auth(), RefreshToken: mine.Refresh})
		w.want(err, fault.RefreshTokenInvalid)
		for name, tk := range map[string]string{"access": mine.Access, "id": mine.ID} {
			if _, err := w.Service.User(ctx, w.Caller(), tk); fault.CodeOf(err) != fault.AccessTokenInvalid {
				t.Errorf("%s token of the Auth0 wire on Cognito's: %v", name, err)
			}
		}
		for name, tk := range map[string]string{"access": theirs.Access, "id": theirs.ID, "own id": mine.ID, "nonsense": "a.b.c"} {
			if _, err := w.Service.UserInfo(ctx, w.a0(), tk); fault.CodeOf(err) != fault.AccessTokenInvalid {
				t.Errorf("%s token at userinfo: %v", name, err)
			}
		}
		info, err := w.Service.UserInfo(ctx, w.a0(), mine.Access)
		w.must(err)
		if !strings.HasPrefix(info["sub"].(string), "auth0|") || info["phone_number"] != alice || info["phone_number_verified"] != true || info["email"] != nil {
			t.Errorf("userinfo %v", info)
		}
		w.must(w.Service.Revoke(ctx, w.Caller(), pool.ClientAuth{ClientID: w.client}, mine.Refresh))
		again, err := w.renew(mine.Refresh, "openid")
		w.must(err)
		if again.Scope != "openid" || again.Refresh != "" || again.ID == "" {
			t.Errorf("refreshed %+v", again)
		}
		_, err = w.renew(mine.Refresh, "openid email")
		w.want(err, fault.InvalidParameter)
		w.must(w.Service.RevokeGrant(ctx, w.a0(), w.oauth(), theirs.Refresh))
		_, err = w.Service.Refresh(ctx, w.Caller(), pool.RefreshInput{ClientAuth: w.auth(), RefreshToken: theirs.Refresh})
		w.must(err)
		w.must(w.Service.RevokeGrant(ctx, w.a0(), w.oauth(), mine.Refresh))
		_, err = w.renew(mine.Refresh, "")
		w.want(err, fault.RefreshTokenRevoked)
		_, err = w.Service.UserInfo(ctx, w.a0(), mine.Access)
		w.want(err, fault.AccessTokenRevoked)
		w.must(w.Service.RevokeGrant(ctx, w.a0(), w.oauth(), "nonsense"))
		w.happened(eventlog.TokenRefreshed, eventlog.TokenRevoked)
	})
}

// Handles are not exchanged: mfa_token, Session, oob_code and ticket, of this sign-in and others.
func TestAuth0SwappedHandles(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		sub, _ := w.enrolled(carol, cell)
		w.enrolled("dave@example.com", cell2)
		m, other, dave := w.owing(carol), w.owing(carol), w.owing("dave@example.com")
		ch, err := w.challenge(m.Token)
		w.must(err)
		code := w.Code(cell)
		session := w.Begin(w.client, carol, passw0rd)
		ticket, err := w.Service.EnrollmentTicket(ctx, w.Admin(), w.pool, sub, true)
		w.must(err)
		for name, tk := range map[string]string{"Session": session.Session, "oob_code": ch.OOBCode, "ticket": ticket, "nothing": "", "access": "a.b.c"} {
			for what, call := range map[string]func() error{
				"list":      func() error { _, err := w.Service.Authenticators(ctx, w.a0(), pool.MFABearer{Token: tk}); return err },
				"associate": func() error { _, err := w.associate(tk, cell2, "sms"); return err },
				"challenge": func() error { _, err := w.challenge(tk); return err },
				"oob":       func() error { _, err := w.oob(tk, ch.OOBCode, code); return err },
				"otp":       func() error { _, err := w.otp(tk, "123456"); return err },
				"recover":   func() error { _, err := w.recover(tk, "123456"); return err },
			} {
				if got := fault.CodeOf(call()); got != fault.MFATokenInvalid && got != fault.AccessTokenInvalid {
					t.Errorf("%s as mfa_token, %s: %q", name, what, got)
				}
			}
		}
		for name, tk := range map[string]string{"mfa_token": m.Token, "oob_code": ch.OOBCode, "ticket": ticket} {
			_, err := w.respond(w.Caller(), &pool.AuthResult{Challenge: "SMS_MFA", Session: tk}, carol, "SMS_MFA_CODE", code)
			if fault.CodeOf(err) != fault.SessionInvalid {
				t.Errorf("%s as Session: %v", name, err)
			}
		}
		for name, tk := range map[string]string{"other sign-in": other.Token, "other user": dave.Token} {
			if _, err := w.oob(tk, ch.OOBCode, code); fault.CodeOf(err) != fault.OOBCodeInvalid {
				t.Errorf("oob_code with the mfa_token of an%s: %v", name, err)
			}
		}
		for name, tk := range map[string]string{"mfa_token": m.Token, "Session": session.Session, "ticket": ticket} {
			if _, err := w.oob(m.Token, tk, code); fault.CodeOf(err) != fault.OOBCodeInvalid {
				t.Errorf("%s as oob_code: %v", name, err)
			}
			if _, err := w.Service.TicketConfirm(ctx, w.a0(), ticket, tk, code); fault.CodeOf(err) != fault.OOBCodeInvalid {
				t.Errorf("%s as oob_code of a ticket: %v", name, err)
			}
		}
		_, err = w.Service.TicketConfirm(ctx, w.a0(), m.Token, ch.OOBCode, code)
		w.want(err, fault.ResourceNotFound)
		_, err = w.respond(w.Caller(), session, carol, "SMS_MFA_CODE", code)
		w.want(err, fault.ChallengeCodeMismatch) // a code of the other wire
		_, err = w.oob(m.Token, ch.OOBCode, code)
		w.must(err)
	}, guardian)
}

// A pool's handles, tokens and clients are nothing at the base URL of another.
func TestAuth0PoolsApart(t *testing.T) {
	eachWith(t, func(o *pool.Options) {
		o.BaseURLs = func(id string) []string {
			if strings.HasSuffix(id, "test1") {
				return []string{base, "https://localhost:7447/"}
			}
			return []string{"http://other.localhost:7446"}
		}
	}, func(t *testing.T, w *world) {
		w.SignUp(w.client, carol, passw0rd)
		m := w.owing(carol)
		foreign := w.a0()
		foreign.BaseURL = "http://other.localhost:7446"
		_, err := w.Service.PasswordGrant(t.Context(), foreign, pool.PasswordGrantInput{OAuthClient: w.oauth(), Username: carol, Password: passw0rd})
		w.want(err, fault.ClientNotFound)
		_, err = w.Service.Authenticators(t.Context(), foreign, pool.MFABearer{Token: m.Token})
		w.want(err, fault.MFATokenInvalid)
		as, err := w.associate(m.Token, cell, "sms")
		w.must(err)
		secure := w.a0()
		secure.BaseURL = "https://localhost:7447"
		tk, err := w.Service.RedeemOOB(t.Context(), secure, pool.RedeemInput{OAuthClient: w.oauth(), Token: m.Token, OOBCode: as.OOBCode, Code: w.Code(cell)})
		w.must(err)
		if c := claimsOf(t, tk.Access); c["iss"] != "https://localhost:7447/" {
			t.Errorf("issuer %v", c["iss"])
		}
		_, err = w.Service.UserInfo(t.Context(), w.a0(), tk.Access)
		w.must(err) // the pool's other base URL
		_, err = w.Service.UserInfo(t.Context(), foreign, tk.Access)
		w.want(err, fault.AccessTokenInvalid)
	}, guardian)
}

// Grants, secrets, audiences and scopes are the client's.
func TestAuth0Clients(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.SignUp(w.client, alice, passw0rd)
		ask := func(client pool.OAuthClient, audience, scope string) (*pool.OAuthResult, error) {
			return w.Service.PasswordGrant(ctx, w.a0(), pool.PasswordGrantInput{OAuthClient: client, Username: alice, Password: passw0rd, Asked: pool.Asked{Audience: audience, Scope: scope}})
		}
		cfg := pooltest.AppClient()
		cfg.Audiences, cfg.Scopes = []string{"https://api/"}, []string{"read:things"}
		api := w.Client(w.pool, cfg, "s3cret")
		right, wrong := "s3cret", "other"
		for _, s := range []*string{nil, &wrong} {
			_, err := ask(pool.OAuthClient{ID: api, Secret: s}, "", "")
			w.want(err, fault.ClientSecretWrong)
		}
		out, err := ask(pool.OAuthClient{ID: api, Secret: &right}, "https://api/", "openid read:things write:things enroll")
		w.must(err)
		c := claimsOf(t, out.Tokens.Access)
		if aud, ok := c["aud"].([]any); !ok || len(aud) != 2 || aud[0] != "https://api/" || c["scope"] != "openid read:things" {
			t.Errorf("access token %v", c)
		}
		_, err = w.Service.Authenticators(ctx, w.a0(), pool.MFABearer{Token: out.Tokens.Access})
		w.want(err, fault.AccessTokenInvalid)
		for _, aud := range []string{"https://api", base + "/api/v2/", "https://evil/mfa/"} {
			_, err = ask(pool.OAuthClient{ID: api, Secret: &right}, aud, "")
			w.want(err, fault.AccessDenied)
		}
		cfg = pooltest.AppClient()
		cfg.Grants = []string{"refresh_token"}
		_, err = ask(pool.OAuthClient{ID: w.Client(w.pool, cfg)}, "", "")
		w.want(err, fault.GrantNotAllowed)
		cfg.Grants = []string{"password"}
		bare := pool.OAuthClient{ID: w.Client(w.pool, cfg)}
		out, err = ask(bare, "", "openid offline_access")
		w.must(err)
		if out.Tokens.Refresh != "" || out.Tokens.Scope != "openid" {
			t.Errorf("a refresh token without its grant: %+v", out.Tokens)
		}
		cfg.Grants, cfg.Flows = nil, []string{"ALLOW_USER_SRP_AUTH"}
		_, err = ask(pool.OAuthClient{ID: w.Client(w.pool, cfg)}, "", "")
		w.want(err, fault.GrantNotAllowed)
		_, err = ask(pool.OAuthClient{ID: "nobody"}, "", "")
		w.want(err, fault.ClientNotFound)
		_, err = w.Service.PasswordGrant(ctx, w.a0(), pool.PasswordGrantInput{OAuthClient: w.oauth(), Username: alice, Password: passw0rd, Realm: "nowhere"})
		w.want(err, fault.InvalidParameter)
		_, err = w.Service.PasswordGrant(ctx, w.a0(), pool.PasswordGrantInput{OAuthClient: w.oauth(), Username: alice, Password: passw0rd, Realm: pool.DatabaseConnection})
		w.must(err)
	})
}

// CVE-2026-55672: an mfa_token, its codes and refresh tokens are good on the client alone that they were issued to.
func TestAdvisory_CVE_2026_55672_Auth0(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.enrolled(carol, cell)
		second := w.Client(w.pool, pooltest.AppClient())
		m := w.owing(carol, "offline_access")
		ch, err := w.challenge(m.Token)
		w.must(err)
		code := w.Code(cell)
		_, err = w.challenge(m.Token, func(in *pool.ChallengeInput) { in.ID = second })
		w.want(err, fault.MFATokenInvalid)
		_, err = w.Service.RedeemOOB(ctx, w.a0(), pool.RedeemInput{OAuthClient: pool.OAuthClient{ID: second}, Token: m.Token, OOBCode: ch.OOBCode, Code: code})
		w.want(err, fault.MFATokenInvalid)
		tk, err := w.oob(m.Token, ch.OOBCode, code)
		w.must(err)
		_, err = w.Service.RefreshGrant(ctx, w.a0(), pool.RefreshGrantInput{OAuthClient: pool.OAuthClient{ID: second}, RefreshToken: tk.Refresh})
		w.want(err, fault.RefreshTokenInvalid)
		w.must(w.Service.RevokeGrant(ctx, w.a0(), pool.OAuthClient{ID: second}, tk.Refresh))
		_, err = w.renew(tk.Refresh, "")
		w.must(err)
	}, guardian)
}

// A refresh token is replaced at each use where the client rotates; an old one ends the session.
func TestAuth0Rotation(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		out, err := w.grant(alice, passw0rd, "offline_access")
		w.must(err)
		first := out.Tokens.Refresh
		next, err := w.renew(first, "")
		w.must(err)
		if next.Refresh == "" || next.Refresh == first {
			t.Fatalf("%+v", next)
		}
		retry, err := w.renew(first, "")
		w.must(err)
		if retry.Refresh != next.Refresh {
			t.Error("a retry within the grace got another successor")
		}
		w.Advance(time.Minute)
		_, err = w.renew(first, "")
		w.want(err, fault.RefreshTokenReused)
		_, err = w.renew(next.Refresh, "")
		w.want(err, fault.RefreshTokenRevoked)
	}, func(_ *pool.Config, c *pool.ClientConfig) { c.Rotation, c.Grace = true, 30*time.Second })
}

// Known and unknown names are answered alike, whatever the client says, and cost the same counters.
func TestAuth0HidesExistence(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		for _, name := range []string{alice, "+12025550155", "nobody"} {
			var got []fault.Code
			for range 7 {
				_, err := w.grant(name, "Wr0ng-Horse!")
				got = append(got, fault.CodeOf(err))
			}
			for i, code := range got {
				want := fault.WrongCredentials
				if i >= 5 {
					want = fault.PasswordLocked
				}
				if code != want {
					t.Errorf("%s, try %d: %s", name, i+1, code)
				}
			}
		}
		_, err := w.password(w.Caller(), alice, passw0rd)
		w.want(err, fault.PasswordLocked) // one counter for both wires
	})
}

// CVE-2026-9798, keycloak#26177: a lock, a block or a reset between two steps counts at the next.
func TestAdvisory_CVE_2026_9798_Auth0(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.enrolled(carol, cell)
		steps := map[string]func(token, oob, code string) error{
			"challenge": func(token, _, _ string) error { _, err := w.challenge(token); return err },
			"oob":       func(token, oob, code string) error { _, err := w.oob(token, oob, code); return err },
			"list": func(token, _, _ string) error {
				_, err := w.Service.Authenticators(ctx, w.a0(), pool.MFABearer{Token: token})
				return err
			},
		}
		for what, do := range map[string]func() error{
			"disable":  func() error { return w.Service.AdminDisable(ctx, w.Admin(), w.pool, carol) },
			"sign out": func() error { return w.Service.AdminSignOut(ctx, w.Admin(), w.pool, carol) },
			"password": func() error { return w.Service.AdminSetPassword(ctx, w.Admin(), w.pool, carol, passw0rd, true) },
		} {
			for name, step := range steps {
				m := w.owing(carol)
				ch, err := w.challenge(m.Token)
				w.must(err)
				code := w.Code(cell)
				w.must(do())
				if err := step(m.Token, ch.OOBCode, code); err == nil {
					t.Errorf("%s, then %s", what, name)
				}
				w.must(w.Service.AdminEnable(ctx, w.Admin(), w.pool, carol))
				w.Advance(3 * time.Hour)
			}
		}
	}, guardian)
}

// CVE-2025-64103, better-auth and others: what was got with a password alone gives nothing but the second factor.
func TestAdvisory_CVE_2025_64103_Auth0(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.enrolled(carol, cell)
		w.Reconfigure(w.pool, func(c *pool.Config) { c.MFA = "OPTIONAL" })
		m := w.owing(carol, "openid", "offline_access")
		_, err := w.Service.UserInfo(ctx, w.a0(), m.Token)
		w.want(err, fault.AccessTokenInvalid)
		_, err = w.renew(m.Token, "")
		w.want(err, fault.RefreshTokenInvalid)
		_, err = w.associate(m.Token, cell2, "sms")
		w.want(err, fault.AlreadyEnrolled)
		w.want(w.Service.DeleteAuthenticator(ctx, w.a0(), pool.MFABearer{Token: m.Token}, "sms|dev_x"), fault.AccessTokenScope)
	}, guardian)
}

// supabase/auth: factor calls without a level check. A session that began without a factor changes none once the user has one.
func TestAdvisory_supabase_auth_levels_Auth0(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		sub := w.SignUp(w.client, carol, passw0rd)
		old := w.manager(carol, cell)
		as, err := w.associate(old, cell, "sms")
		w.must(err)
		tk, err := w.oob(old, as.OOBCode, w.Code(cell))
		w.must(err)
		list, err := w.Service.Authenticators(ctx, w.a0(), pool.MFABearer{Token: old})
		w.must(err)
		w.want(w.Service.DeleteAuthenticator(ctx, w.a0(), pool.MFABearer{Token: old}, list[0].ID), fault.AccessDenied)
		_, err = w.associate(old, cell2, "sms")
		w.want(err, fault.AccessDenied)
		if u := w.user(sub); len(u.MFA.Phones) != 1 {
			t.Errorf("%+v", u.MFA)
		}
		w.must(w.Service.DeleteAuthenticator(ctx, w.a0(), pool.MFABearer{Token: tk.Access}, list[0].ID))
	}, guardian, optional)
}

// CVE-2025-46815, casdoor#768: mfa_tokens, oob_codes and codes are good once, also in parallel.
func TestAdvisory_CVE_2025_46815_Auth0(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.enrolled(carol, cell)
		m := w.owing(carol)
		ch, err := w.challenge(m.Token)
		w.must(err)
		code := w.Code(cell)
		results := make(chan error)
		for range 20 {
			go func() {
				_, err := w.oob(m.Token, ch.OOBCode, code)
				results <- err
			}()
		}
		won := 0
		for range 20 {
			switch err := <-results; fault.CodeOf(err) {
			case "":
				won++
			case fault.MFATokenInvalid, fault.OOBCodeInvalid, fault.ChallengeCodeMismatch, fault.AttemptLimit, fault.ConcurrentModification:
			default:
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d of 20 got tokens", won)
		}
	}, guardian)
}

// CVE-2025-3910 and keycloak-2fa-email-authenticator#103: no factor is active before its own right code, and none is skipped.
func TestAdvisory_CVE_2025_3910_Auth0(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sub := w.SignUp(w.client, carol, passw0rd)
		thief, owner := w.owing(carol), w.owing(carol)
		stolen, err := w.associate(thief.Token, cell2, "sms")
		w.must(err)
		_, err = w.recover(thief.Token, stolen.RecoveryCodes[0])
		w.want(err, fault.RecoveryCodeWrong)
		as, err := w.associate(owner.Token, cell, "sms")
		w.must(err)
		_, err = w.oob(owner.Token, as.OOBCode, w.Code(cell))
		w.must(err)
		// The set-up that was begun before the owner enrolled stands beside nothing now, and its recovery code is nothing.
		_, err = w.oob(thief.Token, stolen.OOBCode, w.Code(cell2))
		w.want(err, fault.AlreadyEnrolled)
		_, err = w.recover(thief.Token, stolen.RecoveryCodes[0])
		w.want(err, fault.RecoveryCodeWrong)
		if u := w.user(sub); u.Attributes["phone_number"] != cell {
			t.Errorf("%v", u.Attributes)
		}
	}, guardian)
}

// CVE-2026-33315: a second factor of one wire is not skipped by the other.
func TestAdvisory_CVE_2026_33315(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		// MFA is ON and the Cognito wire would text phone_number: the Auth0 wire lets nobody enrol another number instead.
		m := w.owing(alice)
		if len(m.Enroll) != 0 {
			t.Errorf("owed %+v", m)
		}
		_, err := w.associate(m.Token, cell, "sms")
		w.want(err, fault.AlreadyEnrolled)
		if tk := w.second(m.Token, alice); tk.Access == "" {
			t.Error("no token")
		}
	}, mfaOn)
}

// CVE-2025-64175: a recovery code is its user's.
func TestAdvisory_CVE_2025_64175(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, code := w.enrolled(carol, cell)
		w.enrolled("dave@example.com", cell2)
		_, err := w.recover(w.owing("dave@example.com").Token, code)
		w.want(err, fault.RecoveryCodeWrong)
	}, guardian)
}

// A recovery code is guessed ten times an hour at most, which locks nothing else.
func TestAuth0RecoveryLimit(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, code := w.enrolled(carol, cell)
		judged := 0
		for range 60 {
			_, err := w.recover(w.owing(carol).Token, "AAAAAAAAAAAAAAAAAAAAAAAA")
			if fault.CodeOf(err) == fault.RecoveryCodeWrong {
				judged++
			}
			w.Advance(30 * time.Second)
		}
		if judged > 15 {
			t.Errorf("%d wrong recovery codes were judged in half an hour", judged)
		}
		w.happened(eventlog.RecoveryRate)
		w.signedIn(carol, cell)
		w.Advance(time.Hour)
		_, err := w.recover(w.owing(carol).Token, code)
		w.must(err)
	}, guardian)
}

// supabase/auth#2430: two users enrol the same number; each code works in its own session alone.
func TestAdvisory_supabase_auth_2430_Auth0(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, carol, passw0rd)
		w.SignUp(w.client, "dave@example.com", passw0rd)
		a, b := w.owing(carol), w.owing("dave@example.com")
		first, err := w.associate(a.Token, cell, "sms")
		w.must(err)
		codeA := w.Code(cell)
		second, err := w.associate(b.Token, cell, "sms")
		w.must(err)
		codeB := w.Code(cell)
		if codeA != codeB {
			_, err = w.oob(a.Token, first.OOBCode, codeB)
			w.want(err, fault.ChallengeCodeMismatch)
		}
		_, err = w.oob(b.Token, second.OOBCode, codeB)
		w.must(err)
		_, err = w.oob(a.Token, first.OOBCode, codeA)
		w.must(err)
	}, guardian)
}

// CVE-2026-9097: a refresh token brings nothing that was taken from its client since.
func TestAdvisory_CVE_2026_9097_refresh(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.SignUp(w.client, alice, passw0rd)
		cfg := pooltest.AppClient()
		cfg.Audiences, cfg.Scopes = []string{"https://api/"}, []string{"read:things", "write:things"}
		w.client = w.Client(w.pool, cfg)
		out, err := w.Service.PasswordGrant(ctx, w.a0(), pool.PasswordGrantInput{OAuthClient: w.oauth(), Username: alice, Password: passw0rd,
			Asked: pool.Asked{Audience: "https://api/", Scope: "offline_access read:things write:things"}})
		w.must(err)
		change := func(f func(*pool.ClientConfig)) {
			t.Helper()
			_, err := w.Service.UpdateClient(ctx, w.Admin(), w.pool, w.client, func(c *pool.Client) error { f(&c.Config); return nil })
			w.must(err)
		}
		change(func(c *pool.ClientConfig) { c.Scopes = []string{"read:things"} })
		tk, err := w.renew(out.Tokens.Refresh, "")
		w.must(err)
		if tk.Scope != "offline_access read:things" {
			t.Errorf("scope %q", tk.Scope)
		}
		change(func(c *pool.ClientConfig) { c.Audiences = nil })
		_, err = w.renew(out.Tokens.Refresh, "")
		w.want(err, fault.AccessDenied)
	})
}
