package pool_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/srp/srptest"
	"countersign/internal/store"
	"countersign/internal/token"
	"countersign/internal/trigger"
	"countersign/internal/trigger/triggertest"
)

var customTriggers = []trigger.Name{trigger.DefineAuthChallenge, trigger.CreateAuthChallenge, trigger.VerifyAuthChallengeResponse, trigger.PostAuthentication}

func customAuth(_ *pool.Config, c *pool.ClientConfig) {
	c.Flows = append(c.Flows, "ALLOW_CUSTOM_AUTH", "ALLOW_USER_SRP_AUTH")
}

// passwordless sets functions that ask for a word: two right answers sign in, three wrong ones end it.
func passwordless(l *lambda, needed int) {
	l.d.On(trigger.DefineAuthChallenge, func(e triggertest.Event) (any, error) {
		right, wrong, last := 0, 0, ""
		for _, r := range e.Request()["session"].([]any) {
			r := r.(map[string]any)
			last = r["challengeName"].(string)
			switch {
			case last != "CUSTOM_CHALLENGE":
			case r["challengeResult"] == true:
				right++
			default:
				wrong++
			}
		}
		switch {
		case last == "SRP_A":
			return e.Answer("challengeName", "PASSWORD_VERIFIER", "issueTokens", false, "failAuthentication", false), nil
		case wrong >= 3:
			return e.Answer("failAuthentication", true), nil
		case right >= needed:
			return e.Answer("issueTokens", true, "failAuthentication", false), nil
		}
		return e.Answer("challengeName", "CUSTOM_CHALLENGE", "issueTokens", false, "failAuthentication", false), nil
	})
	l.d.On(trigger.CreateAuthChallenge, func(e triggertest.Event) (any, error) {
		n := len(e.Request()["session"].([]any))
		return e.Answer("publicChallengeParameters", map[string]string{"hint": fmt.Sprint("round ", n)},
			"privateChallengeParameters", map[string]string{"answer": fmt.Sprint("word", n)}, "challengeMetadata", fmt.Sprint("WORD_", n)), nil
	})
	l.d.On(trigger.VerifyAuthChallengeResponse, func(e triggertest.Event) (any, error) {
		r := e.Request()
		return e.Answer("answerCorrect", r["challengeAnswer"] == r["privateChallengeParameters"].(map[string]any)["answer"]), nil
	})
}

func TestCustomAuth(t *testing.T) {
	eachLambda(t, customTriggers, func(t *testing.T, l *lambda) {
		passwordless(l, 2)
		l.SignUp(l.client, alice, passw0rd)
		c := l.Caller()
		c.Metadata = map[string]string{"k": "v"}
		ch, err := l.begin(c, "CUSTOM_AUTH", "USERNAME", alice)
		l.must(err)
		if ch.Challenge != "CUSTOM_CHALLENGE" || ch.Parameters["hint"] != "round 0" || strings.Contains(fmt.Sprint(ch), "word") || ch.Parameters["USERNAME"] == "" {
			t.Fatalf("%+v", ch)
		}
		first := ch
		ch, err = l.respond(c, ch, alice, "ANSWER", "nonsense")
		l.must(err)
		_, err = l.respond(c, first, alice, "ANSWER", "word0")
		l.want(err, fault.SessionUsed)
		for i := 1; ch.Tokens == nil; i++ {
			if ch.Parameters["hint"] != fmt.Sprint("round ", i) || i > 2 {
				t.Fatalf("%+v", ch)
			}
			ch, err = l.respond(c, ch, ch.Parameters["USERNAME"], "ANSWER", fmt.Sprint("word", i))
			l.must(err)
		}
		l.must2(l.Service.User(t.Context(), c, ch.Tokens.Access))
		if n := len(l.d.Events("PostAuthentication_Authentication")); n != 1 {
			t.Errorf("PostAuthentication ran %d times", n)
		}
		define := l.d.Events("DefineAuthChallenge_Authentication")
		if len(define) != 4 || define[0].Request()["clientMetadata"] != nil || define[1].Request()["clientMetadata"] == nil {
			t.Fatalf("%d times, %v", len(define), define)
		}
		want := "[map[challengeMetadata:WORD_0 challengeName:CUSTOM_CHALLENGE challengeResult:false] map[challengeMetadata:WORD_1 challengeName:CUSTOM_CHALLENGE challengeResult:true] " +
			"map[challengeMetadata:WORD_2 challengeName:CUSTOM_CHALLENGE challengeResult:true]]"
		if got := fmt.Sprint(define[3].Request()["session"]); got != want || len(define[0].Request()["session"].([]any)) != 0 {
			t.Errorf("history %s", got)
		}
		if data := l.challengeData(); !strings.Contains(data, `"custom":`) || strings.Contains(data, "word") || strings.Contains(data, "WORD_") {
			t.Error("the history lies open in the store")
		}
	}, customAuth)
}

