package awslambda_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"countersign/internal/fault"
	"countersign/internal/function"
	"countersign/internal/gateway/awslambda"
	"countersign/internal/trigger"
)

const arn = "arn:aws:lambda:eu-west-1:123456789012:function:sender:live"

var _ function.Remote = (*awslambda.Client)(nil)

// lambda answers as the API's model says, and counts.
type lambda struct {
	*httptest.Server
	requests int
	seen     *http.Request
	body     string
}

func serve(t *testing.T, answer func(http.ResponseWriter)) *lambda {
	t.Helper()
	l := &lambda{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.requests++
		l.seen = r
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		l.body = string(b)
		answer(w)
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *lambda) client() *awslambda.Client {
	return awslambda.New(aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(l.URL), Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	})
}

func refuse(status int, code string, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("X-Amzn-ErrorType", code)
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"Type":"User","Message":"no","message":"no"}`)
	}
}

func threw(payload string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		io.WriteString(w, payload)
	}
}

func TestInvoke(t *testing.T) {
	l := serve(t, func(w http.ResponseWriter) { io.WriteString(w, `{"ok":true}`) })
	a, err := l.client().Invoke(t.Context(), arn, []byte(`{"triggerSource":"x"}`), time.Minute)
	if err != nil || string(a.Payload) != `{"ok":true}` || !a.Begun || a.ErrorType != "" {
		t.Fatalf("%+v, %v", a, err)
	}
	if l.requests != 1 || l.body != `{"triggerSource":"x"}` || l.seen.Header.Get("X-Amz-Invocation-Type") != "RequestResponse" {
		t.Errorf("%d requests, %q, %v", l.requests, l.body, l.seen.Header)
	}
	if l.seen.URL.Path != "/2015-03-31/functions/"+arn+"/invocations" || !strings.Contains(l.seen.Header.Get("Authorization"), "/eu-west-1/lambda/aws4_request") {
		t.Errorf("%s, %s", l.seen.URL.Path, l.seen.Header.Get("Authorization"))
	}
}

func TestEnds(t *testing.T) {
	tests := []struct {
		name    string
		answer  func(http.ResponseWriter)
		code    fault.Code
		is, not []error
		want    *trigger.Answer
	}{
		{name: "thrown", answer: threw(`{"errorType":"Error","errorMessage":"not you","trace":["a"]}`), want: &trigger.Answer{ErrorType: "Error", ErrorMessage: "not you", Begun: true}},
		{name: "thrown without words", answer: threw(`{}`), want: &trigger.Answer{ErrorType: "Error", Begun: true}},
		{name: "timed out there", answer: threw(`{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 1 Error: Task timed out after 3.00 seconds"}`), is: []error{trigger.ErrTimeout}, not: []error{trigger.ErrNotBegun}},
		{name: "timed out there, older words", answer: threw(`{"errorMessage":"2026-11-21T12:00:00Z 1 Task timed out after 3.00 seconds"}`), is: []error{trigger.ErrTimeout}},
		{name: "never loaded", answer: threw(`{"errorType":"Runtime.ImportModuleError","errorMessage":"Cannot find module"}`), is: []error{trigger.ErrBroken, trigger.ErrNotBegun}},
		{name: "exit", answer: threw(`{"errorType":"Runtime.ExitError","errorMessage":"exited"}`), is: []error{trigger.ErrBroken}, not: []error{trigger.ErrNotBegun}},
		{name: "garbled", answer: threw(`no json`), is: []error{trigger.ErrBroken}},
		{name: "unknown", answer: refuse(404, "ResourceNotFoundException"), code: fault.ResourceNotFound},
		{name: "denied", answer: refuse(403, "AccessDeniedException"), code: fault.AccessDenied},
		{name: "bad key", answer: refuse(403, "UnrecognizedClientException"), code: fault.AccessDenied},
		{name: "bad signature", answer: refuse(403, "InvalidSignatureException"), code: fault.AccessDenied},
		{name: "throttled", answer: refuse(429, "TooManyRequestsException", "Retry-After", "7"), code: fault.Overloaded},
		{name: "too large", answer: refuse(413, "RequestTooLargeException"), code: fault.PayloadTooLarge},
		{name: "bad content", answer: refuse(400, "InvalidRequestContentException"), is: []error{trigger.ErrBroken, trigger.ErrNotBegun}},
		{name: "their fault", answer: refuse(500, "ServiceException"), is: []error{trigger.ErrBroken}, not: []error{trigger.ErrNotBegun}},
		{name: "a proxy's page", answer: func(w http.ResponseWriter) { w.WriteHeader(502); io.WriteString(w, "<html>") }, is: []error{trigger.ErrBroken}, not: []error{trigger.ErrNotBegun}},
	}
	for _, tt := range tests {
		l := serve(t, tt.answer)
		a, err := l.client().Invoke(t.Context(), arn, []byte(`{"code":"canary-493817"}`), time.Minute)
		if fmt.Sprint(a) != fmt.Sprint(tt.want) || (err == nil) != (tt.want != nil) {
			t.Errorf("%s: %+v, %v", tt.name, a, err)
		}
		if tt.code != "" && fault.CodeOf(err) != tt.code {
			t.Errorf("%s: %v; want %s", tt.name, err, tt.code)
		}
		for _, is := range tt.is {
			if !errors.Is(err, is) {
				t.Errorf("%s: %v is not %v", tt.name, err, is)
			}
		}
		for _, not := range tt.not {
			if errors.Is(err, not) {
				t.Errorf("%s: %v is %v", tt.name, err, not)
			}
		}
		if l.requests != 1 {
			t.Errorf("%s: %d requests: Invoke must not be repeated", tt.name, l.requests)
		}
		if strings.Contains(fmt.Sprint(err), "493817") {
			t.Errorf("%s: the payload is in the error: %v", tt.name, err)
		}
		if tt.name == "throttled" && fault.Of(err).RetryAfter != 7*time.Second {
			t.Errorf("retry after %v", fault.Of(err).RetryAfter)
		}
	}
}

