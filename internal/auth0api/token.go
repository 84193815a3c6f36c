package auth0api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign/internal/access"
	"countersign/internal/fault"
)

// maxBody bounds a token request, in bytes.
const maxBody = 64 << 10

// Options make the token endpoint. All fields are required unless said otherwise.
type Options struct {
	// Authenticate returns the management client that id and secret prove, or a *fault.Error (Unauthenticated,
	// AccessKeyUnknown). It compares in constant time and does the same work for unknown clients.
	Authenticate func(ctx context.Context, id, secret string) (access.Principal, error)
	// Issue makes a token for the audience and returns its life.
	Issue func(ctx context.Context, p access.Principal, audience string) (token string, life time.Duration, err error)
	// Audiences are accepted; the first one is meant when none is named.
	Audiences []string
	// Observe hears of each answer: the client id as sent, and the error's name or "". May be nil.
	Observe func(ctx context.Context, clientID, oauthError string)
	// Dev adds a hint header to errors.
	Dev bool
	// Log receives internal errors. Default slog.Default().
	Log *slog.Logger
}

type tokenHandler struct{ Options }

// TokenHandler returns the handler of POST /oauth/token.
func TokenHandler(o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &tokenHandler{o}
}

// granted is RFC 6749, section 5.1.
type granted struct {
	AccessToken string `json:"access_token"`
	Scope       string `json:"scope,omitempty"`
	ExpiresIn   int    `json:"expires_in"`
	TokenType   string `json:"token_type"`
}

// oauthError is RFC 6749, section 5.2, with Auth0's statuses.
type oauthError struct {
	status      int
	Name        string `json:"error"`
	Description string `json:"error_description"`
	hint        string
}

func (e *oauthError) Error() string { return e.Name }

func invalidRequest(text string) *oauthError {
	return &oauthError{status: http.StatusBadRequest, Name: "invalid_request", Description: text}
}

func (h *tokenHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Cache-Control", "no-store")
	head.Set("Pragma", "no-cache")
	head.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodPost {
		head.Set("Allow", "POST")
		h.answer(w, r, "", nil, &oauthError{status: http.StatusMethodNotAllowed, Name: "invalid_request", Description: "The token endpoint takes POST."})
		return
	}
	p, err := parameters(w, r)
	if err != nil {
		h.answer(w, r, "", nil, err)
		return
	}
	g, err := h.grant(r.Context(), p)
	h.answer(w, r, p["client_id"], g, err)
}

func (h *tokenHandler) grant(ctx context.Context, p map[string]string) (*granted, error) {
	switch p["grant_type"] {
	case "":
		return nil, invalidRequest("Missing required parameter: grant_type")
	case "client_credentials":
	default:
		return nil, &oauthError{status: http.StatusForbidden, Name: "unsupported_grant_type", Description: "Unsupported grant type: " + printable(p["grant_type"]),
			hint: "this endpoint issues management tokens (client_credentials); end users sign in through the Cognito operations"}
	}
	if p["client_id"] == "" {
		return nil, invalidRequest("Missing required parameter: client_id")
	}
	who, err := h.Authenticate(ctx, p["client_id"], p["client_secret"])
	if err != nil {
		if k := fault.Of(err).Kind(); k == fault.Denied || k == fault.NotFound {
			return nil, &oauthError{status: http.StatusUnauthorized, Name: "access_denied", Description: "Unauthorized",
				hint: "client_id and client_secret do not belong to a management client; list them with: countersign keys list"}
		}
		return nil, err
	}
	audience := p["audience"]
	if audience == "" && len(h.Audiences) > 0 {
		audience = h.Audiences[0]
	}
	if !slices.Contains(h.Audiences, audience) {
		return nil, &oauthError{status: http.StatusForbidden, Name: "access_denied", Description: "Service not found: " + printable(audience),
			hint: "audience must be one of " + strings.Join(h.Audiences, ", ")}
	}
	token, life, err := h.Issue(ctx, who, audience)
	if err != nil {
		return nil, err
	}
	return &granted{AccessToken: token, Scope: scopes(who), ExpiresIn: int(life.Seconds()), TokenType: "Bearer"}, nil
}

