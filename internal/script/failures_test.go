package script_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"countersign/internal/hookrun/sandbox"
	"countersign/internal/runner"
	"countersign/internal/script"
)

// Every way in which code can fail has its name, in the outcome and in a hook's envelope.
func TestFailures(t *testing.T) {
	s := newStage(t, sandbox.None, nil)
	s.Timeout = 700 * time.Millisecond
	for name, c := range map[string]struct {
		kind          script.Kind
		code          string
		failure       script.Failure
		errName       string
		message, more string
		begun         bool
	}{
		"callback error":  {script.Hook, `module.exports = (r, t, c, cb) => cb(Object.assign(new RangeError('no credit'), { code: 'E21', statusCode: 402 }))`, script.Refused, "RangeError", "no credit", `"code":"E21"`, true},
		"hook throws":     {script.Hook, `module.exports = () => { throw new TypeError('boom') }`, script.Threw, "TypeError", "boom", `"name":"HookThrew"`, true},
		"hook rejects":    {script.Hook, `module.exports = async () => { throw new TypeError('boom') }`, script.Rejected, "TypeError", "boom", `"name":"HookRejected"`, true},
		"thrown later":    {script.Hook, `module.exports = () => { setTimeout(() => { throw new Error('later') }, 5) }`, script.Threw, "Error", "later", `"name":"HookThrew"`, true},
		"rejected later":  {script.Hook, `module.exports = () => { setTimeout(() => Promise.reject(new Error('later')), 5) }`, script.Rejected, "Error", "later", `"name":"HookRejected"`, true},
		"throws a string": {script.Hook, `module.exports = () => { throw 'words' }`, script.Threw, "Error", "words", `"message":"words"`, true},
		"throws nothing":  {script.Hook, `module.exports = () => { throw undefined }`, script.Threw, "Error", "Unknown error", `"name":"HookThrew"`, true},
		"rejects nothing": {script.Hook, `module.exports = () => Promise.reject()`, script.Rejected, "Error", "Unknown error", `"name":"HookRejected"`, true},
		"no export":       {script.Hook, `exports.hook = 1`, script.Invalid, "Error", "exports no function", `"name":"HookInvalid"`, false},
		"no callback":     {script.Hook, `module.exports = () => {}`, script.TimedOut, "Error", "exceeded its allowed time of 700 ms: the callback was never called", `"name":"HookTimeout"`, true},
		"async answer":    {script.Hook, `module.exports = async () => ({ MessageID: 1 })`, script.TimedOut, "Error", "the promise that it returned was fulfilled", `"name":"HookTimeout"`, true},
		"endless loop":    {script.Hook, `module.exports = () => { for (;;); }`, script.TimedOut, "Sandbox.Timedout", "timed out", `"name":"HookTimeout"`, true},
		"exit":            {script.Hook, `module.exports = () => process.exit(3)`, script.Crashed, "Runtime.ExitError", "exit status 3", `"name":"HookCrashed"`, true},
		"abort":           {script.Hook, `module.exports = () => process.abort()`, script.Crashed, "Runtime.ExitError", "signal", `"name":"HookCrashed"`, true},
		"syntax":          {script.Hook, "module.exports = function (r) {\n  return )\n}", script.Unloadable, "SyntaxError", "Unexpected token ')'", `"message":"Unable to compile the extensibility code as javascript"`, false},
		"throws at load":  {script.Hook, `null.x`, script.Unloadable, "TypeError", "Cannot read properties of null", `"error_description":"Cannot read properties of null`, false},
		"missing module":  {script.Hook, `require('twilio')`, script.Unloadable, "Error", "Cannot find module 'twilio': add it to the dependencies", `"code":"MODULE_NOT_FOUND"`, false},
		"missing file":    {script.Hook, `require('./lib')`, script.Unloadable, "Error", "a script has no files beside it", ``, false},
		"exits at load":   {script.Hook, `process.exit(9)`, script.Crashed, "Runtime.ExitError", "exit status 9", `"name":"HookCrashed"`, false},

		"action throws":      {script.SendPhoneMessage, `exports.onExecuteSendPhoneMessage = () => { throw new Error('down') }`, script.Refused, "Error", "down", "", true},
		"action rejects":     {script.SendPhoneMessage, `exports.onExecuteSendPhoneMessage = async () => { throw new Error('down') }`, script.Refused, "Error", "down", "", true},
		"action never ends":  {script.CustomPhoneProvider, `exports.onExecuteCustomPhoneProvider = () => new Promise(() => {})`, script.TimedOut, "Error", "the promise was never settled", "", true},
		"action of another":  {script.CustomPhoneProvider, `exports.onExecuteSendPhoneMessage = async () => {}`, script.Invalid, "Error", "exports no function onExecuteCustomPhoneProvider", "", false},
		"action syntax":      {script.PostLogin, `exports.onExecutePostLogin = async () => {`, script.Unloadable, "SyntaxError", "Unexpected end of input", "", false},
		"action not ours":    {script.PostLogin, `exports.onExecutePostLogin = async (e, api) => api.redirect.sendUserTo('https://x')`, script.Refused, "Error", "api.redirect.sendUserTo is not supported here", "", true},
		"action enrolls":     {script.PostLogin, `exports.onExecutePostLogin = async (e, api) => api.authentication.enrollWith({ type: 'otp' })`, script.Refused, "Error", "api.authentication.enrollWith is not supported here", "", true},
		"action scopes":      {script.PostLogin, `exports.onExecutePostLogin = async (e, api) => api.accessToken.removeScope('read')`, script.Refused, "Error", "api.accessToken.removeScope is not supported here", "", true},
		"unknown challenge":  {script.PostLogin, `exports.onExecutePostLogin = async (e, api) => api.authentication.challengeWith({ type: 'webauthn-roaming' })`, script.Refused, "Error", "api.authentication.challengeWith: none of these factors", "", true},
		"unknown provider":   {script.PostLogin, `exports.onExecutePostLogin = async (e, api) => api.multifactor.enable('duo')`, script.Refused, "Error", "the provider duo is not supported", "", true},
		"too many commands":  {script.PostLogin, `exports.onExecutePostLogin = async (e, api) => { for (;;) api.user.setAppMetadata('a', 1) }`, script.Refused, "RangeError", "more than 256 calls", "", true},
		"rule throws":        {script.Rule, `function (user, context, callback) { undefined.x }`, script.Threw, "TypeError", "Cannot read", "", true},
		"rule refuses":       {script.Rule, `function (user, context, callback) { callback(new UnauthorizedError('not today')) }`, script.Refused, "UnauthorizedError", "not today", "", true},
		"rule not JSON":      {script.Rule, `function (user, context, callback) { context.self = context; callback(null, user, context) }`, script.Threw, "Error", "cannot be written as JSON", "", true},
		"rule too large":     {script.Rule, `function (user, context, callback) { context.x = 'x'.repeat(300000); callback(null, user, context) }`, script.Crashed, "Error", "more than 262144", "", true},
		"rule syntax":        {script.Rule, `function (user, context, callback { }`, script.Unloadable, "SyntaxError", "Unexpected token", "", false},
		"rule never answers": {script.Rule, `function (user, context, callback) {}`, script.TimedOut, "Error", "the callback was never called", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := hookBody()
			if c.kind == script.Rule {
				body = json.RawMessage(`{"user":{},"context":{}}`)
			}
			out := s.with(t).run(unit(c.kind, c.code), newCall(body))
			e := out.Error
			if e == nil || e.Failure != c.failure || e.Name != c.errName || !strings.Contains(e.Message, c.message) || out.Begun != c.begun || out.Data != nil {
				t.Fatalf("got %+v, begun %v, data %s", e, out.Begun, out.Data)
			}
			if c.kind != script.Hook {
				if out.Envelope != nil {
					t.Errorf("an envelope of %s: %s", c.kind, out.Envelope)
				}
				return
			}
			var env struct {
				Status string
				Data   map[string]any
			}
			if err := json.Unmarshal(out.Envelope, &env); err != nil || env.Status != "error" || !strings.Contains(string(out.Envelope), c.more) {
				t.Errorf("envelope %s (%v), want %s in it", out.Envelope, err, c.more)
			}
		})
	}
}

