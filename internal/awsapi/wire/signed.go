package wire

import (
	"context"
	"net/http"
	"strings"

	"countersign/internal/access"
	"countersign/internal/sigv4"
)

// Signed is the Authorizer of the product: a SigV4 signature, then the table of package access.
type Signed struct {
	// Verifier checks signatures.
	Verifier *sigv4.Verifier
	// Principal returns the owner of an access key that the Verifier accepted.
	Principal func(ctx context.Context, accessKeyID string) (access.Principal, error)
	// Account is the twelve-digit account of this deployment.
	Account string
}

// Authorize implements Authorizer. Asking who one is needs no grant, but a function, which may decrypt and no more, asks nothing.
func (s *Signed) Authorize(ctx context.Context, r *http.Request, body []byte, service, action, resource string) (Principal, error) {
	p, err := s.Identify(ctx, r, body, service)
	if err != nil {
		return Principal{}, err
	}
	if service != access.STS || action != "GetCallerIdentity" || p.Access.Kind == access.Function {
		if err := access.Allow(p.Access, service, action, AccessResource(service, resource)); err != nil {
			return Principal{}, err
		}
	}
	return p, nil
}

// Identify verifies the signature alone, for facades that must look up what a request names before they can ask for the
// grant. Its errors are Authorize's.
func (s *Signed) Identify(ctx context.Context, r *http.Request, body []byte, service string) (Principal, error) {
	id, err := s.Verifier.Verify(ctx, r, body, service)
	if err != nil {
		return Principal{}, err
	}
	p, err := s.Principal(ctx, id.AccessKeyID)
	if err != nil {
		return Principal{}, err
	}
	return Principal{
		Access: p, AccessKeyID: id.AccessKeyID, Region: id.Region,
		Account: s.Account, UserID: id.AccessKeyID, ARN: userARN(s.Account, id.AccessKeyID, p.Name),
	}, nil
}

// userARN names the holder of an access key: the key's id as the path, since names may be given twice and grants of KMS go by the ARN, and the
// name for people (IAM user guide, "IAM identifiers").
func userARN(account, id, name string) string {
	arn := "arn:aws:iam::" + account + ":user/" + id
	name = strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("+=,.@_-", r)) {
			return r
		}
		return '-'
	}, name)
	if name == "" || name == id {
		return arn
	}
	return arn + "/" + name
}

// AccessResource turns what a request names into what grants speak of: a pool's id or ARN into the pool, a key's id or
// ARN into the key. Other services' resources are no subject of grants.
func AccessResource(service, resource string) access.Resource {
	switch {
	case resource == "":
		return access.Resource{}
	case service == access.KMS:
		return access.OnKey(resource)
	case service == access.Cognito:
		if _, id, ok := strings.Cut(resource, ":userpool/"); ok {
			resource = id
		}
		return access.OnPool(resource)
	}
	return access.Resource{}
}
