package interop

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

func TestPasswordChangeAndRecovery(t *testing.T) {
	p := newPool(t)
	number := newUser(t, p)
	token := tokensOf(t, p, number).AccessToken
	_, err := app().ChangePassword(t.Context(), &cip.ChangePasswordInput{
		AccessToken: token, PreviousPassword: aws.String(password), ProposedPassword: aws.String("short"),
	})
	wantError[*types.InvalidPasswordException](t, err, "Password did not conform with policy: Password not long enough")
	_, err = app().ChangePassword(t.Context(), &cip.ChangePasswordInput{
		AccessToken: token, PreviousPassword: aws.String(password), ProposedPassword: aws.String(otherPassword),
	})
	check(t, err)
	next(t, number, isNotice)

	forgot, err := app().ForgotPassword(t.Context(), &cip.ForgotPasswordInput{ClientId: &p.Client, Username: &number})
	check(t, err)
	equal(t, "destination", *forgot.CodeDeliveryDetails.Destination, masked(number))
	code := nextCode(t, number)
	reset := func(code string) error { return resetPassword(t, p, number, code) }
	wantError[*types.CodeMismatchException](t, reset(wrong(code)))
	check(t, reset(code))
	wantError[*types.ExpiredCodeException](t, reset(code), "Invalid code provided, please request a code again.")
	_, err = signIn(t, p, number, otherPassword)
	check(t, err)
}

// The order of the recovery setting decides who gets the code.
func TestRecoveryByTheFirstMechanism(t *testing.T) {
	p := newPool(t, func(in *cip.CreateUserPoolInput) {
		in.AutoVerifiedAttributes = []types.VerifiedAttributeType{"phone_number", "email"}
		in.AccountRecoverySetting = &types.AccountRecoverySettingType{RecoveryMechanisms: []types.RecoveryOptionType{
			{Name: types.RecoveryOptionNameTypeVerifiedEmail, Priority: aws.Int32(1)},
			{Name: types.RecoveryOptionNameTypeVerifiedPhoneNumber, Priority: aws.Int32(2)},
		}}
	})
	address := newEmail()
	number := newUser(t, p, attribute("email", address), attribute("email_verified", "true"))
	out, err := app().ForgotPassword(t.Context(), &cip.ForgotPasswordInput{ClientId: &p.Client, Username: &number})
	check(t, err)
	equal(t, "medium", out.CodeDeliveryDetails.DeliveryMedium, types.DeliveryMediumTypeEmail)
	nextCode(t, address)
	noMessages(t, number)
}

func TestAttributesOfOnesOwn(t *testing.T) {
	p := newPool(t)
	number, fresh := newUser(t, p), newPhone()
	token := tokensOf(t, p, number).AccessToken
	updated, err := app().UpdateUserAttributes(t.Context(), &cip.UpdateUserAttributesInput{
		AccessToken: token, UserAttributes: []types.AttributeType{attribute("phone_number", fresh), attribute("name", "Ben")},
	})
	check(t, err)
	if n := len(updated.CodeDeliveryDetailsList); n != 1 {
		t.Fatalf("%d codes were sent, want 1", n)
	}
	equal(t, "destination", *updated.CodeDeliveryDetailsList[0].Destination, masked(fresh))
	nextCode(t, fresh)
	next(t, number, isNotice)

	again, err := app().GetUserAttributeVerificationCode(t.Context(), &cip.GetUserAttributeVerificationCodeInput{
		AccessToken: token, AttributeName: aws.String("phone_number"),
	})
	check(t, err)
	equal(t, "destination", *again.CodeDeliveryDetails.Destination, masked(fresh))
	_, err = app().VerifyUserAttribute(t.Context(), &cip.VerifyUserAttributeInput{
		AccessToken: token, AttributeName: aws.String("phone_number"), Code: aws.String(nextCode(t, fresh)),
	})
	check(t, err)
	_, err = app().DeleteUserAttributes(t.Context(), &cip.DeleteUserAttributesInput{AccessToken: token, UserAttributeNames: []string{"name"}})
	check(t, err)
	me, err := app().GetUser(t.Context(), &cip.GetUserInput{AccessToken: token})
	check(t, err)
	equal(t, "phone_number", value(me.UserAttributes, "phone_number"), fresh)
	equal(t, "phone_number_verified", value(me.UserAttributes, "phone_number_verified"), "true")
	equal(t, "name", value(me.UserAttributes, "name"), "")
}

func TestAUserLeaves(t *testing.T) {
	p := newPool(t)
	number := newUser(t, p)
	token := tokensOf(t, p, number).AccessToken
	_, err := app().DeleteUser(t.Context(), &cip.DeleteUserInput{AccessToken: token})
	check(t, err)
	_, err = app().GetUser(t.Context(), &cip.GetUserInput{AccessToken: token})
	if err == nil {
		t.Error("the token of a user who left is good")
	}
	_, err = admin().AdminGetUser(t.Context(), &cip.AdminGetUserInput{UserPoolId: &p.ID, Username: &number})
	wantError[*types.UserNotFoundException](t, err, "User does not exist.")
}
