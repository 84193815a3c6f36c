package hook_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"countersign/internal/fault"
	"countersign/internal/hook"
	"countersign/internal/store/storetest"
)

const logins = "exports.onExecutePostLogin = async (event, api) => {}"

func newAction(name string) *hook.NewAction {
	return &hook.NewAction{Name: name, Trigger: hook.TriggerRef{ID: hook.PostLogin}, Code: logins, Secrets: []hook.SecretValue{{Name: "KEY", Value: canary}}}
}

func TestActionLifeCycle(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		a, err := e.CreateAction(ctx, poolA, newAction("first"))
		want(t, err, "")
		if a.Status != hook.Ready || a.Runtime != "node22" || a.Trigger.Version != "v3" || a.Deployed != nil || a.Current || a.BuiltAt.IsZero() {
			t.Errorf("%+v", a)
		}
		v, err := e.DeployAction(ctx, poolA, a.ID)
		want(t, err, "")
		if a, err = e.Action(ctx, poolA, a.ID); err != nil || v.Number != 1 || !v.Deployed || a.Deployed.ID != v.ID || !a.Current {
			t.Errorf("%+v %+v %v", a, v, err)
		}
		// A change of the draft leaves the version alone.
		a, err = e.UpdateAction(ctx, poolA, a.ID, &hook.ActionChange{Code: ptr(logins + "//2")})
		want(t, err, "")
		if a.Current || a.Deployed.Code != logins || a.Code != logins+"//2" || a.Status != hook.Ready {
			t.Errorf("%+v", a)
		}
		v2, err := e.DeployAction(ctx, poolA, a.ID)
		want(t, err, "")
		list, n, err := e.Versions(ctx, poolA, a.ID, 0, 0)
		want(t, err, "")
		if n != 2 || list[0].ID != v2.ID || !list[0].Deployed || list[1].Deployed {
			t.Errorf("%+v", list)
		}
		// Rolling back makes a new version.
		v3, err := e.DeployVersion(ctx, poolA, a.ID, v.ID, true)
		want(t, err, "")
		if a, err = e.Action(ctx, poolA, a.ID); err != nil || v3.Number != 3 || v3.Code != logins || a.Code != logins || !a.Current || a.Deployed.Number != 3 {
			t.Errorf("%+v %+v %v", a, v3, err)
		}
		_, err = e.DeployVersion(ctx, poolA, a.ID, v2.ID, false)
		want(t, err, "")
		if a, err = e.Action(ctx, poolA, a.ID); err != nil || a.Code != logins || a.Current || a.Deployed.Code != logins+"//2" {
			t.Errorf("%+v %v", a, err)
		}
		_, err = e.Version(ctx, poolB, a.ID, v.ID)
		want(t, err, fault.ResourceNotFound)
		_, err = e.DeployVersion(ctx, poolA, a.ID, "x", false)
		want(t, err, fault.ResourceNotFound)
		want(t, e.DeleteAction(ctx, poolA, a.ID, false), "")
		_, err = e.Action(ctx, poolA, a.ID)
		want(t, err, fault.ResourceNotFound)
	})
}

func TestBrokenDraft(t *testing.T) {
	e := sqlite(t)
	ctx := t.Context()
	a := e.action("a", hook.PostLogin, logins, true)
	a, err := e.UpdateAction(ctx, poolA, a.ID, &hook.ActionChange{Code: ptr("SYNTAX")})
	want(t, err, "")
	if a.Status != hook.Failed || len(a.Errors) != 1 || !strings.Contains(a.Errors[0].Msg, "action.js:1:7") || a.Deployed == nil {
		t.Errorf("%+v", a)
	}
	_, err = e.DeployAction(ctx, poolA, a.ID)
	if want(t, err, fault.InvalidParameter); !strings.Contains(err.Error(), "must be in the 'built' state") || !strings.Contains(err.Error(), "action.js:1:7") {
		t.Errorf("%v", err)
	}
	if judges, err := e.Judges(ctx, poolA); !judges || err != nil {
		t.Errorf("%v %v", judges, err)
	}
	// What asked for confirmation is built by confirming it.
	a, err = e.UpdateAction(ctx, poolA, a.ID, &hook.ActionChange{Code: ptr("onExecutePostLogin YOUNG")})
	want(t, err, "")
	if a.Status != hook.Failed || a.Errors[0].ID != string(fault.ConfirmationNeeded) {
		t.Errorf("%+v", a)
	}
	a, err = e.UpdateAction(ctx, poolA, a.ID, &hook.ActionChange{Save: hook.Save{Confirm: true}})
	if want(t, err, ""); a.Status != hook.Ready {
		t.Errorf("%+v", a)
	}
}

