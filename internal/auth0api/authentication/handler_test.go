package authentication

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"countersign/internal/fault"
	"countersign/internal/pool"
)

const bearer = "Bearer M"

func TestEndpoints(t *testing.T) {
	for name, c := range map[string]struct {
		method, path, contentType, body, auth string
		status                                int
		answer, called                        string
		in                                    any
	}{
		"authenticators": {"GET", "/mfa/authenticators", "", "", bearer, 200, `[{"id":"recovery-code|dev_1","type":"recovery-code","authenticator_type":"recovery-code","active":true},` +
			`{"id":"sms|dev_2","type":"phone","authenticator_type":"oob","oob_channel":"sms","oob_channels":"sms","name":"XXXXXXXX0123","active":true,"created_at":"2026-11-21T09:41:00.123Z"}]`,
			"authenticators", pool.MFABearer{Token: "M"}},
		"delete": {"DELETE", "/mfa/authenticators/sms%7Cdev_1", "", "", bearer, 204, "", "delete", "sms|dev_1"},
		"associate a phone": {"POST", "/mfa/associate", js, `{"authenticator_types":["oob"],"oob_channels":["sms"],"phone_number":"+12025550100"}`, bearer, 200,
			`{"authenticator_type":"oob","oob_channel":"sms","binding_method":"prompt","oob_code":"O","recovery_codes":["RC"]}`, "associate",
			pool.AssociateInput{MFABearer: pool.MFABearer{Token: "M"}, Types: []string{"oob"}, Channels: []string{"sms"}, Phone: "+12025550100"}},
		"associate as go-auth0 does": {"POST", "/mfa/associate", js,
			`{"authenticator_types":["oob"],"oob_channel":"voice","phone_number":"+12025550100","client_id":"app","client_secret":"shh"}`, bearer, 200,
			`{"authenticator_type":"oob","oob_channel":"sms","binding_method":"prompt","oob_code":"O","recovery_codes":["RC"]}`, "associate",
			pool.AssociateInput{MFABearer: pool.MFABearer{Token: "M"}, Client: &pool.OAuthClient{ID: "app", Secret: &secret}, Types: []string{"oob"}, Channels: []string{"voice"}, Phone: "+12025550100"}},
		"associate an address as auth0-auth-js does": {"POST", "/mfa/associate", js, `{"authenticator_types":["email"],"email":"a@example.com"}`, bearer, 200,
			`{"authenticator_type":"oob","oob_channel":"sms","binding_method":"prompt","oob_code":"O","recovery_codes":["RC"]}`, "associate",
			pool.AssociateInput{MFABearer: pool.MFABearer{Token: "M"}, Types: []string{"oob"}, Channels: []string{"email"}, Email: "a@example.com"}},
		"associate an app": {"POST", "/mfa/associate", js, `{"authenticator_types":["otp"]}`, bearer, 200,
			`{"authenticator_type":"otp","secret":"S","barcode_uri":"otpauth://totp/x?secret=S&issuer=y"}`, "associate",
			pool.AssociateInput{MFABearer: pool.MFABearer{Token: "M"}, Types: []string{"otp"}}},
		"challenge": {"POST", "/mfa/challenge", js, `{"mfa_token":"M","client_id":"app","challenge_type":"oob otp","authenticator_id":"sms|dev_1"}`, "", 200,
			`{"challenge_type":"oob","oob_code":"O","binding_method":"prompt"}`, "challenge",
			pool.ChallengeInput{OAuthClient: pool.OAuthClient{ID: "app"}, Token: "M", Types: []string{"oob", "otp"}, Authenticator: "sms|dev_1"}},
		"challenge of an app": {"POST", "/mfa/challenge", form, `mfa_token=M&client_id=app&challenge_type=otp`, "", 200, `{"challenge_type":"otp"}`, "challenge",
			pool.ChallengeInput{OAuthClient: pool.OAuthClient{ID: "app"}, Token: "M", Types: []string{"otp"}}},
		"start": {"POST", "/passwordless/start", js, `{"client_id":"app","connection":"sms","phone_number":"+12025550100","send":"code","authParams":{"scope":"openid"}}`, "", 200,
			`{"_id":"id","phone_number":"+12025550100","phone_verified":false,"request_language":"de"}`, "start",
			pool.PasswordlessInput{OAuthClient: pool.OAuthClient{ID: "app"}, Connection: "sms", Phone: "+12025550100"}},
		"start by e-mail": {"POST", "/passwordless/start", form, `client_id=app&connection=email&email=a%40example.com`, "", 200,
			`{"_id":"id","email":"a@example.com","email_verified":false,"request_language":"de"}`, "start",
			pool.PasswordlessInput{OAuthClient: pool.OAuthClient{ID: "app"}, Connection: "email", Email: "a@example.com"}},
		"userinfo":           {"GET", "/userinfo", "", "", bearer, 200, `{"sub":"auth0|1"}`, "userinfo", "M"},
		"userinfo by POST":   {"POST", "/userinfo", "", "", bearer, 200, `{"sub":"auth0|1"}`, "userinfo", "M"},
		"userinfo by a form": {"POST", "/userinfo", form, "access_token=T", "", 200, `{"sub":"auth0|1"}`, "userinfo", "T"},
		"revoke":             {"POST", "/oauth/revoke", js, `{"client_id":"app","token":"R"}`, "", 200, "", "revoke", []any{pool.OAuthClient{ID: "app"}, "R"}},
	} {
		x := newWorld()
		header := []string{"Accept-Language", "de", "User-Agent", "app/1\x01", "X-Forwarded-For", "1.2.3.4", "Auth0-Forwarded-For", "1.2.3.4"}
		if c.auth != "" {
			header = append(header, "Authorization", c.auth)
		}
		w := x.do(c.method, c.path, c.contentType, c.body, header...)
		same(t, name, w, c.status, c.answer)
		if d := cmp.Diff(c.in, x.flows.in); d != "" || x.flows.called != c.called {
			t.Errorf("%s: called %q\n%s", name, x.flows.called, d)
		}
		want := pool.Caller{Wire: "auth0", IP: netip.MustParseAddr("192.0.2.7"), UserAgent: "app/1", Language: "de", Hostname: "localhost", PoolID: poolID, BaseURL: "https://localhost:7447"}
		if d := cmp.Diff(want, x.flows.caller, cmpopts.IgnoreUnexported(pool.Caller{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
			t.Errorf("%s: caller\n%s", name, d)
		}
		if h := w.Header(); h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", name, h)
		}
	}
}

func TestRequestLanguageWins(t *testing.T) {
	x := newWorld()
	x.do("POST", "/mfa/challenge", js, `{"mfa_token":"M","client_id":"app"}`, "Accept-Language", "de", "X-Request-Language", "fr")
	if x.flows.caller.Language != "fr" {
		t.Errorf("%q", x.flows.caller.Language)
	}
}

func TestEndpointsRefuse(t *testing.T) {
	for name, c := range map[string]struct {
		method, path, contentType, body, auth string
		status                                int
		name                                  string
	}{
		"no bearer":              {"GET", "/mfa/authenticators", "", "", "", 401, "unauthorized"},
		"not a bearer":           {"POST", "/mfa/associate", js, `{"authenticator_types":["otp"]}`, basic("app", "x"), 401, "unauthorized"},
		"no type":                {"POST", "/mfa/associate", js, `{}`, bearer, 400, "invalid_request"},
		"empty body":             {"POST", "/mfa/associate", js, ``, bearer, 400, "invalid_request"},
		"null type":              {"POST", "/mfa/associate", js, `{"authenticator_types":null}`, bearer, 400, "invalid_request"},
		"no mfa_token":           {"POST", "/mfa/challenge", js, `{"client_id":"app"}`, "", 400, "invalid_request"},
		"no client":              {"POST", "/mfa/challenge", js, `{"mfa_token":"M"}`, "", 400, "invalid_request"},
		"no connection":          {"POST", "/passwordless/start", js, `{"client_id":"app","phone_number":"+1"}`, "", 400, "bad.connection"},
		"no number":              {"POST", "/passwordless/start", js, `{"client_id":"app","connection":"sms"}`, "", 400, "bad.phone_number"},
		"no address":             {"POST", "/passwordless/start", js, `{"client_id":"app","connection":"email","phone_number":"+1"}`, "", 400, "bad.email"},
		"a link":                 {"POST", "/passwordless/start", js, `{"client_id":"app","connection":"email","email":"a@b","send":"link"}`, "", 400, "operation_not_supported"},
		"start without a client": {"POST", "/passwordless/start", js, `{"connection":"sms","phone_number":"+1"}`, "", 400, "invalid_request"},
		"verify, no client":      {"POST", "/passwordless/verify", js, `{"connection":"sms","phone_number":"+1","verification_code":"1"}`, "", 400, "invalid_request"},
		"verify, no code":        {"POST", "/passwordless/verify", js, `{"client_id":"app","connection":"sms","phone_number":"+1"}`, "", 400, "invalid_request"},
		"userinfo":               {"GET", "/userinfo", "", "", "", 401, "unauthorized"},
		"revoke":                 {"POST", "/oauth/revoke", js, `{"client_id":"app"}`, "", 400, "invalid_request"},
		"another method":         {"GET", "/mfa/challenge", "", "", "", 405, "invalid_request"},
		"another path":           {"POST", "/oauth/device/code", "", "", "", 404, "not_found"},
		"no id":                  {"DELETE", "/mfa/authenticators/", "", "", bearer, 404, "not_found"},
	} {
		x := newWorld()
		var header []string
		if c.auth != "" {
			header = append(header, "Authorization", c.auth)
		}
		w := x.do(c.method, c.path, c.contentType, c.body, header...)
		if w.Code != c.status || !strings.HasPrefix(w.Body.String(), `{"error":"`+c.name+`","error_description":"`) || x.flows.called != "" {
			t.Errorf("%s: %d %s, called %q", name, w.Code, w.Body, x.flows.called)
		}
		if (w.Code == 405) != (w.Header().Get("Allow") != "") {
			t.Errorf("%s: Allow %q", name, w.Header().Get("Allow"))
		}
	}
}

func TestVerifyPasswordless(t *testing.T) {
	const body = `{"client_id":"app","connection":"sms","phone_number":"+12025550100","verification_code":"123456"}`
	x := newWorld()
	same(t, "right", x.do("POST", "/passwordless/verify", js, body), 200, `{}`)
	want := pool.PasswordlessGrantInput{OAuthClient: app(nil), Realm: "sms", Username: "+12025550100", Code: "123456"}
	if d := cmp.Diff(any(want), x.flows.in); d != "" || x.flows.called != "verify" {
		t.Errorf("called %q\n%s", x.flows.called, d)
	}
	x.flows.err = fault.New(fault.CodeMismatch)
	same(t, "wrong", x.do("POST", "/passwordless/verify", js, body), 403, `{"error":"invalid_grant","error_description":"`+descPhoneCode+`"}`)
}

// TestHostOfNoPool: without a pool there is nobody to ask, and no default that could be the wrong one.
func TestHostOfNoPool(t *testing.T) {
	x := newWorld()
	x.pool = ""
	for _, c := range [][3]string{
		{"POST", "/oauth/token", "grant_type=password&client_id=app&username=a&password=b"}, {"POST", "/mfa/challenge", "mfa_token=M&client_id=app"},
		{"POST", "/passwordless/start", "client_id=app&connection=sms&phone_number=%2B1"}, {"GET", "/userinfo", ""},
	} {
		if w := x.do(c[0], c[1], form, c[2], "Authorization", bearer); w.Code != 404 || x.flows.called != "" {
			t.Errorf("%s: %d %s, called %q", c[1], w.Code, w.Body, x.flows.called)
		}
	}
}

func TestPreflight(t *testing.T) {
	for _, c := range []struct {
		path, method, headers, allow string
	}{
		{"/oauth/token", "POST", "content-type, auth0-client", "content-type, auth0-client"},
		{"/mfa/associate", "POST", "authorization,x-anything", "authorization,x-anything"},
		{"/mfa/authenticators", "GET", "", allowHeaders},
		{"/mfa/authenticators/x", "DELETE", "a\x00b", allowHeaders},
		{"/userinfo", "GET", strings.Repeat("a", maxAllowHeaders+1), allowHeaders},
		{"/mfa/challenge", "PUT", "content-type", ""},
		{"/passwordless/start", "", "", ""},
	} {
		x := newWorld()
		w := x.do("OPTIONS", c.path, "", "", "Origin", "https://app.example", "Access-Control-Request-Method", c.method, "Access-Control-Request-Headers", c.headers)
		h := w.Header()
		if w.Code != 204 || h.Get("Access-Control-Allow-Headers") != c.allow || (h.Get("Access-Control-Allow-Origin") == "*") != (c.allow != "") || h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s %s: %d %v", c.path, c.method, w.Code, h)
		}
	}
}

