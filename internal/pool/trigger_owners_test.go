package pool_test

import (
	"slices"
	"strings"
	"testing"

	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/trigger"
	"countersign/internal/trigger/triggertest"
)

// mailAlias is a pool whose users choose names and sign in with verified numbers and addresses as well.
func mailAlias(p *pool.Config, _ *pool.ClientConfig) {
	p.UsernameAttributes, p.AliasAttributes = nil, []string{"phone_number", "email"}
	p.AutoVerified = []string{"phone_number", "email"}
}

func (l *lambda) verified(name, attr string) bool {
	l.t.Helper()
	v, err := l.Service.AdminGetUser(l.t.Context(), l.Admin(), l.pool, name)
	l.must(err)
	return slices.Contains(v.Attributes, pool.Attr{Name: attr + "_verified", Value: "true"})
}

// What a function vouches for belongs to whoever had it first, and the error is one of SignUp's.
func TestVouchedAliasOfAnother(t *testing.T) {
	vouch := []any{"autoVerifyPhone", true}
	for _, confirm := range []bool{false, true} {
		eachLambda(t, []trigger.Name{trigger.PreSignUp}, func(t *testing.T, l *lambda) {
			l.SignUp(l.client, "owner", passw0rd, pooltest.Phone(alice))
			l.d.On(trigger.PreSignUp, answer(append(vouch, "autoConfirmUser", confirm)...))
			l.want(l.signUp(l.Caller(), "thief", pooltest.Phone(alice)), fault.SignInNameTaken)
			_, err := l.Service.AdminGetUser(t.Context(), l.Admin(), l.pool, "thief")
			l.want(err, fault.UserNotFound)
			l.SignIn(l.client, alice, passw0rd)
		}, mailAlias)
	}
	// Where that is hidden, nobody learns of it.
	eachLambda(t, []trigger.Name{trigger.PreSignUp}, func(t *testing.T, l *lambda) {
		l.SignUp(l.client, "owner", passw0rd, pooltest.Phone(alice))
		l.d.On(trigger.PreSignUp, answer(append(vouch, "autoConfirmUser", true)...))
		var shapes []bool
		for _, to := range []string{alice, bob} {
			out, err := l.Service.SignUp(t.Context(), l.Caller(), pool.SignUpInput{ClientAuth: l.auth(), Username: "n" + to[1:], Password: passw0rd, Attributes: []pool.Attr{pooltest.Phone(to)}})
			l.must(err)
			shapes = append(shapes, out.Session != "", out.Confirmed, out.UserSub != "")
		}
		if !slices.Equal(shapes[:3], shapes[3:]) {
			t.Errorf("%v", shapes)
		}
		tk := l.SignIn(l.client, alice, passw0rd)
		if claimsOf(t, tk.ID)["cognito:username"] != "owner" {
			t.Errorf("%v", claimsOf(t, tk.ID))
		}
	}, mailAlias, separate, hidden, userAuth)
}

// A sign-up in vain has the shape of one that was confirmed.
func TestSignUpInVainHasASession(t *testing.T) {
	eachLambda(t, []trigger.Name{trigger.PreSignUp}, func(t *testing.T, l *lambda) {
		l.d.On(trigger.PreSignUp, answer("autoConfirmUser", true))
		for i := range 2 {
			out, err := l.Service.SignUp(t.Context(), l.Caller(), pool.SignUpInput{ClientAuth: l.auth(), Username: alice, Password: passw0rd})
			l.must(err)
			if out.Session == "" || !out.Confirmed {
				t.Errorf("sign-up %d: %+v", i, out)
			}
			_, err = l.Service.InitiateAuth(t.Context(), l.Caller(), pool.AuthInput{ClientID: l.client, Flow: "USER_AUTH", Params: map[string]string{"USERNAME": alice}, Session: out.Session})
			l.want(err, fault.SessionInvalid)
		}
	}, separate, hidden, userAuth)
}

