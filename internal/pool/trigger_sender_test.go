package pool_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/internal/trigger"
	"countersign/internal/trigger/triggertest"
	"countersign/provider"
)

// lambda is a world whose pool has functions.
type lambda struct {
	*world
	d *triggertest.Double
}

// eachLambda runs f on both stores with the triggers named, whose functions answer the event as it came.
func eachLambda(t *testing.T, names []trigger.Name, f func(*testing.T, *lambda), change ...func(*pool.Config, *pool.ClientConfig)) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		d := triggertest.New(t)
		w := &world{Harness: pooltest.New(t, s, func(o *pool.Options) { o.Triggers = d.Runner() }), t: t}
		cfg, ccfg := pooltest.PhonePool(), pooltest.AppClient()
		cfg.Triggers = d.Config(names...)
		for _, n := range names {
			d.On(n, func(e triggertest.Event) (any, error) { return e, nil })
		}
		for _, c := range change {
			c(&cfg, &ccfg)
		}
		w.pool = w.Pool(cfg)
		w.client = w.Client(w.pool, ccfg)
		f(t, &lambda{w, d})
	})
}

// deliver hands a message to the pool's sender function, as a worker would.
func (l *lambda) deliver(m pooltest.Message) triggertest.Event {
	l.t.Helper()
	row := &store.Message{PoolID: m.PoolID, Channel: string(m.Channel), TriggerSource: m.TriggerSource}
	s, ok, err := l.Service.SenderFor(l.t.Context(), row)
	if err != nil || !ok {
		l.t.Fatalf("%s: no sender: %v", m.TriggerSource, err)
	}
	before := len(l.d.Events(""))
	_, _, err = s.(delivery.EventSender).SendEvent(l.t.Context(), provider.Message{
		To: m.To, Text: m.Text, Code: m.Code, Channel: m.Channel, PoolID: m.PoolID, TriggerSource: m.TriggerSource,
	}, m.Event)
	l.must(err)
	all := l.d.Events("")
	if len(all) != before+1 {
		l.t.Fatalf("%d invocations", len(all)-before)
	}
	return all[before]
}

// newest is the last message, as an event of its sender function.
func (l *lambda) newest() (pooltest.Message, triggertest.Event) {
	l.t.Helper()
	all := l.Messages()
	m := all[len(all)-1]
	return m, l.deliver(m)
}

func (l *lambda) failures() []*store.Event {
	l.t.Helper()
	all, err := l.Log.List(l.t.Context(), l.Store, eventlog.Query{PoolID: l.pool, Types: []eventlog.Type{eventlog.TriggerFailed}, Limit: 1000})
	l.must(err)
	return all
}

func both(p *pool.Config, _ *pool.ClientConfig) {
	p.AutoVerified = []string{"phone_number", "email"}
	p.UsernameAttributes, p.AliasAttributes = []string{"phone_number", "email"}, nil
	p.MFAEmail = true
}

var senders = []trigger.Name{trigger.CustomSMSSender, trigger.CustomEmailSender}

