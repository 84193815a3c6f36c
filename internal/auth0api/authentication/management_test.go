package authentication

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

func TestManagementTokenGranted(t *testing.T) {
	for name, c := range map[string]struct {
		contentType, body string
		header            []string
		audience          string
	}{
		"form":        {form, "grant_type=client_credentials&client_id=m2m&client_secret=s3cret%26%2B&audience=http%3A%2F%2Flocalhost%3A7446%2Fapi%2Fv2%2F", nil, "http://localhost:7446/api/v2/"},
		"JSON":        {js, `{"grant_type":"client_credentials","client_id":"m2m","client_secret":"s3cret&+","audience":"` + apiAudience + `","max":1}`, nil, apiAudience},
		"no audience": {js, `{"grant_type":"client_credentials","client_id":"m2m","client_secret":"s3cret&+"}`, nil, apiAudience},
		"basic":       {form, "grant_type=client_credentials", []string{"Authorization", basic("m2m", "s3cret%26%2B")}, apiAudience},
		"audience of its own host": {js, `{"grant_type":"client_credentials","client_id":"m2m","client_secret":"s3cret&+","audience":"https://a.localhost:7447/api/v2/"}`,
			nil, "https://a.localhost:7447/api/v2/"},
		"own page": {js, `{"grant_type":"client_credentials","client_id":"m2m","client_secret":"s3cret&+"}`,
			[]string{"Origin", "https://localhost:7447", "Sec-Fetch-Site", "same-origin"}, apiAudience},
	} {
		x := newWorld()
		if name == "audience of its own host" {
			x.base = "https://a.localhost:7447"
		}
		x.pool = "" // management clients belong to the server, not to a pool
		w := x.do("POST", "/oauth/token", c.contentType, c.body, c.header...)
		var g tokens
		if err := json.Unmarshal(w.Body.Bytes(), &g); err != nil || w.Code != 200 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
			continue
		}
		want := tokens{Access: "token for m2m at " + c.audience, Scope: "read:users read:logs", ExpiresIn: 86400, TokenType: "Bearer"}
		if g != want || x.seen != "m2m/" || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %+v, observed %q, headers %v", name, g, x.seen, w.Header())
		}
	}
}

func TestManagementTokenRefused(t *testing.T) {
	const good = `{"grant_type":"client_credentials","client_id":"m2m","client_secret":"s3cret&+"}`
	for name, c := range map[string]struct {
		contentType, body string
		header            []string
		status            int
		name              string
	}{
		"wrong secret":   {js, `{"grant_type":"client_credentials","client_id":"m2m","client_secret":"x"}`, nil, 401, "access_denied"},
		"unknown client": {js, `{"grant_type":"client_credentials","client_id":"nobody","client_secret":"x"}`, nil, 401, "access_denied"},
		"no secret":      {js, `{"grant_type":"client_credentials","client_id":"m2m"}`, nil, 401, "access_denied"},
		"other audience": {js, `{"grant_type":"client_credentials","client_id":"m2m","client_secret":"s3cret&+","audience":"https://evil"}`, nil, 403, "access_denied"},
		"no client":      {form, "grant_type=client_credentials", nil, 400, "invalid_request"},
		"internal":       {js, `{"grant_type":"client_credentials","client_id":"broken","client_secret":"x"}`, nil, 500, "server_error"},
		"overloaded":     {js, `{"grant_type":"client_credentials","client_id":"busy","client_secret":"x"}`, nil, 429, "too_many_requests"},
		"other site":     {js, good, []string{"Origin", "https://evil.example"}, 403, "access_denied"},
		"other port":     {js, good, []string{"Origin", "https://localhost:3000", "Sec-Fetch-Site", "same-site"}, 403, "access_denied"},
		"other site, form": {form, "grant_type=client_credentials&client_id=m2m&client_secret=s3cret%26%2B",
			[]string{"Sec-Fetch-Site", "cross-site"}, 403, "access_denied"},
	} {
		x := newWorld()
		w := x.do("POST", "/oauth/token", c.contentType, c.body, c.header...)
		var e oauthError
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != c.status || e.Name != c.name || e.Description == "" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if !strings.HasSuffix(x.seen, "/"+c.name) || strings.Contains(w.Body.String(), "fire") || w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: observed %q, body %s, headers %v", name, x.seen, w.Body, w.Header())
		}
		if (w.Header().Get("Retry-After") == "3") != (name == "overloaded") {
			t.Errorf("%s: Retry-After %q", name, w.Header().Get("Retry-After"))
		}
	}
}

// TestManagementTokensStayAtTheirDoor: the public listener issues end users' tokens only.
func TestManagementTokensStayAtTheirDoor(t *testing.T) {
	x := newWorld()
	w := x.at("on the operators' listener", "POST", "/oauth/token", form, "grant_type=client_credentials&client_id=m2m&client_secret=s3cret%26%2B")
	same(t, "client_credentials", w, 403,
		`{"error":"unauthorized_client","error_description":"Management tokens are not issued here, but on the operators' listener."}`)
	if w := x.at("elsewhere", "POST", "/oauth/token", form, "grant_type=password&client_id=app&username=a&password=b"); w.Code != 200 {
		t.Errorf("password: %d %s", w.Code, w.Body)
	}
}

// TestUnknownClientLooksLikeAWrongSecret: same status, headers and body.
func TestUnknownClientLooksLikeAWrongSecret(t *testing.T) {
	x := newWorld()
	a := x.do("POST", "/oauth/token", form, "grant_type=client_credentials&client_id=m2m&client_secret=x")
	b := x.do("POST", "/oauth/token", form, "grant_type=client_credentials&client_id=nobody&client_secret=x")
	if a.Code != b.Code || a.Body.String() != b.Body.String() || len(a.Header()) != len(b.Header()) {
		t.Errorf("%d %v %s\n%d %v %s", a.Code, a.Header(), a.Body, b.Code, b.Header(), b.Body)
	}
}
