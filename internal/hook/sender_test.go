package hook_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/facts"
	"countersign/internal/hook"
	"countersign/internal/runner"
	"countersign/provider"
)

var (
	errUnavailable = fmt.Errorf("%w: no Node.js here", runner.ErrUnavailable)
	errBusy        = runner.ErrBusy
)

// send gives a message to the pool's sender.
func (e *env) send(which hook.Which) (provider.Receipt, string, error) {
	e.t.Helper()
	s, ok, err := e.Sender(e.t.Context(), poolA, which)
	if err != nil || !ok {
		e.t.Fatal(ok, err)
	}
	event, err := json.Marshal(facts.Message{Purpose: facts.SecondFactor, Language: "de", Client: facts.Client{ID: "c1", Name: "App"},
		User: &facts.User{ID: "auth0|u1", Name: "Wanda Winter", Email: "wanda@example.com"}, Tenant: facts.Tenant{ID: poolA}})
	if err != nil {
		e.t.Fatal(err)
	}
	return s.(delivery.EventSender).SendEvent(e.t.Context(), text(), event)
}

// outcome is how delivery sees an error: "sent", a class, or "permanent, ambiguous".
func outcome(err error) string {
	if err == nil {
		return "sent"
	}
	class, _ := provider.ClassOf(err)
	if class == provider.ClassPermanent && errors.Is(err, provider.ErrAmbiguous) {
		return "permanent, ambiguous"
	}
	return string(class)
}

func TestWhoSends(t *testing.T) {
	e := sqlite(t)
	ctx := t.Context()
	name := func(which hook.Which) string {
		s, ok, err := e.Sender(ctx, poolA, which)
		if want(t, err, ""); !ok {
			return ""
		}
		_, name, err := s.Send(ctx, text())
		want(t, err, "")
		return name
	}
	if got := name(hook.PhoneHook) + name(hook.PhoneProvider); got != "" {
		t.Errorf("%q", got)
	}
	e.action("provider", hook.CustomPhoneProvider, "onExecuteCustomPhoneProvider", false)
	e.action("idle", hook.SendPhoneMessage, "onExecuteSendPhoneMessage idle", false)
	if got := name(hook.PhoneHook); got != "" {
		t.Errorf("%q: it is not bound", got)
	}
	if got := name(hook.PhoneProvider); got != "action:provider" {
		t.Errorf("%q", got)
	}
	e.action("bound", hook.SendPhoneMessage, "onExecuteSendPhoneMessage", true)
	if got := name(hook.PhoneHook); got != "action:bound" {
		t.Errorf("%q", got)
	}
	h := e.hook("phone", sends, nil)
	if got := name(hook.PhoneHook); got != "hook:phone" {
		t.Errorf("%q", got)
	}
	_, _, err := e.UpdateHook(ctx, poolA, h.ID, &hook.HookChange{Enabled: ptr(false)})
	want(t, err, "")
	if got := name(hook.PhoneHook); got != "action:bound" {
		t.Errorf("%q", got)
	}
}

func TestWhatCodeIsTold(t *testing.T) {
	e := sqlite(t)
	e.hook("phone", sends, map[string]string{"KEY": canary})
	var got input
	e.fake.on(sends, func(in input) (any, *runnerError, error) {
		got = in
		return answer{"begun": true, "data": map[string]any{"MessageID": "m-1"}}, nil, nil
	})
	r, name, err := e.send(hook.PhoneHook)
	want(t, err, "")
	c := got.Body["context"].(map[string]any)
	if r.ProviderID != "m-1" || name != "hook:phone" || got.Secrets["KEY"] != canary || got.Body["recipient"] != "+12025550123" ||
		c["code"] != "918273" || c["language"] != "de" || c["action"] != "second-factor-authentication" || c["message_type"] != "sms" {
		t.Errorf("%+v %q %v", r, name, got)
	}
	// A message that was made while there was no hook has no event.
	s, _, err := e.Sender(t.Context(), poolA, hook.PhoneHook)
	want(t, err, "")
	m := text()
	m.Channel, m.TriggerSource = provider.Voice, "CustomSMSSender_SignUp"
	_, _, err = s.Send(t.Context(), m)
	want(t, err, "")
	if c = got.Body["context"].(map[string]any); c["action"] != "enrollment" || c["message_type"] != "voice" || c["language"] != "en" {
		t.Errorf("%v", c)
	}
	_, _, err = s.(delivery.EventSender).SendEvent(t.Context(), m, json.RawMessage(`[]`))
	if outcome(err) != "permanent" {
		t.Errorf("%v", err)
	}
}

