package pool_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

// factorUser is what the walk believes about one user of the Auth0 wire.
type factorUser struct {
	name, sub      string
	disabled       bool
	phones         []string // confirmed numbers, the factor's text goes to the first
	sms            bool
	totp, recovery string
	step           int64 // the last time step of the authenticator
	wrong          int   // wrong answers since the last right one
}

// openToken is an mfa_token, and openOOB a message sent for it.
type openToken struct {
	handle string
	u      *factorUser
	at     time.Time
	ended  bool
	tries  int
	// secret waits to be enrolled, with its recovery code.
	secret, recovery string
}

type openOOB struct {
	handle, number, code, recovery string
	of                             *openToken
	enrol, dead                    bool
	at                             time.Time
}

// factorWalk drives random operations of the MFA API.
type factorWalk struct {
	*world
	rt       *rapid.T
	required bool
	users    []*factorUser
	tokens   []*openToken
	oobs     []*openOOB
	numbers  int
}

func (k *factorWalk) expect(what string, err error, codes ...fault.Code) bool {
	k.rt.Helper()
	if !slices.Contains(codes, fault.CodeOf(err)) {
		k.rt.Fatalf("%s: got %q (%v), want one of %q", what, fault.CodeOf(err), err, codes)
	}
	return err == nil
}

func draw[T any](k *factorWalk, list []T, what string) (v T, ok bool) {
	if len(list) == 0 {
		return v, false
	}
	return list[rapid.IntRange(0, len(list)-1).Draw(k.rt, what)], true
}

func (u *factorUser) enrolled() bool { return u.sms || u.totp != "" }

// state is why a token is nothing any more, "" if it is good.
func (k *factorWalk) state(t *openToken) fault.Code {
	switch {
	case t.ended || t.tries >= 5:
		return fault.MFATokenInvalid
	case !k.Now().Before(t.at.Add(10 * time.Minute)):
		return fault.MFATokenExpired
	case t.u.disabled:
		return fault.UserDisabled
	}
	return ""
}

// calm lets a run of wrong answers end before it locks: what locks do is told by tests of their own.
func (k *factorWalk) calm(u *factorUser) {
	if u.wrong >= 4 {
		k.Advance(16 * time.Minute)
		u.wrong = 0
	}
}

func (k *factorWalk) grant(*rapid.T) {
	u, _ := draw(k, k.users, "user")
	out, err := k.world.grant(u.name, passw0rd)
	if u.disabled {
		k.expect("sign-in of a disabled user", err, fault.UserDisabled)
		return
	}
	k.expect("sign-in", err, "")
	owed := u.enrolled() || k.required
	if (out.MFA != nil) != owed || (out.Tokens != nil) == owed {
		k.rt.Fatalf("sign-in of %+v: %+v", u, out)
	}
	if !owed {
		return
	}
	if (len(out.MFA.Challenge) > 0) != u.enrolled() && len(u.phones) == 0 || slices.Contains(out.MFA.Challenge, "recovery-code") && u.recovery == "" {
		k.rt.Fatalf("owed by %+v: %+v", u, out.MFA)
	}
	k.tokens = append(k.tokens, &openToken{handle: out.MFA.Token, u: u, at: k.Now()})
}

// asked reports whether the user has something that must be proved: factors that are on, or, where one is required, a telephone that is off.
func (k *factorWalk) asked(u *factorUser) bool {
	return u.enrolled() || k.required && len(u.phones) > 0
}

