package proof

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// caught is somebody in the middle of a sign-in when the server dies.
type caught struct {
	name, to, token string
	answered        bool
}

// TestAuth0Crash kills the server while a hook is at work. What was answered is there afterwards: users, factors, sessions, mfa_tokens, codes, hooks
// and settings. A text that was at work is given to the hook once more at most, with the same code; all others once.
func TestAuth0Crash(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		to := newReceiver(t)
		n := serve(t, database, to.egress())
		x := n.tenants("crash")[0]
		x.rec = nil
		hookID := x.hook("held", strings.Replace(scriptOf(t, "auth0_version.js"), "VERSION", "1", 1), map[string]string{"RECEIVER": to.url})
		text := func(number string) string {
			t.Helper()
			m, ok := to.next(number)
			if !ok {
				t.Fatalf("no code came to %s", number)
			}
			return m.Code
		}
		// One is signed in, one has got a code, and eight are asked for one.
		before := numbered(11, 0)
		user := x.user("before@example.com", hisSecret, before)
		owed := x.owing("before@example.com", hisSecret)
		ch := x.ok(x.challenge(owed))
		tk := x.ok(x.redeem(owed, ch.str("oob_code"), text(before)))
		half := x.owing("before@example.com", hisSecret)
		halfCh := x.ok(x.challenge(half))
		halfCode := text(before)
		people := make([]*caught, 8)
		for i := range people {
			p := &caught{name: fmt.Sprintf("u%d@example.com", i), to: numbered(12, i)}
			x.user(p.name, hisSecret, p.to)
			p.token = x.owing(p.name, hisSecret)
			people[i] = p
		}
		settings := x.api("GET", "/guardian/factors", nil, 200)
		hold := make(chan struct{})
		to.setHold(hold)
		var wg sync.WaitGroup
		for _, p := range people {
			wg.Go(func() {
				a, err := x.try("POST", x.public+"/mfa/challenge", obj{"mfa_token": p.token, "client_id": x.client, "challenge_type": "oob"}, "")
				p.answered = err == nil && a.status == 200
			})
		}
		until(t, "the hook at work", func() bool { return len(to.all()) >= 2+4 })
		workers := below(t, n.cmd.Process.Pid)
		n.kill()
		killed := time.Now()
		wg.Wait()
		until(t, "the end of the workers", func() bool { return !slices.ContainsFunc(workers, func(l live) bool { return !l.gone() }) })
		to.setHold(nil)
		close(hold)
		n.leasesEnd()
		n.restart()
		n.settled()

		came := map[string][]received{}
		for _, m := range to.all() {
			came[m.To] = append(came[m.To], m)
		}
		twice := 0
		for _, p := range people {
			texts := came[p.to]
			if len(texts) == 2 {
				twice++
			}
			if p.answered || len(texts) > 2 || len(texts) == 2 && !(texts[0].at.Before(killed) && texts[1].at.After(killed) && texts[0].Code == texts[1].Code) {
				t.Errorf("%s was answered: %v, and got %d texts: %+v", p.to, p.answered, len(texts), texts)
			}
			// The sign-in goes on where it was.
			again := x.challenge(p.token)
			if again.status != 200 {
				t.Errorf("%s: the mfa_token is lost: %d %s", p.to, again.status, again.raw)
				continue
			}
			var last string
			for range 1 + len(texts) {
				last = text(p.to)
			}
			if a := x.redeem(p.token, again.str("oob_code"), last); a.status != 200 {
				t.Errorf("%s: the sign-in is lost: %d %s", p.to, a.status, a.raw)
			}
		}
		if twice == 0 {
			t.Errorf("no text was at work when the server died: nothing is proved (%d calls)", len(to.all()))
		}
		t.Logf("%d of %d texts were given to the hook twice", twice, len(people))
		if len(came[before]) != 2 {
			t.Errorf("texts that were sent before came again: %+v", came[before])
		}
		x.ok(x.redeem(half, halfCh.str("oob_code"), halfCode))
		x.ok(x.grant("refresh_token", obj{"refresh_token": tk.str("refresh_token")}))
		x.ok(x.call("GET", x.public+"/userinfo", nil, tk.str("access_token")))
		if a := x.api("GET", "/guardian/factors", nil, 200); string(a.raw) != string(settings.raw) {
			t.Errorf("the factors were %s and are %s", settings.raw, a.raw)
		}
		if a := x.api("GET", "/hooks/"+hookID, nil, 200); a.body["enabled"] != true {
			t.Errorf("the hook is %s", a.raw)
		}
		if list := x.log("gd_auth_succeed", user); len(list) != 2 {
			t.Errorf("the log has %d of 2 right codes", len(list))
		}
		n.stop(t)
	})
}