// Every event that a user or administrator causes has its trigger source, its destination and its metadata (cognito.md 7.3).
func TestSenderSources(t *testing.T) {
	eachLambda(t, senders, func(t *testing.T, l *lambda) {
		ctx := t.Context()
		c, admin := l.Caller(), l.Admin()
		c.UserAgent = "aws-sdk-js/3.1"
		c.Metadata, c.Control = map[string]string{"locale": "en-GB"}, map[string]string{"ignored": "x"}
		admin.Metadata = c.Metadata
		seen := map[string]bool{}
		sub := ""
		check := func(kind, status, to string, verified bool, metadata, byAdmin bool) string {
			t.Helper()
			m, e := l.newest()
			if len(l.Messages()) != len(seen)+1 {
				t.Errorf("%s: %d messages", kind, len(l.Messages()))
			}
			seen[fmt.Sprint(len(seen), kind)] = true
			sender, typ, attr := "CustomSMSSender_", "customSMSSenderRequestV1", "phone_number"
			if strings.Contains(to, "@") {
				sender, typ, attr = "CustomEmailSender_", "customEmailSenderRequestV1", "email"
			}
			if e.Source() != sender+kind || m.To != to {
				t.Fatalf("%s to %s, want %s", e.Source(), m.To, kind)
			}
			r := e.Request()
			attrs := r["userAttributes"].(map[string]any)
			if attrs[attr] != to || attrs[attr+"_verified"] != fmt.Sprint(verified) || attrs["cognito:user_status"] != status || r["type"] != typ || e["userName"] != attrs["sub"] {
				t.Errorf("%s: %v", kind, e)
			}
			if sub != "" && attrs["sub"] != sub {
				t.Errorf("%s is about %v", kind, attrs["sub"])
			}
			client, sdk := l.client, "aws-sdk-js-3.1"
			if byAdmin {
				client, sdk = trigger.NoClient, "aws-sdk-unknown-unknown"
			}
			if got := e["callerContext"].(map[string]any); got["clientId"] != client || got["awsSdkVersion"] != sdk {
				t.Errorf("%s: caller %v", kind, got)
			}
			if got, _ := r["clientMetadata"].(map[string]any); (got["locale"] == "en-GB" && len(got) == 1) != metadata || (r["clientMetadata"] == nil) == metadata {
				t.Errorf("%s: metadata %v", kind, r["clientMetadata"])
			}
			plain, _ := l.d.Open(e)
			if want := m.Code; plain != strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;").Replace(want) {
				t.Errorf("%s: %q is not the code %q", kind, plain, want)
			}
			if raw, _ := json.Marshal(e); strings.Contains(string(raw), m.Code) {
				t.Errorf("%s: the code is in clear", kind)
			}
			return m.Code
		}
		l.must(l.signUp(c, alice))
		_, e := l.newest()
		sub = e["userName"].(string)
		check("SignUp", "UNCONFIRMED", alice, false, true, false)
		l.must(l.resend(c, alice))
		code := check("ResendCode", "UNCONFIRMED", alice, false, true, false)
		l.must(l.confirm(c, alice, code))
		l.must(l.forgot(c, alice))
		check("ForgotPassword", "CONFIRMED", alice, true, true, false)

		tk := l.SignIn(l.client, alice, passw0rd)
		_, err := l.Service.UpdateAttributes(ctx, c, tk.Access, []pool.Attr{pooltest.Phone(bob)})
		l.must(err)
		check("UpdateUserAttribute", "CONFIRMED", bob, false, true, false)
		_, err = l.Service.SendAttributeCode(ctx, c, tk.Access, "phone_number")
		l.must(err)
		code = check("VerifyUserAttribute", "CONFIRMED", bob, false, true, false)
		l.must(l.Service.VerifyAttribute(ctx, c, tk.Access, "phone_number", code))
		_, err = l.Service.UpdateAttributes(ctx, c, tk.Access, []pool.Attr{pooltest.Email("a@example.com")})
		l.must(err)
		code = check("UpdateUserAttribute", "CONFIRMED", "a@example.com", false, true, false)
		l.must(l.Service.VerifyAttribute(ctx, c, tk.Access, "email", code))

		for kind, to := range map[string]string{"SMS_OTP": bob, "EMAIL_OTP": "a@example.com"} {
			ch, err := l.begin(c, "USER_AUTH", "USERNAME", bob, "PREFERRED_CHALLENGE", kind)
			l.must(err)
			check("Authentication", "CONFIRMED", to, true, false, false)
			again := c
			again.Control = map[string]string{"resend": "yes"}
			_, err = l.respond(again, ch, bob)
			l.must(err)
			check("Authentication", "CONFIRMED", to, true, true, false)
		}
		l.Advance(time.Hour)
		l.must(l.Service.AdminSetMFAPreference(ctx, admin, l.pool, bob, pool.MFAPreference{SMS: &pool.FactorChange{Enabled: true}, Email: &pool.FactorChange{Enabled: true}}))
		ch, err := l.password(c, bob, passw0rd)
		l.must(err)
		_, err = l.respond(c, ch, bob, "ANSWER", "SMS_MFA")
		l.must(err)
		check("Authentication", "CONFIRMED", bob, true, true, false)
		ch, err = l.password(c, bob, passw0rd)
		l.must(err)
		_, err = l.respond(c, ch, bob, "ANSWER", "EMAIL_OTP")
		l.must(err)
		check("Authentication", "CONFIRMED", "a@example.com", true, true, false)
		l.must(l.Service.AdminSetMFAPreference(ctx, admin, l.pool, bob, pool.MFAPreference{Email: &pool.FactorChange{}}))
		_, err = l.password(c, bob, passw0rd)
		l.must(err)
		check("Authentication", "CONFIRMED", bob, true, false, false)

		l.must(l.Service.AdminResetPassword(ctx, admin, l.pool, bob))
		check("ForgotPassword", "CONFIRMED", bob, true, true, true)
		l.must(l.Service.AdminUpdateAttributes(ctx, admin, l.pool, bob, []pool.Attr{pooltest.Phone(alice)}))
		check("UpdateUserAttribute", "RESET_REQUIRED", alice, false, true, true)
		sub = ""
		for _, action := range []string{"", "RESEND"} {
			_, err = l.Service.AdminCreateUser(ctx, admin, pool.AdminCreateInput{PoolID: l.pool, Username: "+12025550144", Action: action, TemporaryPassword: `Aa1<&>"'x!`})
			l.must(err)
			check("AdminCreateUser", "FORCE_CHANGE_PASSWORD", "+12025550144", false, true, true)
		}
	}, both, userAuth)
}

