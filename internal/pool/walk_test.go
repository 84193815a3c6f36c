package pool_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/internal/trigger"
	"countersign/internal/trigger/triggertest"
)

// modelUser is what the walk believes about one name.
type modelUser struct {
	exists, confirmed, verified, disabled, reset bool
	sub, password                                string
	sms                                          bool
	codes                                        map[string]string // the newest live code by purpose
	sentAt                                       map[string]time.Time
	tokens                                       *pool.Tokens
	signedIn                                     time.Time
}

// walk drives random operations against a Service and checks every answer against the model.
type walk struct {
	*world
	rt    *rapid.T
	users map[string]*modelUser
	// functions are the pool's, nil if it has none. They change nothing unless a step says so; messages are events for one of them.
	functions *lambda
}

func (k *walk) pick() (string, *modelUser) {
	names := []string{"+12025550110", "+12025550111"}
	n := rapid.SampledFrom(names).Draw(k.rt, "name")
	if k.users[n] == nil {
		k.users[n] = &modelUser{codes: map[string]string{}, sentAt: map[string]time.Time{}}
	}
	return n, k.users[n]
}

func (k *walk) expect(what string, err error, codes ...fault.Code) {
	k.rt.Helper()
	if !slices.Contains(codes, fault.CodeOf(err)) {
		k.rt.Fatalf("%s: got %q (%v), want one of %q", what, fault.CodeOf(err), err, codes)
	}
}

// sent records the code that an operation sent.
func (k *walk) sent(u *modelUser, purpose, to string) {
	u.codes[purpose], u.sentAt[purpose] = k.Code(to), k.Now()
	if m := k.Last(to); (k.functions != nil) != strings.Contains(string(m.Event), `"phone_number":"`+to+`"`) {
		k.rt.Fatalf("functions %v, event %s", k.functions != nil, m.Event)
	}
}

// rest lets every counter and window end, so that the model need not count.
func (k *walk) rest() { k.Advance(61 * time.Minute) }

// says lets a function answer with members set, or throw, for one step; nothing happens in pools without functions.
func (k *walk) says(n trigger.Name, h triggertest.Handler) (back func()) {
	if k.functions == nil {
		return func() {}
	}
	k.functions.d.On(n, h)
	return func() { k.functions.d.On(n, func(e triggertest.Event) (any, error) { return e, nil }) }
}

func (k *walk) signUp(*rapid.T) {
	n, u := k.pick()
	confirm, verify, refuse := false, false, false
	if k.functions != nil {
		confirm, verify, refuse = rapid.Bool().Draw(k.rt, "auto-confirm"), rapid.Bool().Draw(k.rt, "auto-verify"), rapid.IntRange(0, 4).Draw(k.rt, "refuse") == 0
	}
	h := answer("autoConfirmUser", confirm, "autoVerifyPhone", verify)
	if refuse {
		h = throw("no")
	}
	defer k.says(trigger.PreSignUp, h)()
	out, err := k.Service.SignUp(k.t.Context(), k.Caller(), pool.SignUpInput{ClientAuth: k.auth(), Username: n, Password: passw0rd})
	switch {
	case u.exists:
		k.expect("sign-up of a taken name", err, fault.SignInNameTaken)
		return
	case refuse:
		k.expect("sign-up that PreSignUp refuses", err, fault.TriggerRefused)
		return
	}
	k.expect("sign-up", err, "")
	*u = modelUser{exists: true, confirmed: confirm, verified: verify, sub: out.UserSub, password: passw0rd, codes: map[string]string{}, sentAt: map[string]time.Time{}}
	if out.Confirmed != confirm || (out.Delivery == nil) != confirm {
		k.rt.Fatalf("sign-up: %+v", out)
	}
	if !confirm {
		k.sent(u, "sign_up", n)
	}
	k.rest()
}

