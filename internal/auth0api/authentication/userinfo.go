package authentication

import (
	"context"
	"net/http"
)

// userinfo is OpenID Connect Core 1.0, section 5.3.
func (a *API) userinfo(ctx context.Context, q *request) (any, error) {
	token, err := q.bearer()
	if err != nil && q.Method == http.MethodPost && q.get("access_token") != "" { // RFC 6750, section 2.2
		token, err = q.get("access_token"), nil
	}
	if err != nil {
		return nil, err
	}
	claims, err := a.Flows.UserInfo(ctx, q.caller, token)
	if err != nil {
		return nil, err
	}
	return claims, nil
}

// revoke is RFC 7009: an unknown token is no error.
func (a *API) revoke(ctx context.Context, q *request) (any, error) {
	if err := required(q.get, "client_id", "token"); err != nil {
		return nil, err
	}
	if err := a.Flows.RevokeGrant(ctx, q.caller, q.client(), q.get("token")); err != nil {
		return nil, err
	}
	return status(http.StatusOK), nil
}
