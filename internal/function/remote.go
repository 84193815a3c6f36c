package function

import (
	"context"
	"time"

	"countersign/internal/trigger"
)

// Remote calls functions that are not hosted here (package gateway/awslambda).
type Remote interface {
	// Invoke calls the function and waits at most the timeout. It calls once: nothing is repeated. The errors are
	// fault.ResourceNotFound, fault.AccessDenied, fault.Overloaded (none of which has begun), and what wraps trigger.ErrTimeout or
	// trigger.ErrBroken, and trigger.ErrNotBegun too where the request certainly did not arrive.
	Invoke(ctx context.Context, arn string, payload []byte, timeout time.Duration) (*trigger.Answer, error)
}
