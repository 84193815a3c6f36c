package pool_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/internal/totp"
)

// The names of these tests are the identifiers of advisories about comparable servers; each states what went wrong there.

const (
	alice    = "+12025550100"
	bob      = "+12025550101"
	passw0rd = "Corr3ct-Horse!"
)

// world is a harness with one pool and one client.
type world struct {
	*pooltest.Harness
	t      *testing.T
	pool   string
	client string
}

func each(t *testing.T, f func(*testing.T, *world), change ...func(*pool.Config, *pool.ClientConfig)) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := &world{Harness: pooltest.New(t, s), t: t}
		cfg, ccfg := pooltest.PhonePool(), pooltest.AppClient()
		for _, c := range change {
			c(&cfg, &ccfg)
		}
		w.pool = w.Pool(cfg)
		w.client = w.Client(w.pool, ccfg)
		f(t, w)
	})
}

func hidden(_ *pool.Config, c *pool.ClientConfig) { c.HideExistence = true }
func userAuth(p *pool.Config, c *pool.ClientConfig) {
	c.Flows = append(c.Flows, "ALLOW_USER_AUTH")
	p.FirstFactors = []string{"PASSWORD", "SMS_OTP", "EMAIL_OTP"}
}
func mfaOn(p *pool.Config, _ *pool.ClientConfig) { p.MFA = "ON" }

func (w *world) auth() pool.ClientAuth { return pool.ClientAuth{ClientID: w.client} }

func (w *world) from(ip string) pool.Caller {
	c := w.Caller()
	c.IP = netip.MustParseAddr(ip)
	return c
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) want(err error, codes ...fault.Code) {
	w.t.Helper()
	for _, c := range codes {
		if fault.CodeOf(err) == c {
			return
		}
	}
	w.t.Fatalf("got %v, want %v", err, codes)
}

func (w *world) forgot(c pool.Caller, name string) error {
	_, err := w.Service.ForgotPassword(w.t.Context(), c, pool.NameInput{ClientAuth: w.auth(), Username: name})
	return err
}

func (w *world) confirmForgot(c pool.Caller, name, code string) error {
	return w.Service.ConfirmForgotPassword(w.t.Context(), c, pool.ConfirmForgotPasswordInput{ClientAuth: w.auth(), Username: name, Code: code, Password: "An0ther-Horse!"})
}

func (w *world) begin(c pool.Caller, flow string, params ...string) (*pool.AuthResult, error) {
	p := map[string]string{}
	for i := 0; i < len(params); i += 2 {
		p[params[i]] = params[i+1]
	}
	return w.Service.InitiateAuth(w.t.Context(), c, pool.AuthInput{ClientID: w.client, Flow: flow, Params: p})
}

func (w *world) password(c pool.Caller, name, pw string) (*pool.AuthResult, error) {
	return w.begin(c, "USER_PASSWORD_AUTH", "USERNAME", name, "PASSWORD", pw)
}

func (w *world) respond(c pool.Caller, ch *pool.AuthResult, name string, answers ...string) (*pool.AuthResult, error) {
	r := map[string]string{"USERNAME": name}
	for i := 0; i < len(answers); i += 2 {
		r[answers[i]] = answers[i+1]
	}
	return w.Service.Respond(w.t.Context(), c, pool.RespondInput{ClientID: w.client, Challenge: ch.Challenge, Session: ch.Session, Responses: r})
}

func (w *world) enableSMS(name string) {
	w.t.Helper()
	tk := w.SignIn(w.client, name, passw0rd)
	w.must(w.Service.SetMFAPreference(w.t.Context(), w.Caller(), tk.Access, pool.MFAPreference{SMS: &pool.FactorChange{Enabled: true, Preferred: true}}))
}

// guess tries wrong codes until the answer is something else than "wrong code", and returns how many were judged.
func guess(most int, try func() error, wrong ...fault.Code) (judged int, last error) {
	for judged < most {
		last = try()
		ok := false
		for _, c := range wrong {
			ok = ok || fault.CodeOf(last) == c
		}
		if !ok {
			return judged, last
		}
		judged++
	}
	return judged, last
}

