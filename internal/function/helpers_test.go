package function_test

import (
	"archive/zip"
	"bytes"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/function"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/runner"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/internal/trigger"
)

const (
	region  = "us-local-1"
	account = "000000000000"
	poolA   = "us-local-1_poolA"
	poolB   = "us-local-1_poolB"
	role    = "arn:aws:iam::000000000000:role/any"
	// canary is a secret in an environment: it may appear nowhere but in Code.Env.
	canary = "canary-sk-4f9d2c77aa"
)

// fake is a runner that answers what run says.
type fake struct {
	run  func(context.Context, *runner.Code, *runner.Call) (*runner.Result, error)
	note string
	err  error

	mu        sync.Mutex
	codes     []*runner.Code
	forgotten []string
}

func (f *fake) Run(ctx context.Context, code *runner.Code, call *runner.Call) (*runner.Result, error) {
	f.mu.Lock()
	f.codes = append(f.codes, code)
	f.mu.Unlock()
	if f.run == nil {
		return &runner.Result{Payload: []byte("null"), Duration: time.Millisecond}, nil
	}
	return f.run(ctx, code, call)
}

func (f *fake) Forget(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forgotten = append(f.forgotten, id)
}

func (f *fake) Check(string) (string, error) { return f.note, f.err }

func (f *fake) last() *runner.Code {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.codes[len(f.codes)-1]
}

func (f *fake) calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.codes)
}

func (f *fake) forgot(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Contains(f.forgotten, id)
}

// clock is a movable Now.
type clock struct{ ns atomic.Int64 }

func (c *clock) Now() time.Time      { return time.Unix(0, c.ns.Load()).UTC() }
func (c *clock) add(d time.Duration) { c.ns.Add(int64(d)) }
func newClock() *clock {
	c := &clock{}
	c.ns.Store(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

// counting counts reads.
type counting struct {
	store.Store
	reads atomic.Int64
}

func (c *counting) Read(ctx context.Context, f func(store.Tx) error) error {
	c.reads.Add(1)
	return c.Store.Read(ctx, f)
}

// env is a Service with what is around it.
type env struct {
	*function.Service
	fake   *fake
	clock  *clock
	store  *counting
	events *eventlog.Log
	keys   function.Keys
	log    *bytes.Buffer
	config function.Config
	seen   []function.Invocation
	mu     sync.Mutex
}

func newEnv(t *testing.T, s store.Store, change ...func(*function.Config)) *env {
	t.Helper()
	keys := keyringtest.New(t, poolA, poolB)
	e := &env{fake: &fake{}, clock: newClock(), store: &counting{Store: s}, keys: keys, log: &bytes.Buffer{}}
	now := e.clock.Now
	e.events = eventlog.New(eventlog.Config{Keys: keys, Now: func() time.Time { return now() }})
	e.config = function.Config{
		Store: e.store, Keys: keys, Events: e.events, Runner: e.fake, Now: e.clock.Now, Log: slog.New(slog.NewTextHandler(e.log, nil)),
		Observe: func(i function.Invocation) { e.mu.Lock(); e.seen = append(e.seen, i); e.mu.Unlock() },
	}
	for _, f := range change {
		f(&e.config)
	}
	now = e.config.Now
	e.Service = function.New(e.config)
	t.Cleanup(func() { e.Close(context.Background()) })
	return e
}

func (e *env) observed() []function.Invocation {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.seen)
}

// each runs f on both stores.
func each(t *testing.T, f func(*testing.T, *env), change ...func(*function.Config)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, s store.Store) { f(t, newEnv(t, s, change...)) })
}

func fn(qualifier ...string) function.Ref {
	r := function.Ref{Region: region, Name: "sender"}
	if len(qualifier) > 0 {
		r.Qualifier = qualifier[0]
	}
	return r
}

func pack(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var settings = function.Settings{Runtime: "nodejs20.x", Handler: "index.handler", Role: role}

func (e *env) create(t *testing.T, change ...func(*function.Create)) *function.Info {
	t.Helper()
	c := &function.Create{
		Region: region, Name: "sender", Settings: settings, Package: pack(t, map[string]string{"index.js": "exports.handler = async () => {}"}),
		Env: map[string]string{"API_KEY": canary, "KEY_ID": "x"},
	}
	for _, f := range change {
		f(c)
	}
	i, err := e.Create(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func (e *env) eventsOf(t *testing.T, pool string, kind eventlog.Type) []*store.Event {
	t.Helper()
	all, err := e.events.List(t.Context(), e.store, eventlog.Query{PoolID: pool, Types: []eventlog.Type{kind}, Limit: 1000, Ascending: true})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func want(t *testing.T, err error, code fault.Code) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Helper()
		t.Errorf("error is %v; want %q", err, code)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func caller(pool string) trigger.Caller {
	return trigger.Caller{Service: trigger.Service, SourceARN: "arn:aws:cognito-idp:us-local-1:000000000000:userpool/" + pool, SourceAccount: account}
}

// quiet is a runner that does nothing and remembers nothing.
type quiet struct{}

func (quiet) Run(context.Context, *runner.Code, *runner.Call) (*runner.Result, error) {
	return &runner.Result{Payload: []byte("null")}, nil
}
func (quiet) Forget(string)                {}
func (quiet) Check(string) (string, error) { return "", nil }