// scopes are what the client may do in the management API: the server decides, not the request (RFC 6749, section 3.3).
func scopes(p access.Principal) string {
	var out []string
	for _, g := range p.Grants {
		if g.Service != access.ManagementAPI && g.Service != access.AnyService {
			continue
		}
		for _, a := range g.Actions {
			if strings.Contains(a, ":") && !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return strings.Join(out, " ")
}

func (h *tokenHandler) answer(w http.ResponseWriter, r *http.Request, clientID string, g *granted, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err == nil {
		h.observe(r.Context(), clientID, "")
		json.NewEncoder(w).Encode(g)
		return
	}
	e, ok := errors.AsType[*oauthError](err)
	if !ok {
		h.Log.ErrorContext(r.Context(), "token endpoint", "error", err)
		e = &oauthError{status: http.StatusInternalServerError, Name: "server_error", Description: "Internal error"}
		if f := fault.Of(err); f.Kind() == fault.Throttled || f.Kind() == fault.Unavailable {
			e = &oauthError{status: http.StatusTooManyRequests, Name: "too_many_requests", Description: "Too Many Requests"}
			w.Header().Set("Retry-After", strconv.Itoa(max(1, int(f.RetryAfter.Seconds()))))
		}
	}
	if h.Dev && e.hint != "" {
		w.Header().Set("X-Countersign-Hint", e.hint)
	}
	h.observe(r.Context(), clientID, e.Name)
	w.WriteHeader(e.status)
	json.NewEncoder(w).Encode(e)
}

func (h *tokenHandler) observe(ctx context.Context, clientID, name string) {
	if h.Observe != nil {
		h.Observe(ctx, printable(clientID), name)
	}
}

// parameters reads a JSON object of strings or a form. Client credentials may also come as Basic (RFC 6749, section 2.3.1).
func parameters(w http.ResponseWriter, r *http.Request) (map[string]string, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, &oauthError{status: http.StatusRequestEntityTooLarge, Name: "invalid_request", Description: "The body cannot be read or is larger than 64 KiB."}
	}
	var p map[string]string
	switch t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t {
	case "application/json":
		p, err = jsonParameters(body)
	case "application/x-www-form-urlencoded", "":
		p, err = formParameters(string(body))
	default:
		return nil, invalidRequest("The body must be JSON or a form.")
	}
	if err != nil {
		return nil, err
	}
	id, secret, ok := r.BasicAuth()
	if !ok {
		return p, nil
	}
	if p["client_secret"] != "" || (p["client_id"] != "" && p["client_id"] != id) {
		return nil, invalidRequest("Client credentials come either in the body or in the Authorization header.")
	}
	id, err1 := url.QueryUnescape(id)
	secret, err2 := url.QueryUnescape(secret)
	if err1 != nil || err2 != nil {
		return nil, invalidRequest("The Authorization header is malformed.")
	}
	p["client_id"], p["client_secret"] = id, secret
	return p, nil
}

// jsonParameters takes strings; members of other types (Auth0 clients send some) are left out. Names that come twice are refused.
func jsonParameters(body []byte) (map[string]string, error) {
	malformed := invalidRequest("The body is not a JSON object.")
	d := json.NewDecoder(strings.NewReader(string(body)))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, malformed
	}
	p, seen := map[string]string{}, map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, malformed
		}
		if seen[name] {
			return nil, invalidRequest("A parameter comes twice: " + printable(name))
		}
		seen[name] = true
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, malformed
		}
		if s, ok := v.(string); ok {
			p[name] = s
		}
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') {
		return nil, malformed
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, malformed
	}
	return p, nil
}

func formParameters(body string) (map[string]string, error) {
	form, err := url.ParseQuery(body)
	if err != nil {
		return nil, invalidRequest("The form is malformed.")
	}
	p := make(map[string]string, len(form))
	for name, values := range form {
		if len(values) > 1 {
			return nil, invalidRequest("A parameter comes twice: " + printable(name))
		}
		p[name] = values[0]
	}
	return p, nil
}

// printable bounds what is echoed.
func printable(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < 0x20 || c > 0x7e {
			return -1
		}
		return c
	}, s)
	return s[:min(len(s), 100)]
}
