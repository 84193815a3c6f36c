package cognito

import (
	"context"

	"countersign/internal/access"
	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/pool"
)

func (f *facade) createUserPoolClient(ctx context.Context, in *api.CreateUserPoolClientRequest) (*api.CreateUserPoolClientResponse, error) {
	p, err := f.pools.GetPool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	secret := wire.Value(in.GenerateSecret) || in.ClientSecret != nil
	d, err := newClientDocument(in, clientContext{poolID: p.ID, cfg: &p.Config, secret: secret, verb: "creating"})
	if err != nil {
		return nil, err
	}
	var cl pool.Client
	if err := d.put(&cl); err != nil {
		return nil, err
	}
	made, err := f.pools.CreateClient(ctx, callerOf(ctx, nil), pool.NewClient{
		PoolID: p.ID, Name: *in.ClientName, Config: cl.Config, Wire: cl.Wire, Secret: wire.Value(in.ClientSecret), GenerateSecret: wire.Value(in.GenerateSecret),
	})
	if err != nil {
		return nil, err
	}
	// Who made the secret may see it, this once.
	return &api.CreateUserPoolClientResponse{UserPoolClient: describeClient(made, d, true)}, nil
}

func (f *facade) describeUserPoolClient(ctx context.Context, in *api.DescribeUserPoolClientRequest) (*api.DescribeUserPoolClientResponse, error) {
	cl, err := f.pools.GetClient(ctx, *in.UserPoolId, *in.ClientId)
	if err != nil {
		return nil, err
	}
	d, err := readClientDocument(cl)
	if err != nil {
		return nil, err
	}
	return &api.DescribeUserPoolClientResponse{UserPoolClient: describeClient(cl, d, readsSecrets(ctx, cl.PoolID))}, nil
}

func (f *facade) updateUserPoolClient(ctx context.Context, in *api.UpdateUserPoolClientRequest) (*api.UpdateUserPoolClientResponse, error) {
	p, err := f.pools.GetPool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	var d *clientDocument
	cl, err := f.pools.UpdateClient(ctx, callerOf(ctx, nil), p.ID, *in.ClientId, func(cl *pool.Client) (err error) {
		if d, err = newClientDocument(in, clientContext{poolID: p.ID, cfg: &p.Config, secret: len(cl.Secrets) > 0, verb: "updating"}); err != nil {
			return err
		}
		if in.ClientName != nil {
			cl.Name = *in.ClientName
		}
		return d.put(cl)
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateUserPoolClientResponse{UserPoolClient: describeClient(cl, d, readsSecrets(ctx, cl.PoolID))}, nil
}

func (f *facade) deleteUserPoolClient(ctx context.Context, in *api.DeleteUserPoolClientRequest) (*wire.Empty, error) {
	return nil, f.pools.DeleteClient(ctx, callerOf(ctx, nil), *in.UserPoolId, *in.ClientId)
}

func (f *facade) listUserPoolClients(ctx context.Context, in *api.ListUserPoolClientsRequest) (*api.ListUserPoolClientsResponse, error) {
	scope := wire.PageScope{Operation: "ListUserPoolClients", Pool: *in.UserPoolId}
	after, err := f.openPage(scope, in.NextToken)
	if err != nil {
		return nil, err
	}
	limit := limitOf(in.MaxResults)
	list, err := f.pools.ListClients(ctx, *in.UserPoolId, after, limit+1)
	if err != nil {
		return nil, err
	}
	out := &api.ListUserPoolClientsResponse{UserPoolClients: []api.UserPoolClientDescription{}}
	if len(list) > limit {
		list = list[:limit]
		if out.NextToken, err = f.sealPage(scope, list[limit-1].ID); err != nil {
			return nil, err
		}
	}
	for _, cl := range list {
		out.UserPoolClients = append(out.UserPoolClients, api.UserPoolClientDescription{ClientId: &cl.ID, UserPoolId: &cl.PoolID, ClientName: &cl.Name})
	}
	return out, nil
}

// readsSecrets reports whether the caller may see the secrets of a pool's clients: reading is not decrypting.
func readsSecrets(ctx context.Context, poolID string) bool {
	return access.Allow(access.From(ctx), access.Cognito, access.ReadSecret, access.OnPool(poolID)) == nil
}

func describeClient(cl *pool.Client, d *clientDocument, secret bool) *api.UserPoolClientType {
	out := d.Client
	out.UserPoolId, out.ClientId, out.ClientName = &cl.PoolID, &cl.ID, &cl.Name
	out.CreationDate, out.LastModifiedDate = wire.At(cl.CreatedAt), wire.At(cl.UpdatedAt)
	if secret && len(cl.Secrets) > 0 && !cl.Config.Machine {
		out.ClientSecret = &cl.Secrets[0]
	}
	return &out
}
