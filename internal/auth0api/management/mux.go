package management

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"countersign/internal/auth0api/wire"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/secret"
	"countersign/internal/store"
)

// mux serves the table of routes.
type mux struct {
	a *api
	// paths finds the place of a request: its handlers are *place.
	paths *http.ServeMux
}

// place is one path with its methods.
type place struct {
	http.Handler
	path    string
	params  []string
	methods map[string]*route
}

func newMux(a *api, table []route) *mux {
	m := &mux{a: a, paths: http.NewServeMux()}
	places := map[string]*place{}
	for i := range table {
		t := &table[i]
		p := places[t.Path]
		if p == nil {
			p = &place{Handler: http.NotFoundHandler(), path: t.Path, params: paramsOf(t.Path), methods: map[string]*route{}}
			places[t.Path] = p
			m.paths.Handle(Prefix+t.Path, p)
		}
		if p.methods[t.Method] != nil || t.Handle == nil || t.Scopes == "" {
			panic("management: the route " + t.Method + " " + t.Path + " is there twice, or lacks a handler or scope")
		}
		p.methods[t.Method] = t
	}
	return m
}

func paramsOf(pattern string) (names []string) {
	for s := range strings.SplitSeq(pattern, "/") {
		if strings.HasPrefix(s, "{") {
			names = append(names, strings.Trim(s, "{}"))
		}
	}
	return names
}

// find returns the route of a request and its parameters, percent-decoded.
func (m *mux) find(r *http.Request) (*route, map[string]string, error) {
	escaped := r.URL.EscapedPath()
	if path.Clean(escaped) != escaped { // ServeMux would redirect
		return nil, nil, wire.NotFound("Not Found")
	}
	h, _ := m.paths.Handler(r)
	p, ok := h.(*place)
	if !ok {
		return nil, nil, wire.NotFound("Not Found")
	}
	t := p.methods[r.Method]
	if t == nil {
		return nil, nil, &methodError{slices.Sorted(maps.Keys(p.methods))}
	}
	values := p.values(escaped)
	for name, v := range values {
		if !utf8.ValidString(v) || strings.ContainsRune(v, 0) { // no row has such an id, and no database takes one
			return nil, nil, wire.BadPath(name, "", "String is not a text")
		}
	}
	return t, values, nil
}

func (p *place) values(escaped string) map[string]string {
	out := make(map[string]string, len(p.params))
	if len(p.params) == 0 {
		return out
	}
	have := strings.Split(strings.TrimPrefix(escaped, Prefix), "/")
	for i, s := range strings.Split(p.path, "/") {
		if strings.HasPrefix(s, "{") && i < len(have) {
			out[strings.Trim(s, "{}")] = unescape(have[i])
		}
	}
	return out
}

type methodError struct{ allowed []string }

func (e *methodError) Error() string { return "method not allowed" }

// ServeHTTP implements http.Handler.
func (m *mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	status, body, err := m.call(w, r)
	if err != nil {
		status, body = m.failure(w, r, err)
	}
	if body == nil {
		w.WriteHeader(status)
		return
	}
	head.Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(body)
}

// failure makes an error's answer.
func (m *mux) failure(w http.ResponseWriter, r *http.Request, err error) (int, []byte) {
	var e *wire.Error
	if me, ok := err.(*methodError); ok {
		w.Header().Set("Allow", strings.Join(me.allowed, ", "))
		e = wire.Errorf(http.StatusMethodNotAllowed, "", "The resource does not support the method %s.", wire.Printable(r.Method))
	} else {
		e = wire.Of(err)
	}
	gone := r.Context().Err() != nil && errors.Is(err, context.Canceled) // nobody waits for the answer
	if e.Status >= http.StatusInternalServerError && !gone {
		m.a.Log.ErrorContext(r.Context(), "management API", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(e.RetryAfter))
	}
	if m.a.Dev {
		w.Header().Set(wire.RefusedHeader, wire.Refused(cmp.Or(e.Code, e.Name), e.Message))
		if e.Hint != "" {
			w.Header().Set("X-Countersign-Hint", e.Hint)
		}
	}
	return e.Status, encode(e)
}