func TestErrorTellsItsPlace(t *testing.T) {
	s := newStage(t, sandbox.None, nil)
	e := s.hook("module.exports = function (r, t, c, cb) {\n  cb(new Error('boom'));\n};").Error
	if want := "Error: boom\n    at module.exports (hook.js:2:6)"; e.Stack != want {
		t.Errorf("stack %q, want %q", e.Stack, want)
	}
	if e = s.hook("var a;\nvar b = ;").Error; !strings.Contains(e.Stack, "hook.js:2\nvar b = ;") {
		t.Errorf("a syntax error does not tell its line: %q", e.Stack)
	}
	if e = s.run(unit(script.Rule, "function (user, context, callback) {\n  let a b\n}"), newCall(nil)).Error; !strings.Contains(e.Stack, "hook.js:2\n  let a b") {
		t.Errorf("a rule's syntax error does not tell its line: %q", e.Stack)
	}
}

// An error of axios holds its request and response, which hold it: the platform loses its words, here they are kept.
func TestErrorThatIsNoJSON(t *testing.T) {
	s := newStage(t, sandbox.None, nil)
	out := s.hook(`module.exports = (r, t, c, cb) => {
		const e = Object.assign(new Error('Request failed with status code 403'), { code: 'ERR_BAD_REQUEST', isAxiosError: true, config: { headers: { Authorization: 'Basic xyz' } } });
		e.request = { e }; e.response = { status: 403, e };
		cb(e);
	}`)
	if e := out.Error; e.Failure != script.Refused || e.Message != "Request failed with status code 403" || e.Code != "ERR_BAD_REQUEST" || e.Status != 403 {
		t.Errorf("got %+v", e)
	}
	var env struct {
		Status string
		Data   map[string]any
	}
	if err := json.Unmarshal(out.Envelope, &env); err != nil {
		t.Fatal(err)
	}
	delete(env.Data, "stack")
	if got, _ := json.Marshal(env); string(got) != `{"Status":"error","Data":{"code":"ERR_BAD_REQUEST","isAxiosError":true,"message":"Request failed with status code 403","statusCode":403}}` {
		t.Errorf("envelope %s", got)
	}
	if len(out.Warnings) != 1 || !strings.Contains(out.Warnings[0], "left out: config, request, response") {
		t.Errorf("warnings %q", out.Warnings)
	}
}

