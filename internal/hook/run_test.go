package hook_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/hook"
	"countersign/internal/script"
)

// TestRunKeepsNothing: the editor's text is built and run, and its worker is ended.
func TestRunKeepsNothing(t *testing.T) {
	e := sqlite(t)
	ctx := t.Context()
	e.fake.on(sends, func(in input) (any, *runnerError, error) {
		return answer{"begun": true, "console": "key " + in.Secrets["KEY"], "data": map[string]any{"to": in.Body["recipient"]},
			"requests": []any{map[string]any{"method": "POST", "host": "api.example.com", "path": "/x", "status": 201, "ms": 12.5}}}, nil, nil
	})
	var said []string
	r, err := e.Run(ctx, &hook.RunInput{
		Pool: poolA, Kind: script.Hook, Code: sends, Dependencies: map[string]string{"axios": "1.21.1"}, Secrets: map[string]string{"KEY": canary},
		Body: json.RawMessage(`{"recipient":"not a number","text":"t","context":{}}`), Save: hook.Save{Progress: func(s string) { said = append(said, s) }},
	})
	want(t, err, "")
	if r.Error != nil || string(r.Data) != `{"to":"not a number"}` || strings.Contains(r.Console, canary) ||
		len(r.Requests) != 1 || len(r.Modules) != 1 || len(said) != 1 {
		t.Errorf("%+v %+v", r.Outcome, r.Built)
	}
	if list, n, err := e.Hooks(ctx, poolA, hook.HookQuery{}); n != 0 || err != nil {
		t.Errorf("%v %v", list, err)
	}
	if e.fake.forgotten != 1 || len(e.eventsOf()) != 0 {
		t.Errorf("%d workers were ended, %d events", e.fake.forgotten, len(e.eventsOf()))
	}
	for _, tt := range []struct {
		in   hook.RunInput
		code fault.Code
	}{
		{hook.RunInput{Kind: script.Hook, Code: "SYNTAX"}, fault.ScriptInvalid},
		{hook.RunInput{Kind: "function", Code: sends}, fault.InvalidParameter},
		{hook.RunInput{Kind: script.Hook}, fault.InvalidParameter},
		{hook.RunInput{Kind: script.Hook, Code: sends, Body: json.RawMessage(`{`)}, fault.InvalidParameter},
		{hook.RunInput{Kind: script.Hook, Code: "busy"}, fault.Overloaded},
		{hook.RunInput{Kind: script.Hook, Code: "no node"}, fault.UnsupportedOperation},
	} {
		e.fake.on("busy", func(input) (any, *runnerError, error) { return nil, nil, errBusy })
		e.fake.on("no node", func(input) (any, *runnerError, error) { return nil, nil, errUnavailable })
		_, err := e.Run(ctx, &tt.in)
		if fault.CodeOf(err) != tt.code {
			t.Errorf("%+v: %v", tt.in, err)
		}
	}
}

// TestRunSaved: stored secrets are used, those of the request override them, and another text leaves the stored one alone.
func TestRunSaved(t *testing.T) {
	e := sqlite(t)
	ctx := t.Context()
	h := e.hook("phone", sends, map[string]string{"A": "1", "B": "2"})
	var got map[string]string
	look := func(in input) (any, *runnerError, error) { got = in.Secrets; return answer{"begun": true}, nil, nil }
	e.fake.on(sends, look)
	e.fake.on(sends+"//2", look)
	builds := e.builder.builds.Load()
	r, err := e.RunHook(ctx, poolA, h.ID, &hook.Override{Secrets: map[string]string{"B": "3", "A": hook.Placeholder}, Code: ptr(sends)})
	want(t, err, "")
	if fmt.Sprint(got) != "map[A:1 B:3]" || e.builder.builds.Load() != builds || r.BuildTime != 0 {
		t.Errorf("%v, %+v", got, r)
	}
	_, err = e.RunHook(ctx, poolA, h.ID, &hook.Override{Code: ptr(sends + "//2")})
	want(t, err, "")
	if fmt.Sprint(got) != "map[A:1 B:2]" || e.builder.builds.Load() != builds+1 {
		t.Errorf("%v", got)
	}
	if again, err := e.Hook(ctx, poolA, h.ID); err != nil || again.Script != sends {
		t.Errorf("%+v %v", again, err)
	}
	_, err = e.RunHook(ctx, poolB, h.ID, &hook.Override{})
	want(t, err, fault.ResourceNotFound)
}

