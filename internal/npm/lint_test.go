package npm

import (
	"fmt"
	"strings"
	"testing"

	"countersign/internal/module"
)

func warnings(s *module.Source) string {
	var out []string
	for _, w := range lint(s) {
		out = append(out, fmt.Sprintf("%d:%d %s", w.Line, w.Column, w.Text))
	}
	return strings.Join(out, "\n")
}

// What guides get wrong (auth0.md, section 8).
func TestLintFinds(t *testing.T) {
	for code, want := range map[string]string{
		"module.exports = function (to, text, context, cb) {\n  client.send({ channel: message_type === 'sms' ? 1 : 2 });\n};": "2:3 \"client\" is not defined anywhere in the script\n" +
			"2:26 \"message_type\" is not defined anywhere in the script: probably context.message_type",
		"say('Your code is {{code}}');function say(){}": "1:5 {{code}} in the code",
		"const t = `<Say>{{ code }}</Say>`":             "1:12 {{code}} in the code",
		"'use npm';":                                    `1:1 the directive "use npm" has no effect`,
		"'use strict'; x();\n'use latest'; var x":       `2:1 the directive "use latest" has no effect`,
		"cb(null); ({ message_id })":                    "1:1 \"cb\" is not defined anywhere in the script\n1:14 \"message_id\"",
		"new Foo(`${bar}`)":                             "1:5 \"Foo\" is not defined anywhere in the script\n1:12 \"bar\"",
	} {
		if got := warnings(&module.Source{Code: code}); !strings.HasPrefix(got, want) && !strings.Contains(got, want) {
			t.Errorf("%s\n got %s\nwant %s", code, got, want)
		}
	}
}

// What is right, or may be, gets no word.
func TestLintIsSilent(t *testing.T) {
	for _, code := range []string{
		`module.exports = function (recipient, text, context, cb) { process.env.X = context.webtask.secrets.X; cb(null, {}); };`,
		`exports.onExecuteSendPhoneMessage = async (event, api) => { const { code, text: t } = event.message_options; await fetch(t + code); };`,
		`const AWS = require("aws-sdk"); const { a, b: { c = 1 }, ...rest } = AWS, [d, , e] = a; c; d; e; rest; AWS;`,
		`for (const [k, v] of Object.entries({})) console.log(k, v); for (var i = 0, n = 3; i < n; i++); for (x of []) x; for (const p in {}) p`,
		`try { f() } catch (e) { e } function f({ a, b } = {}, [c], ...d) { return [a, b, c, d, arguments] }`,
		`class A extends B { #p = 1; field; static other = 2; constructor() { super() } get size() { return this.#p } static async *gen() {} } class B {}`,
		`const o = { method() {}, get x() { return 1 }, async y() {}, async *z() {}, 'q': 1, w: 2, ["v"]: 3 }; o`,
		`label: for (;;) { if (typeof unknown !== 'undefined') break label; continue label }`,
		`const f = async x => x, g = (y, z = 1) => y + z, h = async ({ a }) => a; f; g; h`,
		`implicit = 1; implicit; var [s = implicit] = []; s; count++; count`,
		`new SendPhoneMessageError("x"); ExtensibilityUserError; configuration.X; new URL("x"); Buffer.from("x"); setTimeout(() => {}, 1)`,
		`function* g() { yield* other() } function other() {} let a, b = 2, c; a; b; c; g`,
		`with (context) { anything }`, `a?.b; var a = {}; a?.[0]?.c`, `import("x").then(({ default: d }) => d)`, "`{{name}}`; '{{ user.code }}'",
		`if (a) { b } else if (c) { d } switch (a) { case b: default: } var a, b, c, d`, `var re = /undefinedName/.test("x"), div = re / re / 2`,
		"const x = 1\nconst y = x\n[y].forEach((z) => z)", `({ a: 1, "b": 2 }).a; let { ["k"]: z } = {}; z; [p, q] = [q, p]; ({ r, s: t } = {}); r; t`,
		`var \u0061bc = 1; abc`,
	} {
		if got := warnings(&module.Source{Code: code}); got != "" {
			t.Errorf("%s\n%s", code, got)
		}
	}
}

func TestLintSecrets(t *testing.T) {
	known := []string{"A"}
	for code, want := range map[string]string{
		`f(context.webtask.secrets.A, event.secrets.B); var f, context, event`:                       `1:44 the secret "B" is not set`,
		`context.webtask.secrets['C-D']; var context`:                                                `1:25 the secret "C-D"`,
		`const { A, B: b, C, D = 1 } = context.webtask.secrets; f(A, b, C, D); var f, context`:       `1:18 the secret "C"`,
		`const s = context.webtask.secrets; s.X; context?.webtask?.secrets[name]; var context, name`: ``,
		`secrets.B; event.secrets.hasOwnProperty("x"); event.secrets.B = 1; var secrets, event`:      ``,
		`const { ...all } = event.secrets; const { [k]: v } = event.secrets; var event, k; all; v`:   ``,
		`event.secrets.B; event.secrets.B; var event`:                                                `1:15 the secret "B"`,
		`const { context: { webtask } } = x; webtask.secrets.A; webtask.secrets.B; var x`:            `the secret "B"`,
	} {
		got := warnings(&module.Source{Code: code, SecretNames: known})
		if want == "" && got != "" || !strings.Contains(got, want) || strings.Count(got, "\n") > 1 {
			t.Errorf("%s\n got %s\nwant %s", code, got, want)
		}
		if got := warnings(&module.Source{Code: code}); got != "" {
			t.Errorf("without a list: %s", got)
		}
	}
	if got := strings.Count(warnings(&module.Source{Code: strings.Join(strings.Split("abcdefghijklmnopqrstuvwxyz", ""), "x();") + "x()"}),
		"\n"); got != maxWarnings-1 {
		t.Errorf("%d", got)
	}
}
