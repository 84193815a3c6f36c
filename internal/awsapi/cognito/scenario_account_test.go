package cognito

import (
	"testing"

	"countersign/internal/eventlog"
	"countersign/internal/pool"
)

func waits(c *pool.Config) { c.VerifyBeforeUpdate = []string{"phone_number"} }

const newNumber = `{"AccessToken":"{{AccessToken}}","UserAttributes":[{"Name":"phone_number","Value":"+12025550199"}]}`

var accountScenarios = []scenario{
	{
		name: "attributes: change and remove", sent: 1,
		steps: then(
			step{op: "UpdateUserAttributes", in: `{"AccessToken":"{{AccessToken}}","UserAttributes":[{"Name":"name","Value":"Ann"},{"Name":"nickname","Value":"A"}]}`},
			step{op: "DeleteUserAttributes", in: `{"AccessToken":"{{AccessToken}}","UserAttributeNames":["nickname"]}`},
			step{op: "GetUser", in: `{"AccessToken":"{{AccessToken}}"}`, want: `{"Username":"{{UserSub}}","UserAttributes":[{"Name":"name","Value":"Ann"},
				{"Name":"phone_number","Value":"+12025550100"},{"Name":"phone_number_verified","Value":"true"},{"Name":"sub","Value":"{{UserSub}}"}]}`},
			step{op: "UpdateUserAttributes", in: `{"AccessToken":"{{AccessToken}}","UserAttributes":[{"Name":"phone_number_verified","Value":"true"}]}`, err: "NotAuthorizedException: A client attempted to write unauthorized attribute"},
			step{op: "UpdateUserAttributes", in: `{"AccessToken":"{{AccessToken}}","UserAttributes":[{"Name":"sub","Value":"x"}]}`, err: "NotAuthorizedException: A client attempted to write unauthorized attribute"},
			step{op: "DeleteUserAttributes", in: `{"AccessToken":"{{AccessToken}}","UserAttributeNames":["phone_number"]}`, err: "InvalidParameterException: phone_number is the sign-in name and cannot be removed."},
		),
		events: []eventlog.Type{eventlog.UserChanged},
	},
	{
		name: "a new number at once: unverified until its code", sent: 3, // with the notice to the old one
		steps: then(
			step{op: "UpdateUserAttributes", in: newNumber, want: `{"CodeDeliveryDetailsList":[{"Destination":"+*******0199","DeliveryMedium":"SMS","AttributeName":"phone_number"}]}`, not: []string{"+12025550199"}},
			step{op: "GetUser", in: `{"AccessToken":"{{AccessToken}}"}`, want: `{"Username":"{{UserSub}}","UserAttributes":[{"Name":"phone_number","Value":"+12025550199"},
				{"Name":"phone_number_verified","Value":"false"},{"Name":"sub","Value":"{{UserSub}}"}]}`},
			step{op: "InitiateAuth", in: signInIn, err: noUser},
			step{op: "VerifyUserAttribute", in: `{"AccessToken":"{{AccessToken}}","AttributeName":"phone_number","Code":"{{wrong +12025550199}}"}`, err: codeMiss},
			step{op: "VerifyUserAttribute", in: `{"AccessToken":"{{AccessToken}}","AttributeName":"phone_number","Code":"{{code +12025550199}}"}`},
			step{op: "VerifyUserAttribute", in: `{"AccessToken":"{{AccessToken}}","AttributeName":"phone_number","Code":"{{code +12025550199}}"}`, err: codeOld},
			step{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+12025550199","PASSWORD":"Passw0rd!"}}`, want: tokensOut},
		),
		events: []eventlog.Type{eventlog.NumberChanged},
	},
	{
		name: "a new number that waits for its code", pool: waits, sent: 4,
		steps: then(
			step{op: "UpdateUserAttributes", in: newNumber, want: `{"CodeDeliveryDetailsList":[{"Destination":"+*******0199","DeliveryMedium":"SMS","AttributeName":"phone_number"}]}`},
			step{op: "GetUser", in: `{"AccessToken":"{{AccessToken}}"}`, want: `{"Username":"{{UserSub}}","UserAttributes":[{"Name":"phone_number","Value":"+12025550100"},
				{"Name":"phone_number_verified","Value":"true"},{"Name":"sub","Value":"{{UserSub}}"}]}`},
			step{op: "InitiateAuth", in: signInIn, want: tokensOut},
			step{op: "GetUserAttributeVerificationCode", in: `{"AccessToken":"{{AccessToken}}","AttributeName":"phone_number"}`, want: `{"CodeDeliveryDetails":{"Destination":"+*******0199","DeliveryMedium":"SMS","AttributeName":"phone_number"}}`},
			step{op: "VerifyUserAttribute", in: `{"AccessToken":"{{AccessToken}}","AttributeName":"phone_number","Code":"{{code +12025550199}}"}`},
			step{op: "InitiateAuth", in: signInIn, err: noUser},
		),
	},
	{
		name: "a number of somebody else", pool: waits, sent: 3,
		steps: then(
			step{op: "SignUp", in: `{"ClientId":"{{client}}","Username":"+12025550199","Password":"Passw0rd!"}`, want: `"*"`},
			step{op: "ConfirmSignUp", in: `{"ClientId":"{{client}}","Username":"+12025550199","ConfirmationCode":"{{code +12025550199}}"}`},
			step{op: "UpdateUserAttributes", in: newNumber, want: `"*"`},
			step{
				op: "VerifyUserAttribute", in: `{"AccessToken":"{{AccessToken}}","AttributeName":"phone_number","Code":"{{code +12025550199}}"}`,
				err: "AliasExistsException: An account with the phone_number already exists.",
			},
		),
	},
	{
		name: "codes for attributes: what is refused", sent: 1,
		steps: then(
			step{op: "GetUserAttributeVerificationCode", in: `{"AccessToken":"{{AccessToken}}","AttributeName":"phone_number"}`, err: "InvalidParameterException: Attribute phone_number is already verified."},
			step{op: "GetUserAttributeVerificationCode", in: `{"AccessToken":"{{AccessToken}}","AttributeName":"email"}`, err: "InvalidParameterException: User does not have the attribute email."},
			step{op: "VerifyUserAttribute", in: `{"AccessToken":"{{AccessToken}}","AttributeName":"name","Code":"123456"}`, err: "InvalidParameterException: Only phone_number and email can be verified."},
			step{op: "VerifyUserAttribute", in: `{"AccessToken":"{{AccessToken}}","AttributeName":"email","Code":"123456"}`, err: codeOld},
		),
	},
	{
		name: "an address and its code", pool: both, sent: 3,
		steps: then(
			step{op: "UpdateUserAttributes", in: `{"AccessToken":"{{AccessToken}}","UserAttributes":[{"Name":"email","Value":"ann@example.com"}]}`, want: `{"CodeDeliveryDetailsList":[{"Destination":"a***@e***","DeliveryMedium":"EMAIL","AttributeName":"email"}]}`, not: []string{"ann@example.com"}},
			step{op: "GetUserAttributeVerificationCode", in: `{"AccessToken":"{{AccessToken}}","AttributeName":"email"}`, want: `{"CodeDeliveryDetails":{"Destination":"a***@e***","DeliveryMedium":"EMAIL","AttributeName":"email"}}`},
			step{op: "VerifyUserAttribute", in: `{"AccessToken":"{{AccessToken}}","AttributeName":"email","Code":"{{code ann@example.com}}"}`},
		),
		events: []eventlog.Type{eventlog.EmailChanged, eventlog.CodeSent},
	},
	{
		name: "change of password: other sessions end", sent: 2,
		steps: then(
			step{op: "InitiateAuth", do: func(w *world) { w.vars["Other"] = w.vars["AccessToken"] }, in: signInIn, want: tokensOut},
			step{op: "ChangePassword", in: `{"AccessToken":"{{AccessToken}}","PreviousPassword":"wrong","ProposedPassword":"NewPassw0rd!"}`, err: wrongLogin},
			step{op: "ChangePassword", in: `{"AccessToken":"{{AccessToken}}","PreviousPassword":"Passw0rd!","ProposedPassword":"weak"}`, err: "InvalidPasswordException: Password did not conform with policy: Password not long enough"},
			step{op: "ChangePassword", in: `{"AccessToken":"{{AccessToken}}","PreviousPassword":"Passw0rd!","ProposedPassword":"NewPassw0rd!"}`},
			step{op: "GetUser", in: `{"AccessToken":"{{AccessToken}}"}`, want: `"*"`},
			step{op: "GetUser", in: `{"AccessToken":"{{Other}}"}`, err: "NotAuthorizedException: Access Token has been revoked"},
			step{op: "InitiateAuth", in: signInIn, err: wrongLogin},
		),
		events: []eventlog.Type{eventlog.PasswordChangeFailed, eventlog.PasswordChanged},
	},
	{
		name: "password history", pool: func(c *pool.Config) { c.PasswordHistory = 2 }, sent: 2,
		steps: then(
			step{op: "ChangePassword", in: `{"AccessToken":"{{AccessToken}}","PreviousPassword":"Passw0rd!","ProposedPassword":"Passw0rd!"}`, err: "PasswordHistoryPolicyViolationException: Password has previously been used."},
			step{op: "ChangePassword", in: `{"AccessToken":"{{AccessToken}}","PreviousPassword":"Passw0rd!","ProposedPassword":"NewPassw0rd!"}`},
			step{op: "ChangePassword", in: `{"AccessToken":"{{AccessToken}}","PreviousPassword":"NewPassw0rd!","ProposedPassword":"Passw0rd!"}`, err: "PasswordHistoryPolicyViolationException: Password has previously been used."},
		),
	},
	{
		name: "deleted by itself", sent: 1,
		steps: then(
			step{op: "DeleteUser", in: `{"AccessToken":"{{AccessToken}}"}`},
			step{op: "DeleteUser", in: `{"AccessToken":"{{AccessToken}}"}`, err: "NotAuthorizedException: Access Token has been revoked"},
			step{op: "InitiateAuth", in: signInIn, err: noUser},
		),
		events: []eventlog.Type{eventlog.UserDeleted},
	},
	{
		name: "what a client may not read", sent: 1,
		client: func(c *pool.ClientConfig) { c.ReadAttributes = []string{"phone_number"} },
		steps:  then(step{op: "GetUser", in: `{"AccessToken":"{{AccessToken}}"}`, want: `{"Username":"{{UserSub}}","UserAttributes":[{"Name":"phone_number","Value":"+12025550100"},{"Name":"sub","Value":"{{UserSub}}"}]}`}),
	},
	{
		name: "the old settings for SMS", sent: 3,
		steps: then(
			step{op: "SetUserSettings", in: `{"AccessToken":"{{AccessToken}}","MFAOptions":[{"DeliveryMedium":"EMAIL","AttributeName":"email"}]}`, err: "InvalidParameterException: MFAOptions can hold SMS to phone_number only."},
			step{op: "SetUserSettings", in: `{"AccessToken":"{{AccessToken}}","MFAOptions":[{"DeliveryMedium":"SMS","AttributeName":"phone_number"}]}`},
			step{op: "AdminSetUserSettings", in: `{"UserPoolId":"{{pool}}","Username":"nobody","MFAOptions":[]}`, err: noUser},
			step{op: "AdminSetUserSettings", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100","MFAOptions":[]}`},
			step{op: "GetUserAuthFactors", in: `{"AccessToken":"nonsense"}`, err: "NotAuthorizedException: Invalid Access Token"},
		),
	},
	{
		name: "a message that is not delivered harms no older code", sent: 1,
		steps: []step{
			{op: "SignUp", in: signUpIn, want: signedUp},
			{op: "ResendConfirmationCode", do: func(w *world) { w.Refuse(true) }, in: namedIn, want: `{"CodeDeliveryDetails":` + smsDetails + `}`},
			{op: "ConfirmSignUp", do: func(w *world) { w.Refuse(false) }, in: confirmIn},
		},
	},
}

// invited is an invitation by SMS.
const (
	inviteIn = `{"UserPoolId":"{{pool}}","Username":"+12025550100","UserAttributes":[{"Name":"phone_number_verified","Value":"true"}]}`
	invited  = `{"User":{"Username":"*","UserStatus":"FORCE_CHANGE_PASSWORD","Enabled":true,"UserCreateDate":"*","UserLastModifiedDate":"*",
		"Attributes":[{"Name":"phone_number","Value":"+12025550100"},{"Name":"phone_number_verified","Value":"true"},{"Name":"sub","Value":"*"}]}}`
	temporaryIn = `{"ClientId":"{{client}}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+12025550100","PASSWORD":"{{code +12025550100}}"}}`
	firstLogin  = `{"ChallengeName":"NEW_PASSWORD_REQUIRED","Session":"*","ChallengeParameters":{"USER_ID_FOR_SRP":"{{Username}}","requiredAttributes":"[]","userAttributes":"*"}}`
)

func invitationText(t *testing.T, w *world, _ map[string]any) {
	t.Helper()
	list := w.messages()
	m := list[len(list)-1]
	want := "Your username is +12025550100 and temporary password is " + m.Code + "."
	if m.Text != want || m.TriggerSource != "CustomSMSSender_AdminCreateUser" {
		t.Errorf("got %q by %s, want %q", m.Text, m.TriggerSource, want)
	}
}

var adminScenarios = []scenario{
	{
		name: "invitation, first sign-in", sent: 1,
		steps: []step{
			{op: "AdminCreateUser", in: inviteIn, want: invited, check: invitationText},
			{op: "AdminCreateUser", in: inviteIn, err: "UsernameExistsException: An account with the given phone_number already exists."},
			{op: "InitiateAuth", in: temporaryIn, want: firstLogin},
			{op: "RespondToAuthChallenge", in: answerIn("NEW_PASSWORD_REQUIRED", "NEW_PASSWORD", "weak"), err: "InvalidPasswordException: Password did not conform with policy: Password not long enough"},
			{op: "RespondToAuthChallenge", in: answerIn("NEW_PASSWORD_REQUIRED", "NEW_PASSWORD", "Passw0rd!"), want: tokensOut},
			{op: "InitiateAuth", in: temporaryIn, err: wrongLogin},
			{op: "AdminCreateUser", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100","MessageAction":"RESEND"}`, err: "UnsupportedUserStateException: Resend not possible. The user's status is not FORCE_CHANGE_PASSWORD."},
		},
		events: []eventlog.Type{eventlog.UserCreated, eventlog.PasswordChanged},
	},
	{
		name: "invitation: sent again, and expired", sent: 2,
		steps: []step{
			{op: "AdminCreateUser", in: inviteIn, want: invited},
			{op: "InitiateAuth", advance: 7 * 24 * hour, in: temporaryIn, err: "NotAuthorizedException: Temporary password has expired and must be reset by an administrator."},
			{op: "AdminCreateUser", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100","MessageAction":"RESEND"}`, want: invited, check: invitationText},
			{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+12025550100","PASSWORD":"{{code +12025550100 0}}"}}`, err: wrongLogin},
			{op: "InitiateAuth", in: temporaryIn, want: firstLogin},
			{op: "AdminCreateUser", in: `{"UserPoolId":"{{pool}}","Username":"+12025550101","MessageAction":"RESEND"}`, err: noUser},
		},
	},
	{
		name: "invitation: suppressed, with a given password, by e-mail", pool: both, sent: 1,
		steps: []step{
			{op: "AdminCreateUser", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100","TemporaryPassword":"Temp0rary!","MessageAction":"SUPPRESS"}`, want: `"*"`},
			{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+12025550100","PASSWORD":"Temp0rary!"}}`, want: firstLogin},
			{op: "AdminCreateUser", in: `{"UserPoolId":"{{pool}}","Username":"+12025550101","TemporaryPassword":"weak"}`, err: "InvalidPasswordException: Password did not conform with policy: Password not long enough"},
			{op: "AdminCreateUser", in: `{"UserPoolId":"{{pool}}","Username":"+12025550101","DesiredDeliveryMediums":["EMAIL"]}`, err: "InvalidParameterException: The invitation cannot be sent by EMAIL: the user has no email."},
			{op: "AdminCreateUser", in: `{"UserPoolId":"{{pool}}","Username":"+12025550101","DesiredDeliveryMediums":["EMAIL"],"UserAttributes":[{"Name":"email","Value":"ann@example.com"}]}`, want: `"*"`, check: func(t *testing.T, w *world, _ map[string]any) {
				if m := w.Last("ann@example.com"); m.TriggerSource != "CustomEmailSender_AdminCreateUser" || m.Subject == "" {
					t.Errorf("got %+v", m)
				}
			}},
		},
	},
	{
		name: "invitation: an alias of somebody else", pool: named,
		steps: []step{
			{op: "AdminCreateUser", in: `{"UserPoolId":"{{pool}}","Username":"ann","MessageAction":"SUPPRESS","UserAttributes":[{"Name":"email","Value":"ann@example.com"},{"Name":"email_verified","Value":"true"}]}`, want: `"*"`},
			{op: "AdminCreateUser", in: `{"UserPoolId":"{{pool}}","Username":"ann","MessageAction":"SUPPRESS"}`, err: "UsernameExistsException: User account already exists"},
			{op: "AdminCreateUser", in: `{"UserPoolId":"{{pool}}","Username":"bob","MessageAction":"SUPPRESS","UserAttributes":[{"Name":"email","Value":"ann@example.com"},{"Name":"email_verified","Value":"true"}]}`, err: "AliasExistsException: An account with the email already exists."},
			{op: "AdminCreateUser", in: `{"UserPoolId":"{{pool}}","Username":"bob","MessageAction":"SUPPRESS","ForceAliasCreation":true,"UserAttributes":[{"Name":"email","Value":"ann@example.com"},{"Name":"email_verified","Value":"true"}]}`, want: `"*"`},
			{op: "AdminGetUser", in: `{"UserPoolId":"{{pool}}","Username":"ann@example.com"}`, want: `{"Username":"bob","UserStatus":"FORCE_CHANGE_PASSWORD","Enabled":true,"UserCreateDate":"*","UserLastModifiedDate":"*","UserAttributes":"*"}`},
			{op: "AdminUpdateUserAttributes", in: `{"UserPoolId":"{{pool}}","Username":"bob","UserAttributes":[{"Name":"email_verified","Value":"false"}]}`},
			{op: "AdminGetUser", in: `{"UserPoolId":"{{pool}}","Username":"ann@example.com"}`, err: noUser},
		},
	},
	{
		name: "a user without a password", sent: 1,
		pool:   func(c *pool.Config) { c.FirstFactors, c.MFA = []string{"PASSWORD", "SMS_OTP"}, "OFF" },
		client: func(c *pool.ClientConfig) { c.Flows = append(c.Flows, "ALLOW_USER_AUTH") },
		steps: []step{
			{
				op: "AdminCreateUser", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100","MessageAction":"SUPPRESS","UserAttributes":[{"Name":"phone_number_verified","Value":"true"}]}`,
				want: `{"User":{"Username":"*","UserStatus":"CONFIRMED","Enabled":true,"UserCreateDate":"*","UserLastModifiedDate":"*","Attributes":"*"}}`,
			},
			{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_AUTH","AuthParameters":{"USERNAME":"+12025550100","PREFERRED_CHALLENGE":"SMS_OTP"}}`, want: `{"ChallengeName":"SMS_OTP","Session":"*","ChallengeParameters":"*","AvailableChallenges":["SMS_OTP"]}`},
			{op: "RespondToAuthChallenge", in: answerIn("SMS_OTP", "SMS_OTP_CODE", "{{code +12025550100}}"), want: tokensOut},
		},
	},
	{
		name: "required attributes come with the first password", sent: 1,
		pool: func(c *pool.Config) {
			for i := range c.Schema {
				if c.Schema[i].Name == "name" {
					c.Schema[i].Required = true
				}
			}
		},
		steps: []step{
			{op: "AdminCreateUser", in: inviteIn, want: invited},
			{op: "InitiateAuth", in: temporaryIn, want: `{"ChallengeName":"NEW_PASSWORD_REQUIRED","Session":"*","ChallengeParameters":{"USER_ID_FOR_SRP":"{{Username}}","requiredAttributes":"[\"userAttributes.name\"]","userAttributes":"*"}}`},
			{op: "RespondToAuthChallenge", in: answerIn("NEW_PASSWORD_REQUIRED", "NEW_PASSWORD", "Passw0rd!"), err: "InvalidParameterException: Attributes did not conform to the schema: name: The attribute is required"},
			{op: "RespondToAuthChallenge", in: answerIn("NEW_PASSWORD_REQUIRED", "NEW_PASSWORD", `Passw0rd!","userAttributes.name":"Ann`), want: tokensOut},
			{op: "AdminDeleteUserAttributes", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100","UserAttributeNames":["name"]}`, err: "InvalidParameterException: Attributes did not conform to the schema: name: The attribute is required"},
		},
	},
	{
		name: "disable, enable", sent: 1,
		steps: then(
			step{op: "AdminDisableUser", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100"}`},
			step{op: "GetUser", in: `{"AccessToken":"{{AccessToken}}"}`, err: "NotAuthorizedException: Access Token has been revoked"},
			step{op: "InitiateAuth", in: signInIn, err: "NotAuthorizedException: User is disabled."},
			step{op: "ForgotPassword", in: namedIn, err: "NotAuthorizedException: User is disabled."},
			step{op: "AdminEnableUser", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100"}`},
			step{op: "InitiateAuth", in: signInIn, want: tokensOut},
			step{op: "AdminDisableUser", in: `{"UserPoolId":"{{pool}}","Username":"nobody"}`, err: noUser},
			step{op: "AdminEnableUser", in: `{"UserPoolId":"{{pool}}","Username":"nobody"}`, err: noUser},
		),
		events: []eventlog.Type{eventlog.UserDisabled, eventlog.UserEnabled},
	},
	{
		name: "enabling forgives", sent: 1,
		steps: then(
			step{op: "InitiateAuth", in: wrongIn, err: wrongLogin},
			step{op: "InitiateAuth", in: wrongIn, err: wrongLogin},
			step{op: "InitiateAuth", in: wrongIn, err: wrongLogin},
			step{op: "InitiateAuth", in: wrongIn, err: wrongLogin},
			step{op: "InitiateAuth", in: wrongIn, err: wrongLogin},
			step{op: "InitiateAuth", in: signInIn, err: "NotAuthorizedException: Password attempts exceeded"},
			step{op: "AdminEnableUser", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100"}`},
			step{op: "InitiateAuth", in: signInIn, want: tokensOut},
		),
	},
	{
		name: "reset by an administrator", sent: 3,
		steps: then(
			step{op: "AdminResetUserPassword", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100"}`},
			step{op: "GetTokensFromRefreshToken", in: `{"ClientId":"{{client}}","RefreshToken":"{{RefreshToken}}"}`, err: "NotAuthorizedException: Refresh Token has been revoked"},
			step{op: "InitiateAuth", in: signInIn, err: "PasswordResetRequiredException: Password reset required for the user"},
			step{op: "ConfirmForgotPassword", in: `{"ClientId":"{{client}}","Username":"+12025550100","ConfirmationCode":"{{code +12025550100}}","Password":"NewPassw0rd!"}`},
			step{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+12025550100","PASSWORD":"NewPassw0rd!"}}`, want: tokensOut},
			step{op: "AdminUpdateUserAttributes", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100","UserAttributes":[{"Name":"phone_number_verified","Value":"false"}]}`},
			step{op: "AdminResetUserPassword", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100"}`, err: "InvalidParameterException: Cannot reset password for the user as there is no registered/verified email or phone_number"},
		),
		events: []eventlog.Type{eventlog.PasswordChangeRequested, eventlog.PasswordChanged},
	},
	{
		name: "a password set by an administrator", sent: 1,
		steps: then(
			step{op: "AdminSetUserPassword", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100","Password":"weak","Permanent":true}`, err: "InvalidPasswordException: Password did not conform with policy: Password not long enough"},
			step{op: "AdminSetUserPassword", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100","Password":"Temp0rary!"}`},
			step{op: "GetUser", in: `{"AccessToken":"{{AccessToken}}"}`, err: "NotAuthorizedException: Access Token has been revoked"},
			step{op: "InitiateAuth", in: signInIn, err: wrongLogin},
			step{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+12025550100","PASSWORD":"Temp0rary!"}}`, want: `{"ChallengeName":"NEW_PASSWORD_REQUIRED","Session":"*","ChallengeParameters":"*"}`},
			step{op: "AdminSetUserPassword", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100","Password":"Permanent1!","Permanent":true}`},
			step{op: "RespondToAuthChallenge", in: answerIn("NEW_PASSWORD_REQUIRED", "NEW_PASSWORD", "Str0nger!!"), err: "NotAuthorizedException: Invalid session for the user, session can only be used once."},
			step{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+12025550100","PASSWORD":"Permanent1!"}}`, want: tokensOut},
		),
		events: []eventlog.Type{eventlog.PasswordChanged},
	},
	{
		name: "a permanent password confirms", sent: 1,
		steps: []step{
			{op: "SignUp", in: signUpIn, want: signedUp},
			{op: "AdminSetUserPassword", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100","Password":"Permanent1!","Permanent":true}`},
			{op: "ConfirmSignUp", in: confirmIn, err: "NotAuthorizedException: User cannot be confirmed. Current status is CONFIRMED"},
			{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+12025550100","PASSWORD":"Permanent1!"}}`, want: tokensOut},
		},
	},
	{
		name: "attributes by an administrator", sent: 2, // the code and the notice to the old number
		steps: then(
			step{op: "AdminUpdateUserAttributes", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100","UserAttributes":[{"Name":"phone_number","Value":"+12025550199"},{"Name":"phone_number_verified","Value":"true"},{"Name":"name","Value":"Ann"}]}`},
			step{op: "AdminDeleteUserAttributes", in: `{"UserPoolId":"{{pool}}","Username":"+12025550199","UserAttributeNames":["name"]}`},
			step{op: "AdminGetUser", in: `{"UserPoolId":"{{pool}}","Username":"+12025550199"}`, want: `{"Username":"{{UserSub}}","UserStatus":"CONFIRMED","Enabled":true,"UserCreateDate":"*","UserLastModifiedDate":"*",
				"UserAttributes":[{"Name":"phone_number","Value":"+12025550199"},{"Name":"phone_number_verified","Value":"true"},{"Name":"sub","Value":"{{UserSub}}"}]}`},
			step{op: "AdminUpdateUserAttributes", in: `{"UserPoolId":"{{pool}}","Username":"+12025550199","UserAttributes":[{"Name":"custom:x","Value":"1"}]}`, err: "InvalidParameterException: Attributes did not conform to the schema: Type for attribute {custom:x} could not be determined"},
			step{op: "AdminGetUser", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100"}`, err: noUser},
			step{op: "AdminGetUser", in: `{"UserPoolId":"us-local-1_nowhere","Username":"a"}`, err: "ResourceNotFoundException: User pool us-local-1_nowhere does not exist."},
		),
		events: []eventlog.Type{eventlog.UserChanged},
	},
	{
		name: "factors and sessions by an administrator", sent: 2,
		steps: then(
			step{op: "AdminSetUserMFAPreference", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100","SoftwareTokenMfaSettings":{"Enabled":true}}`, err: "InvalidParameterException: User does not have delivery config set to turn on SOFTWARE_TOKEN_MFA"},
			step{op: "AdminSetUserMFAPreference", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100","SMSMfaSettings":{"Enabled":true,"PreferredMfa":true}}`},
			step{op: "AdminUserGlobalSignOut", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100"}`},
			step{op: "AdminUserGlobalSignOut", in: `{"UserPoolId":"{{pool}}","Username":"nobody"}`, err: noUser},
			step{op: "GetUser", in: `{"AccessToken":"{{AccessToken}}"}`, err: "NotAuthorizedException: Access Token has been revoked"},
			step{op: "AdminGetUserAuthFactors", in: `{"UserPoolId":"{{pool}}","Username":"nobody"}`, err: noUser},
			step{op: "AdminDeleteSoftwareToken", in: `{"UserPoolId":"{{pool}}","Username":"nobody"}`, err: noUser},
			step{op: "AdminRespondToAuthChallenge", in: `{"UserPoolId":"{{pool}}","ClientId":"{{client}}","ChallengeName":"SMS_MFA","Session":"aaaaaaaaaaaaaaaaaaaaaaaaaaaa","ChallengeResponses":{"USERNAME":"+12025550100","SMS_MFA_CODE":"123456"}}`, err: "NotAuthorizedException: Invalid session for the user."},
		),
		events: []eventlog.Type{eventlog.FactorsChanged, eventlog.SignedOutAll},
	},
	{
		name: "deleted by an administrator", sent: 1,
		steps: then(
			step{op: "AdminDeleteUser", in: `{"UserPoolId":"{{pool}}","Username":"{{UserSub}}"}`},
			step{op: "AdminDeleteUser", in: `{"UserPoolId":"{{pool}}","Username":"{{UserSub}}"}`, err: noUser},
			step{op: "AdminDeleteUser", unsigned: true, in: `{"UserPoolId":"{{pool}}","Username":"{{UserSub}}"}`, err: "MissingAuthenticationTokenException: Missing Authentication Token"},
		),
		events: []eventlog.Type{eventlog.UserDeleted},
	},
}

const wrongIn = `{"ClientId":"{{client}}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+12025550100","PASSWORD":"wrong"}}`

func create(number, name string) step {
	return step{
		op: "AdminCreateUser", want: `"*"`,
		in: `{"UserPoolId":"{{pool}}","Username":"` + number + `","MessageAction":"SUPPRESS","TemporaryPassword":"Temp0rary!","UserAttributes":[{"Name":"name","Value":"` + name + `"}]}`,
	}
}

// listed is a page of users, shown by number.
func listed(numbers ...string) string {
	s := `{"Users":[`
	for i, n := range numbers {
		if i > 0 {
			s += ","
		}
		s += `{"Username":"*","UserStatus":"FORCE_CHANGE_PASSWORD","Enabled":true,"UserCreateDate":"*","UserLastModifiedDate":"*","Attributes":[{"Name":"phone_number","Value":"` + n + `"}]}`
	}
	return s + `]}`
}

var userScenarios = []scenario{{
	name: "list", steps: []step{
		create("+12025550101", "Ann"), create("+12025550102", `Ann \"the\" One`), create("+12025550103", "Bob"),
		{op: "ListUsers", in: `{"UserPoolId":"{{pool}}"}`, want: `{"Users":["*","*","*"]}`},
		{op: "ListUsers", in: `{"UserPoolId":"{{pool}}","AttributesToGet":["phone_number"],"Filter":"name = \"Ann\""}`, want: listed("+12025550101")},
		{op: "ListUsers", in: `{"UserPoolId":"{{pool}}","AttributesToGet":["phone_number"],"Filter":"name = \"Ann \\\"the\\\" One\""}`, want: listed("+12025550102")},
		{op: "ListUsers", in: `{"UserPoolId":"{{pool}}","AttributesToGet":["phone_number"],"Filter":"name ^= \"Ann\""}`, want: listed("+12025550101", "+12025550102")},
		{op: "ListUsers", in: `{"UserPoolId":"{{pool}}","AttributesToGet":["phone_number"],"Filter":"phone_number=\"+12025550103\""}`, want: listed("+12025550103")},
		{op: "ListUsers", in: `{"UserPoolId":"{{pool}}","Filter":"cognito:user_status = \"confirmed\""}`, want: `{"Users":[]}`},
		{op: "ListUsers", in: `{"UserPoolId":"{{pool}}","Filter":"cognito:user_status ^= \"force\""}`, want: `{"Users":["*","*","*"]}`},
		{op: "ListUsers", in: `{"UserPoolId":"{{pool}}","Filter":"status = \"Disabled\""}`, want: `{"Users":[]}`},
		{op: "ListUsers", in: `{"UserPoolId":"{{pool}}","Filter":"status = \"Enabled\""}`, want: `{"Users":["*","*","*"]}`},
		{op: "ListUsers", in: `{"UserPoolId":"{{pool}}","Limit":2,"AttributesToGet":["phone_number"],"Filter":"phone_number ^= \"+1202\""}`, want: `{"PaginationToken":"*",` + listed("+12025550101", "+12025550102")[1:]},
		{op: "ListUsers", in: `{"UserPoolId":"{{pool}}","Limit":2,"PaginationToken":"{{PaginationToken}}"}`, err: "InvalidParameterException: Invalid pagination token"},
		{op: "ListUsers", in: `{"UserPoolId":"{{pool}}","Limit":2,"AttributesToGet":["phone_number"],"Filter":"phone_number ^= \"+1202\"","PaginationToken":"{{PaginationToken}}"}`, want: listed("+12025550103")},
		{op: "ListUsers", in: `{"UserPoolId":"{{pool}}","Filter":"custom:x = \"1\""}`, err: "InvalidParameterException: Invalid filter: users cannot be searched by this attribute."},
		{op: "ListUsers", in: `{"UserPoolId":"{{pool}}","Filter":"name = Ann"}`, err: "InvalidParameterException: Invalid filter: the value must be in double quotes."},
		{op: "ListUsers", unsigned: true, in: `{"UserPoolId":"{{pool}}"}`, err: "MissingAuthenticationTokenException: Missing Authentication Token"},
	},
}}