// Zitadel had no lock-out for SMS, mail and TOTP codes, and a newer API without it: here every call that takes a code stops after
// five.
func TestAdvisory_CVE_2024_32868_CVE_2025_64102(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.Caller()
		stop := func(name string, try func() error, wrong ...fault.Code) {
			t.Helper()
			n, err := guess(50, try, wrong...)
			if n == 0 || n > 5 {
				t.Errorf("%s: %d wrong codes were judged, then %v", name, n, err)
			}
			w.Advance(time.Hour)
		}
		_, err := w.Service.SignUp(ctx, c, pool.SignUpInput{ClientAuth: w.auth(), Username: bob, Password: passw0rd})
		w.must(err)
		stop("ConfirmSignUp", func() error {
			_, err := w.Service.ConfirmSignUp(ctx, c, pool.ConfirmSignUpInput{ClientAuth: w.auth(), Username: bob, Code: pooltest.Wrong(w.Code(bob))})
			return err
		}, fault.CodeMismatch)

		w.SignUp(w.client, alice, passw0rd, pooltest.Email("a@example.com"))
		w.must(w.forgot(c, alice))
		stop("ConfirmForgotPassword", func() error { return w.confirmForgot(c, alice, pooltest.Wrong(w.Code(alice))) }, fault.CodeMismatch)

		tk := w.SignIn(w.client, alice, passw0rd)
		_, err = w.Service.SendAttributeCode(ctx, c, tk.Access, "email")
		w.must(err)
		stop("VerifyUserAttribute", func() error {
			return w.Service.VerifyAttribute(ctx, c, tk.Access, "email", pooltest.Wrong(w.Code("a@example.com")))
		}, fault.CodeMismatch)

		tk = w.SignIn(w.client, alice, passw0rd)
		as, err := w.Service.AssociateTOTP(ctx, c, tk.Access, "")
		w.must(err)
		stop("VerifySoftwareToken", func() error {
			right, _ := totp.Code(as.SecretCode, w.Now())
			_, err := w.Service.VerifyTOTP(ctx, c, tk.Access, "", pooltest.Wrong(right))
			return err
		}, fault.TotpMismatch)

		otp, err := w.begin(c, "USER_AUTH", "USERNAME", alice, "PREFERRED_CHALLENGE", "SMS_OTP")
		w.must(err)
		stop("SMS_OTP", func() error {
			_, err := w.respond(c, otp, alice, "SMS_OTP_CODE", pooltest.Wrong(w.Code(alice)))
			return err
		}, fault.ChallengeCodeMismatch)

		w.enableSMS(alice)
		mfa := w.Begin(w.client, alice, passw0rd)
		stop("SMS_MFA", func() error {
			_, err := w.respond(c, mfa, alice, "SMS_MFA_CODE", pooltest.Wrong(w.Code(alice)))
			return err
		}, fault.ChallengeCodeMismatch)
	}, userAuth, func(p *pool.Config, _ *pool.ClientConfig) { p.AutoVerified = []string{"phone_number"} })
}

// Zitadel took a session with one factor for a full one where MFA was the user's choice: here the handle of an unfinished sign-in is good for
// its own answer and nothing else.
func TestAdvisory_CVE_2025_64103(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		w.enableSMS(alice)
		ch := w.Begin(w.client, alice, passw0rd)
		if ch.Tokens != nil || ch.Challenge != "SMS_MFA" {
			t.Fatalf("got %+v", ch)
		}
		ctx, c := t.Context(), w.Caller()
		_, err := w.Service.User(ctx, c, ch.Session)
		w.want(err, fault.AccessTokenInvalid)
		w.want(w.Service.ChangePassword(ctx, c, ch.Session, passw0rd, "An0ther-Horse!"), fault.AccessTokenInvalid)
		_, err = w.Service.Refresh(ctx, c, pool.RefreshInput{ClientAuth: w.auth(), RefreshToken: ch.Session})
		w.want(err, fault.RefreshTokenInvalid)
		_, err = w.Service.InitiateAuth(ctx, c, pool.AuthInput{ClientID: w.client, Flow: "USER_AUTH", Params: map[string]string{"USERNAME": alice}, Session: ch.Session})
		w.want(err, fault.SessionInvalid)
		_, err = w.Service.AssociateTOTP(ctx, c, "", ch.Session)
		w.want(err, fault.SessionInvalid)
		for _, kind := range []string{"SELECT_MFA_TYPE", "MFA_SETUP", "NEW_PASSWORD_REQUIRED", "SMS_OTP", "SOFTWARE_TOKEN_MFA", "EMAIL_OTP", "SELECT_CHALLENGE"} {
			other := *ch
			other.Challenge = kind
			_, err = w.respond(c, &other, alice, "ANSWER", "SMS_MFA", "NEW_PASSWORD", "An0ther-Horse!", "SMS_OTP_CODE", w.Code(alice),
				"SOFTWARE_TOKEN_MFA_CODE", "000000", "EMAIL_OTP_CODE", w.Code(alice))
			w.want(err, fault.SessionInvalid)
		}
		out, err := w.respond(c, ch, alice, "SMS_MFA_CODE", w.Code(alice))
		w.must(err)
		if out.Tokens == nil {
			t.Fatal("the right answer gave no tokens")
		}
	}, userAuth)
}

