package script_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/facts"
	"countersign/internal/hookrun"
	"countersign/internal/hookrun/sandbox"
	"countersign/internal/script"
)

func TestHookContract(t *testing.T) {
	s := newStage(t, sandbox.None, nil)
	for name, c := range map[string]struct{ code, want string }{
		"arguments":                 {`module.exports = (r, t, c, cb) => cb(null, [r, t, c.code, typeof cb])`, `["` + number + `","Your code is ` + digits + `","` + digits + `","function"]`},
		"both shapes":               {`module.exports = (r, t, c, cb) => cb(null, [c.client_id === c.client.client_id, c.name === c.client.name, c.client_metadata.brand + c.client.client_metadata.brand, c.ip === c.request.ip])`, `[true,true,"blueblue",true]`},
		"kinds":                     {`module.exports = (r, t, c, cb) => cb(null, [c.factor_type, c.message_type, c.action, c.language])`, `["second","sms","second-factor-authentication","pt-BR"]`},
		"user":                      {`module.exports = (r, t, c, cb) => cb(null, c.user)`, `{"app_metadata":{"plan":"gold"},"email":"ann@example.com","name":"Ann","phone_number":"` + number + `","user_id":"auth0|1","user_metadata":{}}`},
		"secrets":                   {`module.exports = (r, t, c, cb) => cb(null, { ...c.webtask.secrets, data: c.webtask.data.A })`, `{"A":"one","B":"two","data":"one"}`},
		"webtask":                   {`module.exports = (r, t, c, cb) => cb(null, [Object.keys(c.webtask).sort(), c.webtask.body.recipient === r, c.webtask.headers['content-type']])`, `[["body","data","headers","meta","params","query","secrets"],true,"application/json"]`},
		"this":                      {`const top = this === module.exports && this === exports; module.exports = (r, t, c, cb) => cb(null, [top, __filename.endsWith('/hook.js'), typeof __dirname, typeof require.resolve])`, `[true,true,"string","function"]`},
		"sloppy":                    {`undeclared = 5; module.exports = function (r, t, c, cb) { cb(null, [undeclared, this === globalThis]) }`, `[5,true]`},
		"built-ins":                 {`const qs = require('querystring'), fs = require('node:fs'); module.exports = (r, t, c, cb) => cb(null, [qs.stringify({ a: 1 }), typeof fs.readFileSync])`, `["a=1","function"]`},
		"import":                    {`module.exports = async (r, t, c, cb) => { const os = await import('node:os'); const qs = (await import('querystring')).default; cb(null, [typeof os.EOL, qs.stringify({ a: 1 })]) }`, `["string","a=1"]`},
		"globals":                   {`module.exports = (r, t, c, cb) => cb(null, [new SendPhoneMessageError('a', 'b').friendlyMessage, new SendPhoneMessageError('a') instanceof ExtensibilityUserError, typeof UnauthorizedError])`, `["b",true,"undefined"]`},
		"no Lambda":                 {`module.exports = (r, t, c, cb) => cb(null, Object.keys(process.env).filter((k) => /LAMBDA|COUNTERSIGN|HANDLER|EXECUTION/.test(k)))`, `[]`},
		"extra argument":            {`module.exports = (r, t, c, cb) => cb(null, 1, 2, 3)`, `1`},
		"falsy error":               {`module.exports = (r, t, c, cb) => cb(0, 'sent')`, `"sent"`},
		"nothing":                   {`module.exports = (r, t, c, cb) => cb()`, ``},
		"later":                     {`module.exports = (r, t, c, cb) => { setTimeout(cb, 10, null, { MessageID: 'x' }) }`, `{"MessageID":"x"}`},
		"the older SNS guide's way": {`module.exports = (r, t, c, cb) => { process.env.AWS_REGION = c.webtask.secrets.A; cb(null, process.env.AWS_REGION) }`, `"one"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call := newCall(hookBody())
			call.Secrets = map[string]string{"A": "one", "B": "two"}
			out := s.with(t).run(unit(script.Hook, c.code), call)
			if out.Error != nil || string(out.Data) != c.want || !out.Begun {
				t.Errorf("got %s %+v, want %s", out.Data, out.Error, c.want)
			}
		})
	}
}

// The secret auth0-extension-secret asks for a header; this server sends it, whoever else calls must know it.
func TestHookAuthorization(t *testing.T) {
	s := newStage(t, sandbox.None, nil)
	u := unit(script.Hook, `module.exports = (r, t, c, cb) => cb(null, 'ran')`)
	for header, want := range map[string]bool{"": true, "Bearer s3cret-of-it": true, "  bearer s3cret-of-it ": true, "Bearer other": false, "s3cret-of-it": false, "Bearer": false} {
		call := newCall(hookBody())
		call.Secrets = map[string]string{"auth0-extension-secret": "s3cret-of-it"}
		if header != "" {
			call.Headers = map[string]string{"authorization": header}
		}
		out := s.run(u, call)
		if (out.Error == nil) != want || !want && (out.Error.Message != "Unauthorized extensibility point" || out.Error.Status != 500 || out.Begun) {
			t.Errorf("%q: %+v", header, out.Error)
		}
	}
}

func TestActions(t *testing.T) {
	s := newStage(t, sandbox.None, nil)
	text := script.Text{To: number, Body: "Your code is " + digits, Code: digits, Channel: "voice", From: "Shop"}
	login := script.PostLoginEvent(&facts.Login{User: *message.User, Client: message.Client, Protocol: "oauth2-password", Scopes: []string{"openid"}})
	for name, c := range map[string]struct {
		kind           script.Kind
		code           string
		body           json.RawMessage
		want, commands string
	}{
		"send-phone-message": {script.SendPhoneMessage, `exports.onExecuteSendPhoneMessage = async (event, api) => {
			const o = event.message_options; console.log(JSON.stringify([o.action, o.message_type, o.text, event.client.metadata.brand, event.secrets.A, Object.keys(api)])) }`,
			script.SendPhoneMessageEvent(message, text), `["second-factor-authentication","voice","Your code is [redacted]","blue","one",["cache"]]`, `null`},
		"custom-phone-provider": {script.CustomPhoneProvider, `exports.onExecuteCustomPhoneProvider = async (event, api) => {
			const n = event.notification; console.log(JSON.stringify([n.delivery_method, n.message_type, n.locale, n.from, n.as_text === n.as_voice])) }`,
			script.CustomPhoneProviderEvent(message, text), `["voice","otp_verify","pt_BR","Shop",true]`, `null`},
		"drop and retry": {script.CustomPhoneProvider, `exports.onExecuteCustomPhoneProvider = async (event, api) => { api.notification.drop('no'); await 1; api.notification.retry('x'.repeat(2000)) }`,
			script.CustomPhoneProviderEvent(message, text), ``, `[{"name":"notification.drop","args":["no"]},{"name":"notification.retry","args":["` + strings.Repeat("x", 1024) + `"]}]`},
		"not async": {script.SendPhoneMessage, `module.exports = { onExecuteSendPhoneMessage(event) { console.log(this === module.exports) } }`, script.SendPhoneMessageEvent(message, text), `true`, `null`},
		"post-login": {script.PostLogin, `exports.onExecutePostLogin = async (event, api) => {
			console.log(event.user.app_metadata.plan, event.transaction.requested_scopes[0], event.authorization.roles.length);
			api.multifactor.enable('any', { allowRememberBrowser: false, providers: ['otp'] });
			api.idToken.setCustomClaim('https://x/plan', { a: [1] }); api.accessToken.setCustomClaim('n', null);
			api.user.setAppMetadata('seen', true); api.user.setUserMetadata('k', undefined);
			api.authentication.challengeWith({ type: 'otp' }, { additionalFactors: [{ type: 'push-notification' }, { type: 'phone' }] });
			api.authentication.challengeWithAny([{ type: 'email' }]);
			api.access.deny('go away') }`, login, "gold openid 0",
			`[{"name":"multifactor.enable","args":["any",{"allowRememberBrowser":false,"providers":["otp"]}]},{"name":"idToken.setCustomClaim","args":["https://x/plan",{"a":[1]}]},` +
				`{"name":"accessToken.setCustomClaim","args":["n",null]},{"name":"user.setAppMetadata","args":["seen",true]},` +
				`{"name":"user.setUserMetadata","args":["k",null]},{"name":"authentication.challengeWith","args":["phone"]},{"name":"authentication.challengeWith","args":["otp"]},` +
				`{"name":"authentication.challengeWith","args":["email"]},{"name":"access.deny","args":["go away"]}]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call := newCall(c.body)
			call.Secrets, call.Sensitive = map[string]string{"A": "one"}, []string{digits, number}
			out := s.with(t).run(unit(c.kind, c.code), call)
			got, _ := json.Marshal(out.Commands)
			if len(out.Commands) == 0 {
				got = []byte("null")
			}
			if out.Error != nil || strings.TrimSpace(out.Console) != c.want || string(got) != c.commands || out.Data != nil || out.Envelope != nil {
				t.Errorf("got %q %s %+v", out.Console, got, out.Error)
			}
		})
	}
}

