package npm

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/hookrun/sandbox"
	"countersign/internal/module"
)

// shelf is a registry with some packages.
func shelf(t testing.TB) *fakeRegistry {
	return newFakeRegistry(t, map[string]map[string]release{
		"plain": {"1.0.0": js(`exports.v = "1.0.0"`), "1.2.0": js(`exports.v = "1.2.0"`), "2.0.0": js(`exports.v = "2.0.0"`)},
		"@scope/deep": only("3.1.4", release{files: map[string]string{"index.js": `exports.plain = require("plain").v`,
			"lib/part.js": `module.exports = "part"`}}.with("dependencies", map[string]string{"plain": "^1.0.0"})),
		"fresh":       {"1.0.0": js(`exports.v = 1`), "1.0.1": release{files: map[string]string{"index.js": `exports.v = 1.1`}, at: now.Add(-2 * 24 * time.Hour)}},
		"needs-fresh": only("1.0.0", js(``).with("dependencies", map[string]string{"fresh": "*"})),
		"beside": only("1.0.0", release{files: map[string]string{"index.js": `exports.text = require("fs").readFileSync(__dirname + "/words.txt", "utf8")`,
			"words.txt": "found", "README.md": "no", "index.js.map": "{}", "test/test.js": "no", "lib/test/kept.js": ""}}),
		"dynamic": only("1.0.0", js(`exports.load = (name) => require(name)`)),
		"maybe": only("1.0.0", js(`try { require("not-there") } catch { exports.v = "without" }`).
			with("optionalDependencies", map[string]string{"native-speedup": "1.0.0"})),
		"native-speedup": only("1.0.0", js(``).with("scripts", map[string]string{"install": "node-gyp rebuild"})),
		"scripted": only("1.0.0", js(`exports.v = 1`).with("deprecated", "use\x1b[31m plain").with("scripts",
			map[string]string{"preinstall": "touch /tmp/preinstall-ran", "postinstall": "touch /tmp/preinstall-ran"})),
		"esm": only("1.0.0", js(`export const v = 1; export default 2;`).with("type", "module")),
	})
}

func TestBuild(t *testing.T) {
	f := shelf(t)
	for _, level := range levels {
		t.Run(string(level), func(t *testing.T) {
			b := fakeBuilder(t, level, f, nil)
			code := "const a = require('plain'), b = require('@scope/deep@3.1.4/lib/part'), c = require('plain@2.0.0')," +
				" fs = require('fs'), q = require('querystring@0.2.1')\r\n" +
				"module.exports = () => a;\u2028"
			s := &module.Source{Code: code, File: "hook.js", Dependencies: map[string]string{"plain": "^1.0.0", "crypto": "1"}}
			out := build(t, b, s)
			files := unzip(t, out.Artifact)
			if files["script.js"] != code {
				t.Errorf("the script changed: %q", files["script.js"])
			}
			if want := `{"file":"hook.js","modules":["@scope/deep@3.1.4/lib/part","plain","plain@2.0.0","querystring@0.2.1"]}`; files["script.json"] != want ||
				len(files) != 3 {
				t.Errorf("%s", files["script.json"])
			}
			got := load(t, out.Artifact, `console.log(m.plain().v, m['plain@2.0.0']().v, m['@scope/deep@3.1.4/lib/part'](),
				typeof m['querystring@0.2.1']().parse, m.plain() === m.plain())`)
			if got != "1.2.0 2.0.0 part function true" {
				t.Errorf("%s", got)
			}
			if sum := sha256.Sum256(out.Artifact); hex.EncodeToString(sum[:]) != out.Hash || !out.Bundled {
				t.Errorf("%s %v", out.Hash, out.Bundled)
			}
			var names []string
			for _, m := range out.Modules {
				names = append(names, m.Name+"@"+m.Version)
				if !m.ReleasedAt.Equal(old) || !strings.HasPrefix(m.Integrity, "sha512-") {
					t.Errorf("%+v", m)
				}
			}
			if !slices.Equal(names, []string{"@scope/deep@3.1.4", "plain@1.2.0", "plain@2.0.0"}) {
				t.Errorf("%v", names)
			}
			if len(out.Warnings) != 1 || !strings.Contains(out.Warnings[0].Text, "crypto is part of Node") {
				t.Errorf("%+v", out.Warnings)
			}
			again := build(t, fakeBuilder(t, level, f, nil), &module.Source{Code: code, File: "hook.js", Dependencies: s.Dependencies, Lock: out.Lock})
			if again.Hash != out.Hash || string(again.Lock) != string(out.Lock) {
				t.Error("equal sources with equal locks, and other bytes")
			}
		})
	}
}

