package countersign

import (
	"net/http/httptest"
	"strings"
	"testing"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
)

// TestHostilePage: what a page of another origin can read (CORS) or cause on a developer's machine, over the real
// handlers: every Cognito operation by its class, and every other surface.
func TestHostilePage(t *testing.T) {
	s := devServer(t)
	h := s.Handler()
	type route struct {
		method, path, target, contentType, body string
		open                                    bool
	}
	var routes []route
	for _, op := range api.Operations {
		routes = append(routes, route{"POST", "/", "AWSCognitoIdentityProviderService." + op.Name, "application/x-amz-json-1.1", "{}", op.Auth != wire.AuthIAM})
	}
	const form = "application/x-www-form-urlencoded"
	routes = append(routes,
		route{"OPTIONS", "/", "", "", "", true},
		route{"GET", "/" + DevPool + "/.well-known/jwks.json", "", "", "", true},
		route{"GET", "/.well-known/openid-configuration", "", "", "", true},
		route{"POST", "/", "TrentService.Decrypt", "application/x-amz-json-1.1", "{}", false},
		route{"POST", "/", "PinpointSMSVoiceV2.SendTextMessage", "application/x-amz-json-1.0", "{}", false},
		route{"POST", "/", "", form, "Action=GetCallerIdentity&Version=2011-06-15", false},
		route{"POST", "/", "", form, "Action=Publish&Version=2010-03-31", false},
		route{"POST", "/oauth/token", "", form, "grant_type=client_credentials&client_id=countersign-dev&client_secret=" + devSecret, false},
		route{"POST", "/oauth/token", "", form, "grant_type=password&client_id=" + DevClient + "&username=a&password=b", true},
		route{"POST", "/oauth/revoke", "", form, "client_id=" + DevClient + "&token=x", true},
		route{"POST", "/mfa/challenge", "", "application/json", `{"mfa_token":"x","client_id":"y"}`, true},
		route{"GET", "/mfa/authenticators", "", "", "", true},
		route{"POST", "/passwordless/start", "", "application/json", `{}`, true},
		route{"GET", "/userinfo", "", "", "", true},
		route{"POST", "/mfa/ticket", "", form, "ticket=x&phone=%2B12025550123", false},
		route{"POST", "/2015-03-31/functions", "", "", "{}", false},
		route{"GET", "/api/v2/users", "", "", "", false},
		route{"GET", "/admin/v1/status", "", "", "", false},
		route{"POST", "/admin/v1/access-keys", "", "text/plain", `{"kind":"aws","name":"x","preset":"owner"}`, false},
		route{"GET", "/simulator/inbox", "", "", "", false},
		route{"DELETE", "/simulator/inbox", "", "", "", false},
		route{"POST", "/simulator/reset", "", "text/plain", "", false},
		route{"GET", "/simulator/inbox/events", "", "", "", false},
		route{"GET", "/console/", "", "", "", false},
		route{"GET", "/metrics", "", "", "", false},
	)
	for _, c := range routes {
		for name, header := range map[string][2]string{
			"origin": {"Origin", "https://evil.example"}, "null origin": {"Origin", "null"}, "another port": {"Origin", "http://localhost:3000"},
			"no-cors": {"Sec-Fetch-Site", "cross-site"},
		} {
			r := httptest.NewRequest(c.method, base+c.path, strings.NewReader(c.body))
			r.Header.Set(header[0], header[1])
			if c.contentType != "" {
				r.Header.Set("Content-Type", c.contentType)
			}
			if c.target != "" {
				r.Header.Set("X-Amz-Target", c.target)
			}
			if c.method == "OPTIONS" {
				r.Header.Set("Access-Control-Request-Method", "POST")
				r.Header.Set("Access-Control-Request-Headers", "content-type,x-amz-target")
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			what := c.method + " " + c.path + " " + c.target + c.body + " (" + name + ")"
			allowed := w.Header().Get("Access-Control-Allow-Origin")
			switch {
			case !c.open && w.Code != 403:
				t.Errorf("%s: %d %s", what, w.Code, w.Body)
			case !c.open && allowed != "":
				t.Errorf("%s may be read by %s", what, allowed)
			case c.open && header[0] == "Origin" && allowed != "*":
				t.Errorf("%s: no CORS: %d %v", what, w.Code, w.Header())
			}
			if w.Header().Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s allows credentials", what)
			}
		}
	}
}

// TestReboundHost: a name that was made to point here gets nothing from any surface.
func TestReboundHost(t *testing.T) {
	s := devServer(t)
	h := s.Handler()
	for _, path := range []string{
		"/", "/simulator/", "/simulator/inbox", "/admin/v1/status", "/metrics", "/healthz", "/readyz", "/oauth/token", "/.well-known/jwks.json",
		"/" + DevPool + "/.well-known/jwks.json", "/login", "/console/", "/api/v2/users", "/nothing",
	} {
		for _, host := range []string{"http://evil.example:7446", "http://evil.example", "http://127.0.0.1.evil.example:7446", "http://countersign.test:7446"} {
			if code, body := ask(h, "GET", host+path, ""); code != 421 {
				t.Errorf("%s%s: %d %s", host, path, code, body)
			}
		}
	}
	if code, _ := callCognitoAt(h, "http://evil.example:7446/", "SignUp", signUp); code != 421 {
		t.Errorf("SignUp by a rebound name: %d", code)
	}
}
