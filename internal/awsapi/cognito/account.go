package cognito

import (
	"context"
	"slices"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/pool"
)

func (f *facade) getUser(ctx context.Context, in *api.GetUserRequest) (*api.GetUserResponse, error) {
	u, err := f.pools.User(ctx, callerOf(ctx, nil), wire.Value(in.AccessToken))
	if err != nil {
		return nil, err
	}
	return &api.GetUserResponse{
		Username: &u.Username, UserAttributes: attributes(u.Attributes), MFAOptions: mfaOptions(u), PreferredMfaSetting: optional(u.Preferred),
		UserMFASettingList: u.Factors,
	}, nil
}

func (f *facade) getUserAuthFactors(ctx context.Context, in *api.GetUserAuthFactorsRequest) (*api.GetUserAuthFactorsResponse, error) {
	u, err := f.pools.User(ctx, callerOf(ctx, nil), wire.Value(in.AccessToken))
	if err != nil {
		return nil, err
	}
	return &api.GetUserAuthFactorsResponse{
		Username: &u.Username, PreferredMfaSetting: optional(u.Preferred), UserMFASettingList: u.Factors, ConfiguredUserAuthFactors: u.FirstFactors,
	}, nil
}

func (f *facade) updateUserAttributes(ctx context.Context, in *api.UpdateUserAttributesRequest) (*api.UpdateUserAttributesResponse, error) {
	sent, err := f.pools.UpdateAttributes(ctx, callerOf(ctx, in.ClientMetadata), wire.Value(in.AccessToken), attributesOf(in.UserAttributes))
	if err != nil {
		return nil, err
	}
	out := &api.UpdateUserAttributesResponse{}
	for _, d := range sent {
		out.CodeDeliveryDetailsList = append(out.CodeDeliveryDetailsList, *deliveryDetails(d))
	}
	return out, nil
}

func (f *facade) deleteUserAttributes(ctx context.Context, in *api.DeleteUserAttributesRequest) (*api.DeleteUserAttributesResponse, error) {
	return nil, f.pools.DeleteAttributes(ctx, callerOf(ctx, nil), wire.Value(in.AccessToken), in.UserAttributeNames)
}

func (f *facade) getUserAttributeVerificationCode(ctx context.Context, in *api.GetUserAttributeVerificationCodeRequest) (*api.GetUserAttributeVerificationCodeResponse, error) {
	d, err := f.pools.SendAttributeCode(ctx, callerOf(ctx, in.ClientMetadata), wire.Value(in.AccessToken), wire.Value(in.AttributeName))
	if err != nil {
		return nil, err
	}
	return &api.GetUserAttributeVerificationCodeResponse{CodeDeliveryDetails: deliveryDetails(d)}, nil
}

func (f *facade) verifyUserAttribute(ctx context.Context, in *api.VerifyUserAttributeRequest) (*api.VerifyUserAttributeResponse, error) {
	return nil, f.pools.VerifyAttribute(ctx, callerOf(ctx, nil), wire.Value(in.AccessToken), wire.Value(in.AttributeName), wire.Value(in.Code))
}

func (f *facade) changePassword(ctx context.Context, in *api.ChangePasswordRequest) (*api.ChangePasswordResponse, error) {
	return nil, f.pools.ChangePassword(ctx, callerOf(ctx, nil), wire.Value(in.AccessToken), wire.Value(in.PreviousPassword), wire.Value(in.ProposedPassword))
}

func (f *facade) deleteUser(ctx context.Context, in *api.DeleteUserRequest) (*wire.Empty, error) {
	return nil, f.pools.DeleteSelf(ctx, callerOf(ctx, nil), wire.Value(in.AccessToken))
}

func (f *facade) setUserMFAPreference(ctx context.Context, in *api.SetUserMFAPreferenceRequest) (*api.SetUserMFAPreferenceResponse, error) {
	p, err := preference(in.SMSMfaSettings, in.SoftwareTokenMfaSettings, in.EmailMfaSettings, in.WebAuthnMfaSettings)
	if err != nil {
		return nil, err
	}
	return nil, f.pools.SetMFAPreference(ctx, callerOf(ctx, nil), wire.Value(in.AccessToken), p)
}