// A changed script alone takes no npm; the dates of what did not change are not asked for again.
func TestBuildAgain(t *testing.T) {
	f := shelf(t)
	b := fakeBuilder(t, sandbox.None, f, nil)
	s := &module.Source{Code: `require('plain')`, Dependencies: map[string]string{"plain": "1.0.0"}}
	first := build(t, b, s)
	before := len(f.asked())
	s.Code, s.Lock = `require('plain') // changed`, first.Lock
	second := build(t, b, s)
	s.Lock = nil // nobody kept it: Run
	third := build(t, b, s)
	if len(f.asked()) != before || second.Hash == first.Hash || third.Hash != second.Hash {
		t.Errorf("asked for %v", f.asked()[before:])
	}
}

// With a lock versions stay; a changed range is resolved anew.
func TestLockKeepsVersions(t *testing.T) {
	f := shelf(t)
	b := fakeBuilder(t, sandbox.None, f, nil)
	first := build(t, b, &module.Source{Code: ``, Dependencies: map[string]string{"plain": "1.0.0"}})
	second := build(t, b, &module.Source{Code: ``, Dependencies: map[string]string{"plain": "^1.0.0", "scripted": ""}, Lock: first.Lock})
	third := build(t, b, &module.Source{Code: ``, Dependencies: map[string]string{"plain": "latest"}, Lock: second.Lock})
	if v := second.Modules[0].Version; v != "1.0.0" {
		t.Errorf("with a lock: %s", v)
	}
	if v := third.Modules[0].Version; v != "1.0.0" && v != "2.0.0" {
		t.Errorf("latest: %s", v)
	}
	if w := second.Warnings; len(w) != 1 || w[0].Text != "the module scripted@1.0.0 is deprecated: use [31m plain" {
		t.Errorf("%+v", w)
	}
	if change := module.Diff(first.Modules, second.Modules); len(change) != 1 || change[0].Name != "scripted" {
		t.Errorf("%+v", change)
	}
	if _, err := os.Stat("/tmp/preinstall-ran"); err == nil {
		t.Error("a module's script ran")
	}
}

func TestYoungReleases(t *testing.T) {
	b := fakeBuilder(t, sandbox.None, shelf(t), nil)
	s := &module.Source{Code: ``, Dependencies: map[string]string{"needs-fresh": "1.0.0"}}
	if text := fails(t, b, s, fault.ConfirmationNeeded); !strings.Contains(text, "fresh 1.0.1 (2026-11-19)") || strings.Contains(text, "needs-fresh") {
		t.Error(text)
	}
	s.AllowYoung = true
	out := build(t, b, s)
	s.AllowYoung, s.Lock, s.Code = false, out.Lock, `;`
	build(t, b, s) // it was confirmed before
	build(t, b, &module.Source{Code: ``, Dependencies: map[string]string{"fresh": "1.0.0"}})
}

func TestUndatedReleases(t *testing.T) {
	f := shelf(t)
	f.undated = true
	out := build(t, fakeBuilder(t, sandbox.None, f, nil), &module.Source{Code: ``, Dependencies: map[string]string{"plain": "1.0.0"}})
	if !out.Modules[0].ReleasedAt.IsZero() || len(out.Warnings) != 1 || !strings.Contains(out.Warnings[0].Text, "plain@1.0.0") {
		t.Errorf("%+v %+v", out.Modules, out.Warnings)
	}
}

