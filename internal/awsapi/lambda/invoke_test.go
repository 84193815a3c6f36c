package lambda

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"countersign/internal/runner"
)

func TestInvoke(t *testing.T) {
	h := start(t)
	h.create("f", func(in *sdk.CreateFunctionInput) { in.Publish = true })
	h.runner.answer(func(_ *runner.Code, c *runner.Call) (*runner.Result, error) {
		return &runner.Result{Payload: []byte(`{"ok":true}`), Log: []byte("hello")}, nil
	})
	c := h.client("OWNER")
	out, err := c.Invoke(t.Context(), &sdk.InvokeInput{
		FunctionName: aws.String("f"), Qualifier: aws.String("1"), Payload: []byte(`{"a":1}`), LogType: types.LogTypeTail,
		ClientContext: aws.String(base64.StdEncoding.EncodeToString([]byte("{\n\"custom\": {\"k\": \"v\"}}"))),
	})
	check(t, err)
	equal(t, "status", out.StatusCode, 200)
	equal(t, "payload", string(out.Payload), `{"ok":true}`)
	equal(t, "version", *out.ExecutedVersion, "1")
	if out.FunctionError != nil {
		t.Errorf("function error %s", *out.FunctionError)
	}
	call := h.runner.last(t)
	equal(t, "event", string(call.Payload), `{"a":1}`)
	equal(t, "client context", call.ClientContext, `{"custom":{"k":"v"}}`)
	log, err := base64.StdEncoding.DecodeString(*out.LogResult)
	check(t, err)
	equal(t, "log", string(log), "hello")

	_, err = c.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("f")})
	check(t, err)
	equal(t, "no payload", string(h.runner.last(t).Payload), "{}")
}

func TestFunctionErrors(t *testing.T) {
	h := start(t)
	h.create("f")
	h.runner.answer(func(*runner.Code, *runner.Call) (*runner.Result, error) {
		return &runner.Result{Log: append([]byte("start"), bytes.Repeat([]byte("x"), maxTail)...), Error: &runner.Error{Reason: runner.Thrown, Type: "Error", Message: "no luck", Trace: []string{"at x"}, Begun: true}}, nil
	})
	in := &sdk.InvokeInput{FunctionName: aws.String("f"), LogType: types.LogTypeTail}
	out, err := h.client("OWNER").Invoke(t.Context(), in)
	check(t, err)
	equal(t, "status", out.StatusCode, 200)
	equal(t, "error", aws.ToString(out.FunctionError), "Unhandled")
	equal(t, "payload", string(out.Payload), `{"errorType":"Error","errorMessage":"no luck","trace":["at x"]}`)
	equal(t, "the end of the log", *out.LogResult, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x"), maxTail)))

	h.runner.answer(func(*runner.Code, *runner.Call) (*runner.Result, error) { return nil, runner.ErrBusy })
	_, err = h.client("OWNER").Invoke(t.Context(), in)
	refused[*types.TooManyRequestsException](t, err, "")
	if e, ok := errors.AsType[*types.TooManyRequestsException](err); ok {
		equal(t, "reason", e.Reason, types.ThrottleReasonConcurrentInvocationLimitExceeded)
		equal(t, "retry after", aws.ToString(e.RetryAfterSeconds), "1")
	}
}

func TestEventAndDryRun(t *testing.T) {
	h := start(t)
	h.create("f")
	h.runner.ran = make(chan struct{}, 1)
	c := h.client("OWNER")
	out, err := c.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("f"), InvocationType: types.InvocationTypeDryRun})
	check(t, err)
	equal(t, "dry run", out.StatusCode, 204)
	equal(t, "calls", len(h.runner.calls), 0)
	out, err = c.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("f"), InvocationType: types.InvocationTypeEvent, Payload: []byte(`[1]`)})
	check(t, err)
	equal(t, "event", out.StatusCode, 202)
	equal(t, "answer", len(out.Payload), 0)
	<-h.runner.ran
	equal(t, "event", string(h.runner.last(t).Payload), `[1]`)
	_, err = c.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("none"), InvocationType: types.InvocationTypeDryRun})
	refused[*types.ResourceNotFoundException](t, err, "none")
}