// challengeData is what the newest custom challenge keeps.
func (l *lambda) challengeData() (data string) {
	l.t.Helper()
	ch, err := l.begin(l.Caller(), "CUSTOM_AUTH", "USERNAME", alice)
	l.must(err)
	id, _, err := token.ParseHandle(token.Session, ch.Session)
	l.must(err)
	l.Read(func(tx store.Tx) error {
		row, err := tx.Challenges().Challenge(l.t.Context(), id)
		if err == nil {
			data = string(row.Data)
		}
		return err
	})
	return data
}

// With CHALLENGE_NAME=SRP_A the password comes first, and a wrong one ends the sign-in.
func TestCustomAuthAfterSRP(t *testing.T) {
	eachLambda(t, customTriggers, func(t *testing.T, l *lambda) {
		passwordless(l, 1)
		l.SignUp(l.client, alice, passw0rd)
		c := l.Caller()
		cl := srptest.NewClient()
		ch, err := l.begin(c, "CUSTOM_AUTH", "USERNAME", alice, "CHALLENGE_NAME", "SRP_A", "SRP_A", cl.A())
		l.must(err)
		if ch.Challenge != "PASSWORD_VERIFIER" || ch.Session == "" {
			t.Fatalf("%+v", ch)
		}
		ch, err = l.prove(cl, ch, passw0rd)
		l.must(err)
		if ch.Challenge != "CUSTOM_CHALLENGE" || ch.Parameters["hint"] != "round 2" {
			t.Fatalf("%+v", ch)
		}
		ch, err = l.respond(c, ch, alice, "ANSWER", "word2")
		l.must(err)
		if ch.Tokens == nil {
			t.Fatalf("%+v", ch)
		}
		last := l.d.Events("DefineAuthChallenge_Authentication")[2].Request()["session"]
		if got := fmt.Sprint(last); !strings.HasPrefix(got, "[map[challengeName:SRP_A challengeResult:true] map[challengeName:PASSWORD_VERIFIER challengeResult:true] map[") {
			t.Errorf("history %s", got)
		}
		cl = srptest.NewClient()
		ch, err = l.begin(c, "CUSTOM_AUTH", "USERNAME", alice, "CHALLENGE_NAME", "SRP_A", "SRP_A", cl.A())
		l.must(err)
		_, err = l.prove(cl, ch, "Wr0ng-Horse!")
		l.want(err, fault.WrongCredentials)
	}, customAuth)
}

// Wrong answers are counted by the account, however the functions say so, and rounds are bounded.
func TestCustomAuthIsBounded(t *testing.T) {
	eachLambda(t, customTriggers, func(t *testing.T, l *lambda) {
		passwordless(l, 1)
		l.SignUp(l.client, alice, passw0rd)
		c := l.Caller()
		judged := func() int { return len(l.d.Events("VerifyAuthChallengeResponse_Authentication")) }
		for range 10 {
			ch, err := l.begin(c, "CUSTOM_AUTH", "USERNAME", alice)
			for err == nil {
				ch, err = l.respond(c, ch, alice, "ANSWER", "nonsense")
			}
		}
		if n := judged(); n < 3 || n > 8 {
			t.Errorf("%d wrong answers were judged", n)
		}
		l.Advance(time.Hour)
		before := judged()
		l.d.On(trigger.VerifyAuthChallengeResponse, throw("wrong"))
		for range 10 {
			ch, err := l.begin(c, "CUSTOM_AUTH", "USERNAME", alice)
			l.must(err)
			for range 10 {
				_, err = l.respond(c, ch, alice, "ANSWER", "nonsense")
			}
			if err == nil {
				t.Fatal("a thrown error let somebody in")
			}
		}
		if n := judged() - before; n < 3 || n > 8 {
			t.Errorf("%d wrong answers were judged by throwing", n)
		}
	}, customAuth)
	eachLambda(t, customTriggers, func(t *testing.T, l *lambda) {
		passwordless(l, 1000)
		l.SignUp(l.client, alice, passw0rd)
		ch, err := l.begin(l.Caller(), "CUSTOM_AUTH", "USERNAME", alice)
		rounds := 0
		for ; err == nil && rounds < 100; rounds++ {
			ch, err = l.respond(l.Caller(), ch, alice, "ANSWER", fmt.Sprint("word", rounds))
		}
		l.want(err, fault.WrongCredentials)
		if rounds > 25 {
			t.Errorf("%d rounds", rounds)
		}
	}, customAuth)
}