// Kratos ignored a code as second factor: for each mix of factors, tokens come after the last one and never before.
func TestAdvisory_CVE_2024_45042(t *testing.T) {
	for _, mode := range []string{"OFF", "OPTIONAL", "ON"} {
		for _, enrolled := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s enrolled=%v", mode, enrolled), func(t *testing.T) {
				each(t, func(t *testing.T, w *world) {
					w.SignUp(w.client, alice, passw0rd)
					if enrolled {
						w.enableSMS(alice)
					}
					w.Reconfigure(w.pool, func(p *pool.Config) { p.MFA = mode })
					out := w.Begin(w.client, alice, passw0rd)
					owed := mode == "ON" || (mode == "OPTIONAL" && enrolled)
					if owed != (out.Challenge == "SMS_MFA") || owed == (out.Tokens != nil) {
						t.Fatalf("got challenge %q, tokens %v", out.Challenge, out.Tokens != nil)
					}
				})
			})
		}
	}
}

// Zitadel's one-time results were usable repeatedly; Casdoor's, Gitea's codes and Gogs' too: every handle and code works once.
func TestAdvisory_CVE_2025_46815_CVE_2021_45331_casdoor_768(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.Caller()
		w.SignUp(w.client, alice, passw0rd)
		w.enableSMS(alice)
		ch := w.Begin(w.client, alice, passw0rd)
		code := w.Code(alice)
		_, err := w.respond(c, ch, alice, "SMS_MFA_CODE", code)
		w.must(err)
		_, err = w.respond(c, ch, alice, "SMS_MFA_CODE", code)
		w.want(err, fault.SessionUsed)
		again := w.Begin(w.client, alice, passw0rd)
		if w.Code(alice) != code {
			_, err = w.respond(c, again, alice, "SMS_MFA_CODE", code)
			w.want(err, fault.ChallengeCodeMismatch)
		}
		w.must(w.forgot(c, alice))
		code = w.Code(alice)
		w.must(w.confirmForgot(c, alice, code))
		w.want(w.confirmForgot(c, alice, code), fault.CodeExpired)
	})
}

// Kratos kept a session id across MFA: each step has a handle of its own, and none is taken from the caller.
func TestAdvisory_CVE_2024_28197(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		w.enableSMS(alice)
		c := w.Caller()
		first, err := w.begin(c, "USER_AUTH", "USERNAME", alice)
		w.must(err)
		second, err := w.respond(c, first, alice, "ANSWER", "PASSWORD", "PASSWORD", passw0rd)
		w.must(err)
		if second.Challenge != "SMS_MFA" || second.Session == first.Session || second.Session == "" {
			t.Fatalf("got %+v", second)
		}
		_, err = w.respond(c, first, alice, "ANSWER", "PASSWORD", "PASSWORD", passw0rd)
		w.want(err, fault.SessionUsed)
	}, userAuth)
}

// Zitadel let users set "phone verified" on themselves, by three paths.
func TestAdvisory_CVE_2026_27946_CVE_2026_54693(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.Caller()
		for _, name := range []string{"phone_number_verified", "email_verified", "sub"} {
			attr := pool.Attr{Name: name, Value: "true"}
			_, err := w.Service.SignUp(ctx, c, pool.SignUpInput{ClientAuth: w.auth(), Username: bob, Password: passw0rd, Attributes: []pool.Attr{attr}})
			w.want(err, fault.AttributeNotWritable)
		}
		w.SignUp(w.client, alice, passw0rd)
		tk := w.SignIn(w.client, alice, passw0rd)
		_, err := w.Service.UpdateAttributes(ctx, c, tk.Access, []pool.Attr{{Name: "phone_number_verified", Value: "true"}})
		w.want(err, fault.AttributeNotWritable)
		w.want(w.Service.DeleteAttributes(ctx, c, tk.Access, []string{"phone_number_verified"}), fault.AttributeNotWritable)
		_, err = w.Service.UpdateAttributes(ctx, c, tk.Access, []pool.Attr{pooltest.Phone(bob)})
		w.must(err)
		v, err := w.Service.User(ctx, c, tk.Access)
		w.must(err)
		if a := attrs(v); a["phone_number"] != bob || a["phone_number_verified"] != "false" {
			t.Fatalf("a new number is %v", a)
		}
	})
}