func (k *factorWalk) associate(*rapid.T) {
	t, ok := draw(k, k.tokens, "token")
	if !ok {
		return
	}
	app := rapid.IntRange(0, 2).Draw(k.rt, "app") == 0
	k.numbers++
	number := fmt.Sprintf("+1202555%04d", k.numbers%10000)
	var as *pool.AssociateResult
	var err error
	if app {
		as, err = k.Service.Associate(k.t.Context(), k.a0(), pool.AssociateInput{MFABearer: pool.MFABearer{Token: t.handle}, Types: []string{"otp"}})
	} else {
		as, err = k.world.associate(t.handle, number, "sms")
	}
	switch code := k.state(t); {
	case code != "":
		k.expect("associate", err, code)
		return
	case k.asked(t.u):
		k.expect("associate of an enrolled user", err, fault.AlreadyEnrolled)
		return
	case !k.required: // switched off meanwhile, and nothing is owed
		k.expect("associate without need", err, fault.ChallengeUnsupported)
		return
	}
	k.expect("associate", err, "")
	recovery := ""
	if len(as.RecoveryCodes) > 0 {
		recovery = as.RecoveryCodes[0]
	}
	if (recovery == "") != (t.u.recovery != "") {
		k.rt.Fatalf("recovery code %q of %+v", recovery, t.u)
	}
	if app {
		for _, other := range k.tokens { // one secret waits at a time
			if other.u == t.u {
				other.secret = ""
			}
		}
		t.secret, t.recovery = as.Secret, recovery
		return
	}
	k.sent(&openOOB{handle: as.OOBCode, number: number, of: t, enrol: true, recovery: recovery})
}

// sent records a message: a newer one kills the older ones of its chain.
func (k *factorWalk) sent(o *openOOB) {
	o.code, o.at = k.Code(o.number), k.Now()
	k.Advance(time.Second) // which of two is the newer one is told by the clock
	for _, old := range k.oobs {
		if old.of == o.of {
			old.dead = true
		}
	}
	k.oobs = append(k.oobs, o)
}

func (k *factorWalk) challenge(*rapid.T) {
	t, ok := draw(k, k.tokens, "token")
	if !ok {
		return
	}
	ch, err := k.world.challenge(t.handle)
	switch code := k.state(t); {
	case code != "":
		k.expect("challenge", err, code)
	case !k.asked(t.u):
		k.expect("challenge of nothing", err, fault.AssociationRequired)
	case !t.u.sms && (t.u.totp != "" || !k.required):
		k.expect("challenge by text without a telephone", err, fault.ChallengeUnsupported)
	default:
		k.expect("challenge", err, "")
		k.sent(&openOOB{handle: ch.OOBCode, number: t.u.phones[0], of: t})
	}
}