// An attempt whose address the function vouched for owns it with its confirmation, or is not confirmed.
func TestAttemptOwnsWhatIsVouchedFor(t *testing.T) {
	const mail = "a@example.com"
	for _, byAdmin := range []bool{false, true} {
		eachLambda(t, []trigger.Name{trigger.PreSignUp}, func(t *testing.T, l *lambda) {
			l.d.On(trigger.PreSignUp, answer("autoVerifyEmail", true))
			confirm := func(name, number string) error {
				if byAdmin {
					return l.Service.AdminConfirmSignUp(t.Context(), l.Admin(), l.pool, name)
				}
				return l.confirm(l.Caller(), name, l.Code(number))
			}
			l.must(l.signUp(l.Caller(), "owner", pooltest.Phone(alice), pooltest.Email(mail)))
			l.must(l.signUp(l.Caller(), "late", pooltest.Phone(bob), pooltest.Email(mail)))
			l.must(confirm("owner", alice))
			if !l.verified("owner", "email") {
				t.Error("not verified")
			}
			l.SignIn(l.client, mail, passw0rd)
			l.want(confirm("late", bob), fault.AliasTaken)
			tk := l.SignIn(l.client, mail, passw0rd)
			if claimsOf(t, tk.ID)["cognito:username"] != "owner" {
				t.Errorf("%v", claimsOf(t, tk.ID))
			}
		}, mailAlias, separate)
	}
}

// UserMigration names the user that was asked for, and takes nothing from others.
func TestMigrationOfAnother(t *testing.T) {
	migrate := func(l *lambda, force bool, attrs map[string]string) {
		l.d.On(trigger.UserMigration, func(e triggertest.Event) (any, error) {
			return e.Answer("userAttributes", attrs, "finalUserStatus", "CONFIRMED", "forceAliasCreation", force), nil
		})
	}
	for _, mode := range []struct {
		change func(*pool.Config, *pool.ClientConfig)
		want   fault.Code
	}{{hidden, fault.WrongCredentials}, {func(*pool.Config, *pool.ClientConfig) {}, fault.TriggerAnswerInvalid}} {
		eachLambda(t, []trigger.Name{trigger.UserMigration}, func(t *testing.T, l *lambda) {
			l.SignUp(l.client, "owner", passw0rd, pooltest.Phone(alice))
			l.must(l.signUp(l.Caller(), "unproved", pooltest.Phone(bob)))
			for what, attrs := range map[string]map[string]string{
				"another name":      {"username": "somebody"},
				"a name in use":     {"username": "owner", "phone_number": bob, "phone_number_verified": "true"},
				"an unproved alias": {"username": "somebody", "phone_number": bob},
				"of another":        {"username": "somebody", "phone_number": alice, "phone_number_verified": "true"},
			} {
				migrate(l, false, attrs)
				name := "typed"
				if attrs["phone_number"] != "" {
					name = bob
				}
				_, err := l.password(l.Caller(), name, passw0rd)
				if fault.CodeOf(err) != mode.want {
					t.Errorf("%s: %v, want %s", what, err, mode.want)
				}
				_, err = l.Service.AdminGetUser(t.Context(), l.Admin(), l.pool, "somebody")
				l.want(err, fault.UserNotFound)
				l.Advance(1e12 * 3600)
			}
			// An alias that nobody owns is fine.
			migrate(l, false, map[string]string{"username": "somebody", "phone_number": bob, "phone_number_verified": "true"})
			if tk := l.SignIn(l.client, bob, passw0rd); claimsOf(t, tk.ID)["cognito:username"] != "somebody" {
				t.Error(claimsOf(t, tk.ID))
			}
			migrate(l, false, map[string]string{"phone_number": alice, "phone_number_verified": "true"})
			_, err := l.password(l.Caller(), "thief", passw0rd)
			l.want(err, mode.want)
			if tk := l.SignIn(l.client, alice, passw0rd); claimsOf(t, tk.ID)["cognito:username"] != "owner" {
				t.Error(claimsOf(t, tk.ID))
			}
			migrate(l, true, map[string]string{"phone_number": alice, "phone_number_verified": "true"})
			l.SignIn(l.client, "heir", passw0rd)
			if l.verified("owner", "phone_number") {
				t.Error("a number that was moved is still verified for its old owner")
			}
		}, mailAlias, mode.change)
	}
}