// TestAuth0DeployKilled kills the server while a hook and an action are changed without pause. What is shown afterwards is what runs, whole: the last
// version that was answered, or the one after it.
func TestAuth0DeployKilled(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		to := newReceiver(t)
		n := serve(t, database, to.egress())
		x := n.tenants("deploy")[0]
		x.rec = nil
		pad := "\n// " + strings.Repeat("a long text ", 8<<10) + "\n"
		hook := func(v int64) string {
			return strings.Replace(scriptOf(t, "auth0_version.js"), "VERSION", fmt.Sprint(v), 1) + pad
		}
		action := func(v int64) string {
			return fmt.Sprintf("exports.onExecutePostLogin = async (event, api) => api.accessToken.setCustomClaim('https://example.com/version', %d);", v) + pad
		}
		hookID := x.hook("versions", hook(0), map[string]string{"RECEIVER": to.url})
		made := x.api("POST", "/actions/actions", obj{"name": "versions", "supported_triggers": []obj{{"id": "post-login", "version": "v3"}}, "code": action(0), "deploy": true}, 201)
		actionPath := "/actions/actions/" + made.str("id")
		x.api("POST", actionPath+"/deploy", obj{}, 200)
		x.api("PATCH", "/actions/triggers/post-login/bindings", obj{"bindings": []obj{{"ref": obj{"type": "action_id", "value": made.str("id")}}}}, 200)
		x.user("plain@example.com", hisSecret, "")
		for round := range 3 {
			var hookDone, hookAsked, actionDone, actionAsked atomic.Int64
			base := int64(round+1) * 1000
			hookDone.Store(-1)
			actionDone.Store(-1)
			stop := make(chan struct{})
			var wg sync.WaitGroup
			loop := func(change func(v int64) bool, asked, done *atomic.Int64) {
				wg.Go(func() {
					for v := base; ; v++ {
						select {
						case <-stop:
							return
						default:
						}
						if asked.Store(v); !change(v) {
							return
						}
						done.Store(v)
					}
				})
			}
			good := func(method, path string, in any) bool {
				a, err := x.try(method, x.admin+"/api/v2"+path, in, x.token)
				for err == nil && a.status == 429 { // managers may call fifty times a second
					a, err = x.try(method, x.admin+"/api/v2"+path, in, x.token)
				}
				if err == nil && a.status >= 300 {
					t.Errorf("%s %s: %d %s", method, path, a.status, a.raw)
				}
				return err == nil && a.status < 300
			}
			loop(func(v int64) bool { return good("PATCH", "/hooks/"+hookID, obj{"script": hook(v)}) }, &hookAsked, &hookDone)
			loop(func(v int64) bool {
				return good("PATCH", actionPath, obj{"code": action(v)}) && good("POST", actionPath+"/deploy", obj{})
			}, &actionAsked, &actionDone)
			until(t, "some versions", func() bool { return hookDone.Load() >= base+3+int64(round) && actionDone.Load() >= base+3 })
			n.kill()
			close(stop)
			wg.Wait()
			n.restart()
			shown := x.api("GET", "/hooks/"+hookID, nil, 200).str("script")
			if v := versionIn(hook, hookDone.Load(), hookAsked.Load(), shown); v < 0 {
				t.Errorf("round %d: the hook is neither version %d nor %d: %.400s", round, hookDone.Load(), hookAsked.Load(), shown)
			} else if ran := x.versionOfHook(t, to, round); ran != fmt.Sprint(v) {
				t.Errorf("round %d: the hook is shown in version %d and runs in %s", round, v, ran)
			}
			x.deployed(actionPath, action, actionDone.Load(), actionAsked.Load())
			t.Logf("round %d: hook %d of %d, action %d of %d", round, hookDone.Load()-base, hookAsked.Load()-base, actionDone.Load()-base, actionAsked.Load()-base)
		}
		n.stop(t)
	})
}

// versionIn says which of two versions a text is, -1 if none.
func versionIn(text func(int64) string, done, asked int64, got string) int64 {
	for _, v := range []int64{done, asked} {
		if text(v) == got {
			return v
		}
	}
	return -1
}

// versionOfHook has a text sent.
func (x *tenant) versionOfHook(t *testing.T, to *receiver, round int) string {
	t.Helper()
	name, number := fmt.Sprintf("hook%d@example.com", round), numbered(13, round)
	x.user(name, hisSecret, number)
	x.ok(x.challenge(x.owing(name, hisSecret)))
	m, ok := to.next(number)
	if !ok {
		t.Error("the hook sends nothing")
	}
	return m.TriggerSource
}

// deployed compares the action that is deployed with what runs at a sign-in.
func (x *tenant) deployed(path string, text func(int64) string, done, asked int64) {
	x.t.Helper()
	a := x.api("GET", path, nil, 200)
	v := versionIn(text, done, asked, a.str("deployed_version", "code"))
	if v < 0 {
		x.t.Errorf("deployed is neither version %d nor %d: %.500s", done, asked, a.raw)
		return
	}
	tk := x.ok(x.signIn("plain@example.com", hisSecret)).str("access_token")
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(tk, ".")[1])
	check(x.t, err)
	var claims map[string]any
	check(x.t, json.Unmarshal(payload, &claims))
	if got := fmt.Sprint(claims["https://example.com/version"]); got != fmt.Sprint(v) {
		x.t.Errorf("version %d is deployed, and %s runs", v, got)
	}
	// A draft whose build died with the server is written again.
	x.api("PATCH", path, obj{"code": text(v)}, 200)
	x.api("POST", path+"/deploy", obj{}, 200)
}