// What a hook gives for the id of its message is kept in clear: nothing that it was told is in there.
func TestProviderIDHoldsNothingTold(t *testing.T) {
	e := sqlite(t)
	e.hook("phone", sends, map[string]string{"KEY": canary})
	e.fake.says(sends, answer{"begun": true, "data": map[string]any{"id": "m-1 to +12025550123: 918273 by " + canary}})
	r, _, err := e.send(hook.PhoneHook)
	want(t, err, "")
	if r.ProviderID != "m-1 to [redacted]: [redacted] by [redacted]" {
		t.Errorf("the id is %q", r.ProviderID)
	}
}

// TestClasses is the contract of delivery: what had begun is not called again, but by an action of custom-phone-provider that asks for it.
func TestClasses(t *testing.T) {
	notBegun := func(failure string) answer { return answer{"error": answer{"failure": failure, "message": "m"}} }
	notify := func(names ...string) answer {
		a := answer{"begun": true}
		var all []any
		for _, n := range names {
			all = append(all, command("notification."+n, "because"))
		}
		a["commands"] = all
		return a
	}
	both := notify("drop")
	both["error"] = answer{"failure": "Refused", "message": "after"}
	tests := []struct {
		name         string
		run          func(input) (any, *runnerError, error)
		hook, custom string
	}{
		{"success", answers(answer{"begun": true}), "sent", "sent"},
		{"refused", answers(refused("Error", "no")), "permanent", "retryable"},
		{"threw", answers(failed("HookThrew", "TypeError", "no")), "permanent", "retryable"},
		{"rejected", answers(failed("HookRejected", "TypeError", "no")), "permanent", "retryable"},
		{"timeout", answers(failed("HookTimeout", "", "20 s")), "permanent, ambiguous", "permanent, ambiguous"},
		{"crash", func(input) (any, *runnerError, error) {
			return nil, &runnerError{Reason: runner.Exit, Begun: true}, nil
		}, "permanent, ambiguous", "permanent, ambiguous"},
		{"no function", answers(notBegun("HookInvalid")), "misconfigured", "misconfigured"},
		{"not loaded", answers(notBegun("HookUnloadable")), "retryable", "retryable"},
		{"no worker started", func(input) (any, *runnerError, error) { return nil, &runnerError{Reason: runner.Init}, nil }, "retryable", "retryable"},
		{"no node", func(input) (any, *runnerError, error) { return nil, nil, errUnavailable }, "retryable", "retryable"},
		{"busy", func(input) (any, *runnerError, error) { return nil, nil, errBusy }, "retryable", "retryable"},
		{"drop", answers(notify("retry", "drop")), "sent", "permanent"},
		{"retry", answers(notify("drop", "retry")), "sent", "retryable"},
		{"drop, then a throw", answers(both), "permanent", "permanent"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := sqlite(t)
			e.hook("phone", sends, nil)
			e.action("provider", hook.CustomPhoneProvider, "onExecuteCustomPhoneProvider", false)
			e.action("old", hook.CustomPhoneProvider, "onExecuteCustomPhoneProvider 2", false)
			e.fake.on(sends, tt.run)
			e.fake.on("onExecuteCustomPhoneProvider", tt.run)
			e.fake.on("onExecuteCustomPhoneProvider 2", tt.run)
			_, _, err := e.send(hook.PhoneHook)
			if got := outcome(err); got != tt.hook {
				t.Errorf("hook: %s (%v), want %s", got, err, tt.hook)
			}
			_, _, err = e.send(hook.PhoneProvider)
			if got := outcome(err); got != tt.custom {
				t.Errorf("custom phone provider: %s (%v), want %s", got, err, tt.custom)
			}
		})
	}
}

