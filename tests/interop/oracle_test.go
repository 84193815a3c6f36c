package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign/internal/hookrun"
	"countersign/internal/hookrun/sandbox"
	"countersign/internal/script"
)

// oracleCase is a hook and what it is called with. Auth0's compiler and this server's runtime must give the same envelope, but where ours names what
// differs on purpose: docs/hooks.md lists these, and tells why.
type oracleCase struct {
	name, code string
	// body changes the usual body; nil: nothing.
	body func(body, context map[string]any)
	// raw is the body in its place.
	raw     string
	secrets map[string]string
	headers map[string]string
	// theirs is what the compiler leaves to the platform above it ("no answer", "threw: …"), ours what our envelope has then.
	theirs, ours string
}

const sends = `module.exports = function (recipient, text, context, cb) { cb(null, { MessageID: '1' }); };`

func inContext(name string, value any) func(_, c map[string]any) {
	return func(_, c map[string]any) {
		if value == nil {
			delete(c, name)
			return
		}
		c[name] = value
	}
}

func inBody(name string, value any) func(b, _ map[string]any) {
	return func(b, _ map[string]any) {
		if value == nil {
			delete(b, name)
			return
		}
		b[name] = value
	}
}

func hookOf(statements string) string {
	return "module.exports = function (recipient, text, context, cb) { " + statements + " };"
}