func TestNoAnswer(t *testing.T) {
	hold := make(chan struct{})
	l := serve(t, func(http.ResponseWriter) { <-hold })
	_, err := l.client().Invoke(t.Context(), arn, nil, 20*time.Millisecond)
	close(hold)
	if !errors.Is(err, trigger.ErrTimeout) || errors.Is(err, trigger.ErrNotBegun) {
		t.Errorf("no answer: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.client().Invoke(ctx, arn, nil, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	l.Close()
	if _, err := l.client().Invoke(t.Context(), arn, nil, time.Minute); !errors.Is(err, trigger.ErrBroken) || !errors.Is(err, trigger.ErrNotBegun) {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestRefusedBeforehand(t *testing.T) {
	l := serve(t, func(http.ResponseWriter) {})
	for _, bad := range []string{"", "sender", "arn:aws:sns:eu-west-1:1:function:x", "arn:aws:lambda::1:function:x", "arn:aws:lambda:evil.example/:1:function:x", "arn:aws:lambda:r:1:function:x:1:2"} {
		if _, err := l.client().Invoke(t.Context(), bad, nil, time.Minute); fault.CodeOf(err) != fault.InvalidParameter {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := l.client().Invoke(t.Context(), arn, make([]byte, awslambda.MaxPayload+1), time.Minute); fault.CodeOf(err) != fault.PayloadTooLarge {
		t.Errorf("too large: %v", err)
	}
	if l.requests != 0 {
		t.Errorf("%d requests went out", l.requests)
	}
}

// A configuration loaded by the SDK brings AWS_ENDPOINT_URL_LAMBDA with it.
func TestEndpointOfTheEnvironment(t *testing.T) {
	l := serve(t, func(w http.ResponseWriter) { io.WriteString(w, `1`) })
	t.Setenv("AWS_ENDPOINT_URL_LAMBDA", l.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	c, err := config.LoadDefaultConfig(t.Context(), config.WithSharedConfigFiles([]string{}), config.WithSharedCredentialsFiles([]string{}))
	if err != nil {
		t.Fatal(err)
	}
	if a, err := awslambda.New(c).Invoke(t.Context(), arn, nil, time.Minute); err != nil || string(a.Payload) != "1" || l.requests != 1 {
		t.Errorf("%+v, %v", a, err)
	}
}
