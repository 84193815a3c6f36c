package interop

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// newUser makes a confirmed user with a verified number, without a single text, and returns the number.
func newUser(t *testing.T, p pool, attributes ...types.AttributeType) string {
	t.Helper()
	number := newPhone()
	createUser(t, p, number, append(attributes, attribute("phone_number", number), attribute("phone_number_verified", "true"))...)
	return number
}

func createUser(t *testing.T, p pool, name string, attributes ...types.AttributeType) {
	t.Helper()
	_, err := admin().AdminCreateUser(t.Context(), &cip.AdminCreateUserInput{
		UserPoolId: &p.ID, Username: &name, MessageAction: types.MessageActionTypeSuppress, UserAttributes: attributes,
		TemporaryPassword: aws.String(otherPassword),
	})
	check(t, err)
	_, err = admin().AdminSetUserPassword(t.Context(), &cip.AdminSetUserPasswordInput{
		UserPoolId: &p.ID, Username: &name, Password: aws.String(password), Permanent: true,
	})
	check(t, err)
}

func signIn(t *testing.T, p pool, name, pw string) (*cip.InitiateAuthOutput, error) {
	t.Helper()
	params := map[string]string{"USERNAME": name, "PASSWORD": pw}
	if hash := secretHash(p, name); hash != nil {
		params["SECRET_HASH"] = *hash
	}
	return app().InitiateAuth(t.Context(), &cip.InitiateAuthInput{
		ClientId: &p.Client, AuthFlow: types.AuthFlowTypeUserPasswordAuth, AuthParameters: params,
	})
}

// tokensOf signs in a user who owes no second factor.
func tokensOf(t *testing.T, p pool, name string) *types.AuthenticationResultType {
	t.Helper()
	out, err := signIn(t, p, name, password)
	check(t, err)
	if out.AuthenticationResult == nil {
		t.Fatalf("the sign-in met %s", out.ChallengeName)
	}
	return out.AuthenticationResult
}

func choose(t *testing.T, p pool, name string, params map[string]string) *cip.InitiateAuthOutput {
	t.Helper()
	all := map[string]string{"USERNAME": name}
	for k, v := range params {
		all[k] = v
	}
	out, err := app().InitiateAuth(t.Context(), &cip.InitiateAuthInput{
		ClientId: &p.Client, AuthFlow: types.AuthFlowTypeUserAuth, AuthParameters: all,
	})
	check(t, err)
	return out
}

func respond(t *testing.T, p pool, challenge types.ChallengeNameType, session *string, answers map[string]string, metadata ...string) (*cip.RespondToAuthChallengeOutput, error) {
	t.Helper()
	in := &cip.RespondToAuthChallengeInput{
		ClientId: &p.Client, ChallengeName: challenge, Session: session, ChallengeResponses: answers,
	}
	if len(metadata) == 2 {
		in.ClientMetadata = map[string]string{metadata[0]: metadata[1]}
	}
	return app().RespondToAuthChallenge(t.Context(), in)
}

func TestPasswordSignIn(t *testing.T) {
	p := newPool(t)
	number := newUser(t, p)
	out, err := signIn(t, p, number, password)
	check(t, err)
	result := out.AuthenticationResult
	equal(t, "token type", aws.ToString(result.TokenType), "Bearer")
	equal(t, "life", result.ExpiresIn, 3600)
	me, err := app().GetUser(t.Context(), &cip.GetUserInput{AccessToken: result.AccessToken})
	check(t, err)
	equal(t, "number", value(me.UserAttributes, "phone_number"), number)
	_, err = signIn(t, p, number, otherPassword)
	wantError[*types.NotAuthorizedException](t, err, "Incorrect username or password.")
	_, err = signIn(t, p, newPhone(), password)
	wantError[*types.UserNotFoundException](t, err, "User does not exist.")
}

