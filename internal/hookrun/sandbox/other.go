//go:build !linux

package sandbox

import (
	"context"
	"os"
	"os/exec"
	"runtime"
)

type machine struct{}

// cgroup does not exist here.
type cgroup struct{}

func (*cgroup) close() (oom bool) { return false }

func (l *Launcher) probe(context.Context) error {
	l.report = Report{Level: None, Missing: []string{"isolation: only on Linux, this is " + runtime.GOOS}}
	return nil
}

func (l *Launcher) startChild(ctx context.Context, spec *Spec, _ Level) (*Process, error) {
	return startPlain(ctx, spec)
}

// IsChild reports whether the arguments (os.Args) are those of a launcher; main then calls Child before anything else.
func IsChild([]string) bool { return false }

// Child becomes the program. It does not return.
func Child() { os.Exit(2) }

// awaitExit reaps the process, too: here one cannot wait without. Kill between the two finds nobody.
func awaitExit(cmd *exec.Cmd) { _ = cmd.Wait() }
