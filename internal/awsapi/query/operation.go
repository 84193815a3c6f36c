package query

import (
	"context"

	"countersign/internal/awsapi/wire"
)

// Def ties an operation's metadata to the types of its input and output. Generated packages hold one for each operation.
type Def[In, Out any] struct {
	wire.Meta
	// Result is the element around the output's members ("PublishResult"); empty where the model has no output.
	Result string
}

// Exception is what the model says of a declared exception.
type Exception struct {
	// Code is its name on the wire ("InvalidParameter"), which mostly lacks the suffix that clients add.
	Code string
	// Status is the HTTP status.
	Status int
}

// Operation is one implemented operation. Make it with Op.
type Operation struct {
	wire.Meta
	result string
	run    func(ctx context.Context, form *node) (any, error)
}

// Op makes an Operation of def and f. f gets an input that was authorised and validated; a nil output means an empty result. The types' members
// have tags as the package comment says; Op panics if a type has a member that the protocol cannot carry, so that a program with one does not start.
func Op[In, Out any, P wire.Input[In]](def Def[In, Out], f func(context.Context, *In) (*Out, error)) Operation {
	mustCarry[In]()
	mustCarry[Out]()
	return Operation{Meta: def.Meta, result: def.Result, run: func(ctx context.Context, form *node) (any, error) {
		in := new(In)
		if err := decode(form, in); err != nil {
			return nil, err
		}
		var v wire.Violations
		P(in).Validate(&v)
		if err := v.Err(); err != nil {
			return nil, err
		}
		out, err := f(ctx, in)
		if err != nil || out == nil {
			return nil, err
		}
		return out, nil
	}}
}
