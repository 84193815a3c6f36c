package authentication

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"countersign/internal/auth0api/wire"
	"countersign/internal/fault"
	"countersign/internal/pool"
)

const (
	// maxBody bounds a request's body, in bytes.
	maxBody = 64 << 10
	// maxHeader bounds what is taken of a header.
	maxHeader = 1000
	// Wire is the name of the dialect in pool.Caller.
	Wire = "auth0"
	// hintHeader carries fault.Error.Hint in dev mode.
	hintHeader = "X-Countersign-Hint"
)

// request is one call of an endpoint.
type request struct {
	*http.Request
	w      http.ResponseWriter
	caller pool.Caller
	// params are the body's; empty for GET and DELETE.
	params *wire.Parameters
	// id is the last part of the path, where it names something.
	id string
}

// get returns a parameter.
func (q *request) get(name string) string { return q.params.Get(name) }

// client is how the caller proves itself. An empty secret counts as none: clients send it so.
func (q *request) client() pool.OAuthClient {
	c := pool.OAuthClient{ID: q.get("client_id")}
	if s := q.get("client_secret"); s != "" {
		c.Secret = &s
	}
	return c
}

// bearer is the token of the Authorization header (RFC 6750, section 2.1).
func (q *request) bearer() (string, error) {
	scheme, token, _ := strings.Cut(q.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "bearer") || token == "" {
		return "", &oauthError{status: http.StatusUnauthorized, Name: "unauthorized", Description: "The request needs the header Authorization: Bearer …"}
	}
	return token, nil
}

// endpoint answers a request: a value that becomes JSON, a status alone, or an error.
type endpoint func(ctx context.Context, q *request) (any, error)

// status is an answer without a body.
type status int

// route is one path by method.
type route map[string]endpoint

const authenticatorsPath = "/mfa/authenticators"

func (a *API) table() map[string]route {
	return map[string]route{
		"/oauth/revoke":           {http.MethodPost: a.revoke},
		"/userinfo":               {http.MethodGet: a.userinfo, http.MethodPost: a.userinfo},
		authenticatorsPath:        {http.MethodGet: a.authenticators},
		authenticatorsPath + "/*": {http.MethodDelete: a.deleteAuthenticator},
		"/mfa/associate":          {http.MethodPost: a.associate},
		"/mfa/challenge":          {http.MethodPost: a.challenge},
		"/passwordless/start":     {http.MethodPost: a.startPasswordless},
		"/passwordless/verify":    {http.MethodPost: a.verifyPasswordless},
	}
}

// route finds the path.
func (a *API) route(path string) (rt route, id string) {
	if rest, ok := strings.CutPrefix(path, authenticatorsPath+"/"); ok && rest != "" {
		return a.routes[authenticatorsPath+"/*"], rest
	}
	return a.routes[path], ""
}

// EndUsers is the handler of all paths but /oauth/token.
func (a *API) EndUsers() http.Handler {
	pages := a.ticketPages()
	return a.recovering(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == TicketPath || strings.HasPrefix(r.URL.Path, assetsPath) {
			pages.ServeHTTP(w, r)
			return
		}
		rt, id := a.route(r.URL.Path)
		if rt == nil {
			a.fail(w, r, &oauthError{status: http.StatusNotFound, Name: "not_found", Description: "There is no such endpoint.",
				hint: "served are /oauth/token, /oauth/revoke, /userinfo, /mfa/authenticators, /mfa/associate, /mfa/challenge and /passwordless/start; " +
					"users are made with POST /api/v2/users or SignUp"})
			return
		}
		methods := make([]string, 0, len(rt))
		for m := range rt {
			methods = append(methods, m)
		}
		slices.Sort(methods)
		run := rt[r.Method]
		if !a.begin(w, r, methods, run != nil) {
			return
		}
		a.run(w, r, id, run)
	})
}

// recovering answers a panic with 500, for pages of all origins to read: a sign-in that breaks says so, and does not just lose its connection.
func (a *API) recovering(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				a.fail(w, r, fault.Internalf("panic: %v\n%s", p, debug.Stack()))
			}
		}()
		h(w, r)
	})
}

// begin sets the headers of every answer and deals with preflights and wrong methods; false: the request is answered.
func (a *API) begin(w http.ResponseWriter, r *http.Request, methods []string, known bool) bool {
	head := w.Header()
	head.Set("Cache-Control", "no-store")
	head.Set("Pragma", "no-cache")
	head.Set("X-Content-Type-Options", "nosniff")
	allowed := strings.Join(append(slices.Clone(methods), http.MethodOptions), ", ")
	switch {
	case r.Method == http.MethodOptions:
		preflight(w, r, allowed)
	case !known:
		head.Set("Allow", allowed)
		a.fail(w, r, &oauthError{status: http.StatusMethodNotAllowed, Name: "invalid_request",
			Description: "This endpoint takes " + strings.Join(methods, " and ") + "."})
	default:
		return true
	}
	return false
}

