package hook_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/facts"
	"countersign/internal/hook"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/store"
	"countersign/provider"
)

// TestFailureInTheLog: a hook is called once for a message, and its error's words are in gd_send_sms_failure.
func TestFailureInTheLog(t *testing.T) {
	e := sqlite(t, func(c *hook.Config) { c.Now = time.Now })
	e.hook("phone", sends, nil)
	a := refused("RestException", "Permission to send an SMS to +12025550123 has not been enabled")
	a["error"].(answer)["code"] = "21408"
	e.fake.says(sends, a)
	w, err := delivery.New(delivery.Config{
		Store: e.store, Keys: keyringtest.New(t, poolA), Log: e.events, Segments: func(string) int { return 1 },
		Route: func(ctx context.Context, m *store.Message) (delivery.Sender, error) {
			s, _, err := e.Sender(ctx, m.PoolID, hook.PhoneHook)
			return s, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	go w.Run(t.Context())
	event, err := json.Marshal(facts.Message{Purpose: facts.Enroll, Language: "en", Tenant: facts.Tenant{ID: poolA}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := w.Prepare(t.Context(), delivery.Draft{PoolID: poolA, To: "+12025550123", Text: "918273 is your code", Code: "918273", Event: event,
		Channel: provider.SMS, ExpiresAt: time.Now().Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	id := m.ID
	if err := e.store.Write(t.Context(), func(tx store.Tx) error { return w.Enqueue(t.Context(), tx, m) }); err != nil {
		t.Fatal(err)
	}
	w.Wake(m)
	o, err := w.Await(t.Context(), id)
	if err != nil || o.State != store.Failed || o.Class != provider.ClassPermanent {
		t.Fatalf("%+v %v", o, err)
	}
	evs := e.eventsOf(eventlog.SendSMSFailure)
	if len(evs) != 1 || e.fake.count(sends) != 1 {
		t.Fatalf("%d events, %d calls", len(evs), e.fake.count(sends))
	}
	for _, part := range []string{"hook:phone", "21408", "RestException: Permission to send an SMS to", "has not been enabled"} {
		if !strings.Contains(string(evs[0].Data), part) {
			t.Errorf("%q is not in %s", part, evs[0].Data)
		}
	}
	if strings.Contains(string(evs[0].Data), "2025550123") {
		t.Errorf("%s", evs[0].Data)
	}
	w.Drain(t.Context())
}

// TestWorkersOfOldCodeEnd: a change of the script or its secrets ends the workers of the one before, a deleted pool's all of them.
func TestWorkersOfOldCodeEnd(t *testing.T) {
	e := sqlite(t)
	h := e.hook("phone", sends, nil)
	look := func() int {
		if _, _, err := e.Sender(t.Context(), poolA, hook.PhoneHook); err != nil {
			t.Fatal(err)
		}
		return e.fake.forgotten
	}
	if n := look(); n != 0 {
		t.Errorf("%d workers were ended", n)
	}
	want(t, e.AddHookSecrets(t.Context(), poolA, h.ID, map[string]string{"A": "1"}), "")
	if n := look(); n != 1 {
		t.Errorf("a change of secrets ended %d", n)
	}
	_, _, err := e.UpdateHook(t.Context(), poolA, h.ID, &hook.HookChange{Script: ptr(sends + "//2")})
	want(t, err, "")
	if n := look(); n != 2 {
		t.Errorf("%d were ended", n)
	}
	if e.Forget(poolA); e.fake.forgotten != 3 {
		t.Errorf("%d were ended", e.fake.forgotten)
	}
	e.Forget(poolB)
}
