package cognito

import (
	"strings"
	"time"

	"countersign/internal/pool"
	"countersign/internal/srp/srptest"
)

func srpClient(c *pool.ClientConfig) {
	c.Flows = append(c.Flows, "ALLOW_USER_SRP_AUTH", "ALLOW_USER_AUTH", "ALLOW_CUSTOM_AUTH")
}

func srpHidden(c *pool.ClientConfig) {
	srpClient(c)
	c.HideExistence = true
}

// srpBegin makes SRP_A; srpProve answers the last PASSWORD_VERIFIER.
func srpBegin(to *srptest.Client) func(*world) {
	return func(w *world) {
		*to = *srptest.NewClient()
		w.vars["SRP_A"] = to.A()
	}
}

func srpProve(c *srptest.Client, password string) func(*world) {
	return func(w *world) {
		_, name, _ := strings.Cut(w.poolID, "_")
		ch := srptest.Challenge{PoolName: name, UserID: w.vars["USER_ID_FOR_SRP"], Salt: w.vars["SALT"], B: w.vars["SRP_B"], SecretBlock: w.vars["SECRET_BLOCK"]}
		signature, at, err := c.Answer(ch, password, w.Now())
		if err != nil {
			w.t.Fatal(err)
		}
		w.vars["Signature"], w.vars["At"] = signature, at
	}
}

const (
	srpIn       = `{"ClientId":"{{client}}","AuthFlow":"USER_SRP_AUTH","AuthParameters":{"USERNAME":"+12025550100","SRP_A":"{{SRP_A}}"}}`
	srpOut      = `{"ChallengeName":"PASSWORD_VERIFIER","ChallengeParameters":{"SALT":"*","SRP_B":"*","SECRET_BLOCK":"*","USERNAME":"*","USER_ID_FOR_SRP":"*"}}`
	proveIn     = `{"ClientId":"{{client}}","ChallengeName":"PASSWORD_VERIFIER","ChallengeResponses":{"USERNAME":"{{USER_ID_FOR_SRP}}","PASSWORD_CLAIM_SECRET_BLOCK":"{{SECRET_BLOCK}}","PASSWORD_CLAIM_SIGNATURE":"{{Signature}}","TIMESTAMP":"{{At}}"}}`
	signedUpToo = `{"UserConfirmed":false,"UserSub":"*","Session":"*","CodeDeliveryDetails":` + smsDetails + `}`
	emailAsk    = `{"ChallengeName":"EMAIL_OTP","Session":"*","ChallengeParameters":{"CODE_DELIVERY_DELIVERY_MEDIUM":"EMAIL","CODE_DELIVERY_DESTINATION":"a***@e***","USER_ID_FOR_SRP":"*"}}`
)

