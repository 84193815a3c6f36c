package lambda

import (
	"slices"
	"strings"
	"testing"

	"countersign/internal/awsapi/lambda/api"
	"countersign/internal/fault"
)

// Every code of the product has an exception of the API, with the model's status.
func TestEveryCodeHasAnException(t *testing.T) {
	want := map[string]int{
		notFound: 404, conflict: 409, invalidValue: 400, tooManyRequests: 429, tooLarge: 413, storageExceeded: 400, policyTooLong: 400,
		"PreconditionFailedException": 412, serviceFailure: 500, badContent: 400, "UnsupportedMediaTypeException": 415, accessDenied: 403,
		"MissingAuthenticationTokenException": 403, "InvalidSignatureException": 403, "UnrecognizedClientException": 403,
		"AliasLimitExceededException": 400, "KMSDisabledException": 502, "KMSInvalidStateException": 502, unsupported: 501, unknown: 404, bodyTooLarge: 413,
	}
	for name, status := range want {
		equal(t, name, Status(name), status)
	}
	operations := []string{"", "CreateFunction", "CreateAlias", "AddPermission", "GetPolicy", "Invoke"}
	for _, c := range fault.Codes() {
		for _, op := range operations {
			s := shapeOf(op, fault.New(c))
			if !slices.Contains(api.Exceptions, s.Name) && statuses[s.Name] == 0 {
				t.Errorf("%s of %q: %s is no exception", c, op, s.Name)
			}
			if want[s.Name] == 0 {
				t.Errorf("%s: the status of %s is not tested", c, s.Name)
			}
			if s.Message == "" || strings.Contains(strings.ReplaceAll(s.Message, "{field}", ""), "{") {
				t.Errorf("%s: message %q", c, s.Message)
			}
			if internal := c.Kind() == fault.Internal || c.Kind() == fault.Unavailable && s.Name == serviceFailure; internal != (s.Name == serviceFailure) {
				t.Errorf("%s of kind %s answers %s", c, c.Kind(), s.Name)
			}
		}
	}
	revision := shapeOf("UpdateAlias", fault.New(fault.ConcurrentModification).WithField(revisionField))
	equal(t, "a stale RevisionId", Status(revision.Name), 412)
}

// What an operation words otherwise is declared by the model for it.
func TestOverridesAreDeclared(t *testing.T) {
	for name, codes := range wordsFor {
		i := slices.IndexFunc(api.Operations, func(r api.Route) bool { return r.Name == name })
		if i < 0 {
			t.Errorf("no operation %s", name)
			continue
		}
		for code, s := range codes {
			if !slices.Contains(api.Operations[i].Errors, s.Name) {
				t.Errorf("%s, %s: %s is not declared", name, code, s.Name)
			}
		}
	}
}