func TestModuleRunsOnce(t *testing.T) {
	s := newStage(t, sandbox.None, nil)
	u := unit(script.SendPhoneMessage, `let n = 0; console.log('loaded'); exports.onExecuteSendPhoneMessage = async () => { console.log(++n) }`)
	body := script.SendPhoneMessageEvent(message, script.Text{To: number})
	if first, second := s.run(u, newCall(body)).Console, s.run(u, newCall(body)).Console; first != "loaded\n1\n" || second != "2\n" {
		t.Errorf("printed %q, then %q", first, second)
	}
}

func TestActionCache(t *testing.T) {
	s := newStage(t, sandbox.None, nil)
	now := time.Now()
	s.Now = func() time.Time { return now }
	u := unit(script.SendPhoneMessage, `exports.onExecuteSendPhoneMessage = async (event, api) => {
		const { op, key, value, options } = event.message_options.recipient.startsWith('{') ? JSON.parse(event.message_options.recipient) : {};
		const out = api.cache[op](key, op === 'set' ? value : undefined, options);
		if (out && out.record) delete out.record.expires_at;
		if (out) { delete out.expires_at; delete out.message }
		console.log(JSON.stringify(out));
	}`)
	do := func(cache, op string) string {
		t.Helper()
		call := newCall(script.SendPhoneMessageEvent(message, script.Text{To: op}))
		call.Cache = cache
		out := s.run(u, call)
		if out.Error != nil {
			t.Fatal(out.Error)
		}
		return strings.TrimSpace(out.Console)
	}
	for i, step := range []struct{ cache, op, want string }{
		{"a", `{"op":"get","key":"k"}`, `undefined`},
		{"a", `{"op":"set","key":"k","value":"v"}`, `{"type":"success","record":{"value":"v"}}`},
		{"a", `{"op":"get","key":"k"}`, `{"value":"v"}`},
		{"b", `{"op":"get","key":"k"}`, `undefined`},
		{"", `{"op":"get","key":"k"}`, `undefined`},
		{"a", `{"op":"get","key":"__proto__"}`, `undefined`},
		{"a", `{"op":"set","key":"` + strings.Repeat("k", 65) + `","value":"v"}`, `{"type":"error","code":"CacheKeySizeExceeded"}`},
		{"a", `{"op":"set","key":"k","value":"` + strings.Repeat("v", 4097) + `"}`, `{"type":"error","code":"CacheValueSizeExceeded"}`},
		{"a", `{"op":"set","key":"k","value":7}`, `{"type":"error","code":"InvalidValue"}`},
		{"a", `{"op":"set","key":"x","value":"v","options":{"ttl":-1}}`, `{"type":"error","code":"InvalidExpiry"}`},
		{"a", `{"op":"set","key":"l1","value":"` + strings.Repeat("v", 4096) + `"}`, `{"type":"success","record":{"value":"` + strings.Repeat("v", 4096) + `"}}`},
		{"a", `{"op":"set","key":"l2","value":"` + strings.Repeat("v", 4096) + `"}`, `{"type":"error","code":"CacheSizeExceeded"}`},
		{"a", `{"op":"delete","key":"l1"}`, `{"type":"success"}`},
		{"a", `{"op":"delete","key":"l1"}`, `{"type":"error","code":"NotFound"}`},
		{"a", `{"op":"get","key":"l1"}`, `undefined`},
	} {
		if got := do(step.cache, step.op); got != step.want {
			t.Errorf("step %d %s: got %s, want %s", i, step.op, got, step.want)
		}
	}
	for i := range 19 {
		do("a", fmt.Sprintf(`{"op":"set","key":"n%d","value":"v"}`, i))
	}
	if got := do("a", `{"op":"set","key":"n19","value":"v"}`); got != `{"type":"error","code":"ItemCountExceeded"}` {
		t.Errorf("entry 21: %s", got)
	}
	now = now.Add(15*time.Minute + time.Second)
	if got := do("a", `{"op":"get","key":"k"}`); got != "undefined" {
		t.Errorf("after 15 minutes: %s", got)
	}
}

