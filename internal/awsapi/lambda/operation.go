package lambda

import (
	"context"
	"net/http"

	"countersign/internal/awsapi/lambda/api"
	"countersign/internal/awsapi/wire"
)

// operation is one implemented operation. Make it with op.
type operation struct {
	api.Route
	// maxBody bounds the body in bytes; 0 is defaultBody. zipPath is where the body holds a package, if it does.
	maxBody int64
	zipPath []string
	run     func(ctx context.Context, c *call) (*result, error)
}

// call is one request on its way to an operation.
type call struct {
	h    *Handler
	r    *http.Request
	info *wire.RequestInfo
	source
}

// op ties an operation of the model to its implementation, which gets an input that was authorised and validated.
func op[In, Out any, P wire.Input[In]](def api.Def[In, Out], f func(context.Context, *In) (*Out, error)) operation {
	o := operation{Route: def.Route}
	hasPayload := payload(def.Input)
	o.run = func(ctx context.Context, c *call) (*result, error) {
		in := new(In)
		if !hasPayload {
			if err := wire.Decode(c.body, in); err != nil {
				return nil, &protocolError{badContent, "Could not parse request body into json: " + err.Error()}
			}
		}
		return finish(ctx, c, &o, P(in), func() (*Out, error) { return f(ctx, in) })
	}
	return o
}

// upload is op for an operation whose body holds a package at path; zip is where the input keeps it.
func upload[In, Out any, P wire.Input[In]](def api.Def[In, Out], path []string, zip func(*In) *[]byte, f func(context.Context, *In) (*Out, error)) operation {
	o := operation{Route: def.Route, maxBody: maxUpload, zipPath: path}
	o.run = func(ctx context.Context, c *call) (*result, error) {
		rest, content, err := takeZip(c.body, path...)
		if err != nil {
			return nil, err
		}
		c.body = nil // the encoded package is not needed any more
		in := new(In)
		if err := wire.Decode(rest, in); err != nil {
			return nil, &protocolError{badContent, "Could not parse request body into json: " + err.Error()}
		}
		if content != nil {
			if p := zip(in); p != nil {
				*p = content
			}
		}
		return finish(ctx, c, &o, P(in), func() (*Out, error) { return f(ctx, in) })
	}
	return o
}

// finish fills what is not in the body, validates and calls.
func finish[Out any](ctx context.Context, c *call, o *operation, in interface{ Validate(*wire.Violations) }, f func() (*Out, error)) (*result, error) {
	if err := c.fill(o.Input, in); err != nil {
		return nil, err
	}
	var v wire.Violations
	in.Validate(&v)
	if err := v.Err(); err != nil {
		return nil, err
	}
	out, err := f()
	if err != nil {
		return nil, err
	}
	if out == nil {
		return &result{status: o.Status, out: wire.Empty{}}, nil
	}
	return divide(o.Route, out), nil
}

func payload(fields []api.Field) bool {
	for _, f := range fields {
		if f.In == api.InPayload {
			return true
		}
	}
	return false
}
