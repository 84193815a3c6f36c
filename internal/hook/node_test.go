package hook_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/hook"
	"countersign/internal/hookrun"
	"countersign/internal/hookrun/sandbox"
	"countersign/internal/script"
	"countersign/internal/store/storetest"
	"countersign/provider"
)

// withNode is a Service whose scripts run in real workers. The clock is the real one, since workers live in real time.
func withNode(t *testing.T, limit time.Duration) *env {
	t.Helper()
	r, err := hookrun.New(hookrun.Options{Cache: t.TempDir(), Isolation: sandbox.None, MaxIsolation: sandbox.None, MemoryMB: 4096, Queue: 300})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		r.Close(ctx)
	})
	return newEnv(t, storetest.SQLite(t), func(c *hook.Config) {
		c.Scripts, c.Now = &script.Runner{Code: r, Timeout: limit}, time.Now
	})
}

func TestRealHook(t *testing.T) {
	e := withNode(t, 0)
	e.hook("phone", `module.exports = function (recipient, text, context, cb) {
		console.log('to', recipient, 'with', context.webtask.secrets.KEY);
		if (context.client.name !== 'App' || context.code !== '918273') return cb(new Error('wrong context'));
		if (context.message_type === 'voice') { const e = new Error('no voice for ' + recipient); e.code = 'E42'; return cb(e); }
		cb(null, { MessageID: 'm-' + text.length });
	};`, map[string]string{"KEY": canary})
	r, name, err := e.send(hook.PhoneHook)
	if err != nil || r.ProviderID != fmt.Sprint("m-", len(text().Text)) || name != "hook:phone" {
		t.Errorf("%+v %s %v", r, name, err)
	}
	s, _, err := e.Sender(t.Context(), poolA, hook.PhoneHook)
	want(t, err, "")
	m := text()
	m.Channel = provider.Voice
	_, _, err = s.Send(t.Context(), m)
	if outcome(err) != "permanent" || !strings.Contains(err.Error(), "wrong context") {
		t.Errorf("%v", err)
	}
	evs := e.eventsOf(eventlog.FunctionRan, eventlog.FunctionFailed)
	if len(evs) != 2 {
		t.Fatalf("%d events", len(evs))
	}
	open, err := e.events.Open(t.Context(), evs[0], noKey)
	want(t, err, "")
	if said := fmt.Sprint(open); !strings.Contains(said, "to ") || strings.Contains(said, canary) || strings.Contains(said, "2025550123") {
		t.Errorf("%s", said)
	}
}

// TestRealTriggers: drop, retry and a throw of custom-phone-provider; rules and an action of post-login.
func TestRealTriggers(t *testing.T) {
	e := withNode(t, 0)
	e.action("provider", hook.CustomPhoneProvider, `exports.onExecuteCustomPhoneProvider = async (event, api) => {
		if (event.secrets.KEY.length !== 20) throw new Error('no secret');
		if (event.notification.recipient.endsWith('1')) api.notification.drop('not this one');
		if (event.notification.recipient.endsWith('2')) api.notification.retry('later');
		if (event.notification.recipient.endsWith('3')) throw new RangeError('broken');
	};`, false)
	s, _, err := e.Sender(t.Context(), poolA, hook.PhoneProvider)
	want(t, err, "")
	for to, expect := range map[string]string{
		"+12025550100": "sent", "+12025550101": "permanent: not this one", "+12025550102": "retryable: later", "+12025550103": "retryable: broken",
	} {
		m := text()
		m.To = to
		_, _, err := s.Send(t.Context(), m)
		class, words, _ := strings.Cut(expect, ": ")
		if outcome(err) != class || err != nil && !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, want %s", to, err, expect)
		}
	}
	e.rule("network", `function (user, context, callback) {
		if (context.riskAssessment && user.email) context.multifactor = { provider: 'any' };
		if (user.email === configuration.BAD) return callback(new UnauthorizedError('Not you.'));
		callback(null, user, context);
	}`)
	e.action("claims", hook.PostLogin, `exports.onExecutePostLogin = async (event, api) => {
		api.idToken.setCustomClaim('https://example.com/plan', event.user.email.split('@')[0]);
	};`, true)
	v, err := e.Judge(t.Context(), poolA, login())
	want(t, err, "")
	if !v.MFA || v.IDClaims["https://example.com/plan"] != "wanda" || v.Denied != "" {
		t.Errorf("%+v", v)
	}
	want(t, e.SetRuleConfig(t.Context(), poolA, "BAD", "wanda@example.com"), "")
	if v, err = e.Judge(t.Context(), poolA, login()); err != nil || v.Denied != "Not you." {
		t.Errorf("%+v %v", v, err)
	}
}

