package function_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/function"
	"countersign/internal/runner"
	"countersign/internal/secret"
	"countersign/internal/trigger"
)

func TestCall(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		e.create(t, func(c *function.Create) { c.Publish = true; c.Settings.TimeoutSeconds = 7; c.Settings.MemoryMB = 256 })
		e.fake.run = func(_ context.Context, c *runner.Code, call *runner.Call) (*runner.Result, error) {
			return &runner.Result{Payload: call.Payload, Init: time.Millisecond, Duration: 2 * time.Millisecond, MaxMemoryMB: 40, Log: []byte("hello")}, nil
		}
		r, err := e.Call(ctx, fn("1"), &function.Call{Payload: []byte(`{"a":1}`), ClientContext: "{}"})
		must(t, err)
		if string(r.Result.Payload) != `{"a":1}` || r.Version != "1" || len(r.RequestID) != 36 {
			t.Errorf("%+v", r)
		}
		code := e.fake.last()
		if code.Timeout != 7*time.Second || code.MemoryMB != 256 || code.ARN != arn+":1" || code.Version != "1" || code.Name != "sender" || code.Handler != "index.handler" {
			t.Errorf("code %+v", code)
		}
		if code.Env["API_KEY"] != canary || code.Env["AWS_REGION"] != region || !strings.HasPrefix(code.Env["AWS_ACCESS_KEY_ID"], "CSFN") || len(code.Env["AWS_SECRET_ACCESS_KEY"]) != 40 {
			t.Errorf("environment %v", slices.Collect(maps.Keys(code.Env)))
		}
		p, err := code.Open(ctx)
		must(t, err)
		must(t, p.Close())
		if got := e.observed(); len(got) != 1 || !got[0].Cold || got[0].Outcome != "ok" || got[0].Mode != function.Request || got[0].MemoryMB != 40 {
			t.Errorf("observed %+v", got)
		}
		if logs, err := e.Logs(ctx, fn()); err != nil || len(logs) != 1 || logs[0].Text != "hello" || logs[0].Version != "1" {
			t.Errorf("logs %+v, %v", logs, err)
		}
		if logs, _ := e.Logs(ctx, fn("$LATEST")); len(logs) != 0 {
			t.Errorf("logs of another version: %+v", logs)
		}
		if n := len(e.eventsOf(t, "", eventlog.FunctionRan)); n != 0 {
			t.Errorf("%d events for an answered request", n)
		}
		for _, tt := range []struct {
			call *function.Call
			want fault.Code
		}{
			{&function.Call{Payload: []byte("{")}, fault.InvalidParameter},
			{&function.Call{Payload: []byte(`"` + strings.Repeat("x", 6<<20) + `"`)}, fault.PayloadTooLarge},
			{&function.Call{ClientContext: strings.Repeat("x", 4000)}, fault.InvalidParameter},
		} {
			_, err := e.Call(ctx, fn(), tt.call)
			want(t, err, tt.want)
		}
		_, err = e.Call(ctx, fn("nope"), &function.Call{})
		want(t, err, fault.ResourceNotFound)
	})
}

