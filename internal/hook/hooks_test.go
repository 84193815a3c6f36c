package hook_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/hook"
)

func TestHookIsKept(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		h, built, err := e.CreateHook(ctx, poolA, &hook.NewHook{
			Name: "My hook-1", TriggerID: hook.SendPhoneMessage, Script: sends, Dependencies: map[string]string{"twilio": "6.2.0"},
			Secrets: map[string]string{"KEY": canary, "EMPTY": hook.Placeholder},
		})
		want(t, err, "")
		if len(h.ID) != 26 || h.Enabled || h.Script != sends || h.Dependencies["twilio"] != "6.2.0" || len(h.Secrets) != 1 || h.Secrets[0].Name != "KEY" {
			t.Errorf("%+v", h)
		}
		if len(built.Modules) != 1 || len(built.Changes) != 1 || built.Changes[0].New != "6.2.0" {
			t.Errorf("%+v", built)
		}
		again, err := e.Hook(ctx, poolA, h.ID)
		want(t, err, "")
		if fmt.Sprint(again) != fmt.Sprint(h) {
			t.Errorf("%+v, not %+v", again, h)
		}
		_, err = e.Hook(ctx, poolB, h.ID)
		want(t, err, fault.ResourceNotFound)
		_, _, err = e.CreateHook(ctx, poolA, &hook.NewHook{Name: "My hook-1", TriggerID: hook.PostChangePassword, Script: sends})
		want(t, err, fault.ResourceExists)
		_, _, err = e.CreateHook(ctx, poolB, &hook.NewHook{Name: "My hook-1", TriggerID: hook.SendPhoneMessage, Script: sends})
		want(t, err, "")
		want(t, e.DeleteHook(ctx, poolA, h.ID), "")
		want(t, e.DeleteHook(ctx, poolA, h.ID), fault.ResourceNotFound)
		if n := len(e.eventsOf(eventlog.HookDeployed)); n != 1 {
			t.Errorf("%d events", n)
		}
	})
}

func TestHookIsJudged(t *testing.T) {
	e := sqlite(t)
	tests := []struct {
		name   string
		change func(*hook.NewHook)
		code   fault.Code
	}{
		{"name with a dot", func(h *hook.NewHook) { h.Name = "a.b" }, fault.InvalidParameter},
		{"name that ends with a hyphen", func(h *hook.NewHook) { h.Name = "a-" }, fault.InvalidParameter},
		{"no name", func(h *hook.NewHook) { h.Name = "" }, fault.InvalidParameter},
		{"no script", func(h *hook.NewHook) { h.Script = " " }, fault.InvalidParameter},
		{"unknown trigger", func(h *hook.NewHook) { h.TriggerID = "post-login" }, fault.InvalidParameter},
		{"enabled, and never called", func(h *hook.NewHook) { h.TriggerID, h.Enabled = hook.PostUserRegistration, true }, fault.UnsupportedOperation},
		{"stored, and never called", func(h *hook.NewHook) { h.TriggerID = hook.PostUserRegistration }, ""},
		{"large", func(h *hook.NewHook) { h.Script = strings.Repeat("x", 600<<10) }, fault.PayloadTooLarge},
		{"syntax", func(h *hook.NewHook) { h.Script = "SYNTAX" }, fault.ScriptInvalid},
		{"young", func(h *hook.NewHook) { h.Script = "exports YOUNG" }, fault.ConfirmationNeeded},
		{"young, confirmed", func(h *hook.NewHook) { h.Script, h.Confirm = "exports YOUNG", true }, ""},
		{"many modules", func(h *hook.NewHook) { h.Dependencies = manyOf(21) }, fault.InvalidParameter},
		{"many secrets", func(h *hook.NewHook) { h.Secrets = manyOf(21) }, fault.InvalidParameter},
		{"secret for the extension", func(h *hook.NewHook) { h.Secrets = map[string]string{"auth0-extension-secret": "s"} }, ""},
		{"secret with a space", func(h *hook.NewHook) { h.Secrets = map[string]string{"A B": "s"} }, fault.InvalidParameter},
		{"long secret", func(h *hook.NewHook) { h.Secrets = map[string]string{"A": strings.Repeat("x", 4097)} }, fault.InvalidParameter},
	}
	for i, tt := range tests {
		in := &hook.NewHook{Name: fmt.Sprint("h", i), TriggerID: hook.SendPhoneMessage, Script: sends}
		tt.change(in)
		if _, _, err := e.CreateHook(t.Context(), poolA, in); fault.CodeOf(err) != tt.code {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.code)
		}
	}
}

