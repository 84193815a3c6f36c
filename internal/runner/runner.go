package runner

import (
	"context"
	"errors"
	"io"
	"time"
)

// Code is what is to be run: one package with one configuration and one environment.
type Code struct {
	// ID names exactly this code and configuration; a change of either is another ID.
	ID string
	// Name is for people and logs, ARN what the code is told it is, Version "$LATEST" or a number.
	Name, ARN, Version string
	// Runtime is "nodejs20.x" and the like, or "provided.al2023" for a program named bootstrap.
	Runtime string
	// Handler is "file.export" for Node, the kind of a script (script.Kind); whatever it says is passed on to a program.
	Handler string
	// Contract is how the code is called: "" for a Lambda handler, Script for scripts of package script.
	Contract string
	// Artifact is the package's SHA-256 in hex; Open returns it as a zip archive, for a node that has not unpacked it yet.
	Artifact string
	Open     func(ctx context.Context) (Package, error)
	// Env is the whole environment, besides what the Lambda runtime defines (AWS_LAMBDA_*, _HANDLER, LAMBDA_TASK_ROOT ...).
	Env map[string]string
	// MemoryMB bounds a worker's memory. Timeout bounds a call; the deadline of a Call may be earlier.
	MemoryMB int
	Timeout  time.Duration
	// Workers bounds the workers of this code on this node. Defaults to 4.
	Workers int
	// Calls is how many calls a worker takes at once. Defaults to 1, as on Lambda.
	Calls int
}

// Script is the Contract of hooks, actions and rules.
const Script = "script"

// Package is an opened zip archive.
type Package interface {
	io.ReaderAt
	Size() int64
	Close() error
}

// Call is one invocation.
type Call struct {
	// RequestID is a UUID. Payload is the event, a JSON value.
	RequestID string
	Payload   []byte
	// Deadline is when the caller stops waiting; zero: Code.Timeout from when the code begins. Begin is when it is too late to begin (ErrBusy then);
	// zero: Deadline.
	Deadline, Begin time.Time
	// ClientContext is passed on as it is (Lambda-Runtime-Client-Context), or empty.
	ClientContext string
}

// Reason is why code did not answer.
type Reason string

const (
	// Thrown: the handler threw or rejected. Init: it could not be loaded. Timeout: it missed the deadline.
	Thrown  Reason = "thrown"
	Init    Reason = "init"
	Timeout Reason = "timeout"
	// Exit: the process ended. Memory: it was ended for its memory. Output: its answer or log was too large.
	Exit   Reason = "exit"
	Memory Reason = "memory"
	Output Reason = "output"
)

// Error is what became of code that did not answer.
type Error struct {
	Reason Reason
	// Type and Message are the code's own (errorType, errorMessage), or Lambda's words for the reason (Runtime.ExitError,
	// "Task timed out after 3.00 seconds"). They are foreign text: never shown to whoever signs in but where a trigger's contract says so.
	Type, Message string
	Trace         []string
	// Begun reports whether the handler had been given the event: it may have done its work.
	Begun bool
}

func (e *Error) Error() string { return string(e.Reason) + ": " + e.Type + ": " + e.Message }

// Result is the end of a call.
type Result struct {
	// Payload is the answer: any JSON value, null for nothing.
	Payload []byte
	Error   *Error
	// Log is the end of what the worker wrote during the call, at most 4 KiB.
	Log []byte
	// Duration is the handler's time; Init the time to start the worker if this call had to, else zero.
	Duration, Init time.Duration
	// MaxMemoryMB is the worker's peak so far, 0 if unknown.
	MaxMemoryMB int
}

var (
	// ErrBusy: all workers are at work and as many calls wait as may.
	ErrBusy = errors.New("runner: too many calls")
	// ErrUnavailable is wrapped when the code cannot be run here at all (runtime missing, isolation missing, package unreadable).
	ErrUnavailable = errors.New("runner: cannot run")
)

// Runner executes code. It is safe for concurrent use.
type Runner interface {
	// Run gives the call to a worker and waits for its end. If ctx ends first, the call is abandoned as if its deadline had come.
	Run(ctx context.Context, code *Code, call *Call) (*Result, error)
	// Forget ends the workers of a code, after the calls that they have at hand.
	Forget(codeID string)
	// Check returns nil if code of the runtime can be run here; an error that wraps ErrUnavailable says why not. note is a warning for
	// people (another Node version than the one asked for), or empty.
	Check(runtime string) (note string, err error)
}