func TestRules(t *testing.T) {
	s := newStage(t, sandbox.None, nil)
	input := script.RuleInput(&facts.Login{User: *message.User, Client: message.Client, Request: message.Request, Tenant: message.Tenant, Protocol: "oauth2-password",
		Connection: facts.Connection{ID: "con_1", Name: "Username-Password-Authentication", Strategy: "auth0"}, Scopes: []string{"openid"}})
	var outcomes []*script.Outcome
	data := input
	for _, code := range []string{
		"// a rule as the console has it\nfunction (user, context, callback) {\n  const C = configuration;\n  context.idToken['https://x/plan'] = user.app_metadata.plan + C.SUFFIX;\n  user.seen = context.clientName;\n  callback(null, user, context);\n}",
		`function named(user, context, callback) { if (user.seen === 'Shop' && context.stats.loginsCount === 0) context.multifactor = { provider: 'any', allowRememberBrowser: false }; callback(null, user, context); };`,
		`async function last(user, context, callback) {
			user.app_metadata.logins = 1;
			await auth0.users.updateAppMetadata(user.user_id, user.app_metadata);
			context.accessToken['https://x/ip'] = context.request.ip; context.accessToken.aud = 'forged';
			callback(null, user, context) }`,
		`module.exports = (user, context, callback) => callback()`,
		`(user, context, callback) => auth0.users.updateAppMetadata('auth0|2', {}).catch((e) => { console.log(e.message); callback(null, user, context) })`,
	} {
		call := newCall(data)
		call.Secrets = map[string]string{"SUFFIX": "-x"}
		out := s.run(unit(script.Rule, code), call)
		if out.Error != nil {
			t.Fatalf("%s: %+v", code, out.Error)
		}
		outcomes, data = append(outcomes, out), out.Data
	}
	if !strings.Contains(outcomes[4].Console, "changes the user who signs in, and no other") {
		t.Errorf("another user was changed: %q", outcomes[4].Console)
	}
	v, err := script.Verdict(outcomes)
	got, _ := json.Marshal(v)
	if want := `{"mfa":true,"access_claims":{"https://x/ip":"192.0.2.7"},"id_claims":{"https://x/plan":"gold-x"},"app_metadata":{"logins":1,"plan":"gold"}}`; err != nil || string(got) != want {
		t.Errorf("verdict %s %v, want %s", got, err, want)
	}
}

