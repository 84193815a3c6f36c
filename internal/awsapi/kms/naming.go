package kms

import (
	"context"
	"strings"

	"countersign/internal/access"
	"countersign/internal/awsapi/kms/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/kms"
)

// namingOperations is the table of aliases, tags and policies.
func (f *facade) namingOperations() []wire.Operation {
	return []wire.Operation{
		onKey(f, api.OpCreateAlias, func(in *api.CreateAliasRequest) *string { return in.TargetKeyId }, f.createAlias),
		onKey(f, api.OpUpdateAlias, func(in *api.UpdateAliasRequest) *string { return in.TargetKeyId }, f.updateAlias),
		onKey(f, api.OpDeleteAlias, func(in *api.DeleteAliasRequest) *string { return in.AliasName }, f.deleteAlias),
		wire.Op(api.OpListAliases, f.listAliases),
		onKey(f, api.OpTagResource, func(in *api.TagResourceRequest) *string { return in.KeyId }, f.tagResource),
		onKey(f, api.OpUntagResource, func(in *api.UntagResourceRequest) *string { return in.KeyId }, f.untagResource),
		onKey(f, api.OpListResourceTags, func(in *api.ListResourceTagsRequest) *string { return in.KeyId }, f.listResourceTags),
		onKey(f, api.OpGetKeyPolicy, func(in *api.GetKeyPolicyRequest) *string { return in.KeyId }, f.getKeyPolicy),
		onKey(f, api.OpPutKeyPolicy, func(in *api.PutKeyPolicyRequest) *string { return in.KeyId }, f.putKeyPolicy),
		onKey(f, api.OpListKeyPolicies, func(in *api.ListKeyPoliciesRequest) *string { return in.KeyId }, f.listKeyPolicies),
	}
}

// aliasName refuses what is no alias: the id of a key, for instance, which names a key as well.
func aliasName(p *string) (string, error) {
	name := wire.Value(p)
	if !strings.HasPrefix(name, "alias/") {
		return "", fault.Invalidf("AliasName", `Alias must start with the prefix "alias/". Please see http://docs.aws.amazon.com/kms/latest/developerguide/programming-aliases.html`)
	}
	return name, nil
}

func (f *facade) createAlias(ctx context.Context, c kms.Caller, arn string, in *api.CreateAliasRequest) (*wire.Empty, error) {
	name, err := aliasName(in.AliasName)
	if err != nil {
		return nil, err
	}
	return nil, f.keys.CreateAlias(ctx, c, name, arn)
}

// updateAlias moves an alias: the caller needs the grant for the key that it leaves, too.
func (f *facade) updateAlias(ctx context.Context, c kms.Caller, arn string, in *api.UpdateAliasRequest) (*wire.Empty, error) {
	name, err := aliasName(in.AliasName)
	if err != nil {
		return nil, err
	}
	if _, err := f.mayUse(ctx, c, use{action: "UpdateAlias", name: name}); err != nil {
		return nil, err
	}
	return nil, f.keys.UpdateAlias(ctx, c, name, arn)
}

func (f *facade) deleteAlias(ctx context.Context, c kms.Caller, _ string, in *api.DeleteAliasRequest) (*wire.Empty, error) {
	name, err := aliasName(in.AliasName)
	if err != nil {
		return nil, err
	}
	return nil, f.keys.DeleteAlias(ctx, c, name)
}

