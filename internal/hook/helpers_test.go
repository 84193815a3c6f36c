package hook_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/hook"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/module"
	"countersign/internal/runner"
	"countersign/internal/script"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/provider"
)

const (
	poolA = "us-local-1_poolA"
	poolB = "us-local-1_poolB"
	// canary is the value of a secret: it may appear nowhere but in calls.
	canary = "canary-sk-4f9d2c77aa"
)

// clock is a movable Now.
type clock struct{ ns atomic.Int64 }

func (c *clock) Now() time.Time      { return time.Unix(0, c.ns.Load()).UTC() }
func (c *clock) add(d time.Duration) { c.ns.Add(int64(d)) }

// builder builds without npm. Words in the code make it fail: SYNTAX, YOUNG (unless confirmed), NOMODULE. WAIT waits for release.
type builder struct {
	release chan struct{}
	builds  atomic.Int64
	locks   sync.Map
}

func (b *builder) Build(ctx context.Context, s *module.Source, progress func(string)) (*module.Build, error) {
	b.builds.Add(1)
	b.locks.Store(s.Code, string(s.Lock))
	if progress != nil {
		progress("building")
	}
	switch {
	case strings.Contains(s.Code, "SYNTAX"):
		return nil, fault.New(fault.ScriptInvalid).WithPublic("%s:1:7: Unexpected end of input.", s.File)
	case strings.Contains(s.Code, "NOMODULE"):
		return nil, fault.New(fault.ModuleRefused).WithPublic("There is no module nomodule.")
	case strings.Contains(s.Code, "YOUNG") && !s.AllowYoung:
		return nil, fault.New(fault.ConfirmationNeeded).WithPublic("twilio 9.9.9 was released a day ago.")
	case strings.Contains(s.Code, "WAIT"):
		select {
		case <-b.release:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	out := &module.Build{Lock: []byte(`{"lock":"` + strings.Join(slices.Sorted(maps.Keys(s.Dependencies)), " ") + `"}`), Bundled: true}
	out.Artifact, out.Hash = script.Pack(s.Code, s.File)
	for _, name := range slices.Sorted(maps.Keys(s.Dependencies)) {
		out.Modules = append(out.Modules, module.Module{Name: name, Version: s.Dependencies[name], Direct: true})
	}
	return out, nil
}

// input is what a script is called with.
type input struct {
	Body    map[string]any    `json:"body"`
	Secrets map[string]string `json:"secrets"`
}

// answer is what a script answers, as the adapter writes it.
type answer map[string]any

func refused(name, message string) answer {
	return failed("Refused", name, message)
}

func failed(failure, name, message string) answer {
	return answer{"begun": true, "error": answer{"failure": failure, "name": name, "message": message}}
}

// fake is a runner whose scripts are functions by their text.
type fake struct {
	mu        sync.Mutex
	scripts   map[string]func(input) (any, *runner.Error, error)
	calls     []string
	codes     map[string]bool
	forgotten int
}

func (f *fake) on(text string, run func(input) (any, *runner.Error, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.scripts[text] = run
}

// says makes a script answer always the same.
func (f *fake) says(text string, a answer) {
	f.on(text, func(input) (any, *runner.Error, error) { return a, nil, nil })
}

func (f *fake) Run(ctx context.Context, code *runner.Code, call *runner.Call) (*runner.Result, error) {
	text, err := scriptOf(ctx, code)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.calls = append(f.calls, text)
	f.codes[code.ID] = true
	run := f.scripts[text]
	f.mu.Unlock()
	if run == nil {
		return &runner.Result{Payload: []byte(`{"begun":true}`)}, nil
	}
	var in input
	if err := json.Unmarshal(call.Payload, &in); err != nil {
		return nil, err
	}
	a, broke, err := run(in)
	if err != nil {
		return nil, err
	}
	payload, err := json.Marshal(a)
	return &runner.Result{Payload: payload, Error: broke, Duration: time.Millisecond}, err
}

func (f *fake) Forget(string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forgotten++
}

func (f *fake) Check(string) (string, error) { return "", nil }

func (f *fake) count(text string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.calls {
		if c == text {
			n++
		}
	}
	return n
}

// scriptOf reads script.js of a package.
func scriptOf(ctx context.Context, code *runner.Code) (string, error) {
	p, err := code.Open(ctx)
	if err != nil {
		return "", err
	}
	defer p.Close()
	z, err := zip.NewReader(p, p.Size())
	if err != nil {
		return "", err
	}
	r, err := z.Open("script.js")
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

// env is a Service with what is around it.
type env struct {
	*hook.Service
	t       testing.TB
	fake    *fake
	builder *builder
	clock   *clock
	store   store.Store
	events  *eventlog.Log
	log     *bytes.Buffer
	config  hook.Config
}

func newEnv(t testing.TB, s store.Store, change ...func(*hook.Config)) *env {
	t.Helper()
	e := &env{
		t: t, store: s, clock: &clock{}, log: &bytes.Buffer{}, builder: &builder{release: make(chan struct{})},
		fake: &fake{scripts: map[string]func(input) (any, *runner.Error, error){}, codes: map[string]bool{}},
	}
	e.clock.ns.Store(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC).UnixNano())
	keys := keyringtest.New(t, poolA, poolB)
	e.events = eventlog.New(eventlog.Config{Keys: keys, Now: e.clock.Now})
	e.config = hook.Config{
		Store: s, Keys: keys, Events: e.events, Builder: e.builder, Scripts: &script.Runner{Code: e.fake, Now: e.clock.Now}, Now: e.clock.Now,
		Log: slog.New(slog.NewTextHandler(e.log, nil)),
	}
	for _, f := range change {
		f(&e.config)
	}
	e.Service = hook.New(e.config)
	t.Cleanup(func() { e.Close(context.Background()) })
	return e
}

// node is another server on the same database.
func (e *env) node() *hook.Service {
	s := hook.New(e.config)
	e.t.Cleanup(func() { s.Close(context.Background()) })
	return s
}

// each runs f on both stores.
func each(t *testing.T, f func(*testing.T, *env)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, s store.Store) { f(t, newEnv(t, s)) })
}

func sqlite(t testing.TB, change ...func(*hook.Config)) *env {
	t.Helper()
	return newEnv(t, storetest.SQLite(t), change...)
}

func (e *env) eventsOf(types ...eventlog.Type) []*store.Event {
	e.t.Helper()
	all, err := e.events.List(e.t.Context(), e.store, eventlog.Query{PoolID: poolA, Types: types, Limit: 1000, Ascending: true})
	if err != nil {
		e.t.Fatal(err)
	}
	return all
}

// want fails unless err has the code; "" is success.
func want(t testing.TB, err error, code fault.Code) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Fatalf("error %v, want %q", err, code)
	}
}

