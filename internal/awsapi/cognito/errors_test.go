package cognito

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
)

// commonErrors are those of the AWS page "Common Errors" that the API model does not repeat.
var commonErrors = []string{
	"AccessDeniedException", "InvalidSignatureException", "MissingAuthenticationTokenException", "UnrecognizedClientException",
}

var placeholder = regexp.MustCompile(`\{\w*\}`)

func checkShape(t *testing.T, code fault.Code, s wire.ErrorShape) {
	t.Helper()
	if !slices.Contains(api.Exceptions, s.Name) && !slices.Contains(commonErrors, s.Name) {
		t.Errorf("%s: %s is no exception", code, s.Name)
	}
	for _, p := range placeholder.FindAllString(s.Message, -1) {
		if p != "{field}" {
			t.Errorf("%s: unknown placeholder %s", code, p)
		}
	}
	if s.Message == "" {
		t.Errorf("%s has no sentence", code)
	}
}

func TestEveryCodeHasAnExceptionAndNoneIsUnused(t *testing.T) {
	table, codes := Errors(), fault.Codes()
	for _, c := range codes {
		s, ok := table[c]
		if !ok {
			t.Errorf("no exception for %s", c)
			continue
		}
		checkShape(t, c, s)
		if (c.Kind() == fault.Internal) != strings.HasPrefix(s.Name, "Internal") {
			t.Errorf("%s of kind %s answers %s", c, c.Kind(), s.Name)
		}
	}
	for c := range table {
		if !slices.Contains(codes, c) {
			t.Errorf("%s is no fault code", c)
		}
	}
	if n := len(generalErrors()) + len(userErrors()) + len(passwordErrors()) + len(codeErrors()) + len(tokenErrors()) + len(callerErrors()) + len(otherErrors()); n != len(table) {
		t.Errorf("the groups hold %d codes, the table %d: one stands in two groups", n, len(table))
	}
}

func TestOverridesAreDeclared(t *testing.T) {
	for name, codes := range ErrorsFor() {
		i := slices.IndexFunc(api.Operations, func(m wire.Meta) bool { return m.Name == name })
		if i < 0 {
			t.Errorf("no operation %s", name)
			continue
		}
		for code, s := range codes {
			checkShape(t, code, s)
			// Every operation may answer TooManyRequests, though a few forget to declare it.
			if s.Name != tooManyRequests && !slices.Contains(api.Operations[i].Errors, s.Name) {
				t.Errorf("%s does not declare %s", name, s.Name)
			}
		}
	}
}

func TestStatuses(t *testing.T) {
	for c, s := range Errors() {
		want := 0 // 400, or 500 for internal
		if c == fault.OriginForbidden {
			want = 403
		}
		if s.Status != want {
			t.Errorf("%s has status %d", c, s.Status)
		}
	}
	if got := api.OpRevokeToken.Status["UnauthorizedException"]; got != 401 {
		t.Errorf("UnauthorizedException of RevokeToken has status %d", got)
	}
}

// Applications match on these sentences.
func TestWordings(t *testing.T) {
	for code, want := range map[fault.Code]string{
		fault.CodeMismatch:          "CodeMismatchException: Invalid verification code provided, please try again.",
		fault.ChallengeCodeMismatch: "CodeMismatchException: Invalid code or auth state for the user.",
		fault.CodeExpired:           "ExpiredCodeException: Invalid code provided, please request a code again.",
		fault.AttemptLimit:          "LimitExceededException: Attempt limit exceeded, please try after some time.",
		fault.WrongCredentials:      "NotAuthorizedException: Incorrect username or password.",
		fault.PasswordLocked:        "NotAuthorizedException: Password attempts exceeded",
		fault.SessionExpired:        "NotAuthorizedException: Invalid session for the user, session is expired.",
		fault.SessionUsed:           "NotAuthorizedException: Invalid session for the user, session can only be used once.",
		fault.UserNotConfirmed:      "UserNotConfirmedException: User is not confirmed.",
		fault.UserNotFound:          "UserNotFoundException: User does not exist.",
		fault.UsernameTaken:         "UsernameExistsException: User already exists",
		fault.SignInNameTaken:       "UsernameExistsException: An account with the given {field} already exists.",
		fault.AliasTaken:            "AliasExistsException: An account with the {field} already exists.",
		fault.ClientNotFound:        "ResourceNotFoundException: User pool client {field} does not exist.",
		fault.PoolNotFound:          "ResourceNotFoundException: User pool {field} does not exist.",
		fault.AccessTokenRevoked:    "NotAuthorizedException: Access Token has been revoked",
		fault.NothingToVerify:       "NotAuthorizedException: Cannot resend codes. Auto verification not turned on.",
		fault.SecretHashMissing:     "NotAuthorizedException: Client {field} is configured with secret but SECRET_HASH was not received",
	} {
		if s := Errors()[code]; s.Name+": "+s.Message != want {
			t.Errorf("%s: %s: %s", code, s.Name, s.Message)
		}
	}
}

func TestMuxTakesTheTables(t *testing.T) {
	if _, err := wire.New(wire.Config{Service: "cognito-idp", TargetPrefix: "AWSCognitoIdentityProviderService", Known: api.Operations, Errors: Errors(), ErrorsFor: ErrorsFor()}); err != nil {
		t.Error(err)
	}
}
