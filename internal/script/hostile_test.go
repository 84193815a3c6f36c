package script_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/hookrun"
	"countersign/internal/hookrun/sandbox"
	"countersign/internal/runner"
	"countersign/internal/script"
)

var levels = []sandbox.Level{sandbox.Full, sandbox.None}

// tampering is what code may do to the language and to Node, by accident or on purpose.
var tampering = map[string]string{
	"Object.prototype":   `for (const k of ['toJSON', 'then', 'done', 'socketPath', 'createConnection', 'timeout', 'host', 'get', 'set', 'value', 'error', 'envelope', 'secrets', 'agent', 'path', 'signal', 'headers', 'auth', 'lookup', 'cache', 'limit']) Object.prototype[k] = () => { throw new Error('polluted ' + k) };`,
	"Object.prototype 2": `Object.defineProperty(Object.prototype, 'console', { set() { throw new Error('set') }, get() { return 'stolen' } });`,
	"Array.prototype":    `const left = new Set(['constructor', 'length', 'pop', 'splice', 'shift', 'unshift']); for (const k of Object.getOwnPropertyNames(Array.prototype)) if (!left.has(k)) Array.prototype[k] = () => { throw new Error('array') }; Array.prototype[Symbol.iterator] = function* () { yield 'x' }; Array.prototype.toJSON = () => 'x';`,
	"String.prototype":   `for (const k of Object.getOwnPropertyNames(String.prototype)) if (k !== 'constructor' && k !== 'length') String.prototype[k] = () => { throw new Error('string') };`,
	"JSON":               `JSON.stringify = () => '"stolen"'; JSON.parse = () => ({}); globalThis.JSON = null;`,
	"Promise":            `Promise.prototype.then = () => { throw new Error('then') }; Promise.prototype.catch = Promise.prototype.then; globalThis.Promise = class {};`,
	"Promise species":    `Object.defineProperty(Promise, Symbol.species, { get() { throw new Error('species') } }); Promise.prototype.constructor = function () { throw new Error('constructor') };`,
	"Map and WeakMap":    `for (const c of [Map, WeakMap, Set, WeakSet]) for (const k of Object.getOwnPropertyNames(c.prototype)) try { c.prototype[k] = () => { throw new Error('map') } } catch {}`,
	"RegExp":             `RegExp.prototype.exec = RegExp.prototype.test = () => { throw new Error('regexp') };`,
	"Error":              `globalThis.Error = class {}; globalThis.TypeError = undefined;`,
	"timers":             `globalThis.setTimeout = globalThis.setImmediate = globalThis.clearTimeout = globalThis.queueMicrotask = () => { throw new Error('timer') }; process.nextTick = () => {};`,
	"Date":               `globalThis.Date = undefined; performance.now = () => NaN;`,
	"process.stdout":     `Object.defineProperty(process, 'stdout', { value: { write() { throw new Error('stdout') } } }); Object.defineProperty(process, 'stderr', { value: null });`,
	"console":            `globalThis.console = { log() {} };`,
	"http":               `const h = require('http'); h.request = h.get = () => { throw new Error('http') }; h.globalAgent = null; h.Agent = null;`,
	"async_hooks":        `const { AsyncLocalStorage } = require('async_hooks'); AsyncLocalStorage.prototype.getStore = AsyncLocalStorage.prototype.run = () => { throw new Error('als') };`,
	"process":            `process.exit = process.reallyExit = process.on = process.emit = () => {}; process.env = {};`,
	"Buffer":             `Buffer.from = Buffer.byteLength = () => { throw new Error('buffer') }; globalThis.Buffer = undefined;`,
	"Reflect and Proxy":  `Reflect.apply = () => { throw new Error('reflect') }; globalThis.Proxy = undefined;`,
	"listeners":          `process.removeAllListeners('beforeExit'); require('events').errorMonitor = 1;`,
	"all frozen":         `for (const c of [Object, Array, String, Promise, Function, Error, Map, WeakMap, RegExp]) { Object.freeze(c); Object.freeze(c.prototype) } Object.freeze(JSON);`,
}

// wreckage breaks Node itself.
var wreckage = map[string]string{
	"Function.prototype": `Function.prototype.call = Function.prototype.apply = Function.prototype.bind = () => { throw new Error('function') };`,
	"Array.prototype":    `Array.prototype.pop = Array.prototype.shift = Array.prototype.splice = () => { throw new Error('array') };`,
	"index setter":       `Object.defineProperty(Object.prototype, '0', { set() { throw new Error('set 0') }, configurable: true });`,
	"EventEmitter":       `require('events').prototype.emit = () => { throw new Error('emit') };`,
}

