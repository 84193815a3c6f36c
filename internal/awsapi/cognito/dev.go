package cognito

import (
	"context"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/fault"
	"countersign/internal/pool"
)

// The start state of dev mode.
const (
	DevPoolID   = "us-local-1_countersign"
	DevClientID = "countersigndevclient"
)

// devPool is the dev pool as a request: phone number or e-mail as username, the phone verified by a code, MFA optional, texts and mail
// as first factors.
func devPool() (*poolDocument, error) {
	d, err := created(&api.CreateUserPoolRequest{
		PoolName:               new("countersign"),
		UsernameAttributes:     []string{"phone_number", "email"},
		UsernameConfiguration:  &api.UsernameConfigurationType{CaseSensitive: new(false)},
		AutoVerifiedAttributes: []string{"phone_number"},
		MfaConfiguration:       new(api.UserPoolMfaOptional),
		Policies: &api.UserPoolPolicyType{SignInPolicy: &api.SignInPolicyType{
			AllowedFirstAuthFactors: []string{api.AuthFactorPassword, api.AuthFactorSMSOTP, api.AuthFactorEmailOTP},
		}},
	}, true)
	if err != nil {
		return nil, err
	}
	d.Factors.SoftwareToken = &api.SoftwareTokenMfaConfigType{Enabled: new(true)}
	return d, nil
}

// devClient is the dev client as a request: public, every flow, and the ports of the usual development servers.
func devClient(cfg *pool.Config) (*clientDocument, error) {
	urls := []string{"http://localhost:3000/", "http://localhost:5173/", "http://localhost:8081/"}
	return newClientDocument(&api.CreateUserPoolClientRequest{
		ExplicitAuthFlows: []string{
			api.ExplicitAuthFlowsAllowUserSRPAuth, api.ExplicitAuthFlowsAllowUserPasswordAuth, api.ExplicitAuthFlowsAllowAdminUserPasswordAuth,
			api.ExplicitAuthFlowsAllowUserAuth, api.ExplicitAuthFlowsAllowCustomAuth, api.ExplicitAuthFlowsAllowRefreshTokenAuth,
		},
		CallbackURLs: urls, LogoutURLs: urls, SupportedIdentityProviders: []string{"COGNITO"},
		AllowedOAuthFlows: []string{api.OAuthFlowCode}, AllowedOAuthScopes: oauthScopes, AllowedOAuthFlowsUserPoolClient: new(true),
	}, clientContext{poolID: DevPoolID, cfg: cfg, verb: "creating"})
}

// EnsureDev makes the pool and the app client of dev mode's start state unless they are there, and gives the pool the base URL of this
// run. They go through the same conversion as all others, so that DescribeUserPool tells the truth. What somebody changed stays.
func EnsureDev(ctx context.Context, svc *pool.Service, baseURL string) error {
	c := pool.Caller{Wire: wireName}
	p, err := svc.GetPool(ctx, DevPoolID)
	switch {
	case fault.CodeOf(err) == fault.PoolNotFound:
		if p, err = makeDevPool(ctx, svc, c, baseURL); err != nil {
			return err
		}
	case err != nil:
		return err
	case p.Config.BaseURL != baseURL:
		p, err = svc.UpdatePool(ctx, c, DevPoolID, func(p *pool.Pool) error {
			p.Config.BaseURL = baseURL
			return nil
		})
		if err != nil {
			return err
		}
	}
	if _, err := svc.GetClient(ctx, DevPoolID, DevClientID); fault.CodeOf(err) != fault.ClientNotFound {
		return err
	}
	d, err := devClient(&p.Config)
	if err != nil {
		return err
	}
	var cl pool.Client
	if err := d.put(&cl); err != nil {
		return err
	}
	_, err = svc.CreateClient(ctx, c, pool.NewClient{ID: DevClientID, PoolID: DevPoolID, Name: "development", Config: cl.Config, Wire: cl.Wire})
	return unlessThere(err)
}

func makeDevPool(ctx context.Context, svc *pool.Service, c pool.Caller, baseURL string) (*pool.Pool, error) {
	d, err := devPool()
	if err != nil {
		return nil, err
	}
	p := &pool.Pool{Config: pool.Config{BaseURL: baseURL}}
	if err := d.put(p); err != nil {
		return nil, err
	}
	_, err = svc.CreatePool(ctx, c, pool.NewPool{ID: DevPoolID, Name: "countersign", Config: p.Config, Wire: p.Wire, Quiet: true})
	if err := unlessThere(err); err != nil {
		return nil, err
	}
	return svc.GetPool(ctx, DevPoolID)
}

// unlessThere forgives a node that was faster.
func unlessThere(err error) error {
	if fault.CodeOf(err) == fault.ResourceExists {
		return nil
	}
	return err
}
