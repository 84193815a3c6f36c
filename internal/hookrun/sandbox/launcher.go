package sandbox

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// childMark is the argument that makes the executable a launcher. Typed by hand it does nothing: Child wants a control socket.
const childMark = "--countersign-sandbox-child"

// startTimeout bounds the time from clone to execve.
const startTimeout = 20 * time.Second

// Launcher starts processes. It is safe for concurrent use.
type Launcher struct {
	path    string
	report  Report
	machine machine
}

// New finds out what this machine offers by starting path, an executable whose main calls Child (os.Executable() of the server), in
// every layer there is. It takes some hundredths of a second, more where layers are missing. A machine without layers is not an error but a
// Report, and so is an executable that cannot be started or does not call Child. Errors: ctx has ended.
func New(ctx context.Context, path string) (*Launcher, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	l := &Launcher{path: path}
	if err := l.probe(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// Report says what New found.
func (l *Launcher) Report() Report {
	return Report{Level: l.report.Level, Missing: slices.Clone(l.report.Missing)}
}

// Start runs a program. ctx bounds the start alone; the process lives until it ends, Kill, or the end of the server.
// Errors: ErrLevel; else the program could not be started, and nothing is left of it.
func (l *Launcher) Start(ctx context.Context, spec Spec) (*Process, error) {
	if err := spec.validate(); err != nil {
		return nil, err
	}
	spec.Limits = spec.Limits.withDefaults()
	level := l.report.Level
	if spec.Max != "" && level.rank() > spec.Max.rank() {
		level = spec.Max
	}
	if level.rank() == 0 {
		return nil, fmt.Errorf("sandbox: unknown level %q", level)
	}
	if !level.AtLeast(spec.Want) {
		return nil, fmt.Errorf("%w: %s is wanted, %s is what there is", ErrLevel, spec.Want, level)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if level == None {
		return startPlain(ctx, &spec)
	}
	return l.startChild(ctx, &spec, level)
}
