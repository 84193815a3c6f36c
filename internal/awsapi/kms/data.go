package kms

import (
	"context"

	"countersign/internal/access"
	"countersign/internal/awsapi/kms/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/kms"
)

// dataOperations is the table of what keys do with data. Each asks mayUse or mayDo first: grants of KMS count, too, and
// these may demand an encryption context.
func (f *facade) dataOperations() []wire.Operation {
	return []wire.Operation{
		free(api.OpGenerateRandom, f.generateRandom),
		wire.Op(api.OpEncrypt, f.encrypt),
		wire.Op(api.OpDecrypt, f.decrypt),
		wire.Op(api.OpReEncrypt, f.reEncrypt),
		wire.Op(api.OpGenerateDataKey, f.generateDataKey),
		wire.Op(api.OpGenerateDataKeyWithoutPlaintext, f.generateDataKeyWithoutPlaintext),
	}
}

// errDryRun ends a call that would have succeeded.
var errDryRun = &fault.Error{Code: fault.InvalidParameter, Field: "DryRun"}

// symmetric refuses what only asymmetric keys and enclaves know.
func symmetric(r *api.RecipientInfo, algorithms ...*string) error {
	if r != nil {
		return fault.New(fault.UnsupportedOperation).WithPublic("Recipient is not supported: there are no enclaves here")
	}
	for _, a := range algorithms {
		if a != nil && *a != api.EncryptionAlgorithmSpecSymmetricDefault {
			return fault.New(fault.KeyUsageWrong).WithPublic("The encryption algorithm %s is not compatible with symmetric keys", *a)
		}
	}
	return nil
}

func algorithm() *string { return new(api.EncryptionAlgorithmSpecSymmetricDefault) }

func (f *facade) generateRandom(_ context.Context, _ kms.Caller, in *api.GenerateRandomRequest) (*api.GenerateRandomResponse, error) {
	if err := symmetric(in.Recipient); err != nil {
		return nil, err
	}
	if in.CustomKeyStoreId != nil {
		return nil, fault.New(fault.UnsupportedOperation).WithPublic("Custom key stores are not supported")
	}
	b, err := f.keys.GenerateRandom(int(wire.Value(in.NumberOfBytes)))
	if err != nil {
		return nil, err
	}
	return &api.GenerateRandomResponse{Plaintext: b}, nil
}

