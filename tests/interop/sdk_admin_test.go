package interop

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

func getUser(t *testing.T, p pool, name string) *cip.AdminGetUserOutput {
	t.Helper()
	out, err := admin().AdminGetUser(t.Context(), &cip.AdminGetUserInput{UserPoolId: &p.ID, Username: &name})
	check(t, err)
	return out
}

func TestInvitationBySms(t *testing.T) {
	p := newPool(t, func(in *cip.CreateUserPoolInput) {
		in.AdminCreateUserConfig = &types.AdminCreateUserConfigType{InviteMessageTemplate: &types.MessageTemplateType{
			SMSMessage: aws.String("Hello {username}, your password is {####}"),
		}}
	})
	number := newPhone()
	invite := &cip.AdminCreateUserInput{
		UserPoolId: &p.ID, Username: &number, UserAttributes: []types.AttributeType{attribute("phone_number", number)},
	}
	temporary := func() string {
		m := next(t, number, func(message) bool { return true })
		equal(t, "trigger source", m.TriggerSource, "CustomSMSSender_AdminCreateUser")
		_, pw, found := strings.Cut(m.Text, "your password is ")
		if !found {
			t.Fatalf("the text is %q", m.Text)
		}
		return pw
	}
	made, err := admin().AdminCreateUser(t.Context(), invite)
	check(t, err)
	equal(t, "status", made.User.UserStatus, types.UserStatusTypeForceChangePassword)
	equal(t, "number", value(made.User.Attributes, "phone_number"), number)
	first := temporary()

	invite.MessageAction = types.MessageActionTypeResend
	_, err = admin().AdminCreateUser(t.Context(), invite)
	check(t, err)
	second := temporary()
	_, err = signIn(t, p, number, first)
	wantError[*types.NotAuthorizedException](t, err)
	out, err := signIn(t, p, number, second)
	check(t, err)
	equal(t, "challenge", out.ChallengeName, types.ChallengeNameTypeNewPasswordRequired)
	done, err := respond(t, p, out.ChallengeName, out.Session, map[string]string{"USERNAME": number, "NEW_PASSWORD": password})
	check(t, err)
	if done.AuthenticationResult == nil {
		t.Fatalf("the new password met %s", done.ChallengeName)
	}
	equal(t, "status", getUser(t, p, number).UserStatus, types.UserStatusTypeConfirmed)
	_, err = admin().AdminCreateUser(t.Context(), invite)
	wantError[*types.UnsupportedUserStateException](t, err)
	invite.MessageAction = ""
	_, err = admin().AdminCreateUser(t.Context(), invite)
	wantError[*types.UsernameExistsException](t, err)
}

func TestASuppressedInvitationSendsNothing(t *testing.T) {
	p := newPool(t)
	number := newPhone()
	_, err := admin().AdminCreateUser(t.Context(), &cip.AdminCreateUserInput{
		UserPoolId: &p.ID, Username: &number, MessageAction: types.MessageActionTypeSuppress, TemporaryPassword: aws.String(otherPassword),
		UserAttributes: []types.AttributeType{attribute("phone_number", number)},
	})
	check(t, err)
	noMessages(t, number)
}

func TestAdministratorsChangeUsers(t *testing.T) {
	p := newPool(t)
	number := newUser(t, p)
	tokens := tokensOf(t, p, number)
	name := &number
	ctx := t.Context()

	_, err := admin().AdminUpdateUserAttributes(ctx, &cip.AdminUpdateUserAttributesInput{
		UserPoolId: &p.ID, Username: name,
		UserAttributes: []types.AttributeType{attribute("name", "Ben"), attribute("email", newEmail()), attribute("email_verified", "true")},
	})
	check(t, err)
	equal(t, "email_verified", value(getUser(t, p, number).UserAttributes, "email_verified"), "true")
	_, err = admin().AdminDeleteUserAttributes(ctx, &cip.AdminDeleteUserAttributesInput{
		UserPoolId: &p.ID, Username: name, UserAttributeNames: []string{"name"},
	})
	check(t, err)
	equal(t, "name", value(getUser(t, p, number).UserAttributes, "name"), "")

	_, err = admin().AdminUserGlobalSignOut(ctx, &cip.AdminUserGlobalSignOutInput{UserPoolId: &p.ID, Username: name})
	check(t, err)
	_, err = app().GetUser(ctx, &cip.GetUserInput{AccessToken: tokens.AccessToken})
	wantError[*types.NotAuthorizedException](t, err, "Access Token has been revoked")

	_, err = admin().AdminDisableUser(ctx, &cip.AdminDisableUserInput{UserPoolId: &p.ID, Username: name})
	check(t, err)
	equal(t, "enabled", getUser(t, p, number).Enabled, false)
	_, err = signIn(t, p, number, password)
	wantError[*types.NotAuthorizedException](t, err, "User is disabled.")
	_, err = admin().AdminEnableUser(ctx, &cip.AdminEnableUserInput{UserPoolId: &p.ID, Username: name})
	check(t, err)
	tokensOf(t, p, number)

	_, err = admin().AdminResetUserPassword(ctx, &cip.AdminResetUserPasswordInput{UserPoolId: &p.ID, Username: name})
	check(t, err)
	equal(t, "status", getUser(t, p, number).UserStatus, types.UserStatusTypeResetRequired)
	_, err = signIn(t, p, number, password)
	wantError[*types.PasswordResetRequiredException](t, err, "Password reset required for the user")
	_, err = app().ConfirmForgotPassword(ctx, &cip.ConfirmForgotPasswordInput{
		ClientId: &p.Client, Username: name, ConfirmationCode: aws.String(nextCode(t, number)), Password: aws.String(otherPassword),
	})
	check(t, err)
	equal(t, "status", getUser(t, p, number).UserStatus, types.UserStatusTypeConfirmed)

	_, err = admin().AdminDeleteUser(ctx, &cip.AdminDeleteUserInput{UserPoolId: &p.ID, Username: name})
	check(t, err)
	_, err = admin().AdminGetUser(ctx, &cip.AdminGetUserInput{UserPoolId: &p.ID, Username: name})
	wantError[*types.UserNotFoundException](t, err)
}

