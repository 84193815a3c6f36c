package cognito

import (
	"countersign/internal/eventlog"
	"countersign/internal/pool"
)

// What many scenarios begin with.
const (
	signUpIn   = `{"ClientId":"{{client}}","Username":"+12025550100","Password":"Passw0rd!"}`
	confirmIn  = `{"ClientId":"{{client}}","Username":"+12025550100","ConfirmationCode":"{{code +12025550100}}"}`
	signInIn   = `{"ClientId":"{{client}}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+12025550100","PASSWORD":"Passw0rd!"}}`
	smsDetails = `{"Destination":"+*******0100","DeliveryMedium":"SMS","AttributeName":"phone_number"}`
	signedUp   = `{"UserConfirmed":false,"UserSub":"*","CodeDeliveryDetails":` + smsDetails + `}`
	tokensOut  = `{"ChallengeParameters":{},"AuthenticationResult":{"AccessToken":"*","ExpiresIn":3600,"TokenType":"Bearer","RefreshToken":"*","IdToken":"*"}}`
	namedIn    = `{"ClientId":"{{client}}","Username":"+12025550100"}`
	codeMiss   = "CodeMismatchException: Invalid verification code provided, please try again."
	codeOld    = "ExpiredCodeException: Invalid code provided, please request a code again."
	noUser     = "UserNotFoundException: User does not exist."
	wrongLogin = "NotAuthorizedException: Incorrect username or password."
	tooOften   = "LimitExceededException: Attempt limit exceeded, please try after some time."
)

// begun is a user that signed up, confirmed and signed in.
var begun = []step{
	{op: "SignUp", in: signUpIn, want: signedUp},
	{op: "ConfirmSignUp", in: confirmIn},
	{op: "InitiateAuth", in: signInIn, want: tokensOut},
}

// then is begun with further steps.
func then(steps ...step) []step { return append(append([]step{}, begun...), steps...) }

func hides(c *pool.ClientConfig) { c.HideExistence = true }

func both(c *pool.Config) { c.AutoVerified = []string{"phone_number", "email"} }

// named is a pool of usernames with the phone number as alias.
func named(c *pool.Config) {
	c.UsernameAttributes, c.AliasAttributes = nil, []string{"phone_number", "email"}
}

