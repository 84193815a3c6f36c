package interop

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// list decodes a challenge parameter that holds JSON as text.
func list(t *testing.T, out *cip.InitiateAuthOutput, parameter string) []string {
	t.Helper()
	var values []string
	check(t, json.Unmarshal([]byte(out.ChallengeParameters[parameter]), &values))
	slices.Sort(values)
	return values
}

func enrolTotp(t *testing.T, accessToken *string) string {
	t.Helper()
	secret, err := app().AssociateSoftwareToken(t.Context(), &cip.AssociateSoftwareTokenInput{AccessToken: accessToken})
	check(t, err)
	verified, err := app().VerifySoftwareToken(t.Context(), &cip.VerifySoftwareTokenInput{
		AccessToken: accessToken, UserCode: aws.String(totp(t, *secret.SecretCode, -1)), FriendlyDeviceName: aws.String("phone"),
	})
	check(t, err)
	equal(t, "status", verified.Status, types.VerifySoftwareTokenResponseTypeSuccess)
	return *secret.SecretCode
}

func TestSmsMfa(t *testing.T) {
	p := newPool(t, mfaMode(types.UserPoolMfaTypeOptional))
	number := newUser(t, p)
	token := tokensOf(t, p, number).AccessToken
	_, err := app().SetUserMFAPreference(t.Context(), &cip.SetUserMFAPreferenceInput{
		AccessToken: token, SMSMfaSettings: &types.SMSMfaSettingsType{Enabled: true, PreferredMfa: true},
	})
	check(t, err)
	me, err := app().GetUser(t.Context(), &cip.GetUserInput{AccessToken: token})
	check(t, err)
	equal(t, "preferred", aws.ToString(me.PreferredMfaSetting), "SMS_MFA")

	out, err := signIn(t, p, number, password)
	check(t, err)
	equal(t, "challenge", out.ChallengeName, types.ChallengeNameTypeSmsMfa)
	equal(t, "destination", out.ChallengeParameters["CODE_DELIVERY_DESTINATION"], masked(number))
	equal(t, "medium", out.ChallengeParameters["CODE_DELIVERY_DELIVERY_MEDIUM"], "SMS")
	code := nextCode(t, number)
	answer := func(session *string, code string) (*cip.RespondToAuthChallengeOutput, error) {
		return respond(t, p, types.ChallengeNameTypeSmsMfa, session, map[string]string{"USERNAME": number, "SMS_MFA_CODE": code})
	}
	_, err = answer(out.Session, wrong(code))
	wantError[*types.CodeMismatchException](t, err, "Invalid code or auth state for the user.")
	done, err := answer(out.Session, code)
	check(t, err)
	if done.AuthenticationResult == nil {
		t.Fatalf("the code met %s", done.ChallengeName)
	}
	_, err = answer(out.Session, code)
	wantError[*types.NotAuthorizedException](t, err, "Invalid session for the user, session can only be used once.")
}

// Guessing ends the session; the limit counts across sessions of one user too.
func TestASessionEndsAfterFiveWrongCodes(t *testing.T) {
	p := newPool(t, mfaMode(types.UserPoolMfaTypeOn))
	number := newUser(t, p)
	out, err := signIn(t, p, number, password)
	check(t, err)
	code := nextCode(t, number)
	answer := func(code string) error {
		_, err := respond(t, p, types.ChallengeNameTypeSmsMfa, out.Session, map[string]string{"USERNAME": number, "SMS_MFA_CODE": code})
		return err
	}
	for range 5 {
		if err = answer(wrong(code)); err == nil {
			t.Fatal("a wrong code signed in")
		}
	}
	if answer(code) == nil {
		t.Error("the right code signed in after five wrong ones")
	}
}

