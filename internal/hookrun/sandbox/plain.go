package sandbox

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
)

// startPlain is level None: a child process with a clean environment in a group of its own.
func startPlain(ctx context.Context, spec *Spec) (*Process, error) {
	l, err := listenLocal(ctx)
	if err != nil {
		return nil, err
	}
	p := &Process{level: None, missing: []string{"isolation: switched off or not available on this system"}, limits: spec.Limits, addr: l.Addr().String(),
		sockets: Sockets{TCP: map[int]net.Listener{spec.Ports[0]: l}}}
	p.cmd = &exec.Cmd{Path: spec.Path, Args: append([]string{spec.Path}, spec.Args...), Env: withAddr(spec.Env, l.Addr().String()), Dir: spec.Dir,
		SysProcAttr: plainAttr()}
	if spec.Output != nil {
		p.cmd.Stdout, p.cmd.Stderr = spec.Output, spec.Output
	}
	if err := startCmd(p.cmd); err != nil {
		l.Close()
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	return p.begin(), nil
}

// startCmd starts on a thread that lives on: the death signal of a child comes when the thread that made it ends, and the caller's goroutine
// may be tied to one that does.
func startCmd(cmd *exec.Cmd) error {
	errs := make(chan error)
	go func() { errs <- cmd.Start() }()
	return <-errs
}

// listenLocal makes the listener of Spec.Ports[0] where there is no network namespace.
func listenLocal(ctx context.Context) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(0)))
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	return l, nil
}