func TestStartIsLimitedForEachAddress(t *testing.T) {
	x := newWorld()
	body := `{"client_id":"app","connection":"sms","phone_number":"+12025550100"}`
	for i := range 50 {
		if w := x.do("POST", "/passwordless/start", js, body); w.Code != 200 || w.Header().Get("X-RateLimit-Limit") != "50" {
			t.Fatalf("%d: %d %v", i, w.Code, w.Header())
		}
	}
	w := x.do("POST", "/passwordless/start", js, body)
	same(t, "the 51st", w, 429, `{"error":"too_many_requests","error_description":"`+descManyTexts+`"}`)
	if w.Header().Get("Retry-After") != "72" {
		t.Errorf("%v", w.Header())
	}
	// what a client says about its address moves it to no other bucket (CVE-2026-29794)
	if w := x.do("POST", "/passwordless/start", js, body, "X-Forwarded-For", "1.2.3.4", "Auth0-Forwarded-For", "1.2.3.4"); w.Code != 429 {
		t.Errorf("forged headers: %d", w.Code)
	}
	y := newWorld()
	y.dev = true
	for range 60 {
		w = y.do("POST", "/passwordless/start", js, body)
	}
	if w.Code != 200 {
		t.Errorf("in dev: %d", w.Code)
	}
}