// TestWordsOfAHook: the error's name, code and message reach the timeline, what is personal does not.
func TestWordsOfAHook(t *testing.T) {
	e := sqlite(t)
	e.hook("phone", sends, map[string]string{"KEY": canary})
	a := refused("RestException", "The number +12025550123 of wanda@example.com is unverified,\n code 918273, key "+canary)
	a["error"].(answer)["code"], a["error"].(answer)["stack"] = "21608", "RestException: at hook.js:3:7 "+canary
	a["console"] = "sending 918273 to +12025550123\nbody of mallory@example.org\n"
	e.fake.says(sends, a)
	_, name, err := e.send(hook.PhoneHook)
	v, ok := errors.AsType[*provider.VendorError](err)
	if !ok || name != "hook:phone" || v.VendorCode != "21608" || !strings.HasPrefix(v.Text, "RestException: The number ") ||
		!strings.Contains(v.Text, "is unverified") {
		t.Fatalf("%q %v", name, err)
	}
	evs := e.eventsOf(eventlog.FunctionFailed)
	if len(evs) != 1 {
		t.Fatalf("%d events", len(evs))
	}
	open, err2 := e.events.Open(t.Context(), evs[0], noKey)
	want(t, err2, "")
	all := err.Error() + string(evs[0].Data) + fmt.Sprint(open) + e.log.String()
	for _, hidden := range []string{"918273", "2025550123", "wanda@", "mallory@", canary} {
		if strings.Contains(all, hidden) {
			t.Errorf("%q is in %s", hidden, all)
		}
	}
	for _, shown := range []string{"hook:phone", "21608", "0193", "is unverified", "hook.js:3:7", "sending"} {
		if !strings.Contains(all, shown) {
			t.Errorf("%q is not in %s", shown, all)
		}
	}
}

// TestBusyHookIsAskedAgain within the attempt.
func TestBusyHookIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sqlite(t)
		e.hook("phone", sends, nil)
		n := 0
		e.fake.on(sends, func(input) (any, *runnerError, error) {
			if n++; n < 4 {
				return nil, nil, errBusy
			}
			return answer{"begun": true}, nil, nil
		})
		s, _, err := e.Sender(t.Context(), poolA, hook.PhoneHook)
		want(t, err, "")
		ctx, cancel := timeout(t, 25*time.Second)
		defer cancel()
		if _, _, err := s.Send(ctx, text()); err != nil || n != 4 {
			t.Errorf("%v after %d calls", err, n)
		}
		_ = e.store.Close()
	})
}

// TestChangesAreSeen: at once on this node, within seconds on another; in between nothing is read.
func TestChangesAreSeen(t *testing.T) {
	e := sqlite(t)
	ctx := t.Context()
	h := e.hook("phone", sends, nil)
	other := e.node()
	has := func(s *hook.Service) bool {
		_, ok, err := s.Sender(ctx, poolA, hook.PhoneHook)
		want(t, err, "")
		return ok
	}
	if !has(e.Service) || !has(other) {
		t.Fatal("no hook")
	}
	_, _, err := e.UpdateHook(ctx, poolA, h.ID, &hook.HookChange{Enabled: ptr(false)})
	want(t, err, "")
	if has(e.Service) || !has(other) {
		t.Error("a change is not seen here at once, or another node does not answer from memory")
	}
	e.clock.add(2 * time.Second)
	if has(other) {
		t.Error("another node does not see the change after two seconds")
	}
	other.Forget(poolA)
}

// TestCrashLoop: code that keeps crashing is left alone, one call at a time tries it again, and a success ends it.
func TestCrashLoop(t *testing.T) {
	e := sqlite(t)
	e.hook("phone", sends, nil)
	crash := func(input) (any, *runnerError, error) {
		e.clock.add(time.Millisecond)
		return nil, &runnerError{Reason: runner.Exit, Begun: true}, nil
	}
	e.fake.on(sends, crash)
	for i := range 3 {
		if _, _, err := e.send(hook.PhoneHook); outcome(err) != "permanent, ambiguous" {
			t.Errorf("call %d: %v", i, err)
		}
	}
	_, _, err := e.send(hook.PhoneHook)
	class, after := provider.ClassOf(err)
	if class != provider.ClassThrottled || after <= 0 || after > time.Second || e.fake.count(sends) != 3 {
		t.Errorf("%v after %s, %d calls", err, after, e.fake.count(sends))
	}
	if !strings.Contains(e.log.String(), "left alone") {
		t.Errorf("the log says nothing: %s", e.log)
	}
	e.clock.add(time.Second)
	e.send(hook.PhoneHook)
	if _, _, err = e.send(hook.PhoneHook); outcome(err) != "throttled" || e.fake.count(sends) != 4 {
		t.Errorf("%v, %d calls", err, e.fake.count(sends))
	}
	e.clock.add(2 * time.Second)
	e.fake.says(sends, answer{"begun": true})
	for range 2 {
		if _, _, err = e.send(hook.PhoneHook); err != nil {
			t.Error(err)
		}
	}
}