// Whatever code changes about the language and Node, its calls are answered with what it gave for each, and its failures are noted as they are.
func TestTampering(t *testing.T) {
	s := newStage(t, sandbox.None, func(o *hookrun.Options) { o.MemoryMB = 8192 })
	for name, prelude := range tampering {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.with(t)
			u := unit(script.Hook, prelude+`
				module.exports = (r, t, c, cb) => { if (t === 'throw') throw new RangeError('as it is ' + r); c.webtask.secrets.NOPE; cb(null, r); cb() }`)
			var wg sync.WaitGroup
			for i := range 20 {
				wg.Add(1)
				go func() {
					defer wg.Done()
					to, text := fmt.Sprintf("number %d", i), "t"
					if i%5 == 4 {
						text = "throw"
					}
					out, err := s.Run(context.Background(), u, newCall(script.HookBody(message, script.Text{To: to, Body: text, Code: digits})))
					if err != nil {
						t.Errorf("Run: %v", err)
						return
					}
					if text == "throw" {
						if out.Error == nil || out.Error.Failure != script.Threw || !strings.HasPrefix(out.Error.Message, "as it is "+to) && name != "Error" {
							t.Errorf("call %d: %+v %s", i, out.Error, out.Envelope)
						}
						return
					}
					if out.Error != nil || string(out.Data) != `"`+to+`"` || len(out.Warnings) != 2 {
						t.Errorf("call %d: %s %+v %q", i, out.Envelope, out.Error, out.Warnings)
					}
				}()
			}
			wg.Wait()
		})
	}
}

// Code that breaks Node breaks its own calls: they end, and none is answered with what belongs to another.
func TestWreckage(t *testing.T) {
	s := newStage(t, sandbox.None, func(o *hookrun.Options) { o.MemoryMB = 8192 })
	s.Timeout = 2 * time.Second
	for name, prelude := range wreckage {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := unit(script.Hook, prelude+`module.exports = (r, t, c, cb) => setTimeout(() => cb(null, r), 2)`)
			var wg sync.WaitGroup
			for i := range 20 {
				wg.Add(1)
				go func() {
					defer wg.Done()
					to := fmt.Sprintf("number %d", i)
					out, err := s.Run(context.Background(), u, newCall(script.HookBody(message, script.Text{To: to, Body: "t", Code: digits})))
					if err != nil {
						return // its workers end before they take it
					}
					if out.Error == nil && string(out.Data) != `"`+to+`"` || out.Error != nil && out.Error.Failure == script.Refused {
						t.Errorf("call %d: %s %+v", i, out.Envelope, out.Error)
					}
				}()
			}
			wg.Wait()
		})
	}
}

// What belongs to one call stays there, however its code waits: console, requests, warnings, secrets and answers.
func TestCallsAtOnce(t *testing.T) {
	for _, level := range levels {
		t.Run(string(level), func(t *testing.T) {
			host := "127.0.0.1:1"
			s := newStage(t, level, func(o *hookrun.Options) {
				o.Queue, o.MemoryMB = 400, 4096
				o.Local = func(string, int) http.Handler { return http.NotFoundHandler() }
			})
			if level == sandbox.Full {
				host = "api.example.com"
			}
			u := unit(script.Hook, `
				const wait = (ms) => new Promise((ok) => setTimeout(ok, ms));
				const fs = require('fs');
				module.exports = async (r, t, c, cb) => {
					console.log('begin ' + r);
					await wait(Math.random() * 5);
					await new Promise((ok) => fs.readFile(__filename, ok));
					c.webtask.secrets['MISSING_' + r];
					const once = (f) => { let done; return () => { if (!done) { done = true; f() } } };
					const next = once(() => {
						process.nextTick(() => setImmediate(async () => { await null; console.log('end ' + r); if (t === 'throw') throw new Error('of ' + r); cb(null, [r, c.webtask.secrets.OWN, process.pid]) }));
					});
					require('http').get('http://`+host+`/' + r, (res) => { res.resume(); res.on('end', next) }).on('error', next);
				};`)
			var wg sync.WaitGroup
			var mu sync.Mutex
			pids := map[string]bool{}
			for i := range 200 {
				wg.Add(1)
				go func() {
					defer wg.Done()
					to, text := fmt.Sprintf("r%d", i), "t"
					if i%7 == 0 {
						text = "throw"
					}
					call := newCall(script.HookBody(message, script.Text{To: to, Body: text, Code: digits}))
					call.Secrets = map[string]string{"OWN": "own" + to}
					out, err := s.Run(context.Background(), u, call)
					if err != nil {
						t.Errorf("call %d: %v", i, err)
						return
					}
					if out.Console != "begin "+to+"\nend "+to+"\n" || len(out.Requests) != 1 || out.Requests[0].Path != "/"+to ||
						len(out.Warnings) != 1 || !strings.Contains(out.Warnings[0], "MISSING_"+to+" ") {
						t.Errorf("call %d: %q %v %q", i, out.Console, out.Requests, out.Warnings)
					}
					if text == "throw" {
						if out.Error == nil || out.Error.Message != "of "+to || out.Error.Failure != script.Rejected {
							t.Errorf("call %d: %+v", i, out.Error)
						}
						return
					}
					var got []any
					json.Unmarshal(out.Data, &got)
					if out.Error != nil || len(got) != 3 || got[0] != to || got[1] != "own"+to {
						t.Errorf("call %d: %s %+v", i, out.Data, out.Error)
						return
					}
					mu.Lock()
					pids[fmt.Sprint(got[2])] = true
					mu.Unlock()
				}()
			}
			wg.Wait()
			if len(pids) == 0 || len(pids) > 4 {
				t.Errorf("200 calls took %d processes", len(pids))
			}
		})
	}
}

