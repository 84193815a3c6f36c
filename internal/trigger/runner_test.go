package trigger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign/internal/fault"
	"countersign/internal/trigger"
	"countersign/internal/trigger/triggertest"
)

// silent is a function that answers nothing.
type silent struct{}

func (silent) Permit(context.Context, string, trigger.Caller) error { return nil }

func (silent) Invoke(context.Context, string, trigger.Caller, []byte, time.Duration) (*trigger.Answer, error) {
	return &trigger.Answer{Payload: []byte("null"), Begun: true}, nil
}

func run(t *testing.T, d *triggertest.Double, n trigger.Name) (json.RawMessage, error) {
	t.Helper()
	return d.Runner().Run(t.Context(), poolID, d.Config(n), n, trigger.Event{
		TriggerSource: string(n) + "_Test", UserName: "alice", CallerContext: trigger.NewCaller("", "1example23456789"),
		Request: trigger.Attributes{UserAttributes: map[string]string{"sub": "s"}},
	})
}

// How Cognito words what can go wrong (cognito.md 5.4), and how often it tries.
func TestRunnerFailures(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		answer any
		calls  int
		code   fault.Code
		public string
	}{
		"throws":     {err: triggertest.Thrown("Domain not\nallowed"), calls: 1, code: fault.TriggerRefused, public: "PreSignUp failed with error Domain not allowed."},
		"long words": {err: triggertest.Thrown(strings.Repeat("ü", 9000)), calls: 1, code: fault.TriggerRefused, public: "PreSignUp failed with error " + strings.Repeat("ü", 512) + "."},
		"times out":  {err: fmt.Errorf("%w", trigger.ErrTimeout), calls: 3, code: fault.TriggerFailed, public: "PreSignUp invocation failed due to error Socket timeout while invoking Lambda function."},
		"breaks":     {err: fmt.Errorf("%w", trigger.ErrBroken), calls: 3, code: fault.TriggerFailed, public: "PreSignUp invocation failed due to error ServiceException."},
		"busy":       {err: fault.New(fault.Overloaded), calls: 3, code: fault.TriggerFailed, public: "PreSignUp invocation failed due to error TooManyRequestsException."},
		"denied":     {err: fault.New(fault.AccessDenied).WithHint("mend it"), calls: 1, code: fault.TriggerFailed, public: "PreSignUp invocation failed due to error AccessDeniedException."},
		"gone":       {err: fault.New(fault.ResourceNotFound), calls: 1, code: fault.TriggerFailed, public: "PreSignUp invocation failed due to error ResourceNotFoundException."},
		"null":       {calls: 1, code: fault.TriggerAnswerInvalid},
		"a word":     {answer: "yes", calls: 1, code: fault.TriggerAnswerInvalid},
		"a list":     {answer: []int{1}, calls: 1, code: fault.TriggerAnswerInvalid},
		"empty":      {answer: map[string]any{}, calls: 1, code: fault.TriggerAnswerInvalid},
		"no object":  {answer: map[string]any{"response": 7}, calls: 1, code: fault.TriggerAnswerInvalid},
		"large":      {answer: map[string]any{"response": map[string]any{"x": strings.Repeat("x", 1<<20)}}, calls: 1, code: fault.TriggerAnswerInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			d := triggertest.New(t)
			d.On(trigger.PreSignUp, func(triggertest.Event) (any, error) { return c.answer, c.err })
			_, err := run(t, d, trigger.PreSignUp)
			e := fault.Of(err)
			if e == nil || e.Code != c.code || e.Public != c.public || e.Field != "PreSignUp" || len(d.Events("")) != c.calls {
				t.Errorf("%d calls: %v", len(d.Events("")), err)
			}
			if name == "denied" && e.Hint != "mend it" {
				t.Errorf("hint %q", e.Hint)
			}
		})
	}
}

