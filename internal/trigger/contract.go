package trigger

import (
	"context"
	"errors"
	"time"

	"countersign/envelope"
)

// Service is the principal that Cognito calls functions as.
const Service = "cognito-idp.amazonaws.com"

// Caller is on whose behalf a function is called: what its resource policy is asked about.
type Caller struct {
	// Service is the service principal. SourceARN is the pool's ARN, SourceAccount its account.
	Service, SourceARN, SourceAccount string
	// Secret is what the payload holds sealed, or empty: it is taken out of what the function prints and throws.
	Secret string
}

// Answer is what a function gave back.
type Answer struct {
	Payload []byte
	// ErrorType and ErrorMessage are the function's own if it threw, else empty.
	ErrorType, ErrorMessage string
	// Begun is set on every answer whose handler had been given the event.
	Begun bool
}

// What Invoke's errors wrap. Both may come with ErrNotBegun.
var (
	// ErrTimeout: the function missed the deadline.
	ErrTimeout = errors.New("trigger: the function timed out")
	// ErrBroken: the function ended without an answer (exit, memory, output too large), could not be started or loaded, or could not be
	// reached.
	ErrBroken = errors.New("trigger: the function broke")
	// ErrNotBegun is wrapped as well if the handler was certainly not given the event: the call may be repeated without doing anything twice.
	ErrNotBegun = errors.New("trigger: the function had not begun")
)

// Functions finds and calls functions (package function). An ARN may name a version or alias, and a function that is not hosted here.
type Functions interface {
	// Permit returns nil if the function exists and its resource policy lets the caller invoke it. Otherwise fault.ResourceNotFound or
	// fault.AccessDenied, whose Hint is the command that mends it. It answers from memory but for the first time.
	Permit(ctx context.Context, arn string, c Caller) error
	// Invoke calls the function and waits. An error means that there is no answer: fault.ResourceNotFound, fault.AccessDenied,
	// fault.Overloaded (none of which has begun), or what wraps ErrTimeout or ErrBroken. A thrown error is an Answer.
	Invoke(ctx context.Context, arn string, c Caller, payload []byte, timeout time.Duration) (*Answer, error)
}

// Keys seals codes (package kms, or AWS KMS).
type Keys interface {
	// Usable returns nil if the key is a symmetric encryption key, enabled, which Cognito may use for the pool. Otherwise
	// fault.ResourceNotFound, fault.KeyDisabled, fault.KeyStateInvalid, fault.KeyUsageWrong or fault.AccessDenied, whose Hint is the command that mends it. It answers from
	// memory for some seconds.
	Usable(ctx context.Context, keyARN, poolARN string) error
	// Keyring makes data keys under the key. Its messages name the key's ARN.
	Keyring(keyARN string) envelope.Keyring
}