// In a pool with verification before update, an administrator's word applies at once and sends nothing.
func TestAnAdministratorMovesANumberAtOnce(t *testing.T) {
	p := newPool(t, func(in *cip.CreateUserPoolInput) {
		in.UserAttributeUpdateSettings = &types.UserAttributeUpdateSettingsType{
			AttributesRequireVerificationBeforeUpdate: []types.VerifiedAttributeType{"phone_number"},
		}
	})
	number, fresh := newUser(t, p), newPhone()
	_, err := admin().AdminUpdateUserAttributes(t.Context(), &cip.AdminUpdateUserAttributesInput{
		UserPoolId: &p.ID, Username: &number,
		UserAttributes: []types.AttributeType{attribute("phone_number", fresh), attribute("phone_number_verified", "true")},
	})
	check(t, err)
	equal(t, "number", value(getUser(t, p, fresh).UserAttributes, "phone_number"), fresh)
	if list := srv.inbox(t, fresh, "", 0); len(list) > 0 && list[0].Code != "" {
		t.Error("a code was sent")
	}
}

func TestListUsers(t *testing.T) {
	p := newPool(t)
	var people []string
	for range 3 {
		people = append(people, newUser(t, p))
	}
	seen := map[string]bool{}
	pages := cip.NewListUsersPaginator(admin(), &cip.ListUsersInput{UserPoolId: &p.ID, Limit: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		check(t, err)
		for _, u := range page.Users {
			seen[value(u.Attributes, "phone_number")] = true
		}
	}
	equal(t, "users", len(seen), 3)
	for filter, want := range map[string]int{
		fmt.Sprintf("phone_number = %q", people[1]): 1,
		`phone_number ^= "+1202555"`:                3,
		`phone_number ^= "+44"`:                     0,
		`cognito:user_status = "CONFIRMED"`:         3,
		`status = "Enabled"`:                        3,
	} {
		out, err := admin().ListUsers(t.Context(), &cip.ListUsersInput{UserPoolId: &p.ID, Filter: &filter})
		check(t, err)
		equal(t, filter, len(out.Users), want)
	}
	_, err := admin().ListUsers(t.Context(), &cip.ListUsersInput{UserPoolId: &p.ID, Filter: aws.String("phone_number ~ 1")})
	wantError[*types.InvalidParameterException](t, err)
}

// Admin calls must be signed, in dev too: otherwise any web page could make them.
func TestAdminCallsMustBeSigned(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL, strings.NewReader(`{"MaxResults":1}`))
	check(t, err)
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.ListUserPools")
	res, err := http.DefaultClient.Do(req)
	check(t, err)
	res.Body.Close()
	equal(t, "status", res.StatusCode, http.StatusBadRequest)
	equal(t, "error", strings.TrimSuffix(res.Header.Get("X-Amzn-Errortype"), ":"), "MissingAuthenticationTokenException")
}

// An operation that is not implemented says so by name; it never pretends.
func TestWhatIsMissingIsNamed(t *testing.T) {
	p := newPool(t)
	_, err := admin().CreateUserImportJob(t.Context(), &cip.CreateUserImportJobInput{
		UserPoolId: &p.ID, JobName: aws.String("job"), CloudWatchLogsRoleArn: smsRole.SnsCallerArn,
	})
	if err == nil || !strings.Contains(err.Error(), "CreateUserImportJob") {
		t.Errorf("got %v", err)
	}
}