func TestWhatTriggersAreTold(t *testing.T) {
	thrown := func(r runner.Reason, begun bool) *runner.Result {
		return &runner.Result{Error: &runner.Error{Reason: r, Type: "T", Message: "the words", Begun: begun}}
	}
	tests := []struct {
		name    string
		result  *runner.Result
		err     error
		answer  *trigger.Answer
		is      []error
		not     []error
		code    fault.Code
		outcome string
	}{
		{name: "answer", result: &runner.Result{Payload: []byte(`{"x":1}`)}, answer: &trigger.Answer{Payload: []byte(`{"x":1}`), Begun: true}, outcome: "ok"},
		{name: "thrown", result: thrown(runner.Thrown, true), answer: &trigger.Answer{ErrorType: "T", ErrorMessage: "the words", Begun: true}, outcome: "thrown"},
		{name: "timeout", result: thrown(runner.Timeout, true), is: []error{trigger.ErrTimeout}, not: []error{trigger.ErrNotBegun, trigger.ErrBroken}, outcome: "timeout"},
		{name: "init", result: thrown(runner.Init, false), is: []error{trigger.ErrBroken, trigger.ErrNotBegun}, outcome: "init"},
		{name: "exit", result: thrown(runner.Exit, true), is: []error{trigger.ErrBroken}, not: []error{trigger.ErrNotBegun}, outcome: "exit"},
		{name: "memory", result: thrown(runner.Memory, true), is: []error{trigger.ErrBroken}, outcome: "memory"},
		{name: "output", result: thrown(runner.Output, true), is: []error{trigger.ErrBroken}, outcome: "output"},
		{name: "busy", err: runner.ErrBusy, code: fault.Overloaded, outcome: "busy"},
		{name: "unavailable", err: fmt.Errorf("%w: no node", runner.ErrUnavailable), is: []error{trigger.ErrBroken, trigger.ErrNotBegun}, outcome: "unavailable"},
		{name: "no worker in time", err: context.DeadlineExceeded, is: []error{trigger.ErrTimeout, trigger.ErrNotBegun}, outcome: "cancelled"},
	}
	each(t, func(t *testing.T, e *env) {
		e.create(t)
		_, err := e.AddPermission(t.Context(), fn(), permission("s"))
		must(t, err)
		for _, tt := range tests {
			var deadline time.Time
			e.fake.run = func(ctx context.Context, _ *runner.Code, c *runner.Call) (*runner.Result, error) {
				deadline = c.Deadline
				return tt.result, tt.err
			}
			a, err := e.Service.Invoke(t.Context(), arn, caller(poolA), []byte(`{}`), 5*time.Second)
			if fmt.Sprint(a) != fmt.Sprint(tt.answer) {
				t.Errorf("%s: answer %+v", tt.name, a)
			}
			if (err == nil) != (tt.answer != nil) || tt.code != "" && fault.CodeOf(err) != tt.code {
				t.Errorf("%s: %v", tt.name, err)
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
			if err != nil && strings.Contains(err.Error(), "the words") {
				t.Errorf("%s: the function's words are in the error: %v", tt.name, err)
			}
			if left := time.Until(deadline); left <= 0 || left > 5*time.Second {
				t.Errorf("%s: deadline in %v", tt.name, left)
			}
			if seen := e.observed(); seen[len(seen)-1].Outcome != tt.outcome || seen[len(seen)-1].Mode != function.Trigger {
				t.Errorf("%s: observed %+v", tt.name, seen[len(seen)-1])
			}
		}
		if n := len(e.eventsOf(t, poolA, eventlog.FunctionFailed)); n != len(tests)-1 {
			t.Errorf("%d events of failures, want %d", n, len(tests)-1)
		}
	})
}

// TestCanary: neither the environment nor what looks like a code or a number is in rows, events, errors or kept logs.
func TestCanary(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		e.create(t, func(c *function.Create) { c.Publish = true })
		_, err := e.AddPermission(ctx, fn(), permission("s"))
		must(t, err)
		words := "refused key " + canary + " for +12025550123 with code 493817"
		e.fake.run = func(_ context.Context, c *runner.Code, _ *runner.Call) (*runner.Result, error) {
			return &runner.Result{Log: []byte(words + c.Env["AWS_SECRET_ACCESS_KEY"]), Error: &runner.Error{Reason: runner.Thrown, Type: "Error", Message: words, Begun: true}}, nil
		}
		_, err = e.Service.Invoke(ctx, arn, caller(poolA), []byte(`{}`), time.Second)
		must(t, err)
		e.fake.run = func(context.Context, *runner.Code, *runner.Call) (*runner.Result, error) {
			return &runner.Result{Error: &runner.Error{Reason: runner.Exit, Message: words}}, nil
		}
		_, failed := e.Service.Invoke(ctx, arn, caller(poolA), []byte(`{}`), time.Second)
		_, secretKey, err := e.Credentials(ctx, arn)
		must(t, err)
		forbidden := []string{canary, secretKey, "12025550123", "493817"}
		check := func(where, text string) {
			t.Helper()
			for _, f := range forbidden {
				if strings.Contains(text, f) {
					t.Errorf("%s holds %q: %s", where, f, text)
				}
			}
		}
		check("the error", fmt.Sprint(failed))
		logs, err := e.Logs(ctx, fn())
		must(t, err)
		check("the log", fmt.Sprintf("%+v", logs))
		if !strings.Contains(logs[0].Text, "refused key") {
			t.Errorf("the log is empty: %+v", logs)
		}
		for _, ev := range append(e.eventsOf(t, poolA, ""), e.eventsOf(t, "", "")...) {
			check("an event", string(ev.Data)+string(ev.Sealed))
			personal, err := e.events.Open(ctx, ev, secret.Key{})
			must(t, err)
			check("a personal part", fmt.Sprint(personal))
			if ev.Type == string(eventlog.FunctionFailed) && !strings.Contains(fmt.Sprint(personal), "refused key") {
				t.Errorf("nothing is left of the function's words: %v", personal)
			}
			if strings.Contains(string(ev.Data), "refused key") {
				t.Errorf("the function's words are in clear: %s", ev.Data)
			}
		}
		rows, err := e.List(ctx, region, "", 10)
		must(t, err)
		versions, err := e.ListVersions(ctx, fn(), 0, 10)
		must(t, err)
		b, err := json.Marshal([]any{rows, versions})
		must(t, err)
		check("a description", string(b))
		check("the server's log", e.log.String())
		_, err = e.UpdateSettings(ctx, fn(), &function.SettingsUpdate{Env: &map[string]string{"AWS_REGION": canary, "bad name": canary}})
		check("a refusal", fmt.Sprint(err)+fault.Of(err).Public)
	})
}

