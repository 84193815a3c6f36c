package trigger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign/envelope"
	"countersign/internal/fault"
	"countersign/internal/trigger"
	"countersign/internal/trigger/triggertest"
	"countersign/provider"
)

const (
	poolID = "us-east-1_AbCdEf123"
	code   = "918273"
)

func senderFor(d *triggertest.Double, change ...func(*trigger.Config)) *trigger.Sender {
	cfg := d.Config(trigger.CustomSMSSender)
	for _, f := range change {
		f(cfg)
	}
	return &trigger.Sender{Runner: d.Runner(), PoolID: poolID, Config: cfg, Name: trigger.CustomSMSSender}
}

func message(source string) provider.Message {
	return provider.Message{ID: "m", To: "+15555550100", Code: code, PoolID: poolID, TriggerSource: source}
}

// object is a JSON value.
func object(t *testing.T, raw []byte) (out map[string]any) {
	t.Helper()
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// Each sample event comes out as it is, but for the code, which is a message that the key opens.
func TestSenderEvents(t *testing.T) {
	samples, err := filepath.Glob("testdata/custom-sms-sender-*.json")
	if err != nil || len(samples) != 9 {
		t.Fatalf("%d samples, %v", len(samples), err)
	}
	for _, path := range samples {
		t.Run(filepath.Base(path), func(t *testing.T) {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want := object(t, raw)
			d := triggertest.New(t)
			d.On(trigger.CustomSMSSender, func(triggertest.Event) (any, error) { return nil, nil })
			stored := object(t, raw)
			stored["request"].(map[string]any)["code"] = nil
			event, err := json.Marshal(stored)
			if err != nil {
				t.Fatal(err)
			}
			m := message(want["triggerSource"].(string))
			takeOver := strings.HasSuffix(m.TriggerSource, "AccountTakeOverNotification")
			if takeOver {
				m.Code = ""
			}
			if _, name, err := senderFor(d).SendEvent(t.Context(), m, event); err != nil || name != "lambda:CustomSMSSender" {
				t.Fatalf("%s: %v", name, err)
			}
			got := d.Events("")[0]
			if !takeOver {
				if plain, _ := d.Open(got); plain != code {
					t.Errorf("the code is %q", plain)
				}
				got.Request()["code"] = want["request"].(map[string]any)["code"]
			}
			if diff := cmp.Diff(want, map[string]any(got)); diff != "" {
				t.Error(diff)
			}
			if _, ok := got["response"]; ok {
				t.Error("a sender's event has no response")
			}
		})
	}
}

func TestSenderSealsAsConfigured(t *testing.T) {
	for _, suite := range []uint16{0, 0x0378, 0x0478, 0x0578} {
		d := triggertest.New(t)
		d.On(trigger.CustomSMSSender, func(triggertest.Event) (any, error) { return nil, nil })
		s := senderFor(d, func(c *trigger.Config) { c.Suite = suite })
		m := message("CustomSMSSender_AdminCreateUser")
		m.Code = `a<b>"c'&1`
		if _, _, err := s.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		e := d.Events("CustomSMSSender_AdminCreateUser")[0]
		plain, h := d.Open(e)
		if plain != "a&lt;b&gt;&quot;c&#39;&amp;1" {
			t.Errorf("the password came as %q", plain)
		}
		if want := envelope.Suite(suite); h.Suite != want && (suite != 0 || h.Suite != envelope.AESSigned) {
			t.Errorf("suite %s, want %s", h.Suite, want)
		}
		if got := h.Context.Without(); len(got) != 1 || got["userpool-id"] != poolID {
			t.Errorf("context %v", h.Context)
		}
		if got := e.Request()["userAttributes"]; !cmp.Equal(got, map[string]any{"phone_number": "+15555550100"}) {
			t.Errorf("without an event: %v", got)
		}
		if c := d.Callers()[0]; c != (trigger.Caller{Service: trigger.Service, SourceARN: "arn:aws:cognito-idp:us-east-1:000000000000:userpool/" + poolID, SourceAccount: "000000000000", Secret: m.Code}) {
			t.Errorf("called for %+v", c)
		}
	}
}

// One event, one invocation: only what had certainly not begun may be repeated.
func TestSenderOutcomes(t *testing.T) {
	busy := fault.New(fault.Overloaded)
	for name, c := range map[string]struct {
		err     error
		denied  error
		key     error
		retries int
		class   provider.Class
		calls   int
		text    string
	}{
		"answers":       {calls: 1},
		"throws":        {err: triggertest.Thrown("no credit"), class: provider.ClassPermanent, calls: 1, text: "no credit"},
		"throws, retry": {err: triggertest.Thrown("no credit"), retries: 2, class: provider.ClassPermanent, calls: 3},
		"times out":     {err: fmt.Errorf("%w: 3 s", trigger.ErrTimeout), class: provider.ClassPermanent, calls: 1},
		"breaks":        {err: fmt.Errorf("%w: exit 1", trigger.ErrBroken), class: provider.ClassPermanent, calls: 1},
		"cold start":    {err: fmt.Errorf("%w: %w", trigger.ErrBroken, trigger.ErrNotBegun), retries: 2, class: provider.ClassRetryable, calls: 1},
		"busy":          {err: busy, class: provider.ClassRetryable, calls: 1},
		"denied":        {denied: fault.New(fault.AccessDenied).WithHint("aws lambda add-permission"), class: provider.ClassMisconfigured, text: "add-permission"},
		"gone":          {denied: fault.New(fault.ResourceNotFound).WithHint("aws lambda create-function"), class: provider.ClassMisconfigured, text: "create-function"},
		"key disabled":  {key: fault.New(fault.KeyDisabled).WithHint("aws kms enable-key"), class: provider.ClassMisconfigured, text: "KMSDisabledException: aws kms enable-key"},
	} {
		t.Run(name, func(t *testing.T) {
			d := triggertest.New(t)
			d.On(trigger.CustomSMSSender, func(triggertest.Event) (any, error) { return nil, c.err })
			d.Deny(c.denied)
			d.Unusable(c.key)
			s := senderFor(d, func(cfg *trigger.Config) { cfg.SenderRetries = c.retries })
			_, _, err := s.Send(t.Context(), message("CustomSMSSender_SignUp"))
			if n := len(d.Events("")); n != c.calls {
				t.Errorf("%d calls, want %d", n, c.calls)
			}
			if c.class == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			class, _ := provider.ClassOf(err)
			if class != c.class || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), code) {
				t.Errorf("%s: %v", class, err)
			}
			if begun := class == provider.ClassPermanent; begun != errors.Is(err, provider.ErrAmbiguous) {
				t.Errorf("ambiguous: %v", err)
			}
		})
	}
}

