package function_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/function"
	"countersign/internal/runner"
	"countersign/internal/store/storetest"
)

// bubble runs f with a clock that moves when nothing else does, on SQLite.
func bubble(t *testing.T, f func(*testing.T, *env), change ...func(*function.Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		change = append(change, func(c *function.Config) { c.Now = time.Now })
		e := newEnv(t, storetest.SQLite(t), change...)
		e.create(t)
		f(t, e)
	})
}

func threw() (*runner.Result, error) {
	return &runner.Result{Error: &runner.Error{Reason: runner.Thrown, Type: "Error", Message: "no", Begun: true}}, nil
}

func reasons(t *testing.T, e *env) []string {
	t.Helper()
	var out []string
	for _, ev := range e.eventsOf(t, "", eventlog.FunctionFailed) {
		var d struct {
			Reason, Why string
			Attempt     int
		}
		must(t, json.Unmarshal(ev.Data, &d))
		out = append(out, strings.TrimSpace(fmt.Sprint(d.Attempt, " ", d.Reason, " ", d.Why)))
	}
	return out
}

func TestEventInvocation(t *testing.T) {
	bubble(t, func(t *testing.T, e *env) {
		must(t, e.Enqueue(t.Context(), fn(), &function.Call{Payload: []byte(`{"n":1}`), RequestID: "r"}))
		synctest.Wait()
		if e.fake.calls() != 1 || e.Queued() != 0 || len(e.eventsOf(t, "", eventlog.FunctionRan)) != 1 {
			t.Errorf("%d calls, %d queued", e.fake.calls(), e.Queued())
		}
		want(t, e.Enqueue(t.Context(), fn("none"), &function.Call{}), fault.ResourceNotFound)
		want(t, e.Enqueue(t.Context(), fn(), &function.Call{Payload: []byte(`"` + strings.Repeat("x", 1<<20) + `"`)}), fault.PayloadTooLarge)
	})
}

// A call that failed is repeated after one and two minutes, with the request id it had, and then no more.
func TestEventRetries(t *testing.T) {
	bubble(t, func(t *testing.T, e *env) {
		begin := time.Now()
		var at []time.Duration
		ids := map[string]bool{}
		e.fake.run = func(_ context.Context, _ *runner.Code, c *runner.Call) (*runner.Result, error) {
			at = append(at, time.Since(begin))
			ids[c.RequestID] = true
			return threw()
		}
		must(t, e.Enqueue(t.Context(), fn(), &function.Call{}))
		time.Sleep(time.Hour)
		synctest.Wait()
		if fmt.Sprint(at) != "[0s 1m0s 3m0s]" || len(ids) != 1 || e.Queued() != 0 {
			t.Errorf("calls at %v, ids %v, %d queued", at, ids, e.Queued())
		}
		if got := fmt.Sprint(reasons(t, e)); got != "[1 thrown 2 thrown 3 thrown]" {
			t.Errorf("events %s", got)
		}
	})
}