// custom is a sign-in by the pool's own challenge: the word is asked until it was said.
func (k *walk) custom(*rapid.T) {
	n, u := k.pick()
	ch, err := k.begin(k.Caller(), "CUSTOM_AUTH", "USERNAME", n)
	defer k.rest()
	switch {
	case k.functions == nil:
		k.expect("custom sign-in without functions", err, fault.FlowNotEnabled)
		return
	case !u.exists:
		k.expect("custom sign-in of nobody", err, fault.UserNotFound)
		return
	case u.disabled:
		k.expect("custom sign-in of a disabled user", err, fault.UserDisabled)
		return
	case !u.confirmed:
		k.expect("custom sign-in before confirmation", err, fault.UserNotConfirmed)
		return
	}
	k.expect("custom sign-in", err, "")
	for i := 0; ; i++ {
		word := "nonsense"
		if i == 2 || rapid.Bool().Draw(k.rt, "right word") {
			word = fmt.Sprint("word", i)
		}
		if rapid.IntRange(0, 4).Draw(k.rt, "too late") == 0 {
			k.Advance(3 * time.Minute)
			_, err := k.respond(k.Caller(), ch, n, "ANSWER", word)
			k.expect("late word", err, fault.SessionExpired)
			return
		}
		_, err := k.respond(k.Caller(), &pool.AuthResult{Challenge: "SMS_MFA", Session: ch.Session}, n, "SMS_MFA_CODE", "123456")
		k.expect("a session of another kind", err, fault.SessionInvalid)
		next, err := k.respond(k.Caller(), ch, n, "ANSWER", word)
		k.expect("word", err, "")
		_, err = k.respond(k.Caller(), ch, n, "ANSWER", fmt.Sprint("word", i))
		k.expect("word twice", err, fault.SessionUsed)
		if (next.Tokens != nil) != (word != "nonsense") {
			k.rt.Fatalf("%s: %+v", word, next)
		}
		if ch = next; ch.Tokens != nil {
			u.tokens, u.signedIn = ch.Tokens, k.Now()
			return
		}
	}
}

func (k *walk) confirm(*rapid.T) {
	n, u := k.pick()
	code, right := u.codes["sign_up"], rapid.Bool().Draw(k.rt, "right")
	if code == "" {
		code = "123456"
	} else if !right {
		code = pooltest.Wrong(code)
	}
	_, err := k.Service.ConfirmSignUp(k.t.Context(), k.Caller(), pool.ConfirmSignUpInput{ClientAuth: k.auth(), Username: n, Code: code})
	alive := u.codes["sign_up"] != "" && k.Now().Before(u.sentAt["sign_up"].Add(24*time.Hour))
	switch {
	case !u.exists:
		k.expect("confirm nobody", err, fault.UserNotFound)
	case u.confirmed || u.reset:
		k.expect("confirm twice", err, fault.UserAlreadyConfirmed)
	case !alive:
		k.expect("confirm with a dead code", err, fault.CodeExpired)
	case !right:
		k.expect("confirm with a wrong code", err, fault.CodeMismatch)
	default:
		k.expect("confirm", err, "")
		u.confirmed, u.verified = true, true
		delete(u.codes, "sign_up")
	}
	k.rest()
}

