package wire

import (
	"context"
	"net/http"
	"net/netip"

	"countersign/internal/access"
)

// Principal is the proven caller of an operation of class IAM.
type Principal struct {
	// Access is who this is to package access, with its grants. An operation finds it by access.From as well.
	Access access.Principal
	// AccessKeyID is the public part of the key pair.
	AccessKeyID string
	// Account is the twelve-digit account, ARN and UserID the identity as STS reports it.
	Account, ARN, UserID string
	// Region is the region that the call was signed for ("us-local-1").
	Region string
}

// Authorizer decides who calls and whether they may.
//
// Authorize verifies the signature of r over body for service ("cognito-idp") and that its owner may perform action
// ("AdminGetUser") on resource: what the request names (a user pool id or an ARN), empty where it names nothing.
// Errors are *fault.Error with Unauthenticated, SignatureWrong, AccessKeyUnknown or AccessDenied. Implementations
// must not keep body after they return, and are called by many goroutines at once.
type Authorizer interface {
	Authorize(ctx context.Context, r *http.Request, body []byte, service, action, resource string) (Principal, error)
}

// RequestInfo is what is known of a request beside its input.
type RequestInfo struct {
	// ID is the UUID answered as x-amzn-requestid.
	ID string
	// Operation is the operation's name.
	Operation string
	// Host is the Host header as it came.
	Host string
	// ClientIP is the caller's address; forwarded headers count only if Config.ClientIP says so.
	ClientIP netip.Addr
	// UserAgent is the User-Agent header, at most 512 bytes.
	UserAgent string
	// InvocationID is the amz-sdk-invocation-id header, the same for all retries of one SDK call. At most 128 bytes,
	// empty if absent; chosen by the caller, so not a secret and not unique.
	InvocationID string
	// Language is the Accept-Language header, at most 128 bytes.
	Language string
	// Principal is set for operations of class IAM.
	Principal Principal
}

type infoKey struct{}

// Info returns the request's info, the zero value outside a request.
func Info(ctx context.Context) RequestInfo {
	if p, ok := ctx.Value(infoKey{}).(*RequestInfo); ok {
		return *p
	}
	return RequestInfo{}
}

// WithInfo returns a context that carries info, for tests of operations and for callers inside the process.
func WithInfo(ctx context.Context, info RequestInfo) context.Context {
	return context.WithValue(ctx, infoKey{}, &info)
}

const (
	maxUserAgent    = 512
	maxInvocationID = 128
	maxLanguage     = 128
)

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// RemoteIP returns the address of the connection's other end. The default of Config.ClientIP.
func RemoteIP(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}