func TestWarnings(t *testing.T) {
	s := newStage(t, sandbox.None, nil)
	for name, c := range map[string]struct{ code, want string }{
		"second callback":      {`module.exports = (r, t, c, cb) => { cb(null, 1); cb(new Error('x')); cb() }`, "the callback was called a second time; the first call counts"},
		"second, a tick later": {`module.exports = (r, t, c, cb) => { cb(null, 1); Promise.resolve().then(() => cb()) }`, "the callback was called a second time; the first call counts"},
		"missing secret":       {`module.exports = (r, t, c, cb) => { String(c.webtask.secrets.TWILIO_SID + c.webtask.secrets.TWILIO_SID); cb(null, 1) }`, "context.webtask.secrets.TWILIO_SID was read, but is not set"},
		"throw after":          {`module.exports = (r, t, c, cb) => { cb(null, 1); throw new Error('late') }`, "it threw after its callback: late"},
		"rejection after":      {`module.exports = async (r, t, c, cb) => { cb(null, 1); throw new Error('late') }`, "its promise was rejected after its callback: late"},
		"large result":         {`module.exports = (r, t, c, cb) => cb(null, 'x'.repeat(100000))`, "the callback's result was left out: 100060 characters are more than 65536"},
		"no warning":           {`module.exports = (r, t, c, cb) => { c.webtask.secrets.toString(); JSON.stringify(c.webtask.secrets); cb(null, 1) }`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			out := s.with(t).hook(c.code)
			if got := strings.Join(out.Warnings, "|"); got != c.want || out.Error != nil {
				t.Errorf("warnings %q, error %v; want %q", got, out.Error, c.want)
			}
		})
	}
}

// Code that never answers costs its own call alone: the calls beside go on, and the next one gets a fresh process.
func TestTimeoutSparesOthers(t *testing.T) {
	s := newStage(t, sandbox.None, nil)
	s.Workers = 1
	u := unit(script.Hook, `module.exports = (r, t, c, cb) => { if (r !== 'hang') setTimeout(() => cb(null, process.pid), 1200) }`)
	ask := func(to string) chan *script.Outcome {
		ch := make(chan *script.Outcome, 1)
		c := newCall(script.HookBody(message, script.Text{To: to, Body: "t", Code: digits}))
		if to == "hang" {
			c.Deadline = time.Now().Add(1500 * time.Millisecond)
		}
		go func() {
			out, err := s.Run(context.Background(), u, c)
			if err != nil {
				t.Error(err)
			}
			ch <- out
		}()
		return ch
	}
	hung := ask("hang")
	beside := ask(number)
	first := <-hung
	late := ask(number)
	for i, out := range []*script.Outcome{first, <-beside, <-late} {
		if i == 0 && (out.Error == nil || out.Error.Failure != script.TimedOut || !out.Begun) || i > 0 && out.Error != nil {
			t.Errorf("call %d: %+v", i, out.Error)
		}
	}
}

func TestRunErrors(t *testing.T) {
	s := newStage(t, sandbox.None, nil)
	u := unit(script.Hook, `module.exports = (r, t, c, cb) => cb()`)
	past := newCall(hookBody())
	past.Deadline = time.Now().Add(-time.Second)
	if _, err := s.Run(context.Background(), u, past); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a deadline that has passed: %v", err)
	}
	if _, err := s.Run(context.Background(), u, newCall(json.RawMessage(`"`+strings.Repeat("x", 600<<10)+`"`))); err == nil {
		t.Error("an input of 600 KiB was taken")
	}
	if _, err := s.Run(context.Background(), u, newCall(json.RawMessage(`{`))); err == nil {
		t.Error("an input that is no JSON was taken")
	}
	broken := *u
	broken.ID, broken.Artifact = "x", strings.Repeat("0", 64)
	if _, err := s.Run(context.Background(), &broken, newCall(hookBody())); !errors.Is(err, runner.ErrUnavailable) {
		t.Errorf("a package with another hash: %v", err)
	}
}