// A back end signs its users in with signed calls.
func TestAdminSignIn(t *testing.T) {
	p := newPool(t, mfaMode(types.UserPoolMfaTypeOn))
	number := newUser(t, p)
	auth := &cip.AdminInitiateAuthInput{
		UserPoolId: &p.ID, ClientId: &p.Client, AuthFlow: types.AuthFlowTypeAdminUserPasswordAuth,
		AuthParameters: map[string]string{"USERNAME": number, "PASSWORD": password},
	}
	out, err := admin().AdminInitiateAuth(t.Context(), auth)
	check(t, err)
	equal(t, "challenge", out.ChallengeName, types.ChallengeNameTypeSmsMfa)
	done, err := admin().AdminRespondToAuthChallenge(t.Context(), &cip.AdminRespondToAuthChallengeInput{
		UserPoolId: &p.ID, ClientId: &p.Client, ChallengeName: out.ChallengeName, Session: out.Session,
		ChallengeResponses: map[string]string{"USERNAME": number, "SMS_MFA_CODE": nextCode(t, number)},
	})
	check(t, err)
	if done.AuthenticationResult == nil {
		t.Fatalf("the sign-in met %s", done.ChallengeName)
	}
	_, err = app().InitiateAuth(t.Context(), &cip.InitiateAuthInput{
		ClientId: &p.Client, AuthFlow: auth.AuthFlow, AuthParameters: auth.AuthParameters,
	})
	wantError[*types.InvalidParameterException](t, err, "Initiate Auth method not supported")
}

func TestChoiceBasedSignIn(t *testing.T) {
	p := newPool(t, func(in *cip.CreateUserPoolInput) {
		in.Policies = &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{
			AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD", "SMS_OTP", "EMAIL_OTP"},
		}}
	})
	address := newEmail()
	number := newUser(t, p, attribute("email", address), attribute("email_verified", "true"))

	asked := choose(t, p, number, nil)
	equal(t, "challenge", asked.ChallengeName, types.ChallengeNameTypeSelectChallenge)
	for _, want := range []types.ChallengeNameType{"PASSWORD", "PASSWORD_SRP", "SMS_OTP", "EMAIL_OTP"} {
		if !slices.Contains(asked.AvailableChallenges, want) {
			t.Errorf("%s is not offered in %v", want, asked.AvailableChallenges)
		}
	}
	for _, way := range []struct {
		factor types.ChallengeNameType
		to     string
	}{{"SMS_OTP", number}, {"EMAIL_OTP", address}} {
		out := choose(t, p, number, map[string]string{"PREFERRED_CHALLENGE": string(way.factor)})
		equal(t, "preferred", out.ChallengeName, way.factor)
		done, err := respond(t, p, way.factor, out.Session, map[string]string{
			"USERNAME": number, string(way.factor) + "_CODE": nextCode(t, way.to),
		})
		check(t, err)
		if done.AuthenticationResult == nil {
			t.Fatalf("%s did not sign in", way.factor)
		}
		factors, err := app().GetUserAuthFactors(t.Context(), &cip.GetUserAuthFactorsInput{AccessToken: done.AuthenticationResult.AccessToken})
		check(t, err)
		if !slices.Contains(factors.ConfiguredUserAuthFactors, types.AuthFactorType(way.factor)) {
			t.Errorf("%s is not among the user's factors %v", way.factor, factors.ConfiguredUserAuthFactors)
		}
	}
	selected, err := respond(t, p, asked.ChallengeName, asked.Session, map[string]string{
		"USERNAME": number, "ANSWER": "PASSWORD", "PASSWORD": password,
	})
	check(t, err)
	if selected.AuthenticationResult == nil {
		t.Fatalf("the password met %s", selected.ChallengeName)
	}
}