// listAliases lists those of one key, or all, for which the caller needs the grant for all keys.
func (f *facade) listAliases(ctx context.Context, in *api.ListAliasesRequest) (*api.ListAliasesResponse, error) {
	c, id := caller(ctx, nil), ""
	if in.KeyId != nil {
		arn, err := f.mayUse(ctx, c, use{action: "ListAliases", name: *in.KeyId})
		if err != nil {
			return nil, err
		}
		id = idOf(arn)
	} else if err := access.Allow(access.From(ctx), access.KMS, "ListAliases", access.Resource{}); err != nil {
		return nil, err
	}
	l := listing{scope: wire.PageScope{Operation: "ListAliases", Pool: id, Filter: c.Region}, marker: in.Marker, limit: in.Limit, usual: otherLimit}
	page, next, err := list(f, l, func(a *kms.Alias) string { return a.Name }, func(after string, limit int) ([]*kms.Alias, error) {
		return f.keys.ListAliases(ctx, c.Region, id, after, limit)
	})
	if err != nil {
		return nil, err
	}
	out := &api.ListAliasesResponse{Aliases: make([]api.AliasListEntry, len(page)), NextMarker: next, Truncated: new(next != nil)}
	for i, a := range page {
		out.Aliases[i] = api.AliasListEntry{
			AliasName: &a.Name, AliasArn: &a.ARN, TargetKeyId: &a.KeyID, CreationDate: wire.At(a.CreatedAt), LastUpdatedDate: wire.At(a.UpdatedAt),
		}
	}
	return out, nil
}

// idOf returns the id of a key's ARN.
func idOf(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

func tagsOf(list []api.Tag) []kms.Tag {
	out := make([]kms.Tag, len(list))
	for i, t := range list {
		out[i] = kms.Tag{Key: wire.Value(t.TagKey), Value: wire.Value(t.TagValue)}
	}
	return out
}

func (f *facade) tagResource(ctx context.Context, c kms.Caller, arn string, in *api.TagResourceRequest) (*wire.Empty, error) {
	return nil, f.keys.Tag(ctx, c, arn, tagsOf(in.Tags))
}

func (f *facade) untagResource(ctx context.Context, c kms.Caller, arn string, in *api.UntagResourceRequest) (*wire.Empty, error) {
	return nil, f.keys.Untag(ctx, c, arn, in.TagKeys)
}

func (f *facade) listResourceTags(ctx context.Context, c kms.Caller, arn string, in *api.ListResourceTagsRequest) (*api.ListResourceTagsResponse, error) {
	all, err := f.keys.Tags(ctx, c, arn)
	if err != nil {
		return nil, err
	}
	l := listing{scope: wire.PageScope{Operation: "ListResourceTags", Pool: arn}, marker: in.Marker, limit: in.Limit, usual: otherLimit}
	page, next, err := cut(f, l, all)
	if err != nil {
		return nil, err
	}
	out := &api.ListResourceTagsResponse{Tags: make([]api.Tag, len(page)), NextMarker: next, Truncated: new(next != nil)}
	for i, t := range page {
		out.Tags[i] = api.Tag{TagKey: &t.Key, TagValue: &t.Value}
	}
	return out, nil
}

// policyName is the name of the one policy that a key has.
const policyName = "default"

func checkPolicyName(name *string) error {
	if name == nil || *name == policyName {
		return nil
	}
	return fault.New(fault.ResourceNotFound).WithPublic("No such policy exists")
}

func (f *facade) getKeyPolicy(ctx context.Context, c kms.Caller, arn string, in *api.GetKeyPolicyRequest) (*api.GetKeyPolicyResponse, error) {
	if err := checkPolicyName(in.PolicyName); err != nil {
		return nil, err
	}
	policy, err := f.keys.Policy(ctx, c, arn)
	if err != nil {
		return nil, err
	}
	return &api.GetKeyPolicyResponse{Policy: &policy, PolicyName: new(policyName)}, nil
}

func (f *facade) putKeyPolicy(ctx context.Context, c kms.Caller, arn string, in *api.PutKeyPolicyRequest) (*wire.Empty, error) {
	if err := checkPolicyName(in.PolicyName); err != nil {
		return nil, err
	}
	return nil, f.keys.PutPolicy(ctx, c, arn, wire.Value(in.Policy), wire.Value(in.BypassPolicyLockoutSafetyCheck))
}

func (f *facade) listKeyPolicies(context.Context, kms.Caller, string, *api.ListKeyPoliciesRequest) (*api.ListKeyPoliciesResponse, error) {
	return &api.ListKeyPoliciesResponse{PolicyNames: []string{policyName}, Truncated: new(false)}, nil
}
