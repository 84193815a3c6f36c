package management

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"countersign/internal/access"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/hook"
	"countersign/internal/module"
	"countersign/internal/pool/pooltest"
	"countersign/internal/store/storetest"
)

// bench is the API over a real pool and store.
type bench struct {
	*pooltest.Harness
	t       testing.TB
	pool    string
	hooks   *hook.Service
	handler http.Handler
	tried   []Trial
}

// builder builds any script into itself.
type builder struct{}

func (builder) Build(_ context.Context, s *module.Source, _ func(string)) (*module.Build, error) {
	if strings.Contains(s.Code, "SYNTAX") {
		return nil, fault.New(fault.ScriptInvalid).WithPublic("%s:1:1: unexpected token", s.File)
	}
	b := &module.Build{Artifact: []byte(s.Code), Bundled: true}
	for name, version := range s.Dependencies {
		if name == "young" && !s.AllowYoung {
			return nil, fault.New(fault.ConfirmationNeeded).WithPublic("young 1.0.0 was released yesterday.")
		}
		b.Modules = append(b.Modules, module.Module{Name: name, Version: strings.TrimPrefix(version, "^"), Direct: true})
	}
	sum := sha256.Sum256(b.Artifact)
	b.Hash = hex.EncodeToString(sum[:])
	return b, nil
}

func newBench(t testing.TB, change ...func(*Options)) *bench {
	b := &bench{Harness: pooltest.New(t, storetest.SQLite(t)), t: t}
	cfg := pooltest.PhonePool()
	b.pool = b.Pool(cfg)
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	b.hooks = hook.New(hook.Config{Store: b.Store, Keys: b.Keys, Events: b.Log, Builder: builder{}, Log: quiet, Now: b.Now})
	t.Cleanup(func() { b.hooks.Close(context.Background()) })
	o := Options{
		Authenticate: b.authenticate, PoolOf: func(*http.Request) string { return b.pool }, Pools: b.Service, Hooks: b.hooks, Store: b.Store, Keys: b.Keys,
		Events: b.Log, Log: quiet, Now: b.Now, Dev: true,
		Try: func(_ context.Context, x Trial) error { b.tried = append(b.tried, x); return nil },
	}
	for _, f := range change {
		f(&o)
	}
	b.handler = Handler(o)
	return b
}

// authenticate takes the token "all", or a list of scopes on the pool, or "other:" and a list of scopes on another one.
func (b *bench) authenticate(r *http.Request, _ []byte) (access.Principal, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	p := access.Principal{ID: "client1", Kind: access.Management, Grants: access.Everything()}
	switch {
	case !ok:
		return p, fault.New(fault.Unauthenticated)
	case token == "bad":
		return p, fault.New(fault.AccessTokenInvalid)
	case token == "all":
		return p, nil
	}
	on := b.pool
	if rest, ok := strings.CutPrefix(token, "other:"); ok {
		token, on = rest, "us-local-1_other"
	}
	p.Grants = []access.Grant{{Service: access.ManagementAPI, Actions: strings.Split(token, ","), Pools: []string{on}}}
	return p, nil
}

// answer is what came back.
type answer struct {
	t      testing.TB
	status int
	body   string
	head   http.Header
}

// send sends a request with all rights.
func (b *bench) send(method, path, body string) *answer {
	b.t.Helper()
	return b.as("all", method, path, body)
}

func (b *bench) as(token, method, path, body string) *answer {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), method, Prefix+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return &answer{b.t, w.Code, w.Body.String(), w.Header()}
}

// is checks the status and parts of the body; a part that begins with "!" must not be there.
func (a *answer) is(status int, parts ...string) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Errorf("status %d, not %d: %s", a.status, status, a.body)
	}
	for _, p := range parts {
		if not, ok := strings.CutPrefix(p, "!"); ok == strings.Contains(a.body, strings.TrimPrefix(not, "!")) {
			a.t.Errorf("body %s; want %s", a.body, p)
		}
	}
	return a
}

// exactly checks the whole body as JSON.
func (a *answer) exactly(status int, want string) {
	a.t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(want), &y); err != nil {
		a.t.Fatal(err)
	}
	if json.Unmarshal([]byte(a.body), &x); a.status != status || !slices.Equal(encode(x), encode(y)) {
		a.t.Errorf("%d %s\nwant %d %s", a.status, a.body, status, want)
	}
}

// field returns a member of the body by its path ("deployed_version.id").
func (a *answer) field(path string) any {
	a.t.Helper()
	var v any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		a.t.Fatalf("%v: %s", err, a.body)
	}
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			a.t.Fatalf("no %s in %s", path, a.body)
		}
		v = m[name]
	}
	return v
}

func (a *answer) text(path string) string {
	a.t.Helper()
	s, ok := a.field(path).(string)
	if !ok {
		a.t.Fatalf("%s is no text in %s", path, a.body)
	}
	return s
}

// events returns the types and data of the pool's events, oldest first.
func (b *bench) events(types ...eventlog.Type) []string {
	b.t.Helper()
	list, err := b.Log.List(b.t.Context(), b.Store, eventlog.Query{PoolID: b.pool, Types: types, Ascending: true, Limit: 1000})
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		out = append(out, e.Type+" "+string(e.Data))
	}
	return out
}

// newForm sends a form.
func newForm(b *bench, method, path, body string) *answer {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), method, Prefix+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "Bearer all")
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return &answer{b.t, w.Code, w.Body.String(), w.Header()}
}
