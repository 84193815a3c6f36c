package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestArgsOf(t *testing.T) {
	for _, c := range []struct{ in, want []string }{
		{[]string{"/var/task/bootstrap"}, []string{"lambda"}},
		{[]string{"bootstrap", "version"}, []string{"version"}},
		{[]string{"countersign"}, []string{}},
		{[]string{"countersign", "dev"}, []string{"dev"}},
	} {
		if got := argsOf(c.in); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q", c.in, got)
		}
	}
}

// Outside of Lambda the command says all that is missing.
func TestLambdaOutside(t *testing.T) {
	t.Setenv("AWS_LAMBDA_RUNTIME_API", "")
	t.Setenv("KEY_ID", "")
	var out, errs bytes.Buffer
	if code := run(t.Context(), time.Now(), []string{"lambda"}, nil, nil, &out, &errs); code != 1 || out.Len() > 0 {
		t.Fatalf("%d: %s", code, out.String())
	}
	for _, want := range []string{"WEBHOOK_URL", "KEY_ID is not set", "runs on AWS Lambda or Countersign", "countersign lambda --help"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("%s lacks %q", errs.String(), want)
		}
	}
}
