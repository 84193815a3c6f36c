package npm

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

var npmjs = &url.URL{Scheme: "https", Host: "registry.test:8443", Path: "/"}

// entryOf is one package of a lock.
func entryOf(place string, change func(map[string]any)) []byte {
	e := map[string]any{"version": "1.0.0", "resolved": "https://registry.test:8443/a/-/a-1.0.0.tgz", "integrity": integrity(nil)}
	if change != nil {
		change(e)
	}
	text, _ := json.Marshal(map[string]any{"lockfileVersion": 3,
		"packages": map[string]any{"": map[string]any{"dependencies": map[string]string{"a": "1"}}, place: e}})
	return text
}

func TestReadLock(t *testing.T) {
	set := func(key string, value any) func(map[string]any) { return func(e map[string]any) { e[key] = value } }
	for name, tt := range map[string]struct {
		lock []byte
		want string // empty: fine
	}{
		"fine":          {entryOf("node_modules/a", nil), ""},
		"scoped, below": {entryOf("node_modules/b/node_modules/@c/d", nil), ""},
		"mirrored":      {entryOf("node_modules/a", set("resolved", "https://registry.npmjs.org/a/-/a-1.0.0.tgz")), ""},
		"in the same archive": {entryOf("node_modules/a/node_modules/b", func(e map[string]any) {
			delete(e, "resolved")
			delete(e,
				"integrity")
			e["inBundle"] = true
		}), ""},
		"two sums":       {entryOf("node_modules/a", set("integrity", "sha1-"+strings.Repeat("A", 27)+"= "+integrity(nil))), ""},
		"no JSON":        {[]byte("{"), "cannot be read"},
		"old form":       {[]byte(`{"lockfileVersion":1,"dependencies":{}}`), "cannot be read"},
		"a link":         {entryOf("node_modules/a", set("link", true)), "a link or a folder"},
		"a workspace":    {entryOf("packages/a", nil), "a link or a folder"},
		"outside":        {entryOf("../node_modules/a", nil), "a link or a folder"},
		"odd place":      {entryOf("node_modules/a/../../x", nil), "a link or a folder"},
		"odd name":       {entryOf("node_modules/.bin", nil), "not the name"},
		"odd alias":      {entryOf("node_modules/a", set("name", "../x")), "not the name"},
		"no version":     {entryOf("node_modules/a", set("version", "")), "no version"},
		"version of git": {entryOf("node_modules/a", set("version", "git+ssh://x")), "no version"},
		"git":            {entryOf("node_modules/a", set("resolved", "git+ssh://git@registry.test:8443/a.git#abc")), "git+ssh://registry.test"},
		"file":           {entryOf("node_modules/a", set("resolved", "file:../a.tgz")), "not from the npm registry"},
		"http":           {entryOf("node_modules/a", set("resolved", "http://registry.test:8443/a.tgz")), "not from the npm registry"},
		"another host":   {entryOf("node_modules/a", set("resolved", "https://registry.test.evil.test:8443/a.tgz")), "evil.test"},
		"another port":   {entryOf("node_modules/a", set("resolved", "https://registry.test/a.tgz")), "not from the npm registry"},
		"another user":   {entryOf("node_modules/a", set("resolved", "https://registry.test:8443@evil.test/a.tgz")), "evil.test"},
		"credentials":    {entryOf("node_modules/a", set("resolved", "https://u:p@registry.test:8443/a.tgz")), "not from the npm registry"},
		"nowhere":        {entryOf("node_modules/a", set("resolved", nil)), "from nowhere"},
		"no sum":         {entryOf("node_modules/a", set("integrity", "")), "SHA-512"},
		"weak sum":       {entryOf("node_modules/a", set("integrity", "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=")), "SHA-512"},
		"half a sum":     {entryOf("node_modules/a", set("integrity", "sha512-AAAA")), "SHA-512"},
		"placeholder":    {entryOf("node_modules/twilio-node", nil), `"twilio"`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readLock(tt.lock, npmjs)
			if tt.want == "" && (err != nil || len(got) != 1) || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v %v", got, err)
			}
		})
	}
	var many strings.Builder
	for i := range maxPackages + 1 {
		fmt.Fprintf(&many, `,"node_modules/a%d":{}`, i)
	}
	if _, err := readLock([]byte(`{"lockfileVersion":3,"packages":{"":{}`+many.String()+`}}`), npmjs); err == nil || !strings.Contains(err.Error(),
		"more than 2000") {
		t.Errorf("%v", err)
	}
}

