package sandbox

import (
	"context"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

type machine struct{}

type cgroup struct{}

func (*cgroup) close() (oom bool) { return false }

func (l *Launcher) probe(context.Context) error {
	l.report = Report{Level: None}
	return nil
}

func (l *Launcher) startChild(ctx context.Context, spec *Spec, _ Level) (*Process, error) {
	return startPlain(ctx, spec)
}

// IsChild reports whether the arguments (os.Args) are those of a launcher; main then calls Child before anything else.
func IsChild(args []string) bool { return len(args) == 2 && args[1] == childMark }

// Child becomes the program. It does not return.
func Child() { os.Exit(2) }

func plainAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitExit waits until the process has ended, and leaves it to be reaped.
func awaitExit(cmd *exec.Cmd) {
	for {
		err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return
		}
	}
}