var oracleCases = []oracleCase{
	// Answers.
	{name: "nothing", code: hookOf(`cb();`)},
	{name: "empty object", code: hookOf(`cb(null, {});`)},
	{name: "message id", code: sends},
	{name: "extra arguments", code: hookOf(`cb(null, 1, 2, 3);`)},
	{name: "undefined", code: hookOf(`cb(undefined, undefined);`)},
	{name: "null", code: hookOf(`cb(null, null);`)},
	{name: "a string", code: hookOf(`cb(null, "sent");`)},
	{name: "a string of JSON", code: hookOf(`cb(null, JSON.stringify({}));`)},
	{name: "zero and false", code: hookOf(`cb(false, [0, false, "", NaN, Infinity, null, undefined]);`)},
	{name: "a function", code: hookOf(`cb(null, cb);`)},
	{name: "a symbol", code: hookOf(`cb(null, Symbol("x"));`)},
	{name: "a date and a buffer", code: hookOf(`cb(null, { at: new Date(0), b: Buffer.from("x") });`)},
	{name: "toJSON", code: hookOf(`cb(null, { toJSON: function (key) { return "as " + key; } });`)},
	{name: "nested", code: hookOf(`cb(null, { a: [{ b: { c: "é\u2028\ud800" } }], u: undefined });`)},
	{name: "an instance", code: `class R { constructor() { this.sid = 'SM1'; } get hidden() { return 1; } } ` + hookOf(`cb(null, new R());`)},
	{name: "a map", code: hookOf(`cb(null, new Map([[1, 2]]));`)},
	{name: "an error as the result", code: hookOf(`cb(null, Object.assign(new Error("x"), { code: 5 }));`)},
	{name: "arguments", code: hookOf(`cb(null, [recipient, text, context.code, context.user, context.client]);`)},
	{name: "the context's members", code: hookOf(`cb(null, Object.keys(context));`)},
	{name: "secrets", code: hookOf(`cb(null, [context.webtask.secrets.KEY, typeof context.webtask.secrets.OTHER, context.webtask.data.KEY]);`), secrets: map[string]string{"KEY": "value"}},
	{name: "the webtask's context", code: hookOf(`cb(null, [context.webtask.body.recipient, typeof context.webtask.headers, typeof context.webtask.meta, typeof context.webtask.query, typeof context.webtask.params]);`)},
	{name: "later", code: hookOf(`setTimeout(function () { cb(null, "later"); }, 5);`)},
	{name: "by a promise", code: hookOf(`Promise.resolve(7).then(function (n) { cb(null, n); });`)},
	{name: "async", code: `module.exports = async (recipient, text, context, cb) => { await null; cb(null, { ok: true }); };`},
	{name: "a value is returned", code: hookOf(`cb(null, 1); return { ignored: true };`)},
	{name: "this", code: hookOf(`cb(null, this === undefined || this === globalThis);`)},
	{name: "arguments by number", code: `module.exports = function () { arguments[3](null, arguments.length); };`},
	{name: "built-ins", code: `var qs = require("querystring"); ` + hookOf(`cb(null, qs.stringify({ a: 1 }));`)},
	{name: "sloppy", code: `leaked = 1; ` + hookOf(`cb(null, leaked);`)},
	{name: "exports later", code: hookOf(`module.exports = null; cb(null, "still");`)},
	{name: "a comment at the end", code: sends + " // the end"},

	// Errors.
	{name: "an error", code: hookOf(`cb(new Error("boom"));`)},
	{name: "with members", code: hookOf(`cb(Object.assign(new TypeError("boom"), { code: "E1", statusCode: 402, details: { a: [1] } }));`)},
	{name: "without words", code: hookOf(`cb(new Error());`)},
	{name: "hidden members", code: hookOf(`var e = new Error("x"); Object.defineProperty(e, "hidden", { value: 1 }); cb(e);`)},
	{name: "a class", code: `class Mine extends Error { constructor(m) { super(m); this.name = "Mine"; } } ` + hookOf(`cb(new Mine("own"));`)},
	{name: "a name of its own", code: hookOf(`var e = new Error("x"); e.name = "Named"; cb(e);`)},
	{name: "with a cause", code: hookOf(`cb(new Error("outer", { cause: new Error("inner") }));`)},
	{name: "aggregate", code: hookOf(`cb(new AggregateError([new Error("a")], "many"));`)},
	{name: "a string", code: hookOf(`cb("bad");`)},
	{name: "a number", code: hookOf(`cb(42);`)},
	{name: "true", code: hookOf(`cb(true);`)},
	{name: "an object with words", code: hookOf(`cb({ message: "m", code: 5 });`)},
	{name: "an object", code: hookOf(`cb({ code: 5 });`)},
	{name: "an array", code: hookOf(`cb(["a", "b"]);`)},
	{name: "and a result", code: hookOf(`cb(new Error("x"), { ignored: 1 });`)},
	{name: "from a promise", code: hookOf(`Promise.reject(new RangeError("r")).catch(cb);`)},
	{name: "later", code: hookOf(`setTimeout(function () { cb(new Error("late")); }, 5);`)},
	{name: "SendPhoneMessageError", code: hookOf(`cb(new SendPhoneMessageError("internal", "friendly"));`)},
	{name: "SendPhoneMessageError without", code: hookOf(`cb(new SendPhoneMessageError("internal"));`)},
	{name: "ExtensibilityUserError", code: hookOf(`cb(new ExtensibilityUserError("user"));`)},
	{name: "a subclass of it", code: `class Quota extends SendPhoneMessageError {} ` + hookOf(`cb(new Quota("q", "f"));`)},
	{name: "result with a cycle", code: hookOf(`var a = {}; a.a = a; cb(null, a);`)},
	{name: "result with a bigint", code: hookOf(`cb(null, 1n);`)},
	{name: "result that throws", code: hookOf(`cb(null, { toJSON: function () { throw new Error("no"); } });`)},
	{name: "the context as the result", code: hookOf(`cb(null, context);`)},

	// The body.
	{name: "no recipient", code: sends, body: inBody("recipient", nil)},
	{name: "recipient", code: sends, body: inBody("recipient", 12025550123)},
	{name: "no text", code: sends, body: inBody("text", nil)},
	{name: "text", code: sends, body: inBody("text", []string{"x"})},
	{name: "no context", code: sends, body: inBody("context", nil)},
	{name: "context", code: sends, body: inBody("context", "x")},
	{name: "context is a list", code: sends, body: inBody("context", []int{1})},
	{name: "message_type", code: sends, body: inContext("message_type", "push")},
	{name: "voice", code: sends, body: inContext("message_type", "voice")},
	{name: "no message_type", code: sends, body: inContext("message_type", nil)},
	{name: "action", code: sends, body: inContext("action", "authentication")},
	{name: "enrollment", code: sends, body: inContext("action", "enrollment")},
	{name: "no action", code: sends, body: inContext("action", nil)},
	{name: "no language", code: sends, body: inContext("language", nil)},
	{name: "language", code: sends, body: inContext("language", 1)},
	{name: "no code", code: sends, body: inContext("code", nil)},
	{name: "code", code: sends, body: inContext("code", 123456)},
	{name: "no ip", code: sends, body: inContext("ip", nil)},
	{name: "no user agent", code: sends, body: inContext("user_agent", nil)},
	{name: "no client", code: sends, body: inContext("client", nil)},
	{name: "client", code: sends, body: inContext("client", "x")},
	{name: "client id", code: sends, body: inContext("client", map[string]any{"client_id": 1})},
	{name: "client name", code: sends, body: inContext("client", map[string]any{"client_id": "x"})},
	{name: "client without metadata", code: sends, body: inContext("client", map[string]any{"client_id": "x", "name": "n"})},
	{name: "client metadata", code: sends, body: inContext("client", map[string]any{"client_id": "x", "name": "n", "client_metadata": "m"})},
	{name: "no user", code: sends, body: inContext("user", nil)},
	{name: "user", code: sends, body: inContext("user", "ann")},
	{name: "user is null", code: hookOf(`cb(null, context.user);`), body: func(_, c map[string]any) { c["user"] = nil }},
	{name: "factor type is not checked", code: sends, body: inContext("factor_type", 7)},
	{name: "two members are wrong", code: sends, body: func(b, c map[string]any) { delete(b, "text"); delete(c, "code") }},
	{name: "body is a string", code: sends, raw: `"x"`},
	{name: "body is a list", code: sends, raw: `[1]`},

	// Authorization.
	{name: "authorized", code: sends, secrets: map[string]string{"auth0-extension-secret": "s3cret"}, headers: map[string]string{"authorization": "Bearer s3cret"}},
	{name: "authorized, other spelling", code: sends, secrets: map[string]string{"auth0-extension-secret": "s3cret"}, headers: map[string]string{"authorization": " bearer s3cret "}},
	{name: "another secret", code: sends, secrets: map[string]string{"auth0-extension-secret": "s3cret"}, headers: map[string]string{"authorization": "Bearer other"}},
	{name: "no bearer", code: sends, secrets: map[string]string{"auth0-extension-secret": "s3cret"}, headers: map[string]string{"authorization": "s3cret"}},
	{name: "empty header", code: sends, secrets: map[string]string{"auth0-extension-secret": "s3cret"}, headers: map[string]string{"authorization": ""}},
	{name: "refused before the body is looked at", code: sends, raw: `"x"`, secrets: map[string]string{"auth0-extension-secret": "s3cret"}, headers: map[string]string{"authorization": "Bearer x"}},

	// On purpose otherwise: what the compiler leaves to the platform above it, has an envelope here; an error that is no JSON keeps its words.
	{name: "syntax", code: "module.exports = function ( {", ours: `"name":"HookUnloadable"`},
	{name: "throws at load", code: `null.x;`, ours: `"name":"HookUnloadable"`},
	{name: "throws", code: hookOf(`throw new TypeError("boom");`), theirs: "threw: boom", ours: `"message":"boom","name":"HookThrew"`},
	{name: "throws later", code: hookOf(`setTimeout(function () { throw new Error("late"); }, 5);`), theirs: "threw: late", ours: `"message":"late","name":"HookThrew"`},
	{name: "rejects", code: `module.exports = async () => { throw new Error("async"); };`, theirs: "rejected: async", ours: `"message":"async","name":"HookRejected"`},
	{name: "no function", code: `exports.hook = 1;`, theirs: "threw: func is not a function", ours: `"name":"HookInvalid"`},
	{name: "no answer", code: hookOf(``), theirs: "no answer", ours: `"name":"HookTimeout"`},
	{name: "context is null", code: sends, body: func(b, _ map[string]any) { b["context"] = nil }, theirs: "threw: Cannot read properties of null (reading 'message_type')",
		ours: `"message":"Body.context received by extensibility point is not an object"`},
	{name: "client is null", code: sends, body: func(_, c map[string]any) { c["client"] = nil }, theirs: "threw: Cannot read properties of null (reading 'client_id')",
		ours: `"message":"Body.context.client received by extensibility point is not an object"`},
	{name: "an error with a cycle", code: hookOf(`var e = Object.assign(new Error("no credit"), { code: "E7", response: { status: 402 } }); e.self = e; cb(e);`),
		ours: `"message":"no credit","stack":"Error: no credit","statusCode":402`},
	{name: "a large result", code: hookOf(`cb(null, "x".repeat(70000));`), ours: `{"headers":{},"status":"success","statusCode":200}`},
	{name: "a name that the platform takes", code: `class SendPhoneMessageError extends Error {} ` + sends, ours: `"data":{"MessageID":"1"}`},
}