func TestStartErrors(t *testing.T) {
	for name, c := range map[string]struct {
		err    *fault.Error
		status int
		body   string
	}{
		"number":     {fault.Invalidf("phone_number", "Invalid phone number format."), 400, `{"error":"bad.phone_number","error_description":"Invalid phone number format."}`},
		"refused":    {fault.New(fault.DestinationRefused), 400, `{"error":"bad.phone_number","error_description":"The destination cannot be used."}`},
		"connection": {fault.Invalidf("connection", "The connection is off."), 400, `{"error":"bad.connection","error_description":"The connection is off."}`},
		"delivery":   {fault.New(fault.DeliveryFailed), 400, `{"error":"sms_provider_error","error_description":"The message could not be sent."}`},
		"client":     {fault.New(fault.ClientNotFound), 401, `{"error":"unauthorized","error_description":"Unauthorized"}`},
		"allowance":  {fault.New(fault.AttemptLimit), 429, `{"error":"too_many_requests","error_description":"` + descManyTexts + `"}`},
	} {
		x := newWorld()
		x.flows.err = c.err
		same(t, name, x.do("POST", "/passwordless/start", js, `{"client_id":"app","connection":"sms","phone_number":"+1"}`), c.status, c.body)
	}
}

// TestAllowanceOfTexts: on the endpoints that send, it is the texts that were too many.
func TestAllowanceOfTexts(t *testing.T) {
	x := newWorld()
	x.flows.err = fault.New(fault.AttemptLimit)
	want := `{"error":"too_many_attempts","error_description":"` + descManyTexts + `"}`
	same(t, "challenge", x.do("POST", "/mfa/challenge", js, `{"mfa_token":"M","client_id":"app"}`), 429, want)
	same(t, "associate", x.do("POST", "/mfa/associate", js, `{"authenticator_types":["oob"]}`, "Authorization", bearer), 429, want)
	same(t, "otp", x.do("POST", "/oauth/token", form, "grant_type="+grantURI+"mfa-otp&client_id=app&mfa_token=M&otp=1"), 429,
		`{"error":"too_many_attempts","error_description":"`+descManyCodes+`"}`)
}