func TestTestAction(t *testing.T) {
	e := sqlite(t)
	ctx := t.Context()
	a := e.action("a", hook.PostLogin, logins, true)
	draft := logins + "//draft"
	_, err := e.UpdateAction(ctx, poolA, a.ID, &hook.ActionChange{Code: &draft})
	want(t, err, "")
	e.fake.on(draft, func(in input) (any, *runnerError, error) {
		return answer{"begun": true, "commands": []any{command("access.deny", in.Body["why"])}}, nil, nil
	})
	r, err := e.TestAction(ctx, poolA, a.ID, &hook.Override{Body: json.RawMessage(`{"why":"because"}`)})
	want(t, err, "")
	if len(r.Commands) != 1 || e.fake.count(draft) != 1 {
		t.Errorf("%+v", r.Outcome)
	}
	_, err = e.UpdateAction(ctx, poolA, a.ID, &hook.ActionChange{Code: ptr("SYNTAX")})
	want(t, err, "")
	_, err = e.TestAction(ctx, poolA, a.ID, &hook.Override{})
	want(t, err, fault.InvalidParameter)
	if len(e.eventsOf(eventlog.ActionFailed)) != 0 {
		t.Error("a test is in the log")
	}
}

// The input of a run is a change of the sample: a number alone is enough.
func TestRunFillsTheInput(t *testing.T) {
	e := sqlite(t)
	h := e.hook("h", sends, nil)
	var got map[string]any
	e.fake.on(sends, func(in input) (any, *runnerError, error) {
		got = in.Body
		return answer{"begun": true, "envelope": map[string]any{"status": "success"}}, nil, nil
	})
	run := func(body string) (context map[string]any) {
		t.Helper()
		_, err := e.RunHook(t.Context(), poolA, h.ID, &hook.Override{Body: json.RawMessage(body)})
		want(t, err, "")
		context, _ = got["context"].(map[string]any)
		return context
	}
	context := run(`{"recipient":"+12025550123","context":{"message_type":"voice","user":null,"extra":1}}`)
	if got["recipient"] != "+12025550123" || got["text"] == "" || context["message_type"] != "voice" || context["action"] != "second-factor-authentication" {
		t.Errorf("got %v", got)
	}
	if _, ok := context["user"]; ok || context["extra"] != 1.0 {
		t.Errorf("got %v", context)
	}
	if run(`{"context":7}`); got["context"] != 7.0 {
		t.Errorf("got %v", got)
	}
}

func TestSamples(t *testing.T) {
	for _, k := range []script.Kind{script.Hook, script.SendPhoneMessage, script.CustomPhoneProvider, script.PostLogin, script.Rule} {
		if b := hook.SampleBody(string(k)); !json.Valid(b) || len(b) < 100 {
			t.Errorf("%s: %s", k, b)
		}
	}
	if hook.SampleBody("x") != nil {
		t.Error("a sample of no kind")
	}
}

// TestPrintedIsKept: what a hook that succeeded printed is in the log, sealed; the run of an action can be asked for by its id.
func TestPrintedIsKept(t *testing.T) {
	e := sqlite(t)
	e.action("a", hook.SendPhoneMessage, "onExecuteSendPhoneMessage", true)
	e.fake.says("onExecuteSendPhoneMessage", answer{"begun": true, "console": "sent 918273\n"})
	_, _, err := e.send(hook.PhoneHook)
	want(t, err, "")
	evs := e.eventsOf(eventlog.FunctionRan)
	if len(evs) != 1 || !strings.Contains(string(evs[0].Data), `"message_id":"0193"`) {
		t.Fatalf("%+v", evs)
	}
	open, err := e.events.Open(t.Context(), evs[0], noKey)
	want(t, err, "")
	if said := fmt.Sprint(open["log"]); !strings.Contains(said, "sent") || strings.Contains(said, "918273") {
		t.Errorf("%s", said)
	}
	x, err := e.Execution(t.Context(), poolA, evs[0].ID)
	want(t, err, "")
	if x.Results[0].Error != nil || x.TriggerID != hook.SendPhoneMessage {
		t.Errorf("%+v", x)
	}
}
