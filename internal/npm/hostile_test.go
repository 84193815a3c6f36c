package npm

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"countersign/internal/fault"
	"countersign/internal/hookrun"
	"countersign/internal/hookrun/sandbox"
	"countersign/internal/module"
	"countersign/internal/runner"
)

// What is asked for is judged before npm runs.
func TestRefusedBeforeNpm(t *testing.T) {
	b := newBuilder(t, sandbox.None, func(o *Options) { o.Registry = "https://127.0.0.1:1/" })
	many := map[string]string{}
	for i := range module.MaxModules + 1 {
		many["m"+strings.Repeat("x", i)] = "1"
	}
	for name, tt := range map[string]struct {
		code string
		deps map[string]string
		want string
	}{
		"git":              {``, map[string]string{"a": "git+https://example.com/a.git"}, "not from git"},
		"github":           {``, map[string]string{"a": "user/repo"}, "not from git"},
		"url":              {``, map[string]string{"a": "https://example.com/a.tgz"}, "not from git"},
		"file":             {``, map[string]string{"a": "file:../a"}, "not from git"},
		"folder":           {``, map[string]string{"a": "../a"}, "not from git"},
		"archive":          {``, map[string]string{"a": "a.tgz"}, "not from git"},
		"alias":            {``, map[string]string{"a": "npm:b@1"}, "not from git"},
		"workspace":        {``, map[string]string{"a": "workspace:*"}, "not from git"},
		"an option":        {``, map[string]string{"a": "--registry"}, "no version"},
		"odd version":      {``, map[string]string{"a": "1.0.0;x"}, "no version"},
		"odd name":         {``, map[string]string{"a b": "1"}, "not the name"},
		"path":             {``, map[string]string{"../a": "1"}, "not the name"},
		"dots":             {``, map[string]string{"..": "1"}, "not the name"},
		"scope alone":      {``, map[string]string{"@a": "1"}, "not the name"},
		"node_modules":     {``, map[string]string{"node_modules": "1"}, "not the name"},
		"placeholder":      {``, map[string]string{"twilio-node": "1.0.0"}, `"twilio"`},
		"placeholder used": {`require('twilio-node')`, nil, `"twilio"`},
		"placeholder @":    {`require('twilio-node@1.0.0')`, nil, `"twilio"`},
		"git in require":   {`require('a@git+ssh:x')`, nil, "not from git"},
		"missing": {"\n\n  const a = require('axios')", map[string]string{"aws-sdk": "2"},
			`line 3, column 21: the script requires "axios", which is not among its modules: add it`},
		"missing part": {`import('aws-sdk/clients/sns')`, nil, `requires "aws-sdk"`},
		"many":         {``, many, "at most 20"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := fails(t, b, &module.Source{Code: tt.code, Dependencies: tt.deps}, fault.ModuleRefused); !strings.Contains(got, tt.want) {
				t.Error(got)
			}
		})
	}
	out := build(t, b, &module.Source{Code: `require("./beside"); require("/etc/passwd"); require(name);
		require('punycode'); require('node:test'); require('fs/promises'); var name`})
	if len(out.Warnings) != 2 || out.Warnings[0].Line != 1 {
		t.Errorf("%+v", out.Warnings)
	}
}

