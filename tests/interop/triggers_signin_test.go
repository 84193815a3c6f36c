package interop

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/google/go-cmp/cmp"
)

// riddles asks two riddles one after the other; who fails one twice is out.
const riddles = `
const { request, response } = event;
switch (event.triggerSource) {
case 'DefineAuthChallenge_Authentication': {
	const mine = request.session.filter(s => s.challengeName === 'CUSTOM_CHALLENGE');
	response.issueTokens = mine.filter(s => s.challengeResult).length === 2;
	response.failAuthentication = mine.filter(s => !s.challengeResult).length === 2;
	if (!response.issueTokens && !response.failAuthentication) response.challengeName = 'CUSTOM_CHALLENGE';
	break;
}
case 'CreateAuthChallenge_Authentication': {
	const n = request.session.filter(s => s.challengeResult).length;
	response.publicChallengeParameters = { riddle: 'riddle ' + n };
	response.privateChallengeParameters = { solution: 'solution ' + n };
	response.challengeMetadata = 'RIDDLE_' + n;
	break;
}
case 'VerifyAuthChallengeResponse_Authentication':
	if (request.challengeAnswer === 'explode') throw new Error('boom');
	response.answerCorrect = request.challengeAnswer === request.privateChallengeParameters.solution;
}
return event;`

var challengeTriggers = []string{"DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse"}

// CUSTOM_AUTH: the pool's functions ask, judge and decide; what they keep private stays here.
func TestCustomAuth(t *testing.T) {
	o := observed(t, "riddles", riddles)
	p := newPool(t, triggers(o, challengeTriggers...), customAuth)
	number := newUser(t, p)
	begin := func(name string) (*cip.InitiateAuthOutput, error) {
		return app().InitiateAuth(t.Context(), &cip.InitiateAuthInput{
			ClientId: &p.Client, AuthFlow: "CUSTOM_AUTH", AuthParameters: map[string]string{"USERNAME": name}, ClientMetadata: map[string]string{"not": "passed"},
		})
	}
	answer := func(session *string, text string) (*cip.RespondToAuthChallengeOutput, error) {
		return respond(t, p, "CUSTOM_CHALLENGE", session, map[string]string{"USERNAME": number, "ANSWER": text}, "answered", "by hand")
	}
	passed := func(n int, right bool) map[string]any {
		return map[string]any{"challengeName": "CUSTOM_CHALLENGE", "challengeResult": right, "challengeMetadata": fmt.Sprint("RIDDLE_", n)}
	}
	metadata := map[string]any{"answered": "by hand"}

	out, err := begin(number)
	check(t, err)
	equal(t, "challenge", out.ChallengeName, types.ChallengeNameTypeCustomChallenge)
	o.next(t, p, "DefineAuthChallenge_Authentication").request(t, map[string]any{"session": []any{}, "userNotFound": false})
	e := o.next(t, p, "CreateAuthChallenge_Authentication")
	e.request(t, map[string]any{"challengeName": "CUSTOM_CHALLENGE", "session": []any{}, "userNotFound": false})
	e.attributes(t, map[string]any{"sub": e.UserName, "cognito:user_status": "CONFIRMED", "phone_number": number, "phone_number_verified": "true"})
	if diff := cmp.Diff(map[string]string{"USERNAME": e.UserName, "riddle": "riddle 0"}, out.ChallengeParameters); diff != "" {
		t.Error(diff)
	}

	second, err := answer(out.Session, "wrong")
	check(t, err)
	e = o.next(t, p, "VerifyAuthChallengeResponse_Authentication")
	e.request(t, map[string]any{
		"challengeAnswer": "wrong", "privateChallengeParameters": map[string]any{"solution": "solution 0"}, "userNotFound": false, "clientMetadata": metadata,
	})
	o.next(t, p, "DefineAuthChallenge_Authentication").request(t, map[string]any{"session": []any{passed(0, false)}, "userNotFound": false, "clientMetadata": metadata})
	o.next(t, p, "CreateAuthChallenge_Authentication")
	third, err := answer(second.Session, "solution 0")
	check(t, err)
	o.next(t, p, "VerifyAuthChallengeResponse_Authentication")
	o.next(t, p, "DefineAuthChallenge_Authentication").request(t, map[string]any{
		"session": []any{passed(0, false), passed(0, true)}, "userNotFound": false, "clientMetadata": metadata,
	})
	o.next(t, p, "CreateAuthChallenge_Authentication")
	equal(t, "riddle", third.ChallengeParameters["riddle"], "riddle 1")

	// The function that judges fails: the same challenge can be answered again, an older one never.
	_, err = answer(third.Session, "explode")
	wantError[*types.UserLambdaValidationException](t, err, "VerifyAuthChallengeResponse failed with error boom.")
	o.next(t, p, "VerifyAuthChallengeResponse_Authentication")
	_, err = answer(out.Session, "solution 0")
	wantError[*types.NotAuthorizedException](t, err)
	done, err := answer(third.Session, "solution 1")
	check(t, err)
	o.next(t, p, "VerifyAuthChallengeResponse_Authentication")
	o.next(t, p, "DefineAuthChallenge_Authentication")
	equal(t, "sub", claimsOf(t, done.AuthenticationResult.IdToken)["sub"].(string), e.UserName)

	out, err = begin(number)
	check(t, err)
	out2, err := answer(out.Session, "no")
	check(t, err)
	_, err = answer(out2.Session, "no")
	wantError[*types.NotAuthorizedException](t, err, "Incorrect username or password.")
	for _, i := range []int{0, 1, 2, 0, 1, 2, 0} {
		o.next(t, p, challengeTriggers[i]+"_Authentication")
	}
	_, err = begin(newPhone())
	wantError[*types.UserNotFoundException](t, err)
}