// pack is a package with modules.
func withModules(kind script.Kind, files map[string]string) *script.Unit {
	return script.NewUnit(kind, "modules", archive(files))
}

func TestModules(t *testing.T) {
	s := newStage(t, sandbox.None, nil)
	code := `module.exports = async (r, t, c, cb) => { try {
		const got = [require('a').n, require('@s/b@1.2.3').n, require('a') === require('a'), (await import('a')).n, (await import('a')).default.n, (await import('@s/b@1.2.3')).default];
		let missing = ''; try { require('c') } catch (e) { missing = e.code }
		let later = ''; try { await import('c') } catch (e) { later = e.message.slice(0, 22) }
		cb(null, [...got, missing, later, require.resolve('a')]) } catch (e) { cb(e) } }`
	want := `[1,2,true,1,1,{"n":2},"MODULE_NOT_FOUND","Cannot find module 'c'","a"]`
	for name, files := range map[string]map[string]string{
		"bundled": {"modules.cjs": `const m = {}; module.exports = { 'a': () => m.a ||= { n: 1, 'odd name': 2 }, '@s/b@1.2.3': () => m.b ||= (require('node:os'), { n: 2 }) }`},
		"folder":  {"node_modules/a/index.js": `exports.n = 1`, "node_modules/@s/b/package.json": `{"main":"lib.js"}`, "node_modules/@s/b/lib.js": `module.exports = { n: 2 }`},
	} {
		t.Run(name, func(t *testing.T) {
			files = maps.Clone(files)
			files["script.js"], files["script.json"] = code, `{"file":"hook.js","modules":["a","@s/b@1.2.3"]}`
			out := s.with(t).run(withModules(script.Hook, files), newCall(hookBody()))
			if out.Error != nil || string(out.Data) != want {
				t.Errorf("got %s %+v, want %s", out.Data, out.Error, want)
			}
		})
	}
	esm := withModules(script.Hook, map[string]string{"script.json": `{}`, "node_modules/e/package.json": `{"type":"module","exports":"./e.js"}`, "node_modules/e/e.js": `export const n = 3; export default 4;`,
		"script.js": `module.exports = async (r, t, c, cb) => { const e = await import('e'); cb(null, [e.n, e.default]) }`})
	if out := s.run(esm, newCall(hookBody())); string(out.Data) != `[3,4]` {
		t.Errorf("an ES module: %s %+v", out.Data, out.Error)
	}
	marked := withModules(script.Hook, map[string]string{"script.json": `{}`, "modules.cjs": `module.exports = { e: () => ({ __esModule: true, default: 4, n: 3 }) }`,
		"script.js": `module.exports = async (r, t, c, cb) => { const e = await import('e'); cb(null, [e.n, e.default, require('e').default]) }`})
	if out := s.run(marked, newCall(hookBody())); string(out.Data) != `[3,4,4]` {
		t.Errorf("a bundled ES module: %s %+v", out.Data, out.Error)
	}
}

