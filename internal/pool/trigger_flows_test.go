package pool_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/store"
	"countersign/internal/trigger"
	"countersign/internal/trigger/triggertest"
)

// sources lists what was invoked, without the sender functions.
func (l *lambda) sources() (out []string) {
	for _, e := range l.d.Events("") {
		if !strings.Contains(e.Source(), "Sender_") {
			out = append(out, e.Source())
		}
	}
	return out
}

func (l *lambda) wantSources(want ...string) {
	l.t.Helper()
	if got := l.sources(); !slices.Equal(got, want) {
		l.t.Errorf("invoked %v\nwant    %v", got, want)
	}
}

func (l *lambda) wantError(err error, code fault.Code, public string) {
	l.t.Helper()
	if e := fault.Of(err); e == nil || e.Code != code || e.Public != public {
		l.t.Errorf("got %v, want %s: %s", err, code, public)
	}
}

func throw(words string) triggertest.Handler {
	return func(triggertest.Event) (any, error) { return nil, triggertest.Thrown(words) }
}

func answer(set ...any) triggertest.Handler {
	return func(e triggertest.Event) (any, error) { return e.Answer(set...), nil }
}

func payloadOf(t *testing.T, jwt string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(jwt, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func claimsOf(t *testing.T, jwt string) (out map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(payloadOf(t, jwt)), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// The order of triggers at sign-up and sign-in, and what they are told (cognito.md 7.5).
func TestTriggerOrder(t *testing.T) {
	names := []trigger.Name{trigger.PreSignUp, trigger.PostConfirmation, trigger.PreAuthentication, trigger.PostAuthentication, trigger.CustomMessage, trigger.PreTokenGeneration}
	eachLambda(t, names, func(t *testing.T, l *lambda) {
		c := l.Caller()
		c.Metadata, c.Control = map[string]string{"k": "v"}, map[string]string{"secret": "x"}
		_, err := l.Service.SignUp(t.Context(), c, pool.SignUpInput{ClientAuth: l.auth(), Username: alice, Password: passw0rd, ValidationData: []pool.Attr{{Name: "captcha", Value: "ok"}}})
		l.must(err)
		l.must(l.confirm(c, alice, l.Code(alice)))
		out, err := l.password(c, alice, passw0rd)
		l.must(err)
		_, err = l.Service.Refresh(t.Context(), c, pool.RefreshInput{ClientAuth: l.auth(), RefreshToken: out.Tokens.Refresh})
		l.must(err)
		l.wantSources("PreSignUp_SignUp", "CustomMessage_SignUp", "PostConfirmation_ConfirmSignUp", "PreAuthentication_Authentication",
			"PostAuthentication_Authentication", "TokenGeneration_Authentication", "TokenGeneration_RefreshTokens")
		all := l.d.Events("")
		pre := all[0].Request()
		if pre["validationData"].(map[string]any)["captcha"] != "ok" || pre["clientMetadata"].(map[string]any)["k"] != "v" {
			t.Errorf("PreSignUp got %v", pre)
		}
		attrs := pre["userAttributes"].(map[string]any)
		if attrs["phone_number"] != alice || attrs["sub"] != nil || attrs["phone_number_verified"] != nil {
			t.Errorf("PreSignUp got %v", attrs)
		}
		message := all[1].Request()
		if message["codeParameter"] != "{####}" || message["usernameParameter"] != nil || strings.Contains(fmt.Sprint(all[1]), l.Code(alice)) {
			t.Errorf("CustomMessage got %v", message)
		}
		if post := all[2].Request()["userAttributes"].(map[string]any); post["cognito:user_status"] != "CONFIRMED" || post["phone_number_verified"] != "true" {
			t.Errorf("PostConfirmation got %v", post)
		}
		if auth := all[3].Request(); auth["validationData"].(map[string]any)["k"] != "v" || auth["clientMetadata"] != nil || auth["userNotFound"] != nil {
			t.Errorf("PreAuthentication got %v", auth)
		}
		for _, i := range []int{4, 5} {
			if all[i].Request()["clientMetadata"] != nil {
				t.Errorf("%s got the metadata of InitiateAuth", all[i].Source())
			}
		}
		if all[6].Request()["clientMetadata"] == nil {
			t.Error("TokenGeneration_RefreshTokens got no metadata")
		}
		for _, e := range all {
			if strings.Contains(fmt.Sprint(e), "secret") || strings.Contains(fmt.Sprint(e), passw0rd) || e["userPoolId"] != l.pool || e["region"] != "us-local-1" {
				t.Errorf("event %v", e)
			}
		}
	})
}

func TestPreSignUp(t *testing.T) {
	names := []trigger.Name{trigger.PreSignUp, trigger.PostConfirmation}
	signUp := func(l *lambda, name string) (*pool.SignUpResult, error) {
		return l.Service.SignUp(l.t.Context(), l.Caller(), pool.SignUpInput{ClientAuth: l.auth(), Username: name, Password: passw0rd})
	}
	eachLambda(t, names, func(t *testing.T, l *lambda) {
		l.d.On(trigger.PreSignUp, throw("Domain not allowed"))
		_, err := signUp(l, alice)
		l.wantError(err, fault.TriggerRefused, "PreSignUp failed with error Domain not allowed.")
		_, err = l.Service.AdminGetUser(t.Context(), l.Admin(), l.pool, alice)
		l.want(err, fault.UserNotFound)
		l.d.On(trigger.PreSignUp, answer("autoVerifyEmail", true))
		_, err = signUp(l, alice)
		l.want(err, fault.TriggerAnswerInvalid)

		l.d.On(trigger.PreSignUp, answer("autoConfirmUser", true, "autoVerifyPhone", true))
		out, err := signUp(l, alice)
		l.must(err)
		if !out.Confirmed || out.Delivery != nil || len(l.Messages()) != 0 {
			t.Errorf("confirmed by the function: %+v, %d messages", out, len(l.Messages()))
		}
		v, err := l.Service.AdminGetUser(t.Context(), l.Admin(), l.pool, alice)
		l.must(err)
		if v.Status != store.Confirmed || !slices.Contains(v.Attributes, pool.Attr{Name: "phone_number_verified", Value: "true"}) {
			t.Errorf("%+v", v)
		}
		l.SignIn(l.client, alice, passw0rd)
		if n := len(l.d.Events("PostConfirmation_ConfirmSignUp")); n != 1 {
			t.Errorf("PostConfirmation ran %d times", n)
		}
		_, err = signUp(l, alice)
		l.want(err, fault.SignInNameTaken)

		admin := l.Admin()
		_, err = l.Service.AdminCreateUser(t.Context(), admin, pool.AdminCreateInput{PoolID: l.pool, Username: bob, Action: "SUPPRESS", TemporaryPassword: passw0rd})
		l.must(err)
		v, err = l.Service.AdminGetUser(t.Context(), admin, l.pool, bob)
		l.must(err)
		if v.Status != store.ForceChangePassword || !slices.Contains(v.Attributes, pool.Attr{Name: "phone_number_verified", Value: "true"}) {
			t.Errorf("invited: %+v", v)
		}
		if e := l.d.Events("PreSignUp_AdminCreateUser"); len(e) != 1 || e[0]["callerContext"].(map[string]any)["clientId"] != trigger.NoClient {
			t.Errorf("PreSignUp_AdminCreateUser: %v", e)
		}
		if len(l.failures()) != 2 {
			t.Errorf("%d events of failures", len(l.failures()))
		}
	})
	// Who is confirmed by the function does not learn that the name is taken where that is hidden.
	eachLambda(t, names, func(t *testing.T, l *lambda) {
		l.d.On(trigger.PreSignUp, answer("autoConfirmUser", true))
		for range 2 {
			out, err := signUp(l, alice)
			l.must(err)
			if !out.Confirmed || out.Delivery != nil {
				t.Errorf("%+v", out)
			}
		}
		if n := len(l.d.Events("PreSignUp_SignUp")); n != 2 {
			t.Errorf("PreSignUp ran %d times for two sign-ups", n)
		}
		l.SignIn(l.client, alice, passw0rd)
	}, separate, hidden)
}

// The user is confirmed although PostConfirmation failed, and the caller is told.
func TestPostConfirmation(t *testing.T) {
	eachLambda(t, []trigger.Name{trigger.PostConfirmation}, func(t *testing.T, l *lambda) {
		l.d.On(trigger.PostConfirmation, throw("no"))
		l.must(l.signUp(l.Caller(), alice))
		l.wantError(l.confirm(l.Caller(), alice, l.Code(alice)), fault.TriggerRefused, "PostConfirmation failed with error no.")
		l.SignIn(l.client, alice, passw0rd)
		l.must(l.forgot(l.Caller(), alice))
		l.want(l.confirmForgot(l.Caller(), alice, l.Code(alice)), fault.TriggerRefused)
		l.SignIn(l.client, alice, "An0ther-Horse!")
		l.must(l.signUp(l.Caller(), bob))
		l.want(l.Service.AdminConfirmSignUp(t.Context(), l.Admin(), l.pool, bob), fault.TriggerRefused)
		l.SignIn(l.client, bob, passw0rd)
		l.wantSources("PostConfirmation_ConfirmSignUp", "PostConfirmation_ConfirmForgotPassword", "PostConfirmation_ConfirmSignUp")
	})
}

// Either of the two withholds the tokens by throwing.
func TestAuthenticationTriggersRefuse(t *testing.T) {
	eachLambda(t, []trigger.Name{trigger.PreAuthentication, trigger.PostAuthentication}, func(t *testing.T, l *lambda) {
		l.SignUp(l.client, alice, passw0rd)
		l.d.On(trigger.PostAuthentication, throw("not you"))
		_, err := l.password(l.Caller(), alice, passw0rd)
		l.wantError(err, fault.TriggerRefused, "PostAuthentication failed with error not you.")
		l.d.On(trigger.PreAuthentication, throw("not now"))
		_, err = l.password(l.Caller(), alice, passw0rd)
		l.wantError(err, fault.TriggerRefused, "PreAuthentication failed with error not now.")
		_, err = l.password(l.Caller(), bob, passw0rd)
		l.want(err, fault.UserNotFound)
		l.wantSources("PreAuthentication_Authentication", "PostAuthentication_Authentication", "PreAuthentication_Authentication")
		if err := l.Service.Revoke(t.Context(), l.Caller(), l.auth(), "x"); err == nil {
			t.Error("a token that is none was revoked")
		}
	})
	eachLambda(t, []trigger.Name{trigger.PreAuthentication}, func(t *testing.T, l *lambda) {
		l.SignUp(l.client, alice, passw0rd)
		for _, name := range []string{alice, bob} {
			_, err := l.password(l.Caller(), name, "Wr0ng-Horse!")
			l.want(err, fault.WrongCredentials)
		}
		all := l.d.Events("")
		if len(all) != 2 || all[0].Request()["userNotFound"] != nil || all[1].Request()["userNotFound"] != true || all[1]["userName"] != bob {
			t.Errorf("%v", all)
		}
		l.d.On(trigger.PreAuthentication, throw("no"))
		for _, name := range []string{alice, bob} {
			_, err := l.password(l.Caller(), name, passw0rd)
			l.want(err, fault.TriggerRefused)
		}
	}, hidden)
}

func TestCustomMessage(t *testing.T) {
	eachLambda(t, []trigger.Name{trigger.CustomMessage}, func(t *testing.T, l *lambda) {
		l.d.On(trigger.CustomMessage, func(e triggertest.Event) (any, error) {
			if e.Source() == "CustomMessage_AdminCreateUser" {
				return e.Answer("smsMessage", "Hi {username}, {####}"), nil
			}
			return e.Answer("smsMessage", e.Source()+" {####}", "emailMessage", "Mail {####}", "emailSubject", "Ours"), nil
		})
		l.must(l.signUp(l.Caller(), alice))
		if m := l.Last(alice); m.Text != "CustomMessage_SignUp "+m.Code {
			t.Errorf("%q", m.Text)
		}
		_, err := l.Service.AdminCreateUser(t.Context(), l.Admin(), pool.AdminCreateInput{PoolID: l.pool, Username: bob, TemporaryPassword: passw0rd})
		l.must(err)
		if m := l.Last(bob); m.Text != "Hi "+bob+", "+passw0rd {
			t.Errorf("%q", m.Text)
		}
		for _, bad := range []string{"no code", strings.Repeat("x", 150) + "{####}"} {
			l.d.On(trigger.CustomMessage, answer("smsMessage", bad))
			l.want(l.resend(l.Caller(), alice), fault.TriggerAnswerInvalid)
		}
		l.d.On(trigger.CustomMessage, answer())
		l.must(l.resend(l.Caller(), alice))
		if m := l.Last(alice); m.Text != "Your verification code is "+m.Code+"." {
			t.Errorf("null keeps the template: %q", m.Text)
		}
	})
	// What takes the message away composes its text; what hides existence does not tell it by a trigger's failure.
	eachLambda(t, []trigger.Name{trigger.CustomMessage, trigger.CustomSMSSender}, func(t *testing.T, l *lambda) {
		l.must(l.signUp(l.Caller(), alice))
		l.wantSources()
	})
	eachLambda(t, []trigger.Name{trigger.CustomMessage}, func(t *testing.T, l *lambda) {
		l.SignUp(l.client, alice, passw0rd)
		l.d.On(trigger.CustomMessage, throw("down"))
		for _, name := range []string{alice, bob} {
			l.must(l.forgot(l.Caller(), name))
		}
		if m := l.Last(alice); m.Text != "Your verification code is "+m.Code+"." {
			t.Errorf("%q", m.Text)
		}
	}, hidden)
}

func TestPreTokenGeneration(t *testing.T) {
	eachLambda(t, []trigger.Name{trigger.PreTokenGeneration}, func(t *testing.T, l *lambda) {
		l.SignUp(l.client, alice, passw0rd)
		l.d.On(trigger.PreTokenGeneration, answer("claimsOverrideDetails", map[string]any{
			"claimsToAddOrOverride": map[string]string{"plan": "gold", "sub": "evil", "cognito:username": "evil", "iss": "evil", "aud": "evil", "token_use": "access", "exp": "9"},
			"claimsToSuppress":      []string{"phone_number", "sub", "exp"},
			"groupOverrideDetails":  map[string]any{"groupsToOverride": []string{"staff"}, "iamRolesToOverride": []string{"r"}, "preferredRole": "r"},
		}))
		tk := l.SignIn(l.client, alice, passw0rd)
		id, access := claimsOf(t, tk.ID), claimsOf(t, tk.Access)
		if id["plan"] != "gold" || id["phone_number"] != nil || id["sub"] == "evil" || id["sub"] == nil || id["aud"] != l.client || id["token_use"] != "id" || id["exp"] == nil ||
			fmt.Sprintf("%v %v %v", id["cognito:groups"], id["cognito:roles"], id["cognito:preferred_role"]) != "[staff] [r] r" {
			t.Errorf("id token %v", id)
		}
		if access["plan"] != nil || fmt.Sprint(access["cognito:groups"]) != "[staff]" || access["cognito:roles"] != nil || access["scope"] != "aws.cognito.signin.user.admin" {
			t.Errorf("access token %v", access)
		}
		l.must2(l.Service.User(t.Context(), l.Caller(), tk.Access))
		l.d.On(trigger.PreTokenGeneration, answer("claimsOverrideDetails", map[string]any{"claimsToAddOrOverride": map[string]string{"x": strings.Repeat("x", 9000)}}))
		_, err := l.password(l.Caller(), alice, passw0rd)
		l.want(err, fault.TriggerAnswerInvalid)
	})
	eachLambda(t, []trigger.Name{trigger.PreTokenGeneration}, func(t *testing.T, l *lambda) {
		_, err := l.Service.AdminCreateUser(t.Context(), l.Admin(), pool.AdminCreateInput{PoolID: l.pool, Username: alice, TemporaryPassword: "Temp0rary!", Action: "SUPPRESS"})
		l.must(err)
		l.d.On(trigger.PreTokenGeneration, answer("claimsAndScopeOverrideDetails", map[string]any{
			"idTokenGeneration": map[string]any{"claimsToAddOrOverride": map[string]any{"n": 7, "list": []int{1}}},
			"accessTokenGeneration": map[string]any{
				"claimsToAddOrOverride": map[string]any{"plan": "gold", "username": "evil", "client_id": "evil", "scope": "evil", "family": "evil"},
				"scopesToAdd":           []string{"orders/read", "aws.cognito.signin.other", "two words"}, "scopesToSuppress": []string{"aws.cognito.signin.user.admin"},
			},
		}))
		ch := l.Begin(l.client, alice, "Temp0rary!")
		tk := l.Answer(l.client, alice, ch, "NEW_PASSWORD", passw0rd).Tokens
		id, access := claimsOf(t, tk.ID), claimsOf(t, tk.Access)
		if id["n"] != float64(7) || id["list"] == nil || access["plan"] != "gold" || access["username"] == "evil" || access["client_id"] != l.client || access["scope"] != "orders/read" {
			t.Errorf("%v\n%v", id, access)
		}
		_, err = l.Service.User(t.Context(), l.Caller(), tk.Access)
		l.want(err, fault.AccessTokenScope)
		e := l.d.Events("TokenGeneration_NewPasswordChallenge")
		if len(e) != 1 || e[0]["version"] != "2" || fmt.Sprint(e[0].Request()["scopes"]) != "[aws.cognito.signin.user.admin]" {
			t.Errorf("%v", e)
		}
	}, func(p *pool.Config, c *pool.ClientConfig) {
		p.Triggers.TokenVersion, c.Revocation = trigger.TokenV2, false
	})
}

func (w *world) must2(_ any, err error) {
	w.t.Helper()
	w.must(err)
}

// A directory that knows alice and her old password.
func migrating(l *lambda, extra ...any) {
	l.d.On(trigger.UserMigration, func(e triggertest.Event) (any, error) {
		if e["userName"] != alice || e.Source() == "UserMigration_Authentication" && e.Request()["password"] != passw0rd {
			return nil, triggertest.Thrown("Bad password")
		}
		return e.Answer(append([]any{"userAttributes", map[string]string{"phone_number": alice, "phone_number_verified": "true", "name": "Alice"}, "messageAction", "SUPPRESS"}, extra...)...), nil
	})
}

func TestUserMigration(t *testing.T) {
	names := []trigger.Name{trigger.UserMigration, trigger.PreAuthentication}
	eachLambda(t, names, func(t *testing.T, l *lambda) {
		migrating(l, "finalUserStatus", "CONFIRMED", "enableSMSMFA", false)
		_, err := l.password(l.Caller(), alice, "Wr0ng-Horse!")
		l.wantError(err, fault.UserNotFound, "Exception migrating user in app client "+l.client)
		l.SignIn(l.client, alice, passw0rd)
		l.SignIn(l.client, alice, passw0rd)
		v, err := l.Service.AdminGetUser(t.Context(), l.Admin(), l.pool, alice)
		l.must(err)
		if v.Status != store.Confirmed || !slices.Contains(v.Attributes, pool.Attr{Name: "name", Value: "Alice"}) || len(l.Messages()) != 0 {
			t.Errorf("%+v", v)
		}
		if n := len(l.d.Events("UserMigration_Authentication")); n != 2 {
			t.Errorf("asked %d times", n)
		}
		l.wantSources("UserMigration_Authentication", "UserMigration_Authentication", "PreAuthentication_Authentication", "PreAuthentication_Authentication")
		// Guessing through this server is counted.
		n, err := guess(50, func() error { _, err := l.password(l.Caller(), bob, "Wr0ng-Horse!"); return err }, fault.UserNotFound)
		if n > 6 || fault.CodeOf(err) != fault.PasswordLocked {
			t.Errorf("%d guesses, then %v", n, err)
		}
	})
	eachLambda(t, names, func(t *testing.T, l *lambda) {
		migrating(l)
		for _, name := range []string{alice, bob} {
			_, err := l.password(l.Caller(), name, "Wr0ng-Horse!")
			l.want(err, fault.WrongCredentials)
		}
		l.d.On(trigger.UserMigration, func(triggertest.Event) (any, error) { return nil, trigger.ErrTimeout })
		_, err := l.password(l.Caller(), bob, "Wr0ng-Horse!")
		l.want(err, fault.WrongCredentials)
		migrating(l, "finalUserStatus", "UNKNOWN")
		_, err = l.password(l.Caller(), alice, passw0rd)
		l.want(err, fault.WrongCredentials)
		migrating(l)
		_, err = l.password(l.Caller(), alice, passw0rd)
		l.want(err, fault.PasswordResetRequired)
	}, hidden)
	eachLambda(t, names, func(t *testing.T, l *lambda) {
		migrating(l)
		l.must(l.forgot(l.Caller(), alice))
		l.must(l.confirmForgot(l.Caller(), alice, l.Code(alice)))
		l.SignIn(l.client, alice, "An0ther-Horse!")
		if e := l.d.Events("UserMigration_ForgotPassword"); len(e) != 1 || e[0].Request()["password"] != nil {
			t.Errorf("%v", e)
		}
		l.want(l.forgot(l.Caller(), bob), fault.UserNotFound)
	})
}

// Two sign-ins of a user who is not here yet make one user.
func TestUserMigrationRace(t *testing.T) {
	eachLambda(t, []trigger.Name{trigger.UserMigration}, func(t *testing.T, l *lambda) {
		migrating(l, "finalUserStatus", "CONFIRMED")
		subs := make([]any, 8)
		var wg sync.WaitGroup
		for i := range subs {
			wg.Go(func() {
				out, err := l.password(l.Caller(), alice, passw0rd)
				if err != nil {
					t.Error(err)
					return
				}
				subs[i] = claimsOf(t, out.Tokens.ID)["sub"]
			})
		}
		wg.Wait()
		for _, sub := range subs {
			if sub == nil || sub != subs[0] {
				t.Errorf("subs %v", subs)
			}
		}
		if n := len(l.d.Events("")); n > len(subs) {
			t.Errorf("the function was asked %d times", n)
		}
	})
}

// A flow that begins again because the user was changed meanwhile asks no trigger twice.
func TestTriggersAreAskedOnce(t *testing.T) {
	names := []trigger.Name{trigger.PreAuthentication, trigger.PostAuthentication, trigger.PreTokenGeneration}
	eachLambda(t, names, func(t *testing.T, l *lambda) {
		l.SignUp(l.client, alice, passw0rd)
		changed := false
		l.d.On(trigger.PostAuthentication, func(e triggertest.Event) (any, error) {
			if !changed {
				changed = true
				l.must(l.Service.AdminUpdateAttributes(t.Context(), l.Admin(), l.pool, alice, []pool.Attr{{Name: "name", Value: "Alice"}}))
			}
			return nil, nil
		})
		out, err := l.password(l.Caller(), alice, passw0rd)
		l.must(err)
		if out.Tokens == nil || !changed {
			t.Fatalf("%+v", out)
		}
		l.wantSources("PreAuthentication_Authentication", "PostAuthentication_Authentication", "TokenGeneration_Authentication")
		l.Advance(time.Minute)
	})
}
