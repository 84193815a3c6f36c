package cognito

import (
	"context"
	"slices"
	"strings"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/pool"
)

const (
	// defaultRegion and defaultAccount are of callers inside the process, who signed nothing.
	defaultRegion  = "us-local-1"
	defaultAccount = "000000000000"
	// pageSize is the size of a page that names none, and the largest (API reference, QueryLimit).
	pageSize = 60
)

// poolOperations is the table of what administrators do with pools and app clients.
func (f *facade) poolOperations() []wire.Operation {
	return []wire.Operation{
		wire.Op(api.OpCreateUserPool, f.createUserPool),
		wire.Op(api.OpDescribeUserPool, f.describeUserPool),
		wire.Op(api.OpUpdateUserPool, f.updateUserPool),
		wire.Op(api.OpDeleteUserPool, f.deleteUserPool),
		wire.Op(api.OpListUserPools, f.listUserPools),
		wire.Op(api.OpGetUserPoolMfaConfig, f.getUserPoolMfaConfig),
		wire.Op(api.OpSetUserPoolMfaConfig, f.setUserPoolMfaConfig),
		wire.Op(api.OpCreateUserPoolClient, f.createUserPoolClient),
		wire.Op(api.OpDescribeUserPoolClient, f.describeUserPoolClient),
		wire.Op(api.OpUpdateUserPoolClient, f.updateUserPoolClient),
		wire.Op(api.OpDeleteUserPoolClient, f.deleteUserPoolClient),
		wire.Op(api.OpListUserPoolClients, f.listUserPoolClients),
	}
}

func (f *facade) createUserPool(ctx context.Context, in *api.CreateUserPoolRequest) (*api.CreateUserPoolResponse, error) {
	d, err := created(in, false)
	if err != nil {
		return nil, err
	}
	region := orDefault(wire.Info(ctx).Principal.Region, defaultRegion)
	p := &pool.Pool{}
	if err := d.put(p); err != nil {
		return nil, err
	}
	p.Change.RequireMFA = requireMFAChange(nil, d.Pool.UserPoolTags)
	if p.Config.Triggers != nil {
		p.ID = pool.NewPoolID(region)
	}
	if p.Change.Warnings, err = f.checkFunctions(ctx, p.ID, d); err != nil {
		return nil, err
	}
	made, err := f.pools.CreatePool(ctx, callerOf(ctx, nil), pool.NewPool{
		ID: p.ID, Name: *in.PoolName, Region: region, Config: p.Config, Wire: p.Wire, Change: p.Change,
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateUserPoolResponse{UserPool: describe(ctx, made, d, 0)}, nil
}

func (f *facade) describeUserPool(ctx context.Context, in *api.DescribeUserPoolRequest) (*api.DescribeUserPoolResponse, error) {
	p, err := f.pools.GetPool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	d, err := documentOf(p)
	if err != nil {
		return nil, err
	}
	users, err := f.pools.EstimateUsers(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	return &api.DescribeUserPoolResponse{UserPool: describe(ctx, p, d, users)}, nil
}

func (f *facade) updateUserPool(ctx context.Context, in *api.UpdateUserPoolRequest) (*api.UpdateUserPoolResponse, error) {
	_, err := f.pools.UpdatePool(ctx, callerOf(ctx, nil), *in.UserPoolId, func(p *pool.Pool) error {
		before, err := documentOf(p)
		if err != nil {
			return err
		}
		d, err := before.updated(in)
		if err != nil {
			return err
		}
		if in.PoolName != nil {
			p.Name = *in.PoolName
		}
		if err := replace(p, before, d); err != nil {
			return err
		}
		p.Change.Warnings, err = f.checkFunctions(ctx, p.ID, d)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateUserPoolResponse{}, nil
}

// replace puts d in the place of before.
func replace(p *pool.Pool, before, d *poolDocument) error {
	if err := d.put(p); err != nil {
		return err
	}
	p.Change.SMS = !sameJSON(before.Pool.SmsConfiguration, d.Pool.SmsConfiguration)
	p.Change.RequireMFA = requireMFAChange(before.Pool.UserPoolTags, d.Pool.UserPoolTags)
	return nil
}

func (f *facade) deleteUserPool(ctx context.Context, in *api.DeleteUserPoolRequest) (*wire.Empty, error) {
	return nil, f.pools.DeletePool(ctx, callerOf(ctx, nil), *in.UserPoolId)
}

func (f *facade) listUserPools(ctx context.Context, in *api.ListUserPoolsRequest) (*api.ListUserPoolsResponse, error) {
	scope := wire.PageScope{Operation: "ListUserPools"}
	after, err := f.openPage(scope, in.NextToken)
	if err != nil {
		return nil, err
	}
	limit := limitOf(in.MaxResults)
	list, err := f.pools.ListPools(ctx, after, limit+1)
	if err != nil {
		return nil, err
	}
	out := &api.ListUserPoolsResponse{UserPools: []api.UserPoolDescriptionType{}}
	if len(list) > limit {
		list = list[:limit]
		if out.NextToken, err = f.sealPage(scope, list[limit-1].ID); err != nil {
			return nil, err
		}
	}
	for _, p := range list {
		d, err := documentOf(p)
		if err != nil {
			return nil, err
		}
		out.UserPools = append(out.UserPools, api.UserPoolDescriptionType{
			Id: &p.ID, Name: &p.Name, LambdaConfig: d.Pool.LambdaConfig, CreationDate: wire.At(p.CreatedAt), LastModifiedDate: wire.At(p.UpdatedAt),
		})
	}
	return out, nil
}

func limitOf(max *int64) int {
	if max == nil || *max < 1 || *max > pageSize {
		return pageSize
	}
	return int(*max)
}

// openPage returns the id that a page begins after, "" for the first page.
func (f *facade) openPage(scope wire.PageScope, token *string) (string, error) {
	if token == nil {
		return "", nil
	}
	after, err := f.pages.Open(scope, *token)
	return string(after), err
}

func (f *facade) sealPage(scope wire.PageScope, last string) (*string, error) {
	token, err := f.pages.Seal(scope, []byte(last))
	if err != nil {
		return nil, err
	}
	return &token, nil
}

// describe shows a pool.
func describe(ctx context.Context, p *pool.Pool, d *poolDocument, users int) *api.UserPoolType {
	out := d.Pool
	out.Id, out.Name = &p.ID, &p.Name
	out.CreationDate, out.LastModifiedDate = wire.At(p.CreatedAt), wire.At(p.UpdatedAt)
	out.EstimatedNumberOfUsers = new(int64(users))
	region, _, _ := strings.Cut(p.ID, "_")
	account := orDefault(wire.Info(ctx).Principal.Account, defaultAccount)
	out.Arn = new("arn:aws:cognito-idp:" + region + ":" + account + ":userpool/" + p.ID)
	out.SchemaAttributes = slices.Clone(out.SchemaAttributes)
	return &out
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