// run calls an endpoint that answers CORS.
func (a *API) run(w http.ResponseWriter, r *http.Request, id string, do endpoint) {
	allowOrigin(w.Header())
	q := &request{Request: r, w: w, id: id, params: &wire.Parameters{}}
	if r.Method == http.MethodPost {
		p, err := readParameters(w, r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		q.params = p
	}
	a.serve(q, do)
}

// serve calls an endpoint for the pool of the request's Host.
func (a *API) serve(q *request, do endpoint) {
	ctx := q.Context()
	q.caller = a.caller(q.Request)
	if q.caller.PoolID == "" {
		a.fail(q.w, q.Request, &oauthError{status: http.StatusNotFound, Name: "not_found", Description: "This host serves no pool of its own.",
			hint: "these endpoints choose the pool by Host; declare which pool a base URL belongs to (pools)"})
		return
	}
	out, err := do(ctx, q)
	if err != nil {
		a.fail(q.w, q.Request, err)
		return
	}
	a.answer(q.w, out)
}

func (a *API) caller(r *http.Request) pool.Caller {
	c := pool.Caller{
		Wire: Wire, UserAgent: cut(r.UserAgent()), Language: cut(r.Header.Get("X-Request-Language")),
		PoolID: a.PoolOf(r.Context()), BaseURL: a.BaseURL(r.Context()), Hostname: r.Host,
	}
	if c.Language == "" {
		c.Language = cut(r.Header.Get("Accept-Language"))
	}
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		c.Hostname = host
	}
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		c.IP = ap.Addr().Unmap()
	}
	return c
}

// cut bounds a header to printable ASCII.
func cut(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < 0x20 || c > 0x7e {
			return -1
		}
		return c
	}, s[:min(len(s), maxHeader)])
	return s
}

// readParameters reads a body. Client credentials may also come as Basic (RFC 6749, section 2.3.1).
func readParameters(w http.ResponseWriter, r *http.Request) (*wire.Parameters, error) {
	p, err := wire.ReadParameters(w, r, maxBody)
	if err != nil {
		return nil, err
	}
	if p.Get("client_assertion") != "" {
		return nil, invalidRequest("client_assertion is not supported; send client_secret.")
	}
	id, secret, ok := r.BasicAuth()
	if !ok {
		return p, nil
	}
	id, err1 := url.QueryUnescape(id)
	secret, err2 := url.QueryUnescape(secret)
	if err1 != nil || err2 != nil {
		return nil, invalidRequest("The Authorization header is malformed.")
	}
	if p.Get("client_secret") != "" || (p.Get("client_id") != "" && p.Get("client_id") != id) {
		return nil, invalidRequest("Client credentials come either in the body or in the Authorization header.")
	}
	p.Set("client_id", id)
	p.Set("client_secret", secret)
	return p, nil
}

func (a *API) answer(w http.ResponseWriter, out any) {
	if s, ok := out.(status); ok {
		w.WriteHeader(int(s))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if m, ok := out.(*mfaRequired); ok {
		a.refused(w, m.Name, m.Description)
		w.WriteHeader(http.StatusForbidden)
	}
	encode(w, out)
}

// encode writes JSON as JavaScript writes it: "<" stays "<".
func encode(w http.ResponseWriter, v any) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // the reader is gone; there is nobody to tell
}

// fail answers an error and returns its name.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) string {
	e, ok := errors.AsType[*oauthError](err)
	if !ok {
		e = answerTo(err, nil)
	}
	gone := r.Context().Err() != nil && errors.Is(err, context.Canceled) // nobody waits for the answer
	if e.status == http.StatusInternalServerError && !gone {
		a.Log.ErrorContext(r.Context(), "auth0 authentication", "path", r.URL.Path, "error", err)
	}
	head := w.Header()
	head.Set("Content-Type", "application/json")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	if e.retry > 0 && head.Get("Retry-After") == "" {
		head.Set("Retry-After", strconv.Itoa(e.retry))
	}
	if e.Name == "invalid_token" || e.Name == "insufficient_scope" {
		head.Set("WWW-Authenticate", `Bearer error="`+e.Name+`"`) // RFC 6750, section 3
	}
	a.refused(w, e.Name, e.Description)
	if a.Dev && e.hint != "" {
		head.Set(hintHeader, e.hint)
	}
	w.WriteHeader(e.status)
	encode(w, e)
	return e.Name
}

// refused tells the console line of dev mode.
func (a *API) refused(w http.ResponseWriter, name, sentence string) {
	if a.Dev {
		w.Header().Set(wire.RefusedHeader, wire.Refused(name, sentence))
	}
}

// tooMany is the answer of a rate limit; its headers are set.
func tooMany(name, text string) *oauthError {
	return &oauthError{status: http.StatusTooManyRequests, Name: name, Description: text}
}
