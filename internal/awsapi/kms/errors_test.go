package kms

import (
	"regexp"
	"slices"
	"testing"

	"countersign/internal/awsapi/kms/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
)

// commonErrors are those of the AWS page "Common Errors" that the API model does not repeat.
var commonErrors = []string{
	"AccessDeniedException", "InvalidSignatureException", "MissingAuthenticationTokenException", "ThrottlingException",
	"UnrecognizedClientException", "ValidationException",
}

var placeholder = regexp.MustCompile(`\{\w*\}`)

func checkShape(t *testing.T, what string, s wire.ErrorShape) {
	t.Helper()
	if !slices.Contains(api.Exceptions, s.Name) && !slices.Contains(commonErrors, s.Name) {
		t.Errorf("%s: %s is no exception", what, s.Name)
	}
	for _, p := range placeholder.FindAllString(s.Message, -1) {
		if p != "{field}" {
			t.Errorf("%s: unknown placeholder %s", what, p)
		}
	}
	if s.Message == "" {
		t.Errorf("%s has no sentence", what)
	}
}

func TestEveryCodeHasAnException(t *testing.T) {
	table := Errors()
	for _, c := range fault.Codes() {
		s, ok := table[c]
		if !ok {
			t.Errorf("no exception for %s", c)
			continue
		}
		checkShape(t, string(c), s)
		if (c.Kind() == fault.Internal) != (s.Name == internalError) {
			t.Errorf("%s of kind %s answers %s", c, c.Kind(), s.Name)
		}
	}
	if len(table) != len(fault.Codes()) {
		t.Errorf("the table holds %d codes of %d", len(table), len(fault.Codes()))
	}
	for field, s := range byField {
		checkShape(t, field, s)
	}
}

// Clients decide by these names.
func TestNames(t *testing.T) {
	for code, want := range map[fault.Code]string{
		fault.AccessDenied: "AccessDeniedException", fault.AccessKeyUnknown: "UnrecognizedClientException",
		fault.CiphertextInvalid: "InvalidCiphertextException", fault.ConcurrentModification: "ThrottlingException",
		fault.InternalError: "KMSInternalException", fault.InvalidParameter: "ValidationException", fault.KeyDisabled: "DisabledException",
		fault.KeyIncorrect: "IncorrectKeyException", fault.KeyStateInvalid: "KMSInvalidStateException",
		fault.KeyUsageWrong: "InvalidKeyUsageException", fault.Overloaded: "ThrottlingException",
		fault.PolicyMalformed: "MalformedPolicyDocumentException", fault.RateExceeded: "ThrottlingException",
		fault.ResourceExists: "AlreadyExistsException", fault.ResourceNotFound: "NotFoundException",
		fault.SignatureWrong: "InvalidSignatureException", fault.TooMany: "LimitExceededException",
		fault.Unauthenticated: "MissingAuthenticationTokenException", fault.UnsupportedOperation: "UnsupportedOperationException",
	} {
		if got := Errors()[code].Name; got != want {
			t.Errorf("%s: %s, want %s", code, got, want)
		}
	}
	for field, want := range map[string]string{
		"AliasName": "InvalidAliasNameException", "Arn": "InvalidArnException", "Marker": "InvalidMarkerException",
		"GrantTokens": "InvalidGrantTokenException", "GrantId": "InvalidGrantIdException", "Tags": "TagException",
	} {
		if s, ok := errorOf("x", fault.Invalidf(field, "no")); !ok || s.Name != want {
			t.Errorf("%s: %s, want %s", field, s.Name, want)
		}
	}
	if _, ok := errorOf("x", fault.Invalidf("KeyId", "no")); ok {
		t.Error("KeyId has an exception of its own")
	}
	if _, ok := errorOf("x", fault.New(fault.ResourceExists).WithField("AliasName")); ok {
		t.Error("a name that is taken is called invalid")
	}
}

func TestStatuses(t *testing.T) {
	for c, s := range Errors() {
		want := 0 // 400, or 500 for internal
		if c == fault.OriginForbidden {
			want = 403
		} else if s.Name == dependencyFailed {
			want = 503
		}
		if s.Status != want {
			t.Errorf("%s has status %d", c, s.Status)
		}
	}
}

func TestMuxTakesTheTables(t *testing.T) {
	if _, err := wire.New(wire.Config{Service: Service, TargetPrefix: TargetPrefix, Known: api.Operations, Errors: Errors()}); err != nil {
		t.Error(err)
	}
}
