package interop

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// What is set is what is described, member by member.
func TestUserPoolRoundTrip(t *testing.T) {
	in := &cip.CreateUserPoolInput{
		PoolName:               aws.String("round trip"),
		UsernameAttributes:     []types.UsernameAttributeType{"phone_number", "email"},
		AutoVerifiedAttributes: []types.VerifiedAttributeType{"phone_number", "email"},
		DeletionProtection:     types.DeletionProtectionTypeActive,
		Policies: &types.UserPoolPolicyType{
			PasswordPolicy: &types.PasswordPolicyType{
				MinimumLength: aws.Int32(12), RequireLowercase: true, RequireNumbers: true,
				TemporaryPasswordValidityDays: 3,
			},
			SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD", "SMS_OTP"}},
		},
		AdminCreateUserConfig: &types.AdminCreateUserConfigType{
			InviteMessageTemplate: &types.MessageTemplateType{SMSMessage: aws.String("Hello {username}, {####} lets you in.")},
		},
		VerificationMessageTemplate: &types.VerificationMessageTemplateType{
			DefaultEmailOption: types.DefaultEmailOptionTypeConfirmWithCode, SmsMessage: aws.String("Verify with {####}."),
		},
		AccountRecoverySetting: &types.AccountRecoverySettingType{RecoveryMechanisms: []types.RecoveryOptionType{
			{Name: types.RecoveryOptionNameTypeVerifiedPhoneNumber, Priority: aws.Int32(1)},
			{Name: types.RecoveryOptionNameTypeVerifiedEmail, Priority: aws.Int32(2)},
		}},
		UserAttributeUpdateSettings: &types.UserAttributeUpdateSettingsType{
			AttributesRequireVerificationBeforeUpdate: []types.VerifiedAttributeType{"phone_number"},
		},
		UsernameConfiguration: &types.UsernameConfigurationType{CaseSensitive: aws.Bool(false)},
		SmsConfiguration:      smsRole,
		UserPoolTags:          map[string]string{"team": "identity"},
	}
	made, err := admin().CreateUserPool(t.Context(), in)
	check(t, err)
	id := made.UserPool.Id
	described, err := admin().DescribeUserPool(t.Context(), &cip.DescribeUserPoolInput{UserPoolId: id})
	check(t, err)
	got := described.UserPool
	equal(t, "ARN", aws.ToString(got.Arn), "arn:aws:cognito-idp:us-local-1:000000000000:userpool/"+*id)
	for _, m := range []struct {
		name      string
		got, want any
	}{
		{"Name", got.Name, in.PoolName},
		{"UsernameAttributes", got.UsernameAttributes, in.UsernameAttributes},
		{"AutoVerifiedAttributes", got.AutoVerifiedAttributes, in.AutoVerifiedAttributes},
		{"DeletionProtection", got.DeletionProtection, in.DeletionProtection},
		{"PasswordPolicy", got.Policies.PasswordPolicy, in.Policies.PasswordPolicy},
		{"SignInPolicy", got.Policies.SignInPolicy, in.Policies.SignInPolicy},
		{"InviteMessageTemplate", got.AdminCreateUserConfig.InviteMessageTemplate, in.AdminCreateUserConfig.InviteMessageTemplate},
		{"VerificationMessageTemplate", got.VerificationMessageTemplate, in.VerificationMessageTemplate},
		{"AccountRecoverySetting", got.AccountRecoverySetting, in.AccountRecoverySetting},
		{"UserAttributeUpdateSettings", got.UserAttributeUpdateSettings, in.UserAttributeUpdateSettings},
		{"UsernameConfiguration", got.UsernameConfiguration, in.UsernameConfiguration},
		{"SmsConfiguration", got.SmsConfiguration, in.SmsConfiguration},
		{"UserPoolTags", got.UserPoolTags, in.UserPoolTags},
	} {
		if d := cmp.Diff(m.want, m.got, sameShape); d != "" {
			t.Errorf("%s: set (-) and described (+) differ\n%s", m.name, d)
		}
	}

	_, err = admin().DeleteUserPool(t.Context(), &cip.DeleteUserPoolInput{UserPoolId: id})
	wantError[*types.InvalidParameterException](t, err)

	// An update replaces: what it leaves out goes back to its default.
	_, err = admin().UpdateUserPool(t.Context(), &cip.UpdateUserPoolInput{
		UserPoolId: id, AutoVerifiedAttributes: in.AutoVerifiedAttributes, SmsConfiguration: smsRole,
		DeletionProtection: types.DeletionProtectionTypeInactive,
	})
	check(t, err)
	described, err = admin().DescribeUserPool(t.Context(), &cip.DescribeUserPoolInput{UserPoolId: id})
	check(t, err)
	got = described.UserPool
	equal(t, "MinimumLength after the update", aws.ToInt32(got.Policies.PasswordPolicy.MinimumLength), 8)
	equal(t, "tags after the update", len(got.UserPoolTags), 0)
	if got.AccountRecoverySetting != nil && cmp.Equal(got.AccountRecoverySetting, in.AccountRecoverySetting, sameShape) {
		t.Error("the recovery setting outlived an update that left it out")
	}
	_, err = admin().DeleteUserPool(t.Context(), &cip.DeleteUserPoolInput{UserPoolId: id})
	check(t, err)
	_, err = admin().DescribeUserPool(t.Context(), &cip.DescribeUserPoolInput{UserPoolId: id})
	wantError[*types.ResourceNotFoundException](t, err, "User pool "+*id+" does not exist.")
}

