package pool_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/srp/srptest"
	"countersign/internal/store"
	"countersign/internal/trigger"
	"countersign/internal/trigger/triggertest"
)

// riddleFirst sets functions that ask a riddle whose answer everybody knows, and then for the word.
func riddleFirst(l *lambda) {
	passwordless(l, 2)
	l.d.On(trigger.VerifyAuthChallengeResponse, func(e triggertest.Event) (any, error) {
		r := e.Request()
		word := r["privateChallengeParameters"].(map[string]any)["answer"]
		return e.Answer("answerCorrect", word == "word0" && r["challengeAnswer"] == "riddle" || r["challengeAnswer"] == word), nil
	})
}

// A round that anybody passes gives no new tries at the one that counts, nor at the codes of second factors.
func TestCustomRoundsForgiveNothing(t *testing.T) {
	eachLambda(t, customTriggers, func(t *testing.T, l *lambda) {
		riddleFirst(l)
		l.SignUp(l.client, alice, passw0rd)
		wrong := 0
		for range 20 {
			ch, err := l.begin(l.Caller(), "CUSTOM_AUTH", "USERNAME", alice)
			l.must(err)
			if ch, err = l.respond(l.Caller(), ch, alice, "ANSWER", "riddle"); err != nil {
				break
			}
			if _, err = l.respond(l.Caller(), ch, alice, "ANSWER", "nonsense"); err != nil {
				break
			}
			wrong++
		}
		if wrong > 6 {
			t.Errorf("%d wrong answers were judged", wrong)
		}
	}, customAuth)
	eachLambda(t, customTriggers, func(t *testing.T, l *lambda) {
		passwordless(l, 1)
		l.SignUp(l.client, alice, passw0rd)
		wrong := 0
		for range 15 {
			ch, err := l.begin(l.Caller(), "CUSTOM_AUTH", "USERNAME", alice)
			l.must(err)
			ch, err = l.respond(l.Caller(), ch, alice, "ANSWER", "word0")
			l.must(err)
			if _, err = l.respond(l.Caller(), ch, alice, "SMS_MFA_CODE", pooltest.Wrong(l.Code(alice))); fault.CodeOf(err) != fault.ChallengeCodeMismatch {
				break
			}
			wrong++
		}
		if wrong > 6 {
			t.Errorf("%d wrong codes were judged", wrong)
		}
	}, customAuth, mfaOn, func(_ *pool.Config, c *pool.ClientConfig) { c.RequireMFA = true })
}

// Of many answers to one challenge one is judged, whichever came first.
func TestCustomAnswersInParallel(t *testing.T) {
	eachLambda(t, customTriggers, func(t *testing.T, l *lambda) {
		passwordless(l, 1)
		l.SignUp(l.client, alice, passw0rd)
		ch, err := l.begin(l.Caller(), "CUSTOM_AUTH", "USERNAME", alice)
		l.must(err)
		var mu sync.Mutex
		got := map[fault.Code]int{}
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				_, err := l.respond(l.Caller(), ch, alice, "ANSWER", []string{"word0", "nonsense"}[i%2])
				mu.Lock()
				got[fault.CodeOf(err)]++
				mu.Unlock()
			})
		}
		wg.Wait()
		if got[""] != 1 || got[""]+got[fault.SessionUsed] != 16 {
			t.Errorf("%v", got)
		}
	}, customAuth)
}

// A session of one kind is no session of another, and a pool whose functions went away asks none.
func TestCustomSessionsAreNoOthers(t *testing.T) {
	eachLambda(t, customTriggers, func(t *testing.T, l *lambda) {
		passwordless(l, 2)
		l.SignUp(l.client, alice, passw0rd)
		l.enableSMS(alice)
		custom, err := l.begin(l.Caller(), "CUSTOM_AUTH", "USERNAME", alice)
		l.must(err)
		sms, err := l.password(l.Caller(), alice, passw0rd)
		l.must(err)
		swap := func(kind, session string, answers ...string) {
			t.Helper()
			_, err := l.respond(l.Caller(), &pool.AuthResult{Challenge: kind, Session: session}, alice, answers...)
			l.want(err, fault.SessionInvalid)
		}
		swap("SMS_MFA", custom.Session, "SMS_MFA_CODE", l.Code(alice))
		swap("NEW_PASSWORD_REQUIRED", custom.Session, "NEW_PASSWORD", passw0rd)
		swap("SELECT_MFA_TYPE", custom.Session, "ANSWER", "SMS_MFA")
		swap("SELECT_CHALLENGE", custom.Session, "ANSWER", "PASSWORD")
		swap("CUSTOM_CHALLENGE", sms.Session, "ANSWER", "word0")
		_, err = l.respond(l.Caller(), custom, bob, "ANSWER", "word0")
		l.want(err, fault.SessionInvalid)
		_, err = l.respond(pool.Caller{Wire: "auth0"}, custom, alice, "ANSWER", "word0")
		l.want(err, fault.SessionInvalid)
		l.Reconfigure(l.pool, func(c *pool.Config) { c.Triggers = nil })
		_, err = l.respond(l.Caller(), custom, alice, "ANSWER", "word0")
		l.want(err, fault.InvalidParameter)
	}, customAuth)
}

