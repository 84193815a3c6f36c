package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
)

type validator interface{ Validate(*wire.Violations) }

// violationsOf returns the public sentence, "" if in is valid.
func violationsOf(t *testing.T, in validator, body string) string {
	t.Helper()
	if err := json.Unmarshal([]byte(body), in); err != nil {
		t.Fatal(err)
	}
	var v wire.Violations
	in.Validate(&v)
	err := v.Err()
	if err == nil {
		return ""
	}
	if fault.CodeOf(err) != fault.InvalidParameter {
		t.Errorf("code %s", fault.CodeOf(err))
	}
	return fault.Of(err).Public
}

func TestViolationWording(t *testing.T) {
	const at = "failed to satisfy constraint: "
	tests := map[string]struct {
		in   validator
		body string
		want string
	}{
		"valid":              {new(api.SignUpRequest), `{"ClientId":"abc","Username":"+12025550123","Password":"Secret-1"}`, ""},
		"null":               {new(api.SignUpRequest), `{"ClientId":"abc","Username":null}`, "1 validation error detected: Value null at 'username' " + at + "Member must not be null"},
		"two":                {new(api.SignUpRequest), `{}`, "2 validation errors detected: Value null at 'clientId' " + at + "Member must not be null; Value null at 'username' " + at + "Member must not be null"},
		"sensitive, one two": {new(api.ConfirmForgotPasswordRequest), `{"ClientId":"abc","Username":"u","ConfirmationCode":"12 34","Password":"x"}`, `1 validation error detected: Value at 'confirmationCode' ` + at + `Member must satisfy regular expression pattern: [\S]+`},
		"empty username": {new(api.SignUpRequest), `{"ClientId":"abc","Username":""}`, `2 validation errors detected: Value at 'username' ` + at + `Member must satisfy regular expression pattern: [\p{L}\p{M}\p{S}\p{N}\p{P}]+; ` +
			`Value at 'username' ` + at + `Member must have length greater than or equal to 1`},
		"too long":          {new(api.DescribeUserPoolRequest), `{"UserPoolId":"` + strings.Repeat("a", 54) + `_b"}`, "1 validation error detected: Value '" + strings.Repeat("a", 54) + "_b' at 'userPoolId' " + at + "Member must have length less than or equal to 55"},
		"pattern":           {new(api.DescribeUserPoolRequest), `{"UserPoolId":"x"}`, `1 validation error detected: Value 'x' at 'userPoolId' ` + at + `Member must satisfy regular expression pattern: [\w-]+_[0-9a-zA-Z]+`},
		"pattern, anchored": {new(api.DescribeUserPoolRequest), `{"UserPoolId":"a_b\n"}`, "1 validation error detected: Value 'a_b\n' at 'userPoolId' " + at + `Member must satisfy regular expression pattern: [\w-]+_[0-9a-zA-Z]+`},
		"enum":              {new(api.RespondToAuthChallengeRequest), `{"ClientId":"abc","ChallengeName":"SMS"}`, "1 validation error detected: Value 'SMS' at 'challengeName' " + at + "Member must satisfy enum value set: [SMS_MFA, EMAIL_OTP"},
		"number":            {new(api.ListUserPoolsRequest), `{"MaxResults":61}`, "1 validation error detected: Value '61' at 'maxResults' " + at + "Member must have value less than or equal to 60"},
		"number, low":       {new(api.ListUserPoolsRequest), `{"MaxResults":0}`, "1 validation error detected: Value '0' at 'maxResults' " + at + "Member must have value greater than or equal to 1"},
		"list element": {new(api.AdminUpdateUserAttributesRequest), `{"UserPoolId":"a_b","Username":"u","UserAttributes":[{"Name":"email"},{"Value":"v"}]}`,
			"1 validation error detected: Value null at 'userAttributes.2.member.name' " + at + "Member must not be null"},
		"list of strings": {new(api.CreateUserPoolClientRequest), `{"UserPoolId":"a_b","ClientName":"c","ExplicitAuthFlows":["MAGIC"]}`,
			"1 validation error detected: Value '[MAGIC]' at 'explicitAuthFlows' " + at + "Member must satisfy constraint: [Member must satisfy enum value set: [ADMIN_NO_SRP_AUTH, "},
		"nested": {new(api.CreateUserPoolRequest), `{"PoolName":"p","Policies":{"PasswordPolicy":{"MinimumLength":5}}}`,
			"1 validation error detected: Value '5' at 'policies.passwordPolicy.minimumLength' " + at + "Member must have value greater than or equal to 6"},
		"map value": {new(api.TagResourceRequest), `{"ResourceArn":"arn:aws:cognito-idp:us-local-1:000000000000:userpool/a_b","Tags":{"k":"` + strings.Repeat("v", 257) + `"}}`,
			"1 validation error detected: Value at 'tags' " + at + "Map value must satisfy constraint: [Member must have length less than or equal to 256, Member must have length greater than or equal to 0]"},
		"characters, not bytes": {new(api.SignUpRequest), `{"ClientId":"abc","Username":"` + strings.Repeat("é", 128) + `"}`, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := violationsOf(t, tt.in, tt.body)
			if tt.want == "" && got != "" || !strings.HasPrefix(got, tt.want) {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestSensitiveValuesAreNotEchoed(t *testing.T) {
	got := violationsOf(t, new(api.SignUpRequest), `{"ClientId":"can ary","SecretHash":"can ary","Username":"can ary","Password":"can ary","UserAttributes":[{"Name":"x","Value":"`+strings.Repeat("canary", 500)+`"}]}`)
	if !strings.HasPrefix(got, "5 validation errors") || strings.Contains(got, "ary") {
		t.Error(got)
	}
}

func TestViolationsAreBounded(t *testing.T) {
	body := `{"UserPoolId":"a_b","Username":"u","UserAttributes":[` + strings.Repeat(`{},`, 5000) + `{}]}`
	if got := violationsOf(t, new(api.AdminUpdateUserAttributesRequest), body); !strings.HasPrefix(got, "20 validation errors") {
		t.Error(got)
	}
	got := violationsOf(t, new(api.DescribeUserPoolRequest), `{"UserPoolId":"`+strings.Repeat("é", 100000)+`"}`)
	if len(got) > 400 || !strings.Contains(got, "...") {
		t.Errorf("%d bytes: %.200s", len(got), got)
	}
}

func TestPatterns(t *testing.T) {
	tests := []struct {
		pattern, value string
		want           bool
	}{
		{`[A-Za-z0-9-_=.]+`, "eyJ.-_=x9", true},
		{`[A-Za-z0-9-_=.]+`, "a b", false},
		{`[A-Za-z0-9-_=.]+`, "", false},
		{`[\S]+`, "a\u00a0b", true}, // Java's \s is ASCII too
		{`[\S]+`, "a b", false},
		{`[\S]+`, "a\n", false},
		{`^[0-9a-fA-F]+$`, "0aF", true},
		{`^[0-9a-fA-F]+$`, "0aF\n", false},
		{`[\p{L}\p{M}\p{S}\p{N}\p{P}\s*]*`, "", true},
		{`[\p{L}\p{M}\p{S}\p{N}\p{P}]+`, "+12025550123", true},
		{`[\p{L}\p{M}\p{S}\p{N}\p{P}]+`, "ж日😀", true},
		{`[\p{L}\p{M}\p{S}\p{N}\p{P}]+`, "a\u2028", false},
		{`[\p{L}\p{M}\p{S}\p{N}\p{P}]+`, "a b", false},
		{`.*\{####\}.*`, "Your code is {####}.", true},
		{`.*\{####\}.*`, "Your code", false},
		{`[^_\p{Z}][\p{L}\p{M}\p{S}\p{N}\p{P}][^_\p{Z}]+`, "Facebook", true},
		{`[^_\p{Z}][\p{L}\p{M}\p{S}\p{N}\p{P}][^_\p{Z}]+`, "_x", false},
		{`[\w-]+_[0-9a-zA-Z]+`, "us-local-1_countersign", true},
		{`[\w-]+_[0-9a-zA-Z]+`, "xus-local-1", false},
	}
	for _, tt := range tests {
		if got := wire.NewPattern(tt.pattern, "").Match(tt.value); got != tt.want {
			t.Errorf("%s matches %q: %v", tt.pattern, tt.value, got)
		}
	}
}