func TestConsole(t *testing.T) {
	s := newStage(t, sandbox.None, nil)
	call := newCall(hookBody())
	call.Secrets, call.Sensitive = map[string]string{"KEY": "sk_live_12/34+"}, []string{digits, number}
	out := s.run(unit(script.Hook, `module.exports = (r, t, c, cb) => {
		console.log('to', r, 'code', c.code, 'spoken', c.code.split('').join(', '), 'not +12025550199');
		console.error(c.webtask.secrets.KEY, encodeURIComponent(c.webtask.secrets.KEY), JSON.stringify({ a: r.slice(1) }));
		console.group('g'); console.dir({ a: 1 }); console.groupEnd(); process.stdout.write('raw'); process.stderr.write(Buffer.from('bytes\n'), () => cb());
	}`), call)
	want := "to [redacted] code [redacted] spoken [redacted] not [redacted]\n[redacted] [redacted] {\"a\":\"[redacted]\"}\ng\n  { a: 1 }\nrawbytes\n"
	if out.Error != nil || out.Console != want {
		t.Errorf("%+v printed %q, want %q", out.Error, out.Console, want)
	}
	// What a call printed is known even if it never answered.
	s.Timeout = 500 * time.Millisecond
	out = s.run(unit(script.Hook, `module.exports = (r, t, c, cb) => { console.log('first\nsecond', c.code); for (;;); }`), func() *script.Call {
		c := newCall(hookBody())
		c.Sensitive = []string{digits}
		return c
	}())
	if out.Error.Failure != script.TimedOut || out.Console != "first\nsecond [redacted]\n" {
		t.Errorf("%+v printed %q", out.Error, out.Console)
	}
}