func TestPackedAsTheyAre(t *testing.T) {
	b := fakeBuilder(t, sandbox.Full, shelf(t), nil)
	out := build(t, b, &module.Source{Code: `require('beside')`, Dependencies: map[string]string{"beside": "1.0.0"}})
	files := unzip(t, out.Artifact)
	want := []string{"node_modules/beside/index.js", "node_modules/beside/lib/test/kept.js", "node_modules/beside/package.json", "node_modules/beside/words.txt",
		"script.js", "script.json"}
	if out.Bundled || !slices.Equal(sortedKeys(files), want) {
		t.Errorf("%v %v", out.Bundled, sortedKeys(files))
	}
	out = build(t, b, &module.Source{Code: `require('dynamic@1.0.0'); require('dynamic')`, Dependencies: map[string]string{"dynamic": "*"}})
	if got := load(t, out.Artifact, `console.log(m['dynamic@1.0.0']().load('./package.json').name)`); out.Bundled || got != "dynamic" {
		t.Errorf("%v %s", out.Bundled, got)
	}
}

func TestOptionalAndESM(t *testing.T) {
	b := fakeBuilder(t, sandbox.Full, shelf(t), nil)
	out := build(t, b, &module.Source{Code: ``, Dependencies: map[string]string{"maybe": "1.0.0", "esm": "1.0.0"}})
	if got := load(t, out.Artifact, `console.log(m.maybe().v, m.esm().v, m.esm().default)`); got != "without 1 2" || len(out.Modules) != 2 {
		t.Errorf("%s %+v", got, out.Modules)
	}
}

func TestNoModules(t *testing.T) {
	b := newBuilder(t, sandbox.None, func(o *Options) { o.Registry = "https://127.0.0.1:1/" })
	out := build(t, b, &module.Source{Code: `module.exports = require('node:fs')`})
	if files := unzip(t, out.Artifact); len(files) != 2 || out.Lock != nil || len(out.Modules) != 0 ||
		files["script.json"] != `{"file":"script.js","modules":[]}` {
		t.Errorf("%v", files)
	}
}

func TestScriptInvalid(t *testing.T) {
	b := newBuilder(t, sandbox.Full, nil)
	for code, want := range map[string]string{
		"\n  let a = ;":                        "line 2, column 11: ",
		"module.exports = function(":           "line 1, column 27: ",
		"/* ö */ 'use strict'; let é = 'x' y":  "line 1, column 35: ",
		"import x from 'y'":                    "CommonJS",
		"export const a = 1":                   "CommonJS",
		"await x()":                            "await",
		"a\xff":                                "UTF-8",
		strings.Repeat("(", 500_000):           "deeply",
		strings.Repeat("a=>", 100_000) + "1":   "deeply",
		"x=" + strings.Repeat("!", 400) + ";(": "line 1, column 403", // in another process
	} {
		if got := fails(t, b, &module.Source{Code: code}, fault.ScriptInvalid); !strings.Contains(got, want) {
			t.Errorf("%.30q: %q", code, got)
		}
	}
	fails(t, b, &module.Source{Code: strings.Repeat(" ", module.MaxCode+1)}, fault.PayloadTooLarge)
	build(t, b, &module.Source{Code: "\ufeffmodule.exports = () => {}"})
	build(t, b, &module.Source{Code: "x=" + strings.Repeat("!", 400) + "1"})
	rule := "function (user, context, callback) { callback(null, user, context) }"
	build(t, b, &module.Source{Code: rule, Rule: true})
	fails(t, b, &module.Source{Code: rule}, fault.ScriptInvalid)
	if got := fails(t, b, &module.Source{Code: "function (a) { let = }}", Rule: true}, fault.ScriptInvalid); !strings.HasPrefix(got, "line 1, column ") {
		t.Error(got)
	}
}

func TestNoNpm(t *testing.T) {
	t.Setenv("PATH", "/nowhere")
	if _, err := findTool("/nowhere/bin/node"); err != nil && fault.Of(err).Code != fault.ModulesUnavailable {
		t.Error(err)
	}
	dir := t.TempDir()
	cli := filepath.Join(dir, "lib", "node_modules", "npm", "bin", "npm-cli.js")
	if err := os.MkdirAll(filepath.Dir(cli), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cli, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := findTool(filepath.Join(dir, "bin", "node")); err != nil || got.cli != cli {
		t.Errorf("%+v %v", got, err)
	}
}
