package kms

import (
	"context"
	"slices"
	"strings"

	"countersign/internal/access"
	"countersign/internal/awsapi/kms/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/kms"
)

// grantOperations is the table of the grants of keys. They are not the grants of package access: those say what an access key
// may do at all, these lend a single key.
func (f *facade) grantOperations() []wire.Operation {
	return []wire.Operation{
		onKey(f, api.OpCreateGrant, func(in *api.CreateGrantRequest) *string { return in.KeyId }, f.createGrant),
		onKey(f, api.OpListGrants, func(in *api.ListGrantsRequest) *string { return in.KeyId }, f.listGrants),
		onKey(f, api.OpRevokeGrant, func(in *api.RevokeGrantRequest) *string { return in.KeyId }, f.revokeGrant),
		wire.Op(api.OpRetireGrant, f.retireGrant),
		free(api.OpListRetirableGrants, f.listRetirableGrants),
	}
}

func (f *facade) createGrant(ctx context.Context, c kms.Caller, arn string, in *api.CreateGrantRequest) (*api.CreateGrantResponse, error) {
	grantee, err := either("GranteePrincipal", in.GranteePrincipal, in.GranteeServicePrincipal)
	if err != nil {
		return nil, err
	}
	if grantee == "" {
		return nil, fault.Invalidf("GranteePrincipal", "GranteePrincipal is required")
	}
	retiring, err := either("RetiringPrincipal", in.RetiringPrincipal, in.RetiringServicePrincipal)
	if err != nil {
		return nil, err
	}
	g := kms.NewGrant{Name: wire.Value(in.Name), Grantee: grantee, Retiring: retiring, Operations: in.Operations}
	if in.Constraints != nil {
		g.ContextSubset, g.ContextEquals = in.Constraints.EncryptionContextSubset, in.Constraints.EncryptionContextEquals
		g.SourceARN = wire.Value(in.Constraints.SourceArn)
	}
	if err := mayLend(ctx, arn, &g); err != nil {
		return nil, err
	}
	if wire.Value(in.DryRun) {
		return nil, errDryRun
	}
	id, token, err := f.keys.CreateGrant(ctx, c, arn, g)
	if err != nil {
		return nil, err
	}
	return &api.CreateGrantResponse{GrantId: &id, GrantToken: &token}, nil
}

// mayLend returns nil if the caller may do what the grant lends, by their own grants of package access: nobody passes on what they do
// not have, or who makes grants could decrypt. Services are lent to freely: pools use keys by these grants, and nobody calls as a service.
func mayLend(ctx context.Context, arn string, g *kms.NewGrant) error {
	if principal, service := split(g.Grantee); principal == nil && service != nil {
		return nil
	}
	for _, action := range g.Operations {
		if strings.HasPrefix(action, "ReEncrypt") {
			action = "ReEncrypt"
		}
		if err := access.Allow(access.From(ctx), access.KMS, action, access.OnKey(arn)); err != nil {
			return err
		}
	}
	return nil
}

// either returns the one of a principal and a service principal that is there, "" if none is.
func either(field string, principal, service *string) (string, error) {
	if principal != nil && service != nil {
		return "", fault.Invalidf(field, "%s and its service principal exclude each other", field)
	}
	if principal == nil {
		principal = service
	}
	return wire.Value(principal), nil
}

// split is either's reverse: services have a name, all others an ARN.
func split(name string) (principal, service *string) {
	if strings.HasSuffix(name, ".amazonaws.com") {
		return nil, &name
	}
	return optional(name), nil
}

// listGrants may answer a page with fewer grants than asked for, and another page after it: filters apply to what was read.
func (f *facade) listGrants(ctx context.Context, _ kms.Caller, arn string, in *api.ListGrantsRequest) (*api.ListGrantsResponse, error) {
	l := listing{scope: wire.PageScope{Operation: "ListGrants", Pool: arn}, marker: in.Marker, limit: in.Limit, usual: otherLimit}
	page, next, err := list(f, l, func(g *kms.Grant) string { return g.ID }, func(after string, limit int) ([]*kms.Grant, error) {
		return f.keys.Grants(ctx, arn, after, limit)
	})
	if err != nil {
		return nil, err
	}
	out := &api.ListGrantsResponse{Grants: make([]api.GrantListEntry, 0, len(page)), NextMarker: next, Truncated: new(next != nil)}
	for _, g := range page {
		if (in.GrantId == nil || *in.GrantId == g.ID) && (in.GranteePrincipal == nil || *in.GranteePrincipal == g.Grantee) &&
			(in.GranteeServicePrincipal == nil || *in.GranteeServicePrincipal == g.Grantee) {
			out.Grants = append(out.Grants, grantEntry(g))
		}
	}
	return out, nil
}

