package script

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"countersign/internal/facts"
)

var everything = facts.Message{
	Purpose: facts.SecondFactor, Language: "pt-BR", Voice: "1, 2, 3", Transaction: "t1",
	Request:    facts.Request{IP: "192.0.2.7", UserAgent: "agent", Method: "POST", Hostname: "id.example.com", Language: "pt;q=0.9"},
	Client:     facts.Client{ID: "c1", Name: "Shop", Metadata: map[string]string{"brand": "blue"}},
	Tenant:     facts.Tenant{ID: "p1", FriendlyName: "Shop", HomeURL: "https://shop", SupportEmail: "help@shop"},
	Connection: &facts.Connection{ID: "con_1", Name: "Users", Strategy: "auth0"},
	User: &facts.User{ID: "auth0|7", Name: "Ann", Nickname: "a", GivenName: "Ann", FamilyName: "B", Username: "ann", Email: "ann@example.com", EmailVerified: true,
		Phone: "+12025550123", PhoneVerified: true, Picture: "https://p", UserMetadata: json.RawMessage(`{"u":1}`), AppMetadata: json.RawMessage(`{"a":1}`),
		CreatedAt: time.Date(2026, 11, 1, 2, 3, 4, 5e6, time.UTC), Logins: 3, Factors: []string{"phone", "otp", "recovery-code"}},
}

var text = Text{To: "+12025550123", Body: "Your code is 123456", Code: "123456", Channel: "sms"}

func same(t *testing.T, what string, got json.RawMessage, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatalf("%s: %v: %s", what, err, got)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if string(x) != string(y) {
		t.Errorf("%s:\n got %s\nwant %s", what, x, y)
	}
}

func TestHookBody(t *testing.T) {
	same(t, "everything", HookBody(&everything, text), `{"recipient":"+12025550123","text":"Your code is 123456","context":{
		"factor_type":"second","message_type":"sms","action":"second-factor-authentication","language":"pt-BR","code":"123456","ip":"192.0.2.7","user_agent":"agent",
		"request":{"ip":"192.0.2.7","user_agent":"agent","method":"POST","hostname":"id.example.com","language":"pt;q=0.9"},
		"client_id":"c1","name":"Shop","client_metadata":{"brand":"blue"},"client":{"client_id":"c1","name":"Shop","client_metadata":{"brand":"blue"}},
		"user":{"user_id":"auth0|7","name":"Ann","email":"ann@example.com","phone_number":"+12025550123","app_metadata":{"a":1},"user_metadata":{"u":1}}}}`)
	// Whatever is not known is empty, and nothing is undefined: the contract's own checks pass.
	same(t, "nothing", HookBody(&facts.Message{}, Text{To: "+1"}), `{"recipient":"+1","text":"","context":{
		"factor_type":"second","message_type":"sms","action":"enrollment","language":"en","code":"","ip":"","user_agent":"","request":{"ip":"","user_agent":""},
		"client_id":"","name":"","client_metadata":{},"client":{"client_id":"","name":"","client_metadata":{}},
		"user":{"user_id":"","name":"","email":"","phone_number":"+1","app_metadata":{},"user_metadata":{}}}}`)
}

func TestPurposes(t *testing.T) {
	for _, c := range []struct {
		purpose                    facts.Purpose
		channel                    string
		factor, action, kind, sent string
	}{
		{facts.Enroll, "sms", "second", "enrollment", "otp_enroll", "text"},
		{facts.SecondFactor, "voice", "second", "second-factor-authentication", "otp_verify", "voice"},
		{facts.FirstFactor, "sms", "first", "second-factor-authentication", "otp_verify", "text"},
		{facts.Recovery, "sms", "second", "enrollment", "change_password", "text"},
		{facts.Notice, "sms", "second", "enrollment", "blocked_account", "text"},
	} {
		m, txt := facts.Message{Purpose: c.purpose}, Text{To: "+1", Channel: c.channel}
		for what, pair := range map[string][2]string{
			string(HookBody(&m, txt)):                 {`"action":"` + c.action + `"`, `"factor_type":"` + c.factor + `"`},
			string(SendPhoneMessageEvent(&m, txt)):    {`"action":"` + c.action + `"`, `"message_type":"` + c.channel + `"`},
			string(CustomPhoneProviderEvent(&m, txt)): {`"message_type":"` + c.kind + `"`, `"delivery_method":"` + c.sent + `"`},
		} {
			for _, want := range pair {
				if !strings.Contains(what, want) {
					t.Errorf("%s: %s lacks %s", c.purpose, what, want)
				}
			}
		}
	}
}

