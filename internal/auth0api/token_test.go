package auth0api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"countersign/internal/access"
	"countersign/internal/fault"
)

const api = "https://localhost:7447/api/v2/"

func call(t *testing.T, method, contentType, body string, header ...string) (*httptest.ResponseRecorder, string) {
	t.Helper()
	var seen string
	h := TokenHandler(Options{
		Authenticate: func(_ context.Context, id, secret string) (access.Principal, error) {
			switch {
			case id == "broken":
				return access.Principal{}, errors.New("disk on fire")
			case id == "busy":
				return access.Principal{}, &fault.Error{Code: fault.Overloaded, RetryAfter: 3 * time.Second}
			case id == "m2m" && secret == "s3cret&+":
				return access.Principal{ID: id, Kind: access.Management, Grants: []access.Grant{
					{Service: access.ManagementAPI, Actions: []string{"read:users", "read:logs"}}, {Service: access.Admin, Actions: []string{"*"}},
				}}, nil
			}
			return access.Principal{}, fault.New(fault.AccessKeyUnknown)
		},
		Issue: func(_ context.Context, p access.Principal, audience string) (string, time.Duration, error) {
			return "token for " + p.ID + " at " + audience, 24 * time.Hour, nil
		},
		Audiences: []string{api, "http://localhost:7446/api/v2/"},
		Observe:   func(_ context.Context, id, name string) { seen = id + "/" + name },
		Dev:       true, Log: slog.New(slog.DiscardHandler),
	})
	r := httptest.NewRequest(method, "https://localhost:7447/oauth/token", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w, seen
}

const form, js = "application/x-www-form-urlencoded", "application/json; charset=utf-8"

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

func TestGranted(t *testing.T) {
	for name, c := range map[string]struct {
		contentType, body string
		header            []string
		audience          string
	}{
		"form":        {form, "grant_type=client_credentials&client_id=m2m&client_secret=s3cret%26%2B&audience=http%3A%2F%2Flocalhost%3A7446%2Fapi%2Fv2%2F", nil, "http://localhost:7446/api/v2/"},
		"JSON":        {js, `{"grant_type":"client_credentials","client_id":"m2m","client_secret":"s3cret&+","audience":"` + api + `","max":1}`, nil, api},
		"no audience": {js, `{"grant_type":"client_credentials","client_id":"m2m","client_secret":"s3cret&+"}`, nil, api},
		"basic":       {form, "grant_type=client_credentials", []string{"Authorization", basic("m2m", "s3cret%26%2B")}, api},
	} {
		w, seen := call(t, "POST", c.contentType, c.body, c.header...)
		var g granted
		if err := json.Unmarshal(w.Body.Bytes(), &g); err != nil || w.Code != 200 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
			continue
		}
		want := granted{AccessToken: "token for m2m at " + c.audience, Scope: "read:users read:logs", ExpiresIn: 86400, TokenType: "Bearer"}
		if g != want || seen != "m2m/" || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %+v, observed %q, headers %v", name, g, seen, w.Header())
		}
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		method, contentType, body string
		header                    []string
		status                    int
		name                      string
	}{
		"wrong secret":      {"POST", js, `{"grant_type":"client_credentials","client_id":"m2m","client_secret":"x"}`, nil, 401, "access_denied"},
		"unknown client":    {"POST", js, `{"grant_type":"client_credentials","client_id":"nobody","client_secret":"x"}`, nil, 401, "access_denied"},
		"no secret":         {"POST", js, `{"grant_type":"client_credentials","client_id":"m2m"}`, nil, 401, "access_denied"},
		"other audience":    {"POST", js, `{"grant_type":"client_credentials","client_id":"m2m","client_secret":"s3cret&+","audience":"https://evil"}`, nil, 403, "access_denied"},
		"other grant":       {"POST", form, "grant_type=password&client_id=m2m", nil, 403, "unsupported_grant_type"},
		"no grant":          {"POST", form, "client_id=m2m", nil, 400, "invalid_request"},
		"no client":         {"POST", form, "grant_type=client_credentials", nil, 400, "invalid_request"},
		"twice in form":     {"POST", form, "grant_type=client_credentials&client_id=m2m&client_id=x", nil, 400, "invalid_request"},
		"twice in JSON":     {"POST", js, `{"grant_type":"a","grant_type":"client_credentials"}`, nil, 400, "invalid_request"},
		"not an object":     {"POST", js, `[]`, nil, 400, "invalid_request"},
		"trailing":          {"POST", js, `{} {}`, nil, 400, "invalid_request"},
		"cut off":           {"POST", js, `{"grant_type":"client_credentials"`, nil, 400, "invalid_request"},
		"text":              {"POST", "text/plain", `{"grant_type":"client_credentials"}`, nil, 400, "invalid_request"},
		"bad form":          {"POST", form, "%zz", nil, 400, "invalid_request"},
		"two credentials":   {"POST", form, "grant_type=client_credentials&client_secret=x", []string{"Authorization", basic("m2m", "x")}, 400, "invalid_request"},
		"too large":         {"POST", form, strings.Repeat("x", maxBody+1), nil, 413, "invalid_request"},
		"get":               {"GET", form, "", nil, 405, "invalid_request"},
		"internal":          {"POST", js, `{"grant_type":"client_credentials","client_id":"broken","client_secret":"x"}`, nil, 500, "server_error"},
		"overloaded":        {"POST", js, `{"grant_type":"client_credentials","client_id":"busy","client_secret":"x"}`, nil, 429, "too_many_requests"},
		"browser preflight": {"OPTIONS", form, "", []string{"Origin", "https://evil"}, 405, "invalid_request"},
	} {
		w, seen := call(t, c.method, c.contentType, c.body, c.header...)
		var e oauthError
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != c.status || e.Name != c.name || e.Description == "" {
			t.Errorf("%s: %d %s, want %d %s", name, w.Code, w.Body, c.status, c.name)
		}
		if !strings.HasSuffix(seen, "/"+c.name) || strings.Contains(w.Body.String(), "fire") || w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: observed %q, body %s", name, seen, w.Body)
		}
	}
}

// TestUnknownClientLooksLikeAWrongSecret: same status, headers and body.
func TestUnknownClientLooksLikeAWrongSecret(t *testing.T) {
	a, _ := call(t, "POST", form, "grant_type=client_credentials&client_id=m2m&client_secret=x")
	b, _ := call(t, "POST", form, "grant_type=client_credentials&client_id=nobody&client_secret=x")
	if a.Code != b.Code || a.Body.String() != b.Body.String() || len(a.Header()) != len(b.Header()) {
		t.Errorf("%d %v %s\n%d %v %s", a.Code, a.Header(), a.Body, b.Code, b.Header(), b.Body)
	}
}

func FuzzJSONParameters(f *testing.F) {
	f.Add([]byte(`{"grant_type":"client_credentials","a":[1,{"b":2}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := jsonParameters(body)
		if err != nil {
			return
		}
		var whole map[string]any
		if json.Unmarshal(body, &whole) != nil {
			t.Fatalf("accepted what is not JSON: %q", body)
		}
		for k, v := range p {
			if whole[k] != any(v) {
				t.Errorf("%q: %q read as %q", body, whole[k], v)
			}
		}
	})
}