// What the functions must not do: let somebody in who proved nothing, or name challenges that do not exist.
func TestCustomAuthRefusals(t *testing.T) {
	eachLambda(t, customTriggers, func(t *testing.T, l *lambda) {
		l.SignUp(l.client, alice, passw0rd)
		for _, set := range [][]any{{"issueTokens", true}, {"challengeName", "SMS_MFA"}, {}, {"challengeName", 7}} {
			l.d.On(trigger.DefineAuthChallenge, answer(set...))
			_, err := l.begin(l.Caller(), "CUSTOM_AUTH", "USERNAME", alice)
			l.want(err, fault.TriggerAnswerInvalid)
		}
		l.d.On(trigger.DefineAuthChallenge, answer("failAuthentication", true))
		_, err := l.begin(l.Caller(), "CUSTOM_AUTH", "USERNAME", alice)
		l.want(err, fault.WrongCredentials)
		passwordless(l, 1)
		l.d.On(trigger.CreateAuthChallenge, answer("publicChallengeParameters", map[string]string{"x": strings.Repeat("x", 20<<10)}))
		_, err = l.begin(l.Caller(), "CUSTOM_AUTH", "USERNAME", alice)
		l.want(err, fault.TriggerAnswerInvalid)
		_, err = l.begin(l.Caller(), "CUSTOM_AUTH", "USERNAME", bob)
		l.want(err, fault.UserNotFound)
		l.must(l.Service.AdminDisable(t.Context(), l.Admin(), l.pool, alice))
		_, err = l.begin(l.Caller(), "CUSTOM_AUTH", "USERNAME", alice)
		l.want(err, fault.UserDisabled)
	}, customAuth)
	eachLambda(t, customTriggers[:2], func(t *testing.T, l *lambda) {
		_, err := l.begin(l.Caller(), "CUSTOM_AUTH", "USERNAME", alice)
		l.wantError(err, fault.InvalidParameter, "Custom auth lambda trigger is not configured for the user pool.")
	}, customAuth)
}

// Where existence is hidden the functions are asked about everybody, and nobody gets tokens who is not there.
func TestCustomAuthHidesExistence(t *testing.T) {
	const nobody, disabled = "+12025550155", "+12025550102"
	eachLambda(t, customTriggers, func(t *testing.T, l *lambda) {
		passwordless(l, 1)
		l.SignUp(l.client, alice, passw0rd)
		l.SignUp(l.client, disabled, passw0rd)
		l.must(l.Service.AdminDisable(t.Context(), l.Admin(), l.pool, disabled))
		l.must(l.signUp(l.Caller(), bob))
		for _, name := range []string{alice, bob, disabled, nobody} {
			l.Advance(time.Hour)
			ch, err := l.begin(l.Caller(), "CUSTOM_AUTH", "USERNAME", name)
			l.must(err)
			if ch.Challenge != "CUSTOM_CHALLENGE" || len(ch.Parameters) != 2 || len(ch.Parameters["USERNAME"]) != 36 {
				t.Errorf("%s: %+v", name, ch)
			}
			ch, err = l.respond(l.Caller(), ch, ch.Parameters["USERNAME"], "ANSWER", "nonsense")
			l.must(err)
			ch, err = l.respond(l.Caller(), ch, name, "ANSWER", "word1")
			if name == alice {
				l.must(err)
				if ch.Tokens == nil {
					t.Error("the owner got no tokens")
				}
				continue
			}
			l.want(err, fault.WrongCredentials)
			cl := srptest.NewClient()
			ch, err = l.begin(l.Caller(), "CUSTOM_AUTH", "USERNAME", name, "CHALLENGE_NAME", "SRP_A", "SRP_A", cl.A())
			l.must(err)
			_, err = l.prove(cl, ch, "Wr0ng-Horse!")
			l.want(err, fault.WrongCredentials)
		}
		for _, e := range l.d.Events("CreateAuthChallenge_Authentication") {
			known := e.Request()["userAttributes"].(map[string]any)["sub"] != nil
			if known == (e.Request()["userNotFound"] == true) {
				t.Errorf("%v", e.Request())
			}
		}
	}, customAuth, hidden)
}

// The challenges of the pool's own functions are the whole sign-in, unless the client asks for more; an administrator may begin it.
func TestCustomAuthAndMFA(t *testing.T) {
	for _, more := range []bool{false, true} {
		eachLambda(t, customTriggers, func(t *testing.T, l *lambda) {
			passwordless(l, 1)
			l.SignUp(l.client, alice, passw0rd)
			ch, err := l.Service.InitiateAuth(t.Context(), l.Admin(), pool.AuthInput{ClientID: l.client, PoolID: l.pool, Flow: "CUSTOM_AUTH", Params: map[string]string{"USERNAME": alice}})
			l.must(err)
			out, err := l.respond(l.Caller(), ch, alice, "ANSWER", "word0")
			l.must(err)
			if (out.Tokens == nil) != more {
				t.Errorf("more=%v: %+v", more, out)
			}
			if !more {
				return
			}
			if out = l.Answer(l.client, alice, out, "SMS_MFA_CODE", l.Code(alice)); out.Tokens == nil {
				t.Errorf("after the second factor: %+v", out)
			}
		}, customAuth, mfaOn, func(_ *pool.Config, c *pool.ClientConfig) { c.RequireMFA = more })
	}
}