const eventUser = `{"user_id":"auth0|7","name":"Ann","nickname":"a","given_name":"Ann","family_name":"B","username":"ann","email":"ann@example.com","email_verified":true,
	"phone_number":"+12025550123","phone_verified":true,"picture":"https://p","user_metadata":{"u":1},"app_metadata":{"a":1},"created_at":"2026-11-01T02:03:04.005Z",
	"identities":[{"connection":"Users","provider":"auth0","user_id":"7","isSocial":false}]`

const eventRest = `"client":{"client_id":"c1","name":"Shop","metadata":{"brand":"blue"}},"transaction":{"id":"t1","correlation_id":"t1"},
	"request":{"ip":"192.0.2.7","method":"POST","hostname":"id.example.com","language":"pt;q=0.9","user_agent":"agent","geoip":{}},`

func TestActionEvents(t *testing.T) {
	same(t, "send-phone-message", SendPhoneMessageEvent(&everything, text), `{`+eventRest+`"tenant":{"id":"p1"},"user":`+eventUser+`},
		"message_options":{"action":"second-factor-authentication","code":"123456","message_type":"sms","recipient":"+12025550123","text":"Your code is 123456"}}`)
	same(t, "custom-phone-provider", CustomPhoneProviderEvent(&everything, text), `{`+eventRest+`"user":`+eventUser+`},
		"tenant":{"id":"p1","friendly_name":"Shop","home_url":"https://shop","support_email":"help@shop"},
		"connection":{"id":"con_1","name":"Users","strategy":"auth0","metadata":{}},
		"notification":{"recipient":"+12025550123","as_text":"Your code is 123456","as_voice":"1, 2, 3","delivery_method":"text","message_type":"otp_verify","locale":"pt_BR","code":"123456"}}`)
	voice := text
	voice.Channel, voice.Body, voice.Code, voice.From = "voice", "spoken", "", "Shop"
	if got := string(CustomPhoneProviderEvent(&everything, voice)); !strings.Contains(got, `"as_text":"spoken","as_voice":"spoken"`) || strings.Contains(got, `"code"`) ||
		!strings.Contains(got, `"from":"Shop"`) {
		t.Errorf("voice: %s", got)
	}
}

var signIn = facts.Login{User: *everything.User, Client: everything.Client, Request: everything.Request, Tenant: everything.Tenant, Connection: *everything.Connection,
	Protocol: "oauth2-password", Scopes: []string{"openid", "read:x"}, Audience: "https://api", Methods: []string{"pwd"}, NewNetwork: true}

func TestPostLoginEvent(t *testing.T) {
	same(t, "post-login", PostLoginEvent(&signIn), `{"client":{"client_id":"c1","name":"Shop","metadata":{"brand":"blue"}},
		"connection":{"id":"con_1","name":"Users","strategy":"auth0","metadata":{}},"authorization":{"roles":[]},"stats":{"logins_count":3},"tenant":{"id":"p1"},
		"resource_server":{"identifier":"https://api"},
		"authentication":{"methods":[{"name":"pwd"}],"riskAssessment":{"version":"1","confidence":"low","assessments":{"NewDevice":{"confidence":"low","code":"no_match"}}}},
		"request":{"ip":"192.0.2.7","method":"POST","hostname":"id.example.com","language":"pt;q=0.9","user_agent":"agent","geoip":{},"body":{},"query":{}},
		"transaction":{"protocol":"oauth2-password","requested_scopes":["openid","read:x"],"acr_values":[],"ui_locales":[]},
		"user":`+eventUser+`,"multifactor":["guardian","google-authenticator"],"enrolledFactors":[{"type":"phone"},{"type":"otp"},{"type":"recovery-code"}]}}`)
}

func TestRuleInput(t *testing.T) {
	same(t, "rule", RuleInput(&signIn), `{"user":`+eventUser+`,"multifactor":["guardian","google-authenticator"]},"context":{
		"tenant":"p1","clientID":"c1","clientName":"Shop","clientMetadata":{"brand":"blue"},"connection":"Users","connectionID":"con_1","connectionStrategy":"auth0",
		"connectionMetadata":{},"protocol":"oauth2-password","stats":{"loginsCount":3},"sso":{"current_clients":[]},"samlConfiguration":{},"jwtConfiguration":{},
		"authorization":{"roles":[]},"authentication":{"methods":[{"name":"pwd"}]},"accessToken":{"scope":["openid","read:x"]},"idToken":{},"primaryUser":"auth0|7",
		"request":{"ip":"192.0.2.7","userAgent":"agent","hostname":"id.example.com","language":"pt;q=0.9","query":{"scope":"openid read:x","audience":"https://api"},"body":{},"geoip":{}},
		"riskAssessment":{"newNetwork":true}}}`)
}
