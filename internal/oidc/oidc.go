package oidc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"countersign/internal/fault"
	"countersign/internal/token"
)

// Keys is what the handler needs of *token.Keys.
type Keys interface {
	JWKS(ctx context.Context, poolID string) (doc []byte, etag string, err error)
	Algorithms(ctx context.Context, poolID string) ([]token.Alg, error)
}

// Options make a handler. All fields are required unless said otherwise.
type Options struct {
	Keys Keys
	// BaseURL returns the declared base URL of a pool, without a slash at the end; fault.PoolNotFound if there is no such pool.
	BaseURL func(ctx context.Context, poolID string) (string, error)
	// RootURL returns the declared URL whose root paths are the pool's, without a slash at the end.
	RootURL func(ctx context.Context, poolID string) (string, error)
	// PoolOf returns the pool that the request's Host names, or "".
	PoolOf func(*http.Request) string
	// MaxAge is how long answers may be cached. Default 5 minutes; it must stay below token.Config.Announce. Negative:
	// they must be asked for again each time.
	MaxAge time.Duration
	// Log receives internal errors. Default slog.Default().
	Log *slog.Logger
}

type handler struct{ Options }

// Handler returns the handler of all four paths.
func Handler(o Options) http.Handler {
	if o.MaxAge == 0 {
		o.MaxAge = 5 * time.Minute
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &handler{o}
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Access-Control-Allow-Origin", "*")
	head.Set("X-Content-Type-Options", "nosniff")
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		head.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
		head.Set("Access-Control-Allow-Headers", "*")
		head.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		head.Set("Allow", "GET, HEAD, OPTIONS")
		h.fail(w, http.StatusMethodNotAllowed, "method_not_allowed", "these documents are only read")
		return
	}
	poolID, document, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), ".well-known/")
	poolID, atRoot := strings.TrimSuffix(poolID, "/"), poolID == ""
	if atRoot {
		poolID = h.PoolOf(r)
	}
	issuer, err := h.issuer(r.Context(), poolID, atRoot)
	if err != nil {
		h.error(w, r, err)
		return
	}
	switch document {
	case "jwks.json":
		doc, etag, err := h.Keys.JWKS(r.Context(), poolID)
		h.answer(w, r, doc, etag, err)
	case "openid-configuration":
		doc, err := h.discovery(r.Context(), poolID, issuer, atRoot)
		sum := sha256.Sum256(doc)
		h.answer(w, r, doc, `"`+hex.EncodeToString(sum[:16])+`"`, err)
	default:
		h.fail(w, http.StatusNotFound, "not_found", "a pool has jwks.json and openid-configuration")
	}
}

// issuer is Cognito's, <base URL>/<pool id>, and at the root Auth0's, <URL>/.
func (h *handler) issuer(ctx context.Context, poolID string, atRoot bool) (string, error) {
	switch {
	case poolID == "":
		return "", fault.New(fault.PoolNotFound).WithPublic("This host serves several pools; ask at /{poolId}/.well-known/ instead.")
	case atRoot:
		base, err := h.RootURL(ctx, poolID)
		return base + "/", err
	}
	base, err := h.BaseURL(ctx, poolID)
	return base + "/" + poolID, err
}

func (h *handler) discovery(ctx context.Context, poolID, issuer string, atRoot bool) ([]byte, error) {
	algs, err := h.Keys.Algorithms(ctx, poolID)
	if err != nil {
		return nil, err
	}
	d := token.Discovery{Issuer: issuer, JWKSURI: strings.TrimSuffix(issuer, "/") + "/.well-known/jwks.json", Algorithms: algs}
	if atRoot {
		auth0Endpoints(&d)
	}
	return d.JSON(), nil
}

// auth0Endpoints names what package auth0api/authentication serves beneath the issuer, which ends with a slash.
func auth0Endpoints(d *token.Discovery) {
	d.TokenEndpoint, d.RevocationEndpoint = d.Issuer+"oauth/token", d.Issuer+"oauth/revoke"
	d.UserinfoEndpoint, d.MFAChallengeEndpoint = d.Issuer+"userinfo", d.Issuer+"mfa/challenge"
	d.Scopes = []string{"openid", "profile", "email", "phone", "offline_access"}
	const uri = "http://auth0.com/oauth/grant-type/"
	d.GrantTypes = []string{
		"password", "refresh_token", "client_credentials", uri + "password-realm", uri + "passwordless/otp", uri + "mfa-oob", uri + "mfa-otp",
		uri + "mfa-recovery-code",
	}
}

func (h *handler) answer(w http.ResponseWriter, r *http.Request, doc []byte, etag string, err error) {
	if err != nil {
		h.error(w, r, err)
		return
	}
	head := w.Header()
	head.Set("Content-Type", "application/json")
	head.Set("ETag", etag)
	head.Set("Cache-Control", "public, no-cache")
	if h.MaxAge > 0 {
		head.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(h.MaxAge.Seconds())))
	}
	if matches(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Write(doc)
}

// matches compares weakly: RFC 9110, section 13.1.2.
func matches(list, etag string) bool {
	tags := strings.Split(list, ",")
	return slices.ContainsFunc(tags, func(t string) bool {
		t = strings.TrimSpace(t)
		return t == "*" || strings.TrimPrefix(t, "W/") == etag
	})
}

func (h *handler) error(w http.ResponseWriter, r *http.Request, err error) {
	e := fault.Of(err)
	if e.Kind() == fault.NotFound {
		text := e.Public
		if text == "" {
			text = "there is no such pool"
		}
		h.fail(w, http.StatusNotFound, "not_found", text)
		return
	}
	h.Log.ErrorContext(r.Context(), "oidc", "path", r.URL.Path, "error", err)
	h.fail(w, http.StatusInternalServerError, "server_error", "see the server's log")
}

func (h *handler) fail(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": text})
}
