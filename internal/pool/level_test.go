package pool_test

import (
	"testing"
	"time"

	"countersign/internal/facts"
	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
)

func preferTOTP(on bool) pool.MFAPreference {
	return pool.MFAPreference{TOTP: &pool.FactorChange{Enabled: on, Preferred: on}}
}

// withTOTP adds an authenticator app in a session of the Cognito wire and returns its secret.
func (w *world) withTOTP(access string) string {
	w.t.Helper()
	as, err := w.Service.AssociateTOTP(w.t.Context(), w.Caller(), access, "")
	w.must(err)
	_, err = w.Service.VerifyTOTP(w.t.Context(), w.Caller(), access, "", w.totpCode(as.SecretCode))
	w.must(err)
	return as.SecretCode
}

// supabase/auth: factor calls without a level check. What a session without a second factor may do to factors is one rule for both wires.
func TestAdvisory_supabase_auth_levels(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.SignUp(w.client, alice, passw0rd)
		old, own := w.SignIn(w.client, alice, passw0rd).Access, w.SignIn(w.client, alice, passw0rd).Access
		secret := w.withTOTP(own)
		w.must(w.Service.SetMFAPreference(ctx, w.Caller(), own, preferTOTP(true)))
		w.want(w.Service.SetMFAPreference(ctx, w.Caller(), old, preferTOTP(false)), fault.AccessTokenScope)
		as, err := w.Service.AssociateTOTP(ctx, w.Caller(), old, "")
		w.must(err)
		_, err = w.Service.VerifyTOTP(ctx, w.Caller(), old, "", w.totpCode(as.SecretCode))
		w.want(err, fault.AccessTokenScope)
		// The session that added it, and one that proved it, change it as on Cognito.
		w.must(w.Service.SetMFAPreference(ctx, w.Caller(), own, preferTOTP(false)))
		w.must(w.Service.SetMFAPreference(ctx, w.Caller(), own, preferTOTP(true)))
		w.Advance(time.Minute)
		out := w.Answer(w.client, alice, w.Begin(w.client, alice, passw0rd), "SOFTWARE_TOKEN_MFA_CODE", w.totpCode(secret))
		w.must(w.Service.SetMFAPreference(ctx, w.Caller(), out.Tokens.Access, preferTOTP(false)))
	}, optional, func(p *pool.Config, _ *pool.ClientConfig) { p.MFATOTP = true })
}

// Nor does it move a factor by changing the number that it goes to.
func TestAdvisory_supabase_auth_levels_contact(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		sub := w.SignUp(w.client, alice, passw0rd)
		old, own := w.SignIn(w.client, alice, passw0rd).Access, w.SignIn(w.client, alice, passw0rd).Access
		w.must(w.Service.SetMFAPreference(ctx, w.Caller(), own, pool.MFAPreference{SMS: &pool.FactorChange{Enabled: true}}))
		_, err := w.Service.UpdateAttributes(ctx, w.Caller(), old, []pool.Attr{pooltest.Phone(cell2)})
		w.want(err, fault.AccessTokenScope)
		if got := w.user(sub).Attributes["phone_number"]; got != alice {
			t.Errorf("phone_number %s", got)
		}
		_, err = w.Service.UpdateAttributes(ctx, w.Caller(), old, []pool.Attr{{Name: "name", Value: "Alice"}})
		w.must(err)
		_, err = w.Service.UpdateAttributes(ctx, w.Caller(), own, []pool.Attr{pooltest.Phone(cell2)})
		w.must(err)
	}, optional)
}

// CVE-2026-33315: where a rule, or one client, asks for the factor that the others do not, a session that was not asked is no way around it.
func TestAdvisory_CVE_2026_33315_levels(t *testing.T) {
	off := func(p *pool.Config, _ *pool.ClientConfig) { p.MFA = "OFF" }
	attack := func(t *testing.T, w *world, must func(bool)) {
		ctx := t.Context()
		must(true)
		sub, _ := w.enrolled(carol, cell)
		must(false)
		thief := w.SignIn(w.client, carol, passw0rd).Access
		w.want(w.Service.SetMFAPreference(ctx, w.Caller(), thief, pool.MFAPreference{SMS: &pool.FactorChange{}}), fault.AccessTokenScope)
		as, err := w.Service.AssociateTOTP(ctx, w.Caller(), thief, "")
		w.must(err)
		_, err = w.Service.VerifyTOTP(ctx, w.Caller(), thief, "", w.totpCode(as.SecretCode))
		w.want(err, fault.AccessTokenScope)
		if u := w.user(sub); !u.MFA.SMS || u.MFA.TOTPReady {
			t.Errorf("%+v", u.MFA)
		}
		must(true)
		w.signedIn(carol, cell)
	}
	eachJudged(t, func(t *testing.T, w *world, j *judge) {
		attack(t, w, func(on bool) { j.verdict = facts.Verdict{MFA: on} })
	}, guardian, off)
	each(t, func(t *testing.T, w *world) {
		cfg := pooltest.AppClient()
		lax := w.client
		cfg.RequireMFA = true
		strict := w.Client(w.pool, cfg)
		attack(t, w, func(on bool) { w.client = map[bool]string{true: strict, false: lax}[on] })
	}, guardian, off)
}
