package script_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/hookrun"
	"countersign/internal/hookrun/sandbox"
	"countersign/internal/runner"
	"countersign/internal/script"
)

// What a call prints after its callback is its own while it is being answered, and nobody's after that.
func TestPrintedAfterTheAnswer(t *testing.T) {
	s := newStage(t, sandbox.None, nil)
	u := unit(script.Hook, `module.exports = (r, t, c, cb) => {
		cb(null, 1);
		console.log('at once for ' + r);
		if (r === 'first') { setTimeout(() => console.log('late of ' + r), 20); setInterval(() => console.log('ever of ' + r), 5) }
	}`)
	to := func(r string) *script.Call {
		return newCall(script.HookBody(message, script.Text{To: r, Body: "t", Code: digits}))
	}
	if out := s.run(u, to("first")); out.Console != "at once for first\n" {
		t.Errorf("%q", out.Console)
	}
	wait := unit(script.Hook, `module.exports = (r, t, c, cb) => setTimeout(cb, 60)`)
	s.run(wait, newCall(hookBody()))
	if out := s.run(u, to("second")); out.Console != "at once for second\n" {
		t.Errorf("%q", out.Console)
	}
}

// Neither Node's modules nor its async resources lead code to what is noted of another call.
func TestOtherCallsAreOutOfReach(t *testing.T) {
	s := newStage(t, sandbox.None, nil)
	u := unit(script.Hook, `
		const hooks = require('async_hooks'), Module = require('module');
		function look() {
			const seen = new Set();
			const found = [];
			const into = (v, depth) => {
				if (v === null || typeof v !== 'object' && typeof v !== 'function' || seen.has(v) || depth > 8) return;
				seen.add(v);
				for (const k of Reflect.ownKeys(v)) {
					let x;
					try { x = v[k] } catch { continue }
					if (typeof x === 'string' && x.startsWith('secret-of-')) found.push(x);
					into(x, depth + 1);
				}
			};
			into(hooks.executionAsyncResource(), 0);
			into(Module._cache, 0);
			into(process.mainModule, 0);
			into(require.cache, 0);
			into(process._getActiveHandles(), 0);
			return found;
		}
		let stolen;
		for (const k of ['getStore', 'run', '_enable', 'enterWith']) {
			const f = hooks.AsyncLocalStorage.prototype[k];
			if (f) hooks.AsyncLocalStorage.prototype[k] = function (...args) { stolen = this; return Reflect.apply(f, this, args) };
		}
		module.exports = (r, t, c, cb) => {
			if (r === 'waits') return setTimeout(cb, 400, null, c.webtask.secrets.KEY);
			setTimeout(() => cb(null, [look().filter((x) => !x.endsWith(r)).length, stolen === undefined]), 50);
		}`)
	call := func(r string) *script.Call {
		c := newCall(script.HookBody(message, script.Text{To: r, Body: "t", Code: digits}))
		c.Secrets = map[string]string{"KEY": "secret-of-" + r}
		return c
	}
	s.run(u, call("first"))
	done := make(chan *script.Outcome)
	go func() { done <- s.run(u, call("waits")) }()
	if out := s.run(u, call("looks")); string(out.Data) != `[0,true]` {
		t.Errorf("%s %+v", out.Data, out.Error)
	}
	if out := <-done; !strings.Contains(string(out.Data), "secret-of-waits") {
		t.Errorf("%s", out.Data)
	}
}

// Code that keeps a little of each call gets a fresh worker before its memory is used up, which would cost the calls at hand.
func TestLeakCostsNoCalls(t *testing.T) {
	s := newStage(t, sandbox.None, nil)
	s.Runner = &script.Runner{Code: s.Code, MemoryMB: 128, Workers: 1}
	u := unit(script.Hook, `const kept = []; module.exports = (r, t, c, cb) => { kept.push(new Array(131072).fill(kept.length + 0.5)); setTimeout(cb, 2, null, process.pid) }`)
	pids := map[string]bool{}
	for range 250 {
		out := s.run(u, newCall(hookBody()))
		if out.Error != nil {
			t.Fatalf("after %d workers: %+v", len(pids), out.Error)
		}
		pids[string(out.Data)] = true
	}
	if len(pids) < 2 || len(pids) > 8 {
		t.Errorf("%d workers", len(pids))
	}
}