func (k *walk) signIn(*rapid.T) {
	n, u := k.pick()
	pw := u.password
	right := u.exists && rapid.Bool().Draw(k.rt, "right")
	if !right {
		pw = "Wr0ng-Horse!"
	}
	refuse := k.functions != nil && rapid.IntRange(0, 4).Draw(k.rt, "refuse") == 0
	if refuse {
		defer k.says(rapid.SampledFrom([]trigger.Name{trigger.PreAuthentication, trigger.PostAuthentication}).Draw(k.rt, "by"), throw("no"))()
	}
	out, err := k.password(k.Caller(), n, pw)
	switch {
	case !u.exists:
		k.expect("sign-in of nobody", err, fault.UserNotFound)
	case refuse:
		wrong := []fault.Code{fault.TriggerRefused}
		if !right || u.disabled || !u.confirmed {
			wrong = append(wrong, fault.WrongCredentials, fault.UserDisabled, fault.UserNotConfirmed)
		} else if u.sms {
			wrong = append(wrong, "") // the refusal follows the second factor
		}
		k.expect("refused sign-in", err, wrong...)
		if err == nil && (out.Challenge != "SMS_MFA" || out.Tokens != nil) {
			k.rt.Fatalf("refused sign-in: %+v", out)
		}
	case !right:
		k.expect("wrong password", err, fault.WrongCredentials)
	case u.disabled:
		k.expect("sign-in of a disabled user", err, fault.UserDisabled)
	case !u.confirmed && !u.reset:
		k.expect("sign-in before confirmation", err, fault.UserNotConfirmed)
	case u.reset:
		k.expect("sign-in while a reset is due", err, fault.PasswordResetRequired)
	case u.sms:
		k.expect("sign-in", err, "")
		if out.Challenge != "SMS_MFA" || out.Tokens != nil {
			k.rt.Fatalf("with a second factor: %+v", out)
		}
		k.answer(n, u, out)
	default:
		k.expect("sign-in", err, "")
		if out.Tokens == nil {
			k.rt.Fatalf("without a second factor: %+v", out)
		}
		u.tokens, u.signedIn = out.Tokens, k.Now()
	}
	k.rest()
}

func (k *walk) answer(n string, u *modelUser, ch *pool.AuthResult) {
	code := k.Code(n)
	if rapid.Bool().Draw(k.rt, "wrong first") {
		_, err := k.respond(k.Caller(), ch, n, "SMS_MFA_CODE", pooltest.Wrong(code))
		k.expect("wrong MFA code", err, fault.ChallengeCodeMismatch)
	}
	if rapid.Bool().Draw(k.rt, "too late") {
		k.Advance(3 * time.Minute)
		_, err := k.respond(k.Caller(), ch, n, "SMS_MFA_CODE", code)
		k.expect("late MFA code", err, fault.SessionExpired)
		return
	}
	out, err := k.respond(k.Caller(), ch, n, "SMS_MFA_CODE", code)
	k.expect("MFA code", err, "")
	u.verified = true
	u.tokens, u.signedIn = out.Tokens, k.Now()
	_, err = k.respond(k.Caller(), ch, n, "SMS_MFA_CODE", code)
	k.expect("MFA code twice", err, fault.SessionUsed)
}

// bearer is what a call with the user's last access token must answer.
func (k *walk) bearer(u *modelUser, err error, good ...fault.Code) bool {
	switch {
	case u.tokens == nil:
		k.expect("call without a session", err, fault.AccessTokenInvalid, fault.AccessTokenRevoked, fault.AccessTokenExpired)
	case !k.Now().Before(u.signedIn.Add(time.Hour).Truncate(time.Second)):
		k.expect("call with an old token", err, fault.AccessTokenExpired)
	case u.disabled:
		k.expect("call of a disabled user", err, fault.UserDisabled, fault.AccessTokenRevoked)
	default:
		k.expect("call", err, good...)
		return true
	}
	return false
}

func (k *walk) access(u *modelUser) string {
	if u.tokens == nil {
		return "x"
	}
	return u.tokens.Access
}

// fresh signs in so that a token is valid, if the user can.
func (k *walk) fresh(n string, u *modelUser) {
	if !u.exists || !u.confirmed || u.disabled || u.reset {
		return
	}
	out := k.Begin(k.client, n, u.password)
	if u.sms {
		out = k.Answer(k.client, n, out, "SMS_MFA_CODE", k.Code(n))
		u.verified = true
	}
	u.tokens, u.signedIn = out.Tokens, k.Now()
}

