package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"countersign/internal/fault"
	"countersign/internal/token"
)

type fakeKeys struct{}

func (fakeKeys) JWKS(_ context.Context, poolID string) ([]byte, string, error) {
	return []byte(`{"keys":[{"kid":"` + poolID + `"}]}`), `"tag-` + poolID + `"`, nil
}

func (fakeKeys) Algorithms(context.Context, string) ([]token.Alg, error) {
	return []token.Alg{token.RS256}, nil
}

func serve(method, target string, header ...string) *httptest.ResponseRecorder {
	h := Handler(Options{
		Keys: fakeKeys{}, Log: slog.New(slog.DiscardHandler),
		BaseURL: func(_ context.Context, id string) (string, error) {
			switch id {
			case "us-local-1_a":
				return "https://id.example.com", nil
			case "us-local-1_broken":
				return "", errors.New("the database is away: secret detail")
			}
			return "", fault.New(fault.PoolNotFound).WithField(id)
		},
		RootURL: func(context.Context, string) (string, error) { return "https://a.example.com", nil },
		PoolOf: func(r *http.Request) string {
			if r.Host == "a.example.com" {
				return "us-local-1_a"
			}
			return ""
		},
	})
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestDocuments(t *testing.T) {
	for _, c := range []struct {
		method, url string
		status      int
		want        string
	}{
		{"GET", "http://x/us-local-1_a/.well-known/jwks.json", 200, `"kid":"us-local-1_a"`},
		{"GET", "http://a.example.com/.well-known/jwks.json", 200, `"kid":"us-local-1_a"`},
		{"GET", "http://x/.well-known/jwks.json", 404, "several pools"},
		{"GET", "http://x/us-local-1_b/.well-known/jwks.json", 404, "no such pool"},
		{"GET", "http://x/us-local-1_a/.well-known/other", 404, "not_found"},
		{"GET", "http://x/us-local-1_broken/.well-known/jwks.json", 500, "server_error"},
		{"POST", "http://x/us-local-1_a/.well-known/jwks.json", 405, "only read"},
		{"OPTIONS", "http://x/us-local-1_a/.well-known/jwks.json", 204, ""},
	} {
		w := serve(c.method, c.url)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) || strings.Contains(w.Body.String(), "secret detail") {
			t.Errorf("%s %s: %d %s", c.method, c.url, w.Code, w.Body)
		}
		if w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s %s: no CORS", c.method, c.url)
		}
	}
}

// TestIssuerComesFromTheConfiguration: GHSA-93m4-mfpg-c3xf. Whatever Host says, links and issuer stay.
func TestIssuerComesFromTheConfiguration(t *testing.T) {
	for url, issuer := range map[string]string{
		"http://evil.example/us-local-1_a/.well-known/openid-configuration": "https://id.example.com/us-local-1_a",
		"http://a.example.com/.well-known/openid-configuration":             "https://a.example.com/",
	} {
		w := serve("GET", url, "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "http")
		var doc struct {
			Issuer  string `json:"issuer"`
			JWKSURI string `json:"jwks_uri"`
		}
		body, _ := io.ReadAll(w.Body)
		if err := json.Unmarshal(body, &doc); err != nil {
			t.Fatal(err)
		}
		if doc.Issuer != issuer || doc.JWKSURI != strings.TrimSuffix(issuer, "/")+"/.well-known/jwks.json" || strings.Contains(string(body), "evil") {
			t.Errorf("%s: %s", url, body)
		}
	}
}

// TestEndpointsOfAuth0 are named at the root, and nowhere else.
func TestEndpointsOfAuth0(t *testing.T) {
	root := serve("GET", "http://a.example.com/.well-known/openid-configuration").Body.String()
	for _, want := range []string{
		`"token_endpoint":"https://a.example.com/oauth/token"`, `"revocation_endpoint":"https://a.example.com/oauth/revoke"`,
		`"userinfo_endpoint":"https://a.example.com/userinfo"`, `"mfa_challenge_endpoint":"https://a.example.com/mfa/challenge"`,
		`"http://auth0.com/oauth/grant-type/mfa-oob"`, `"offline_access"`,
	} {
		if !strings.Contains(root, want) {
			t.Errorf("%s is missing: %s", want, root)
		}
	}
	if own := serve("GET", "http://x/us-local-1_a/.well-known/openid-configuration").Body.String(); strings.Contains(own, "oauth/") {
		t.Errorf("Cognito's document names them too: %s", own)
	}
}

func TestCaching(t *testing.T) {
	w := serve("GET", "http://x/us-local-1_a/.well-known/jwks.json")
	if cc := w.Header().Get("Cache-Control"); cc != "public, max-age=300" {
		t.Errorf("Cache-Control %q", cc)
	}
	for _, tag := range []string{`"tag-us-local-1_a"`, `W/"tag-us-local-1_a"`, `"x", "tag-us-local-1_a"`, "*"} {
		if w := serve("GET", "http://x/us-local-1_a/.well-known/jwks.json", "If-None-Match", tag); w.Code != 304 || w.Body.Len() > 0 {
			t.Errorf("If-None-Match %s: %d", tag, w.Code)
		}
	}
	if w := serve("GET", "http://x/us-local-1_a/.well-known/jwks.json", "If-None-Match", `"old"`); w.Code != 200 {
		t.Errorf("an old tag: %d", w.Code)
	}
	d := serve("GET", "http://x/us-local-1_a/.well-known/openid-configuration")
	if again := serve("GET", "http://x/us-local-1_a/.well-known/openid-configuration", "If-None-Match", d.Header().Get("ETag")); again.Code != 304 {
		t.Errorf("discovery with its own tag: %d", again.Code)
	}
}
