package kms

import (
	"context"

	"countersign/internal/awsapi/kms/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
)

// signOperations is the table of what asymmetric keys do.
func (f *facade) signOperations() []wire.Operation {
	return []wire.Operation{
		wire.Op(api.OpGetPublicKey, f.getPublicKey),
		wire.Op(api.OpSign, f.sign),
		wire.Op(api.OpVerify, f.verify),
	}
}

func (f *facade) getPublicKey(ctx context.Context, in *api.GetPublicKeyRequest) (*api.GetPublicKeyResponse, error) {
	c := caller(ctx, in.GrantTokens)
	arn, err := f.mayUse(ctx, c, use{action: "GetPublicKey", granted: "GetPublicKey", name: wire.Value(in.KeyId)})
	if err != nil {
		return nil, err
	}
	der, k, err := f.keys.PublicKey(ctx, c, arn)
	if err != nil {
		return nil, err
	}
	m := metadata(k)
	return &api.GetPublicKeyResponse{
		KeyId: m.Arn, PublicKey: der, CustomerMasterKeySpec: m.KeySpec, KeySpec: m.KeySpec, KeyUsage: m.KeyUsage, SigningAlgorithms: m.SigningAlgorithms,
	}, nil
}

// hashed reports whether a message came as its hash.
func hashed(kind *string) (bool, error) {
	switch wire.Value(kind) {
	case "", api.MessageRaw:
		return false, nil
	case api.MessageDigest:
		return true, nil
	}
	return false, fault.New(fault.UnsupportedOperation).WithPublic("MessageType %s is not supported", *kind)
}

func (f *facade) sign(ctx context.Context, in *api.SignRequest) (*api.SignResponse, error) {
	c := caller(ctx, in.GrantTokens)
	arn, err := f.mayUse(ctx, c, use{action: "Sign", granted: "Sign", name: wire.Value(in.KeyId)})
	if err != nil {
		return nil, err
	}
	digest, err := hashed(in.MessageType)
	if err != nil {
		return nil, err
	}
	signature, arn, err := f.keys.Sign(ctx, c, arn, wire.Value(in.SigningAlgorithm), in.Message, digest)
	if err != nil {
		return nil, err
	}
	if wire.Value(in.DryRun) {
		return nil, errDryRun
	}
	return &api.SignResponse{KeyId: &arn, Signature: signature, SigningAlgorithm: in.SigningAlgorithm}, nil
}

func (f *facade) verify(ctx context.Context, in *api.VerifyRequest) (*api.VerifyResponse, error) {
	c := caller(ctx, in.GrantTokens)
	arn, err := f.mayUse(ctx, c, use{action: "Verify", granted: "Verify", name: wire.Value(in.KeyId)})
	if err != nil {
		return nil, err
	}
	digest, err := hashed(in.MessageType)
	if err != nil {
		return nil, err
	}
	ok, arn, err := f.keys.Verify(ctx, c, arn, wire.Value(in.SigningAlgorithm), in.Message, in.Signature, digest)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, &fault.Error{Code: fault.InvalidParameter, Field: "Signature"}
	case wire.Value(in.DryRun):
		return nil, errDryRun
	}
	return &api.VerifyResponse{KeyId: &arn, SignatureValid: new(true), SigningAlgorithm: in.SigningAlgorithm}, nil
}