func grantEntry(g *kms.Grant) api.GrantListEntry {
	e := api.GrantListEntry{
		KeyId: &g.KeyARN, GrantId: &g.ID, Name: optional(g.Name), CreationDate: wire.At(g.CreatedAt),
		IssuingAccount: new("arn:aws:iam::" + accountOf(g.KeyARN) + ":root"), Operations: g.Operations,
	}
	e.GranteePrincipal, e.GranteeServicePrincipal = split(g.Grantee)
	e.RetiringPrincipal, e.RetiringServicePrincipal = split(g.Retiring)
	if len(g.ContextSubset)+len(g.ContextEquals) > 0 || g.SourceARN != "" {
		e.Constraints = &api.GrantConstraints{
			EncryptionContextSubset: g.ContextSubset, EncryptionContextEquals: g.ContextEquals, SourceArn: optional(g.SourceARN),
		}
	}
	return e
}

func (f *facade) revokeGrant(ctx context.Context, c kms.Caller, arn string, in *api.RevokeGrantRequest) (*wire.Empty, error) {
	if wire.Value(in.DryRun) {
		return nil, errDryRun
	}
	return nil, f.keys.RevokeGrant(ctx, c, arn, wire.Value(in.GrantId))
}

// retireGrant takes a grant's token, or its id with the key's. The principal that may retire this very grant needs no other.
func (f *facade) retireGrant(ctx context.Context, in *api.RetireGrantRequest) (*wire.Empty, error) {
	c := caller(ctx, nil)
	name, id := wire.Value(in.KeyId), wire.Value(in.GrantId)
	switch {
	case in.GrantToken != nil && (in.KeyId != nil || in.GrantId != nil), in.GrantToken == nil && (in.KeyId == nil || in.GrantId == nil):
		return nil, fault.Invalidf("GrantId", "Either GrantToken, or both KeyId and GrantId are required")
	case in.GrantToken != nil:
		var err error
		if name, id, err = f.keys.GrantOf(ctx, *in.GrantToken); err != nil {
			return nil, err
		}
	}
	arn, denied := f.mayUse(ctx, c, use{action: api.OpRetireGrant.Name, name: name})
	if fault.CodeOf(denied) == fault.AccessDenied {
		var err error
		if arn, err = f.retirable(ctx, c, name, id); err != nil {
			return nil, err
		}
	}
	switch {
	case arn == "":
		return nil, denied
	case wire.Value(in.DryRun):
		return nil, errDryRun
	}
	return nil, f.keys.RetireGrant(ctx, c, arn, id)
}

// maxGrants is how many grants a key may have.
const maxGrants = 1000

// retirable returns the ARN of the key if the caller may retire the grant by the grant itself, "" if not.
func (f *facade) retirable(ctx context.Context, c kms.Caller, name, id string) (string, error) {
	k, err := f.keys.Resolve(ctx, c.Region, name)
	if fault.CodeOf(err) == fault.ResourceNotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	grants, err := f.keys.Grants(ctx, k.ARN, "", maxGrants)
	if err != nil {
		return "", err
	}
	for _, g := range grants {
		if g.ID == id && (g.Retiring == c.ARN || g.Grantee == c.ARN && slices.Contains(g.Operations, api.GrantOperationRetireGrant)) {
			return k.ARN, nil
		}
	}
	return "", nil
}

func (f *facade) listRetirableGrants(ctx context.Context, c kms.Caller, in *api.ListRetirableGrantsRequest) (*api.ListGrantsResponse, error) {
	who, err := either("RetiringPrincipal", in.RetiringPrincipal, in.RetiringServicePrincipal)
	if err != nil {
		return nil, err
	}
	if who == "" {
		return nil, fault.Invalidf("RetiringPrincipal", "RetiringPrincipal is required")
	}
	l := listing{scope: wire.PageScope{Operation: "ListRetirableGrants", Pool: c.Region, Filter: who}, marker: in.Marker, limit: in.Limit, usual: otherLimit}
	page, next, err := list(f, l, func(g *kms.Grant) string { return g.ID }, func(after string, limit int) ([]*kms.Grant, error) {
		return f.keys.RetirableGrants(ctx, c.Region, who, after, limit)
	})
	if err != nil {
		return nil, err
	}
	out := &api.ListGrantsResponse{Grants: make([]api.GrantListEntry, len(page)), NextMarker: next, Truncated: new(next != nil)}
	for i, g := range page {
		out.Grants[i] = grantEntry(g)
	}
	return out, nil
}