func TestRequests(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/hang") {
			<-r.Context().Done()
			return
		}
		w.WriteHeader(http.StatusCreated)
	}))
	defer srv.Close()
	s := newStage(t, sandbox.None, func(o *hookrun.Options) {
		o.Egress = hookrun.Egress{Allow: []string{srv.Listener.Addr().String()}, Loopback: true}
	})
	call := newCall(hookBody())
	call.Secrets, call.Sensitive = map[string]string{"SID": "AC0123456789"}, []string{number}
	out := s.run(unit(script.Hook, `const http = require('http'); module.exports = async (r, t, c, cb) => {
		const base = '`+srv.URL+`';
		await new Promise((ok) => http.request(base + '/2010/' + c.webtask.secrets.SID + '/Messages?To=' + r, { method: 'POST' }, (res) => { res.resume(); res.on('end', ok) }).end('body'));
		await fetch(base + '/fetch/' + encodeURIComponent(r), { method: 'PUT', body: 'x' });
		await new Promise((ok) => http.get('http://127.0.0.1:1/refused').on('error', ok));
		await fetch('http://127.0.0.1:9/refused').catch(() => {});
		const hung = http.get(base + '/hang'); await new Promise((ok) => { hung.on('error', ok); setTimeout(() => hung.destroy(new Error('gave up on ' + r)), 20) });
		cb() }`), call)
	if out.Error != nil {
		t.Fatal(out.Error)
	}
	host := strings.TrimPrefix(srv.URL, "http://")
	want := []script.Request{
		{Method: "POST", Host: host, Path: "/2010/[redacted]/Messages", Status: 201}, {Method: "PUT", Host: host, Path: "/fetch/[redacted]", Status: 201},
		{Method: "GET", Host: "127.0.0.1:1", Path: "/refused", Error: "connect ECONNREFUSED 127.0.0.1:1"}, {Method: "GET", Host: "127.0.0.1:9", Path: "/refused", Error: "bad port"},
		{Method: "GET", Host: host, Path: "/hang", Error: "gave up on [redacted]"},
	}
	if len(out.Requests) == 4 { // a bad port is refused before there is a request
		want = slices.Delete(want, 3, 4)
	}
	for i := range out.Requests {
		if out.Requests[i].Duration <= 0 || out.Requests[i].Duration > 5*time.Second {
			t.Errorf("request %d took %v", i, out.Requests[i].Duration)
		}
		out.Requests[i].Duration = 0
	}
	if !slices.Equal(out.Requests, want) {
		t.Errorf("got\n%+v\nwant\n%+v", out.Requests, want)
	}
}

// The hooks of the documents run byte for byte; here with a stand-in for the SDK.
func TestDocumentedHooks(t *testing.T) {
	dir := os.Getenv("COUNTERSIGN_REFERENCE")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	pages, _ := filepath.Glob(filepath.Join(dir, "seeds", "00[01]_*.txt"))
	if len(pages) != 2 {
		t.Fatalf("the documents with the hooks are missing: set COUNTERSIGN_REFERENCE to the folder that holds seeds/ (looked in %s)", dir)
	}
	s := newStage(t, sandbox.None, nil)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		_, code, _ := strings.Cut(string(text), "// Load the SDK")
		code, _, ok := strings.Cut(code, "\n};\n")
		if !ok {
			t.Fatalf("no hook in %s", page)
		}
		u := withModules(script.Hook, map[string]string{"script.js": "// Load the SDK" + code + "\n};\n", "script.json": `{"file":"hook.js","modules":["aws-sdk"]}`, "modules.cjs": `
			class Credentials { constructor(id, key) { this.id = id; this.key = key } }
			class SNS { constructor(o) { this.o = o } publish(p) { return { promise: async () => {
				console.log(p.PhoneNumber, p.Message, this.o.apiVersion, this.o.region || process.env.AWS_REGION, (this.o.credentials || {}).key || process.env.AWS_SECRET_ACCESS_KEY);
				return {} } } } }
			module.exports = { 'aws-sdk': () => ({ SNS, Credentials }) };`})
		call := newCall(hookBody())
		call.Secrets = map[string]string{"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "key", "AWS_REGION": "eu"}
		out := s.run(u, call)
		if string(out.Envelope) != `{"statusCode":200,"headers":{},"status":"success","data":{}}` || out.Console != "[redacted] Your code is "+digits+" 2010-03-31 eu key\n" {
			t.Errorf("%s: %s %q", filepath.Base(page), out.Envelope, out.Console)
		}
	}
}