var signUpScenarios = []scenario{
	{
		name: "sign-up, code, confirmation", sent: 1,
		steps: []step{
			{op: "SignUp", in: signUpIn, want: signedUp, not: []string{"+12025550100", "Passw0rd!"}},
			{op: "ConfirmSignUp", in: `{"ClientId":"{{client}}","Username":"+12025550100","ConfirmationCode":"{{wrong +12025550100}}"}`, err: codeMiss},
			{op: "ConfirmSignUp", in: confirmIn},
			{op: "ConfirmSignUp", in: confirmIn, err: "NotAuthorizedException: User cannot be confirmed. Current status is CONFIRMED"},
			{op: "ResendConfirmationCode", in: namedIn, err: "InvalidParameterException: User is already confirmed."},
			{op: "AdminGetUser", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100"}`, want: `{"Username":"{{UserSub}}","UserStatus":"CONFIRMED","Enabled":true,
				"UserCreateDate":"*","UserLastModifiedDate":"*","UserAttributes":[{"Name":"phone_number","Value":"+12025550100"},
				{"Name":"phone_number_verified","Value":"true"},{"Name":"sub","Value":"{{UserSub}}"}]}`},
		},
		events: []eventlog.Type{eventlog.SignUpSucceeded, eventlog.CodeWrong, eventlog.UserConfirmed},
	},
	{
		name: "sign-up: what is refused",
		steps: []step{
			{op: "SignUp", in: `{"ClientId":"{{client}}","Username":"ann","Password":"Passw0rd!"}`, err: "InvalidParameterException: Username should be a phone number."},
			{op: "SignUp", in: `{"ClientId":"{{client}}","Username":"+1202555010O","Password":"Passw0rd!"}`, err: "InvalidParameterException: Username should be a phone number."},
			{op: "SignUp", in: `{"ClientId":"{{client}}","Username":"+12025550100","Password":"short"}`, err: "InvalidPasswordException: Password did not conform with policy: Password not long enough"},
			{op: "SignUp", in: `{"ClientId":"{{client}}","Username":"+12025550100","Password":"passw0rd!"}`, err: "InvalidPasswordException: Password did not conform with policy: Password must have uppercase characters"},
			{op: "SignUp", in: `{"ClientId":"nobody","Username":"+12025550100","Password":"Passw0rd!"}`, err: "ResourceNotFoundException: User pool client nobody does not exist."},
			{
				op: "SignUp", in: `{"ClientId":"{{client}}","Username":"+12025550100","Password":"Passw0rd!","UserAttributes":[{"Name":"phone_number_verified","Value":"true"}]}`,
				err: "NotAuthorizedException: A client attempted to write unauthorized attribute",
			},
			{
				op: "SignUp", in: `{"ClientId":"{{client}}","Username":"+12025550100","Password":"Passw0rd!","UserAttributes":[{"Name":"email","Value":"no address"}]}`,
				err: "InvalidParameterException: Invalid email address format.",
			},
		},
	},
	{
		name: "sign-up: a number in use", sent: 1,
		steps: []step{
			{op: "SignUp", in: signUpIn, want: signedUp},
			{op: "SignUp", in: signUpIn, err: "UsernameExistsException: An account with the given phone_number already exists."},
		},
	},
	{
		name: "sign-up: a username in use, and numbers that are no usernames", pool: named, sent: 1,
		steps: []step{
			{op: "SignUp", in: `{"ClientId":"{{client}}","Username":"ann","Password":"Passw0rd!","UserAttributes":[{"Name":"phone_number","Value":"+12025550100"}]}`, want: signedUp},
			{op: "SignUp", in: `{"ClientId":"{{client}}","Username":"ANN","Password":"Passw0rd!","UserAttributes":[{"Name":"phone_number","Value":"+12025550101"}]}`, err: "UsernameExistsException: User already exists"},
			{
				op: "SignUp", in: `{"ClientId":"{{client}}","Username":"ann@example.com","Password":"Passw0rd!"}`,
				err: "InvalidParameterException: Username cannot be of email format, since user pool is configured for email alias.",
			},
			{
				op: "SignUp", in: `{"ClientId":"{{client}}","Username":"bob","Password":"Passw0rd!"}`,
				err: "InvalidParameterException: Attributes did not conform to the schema: phone_number: The attribute is required",
			},
		},
	},
	{
		name: "sign-up: an alias belongs to one", pool: named, sent: 2,
		steps: []step{
			{op: "SignUp", in: `{"ClientId":"{{client}}","Username":"ann","Password":"Passw0rd!","UserAttributes":[{"Name":"phone_number","Value":"+12025550100"}]}`, want: signedUp},
			{op: "ConfirmSignUp", in: `{"ClientId":"{{client}}","Username":"ann","ConfirmationCode":"{{code +12025550100}}"}`},
			{op: "SignUp", in: `{"ClientId":"{{client}}","Username":"bob","Password":"Passw0rd!","UserAttributes":[{"Name":"phone_number","Value":"+12025550100"}]}`, want: signedUp},
			{
				op: "ConfirmSignUp", in: `{"ClientId":"{{client}}","Username":"bob","ConfirmationCode":"{{code +12025550100}}"}`,
				err: "AliasExistsException: An account with the phone_number already exists.",
			},
			{op: "ConfirmSignUp", in: `{"ClientId":"{{client}}","Username":"bob","ConfirmationCode":"{{code +12025550100}}","ForceAliasCreation":true}`},
			{op: "AdminGetUser", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100"}`, want: `{"Username":"bob","UserStatus":"CONFIRMED","Enabled":true,
				"UserCreateDate":"*","UserLastModifiedDate":"*","UserAttributes":"*"}`},
		},
	},
	{
		name: "resend: three codes stay good, an hour has five", sent: 6,
		steps: []step{
			{op: "SignUp", in: signUpIn, want: signedUp},
			{op: "ResendConfirmationCode", in: namedIn, want: `{"CodeDeliveryDetails":` + smsDetails + `}`, not: []string{"+12025550100"}},
			{op: "ResendConfirmationCode", in: namedIn, want: `{"CodeDeliveryDetails":` + smsDetails + `}`},
			{op: "ResendConfirmationCode", in: namedIn, want: `{"CodeDeliveryDetails":` + smsDetails + `}`},
			{op: "ResendConfirmationCode", in: namedIn, want: `{"CodeDeliveryDetails":` + smsDetails + `}`},
			{op: "ResendConfirmationCode", in: namedIn, want: `{"CodeDeliveryDetails":` + smsDetails + `}`},
			{op: "ResendConfirmationCode", in: namedIn, err: tooOften},
			{op: "ConfirmSignUp", in: `{"ClientId":"{{client}}","Username":"+12025550100","ConfirmationCode":"{{code +12025550100 2}}"}`, err: codeMiss},
			{op: "ConfirmSignUp", in: `{"ClientId":"{{client}}","Username":"+12025550100","ConfirmationCode":"{{code +12025550100 3}}"}`},
		},
		events: []eventlog.Type{eventlog.CodeSent},
	},
	{
		name: "a code dies after a day", sent: 1,
		steps: []step{
			{op: "SignUp", in: signUpIn, want: signedUp},
			{op: "ConfirmSignUp", in: confirmIn, advance: 24 * hour, err: codeOld},
		},
	},
	{
		name: "both contacts: the phone first", pool: both, sent: 1,
		steps: []step{
			{op: "SignUp", in: `{"ClientId":"{{client}}","Username":"+12025550100","Password":"Passw0rd!","UserAttributes":[{"Name":"email","Value":"ann@example.com"}]}`, want: signedUp},
		},
	},
	{
		name: "nothing is verified: nothing is sent", pool: func(c *pool.Config) { c.AutoVerified = nil },
		steps: []step{
			{op: "SignUp", in: signUpIn, want: `{"UserConfirmed":false,"UserSub":"*"}`},
			{op: "ResendConfirmationCode", in: namedIn, err: "NotAuthorizedException: Cannot resend codes. Auto verification not turned on."},
			{op: "AdminConfirmSignUp", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100"}`},
			{op: "InitiateAuth", in: signInIn, want: tokensOut},
		},
	},
	{
		name: "administrators create users here", pool: func(c *pool.Config) { c.AdminCreateOnly = true },
		steps: []step{{op: "SignUp", in: signUpIn, err: "NotAuthorizedException: SignUp is not permitted for this user pool"}},
	},
	{
		name: "unknown names, told", steps: []step{
			{op: "ConfirmSignUp", in: `{"ClientId":"{{client}}","Username":"+12025550100","ConfirmationCode":"123456"}`, err: noUser},
			{op: "ResendConfirmationCode", in: namedIn, err: noUser},
		},
	},
	{
		name: "unknown names, hidden", client: hides, steps: []step{
			{op: "ConfirmSignUp", in: `{"ClientId":"{{client}}","Username":"+12025550100","ConfirmationCode":"123456"}`, err: codeOld},
			{op: "ResendConfirmationCode", in: namedIn, want: `{"CodeDeliveryDetails":` + smsDetails + `}`},
		},
	},
	{
		name: "confirmed names, hidden", client: hides, sent: 1, steps: []step{
			{op: "SignUp", in: signUpIn, want: signedUp},
			{op: "ConfirmSignUp", in: confirmIn},
			{op: "ConfirmSignUp", in: confirmIn, err: codeOld},
			{op: "ResendConfirmationCode", in: namedIn, want: `{"CodeDeliveryDetails":` + smsDetails + `}`},
		},
	},
	{
		name: "a confidential client", secret: "0123456789abcdefghijklmnopqrstuv", sent: 1,
		steps: []step{
			{op: "SignUp", in: signUpIn, err: "NotAuthorizedException: Client {{client}} is configured with secret but SECRET_HASH was not received"},
			{
				op: "SignUp", in: `{"ClientId":"{{client}}","SecretHash":"bm8=","Username":"+12025550100","Password":"Passw0rd!"}`,
				err: "NotAuthorizedException: Unable to verify secret hash for client {{client}}", not: []string{"0123456789abc"},
			},
			{op: "SignUp", in: `{"ClientId":"{{client}}","SecretHash":"{{hash +12025550100}}","Username":"+12025550100","Password":"Passw0rd!"}`, want: signedUp},
		},
	},
	{
		name: "separate attempts: each its own code", pool: func(c *pool.Config) { c.SeparateAttempts = true }, sent: 2,
		steps: []step{
			{op: "SignUp", in: `{"ClientId":"{{client}}","Username":"+12025550100","Password":"Stranger1!"}`, want: signedUp},
			{op: "SignUp", in: signUpIn, want: signedUp},
			{
				op: "AdminConfirmSignUp", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100"}`,
				err: "InvalidParameterException: User cannot be confirmed. There are 2 pending sign-ups of this name, and only a code tells them apart.",
			},
			{op: "ConfirmSignUp", in: confirmIn},
			{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+12025550100","PASSWORD":"Stranger1!"}}`, err: wrongLogin},
			{op: "InitiateAuth", in: signInIn, want: tokensOut},
			{op: "AdminConfirmSignUp", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100"}`, err: "NotAuthorizedException: User cannot be confirmed. Current status is CONFIRMED"},
		},
	},
	{
		name: "separate attempts: an administrator confirms the only one", pool: func(c *pool.Config) { c.SeparateAttempts = true }, sent: 1,
		steps: []step{
			{op: "SignUp", in: signUpIn, want: signedUp},
			{op: "AdminGetUser", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100"}`, err: noUser},
			{op: "AdminConfirmSignUp", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100"}`},
			{op: "ConfirmSignUp", in: confirmIn, err: codeOld},
			{op: "InitiateAuth", in: signInIn, want: tokensOut},
		},
		events: []eventlog.Type{eventlog.UserConfirmed},
	},
	{
		name: "the session of a sign-up signs in, once", sent: 1,
		client: func(c *pool.ClientConfig) { c.Flows = append(c.Flows, "ALLOW_USER_AUTH") },
		steps: []step{
			{op: "SignUp", in: signUpIn, want: `{"UserConfirmed":false,"UserSub":"*","Session":"*","CodeDeliveryDetails":` + smsDetails + `}`},
			{op: "ConfirmSignUp", in: `{"ClientId":"{{client}}","Username":"+12025550100","ConfirmationCode":"{{code +12025550100}}","Session":"{{Session}}"}`, want: `{"Session":"*"}`},
			{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_AUTH","Session":"{{Session}}","AuthParameters":{"USERNAME":"+12025550100"}}`, want: tokensOut},
			{
				op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_AUTH","Session":"{{Session}}","AuthParameters":{"USERNAME":"+12025550100"}}`,
				err: "NotAuthorizedException: Invalid session for the user, session can only be used once.",
			},
		},
	},
}

var recoveryScenarios = []scenario{
	{
		name: "forgotten password", sent: 3, // the code of the sign-up, that of the reset, and the notice
		steps: then(
			step{op: "ForgotPassword", in: namedIn, want: `{"CodeDeliveryDetails":` + smsDetails + `}`},
			step{op: "ConfirmForgotPassword", in: `{"ClientId":"{{client}}","Username":"+12025550100","ConfirmationCode":"{{wrong +12025550100}}","Password":"NewPassw0rd!"}`, err: codeMiss},
			step{op: "ConfirmForgotPassword", in: `{"ClientId":"{{client}}","Username":"+12025550100","ConfirmationCode":"{{code +12025550100}}","Password":"weak"}`, err: "InvalidPasswordException: Password did not conform with policy: Password not long enough"},
			step{op: "ConfirmForgotPassword", in: `{"ClientId":"{{client}}","Username":"+12025550100","ConfirmationCode":"{{code +12025550100}}","Password":"NewPassw0rd!"}`},
			step{op: "ConfirmForgotPassword", in: `{"ClientId":"{{client}}","Username":"+12025550100","ConfirmationCode":"{{code +12025550100}}","Password":"NewPassw0rd!"}`, err: codeOld},
			step{op: "GetUser", in: `{"AccessToken":"{{AccessToken}}"}`, err: "NotAuthorizedException: Access Token has been revoked"},
			step{op: "InitiateAuth", in: signInIn, err: wrongLogin},
			step{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+12025550100","PASSWORD":"NewPassw0rd!"}}`, want: tokensOut},
		),
		events: []eventlog.Type{eventlog.PasswordChangeRequested, eventlog.PasswordChangeFailed, eventlog.PasswordChanged},
	},
	{
		name: "a reset code dies after an hour", sent: 2,
		steps: then(
			step{op: "ForgotPassword", in: namedIn, want: `{"CodeDeliveryDetails":` + smsDetails + `}`},
			step{op: "ConfirmForgotPassword", advance: hour, in: `{"ClientId":"{{client}}","Username":"+12025550100","ConfirmationCode":"{{code +12025550100}}","Password":"NewPassw0rd!"}`, err: codeOld},
		),
	},
	{
		name: "forgotten password: unknown, told", steps: []step{
			{op: "ForgotPassword", in: namedIn, err: "UserNotFoundException: Username/client id combination not found."},
			{op: "ConfirmForgotPassword", in: `{"ClientId":"{{client}}","Username":"+12025550100","ConfirmationCode":"123456","Password":"NewPassw0rd!"}`, err: noUser},
		},
	},
	{
		name: "forgotten password: unknown, hidden", client: hides, steps: []step{
			{op: "ForgotPassword", in: namedIn, want: `{"CodeDeliveryDetails":` + smsDetails + `}`},
			{op: "ConfirmForgotPassword", in: `{"ClientId":"{{client}}","Username":"+12025550100","ConfirmationCode":"123456","Password":"NewPassw0rd!"}`, err: codeMiss},
		},
	},
	{
		name: "forgotten password: nobody to send to", sent: 1,
		steps: []step{
			{op: "SignUp", in: signUpIn, want: signedUp},
			{op: "ForgotPassword", in: namedIn, err: "InvalidParameterException: Cannot reset password for the user as there is no registered/verified email or phone_number"},
			{op: "AdminConfirmSignUp", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100"}`},
			{op: "ForgotPassword", in: namedIn, err: "InvalidParameterException: Cannot reset password for the user as there is no registered/verified email or phone_number"},
		},
	},
	{
		name: "forgotten password: ask the administrator", pool: func(c *pool.Config) { c.Recovery = []string{"admin_only"} }, sent: 2,
		steps: then(
			step{op: "ForgotPassword", in: namedIn, err: "NotAuthorizedException: Contact administrator to reset password."},
			step{op: "AdminResetUserPassword", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100"}`},
			step{op: "InitiateAuth", in: signInIn, err: "PasswordResetRequiredException: Password reset required for the user"},
		),
	},
}