func (k *walk) toggleSMS(*rapid.T) {
	n, u := k.pick()
	k.fresh(n, u)
	on := rapid.Bool().Draw(k.rt, "on")
	err := k.Service.SetMFAPreference(k.t.Context(), k.Caller(), k.access(u), pool.MFAPreference{SMS: &pool.FactorChange{Enabled: on}})
	if k.bearer(u, err, "") {
		u.sms = on
	}
	k.rest()
}

func (k *walk) changePassword(*rapid.T) {
	n, u := k.pick()
	k.fresh(n, u)
	next := fmt.Sprintf("N3w-Horse-%d!", rapid.IntRange(0, 9).Draw(k.rt, "password"))
	err := k.Service.ChangePassword(k.t.Context(), k.Caller(), k.access(u), u.password, next)
	if k.bearer(u, err, "") {
		u.password = next
	}
	k.rest()
}

func (k *walk) forgot(*rapid.T) {
	n, u := k.pick()
	err := k.world.forgot(k.Caller(), n)
	switch {
	case !u.exists:
		k.expect("recovery of nobody", err, fault.ResetUserNotFound)
	case u.disabled:
		k.expect("recovery of a disabled user", err, fault.UserDisabled)
	case !u.confirmed && !u.reset:
		k.expect("recovery before confirmation", err, fault.ResetNotPossible)
	case !u.verified:
		k.expect("recovery without a verified contact", err, fault.ResetNotPossible)
	default:
		k.expect("recovery", err, "")
		k.sent(u, "reset", n)
	}
}

func (k *walk) confirmForgot(*rapid.T) {
	n, u := k.pick()
	code, right := u.codes["reset"], rapid.Bool().Draw(k.rt, "right")
	if code == "" {
		code = "123456"
	} else if !right {
		code = pooltest.Wrong(code)
	}
	next := "R3set-Horse!"
	err := k.Service.ConfirmForgotPassword(k.t.Context(), k.Caller(), pool.ConfirmForgotPasswordInput{ClientAuth: k.auth(), Username: n, Code: code, Password: next})
	alive := u.codes["reset"] != "" && k.Now().Before(u.sentAt["reset"].Add(time.Hour))
	switch {
	case !u.exists:
		k.expect("reset of nobody", err, fault.UserNotFound)
	case !u.confirmed && !u.reset:
		k.expect("reset before confirmation", err, fault.UserNotConfirmed)
	case !alive || u.disabled:
		k.expect("reset with a dead code", err, fault.CodeExpired)
	case !right:
		k.expect("reset with a wrong code", err, fault.CodeMismatch)
	default:
		k.expect("reset", err, "")
		u.password, u.reset, u.confirmed, u.tokens = next, false, true, nil
		delete(u.codes, "reset")
	}
	k.rest()
}

func (k *walk) signOut(*rapid.T) {
	n, u := k.pick()
	k.fresh(n, u)
	old := u.tokens
	if k.bearer(u, k.Service.GlobalSignOut(k.t.Context(), k.Caller(), k.access(u)), "") {
		u.tokens = nil
		_, err := k.Service.Refresh(k.t.Context(), k.Caller(), pool.RefreshInput{ClientAuth: k.auth(), RefreshToken: old.Refresh})
		k.expect("refresh after sign-out", err, fault.RefreshTokenRevoked)
	}
}

