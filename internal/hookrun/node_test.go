package hookrun

import (
	"encoding/json"
	"strings"
	"testing"

	"countersign/internal/hookrun/sandbox"
	"countersign/internal/runner"
)

func TestNodeHandlers(t *testing.T) {
	b := newRunner(t, sandbox.Full, nil)
	for name, c := range map[string]struct {
		fs             files
		handler, event string
		want           string
	}{
		"async":               {files{"index.js": `exports.handler = async (e) => ({ got: e })`}, "", `{"a":1}`, `{"got":{"a":1}}`},
		"undefined":           {files{"index.js": `exports.handler = async () => {}`}, "", `{}`, `null`},
		"a function":          {files{"index.js": `exports.handler = async () => () => 1`}, "", `{}`, `null`},
		"callback":            {files{"index.js": `exports.handler = (e, c, cb) => { setTimeout(() => cb(null, e.n + 1), 1) }`}, "", `{"n":1}`, `2`},
		"callback, not empty": {files{"index.js": `exports.handler = (e, c, cb) => { c.callbackWaitsForEmptyEventLoop = false; setInterval(() => {}, 1000); cb(null, 'x') }`}, "", `{}`, `"x"`},
		"callback waits":      {files{"index.js": `exports.handler = (e, c, cb) => { const a = []; cb(null, a); setTimeout(() => a.push(1), 20) }`}, "", `{}`, `[1]`},
		"no answer":           {files{"index.js": `exports.handler = (e, c, cb) => {}`}, "", `{}`, `null`},
		"sync":                {files{"index.js": `exports.handler = (e) => ({ x: e.x })`}, "", `{"x":3}`, `{"x":3}`},
		"succeed":             {files{"index.js": `exports.handler = (e, c) => { c.succeed(e) }`}, "", `"é€"`, `"é€"`},
		"done":                {files{"index.js": `exports.handler = (e, c) => { c.done(null, 5) }`}, "", `1`, `5`},
		"mjs":                 {files{"index.mjs": `import os from 'node:os'; await 0; export const handler = async (e) => typeof os.EOL`}, "", `1`, `"string"`},
		"mjs default":         {files{"index.mjs": `export default { handler: async () => 1 }`}, "", `1`, `1`},
		"cjs":                 {files{"index.cjs": `exports.handler = async () => __dirname === process.env.LAMBDA_TASK_ROOT`}, "", `1`, `true`},
		"type module":         {files{"package.json": `{"type":"module"}`, "src/a.js": `import { x } from './b.js'; export const go = async () => x`, "src/b.js": `export const x = 7`}, "src/a.go", `1`, `7`},
		"nested export":       {files{"lib/deep/a.js": `exports.x = { y: async () => 'deep' }`}, "lib/deep/a.x.y", `1`, `"deep"`},
		"node_modules":        {files{"index.js": `exports.handler = async () => require('dep').n`, "node_modules/dep/index.js": `exports.n = 42`}, "", `1`, `42`},
		"folder":              {files{"app/index.js": `exports.handler = async () => 'folder'`}, "app.handler", `1`, `"folder"`},
		"class":               {files{"index.js": `class A { constructor() { this.v = 1 } async handler() { return 1 } } exports.handler = new A().handler`}, "", `1`, `1`},
		"context": {files{"index.js": `exports.handler = async (e, c) => [c.functionName, c.functionVersion, c.memoryLimitInMB, c.invokedFunctionArn.split(':')[5],
				c.logGroupName, /^0000/.test(c.awsRequestId), c.getRemainingTimeInMillis() > 5000 && c.getRemainingTimeInMillis() <= 10000, typeof c.callbackWaitsForEmptyEventLoop]`},
			"", `1`, `["NAME","$LATEST","128","function","/aws/lambda/NAME",true,true,"boolean"]`},
	} {
		t.Run(name, func(t *testing.T) {
			code := nodeCode(t, c.fs)
			if c.handler != "" {
				code.Handler = c.handler
			}
			if got := b.with(t).ok(code, c.event); got != strings.ReplaceAll(c.want, "NAME", code.Name) {
				t.Errorf("got %s, want %s", got, c.want)
			}
			b.Forget(code.ID)
		})
	}
}