func attrs(v *pool.UserView) map[string]string {
	out := map[string]string{}
	for _, a := range v.Attributes {
		out[a.Name] = a.Value
	}
	return out
}

// Zitadel checked a policy in its pages only: self sign-up switched off is off on the API.
func TestAdvisory_GHSA_25rw_g6ff_fmg8(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, err := w.Service.SignUp(t.Context(), w.Caller(), pool.SignUpInput{ClientAuth: w.auth(), Username: alice, Password: passw0rd})
		w.want(err, fault.SignUpForbidden)
	}, func(p *pool.Config, _ *pool.ClientConfig) { p.AdminCreateOnly = true })
}

// Zitadel did not bind codes and refresh tokens to their client.
func TestAdvisory_CVE_2026_55672(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.Caller()
		other := &world{Harness: w.Harness, t: t, pool: w.pool, client: w.Client(w.pool, pooltest.AppClient())}
		w.SignUp(w.client, alice, passw0rd)
		w.must(w.forgot(c, alice))
		other.want(other.confirmForgot(c, alice, w.Code(alice)), fault.CodeExpired)
		tk := w.SignIn(w.client, alice, passw0rd)
		_, err := w.Service.Refresh(ctx, c, pool.RefreshInput{ClientAuth: other.auth(), RefreshToken: tk.Refresh})
		w.want(err, fault.RefreshTokenInvalid)
		w.enableSMS(alice)
		ch := w.Begin(w.client, alice, passw0rd)
		_, err = other.respond(c, ch, alice, "SMS_MFA_CODE", w.Code(alice))
		w.want(err, fault.SessionInvalid)
		auth0 := c
		auth0.Wire = "auth0"
		_, err = w.respond(auth0, ch, alice, "SMS_MFA_CODE", w.Code(alice))
		w.want(err, fault.SessionInvalid)
	})
}

// Casdoor's token exchange took dead and foreign tokens.
func TestAdvisory_CVE_2026_9097_CVE_2026_9094(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.Caller()
		w.SignUp(w.client, alice, passw0rd)
		tk := w.SignIn(w.client, alice, passw0rd)
		foreign := &world{Harness: w.Harness, t: t, pool: w.Pool(pooltest.PhonePool())}
		foreign.client = w.Client(foreign.pool, pooltest.AppClient())
		_, err := w.Service.Refresh(ctx, c, pool.RefreshInput{ClientAuth: foreign.auth(), RefreshToken: tk.Refresh})
		w.want(err, fault.RefreshTokenInvalid)
		_, err = w.Service.User(ctx, c, tk.ID)
		w.want(err, fault.AccessTokenInvalid)
		w.must(w.Service.Revoke(ctx, c, w.auth(), tk.Refresh))
		_, err = w.Service.User(ctx, c, tk.Access)
		w.want(err, fault.AccessTokenRevoked)
		_, err = w.Service.Refresh(ctx, c, pool.RefreshInput{ClientAuth: w.auth(), RefreshToken: tk.Refresh})
		w.want(err, fault.RefreshTokenRevoked)
		tk = w.SignIn(w.client, alice, passw0rd)
		w.Advance(31 * 24 * time.Hour)
		_, err = w.Service.Refresh(ctx, c, pool.RefreshInput{ClientAuth: w.auth(), RefreshToken: tk.Refresh})
		w.want(err, fault.RefreshTokenExpired)
		_, err = w.Service.User(ctx, c, tk.Access)
		w.want(err, fault.AccessTokenExpired)
	})
}

// Kratos allowed five tries per flow and any number of flows: what counts is the account. The owner's own network stays open.
func TestAdvisory_kratos_4606_GHSA_cq42_vhv7_xr7p(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		w.SignIn(w.client, alice, passw0rd) // makes the owner's network known
		judged := 0
		for i := range 3000 {
			stranger := w.from(fmt.Sprintf("198.51.%d.%d", i/250, i%250+1))
			_, err := w.password(stranger, alice, "Wr0ng-Horse!")
			switch fault.CodeOf(err) {
			case fault.WrongCredentials:
				judged++
			case fault.PasswordLocked:
				w.Advance(15 * time.Minute)
			default:
				t.Fatal(err)
			}
			if i > 400 && judged >= 80 {
				break
			}
		}
		if judged == 0 || judged > 80 {
			t.Errorf("strangers had %d guesses judged, want at most 80", judged)
		}
		if out := w.Begin(w.client, alice, passw0rd); out.Tokens == nil {
			t.Error("the owner, on a known network, is locked out")
		}
	})
}