// What a sign-in remembers is bounded, whatever the functions give it.
func TestCustomHistoryIsBounded(t *testing.T) {
	eachLambda(t, customTriggers, func(t *testing.T, l *lambda) {
		passwordless(l, 1000)
		l.d.On(trigger.CreateAuthChallenge, func(e triggertest.Event) (any, error) {
			return e.Answer("privateChallengeParameters", map[string]string{"answer": "x"}, "challengeMetadata", strings.Repeat("m", 15<<10)), nil
		})
		l.SignUp(l.client, alice, passw0rd)
		ch, err := l.begin(l.Caller(), "CUSTOM_AUTH", "USERNAME", alice)
		rounds := 0
		for ; err == nil && rounds < 30; rounds++ {
			ch, err = l.respond(l.Caller(), ch, alice, "ANSWER", "x")
		}
		l.want(err, fault.TriggerAnswerInvalid)
		if rounds > 4 {
			t.Errorf("%d rounds of 15 KiB each", rounds)
		}
	}, customAuth)
}

// With the password first, users who may not sign in are told apart from nobody by their password alone, and locked alike.
func TestCustomAuthAfterSRPHidesExistence(t *testing.T) {
	const nobody, disabled = "+12025550155", "+12025550102"
	eachLambda(t, customTriggers, func(t *testing.T, l *lambda) {
		passwordless(l, 1)
		for _, name := range []string{alice, disabled} {
			l.SignUp(l.client, name, passw0rd)
		}
		l.must(l.Service.AdminDisable(t.Context(), l.Admin(), l.pool, disabled))
		for _, name := range []string{alice, disabled, nobody} {
			n, err := guess(20, func() error {
				cl := srptest.NewClient()
				ch, err := l.begin(l.Caller(), "CUSTOM_AUTH", "USERNAME", name, "CHALLENGE_NAME", "SRP_A", "SRP_A", cl.A())
				l.must(err)
				_, err = l.prove(cl, ch, "Wr0ng-Horse!")
				return err
			}, fault.WrongCredentials)
			if n != 5 || fault.CodeOf(err) != fault.PasswordLocked {
				t.Errorf("%s: %d proofs were judged, then %v", name, n, err)
			}
		}
	}, customAuth, hidden)
}

// Numbers keep every digit; names that some reader takes for a reserved one are reserved as well; aud of an access token is the client.
func TestTokenClaims(t *testing.T) {
	eachLambda(t, []trigger.Name{trigger.PreTokenGeneration}, func(t *testing.T, l *lambda) {
		l.SignUp(l.client, alice, passw0rd)
		claims := map[string]any{
			"account": json.Number("1234567890123456789"), "SUB": "x", "\u017fub": "x", "to\u212aen_use": "x", "Family": "y", "Origin_Jti": "x",
			"Cognito:username": "x", "AWS:x": "x", "aud": "other", "nested": map[string]any{"n": json.Number("9007199254740993")},
		}
		l.d.On(trigger.PreTokenGeneration, answer("claimsAndScopeOverrideDetails", map[string]any{
			"idTokenGeneration": map[string]any{"claimsToAddOrOverride": claims}, "accessTokenGeneration": map[string]any{
				"claimsToAddOrOverride": claims, "scopesToAdd": []string{"AWS.cognito.signin.user.admin", "a/b"}, "claimsToSuppress": []string{"origin_jti", "family", "scope", "exp"},
			},
		}))
		tk := l.SignIn(l.client, alice, passw0rd)
		for _, jwt := range []string{tk.ID, tk.Access} {
			payload := payloadOf(t, jwt)
			if !strings.Contains(payload, `"account":1234567890123456789`) || !strings.Contains(payload, `{"n":9007199254740993}`) || strings.Contains(payload, `"x"`) {
				t.Errorf("%s", payload)
			}
		}
		if access := claimsOf(t, tk.Access); access["aud"] != nil || access["Family"] != nil || access["scope"] != "aws.cognito.signin.user.admin a/b" {
			t.Errorf("%v", access)
		}
		l.must2(l.Service.User(t.Context(), l.Caller(), tk.Access))
		l.must(l.Service.GlobalSignOut(t.Context(), l.Caller(), tk.Access))
		_, err := l.Service.User(t.Context(), l.Caller(), tk.Access)
		l.want(err, fault.AccessTokenRevoked)
		claims["aud"] = l.client
		if access := claimsOf(t, l.SignIn(l.client, alice, passw0rd).Access); access["aud"] != l.client {
			t.Errorf("%v", access)
		}
	}, func(p *pool.Config, _ *pool.ClientConfig) { p.Triggers.TokenVersion = trigger.TokenV2 })
}

