package main

import (
	"bytes"
	"strings"
	"testing"
)

// All that is wrong is said at once, and no value of a secret.
func TestRefuses(t *testing.T) {
	t.Setenv("AWS_LAMBDA_RUNTIME_API", "")
	t.Setenv("KEY_ID", "")
	const hidden = "a token that nobody may see"
	var out, errs bytes.Buffer
	env := []string{"PROVIDERS=main", "PROVIDER_MAIN_KIND=twilio", "PROVIDER_MAIN_AUTH_TOKEN=" + hidden, "PROVIDER_MAIN_ACOUNT_SID=AC1"}
	if code := run(t.Context(), env, &out, &errs); code != 1 || out.Len() > 0 {
		t.Fatalf("%d: %s", code, out.String())
	}
	for _, want := range []string{
		"PROVIDER_MAIN_ACCOUNT_SID: account_sid is missing", "PROVIDER_MAIN_ACOUNT_SID means nothing", "KEY_ID is not set",
		"runs on AWS Lambda or Countersign", "docs/lambda.md",
	} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("%s lacks %q", errs.String(), want)
		}
	}
	if strings.Contains(errs.String(), hidden) {
		t.Errorf("a secret is shown: %s", errs.String())
	}
}
