package hook_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/hook"
	"countersign/internal/script"
	"countersign/internal/store"
)

// keeps is a hook that makes its provider's client once, as guides do.
const keeps = `let client;
module.exports = function (recipient, text, context, cb) {
	client = client || { key: context.webtask.secrets.KEY };
	cb(null, { MessageID: client.key });
};`

// TestSecretsReachKeptClients: what code made of its secrets and keeps is of no use after they changed; what a run made of others gets into no message.
func TestSecretsReachKeptClients(t *testing.T) {
	e := withNode(t, 0)
	h := e.hook("phone", keeps, map[string]string{"KEY": "one"})
	sent := func() string {
		r, _, err := e.send(hook.PhoneHook)
		want(t, err, "")
		return r.ProviderID
	}
	r, err := e.RunHook(t.Context(), poolA, h.ID, &hook.Override{Secrets: map[string]string{"KEY": "trial"}})
	if err != nil || string(r.Data) != `{"MessageID":"trial"}` {
		t.Fatalf("%s %v", r.Data, err)
	}
	if got := sent(); got != "one" {
		t.Errorf("sent with %q", got)
	}
	if r, err = e.RunHook(t.Context(), poolA, h.ID, &hook.Override{Secrets: map[string]string{"KEY": "next"}}); err != nil || string(r.Data) != `{"MessageID":"next"}` {
		t.Errorf("%s %v", r.Data, err)
	}
	want(t, e.UpdateHookSecrets(t.Context(), poolA, h.ID, map[string]string{"KEY": "two"}), "")
	if got := sent(); got != "two" {
		t.Errorf("sent with %q", got)
	}
	e.rule("keeps", `let kept; function rule(user, context, callback) { kept = kept || configuration.PLAN; context.idToken['https://a/plan'] = kept; callback(null, user, context); }
module.exports = rule;`)
	for _, plan := range []string{"silver", "gold"} {
		want(t, e.SetRuleConfig(t.Context(), poolA, "PLAN", plan), "")
		if v, err := e.Judge(t.Context(), poolA, login()); err != nil || v.IDClaims["https://a/plan"] != plan {
			t.Errorf("%+v %v", v, err)
		}
	}
}

// TestHangingUp: who breaks sign-ins off does not get the pool's rules left alone, which would refuse everybody.
func TestHangingUp(t *testing.T) {
	e := sqlite(t)
	e.rule("slow", "slow")
	ctx, cancel := context.WithCancel(t.Context())
	e.fake.on("slow", func(input) (any, *runnerError, error) {
		cancel()
		return nil, &runnerError{Reason: "timeout", Type: "Sandbox.Timedout", Begun: true}, nil
	})
	for range 5 {
		_, err := e.Judge(ctx, poolA, login())
		want(t, err, fault.TriggerFailed)
		e.clock.add(time.Millisecond)
		ctx, cancel = context.WithCancel(t.Context())
	}
	defer cancel()
	e.fake.on("slow", func(in input) (any, *runnerError, error) { return answer{"begun": true, "data": in.Body}, nil, nil })
	_, err := e.Judge(t.Context(), poolA, login())
	want(t, err, "")
	if evs := e.eventsOf(eventlog.FunctionFailed); len(evs) != 0 {
		t.Errorf("%d events", len(evs))
	}
}

// TestRunShowsNoSecrets: what a run's code answers is shown without the secrets that it was given.
func TestRunShowsNoSecrets(t *testing.T) {
	e := sqlite(t)
	h := e.hook("phone", sends, map[string]string{"KEY": canary})
	e.fake.on(sends, func(in input) (any, *runnerError, error) {
		return answer{"begun": true, "envelope": answer{"status": "success", "data": in.Secrets}}, nil, nil
	})
	r, err := e.RunHook(t.Context(), poolA, h.ID, &hook.Override{})
	want(t, err, "")
	if want := `{"KEY":"[redacted]"}`; string(r.Data) != want || string(r.Envelope) != `{"data":`+want+`,"status":"success"}` {
		t.Errorf("%s %s", r.Envelope, r.Data)
	}
	a := e.action("claims", hook.PostLogin, logins, false)
	e.fake.on(logins, func(in input) (any, *runnerError, error) {
		return answer{"begun": true, "commands": []any{command("idToken.setCustomClaim", "key", in.Secrets["KEY"])}}, nil, nil
	})
	r, err = e.TestAction(t.Context(), poolA, a.ID, &hook.Override{})
	want(t, err, "")
	if text, _ := json.Marshal(r.Commands); string(text) != `[{"name":"idToken.setCustomClaim","args":["key","[redacted]"]}]` {
		t.Errorf("%s", text)
	}
}

// TestOneEnabledAtOnce: hooks that are made and switched on at the same time leave one that is on.
func TestOneEnabledAtOnce(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				_, _, err := e.CreateHook(t.Context(), poolA, &hook.NewHook{Name: fmt.Sprint("h", i), TriggerID: hook.SendPhoneMessage, Script: sends, Enabled: true})
				if err != nil && fault.CodeOf(err) != fault.ConcurrentModification {
					t.Error(err)
				}
			})
		}
		all.Wait()
		on, _, err := e.Hooks(t.Context(), poolA, hook.HookQuery{Enabled: ptr(true)})
		want(t, err, "")
		if len(on) != 1 {
			t.Errorf("%d are on", len(on))
		}
	})
}

// TestRunStoresNoPackage: the package of a run is not stored, so that runs cannot fill the storage that all pools share.
func TestRunStoresNoPackage(t *testing.T) {
	e := sqlite(t)
	h := e.hook("phone", sends, nil)
	bytes := func() (n int64) {
		want(t, e.store.Read(t.Context(), func(tx store.Tx) (err error) {
			n, err = tx.Artifacts().ArtifactBytes(t.Context())
			return err
		}), "")
		return n
	}
	before := bytes()
	_, err := e.Run(t.Context(), &hook.RunInput{Pool: poolA, Kind: script.Hook, Code: sends + "// a"})
	want(t, err, "")
	_, err = e.RunHook(t.Context(), poolA, h.ID, &hook.Override{Code: ptr(sends + "// b")})
	want(t, err, "")
	if e.fake.count(sends+"// a") != 1 || e.fake.count(sends+"// b") != 1 || bytes() != before || before == 0 {
		t.Errorf("%d bytes, then %d", before, bytes())
	}
}

// TestClosed: nothing is built by a service that ends.
func TestClosed(t *testing.T) {
	e := sqlite(t)
	e.Close(t.Context())
	_, err := e.CreateAction(t.Context(), poolA, &hook.NewAction{Name: "a", Trigger: hook.TriggerRef{ID: hook.PostLogin}})
	want(t, err, fault.ModulesUnavailable)
}