// A try that succeeds after two that broke is a success.
func TestRunnerTriesAgain(t *testing.T) {
	d := triggertest.New(t)
	n := 0
	d.On(trigger.PreSignUp, func(e triggertest.Event) (any, error) {
		if n++; n < 3 {
			return nil, trigger.ErrBroken
		}
		return e.Answer("autoConfirmUser", true), nil
	})
	raw, err := run(t, d, trigger.PreSignUp)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := trigger.Decode[trigger.PreSignUpAnswer](trigger.PreSignUp, raw); err != nil || !a.AutoConfirmUser || a.AutoVerifyEmail {
		t.Errorf("%+v, %v", a, err)
	}
	want := triggertest.Event{
		"version": "1", "triggerSource": "PreSignUp_Test", "region": "us-east-1", "userPoolId": poolID, "userName": "alice",
		"callerContext": map[string]any{"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "1example23456789"},
		"request":       map[string]any{"userAttributes": map[string]any{"sub": "s"}},
		"response":      map[string]any{"autoConfirmUser": false, "autoVerifyEmail": false, "autoVerifyPhone": false},
	}
	if diff := cmp.Diff(want, d.Events("")[0]); diff != "" {
		t.Error(diff)
	}
}

// Where nothing is read, anything may be answered; elsewhere the event or an object of its response.
func TestRunnerAnswers(t *testing.T) {
	for _, n := range trigger.Names() {
		for _, answer := range []any{nil, "x", map[string]any{}} {
			d := triggertest.New(t)
			d.On(n, func(triggertest.Event) (any, error) { return answer, nil })
			_, err := run(t, d, n)
			unread := n == trigger.PostConfirmation || n == trigger.PreAuthentication || n == trigger.PostAuthentication ||
				n == trigger.CustomSMSSender || n == trigger.CustomEmailSender
			if unread != (err == nil) {
				t.Errorf("%s answering %v: %v", n, answer, err)
			}
		}
		d := triggertest.New(t)
		d.On(n, func(e triggertest.Event) (any, error) { return map[string]any{"response": e["response"]}, nil })
		if n != trigger.CustomSMSSender && n != trigger.CustomEmailSender {
			if _, err := run(t, d, n); err != nil {
				t.Errorf("%s answering its response alone: %v", n, err)
			}
		}
	}
	if _, err := trigger.Decode[trigger.PreSignUpAnswer](trigger.PreSignUp, json.RawMessage(`{"autoConfirmUser":"yes"}`)); fault.CodeOf(err) != fault.TriggerAnswerInvalid {
		t.Errorf("a word for a boolean: %v", err)
	}
	if a, err := trigger.Decode[trigger.PreSignUpAnswer](trigger.PreSignUp, json.RawMessage(`{"autoConfirmUser":null}`)); err != nil || a.AutoConfirmUser {
		t.Errorf("null: %v", err)
	}
}

func TestDecodeToken(t *testing.T) {
	v1 := json.RawMessage(`{"claimsOverrideDetails":{"claimsToAddOrOverride":{"a":"1"},"claimsToSuppress":["b"],"groupOverrideDetails":{"groupsToOverride":["g"]}}}`)
	a, err := trigger.DecodeToken("", v1)
	if err != nil || a.ID.AddOrOverride["a"] != "1" || a.ID.Suppress[0] != "b" || a.Groups.GroupsToOverride[0] != "g" || a.Access.AddOrOverride != nil {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := trigger.DecodeToken(trigger.TokenV1, json.RawMessage(`{"claimsOverrideDetails":{"claimsToAddOrOverride":{"a":1}}}`)); fault.CodeOf(err) != fault.TriggerAnswerInvalid {
		t.Errorf("a number in V1_0: %v", err)
	}
	v2 := json.RawMessage(`{"claimsAndScopeOverrideDetails":{"idTokenGeneration":null,"accessTokenGeneration":{"claimsToAddOrOverride":{"n":[1,{"x":true}]},"scopesToAdd":["s"]}}}`)
	if a, err = trigger.DecodeToken(trigger.TokenV2, v2); err != nil || len(a.Access.AddOrOverride["n"].([]any)) != 2 || a.Access.ScopesToAdd[0] != "s" || a.Groups != nil {
		t.Errorf("%+v, %v", a, err)
	}
	for _, none := range []string{`{}`, `{"claimsOverrideDetails":null}`} {
		if a, err = trigger.DecodeToken("", json.RawMessage(none)); err != nil || len(a.ID.AddOrOverride) != 0 {
			t.Errorf("%s: %+v, %v", none, a, err)
		}
	}
}

func TestCallerContext(t *testing.T) {
	for agent, want := range map[string]string{
		"": "aws-sdk-unknown-unknown", "curl/8": "aws-sdk-unknown-unknown", "aws-sdk-go-v2": "aws-sdk-go-v2",
		"aws-sdk-js/3.600.0 ua/2.0 os/linux": "aws-sdk-js-3.600.0", "x aws-sdk-go-v2/1.33.14 y": "aws-sdk-go-v2-1.33.14", "aws-sdk-<b>": "aws-sdk-unknown-unknown",
		"aws-sdk-" + strings.Repeat("x", 99): "aws-sdk-unknown-unknown",
	} {
		if got := trigger.NewCaller(agent, ""); got.AWSSDKVersion != want || got.ClientID != trigger.NoClient {
			t.Errorf("%q: %+v", agent, got)
		}
	}
}

// What is missing is asked before a message is made, in Cognito's words.
func TestReady(t *testing.T) {
	d := triggertest.New(t)
	cfg := d.Config(trigger.CustomSMSSender)
	r := d.Runner()
	check := func(want string) {
		t.Helper()
		err := r.Ready(t.Context(), poolID, cfg, trigger.CustomSMSSender)
		if want == "" && err == nil {
			return
		}
		if e := fault.Of(err); e == nil || e.Code != fault.TriggerFailed || e.Public != "CustomSMSSender invocation failed due to error "+want+"." || e.Hint == "" {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	check("ResourceNotFoundException")
	d.On(trigger.CustomSMSSender, func(triggertest.Event) (any, error) { return nil, nil })
	check("")
	for code, want := range map[fault.Code]string{
		fault.KeyDisabled: "KMSDisabledException", fault.KeyStateInvalid: "KMSInvalidStateException", fault.KeyUsageWrong: "InvalidKeyUsageException",
		fault.AccessDenied: "KMSAccessDeniedException", fault.ResourceNotFound: "KMSNotFoundException",
	} {
		d.Unusable(fault.New(code).WithHint("x"))
		check(want)
	}
	d.Deny(fault.New(fault.AccessDenied).WithHint("x"))
	check("AccessDeniedException")
	d.Deny(errors.New("the database is away"))
	if err := r.Ready(t.Context(), poolID, cfg, trigger.CustomSMSSender); fault.CodeOf(err) != fault.TriggerFailed {
		t.Error(err)
	}
}

func FuzzResponse(f *testing.F) {
	f.Add([]byte(`{"response":{"claimsOverrideDetails":{"claimsToAddOrOverride":{"a":"b"}}}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		r := &trigger.Runner{Functions: answers(payload), Keys: nil}
		cfg := &trigger.Config{Functions: map[trigger.Name]string{trigger.PreTokenGeneration: "arn"}}
		raw, err := r.Run(t.Context(), poolID, cfg, trigger.PreTokenGeneration, trigger.Event{})
		if err == nil {
			_, err = trigger.DecodeToken(trigger.TokenV2, raw)
		}
		if err != nil && fault.CodeOf(err) != fault.TriggerAnswerInvalid {
			t.Fatal(err)
		}
	})
}

// answers is a function with one answer.
type answers []byte

func (answers) Permit(context.Context, string, trigger.Caller) error { return nil }

func (a answers) Invoke(context.Context, string, trigger.Caller, []byte, time.Duration) (*trigger.Answer, error) {
	return &trigger.Answer{Payload: a, Begun: true}, nil
}