func TestReservedConcurrency(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		e.create(t)
		one, zero := 1, 0
		must(t, e.SetReserved(ctx, fn(), &one))
		inside, leave := make(chan struct{}), make(chan struct{})
		e.fake.run = func(context.Context, *runner.Code, *runner.Call) (*runner.Result, error) {
			close(inside)
			<-leave
			return &runner.Result{Payload: []byte("1")}, nil
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := e.Call(ctx, fn(), &function.Call{}); err != nil {
				t.Error(err)
			}
		})
		<-inside
		for range 3 {
			_, err := e.Call(ctx, fn(), &function.Call{})
			want(t, err, fault.Overloaded)
		}
		close(leave)
		wg.Wait()
		if e.fake.last().Workers != 1 {
			t.Errorf("%d workers for a reserved concurrency of 1", e.fake.last().Workers)
		}
		if n := len(e.eventsOf(t, "", eventlog.FunctionFailed)); n != 1 {
			t.Errorf("%d events for calls turned away in one moment, want 1", n)
		}
		must(t, e.SetReserved(ctx, fn(), &zero))
		e.fake.run = nil
		_, err := e.Call(ctx, fn(), &function.Call{})
		want(t, err, fault.Overloaded)
		want(t, e.Enqueue(ctx, fn(), &function.Call{}), fault.Overloaded)
		must(t, e.SetReserved(ctx, fn(), nil))
		_, err = e.Call(ctx, fn(), &function.Call{})
		must(t, err)
		bad := -1
		want(t, e.SetReserved(ctx, fn(), &bad), fault.InvalidParameter)
	})
}

// New code is another Code.ID, and the workers of the old one are ended; a permission or a tag changes neither.
func TestCodeIDs(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		e.create(t, func(c *function.Create) { c.Publish = true })
		id := func(ref function.Ref) string {
			t.Helper()
			_, err := e.Call(ctx, ref, &function.Call{})
			must(t, err)
			return e.fake.last().ID
		}
		first, v1 := id(fn()), id(fn("1"))
		_, err := e.AddPermission(ctx, fn(), permission("s"))
		must(t, err)
		must(t, e.Tag(ctx, fn(), map[string]string{"a": "b"}))
		if again := id(fn()); again != first || first == v1 {
			t.Errorf("%s, %s, version %s", first, again, v1)
		}
		_, err = e.UpdateCode(ctx, fn(), &function.CodeUpdate{Package: pack(t, map[string]string{"index.js": "2"})})
		must(t, err)
		second := id(fn())
		if second == first || id(fn("1")) != v1 {
			t.Error("new code under an old name, or a version that changed")
		}
		eventually(t, func() bool { return e.fake.forgot(first) })
		must(t, e.Delete(ctx, fn()))
		eventually(t, func() bool { return e.fake.forgot(second) && e.fake.forgot(v1) })
		e.create(t)
		if id(fn()) == first {
			t.Error("a function made anew meets the workers of its predecessor")
		}
	})
}

// eventually waits for what another goroutine is about to do.
func eventually(t *testing.T, f func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for !f() {
		select {
		case <-deadline:
			t.Fatal("it did not come about")
		case <-time.After(time.Millisecond):
		}
	}
}

func TestWeights(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		e.create(t, func(c *function.Create) { c.Publish = true })
		_, err := e.UpdateCode(ctx, fn(), &function.CodeUpdate{Package: pack(t, map[string]string{"index.js": "2"}), Publish: true})
		must(t, err)
		_, err = e.CreateAlias(ctx, fn(), &function.Alias{Name: "live", Version: "1", Weights: map[string]float64{"2": 0.5}})
		must(t, err)
		got := map[string]int{}
		for range 400 {
			r, err := e.Call(ctx, fn("live"), &function.Call{})
			must(t, err)
			got[r.Version]++
		}
		// Half of 400 by chance: 120 to 280 is eight standard deviations.
		if got["1"]+got["2"] != 400 || got["1"] < 120 || got["2"] < 120 {
			t.Errorf("%v", got)
		}
	})
}