func (k *walk) admin(*rapid.T) {
	n, u := k.pick()
	ctx, c := k.t.Context(), k.Admin()
	found := func(err error) bool {
		if !u.exists {
			k.expect("administration of nobody", err, fault.UserNotFound)
			return false
		}
		k.expect("administration", err, "")
		return true
	}
	switch rapid.SampledFrom([]string{"disable", "enable", "confirm", "delete"}).Draw(k.rt, "what") {
	case "disable":
		if found(k.Service.AdminDisable(ctx, c, k.pool, n)) {
			u.disabled, u.tokens = true, nil
		}
	case "enable":
		if found(k.Service.AdminEnable(ctx, c, k.pool, n)) {
			u.disabled = false
		}
	case "confirm":
		err := k.Service.AdminConfirmSignUp(ctx, c, k.pool, n)
		switch {
		case !u.exists:
			k.expect("confirm nobody", err, fault.UserNotFound)
		case u.confirmed:
			k.expect("confirm twice", err, fault.UserAlreadyConfirmed)
		default:
			k.expect("confirm", err, "")
			u.confirmed = true // and verifies nothing
			delete(u.codes, "sign_up")
		}
	case "delete":
		if found(k.Service.AdminDeleteUser(ctx, c, k.pool, n)) {
			*u = modelUser{codes: map[string]string{}, sentAt: map[string]time.Time{}}
		}
	}
	k.rest()
}

// check holds after every step: the model and the store agree on who exists, and nobody unverified owns a confirmed state.
func (k *walk) check(rt *rapid.T) {
	k.rt = rt
	for n, u := range k.users {
		v, err := k.Service.AdminGetUser(k.t.Context(), k.Admin(), k.pool, n)
		if !u.exists {
			k.expect("nobody", err, fault.UserNotFound)
			continue
		}
		k.expect("somebody", err, "")
		want := store.Unconfirmed
		if u.confirmed {
			want = store.Confirmed
		}
		if v.Status != want || v.Enabled == u.disabled || v.Sub != u.sub {
			rt.Fatalf("%s: status %s enabled %v, the model says confirmed %v disabled %v", n, v.Status, v.Enabled, u.confirmed, u.disabled)
		}
		if got := attrs(v)["phone_number_verified"]; got != fmt.Sprint(u.verified) {
			rt.Fatalf("%s: verified %s, the model says %v", n, got, u.verified)
		}
	}
}

// TestWalk takes random walks through the state machine of package pool, on both stores.
func TestWalk(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		d := triggertest.New(t)
		names := []trigger.Name{trigger.PreSignUp, trigger.PostConfirmation, trigger.PreAuthentication, trigger.PostAuthentication,
			trigger.PreTokenGeneration, trigger.CustomMessage, trigger.CustomSMSSender,
			trigger.DefineAuthChallenge, trigger.CreateAuthChallenge, trigger.VerifyAuthChallengeResponse}
		for _, n := range names {
			d.On(n, func(e triggertest.Event) (any, error) { return e, nil })
		}
		h := pooltest.New(t, s, func(o *pool.Options) { o.Triggers = d.Runner() })
		rapid.Check(t, func(rt *rapid.T) {
			cfg, client := pooltest.PhonePool(), pooltest.AppClient()
			w := &world{Harness: h, t: t}
			k := &walk{world: w, rt: rt, users: map[string]*modelUser{}}
			if rapid.Bool().Draw(rt, "functions") {
				k.functions = &lambda{w, d}
				passwordless(k.functions, 1)
				cfg.Triggers, client.Flows = d.Config(names...), append(client.Flows, "ALLOW_CUSTOM_AUTH")
			}
			w.pool = h.Pool(cfg)
			w.client = w.Client(w.pool, client)
			step := func(f func(*rapid.T)) func(*rapid.T) {
				return func(rt *rapid.T) { k.rt = rt; f(rt) }
			}
			rt.Repeat(map[string]func(*rapid.T){
				"": k.check, "SignUp": step(k.signUp), "Confirm": step(k.confirm), "SignIn": step(k.signIn), "SMS": step(k.toggleSMS), "Custom": step(k.custom),
				"ChangePassword": step(k.changePassword), "Forgot": step(k.forgot), "ConfirmForgot": step(k.confirmForgot),
				"SignOut": step(k.signOut), "Admin": step(k.admin), "Wait": step(func(*rapid.T) { k.Advance(25 * time.Hour) }),
			})
		})
	})
}
