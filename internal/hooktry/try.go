package hooktry

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/google/uuid"

	"countersign/internal/hookrun"
	"countersign/internal/hookrun/sandbox"
	"countersign/internal/message"
	"countersign/internal/module"
	"countersign/internal/npm"
	"countersign/internal/runner"
	"countersign/internal/script"
	"countersign/internal/simulator"
)

// Options are a try. Kind, Code and Body are required.
type Options struct {
	Kind script.Kind
	// Code is the script, File its name in messages.
	Code, File   string
	Dependencies map[string]string
	Secrets      map[string]string
	// Body is the contract's input (script.Call.Body), Sensitive what must not be repeated in what the script printed.
	Body      json.RawMessage
	Sensitive []string
	// Real lets the script reach the providers; otherwise their hosts are simulated.
	Real bool
	// AllowYoung consents to modules released within the last week.
	AllowYoung bool
	// Launcher is the program that shuts workers in (see countersign.Functions); empty: no isolation.
	Launcher string
	// Isolation is the least that the script may run under; None also asks for none. Empty: what this machine offers.
	Isolation sandbox.Level
	// Registry is where modules come from. Default: npm's own.
	Registry string
	// Timeout bounds the call. Default script.Timeout.
	Timeout  time.Duration
	Progress func(string)
	Log      *slog.Logger
}

// Result is what came of a try.
type Result struct {
	Kind    script.Kind
	Outcome *script.Outcome
	Build   *module.Build
	// BuildTime is how long modules and package took.
	BuildTime time.Duration
	// Messages are what arrived on simulated phones.
	Messages []simulator.Message
	// Isolation is how well the script was shut in. Simulated reports whether the providers' hosts were simulated.
	Isolation sandbox.Level
	Simulated bool
}

// Run builds and runs the script once. Errors are those of module.Builder and of the runner; what the script does wrong is in the Outcome.
func Run(ctx context.Context, o Options) (*Result, error) {
	folder, err := os.MkdirTemp("", "countersign-try-")
	if err != nil {
		return nil, err
	}
	defer hookrun.RemoveAll(folder)
	if err := os.Chmod(folder, 0o755); err != nil {
		return nil, err
	}
	inbox, err := simulator.Open(simulator.Options{Segments: segments})
	if err != nil {
		return nil, err
	}
	defer inbox.Close()
	code, err := newRunner(&o, folder, inbox)
	if err != nil {
		return nil, err
	}
	defer code.Close(context.WithoutCancel(ctx))
	report := code.Report(ctx)
	if report.NodeError != "" {
		return nil, fmt.Errorf("%w: %s", runner.ErrUnavailable, report.NodeError)
	}
	out := &Result{Kind: o.Kind, Isolation: report.Level, Simulated: !o.Real}
	if err := out.build(ctx, &o, code); err != nil {
		return nil, err
	}
	if err := out.call(ctx, &o, code); err != nil {
		return nil, err
	}
	out.Messages = inbox.List(simulator.Filter{})
	return out, nil
}

func newRunner(o *Options, folder string, inbox *simulator.Inbox) (*hookrun.Runner, error) {
	opts := hookrun.Options{Launcher: o.Launcher, Isolation: cmp.Or(o.Isolation, sandbox.None), Cache: folder, Logger: o.Log, MemoryMB: 2048}
	if o.Launcher == "" || o.Isolation == sandbox.None {
		opts.MaxIsolation = sandbox.None
	}
	if !o.Real {
		opts.Local = func(host string, port int) http.Handler {
			if port != 443 {
				return nil
			}
			return inbox.Host(host)
		}
	}
	return hookrun.New(opts)
}

func (r *Result) build(ctx context.Context, o *Options, code *hookrun.Runner) error {
	builder, err := npm.New(npm.Options{Runner: func() (*hookrun.Runner, error) { return code, nil }, Program: o.Launcher, Registry: o.Registry, Logger: o.Log})
	if err != nil {
		return err
	}
	began := time.Now()
	r.Build, err = builder.Build(ctx, &module.Source{Code: o.Code, File: o.File, Rule: o.Kind == script.Rule, Dependencies: o.Dependencies, AllowYoung: o.AllowYoung}, o.Progress)
	r.BuildTime = time.Since(began)
	return err
}

func (r *Result) call(ctx context.Context, o *Options, code *hookrun.Runner) (err error) {
	run := &script.Runner{Code: code, Timeout: o.Timeout}
	unit := script.NewUnit(o.Kind, o.File, r.Build.Artifact)
	c := &script.Call{RequestID: uuid.NewString(), Body: o.Body, Secrets: o.Secrets, Sensitive: o.Sensitive, Cache: "try"}
	if r.Outcome, err = run.Run(ctx, unit, c); err == nil {
		r.Outcome.Hide(c)
	}
	return err
}

func segments(text string) int {
	_, n, _ := message.Segments(text)
	return n
}
