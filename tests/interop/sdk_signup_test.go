package interop

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"
)

func signUp(t *testing.T, p pool, name string, attributes ...types.AttributeType) (*cip.SignUpOutput, error) {
	t.Helper()
	return app().SignUp(t.Context(), &cip.SignUpInput{
		ClientId: &p.Client, Username: &name, Password: aws.String(password), UserAttributes: attributes,
		SecretHash: secretHash(p, name),
	})
}

func confirm(t *testing.T, p pool, name, code string) error {
	t.Helper()
	_, err := app().ConfirmSignUp(t.Context(), &cip.ConfirmSignUpInput{
		ClientId: &p.Client, Username: &name, ConfirmationCode: &code, SecretHash: secretHash(p, name),
	})
	return err
}

// secretHash is nil for a public client (AWS developer guide, "Computing secret hash values").
func secretHash(p pool, name string) *string {
	if p.Secret == "" {
		return nil
	}
	mac := hmac.New(sha256.New, []byte(p.Secret))
	mac.Write([]byte(name + p.Client))
	return aws.String(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// masked is how Cognito prints a number of eleven digits.
func masked(number string) string { return "+*******" + number[len(number)-4:] }

func TestSignUpByPhone(t *testing.T) {
	p := pool{ID: devPool, Client: devClient}
	number := newPhone()
	out, err := signUp(t, p, number)
	check(t, err)
	equal(t, "confirmed", out.UserConfirmed, false)
	equal(t, "destination", *out.CodeDeliveryDetails.Destination, masked(number))
	equal(t, "medium", out.CodeDeliveryDetails.DeliveryMedium, types.DeliveryMediumTypeSms)
	equal(t, "attribute", *out.CodeDeliveryDetails.AttributeName, "phone_number")

	code := nextCode(t, number)
	wantError[*types.CodeMismatchException](t, confirm(t, p, number, wrong(code)))
	resent, err := app().ResendConfirmationCode(t.Context(), &cip.ResendConfirmationCodeInput{ClientId: &p.Client, Username: &number})
	check(t, err)
	equal(t, "destination", *resent.CodeDeliveryDetails.Destination, masked(number))
	check(t, confirm(t, p, number, nextCode(t, number)))

	_, err = signUp(t, p, number)
	wantError[*types.UsernameExistsException](t, err, "An account with the given phone_number already exists.")
}

// Three codes may live at once: a text that arrives late is still good.
func TestTheFirstCodeOutlivesAResend(t *testing.T) {
	p := pool{ID: devPool, Client: devClient}
	number := newPhone()
	_, err := signUp(t, p, number)
	check(t, err)
	first := nextCode(t, number)
	_, err = app().ResendConfirmationCode(t.Context(), &cip.ResendConfirmationCodeInput{ClientId: &p.Client, Username: &number})
	check(t, err)
	nextCode(t, number)
	check(t, confirm(t, p, number, first))
}

func TestSignUpWithBothAttributesTextsThePhoneOnly(t *testing.T) {
	p := newPool(t, func(in *cip.CreateUserPoolInput) {
		in.AutoVerifiedAttributes = []types.VerifiedAttributeType{"phone_number", "email"}
	})
	number, address := newPhone(), newEmail()
	out, err := signUp(t, p, number, attribute("email", address))
	check(t, err)
	equal(t, "medium", out.CodeDeliveryDetails.DeliveryMedium, types.DeliveryMediumTypeSms)
	check(t, confirm(t, p, number, nextCode(t, number)))
	noMessages(t, address)
	user := getUser(t, p, number)
	equal(t, "phone_number_verified", value(user.UserAttributes, "phone_number_verified"), "true")
	if value(user.UserAttributes, "email_verified") == "true" {
		t.Error("the e-mail address counts as verified")
	}
}

func TestAnAdministratorConfirmsWithoutVerifying(t *testing.T) {
	p := newPool(t)
	number := newPhone()
	_, err := signUp(t, p, number)
	check(t, err)
	_, err = admin().AdminConfirmSignUp(t.Context(), &cip.AdminConfirmSignUpInput{UserPoolId: &p.ID, Username: &number})
	check(t, err)
	user := getUser(t, p, number)
	equal(t, "status", user.UserStatus, types.UserStatusTypeConfirmed)
	if value(user.UserAttributes, "phone_number_verified") == "true" {
		t.Error("the number counts as verified")
	}
}

func TestAClientWithASecretProvesIt(t *testing.T) {
	p := newPool(t, func(in *cip.CreateUserPoolClientInput) { in.GenerateSecret = true })
	number := newPhone()
	_, err := signUp(t, p, number)
	check(t, err)
	check(t, confirm(t, p, number, nextCode(t, number)))
	without := p
	without.Secret = ""
	_, err = signUp(t, without, newPhone())
	wantError[*types.NotAuthorizedException](t, err, "Client "+p.Client+" is configured with secret but SECRET_HASH was not received")
	without.Secret = strings.Repeat("x", 30)
	_, err = signUp(t, without, newPhone())
	wantError[*types.NotAuthorizedException](t, err, "Unable to verify secret hash for client "+p.Client)
}

// Where existence is hidden, an unknown name is answered like a known one at each step.
func TestUnknownUsersAreHidden(t *testing.T) {
	p := newPool(t, func(in *cip.CreateUserPoolClientInput) {
		in.PreventUserExistenceErrors = types.PreventUserExistenceErrorTypesEnabled
	})
	unconfirmed := newPhone()
	_, err := signUp(t, p, unconfirmed)
	check(t, err)
	confirmed, unknown, another := newUser(t, p), newPhone(), newPhone()
	steps := []struct {
		name           string
		known, unknown string
		ask            func(name string) (*types.CodeDeliveryDetailsType, error)
	}{
		{"ResendConfirmationCode", unconfirmed, another, func(name string) (*types.CodeDeliveryDetailsType, error) {
			out, err := app().ResendConfirmationCode(t.Context(), &cip.ResendConfirmationCodeInput{ClientId: &p.Client, Username: &name})
			if err != nil {
				return nil, err
			}
			return out.CodeDeliveryDetails, nil
		}},
		{"ConfirmSignUp", unconfirmed, another, func(name string) (*types.CodeDeliveryDetailsType, error) {
			return nil, confirm(t, p, name, "000000")
		}},
		{"ConfirmForgotPassword before", confirmed, unknown, func(name string) (*types.CodeDeliveryDetailsType, error) {
			return nil, resetPassword(t, p, name, "000000")
		}},
		{"ForgotPassword", confirmed, unknown, func(name string) (*types.CodeDeliveryDetailsType, error) {
			out, err := app().ForgotPassword(t.Context(), &cip.ForgotPasswordInput{ClientId: &p.Client, Username: &name})
			if err != nil {
				return nil, err
			}
			return out.CodeDeliveryDetails, nil
		}},
		{"ConfirmForgotPassword after", confirmed, unknown, func(name string) (*types.CodeDeliveryDetailsType, error) {
			return nil, resetPassword(t, p, name, "000000")
		}},
		{"InitiateAuth", confirmed, unknown, func(name string) (*types.CodeDeliveryDetailsType, error) {
			_, err := signIn(t, p, name, otherPassword)
			return nil, err
		}},
	}
	for _, step := range steps {
		known, knownErr := step.ask(step.known)
		unknown, unknownErr := step.ask(step.unknown)
		equal(t, step.name+": error", apiError(unknownErr), apiError(knownErr))
		if known != nil && unknown != nil {
			equal(t, step.name+": destination", *unknown.Destination, masked(step.unknown))
			equal(t, step.name+": medium", unknown.DeliveryMedium, known.DeliveryMedium)
			equal(t, step.name+": attribute", *unknown.AttributeName, *known.AttributeName)
		}
	}
	noMessages(t, unknown)
	noMessages(t, another)
}

// apiError is what a client sees of an error.
func apiError(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode() + ": " + e.ErrorMessage()
	}
	return fmt.Sprint(err)
}

func resetPassword(t *testing.T, p pool, name, code string) error {
	t.Helper()
	_, err := app().ConfirmForgotPassword(t.Context(), &cip.ConfirmForgotPasswordInput{
		ClientId: &p.Client, Username: &name, ConfirmationCode: &code, Password: aws.String(otherPassword),
	})
	return err
}