func (m *mux) call(w http.ResponseWriter, r *http.Request) (status int, body []byte, err error) {
	defer recovered(&err)
	t, params, err := m.find(r)
	if err != nil {
		return 0, nil, err
	}
	req, err := m.admit(w, r, t)
	if err != nil {
		return 0, nil, err
	}
	req.params = params
	status, out, err := m.handle(r.Context(), t, req)
	m.record(r.Context(), t, req, status, err)
	return status, out, err
}

func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fault.Internalf("panic: %v\n%s", p, debug.Stack())
	}
}

// handle runs the handler and encodes its answer.
func (m *mux) handle(ctx context.Context, t *route, req *Request) (status int, body []byte, err error) {
	defer recovered(&err) // here, so that the call is recorded
	if !req.may(t.Scopes) {
		return 0, nil, wire.InsufficientScope(strings.ReplaceAll(t.Scopes, " ", ","))
	}
	status, out, err := t.Handle(m.a, ctx, req)
	if err != nil || out == nil {
		return status, nil, err
	}
	body = encode(out)
	if t.Method == http.MethodGet {
		body, err = wire.Select(req.Query, body)
	}
	return status, body, err
}

// admit reads the body, asks who calls, takes from the caller's allowance and finds the pool.
func (m *mux) admit(w http.ResponseWriter, r *http.Request, t *route) (*Request, error) {
	body, err := wire.ReadBody(w, r, maxBody)
	if err != nil {
		return nil, err
	}
	p, err := m.a.Authenticate(r, body)
	if err != nil {
		return nil, err
	}
	a := m.a.limit.Take(p.ID)
	a.Headers(w.Header())
	if !a.OK {
		return nil, fault.New(fault.RateExceeded).WithPublic("Too many requests. Check the X-RateLimit-Limit, X-RateLimit-Remaining and X-RateLimit-Reset headers.")
	}
	poolID := m.a.PoolOf(r)
	if poolID == "" {
		return nil, fault.New(fault.PoolNotFound).WithPublic("This host names no tenant.").WithHint("use the base URL of a pool")
	}
	return &Request{HTTP: r, PoolID: poolID, Principal: p, Caller: callerOf(r, p), Query: r.URL.Query(), Body: body, head: w.Header()}, nil
}

// record writes the event of a call. The call is over: what fails here is logged.
func (m *mux) record(ctx context.Context, t *route, req *Request, status int, failed error) {
	e := eventlog.Entry{PoolID: req.PoolID, ClientID: req.Principal.ID, Data: map[string]any{}}
	for k, v := range req.params {
		e.Data[k] = v
	}
	e.Data["method"], e.Data["path"], e.Data["client"], e.Data["status"] = t.Method, Prefix+t.Path, req.Principal.ID, status
	switch {
	case failed != nil:
		f := wire.Of(failed)
		e.Type, e.Data["status"], e.Data["error"] = eventlog.ManagementFailed, f.Status, f.Code
		if f.Status == http.StatusForbidden && f.Code == "insufficient_scope" {
			e.Type, e.Data["scope"] = eventlog.AccessDenied, t.Scopes
		} else if t.Method == http.MethodGet || f.Status == http.StatusNotFound {
			return
		}
	case t.Method != http.MethodGet:
		e.Type = eventlog.ManagementWrite
	case req.read:
		e.Type = eventlog.ManagementRead
	default:
		return
	}
	for k, v := range req.detail {
		e.Data[k] = v
	}
	if req.Caller.IP.IsValid() {
		e.Personal = map[string]any{"ip": req.Caller.IP.String(), "user_agent": req.Caller.UserAgent}
	}
	ctx = context.WithoutCancel(ctx)
	if err := m.append(ctx, e); err != nil {
		m.a.Log.ErrorContext(ctx, "an event of the management API could not be written", "path", t.Path, "error", err)
	}
}

func (m *mux) append(ctx context.Context, e eventlog.Entry) error {
	ev, err := m.a.Events.Prepare(ctx, e, secret.Key{})
	if err != nil {
		return err
	}
	return m.a.Store.Write(ctx, func(tx store.Tx) error { return tx.Events().Append(ctx, ev) })
}

// encode makes JSON that ends without a line break. Answers are made of values that can be encoded; what cannot is a mistake of ours.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("management: an answer cannot be encoded: %v", err))
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