// Code can hurt itself and nobody else: scripts beside it are answered all the while.
func TestHostile(t *testing.T) {
	for _, level := range levels {
		t.Run(string(level), func(t *testing.T) {
			s := newStage(t, level, func(o *hookrun.Options) { o.MemoryMB = 4096 })
			s.Timeout = 1500 * time.Millisecond
			good := unit(script.Hook, `module.exports = (r, t, c, cb) => cb(null, 'fine')`)
			for name, c := range map[string]struct {
				code    string
				failure script.Failure
				check   func(*script.Outcome) bool
			}{
				"endless loop":    {`module.exports = () => { for (;;); }`, script.TimedOut, nil},
				"endless promise": {`module.exports = () => { (async () => { for (;;) await null; })() }`, script.TimedOut, nil},
				"exit later":      {`module.exports = () => { setTimeout(() => process.exit(0), 20) }`, script.Crashed, nil},
				"memory":          {`module.exports = () => { const a = []; for (;;) a.push(new Array(1e6).fill({})) }`, script.Crashed, nil},
				"huge console": {`module.exports = (r, t, c, cb) => { for (let i = 0; i < 200; i++) console.log('x'.repeat(1e5)); cb() }`, "", func(o *script.Outcome) bool {
					return len(o.Console) <= 64<<10 && strings.Contains(o.Console, "the rest is dropped")
				}},
				"endless output": {`module.exports = () => { const fs = require('fs'); for (;;) fs.writeSync(1, 'x'.repeat(1e6) + '\n') }`, script.Crashed, nil},
				"huge result":    {`module.exports = (r, t, c, cb) => cb(null, 'x'.repeat(5e7))`, "", func(o *script.Outcome) bool { return len(o.Envelope) < 100 && len(o.Warnings) == 1 }},
				"huge error": {`module.exports = (r, t, c, cb) => cb(Object.assign(new Error('e'.repeat(5e6)), { big: 'x'.repeat(5e7), code: 'y'.repeat(1e6) }))`, script.Refused,
					func(o *script.Outcome) bool {
						return len(o.Envelope) < 64<<10 && len(o.Error.Message) <= 8<<10 && len(o.Error.Code) <= 256
					}},
				"many warnings": {`module.exports = (r, t, c, cb) => { for (let i = 0; i < 1e5; i++) c.webtask.secrets['x'.repeat(200) + i]; cb() }`, "", func(o *script.Outcome) bool { return len(o.Warnings) == 20 }},
				"many requests": {`module.exports = (r, t, c, cb) => { let n = 300; for (let i = 0; i < 300; i++) require('http').get('http://127.0.0.1:1/' + 'p'.repeat(500)).on('error', () => { if (--n === 0) cb() }) }`, "",
					func(o *script.Outcome) bool { return len(o.Requests) == 100 && len(o.Requests[0].Path) == 200 }},
				"hostile error": {`module.exports = (r, t, c, cb) => cb(new Proxy({}, { get() { throw new Error('trap') }, getPrototypeOf() { throw new Error('trap') }, ownKeys() { throw new Error('trap') } }))`, script.Refused, nil},
				"getters":       {`module.exports = (r, t, c, cb) => { const e = new Error('real'); Object.defineProperty(e, 'x', { enumerable: true, get() { throw new Error('getter') } }); cb(e) }`, script.Refused, func(o *script.Outcome) bool { return o.Error.Message == "real" }},
				"forged answer": {`module.exports = (r, t, c, cb) => { cb(null, { toJSON: () => ({ __proto__: null, status: 'error' }) }) }`, "", func(o *script.Outcome) bool { return string(o.Data) == `{"status":"error"}` }},
			} {
				if level != sandbox.Full && c.check != nil {
					continue // what the adapter bounds does not depend on the level
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					s := s.with(t)
					if name == "memory" {
						s.Runner = &script.Runner{Code: s.Code, MemoryMB: 128}
					}
					done := make(chan *script.Outcome)
					go func() {
						out, err := s.Run(context.Background(), unit(script.Hook, c.code), newCall(hookBody()))
						if err != nil {
							t.Error(err)
							out = &script.Outcome{}
						}
						done <- out
					}()
					if out := s.run(good, newCall(hookBody())); string(out.Data) != `"fine"` {
						t.Errorf("the script beside: %+v", out.Error)
					}
					out := <-done
					if c.failure == "" && out.Error != nil || c.failure != "" && (out.Error == nil || out.Error.Failure != c.failure) {
						t.Fatalf("got %+v, want %q", out.Error, c.failure)
					}
					if c.check != nil && !c.check(out) {
						text, _ := json.Marshal(out)
						t.Errorf("got %.3000s", text)
					}
				})
			}
		})
	}
}

