package sns

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"countersign/internal/access"
	"countersign/internal/awsapi/query"
	"countersign/internal/awsapi/sns/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/origination"
	"countersign/internal/sandbox"
	"countersign/internal/smsaccount"
	"countersign/phone"
)

// Service is the signing name of SNS.
const Service = access.SNS

// Account is what the API needs of *smsaccount.Service.
type Account interface {
	Send(ctx context.Context, m smsaccount.Message) (id string, err error)
	Attributes(ctx context.Context) (map[string]string, error)
	SetAttributes(ctx context.Context, attributes map[string]string) error
	IsOptedOut(ctx context.Context, n phone.Number) (bool, error)
	OptedOut(ctx context.Context, q smsaccount.OptOutQuery) (list []smsaccount.OptedOut, next string, err error)
	OptIn(ctx context.Context, list string, n phone.Number) (smsaccount.OptedOut, error)
}

// Sandbox is what the API needs of *sandbox.Service.
type Sandbox interface {
	Enabled(ctx context.Context) (bool, error)
	Add(ctx context.Context, n phone.Number, language string) (sandbox.Number, error)
	Verify(ctx context.Context, ref, code string) (sandbox.Number, error)
	Remove(ctx context.Context, ref string) (sandbox.Number, error)
	Numbers(ctx context.Context, q sandbox.Query) (list []sandbox.Number, next string, err error)
}

// Originations is what the API needs of *origination.Service.
type Originations interface {
	List(ctx context.Context, q origination.Query) (list []origination.Identity, next string, err error)
}

// Config says what the API stands on.
type Config struct {
	// Authorizer decides on every call. Required.
	Authorizer wire.Authorizer
	// Account, Sandbox and Originations are the domain. Required.
	Account      Account
	Sandbox      Sandbox
	Originations Originations
	// Pages seals page tokens; all nodes must share its key. Defaults to a key that lives as long as the process.
	Pages *wire.PageTokens
	// Dev adds hints to errors.
	Dev bool
	// Log gets internal errors. Defaults to slog.Default().
	Log *slog.Logger
	// Now defaults to time.Now.
	Now func() time.Time
	// Observe is called after each answer, if set. It must not block.
	Observe func(context.Context, wire.Event)
	// ClientIP tells the caller's address. Defaults to wire.RemoteIP.
	ClientIP func(*http.Request) netip.Addr
}

// New returns the API's handler, for POST / with a form.
func New(c Config) (http.Handler, error) {
	if c.Pages == nil {
		c.Pages = wire.EphemeralPageTokens()
	}
	f := &facade{account: c.Account, sandbox: c.Sandbox, originations: c.Originations, pages: c.Pages}
	return query.New(query.Config{
		Service: Service, Version: api.Version, Namespace: api.Namespace, Known: api.Operations, Operations: f.operations(),
		Authorizer: c.Authorizer, Exceptions: api.Exceptions, Errors: Errors(), ErrorOf: errorOf,
		Dev: c.Dev, Log: c.Log, Now: c.Now, Observe: c.Observe, ClientIP: c.ClientIP,
	})
}

// facade holds what operations need.
type facade struct {
	account      Account
	sandbox      Sandbox
	originations Originations
	pages        *wire.PageTokens
}

// operations is the table of what is implemented.
func (f *facade) operations() []query.Operation {
	return slices.Concat(f.messageOperations(), f.optOutOperations(), f.sandboxOperations())
}

// cursor opens a page token of an operation: "" for none.
func (f *facade) cursor(operation string, token *string) (string, error) {
	if wire.Value(token) == "" {
		return "", nil
	}
	b, err := f.pages.Open(wire.PageScope{Operation: Service + ":" + operation}, *token)
	return string(b), err
}

// token seals where the next page of an operation begins: nil for nowhere.
func (f *facade) token(operation, next string) (*string, error) {
	if next == "" {
		return nil, nil
	}
	t, err := f.pages.Seal(wire.PageScope{Operation: Service + ":" + operation}, []byte(next))
	return &t, err
}
