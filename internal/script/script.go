package script

import (
	"context"
	"encoding/json"
	"time"

	"countersign/internal/runner"
)

// Kind is a contract.
type Kind string

// The contracts. Hook is module.exports = function (recipient, text, context, cb), Rule is function (user, context, callback), the others are
// actions: exports.onExecute… = async (event, api).
const (
	Hook                Kind = "hook"
	SendPhoneMessage    Kind = "send-phone-message"
	CustomPhoneProvider Kind = "custom-phone-provider"
	PostLogin           Kind = "post-login"
	Rule                Kind = "rule"
)

// Timeout is the limit of one execution (20 s for hooks and for each trigger of actions).
const Timeout = 20 * time.Second

// Unit is code that can be run.
type Unit struct {
	// ID names exactly this package and kind; Name is for people and logs.
	ID, Name string
	Kind     Kind
	// Artifact is the package's SHA-256 in hex, Open returns it.
	Artifact string
	Open     func(ctx context.Context) (runner.Package, error)
	// Node is the runtime asked for ("nodejs20.x"); empty: any.
	Node string
}

// Call is one execution.
type Call struct {
	// RequestID is a UUID. Body is the contract's input: {"recipient","text","context"} for a Hook, the event for an action, {"user","context"} for a Rule.
	RequestID string
	Body      json.RawMessage
	// Secrets are given as context.webtask.secrets, event.secrets or (for a Rule) configuration.
	Secrets map[string]string
	// Headers are what a Hook sees as context.webtask.headers, in lower case. Authorization, which a Hook with the secret auth0-extension-secret asks
	// for, is added unless it is there.
	Headers map[string]string
	// Sensitive is taken out of Console, Requests and errors, besides Secrets: the code, the destination.
	Sensitive []string
	// Deadline is when the caller stops waiting; zero: Timeout from when the code begins.
	Deadline time.Time
	// Cache names the cache that api.cache works on ("<pool>/<trigger>"); empty: none.
	Cache string
}

// Failure names why code did not succeed.
type Failure string

const (
	// Refused: the code said so itself: cb(error), a throw or rejection of an action. It is an answer of the contract.
	Refused Failure = "Refused"
	// Threw: a hook or rule threw. Rejected: it returned a promise that was rejected. Invalid: it exports no function. TimedOut: no answer in time.
	Threw    Failure = "HookThrew"
	Rejected Failure = "HookRejected"
	Invalid  Failure = "HookInvalid"
	TimedOut Failure = "HookTimeout"
	// Crashed: the process ended, ran out of memory or wrote too much.
	Crashed Failure = "HookCrashed"
	// Unloadable: the code cannot be compiled or loaded.
	Unloadable Failure = "HookUnloadable"
)

// Error is what code failed with. Message and Stack are foreign text, cleaned of what is sensitive.
type Error struct {
	Failure Failure
	// Name, Code and Status are the error's own (name, code, statusCode), as far as there are any.
	Name    string
	Message string
	Code    string
	Status  int
	Stack   string
}

func (e *Error) Error() string { return string(e.Failure) + ": " + e.Message }

// Request is an outgoing request that the code made.
type Request struct {
	Method string `json:"method"`
	Host   string `json:"host"`
	// Path is without its query, cut to 200 characters. Status is 0 if there was no answer, Error then says why.
	Path     string        `json:"path"`
	Status   int           `json:"status,omitempty"`
	Error    string        `json:"error,omitempty"`
	Duration time.Duration `json:"duration"`
}

// Command is a call of an action's api, in order: "notification.drop" and "notification.retry" with their reason (the last one counts),
// "multifactor.enable", "access.deny", "idToken.setCustomClaim" and so on, with their arguments.
type Command struct {
	Name string            `json:"name"`
	Args []json.RawMessage `json:"args,omitempty"`
}

// Outcome is what came of a call.
type Outcome struct {
	// Envelope is a Hook's answer as its platform gave it (auth0-ext-compilers), null for others.
	Envelope json.RawMessage
	// Error is nil if the code succeeded.
	Error *Error
	// Data is what a Hook gave its callback, or the {"user","context"} that a Rule gave.
	Data     json.RawMessage
	Commands []Command
	// Console is what the code printed, 64 KiB at most.
	Console  string
	Requests []Request
	// Warnings are sentences: a second callback, an error that could not be serialised, undefined secrets that were read.
	Warnings []string
	// Begun reports whether the code may have done its work.
	Begun          bool
	Duration, Init time.Duration
}

// Runner runs units. It is safe for concurrent use.
type Runner struct {
	// Code is required. MemoryMB bounds a worker, default 256. Workers bounds the workers of one unit, default 4; each takes 16 calls at once.
	Code     runner.Runner
	MemoryMB int
	Workers  int
	// Timeout is the limit of one execution. Default: the constant Timeout.
	Timeout time.Duration
	// Now defaults to time.Now.
	Now func() time.Time

	caches caches
}
