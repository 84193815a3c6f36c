package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The program under test, built once, and the server that all tests share.
var (
	program string
	srv     *server
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "countersign-interop-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "countersign")
	build := exec.Command("go", "build", "-o", program, "./cmd/countersign")
	build.Dir = filepath.Join("..", "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fail(fmt.Errorf("%w\n%s", err, out))
	}
	if srv, err = startServer(filepath.Join(dir, "data")); err != nil {
		return fail(err)
	}
	code := m.Run()
	if err := srv.stop(); err != nil {
		return fail(err)
	}
	if code == 0 && wholeRun() {
		missed, err := called.missing()
		if err != nil {
			return fail(err)
		}
		if len(missed) > 0 {
			return fail(fmt.Errorf("no test of the Go SDK called: %v", missed))
		}
	}
	if code != 0 {
		fmt.Fprintf(os.Stderr, "--- what the server printed last\n%s\n", srv.output())
	}
	return code
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "interop:", err)
	return 1
}