// A function may take its time: who was shut out meanwhile gets no tokens.
func TestRefreshLooksAgainAfterTheFunction(t *testing.T) {
	for _, rotate := range []bool{false, true} {
		eachLambda(t, []trigger.Name{trigger.PreTokenGeneration}, func(t *testing.T, l *lambda) {
			l.SignUp(l.client, alice, passw0rd)
			tk := l.SignIn(l.client, alice, passw0rd)
			l.d.On(trigger.PreTokenGeneration, func(e triggertest.Event) (any, error) {
				l.must(l.Service.AdminDisable(t.Context(), l.Admin(), l.pool, alice))
				return e, nil
			})
			_, err := l.refresh(tk.Refresh)
			l.want(err, fault.RefreshTokenRevoked, fault.UserDisabled)
		}, func(_ *pool.Config, c *pool.ClientConfig) { c.Rotation = rotate })
	}
}

// Tokens that a function refused leave nothing behind: no session, no code that could be tried for ever.
func TestRefusedTokensLeaveNothing(t *testing.T) {
	for _, n := range []trigger.Name{trigger.PostAuthentication, trigger.PreTokenGeneration} {
		eachLambda(t, []trigger.Name{n}, func(t *testing.T, l *lambda) {
			l.SignUp(l.client, alice, passw0rd)
			l.enableSMS(alice)
			sub := claimsOf(t, l.Answer(l.client, alice, l.Begin(l.client, alice, passw0rd), "SMS_MFA_CODE", l.Code(alice)).Tokens.ID)["sub"].(string)
			families := func() (n int) {
				l.Read(func(tx store.Tx) error {
					list, err := tx.Families().ListFamilies(t.Context(), l.pool, sub, l.Now(), 100)
					n = len(list)
					return err
				})
				return n
			}
			before := families()
			l.d.On(n, throw("not today"))
			asked := func() int { return len(l.d.Events("")) }
			from := asked()
			ch := l.Begin(l.client, alice, passw0rd)
			code := l.Code(alice)
			judged, err := guess(30, func() error { _, err := l.respond(l.Caller(), ch, alice, "SMS_MFA_CODE", code); return err }, fault.TriggerRefused)
			if judged != 5 || asked()-from != 5 {
				t.Errorf("%s: the same code was judged %d times, the function asked %d times", n, judged, asked()-from)
			}
			l.want(err, fault.SessionInvalid, fault.SessionUsed)
			if got := families(); got != before {
				t.Errorf("%d sessions, before %d", got, before)
			}
			// While the session lives the owner may try again.
			ch = l.Begin(l.client, alice, passw0rd)
			_, err = l.respond(l.Caller(), ch, alice, "SMS_MFA_CODE", l.Code(alice))
			l.want(err, fault.TriggerRefused)
			l.d.On(n, func(e triggertest.Event) (any, error) { return e, nil })
			l.Answer(l.client, alice, ch, "SMS_MFA_CODE", l.Code(alice))
		})
	}
}