func TestNodeErrors(t *testing.T) {
	b := newRunner(t, sandbox.Full, nil)
	for name, c := range map[string]struct {
		source, handler string
		reason          runner.Reason
		kind, message   string
		begun           bool
	}{
		"throw":               {`exports.handler = () => { throw new TypeError('boom') }`, "", runner.Thrown, "TypeError", "boom", true},
		"reject":              {`exports.handler = async () => { throw new RangeError('r') }`, "", runner.Thrown, "RangeError", "r", true},
		"own class":           {`class Mine extends Error { constructor(m) { super(m); this.name = 'Mine' } } exports.handler = async () => { throw new Mine('own') }`, "", runner.Thrown, "Mine", "own", true},
		"callback error":      {`exports.handler = (e, c, cb) => cb(new Error('cb'))`, "", runner.Thrown, "Error", "cb", true},
		"callback string":     {`exports.handler = (e, c, cb) => cb('text')`, "", runner.Thrown, "string", "text", true},
		"throw undefined":     {`exports.handler = async () => { throw undefined }`, "", runner.Thrown, "string", "undefined", true},
		"fail":                {`exports.handler = (e, c) => c.fail(new Error('f'))`, "", runner.Thrown, "Error", "f", true},
		"circular":            {`exports.handler = async () => { const a = {}; a.a = a; return a }`, "", runner.Thrown, "Error", "Unable to stringify response body", true},
		"bigint":              {`exports.handler = async () => 1n`, "", runner.Thrown, "Error", "Unable to stringify response body", true},
		"never settled":       {`exports.handler = () => new Promise(() => {})`, "", runner.Thrown, "Runtime.NodeJsExit", "never settled", true},
		"uncaught":            {`exports.handler = () => new Promise(() => setTimeout(() => { throw new Error('late') }, 1))`, "", runner.Thrown, "Error", "late", true},
		"unhandled rejection": {`exports.handler = () => new Promise(() => { Promise.reject(new Error('lost')); setTimeout(() => {}, 5000) })`, "", runner.Thrown, "Runtime.UnhandledPromiseRejection", "lost", true},
		"exit":                {`exports.handler = async () => process.exit(3)`, "", runner.Exit, "Runtime.ExitError", "exit status 3", true},
		"exit 0":              {`exports.handler = async () => process.exit(0)`, "", runner.Exit, "Runtime.ExitError", "without providing a reason", true},
		"abort":               {`exports.handler = async () => process.abort()`, "", runner.Exit, "Runtime.ExitError", "signal", true},
		"missing module":      {`require('not-there')`, "", runner.Init, "Runtime.ImportModuleError", "Cannot find module 'not-there'", false},
		"no file":             {``, "other.handler", runner.Init, "Runtime.ImportModuleError", "Cannot find module", false},
		"syntax":              {`exports.handler = async ( => {`, "", runner.Init, "Runtime.UserCodeSyntaxError", "SyntaxError", false},
		"comment with #":      {"exports.handler = async () => 1\n# a comment\n", "", runner.Init, "Runtime.UserCodeSyntaxError", "SyntaxError", false},
		"no export":           {`exports.other = 1`, "", runner.Init, "Runtime.HandlerNotFound", "index.handler is undefined or not exported", false},
		"no function":         {`exports.handler = 1`, "", runner.Init, "Runtime.HandlerNotFound", "not a function", false},
		"bad handler":         {``, "index", runner.Init, "Runtime.MalformedHandlerName", "Bad handler", false},
		"leaves the folder":   {``, "../../index.handler", runner.Init, "Runtime.MalformedHandlerName", "Bad handler", false},
		"throws at load":      {`throw new Error('at load')`, "", runner.Init, "Error", "at load", false},
		"exits at load":       {`process.exit(9)`, "", runner.Init, "Runtime.ExitError", "exit status 9", false},
	} {
		t.Run(name, func(t *testing.T) {
			code := js(t, c.source)
			if c.handler != "" {
				code.Handler = c.handler
			}
			res := b.with(t).fails(code, `{}`, c.reason, c.kind)
			if !strings.Contains(res.Error.Message, c.message) || res.Error.Begun != c.begun || res.Payload != nil {
				t.Errorf("got %+v", res.Error)
			}
			if c.reason == runner.Thrown && c.kind == "TypeError" && (len(res.Error.Trace) < 2 || !strings.Contains(res.Error.Trace[1], "index.js:1")) {
				t.Errorf("trace %q", res.Error.Trace)
			}
			b.Forget(code.ID)
		})
	}
}

