package kms

import (
	"context"
	"strings"

	"countersign/internal/awsapi/kms/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/kms"
)

// keyOperations is the table of what is done to keys themselves.
func (f *facade) keyOperations() []wire.Operation {
	return []wire.Operation{
		free(api.OpCreateKey, f.createKey),
		free(api.OpListKeys, f.listKeys),
		onKey(f, api.OpDescribeKey, func(in *api.DescribeKeyRequest) *string { return in.KeyId }, f.describeKey),
		onKey(f, api.OpUpdateKeyDescription, func(in *api.UpdateKeyDescriptionRequest) *string { return in.KeyId }, f.updateKeyDescription),
		onKey(f, api.OpEnableKey, func(in *api.EnableKeyRequest) *string { return in.KeyId }, f.enableKey),
		onKey(f, api.OpDisableKey, func(in *api.DisableKeyRequest) *string { return in.KeyId }, f.disableKey),
		onKey(f, api.OpScheduleKeyDeletion, func(in *api.ScheduleKeyDeletionRequest) *string { return in.KeyId }, f.scheduleKeyDeletion),
		onKey(f, api.OpCancelKeyDeletion, func(in *api.CancelKeyDeletionRequest) *string { return in.KeyId }, f.cancelKeyDeletion),
		onKey(f, api.OpEnableKeyRotation, func(in *api.EnableKeyRotationRequest) *string { return in.KeyId }, f.enableKeyRotation),
		onKey(f, api.OpDisableKeyRotation, func(in *api.DisableKeyRotationRequest) *string { return in.KeyId }, f.disableKeyRotation),
		onKey(f, api.OpGetKeyRotationStatus, func(in *api.GetKeyRotationStatusRequest) *string { return in.KeyId }, f.getKeyRotationStatus),
		onKey(f, api.OpRotateKeyOnDemand, func(in *api.RotateKeyOnDemandRequest) *string { return in.KeyId }, f.rotateKeyOnDemand),
		onKey(f, api.OpListKeyRotations, func(in *api.ListKeyRotationsRequest) *string { return in.KeyId }, f.listKeyRotations),
	}
}

