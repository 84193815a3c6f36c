package hook_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"countersign/internal/eventlog"
	"countersign/internal/facts"
	"countersign/internal/fault"
	"countersign/internal/hook"
)

func login() facts.Login {
	return facts.Login{
		User:   facts.User{ID: "auth0|u1", Name: "Wanda Winter", Email: "wanda@example.com", Phone: "+12025550123"},
		Client: facts.Client{ID: "c1", Name: "App"}, Tenant: facts.Tenant{ID: poolA}, Protocol: "oauth2-password", Methods: []string{"pwd"},
	}
}

func (e *env) rule(name, text string) {
	e.t.Helper()
	if _, _, err := e.CreateRule(e.t.Context(), poolA, &hook.NewRule{Name: name, Script: text}); err != nil {
		e.t.Fatal(err)
	}
}

func command(name string, args ...any) map[string]any {
	return map[string]any{"name": name, "args": args}
}

func TestNobodyJudges(t *testing.T) {
	e := sqlite(t)
	if judges, err := e.Judges(t.Context(), poolA); judges || err != nil {
		t.Errorf("%v %v", judges, err)
	}
	v, err := e.Judge(t.Context(), poolA, login())
	if want(t, err, ""); v.MFA || v.Denied != "" {
		t.Errorf("%+v", v)
	}
}

// TestJudgeInOrder: rules hand user and context on, actions come after them, and all of it is one verdict.
func TestJudgeInOrder(t *testing.T) {
	e := sqlite(t)
	e.rule("first", "first")
	e.rule("second", "second")
	e.action("a", hook.PostLogin, "onExecutePostLogin a", true)
	e.fake.on("first", func(in input) (any, *runnerError, error) {
		in.Body["context"].(map[string]any)["multifactor"] = map[string]any{"provider": "phone"}
		in.Body["user"].(map[string]any)["seen"] = 1
		return answer{"begun": true, "data": in.Body}, nil, nil
	})
	var second map[string]any
	e.fake.on("second", func(in input) (any, *runnerError, error) {
		second = in.Body
		return answer{"begun": true, "data": in.Body}, nil, nil
	})
	e.fake.on("onExecutePostLogin a", func(in input) (any, *runnerError, error) {
		if in.Secrets["KEY"] != canary || in.Body["user"].(map[string]any)["user_id"] != "auth0|u1" {
			t.Errorf("%v", in)
		}
		return answer{"begun": true, "commands": []any{command("idToken.setCustomClaim", "https://x/role", "admin"), command("multifactor.enable", "otp")}}, nil, nil
	})
	if judges, err := e.Judges(t.Context(), poolA); !judges || err != nil {
		t.Errorf("%v %v", judges, err)
	}
	v, err := e.Judge(t.Context(), poolA, login())
	want(t, err, "")
	if second["user"].(map[string]any)["seen"] != 1.0 {
		t.Errorf("%v", second)
	}
	if !v.MFA || fmt.Sprint(v.Providers) != "[phone otp]" || v.IDClaims["https://x/role"] != "admin" || v.Denied != "" {
		t.Errorf("%+v", v)
	}
	if len(e.eventsOf(eventlog.ActionFailed, eventlog.FunctionFailed)) != 0 {
		t.Error("a success is an event")
	}
}

// TestDenied: what denies on purpose is a verdict with its words, and no later one is asked.
func TestDenied(t *testing.T) {
	t.Run("rule", func(t *testing.T) {
		e := sqlite(t)
		e.rule("first", "first")
		e.rule("second", "second")
		e.fake.says("first", refused("UnauthorizedError", "Only from the office."))
		v, err := e.Judge(t.Context(), poolA, login())
		if want(t, err, ""); v.Denied != "Only from the office." || e.fake.count("second") != 0 {
			t.Errorf("%+v", v)
		}
	})
	t.Run("action", func(t *testing.T) {
		e := sqlite(t)
		e.action("a", hook.PostLogin, "onExecutePostLogin a", true)
		e.action("b", hook.PostLogin, "onExecutePostLogin b", true)
		e.fake.says("onExecutePostLogin a", answer{"begun": true, "commands": []any{command("access.deny", "No.")}})
		v, err := e.Judge(t.Context(), poolA, login())
		if want(t, err, ""); v.Denied != "No." || e.fake.count("onExecutePostLogin b") != 0 {
			t.Errorf("%+v", v)
		}
	})
}

// TestFailingJudgeRefuses: whatever else goes wrong refuses the sign-in, and the log names the script.
func TestFailingJudgeRefuses(t *testing.T) {
	tests := map[string]struct {
		run   func(input) (any, *runnerError, error)
		class string
	}{
		"error":   {answers(refused("Error", "wanda@example.com: no such thing")), "action_error"},
		"throw":   {answers(failed("HookThrew", "TypeError", "x is undefined")), "action_error"},
		"timeout": {answers(failed("HookTimeout", "", "20 seconds")), "action_timeout"},
		"crash":   {func(input) (any, *runnerError, error) { return nil, &runnerError{Reason: "exit", Begun: true}, nil }, "platform_error"},
		"no node": {func(input) (any, *runnerError, error) { return nil, nil, errUnavailable }, "platform_error"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := sqlite(t)
			e.rule("a rule", "a rule")
			e.fake.on("a rule", tt.run)
			_, err := e.Judge(t.Context(), poolA, login())
			want(t, err, fault.TriggerFailed)
			if f := fault.Of(err); f.Field != "rule:a rule" || f.Public != "" {
				t.Errorf("%+v", f)
			}
			evs := e.eventsOf(eventlog.FunctionFailed)
			if len(evs) != 1 || !strings.Contains(string(evs[0].Data), tt.class) || evs[0].UserID != "u1" || strings.Contains(string(evs[0].Data), "wanda") {
				t.Fatalf("%+v", evs)
			}

			e = sqlite(t)
			a := e.action("an action", hook.PostLogin, "onExecutePostLogin", true)
			e.fake.on("onExecutePostLogin", tt.run)
			_, err = e.Judge(t.Context(), poolA, login())
			want(t, err, fault.TriggerFailed)
			evs = e.eventsOf(eventlog.ActionFailed)
			if len(evs) != 1 {
				t.Fatalf("%+v", evs)
			}
			var d map[string]any
			if err := json.Unmarshal(evs[0].Data, &d); err != nil {
				t.Fatal(err)
			}
			if d["error_class"] != tt.class || d["action_id"] != a.ID || d["action_name"] != "an action" || d["trigger_id"] != hook.PostLogin ||
				d["version_id"] != a.Deployed.ID || d["binding_id"] == "" || d["execution_id"] != evs[0].ID || d["action_error"] == nil {
				t.Errorf("%v", d)
			}
			x, err := e.Execution(t.Context(), poolA, evs[0].ID)
			want(t, err, "")
			if x.ID != evs[0].ID || x.Status != "final" || x.Results[0].ActionName != "an action" || x.Results[0].Error.ID != tt.class {
				t.Errorf("%+v", x)
			}
			_, err = e.Execution(t.Context(), poolB, evs[0].ID)
			want(t, err, fault.ResourceNotFound)
		})
	}
}

func answers(a any) func(input) (any, *runnerError, error) {
	return func(input) (any, *runnerError, error) { return a, nil, nil }
}