// TestOracle runs every hook by Auth0's own compiler and by this server's runtime, in a sandbox, and compares the envelopes.
func TestOracle(t *testing.T) {
	if _, err := os.Stat("node/node_modules/auth0-ext-compilers"); err != nil {
		t.Fatal("the npm packages are missing; run ./scripts/test, or `npm ci` in tests/interop/node")
	}
	equal := 0
	for _, c := range oracleCases {
		if c.ours == "" {
			equal++
		}
	}
	if equal < 40 {
		t.Errorf("only %d hooks are compared", equal)
	}
	bodies := make([]json.RawMessage, len(oracleCases))
	for i, c := range oracleCases {
		bodies[i] = c.input()
	}
	theirs := askOracle(t, bodies)
	run := newScripts(t)
	for i, c := range oracleCases {
		t.Run(fmt.Sprintf("%03d %s", i, c.name), func(t *testing.T) {
			t.Parallel()
			archive, _ := script.Pack(c.code, "hook.js")
			call := &script.Call{RequestID: fmt.Sprintf("00000000-0000-4000-8000-%012d", i), Body: bodies[i], Secrets: c.secrets, Headers: c.headers}
			out, err := run.Run(t.Context(), script.NewUnit(script.Hook, "oracle", archive), call)
			check(t, err)
			ours, want := normalised(t, out.Envelope), normalised(t, theirs[i].Envelope)
			switch {
			case c.ours == "" && (ours != want || theirs[i].None != ""):
				t.Errorf("ours   %s\ntheirs %s %s", ours, want, theirs[i].None)
			case c.ours != "" && (!strings.Contains(ours, c.ours) || ours == want || theirs[i].None != c.theirs):
				t.Errorf("ours   %s, want %s\ntheirs %s %s, want %s", ours, c.ours, want, theirs[i].None, c.theirs)
			}
		})
	}
}

