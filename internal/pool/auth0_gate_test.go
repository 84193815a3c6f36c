package pool_test

import (
	"context"
	"encoding/json"
	"errors"
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
	"countersign/internal/store/storetest"
	"countersign/internal/token"
	"countersign/provider"
)

// judge are rules and actions that the test speaks for.
type judge struct {
	verdict facts.Verdict
	err     error
	asked   []facts.Login
	gone    []string
}

func (j *judge) Forget(poolID string) { j.gone = append(j.gone, poolID) }

func (j *judge) Judges(context.Context, string) (bool, error) { return true, nil }

func (j *judge) Judge(_ context.Context, _ string, in facts.Login) (*facts.Verdict, error) {
	j.asked = append(j.asked, in)
	v := j.verdict
	return &v, j.err
}

// sends is a worker whose attempts end as the test says.
type sends struct {
	outcome delivery.Outcome
	err     error
	ids     []string
}

func (s *sends) await(_ context.Context, id string) (delivery.Outcome, error) {
	s.ids = append(s.ids, id)
	return s.outcome, s.err
}

// eachWith is each with options of the service.
func eachWith(t *testing.T, opt func(*pool.Options), f func(*testing.T, *world), change ...func(*pool.Config, *pool.ClientConfig)) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := &world{Harness: pooltest.New(t, s, opt), t: t}
		cfg, ccfg := pooltest.PhonePool(), pooltest.AppClient()
		for _, c := range change {
			c(&cfg, &ccfg)
		}
		w.pool = w.Pool(cfg)
		w.client = w.Client(w.pool, ccfg)
		f(t, w)
	})
}

func eachJudged(t *testing.T, f func(*testing.T, *world, *judge), change ...func(*pool.Config, *pool.ClientConfig)) {
	j := &judge{}
	eachWith(t, func(o *pool.Options) { *j, o.Logins = judge{}, j }, func(t *testing.T, w *world) { f(t, w, j) }, change...)
}

// Rules and actions are asked once for each sign-in, on both wires, and again on refresh; what they add reaches the tokens over all steps.
func TestAuth0Judge(t *testing.T) {
	eachJudged(t, func(t *testing.T, w *world, j *judge) {
		ctx := t.Context()
		sub := w.SignUp(w.client, carol, passw0rd)
		j.verdict = facts.Verdict{
			MFA: true, AccessClaims: map[string]any{"https://a/role": "boss", "sub": "root", "scope": "all", "Aud": "x"},
			IDClaims: map[string]any{"https://a/team": "x", "iss": "evil"}, AppMetadata: map[string]any{"n": 1, "gone": nil}, UserMetadata: map[string]any{"u": "v"},
		}
		m := w.owing(carol, "openid", "offline_access") // the pool asks for nothing
		if len(j.asked) != 1 || j.asked[0].Protocol != "oauth2-password" || j.asked[0].User.ID != "auth0|"+sub || !slices.Equal(j.asked[0].Methods, []string{"pwd"}) {
			t.Errorf("asked %+v", j.asked)
		}
		as, err := w.associate(m.Token, cell, "sms")
		w.must(err)
		w.sealed(m.Token, "boss", "team")
		tk, err := w.oob(m.Token, as.OOBCode, w.Code(cell))
		w.must(err)
		access, id := claimsOf(t, tk.Access), claimsOf(t, tk.ID)
		if access["https://a/role"] != "boss" || access["sub"] != "auth0|"+sub || access["scope"] != "openid offline_access" || access["Aud"] != nil {
			t.Errorf("access token %v", access)
		}
		if id["https://a/team"] != "x" || id["iss"] != base+"/" {
			t.Errorf("ID token %v", id)
		}
		if len(j.asked) != 1 {
			t.Errorf("asked %d times in one sign-in", len(j.asked))
		}
		if u := w.user(sub); string(u.Meta.App) != `{"n":1}` || string(u.Meta.User) != `{"u":"v"}` {
			t.Errorf("metadata %s %s", u.Meta.App, u.Meta.User)
		}
		j.verdict = facts.Verdict{AccessClaims: map[string]any{"https://a/role": "clerk"}, AppMetadata: map[string]any{"n": nil}}
		again, err := w.Service.RefreshGrant(ctx, w.a0(), pool.RefreshGrantInput{OAuthClient: w.oauth(), RefreshToken: tk.Refresh})
		w.must(err)
		if claimsOf(t, again.Access)["https://a/role"] != "clerk" || j.asked[1].Protocol != "oauth2-refresh-token" || string(w.user(sub).Meta.App) != `{}` {
			t.Errorf("refreshed: %v, asked %+v", claimsOf(t, again.Access), j.asked[1])
		}
		// The Cognito wire.
		j.verdict = facts.Verdict{MFA: true, IDClaims: map[string]any{"team": "y", "cognito:username": "root"}}
		ch := w.Begin(w.client, carol, passw0rd)
		if ch.Challenge != "SMS_MFA" {
			t.Fatalf("challenge %q", ch.Challenge)
		}
		out := w.Answer(w.client, carol, ch, "SMS_MFA_CODE", w.Code(cell))
		if c := claimsOf(t, out.Tokens.ID); c["team"] != "y" || c["cognito:username"] == "root" {
			t.Errorf("ID token of the Cognito wire: %v", c)
		}
		if len(j.asked) != 3 {
			t.Errorf("asked %d times", len(j.asked))
		}
	}, guardian, optional)
}