// What the function was sent signs the user in: once, and only through it.
func TestSenderFor(t *testing.T) {
	eachLambda(t, []trigger.Name{trigger.CustomSMSSender}, func(t *testing.T, l *lambda) {
		for source, want := range map[string]bool{
			"CustomSMSSender_SignUp": true, "CustomSMSSender_AccountTakeOverNotification": true, "AccountChanged": false, "TestMessage": false, "CustomEmailSender_SignUp": false,
		} {
			channel := provider.SMS
			if strings.HasPrefix(source, "CustomEmail") {
				channel = provider.Email
			}
			_, ok, err := l.Service.SenderFor(t.Context(), &store.Message{PoolID: l.pool, Channel: string(channel), TriggerSource: source})
			if ok != want || err != nil {
				t.Errorf("%s: %v, %v", source, ok, err)
			}
		}
		l.must(l.signUp(l.Caller(), alice))
		l.Reconfigure(l.pool, func(c *pool.Config) { c.Triggers = nil })
		m := l.Last(alice)
		if _, ok, err := l.Service.SenderFor(t.Context(), &store.Message{PoolID: l.pool, Channel: "sms", TriggerSource: m.TriggerSource}); ok || err != nil {
			t.Errorf("after the trigger was taken away: %v, %v", ok, err)
		}
		_, ok, err := l.Service.SenderFor(t.Context(), &store.Message{PoolID: "us-local-1_gone", Channel: "sms", TriggerSource: m.TriggerSource})
		if ok || err == nil {
			t.Errorf("a deleted pool: %v, %v", ok, err)
		} else if class, _ := provider.ClassOf(err); class != provider.ClassPermanent {
			t.Error(err)
		}
		l.must(l.signUp(l.Caller(), bob))
		if m := l.Last(bob); m.Event != nil {
			t.Error("an event was made for a pool without a function")
		}
	})
}

