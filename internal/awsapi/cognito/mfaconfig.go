package cognito

import (
	"context"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/fault"
	"countersign/internal/message"
	"countersign/internal/pool"
)

func (f *facade) getUserPoolMfaConfig(ctx context.Context, in *api.GetUserPoolMfaConfigRequest) (*api.GetUserPoolMfaConfigResponse, error) {
	p, err := f.pools.GetPool(ctx, *in.UserPoolId)
	if err != nil {
		return nil, err
	}
	d, err := documentOf(p)
	if err != nil {
		return nil, err
	}
	out := api.GetUserPoolMfaConfigResponse(d.mfaConfig())
	return &out, nil
}

// mfaConfig shows the MFA settings.
func (d *poolDocument) mfaConfig() api.SetUserPoolMfaConfigResponse {
	out := api.SetUserPoolMfaConfigResponse{MfaConfiguration: new(d.mode()), WebAuthnConfiguration: d.Factors.WebAuthn}
	if d.mode() == mfaOff {
		return out
	}
	out.SoftwareTokenMfaConfiguration, out.EmailMfaConfiguration = d.Factors.SoftwareToken, d.Factors.Email
	if d.Factors.SMS {
		text := d.Pool.SmsAuthenticationMessage
		orSet(&text, message.Default(message.SMSAuthentication))
		out.SmsMfaConfiguration = &api.SmsMfaConfigType{SmsAuthenticationMessage: text, SmsConfiguration: d.Pool.SmsConfiguration}
	}
	return out
}

func (f *facade) setUserPoolMfaConfig(ctx context.Context, in *api.SetUserPoolMfaConfigRequest) (*api.SetUserPoolMfaConfigResponse, error) {
	var out api.SetUserPoolMfaConfigResponse
	_, err := f.pools.UpdatePool(ctx, callerOf(ctx, nil), *in.UserPoolId, func(p *pool.Pool) error {
		before, err := documentOf(p)
		if err != nil {
			return err
		}
		d, err := before.withMFA(in)
		if err != nil {
			return err
		}
		out = d.mfaConfig()
		return replace(p, before, d)
	})
	if err != nil {
		return nil, err
	}
	return &out, nil
}

// withMFA is the document after SetUserPoolMfaConfig, which replaces all of the MFA settings: an absent MfaConfiguration is OFF, an
// absent factor is not offered. The SMS configuration outlives it, since texts verify numbers too.
func (d *poolDocument) withMFA(in *api.SetUserPoolMfaConfigRequest) (*poolDocument, error) {
	n := *d
	mode := mfaOff
	if in.MfaConfiguration != nil {
		mode = *in.MfaConfiguration
	}
	n.Pool.MfaConfiguration = &mode
	n.Factors = factorDocument{
		SMS: in.SmsMfaConfiguration != nil, SoftwareToken: in.SoftwareTokenMfaConfiguration, Email: in.EmailMfaConfiguration, WebAuthn: in.WebAuthnConfiguration,
	}
	given := n.Factors.SMS || n.Factors.SoftwareToken != nil || n.Factors.Email != nil
	switch {
	case mode == mfaOff && given:
		return nil, fault.Invalidf("MfaConfiguration", "Invalid MFA configuration given, can't turn off MFA and configure an MFA together.").
			WithHint("Set MfaConfiguration to OPTIONAL or ON; without it MFA is switched off.")
	case mode == mfaOff:
		return &n, n.finish()
	case !n.Factors.SMS && !n.Factors.totp() && n.Factors.Email == nil:
		return nil, fault.Invalidf("MfaConfiguration", "Invalid MFA configuration given, can't turn on MFA without configuring an MFA.").
			WithHint("Give SmsMfaConfiguration, SoftwareTokenMfaConfiguration with Enabled, or EmailMfaConfiguration.")
	}
	if s := in.SmsMfaConfiguration; s != nil {
		if s.SmsConfiguration != nil {
			n.Pool.SmsConfiguration = s.SmsConfiguration
		}
		if s.SmsAuthenticationMessage != nil {
			n.Pool.SmsAuthenticationMessage = s.SmsAuthenticationMessage
		}
		if !n.hasSender() {
			return nil, needsSMS()
		}
	}
	return &n, n.finish()
}
