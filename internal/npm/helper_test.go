package npm

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/hookrun"
	"countersign/internal/hookrun/hookruntest"
	"countersign/internal/hookrun/sandbox"
	"countersign/internal/module"
)

func TestMain(m *testing.M) { os.Exit(hookruntest.Main(m)) }

func program(t testing.TB) string {
	t.Helper()
	return hookruntest.Program(t, "countersign/internal/npm/testdata/program")
}

// levels are the isolation levels that builds are tested at.
var levels = []sandbox.Level{sandbox.Full, sandbox.None}

// newBuilder returns a Builder whose jobs run at the given level; at None the bundler runs in the tests' own process.
func newBuilder(t testing.TB, level sandbox.Level, change func(*Options)) *Builder {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "npm-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := hookrun.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	ho := hookrun.Options{Cache: filepath.Join(dir, "cache"), Isolation: level, MaxIsolation: level}
	o := Options{}
	if level != sandbox.None {
		ho.Launcher, o.Program = program(t), program(t)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r, err := hookrun.New(ho)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(filepath.Join(dir, "cache", "work")); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
	})
	o.Runner = func() (*hookrun.Runner, error) { return r, nil }
	if change != nil {
		change(&o)
	}
	b, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// build expects a Build.
func build(t testing.TB, b *Builder, s *module.Source) *module.Build {
	t.Helper()
	out, err := b.Build(t.Context(), s, func(text string) { t.Log(text) })
	if err != nil {
		t.Fatalf("%v", err)
	}
	return out
}

// fails expects an error with that code, and returns its sentence.
func fails(t testing.TB, b *Builder, s *module.Source, code fault.Code) string {
	t.Helper()
	_, err := b.Build(t.Context(), s, nil)
	if f := fault.Of(err); err == nil || f.Code != code {
		t.Fatalf("%v, want %s", err, code)
	}
	return fault.Of(err).Public
}

// unzip returns the files of an artifact.
func unzip(t testing.TB, artifact []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(artifact), int64(len(artifact)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name] = string(data)
	}
	return out
}

// load unpacks an artifact elsewhere and runs JavaScript in which m is its modules and script its script's exports.
func load(t testing.TB, artifact []byte, code string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range unzip(t, artifact) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "node", "-e", `const m = require('./modules.cjs'); `+code)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE=1"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(bytes.TrimSpace(out))
}