// TestAdvisory_CVE_2026_49443_auth0: an empty body, a missing, empty, null or wrongly typed member, and what only the address says, skip no step:
// nothing is asked of the pool.
func TestAdvisory_CVE_2026_49443_auth0(t *testing.T) {
	steps := map[string][]string{ // endpoint or grant → what it needs
		"/mfa/challenge":      {"mfa_token", "client_id"},
		"/mfa/associate":      {"authenticator_types"},
		"/passwordless/start": {"client_id", "connection", "phone_number"},
		"/oauth/revoke":       {"client_id", "token"},
		"password":            {"client_id", "username", "password"},
		"password-realm":      {"client_id", "username", "password", "realm"},
		"passwordless/otp":    {"client_id", "realm", "username", "otp"},
		"mfa-oob":             {"client_id", "mfa_token", "oob_code", "binding_code"},
		"mfa-otp":             {"client_id", "mfa_token", "otp"},
		"mfa-recovery-code":   {"client_id", "mfa_token", "recovery_code"},
		"refresh_token":       {"client_id", "refresh_token"},
	}
	for step, names := range steps {
		path, grant := "/oauth/token", ""
		switch step {
		case "password", "refresh_token":
			grant = `"grant_type":"` + step + `",`
		default:
			if path = step; !strings.HasPrefix(step, "/") {
				path, grant = "/oauth/token", `"grant_type":"`+grantURI+step+`",`
			}
		}
		for _, name := range names {
			rest, query := grant, "?"+name+"=x"
			for _, n := range names {
				if n != name {
					rest += `"` + n + `":"sms",`
				}
			}
			for what, member := range map[string]string{"missing": `"z":1`, "empty": `"` + name + `":""`, "null": `"` + name + `":null`,
				"object": `"` + name + `":{"a":"b"}`, "empty list": `"` + name + `":[]`, "number": `"` + name + `":1`, "true": `"` + name + `":true`} {
				x := newWorld()
				w := x.do("POST", path+query, js, "{"+rest+member+"}", "Authorization", bearer)
				if w.Code < 400 || w.Code > 499 || x.flows.called != "" {
					t.Errorf("%s without %s (%s): %d %s, called %q", step, name, what, w.Code, w.Body, x.flows.called)
				}
			}
		}
		for _, body := range []string{"", "null", "[]", `""`, "{}"} {
			x := newWorld()
			if w := x.do("POST", path, js, body, "Authorization", bearer); w.Code < 400 || x.flows.called != "" {
				t.Errorf("%s with %q: %d, called %q", step, body, w.Code, x.flows.called)
			}
		}
	}
}

func BenchmarkPasswordGrant(b *testing.B) {
	x := newWorld()
	h := x.handler("")
	for b.Loop() {
		r := httptest.NewRequest("POST", "https://localhost:7447/oauth/token", strings.NewReader("grant_type=password&client_id=app&username=a&password=b&scope=openid"))
		r.Header.Set("Content-Type", form)
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}