func (f *facade) encrypt(ctx context.Context, in *api.EncryptRequest) (*api.EncryptResponse, error) {
	c := caller(ctx, in.GrantTokens)
	arn, err := f.mayUse(ctx, c, use{action: "Encrypt", granted: "Encrypt", name: wire.Value(in.KeyId), context: in.EncryptionContext})
	if err != nil {
		return nil, err
	}
	if err := symmetric(nil, in.EncryptionAlgorithm); err != nil {
		return nil, err
	}
	s, err := f.keys.Encrypt(ctx, c, arn, in.Plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if wire.Value(in.DryRun) {
		return nil, errDryRun
	}
	return &api.EncryptResponse{CiphertextBlob: s.Blob, KeyId: &s.KeyARN, EncryptionAlgorithm: algorithm()}, nil
}

func (f *facade) decrypt(ctx context.Context, in *api.DecryptRequest) (*api.DecryptResponse, error) {
	c := caller(ctx, in.GrantTokens)
	if in.CiphertextBlob == nil {
		return nil, fault.Invalidf("CiphertextBlob", "CiphertextBlob is required")
	}
	arn, err := f.source(ctx, c, in.CiphertextBlob,
		use{action: access.KMSDecrypt, granted: "Decrypt", name: wire.Value(in.KeyId), context: in.EncryptionContext})
	if err != nil {
		return nil, err
	}
	if err := symmetric(in.Recipient, in.EncryptionAlgorithm); err != nil {
		return nil, err
	}
	o, err := f.keys.Decrypt(ctx, c, arn, in.CiphertextBlob, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if wire.Value(in.DryRun) {
		return nil, errDryRun
	}
	return &api.DecryptResponse{KeyId: &o.KeyARN, Plaintext: o.Plaintext, EncryptionAlgorithm: algorithm(), KeyMaterialId: optional(o.MaterialID)}, nil
}

// source returns the ARN of the key that is to open a ciphertext, the named one or else the ciphertext's own, if the caller
// may. A function is told apart by the domain: it gets the same refusal whatever it asks for.
func (f *facade) source(ctx context.Context, c kms.Caller, blob []byte, u use) (string, error) {
	if u.name != "" && c.Function == "" {
		return f.mayUse(ctx, c, u)
	}
	if u.name != "" {
		k, err := f.keys.Resolve(ctx, c.Region, u.name)
		if err != nil {
			return "", fault.New(fault.AccessDenied).WithErr(err)
		}
		return k.ARN, nil
	}
	arn, err := f.keys.KeyOf(ctx, blob)
	if err != nil || c.Function != "" {
		return arn, err
	}
	return arn, f.mayDo(ctx, c, arn, u)
}

func (f *facade) reEncrypt(ctx context.Context, in *api.ReEncryptRequest) (*api.ReEncryptResponse, error) {
	c := caller(ctx, in.GrantTokens)
	if in.CiphertextBlob == nil {
		return nil, fault.Invalidf("CiphertextBlob", "CiphertextBlob is required")
	}
	from, err := f.source(ctx, c, in.CiphertextBlob,
		use{action: "ReEncrypt", granted: "ReEncryptFrom", name: wire.Value(in.SourceKeyId), context: in.SourceEncryptionContext})
	if err != nil {
		return nil, err
	}
	to, err := f.mayUse(ctx, c,
		use{action: "ReEncrypt", granted: "ReEncryptTo", name: wire.Value(in.DestinationKeyId), context: in.DestinationEncryptionContext})
	if err != nil {
		return nil, err
	}
	if err := symmetric(nil, in.SourceEncryptionAlgorithm, in.DestinationEncryptionAlgorithm); err != nil {
		return nil, err
	}
	sealed, o, err := f.keys.ReEncrypt(ctx, c, from, to, in.CiphertextBlob, in.SourceEncryptionContext, in.DestinationEncryptionContext)
	if err != nil {
		return nil, err
	}
	if wire.Value(in.DryRun) {
		return nil, errDryRun
	}
	return &api.ReEncryptResponse{
		CiphertextBlob: sealed.Blob, SourceKeyId: &o.KeyARN, KeyId: &sealed.KeyARN, SourceEncryptionAlgorithm: algorithm(),
		DestinationEncryptionAlgorithm: algorithm(), SourceKeyMaterialId: optional(o.MaterialID), DestinationKeyMaterialId: optional(sealed.MaterialID),
	}, nil
}

func (f *facade) generateDataKey(ctx context.Context, in *api.GenerateDataKeyRequest) (*api.GenerateDataKeyResponse, error) {
	if err := symmetric(in.Recipient); err != nil {
		return nil, err
	}
	c := caller(ctx, in.GrantTokens)
	arn, n, err := f.dataKey(ctx, c, "GenerateDataKey", in)
	if err != nil {
		return nil, err
	}
	plaintext, s, err := f.keys.GenerateDataKey(ctx, c, arn, n, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if wire.Value(in.DryRun) {
		clear(plaintext)
		return nil, errDryRun
	}
	return &api.GenerateDataKeyResponse{CiphertextBlob: s.Blob, Plaintext: plaintext, KeyId: &s.KeyARN, KeyMaterialId: optional(s.MaterialID)}, nil
}

func (f *facade) generateDataKeyWithoutPlaintext(ctx context.Context, in *api.GenerateDataKeyWithoutPlaintextRequest) (*api.GenerateDataKeyWithoutPlaintextResponse, error) {
	c := caller(ctx, in.GrantTokens)
	arn, n, err := f.dataKey(ctx, c, "GenerateDataKeyWithoutPlaintext", &api.GenerateDataKeyRequest{
		KeyId: in.KeyId, EncryptionContext: in.EncryptionContext, KeySpec: in.KeySpec, NumberOfBytes: in.NumberOfBytes,
	})
	if err != nil {
		return nil, err
	}
	s, err := f.keys.GenerateDataKeyWithoutPlaintext(ctx, c, arn, n, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	if wire.Value(in.DryRun) {
		return nil, errDryRun
	}
	return &api.GenerateDataKeyWithoutPlaintextResponse{CiphertextBlob: s.Blob, KeyId: &s.KeyARN, KeyMaterialId: optional(s.MaterialID)}, nil
}

// dataKey returns the key and the number of bytes for one of the two operations that make data keys, if the caller may.
func (f *facade) dataKey(ctx context.Context, c kms.Caller, action string, in *api.GenerateDataKeyRequest) (arn string, n int, err error) {
	arn, err = f.mayUse(ctx, c, use{action: action, granted: action, name: wire.Value(in.KeyId), context: in.EncryptionContext})
	if err != nil {
		return "", 0, err
	}
	if (in.NumberOfBytes == nil) == (in.KeySpec == nil) {
		return "", 0, fault.Invalidf("KeySpec", "Please specify either number of bytes or key spec.")
	}
	switch wire.Value(in.KeySpec) {
	case api.DataKeySpecAes256:
		return arn, 32, nil
	case api.DataKeySpecAes128:
		return arn, 16, nil
	}
	return arn, int(wire.Value(in.NumberOfBytes)), nil
}