// A registry is not trusted further than its sums go.
func TestHostileRegistry(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	git := func(where string) release { return js(``).with("dependencies", map[string]string{"dep": where}) }
	f := newFakeRegistry(t, map[string]map[string]release{
		"tampered":  only("1.0.0", release{files: map[string]string{"index.js": `1`}, body: js(`2`).pack("tampered", "1.0.0")}),
		"redirects": only("1.0.0", release{files: map[string]string{"index.js": `1`}, redirect: other.URL + "/x.tgz"}),
		"elsewhere": only("1.0.0", release{change: func(d map[string]any) { d["tarball"] = other.URL + "/elsewhere-1.0.0.tgz" }}),
		"weak":      only("1.0.0", release{change: func(d map[string]any) { delete(d, "integrity") }}),
		"wants-git": only("1.0.0", git("git+https://127.0.0.1/x.git")),
		"wants-url": only("1.0.0", git(other.URL+"/y.tgz")), "wants-file": only("1.0.0", git("file:/etc")),
		"gyp": only("1.0.0", release{files: map[string]string{"binding.gyp": "{}"}}.with("gypfile", true).with("scripts",
			map[string]string{"install": "node-gyp rebuild"})),
		"hidden-gyp":  only("1.0.0", release{files: map[string]string{"sub/binding.gyp": "{}"}}),
		"carries":     only("1.0.0", release{files: map[string]string{"prebuilds/linux-x64/x.node": "\x7fELF"}}),
		"needs-build": only("1.0.0", js(``).with("dependencies", map[string]string{"gyp": "1.0.0"})),
		"garbage": only("1.0.0", release{body: []byte("no archive"), change: func(d map[string]any) {
			sum := release{body: []byte("no archive")}
			d["integrity"] = integrity(sum.body)
		}}),
	})
	b := fakeBuilder(t, sandbox.None, f, nil)
	shut := fakeBuilder(t, sandbox.Full, f, nil) // where it is the sandbox that matters, too
	for name, want := range map[string]string{
		"tampered": "checksum", "weak": "SHA-512 of weak@1.0.0", "elsewhere": "not from the npm registry", "wants-git": "git",
		"wants-url": "URL", "wants-file": "file",
		"needs-build": "gyp@1.0.0 needs a native build (node-gyp)", "hidden-gyp": "hidden-gyp needs a native build (binding.gyp)",
		"carries": "carries needs a native build (x.node)", "not-there": `no module "not-there`, "garbage": "archive", "tampered@9.9.9": "9.9.9",
	} {
		t.Run(name, func(t *testing.T) {
			name, version, _ := strings.Cut(name, "@")
			got := fails(t, b, &module.Source{Code: ``, Dependencies: map[string]string{name: cmp.Or(version, "*")}}, fault.ModuleRefused)
			if !strings.Contains(got, want) {
				t.Error(got)
			}
		})
	}
	for _, name := range []string{"tampered", "wants-git"} {
		fails(t, shut, &module.Source{Code: ``, Dependencies: map[string]string{name: "*"}}, fault.ModuleRefused)
	}
	if n := elsewhere.Load(); n > 0 {
		t.Errorf("%d requests to another host before the lock was checked", n)
	}
	fails(t, shut, &module.Source{Code: ``, Dependencies: map[string]string{"redirects": "*"}}, fault.ModulesUnavailable)
	if n := elsewhere.Load(); n > 0 {
		t.Errorf("%d requests followed a redirect to another host", n)
	}
}

// Archives that hold links, names that lead out, and bombs.
func TestHostileArchives(t *testing.T) {
	mark := filepath.Join(os.TempDir(), "npm-hostile-mark")
	f := newFakeRegistry(t, map[string]map[string]release{
		"links": only("1.0.0", release{files: map[string]string{"index.js": `module.exports = 1`},
			links: map[string]string{"data.json": "/etc/passwd", "dir": "/etc"}}),
		"leaves": only("1.0.0", release{files: map[string]string{"index.js": `module.exports = 1`}, odd: map[string]string{"../../../../" + mark: "x",
			mark: "x", "package/../../x": "x"}}),
		"reads": only("1.0.0", release{files: map[string]string{"index.js": `try { exports.a = require("` + strings.Repeat("../", 20) +
			`etc/hostname.json") } catch {} try { exports.b = require("/etc/passwd") } catch {}`}}),
		"preinstall": only("1.0.0", js(`module.exports = 1`).with("scripts", map[string]string{"preinstall": "touch " + mark, "install": "touch " + mark,
			"postinstall": "touch " + mark, "prepare": "touch " + mark})),
		"npmrc": only("1.0.0", release{files: map[string]string{"index.js": ``, ".npmrc": "ignore-scripts=false\nregistry=http://127.0.0.1:1/",
			"package/.npmrc": "x"}}),
	})
	for _, level := range levels {
		t.Run(string(level), func(t *testing.T) {
			b := fakeBuilder(t, level, f, nil)
			out := build(t, b, &module.Source{Code: ``, Dependencies: map[string]string{"links": "*", "preinstall": "*", "reads": "*", "npmrc": "*"}})
			if files := unzip(t, out.Artifact); strings.Contains(strings.Join(sortedKeys(files), " "), "data.json") || strings.Contains(files[modulesFile], "root:") {
				t.Errorf("a link was followed: %v", sortedKeys(files))
			}
			if _, err := b.Build(t.Context(), &module.Source{Code: ``, Dependencies: map[string]string{"leaves": "*"}}, nil); err != nil &&
				fault.Of(err).Code == fault.InternalError {
				t.Error(err)
			}
			if _, err := os.Lstat(mark); !errors.Is(err, os.ErrNotExist) {
				os.Remove(mark)
				t.Error("something left its folder, or a script ran")
			}
		})
	}
}