// One password sprayed over many accounts is capped by the network it comes from.
func TestAdvisory_kratos_4606_spraying(t *testing.T) {
	const limit = 20
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := &world{Harness: pooltest.New(t, s, func(o *pool.Options) { o.Limits.FailuresNetwork = limit }), t: t}
		cfg, ccfg := pooltest.PhonePool(), pooltest.AppClient()
		ccfg.HideExistence = true
		w.pool = w.Pool(cfg)
		w.client = w.Client(w.pool, ccfg)
		for i := range limit + 1 {
			_, err := w.password(w.from("198.51.100.9"), fmt.Sprintf("+1202555%04d", i), "Wr0ng-Horse!")
			if i < limit {
				w.want(err, fault.WrongCredentials)
			} else {
				w.want(err, fault.AttemptLimit)
			}
		}
		_, err := w.password(w.from("198.51.100.10"), alice, "Wr0ng-Horse!")
		w.want(err, fault.WrongCredentials)
	})
}

// Keycloak's reset flow could be walked without its mail step, and resets elsewhere dropped the second factor.
func TestAdvisory_CVE_2026_18963(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.Caller()
		w.SignUp(w.client, alice, passw0rd)
		w.enableSMS(alice)
		for _, code := range []string{"", "000000", strings.Repeat("0", 2048), "null"} {
			w.want(w.confirmForgot(c, alice, code), fault.CodeExpired)
		}
		w.Advance(time.Hour)
		w.must(w.forgot(c, alice))
		w.want(w.confirmForgot(c, alice, ""), fault.CodeMismatch)
		w.must(w.confirmForgot(c, alice, w.Code(alice)))
		if out := w.Begin(w.client, alice, "An0ther-Horse!"); out.Challenge != "SMS_MFA" {
			t.Fatalf("after a reset the second factor is gone: %+v", out)
		}
	})
}

// Keycloak looked at the lock when a flow began and not when a secret was redeemed, and open sessions could go on guessing.
func TestAdvisory_CVE_2026_9798_CVE_2026_16103_keycloak_26177(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.Caller()
		w.SignUp(w.client, alice, passw0rd)
		w.enableSMS(alice)
		open, right := w.Begin(w.client, alice, passw0rd), w.Code(alice)
		for range 5 {
			ch := w.Begin(w.client, alice, passw0rd)
			_, err := w.respond(c, ch, alice, "SMS_MFA_CODE", pooltest.Wrong(w.Code(alice)))
			w.want(err, fault.ChallengeCodeMismatch)
		}
		_, err := w.respond(c, open, alice, "SMS_MFA_CODE", right)
		w.want(err, fault.SessionUsed, fault.AttemptLimit)
		w.Advance(2 * time.Second)
		_, err = w.respond(c, open, alice, "SMS_MFA_CODE", right)
		w.want(err, fault.SessionUsed)
	})
}

// Disabling or resetting a user between two steps of a sign-in leaves no way to tokens.
func TestAdvisory_CVE_2026_9798_between_steps(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.Caller()
		sub := w.SignUp(w.client, alice, passw0rd)
		w.enableSMS(alice)
		ch, code := w.Begin(w.client, alice, passw0rd), ""
		code = w.Code(alice)
		w.Write(func(tx store.Tx) error {
			u, err := tx.Users().User(ctx, w.pool, sub)
			if err != nil {
				return err
			}
			u.Enabled = false
			_, err = tx.Users().UpdateUser(ctx, u)
			return err
		})
		_, err := w.respond(c, ch, alice, "SMS_MFA_CODE", code)
		w.want(err, fault.UserDisabled)
	})
}

// Keycloak counted passwords and codes together: the right password bought free guesses at the code.
func TestAdvisory_keycloak_46164(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.Caller()
		w.SignUp(w.client, alice, passw0rd)
		w.enableSMS(alice)
		wrong := 0
		for range 12 {
			ch, err := w.password(c, alice, passw0rd)
			w.must(err)
			_, err = w.respond(c, ch, alice, "SMS_MFA_CODE", pooltest.Wrong(w.Code(alice)))
			if fault.CodeOf(err) == fault.ChallengeCodeMismatch {
				wrong++
			}
		}
		if wrong > 5 {
			t.Errorf("%d wrong codes were judged although each followed a right password", wrong)
		}
	})
}

