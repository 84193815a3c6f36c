package sandbox

import (
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Cause is which limit ended a process, as far as that can be known.
type Cause string

const (
	// Killed: by Process.Kill.
	Killed Cause = "killed"
	// Memory: the cgroup's limit, or a crash with nearly all of Limits.DataBytes in use. A runtime that reports memory exhaustion by itself
	// and exits (Node's heap limit) has no Cause; its output tells.
	Memory Cause = "memory"
	// CPU: Limits.CPU was used up.
	CPU Cause = "cpu"
)

// Exit is how a process ended.
type Exit struct {
	// Code is the exit status, -1 if a signal ended it. Signal is 0 if none did.
	Code   int
	Signal syscall.Signal
	// CPU is user and system time, MaxRSS the peak of resident memory in bytes (at least the launcher's own, which it was before).
	CPU    time.Duration
	MaxRSS int64
	// Cause is empty if the program ended by itself.
	Cause Cause
}

// Process is a started program. Its methods are safe for concurrent use.
type Process struct {
	cmd      *exec.Cmd
	level    Level
	isolated bool
	missing  []string
	addr     string
	sockets  Sockets
	limits   Limits
	group    *cgroup

	mu     sync.Mutex
	killed bool
	reaped bool

	done chan struct{}
	exit Exit
}

// Level is the level it runs at.
func (p *Process) Level() Level { return p.level }

// Missing is Report.Missing and what this process lacks besides, and why: a user of its own, a thread limit, its cgroup.
func (p *Process) Missing() []string { return p.missing }

// Isolated reports whether the process has a network of its own, which Sockets serve entirely.
func (p *Process) Isolated() bool { return p.isolated }

// Addr is host:port at which the program reaches the listener of Spec.Ports[0]. Where the process is not isolated, other programs of
// this machine reach it, too: the server should ask for a secret (AWS_LAMBDA_RUNTIME_API may carry one as a path, "host:port/secret").
func (p *Process) Addr() string { return p.addr }

// Sockets are the server's ends of the process's network.
func (p *Process) Sockets() *Sockets { return &p.sockets }

// Pid is the process's number as the server sees it.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended and everything of it has been given back.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the end. It may be called any number of times.
func (p *Process) Wait() Exit {
	<-p.done
	return p.exit
}

// Kill ends the process and everything that it started, at once, and returns when it is gone. It does nothing if it has ended already.
func (p *Process) Kill() {
	p.mu.Lock()
	if !p.reaped {
		p.killed = true
		killGroup(p.cmd.Process.Pid)
		p.cmd.Process.Kill()
	}
	p.mu.Unlock()
	<-p.done
}

// watch reaps the process. It is the process's one goroutine.
func (p *Process) watch() {
	defer close(p.done)
	awaitExit(p.cmd)
	// Its number is not given to anybody else before it is reaped, so that the group that is killed here is surely its own.
	p.mu.Lock()
	killGroup(p.cmd.Process.Pid)
	_ = p.cmd.Wait() // what it would say is in ProcessState
	p.reaped = true
	killed := p.killed
	p.mu.Unlock()
	p.sockets.close()
	oom := p.group.close()
	state := p.cmd.ProcessState
	if state == nil {
		p.exit = Exit{Code: -1}
		return
	}
	p.exit = Exit{Code: state.ExitCode(), CPU: state.UserTime() + state.SystemTime(), MaxRSS: maxRSS(state)}
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		p.exit.Signal = ws.Signal()
	}
	p.exit.Cause = p.cause(killed, oom)
}

// cause judges by what is left: signal, usage, and whether the cgroup killed for memory.
func (p *Process) cause(killed, oom bool) Cause {
	e := p.exit
	switch {
	case oom:
		return Memory
	case killed:
		return Killed
	case e.Signal == syscall.SIGKILL && e.CPU >= p.limits.CPU-time.Second/2:
		return CPU
	case e.Signal != 0 && e.Signal != syscall.SIGKILL && e.MaxRSS >= p.limits.DataBytes/10*8:
		return Memory
	}
	return ""
}

// begin starts watching; the process is the caller's from here on.
func (p *Process) begin() *Process {
	p.done = make(chan struct{})
	go p.watch()
	return p
}