func (k *factorWalk) redeemOOB(*rapid.T) {
	o, ok := draw(k, k.oobs, "oob")
	t, ok2 := draw(k, k.tokens, "token")
	if !ok || !ok2 {
		return
	}
	if rapid.IntRange(0, 3).Draw(k.rt, "swap") != 0 {
		t = o.of
	}
	k.calm(t.u)
	code, right := o.code, rapid.IntRange(0, 3).Draw(k.rt, "wrong") != 0
	if !right {
		code = pooltest.Wrong(code)
	}
	tk, err := k.world.oob(t.handle, o.handle, code)
	waits := o.enrol && !slices.Contains(t.u.phones, o.number)
	switch state := k.state(t); {
	case state != "":
		k.expect("redeem", err, state)
	case t != o.of:
		k.expect("redeem of another sign-in", err, fault.OOBCodeInvalid, fault.OOBCodeExpired)
	case !k.Now().Before(o.at.Add(5 * time.Minute)):
		k.expect("redeem late", err, fault.OOBCodeExpired)
	case o.enrol && k.asked(t.u):
		k.expect("enrolment after an enrolment", err, fault.AlreadyEnrolled)
	case o.enrol && (!k.required || !waits):
		k.expect("enrolment without need", err, fault.ChallengeUnsupported, fault.OOBCodeInvalid)
	case o.enrol && fault.CodeOf(err) == fault.OOBCodeInvalid:
		// pushed out by newer enrolments: three wait at most
	case !o.enrol && !slices.Contains(t.u.phones, o.number), o.dead, !right:
		k.expect("redeem of a dead or wrong code", err, fault.ChallengeCodeMismatch, fault.CodeExpired)
		t.tries++
		t.u.wrong++
	default:
		k.expect("redeem", err, "")
		k.right(t, tk)
		if o.enrol {
			t.u.phones, t.u.sms = append(t.u.phones, o.number), true
			t.u.recovery = firstOf(t.u.recovery, o.recovery)
		}
	}
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// right ends a token with tokens.
func (k *factorWalk) right(t *openToken, tk *pool.OAuthTokens) {
	if tk == nil || tk.Access == "" {
		k.rt.Fatal("no tokens")
	}
	t.ended, t.u.wrong = true, 0
	if _, err := k.Service.UserInfo(k.t.Context(), k.a0(), tk.Access); err != nil {
		k.rt.Fatalf("userinfo: %v", err)
	}
}

func (k *factorWalk) redeemOTP(*rapid.T) {
	t, ok := draw(k, k.tokens, "token")
	if !ok {
		return
	}
	k.calm(t.u)
	secret := firstOf(t.u.totp, t.secret)
	code := "000000"
	if secret != "" {
		code = k.totpCode(secret)
	}
	now := k.Now().Unix() / 30
	right := rapid.IntRange(0, 3).Draw(k.rt, "wrong") != 0
	if !right {
		code = pooltest.Wrong(code)
	}
	tk, err := k.world.otp(t.handle, code)
	switch state := k.state(t); {
	case state != "":
		k.expect("otp", err, state)
	case t.u.totp == "" && t.secret == "":
		k.expect("otp of nothing", err, fault.ChallengeUnsupported)
	case t.u.totp == "" && k.asked(t.u):
		k.expect("otp enrolment after an enrolment", err, fault.AlreadyEnrolled)
	case t.u.totp == "" && !k.required:
		k.expect("otp without need", err, fault.ChallengeUnsupported)
	case !right || t.u.totp != "" && now <= t.u.step:
		if k.expect("wrong otp", err, fault.OTPWrong, "") { // a wrong code may be that of a neighbouring step
			k.enrolledApp(t, tk, now)
			return
		}
		t.tries++
		t.u.wrong++
	default:
		k.expect("otp", err, "")
		k.enrolledApp(t, tk, now)
	}
}

func (k *factorWalk) enrolledApp(t *openToken, tk *pool.OAuthTokens, step int64) {
	k.right(t, tk)
	t.u.step = step + 1
	if t.u.totp == "" {
		t.u.totp, t.u.recovery = t.secret, firstOf(t.u.recovery, t.recovery)
		t.secret = ""
	}
	k.Advance(time.Minute) // beyond the steps that the code was good for
}

func (k *factorWalk) redeemRecovery(*rapid.T) {
	t, ok := draw(k, k.tokens, "token")
	if !ok {
		return
	}
	k.calm(t.u)
	code := t.u.recovery
	for _, o := range k.oobs { // codes of enrolments that were never confirmed are nothing
		if code == "" && o.of.u == t.u {
			code = o.recovery
		}
	}
	tk, err := k.recover(t.handle, firstOf(code, "AAAAAAAAAAAAAAAAAAAAAAAA"))
	switch state := k.state(t); {
	case state != "":
		k.expect("recovery", err, state)
	case t.u.recovery == "" || !k.asked(t.u):
		k.expect("recovery without a code", err, fault.RecoveryCodeWrong)
		t.tries++
		t.u.wrong++
	default:
		k.expect("recovery", err, "")
		k.right(t, tk)
		t.u.recovery = tk.RecoveryCode
	}
}

func (k *factorWalk) admin(*rapid.T) {
	u, _ := draw(k, k.users, "user")
	ctx, c := k.t.Context(), k.Admin()
	switch rapid.SampledFrom([]string{"disable", "enable", "texts off", "texts on", "sign out"}).Draw(k.rt, "what") {
	case "disable":
		k.expect("disable", k.Service.AdminDisable(ctx, c, k.pool, u.name), "")
		u.disabled = true
		k.endAll(u)
	case "enable":
		k.expect("enable", k.Service.AdminEnable(ctx, c, k.pool, u.name), "")
		u.disabled, u.wrong = false, 0
	case "texts off", "texts on":
		on := rapid.Bool().Draw(k.rt, "on")
		err := k.Service.AdminSetMFAPreference(ctx, c, k.pool, u.name, pool.MFAPreference{SMS: &pool.FactorChange{Enabled: on}})
		if on && len(u.phones) == 0 {
			k.expect("texts on without a telephone", err, fault.FactorNotReady)
			return
		}
		k.expect("texts", err, "")
		u.sms = on
	case "sign out":
		k.expect("sign out", k.Service.AdminSignOut(ctx, c, k.pool, u.name), "")
		k.endAll(u)
	}
}

func (k *factorWalk) endAll(u *factorUser) {
	for _, t := range k.tokens {
		if t.u == u {
			t.ended = true
		}
	}
}

// check holds after every step: the store agrees with the model about what can be proved.
func (k *factorWalk) check(rt *rapid.T) {
	k.rt = rt
	for _, m := range k.users {
		u := k.user(m.sub)
		var phones []string
		for _, p := range u.MFA.Phones {
			if p.Confirmed() {
				phones = append(phones, p.Number)
			}
		}
		if !slices.Equal(phones, m.phones) || u.MFA.SMS != m.sms || u.MFA.TOTPReady != (m.totp != "") || (u.MFA.Recovery != "") != (m.recovery != "") {
			rt.Fatalf("%s: %+v, the model says %+v", m.name, u.MFA, m)
		}
		if len(u.MFA.Phones)-len(phones) > 3 {
			rt.Fatalf("%s: %d telephones wait", m.name, len(u.MFA.Phones)-len(phones))
		}
		if number := u.Attributes["phone_number"]; (u.Attributes["phone_number_verified"] == "true") != slices.Contains(phones, number) {
			rt.Fatalf("%s: phone_number %s verified %s, proved %v", m.name, number, u.Attributes["phone_number_verified"], phones)
		}
	}
}

// TestWalkAuth0 takes random walks through the second factors of the Auth0 wire, on both stores.
func TestWalkAuth0(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		none := guard.Limits{TotalKnown: -1, TotalOther: -1, SendsNumber: -1, SendsNetwork: -1, FailuresNetwork: -1, FactorSends: -1, FactorFailures: -1,
			SendsAccount: map[guard.Purpose]int{guard.SignIn: -1}}
		h := pooltest.New(t, s, func(o *pool.Options) { o.Limits = none })
		rapid.Check(t, func(rt *rapid.T) {
			cfg, client := pooltest.PhonePool(), pooltest.AppClient()
			guardian(&cfg, &client)
			w := &world{Harness: h, t: t}
			k := &factorWalk{world: w, rt: rt, required: rapid.IntRange(0, 3).Draw(rt, "optional") != 0}
			w.pool = h.Pool(cfg)
			w.client = w.Client(w.pool, client)
			for i := range 2 {
				name := fmt.Sprintf("user%d@example.com", i)
				k.users = append(k.users, &factorUser{name: name, sub: w.SignUp(w.client, name, passw0rd)})
			}
			if !k.required {
				w.Reconfigure(w.pool, func(c *pool.Config) { c.MFA = "OPTIONAL" })
			}
			step := func(f func(*rapid.T)) func(*rapid.T) { return func(rt *rapid.T) { k.rt = rt; f(rt) } }
			rt.Repeat(map[string]func(*rapid.T){
				"": k.check, "Grant": step(k.grant), "Associate": step(k.associate), "Challenge": step(k.challenge), "RedeemOOB": step(k.redeemOOB),
				"RedeemOTP": step(k.redeemOTP), "RedeemRecovery": step(k.redeemRecovery), "Admin": step(k.admin),
				"Wait": step(func(rt *rapid.T) { k.Advance(time.Duration(rapid.IntRange(10, 400).Draw(rt, "seconds")) * time.Second) }),
			})
		})
	})
}