func TestMfaSelection(t *testing.T) {
	p := newPool(t, mfaMode(types.UserPoolMfaTypeOptional))
	address := newEmail()
	number := newUser(t, p, attribute("email", address), attribute("email_verified", "true"))
	secret := enrolTotp(t, tokensOf(t, p, number).AccessToken)
	_, err := admin().AdminSetUserMFAPreference(t.Context(), &cip.AdminSetUserMFAPreferenceInput{
		UserPoolId: &p.ID, Username: &number, SMSMfaSettings: &types.SMSMfaSettingsType{Enabled: true},
		SoftwareTokenMfaSettings: &types.SoftwareTokenMfaSettingsType{Enabled: true},
		EmailMfaSettings:         &types.EmailMfaSettingsType{Enabled: true},
	})
	check(t, err)
	codes := map[string]func() string{
		"SMS_MFA": func() string { return nextCode(t, number) }, "EMAIL_OTP": func() string { return nextCode(t, address) },
		"SOFTWARE_TOKEN_MFA": func() string { return totp(t, secret, 0) },
	}
	for answer, code := range codes {
		out, err := signIn(t, p, number, password)
		check(t, err)
		equal(t, "challenge", out.ChallengeName, types.ChallengeNameTypeSelectMfaType)
		if got := list(t, out, "MFAS_CAN_CHOOSE"); !slices.Equal(got, []string{"EMAIL_OTP", "SMS_MFA", "SOFTWARE_TOKEN_MFA"}) {
			t.Errorf("to choose from: %v", got)
		}
		chosen, err := respond(t, p, out.ChallengeName, out.Session, map[string]string{"USERNAME": number, "ANSWER": answer})
		check(t, err)
		equal(t, "chosen", string(chosen.ChallengeName), answer)
		done, err := respond(t, p, chosen.ChallengeName, chosen.Session, map[string]string{"USERNAME": number, answer + "_CODE": code()})
		check(t, err)
		if done.AuthenticationResult == nil {
			t.Errorf("%s did not sign in", answer)
		}
	}
}

func TestTotpIsSetUpInsideTheSignIn(t *testing.T) {
	p := newPool(t, func(in *cip.SetUserPoolMfaConfigInput) {
		in.MfaConfiguration, in.SmsMfaConfiguration = types.UserPoolMfaTypeOn, nil
		in.SoftwareTokenMfaConfiguration = &types.SoftwareTokenMfaConfigType{Enabled: true}
	})
	number := newUser(t, p)
	out, err := signIn(t, p, number, password)
	check(t, err)
	equal(t, "challenge", out.ChallengeName, types.ChallengeNameTypeMfaSetup)
	if got := list(t, out, "MFAS_CAN_SETUP"); !slices.Equal(got, []string{"SOFTWARE_TOKEN_MFA"}) {
		t.Errorf("to set up: %v", got)
	}
	secret, err := app().AssociateSoftwareToken(t.Context(), &cip.AssociateSoftwareTokenInput{Session: out.Session})
	check(t, err)
	code := totp(t, *secret.SecretCode, 0)
	_, err = app().VerifySoftwareToken(t.Context(), &cip.VerifySoftwareTokenInput{Session: secret.Session, UserCode: aws.String(wrong(code))})
	wantError[*types.EnableSoftwareTokenMFAException](t, err)
	verified, err := app().VerifySoftwareToken(t.Context(), &cip.VerifySoftwareTokenInput{Session: secret.Session, UserCode: &code})
	check(t, err)
	done, err := respond(t, p, types.ChallengeNameTypeMfaSetup, verified.Session, map[string]string{"USERNAME": number})
	check(t, err)
	if done.AuthenticationResult == nil {
		t.Fatalf("the set-up met %s", done.ChallengeName)
	}
	me, err := app().GetUser(t.Context(), &cip.GetUserInput{AccessToken: done.AuthenticationResult.AccessToken})
	check(t, err)
	if !slices.Contains(me.UserMFASettingList, "SOFTWARE_TOKEN_MFA") {
		t.Errorf("factors: %v", me.UserMFASettingList)
	}
}

// The switches of old: MFAOptions know texts alone.
func TestSmsMfaByTheOldSettings(t *testing.T) {
	p := newPool(t, mfaMode(types.UserPoolMfaTypeOptional))
	number := newUser(t, p)
	on := []types.MFAOptionType{{DeliveryMedium: types.DeliveryMediumTypeSms, AttributeName: aws.String("phone_number")}}
	ownWay := func(options []types.MFAOptionType) error {
		_, err := app().SetUserSettings(t.Context(), &cip.SetUserSettingsInput{
			AccessToken: tokensOf(t, p, number).AccessToken, MFAOptions: options,
		})
		return err
	}
	adminWay := func(options []types.MFAOptionType) error {
		_, err := admin().AdminSetUserSettings(t.Context(), &cip.AdminSetUserSettingsInput{
			UserPoolId: &p.ID, Username: &number, MFAOptions: options,
		})
		return err
	}
	for _, way := range []func([]types.MFAOptionType) error{ownWay, adminWay} {
		check(t, way(on))
		out, err := signIn(t, p, number, password)
		check(t, err)
		equal(t, "challenge", out.ChallengeName, types.ChallengeNameTypeSmsMfa)
		check(t, adminWay([]types.MFAOptionType{}))
	}
	tokensOf(t, p, number)
}