// TestSlowBuild: a build that takes long goes on after the answer, and a newer draft is not overwritten by an older one's build.
func TestSlowBuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sqlite(t)
		ctx := t.Context()
		in := newAction("slow")
		in.Code, in.Deploy = "onExecutePostLogin WAIT", true
		a, err := e.CreateAction(ctx, poolA, in)
		if want(t, err, ""); a.Status != hook.Pending || a.Deployed != nil {
			t.Errorf("%+v", a)
		}
		_, err = e.DeployAction(ctx, poolA, a.ID)
		want(t, err, fault.InvalidParameter)
		a, err = e.UpdateAction(ctx, poolA, a.ID, &hook.ActionChange{Code: ptr("onExecutePostLogin WAIT 2")})
		if want(t, err, ""); a.Status != hook.Pending {
			t.Errorf("%+v", a)
		}
		close(e.builder.release)
		synctest.Wait()
		a, err = e.Action(ctx, poolA, a.ID)
		if want(t, err, ""); a.Status != hook.Ready || !a.Current || a.Deployed.Code != "onExecutePostLogin WAIT 2" || a.Deployed.Number != 1 {
			t.Errorf("%+v %+v", a, a.Deployed)
		}
		e.Close(ctx)
		_ = e.store.Close()
	})
}

// TestCutOffBuild: what a node did not finish is built anew when somebody looks.
func TestCutOffBuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sqlite(t)
		ctx := t.Context()
		in := newAction("slow")
		in.Code = "onExecutePostLogin WAIT"
		a, err := e.CreateAction(ctx, poolA, in)
		want(t, err, "")
		e.Close(ctx)
		synctest.Wait()
		close(e.builder.release)
		other := e.node()
		a, err = other.Action(ctx, poolA, a.ID)
		if want(t, err, ""); a.Status != hook.Ready {
			t.Errorf("%+v", a)
		}
		other.Close(ctx)
		_ = e.store.Close()
	})
}

func TestBuildsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t, storetest.SQLite(t), func(c *hook.Config) { c.Limits.Builds, c.Limits.Queue = 1, 1 })
		for i := range 3 {
			in := newAction(fmt.Sprint("a", i))
			in.Code = "onExecutePostLogin WAIT"
			_, err := e.CreateAction(t.Context(), poolA, in)
			want(t, err, map[bool]fault.Code{true: fault.Overloaded}[i == 2])
		}
		_, _, err := e.CreateHook(t.Context(), poolA, &hook.NewHook{Name: "h", TriggerID: hook.SendPhoneMessage, Script: sends})
		want(t, err, fault.Overloaded)
		close(e.builder.release)
		synctest.Wait()
		_, err = e.CreateAction(t.Context(), poolA, newAction("z"))
		want(t, err, "")
		e.Close(context.Background())
		_ = e.store.Close()
	})
}