// One that finds no worker waits longer and longer, and is dropped when it is six hours old.
func TestEventsWaitForAWorker(t *testing.T) {
	bubble(t, func(t *testing.T, e *env) {
		e.fake.run = func(context.Context, *runner.Code, *runner.Call) (*runner.Result, error) { return nil, runner.ErrBusy }
		must(t, e.Enqueue(t.Context(), fn(), &function.Call{}))
		time.Sleep(7 * time.Hour)
		synctest.Wait()
		all := reasons(t, e)
		if e.Queued() != 0 || !slices.Contains(all, "1 dropped too old") {
			t.Errorf("%d queued, events %v", e.Queued(), all)
		}
		if n := e.fake.calls(); n < 60 || n > 100 {
			t.Errorf("%d tries in six hours", n)
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, e *env) {
		leave := make(chan struct{})
		e.fake.run = func(context.Context, *runner.Code, *runner.Call) (*runner.Result, error) {
			<-leave
			return &runner.Result{Payload: []byte("1")}, nil
		}
		for range 3 {
			must(t, e.Enqueue(t.Context(), fn(), &function.Call{}))
		}
		want(t, e.Enqueue(t.Context(), fn(), &function.Call{}), fault.Overloaded)
		synctest.Wait()
		if n := e.fake.calls(); n != 2 {
			t.Errorf("%d run at once, want 2", n)
		}
		close(leave)
		synctest.Wait()
		if n := e.fake.calls(); n != 3 || e.Queued() != 0 {
			t.Errorf("%d ran, %d queued", n, e.Queued())
		}
		big := &function.Call{Payload: []byte(`"` + strings.Repeat("x", 2000) + `"`)}
		must(t, e.Enqueue(t.Context(), fn(), big))
	}, func(c *function.Config) { c.Limits = function.Limits{Queue: 3, QueueWorkers: 2, QueueBytes: 4096} })
}

func TestQueueIsBoundedInBytes(t *testing.T) {
	bubble(t, func(t *testing.T, e *env) {
		leave := make(chan struct{})
		e.fake.run = func(context.Context, *runner.Code, *runner.Call) (*runner.Result, error) {
			<-leave
			return &runner.Result{}, nil
		}
		big := &function.Call{Payload: []byte(`"` + strings.Repeat("x", 2000) + `"`)}
		must(t, e.Enqueue(t.Context(), fn(), big))
		want(t, e.Enqueue(t.Context(), fn(), big), fault.Overloaded)
		close(leave)
		synctest.Wait()
		must(t, e.Enqueue(t.Context(), fn(), big))
	}, func(c *function.Config) { c.Limits = function.Limits{QueueBytes: 4096} })
}

// Close runs what waits, drops what waits for a retry, and gives up when its time is over.
func TestClose(t *testing.T) {
	bubble(t, func(t *testing.T, e *env) {
		e.fake.run = func(context.Context, *runner.Code, *runner.Call) (*runner.Result, error) { return threw() }
		must(t, e.Enqueue(t.Context(), fn(), &function.Call{}))
		synctest.Wait()
		inside := make(chan struct{})
		e.fake.run = func(ctx context.Context, _ *runner.Code, _ *runner.Call) (*runner.Result, error) {
			close(inside)
			<-ctx.Done()
			return nil, ctx.Err()
		}
		must(t, e.Enqueue(t.Context(), fn(), &function.Call{}))
		<-inside
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begin := time.Now()
		e.Close(ctx)
		if d := time.Since(begin); d != 5*time.Second || e.Queued() != 0 {
			t.Errorf("closed after %v with %d queued", d, e.Queued())
		}
		if got := fmt.Sprint(reasons(t, e)); strings.Count(got, "dropped shutdown") != 2 {
			t.Errorf("events %s", got)
		}
		want(t, e.Enqueue(t.Context(), fn(), &function.Call{}), fault.Overloaded)
		e.Close(t.Context())
	})
}

func TestCloseDrains(t *testing.T) {
	bubble(t, func(t *testing.T, e *env) {
		e.fake.run = func(context.Context, *runner.Code, *runner.Call) (*runner.Result, error) {
			time.Sleep(time.Second)
			return &runner.Result{}, nil
		}
		for range 5 {
			must(t, e.Enqueue(t.Context(), fn(), &function.Call{}))
		}
		e.Close(t.Context())
		if n := len(e.eventsOf(t, "", eventlog.FunctionRan)); n != 5 {
			t.Errorf("%d of 5 ran", n)
		}
	}, func(c *function.Config) { c.Limits = function.Limits{QueueWorkers: 1} })
}

// An invocation of a function that was deleted meanwhile is dropped.
func TestEventOfADeletedFunction(t *testing.T) {
	bubble(t, func(t *testing.T, e *env) {
		e.fake.run = func(context.Context, *runner.Code, *runner.Call) (*runner.Result, error) { return threw() }
		must(t, e.Enqueue(t.Context(), fn(), &function.Call{}))
		synctest.Wait()
		must(t, e.Delete(t.Context(), fn()))
		time.Sleep(time.Hour)
		synctest.Wait()
		if all := reasons(t, e); len(all) != 2 || all[1] != "2 dropped function deleted" || e.Queued() != 0 {
			t.Errorf("events %v", all)
		}
	})
}
