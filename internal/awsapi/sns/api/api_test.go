package api

import (
	"slices"
	"testing"
	"time"

	"countersign/internal/awsapi/wire"
)

func TestOperationsAreSortedAndUnique(t *testing.T) {
	names := make([]string, len(Operations))
	for i, m := range Operations {
		names[i] = m.Name
		for _, e := range m.Errors {
			if _, ok := Exceptions[e]; !ok {
				t.Errorf("%s declares %s, which is no exception", m.Name, e)
			}
		}
	}
	if !slices.IsSorted(names) || len(slices.Compact(names)) != len(Operations) {
		t.Error("the table of operations is not sorted or holds one twice")
	}
	if at, err := time.Parse(time.DateOnly, Version); err != nil || at.IsZero() || Namespace == "" {
		t.Errorf("version %q, namespace %q", Version, Namespace)
	}
}

// The codes on the wire are not the names: clients decide by the codes.
func TestExceptions(t *testing.T) {
	for name, want := range map[string]struct {
		code   string
		status int
	}{
		"InvalidParameterException": {"InvalidParameter", 400}, "InvalidParameterValueException": {"ParameterValueInvalid", 400},
		"AuthorizationErrorException": {"AuthorizationError", 403}, "ThrottledException": {"Throttled", 429}, "InternalErrorException": {"InternalError", 500},
		"ResourceNotFoundException": {"ResourceNotFound", 404}, "OptedOutException": {"OptedOut", 400}, "UserErrorException": {"UserError", 400},
		"VerificationException": {"VerificationException", 400},
	} {
		if e := Exceptions[name]; e.Code != want.code || e.Status != want.status {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func TestConstraints(t *testing.T) {
	str := func(s string) *string { return &s }
	num := func(n int64) *int64 { return &n }
	for name, tt := range map[string]struct {
		in interface{ Validate(*wire.Violations) }
		ok bool
	}{
		"number":         {&DeleteSMSSandboxPhoneNumberInput{PhoneNumber: str("+12025550123")}, true},
		"no number":      {&DeleteSMSSandboxPhoneNumberInput{}, false},
		"letters":        {&DeleteSMSSandboxPhoneNumberInput{PhoneNumber: str("+1202555CALL")}, false},
		"code":           {&VerifySMSSandboxPhoneNumberInput{PhoneNumber: str("+12025550123"), OneTimePassword: str("12345678")}, true},
		"long code":      {&VerifySMSSandboxPhoneNumberInput{PhoneNumber: str("+12025550123"), OneTimePassword: str("123456789")}, false},
		"language":       {&CreateSMSSandboxPhoneNumberInput{PhoneNumber: str("+12025550123"), LanguageCode: str("kr-KR")}, true},
		"other language": {&CreateSMSSandboxPhoneNumberInput{PhoneNumber: str("+12025550123"), LanguageCode: str("ko-KR")}, false},
		"page":           {&ListOriginationNumbersRequest{MaxResults: num(30)}, true},
		"large page":     {&ListOriginationNumbersRequest{MaxResults: num(31)}, false},
		"no message":     {&PublishInput{PhoneNumber: str("+12025550123")}, false},
		"no attributes":  {&SetSMSAttributesInput{}, false},
	} {
		var v wire.Violations
		tt.in.Validate(&v)
		if err := v.Err(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