func manyOf(n int) map[string]string {
	out := map[string]string{}
	for i := range n {
		out[fmt.Sprint("k", i)] = "v"
	}
	return out
}

func TestOneHookIsEnabled(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		a, b := e.hook("a", sends, nil), e.hook("b", sends+"//b", nil)
		on := func() (names []string) {
			list, n, err := e.Hooks(ctx, poolA, hook.HookQuery{Enabled: ptr(true)})
			if want(t, err, ""); n != len(list) {
				t.Errorf("%d of %d", len(list), n)
			}
			for _, h := range list {
				names = append(names, h.Name)
			}
			return names
		}
		if got := on(); !slices.Equal(got, []string{"b"}) {
			t.Errorf("%v", got)
		}
		_, _, err := e.UpdateHook(ctx, poolA, a.ID, &hook.HookChange{Enabled: ptr(true)})
		if want(t, err, ""); !slices.Equal(on(), []string{"a"}) {
			t.Errorf("%v", on())
		}
		_, _, err = e.UpdateHook(ctx, poolA, b.ID, &hook.HookChange{Name: ptr("a")})
		want(t, err, fault.ResourceExists)
		_, _, err = e.UpdateHook(ctx, poolA, b.ID, &hook.HookChange{})
		want(t, err, fault.InvalidParameter)
		all, n, err := e.Hooks(ctx, poolA, hook.HookQuery{TriggerID: hook.SendPhoneMessage, Skip: 1, Limit: 1})
		if want(t, err, ""); n != 2 || len(all) != 1 || all[0].Name != "b" {
			t.Errorf("%v of %d", all, n)
		}
	})
}

// TestBrokenScriptChangesNothing: the running artifact stays if the build fails.
func TestBrokenScriptChangesNothing(t *testing.T) {
	e := sqlite(t)
	ctx := t.Context()
	h := e.hook("a", sends, nil)
	for _, text := range []string{"SYNTAX", "NOMODULE", "YOUNG"} {
		if _, _, err := e.UpdateHook(ctx, poolA, h.ID, &hook.HookChange{Script: &text, Name: ptr("b")}); err == nil {
			t.Fatalf("%s was saved", text)
		}
	}
	got, err := e.Hook(ctx, poolA, h.ID)
	want(t, err, "")
	if got.Script != sends || got.Name != "a" {
		t.Errorf("%+v", got)
	}
	s, ok, err := e.Sender(ctx, poolA, hook.PhoneHook)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if _, _, err := s.Send(ctx, text()); err != nil || e.fake.count(sends) != 1 {
		t.Errorf("%v, %d calls", err, e.fake.count(sends))
	}
}

func TestOnlyCodeIsBuilt(t *testing.T) {
	e := sqlite(t)
	ctx := t.Context()
	h := e.hook("a", sends, nil)
	before := e.builder.builds.Load()
	for _, c := range []*hook.HookChange{
		{Name: ptr("b")}, {Enabled: ptr(false)}, {Script: ptr(sends)}, {Dependencies: &map[string]string{}},
	} {
		_, built, err := e.UpdateHook(ctx, poolA, h.ID, c)
		if want(t, err, ""); len(built.Changes) != 0 {
			t.Errorf("%+v", built)
		}
	}
	if n := e.builder.builds.Load(); n != before {
		t.Errorf("%d builds", n-before)
	}
	_, built, err := e.UpdateHook(ctx, poolA, h.ID, &hook.HookChange{Dependencies: &map[string]string{"axios": "1.21.1"}})
	if want(t, err, ""); len(built.Changes) != 1 || e.builder.builds.Load() != before+1 {
		t.Errorf("%+v", built)
	}
	other := sends + "//2"
	_, _, err = e.UpdateHook(ctx, poolA, h.ID, &hook.HookChange{Script: &other})
	want(t, err, "")
	if lock, _ := e.builder.locks.Load(other); lock != `{"lock":"axios"}` {
		t.Errorf("the lock of the build before is %v", lock)
	}
}

