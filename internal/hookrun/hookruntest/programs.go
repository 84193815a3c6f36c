// Package hookruntest builds the programs that tests start workers with. A test's own program cannot shut a worker in: the race detector needs cgo, whose
// threads do not survive it.
//
// Programs are built once for each test process, without cgo, and removed by Main.
package hookruntest

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"sync"
	"testing"
)

// Launcher is a program that does nothing but shut workers in.
const Launcher = "countersign/internal/hookrun/testdata/launcher"

var programs struct {
	sync.Mutex
	dir  string
	made map[string]error
}

// Main runs the tests and removes the programs. TestMain calls it: os.Exit(hookruntest.Main(m)).
func Main(m *testing.M) int {
	code := m.Run()
	programs.Lock()
	defer programs.Unlock()
	if programs.dir != "" {
		os.RemoveAll(programs.dir)
	}
	return code
}

// Program builds a package of this module, named by its import path, and returns the path of the program. Everybody may execute it: workers run under
// users of their own.
func Program(t testing.TB, pkg string) string {
	t.Helper()
	p := &programs
	p.Lock()
	defer p.Unlock()
	if p.dir == "" {
		dir, err := os.MkdirTemp("", "countersign-programs-")
		if err == nil {
			err = os.Chmod(dir, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
		p.dir, p.made = dir, map[string]error{}
	}
	file := filepath.Join(p.dir, path.Base(pkg))
	err, made := p.made[pkg]
	if !made {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-tags=lambda.norpc", "-o", file, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, e := cmd.CombinedOutput(); e != nil {
			err = fmt.Errorf("%w: %s", e, out)
		}
		p.made[pkg] = err
	}
	if err != nil {
		t.Fatal(err)
	}
	return file
}