func (f *facade) createKey(ctx context.Context, c kms.Caller, in *api.CreateKeyRequest) (*api.CreateKeyResponse, error) {
	switch {
	case in.CustomKeyStoreId != nil || in.XksKeyId != nil:
		return nil, fault.New(fault.UnsupportedOperation).WithPublic("Custom key stores are not supported")
	case wire.Value(in.MultiRegion):
		return nil, fault.New(fault.UnsupportedOperation).WithPublic("Multi-Region keys are not supported")
	case in.KeySpec != nil && in.CustomerMasterKeySpec != nil:
		return nil, fault.Invalidf("KeySpec", "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.")
	}
	spec := in.KeySpec
	if spec == nil {
		spec = in.CustomerMasterKeySpec
	}
	k, err := f.keys.Create(ctx, c, kms.NewKey{
		Description: wire.Value(in.Description), Policy: wire.Value(in.Policy), BypassPolicyCheck: wire.Value(in.BypassPolicyLockoutSafetyCheck),
		Usage: wire.Value(in.KeyUsage), Spec: wire.Value(spec), Origin: wire.Value(in.Origin), Tags: tagsOf(in.Tags),
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateKeyResponse{KeyMetadata: metadata(k)}, nil
}

// defaultLimit is how many keys a page has unless the request says otherwise; of other things it has otherLimit (KMS API
// reference, Limit).
const (
	defaultLimit = 100
	otherLimit   = 50
)

func (f *facade) listKeys(ctx context.Context, c kms.Caller, in *api.ListKeysRequest) (*api.ListKeysResponse, error) {
	l := listing{scope: wire.PageScope{Operation: "ListKeys", Filter: c.Region}, marker: in.Marker, limit: in.Limit, usual: defaultLimit}
	keys, next, err := list(f, l, func(k *kms.Key) string { return k.ID }, func(after string, limit int) ([]*kms.Key, error) {
		return f.keys.ListKeys(ctx, c.Region, after, limit)
	})
	if err != nil {
		return nil, err
	}
	out := &api.ListKeysResponse{Keys: make([]api.KeyListEntry, len(keys)), NextMarker: next, Truncated: new(next != nil)}
	for i, k := range keys {
		out.Keys[i] = api.KeyListEntry{KeyId: &k.ID, KeyArn: &k.ARN}
	}
	return out, nil
}

func (f *facade) describeKey(ctx context.Context, c kms.Caller, arn string, _ *api.DescribeKeyRequest) (*api.DescribeKeyResponse, error) {
	k, err := f.keys.Describe(ctx, c, arn)
	if err != nil {
		return nil, err
	}
	return &api.DescribeKeyResponse{KeyMetadata: metadata(k)}, nil
}

func (f *facade) updateKeyDescription(ctx context.Context, c kms.Caller, arn string, in *api.UpdateKeyDescriptionRequest) (*wire.Empty, error) {
	return nil, f.keys.SetDescription(ctx, c, arn, wire.Value(in.Description))
}

func (f *facade) enableKey(ctx context.Context, c kms.Caller, arn string, _ *api.EnableKeyRequest) (*wire.Empty, error) {
	return nil, f.keys.Enable(ctx, c, arn)
}

func (f *facade) disableKey(ctx context.Context, c kms.Caller, arn string, _ *api.DisableKeyRequest) (*wire.Empty, error) {
	return nil, f.keys.Disable(ctx, c, arn)
}

// defaultWindow is how many days a key waits for its deletion unless the request says otherwise.
const defaultWindow = 30

func (f *facade) scheduleKeyDeletion(ctx context.Context, c kms.Caller, arn string, in *api.ScheduleKeyDeletionRequest) (*api.ScheduleKeyDeletionResponse, error) {
	days := int64(defaultWindow)
	if in.PendingWindowInDays != nil {
		days = *in.PendingWindowInDays
	}
	k, err := f.keys.ScheduleDeletion(ctx, c, arn, int(days))
	if err != nil {
		return nil, err
	}
	return &api.ScheduleKeyDeletionResponse{KeyId: &k.ARN, DeletionDate: wire.At(k.DeleteAt), KeyState: &k.State, PendingWindowInDays: &days}, nil
}

func (f *facade) cancelKeyDeletion(ctx context.Context, c kms.Caller, arn string, _ *api.CancelKeyDeletionRequest) (*api.CancelKeyDeletionResponse, error) {
	k, err := f.keys.CancelDeletion(ctx, c, arn)
	if err != nil {
		return nil, err
	}
	return &api.CancelKeyDeletionResponse{KeyId: &k.ARN}, nil
}

func (f *facade) enableKeyRotation(ctx context.Context, c kms.Caller, arn string, in *api.EnableKeyRotationRequest) (*wire.Empty, error) {
	return nil, f.keys.SetRotation(ctx, c, arn, true, int(wire.Value(in.RotationPeriodInDays)))
}

func (f *facade) disableKeyRotation(ctx context.Context, c kms.Caller, arn string, _ *api.DisableKeyRotationRequest) (*wire.Empty, error) {
	return nil, f.keys.SetRotation(ctx, c, arn, false, 0)
}

func (f *facade) getKeyRotationStatus(ctx context.Context, c kms.Caller, arn string, _ *api.GetKeyRotationStatusRequest) (*api.GetKeyRotationStatusResponse, error) {
	r, err := f.keys.Rotation(ctx, c, arn)
	if err != nil {
		return nil, err
	}
	out := &api.GetKeyRotationStatusResponse{KeyRotationEnabled: &r.On, KeyId: &arn}
	if r.On {
		out.RotationPeriodInDays, out.NextRotationDate = new(int64(r.Days)), wire.At(r.NextAt)
	}
	return out, nil
}

func (f *facade) rotateKeyOnDemand(ctx context.Context, c kms.Caller, arn string, _ *api.RotateKeyOnDemandRequest) (*api.RotateKeyOnDemandResponse, error) {
	if err := f.keys.Rotate(ctx, c, arn); err != nil {
		return nil, err
	}
	return &api.RotateKeyOnDemandResponse{KeyId: &arn}, nil
}

func (f *facade) listKeyRotations(ctx context.Context, c kms.Caller, arn string, in *api.ListKeyRotationsRequest) (*api.ListKeyRotationsResponse, error) {
	all, err := f.keys.Rotations(ctx, c, arn)
	if err != nil {
		return nil, err
	}
	l := listing{scope: wire.PageScope{Operation: "ListKeyRotations", Pool: arn}, marker: in.Marker, limit: in.Limit, usual: defaultLimit}
	page, next, err := cut(f, l, all)
	if err != nil {
		return nil, err
	}
	out := &api.ListKeyRotationsResponse{Rotations: make([]api.RotationsListEntry, len(page)), NextMarker: next, Truncated: new(next != nil)}
	for i, r := range page {
		out.Rotations[i] = api.RotationsListEntry{KeyId: &arn, RotationDate: wire.At(r.At), RotationType: &r.Kind, KeyMaterialId: optional(r.MaterialID)}
	}
	return out, nil
}

// metadata is a key as CreateKey and DescribeKey show it.
func metadata(k *kms.Key) *api.KeyMetadata {
	m := &api.KeyMetadata{
		AWSAccountId: new(accountOf(k.ARN)), KeyId: &k.ID, Arn: &k.ARN, CreationDate: wire.At(k.CreatedAt), Enabled: new(k.State == kms.Enabled),
		Description: &k.Description, KeyUsage: &k.Usage, KeyState: &k.State, Origin: &k.Origin, KeyManager: new(api.KeyManagerCustomer),
		CustomerMasterKeySpec: &k.Spec, KeySpec: &k.Spec, MultiRegion: new(false), CurrentKeyMaterialId: optional(k.MaterialID),
	}
	if k.Usage == kms.EncryptDecrypt {
		m.EncryptionAlgorithms = []string{api.EncryptionAlgorithmSpecSymmetricDefault}
	} else {
		m.SigningAlgorithms = kms.SigningAlgorithms(k.Spec)
	}
	if k.State == kms.PendingDeletion {
		m.DeletionDate = wire.At(k.DeleteAt)
	}
	return m
}

// accountOf returns the account of an ARN.
func accountOf(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

// optional returns nil for "", so that the member is left out.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
