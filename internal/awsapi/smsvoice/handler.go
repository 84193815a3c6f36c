package smsvoice

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"countersign/internal/access"
	"countersign/internal/awsapi/smsvoice/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/origination"
	"countersign/internal/registration"
	"countersign/internal/sandbox"
	"countersign/internal/smsaccount"
	"countersign/phone"
)

const (
	// Service is the signing name of End User Messaging.
	Service = access.SMSVoice
	// TargetPrefix is the part of X-Amz-Target before the operation.
	TargetPrefix = "PinpointSMSVoiceV2"
	// ContentType is that of awsJson1_0.
	ContentType = "application/x-amz-json-1.0"
)

// Config says what the API stands on.
type Config struct {
	// Authorizer proves callers and asks for their grants. Required.
	Authorizer wire.Authorizer
	// SMS, Sandbox and Originations are required. Registrations may be nil: none are listed.
	SMS           *smsaccount.Service
	Sandbox       *sandbox.Service
	Originations  *origination.Service
	Registrations *registration.Service
	// Account is the deployment's twelve digits, for ARNs.
	Account string
	// Pages seals tokens of lists; all nodes must share its key. Defaults to a key that lives as long as the process.
	Pages *wire.PageTokens
	// Dev adds hints to errors.
	Dev bool
	// ClientIP tells the caller's address. Defaults to wire.RemoteIP.
	ClientIP func(*http.Request) netip.Addr
	// Log gets internal errors. Defaults to slog.Default().
	Log *slog.Logger
	// Now defaults to time.Now.
	Now func() time.Time
	// Observe is called after each answer, if set. It must not block.
	Observe func(context.Context, wire.Event)
}

// New returns the API's handler, for POST / with X-Amz-Target.
func New(c Config) (*wire.Mux, error) {
	if c.SMS == nil || c.Sandbox == nil || c.Originations == nil {
		return nil, errors.New("smsvoice: Config.SMS, Sandbox and Originations are required")
	}
	if c.Pages == nil {
		c.Pages = wire.EphemeralPageTokens()
	}
	f := &facade{Config: c}
	return wire.New(wire.Config{
		Service: Service, TargetPrefix: TargetPrefix, ContentType: ContentType, Known: api.Operations, Operations: f.operations(), Authorizer: c.Authorizer,
		Errors: Errors(), ErrorOf: errorOf, Dev: c.Dev, Observe: c.Observe, ClientIP: c.ClientIP, Log: c.Log, Now: c.Now,
	})
}

// facade holds what operations need.
type facade struct{ Config }

// operations is the table of what is implemented.
func (f *facade) operations() []wire.Operation {
	return slices.Concat(f.numberOperations(), f.senderOperations(), f.destinationOperations(), f.optOutOperations(), f.accountOperations(), f.sendOperations())
}

// arn returns the name of a resource in the caller's region: "opt-out-list/Default".
func (f *facade) arn(ctx context.Context, resource string) *string {
	return new("arn:aws:sms-voice:" + wire.Info(ctx).Principal.Region + ":" + f.Account + ":" + resource)
}

// named returns what an id or ARN of a kind of resource names, without the ARN around it.
func named(kind, idOrARN string) string {
	if !strings.HasPrefix(idOrARN, "arn:") {
		return idOrARN
	}
	if _, id, ok := strings.Cut(idOrARN, ":"+kind+"/"); ok {
		return id
	}
	return idOrARN
}

// number reads a phone number, which clients may write without the plus sign.
func number(member, s string) (phone.Number, error) {
	n, err := phone.Parse("+" + strings.TrimPrefix(s, "+"))
	if err != nil {
		return phone.Number{}, fault.Invalidf(member, "The phone number must be in E.164 form")
	}
	return n, nil
}

// tags returns tags as the domain has them.
func tags(list []api.Tag) map[string]string {
	if len(list) == 0 {
		return nil
	}
	out := make(map[string]string, len(list))
	for _, t := range list {
		out[wire.Value(t.Key)] = wire.Value(t.Value)
	}
	return out
}
