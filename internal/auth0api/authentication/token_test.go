package authentication

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"countersign/internal/fault"
	"countersign/internal/pool"
)

var secret = "shh"

func app(s *string) pool.OAuthClient { return pool.OAuthClient{ID: "app", Secret: s} }

// params writes a body as a form or as JSON.
func params(pairs ...string) (asForm, asJSON string) {
	v, members := url.Values{}, []string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
		members = append(members, `"`+pairs[i]+`":"`+pairs[i+1]+`"`)
	}
	return v.Encode(), "{" + strings.Join(members, ",") + "}"
}

const someBody = `{"access_token":"A","id_token":"I","refresh_token":"R","scope":"openid","expires_in":86400,"token_type":"Bearer"}`

func TestGrants(t *testing.T) {
	for name, c := range map[string]struct {
		pairs  []string
		called string
		in     any
		body   string
	}{
		"password": {[]string{"grant_type", "password", "client_id", "app", "client_secret", "shh", "username", "+12025550100", "password", "pw", "realm", "ignored",
			"scope", "openid offline_access", "audience", "https://api"}, "password",
			pool.PasswordGrantInput{OAuthClient: app(&secret), Asked: pool.Asked{Audience: "https://api", Scope: "openid offline_access"}, Username: "+12025550100", Password: "pw"}, someBody},
		"password-realm": {[]string{"grant_type", grantURI + "password-realm", "client_id", "app", "username", "a", "password", "pw", "realm", "Users"}, "password",
			pool.PasswordGrantInput{OAuthClient: app(nil), Username: "a", Password: "pw", Realm: "Users"}, someBody},
		"passwordless": {[]string{"grant_type", grantURI + "passwordless/otp", "client_id", "app", "username", "+12025550100", "otp", "123456", "realm", "sms"}, "passwordless",
			pool.PasswordlessGrantInput{OAuthClient: app(nil), Realm: "sms", Username: "+12025550100", Code: "123456"}, someBody},
		"mfa-oob": {[]string{"grant_type", grantURI + "mfa-oob", "client_id", "app", "mfa_token", "M", "oob_code", "O", "binding_code", "123456"}, "oob",
			pool.RedeemInput{OAuthClient: app(nil), Token: "M", OOBCode: "O", Code: "123456"}, someBody},
		"mfa-otp": {[]string{"grant_type", grantURI + "mfa-otp", "client_id", "app", "mfa_token", "M", "otp", "123456"}, "otp",
			pool.RedeemInput{OAuthClient: app(nil), Token: "M", Code: "123456"}, someBody},
		"mfa-recovery-code": {[]string{"grant_type", grantURI + "mfa-recovery-code", "client_id", "app", "mfa_token", "M", "recovery_code", "RC"}, "recovery",
			pool.RedeemInput{OAuthClient: app(nil), Token: "M", Code: "RC"}, `{"access_token":"A","expires_in":86400,"token_type":"Bearer","recovery_code":"NEW"}`},
		"refresh": {[]string{"grant_type", "refresh_token", "client_id", "app", "refresh_token", "R", "scope", "openid"}, "refresh",
			pool.RefreshGrantInput{OAuthClient: app(nil), RefreshToken: "R", Scope: "openid"}, someBody},
	} {
		asForm, asJSON := params(c.pairs...)
		for contentType, body := range map[string]string{form: asForm, js: asJSON} {
			x := newWorld()
			w := x.do("POST", "/oauth/token", contentType, body)
			same(t, name, w, 200, c.body)
			if d := cmp.Diff(c.in, x.flows.in); d != "" || x.flows.called != c.called {
				t.Errorf("%s: called %q\n%s", name, x.flows.called, d)
			}
			if h := w.Header(); h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Cache-Control") != "no-store" || h.Get("Content-Type") != "application/json" {
				t.Errorf("%s: %v", name, h)
			}
		}
	}
}