func srpScenarios() []scenario {
	var c srptest.Client
	return []scenario{
		{
			name: "SRP", client: srpClient, sent: 1,
			steps: []step{
				{op: "SignUp", in: signUpIn, want: signedUpToo},
				{op: "ConfirmSignUp", in: confirmIn, want: `"*"`},
				{op: "InitiateAuth", do: srpBegin(&c), in: srpIn, want: srpOut, not: []string{"+12025550100"}},
				{op: "RespondToAuthChallenge", do: srpProve(&c, "Passw0rd?"), in: proveIn, err: wrongLogin},
				{op: "RespondToAuthChallenge", do: srpProve(&c, "Passw0rd!"), in: proveIn, err: wrongLogin}, // a block answers once
				{op: "InitiateAuth", do: srpBegin(&c), in: srpIn, want: srpOut},
				{op: "RespondToAuthChallenge", do: srpProve(&c, "Passw0rd!"), in: proveIn, want: tokensOut},
				{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"CUSTOM_AUTH","AuthParameters":{"USERNAME":"+12025550100"}}`, err: "InvalidParameterException: Custom auth lambda trigger is not configured for the user pool."},
			},
		},
		{
			name: "SRP: a proof that comes late", client: srpClient, sent: 1,
			steps: []step{
				{op: "SignUp", in: signUpIn, want: signedUpToo},
				{op: "ConfirmSignUp", in: confirmIn, want: `"*"`},
				{op: "InitiateAuth", do: srpBegin(&c), in: srpIn, want: srpOut},
				{op: "RespondToAuthChallenge", advance: 3 * time.Minute, do: srpProve(&c, "Passw0rd!"), in: proveIn, err: wrongLogin},
			},
		},
		{
			name: "SRP: unknown names, hidden", client: srpHidden,
			steps: []step{
				{op: "InitiateAuth", do: srpBegin(&c), in: srpIn, want: srpOut},
				{op: "InitiateAuth", do: func(w *world) { w.vars["Salt"] = w.vars["SALT"]; w.vars["Name"] = w.vars["USERNAME"] }, in: srpIn, want: strings.NewReplacer(
					`"SALT":"*"`, `"SALT":"{{Salt}}"`, `"USERNAME":"*"`, `"USERNAME":"{{Name}}"`).Replace(srpOut)},
				{op: "RespondToAuthChallenge", do: srpProve(&c, "Passw0rd!"), in: proveIn, err: wrongLogin},
			},
		},
		{
			name: "SRP within USER_AUTH", client: srpClient, sent: 1,
			steps: []step{
				{op: "SignUp", in: signUpIn, want: signedUpToo},
				{op: "ConfirmSignUp", in: confirmIn, want: `"*"`},
				{op: "InitiateAuth", do: srpBegin(&c), in: `{"ClientId":"{{client}}","AuthFlow":"USER_AUTH","AuthParameters":{"USERNAME":"+12025550100","PREFERRED_CHALLENGE":"PASSWORD_SRP","SRP_A":"{{SRP_A}}"}}`, want: `{"Session":"*",` + srpOut[1:]},
				{op: "RespondToAuthChallenge", do: srpProve(&c, "Passw0rd!"), in: strings.Replace(proveIn, `"ChallengeName"`, `"Session":"{{Session}}","ChallengeName"`, 1), want: tokensOut},
			},
		},
		{
			name: "USER_AUTH: the password in the answer", client: srpClient, sent: 1,
			steps: []step{
				{op: "SignUp", in: signUpIn, want: signedUpToo},
				{op: "ConfirmSignUp", in: confirmIn, want: `"*"`},
				{op: "InitiateAuth", in: `{"ClientId":"{{client}}","AuthFlow":"USER_AUTH","AuthParameters":{"USERNAME":"+12025550100"}}`, want: `{"ChallengeName":"SELECT_CHALLENGE","Session":"*","ChallengeParameters":{},"AvailableChallenges":["PASSWORD_SRP","PASSWORD"]}`},
				{op: "RespondToAuthChallenge", in: answerIn("SELECT_CHALLENGE", "ANSWER", `PASSWORD","PASSWORD":"wrong`), err: wrongLogin},
				{op: "RespondToAuthChallenge", in: answerIn("SELECT_CHALLENGE", "ANSWER", `PASSWORD","PASSWORD":"Passw0rd!`), want: tokensOut},
			},
		},
		{
			name: "EMAIL_OTP as second factor", sent: 5, // sign-up, address, two notices, sign-in
			pool: func(c *pool.Config) { both(c); c.MFAEmail = true },
			steps: then(
				step{op: "SetUserMFAPreference", in: `{"AccessToken":"{{AccessToken}}","EmailMfaSettings":{"Enabled":true}}`, err: "InvalidParameterException: User does not have delivery config set to turn on EMAIL_OTP"},
				step{op: "UpdateUserAttributes", in: `{"AccessToken":"{{AccessToken}}","UserAttributes":[{"Name":"email","Value":"ann@example.com"}]}`, want: `"*"`},
				step{op: "VerifyUserAttribute", in: `{"AccessToken":"{{AccessToken}}","AttributeName":"email","Code":"{{code ann@example.com}}"}`},
				step{op: "AdminSetUserMFAPreference", in: `{"UserPoolId":"{{pool}}","Username":"+12025550100","EmailMfaSettings":{"Enabled":true,"PreferredMfa":true}}`},
				step{op: "InitiateAuth", in: signInIn, want: emailAsk, not: []string{"ann@example.com"}},
				step{op: "RespondToAuthChallenge", in: answerIn("EMAIL_OTP", "EMAIL_OTP_CODE", "{{code ann@example.com}}"), want: tokensOut},
			),
		},
		{
			name: "a new code inside a sign-in", sent: 4,
			steps: then(smsOn,
				step{op: "InitiateAuth", in: signInIn, want: smsChallenge},
				step{op: "RespondToAuthChallenge", do: func(w *world) { w.vars["First"] = w.vars["Session"] }, in: `{"ClientId":"{{client}}","ChallengeName":"SMS_MFA","Session":"{{Session}}","ChallengeResponses":{"USERNAME":"+12025550100"},"ClientMetadata":{"countersign:resend":"true"}}`, want: smsChallenge},
				step{op: "RespondToAuthChallenge", in: strings.Replace(answerIn("SMS_MFA", "SMS_MFA_CODE", "{{code +12025550100}}"), "{{Session}}", "{{First}}", 1), err: "NotAuthorizedException: Invalid session for the user, session can only be used once."},
				step{op: "RespondToAuthChallenge", in: answerIn("SMS_MFA", "SMS_MFA_CODE", "{{code +12025550100 1}}"), err: badCode}, // the newer one arrived
				step{op: "RespondToAuthChallenge", in: answerIn("SMS_MFA", "SMS_MFA_CODE", "{{code +12025550100}}"), want: tokensOut},
			),
		},
		{
			name: "a new code that does not arrive leaves the old one good", sent: 3,
			steps: then(smsOn,
				step{op: "InitiateAuth", in: signInIn, want: smsChallenge},
				step{op: "RespondToAuthChallenge", do: func(w *world) { w.Refuse(true) }, in: `{"ClientId":"{{client}}","ChallengeName":"SMS_MFA","Session":"{{Session}}","ChallengeResponses":{"USERNAME":"+12025550100"},"ClientMetadata":{"countersign:resend":"error"}}`, err: "CodeMismatchException: A new code was sent."},
				step{op: "RespondToAuthChallenge", do: func(w *world) { w.Refuse(false) }, in: answerIn("SMS_MFA", "SMS_MFA_CODE", "{{code +12025550100}}"), want: tokensOut},
			),
		},
	}
}