const sends = "module.exports = function (recipient, text, context, cb) { cb(null, {}); };"

// hook makes a hook with the script, enabled.
func (e *env) hook(name, script string, secrets map[string]string) *hook.Hook {
	e.t.Helper()
	e.clock.add(time.Second)
	h, _, err := e.CreateHook(e.t.Context(), poolA, &hook.NewHook{Name: name, TriggerID: hook.SendPhoneMessage, Script: script, Enabled: true, Secrets: secrets})
	if err != nil {
		e.t.Fatal(err)
	}
	return h
}

// action makes a deployed action; bound says whether it is bound.
func (e *env) action(name, trigger, code string, bound bool) *hook.Action {
	e.t.Helper()
	a, err := e.CreateAction(e.t.Context(), poolA, &hook.NewAction{
		Name: name, Trigger: hook.TriggerRef{ID: trigger}, Code: code, Secrets: []hook.SecretValue{{Name: "KEY", Value: canary}}, Deploy: true,
	})
	if err != nil || a.Status != hook.Ready || a.Deployed == nil {
		e.t.Fatalf("%+v, %v", a, err)
	}
	if !bound {
		return a
	}
	list, err := e.Bindings(e.t.Context(), poolA, trigger)
	if err != nil {
		e.t.Fatal(err)
	}
	next := []hook.NewBinding{}
	for _, b := range list {
		next = append(next, hook.NewBinding{ActionID: b.Action.ID})
	}
	if _, err := e.Bind(e.t.Context(), poolA, trigger, append(next, hook.NewBinding{ActionName: name})); err != nil {
		e.t.Fatal(err)
	}
	return a
}

func ptr[T any](v T) *T { return &v }

type runnerError = runner.Error

var noKey secret.Key

// text is a message to be sent.
func text() provider.Message {
	return provider.Message{ID: "0193", Channel: provider.SMS, To: "+12025550123", Text: "918273 is your code", Code: "918273", PoolID: poolA,
		TriggerSource: "CustomSMSSender_Authentication", Locale: "en"}
}

// dump is all scripts and settings of the pool as they are stored.
func (e *env) dump() string {
	var b strings.Builder
	err := e.store.Read(e.t.Context(), func(tx store.Tx) error {
		rows, err := tx.Scripts().ListScripts(e.t.Context(), store.ScriptQuery{PoolID: poolA, Limit: 100})
		if err != nil {
			return err
		}
		for _, r := range rows {
			b.Write(r.Doc)
			b.Write(r.Sealed)
		}
		sets, err := tx.Settings().ListSettings(e.t.Context(), poolA, "", "", 100)
		for _, s := range sets {
			b.Write(s.Doc)
			b.Write(s.Sealed)
		}
		return err
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return b.String()
}

func timeout(t testing.TB, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}