func TestActionIsJudged(t *testing.T) {
	e := sqlite(t)
	tests := []struct {
		name   string
		change func(*hook.NewAction)
		code   fault.Code
	}{
		{"no name", func(a *hook.NewAction) { a.Name = "" }, fault.InvalidParameter},
		{"no code", func(a *hook.NewAction) { a.Code = "" }, ""},
		{"blank code", func(a *hook.NewAction) { a.Code = "\n" }, fault.InvalidParameter},
		{"foreign trigger", func(a *hook.NewAction) { a.Trigger.ID = "password-reset-post-challenge" }, fault.UnsupportedOperation},
		{"foreign version", func(a *hook.NewAction) { a.Trigger.Version = "v9" }, fault.InvalidParameter},
		{"old version", func(a *hook.NewAction) { a.Trigger = hook.TriggerRef{ID: hook.SendPhoneMessage, Version: "v1"} }, ""},
		{"runtime", func(a *hook.NewAction) { a.Runtime = "python3" }, fault.InvalidParameter},
		{"old runtime", func(a *hook.NewAction) { a.Runtime = "node18-actions" }, ""},
		{"secret twice", func(a *hook.NewAction) {
			a.Secrets = []hook.SecretValue{{Name: "A", Value: "1"}, {Name: "A", Value: "2"}}
		}, fault.InvalidParameter},
		{"module twice", func(a *hook.NewAction) { a.Dependencies = []hook.Dependency{{Name: "a"}, {Name: "a"}} }, fault.InvalidParameter},
		{"large for Auth0", func(a *hook.NewAction) { a.Code = logins + "//" + strings.Repeat("x", 120<<10) }, ""},
	}
	for i, tt := range tests {
		in := newAction(fmt.Sprint("a", i))
		tt.change(in)
		a, err := e.CreateAction(t.Context(), poolA, in)
		if fault.CodeOf(err) != tt.code {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.code)
		}
		if tt.name == "large for Auth0" && len(a.Warnings) != 1 {
			t.Errorf("%+v", a.Warnings)
		}
	}
	_, err := e.CreateAction(t.Context(), poolA, newAction("a5"))
	want(t, err, fault.ResourceExists)
}

// TestSecretsOfActions: the list is the full set, an entry without a value keeps the one that is there, and a version keeps its own.
func TestSecretsOfActions(t *testing.T) {
	e := sqlite(t)
	ctx := t.Context()
	a := e.action("a", hook.SendPhoneMessage, "onExecuteSendPhoneMessage", true)
	builds := e.builder.builds.Load()
	a, err := e.UpdateAction(ctx, poolA, a.ID, &hook.ActionChange{Secrets: &[]hook.SecretValue{{Name: "KEY"}, {Name: "NEW", Value: "2"}}})
	want(t, err, "")
	if a.Current || len(a.Secrets) != 2 || len(a.Deployed.Secrets) != 1 || a.Status != hook.Ready || e.builder.builds.Load() != builds {
		t.Errorf("%+v", a)
	}
	seen := func() (got map[string]string) {
		e.fake.on("onExecuteSendPhoneMessage", func(in input) (any, *runnerError, error) { got = in.Secrets; return answer{"begun": true}, nil, nil })
		s, ok, err := e.Sender(ctx, poolA, hook.PhoneHook)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		_, _, err = s.Send(ctx, text())
		want(t, err, "")
		return got
	}
	if got := seen(); fmt.Sprint(got) != "map[KEY:"+canary+"]" {
		t.Errorf("%v", got)
	}
	_, err = e.DeployAction(ctx, poolA, a.ID)
	want(t, err, "")
	if got := seen(); fmt.Sprint(got) != "map[KEY:"+canary+" NEW:2]" {
		t.Errorf("%v", got)
	}
	a, err = e.UpdateAction(ctx, poolA, a.ID, &hook.ActionChange{Secrets: &[]hook.SecretValue{}})
	if want(t, err, ""); len(a.Secrets) != 0 {
		t.Errorf("%+v", a.Secrets)
	}
}

