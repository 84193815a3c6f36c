package hookrun

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/hookrun/hookruntest"
	"countersign/internal/hookrun/sandbox"
	"countersign/internal/runner"
)

// files is a package: contents by path.
type files map[string]string

type memPackage struct{ *bytes.Reader }

func (memPackage) Close() error { return nil }

// pack makes a zip archive and its hash.
func pack(t testing.TB, fs files) ([]byte, string) {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	names := make([]string, 0, len(fs))
	for n := range fs {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		w, err := z.Create(n)
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(fs[n]))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(buf.Bytes())
	return buf.Bytes(), hex.EncodeToString(sum[:])
}

var codeSeq atomic.Int64

// nodeCode is a Node function, its handler in index.js unless the files say otherwise.
func nodeCode(t testing.TB, fs files) *runner.Code {
	t.Helper()
	data, hash := pack(t, fs)
	n := codeSeq.Add(1)
	name := fmt.Sprintf("f%d", n)
	return &runner.Code{
		ID: fmt.Sprintf("code-%d", n), Name: name, ARN: "arn:aws:lambda:us-local-1:000000000000:function:" + name, Version: "$LATEST",
		Runtime: "nodejs20.x", Handler: "index.handler", Artifact: hash, MemoryMB: 128, Timeout: 10 * time.Second,
		Open: func(context.Context) (runner.Package, error) { return memPackage{bytes.NewReader(data)}, nil },
	}
}

func js(t testing.TB, source string) *runner.Code { return nodeCode(t, files{"index.js": source}) }

// bench is a Runner with what it reported.
type bench struct {
	*Runner
	t      testing.TB
	events chan Event
	log    *logBuffer
}

// with is the same for a subtest.
func (b *bench) with(t testing.TB) *bench {
	c := *b
	c.t = t
	return &c
}

func (b *bench) logged() string { return b.log.String() }

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func TestMain(m *testing.M) { os.Exit(hookruntest.Main(m)) }

// testProgram returns the path of a program of testdata.
func testProgram(t testing.TB, name string) string {
	t.Helper()
	return hookruntest.Program(t, "countersign/internal/hookrun/testdata/"+name)
}

// newRunner returns a Runner at the given level that ends with the test.
func newRunner(t testing.TB, level sandbox.Level, change func(*Options)) *bench {
	t.Helper()
	b := &bench{t: t, events: make(chan Event, 10_000), log: &logBuffer{}}
	o := Options{Cache: openDir(t), Isolation: level, MaxIsolation: level, Logger: slog.New(slog.NewTextHandler(b.log, nil)),
		Observe: func(e Event) {
			select {
			case b.events <- e:
			default:
			}
		}}
	if level != sandbox.None {
		o.Launcher = testProgram(t, "launcher")
	}
	if change != nil {
		change(&o)
	}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	b.Runner = r
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b
}

// openDir is a temporary folder that every user can enter.
func openDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "hookrun-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { RemoveAll(dir) })
	return filepath.Join(dir, "cache")
}

var callSeq atomic.Int64

func newCall(payload string) *runner.Call {
	return &runner.Call{RequestID: fmt.Sprintf("00000000-0000-4000-8000-%012d", callSeq.Add(1)), Payload: []byte(payload)}
}

// run calls code and expects a Result.
func (b *bench) run(code *runner.Code, payload string) *runner.Result {
	b.t.Helper()
	res, err := b.Run(context.Background(), code, newCall(payload))
	if err != nil {
		b.t.Fatalf("Run: %v\n%s", err, b.logged())
	}
	return res
}

// ok calls code and expects an answer.
func (b *bench) ok(code *runner.Code, payload string) string {
	b.t.Helper()
	res := b.run(code, payload)
	if res.Error != nil {
		b.t.Fatalf("the code failed: %+v\n%s", res.Error, res.Log)
	}
	return string(res.Payload)
}

// fails calls code and expects an error with that reason and type.
func (b *bench) fails(code *runner.Code, payload string, reason runner.Reason, kind string) *runner.Result {
	b.t.Helper()
	res := b.run(code, payload)
	if res.Error == nil || res.Error.Reason != reason || kind != "" && res.Error.Type != kind {
		b.t.Fatalf("got %+v %s, want %s %s\n%s", res.Error, res.Payload, reason, kind, res.Log)
	}
	return res
}

// await reads events until one fits.
func (b *bench) await(kind EventKind, detail string) Event {
	b.t.Helper()
	timer := time.NewTimer(20 * time.Second)
	defer timer.Stop()
	for {
		select {
		case e := <-b.events:
			if e.Kind == kind && strings.Contains(e.Detail, detail) {
				return e
			}
		case <-timer.C:
			b.t.Fatalf("no event %s %q\n%s", kind, detail, b.logged())
		}
	}
}

// levels are the isolation levels that each behaviour is tested at.
func levels(t *testing.T, f func(t *testing.T, level sandbox.Level)) {
	for _, l := range testLevels {
		t.Run(string(l), func(t *testing.T) { f(t, l) })
	}
}

var testLevels = []sandbox.Level{sandbox.Full, sandbox.Strong, sandbox.None}

// goCode is the aws-lambda-go program of testdata/gofunction as a function.
func goCode(t testing.TB) *runner.Code {
	t.Helper()
	data, err := os.ReadFile(testProgram(t, "gofunction"))
	if err != nil {
		t.Fatal(err)
	}
	code := nodeCode(t, files{"bootstrap": string(data)})
	code.Runtime, code.Handler = "provided.al2023", "bootstrap"
	return code
}