// sealed fails if a challenge shows what rules added.
func (w *world) sealed(handle string, hidden ...string) {
	w.t.Helper()
	id, _, err := token.ParseHandle(token.MFAToken, handle)
	w.must(err)
	w.Read(func(tx store.Tx) error {
		row, err := tx.Challenges().Challenge(w.t.Context(), id)
		for _, h := range hidden {
			if err == nil && strings.Contains(string(row.Data), h) {
				w.t.Errorf("%q in the challenge", h)
			}
		}
		return err
	})
}

func TestAuth0JudgeRefuses(t *testing.T) {
	eachJudged(t, func(t *testing.T, w *world, j *judge) {
		w.SignUp(w.client, carol, passw0rd)
		j.verdict = facts.Verdict{Denied: "Not on Sundays."}
		_, err := w.grant(carol, passw0rd)
		w.want(err, fault.LoginRefused)
		if fault.Of(err).Public != "Not on Sundays." {
			t.Errorf("%v", err)
		}
		_, err = w.password(w.Caller(), carol, passw0rd)
		w.want(err, fault.LoginRefused)
		_, err = w.grant(carol, "Wr0ng-Horse!")
		w.want(err, fault.WrongCredentials)
		j.verdict, j.err = facts.Verdict{}, errors.New("the rule broke")
		if out, err := w.grant(carol, passw0rd); err == nil {
			t.Errorf("a broken rule let through: %+v", out)
		}
		if out, err := w.password(w.Caller(), carol, passw0rd); err == nil {
			t.Errorf("a broken rule let through: %+v", out)
		}
		j.err, j.verdict = nil, facts.Verdict{AccessClaims: map[string]any{"https://a/x": strings.Repeat("x", 9000)}}
		_, err = w.grant(carol, passw0rd)
		w.want(err, fault.LoginRefused)
		j.verdict = facts.Verdict{}
		out, err := w.grant(carol, passw0rd, "offline_access")
		w.must(err)
		j.verdict = facts.Verdict{Denied: "no"}
		_, err = w.Service.RefreshGrant(t.Context(), w.a0(), pool.RefreshGrantInput{OAuthClient: w.oauth(), RefreshToken: out.Tokens.Refresh})
		w.want(err, fault.LoginRefused)
		w.happened(eventlog.LoginFailed)
	}, guardian, optional)
}

// The kinds that a rule names are the only ones that count, and a factor of another kind is no way to a new one.
func TestAuth0JudgeKinds(t *testing.T) {
	eachJudged(t, func(t *testing.T, w *world, j *judge) {
		w.SignUp(w.client, carol, passw0rd)
		j.verdict = facts.Verdict{MFA: true, Providers: []string{"phone"}}
		m := w.owing(carol)
		if !slices.Equal(m.Enroll, []string{"phone"}) {
			t.Errorf("owed %+v", m)
		}
		_, err := w.Service.Associate(t.Context(), w.a0(), pool.AssociateInput{MFABearer: pool.MFABearer{Token: m.Token}, Types: []string{"otp"}})
		w.want(err, fault.ChallengeUnsupported)
		as, err := w.associate(m.Token, cell, "sms")
		w.must(err)
		_, err = w.oob(m.Token, as.OOBCode, w.Code(cell))
		w.must(err)
		m = w.owing(carol)
		if !slices.Equal(m.Challenge, []string{"phone"}) {
			t.Errorf("a recovery code that the rule does not accept: %+v", m)
		}
		_, err = w.recover(m.Token, as.RecoveryCodes[0])
		w.want(err, fault.RecoveryCodeWrong)
		j.verdict.Providers = []string{"otp"}
		_, err = w.grant(carol, passw0rd)
		w.want(err, fault.ChallengeUnsupported)
		_, err = w.password(w.Caller(), carol, passw0rd)
		w.want(err, fault.ChallengeUnsupported)
	}, guardian, optional)
}

