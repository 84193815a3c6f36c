package cognito

import (
	"slices"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/pool"
)

const hour = time.Hour

const smsChallenge = `{"ChallengeName":"SMS_MFA","Session":"*","ChallengeParameters":{"CODE_DELIVERY_DELIVERY_MEDIUM":"SMS","CODE_DELIVERY_DESTINATION":"+*******0100","USER_ID_FOR_SRP":"{{UserSub}}"}}`

func answerIn(challenge, member, value string) string {
	return `{"ClientId":"{{client}}","ChallengeName":"` + challenge + `","Session":"{{Session}}","ChallengeResponses":{"USERNAME":"+12025550100","` + member + `":"` + value + `"}}`
}

func mfaOn(c *pool.Config) { c.MFA = "ON" }

var signInScenarios = []scenario{
	{
		name: "sign-in: wrong, locked, right", sent: 1,
		steps: then(
			step{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+12025550100","PASSWORD":"wrong"}}`, err: wrongLogin, not: []string{"AuthenticationResult"}},
			step{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+12025550100","PASSWORD":"wrong"}}`, err: wrongLogin},
			step{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+12025550100","PASSWORD":"wrong"}}`, err: wrongLogin},
			step{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+12025550100","PASSWORD":"wrong"}}`, err: wrongLogin},
			step{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+12025550100","PASSWORD":"wrong"}}`, err: wrongLogin},
			step{op: "InitiateAuth", in: signInIn, err: "NotAuthorizedException: Password attempts exceeded"},
			step{op: "InitiateAuth", in: signInIn, advance: time.Second, want: tokensOut},
		),
		events: []eventlog.Type{eventlog.WrongPassword, eventlog.LoginSucceeded},
	},
	{
		name: "sign-in: unknown, told",
		steps: []step{
			{op: "InitiateAuth", in: signInIn, err: noUser},
			{op: "AdminInitiateAuth", in: `{"UserPoolId":"{{pool}}","ClientId":"{{client}}","AuthFlow":"ADMIN_USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+12025550100","PASSWORD":"Passw0rd!"}}`, err: noUser},
		},
	},
	{
		name: "sign-in: unknown, hidden", client: hides, steps: []step{{op: "InitiateAuth", in: signInIn, err: wrongLogin}},
		events: []eventlog.Type{eventlog.UnknownUser},
	},
	{
		name: "sign-in: what is refused", sent: 1,
		steps: []step{
			{op: "SignUp", in: signUpIn, want: signedUp},
			{op: "InitiateAuth", in: signInIn, err: "UserNotConfirmedException: User is not confirmed."},
			{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_SRP_AUTH","AuthParameters":{"USERNAME":"+12025550100","SRP_A":"ab"}}`, err: "InvalidParameterException: USER_SRP_AUTH flow not enabled for this client"},
			{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"ADMIN_USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+12025550100","PASSWORD":"Passw0rd!"}}`, err: "InvalidParameterException: Initiate Auth method not supported"},
			{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"PASSWORD":"Passw0rd!"}}`, err: "InvalidParameterException: Missing required parameter USERNAME"},
			{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+12025550100"}}`, err: "InvalidParameterException: Missing required parameter PASSWORD"},
			{op: "AdminInitiateAuth", unsigned: true, in: `{"UserPoolId":"{{pool}}","ClientId":"{{client}}","AuthFlow":"ADMIN_USER_PASSWORD_AUTH","AuthParameters":{}}`, err: "MissingAuthenticationTokenException: Missing Authentication Token"},
			{op: "AdminInitiateAuth", in: `{"UserPoolId":"us-local-1_other","ClientId":"{{client}}","AuthFlow":"ADMIN_USER_PASSWORD_AUTH","AuthParameters":{}}`, err: "ResourceNotFoundException: User pool client {{client}} does not exist."},
		},
	},
	{
		name: "sign-in by a server", sent: 3, // with the notice of the factor
		steps: []step{
			{op: "SignUp", in: signUpIn, want: signedUp},
			{op: "ConfirmSignUp", in: confirmIn},
			{op: "AdminSetUserMFAPreference", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100","SMSMfaSettings":{"Enabled":true}}`},
			{
				op: "AdminInitiateAuth", want: smsChallenge,
				in: `{"UserPoolId":"{{pool}}","ClientId":"{{client}}","AuthFlow":"ADMIN_USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+12025550100","PASSWORD":"Passw0rd!"},"ContextData":{"IpAddress":"198.51.100.9","ServerName":"a","ServerPath":"/","HttpHeaders":[]}}`,
			},
			{
				op: "AdminRespondToAuthChallenge", want: tokensOut,
				in: `{"UserPoolId":"{{pool}}","ClientId":"{{client}}","ChallengeName":"SMS_MFA","Session":"{{Session}}","ChallengeResponses":{"USERNAME":"+12025550100","SMS_MFA_CODE":"{{code +12025550100}}"}}`,
			},
		},
	},
	{
		name: "a secret hash at every step", secret: "0123456789abcdefghijklmnopqrstuv", sent: 1,
		steps: []step{
			{op: "SignUp", in: `{"ClientId":"{{client}}","SecretHash":"{{hash +12025550100}}","Username":"+12025550100","Password":"Passw0rd!"}`, want: signedUp},
			{op: "ConfirmSignUp", in: `{"ClientId":"{{client}}","SecretHash":"{{hash +12025550100}}","Username":"+12025550100","ConfirmationCode":"{{code +12025550100}}"}`},
			{op: "InitiateAuth", in: signInIn, err: "NotAuthorizedException: Client {{client}} is configured with secret but SECRET_HASH was not received"},
			{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+12025550100","PASSWORD":"Passw0rd!","SECRET_HASH":"{{hash +12025550100}}"}}`, want: tokensOut},
			{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"REFRESH_TOKEN_AUTH","AuthParameters":{"REFRESH_TOKEN":"{{RefreshToken}}","SECRET_HASH":"{{hash +12025550100}}"}}`, want: refreshed},
			{op: "GetTokensFromRefreshToken", in: `{"ClientId":"{{client}}","ClientSecret":"0123456789abcdefghijklmnopqrstuv","RefreshToken":"{{RefreshToken}}"}`, want: `{"AuthenticationResult":{"AccessToken":"*","ExpiresIn":3600,"TokenType":"Bearer","IdToken":"*"}}`},
			{op: "RevokeToken", in: `{"ClientId":"{{client}}","ClientSecret":"0123456789abcdefghijklmnopqrst00","Token":"{{RefreshToken}}"}`, err: "UnauthorizedException: The token or the client's credentials are invalid."},
		},
	},
	{
		name: "USER_AUTH: a choice, and a code as first factor", sent: 2,
		pool:   func(c *pool.Config) { c.FirstFactors, c.MFA = []string{"PASSWORD", "SMS_OTP"}, "OFF" },
		client: func(c *pool.ClientConfig) { c.Flows = append(c.Flows, "ALLOW_USER_AUTH") },
		steps: []step{
			{op: "SignUp", in: signUpIn, want: `{"UserConfirmed":false,"UserSub":"*","Session":"*","CodeDeliveryDetails":` + smsDetails + `}`},
			{op: "ConfirmSignUp", in: confirmIn, want: `{"Session":"*"}`},
			{
				op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_AUTH","AuthParameters":{"USERNAME":"+12025550100"}}`,
				want: `{"ChallengeName":"SELECT_CHALLENGE","Session":"*","ChallengeParameters":{},"AvailableChallenges":["SMS_OTP","PASSWORD_SRP","PASSWORD"]}`,
			},
			{
				op: "RespondToAuthChallenge", in: answerIn("SELECT_CHALLENGE", "ANSWER", "SMS_OTP"),
				want: `{"ChallengeName":"SMS_OTP","Session":"*","ChallengeParameters":{"CODE_DELIVERY_DELIVERY_MEDIUM":"SMS","CODE_DELIVERY_DESTINATION":"+*******0100","USER_ID_FOR_SRP":"{{UserSub}}"}}`,
			},
			{op: "RespondToAuthChallenge", in: answerIn("SMS_OTP", "SMS_OTP_CODE", "{{wrong +12025550100}}"), err: badCode},
			{op: "RespondToAuthChallenge", in: answerIn("SMS_OTP", "SMS_OTP_CODE", "{{code +12025550100}}"), want: tokensOut},
		},
	},
}

const (
	badCode   = "CodeMismatchException: Invalid code or auth state for the user."
	refreshed = `{"ChallengeParameters":{},"AuthenticationResult":{"AccessToken":"*","ExpiresIn":3600,"TokenType":"Bearer","IdToken":"*"}}`
)

var smsOn = step{op: "SetUserMFAPreference", in: `{"AccessToken":"{{AccessToken}}","SMSMfaSettings":{"Enabled":true,"PreferredMfa":true}}`}

var factorScenarios = []scenario{
	{
		name: "SMS_MFA", sent: 3,
		steps: then(smsOn,
			step{op: "GetUser", in: `{"AccessToken":"{{AccessToken}}"}`, want: `{"Username":"{{UserSub}}","UserAttributes":"*","MFAOptions":[{"DeliveryMedium":"SMS","AttributeName":"phone_number"}],"PreferredMfaSetting":"SMS_MFA","UserMFASettingList":["SMS_MFA"]}`},
			step{op: "InitiateAuth", in: signInIn, want: smsChallenge, not: []string{"+12025550100", "AccessToken"}},
			step{op: "RespondToAuthChallenge", in: answerIn("SMS_MFA", "SMS_MFA_CODE", "{{wrong +12025550100}}"), err: badCode},
			step{op: "RespondToAuthChallenge", in: answerIn("SOFTWARE_TOKEN_MFA", "SOFTWARE_TOKEN_MFA_CODE", "{{code +12025550100}}"), err: "NotAuthorizedException: Invalid session for the user."},
			step{op: "RespondToAuthChallenge", in: answerIn("SMS_MFA", "SMS_MFA_CODE", "{{code +12025550100}}"), want: tokensOut},
			step{op: "RespondToAuthChallenge", in: answerIn("SMS_MFA", "SMS_MFA_CODE", "{{code +12025550100}}"), err: "NotAuthorizedException: Invalid session for the user, session can only be used once."},
		),
		events: []eventlog.Type{eventlog.FactorsChanged, eventlog.StartAuth, eventlog.AuthFailed, eventlog.AuthSucceeded, eventlog.LoginSucceeded},
	},
	{
		name: "SMS_MFA: a session lives three minutes", sent: 3,
		steps: then(smsOn,
			step{op: "InitiateAuth", in: signInIn, want: smsChallenge},
			step{op: "RespondToAuthChallenge", advance: 3 * time.Minute, in: answerIn("SMS_MFA", "SMS_MFA_CODE", "{{code +12025550100}}"), err: "NotAuthorizedException: Invalid session for the user, session is expired."},
		),
	},
	{
		name: "SMS_MFA: five wrong codes end a session", sent: 3,
		steps: then(smsOn,
			step{op: "InitiateAuth", in: signInIn, want: smsChallenge},
			step{op: "RespondToAuthChallenge", in: answerIn("SMS_MFA", "SMS_MFA_CODE", "{{wrong +12025550100}}"), err: badCode},
			step{op: "RespondToAuthChallenge", in: answerIn("SMS_MFA", "SMS_MFA_CODE", "{{wrong +12025550100}}"), err: badCode},
			step{op: "RespondToAuthChallenge", in: answerIn("SMS_MFA", "SMS_MFA_CODE", "{{wrong +12025550100}}"), err: badCode},
			step{op: "RespondToAuthChallenge", in: answerIn("SMS_MFA", "SMS_MFA_CODE", "{{wrong +12025550100}}"), err: badCode},
			step{op: "RespondToAuthChallenge", in: answerIn("SMS_MFA", "SMS_MFA_CODE", "{{wrong +12025550100}}"), err: badCode},
			step{op: "RespondToAuthChallenge", advance: time.Minute, in: answerIn("SMS_MFA", "SMS_MFA_CODE", "{{code +12025550100}}"), err: "NotAuthorizedException: Invalid session for the user."},
		),
	},
	{
		name: "MFA required: by SMS without a preference", pool: mfaOn, sent: 2,
		steps: []step{
			{op: "SignUp", in: signUpIn, want: signedUp},
			{op: "ConfirmSignUp", in: confirmIn},
			{op: "InitiateAuth", in: signInIn, want: smsChallenge},
			{op: "RespondToAuthChallenge", in: answerIn("SMS_MFA", "SMS_MFA_CODE", "{{code +12025550100}}"), want: tokensOut},
		},
	},
	{
		name: "MFA required: TOTP is set up at sign-in", sent: 1,
		pool: func(c *pool.Config) { c.MFA, c.MFASMS = "ON", false },
		steps: []step{
			{op: "SignUp", in: signUpIn, want: signedUp},
			{op: "ConfirmSignUp", in: confirmIn},
			{op: "InitiateAuth", in: signInIn, want: `{"ChallengeName":"MFA_SETUP","Session":"*","ChallengeParameters":{"MFAS_CAN_SETUP":"[\"SOFTWARE_TOKEN_MFA\"]","USER_ID_FOR_SRP":"{{UserSub}}"}}`},
			{op: "AssociateSoftwareToken", in: `{"Session":"{{Session}}"}`, want: `{"SecretCode":"*","Session":"*"}`},
			{op: "VerifySoftwareToken", in: `{"Session":"{{Session}}","UserCode":"{{totp}}","FriendlyDeviceName":"phone"}`, want: `{"Status":"SUCCESS","Session":"*"}`, not: []string{"{{SecretCode}}"}},
			{op: "RespondToAuthChallenge", in: `{"ClientId":"{{client}}","ChallengeName":"MFA_SETUP","Session":"{{Session}}","ChallengeResponses":{"USERNAME":"+12025550100"}}`, want: tokensOut},
			{op: "InitiateAuth", advance: time.Minute, in: signInIn, want: `{"ChallengeName":"SOFTWARE_TOKEN_MFA","Session":"*","ChallengeParameters":{"FRIENDLY_DEVICE_NAME":"*","USER_ID_FOR_SRP":"{{UserSub}}"}}`},
			{op: "RespondToAuthChallenge", in: answerIn("SOFTWARE_TOKEN_MFA", "SOFTWARE_TOKEN_MFA_CODE", "{{totp}}"), want: tokensOut},
		},
		events: []eventlog.Type{eventlog.EnrollmentComplete},
	},
	{
		name: "TOTP: set up, chosen, taken away", sent: 3, // the code, two notices
		steps: then(
			step{op: "SetUserMFAPreference", in: `{"AccessToken":"{{AccessToken}}","SoftwareTokenMfaSettings":{"Enabled":true}}`, err: "InvalidParameterException: User does not have delivery config set to turn on SOFTWARE_TOKEN_MFA"},
			step{op: "VerifySoftwareToken", in: `{"AccessToken":"{{AccessToken}}","UserCode":"123456"}`, err: "SoftwareTokenMFANotFoundException: The user has no software token."},
			step{op: "AssociateSoftwareToken", in: `{}`, err: "InvalidParameterException: Either an AccessToken or a Session is required."},
			step{op: "AssociateSoftwareToken", in: `{"AccessToken":"{{AccessToken}}"}`, want: `{"SecretCode":"*"}`},
			step{op: "VerifySoftwareToken", in: `{"AccessToken":"{{AccessToken}}","UserCode":"abcdef"}`, err: "InvalidParameterException: 1 validation error detected: Value at 'userCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [0-9]+"},
			step{op: "VerifySoftwareToken", in: `{"AccessToken":"{{AccessToken}}","UserCode":"{{totp}}"}`, want: `{"Status":"SUCCESS"}`},
			step{op: "SetUserMFAPreference", in: `{"AccessToken":"{{AccessToken}}","SoftwareTokenMfaSettings":{"Enabled":true,"PreferredMfa":true}}`},
			step{op: "GetUserAuthFactors", in: `{"AccessToken":"{{AccessToken}}"}`, want: `{"Username":"{{UserSub}}","PreferredMfaSetting":"SOFTWARE_TOKEN_MFA","UserMFASettingList":["SOFTWARE_TOKEN_MFA"],"ConfiguredUserAuthFactors":["PASSWORD"]}`},
			step{op: "InitiateAuth", in: signInIn, advance: time.Minute, want: `{"ChallengeName":"SOFTWARE_TOKEN_MFA","Session":"*","ChallengeParameters":"*"}`},
			step{op: "RespondToAuthChallenge", in: answerIn("SOFTWARE_TOKEN_MFA", "SOFTWARE_TOKEN_MFA_CODE", "{{totp}}"), want: tokensOut},
			step{op: "InitiateAuth", in: signInIn, want: `{"ChallengeName":"SOFTWARE_TOKEN_MFA","Session":"*","ChallengeParameters":"*"}`},
			step{op: "RespondToAuthChallenge", in: answerIn("SOFTWARE_TOKEN_MFA", "SOFTWARE_TOKEN_MFA_CODE", "{{totp}}"), err: badCode}, // a step is good once
			step{op: "AdminDeleteSoftwareToken", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100"}`},
			step{op: "AdminGetUserAuthFactors", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100"}`, want: `{"Username":"{{UserSub}}","ConfiguredUserAuthFactors":["PASSWORD"]}`},
			step{op: "InitiateAuth", in: signInIn, want: tokensOut},
		),
		events: []eventlog.Type{eventlog.EnrollmentComplete, eventlog.Unenroll},
	},
	{
		name: "a wrong first TOTP code is an exception", sent: 1,
		steps: then(
			step{op: "AssociateSoftwareToken", in: `{"AccessToken":"{{AccessToken}}"}`, want: `{"SecretCode":"*"}`},
			step{op: "VerifySoftwareToken", in: `{"AccessToken":"{{AccessToken}}","UserCode":"{{totp}}"}`, do: func(w *world) { w.vars["SecretCode"] = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" }, err: "EnableSoftwareTokenMFAException: Code mismatch"},
		),
	},
	{
		name: "two factors: the user chooses", sent: 5,
		steps: then(
			step{op: "AssociateSoftwareToken", in: `{"AccessToken":"{{AccessToken}}"}`, want: `{"SecretCode":"*"}`},
			step{op: "VerifySoftwareToken", in: `{"AccessToken":"{{AccessToken}}","UserCode":"{{totp}}"}`, want: `{"Status":"SUCCESS"}`},
			step{op: "SetUserMFAPreference", in: `{"AccessToken":"{{AccessToken}}","SMSMfaSettings":{"Enabled":true},"SoftwareTokenMfaSettings":{"Enabled":true}}`},
			step{op: "InitiateAuth", in: signInIn, want: `{"ChallengeName":"SELECT_MFA_TYPE","Session":"*","ChallengeParameters":{"MFAS_CAN_CHOOSE":"[\"SMS_MFA\",\"SOFTWARE_TOKEN_MFA\"]","USER_ID_FOR_SRP":"{{UserSub}}"}}`},
			step{op: "RespondToAuthChallenge", in: answerIn("SELECT_MFA_TYPE", "ANSWER", "EMAIL_OTP"), err: "MFAMethodNotFoundException: The chosen MFA method is not available to the user."},
			step{op: "RespondToAuthChallenge", in: answerIn("SELECT_MFA_TYPE", "ANSWER", "SMS_MFA"), want: smsChallenge},
			step{op: "RespondToAuthChallenge", in: answerIn("SMS_MFA", "SMS_MFA_CODE", "{{code +12025550100}}"), want: tokensOut},
			step{op: "SetUserMFAPreference", in: `{"AccessToken":"{{AccessToken}}","SMSMfaSettings":{"Enabled":true,"PreferredMfa":true},"SoftwareTokenMfaSettings":{"Enabled":true,"PreferredMfa":true}}`, err: "InvalidParameterException: Only one factor can be preferred."},
			step{op: "SetUserMFAPreference", in: `{"AccessToken":"{{AccessToken}}","WebAuthnMfaSettings":{"Enabled":true}}`, err: "InvalidParameterException: Passkeys are not supported."},
			step{op: "SetUserSettings", in: `{"AccessToken":"{{AccessToken}}","MFAOptions":[]}`},
			step{op: "GetUserAuthFactors", in: `{"AccessToken":"{{AccessToken}}"}`, want: `{"Username":"{{UserSub}}","UserMFASettingList":["SOFTWARE_TOKEN_MFA"],"ConfiguredUserAuthFactors":["PASSWORD"]}`},
		),
	},
}

var tokenScenarios = []scenario{
	{
		name: "refresh and revoke", sent: 1,
		steps: then(
			step{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"REFRESH_TOKEN_AUTH","AuthParameters":{"REFRESH_TOKEN":"{{RefreshToken}}"}}`, want: refreshed},
			step{op: "GetTokensFromRefreshToken", in: `{"ClientId":"{{client}}","RefreshToken":"{{RefreshToken}}"}`, want: `{"AuthenticationResult":{"AccessToken":"*","ExpiresIn":3600,"TokenType":"Bearer","IdToken":"*"}}`},
			step{op: "GetTokensFromRefreshToken", in: `{"ClientId":"{{client}}","RefreshToken":"nonsense"}`, err: "NotAuthorizedException: Invalid Refresh Token"},
			step{op: "RevokeToken", in: `{"ClientId":"{{client}}","Token":"{{AccessToken}}"}`, err: "UnsupportedTokenTypeException: Unsupported token type"},
			step{op: "RevokeToken", in: `{"ClientId":"{{client}}","Token":"{{RefreshToken}}"}`},
			step{op: "RevokeToken", in: `{"ClientId":"{{client}}","Token":"{{RefreshToken}}"}`},
			step{op: "GetTokensFromRefreshToken", in: `{"ClientId":"{{client}}","RefreshToken":"{{RefreshToken}}"}`, err: "NotAuthorizedException: Refresh Token has been revoked"},
			step{op: "GetUser", in: `{"AccessToken":"{{AccessToken}}"}`, err: "NotAuthorizedException: Access Token has been revoked"},
		),
	},
	{
		name: "rotation: a superseded token ends the family", sent: 1,
		client: func(c *pool.ClientConfig) { c.Rotation, c.Grace = true, 10*time.Second },
		steps: then(
			step{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"REFRESH_TOKEN_AUTH","AuthParameters":{"REFRESH_TOKEN":"{{RefreshToken}}"}}`, err: "InvalidParameterException: REFRESH_TOKEN_AUTH flow not enabled for this client"},
			step{op: "GetTokensFromRefreshToken", do: func(w *world) { w.vars["First"] = w.vars["RefreshToken"] }, in: `{"ClientId":"{{client}}","RefreshToken":"{{First}}"}`, want: rotated},
			step{op: "GetTokensFromRefreshToken", in: `{"ClientId":"{{client}}","RefreshToken":"{{First}}"}`, want: rotated},
			step{op: "GetTokensFromRefreshToken", advance: 10 * time.Second, in: `{"ClientId":"{{client}}","RefreshToken":"{{First}}"}`, err: "RefreshTokenReuseException: Refresh Token has already been used"},
			step{op: "GetTokensFromRefreshToken", in: `{"ClientId":"{{client}}","RefreshToken":"{{RefreshToken}}"}`, err: "NotAuthorizedException: Refresh Token has been revoked"},
		),
		events: []eventlog.Type{eventlog.TokenReused},
	},
	{
		name: "sign out everywhere", sent: 1,
		steps: then(
			step{op: "GlobalSignOut", in: `{"AccessToken":"{{AccessToken}}"}`},
			step{op: "GlobalSignOut", in: `{"AccessToken":"{{AccessToken}}"}`, err: "NotAuthorizedException: Access Token has been revoked"},
			step{op: "GetTokensFromRefreshToken", in: `{"ClientId":"{{client}}","RefreshToken":"{{RefreshToken}}"}`, err: "NotAuthorizedException: Refresh Token has been revoked"},
		),
		events: []eventlog.Type{eventlog.SignedOutAll},
	},
	{
		name: "an access token lives an hour", sent: 1,
		steps: then(
			step{op: "GetUser", advance: hour, in: `{"AccessToken":"{{AccessToken}}"}`, err: "NotAuthorizedException: Access Token has expired"},
			step{op: "GetUser", in: `{"AccessToken":"{{IdToken}}"}`, err: "NotAuthorizedException: Invalid Access Token"},
			step{op: "GetUser", in: `{"AccessToken":"nonsense"}`, err: "NotAuthorizedException: Invalid Access Token"},
			step{op: "GetTokensFromRefreshToken", advance: 30 * 24 * hour, in: `{"ClientId":"{{client}}","RefreshToken":"{{RefreshToken}}"}`, err: "NotAuthorizedException: Refresh Token has expired"},
		),
	},
}

const rotated = `{"AuthenticationResult":{"AccessToken":"*","ExpiresIn":3600,"TokenType":"Bearer","RefreshToken":"*","IdToken":"*"}}`

// Every operation of the table has a scenario that succeeds and, but for a few, one that fails.
func TestEveryOperationHasScenarios(t *testing.T) {
	good, bad := map[string]bool{}, map[string]bool{}
	for _, sc := range slices.Concat(signUpScenarios, recoveryScenarios, signInScenarios, factorScenarios, tokenScenarios, accountScenarios, adminScenarios, userScenarios, srpScenarios()) {
		for _, st := range sc.steps {
			if st.err == "" {
				good[st.op] = true
			} else {
				bad[st.op] = true
			}
		}
	}
	for _, op := range (&facade{}).userOperations() {
		if !good[op.Name] || !bad[op.Name] {
			t.Errorf("%s: succeeds in a scenario: %t, fails in one: %t", op.Name, good[op.Name], bad[op.Name])
		}
	}
}
