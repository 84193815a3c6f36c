package interop

import (
	"encoding/json"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// sending is what a reader adds to the handler of the document: the text goes out through a provider of their own choice.
const sending = `
async function send(event, plaintext) {
  const code = plaintext === undefined ? '' : Buffer.from(plaintext).toString('utf8').replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');
  const res = await fetch('https://api.twilio.com/2010-04-01/Accounts/AC0123/Messages.json', {
    method: 'POST',
    headers: { Authorization: 'Basic ' + Buffer.from('AC0123:token').toString('base64') },
    body: new URLSearchParams({ To: event.request.userAttributes.phone_number, From: '+12025550100', Body: [
      event.triggerSource, code, event.userPoolId, event.callerContext.clientId, JSON.stringify(event.request.clientMetadata ?? null)].join(' ') }),
  });
  if (res.status !== 201) throw new Error('not sent: ' + res.status);
}
`

var codeBlock = regexp.MustCompile("(?s)```\n(.*?)```")

// documentedHandler is the handler of the document that the product was asked from, as it is printed there, but for its comments, which are
// no JavaScript, and for the sending, which the document leaves to its reader.
func documentedHandler(t *testing.T) string {
	t.Helper()
	dir := referenceFolder()
	pages, _ := filepath.Glob(filepath.Join(dir, "seeds", "002_*.txt"))
	if len(pages) != 1 {
		t.Fatalf("the document with the handler is missing: set COUNTERSIGN_REFERENCE to the folder that holds seeds/ (looked in %s)", dir)
	}
	page, err := os.ReadFile(pages[0])
	check(t, err)
	for _, m := range codeBlock.FindAllStringSubmatch(string(page), -1) {
		if !strings.Contains(m[1], "exports.handler") {
			continue
		}
		code := regexp.MustCompile(`(?m)^(\s*)#`).ReplaceAllString(m[1], "$1//")
		before, after, ok := strings.Cut(code, "return;\n")
		if !ok {
			t.Fatal("the handler of the document ends otherwise than expected")
		}
		return before + "await send(event, plainTextCode);\n            return;\n" + after + sending
	}
	t.Fatal("the document has no handler")
	return ""
}

// textOf is the code in a text of the handler.
func textOf(t *testing.T, m message, trigger string) string {
	t.Helper()
	words := strings.SplitN(m.Text, " ", 3)
	if len(words) < 3 || words[0] != trigger {
		t.Fatalf("the text is %q, want one of %s", m.Text, trigger)
	}
	return words[1]
}

func settings(p pool, function, key string) *cip.UpdateUserPoolInput {
	return &cip.UpdateUserPoolInput{
		UserPoolId: aws.String(p.ID), AutoVerifiedAttributes: []types.VerifiedAttributeType{"phone_number"}, SmsConfiguration: smsRole,
		LambdaConfig: &types.LambdaConfigType{
			CustomSMSSender: &types.CustomSMSLambdaVersionConfigType{LambdaVersion: "V1_0", LambdaArn: aws.String(function)}, KMSKeyID: aws.String(key),
		},
	}
}

// The documents' five steps: function, key, permission, package with the Encryption SDK, pool. Then every event that sends a text reaches the
// handler once, is decrypted by Amazon's library, and the code that comes out is good.
func TestCustomSMSSender(t *testing.T) {
	key := newKey(t)
	_, err := keys().CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/sms-" + t.Name()), TargetKeyId: aws.String(key)})
	check(t, err)
	function := deploy(t, "sms-sender", "nodejs20.x", "index.handler", withSDK(t, map[string]string{"index.js": documentedHandler(t)}),
		map[string]string{"KEY_ALIAS": "alias/sms-" + t.Name(), "KEY_ID": key})
	p := newPool(t, mfaMode(types.UserPoolMfaTypeOptional), func(in *cip.CreateUserPoolInput) {
		in.Policies = &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD", "SMS_OTP"}}}
	})
	permit(t, function, p.ID)
	in := settings(p, function, key)
	in.Policies = &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD", "SMS_OTP"}}}
	in.MfaConfiguration = types.UserPoolMfaTypeOptional
	_, err = admin().UpdateUserPool(t.Context(), in)
	check(t, err)
	described, err := admin().DescribeUserPool(t.Context(), &cip.DescribeUserPoolInput{UserPoolId: aws.String(p.ID)})
	check(t, err)
	if l := described.UserPool.LambdaConfig; l == nil || l.CustomSMSSender == nil || *l.CustomSMSSender.LambdaArn != function || *l.KMSKeyID != key {
		t.Fatalf("the pool shows %+v", l)
	}

	number, metadata := newPhone(), map[string]string{"campaign": "spring", "countersign:x": "never"}
	_, err = app().SignUp(t.Context(), &cip.SignUpInput{ClientId: aws.String(p.Client), Username: aws.String(number), Password: aws.String(password), ClientMetadata: metadata})
	check(t, err)
	first := texts(t, number, 1)[0]
	textOf(t, first, "CustomSMSSender_SignUp")
	if !strings.HasSuffix(first.Text, p.ID+" "+p.Client+` {"campaign":"spring"}`) {
		t.Errorf("pool, client and metadata: %q", first.Text)
	}
	_, err = app().ResendConfirmationCode(t.Context(), &cip.ResendConfirmationCodeInput{ClientId: aws.String(p.Client), Username: aws.String(number)})
	check(t, err)
	again := texts(t, number, 2)[1]
	if !strings.HasSuffix(again.Text, " null") {
		t.Errorf("without metadata: %q", again.Text)
	}
	_, err = app().ConfirmSignUp(t.Context(), &cip.ConfirmSignUpInput{
		ClientId: aws.String(p.Client), Username: aws.String(number), ConfirmationCode: aws.String(textOf(t, again, "CustomSMSSender_ResendCode")),
	})
	check(t, err)

	_, err = app().ForgotPassword(t.Context(), &cip.ForgotPasswordInput{ClientId: aws.String(p.Client), Username: aws.String(number)})
	check(t, err)
	reset := textOf(t, texts(t, number, 3)[2], "CustomSMSSender_ForgotPassword")
	_, err = app().ConfirmForgotPassword(t.Context(), &cip.ConfirmForgotPasswordInput{
		ClientId: aws.String(p.Client), Username: aws.String(number), ConfirmationCode: aws.String(reset), Password: aws.String(otherPassword),
	})
	check(t, err)

	out, err := app().InitiateAuth(t.Context(), &cip.InitiateAuthInput{
		ClientId: aws.String(p.Client), AuthFlow: "USER_AUTH", AuthParameters: map[string]string{"USERNAME": number, "PREFERRED_CHALLENGE": "SMS_OTP"},
		ClientMetadata: map[string]string{"not": "passed"},
	})
	check(t, err)
	otp := texts(t, number, 4)[3]
	if !strings.HasSuffix(otp.Text, " null") {
		t.Errorf("the metadata of InitiateAuth was passed on: %q", otp.Text)
	}
	done, err := respond(t, p, "SMS_OTP", out.Session, map[string]string{"USERNAME": number, "SMS_OTP_CODE": textOf(t, otp, "CustomSMSSender_Authentication")})
	check(t, err)
	token := done.AuthenticationResult.AccessToken

	_, err = app().SetUserMFAPreference(t.Context(), &cip.SetUserMFAPreferenceInput{
		AccessToken: token, SMSMfaSettings: &types.SMSMfaSettingsType{Enabled: true, PreferredMfa: true},
	})
	check(t, err)
	challenge, err := signIn(t, p, number, otherPassword)
	check(t, err)
	mfa := textOf(t, texts(t, number, 5)[4], "CustomSMSSender_Authentication")
	_, err = respond(t, p, types.ChallengeNameTypeSmsMfa, challenge.Session, map[string]string{"USERNAME": number, "SMS_MFA_CODE": mfa})
	check(t, err)

	moved := newPhone()
	_, err = app().UpdateUserAttributes(t.Context(), &cip.UpdateUserAttributesInput{AccessToken: token, UserAttributes: []types.AttributeType{attribute("phone_number", moved)}})
	check(t, err)
	textOf(t, texts(t, moved, 1)[0], "CustomSMSSender_UpdateUserAttribute")
	_, err = app().GetUserAttributeVerificationCode(t.Context(), &cip.GetUserAttributeVerificationCodeInput{AccessToken: token, AttributeName: aws.String("phone_number")})
	check(t, err)
	verify := textOf(t, texts(t, moved, 2)[1], "CustomSMSSender_VerifyUserAttribute")
	_, err = app().VerifyUserAttribute(t.Context(), &cip.VerifyUserAttributeInput{AccessToken: token, AttributeName: aws.String("phone_number"), Code: aws.String(verify)})
	check(t, err)

	invited, temporary := newPhone(), "Temp<orary>&1"
	_, err = admin().AdminCreateUser(t.Context(), &cip.AdminCreateUserInput{
		UserPoolId: aws.String(p.ID), Username: aws.String(invited), TemporaryPassword: aws.String(temporary), DesiredDeliveryMediums: []types.DeliveryMediumType{"SMS"},
	})
	check(t, err)
	equal(t, "temporary password", textOf(t, texts(t, invited, 1)[0], "CustomSMSSender_AdminCreateUser"), html.UnescapeString(temporary))

	// On a developer's machine everybody comes from the same network, so that no sign-in is risky: the event comes by itself.
	warned := newPhone()
	_, err = functions().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &function, Payload: takeOver(t, p, warned)})
	check(t, err)
	equal(t, "code", textOf(t, texts(t, warned, 1)[0], "CustomSMSSender_AccountTakeOverNotification"), "")
}