func TestRefreshAndRevocation(t *testing.T) {
	p := newPool(t)
	number := newUser(t, p)
	here, there := tokensOf(t, p, number), tokensOf(t, p, number)
	refresh := func(token *string) error {
		out, err := app().GetTokensFromRefreshToken(t.Context(), &cip.GetTokensFromRefreshTokenInput{ClientId: &p.Client, RefreshToken: token})
		if err == nil && out.AuthenticationResult.RefreshToken != nil {
			t.Error("a refresh token came without rotation")
		}
		return err
	}
	check(t, refresh(here.RefreshToken))
	_, err := app().InitiateAuth(t.Context(), &cip.InitiateAuthInput{
		ClientId: &p.Client, AuthFlow: types.AuthFlowTypeRefreshTokenAuth,
		AuthParameters: map[string]string{"REFRESH_TOKEN": *here.RefreshToken},
	})
	check(t, err)

	_, err = app().RevokeToken(t.Context(), &cip.RevokeTokenInput{ClientId: &p.Client, Token: here.RefreshToken})
	check(t, err)
	_, err = app().RevokeToken(t.Context(), &cip.RevokeTokenInput{ClientId: &p.Client, Token: here.RefreshToken})
	check(t, err) // again is no error
	wantError[*types.NotAuthorizedException](t, refresh(here.RefreshToken), "Refresh Token has been revoked")
	_, err = app().GetUser(t.Context(), &cip.GetUserInput{AccessToken: here.AccessToken})
	wantError[*types.NotAuthorizedException](t, err, "Access Token has been revoked")

	_, err = app().GetUser(t.Context(), &cip.GetUserInput{AccessToken: there.AccessToken})
	check(t, err) // other devices stay signed in
	_, err = app().GlobalSignOut(t.Context(), &cip.GlobalSignOutInput{AccessToken: there.AccessToken})
	check(t, err)
	wantError[*types.NotAuthorizedException](t, refresh(there.RefreshToken))
	_, err = app().RevokeToken(t.Context(), &cip.RevokeTokenInput{ClientId: &p.Client, Token: there.AccessToken})
	wantError[*types.UnsupportedTokenTypeException](t, err)
}

func TestRefreshTokenRotation(t *testing.T) {
	p := newPool(t, func(in *cip.CreateUserPoolClientInput) {
		in.ExplicitAuthFlows = []types.ExplicitAuthFlowsType{"ALLOW_USER_PASSWORD_AUTH"}
		in.RefreshTokenRotation = &types.RefreshTokenRotationType{
			Feature: types.FeatureTypeEnabled, RetryGracePeriodSeconds: aws.Int32(0),
		}
	})
	first := tokensOf(t, p, newUser(t, p)).RefreshToken
	rotate := func(token *string) (*cip.GetTokensFromRefreshTokenOutput, error) {
		return app().GetTokensFromRefreshToken(t.Context(), &cip.GetTokensFromRefreshTokenInput{ClientId: &p.Client, RefreshToken: token})
	}
	out, err := rotate(first)
	check(t, err)
	second := out.AuthenticationResult.RefreshToken
	if second == nil || *second == *first {
		t.Fatal("the refresh token was not rotated")
	}
	_, err = rotate(first)
	wantError[*types.RefreshTokenReuseException](t, err)
	_, err = app().InitiateAuth(t.Context(), &cip.InitiateAuthInput{
		ClientId: &p.Client, AuthFlow: types.AuthFlowTypeRefreshTokenAuth,
		AuthParameters: map[string]string{"REFRESH_TOKEN": *second},
	})
	if err == nil {
		t.Error("REFRESH_TOKEN_AUTH works although rotation is on")
	}
}

func TestATokenOfOnePoolIsNothingInAnother(t *testing.T) {
	p, other := newPool(t), newPool(t)
	token := tokensOf(t, p, newUser(t, p)).RefreshToken
	_, err := app().GetTokensFromRefreshToken(t.Context(), &cip.GetTokensFromRefreshTokenInput{ClientId: &other.Client, RefreshToken: token})
	wantError[*types.NotAuthorizedException](t, err)
}