// A network that is new to the user demands a second factor where the tenant says so.
func TestAuth0Adaptive(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, carol, passw0rd)
		m := w.owing(carol)
		as, err := w.associate(m.Token, cell, "sms")
		w.must(err)
		_, err = w.oob(m.Token, as.OOBCode, w.Code(cell))
		w.must(err)
		out, err := w.grant(carol, passw0rd)
		w.must(err)
		if out.Tokens == nil {
			t.Errorf("asked again on a known network: %+v", out.MFA)
		}
		c := w.a0()
		c.IP = w.from("198.51.100.9").IP
		out, err = w.Service.PasswordGrant(t.Context(), c, pool.PasswordGrantInput{OAuthClient: w.oauth(), Username: carol, Password: passw0rd})
		w.must(err)
		if out.MFA == nil {
			t.Error("not asked on a new network")
		}
		ch, err := w.password(w.from("198.51.100.9"), carol, passw0rd)
		w.must(err)
		if ch.Challenge != "SMS_MFA" {
			t.Errorf("not asked on the Cognito wire: %q", ch.Challenge)
		}
	}, guardian, func(p *pool.Config, _ *pool.ClientConfig) { p.MFA, p.Tenant.Adaptive = "OFF", true })
}

func TestAuth0ClientDemandsFactor(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.SignUp(w.client, carol, passw0rd)
		if m := w.owing(carol); len(m.Enroll) == 0 {
			t.Errorf("owed %+v", m)
		}
	}, guardian, optional, func(_ *pool.Config, c *pool.ClientConfig) { c.RequireMFA = true })
}

// The answer waits for the first attempt; a failure leaves the challenge usable.
func TestAuth0Awaits(t *testing.T) {
	box := &sends{}
	eachWith(t, func(o *pool.Options) { *box, o.Await = sends{}, box.await }, func(t *testing.T, w *world) {
		w.SignUp(w.client, carol, passw0rd)
		m := w.owing(carol)
		box.outcome = delivery.Outcome{State: store.Failed, Class: provider.ClassPermanent, Text: "Twilio says 21211 to +12025550140", Provider: "twilio"}
		_, err := w.associate(m.Token, cell, "sms")
		w.want(err, fault.DeliveryFailed)
		if e := fault.Of(err); e.Public != "The message could not be sent." || !strings.Contains(e.Hint, "21211") {
			t.Errorf("%q, hint %q", e.Public, e.Hint)
		}
		box.outcome = delivery.Outcome{State: store.Sent}
		as, err := w.associate(m.Token, cell, "sms")
		w.must(err)
		if len(box.ids) != 2 || box.ids[1] != w.Last(cell).ID {
			t.Errorf("awaited %v", box.ids)
		}
		_, err = w.oob(m.Token, as.OOBCode, w.Code(cell))
		w.must(err)
		for _, o := range []sends{{err: context.DeadlineExceeded}, {outcome: delivery.Outcome{State: store.Queued, Class: provider.ClassRetryable}}} {
			box.outcome, box.err = o.outcome, o.err
			_, err = w.challenge(w.owing(carol).Token)
			w.must(err)
		}
	}, guardian)
}

// Letters of a pool whose texts user code sends carry the facts of the message, on both wires.
func TestAuth0MessageFacts(t *testing.T) {
	hook := func(p *pool.Config, c *pool.ClientConfig) {
		p.Tenant.Provider, p.Tenant.Locales = "phone-message-hook", []string{"en", "de"}
		p.Tenant.Enrollment = "{{ code }} {{ locale }} {{ tenant.friendlyName }}"
		c.Metadata = map[string]string{"k": "v"}
	}
	each(t, func(t *testing.T, w *world) {
		read := func(to string) (f facts.Message) {
			w.must(json.Unmarshal(w.Last(to).Event, &f))
			return f
		}
		sub := w.SignUp(w.client, carol, passw0rd)
		c := w.a0()
		c.Language, c.Hostname = "fr;q=0.9, de-AT;q=0.8, en;q=0.1", "localhost"
		m := w.owing(carol)
		as, err := w.Service.Associate(t.Context(), c, pool.AssociateInput{MFABearer: pool.MFABearer{Token: m.Token}, Types: []string{"oob"}, Channels: []string{"sms"}, Phone: cell})
		w.must(err)
		f := read(cell)
		if f.Purpose != facts.Enroll || f.Language != "de" || f.User.ID != "auth0|"+sub || f.Client.Metadata["k"] != "v" || f.Request.Language != c.Language || f.Tenant.FriendlyName != "Acme" {
			t.Errorf("facts %+v", f)
		}
		if msg := w.Last(cell); msg.Text != msg.Code+" de Acme" || f.Voice == "" || strings.Contains(string(msg.Event), msg.Code) {
			t.Errorf("text %q, event %s", msg.Text, msg.Event)
		}
		_, err = w.oob(m.Token, as.OOBCode, w.Code(cell))
		w.must(err)
		w.second(w.owing(carol).Token, cell)
		if f = read(cell); f.Purpose != facts.SecondFactor || f.Language != "en" || !slices.Contains(f.User.Factors, "phone") {
			t.Errorf("facts %+v", f)
		}
		w.Begin(w.client, carol, passw0rd)
		if f = read(cell); f.Purpose != facts.SecondFactor {
			t.Errorf("facts of the Cognito wire %+v", f)
		}
		if w.Last(carol).Event != nil {
			t.Error("an e-mail with the facts of a text")
		}
	}, guardian, hook)
}

