package kms

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"countersign/internal/access"
	"countersign/internal/awsapi/kms/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/kms"
)

const (
	// Service is the signing name of KMS.
	Service = "kms"
	// TargetPrefix is the part of X-Amz-Target before the operation.
	TargetPrefix = "TrentService"
)

// Identifier proves who calls, without asking what they may do (*wire.Signed).
//
// Identify verifies the signature of r over body for service. Its errors are those of wire.Authorizer without AccessDenied.
// Implementations must not keep body after they return, and are called by many goroutines at once.
type Identifier interface {
	Identify(ctx context.Context, r *http.Request, body []byte, service string) (wire.Principal, error)
}

// Config says what the API stands on.
type Config struct {
	// ClientIP tells the caller's address. Defaults to wire.RemoteIP.
	ClientIP func(*http.Request) netip.Addr
	// Dev adds hints to errors.
	Dev bool
	// Identifier proves callers. Required.
	Identifier Identifier
	// Keys holds the keys. Required.
	Keys *kms.Service
	// Log gets internal errors. Defaults to slog.Default().
	Log *slog.Logger
	// Now defaults to time.Now.
	Now func() time.Time
	// Observe is called after each answer, if set. It must not block.
	Observe func(context.Context, wire.Event)
	// Pages seals markers; all nodes must share its key. Defaults to a key that lives as long as the process.
	Pages *wire.PageTokens
}

// New returns the API's handler, for POST / with X-Amz-Target.
func New(c Config) (*wire.Mux, error) {
	if c.Pages == nil {
		c.Pages = wire.EphemeralPageTokens()
	}
	f := &facade{keys: c.Keys, pages: c.Pages}
	return wire.New(wire.Config{
		Service: Service, TargetPrefix: TargetPrefix, Known: api.Operations, Operations: f.operations(), Authorizer: identified{c.Identifier},
		Errors: Errors(), ErrorOf: errorOf, Dev: c.Dev, Observe: c.Observe, ClientIP: c.ClientIP, Log: c.Log, Now: c.Now,
	})
}

// identified lets everybody in whose signature is right. The grant is asked for when the key is known: see enter.go.
type identified struct{ Identifier }

// Authorize implements wire.Authorizer.
func (i identified) Authorize(ctx context.Context, r *http.Request, body []byte, service, action, _ string) (wire.Principal, error) {
	p, err := i.Identify(ctx, r, body, service)
	if err != nil {
		return wire.Principal{}, err
	}
	if p.Access.Kind == access.Function && action != access.KMSDecrypt {
		return wire.Principal{}, fault.New(fault.AccessDenied).WithPublic("Functions may call Decrypt alone").
			WithHint("give the function credentials of its own in its environment variables: countersign keys create")
	}
	return p, nil
}

// facade holds what operations need.
type facade struct {
	keys  *kms.Service
	pages *wire.PageTokens
}

// operations is the table of what is implemented, and of what each operation needs the caller's grant for.
func (f *facade) operations() []wire.Operation {
	return slices.Concat(f.keyOperations(), f.dataOperations(), f.namingOperations(), f.grantOperations(), f.signOperations())
}