// takeOver is the published sample of a risk notification, for a pool and number of ours.
func takeOver(t *testing.T, p pool, number string) []byte {
	t.Helper()
	sample, err := os.ReadFile(filepath.Join(referenceFolder(), "reference", "events", "custom-sms-sender-account-take-over-notification.json"))
	check(t, err)
	var event map[string]any
	check(t, json.Unmarshal(sample, &event))
	event["userPoolId"] = p.ID
	event["request"].(map[string]any)["userAttributes"].(map[string]any)["phone_number"] = number
	out, err := json.Marshal(event)
	check(t, err)
	return out
}

// referenceFolder holds the documents that the product was asked from.
func referenceFolder() string {
	if dir := os.Getenv("COUNTERSIGN_REFERENCE"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "..", "shared")
}

// A function that pool A may call is not for pool B, nor is a key without its permission; what is wrong is said in Cognito's words.
func TestCustomSMSSenderNotPermitted(t *testing.T) {
	key := newKey(t)
	function := deploy(t, "sms-sender-refused", "nodejs20.x", "index.handler", archive(t, map[string]string{"index.js": "exports.handler = async () => {}"}), nil)
	a, b := newPool(t), newPool(t)
	permit(t, function, a.ID)
	for _, p := range []pool{a, b} {
		_, err := admin().UpdateUserPool(t.Context(), settings(p, function, key))
		check(t, err)
	}
	signUp := func(p pool) error {
		_, err := app().SignUp(t.Context(), &cip.SignUpInput{ClientId: aws.String(p.Client), Username: aws.String(newPhone()), Password: aws.String(password)})
		return err
	}
	check(t, signUp(a))
	wantError[*types.UnexpectedLambdaException](t, signUp(b), "CustomSMSSender invocation failed due to error AccessDeniedException.")

	_, err := keys().DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: aws.String(key)})
	check(t, err)
	if err := signUp(a); err == nil {
		t.Error("a sign-up went through with a disabled key")
	}
	_, err = admin().UpdateUserPool(t.Context(), settings(b, function, key))
	wantError[*types.InvalidParameterException](t, err)
	missing := key[:len(key)-4] + "0000"
	_, err = admin().UpdateUserPool(t.Context(), settings(a, function, missing))
	wantError[*types.InvalidParameterException](t, err)
	rsa, err := keys().CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: "RSA_2048", KeyUsage: "SIGN_VERIFY"})
	check(t, err)
	_, err = admin().UpdateUserPool(t.Context(), settings(a, function, *rsa.KeyMetadata.Arn))
	wantError[*types.InvalidParameterException](t, err)
}