func TestInvokeRefuses(t *testing.T) {
	h := start(t)
	h.create("f")
	c := h.client("OWNER")
	large := append(append([]byte{'"'}, bytes.Repeat([]byte("x"), maxInvoke)...), '"')
	f := aws.String("f")
	_, err := c.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: f, Payload: []byte("{")})
	refused[*types.InvalidRequestContentException](t, err, "Could not parse request body into json")
	_, err = c.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: f, Payload: large})
	refused[*types.RequestTooLargeException](t, err, "Request must be smaller than 6291456 bytes for the InvokeFunction operation")
	_, err = c.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: f, Payload: large[len(large)-maxEvent-1-1:], InvocationType: types.InvocationTypeEvent})
	refused[*types.InvalidRequestContentException](t, err, "")
	_, err = c.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: f, Payload: append([]byte{'"'}, large[len(large)-maxEvent-1:]...), InvocationType: types.InvocationTypeEvent})
	refused[*types.RequestTooLargeException](t, err, "1048576")
	for _, text := range []string{"***", "Ww==", base64.StdEncoding.EncodeToString([]byte("{\"a\":\"" + strings.Repeat("x", maxClientContext) + "\"}"))} {
		_, err = c.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: f, ClientContext: &text})
		refused[*types.InvalidRequestContentException](t, err, "Client context")
	}
	_, err = c.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: f, DurableExecutionName: aws.String("d")})
	refused[*types.InvalidParameterValueException](t, err, "DurableExecutionName")
	_, err = c.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("f:live"), Qualifier: aws.String("1")})
	refused[*types.InvalidParameterValueException](t, err, "derived qualifier")
	equal(t, "calls", len(h.runner.calls), 0)
	h.runner.answer(func(*runner.Code, *runner.Call) (*runner.Result, error) { panic("broken") })
	_, err = c.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: f})
	refused[*types.ServiceException](t, err, "internal error")
	if !strings.Contains(h.log.String(), "broken") {
		t.Error("the panic is not in the log")
	}
}

// deadlines is a ResponseWriter that remembers the last read deadline.
type deadlines struct {
	*httptest.ResponseRecorder
	last []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error { d.last = append(d.last, t); return nil }

// A server cancels a request whose read deadline passes: the time to send a body must not bound the function.
func TestTheDeadlineOfTheBodyDoesNotBoundTheFunction(t *testing.T) {
	h := start(t)
	d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	r := httptest.NewRequest("POST", "/2015-03-31/functions/f/invocations", strings.NewReader("{}"))
	c := &call{}
	release, err := h.handler.readBody(d, r, c, &operation{})
	check(t, err)
	release()
	if n := len(d.last); n == 0 || !d.last[n-1].IsZero() {
		t.Errorf("deadlines %v", d.last)
	}
}

// Of the bodies with packages few are at work at once.
func TestUploadsAreBounded(t *testing.T) {
	h := start(t, func(c *Config) { c.Uploads = 1 })
	body := func() *http.Request {
		return httptest.NewRequest("POST", "/", bytes.NewReader(make([]byte, defaultBody+1)))
	}
	o := &operation{maxBody: maxUpload, zipPath: []string{"ZipFile"}}
	release, err := h.handler.readBody(httptest.NewRecorder(), body(), &call{}, o)
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.handler.readBody(httptest.NewRecorder(), body().WithContext(ctx), &call{}, o); err == nil {
		t.Error("a second upload began")
	}
	release()
	release, err = h.handler.readBody(httptest.NewRecorder(), body(), &call{}, o)
	check(t, err)
	release()
	claim := httptest.NewRequest("POST", "/", nil)
	claim.ContentLength = maxUpload + 1
	_, err = h.handler.readBody(httptest.NewRecorder(), claim, &call{}, o)
	if e, ok := errors.AsType[*protocolError](err); !ok || e.name != bodyTooLarge {
		t.Errorf("a body beyond the bound: %v", err)
	}
}