// A callback that comes after its call's end belongs to nobody.
func TestLateCallback(t *testing.T) {
	s := newStage(t, sandbox.None, nil)
	s.Timeout = 300 * time.Millisecond
	u := unit(script.Hook, `module.exports = (r, t, c, cb) => { if (r === 'first') setTimeout(() => { console.log('late'); cb(null, 'late') }, 600); else setTimeout(cb, 200, null, r) }`)
	if out := s.run(u, newCall(script.HookBody(message, script.Text{To: "first", Code: digits}))); out.Error == nil || out.Error.Failure != script.TimedOut {
		t.Fatalf("got %+v", out.Error)
	}
	for range 4 {
		if out := s.run(u, newCall(script.HookBody(message, script.Text{To: "second", Code: digits}))); string(out.Data) != `"second"` || out.Console != "" {
			t.Errorf("got %s %q %+v", out.Data, out.Console, out.Error)
		}
	}
}

// Code sees neither the server's environment nor other scripts' secrets, and where there is isolation none of their files.
func TestSecretsStayApart(t *testing.T) {
	t.Setenv("COUNTERSIGN_CANARY", "canary-of-the-server")
	for _, level := range levels {
		t.Run(string(level), func(t *testing.T) {
			s := newStage(t, level, nil)
			call := newCall(hookBody())
			call.Secrets = map[string]string{"KEY": "canary-of-another-hook"}
			if out := s.run(unit(script.Hook, `module.exports = (r, t, c, cb) => { process.env.KEY = globalThis.KEY = c.webtask.secrets.KEY; cb() }`), call); out.Error != nil {
				t.Fatal(out.Error)
			}
			out := s.hook(`const fs = require('fs');
				module.exports = (r, t, c, cb) => {
					let all = JSON.stringify([process.env, globalThis.KEY, c, process.argv, process.execArgv].map((x) => { try { return JSON.stringify(x) } catch { return Object.keys(x) } }));
					let pids = []; try { pids = fs.readdirSync('/proc') } catch {}
					for (const pid of pids.filter((n) => /^[0-9]+$/.test(n) && Number(n) !== process.ppid)) for (const f of ['environ', 'cmdline']) {
						if (` + fmt.Sprint(level == sandbox.Full) + `) try { all += fs.readFileSync('/proc/' + pid + '/' + f, 'latin1') } catch {}
					}
					cb(null, [all.includes('canary'), all.length > 100]) }`)
			if out.Error != nil || string(out.Data) != `[false,true]` {
				t.Errorf("got %s %+v", out.Data, out.Error)
			}
		})
	}
}

func TestBusy(t *testing.T) {
	s := newStage(t, sandbox.None, func(o *hookrun.Options) { o.Queue = 2 })
	s.Workers, s.Timeout = 1, 3*time.Second
	u := unit(script.Hook, `module.exports = (r, t, c, cb) => setTimeout(cb, 500)`)
	busy := 0
	var mu sync.Mutex
	var wg sync.WaitGroup
	s.run(u, newCall(hookBody()))
	for range 30 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			_, err := s.Run(context.Background(), u, newCall(hookBody()))
			if err != nil && !errors.Is(err, runner.ErrBusy) {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				busy++
			}
		}()
	}
	wg.Wait()
	if busy != 30-16-2 {
		t.Errorf("%d of 30 calls were turned away, want 12", busy)
	}
}