func TestEnvironmentIsClean(t *testing.T) {
	t.Setenv("COUNTERSIGN_CANARY", "secret-of-the-server")
	levels(t, func(t *testing.T, level sandbox.Level) {
		b := newRunner(t, level, nil)
		code := js(t, `exports.handler = async () => process.env`)
		code.Env = map[string]string{"OWN": "yes", "_HANDLER": "forged", "AWS_LAMBDA_RUNTIME_API": "elsewhere:1", "LANG": "C"}
		var env map[string]string
		if err := json.Unmarshal([]byte(b.ok(code, `{}`)), &env); err != nil {
			t.Fatal(err)
		}
		for _, k := range []string{"PATH", "HOME", "TMPDIR", "TZ", "AWS_REGION", "AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_EXECUTION_ENV", "LAMBDA_RUNTIME_DIR"} {
			if env[k] == "" {
				t.Errorf("%s is missing", k)
			}
		}
		if env["OWN"] != "yes" || env["_HANDLER"] != "index.handler" || env["LANG"] != "C" || env["AWS_LAMBDA_FUNCTION_NAME"] != code.Name {
			t.Errorf("environment %v", env)
		}
		if strings.Contains(b.ok(code, `{}`), "secret-of-the-server") || env["COUNTERSIGN_CANARY"] != "" {
			t.Error("the server's environment reached the worker")
		}
	})
}

func TestLog(t *testing.T) {
	levels(t, func(t *testing.T, level sandbox.Level) {
		lines := make(chan string, 1000)
		b := newRunner(t, level, func(o *Options) { o.LogLine = func(code, id, line string) { lines <- id + "|" + line } })
		code := js(t, `console.log('at start'); exports.handler = async (e) => { console.log('one', { e }); console.error('two\nlines'); process.stdout.write('raw'); }`)
		res := b.run(code, `7`)
		id := strings.Fields(string(res.Log[strings.Index(string(res.Log), "START"):]))[2]
		for _, want := range []string{"undefined\tINFO\tat start", "START RequestId: " + id + " Version: $LATEST\n", "\t" + id + "\tINFO\tone { e: 7 }\n",
			"\t" + id + "\tERROR\ttwo\rlines\n", "raw\nEND RequestId: " + id + "\nREPORT RequestId: " + id + "\tDuration: ", "Memory Size: 128 MB", "Init Duration: "} {
			if !strings.Contains(string(res.Log), want) {
				t.Errorf("the log lacks %q:\n%s", want, res.Log)
			}
		}
		if res.Init <= 0 || res.Duration <= 0 || res.MaxMemoryMB < 10 {
			t.Errorf("measures: %+v", res)
		}
		again := b.run(code, `8`)
		if strings.Contains(string(again.Log), id) || again.Init != 0 || !strings.Contains(string(again.Log), "one { e: 8 }") {
			t.Errorf("second log:\n%s", again.Log)
		}
		found := false
		for len(lines) > 0 {
			found = strings.HasPrefix(<-lines, id+"|START") || found
		}
		if !found {
			t.Error("LogLine got no START line")
		}
	})
}