// TestUpdatesWhileInvoking is for the race detector: a call meets code and environment that belong together.
func TestUpdatesWhileInvoking(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		e.create(t, func(c *function.Create) { c.Env = map[string]string{"GEN": "0", "SAME": "0"} })
		_, err := e.AddPermission(ctx, fn(), permission("s"))
		must(t, err)
		e.fake.run = func(_ context.Context, c *runner.Code, _ *runner.Call) (*runner.Result, error) {
			if c.Env["GEN"] != c.Env["SAME"] {
				t.Errorf("torn environment %s, %s", c.Env["GEN"], c.Env["SAME"])
			}
			return &runner.Result{Payload: []byte("null")}, nil
		}
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if _, err := e.Service.Invoke(ctx, arn, caller(poolA), []byte(`{}`), time.Minute); err != nil {
						t.Error(err)
						return
					}
					e.clock.add(300 * time.Millisecond)
				}
			})
		}
		for i := range 10 {
			gen := fmt.Sprint(i)
			_, err := e.UpdateSettings(ctx, fn(), &function.SettingsUpdate{Env: &map[string]string{"GEN": gen, "SAME": gen}})
			must(t, err)
			_, err = e.Call(ctx, fn(), &function.Call{})
			must(t, err)
		}
		close(stop)
		wg.Wait()
		if _, err := e.Call(ctx, fn(), &function.Call{}); err != nil || e.fake.last().Env["GEN"] != "9" {
			t.Errorf("after the last update: %v", e.fake.last().Env["GEN"])
		}
	})
}

// Concurrent changes all take effect, or say that they did not.
func TestConcurrentChanges(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		e.create(t)
		var wg sync.WaitGroup
		var mu sync.Mutex
		done := 0
		for i := range 8 {
			wg.Go(func() {
				_, err := e.AddPermission(t.Context(), fn(), permission(fmt.Sprint("s", i)))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					done++
				} else if fault.CodeOf(err) != fault.ConcurrentModification {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		shown, _, err := e.Policy(t.Context(), fn())
		if n := strings.Count(string(shown), `"Sid"`); err != nil || n != done || n == 0 {
			t.Errorf("%d statements for %d successes, %v", n, done, err)
		}
	})
}

type remote struct {
	arns []string
	err  error
}

func (r *remote) Invoke(_ context.Context, arn string, _ []byte, _ time.Duration) (*trigger.Answer, error) {
	r.arns = append(r.arns, arn)
	return &trigger.Answer{Payload: []byte("1"), Begun: true}, r.err
}

func TestRemote(t *testing.T) {
	far := &remote{}
	each(t, func(t *testing.T, e *env) {
		e.create(t)
		far.arns, far.err = nil, nil
		for _, a := range []string{
			"arn:aws:lambda:eu-west-1:123456789012:function:sender", strings.Replace(arn, "sender", "unknown", 1), "arn:aws-cn:lambda:cn-north-1:123456789012:function:x:live",
		} {
			must(t, e.Permit(t.Context(), a, caller(poolA)))
			if _, err := e.Service.Invoke(t.Context(), a, caller(poolA), []byte(`{}`), time.Second); err != nil || far.arns[len(far.arns)-1] != a {
				t.Errorf("%s: %v, %v", a, err, far.arns)
			}
		}
		want(t, e.Permit(t.Context(), arn, caller(poolA)), fault.AccessDenied)
		if _, err := e.Service.Invoke(t.Context(), arn, caller(poolA), []byte(`{}`), time.Second); fault.CodeOf(err) != fault.AccessDenied || len(far.arns) != 3 {
			t.Errorf("a function hosted here went elsewhere: %v", far.arns)
		}
		_, _, err := e.Credentials(t.Context(), "arn:aws:lambda:eu-west-1:123456789012:function:sender")
		want(t, err, fault.ResourceNotFound)
	}, func(c *function.Config) { c.Remote = far })
}

func TestCallsAreBounded(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		e.create(t)
		e.create(t, func(c *function.Create) { c.Name = "other" })
		nested := make(chan error, 1)
		e.fake.run = func(context.Context, *runner.Code, *runner.Call) (*runner.Result, error) {
			_, err := e.Call(ctx, function.Ref{Region: region, Name: "other"}, &function.Call{})
			nested <- err
			return &runner.Result{}, nil
		}
		_, err := e.Call(ctx, fn(), &function.Call{})
		must(t, err)
		want(t, <-nested, fault.Overloaded)
	}, func(c *function.Config) { c.Limits = function.Limits{Calls: 1} })
}