func TestTooLarge(t *testing.T) {
	bulk := release{files: map[string]string{"index.js": "module.exports = __dirname", "noise.bin": noise(51 << 20)}}
	data := bulk.pack("bulk", "1.0.0")
	f := newFakeRegistry(t, map[string]map[string]release{
		"bulk": only("1.0.0", release{body: data, /* its files are not packed again and again */
			change: func(d map[string]any) { d["integrity"] = integrity(data) }})})
	b := fakeBuilder(t, sandbox.None, f, nil)
	if got := fails(t, b, &module.Source{Code: ``, Dependencies: map[string]string{"bulk": "*"}}, fault.PayloadTooLarge); !strings.Contains(got, "50 MB") {
		t.Error(got)
	}
	for reason, want := range map[runner.Reason]fault.Code{runner.Output: fault.PayloadTooLarge, runner.Memory: fault.PayloadTooLarge,
		runner.Timeout: fault.ModulesUnavailable} {
		if err := b.ended(&hookrun.JobResult{Reason: reason}); fault.Of(err).Code != want {
			t.Errorf("%s: %v", reason, err)
		}
	}
}

// What npm says, in our words; other versions of npm say it otherwise.
func TestExplain(t *testing.T) {
	b := newBuilder(t, sandbox.None, nil)
	for text, want := range map[string]string{
		`{"error":{"code":"E404","summary":"Not Found","detail":"'a@1' is not in this registry."}}`:               `module_refused: the npm registry has no module "a@1": is it spelt right?`,
		`{"error":{"code":"ERESOLVE","summary":"x","detail":"While resolving: undefined@undefined\nFound: a@1"}}`: `do not go together: Found: a@1`,
		`{"error":{"code":"ENOENT","summary":"An unknown git error: spawn /x/no-git ENOENT","detail":""}}`:        `module_refused: a module wants something from git`,
		`{"error":{"code":"EFBIG","summary":"","detail":""}}`:                                                     `payload_too_large`,
		`{"error":{"code":"E403","summary":"","detail":""}}`:                                                      `modules_unavailable: the registry registry.npmjs.org refuses to answer (403)`,
		`{"error":{"code":"ENOTFOUND","summary":"no such host","detail":""}}`:                                     `modules_unavailable: the modules could not be fetched from registry.npmjs.org (ENOTFOUND)`,
		`Segmentation fault`: `(npm failed): npm: Segmentation fault`,
		``:                   `modules_unavailable`,
	} {
		if got := b.explain([]byte(text)).Error(); !strings.Contains(got, want) {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

func TestRegistryAway(t *testing.T) {
	b := newBuilder(t, sandbox.Full, func(o *Options) { o.Registry = "https://127.0.0.1:1/" })
	if got := fails(t, b, &module.Source{Code: ``, Dependencies: map[string]string{"a": "1"}}, fault.ModulesUnavailable); !strings.Contains(got, "127.0.0.1:1") {
		t.Error(got)
	}
	// Whose certificate nobody trusts is not the registry.
	f := newFakeRegistry(t, map[string]map[string]release{"a": only("1.0.0", js(``))})
	b = newBuilder(t, sandbox.Full, func(o *Options) { o.Registry = f.URL })
	fails(t, b, &module.Source{Code: ``, Dependencies: map[string]string{"a": "1"}}, fault.ModulesUnavailable)
	if n := len(f.asked()); n > 0 {
		t.Errorf("%d requests", n)
	}
}

func TestQueue(t *testing.T) {
	q := newQueue(1)
	leave, err := q.enter(t.Context(), func() { t.Error("waits") })
	if err != nil {
		t.Fatal(err)
	}
	waits, done := make(chan struct{}), make(chan error)
	go func() {
		leave, err := q.enter(t.Context(), func() { close(waits) })
		if err == nil {
			leave()
		}
		done <- err
	}()
	<-waits
	if _, err := q.enter(t.Context(), nil); fault.Of(err).Code != fault.Overloaded {
		t.Errorf("%v", err)
	}
	leave()
	if err := <-done; err != nil {
		t.Error(err)
	}
	leave, _ = q.enter(t.Context(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := q.enter(ctx, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	leave()
}