// Without permission or key nothing is stored, for known and unknown names alike, and an event says what to run.
func TestSenderRefusesInTheRequest(t *testing.T) {
	eachLambda(t, []trigger.Name{trigger.CustomSMSSender}, func(t *testing.T, l *lambda) {
		c := l.Caller()
		l.SignUp(l.client, alice, passw0rd)
		l.must(l.signUp(c, bob))
		sent := len(l.Messages())
		steps := map[string]func(name string) error{
			"forgot": func(n string) error { return l.forgot(c, n) },
			"resend": func(n string) error { return l.resend(c, n) },
			"otp": func(n string) error {
				_, err := l.begin(c, "USER_AUTH", "USERNAME", n, "PREFERRED_CHALLENGE", "SMS_OTP")
				return err
			},
		}
		for _, broken := range []struct {
			set    func(error)
			code   fault.Code
			reason string
		}{
			{l.d.Deny, fault.AccessDenied, "AccessDeniedException"}, {l.d.Unusable, fault.KeyDisabled, "KMSDisabledException"},
		} {
			broken.set(fault.New(broken.code).WithHint("aws something --mend"))
			for what, step := range steps {
				for _, name := range []string{alice, bob, "+12025550155"} {
					before := len(l.failures())
					e := fault.Of(step(name))
					if what == "resend" && name == alice && e == nil {
						t.Error("resend to a confirmed user tells by its success")
					}
					if e == nil || e.Code != fault.TriggerFailed || e.Public != "CustomSMSSender invocation failed due to error "+broken.reason+"." {
						t.Errorf("%s of %s: %v", what, name, e)
					}
					all := l.failures()
					if len(all) != before+1 || !slices.ContainsFunc(all, func(e *store.Event) bool { return strings.Contains(string(e.Data), "aws something --mend") }) {
						t.Errorf("%s of %s: %d events", what, name, len(all)-before)
					}
				}
			}
			_, err := l.Service.SignUp(t.Context(), c, pool.SignUpInput{ClientAuth: l.auth(), Username: "+12025550166", Password: passw0rd})
			l.want(err, fault.TriggerFailed)
			_, err = l.Service.AdminGetUser(t.Context(), l.Admin(), l.pool, "+12025550166")
			l.want(err, fault.UserNotFound)
			broken.set(nil)
		}
		if n := len(l.Messages()); n != sent {
			t.Errorf("%d messages were queued", n-sent)
		}
		l.must(l.forgot(c, alice))
	}, hidden, userAuth)
}

// Notices of changes have no trigger source on Cognito: a handler would take them for something else.
func TestNoticesAreNotForSenderFunctions(t *testing.T) {
	eachLambda(t, []trigger.Name{trigger.CustomSMSSender}, func(t *testing.T, l *lambda) {
		l.SignUp(l.client, alice, passw0rd, pooltest.Email("a@example.com"))
		l.must(l.Service.AdminUpdateAttributes(t.Context(), l.Admin(), l.pool, alice, []pool.Attr{{Name: "email_verified", Value: "true"}}))
		tk := l.SignIn(l.client, alice, passw0rd)
		before := len(l.Messages())
		l.must(l.Service.ChangePassword(t.Context(), l.Caller(), tk.Access, passw0rd, "An0ther-Horse!"))
		after := l.Messages()[before:]
		if len(after) != 1 || after[0].To != "a@example.com" || after[0].TriggerSource != "AccountChanged" || after[0].Event != nil {
			t.Errorf("notices %+v", after)
		}
		all, err := l.Log.List(t.Context(), l.Store, eventlog.Query{PoolID: l.pool, Types: []eventlog.Type{eventlog.NotificationFailed}})
		if err != nil || len(all) != 1 || !strings.Contains(string(all[0].Data), "custom_sender") {
			t.Errorf("%d events, %v", len(all), err)
		}
	})
}

// A pool with triggers on a server that runs no functions lets nobody past them.
func TestTriggersWithoutFunctions(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.want(w.signUp(w.Caller(), alice), fault.TriggerFailed)
		_, err := w.password(w.Caller(), alice, passw0rd)
		w.want(err, fault.UserNotFound)
		_, _, err = w.Service.SenderFor(t.Context(), &store.Message{PoolID: w.pool, Channel: "sms", TriggerSource: "CustomSMSSender_SignUp"})
		if err == nil {
			t.Error("a sender without functions")
		}
		_, err = w.Service.CheckTriggers(t.Context(), w.pool, &trigger.Config{})
		w.want(err, fault.InvalidParameter)
	}, func(p *pool.Config, _ *pool.ClientConfig) {
		p.Triggers = &trigger.Config{Functions: maps.Collect(func(yield func(trigger.Name, string) bool) {
			_ = yield(trigger.PreSignUp, triggertest.ARN(trigger.PreSignUp)) && yield(trigger.CustomSMSSender, triggertest.ARN(trigger.CustomSMSSender))
		})}
	})
}