func TestBindings(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		a, b := e.action("a", hook.PostLogin, logins, false), e.action("b", hook.PostLogin, logins+"//b", false)
		draft, err := e.CreateAction(ctx, poolA, newAction("draft"))
		want(t, err, "")
		phone := e.action("phone", hook.SendPhoneMessage, "onExecuteSendPhoneMessage", false)
		for name, list := range map[string][]hook.NewBinding{
			"not deployed": {{ActionID: draft.ID}}, "another trigger": {{ActionID: phone.ID}}, "twice": {{ActionID: a.ID}, {ActionName: "a"}},
		} {
			if _, err := e.Bind(ctx, poolA, hook.PostLogin, list); fault.CodeOf(err) != fault.InvalidParameter {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err = e.Bind(ctx, poolA, hook.PostLogin, []hook.NewBinding{{ActionName: "nobody"}})
		want(t, err, fault.ResourceNotFound)
		_, err = e.Bind(ctx, poolA, "pre-user-registration", nil)
		want(t, err, fault.ResourceNotFound)
		_, err = e.Bind(ctx, poolA, hook.PostLogin, make([]hook.NewBinding, 21))
		want(t, err, fault.TooMany)
		first, err := e.Bind(ctx, poolA, hook.PostLogin, []hook.NewBinding{{ActionID: a.ID}, {ActionName: "b", DisplayName: "Second"}})
		want(t, err, "")
		second, err := e.Bind(ctx, poolA, hook.PostLogin, []hook.NewBinding{{ActionID: b.ID}, {ActionID: a.ID}})
		want(t, err, "")
		if second[0].ID != first[1].ID || second[0].DisplayName != "b" || second[1].Action.Name != "a" {
			t.Errorf("%+v", second)
		}
		want(t, e.DeleteAction(ctx, poolA, a.ID, false), fault.InvalidParameter)
		want(t, e.DeleteAction(ctx, poolA, a.ID, true), "")
		list, err := e.Bindings(ctx, poolA, hook.PostLogin)
		want(t, err, "")
		if len(list) != 1 || list[0].Action.ID != b.ID {
			t.Errorf("%+v", list)
		}
		if other, err := e.Bindings(ctx, poolB, hook.PostLogin); err != nil || len(other) != 0 {
			t.Errorf("%v %v", other, err)
		}
	})
}

func TestOldVersionsGo(t *testing.T) {
	e := newEnv(t, storetest.SQLite(t), func(c *hook.Config) { c.Limits.Versions = 3 })
	a := e.action("a", hook.PostLogin, logins, false)
	for range 5 {
		_, err := e.DeployAction(t.Context(), poolA, a.ID)
		want(t, err, "")
	}
	list, n, err := e.Versions(t.Context(), poolA, a.ID, 0, 0)
	want(t, err, "")
	var numbers []int64
	for _, v := range list {
		numbers = append(numbers, v.Number)
	}
	if n != 3 || !slices.Equal(numbers, []int64{6, 5, 4}) {
		t.Errorf("%v", numbers)
	}
}

func TestActionsAreSelected(t *testing.T) {
	e := sqlite(t)
	ctx := t.Context()
	for i := range 3 {
		e.clock.add(time.Second)
		e.action(fmt.Sprint("a", i), hook.PostLogin, logins, false)
	}
	_, err := e.CreateAction(ctx, poolA, newAction("draft"))
	want(t, err, "")
	for _, tt := range []struct {
		q     hook.ActionQuery
		total int
		first string
	}{
		{hook.ActionQuery{}, 4, "a0"}, {hook.ActionQuery{Skip: 1, Limit: 1}, 4, "a1"}, {hook.ActionQuery{Deployed: ptr(false)}, 1, "draft"},
		{hook.ActionQuery{Name: "a2"}, 1, "a2"}, {hook.ActionQuery{TriggerID: hook.SendPhoneMessage}, 0, ""}, {hook.ActionQuery{Skip: 9}, 4, ""},
	} {
		got, n, err := e.Actions(ctx, poolA, tt.q)
		want(t, err, "")
		first := ""
		if len(got) > 0 {
			first = got[0].Name
		}
		if n != tt.total || first != tt.first {
			t.Errorf("%+v: %d, %q", tt.q, n, first)
		}
	}
}
