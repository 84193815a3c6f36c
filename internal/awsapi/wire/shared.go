package wire

import (
	"context"
	"errors"
	"net/http"

	"countersign/internal/access"
	"countersign/internal/fault"
)

// What facades of other protocols share with the Mux.

// Decode reads one JSON object into the struct that into points to, by the rules of the awsJson protocols: unknown members are
// ignored, null counts as absent, an empty body as {}. The text of the error may be shown.
func Decode(body []byte, into any) error {
	err := decode(body, into)
	if p, ok := errors.AsType[*protocolError](err); ok {
		return errors.New(p.message)
	}
	return err
}

// HeaderText makes s fit for a header: visible ASCII and spaces, at most 1024 bytes.
func HeaderText(s string) string { return headerText(s) }

// Prechecker is what an Authorizer offers besides for operations with large bodies.
type Prechecker interface {
	// Precheck returns an error if r cannot become an authorised request, whatever its body is: no signature or one that is
	// malformed, too old, of an unknown key or of one without the grant. It proves nothing: Authorize must follow.
	Precheck(ctx context.Context, r *http.Request, service, action, resource string) error
}

// Precheck implements Prechecker.
func (s *Signed) Precheck(ctx context.Context, r *http.Request, service, action, resource string) error {
	id, err := s.Verifier.Claim(r, service)
	if err != nil {
		return err
	}
	p, err := s.Principal(ctx, id.AccessKeyID)
	switch {
	case err != nil:
		return err
	case p.IsZero():
		return fault.New(fault.AccessKeyUnknown)
	}
	return access.Allow(p, service, action, AccessResource(service, resource))
}