func (c *oracleCase) input() json.RawMessage {
	if c.raw != "" {
		return json.RawMessage(c.raw)
	}
	ctx := map[string]any{
		"factor_type": "second", "message_type": "sms", "action": "second-factor-authentication", "language": "en", "code": "123456", "ip": "127.0.0.1", "user_agent": "agent",
		"client": map[string]any{"client_id": "c1", "name": "Shop", "client_metadata": map[string]any{"a": "b"}}, "user": map[string]any{"user_id": "auth0|1"},
	}
	body := map[string]any{"recipient": "+12025550123", "text": "Your code is 123456", "context": ctx}
	if c.body != nil {
		c.body(body, ctx)
	}
	out, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return out
}

type oracleAnswer struct {
	Envelope json.RawMessage
	None     string
}

// askOracle runs all hooks in one process of the compiler.
func askOracle(t *testing.T, bodies []json.RawMessage) []oracleAnswer {
	t.Helper()
	var in bytes.Buffer
	for i, c := range oracleCases {
		line := map[string]any{"script": c.code, "body": bodies[i], "secrets": map[string]string{}, "headers": map[string]string{}}
		if c.secrets != nil {
			line["secrets"] = c.secrets
		}
		if c.headers != nil {
			line["headers"] = c.headers
		}
		check(t, json.NewEncoder(&in).Encode(line))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", filepath.Join("oracle", "oracle.cjs"))
	cmd.Dir, cmd.Stdin = "node", &in
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var all []oracleAnswer
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var a oracleAnswer
		check(t, json.Unmarshal(lines.Bytes(), &a))
		all = append(all, a)
	}
	if len(all) != len(oracleCases) {
		t.Fatalf("the compiler answered %d of %d\n%s", len(all), len(oracleCases), stderr.String())
	}
	return all
}

// normalised is an envelope with its members in order. Of a stack only its first line is compared, since the frames name each one's own files; that of a
// syntax error not at all, since the compiler puts code before the hook's.
func normalised(t *testing.T, envelope json.RawMessage) string {
	t.Helper()
	if len(envelope) == 0 {
		return ""
	}
	var e map[string]any
	check(t, json.Unmarshal(envelope, &e))
	if data, ok := e["data"].(map[string]any); ok && e["status"] == "error" {
		if stack, ok := data["stack"].(string); ok {
			data["stack"], _, _ = strings.Cut(stack, "\n")
		}
	}
	out, err := json.Marshal(e)
	check(t, err)
	return string(out)
}

// newScripts runs scripts as the server does, in its sandbox.
func newScripts(t *testing.T) *script.Runner {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "countersign-scripts-")
	check(t, err)
	check(t, os.Chmod(dir, 0o755))
	check(t, os.Chmod(filepath.Dir(program), 0o755))
	r, err := hookrun.New(hookrun.Options{Cache: filepath.Join(dir, "cache"), Launcher: program, Isolation: sandbox.Full, MemoryMB: 4096, Queue: 500})
	check(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		r.Close(ctx)
		hookrun.RemoveAll(dir)
	})
	return &script.Runner{Code: r, Timeout: 2 * time.Second}
}