// PreTokenGeneration V1_0 changes the ID token and the groups, at the sign-in and at each refresh.
func TestPreTokenGenerationV1(t *testing.T) {
	o := observed(t, "tokens-v1", `
		event.response.claimsOverrideDetails = {
			claimsToAddOrOverride: { tenant: 'acme', via: event.triggerSource, note: event.request.clientMetadata?.note ?? 'none', sub: 'somebody', 'cognito:username': 'root' },
			claimsToSuppress: ['phone_number', 'aud'],
			groupOverrideDetails: { groupsToOverride: ['staff'], iamRolesToOverride: ['arn:aws:iam::000000000000:role/staff'], preferredRole: 'arn:aws:iam::000000000000:role/staff' },
		};
		return event;`)
	p := newPool(t, triggers(o, "PreTokenGeneration"))
	number := newUser(t, p)
	tokens := tokensOf(t, p, number)
	e := o.next(t, p, "TokenGeneration_Authentication")
	e.request(t, map[string]any{"groupConfiguration": map[string]any{"groupsToOverride": []any{}, "iamRolesToOverride": []any{}, "preferredRole": nil}})
	equal(t, "response", string(e.Response), `{"claimsOverrideDetails":null}`)
	look := func(r *types.AuthenticationResultType, via, note string) {
		t.Helper()
		id, access := claimsOf(t, r.IdToken), claimsOf(t, r.AccessToken)
		for name, want := range map[string]any{
			"tenant": "acme", "via": via, "note": note, "sub": e.UserName, "cognito:username": e.UserName, "aud": p.Client, "phone_number": nil,
			"cognito:preferred_role": "arn:aws:iam::000000000000:role/staff",
		} {
			if id[name] != want {
				t.Errorf("the ID token's %s is %v, want %v", name, id[name], want)
			}
		}
		if access["tenant"] != nil || access["sub"] != e.UserName {
			t.Errorf("access token %v", access)
		}
		for what, claims := range map[string]map[string]any{"ID": id, "access": access} {
			if diff := cmp.Diff([]any{"staff"}, claims["cognito:groups"]); diff != "" {
				t.Errorf("groups of the %s token: %s", what, diff)
			}
		}
	}
	look(tokens, "TokenGeneration_Authentication", "none")
	fresh, err := app().GetTokensFromRefreshToken(t.Context(), &cip.GetTokensFromRefreshTokenInput{
		ClientId: &p.Client, RefreshToken: tokens.RefreshToken, ClientMetadata: map[string]string{"note": "again"},
	})
	check(t, err)
	o.next(t, p, "TokenGeneration_RefreshTokens")
	look(fresh.AuthenticationResult, "TokenGeneration_RefreshTokens", "again")
	old, err := app().InitiateAuth(t.Context(), &cip.InitiateAuthInput{
		ClientId: &p.Client, AuthFlow: "REFRESH_TOKEN_AUTH", AuthParameters: map[string]string{"REFRESH_TOKEN": *tokens.RefreshToken}, ClientMetadata: map[string]string{"note": "x"},
	})
	check(t, err)
	o.next(t, p, "TokenGeneration_RefreshTokens")
	look(old.AuthenticationResult, "TokenGeneration_RefreshTokens", "none")

	invited := newPhone()
	_, err = admin().AdminCreateUser(t.Context(), &cip.AdminCreateUserInput{
		UserPoolId: &p.ID, Username: &invited, MessageAction: "SUPPRESS", TemporaryPassword: aws.String(otherPassword),
	})
	check(t, err)
	out, err := signIn(t, p, invited, otherPassword)
	check(t, err)
	done, err := respond(t, p, "NEW_PASSWORD_REQUIRED", out.Session, map[string]string{"USERNAME": invited, "NEW_PASSWORD": password}, "note", "new")
	check(t, err)
	e = o.next(t, p, "TokenGeneration_NewPasswordChallenge")
	look(done.AuthenticationResult, "TokenGeneration_NewPasswordChallenge", "new")
}