func (f *facade) setUserSettings(ctx context.Context, in *api.SetUserSettingsRequest) (*api.SetUserSettingsResponse, error) {
	p, err := legacyPreference(in.MFAOptions)
	if err != nil {
		return nil, err
	}
	return nil, f.pools.SetMFAPreference(ctx, callerOf(ctx, nil), wire.Value(in.AccessToken), p)
}

func (f *facade) associateSoftwareToken(ctx context.Context, in *api.AssociateSoftwareTokenRequest) (*api.AssociateSoftwareTokenResponse, error) {
	if err := tokenOrSession(in.AccessToken, in.Session); err != nil {
		return nil, err
	}
	a, err := f.pools.AssociateTOTP(ctx, callerOf(ctx, nil), wire.Value(in.AccessToken), wire.Value(in.Session))
	if err != nil {
		return nil, err
	}
	return &api.AssociateSoftwareTokenResponse{SecretCode: &a.SecretCode, Session: optional(a.Session)}, nil
}

func (f *facade) verifySoftwareToken(ctx context.Context, in *api.VerifySoftwareTokenRequest) (*api.VerifySoftwareTokenResponse, error) {
	if err := tokenOrSession(in.AccessToken, in.Session); err != nil {
		return nil, err
	}
	session, err := f.pools.VerifyTOTP(ctx, callerOf(ctx, nil), wire.Value(in.AccessToken), wire.Value(in.Session), wire.Value(in.UserCode))
	if err != nil {
		return nil, err
	}
	success := "SUCCESS"
	return &api.VerifySoftwareTokenResponse{Status: &success, Session: optional(session)}, nil
}

func tokenOrSession(accessToken, session *string) error {
	if wire.Value(accessToken) == "" && wire.Value(session) == "" {
		return fault.Invalidf("accessToken", "Either an AccessToken or a Session is required.")
	}
	return nil
}

// preference reads the groups of SetUserMFAPreference. An absent one changes nothing.
func preference(sms *api.SMSMfaSettingsType, totp *api.SoftwareTokenMfaSettingsType, email *api.EmailMfaSettingsType, passkey *api.WebAuthnMfaSettingsType) (pool.MFAPreference, error) {
	var p pool.MFAPreference
	if passkey != nil && wire.Value(passkey.Enabled) {
		return p, fault.Invalidf("webAuthnMfaSettings", "Passkeys are not supported.").WithHint("Use SMS, e-mail or a software token as second factor.")
	}
	if sms != nil {
		p.SMS = &pool.FactorChange{Enabled: wire.Value(sms.Enabled), Preferred: wire.Value(sms.PreferredMfa)}
	}
	if totp != nil {
		p.TOTP = &pool.FactorChange{Enabled: wire.Value(totp.Enabled), Preferred: wire.Value(totp.PreferredMfa)}
	}
	if email != nil {
		p.Email = &pool.FactorChange{Enabled: wire.Value(email.Enabled), Preferred: wire.Value(email.PreferredMfa)}
	}
	return p, nil
}

// legacyPreference reads MFAOptions, the old switch for SMS alone: the list that holds it is on, the empty list off.
func legacyPreference(options []api.MFAOptionType) (pool.MFAPreference, error) {
	for _, o := range options {
		if wire.Value(o.DeliveryMedium) != "SMS" || wire.Value(o.AttributeName) != "phone_number" {
			return pool.MFAPreference{}, fault.Invalidf("mFAOptions", "MFAOptions can hold SMS to phone_number only.").WithHint("Call SetUserMFAPreference.")
		}
	}
	return pool.MFAPreference{SMS: &pool.FactorChange{Enabled: len(options) > 0}}, nil
}

// mfaOptions is the old view of SMS as second factor.
func mfaOptions(u *pool.UserView) []api.MFAOptionType {
	if !slices.Contains(u.Factors, "SMS_MFA") {
		return nil
	}
	medium, attr := "SMS", "phone_number"
	return []api.MFAOptionType{{DeliveryMedium: &medium, AttributeName: &attr}}
}
