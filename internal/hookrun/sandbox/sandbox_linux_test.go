package sandbox_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign/internal/hookrun/sandbox"
)

// hostile builds the test program, which is launcher and attacker in one, in a folder that every user can reach.
func hostile(t testing.TB, cgo string) string {
	t.Helper()
	dir := openDir(t)
	path := filepath.Join(dir, "hostile")
	cmd := exec.Command("go", "build", "-o", path, "./testdata/hostile")
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// openDir is a temporary folder that everybody may enter, unlike that of t.TempDir.
func openDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sandbox-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func launcher(t testing.TB, path string) *sandbox.Launcher {
	t.Helper()
	l, err := sandbox.New(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// run starts a program, waits for its end and returns what it printed.
func run(t testing.TB, l *sandbox.Launcher, spec sandbox.Spec) (string, sandbox.Exit) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	spec.Output = w
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p, err := l.Start(ctx, spec)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	context.AfterFunc(ctx, p.Kill)
	out, _ := io.ReadAll(r)
	return string(out), p.Wait()
}

func TestProbe(t *testing.T) {
	path := hostile(t, "0")
	l := launcher(t, path)
	t.Logf("%+v", l.Report())
	out, exit := run(t, l, sandbox.Spec{Path: path, Args: strings.Fields(os.Getenv("TRY")), Dir: "/", Ports: []int{9001}})
	t.Logf("%+v\n%s", exit, out)
}