// A message whose time is up is not given to the function.
func TestSenderWithoutTime(t *testing.T) {
	d := triggertest.New(t)
	d.On(trigger.CustomSMSSender, func(triggertest.Event) (any, error) { return nil, nil })
	ctx, cancel := context.WithTimeout(t.Context(), 1)
	defer cancel()
	_, _, err := senderFor(d).Send(ctx, message("CustomSMSSender_SignUp"))
	if class, _ := provider.ClassOf(err); class != provider.ClassRetryable || len(d.Events("")) != 0 {
		t.Errorf("%v after %d calls", err, len(d.Events("")))
	}
}

func BenchmarkSender(b *testing.B) {
	d := triggertest.New(b)
	s := senderFor(d)
	s.Runner = &trigger.Runner{Functions: silent{}, Keys: d}
	raw, err := os.ReadFile("testdata/custom-sms-sender-resend-code.json")
	if err != nil {
		b.Fatal(err)
	}
	m := message("CustomSMSSender_ResendCode")
	for b.Loop() {
		if _, _, err := s.SendEvent(b.Context(), m, raw); err != nil {
			b.Fatal(err)
		}
	}
}

// What had begun once is not called by a later attempt, however its retries end; a function that is busy is waited for.
func TestSenderRetriesEnd(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers []error
		took    time.Duration
		class   provider.Class
		calls   int
	}{
		{"no time for a retry", []error{trigger.ErrTimeout}, 24900 * time.Millisecond, provider.ClassPermanent, 1},
		{"the retry had not begun", []error{triggertest.Thrown("x"), fmt.Errorf("%w: %w", trigger.ErrBroken, trigger.ErrNotBegun)}, time.Second, provider.ClassPermanent, 2},
		{"busy at the retry", []error{triggertest.Thrown("x"), fault.New(fault.Overloaded), fault.New(fault.AccessDenied)}, time.Second, provider.ClassPermanent, 3},
		{"busy for a while", []error{fault.New(fault.Overloaded), fault.New(fault.Overloaded), fault.New(fault.Overloaded), nil}, 0, "", 4},
		{"not begun", []error{fmt.Errorf("%w: %w", trigger.ErrBroken, trigger.ErrNotBegun)}, time.Second, provider.ClassRetryable, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, n := triggertest.New(t), 0
				d.On(trigger.CustomSMSSender, func(triggertest.Event) (any, error) {
					time.Sleep(c.took)
					n++
					return nil, c.answers[min(n, len(c.answers))-1]
				})
				ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
				defer cancel()
				_, _, err := senderFor(d, func(c *trigger.Config) { c.SenderRetries = 2 }).SendEvent(ctx, message("CustomSMSSender_SignUp"), nil)
				class := provider.Class("")
				if err != nil {
					class, _ = provider.ClassOf(err)
				}
				if class != c.class || n != c.calls {
					t.Errorf("%v (%s) after %d calls", err, class, n)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		d := triggertest.New(t)
		d.On(trigger.CustomSMSSender, func(triggertest.Event) (any, error) { return nil, fault.New(fault.Overloaded) })
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		_, _, err := senderFor(d).SendEvent(ctx, message("CustomSMSSender_SignUp"), nil)
		if class, _ := provider.ClassOf(err); class != provider.ClassRetryable || ctx.Err() != nil || len(d.Events("")) > 40 {
			t.Errorf("always busy: %v after %d calls", err, len(d.Events("")))
		}
	})
}