// What risk refuses is over: the same code does not send one notice after the other.
func TestRiskEndsTheChallenge(t *testing.T) {
	eachLambda(t, nil, func(t *testing.T, l *lambda) {
		l.SignUp(l.client, alice, passw0rd)
		l.enableSMS(alice)
		l.Advance(time.Hour)
		c := l.from("203.0.113.24")
		ch, err := l.password(c, alice, passw0rd)
		l.must(err)
		code := l.Code(alice)
		_, err = l.respond(c, ch, alice, "SMS_MFA_CODE", code)
		l.want(err, fault.WrongCredentials)
		_, err = l.respond(c, ch, alice, "SMS_MFA_CODE", code)
		l.want(err, fault.SessionUsed)
		if n := len(l.notices(alice)); n != 1 {
			t.Errorf("%d notices", n)
		}
	}, notify(pool.RiskBlock))
}

// A notice that cannot be made keeps nobody from signing in.
func TestRiskNoticeThatCannotBeMade(t *testing.T) {
	eachLambda(t, nil, func(t *testing.T, l *lambda) {
		l.SignUp(l.client, alice, passw0rd, pooltest.Email("a@example.com"))
		l.must(l.Service.AdminUpdateAttributes(t.Context(), l.Admin(), l.pool, alice, []pool.Attr{{Name: "email_verified", Value: "true"}}))
		l.SignIn(l.client, alice, passw0rd)
		out, err := l.password(l.from("203.0.113.24"), alice, passw0rd)
		l.must(err)
		if out.Tokens == nil {
			t.Errorf("%+v", out)
		}
	}, func(p *pool.Config, _ *pool.ClientConfig) {
		p.Risk = map[string]*pool.RiskConfig{"": {Notify: true, Text: pool.Mail{Subject: "s", Body: strings.Repeat("{username}", 20000)}}}
	})
}

// Metadata of any size is judged alike for names that nobody has.
func TestMetadataTellsNothing(t *testing.T) {
	eachLambda(t, senders, func(t *testing.T, l *lambda) {
		l.SignUp(l.client, alice, passw0rd)
		for _, size := range []int{1 << 10, 100 << 10, 300 << 10} {
			c := l.Caller()
			c.Metadata = map[string]string{"k": strings.Repeat("x", size)}
			var got []string
			for _, name := range []string{alice, bob} {
				got = append(got, fmt.Sprint(l.forgot(c, name)))
			}
			if got[0] != got[1] {
				t.Errorf("%d bytes: %v", size, got)
			}
		}
	}, hidden)
}

// A function that makes the tokens of a user with long attributes too large is told so.
func TestTokensThatGrowTooLarge(t *testing.T) {
	eachLambda(t, []trigger.Name{trigger.PreTokenGeneration}, func(t *testing.T, l *lambda) {
		var attrs []pool.Attr
		for _, name := range []string{"name", "nickname", "profile", "website"} {
			attrs = append(attrs, pool.Attr{Name: name, Value: strings.Repeat("x", 2000)})
		}
		l.SignUp(l.client, alice, passw0rd, attrs...)
		l.d.On(trigger.PreTokenGeneration, answer("claimsOverrideDetails", map[string]any{"claimsToAddOrOverride": map[string]string{"x": strings.Repeat("x", 7000)}}))
		_, err := l.password(l.Caller(), alice, passw0rd)
		l.want(err, fault.TriggerAnswerInvalid)
		if len(l.failures()) != 1 {
			t.Errorf("%d events", len(l.failures()))
		}
		l.d.On(trigger.PreTokenGeneration, answer())
		l.SignIn(l.client, alice, passw0rd)
	})
}

// Functions that make challenges send texts: how often strangers may cause that for one account is limited, for names that nobody has too.
func TestCustomSignInsAreLimited(t *testing.T) {
	eachLambda(t, customTriggers, func(t *testing.T, l *lambda) {
		passwordless(l, 1)
		l.SignUp(l.client, alice, passw0rd)
		l.SignIn(l.client, alice, passw0rd) // from a network that is known from now on
		for _, name := range []string{alice, bob} {
			n, err := guess(50, func() error {
				_, err := l.begin(l.from("198.51.100.7"), "CUSTOM_AUTH", "USERNAME", name)
				return err
			}, "")
			if n != 20 || fault.CodeOf(err) != fault.AttemptLimit {
				t.Errorf("%s: %d challenges, then %v", name, n, err)
			}
		}
		if n := len(l.d.Events("CreateAuthChallenge_Authentication")); n != 40 {
			t.Errorf("%d challenges were made", n)
		}
		_, err := l.begin(l.Caller(), "CUSTOM_AUTH", "USERNAME", alice)
		l.must(err)
	}, customAuth, hidden)
}
