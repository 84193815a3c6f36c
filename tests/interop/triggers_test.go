package interop

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// signUpWith is signUp with metadata.
func signUpWith(t *testing.T, p pool, number string, metadata map[string]string, attrs ...types.AttributeType) (*cip.SignUpOutput, error) {
	t.Helper()
	return app().SignUp(t.Context(), &cip.SignUpInput{
		ClientId: &p.Client, Username: &number, Password: aws.String(password), UserAttributes: attrs, ClientMetadata: metadata,
	})
}

// claimsOf decodes a token.
func claimsOf(t *testing.T, token *string) map[string]any {
	t.Helper()
	parts := strings.Split(aws.ToString(token), ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no token", aws.ToString(token))
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	check(t, err)
	var claims map[string]any
	check(t, json.Unmarshal(raw, &claims))
	return claims
}

// PreSignUp confirms and verifies, refuses in Cognito's words, and is asked about users whom administrators make.
func TestPreSignUp(t *testing.T) {
	o := observed(t, "pre-sign-up", `
		if (event.request.clientMetadata?.refuse) throw new Error('not ' + event.request.userAttributes.phone_number);
		if (event.triggerSource === 'PreSignUp_SignUp') event.response.autoConfirmUser = true;
		event.response.autoVerifyPhone = true;
		event.response.autoVerifyEmail = 'email' in event.request.userAttributes;
		return event;`)
	p := newPool(t, triggers(o, "PreSignUp"))

	number, address := newPhone(), newEmail()
	out, err := app().SignUp(t.Context(), &cip.SignUpInput{
		ClientId: &p.Client, Username: &number, Password: aws.String(password), UserAttributes: []types.AttributeType{attribute("email", address)},
		ValidationData: []types.AttributeType{attribute("captcha", "good")}, ClientMetadata: map[string]string{"campaign": "spring", "countersign:x": "never"},
	})
	check(t, err)
	e := o.next(t, p, "PreSignUp_SignUp")
	e.byAdmin(t, false)
	e.request(t, map[string]any{"validationData": map[string]any{"captcha": "good"}, "clientMetadata": map[string]any{"campaign": "spring"}})
	e.attributes(t, map[string]any{"phone_number": number, "email": address})
	equal(t, "response", string(e.Response), `{"autoConfirmUser":false,"autoVerifyEmail":false,"autoVerifyPhone":false}`)
	equal(t, "userName", e.UserName, *out.UserSub)
	equal(t, "confirmed", out.UserConfirmed, true)
	u := getUser(t, p, number)
	equal(t, "status", u.UserStatus, types.UserStatusTypeConfirmed)
	equal(t, "number verified", value(u.UserAttributes, "phone_number_verified"), "true")
	equal(t, "address verified", value(u.UserAttributes, "email_verified"), "true")
	tokensOf(t, p, number)
	noMessages(t, number)

	refused := newPhone()
	_, err = signUpWith(t, p, refused, map[string]string{"refuse": "yes"})
	wantError[*types.UserLambdaValidationException](t, err, "PreSignUp failed with error not "+refused+".")
	o.next(t, p, "PreSignUp_SignUp").request(t, map[string]any{"validationData": nil, "clientMetadata": map[string]any{"refuse": "yes"}})
	_, err = admin().AdminGetUser(t.Context(), &cip.AdminGetUserInput{UserPoolId: &p.ID, Username: &refused})
	wantError[*types.UserNotFoundException](t, err)

	invited := newPhone()
	in := &cip.AdminCreateUserInput{
		UserPoolId: &p.ID, Username: &invited, MessageAction: "SUPPRESS", TemporaryPassword: aws.String(otherPassword),
		ValidationData: []types.AttributeType{attribute("by", "import")}, ClientMetadata: map[string]string{"refuse": "yes"},
	}
	_, err = admin().AdminCreateUser(t.Context(), in)
	wantError[*types.UserLambdaValidationException](t, err, "PreSignUp failed with error not "+invited+".")
	o.next(t, p, "PreSignUp_AdminCreateUser").byAdmin(t, true)
	in.ClientMetadata = nil
	made, err := admin().AdminCreateUser(t.Context(), in)
	check(t, err)
	o.next(t, p, "PreSignUp_AdminCreateUser").request(t, map[string]any{"validationData": map[string]any{"by": "import"}})
	equal(t, "status", made.User.UserStatus, types.UserStatusTypeForceChangePassword)
	equal(t, "number verified", value(made.User.Attributes, "phone_number_verified"), "true")
}

// What a function cannot vouch for, and an answer that is none, are refused by name.
func TestPreSignUpAnswers(t *testing.T) {
	o := observed(t, "pre-sign-up-answers", `return JSON.parse(event.request.clientMetadata.answer);`)
	p := newPool(t, triggers(o, "PreSignUp"))
	for answer, good := range map[string]bool{
		`{"response":{"autoVerifyEmail":true}}`: false, `{"response":{"autoConfirmUser":"yes"}}`: false, `{}`: false, `7`: false, `null`: false,
		`{"response":{}}`: true, `{"response":{"autoConfirmUser":null,"more":1}}`: true,
	} {
		_, err := signUpWith(t, p, newPhone(), map[string]string{"answer": answer})
		o.next(t, p, "PreSignUp_SignUp")
		if good {
			check(t, err)
		} else {
			wantError[*types.InvalidLambdaResponseException](t, err)
		}
	}
}

// PostConfirmation follows each way to be confirmed. Its failure is told, and the user stays confirmed.
func TestPostConfirmation(t *testing.T) {
	o := observed(t, "post-confirmation", `
		if (event.request.clientMetadata?.refuse) throw new TypeError('CRM is down');
		return event;`)
	p := newPool(t, triggers(o, "PostConfirmation"))
	number := newPhone()
	out, err := signUpWith(t, p, number, map[string]string{"at": "sign-up"})
	check(t, err)
	_, err = app().ConfirmSignUp(t.Context(), &cip.ConfirmSignUpInput{
		ClientId: &p.Client, Username: &number, ConfirmationCode: aws.String(nextCode(t, number)), ClientMetadata: map[string]string{"at": "confirmation"},
	})
	check(t, err)
	e := o.next(t, p, "PostConfirmation_ConfirmSignUp")
	e.byAdmin(t, false)
	e.request(t, map[string]any{"clientMetadata": map[string]any{"at": "confirmation"}})
	e.attributes(t, map[string]any{"sub": *out.UserSub, "cognito:user_status": "CONFIRMED", "phone_number": number, "phone_number_verified": "true"})

	_, err = app().ForgotPassword(t.Context(), &cip.ForgotPasswordInput{ClientId: &p.Client, Username: &number})
	check(t, err)
	_, err = app().ConfirmForgotPassword(t.Context(), &cip.ConfirmForgotPasswordInput{
		ClientId: &p.Client, Username: &number, ConfirmationCode: aws.String(nextCode(t, number)), Password: aws.String(otherPassword),
	})
	check(t, err)
	o.next(t, p, "PostConfirmation_ConfirmForgotPassword").request(t, map[string]any{})

	other := newPhone()
	_, err = signUpWith(t, p, other, nil)
	check(t, err)
	_, err = admin().AdminConfirmSignUp(t.Context(), &cip.AdminConfirmSignUpInput{
		UserPoolId: &p.ID, Username: &other, ClientMetadata: map[string]string{"refuse": "yes"},
	})
	wantError[*types.UserLambdaValidationException](t, err, "PostConfirmation failed with error CRM is down.")
	o.next(t, p, "PostConfirmation_ConfirmSignUp").byAdmin(t, true)
	equal(t, "status", getUser(t, p, other).UserStatus, types.UserStatusTypeConfirmed)
}

// PreAuthentication may deny and PostAuthentication withhold; what the app sends with InitiateAuth reaches the first alone.
func TestAuthenticationTriggers(t *testing.T) {
	o := observed(t, "authentication", `
		if (event.request.validationData?.deny) throw new Error('outside office hours');
		if (event.triggerSource.startsWith('Post') && event.request.userAttributes.nickname === 'late') throw new Error('no more tokens');
		return null;`)
	p := newPool(t, triggers(o, "PreAuthentication", "PostAuthentication"))
	number := newUser(t, p)
	try := func(name, pw string, metadata map[string]string) error {
		_, err := app().InitiateAuth(t.Context(), &cip.InitiateAuthInput{
			ClientId: &p.Client, AuthFlow: "USER_PASSWORD_AUTH", AuthParameters: map[string]string{"USERNAME": name, "PASSWORD": pw}, ClientMetadata: metadata,
		})
		return err
	}
	check(t, try(number, password, map[string]string{"version": "7"}))
	e := o.next(t, p, "PreAuthentication_Authentication")
	e.byAdmin(t, false)
	e.request(t, map[string]any{"validationData": map[string]any{"version": "7"}})
	e.attributes(t, map[string]any{"sub": e.UserName, "cognito:user_status": "CONFIRMED", "phone_number": number, "phone_number_verified": "true"})
	o.next(t, p, "PostAuthentication_Authentication").request(t, map[string]any{"newDeviceUsed": false})

	wantError[*types.UserLambdaValidationException](t, try(number, password, map[string]string{"deny": "1"}), "PreAuthentication failed with error outside office hours.")
	o.next(t, p, "PreAuthentication_Authentication")
	wantError[*types.NotAuthorizedException](t, try(number, otherPassword, nil), "Incorrect username or password.")
	o.next(t, p, "PreAuthentication_Authentication").request(t, map[string]any{"validationData": nil})
	wantError[*types.UserNotFoundException](t, try(newPhone(), password, nil))

	late := newUser(t, p, attribute("nickname", "late"))
	wantError[*types.UserLambdaValidationException](t, try(late, password, nil), "PostAuthentication failed with error no more tokens.")
	o.next(t, p, "PreAuthentication_Authentication")
	o.next(t, p, "PostAuthentication_Authentication")
}

// CustomMessage words texts and e-mails; {####} and {username} are put in here, and a text without them is refused.
func TestCustomMessage(t *testing.T) {
	o := observed(t, "custom-message", `
		const r = event.response;
		switch (event.triggerSource) {
		case 'CustomMessage_ResendCode': r.smsMessage = 'No code at all'; break;
		case 'CustomMessage_ForgotPassword': break;
		case 'CustomMessage_AdminCreateUser':
			r.smsMessage = 'Hi ' + event.request.usernameParameter + ': ' + event.request.codeParameter;
			r.emailSubject = 'Come in'; r.emailMessage = '<b>' + event.request.usernameParameter + '</b> ' + event.request.codeParameter; break;
		default: r.smsMessage = 'Grüezi! ' + event.request.codeParameter + ' is yours, ' + event.request.userAttributes.nickname;
		}
		return event;`)
	p := newPool(t, triggers(o, "CustomMessage"))
	request := func(username any, metadata map[string]any) map[string]any {
		m := map[string]any{"codeParameter": "{####}", "linkParameter": "{##Click Here##}", "usernameParameter": username}
		if metadata != nil {
			m["clientMetadata"] = metadata
		}
		return m
	}
	number := newPhone()
	_, err := signUpWith(t, p, number, map[string]string{"lang": "de"}, attribute("nickname", "Urs"))
	check(t, err)
	e := o.next(t, p, "CustomMessage_SignUp")
	e.request(t, request(nil, map[string]any{"lang": "de"}))
	e.attributes(t, map[string]any{
		"sub": e.UserName, "cognito:user_status": "UNCONFIRMED", "phone_number": number, "phone_number_verified": "false", "nickname": "Urs",
	})
	m := nextText(t, number)
	equal(t, "text", m.Text, "Grüezi! "+m.Code+" is yours, Urs")

	_, err = app().ResendConfirmationCode(t.Context(), &cip.ResendConfirmationCodeInput{ClientId: &p.Client, Username: &number})
	wantError[*types.InvalidLambdaResponseException](t, err)
	o.next(t, p, "CustomMessage_ResendCode").request(t, request(nil, nil))
	_, err = app().ConfirmSignUp(t.Context(), &cip.ConfirmSignUpInput{ClientId: &p.Client, Username: &number, ConfirmationCode: &m.Code})
	check(t, err)
	_, err = app().ForgotPassword(t.Context(), &cip.ForgotPasswordInput{ClientId: &p.Client, Username: &number})
	check(t, err)
	o.next(t, p, "CustomMessage_ForgotPassword")
	if m := nextText(t, number); !strings.Contains(m.Text, m.Code) || strings.Contains(m.Text, "Grüezi") {
		t.Errorf("the template is %q", m.Text)
	}

	invited, address := newPhone(), newEmail()
	_, err = admin().AdminCreateUser(t.Context(), &cip.AdminCreateUserInput{
		UserPoolId: &p.ID, Username: &invited, UserAttributes: []types.AttributeType{attribute("email", address)}, TemporaryPassword: aws.String(otherPassword),
		DesiredDeliveryMediums: []types.DeliveryMediumType{"SMS", "EMAIL"}, ClientMetadata: map[string]string{"team": "sales"},
	})
	check(t, err)
	for range 2 { // one for each channel
		e := o.next(t, p, "CustomMessage_AdminCreateUser")
		e.byAdmin(t, true)
		e.request(t, request("{username}", map[string]any{"team": "sales"}))
	}
	anything := func(message) bool { return true }
	equal(t, "text", next(t, invited, anything).Text, "Hi "+invited+": "+otherPassword)
	mail := next(t, address, anything)
	if mail.Subject != "Come in" || !strings.Contains(mail.Text, invited) || !strings.Contains(mail.Text, otherPassword) {
		t.Errorf("e-mail %+v", mail)
	}
}

// One function for all triggers sees them in Cognito's order, each once.
func TestOrderOfTriggers(t *testing.T) {
	o := observed(t, "order", `
		if (event.triggerSource === 'UserMigration_Authentication') {
			event.response.userAttributes = { phone_number: event.userName, phone_number_verified: 'true' };
			event.response.finalUserStatus = 'CONFIRMED';
		}
		return event;`)
	all := []string{"PreSignUp", "PostConfirmation", "PreAuthentication", "PostAuthentication", "CustomMessage", "PreTokenGeneration", "UserMigration"}
	p := newPool(t, triggers(o, all...), mfaMode(types.UserPoolMfaTypeOn))
	number := newPhone()
	_, err := signUp(t, p, number)
	check(t, err)
	check(t, confirm(t, p, number, nextCode(t, number)))
	for _, source := range []string{"PreSignUp_SignUp", "CustomMessage_SignUp", "PostConfirmation_ConfirmSignUp"} {
		o.next(t, p, source)
	}
	// Second factor: what the answer brings along reaches the triggers after it.
	metadata := map[string]any{"device": "phone"}
	finish := func(session *string, name string) {
		t.Helper()
		done, err := respond(t, p, types.ChallengeNameTypeSmsMfa, session, map[string]string{"USERNAME": name, "SMS_MFA_CODE": nextCode(t, name)}, "device", "phone")
		check(t, err)
		if done.AuthenticationResult == nil {
			t.Fatalf("the sign-in met %s", done.ChallengeName)
		}
		o.next(t, p, "PostAuthentication_Authentication").request(t, map[string]any{"newDeviceUsed": false, "clientMetadata": metadata})
		equal(t, "metadata", o.next(t, p, "TokenGeneration_Authentication").Request["clientMetadata"].(map[string]any)["device"].(string), "phone")
	}
	out, err := signIn(t, p, number, password)
	check(t, err)
	o.next(t, p, "PreAuthentication_Authentication")
	o.next(t, p, "CustomMessage_Authentication")
	finish(out.Session, number)

	migrant := newPhone()
	back, err := admin().AdminInitiateAuth(t.Context(), &cip.AdminInitiateAuthInput{
		UserPoolId: &p.ID, ClientId: &p.Client, AuthFlow: "ADMIN_USER_PASSWORD_AUTH", ClientMetadata: map[string]string{"desk": "7"},
		AuthParameters: map[string]string{"USERNAME": migrant, "PASSWORD": password},
	})
	check(t, err)
	e := o.next(t, p, "UserMigration_Authentication")
	e.byAdmin(t, false)
	e.request(t, map[string]any{"password": password, "validationData": map[string]any{"desk": "7"}})
	o.next(t, p, "PreAuthentication_Authentication").request(t, map[string]any{"validationData": map[string]any{"desk": "7"}})
	if _, given := o.next(t, p, "CustomMessage_Authentication").Request["clientMetadata"]; given {
		t.Error("the metadata of AdminInitiateAuth reached CustomMessage")
	}
	finish(back.Session, migrant)
}
