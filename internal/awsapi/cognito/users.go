package cognito

import (
	"context"
	"encoding/json"
	"slices"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/pool"
)

func (f *facade) listUsers(ctx context.Context, in *api.ListUsersRequest) (*api.ListUsersResponse, error) {
	q := pool.ListInput{PoolID: wire.Value(in.UserPoolId), Filter: wire.Value(in.Filter), Limit: int(wire.Value(in.Limit))}
	scope := wire.PageScope{Operation: "ListUsers", Pool: q.PoolID, Filter: q.Filter}
	if in.PaginationToken != nil {
		raw, err := f.pages.Open(scope, *in.PaginationToken)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(raw, &q.After); err != nil {
			return nil, fault.Invalidf("paginationToken", "Invalid pagination token")
		}
	}
	list, next, err := f.pools.ListUsers(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &api.ListUsersResponse{Users: make([]api.UserType, len(list))}
	for i, u := range list {
		out.Users[i] = userType(u, in.AttributesToGet)
	}
	if next == nil {
		return out, nil
	}
	raw, err := json.Marshal(next)
	if err != nil {
		return nil, err
	}
	token, err := f.pages.Seal(scope, raw)
	out.PaginationToken = &token
	return out, err
}

// userType shows a user as lists do. only, if not nil, names the attributes wanted.
func userType(u *pool.UserView, only []string) api.UserType {
	list := u.Attributes
	if only != nil {
		list = slices.DeleteFunc(slices.Clone(list), func(a pool.Attr) bool { return !slices.Contains(only, a.Name) })
	}
	status := string(u.Status)
	return api.UserType{
		Username: &u.Username, Attributes: attributes(list), UserCreateDate: wire.At(u.CreatedAt), UserLastModifiedDate: wire.At(u.UpdatedAt),
		Enabled: &u.Enabled, UserStatus: &status, MFAOptions: mfaOptions(u),
	}
}