func TestUnsetSecretsAreNamed(t *testing.T) {
	e := sqlite(t)
	text := "exports = 1;\nconst a = context.webtask.secrets.TOKEN + secrets['OTHER-1'] + secrets.SET + secrets.TOKEN;"
	_, built, err := e.CreateHook(t.Context(), poolA, &hook.NewHook{
		Name: "a", TriggerID: hook.SendPhoneMessage, Script: text, Secrets: map[string]string{"SET": "1"},
	})
	want(t, err, "")
	w := built.Warnings
	if len(w) != 2 || !strings.Contains(w[0].Text, "TOKEN") || w[0].Line != 2 || !strings.Contains(w[1].Text, "OTHER-1") {
		t.Errorf("%+v", w)
	}
}

func TestHookSecrets(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		id := e.hook("a", sends, nil).ID
		values := func() map[string]string {
			var got map[string]string
			e.fake.on(sends, func(in input) (any, *runnerError, error) {
				got = maps.Clone(in.Secrets)
				return answer{"begun": true}, nil, nil
			})
			s, ok, err := e.Sender(ctx, poolA, hook.PhoneHook)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			if _, _, err := s.Send(ctx, text()); err != nil {
				t.Fatal(err)
			}
			return got
		}
		want(t, e.AddHookSecrets(ctx, poolA, id, map[string]string{"A": "1", "B": "2"}), "")
		want(t, e.AddHookSecrets(ctx, poolA, id, map[string]string{"C": "1", "B": "3"}), fault.ResourceExists)
		want(t, e.AddHookSecrets(ctx, poolA, id, map[string]string{"C": "_VALUE_NOT_SHOWN", "A": hook.Placeholder}), "")
		want(t, e.AddHookSecrets(ctx, poolA, id, manyOf(19)), fault.TooMany)
		want(t, e.AddHookSecrets(ctx, poolA, id, nil), fault.InvalidParameter)
		want(t, e.UpdateHookSecrets(ctx, poolA, id, map[string]string{"A": "new", "B": "_VALUE_NOT_SHOWN"}), "")
		want(t, e.UpdateHookSecrets(ctx, poolA, id, map[string]string{"B": hook.Placeholder}), "")
		want(t, e.UpdateHookSecrets(ctx, poolA, id, map[string]string{"C": "1"}), fault.ResourceNotFound)
		if got := values(); !maps.Equal(got, map[string]string{"A": "new", "B": "2"}) {
			t.Errorf("%v", got)
		}
		want(t, e.DeleteHookSecrets(ctx, poolA, id, []string{"A", "Z"}), "")
		if got := values(); !maps.Equal(got, map[string]string{"B": "2"}) {
			t.Errorf("%v", got)
		}
		want(t, e.AddHookSecrets(ctx, poolB, id, map[string]string{"D": "1"}), fault.ResourceNotFound)
	})
}

// TestSecretsStayInside: values are in no view, no row in clear, no event and no log line.
func TestSecretsStayInside(t *testing.T) {
	e := sqlite(t)
	ctx := t.Context()
	h := e.hook("a", sends, map[string]string{"KEY": canary})
	e.action("b", hook.PostLogin, "exports.onExecutePostLogin = 1", true)
	want(t, e.SetRuleConfig(ctx, poolA, "KEY", canary), "")
	e.fake.says(sends, answer{"begun": true, "console": canary, "error": answer{"failure": "Refused", "message": "key " + canary + " is wrong", "stack": canary}})
	s, _, err := e.Sender(ctx, poolA, hook.PhoneHook)
	want(t, err, "")
	_, _, err = s.Send(ctx, text())
	if err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("%v", err)
	}
	view, err := e.Hook(ctx, poolA, h.ID)
	want(t, err, "")
	actions, _, err := e.Actions(ctx, poolA, hook.ActionQuery{})
	want(t, err, "")
	configs, err := e.RuleConfigs(ctx, poolA)
	want(t, err, "")
	all, err := json.Marshal([]any{view, actions, configs, e.eventsOf(), e.log.String(), e.dump()})
	if err != nil || strings.Contains(string(all), canary) {
		t.Errorf("%v: %s", err, all)
	}
	for _, ev := range e.eventsOf() {
		if open, err := e.events.Open(ctx, ev, noKey); err != nil || strings.Contains(fmt.Sprint(open), canary) {
			t.Errorf("%v %v", open, err)
		}
	}
}

