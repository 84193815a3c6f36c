package wire

import (
	"context"
	"net/http"

	"countersign/internal/access"
)

// Auth is how the caller of an operation proves itself.
type Auth int

const (
	// AuthIAM: a SigV4 signature and a grant for the operation. The zero value, so that a forgotten class is the
	// strict one.
	AuthIAM Auth = iota
	// AuthNone: the operation checks a client id, a secret hash or the like itself. An Authorization header is ignored.
	AuthNone
	// AuthToken: the AccessToken member of the body.
	AuthToken
	// AuthTokenOrSession: the AccessToken or the Session member of the body.
	AuthTokenOrSession
)

var authNames = [...]string{"IAM", "none", "token", "token or session"}

// String returns the name used in documentation.
func (a Auth) String() string {
	if a < 0 || int(a) >= len(authNames) {
		return "unknown"
	}
	return authNames[a]
}

// Browser reports whether scripts of other origins may call operations of this class.
func (a Auth) Browser() bool { return a == AuthNone || a == AuthToken || a == AuthTokenOrSession }

// Meta is what the API model says about one operation.
type Meta struct {
	// Name is the operation's name, the part of X-Amz-Target after the dot.
	Name string
	Auth Auth
	// NoOutput is set where the model has no output shape. Such operations answer "{}" as well, which every known
	// client accepts.
	NoOutput bool
	// Errors holds the names of the declared exceptions, sorted.
	Errors []string
	// Status overrides the HTTP status of an exception for this operation. Mostly nil.
	Status map[string]int
}

// Def ties an operation's metadata to the types of its input and output, so that a function of other types does not
// compile against it. Generated packages hold one for each operation.
type Def[In, Out any] struct{ Meta }

// Empty is the output of operations that answer "{}".
type Empty struct{}

// Input is what every input type offers by its pointer. Validate reports all violations of the model's constraints.
type Input[T any] interface {
	*T
	Validate(*Violations)
}

// resourcer is implemented by inputs that name what they act upon, for authorisation.
type resourcer interface{ Resource() string }

// Operation is one implemented operation. Make it with Op.
type Operation struct {
	Meta
	run func(ctx context.Context, c *call) (any, error)
}

// call is one request on its way to an operation.
type call struct {
	mux  *Mux
	r    *http.Request
	body []byte
	info *RequestInfo
}

// Op makes an Operation of def and f. f gets an input that was authorised and validated; a nil output means "{}".
func Op[In, Out any, P Input[In]](def Def[In, Out], f func(context.Context, *In) (*Out, error)) Operation {
	return Operation{Meta: def.Meta, run: func(ctx context.Context, c *call) (any, error) {
		in := new(In)
		if err := decode(c.body, in); err != nil {
			return nil, err
		}
		if def.Auth == AuthIAM {
			if err := c.authorize(ctx, def.Name, resourceOf(any(in))); err != nil {
				return nil, err
			}
			ctx = access.With(ctx, c.info.Principal.Access)
		}
		var v Violations
		P(in).Validate(&v)
		if err := v.Err(); err != nil {
			return nil, err
		}
		out, err := f(ctx, in)
		if err != nil {
			return nil, err
		}
		if out == nil {
			return Empty{}, nil
		}
		return out, nil
	}}
}

func resourceOf(in any) string {
	if r, ok := in.(resourcer); ok {
		return r.Resource()
	}
	return ""
}

func (c *call) authorize(ctx context.Context, action, resource string) error {
	p, err := c.mux.authorizer.Authorize(ctx, c.r, c.body, c.mux.service, action, resource)
	if err != nil {
		return err
	}
	c.info.Principal = p
	return nil
}

// Value returns what p points to, or the zero value for nil.
func Value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
