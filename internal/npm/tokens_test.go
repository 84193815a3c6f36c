package npm

import (
	"strings"
	"testing"
	"time"

	"countersign/internal/module"
)

// show writes tokens by kind: words as they are, strings in quotes, templates in backticks, expressions between slashes.
func show(src string) string {
	var out []string
	for _, t := range tokens(src) {
		switch t.kind {
		case str:
			out = append(out, `"`+t.text+`"`)
		case template:
			out = append(out, "T:"+t.text)
		case regex:
			out = append(out, "R:"+t.text)
		case number:
			out = append(out, "N:"+t.text)
		default:
			out = append(out, t.text)
		}
	}
	return strings.Join(out, " ")
}

func TestTokens(t *testing.T) {
	for src, want := range map[string]string{
		`a = b / c / d`:                              `a = b / c / d`,
		`a = /b\/[/]c/g.test(x)`:                     `a = R:/b\/[/]c/g . test ( x )`,
		`if (x) /a/.test(y)`:                         `if ( x ) R:/a/ . test ( y )`,
		`f(x) / 2 / y`:                               `f ( x ) / N:2 / y`,
		`return /x/`:                                 `return R:/x/`,
		`a.return / b / c`:                           `a . return / b / c`,
		`{} /x/.y`:                                   `{ } R:/x/ . y`,
		`x = {} / 2 / y`:                             `x = { } / N:2 / y`,
		"`a${b + `c${d}e`}f` / g":                    "` T:a ${ b + ` T:c ${ d } T:e ` } T:f ` / g",
		"`\\`\\${x}`":                                "` T:\\`\\${x} `",
		"`${{a: {}}}`":                               "` T: ${ { a : { } } } T: `",
		`'it\'s' + "say \"x\""`:                      `"it\'s" + "say \"x\""`,
		"// line\na /* b\n */ c":                     `a c`,
		"#!/usr/bin/env node\na":                     `a`,
		`a?.b ?? c?.5:d ** e`:                        `a ?. b ?? c ? N:.5 : d ** e`,
		`1e+5 0x1e+5 1_000n .5.toFixed()`:            `N:1e+5 N:0x1e + N:5 N:1_000n N:.5.toFixed ( )`,
		`class A { #x = 1; y() { return this.#x } }`: `class A { #x = N:1 ; y ( ) { return this . #x } }`,
		`ünïcode$1 \u0061b`:                          `ünïcode$1 \u0061b`,
		"'no end\nnext":                              `"no end" next`,
		"`no end":                                    "` T:no end",
		"/no end\nnext":                              "/ no end next",
		"a\u00a0b\u2028c":                            "a b c",
	} {
		if got := show(src); got != want {
			t.Errorf("%q:\n got %s\nwant %s", src, got, want)
		}
	}
	if line, column := position("a\nböb😀 x", len("a\nböb😀 ")); line != 2 || column != 7 {
		t.Errorf("%d:%d", line, column)
	}
}

// What takes the square of a script's length would take minutes.
func TestTokensInTime(t *testing.T) {
	for _, s := range []string{"/[", "`${", "a=/(", "'", "((", "/*", "{{", "}/", "x=>", "\\u{", "#"} {
		code := strings.Repeat(s, module.MaxCode/len(s))
		began := time.Now()
		lint(&module.Source{Code: code})
		nested(tokens(code))
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%q: %s", s, took)
		}
	}
}

func FuzzTokens(f *testing.F) {
	for _, s := range []string{"`a${b}c`", `/x[/]y/g`, `'a\'b'`, "a /* b */ // c", "#x \\u{61}", "{}/x/", "`${`${", "\xff\xfe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		last := -1
		for _, tok := range tokens(s) {
			if tok.at < last || tok.at > len(s) || !strings.Contains(s, tok.text) {
				t.Fatalf("%+v in %q", tok, s)
			}
			last = tok.at
			position(s, tok.at)
		}
		nested(tokens(s))
		for _, w := range lint(&module.Source{Code: s, SecretNames: []string{"A"}}) {
			if w.Line < 1 || w.Column < 1 {
				t.Fatalf("%+v in %q", w, s)
			}
		}
	})
}

func TestNested(t *testing.T) {
	var hook strings.Builder // the same function often, with semicolons and without
	for range 300 {
		hook.WriteString("function send(to, text) {\n  const a = axios.post('x', { to, text })\n" +
			"  return a.then((r) => r.data).catch((e) => { throw new Error(e.message) })\n}\nlet x = 1;\n")
	}
	for src, deep := range map[string]bool{
		hook.String(): false,
		"x=[" + strings.Repeat("1,", 3000) + "1]":  false,
		"x={" + strings.Repeat("a:1,", 3000) + "}": false,
		strings.Repeat("(", 400):                   true,
		strings.Repeat("[", 400):                   true,
		strings.Repeat("{", 400):                   true,
		"x=" + strings.Repeat("!", 400) + "1":      true,
		"x=" + strings.Repeat("!\n", 400) + "1":    true,
		strings.Repeat("a=", 400) + "1":            true,
		strings.Repeat("a=>", 400) + "1":           true,
		strings.Repeat("if(a)\n", 5000) + "x":      true,
		strings.Repeat("else\n", 5000):             true,
		strings.Repeat("a:\n", 400):                true,
		"x" + strings.Repeat(".a", 400):            true,
		"x" + strings.Repeat("\n.a", 400):          true,
		"x" + strings.Repeat("()", 400):            true,
		"x" + strings.Repeat(",x", 5000):           true,
		"x=1" + strings.Repeat("+1", 400):          true,
		strings.Repeat("new\n", 400) + "x":         true,
		strings.Repeat("typeof\n", 400) + "x":      true,
		strings.Repeat("`${", 400):                 true,
		strings.Repeat("a?b:", 400) + "1":          true,
		strings.Repeat("f(function(){", 300):       true,
		strings.Repeat(";", maxTokens):             true,
	} {
		if got := nested(tokens(src)); got > shallowDepth != deep {
			t.Errorf("%.20q: %d", src, got)
		}
	}
}

func BenchmarkTokens(b *testing.B) {
	src := strings.Repeat("module.exports = function (recipient, text, context, cb) { /* send */ const a = `x${text}`; cb(null, { a: /x/.test(a) }); };\n", 100)
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		tokens(src)
	}
}

func BenchmarkParse(b *testing.B) {
	src := strings.Repeat("module.exports = function (recipient, text, context, cb) { const a = require('axios'); cb(null, { a: a.test(text) }); };\n", 20)
	for b.Loop() {
		parse(src, "hook.js")
	}
}
