package function

import (
	"encoding/json"
	"time"

	"countersign/internal/runner"
)

// Settings is a configuration in clear (Lambda API reference, FunctionConfiguration).
type Settings struct {
	Description string `json:"description,omitempty"`
	// Handler is "file.export" for Node (folder/file.export, too), anything for a program.
	Handler string `json:"handler,omitempty"`
	// Role is kept and shown; nothing is allowed or refused by it.
	Role    string `json:"role,omitempty"`
	Runtime string `json:"runtime"`
	// Architecture is x86_64 (default) or arm64.
	Architecture string `json:"architecture"`
	// MemoryMB is 128 (default) to Limits.MemoryMB, TimeoutSeconds 1 to 900 (default 3), EphemeralMB 512 (default) to 10240: kept and shown only.
	MemoryMB       int `json:"memory_mb"`
	TimeoutSeconds int `json:"timeout_seconds"`
	EphemeralMB    int `json:"ephemeral_mb"`
	// Extra holds members of the API that are only kept and shown (TracingConfig ...), at most 8 KiB. It must not hold a secret.
	Extra json.RawMessage `json:"extra,omitempty"`
}

// Create is a function to be made.
type Create struct {
	Region, Name string
	Settings     Settings
	Env          map[string]string
	// Package is the zip.
	Package []byte
	Tags    map[string]string
	// Publish makes version 1 at once.
	Publish bool
}

// Info is $LATEST or a published version, as it may be shown. It does not hold the environment; see Service.Env.
type Info struct {
	// ID is the function's own, which a function made anew under the same name does not share.
	ID           string
	Region, Name string
	// ARN is the one asked for: qualified if the question was.
	ARN string
	// Version is "$LATEST" or a number.
	Version  string
	Settings Settings
	HasEnv   bool
	// Artifact is the package's SHA-256 in hex, CodeSHA256 the same in base64, CodeSize its length in bytes.
	Artifact, CodeSHA256 string
	CodeSize             int64
	// Revision changes with each change of code or configuration.
	Revision              string
	CreatedAt, ModifiedAt time.Time
	// Tags and Reserved (reserved concurrency, nil for none) belong to the function, whatever version was asked for.
	Tags     map[string]string
	Reserved *int
	// Unavailable says why the function cannot run on this node, empty if it can. Notes are warnings: another Node version than
	// the one asked for, a handler that is not in the package.
	Unavailable string
	Notes       []string
}

// CodeUpdate is new code for $LATEST.
type CodeUpdate struct {
	Package []byte
	// Architecture is empty for unchanged.
	Architecture string
	// DryRun checks and changes nothing.
	Publish, DryRun bool
	// Revision, if not empty, must be the current one.
	Revision string
}

// SettingsUpdate changes the configuration of $LATEST; nil is unchanged.
type SettingsUpdate struct {
	Description, Handler, Role, Runtime   *string
	MemoryMB, TimeoutSeconds, EphemeralMB *int
	// Env replaces the whole environment.
	Env   *map[string]string
	Extra json.RawMessage
	// Revision, if not empty, must be the current one.
	Revision string
}

// Publish makes a version of $LATEST.
type Publish struct {
	// CodeSHA256 (base64) and Revision, if not empty, must be those of $LATEST.
	CodeSHA256, Revision string
	// Description replaces that of $LATEST unless nil.
	Description *string
}

// Permission is a statement of a resource policy as AddPermission takes it.
type Permission struct {
	StatementID         string `json:"sid"`
	Action              string `json:"action"`
	Principal           string `json:"principal"`
	SourceARN           string `json:"source_arn,omitempty"`
	SourceAccount       string `json:"source_account,omitempty"`
	PrincipalOrgID      string `json:"org,omitempty"`
	EventSourceToken    string `json:"token,omitempty"`
	FunctionURLAuthType string `json:"url_auth,omitempty"`
	// InvokedViaFunctionURL is kept and shown. A statement with it never permits a trigger.
	InvokedViaFunctionURL *bool `json:"via_url,omitempty"`
	// Revision, if not empty, must be the policy's current one (or that of $LATEST).
	Revision string `json:"-"`
}

// Alias names a version.
type Alias struct {
	Region, Function, Name, ARN string
	// Version is a number or "$LATEST".
	Version, Description string
	// Weights sends a share (0 to 1) of the calls to one other version; see AliasRoutingConfiguration in the API reference.
	Weights map[string]float64
	// Revision changes with each change. In CreateAlias it is ignored.
	Revision string
}

// AliasUpdate changes an alias; nil is unchanged.
type AliasUpdate struct {
	Version, Description *string
	// Weights replaces the routing; a pointer to an empty map ends it.
	Weights *map[string]float64
	// Revision, if not empty, must be the current one.
	Revision string
}

// Call is an invocation whose right was checked by the caller: no resource policy is asked.
type Call struct {
	// Payload is a JSON value of at most 6 MiB; empty means {}.
	Payload []byte
	// ClientContext is passed on as it is, or empty.
	ClientContext string
	// RequestID is a UUID; empty: one is made.
	RequestID string
	// Masked takes secrets of the environment out of what the function throws and prints, and digits out of what it prints: for callers who
	// may call it, and may not read its secrets.
	Masked bool
}

// CallResult is the end of a call that reached the code.
type CallResult struct {
	Result *runner.Result
	// Version is the one that ran: "$LATEST" or a number.
	Version   string
	RequestID string
}

// Mode is how a call came about.
type Mode string

// The modes.
const (
	// Request waits for the answer, Event does not, Trigger is a pool's.
	Request Mode = "request"
	Event   Mode = "event"
	Trigger Mode = "trigger"
)

// Invocation is one finished call, for metrics. It holds nothing of what was said.
type Invocation struct {
	Region, Function, Version string
	Mode                      Mode
	// Outcome is "ok", a runner.Reason, "busy", "unavailable", "cancelled" or "error".
	Outcome string
	// Cold is set if the call had to start a worker, which took Init; Duration is the handler's time.
	Cold           bool
	Init, Duration time.Duration
	// MemoryMB is the worker's peak so far, 0 if unknown.
	MemoryMB int
}
