package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/envelope"
	"countersign/internal/kmssdk"
	"countersign/internal/kmssdk/fakekms"
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

// The command as Lambda runs it: an event comes from the Runtime API, the text goes to the webhook, null comes back.
func TestLambda(t *testing.T) {
	const arn, pool = "arn:aws:kms:us-east-1:000000000000:key/0d2f1c2e-7a55-4b8e-9f52-3b1f6a6d7c10", "us-east-1_AbCdEf123"
	k := fakekms.Start(t, arn)
	ring := &envelope.KMSKeyring{Service: kmssdk.Service{Client: k.Client("us-east-1")}, Generator: arn}
	m, err := envelope.Encrypt(t.Context(), envelope.DefaultSuite, ring, envelope.Context{"userpool-id": pool}, []byte("739154"))
	if err != nil {
		t.Fatal(err)
	}
	texts := make(chan string, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		texts <- string(raw)
		_, _ = io.WriteString(w, `{"status":"sent","id":"1"}`)
	}))
	defer hook.Close()
	host, answers := runtimeAPI(t, fmt.Sprintf(`{"triggerSource":"CustomSMSSender_Authentication","userPoolId":%q,"userName":"ann","request":
		{"type":"customSMSSenderRequestV1","code":%q,"userAttributes":{"phone_number":"+15555550100"}}}`, pool, base64.StdEncoding.EncodeToString(m)))
	for name, value := range map[string]string{
		"KEY_ID": arn, "AWS_ENDPOINT_URL_KMS": k.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY": "secret", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
		"AWS_LAMBDA_RUNTIME_API": host,
	} {
		t.Setenv(name, value)
	}
	ctx, cancel := context.WithCancel(t.Context())
	env := []string{"WEBHOOK_URL=" + hook.URL, "WEBHOOK_SECRET=sixteen bytes or more"}
	var out, errs bytes.Buffer
	done := make(chan int)
	go func() { done <- run(ctx, time.Now(), []string{"lambda"}, env, nil, &out, &errs) }()
	text, answer := <-texts, <-answers
	cancel()
	if code := <-done; code != 0 || errs.Len() > 0 {
		t.Errorf("%d: %s", code, errs.String())
	}
	if !strings.Contains(text, `"to":"+15555550100"`) || !strings.Contains(text, "739154") || answer != "response null" {
		t.Errorf("%s: %s", answer, text)
	}
	if !strings.Contains(out.String(), `"msg":"sent"`) || strings.Contains(out.String(), "739154") || strings.Contains(out.String(), "5555550100") {
		t.Errorf("log: %s", out.String())
	}
}

// runtimeAPI is a Lambda Runtime API with one event. It stays until the program ends, as the function does that polls it.
func runtimeAPI(t *testing.T, event string) (host string, answers <-chan string) {
	t.Helper()
	events, posted := make(chan string, 1), make(chan string, 1)
	events <- event
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				raw, _ := io.ReadAll(r.Body)
				posted <- r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:] + " " + string(raw)
				w.WriteHeader(http.StatusAccepted)
				return
			}
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
			_, _ = io.WriteString(w, <-events)
		}))
	}()
	return ln.Addr().String(), posted
}
