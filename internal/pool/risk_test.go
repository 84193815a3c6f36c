package pool_test

import (
	"strings"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/trigger"
)

func notify(action string) func(*pool.Config, *pool.ClientConfig) {
	return func(p *pool.Config, _ *pool.ClientConfig) {
		p.Risk = map[string]*pool.RiskConfig{"": {Action: action, Notify: true, Skipped: []string{"192.0.2.0/24"}, Blocked: []string{"198.51.100.64/26"},
			Text: pool.Mail{Subject: "Seen at {login-time}", Body: "{username} from {ip-address} with {device-name}"}}}
	}
}

// notices counts messages about risk to a number or address.
func (l *lambda) notices(to string) (out []pooltest.Message) {
	for _, m := range l.To(to) {
		if strings.HasSuffix(m.TriggerSource, "_AccountTakeOverNotification") {
			out = append(out, m)
		}
	}
	return out
}

// A sign-in from a new network tells the user, once; the first one ever and those from known networks tell nothing.
func TestRiskNotification(t *testing.T) {
	eachLambda(t, senders, func(t *testing.T, l *lambda) {
		l.SignUp(l.client, alice, passw0rd)
		sign := func(ip string) {
			t.Helper()
			c := l.from(ip)
			c.UserAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0 <script>"
			c.Metadata = map[string]string{"k": "v"}
			out, err := l.password(c, alice, passw0rd)
			l.must(err)
			if out.Tokens == nil {
				t.Fatalf("%+v", out)
			}
		}
		for i, step := range []struct {
			ip   string
			want int
		}{
			{"203.0.113.7", 0}, {"203.0.113.7", 0}, {"203.0.113.24", 1}, {"203.0.113.24", 1}, {"192.0.2.9", 1}, {"203.0.113.7", 1}, {"203.0.113.25", 2},
		} {
			sign(step.ip)
			if n := len(l.notices(alice)); n != step.want {
				t.Errorf("after step %d: %d notices, want %d", i, n, step.want)
			}
			l.Advance(time.Minute)
		}
		m := l.notices(alice)[0]
		if m.Code != "" || strings.Contains(m.Text, "script") || !strings.Contains(m.Text, "Firefox 140, Linux") {
			t.Errorf("%+v", m)
		}
		e := l.deliver(m)
		attrs := e.Request()["userAttributes"].(map[string]any)
		want := map[string]string{
			"IP_ADDRESS": "203.0.113.24", "ACCOUNT_TAKE_OVER_ACTION": "NO_ACTION", "LOGIN_TIME": "Saturday, November 21, 2026 12:02 PM UTC",
			"DEVICE_NAME": "Firefox 140, Linux", "phone_number": alice, "USER_NAME": e["userName"].(string), "ONE_CLICK_LINK_VALID": "", "FEEDBACK_TOKEN": "",
		}
		for k, v := range want {
			if attrs[k] != v {
				t.Errorf("%s is %v, want %q", k, attrs[k], v)
			}
		}
		if r := e.Request(); r["code"] != nil || r["clientMetadata"] != nil || r["type"] != "customSMSSenderRequestV1" || attrs["sub"] != nil || attrs["EVENT_ID"] == "" {
			t.Errorf("%v", r)
		}
		all, err := l.Log.List(t.Context(), l.Store, eventlog.Query{PoolID: l.pool, Types: []eventlog.Type{eventlog.RiskNotified}})
		if err != nil || len(all) != 2 {
			t.Errorf("%d events, %v", len(all), err)
		}
		// The network is remembered for a month; that the user was here before, for longer.
		l.Advance(40 * 24 * time.Hour)
		sign("203.0.113.7")
		if n := len(l.notices(alice)); n != 3 {
			t.Errorf("after a month: %d", n)
		}
	}, notify(pool.RiskNoAction))
}

// A verified address is preferred, and gets the pool's own text.
func TestRiskNotificationByMail(t *testing.T) {
	eachLambda(t, []trigger.Name{trigger.CustomSMSSender}, func(t *testing.T, l *lambda) {
		l.SignUp(l.client, alice, passw0rd, pooltest.Email("a@example.com"))
		l.must(l.Service.AdminUpdateAttributes(t.Context(), l.Admin(), l.pool, alice, []pool.Attr{{Name: "email_verified", Value: "true"}}))
		l.SignIn(l.client, alice, passw0rd)
		_, err := l.password(l.from("203.0.113.24"), alice, passw0rd)
		l.must(err)
		got := l.notices("a@example.com")
		if len(got) != 1 || len(l.notices(alice)) != 0 || got[0].Event != nil || got[0].Subject != "Seen at Saturday, November 21, 2026 12:00 PM UTC" ||
			!strings.HasSuffix(got[0].Text, " from 203.0.113.24 with unknown device") || got[0].TriggerSource != "CustomEmailSender_AccountTakeOverNotification" {
			t.Errorf("%+v", got)
		}
	}, notify(pool.RiskMFAIfThere))
}

// BLOCK and MFA_REQUIRED refuse, and tell the user of it; a second factor satisfies MFA_REQUIRED; blocked networks may not begin.
func TestRiskRefuses(t *testing.T) {
	for _, action := range []string{pool.RiskBlock, pool.RiskMFARequired} {
		eachLambda(t, []trigger.Name{trigger.PostAuthentication}, func(t *testing.T, l *lambda) {
			l.SignUp(l.client, alice, passw0rd)
			l.SignIn(l.client, alice, passw0rd)
			after := len(l.sources())
			_, err := l.password(l.from("203.0.113.24"), alice, passw0rd)
			l.wantError(err, fault.WrongCredentials, "Unable to login because of security reasons.")
			if n := len(l.notices(alice)); n != 1 || len(l.sources()) != after {
				t.Errorf("%d notices, triggers %v", n, l.sources()[after:])
			}
			_, err = l.password(l.from("198.51.100.65"), alice, passw0rd)
			l.wantError(err, fault.WrongCredentials, "Unable to login because of security reasons.")
			_, err = l.password(l.from("192.0.2.1"), alice, passw0rd)
			l.must(err)
			l.enableSMS(alice)
			l.Advance(time.Hour)
			ch, err := l.password(l.from("203.0.113.24"), alice, passw0rd)
			l.must(err)
			out, err := l.respond(l.from("203.0.113.24"), ch, alice, "SMS_MFA_CODE", l.Code(alice))
			if action == pool.RiskBlock {
				l.want(err, fault.WrongCredentials)
			} else if l.must(err); out.Tokens == nil {
				t.Errorf("%+v", out)
			}
		}, notify(action))
	}
}

// A client's own setting goes before the pool's.
func TestRiskOfAClient(t *testing.T) {
	eachLambda(t, nil, func(t *testing.T, l *lambda) {
		l.SignUp(l.client, alice, passw0rd)
		l.SignIn(l.client, alice, passw0rd)
		l.Reconfigure(l.pool, func(c *pool.Config) { c.Risk[l.client] = &pool.RiskConfig{} })
		_, err := l.password(l.from("203.0.113.24"), alice, passw0rd)
		l.must(err)
	}, notify(pool.RiskBlock))
}