// V2_0 changes both tokens, with claims of any kind, and the scopes.
func TestPreTokenGenerationV2(t *testing.T) {
	o := observed(t, "tokens-v2", `
		const claims = { tenant: { id: 7, tags: ['a', 'b'] }, admin: true, level: 3.5 };
		event.response.claimsAndScopeOverrideDetails = {
			idTokenGeneration: { claimsToAddOrOverride: claims, claimsToSuppress: ['phone_number_verified'] },
			accessTokenGeneration: { claimsToAddOrOverride: claims, claimsToSuppress: ['auth_time'], scopesToAdd: ['orders/read', 'aws.cognito.signin.user.admin'],
				scopesToSuppress: event.triggerSource === 'TokenGeneration_RefreshTokens' ? ['aws.cognito.signin.user.admin'] : [] },
		};
		return event;`)
	p := newPool(t, triggers(o, "PreTokenGeneration V2_0"))
	number := newUser(t, p)
	tokens := tokensOf(t, p, number)
	e := o.next(t, p, "TokenGeneration_Authentication")
	e.request(t, map[string]any{
		"groupConfiguration": map[string]any{"groupsToOverride": []any{}, "iamRolesToOverride": []any{}, "preferredRole": nil},
		"scopes":             []any{"aws.cognito.signin.user.admin"},
	})
	want := map[string]any{"tenant": map[string]any{"id": 7.0, "tags": []any{"a", "b"}}, "admin": true, "level": 3.5}
	look := func(r *types.AuthenticationResultType, scope string) {
		t.Helper()
		id, access := claimsOf(t, r.IdToken), claimsOf(t, r.AccessToken)
		for name, v := range want {
			if diff := cmp.Diff(v, id[name]) + cmp.Diff(v, access[name]); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		if id["phone_number_verified"] != nil || id["phone_number"] != number || access["auth_time"] == nil {
			t.Errorf("ID token %v, access token %v", id, access)
		}
		equal(t, "scope", access["scope"].(string), scope)
	}
	look(tokens, "aws.cognito.signin.user.admin orders/read")
	fresh, err := app().GetTokensFromRefreshToken(t.Context(), &cip.GetTokensFromRefreshTokenInput{ClientId: &p.Client, RefreshToken: tokens.RefreshToken})
	check(t, err)
	o.next(t, p, "TokenGeneration_RefreshTokens")
	look(fresh.AuthenticationResult, "orders/read")
	_, err = app().GetUser(t.Context(), &cip.GetUserInput{AccessToken: tokens.AccessToken})
	check(t, err)
	_, err = app().GetUser(t.Context(), &cip.GetUserInput{AccessToken: fresh.AuthenticationResult.AccessToken})
	wantError[*types.NotAuthorizedException](t, err)
}

// UserMigration: users of an older system move here when they sign in, or when they have forgotten their password.
func TestUserMigration(t *testing.T) {
	o := observed(t, "migration", `
		const { password, validationData } = event.request;
		if (event.triggerSource === 'UserMigration_Authentication' && password !== 'Old-Passw0rd') throw new Error('Bad password');
		if (event.triggerSource === 'UserMigration_ForgotPassword' && event.request.clientMetadata?.known !== 'yes') throw new Error('Unknown');
		event.response.userAttributes = { phone_number: event.userName, phone_number_verified: 'true', nickname: validationData?.source ?? 'none' };
		event.response.finalUserStatus = 'CONFIRMED';
		event.response.messageAction = 'SUPPRESS';
		return event;`)
	p := newPool(t, triggers(o, "UserMigration"))
	number := newPhone()
	try := func(pw string) error {
		_, err := app().InitiateAuth(t.Context(), &cip.InitiateAuthInput{
			ClientId: &p.Client, AuthFlow: "USER_PASSWORD_AUTH", AuthParameters: map[string]string{"USERNAME": number, "PASSWORD": pw},
			ClientMetadata: map[string]string{"source": "legacy"},
		})
		return err
	}
	wantError[*types.UserNotFoundException](t, try("wrong"), "Exception migrating user in app client "+p.Client)
	o.next(t, p, "UserMigration_Authentication")
	check(t, try("Old-Passw0rd"))
	e := o.next(t, p, "UserMigration_Authentication")
	equal(t, "userName", e.UserName, number)
	e.request(t, map[string]any{"password": "Old-Passw0rd", "validationData": map[string]any{"source": "legacy"}})
	if _, given := e.Request["userAttributes"]; given {
		t.Error("userAttributes are given")
	}
	u := getUser(t, p, number)
	equal(t, "status", u.UserStatus, types.UserStatusTypeConfirmed)
	equal(t, "nickname", value(u.UserAttributes, "nickname"), "legacy")
	check(t, try("Old-Passw0rd")) // nobody is asked any more
	wantError[*types.NotAuthorizedException](t, try("wrong"))
	noMessages(t, number)

	forgetful := newPhone()
	forgot := func(known string) error {
		_, err := app().ForgotPassword(t.Context(), &cip.ForgotPasswordInput{ClientId: &p.Client, Username: &forgetful, ClientMetadata: map[string]string{"known": known}})
		return err
	}
	wantError[*types.UserNotFoundException](t, forgot("no"), "Exception migrating user in app client "+p.Client)
	o.next(t, p, "UserMigration_ForgotPassword").request(t, map[string]any{"validationData": nil, "clientMetadata": map[string]any{"known": "no"}})
	check(t, forgot("yes"))
	o.next(t, p, "UserMigration_ForgotPassword")
	check(t, resetPassword(t, p, forgetful, nextCode(t, forgetful)))
	_, err := signIn(t, p, forgetful, otherPassword)
	check(t, err)
}

// A function that answers nothing in time, or ends, is asked three times; one that may not be called, never.
func TestBrokenTrigger(t *testing.T) {
	o := observed(t, "broken", `process.exit(3);`)
	p := newPool(t, triggers(o, "PreSignUp"))
	_, err := signUp(t, p, newPhone())
	wantError[*types.UnexpectedLambdaException](t, err)
	for range 3 {
		o.next(t, p, "PreSignUp_SignUp")
	}
	closed := deploy(t, "closed", "nodejs20.x", "index.handler", zipped(t, "index.js", "exports.handler = async e => e"), nil)
	p = newPool(t, func(in *cip.CreateUserPoolInput) { in.LambdaConfig = lambdaConfig(closed, "PreSignUp") })
	_, err = signUp(t, p, newPhone())
	wantError[*types.UnexpectedLambdaException](t, err, "PreSignUp invocation failed due to error AccessDeniedException.")
}