// sameShape compares SDK structs by their documented members.
var sameShape = cmp.Options{
	cmpopts.EquateEmpty(),
	cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".noSmithyDocumentSerde" }, cmp.Ignore()),
}

func TestMfaConfigRoundTrip(t *testing.T) {
	p := newPool(t, mfaMode(types.UserPoolMfaTypeOptional))
	got, err := admin().GetUserPoolMfaConfig(t.Context(), &cip.GetUserPoolMfaConfigInput{UserPoolId: &p.ID})
	check(t, err)
	equal(t, "mode", got.MfaConfiguration, types.UserPoolMfaTypeOptional)
	equal(t, "TOTP", got.SoftwareTokenMfaConfiguration.Enabled, true)
	equal(t, "e-mail subject", aws.ToString(got.EmailMfaConfiguration.Subject), "Your code")
	equal(t, "SMS role", aws.ToString(got.SmsMfaConfiguration.SmsConfiguration.SnsCallerArn), *smsRole.SnsCallerArn)

	set, err := admin().SetUserPoolMfaConfig(t.Context(), &cip.SetUserPoolMfaConfigInput{
		UserPoolId: &p.ID, MfaConfiguration: types.UserPoolMfaTypeOff,
	})
	check(t, err)
	equal(t, "answered mode", set.MfaConfiguration, types.UserPoolMfaTypeOff)
	described, err := admin().DescribeUserPool(t.Context(), &cip.DescribeUserPoolInput{UserPoolId: &p.ID})
	check(t, err)
	equal(t, "described mode", described.UserPool.MfaConfiguration, types.UserPoolMfaTypeOff)
}

