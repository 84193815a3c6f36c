package lambda

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"countersign/internal/access"
	"countersign/internal/awsapi/wire"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/function"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/runner"
	"countersign/internal/sigv4"
	"countersign/internal/store/sqlstore"
)

const (
	region1 = "us-local-1"
	account = "000000000000"
	role    = "arn:aws:iam::000000000000:role/any"
)

// harness is the API over the real domain, with a runner that the test plays.
type harness struct {
	t         testing.TB
	handler   *Handler
	functions *function.Service
	srv       *httptest.Server
	runner    *fakeRunner
	log       bytes.Buffer
	who       map[string]access.Principal // by access key
	mu        sync.Mutex
	clock     time.Time
}

func (h *harness) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.clock
}

func (h *harness) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock = h.clock.Add(d)
}

// secretOf is the secret of every access key.
func secretOf(key string) string { return "secret of " + key }

func start(t testing.TB, opts ...func(*Config)) *harness {
	t.Helper()
	h := &harness{t: t, runner: &fakeRunner{}, clock: time.Now().UTC(), who: map[string]access.Principal{
		"OWNER":   {ID: "OWNER", Kind: access.AWS, Grants: access.Everything()},
		"NOBODY":  {ID: "NOBODY", Kind: access.AWS, Grants: []access.Grant{{Service: access.SNS, Actions: []string{"Publish"}, Pools: []string{"*"}}}},
		"AUDITOR": {ID: "AUDITOR", Kind: access.AWS, Grants: []access.Grant{{Service: access.Lambda, Actions: []string{"Get*", "List*"}, Pools: []string{"*"}}}},
	}}
	db, err := sqlstore.OpenSQLite(context.Background(), sqlstore.Ephemeral, sqlstore.Options{Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	ring := keyringtest.New(t)
	quiet := slog.New(slog.DiscardHandler)
	h.functions = function.New(function.Config{
		Account: account, Events: eventlog.New(eventlog.Config{Keys: ring, Logger: quiet, Now: h.now}), Keys: ring, Log: quiet, Now: h.now,
		Runner: h.runner, Store: db,
	})
	c := Config{
		Functions: h.functions, Authorizer: &wire.Signed{Account: account, Principal: h.principal, Verifier: &sigv4.Verifier{Now: h.now, Lookup: h.secret}},
		BaseURLs: []string{"http://functions.example"}, Dev: true, Log: slog.New(slog.NewTextHandler(&h.log, nil)), Now: h.now,
	}
	for _, o := range opts {
		o(&c)
	}
	if h.handler, err = New(c); err != nil {
		t.Fatal(err)
	}
	h.srv = httptest.NewServer(h.handler)
	t.Cleanup(func() {
		h.srv.Close()
		h.functions.Close(context.Background())
		db.Close()
	})
	return h
}

func (h *harness) principal(_ context.Context, key string) (access.Principal, error) {
	p, ok := h.who[key]
	if !ok {
		return p, fault.New(fault.AccessKeyUnknown)
	}
	return p, nil
}

func (h *harness) secret(_ context.Context, key string) (string, error) { return secretOf(key), nil }

// client is an unmodified SDK with an access key. It repeats nothing.
func (h *harness) client(key string) *sdk.Client {
	return sdk.New(sdk.Options{
		Region: region1, BaseEndpoint: aws.String(h.srv.URL), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key, secretOf(key), ""),
	})
}

// zipped is a package.
func zipped(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(content))
		}
		check(t, err)
	}
	check(t, z.Close())
	return b.Bytes()
}

func node(t testing.TB) []byte {
	return zipped(t, map[string]string{"index.js": "exports.handler = async (event) => event;"})
}

// create makes a Node function, changed by the functions given.
func (h *harness) create(name string, changes ...func(*sdk.CreateFunctionInput)) *sdk.CreateFunctionOutput {
	h.t.Helper()
	in := &sdk.CreateFunctionInput{
		FunctionName: &name, Role: aws.String(role), Runtime: types.RuntimeNodejs20x, Handler: aws.String("index.handler"),
		Code: &types.FunctionCode{ZipFile: node(h.t)},
	}
	for _, change := range changes {
		change(in)
	}
	out, err := h.client("OWNER").CreateFunction(h.t.Context(), in)
	check(h.t, err)
	return out
}

// fakeRunner answers what the test says.
type fakeRunner struct {
	mu    sync.Mutex
	calls []runner.Call
	codes []runner.Code
	reply func(*runner.Code, *runner.Call) (*runner.Result, error)
	ran   chan struct{} // gets a value for each call, if set
}

func (f *fakeRunner) Run(_ context.Context, code *runner.Code, call *runner.Call) (*runner.Result, error) {
	f.mu.Lock()
	f.calls, f.codes = append(f.calls, *call), append(f.codes, *code)
	reply := f.reply
	f.mu.Unlock()
	if f.ran != nil {
		defer func() { f.ran <- struct{}{} }()
	}
	if reply == nil {
		return &runner.Result{Payload: call.Payload}, nil
	}
	return reply(code, call)
}

func (f *fakeRunner) Forget(string) {}

func (f *fakeRunner) Check(string) (string, error) { return "", nil }

func (f *fakeRunner) answer(reply func(*runner.Code, *runner.Call) (*runner.Result, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reply = reply
}

func (f *fakeRunner) last(t testing.TB) runner.Call {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.calls) == 0 {
		t.Fatal("nothing was called")
	}
	return f.calls[len(f.calls)-1]
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// refused demands an error of type E, as the SDK makes it from the answer, whose message has the words.
func refused[E interface {
	error
	ErrorMessage() string
}](t testing.TB, err error, words string) {
	t.Helper()
	e, ok := errors.AsType[E](err)
	if !ok {
		t.Errorf("got %v, want %T", err, *new(E))
		return
	}
	if !strings.Contains(e.ErrorMessage(), words) {
		t.Errorf("message %q, want %q in it", e.ErrorMessage(), words)
	}
}

// code is the name of an error that the SDK has no type for.
func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// raw sends an unsigned request and returns status and body.
func (h *harness) raw(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w
}

// forget drops what was called, for benchmarks.
func (f *fakeRunner) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls, f.codes = f.calls[:0], f.codes[:0]
}