func FuzzReadLock(f *testing.F) {
	f.Add(entryOf("node_modules/a", nil))
	f.Add([]byte(`{"lockfileVersion":3,"packages":{"node_modules/a/node_modules/@b/c":{"name":"x"}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		packages, err := readLock(text, npmjs)
		if err != nil {
			return
		}
		for _, p := range packages {
			if !p.InBundle && (!strong(p.Integrity) || !strings.HasPrefix(p.Resolved, "https://")) || checkName(p.name) != nil {
				t.Fatalf("%+v", p)
			}
		}
		installed(packages, map[string]string{"a": "1"})
	})
}

func TestCutSpecifier(t *testing.T) {
	for s, want := range map[string]string{
		"aws-sdk": "aws-sdk||", "aws-sdk/clients/sns": "aws-sdk||/clients/sns", "is-odd@3.0.1": "is-odd|3.0.1|",
		"@a/b": "@a/b||", "@a/b@1.2.3/c/d": "@a/b|1.2.3|/c/d",
		"node:fs": "node:fs||", "fs/promises": "fs||/promises", "punycode/": "punycode||/", "./x": "-", "../x": "-", "/x": "-",
		"": "-", "@a": "-", `a\b`: "-", "a\x00": "-", "@a/": "-",
	} {
		got := "-"
		if sp, ok := cutSpecifier(s); ok {
			got = sp.name + "|" + sp.version + "|" + sp.subpath
		}
		if got != want {
			t.Errorf("%q: %s", s, got)
		}
	}
}

func FuzzSpecifier(f *testing.F) {
	f.Add("@a/b@1.2.3/c", "^1.2")
	f.Fuzz(func(t *testing.T, s, version string) {
		sp, ok := cutSpecifier(s)
		if ok && sp.version == "" && sp.name+sp.subpath != s && !strings.Contains(s, "@") {
			t.Fatalf("%q: %+v", s, sp)
		}
		if ok && checkName(sp.name) == nil && (strings.ContainsAny(sp.name, " \\:\"'$") || strings.Contains(sp.name, "..") && sp.name[0] == '.') {
			t.Fatalf("%q is a name", sp.name)
		}
		if checkRange("a", version) == nil && strings.ContainsAny(version, ":/#\"'\n\\") {
			t.Fatalf("%q is a range", version)
		}
	})
}

func TestReadTimes(t *testing.T) {
	const doc = `{"name":"a","versions":{"1.0.0":{"time":{"no":"no"},"x":[1,{"y":[]}]}},` +
		`"time":{"created":"x","1.0.0":"2024-01-02T03:04:05.678Z","unpublished":{"a":1}},"readme":"..."}`
	times, err := readTimes(strings.NewReader(doc))
	if at, perr := time.Parse(time.RFC3339, times["1.0.0"]); err != nil || perr != nil || at.Year() != 2024 {
		t.Errorf("%v %v", times, err)
	}
	for _, bad := range []string{``, `[]`, `{"a":`, `{"time":5}`, `{"versions":{"a":[}}`} {
		if times, err := readTimes(strings.NewReader(bad)); err == nil {
			t.Errorf("%s: %v", bad, times)
		}
	}
	if times, err := readTimes(strings.NewReader(`{"name":"a"}`)); err != nil || len(times) > 0 {
		t.Errorf("%v %v", times, err)
	}
}

func TestOwners(t *testing.T) {
	for name, want := range map[string]string{"a/b/binding.gyp": "a", "@a/b/c.node": "@a/b", "a/node_modules/@b/c/d/e.node": "@b/c", "a/node_modules/b/c": "b"} {
		if got := ownerOf(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	for name, want := range map[string]string{"node_modules/a/b/c.js": "node_modules/a b/c.js", "node_modules/@a/b/lib/c.js": "node_modules/@a/b lib/c.js",
		"node_modules/a/node_modules/b/c.js": "node_modules/a/node_modules/b c.js"} {
		if place, within := packageOf(name); place+" "+within != want {
			t.Errorf("%s: %s %s", name, place, within)
		}
	}
}

func TestCache(t *testing.T) {
	c := newCache(100)
	for i := range byte(3) {
		c.put([32]byte{i}, &bundleOf{bytes: 40})
	}
	if c.get([32]byte{0}) != nil || c.get([32]byte{1}) == nil || c.get([32]byte{2}) == nil {
		t.Error("the oldest goes first")
	}
	c.put([32]byte{9}, &bundleOf{bytes: 1000})
	if c.get([32]byte{9}) != nil || c.used != 80 {
		t.Errorf("%d", c.used)
	}
	deps := map[string]string{"a": "latest"}
	c.putLock(nil, deps, []byte("lock"), now)
	if c.lock(nil, deps, now.Add(lockLife)) != nil || c.lock([]byte("x"), deps, now) != nil || string(c.lock(nil, deps, now)) != "lock" {
		t.Error("locks")
	}
}
