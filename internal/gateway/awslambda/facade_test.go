package awslambda_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"countersign/internal/access"
	facade "countersign/internal/awsapi/lambda"
	"countersign/internal/awsapi/wire"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/function"
	"countersign/internal/gateway/awslambda"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/runner"
	"countersign/internal/sigv4"
	"countersign/internal/store/storetest"
	"countersign/internal/trigger"
)

// played is a runner whose answer the test sets.
type played struct {
	result *runner.Result
	err    error
}

func (p *played) Run(context.Context, *runner.Code, *runner.Call) (*runner.Result, error) {
	return p.result, p.err
}
func (p *played) Forget(string)                {}
func (p *played) Check(string) (string, error) { return "", nil }

// TestOurOwnLambda: a pool of one server calls functions of another, over our Lambda API.
func TestOurOwnLambda(t *testing.T) {
	p, keys, store := &played{}, keyringtest.New(t), storetest.SQLite(t)
	functions := function.New(function.Config{
		Events: eventlog.New(eventlog.Config{Keys: keys}), Keys: keys, Log: slog.New(slog.DiscardHandler), Runner: p, Store: store,
	})
	t.Cleanup(func() { functions.Close(context.Background()) })
	h, err := facade.New(facade.Config{
		Functions: functions, BaseURLs: []string{"http://functions.example"}, Log: slog.New(slog.DiscardHandler),
		Authorizer: &wire.Signed{
			Account: function.DefaultAccount,
			Principal: func(_ context.Context, id string) (access.Principal, error) {
				return access.Principal{ID: id, Kind: access.AWS, Grants: access.Everything()}, nil
			},
			Verifier: &sigv4.Verifier{Lookup: func(context.Context, string) (string, error) { return "secret", nil }},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	var code bytes.Buffer
	z := zip.NewWriter(&code)
	if _, err = z.Create("index.js"); err == nil {
		err = z.Close()
	}
	if err == nil {
		_, err = functions.Create(t.Context(), &function.Create{
			Region: "eu-west-1", Name: "sender", Package: code.Bytes(), Settings: function.Settings{Runtime: "nodejs20.x", Handler: "index.handler"},
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	client := func(secret string) *awslambda.Client {
		return awslambda.New(aws.Config{BaseEndpoint: aws.String(srv.URL), Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", secret, "")})
	}
	const there = "arn:aws:lambda:eu-west-1:000000000000:function:sender"
	invoke := func(c *awslambda.Client, arn string) (*trigger.Answer, error) {
		return c.Invoke(t.Context(), arn, []byte(`{"a":1}`), time.Minute)
	}

	p.result = &runner.Result{Payload: []byte(`{"b":2}`)}
	if a, err := invoke(client("secret"), there); err != nil || string(a.Payload) != `{"b":2}` {
		t.Errorf("answer: %+v, %v", a, err)
	}
	p.result = &runner.Result{Error: &runner.Error{Reason: runner.Thrown, Type: "TypeError", Message: "no", Begun: true}}
	if a, err := invoke(client("secret"), there); err != nil || a.ErrorType != "TypeError" || a.ErrorMessage != "no" {
		t.Errorf("thrown: %+v, %v", a, err)
	}
	p.result = &runner.Result{Error: &runner.Error{Reason: runner.Timeout, Type: "Sandbox.Timedout", Message: "Task timed out after 3.00 seconds", Begun: true}}
	if _, err := invoke(client("secret"), there); !errors.Is(err, trigger.ErrTimeout) {
		t.Errorf("timeout: %v", err)
	}
	p.err = runner.ErrBusy
	if _, err := invoke(client("secret"), there); fault.CodeOf(err) != fault.Overloaded {
		t.Errorf("busy: %v", err)
	}
	if _, err := invoke(client("secret"), there+"2"); fault.CodeOf(err) != fault.ResourceNotFound {
		t.Errorf("unknown: %v", err)
	}
	if _, err := invoke(client("wrong"), there); fault.CodeOf(err) != fault.AccessDenied {
		t.Errorf("wrong secret: %v", err)
	}
}