func TestImport(t *testing.T) {
	e := sqlite(t)
	ctx := t.Context()
	x, err := hook.ParseExport([]byte(`{"name":"phone","script":"./hooks/phone.js","triggerId":"send-phone-message","enabled":"true",
		"dependencies":{"axios":"1.21.1"},"secrets":{"KEY":"_VALUE_NOT_SHOWN_","URL":"https://example.com"}}`), sends)
	want(t, err, "")
	got, err := e.ImportHook(ctx, poolA, x, hook.Save{})
	want(t, err, "")
	if !got.Hook.Enabled || got.Hook.Script != sends || !slices.Equal(got.Missing, []string{"KEY"}) || len(got.Hook.Secrets) != 1 {
		t.Errorf("%+v %+v", got, got.Hook)
	}
	want(t, e.AddHookSecrets(ctx, poolA, got.Hook.ID, map[string]string{"KEY": canary}), "")
	x.Script = sends + "//2"
	again, err := e.ImportHook(ctx, poolA, x, hook.Save{})
	want(t, err, "")
	if again.Hook.ID != got.Hook.ID || again.Hook.Script != x.Script || len(again.Missing) != 0 {
		t.Errorf("%+v %+v", again, again.Hook)
	}
	x, err = hook.ParseExport([]byte(`{"name":"other","script":"x","triggerId":"post-change-password","enabled":true,"secrets":["A"]}`), "")
	want(t, err, "")
	got, err = e.ImportHook(ctx, poolA, x, hook.Save{})
	want(t, err, "")
	if got.Hook.Enabled || len(got.Built.Warnings) != 2 || !slices.Equal(got.Missing, []string{"A"}) {
		t.Errorf("%+v %+v", got.Hook, got.Built)
	}
	for _, bad := range []string{``, `[]`, `{"secrets":7}`} {
		if _, err := hook.ParseExport([]byte(bad), ""); !errors.Is(err, fault.New(fault.InvalidParameter)) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestHookAsAction(t *testing.T) {
	e := sqlite(t)
	text := "'use strict';\nconst ip = require('ipaddr.js@1.9.0');\nconst s = require(\"@scope/x@2.0.0/lib\");\nmodule.exports = function (r, t, c, cb) { cb(); };"
	h, _, err := e.CreateHook(t.Context(), poolA, &hook.NewHook{Name: "a", TriggerID: hook.SendPhoneMessage, Script: text,
		Dependencies: map[string]string{"axios": "1.0.0"}, Secrets: map[string]string{"KEY": "v"}})
	want(t, err, "")
	a, err := e.HookAsAction(t.Context(), poolA, h.ID)
	want(t, err, "")
	for _, part := range []string{"onExecuteSendPhoneMessage", "require('ipaddr.js')", `require("@scope/x/lib")`, "(function (module, exports) {\n'use strict';"} {
		if !strings.Contains(a.Code, part) {
			t.Errorf("%q is missing in\n%s", part, a.Code)
		}
	}
	if fmt.Sprint(a.Dependencies) != "[{axios 1.0.0 } {ipaddr.js 1.9.0 } {@scope/x 2.0.0 }]" || !slices.Equal(a.Secrets, []string{"KEY"}) {
		t.Errorf("%v %v", a.Dependencies, a.Secrets)
	}
	_, err = e.CreateAction(t.Context(), poolA, &hook.NewAction{Name: a.Name, Trigger: a.Trigger, Code: a.Code, Dependencies: a.Dependencies})
	want(t, err, "")
}