func TestGrantsWithoutParameters(t *testing.T) {
	for body, want := range map[string]string{
		"": "grant_type",
		"grant_type=password&username=a&password=b":                                             "client_id",
		"grant_type=password&client_id=app&password=b":                                          "username",
		"grant_type=password&client_id=app&username=b":                                          "password",
		"grant_type=" + grantURI + "password-realm&client_id=app&username=a&password=b":         "realm",
		"grant_type=" + grantURI + "passwordless/otp&client_id=app&username=a&realm=sms":        "otp",
		"grant_type=" + grantURI + "mfa-oob&client_id=app&mfa_token=M&oob_code=O":               "binding_code",
		"grant_type=" + grantURI + "mfa-oob&client_id=app&oob_code=O&binding_code=1":            "mfa_token",
		"grant_type=" + grantURI + "mfa-otp&client_id=app&mfa_token=M":                          "otp",
		"grant_type=" + grantURI + "mfa-recovery-code&client_id=app&mfa_token=M&recovery_code=": "recovery_code",
		"grant_type=refresh_token&client_id=app":                                                "refresh_token",
	} {
		x := newWorld()
		same(t, body, x.do("POST", "/oauth/token", form, body), 400, `{"error":"invalid_request","error_description":"Missing required parameter: `+want+`"}`)
		if x.flows.called != "" {
			t.Errorf("%s: %s was called", body, x.flows.called)
		}
	}
}

func TestTokenRequestsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		method, contentType, body string
		header                    []string
		status                    int
		name                      string
	}{
		"unknown grant":   {"POST", form, "grant_type=implicit<b>&client_id=app", nil, 403, "unsupported_grant_type"},
		"twice in form":   {"POST", form, "grant_type=password&client_id=app&client_id=x", nil, 400, "invalid_request"},
		"twice in JSON":   {"POST", js, `{"grant_type":"a","grant_type":"password"}`, nil, 400, "invalid_request"},
		"text":            {"POST", "text/plain", `{"grant_type":"password"}`, nil, 400, "invalid_request"},
		"two credentials": {"POST", form, "grant_type=password&client_secret=x", []string{"Authorization", basic("app", "x")}, 400, "invalid_request"},
		"two clients":     {"POST", form, "grant_type=password&client_id=x", []string{"Authorization", basic("app", "x")}, 400, "invalid_request"},
		"assertion":       {"POST", form, "grant_type=password&client_id=app&client_assertion=x", nil, 400, "invalid_request"},
		"too large":       {"POST", form, strings.Repeat("x", maxBody+1), nil, 413, "invalid_request"},
		"get":             {"GET", form, "", nil, 405, "invalid_request"},
	} {
		x := newWorld()
		w := x.do(c.method, "/oauth/token", c.contentType, c.body, c.header...)
		if w.Code != c.status || !strings.HasPrefix(w.Body.String(), `{"error":"`+c.name+`","error_description":"`) || x.flows.called != "" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestBasicAuthentication(t *testing.T) {
	x := newWorld()
	x.do("POST", "/oauth/token", form, "grant_type=password&username=a&password=b", "Authorization", basic("app", "s%2Bh"))
	in, ok := x.flows.in.(pool.PasswordGrantInput)
	if !ok || in.ID != "app" || in.Secret == nil || *in.Secret != "s+h" {
		t.Errorf("%+v", x.flows.in)
	}
}

func TestMFARequired(t *testing.T) {
	x := newWorld()
	x.flows.mfa = &pool.MFARequired{Token: "Fe26.x", Challenge: []string{"phone", "recovery-code"}}
	same(t, "challenge", x.do("POST", "/oauth/token", form, "grant_type=password&client_id=app&username=a&password=b"), 403,
		`{"error":"mfa_required","error_description":"Multifactor authentication required","mfa_token":"Fe26.x",`+
			`"mfa_requirements":{"challenge":[{"type":"phone"},{"type":"recovery-code"}]}}`)
	x.flows.mfa = &pool.MFARequired{Token: "Fe26.x", Enroll: []string{"otp", "phone"}}
	same(t, "enroll", x.do("POST", "/oauth/token", form, "grant_type="+grantURI+"passwordless/otp&client_id=app&username=a&otp=b&realm=sms"), 403,
		`{"error":"mfa_required","error_description":"Multifactor authentication required","mfa_token":"Fe26.x",`+
			`"mfa_requirements":{"enroll":[{"type":"otp"},{"type":"phone"}]}}`)
}

// TestPasswordlessGrantHasOneRefusal: wrong, old, used and never sent read alike.
func TestPasswordlessGrantHasOneRefusal(t *testing.T) {
	for _, code := range []fault.Code{fault.WrongCredentials, fault.UserNotFound, fault.CodeMismatch, fault.ChallengeCodeMismatch, fault.CodeExpired, fault.SessionUsed} {
		for realm, text := range map[string]string{"sms": descPhoneCode, "email": descEmailCode} {
			x := newWorld()
			x.flows.err = fault.New(code).WithPublic("anna is unknown")
			same(t, string(code), x.do("POST", "/oauth/token", form, "grant_type="+grantURI+"passwordless/otp&client_id=app&username=a&otp=b&realm="+realm), 403,
				`{"error":"invalid_grant","error_description":"`+text+`"}`)
		}
	}
}

func TestOOBGrantIsLimitedForEachSession(t *testing.T) {
	x := newWorld()
	x.flows.err = fault.New(fault.CodeMismatch)
	body := "grant_type=" + grantURI + "mfa-oob&client_id=app&oob_code=O&binding_code=1&mfa_token="
	for i := range 12 {
		w := x.do("POST", "/oauth/token", form, body+"M")
		if w.Code != 403 || w.Header().Get("X-RateLimit-Limit") != "12" {
			t.Fatalf("%d: %d %v", i, w.Code, w.Header())
		}
	}
	x.flows.called = ""
	w := x.do("POST", "/oauth/token", form, body+"M")
	same(t, "the 13th", w, 429, `{"error":"too_many_attempts","error_description":"`+descManyCodes+`"}`)
	if w.Header().Get("Retry-After") == "" || w.Header().Get("X-RateLimit-Remaining") != "0" || x.flows.called != "" {
		t.Errorf("%v, called %q", w.Header(), x.flows.called)
	}
	if w := x.do("POST", "/oauth/token", form, body+"other"); w.Code != 403 {
		t.Errorf("another session: %d", w.Code)
	}
}

// TestPanicsAreAnswered: a page of another origin, too, reads that the server failed, and no more.
func TestPanicsAreAnswered(t *testing.T) {
	x := newWorld()
	w := x.do("POST", "/oauth/token", form, "grant_type=refresh_token&client_id=app&refresh_token=panic")
	same(t, "panic", w, 500, `{"error":"server_error","error_description":"`+descInternal+`"}`)
	if w.Header().Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(x.log.String(), "secret detail") {
		t.Errorf("%v\n%s", w.Header(), &x.log)
	}
}

// TestBasicIsEncoded: in the header, id and secret are percent-encoded (RFC 6749, section 2.3.1); an id in the body is not.
func TestBasicIsEncoded(t *testing.T) {
	x := newWorld()
	w := x.do("POST", "/oauth/token", form, "grant_type=refresh_token&client_id=my%3Aapp&refresh_token=R", "Authorization", basic("my%3Aapp", "a%2Bb%25"))
	secret := "a+b%"
	if d := cmp.Diff(pool.RefreshGrantInput{OAuthClient: pool.OAuthClient{ID: "my:app", Secret: &secret}, RefreshToken: "R"}, x.flows.in); d != "" || w.Code != 200 {
		t.Errorf("%d %s\n%s", w.Code, w.Body, d)
	}
}