// Keycloak's counter was beaten by parallel guesses, and Gitea accepted one code twice in parallel.
func TestAdvisory_CVE_2024_4629_CVE_2026_20779(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, alice, passw0rd)
		c := w.Caller()
		w.must(w.forgot(c, alice))
		code := w.Code(alice)
		parallel := func(n int, f func(context.Context) error) map[fault.Code]int {
			var mu sync.Mutex
			out := map[fault.Code]int{}
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					err := f(t.Context())
					mu.Lock()
					defer mu.Unlock()
					out[fault.CodeOf(err)]++
				})
			}
			wg.Wait()
			return out
		}
		got := parallel(60, func(context.Context) error { return w.confirmForgot(c, alice, pooltest.Wrong(code)) })
		if got[fault.CodeMismatch] > 5 {
			t.Errorf("of 60 parallel wrong codes %d were judged: %v", got[fault.CodeMismatch], got)
		}
		w.Advance(2 * time.Hour)
		w.enableSMS(alice)
		ch := w.Begin(w.client, alice, passw0rd)
		code = w.Code(alice)
		got = parallel(20, func(context.Context) error {
			_, err := w.respond(c, ch, alice, "SMS_MFA_CODE", code)
			return err
		})
		if got[""] != 1 {
			t.Errorf("of 20 parallel right answers %d won: %v", got[""], got)
		}
	})
}

// A required second factor could be skipped at set-up.
func TestAdvisory_CVE_2025_3910(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.Caller()
		_, err := w.Service.SignUp(ctx, c, pool.SignUpInput{ClientAuth: w.auth(), Username: alice, Password: passw0rd})
		w.must(err)
		_, err = w.Service.ConfirmSignUp(ctx, c, pool.ConfirmSignUpInput{ClientAuth: w.auth(), Username: alice, Code: w.Code(alice)})
		w.must(err)
		ch := w.Begin(w.client, alice, passw0rd)
		if ch.Challenge != "MFA_SETUP" {
			t.Fatalf("got %+v", ch)
		}
		_, err = w.respond(c, ch, alice)
		w.want(err, fault.InvalidParameter)
		as, err := w.Service.AssociateTOTP(ctx, c, "", ch.Session)
		w.must(err)
		ch.Session = as.Session
		_, err = w.respond(c, ch, alice) // associated, never proved
		w.want(err, fault.InvalidParameter)
		code, err := totp.Code(as.SecretCode, w.Now())
		w.must(err)
		next, err := w.Service.VerifyTOTP(ctx, c, "", as.Session, code)
		w.must(err)
		ch.Session = next
		out, err := w.respond(c, ch, alice)
		w.must(err)
		if out.Tokens == nil {
			t.Fatalf("got %+v", out)
		}
	}, mfaOn, func(p *pool.Config, _ *pool.ClientConfig) { p.MFASMS = false })
}

// An e-mail authenticator was switched on without ever seeing a code.
func TestAdvisory_keycloak_2fa_email_103(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.Caller()
		w.SignUp(w.client, alice, passw0rd, pooltest.Email("a@example.com"))
		tk := w.SignIn(w.client, alice, passw0rd)
		on := &pool.FactorChange{Enabled: true}
		w.want(w.Service.SetMFAPreference(ctx, c, tk.Access, pool.MFAPreference{Email: on}), fault.FactorNotReady)
		w.want(w.Service.SetMFAPreference(ctx, c, tk.Access, pool.MFAPreference{TOTP: on}), fault.FactorNotReady)
		_, err := w.Service.AssociateTOTP(ctx, c, tk.Access, "")
		w.must(err)
		w.want(w.Service.SetMFAPreference(ctx, c, tk.Access, pool.MFAPreference{TOTP: on}), fault.FactorNotReady)
	}, func(p *pool.Config, _ *pool.ClientConfig) { p.MFAEmail = true })
}

