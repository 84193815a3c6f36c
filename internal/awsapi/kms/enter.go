package kms

import (
	"context"

	"countersign/internal/access"
	"countersign/internal/awsapi/kms/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/kms"
)

// free makes an operation that names no key: the caller needs its grant for all keys.
func free[In, Out any, P wire.Input[In]](def wire.Def[In, Out], run func(context.Context, kms.Caller, *In) (*Out, error)) wire.Operation {
	return wire.Op[In, Out, P](def, func(ctx context.Context, in *In) (*Out, error) {
		if err := access.Allow(access.From(ctx), access.KMS, def.Name, access.Resource{}); err != nil {
			return nil, err
		}
		return run(ctx, caller(ctx, nil), in)
	})
}

// onKey makes an operation on the key that name returns of its input: the caller needs its grant for that key. run gets the
// key's ARN, and must use nothing else to find it.
func onKey[In, Out any, P wire.Input[In]](f *facade, def wire.Def[In, Out], name func(*In) *string,
	run func(context.Context, kms.Caller, string, *In) (*Out, error)) wire.Operation {
	return wire.Op[In, Out, P](def, func(ctx context.Context, in *In) (*Out, error) {
		c, u := caller(ctx, nil), use{action: def.Name, name: wire.Value(name(in))}
		if def.Name == api.OpDescribeKey.Name {
			u.granted = def.Name // the one of these that grants of KMS can lend
		}
		arn, err := f.mayUse(ctx, c, u)
		if err != nil {
			return nil, err
		}
		return run(ctx, c, arn, in)
	})
}

// caller is who sent a request. tokens are the request's grant tokens, if it has any.
func caller(ctx context.Context, tokens []string) kms.Caller {
	p := wire.Info(ctx).Principal
	c := kms.Caller{ID: p.AccessKeyID, ARN: p.ARN, Region: p.Region, GrantTokens: tokens}
	if p.Access.Kind == access.Function {
		c.Function, c.ARN = p.Access.ID, p.Access.ID
	}
	return c
}

// use is what somebody is about to do with a key.
type use struct {
	// action is the operation's name, as grants of package access say it; name the key, as the request says it.
	action, name string
	// granted is the operation as grants of KMS say it; empty where these do not count. context is the call's encryption
	// context, which they may demand.
	granted string
	context map[string]string
}

// mayUse returns the ARN of the key that u names, if the caller may do this to it. Who may not learns nothing: an unknown
// key is denied like a foreign one, unless the caller's grant covers the name as it stands.
func (f *facade) mayUse(ctx context.Context, c kms.Caller, u use) (string, error) {
	k, err := f.keys.Resolve(ctx, c.Region, u.name)
	if fault.CodeOf(err) == fault.ResourceNotFound {
		if denied := access.Allow(access.From(ctx), access.KMS, u.action, access.OnKey(u.name)); denied != nil {
			return "", denied
		}
	}
	if err != nil {
		return "", err
	}
	return k.ARN, f.mayDo(ctx, c, k.ARN, u)
}

// mayDo returns nil if the caller may do u to the key: by its own grants, or by a grant of the key.
func (f *facade) mayDo(ctx context.Context, c kms.Caller, arn string, u use) error {
	denied := access.Allow(access.From(ctx), access.KMS, u.action, access.OnKey(arn))
	if denied == nil || u.granted == "" {
		return denied
	}
	ok, err := f.keys.Granted(ctx, c, arn, u.granted, u.context)
	switch {
	case err != nil:
		return err
	case ok:
		return nil
	}
	return denied
}
