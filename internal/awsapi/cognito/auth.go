package cognito

import (
	"context"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/pool"
)

func (f *facade) initiateAuth(ctx context.Context, in *api.InitiateAuthRequest) (*api.InitiateAuthResponse, error) {
	r, err := f.pools.InitiateAuth(ctx, callerOf(ctx, in.ClientMetadata), pool.AuthInput{
		ClientID: wire.Value(in.ClientId), Flow: wire.Value(in.AuthFlow), Params: in.AuthParameters, Session: wire.Value(in.Session),
	})
	if err != nil {
		return nil, err
	}
	return &api.InitiateAuthResponse{
		ChallengeName: optional(r.Challenge), Session: optional(r.Session), ChallengeParameters: parameters(r), AuthenticationResult: tokens(r.Tokens),
		AvailableChallenges: r.Available,
	}, nil
}

func (f *facade) respondToAuthChallenge(ctx context.Context, in *api.RespondToAuthChallengeRequest) (*api.RespondToAuthChallengeResponse, error) {
	r, err := f.pools.Respond(ctx, callerOf(ctx, in.ClientMetadata), pool.RespondInput{
		ClientID: wire.Value(in.ClientId), Challenge: wire.Value(in.ChallengeName), Session: wire.Value(in.Session), Responses: in.ChallengeResponses,
	})
	if err != nil {
		return nil, err
	}
	return &api.RespondToAuthChallengeResponse{
		ChallengeName: optional(r.Challenge), Session: optional(r.Session), ChallengeParameters: parameters(r), AuthenticationResult: tokens(r.Tokens),
	}, nil
}

func (f *facade) adminInitiateAuth(ctx context.Context, in *api.AdminInitiateAuthRequest) (*api.AdminInitiateAuthResponse, error) {
	r, err := f.pools.InitiateAuth(ctx, onBehalfOf(ctx, in.ClientMetadata, in.ContextData), pool.AuthInput{
		ClientID: wire.Value(in.ClientId), PoolID: wire.Value(in.UserPoolId), Flow: wire.Value(in.AuthFlow), Params: in.AuthParameters,
		Session: wire.Value(in.Session),
	})
	if err != nil {
		return nil, err
	}
	return &api.AdminInitiateAuthResponse{
		ChallengeName: optional(r.Challenge), Session: optional(r.Session), ChallengeParameters: parameters(r), AuthenticationResult: tokens(r.Tokens),
		AvailableChallenges: r.Available,
	}, nil
}

func (f *facade) adminRespondToAuthChallenge(ctx context.Context, in *api.AdminRespondToAuthChallengeRequest) (*api.AdminRespondToAuthChallengeResponse, error) {
	r, err := f.pools.Respond(ctx, onBehalfOf(ctx, in.ClientMetadata, in.ContextData), pool.RespondInput{
		ClientID: wire.Value(in.ClientId), PoolID: wire.Value(in.UserPoolId), Challenge: wire.Value(in.ChallengeName), Session: wire.Value(in.Session),
		Responses: in.ChallengeResponses,
	})
	if err != nil {
		return nil, err
	}
	return &api.AdminRespondToAuthChallengeResponse{
		ChallengeName: optional(r.Challenge), Session: optional(r.Session), ChallengeParameters: parameters(r), AuthenticationResult: tokens(r.Tokens),
	}, nil
}

func (f *facade) getTokensFromRefreshToken(ctx context.Context, in *api.GetTokensFromRefreshTokenRequest) (*api.GetTokensFromRefreshTokenResponse, error) {
	t, err := f.pools.Refresh(ctx, callerOf(ctx, in.ClientMetadata), pool.RefreshInput{
		ClientAuth:   pool.ClientAuth{ClientID: wire.Value(in.ClientId), Secret: in.ClientSecret},
		RefreshToken: wire.Value(in.RefreshToken), DeviceKey: wire.Value(in.DeviceKey),
	})
	if err != nil {
		return nil, err
	}
	return &api.GetTokensFromRefreshTokenResponse{AuthenticationResult: tokens(t)}, nil
}

func (f *facade) revokeToken(ctx context.Context, in *api.RevokeTokenRequest) (*api.RevokeTokenResponse, error) {
	return nil, f.pools.Revoke(ctx, callerOf(ctx, nil), pool.ClientAuth{ClientID: wire.Value(in.ClientId), Secret: in.ClientSecret}, wire.Value(in.Token))
}

func (f *facade) globalSignOut(ctx context.Context, in *api.GlobalSignOutRequest) (*api.GlobalSignOutResponse, error) {
	return nil, f.pools.GlobalSignOut(ctx, callerOf(ctx, nil), wire.Value(in.AccessToken))
}

// parameters are always there, if only as {}.
func parameters(r *pool.AuthResult) map[string]string {
	if r.Parameters == nil {
		return map[string]string{}
	}
	return r.Parameters
}

func tokens(t *pool.Tokens) *api.AuthenticationResultType {
	if t == nil {
		return nil
	}
	expires, bearer := int64(t.ExpiresIn), "Bearer"
	return &api.AuthenticationResultType{
		AccessToken: &t.Access, ExpiresIn: &expires, TokenType: &bearer, RefreshToken: optional(t.Refresh), IdToken: &t.ID,
	}
}