// Which allowance is used up can be told, and it comes back by and by.
func TestAuth0Limits(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.enrolled(carol, cell)
		sent := 0
		var last error
		for ; last == nil && sent < 30; sent++ {
			_, last = w.challenge(w.owing(carol).Token)
		}
		if e := fault.Of(last); e == nil || e.Code != fault.AttemptLimit || e.Field != "sms" || e.RetryAfter <= 0 || sent > 11 {
			t.Errorf("after %d messages: %v", sent, last)
		}
		w.happened(eventlog.CodeRateExceeded)
		w.Advance(time.Hour)
		m := w.owing(carol)
		ch, err := w.challenge(m.Token)
		w.must(err)
		_, err = w.challenge(m.Token)
		w.want(err, fault.AttemptLimit)
		wrong := 0
		for range 40 {
			_, err := w.oob(m.Token, ch.OOBCode, pooltest.Wrong(w.Code(cell)))
			switch fault.CodeOf(err) {
			case fault.ChallengeCodeMismatch:
				wrong++
			case fault.AttemptLimit:
				if fault.Of(err).Field != "code" {
					t.Errorf("field %q", fault.Of(err).Field)
				}
			case fault.MFATokenInvalid:
			default:
				t.Fatal(err)
			}
			w.Advance(2 * time.Second)
		}
		if wrong != 5 {
			t.Errorf("%d wrong codes were judged on one mfa_token", wrong)
		}
	}, guardian)
}

// Five factors of ten: a user has ten telephones at most, and three that wait.
func TestAuth0PhoneBounds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sub, _ := w.enrolled(carol, cell)
		access := w.manager(carol, cell)
		for i := range 9 {
			w.Advance(61 * time.Minute)
			access = w.manager(carol, cell)
			number := fmt.Sprintf("+1202555016%d", i)
			as, err := w.associate(access, number, "sms")
			w.must(err)
			_, err = w.oob(access, as.OOBCode, w.Code(number))
			w.must(err)
		}
		_, err := w.associate(access, "+12025550177", "sms")
		w.want(err, fault.TooMany)
		w.happened(eventlog.TooManyRecords)
		if n := len(w.user(sub).MFA.Phones); n != 10 {
			t.Errorf("%d telephones", n)
		}
	}, guardian)
	each(t, func(t *testing.T, w *world) {
		sub := w.SignUp(w.client, carol, passw0rd)
		m := w.owing(carol)
		var first *pool.AssociateResult
		for i := range 5 {
			as, err := w.associate(m.Token, fmt.Sprintf("+1202555016%d", i), "sms")
			w.must(err)
			if first == nil {
				first = as
			}
		}
		if n := len(w.user(sub).MFA.Phones); n != 3 {
			t.Errorf("%d telephones wait", n)
		}
		_, err := w.oob(m.Token, first.OOBCode, w.Code("+12025550160"))
		w.want(err, fault.OOBCodeInvalid)
		w.Advance(2 * time.Hour)
		_, err = w.associate(w.owing(carol).Token, "+12025550170", "sms")
		w.must(err)
		if n := len(w.user(sub).MFA.Phones); n != 1 {
			t.Errorf("%d telephones wait after two hours", n)
		}
	}, guardian)
}

// A deleted pool's code is told to whoever keeps it.
func TestDeletedPoolsAreForgotten(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		j := &judge{}
		w.Service.Logins = j
		id := w.pool
		w.must(w.Service.DeletePool(t.Context(), pool.Caller{}, id))
		if len(j.gone) != 1 || j.gone[0] != id {
			t.Errorf("told to forget %v", j.gone)
		}
	})
}