func TestUserPoolClientRoundTrip(t *testing.T) {
	p := newPool(t)
	in := &cip.CreateUserPoolClientInput{
		UserPoolId: &p.ID, ClientName: aws.String("back end"), GenerateSecret: true,
		AccessTokenValidity: aws.Int32(10), IdTokenValidity: aws.Int32(20), RefreshTokenValidity: 5,
		TokenValidityUnits: &types.TokenValidityUnitsType{
			AccessToken: types.TimeUnitsTypeMinutes, IdToken: types.TimeUnitsTypeMinutes, RefreshToken: types.TimeUnitsTypeHours,
		},
		AuthSessionValidity:        aws.Int32(10),
		ExplicitAuthFlows:          []types.ExplicitAuthFlowsType{"ALLOW_ADMIN_USER_PASSWORD_AUTH"},
		PreventUserExistenceErrors: types.PreventUserExistenceErrorTypesEnabled,
		ReadAttributes:             []string{"email", "phone_number"}, WriteAttributes: []string{"email"},
		EnableTokenRevocation: aws.Bool(true),
		RefreshTokenRotation:  &types.RefreshTokenRotationType{Feature: types.FeatureTypeEnabled, RetryGracePeriodSeconds: aws.Int32(7)},
		CallbackURLs:          []string{"https://app.example.com/"}, LogoutURLs: []string{"https://app.example.com/bye"},
		AllowedOAuthFlows: []types.OAuthFlowType{"code"}, AllowedOAuthScopes: []string{"openid", "phone"},
		AllowedOAuthFlowsUserPoolClient: true, SupportedIdentityProviders: []string{"COGNITO"},
	}
	made, err := admin().CreateUserPoolClient(t.Context(), in)
	check(t, err)
	id := made.UserPoolClient.ClientId
	if n := len(aws.ToString(made.UserPoolClient.ClientSecret)); n < 24 || n > 64 {
		t.Errorf("the secret has %d characters", n)
	}
	described, err := admin().DescribeUserPoolClient(t.Context(), &cip.DescribeUserPoolClientInput{UserPoolId: &p.ID, ClientId: id})
	check(t, err)
	got := described.UserPoolClient
	for _, m := range []struct {
		name      string
		got, want any
	}{
		{"ClientSecret", got.ClientSecret, made.UserPoolClient.ClientSecret},
		{"ClientName", got.ClientName, in.ClientName},
		{"AccessTokenValidity", got.AccessTokenValidity, in.AccessTokenValidity},
		{"IdTokenValidity", got.IdTokenValidity, in.IdTokenValidity},
		{"RefreshTokenValidity", got.RefreshTokenValidity, in.RefreshTokenValidity},
		{"TokenValidityUnits", got.TokenValidityUnits, in.TokenValidityUnits},
		{"AuthSessionValidity", got.AuthSessionValidity, in.AuthSessionValidity},
		{"ExplicitAuthFlows", got.ExplicitAuthFlows, in.ExplicitAuthFlows},
		{"PreventUserExistenceErrors", got.PreventUserExistenceErrors, in.PreventUserExistenceErrors},
		{"ReadAttributes", got.ReadAttributes, in.ReadAttributes},
		{"WriteAttributes", got.WriteAttributes, in.WriteAttributes},
		{"EnableTokenRevocation", got.EnableTokenRevocation, in.EnableTokenRevocation},
		{"RefreshTokenRotation", got.RefreshTokenRotation, in.RefreshTokenRotation},
		{"CallbackURLs", got.CallbackURLs, in.CallbackURLs},
		{"LogoutURLs", got.LogoutURLs, in.LogoutURLs},
		{"AllowedOAuthFlows", got.AllowedOAuthFlows, in.AllowedOAuthFlows},
		{"AllowedOAuthScopes", got.AllowedOAuthScopes, in.AllowedOAuthScopes},
		{"AllowedOAuthFlowsUserPoolClient", got.AllowedOAuthFlowsUserPoolClient, aws.Bool(true)},
		{"SupportedIdentityProviders", got.SupportedIdentityProviders, in.SupportedIdentityProviders},
	} {
		if d := cmp.Diff(m.want, m.got, sameShape); d != "" {
			t.Errorf("%s: set (-) and described (+) differ\n%s", m.name, d)
		}
	}
	updated, err := admin().UpdateUserPoolClient(t.Context(), &cip.UpdateUserPoolClientInput{
		UserPoolId: &p.ID, ClientId: id, ClientName: aws.String("renamed"),
	})
	check(t, err)
	equal(t, "name", *updated.UserPoolClient.ClientName, "renamed")
	equal(t, "AuthSessionValidity after the update", aws.ToInt32(updated.UserPoolClient.AuthSessionValidity), 3)
	equal(t, "secret kept", aws.ToString(updated.UserPoolClient.ClientSecret), *made.UserPoolClient.ClientSecret)

	_, err = admin().DeleteUserPoolClient(t.Context(), &cip.DeleteUserPoolClientInput{UserPoolId: &p.ID, ClientId: id})
	check(t, err)
	_, err = admin().DescribeUserPoolClient(t.Context(), &cip.DescribeUserPoolClientInput{UserPoolId: &p.ID, ClientId: id})
	wantError[*types.ResourceNotFoundException](t, err, "User pool client "+*id+" does not exist.")
}

func TestPoolsAndClientsArePaged(t *testing.T) {
	p := newPool(t)
	newPool(t)
	seen := map[string]bool{}
	pools := cip.NewListUserPoolsPaginator(admin(), &cip.ListUserPoolsInput{MaxResults: aws.Int32(1)})
	for pools.HasMorePages() {
		page, err := pools.NextPage(t.Context())
		check(t, err)
		if len(page.UserPools) > 1 {
			t.Fatalf("a page of %d, want 1", len(page.UserPools))
		}
		for _, one := range page.UserPools {
			if seen[*one.Id] {
				t.Fatalf("%s came twice", *one.Id)
			}
			seen[*one.Id] = true
		}
	}
	if !seen[p.ID] || !seen[devPool] {
		t.Error("a pool is missing from the list")
	}
	_, err := admin().ListUserPools(t.Context(), &cip.ListUserPoolsInput{MaxResults: aws.Int32(61)})
	wantError[*types.InvalidParameterException](t, err)

	_, err = admin().CreateUserPoolClient(t.Context(), &cip.CreateUserPoolClientInput{UserPoolId: &p.ID, ClientName: aws.String("two")})
	check(t, err)
	clients := cip.NewListUserPoolClientsPaginator(admin(), &cip.ListUserPoolClientsInput{UserPoolId: &p.ID, MaxResults: aws.Int32(1)})
	n := 0
	for clients.HasMorePages() {
		page, err := clients.NextPage(t.Context())
		check(t, err)
		n += len(page.UserPoolClients)
	}
	equal(t, "clients", n, 2)
}
