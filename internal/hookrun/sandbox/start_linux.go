package sandbox

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// startChild runs a program through the launcher.
func (l *Launcher) startChild(ctx context.Context, spec *Spec, level Level) (*Process, error) {
	m := l.machine.capped(level)
	p := &Process{level: m.level(), isolated: m.Namespaces, limits: spec.Limits, missing: l.missing(m)}
	pl := makePlan(spec, m)
	if m.Namespaces {
		p.addr = fmt.Sprintf("127.0.0.1:%d", spec.Ports[0])
	} else {
		local, err := listenLocal(ctx)
		if err != nil {
			return nil, err
		}
		p.addr = local.Addr().String()
		p.sockets.TCP = map[int]net.Listener{spec.Ports[0]: local}
		pl.Connect = append([]int{local.Addr().(*net.TCPAddr).Port}, pl.Connect...)
	}
	pl.Env = withAddr(spec.Env, p.addr)
	if l.machine.ownUsers && pl.User == 0 {
		p.missing = append(p.missing, "own user: others may not read or enter "+
			closedTo(append(append([]string{spec.Dir}, pl.Read...), pl.Exec...), spec.Write))
	}
	if m.groups != nil {
		var err error
		if p.group, err = m.groups.make(spec.Limits); err != nil {
			p.missing = append(p.missing, "cgroup: "+err.Error())
		}
	}
	if p.group == nil && !pl.limitsThreads() {
		p.missing = append(p.missing, "thread limit: the program shares the server's user id")
	}
	if pl.User != 0 && spec.Write != "" {
		if err := os.Chown(spec.Write, pl.User, pl.User); err != nil {
			p.discard()
			return nil, fmt.Errorf("sandbox: %w", err)
		}
	}
	if err := l.launch(ctx, p, pl, spec.Output); err != nil {
		p.discard()
		return nil, fmt.Errorf("sandbox: start %s: %w", spec.Path, err)
	}
	return p.begin(), nil
}

// launch starts the launcher and leads it up to execve. On an error no process is left.
func (l *Launcher) launch(ctx context.Context, p *Process, pl *plan, output *os.File) error {
	c, theirs, err := newControl()
	if err != nil {
		return err
	}
	defer c.Close()
	p.cmd = &exec.Cmd{Path: l.path, Args: []string{l.path, childMark}, Env: []string{"GOMAXPROCS=1", "GOGC=off", "GOTRACEBACK=none"}, Dir: "/",
		ExtraFiles: []*os.File{theirs}, SysProcAttr: attributes(pl)}
	if output != nil {
		p.cmd.Stdout, p.cmd.Stderr = output, output
	}
	err = startCmd(p.cmd)
	theirs.Close()
	if err != nil {
		return err
	}
	stop := c.until(ctx)
	defer stop()
	if err := l.lead(c, p, pl); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		killGroup(p.cmd.Process.Pid)
		p.cmd.Process.Kill()
		p.cmd.Wait()
		return err
	}
	return nil
}

// lead is the server's half of the dialogue.
func (l *Launcher) lead(c control, p *Process, pl *plan) error {
	if err := c.sendPlan(pl); err != nil {
		return err
	}
	// The kernel takes some milliseconds for this, which the launcher needs anyway to come up.
	if p.group != nil {
		if err := p.group.add(p.cmd.Process.Pid); err != nil {
			p.missing = append(p.missing, "cgroup: "+err.Error())
		}
	}
	// Where memory gets scarce without a cgroup, the kernel is to end this process and not the server.
	if err := put("/proc/"+strconv.Itoa(p.cmd.Process.Pid), "oom_score_adj", "1000"); err != nil {
		p.missing = append(p.missing, "first to be ended where memory is scarce: "+err.Error())
	}
	fds, err := c.sockets()
	if err != nil {
		for _, fd := range fds {
			unix.Close(fd)
		}
		return err
	}
	if pl.Namespaces {
		if p.sockets, err = adopt(fds, pl.Ports, pl.DNS); err != nil {
			return err
		}
	}
	return c.proceed()
}

// discard gives back what a process that did not start would have had.
func (p *Process) discard() {
	p.sockets.close()
	p.group.close()
}

// attributes are what the launcher is born with. Capabilities inside the new user namespace are ambient, since its user is not the namespace's root.
func attributes(pl *plan) *syscall.SysProcAttr {
	a := plainAttr()
	if !pl.Namespaces {
		return a
	}
	a.Cloneflags = unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS
	uid, gid := os.Geteuid(), os.Getegid()
	if pl.User != 0 {
		uid, gid = pl.User, pl.User
	}
	a.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
	a.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
	a.AmbientCaps = []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_BIND_SERVICE, unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP}
	if pl.User != 0 {
		a.GidMappingsEnableSetgroups = true
		a.AmbientCaps = append(a.AmbientCaps, unix.CAP_SETUID, unix.CAP_SETGID)
	}
	return a
}

// plainAttr is a session and process group of its own, and death with the server.
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