// TestHookAsActionRuns: the action form does what the hook does, success and failure alike.
func TestHookAsActionRuns(t *testing.T) {
	e := withNode(t, 0)
	h := e.hook("phone", `'use strict';
const util = require('util');
module.exports = function (recipient, text, context, cb) {
	if (text.includes('fail')) return cb({ message: util.format('%s said no', context.webtask.secrets.WHO) });
	cb(null, {});
};`, map[string]string{"WHO": "Twilio"})
	form, err := e.HookAsAction(t.Context(), poolA, h.ID)
	want(t, err, "")
	e.action("phone", hook.SendPhoneMessage, form.Code, true)
	list, _, err := e.Actions(t.Context(), poolA, hook.ActionQuery{})
	want(t, err, "")
	_, err = e.UpdateAction(t.Context(), poolA, list[0].ID, &hook.ActionChange{Secrets: &[]hook.SecretValue{{Name: "WHO", Value: "Twilio"}}})
	want(t, err, "")
	_, err = e.DeployAction(t.Context(), poolA, list[0].ID)
	want(t, err, "")
	for _, both := range []bool{true, false} {
		if !both {
			_, _, err := e.UpdateHook(t.Context(), poolA, h.ID, &hook.HookChange{Enabled: ptr(false)})
			want(t, err, "")
		}
		s, _, err := e.Sender(t.Context(), poolA, hook.PhoneHook)
		want(t, err, "")
		if _, name, err := s.Send(t.Context(), text()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		m := text()
		m.Text = "fail"
		if _, name, err := s.Send(t.Context(), m); outcome(err) != "permanent" || !strings.Contains(err.Error(), "said no") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// flood sends n messages at once and counts how they end.
func (e *env) flood(poolID string, n int, within time.Duration) map[string]int {
	e.t.Helper()
	s, ok, err := e.Sender(e.t.Context(), poolID, hook.PhoneHook)
	if err != nil || !ok {
		e.t.Fatal(ok, err)
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	ends := map[string]int{}
	for range n {
		all.Go(func() {
			ctx, cancel := timeout(e.t, within)
			defer cancel()
			_, _, err := s.Send(ctx, text())
			mu.Lock()
			defer mu.Unlock()
			ends[outcome(err)]++
		})
	}
	all.Wait()
	return ends
}

func TestManyAtOnce(t *testing.T) {
	e := withNode(t, 0)
	e.hook("phone", `module.exports = (recipient, text, context, cb) => setTimeout(() => cb(null, {}), 50);`, nil)
	if ends := e.flood(poolA, 200, 25*time.Second); ends["sent"] != 200 {
		t.Errorf("%v", ends)
	}
}

// TestTrouble: code that hangs or crashes costs its own messages, ends them all, and touches no other pool's.
func TestTrouble(t *testing.T) {
	for name, code := range map[string]string{
		"hangs":   `module.exports = (recipient, text, context, cb) => {};`,
		"crashes": `module.exports = (recipient, text, context, cb) => process.exit(3);`,
		"loops":   `module.exports = (recipient, text, context, cb) => { for (;;); };`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := withNode(t, 500*time.Millisecond)
			e.hook("phone", code, nil)
			_, _, err := e.CreateHook(t.Context(), poolB, &hook.NewHook{Name: "phone", TriggerID: hook.SendPhoneMessage, Script: sends, Enabled: true})
			want(t, err, "")
			ends := map[string]int{}
			rested := false
			for i := 0; i < 20 && !rested; i++ {
				for k, n := range e.flood(poolA, 20, 10*time.Second) {
					ends[k] += n
				}
				rested = ends["throttled"] > 0
			}
			if !rested || ends["permanent, ambiguous"] == 0 || ends["sent"]+ends["permanent"]+ends["misconfigured"] > 0 {
				t.Errorf("%v", ends)
			}
			if ends := e.flood(poolB, 20, 10*time.Second); ends["sent"] != 20 {
				t.Errorf("another pool: %v", ends)
			}
		})
	}
}