// GoTrue looked a phone change up by number and verified the wrong user; two users may wait for the same number, each with a code that
// works for it alone.
func TestAdvisory_supabase_auth_2430(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.Caller()
		w.SignUp(w.client, alice, passw0rd)
		w.SignUp(w.client, bob, passw0rd)
		a, b := w.SignIn(w.client, alice, passw0rd), w.SignIn(w.client, bob, passw0rd)
		const shared = "+12025550199"
		_, err := w.Service.UpdateAttributes(ctx, c, a.Access, []pool.Attr{pooltest.Phone(shared)})
		w.must(err)
		first := w.Code(shared)
		_, err = w.Service.UpdateAttributes(ctx, c, b.Access, []pool.Attr{pooltest.Phone(shared)})
		w.must(err)
		second := w.Code(shared)
		if first != second {
			w.want(w.Service.VerifyAttribute(ctx, c, a.Access, "phone_number", second), fault.CodeMismatch)
		}
		w.must(w.Service.VerifyAttribute(ctx, c, a.Access, "phone_number", first))
		w.want(w.Service.VerifyAttribute(ctx, c, b.Access, "phone_number", second), fault.AliasTaken)
	}, func(p *pool.Config, _ *pool.ClientConfig) { p.VerifyBeforeUpdate = []string{"phone_number"} })
}

// Bans, sign-outs and password changes took effect late or never (GoTrue, Nhost): here with the next call.
func TestAdvisory_GHSA_7hgr_xvrr_xpw3_CVE_2026_34969(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.Caller()
		w.SignUp(w.client, alice, passw0rd)
		one, two := w.SignIn(w.client, alice, passw0rd), w.SignIn(w.client, alice, passw0rd)
		w.must(w.Service.ChangePassword(ctx, c, one.Access, passw0rd, "An0ther-Horse!"))
		_, err := w.Service.User(ctx, c, two.Access)
		w.want(err, fault.AccessTokenRevoked)
		_, err = w.Service.Refresh(ctx, c, pool.RefreshInput{ClientAuth: w.auth(), RefreshToken: two.Refresh})
		w.want(err, fault.RefreshTokenRevoked)
		_, err = w.Service.User(ctx, c, one.Access)
		w.must(err)
		w.must(w.Service.GlobalSignOut(ctx, c, one.Access))
		_, err = w.Service.User(ctx, c, one.Access)
		w.want(err, fault.AccessTokenRevoked)
	})
}

// Authelia kept a counter for each alias, Vault for each spelling: a user has one, whatever it is called.
func TestAdvisory_CVE_2025_24806_CVE_2025_6004(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.Caller()
		sub := w.SignUp(w.client, "Alice", passw0rd, pooltest.Phone(alice))
		names := []string{"Alice", "alice", "ALICE", alice, sub, strings.ToUpper(sub)}
		wrong := 0
		for range 3 {
			for _, n := range names {
				_, err := w.password(c, n, "Wr0ng-Horse!")
				if fault.CodeOf(err) == fault.WrongCredentials {
					wrong++
				}
			}
		}
		if wrong > 5 {
			t.Errorf("%d wrong passwords were judged under different names of one user", wrong)
		}
	}, func(p *pool.Config, _ *pool.ClientConfig) {
		p.UsernameAttributes, p.AliasAttributes = nil, []string{"phone_number"}
	})
}

// Authelia did not bring names into one form: spellings of a number are one identity or none.
func TestAdvisory_CVE_2026_47203(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.Caller()
		w.SignUp(w.client, "+5491123456789", passw0rd)
		for _, spelling := range []string{"+541123456789"} {
			_, err := w.Service.SignUp(ctx, c, pool.SignUpInput{ClientAuth: w.auth(), Username: spelling, Password: passw0rd})
			w.want(err, fault.SignInNameTaken)
		}
		for _, bad := range []string{"+54 9 11 2345 6789", "5491123456789", "+5491123456789 ", "＋5491123456789", "+549١١23456789", "+0123456789", "+1234567890123456"} {
			_, err := w.Service.SignUp(ctx, c, pool.SignUpInput{ClientAuth: w.auth(), Username: bad, Password: passw0rd})
			w.want(err, fault.InvalidParameter)
		}
	})
}

// authentik skipped a stage on an empty POST: an empty, missing or odd answer leaves a challenge where it is.
func TestAdvisory_CVE_2026_49443(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.Caller()
		w.SignUp(w.client, alice, passw0rd)
		w.enableSMS(alice)
		ch := w.Begin(w.client, alice, passw0rd)
		for _, answers := range [][]string{nil, {"SMS_MFA_CODE", ""}, {"ANSWER", "x"}, {"SMS_OTP_CODE", "1"}} {
			_, err := w.respond(c, ch, alice, answers...)
			w.want(err, fault.InvalidParameter)
		}
		out, err := w.respond(c, ch, alice, "SMS_MFA_CODE", w.Code(alice))
		w.must(err)
		if out.Tokens == nil {
			t.Fatal("no tokens")
		}
	})
}