// An e-mail of CustomMessage may be as long as Cognito's.
func TestCustomMessageLongMail(t *testing.T) {
	eachLambda(t, []trigger.Name{trigger.CustomMessage}, func(t *testing.T, l *lambda) {
		l.d.On(trigger.CustomMessage, answer("emailMessage", "<p>{####}</p>"+strings.Repeat("ü", 19000)))
		l.must(l.signUp(l.Caller(), "a@example.com"))
		if m := l.Last("a@example.com"); !strings.HasPrefix(m.Text, "<p>"+m.Code+"</p>") || !m.HTML {
			t.Errorf("%.40s", m.Text)
		}
		// A temporary password is text, whatever is in it.
		l.d.On(trigger.CustomMessage, answer("emailMessage", "<p>{username}: {####}</p>"))
		_, err := l.Service.AdminCreateUser(t.Context(), l.Admin(), pool.AdminCreateInput{PoolID: l.pool, Username: "b@example.com", TemporaryPassword: "A<b>c&d1", Mediums: []string{"EMAIL"}})
		l.must(err)
		if m := l.Last("b@example.com"); m.Text != "<p>b@example.com: A&lt;b&gt;c&amp;d1</p>" || !m.HTML {
			t.Errorf("%s", m.Text)
		}
		l.d.On(trigger.CustomMessage, answer())
		_, err = l.Service.AdminCreateUser(t.Context(), l.Admin(), pool.AdminCreateInput{PoolID: l.pool, Username: "c@example.com", TemporaryPassword: "A<b>c&d1", Mediums: []string{"EMAIL"}})
		l.must(err)
		if m := l.Last("c@example.com"); !strings.Contains(m.Text, "A<b>c&d1") || m.HTML {
			t.Errorf("%s", m.Text)
		}
	}, both)
}

// With separate attempts the failure of CustomMessage does not tell who waits for a code.
func TestCustomMessageTellsNothing(t *testing.T) {
	eachLambda(t, []trigger.Name{trigger.CustomMessage}, func(t *testing.T, l *lambda) {
		l.must(l.signUp(l.Caller(), alice))
		l.d.On(trigger.CustomMessage, throw("down"))
		for _, name := range []string{alice, bob} {
			l.must(l.resend(l.Caller(), name))
		}
	}, separate)
}

// The event of a change tells of the user as the change leaves it.
func TestSenderEventAfterAChange(t *testing.T) {
	for _, pending := range []bool{false, true} {
		eachLambda(t, senders, func(t *testing.T, l *lambda) {
			l.SignUp(l.client, alice, passw0rd, pool.Attr{Name: "name", Value: "Old"})
			tk := l.SignIn(l.client, alice, passw0rd)
			_, err := l.Service.UpdateAttributes(t.Context(), l.Caller(), tk.Access, []pool.Attr{{Name: "name", Value: "New"}, {Name: "email", Value: "a@example.com"}, {Name: "phone_number", Value: bob}})
			l.must(err)
			for _, m := range l.Messages() {
				if m.TriggerSource != "CustomSMSSender_UpdateUserAttribute" && m.TriggerSource != "CustomEmailSender_UpdateUserAttribute" {
					continue
				}
				attrs := l.deliver(m).Request()["userAttributes"].(map[string]any)
				to := "phone_number"
				if m.Channel == "email" {
					to = "email"
				}
				if attrs["name"] != "New" || attrs[to] != m.To || attrs[to+"_verified"] != "false" {
					t.Errorf("%s: %v", m.TriggerSource, attrs)
				}
				if other := attrs["phone_number"]; to == "email" && !pending && other != bob || to == "email" && pending && other != alice {
					t.Errorf("%s: number %v", m.TriggerSource, other)
				}
			}
			if n := len(l.Messages()); n != 3 {
				t.Errorf("%d messages", n)
			}
		}, both, func(p *pool.Config, _ *pool.ClientConfig) {
			p.UsernameAttributes, p.AliasAttributes = []string{"phone_number"}, nil
			if pending {
				p.VerifyBeforeUpdate = []string{"phone_number", "email"}
			}
		})
	}
}
