// Command countersign is phone sign-in and MFA that you host: `countersign dev` on a laptop, `countersign serve` in
// production, and the operator's tools, which talk to a running server.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"countersign/internal/hookrun/sandbox"
	"countersign/internal/npm"
)

func main() {
	if sandbox.IsChild(os.Args) {
		sandbox.Child() // shuts itself in and becomes a function's worker; it never returns
	}
	if npm.IsChild(os.Args) {
		npm.Child() // bundles the modules of a script, shut in; it never returns
	}
	began := time.Now()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// Once it drains, a further signal ends the program at once; not within a second, since terminal and wrapper (go
	// run, npm) often both send the first one.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })
	os.Exit(run(ctx, began, argsOf(os.Args), os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program. It returns the exit code: 0, 1 for what failed, 2 for what was not understood.
func run(ctx context.Context, began time.Time, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{ctx: ctx, began: began, env: env, stdin: stdin, stdout: stdout, stderr: stderr}
	return a.run(args)
}