// Reset codes were reusable or outlived a password change (Vikunja, Fleet, Answer).
func TestAdvisory_CVE_2026_28268_CVE_2026_26060_CVE_2024_41888(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.Caller()
		w.SignUp(w.client, alice, passw0rd)
		tk := w.SignIn(w.client, alice, passw0rd)
		w.must(w.forgot(c, alice))
		code := w.Code(alice)
		w.must(w.Service.ChangePassword(ctx, c, tk.Access, passw0rd, "Th1rd-Horse!!"))
		w.want(w.confirmForgot(c, alice, code), fault.CodeExpired)
	})
}

// PocketBase, Nhost and Zitadel linked accounts by unverified addresses: an unverified number owns nothing and resets nothing.
func TestAdvisory_CVE_2024_38351_CVE_2026_41574_GHSA_992q_9gwp_7r79(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, c := t.Context(), w.Caller()
		w.SignUp(w.client, "mallory", passw0rd, pooltest.Phone(bob))
		tk := w.SignIn(w.client, "mallory", passw0rd)
		_, err := w.Service.UpdateAttributes(ctx, c, tk.Access, []pool.Attr{pooltest.Phone(alice)})
		w.must(err)
		_, err = w.password(c, alice, passw0rd) // alice's number does not sign mallory in
		w.want(err, fault.UserNotFound)
		w.want(w.forgot(c, "mallory"), fault.ResetNotPossible)
		sub := w.SignUp(w.client, "alice", passw0rd, pooltest.Phone(alice))
		out := w.SignIn(w.client, alice, passw0rd)
		v, err := w.Service.User(ctx, c, out.Access)
		w.must(err)
		if v.Sub != sub {
			t.Fatal("a number signs in another than the one who verified it")
		}
	}, func(p *pool.Config, _ *pool.ClientConfig) {
		p.UsernameAttributes, p.AliasAttributes = nil, []string{"phone_number"}
	})
}

// Pre-hijack: an attacker signs up a victim's number with a password of his own and waits for the victim's code.
func TestAdvisory_prehijack(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		attacker, victim := w.from("198.51.100.66"), w.from("203.0.113.7")
		up := func(c pool.Caller, pw string) {
			_, err := w.Service.SignUp(ctx, c, pool.SignUpInput{ClientAuth: w.auth(), Username: alice, Password: pw})
			w.must(err)
		}
		up(attacker, "Attack3r-Horse!")
		up(victim, passw0rd)
		victimsCode := w.Code(alice)
		up(attacker, "Attack3r-Horse2!")
		_, err := w.Service.ResendSignUp(ctx, victim, pool.NameInput{ClientAuth: w.auth(), Username: alice})
		w.must(err)
		resent := w.Code(alice)
		for _, code := range []string{resent, victimsCode}[:1] {
			_, err = w.Service.ConfirmSignUp(ctx, victim, pool.ConfirmSignUpInput{ClientAuth: w.auth(), Username: alice, Code: code})
			w.must(err)
		}
		if out := w.Begin(w.client, alice, passw0rd); out.Tokens == nil {
			t.Error("the victim's password does not sign in")
		}
		for _, pw := range []string{"Attack3r-Horse!", "Attack3r-Horse2!"} {
			_, err = w.password(attacker, alice, pw)
			w.want(err, fault.WrongCredentials)
		}
	}, hidden, func(p *pool.Config, _ *pool.ClientConfig) { p.SeparateAttempts, p.MFA = true, "OFF" })
}

// Casdoor and SuperTokens sent codes to a number from the request: a code goes to what is stored, whatever a request says.
func TestAdvisory_casdoor_3607_supertokens_390(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.Caller()
		w.SignUp(w.client, alice, passw0rd)
		w.enableSMS(alice)
		before := len(w.To(bob))
		_, err := w.begin(c, "USER_PASSWORD_AUTH", "USERNAME", alice, "PASSWORD", passw0rd, "PHONE_NUMBER", bob, "phone_number", bob)
		w.must(err)
		w.must(w.forgot(c, alice))
		if len(w.To(bob)) != before {
			t.Error("a code went to a number named in a request")
		}
	})
}