// A call that waited for a worker until little time is left is not begun: one that is cut off in the middle cannot be made again.
func TestTooLateToBegin(t *testing.T) {
	begun, release := make(chan bool), make(chan bool)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { begun <- true; <-release }))
	defer server.Close()
	s := newStage(t, sandbox.None, func(o *hookrun.Options) {
		o.Egress = hookrun.Egress{Allow: []string{server.Listener.Addr().String()}, Loopback: true}
	})
	s.Runner = &script.Runner{Code: s.Code, Workers: 1, Timeout: 4 * time.Second}
	u := unit(script.Hook, `module.exports = (r, t, c, cb) => r === 'waits' ? require('http').get('`+server.URL+`', () => cb()).on('error', cb) : cb()`)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if out := s.run(u, newCall(script.HookBody(message, script.Text{To: "waits", Code: digits}))); out.Error != nil {
				t.Errorf("a call that waits: %v", out.Error)
			}
		})
	}
	for range 16 {
		select {
		case <-begun:
		case <-time.After(time.Minute):
			t.Fatal("a call does not reach the server")
		}
	}
	call := newCall(hookBody())
	call.Deadline = time.Now().Add(2200 * time.Millisecond)
	time.AfterFunc(time.Second, func() { close(release) })
	out, err := s.Run(t.Context(), u, call)
	if !errors.Is(err, runner.ErrBusy) {
		t.Errorf("%+v %v", out, err)
	}
	wg.Wait()
	call = newCall(hookBody())
	call.Deadline = time.Now().Add(time.Second)
	if out := s.run(u, call); out.Error != nil {
		t.Errorf("a short call: %+v", out.Error)
	}
}

// What goes wrong in a module before its first call is told to that call, with the error's own words.
func TestModuleFailsLater(t *testing.T) {
	s := newStage(t, sandbox.None, nil)
	u := unit(script.Hook, `const ready = (async () => { await null; throw new Error('no config') })(); module.exports = async (r, t, c, cb) => { await ready; cb() }`)
	for range 3 {
		if out := s.run(u, newCall(hookBody())); out.Error == nil || out.Error.Failure != script.Unloadable || out.Error.Message != "no config" || out.Begun {
			t.Errorf("%+v, begun %v", out.Error, out.Begun)
		}
	}
	if out := s.hook(`console.log('begins'); process.exit(3)`); out.Error == nil || out.Error.Failure != script.Crashed || out.Console != "begins\n" {
		t.Errorf("%+v %q", out.Error, out.Console)
	}
}

// An exception that belongs to no call ends those at hand, and none after them.
func TestEndingProcessBeginsNoCalls(t *testing.T) {
	s := newStage(t, sandbox.None, nil)
	s.Runner = &script.Runner{Code: s.Code, Workers: 1}
	u := unit(script.Hook, `const { EventEmitter } = require('events'); let breaks; const until = new Promise((ok) => { breaks = ok });
		until.then(() => setImmediate(() => { throw new Error('of nobody') }));
		module.exports = (r, t, c, cb) => { if (r === 'breaks') return setTimeout(breaks, 20); if (r === 'waits') return; setTimeout(cb, 100) }`)
	s.run(u, newCall(hookBody()))
	var wg sync.WaitGroup
	for _, r := range []string{"breaks", "waits"} {
		wg.Go(func() {
			out := s.run(u, newCall(script.HookBody(message, script.Text{To: r, Code: digits})))
			if out.Error == nil || out.Error.Failure != script.Crashed || !strings.Contains(out.Error.Message, "of nobody") || !out.Begun {
				t.Errorf("%s: %+v", r, out.Error)
			}
		})
	}
	wg.Wait()
	for range 5 {
		if out := s.run(u, newCall(hookBody())); out.Error != nil && out.Begun {
			t.Errorf("begun and lost: %+v", out.Error)
		}
	}
}
