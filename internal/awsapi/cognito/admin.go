package cognito

import (
	"context"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/pool"
)

func (f *facade) adminCreateUser(ctx context.Context, in *api.AdminCreateUserRequest) (*api.AdminCreateUserResponse, error) {
	u, err := f.pools.AdminCreateUser(ctx, callerOf(ctx, in.ClientMetadata), pool.AdminCreateInput{
		PoolID: wire.Value(in.UserPoolId), Username: wire.Value(in.Username), Attributes: attributesOf(in.UserAttributes),
		ValidationData: attributesOf(in.ValidationData), TemporaryPassword: wire.Value(in.TemporaryPassword), ForceAlias: wire.Value(in.ForceAliasCreation),
		Action: wire.Value(in.MessageAction), Mediums: in.DesiredDeliveryMediums,
	})
	if err != nil {
		return nil, err
	}
	out := userType(u, nil)
	return &api.AdminCreateUserResponse{User: &out}, nil
}

func (f *facade) adminConfirmSignUp(ctx context.Context, in *api.AdminConfirmSignUpRequest) (*api.AdminConfirmSignUpResponse, error) {
	return nil, f.pools.AdminConfirmSignUp(ctx, callerOf(ctx, in.ClientMetadata), wire.Value(in.UserPoolId), wire.Value(in.Username))
}

func (f *facade) adminGetUser(ctx context.Context, in *api.AdminGetUserRequest) (*api.AdminGetUserResponse, error) {
	u, err := f.pools.AdminGetUser(ctx, callerOf(ctx, nil), wire.Value(in.UserPoolId), wire.Value(in.Username))
	if err != nil {
		return nil, err
	}
	status := string(u.Status)
	return &api.AdminGetUserResponse{
		Username: &u.Username, UserAttributes: attributes(u.Attributes), UserCreateDate: wire.At(u.CreatedAt), UserLastModifiedDate: wire.At(u.UpdatedAt),
		Enabled: &u.Enabled, UserStatus: &status, MFAOptions: mfaOptions(u), PreferredMfaSetting: optional(u.Preferred), UserMFASettingList: u.Factors,
	}, nil
}

func (f *facade) adminGetUserAuthFactors(ctx context.Context, in *api.AdminGetUserAuthFactorsRequest) (*api.AdminGetUserAuthFactorsResponse, error) {
	u, err := f.pools.AdminGetUser(ctx, callerOf(ctx, nil), wire.Value(in.UserPoolId), wire.Value(in.Username))
	if err != nil {
		return nil, err
	}
	return &api.AdminGetUserAuthFactorsResponse{
		Username: &u.Username, PreferredMfaSetting: optional(u.Preferred), UserMFASettingList: u.Factors, ConfiguredUserAuthFactors: u.FirstFactors,
	}, nil
}

func (f *facade) adminDeleteUser(ctx context.Context, in *api.AdminDeleteUserRequest) (*wire.Empty, error) {
	return nil, f.pools.AdminDeleteUser(ctx, callerOf(ctx, nil), wire.Value(in.UserPoolId), wire.Value(in.Username))
}

func (f *facade) adminUpdateUserAttributes(ctx context.Context, in *api.AdminUpdateUserAttributesRequest) (*api.AdminUpdateUserAttributesResponse, error) {
	return nil, f.pools.AdminUpdateAttributes(ctx, callerOf(ctx, in.ClientMetadata), wire.Value(in.UserPoolId), wire.Value(in.Username),
		attributesOf(in.UserAttributes))
}

func (f *facade) adminDeleteUserAttributes(ctx context.Context, in *api.AdminDeleteUserAttributesRequest) (*api.AdminDeleteUserAttributesResponse, error) {
	return nil, f.pools.AdminDeleteAttributes(ctx, callerOf(ctx, nil), wire.Value(in.UserPoolId), wire.Value(in.Username), in.UserAttributeNames)
}

func (f *facade) adminDisableUser(ctx context.Context, in *api.AdminDisableUserRequest) (*api.AdminDisableUserResponse, error) {
	return nil, f.pools.AdminDisable(ctx, callerOf(ctx, nil), wire.Value(in.UserPoolId), wire.Value(in.Username))
}

func (f *facade) adminEnableUser(ctx context.Context, in *api.AdminEnableUserRequest) (*api.AdminEnableUserResponse, error) {
	return nil, f.pools.AdminEnable(ctx, callerOf(ctx, nil), wire.Value(in.UserPoolId), wire.Value(in.Username))
}

func (f *facade) adminResetUserPassword(ctx context.Context, in *api.AdminResetUserPasswordRequest) (*api.AdminResetUserPasswordResponse, error) {
	return nil, f.pools.AdminResetPassword(ctx, callerOf(ctx, in.ClientMetadata), wire.Value(in.UserPoolId), wire.Value(in.Username))
}

func (f *facade) adminSetUserPassword(ctx context.Context, in *api.AdminSetUserPasswordRequest) (*api.AdminSetUserPasswordResponse, error) {
	return nil, f.pools.AdminSetPassword(ctx, callerOf(ctx, nil), wire.Value(in.UserPoolId), wire.Value(in.Username), wire.Value(in.Password),
		wire.Value(in.Permanent))
}

func (f *facade) adminSetUserMFAPreference(ctx context.Context, in *api.AdminSetUserMFAPreferenceRequest) (*api.AdminSetUserMFAPreferenceResponse, error) {
	p, err := preference(in.SMSMfaSettings, in.SoftwareTokenMfaSettings, in.EmailMfaSettings, in.WebAuthnMfaSettings)
	if err != nil {
		return nil, err
	}
	return nil, f.pools.AdminSetMFAPreference(ctx, callerOf(ctx, nil), wire.Value(in.UserPoolId), wire.Value(in.Username), p)
}

func (f *facade) adminSetUserSettings(ctx context.Context, in *api.AdminSetUserSettingsRequest) (*api.AdminSetUserSettingsResponse, error) {
	p, err := legacyPreference(in.MFAOptions)
	if err != nil {
		return nil, err
	}
	return nil, f.pools.AdminSetMFAPreference(ctx, callerOf(ctx, nil), wire.Value(in.UserPoolId), wire.Value(in.Username), p)
}

func (f *facade) adminDeleteSoftwareToken(ctx context.Context, in *api.AdminDeleteSoftwareTokenRequest) (*api.AdminDeleteSoftwareTokenResponse, error) {
	return nil, f.pools.AdminDeleteTOTP(ctx, callerOf(ctx, nil), wire.Value(in.UserPoolId), wire.Value(in.Username))
}

func (f *facade) adminUserGlobalSignOut(ctx context.Context, in *api.AdminUserGlobalSignOutRequest) (*api.AdminUserGlobalSignOutResponse, error) {
	return nil, f.pools.AdminSignOut(ctx, callerOf(ctx, nil), wire.Value(in.UserPoolId), wire.Value(in.Username))
}
