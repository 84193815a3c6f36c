package poolfile

import (
	"encoding/json"
	"strings"
	"testing"
)

// hard are texts that YAML readers take for something else if they are not written with care.
var hard = []string{
	"", " ", "x", "yes", "No", "null", "~", "true", "1e3", "0x1f", "007", "1_000", "2026-01-02", "+12025550100", "a: b", "a:b", "a #b", "#a", "- a", "-", "?",
	"*a", "&a", "!a", "%a", "@a", "`a", "'a'", `"a"`, "[a]", "{####}", "{a: b}", "a\tb", "a\nb", "a\nb\n", "\n", "\na", "a\n\n", "a\n\nb\n", " a\nb", "a \nb", "a\r\nb", "a\\nb",
	"${NAME}", "${NAME} x", "ü\u2028x", "\u0000", "\u00a0x", "\ufeffx", "emoji 😀", "arn:aws:lambda:eu-west-1:000000000000:function:f", "https://a.example.com/b?c=d#e",
	"key:", "a, b", "[", "|", ">", "<<", "=", "...", "---", "a\n---\nb", "a\n...\n", "Hello, world (again); yes.", ".5", "0o7", "Infinity", ".nan", "a\n  b\n c",
}

func settings(texts ...string) *Document {
	d := &Document{Version: 1, Pool: &Pool{ID: "p", Settings: map[string]any{}}}
	list := []any{}
	for i, s := range texts {
		d.Pool.Settings["value"+string(rune('a'+i%26))+strings.Repeat("x", i/26)] = s
		d.Pool.Settings[s] = "key"
		list = append(list, s, map[string]any{"Name": s, "List": []any{s, s}})
	}
	d.Pool.Settings["list"] = list
	return d
}

func sameAfterYAML(t *testing.T, d *Document) {
	t.Helper()
	out, err := YAML(d)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(out)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if changes, err := Diff(d, again); err != nil || len(changes) != 0 {
		t.Errorf("%v: what was written is read as %+v\n%s", err, changes, out)
	}
	if second, err := YAML(again); err != nil || string(second) != string(out) {
		t.Errorf("%v: not the same bytes\n%s\n%s", err, out, second)
	}
}

func TestTextsComeBackFromYAML(t *testing.T) {
	sameAfterYAML(t, settings(hard...))
	for _, s := range hard {
		sameAfterYAML(t, settings(s))
	}
}

func FuzzYAML(f *testing.F) {
	for _, s := range hard {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		// JSON knows no other texts.
		a, b = strings.ToValidUTF8(a, "?"), strings.ToValidUTF8(b, "?")
		sameAfterYAML(t, settings(a, b))
	})
}

func FuzzParse(f *testing.F) {
	f.Add("version: 1\npool: {id: a, settings: {A: [1, {b: c}]}}")
	f.Add(`{"version":1,"accounts":[{"name":"a","kind":"b","secrets":{"c":"${D}"}}]}`)
	f.Add("version: 1\n---\n")
	f.Add("&a [*a]")
	f.Fuzz(func(t *testing.T, raw string) {
		d, err := Parse([]byte(raw))
		if err != nil {
			return
		}
		sameAfterYAML(t, d)
	})
}

func TestWhatAFileCannotHoldIsNamed(t *testing.T) {
	for raw, want := range map[string]string{
		"":                            "the file is empty; it begins with version: 1",
		"a: [":                        "this is not YAML",
		"version: 2":                  "version: there is no form 2 of this document; 1 is the one there is",
		"guards: {}":                  "version: there is no form 0",
		"version: one":                "version must be a whole number",
		"- 1":                         "the file must be a mapping",
		"version: 1\npools: {}":       "pools: there is no such setting; there are accounts, canaries, clients,",
		"version: 1\naccounts: {}":    "accounts must be a list",
		"version: 1\naccounts: [{}]":  "accounts: an entry has no name",
		"version: 1\n---\nversion: 1": "a file holds one document; this one has 2",
		"version: 1\naccounts: [{name: a, from: 7}]":                                                                           "accounts[0].from must be a text; put it in quotes",
		"version: 1\naccounts: [{name: a}, {name: a}]":                                                                         "accounts[a]: it stands there twice",
		"version: 1\nplan: {rules: [{name: a, use: [{acount: b}]}]}":                                                           "plan.rules[0].use[0].acount: there is no such setting",
		"version: 1\nguards: {rules: [{name: a, action: deny, until: soon}]}":                                                  "guards.rules[0].until must be a time like 2027-01-31T00:00:00Z",
		"version: 1\naccounts: [{name: a, per_second: fast}]":                                                                  "accounts[0].per_second must be a number",
		"version: 1\naccounts: [{name: a, disabled: 1}]":                                                                       "accounts[0].disabled must be true or false",
		"version: 1\nmessages: {clients: {\"\": {origin_host: 5}}}":                                                            `messages.clients[""].origin_host must be a text`,
		"version: 1\ndeployment: {originations: [{value: A, country: DE, type: sender_id}, {value: A, country: DE, type: x}]}": "deployment.originations[A/DE]: it stands there twice",
	} {
		if _, err := Parse([]byte(raw)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", raw, err, want)
		}
	}
}

func TestReferences(t *testing.T) {
	for s, want := range map[string]string{"${A}": "A", "${a_1}": "a_1", "${}": "", "${1}": "", "$A": "", "x${A}": "", "${A}x": "", "${A-B}": "", "${${A}}": ""} {
		if name, ok := Reference(s); name != want || ok != (want != "") {
			t.Errorf("%s: %q %v", s, name, ok)
		}
	}
	for _, parts := range [][]string{{"main", "auth_token"}, {"1st-account", "ключ"}, {""}, {strings.Repeat("x", 300)}} {
		if _, ok := Reference(ReferenceTo(parts...)); !ok {
			t.Errorf("%v: %s is no reference", parts, ReferenceTo(parts...))
		}
	}
	d, err := Parse([]byte(`{"version":1,"clients":[{"id":"c","secret":"${ONE}"}],"accounts":[{"name":"a","kind":"k","from":"${ONE}","secrets":{"x":"${TWO}","y":"${ONE}","z":"plain"}}],
		"canaries":[{"name":"n","to":"${THREE}"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	unknown := d.Fill(func(name string) (string, bool) { return "filled", name == "ONE" })
	if got := strings.Join(unknown, " "); got != "TWO THREE" {
		t.Errorf("not known: %s", got)
	}
	a := d.Accounts[0]
	if d.Clients[0].Secret != "filled" || a.Secrets["x"] != "${TWO}" || a.Secrets["y"] != "filled" || a.Secrets["z"] != "plain" || a.From != "${ONE}" || d.Canaries[0].To != "${THREE}" {
		t.Errorf("%+v", d)
	}
}

func TestDiff(t *testing.T) {
	for _, row := range []struct{ before, after, want string }{
		{"guards: {mode: record}", "guards: {mode: record}", `null`},
		{"plan: {rules: [{name: a, use: [{account: x}]}, {name: b, use: []}]}", "plan: {rules: [{name: b, use: []}, {name: a, use: [{account: x, weight: 2}]}]}",
			`[{"path":"plan.rules[a].use[x].weight","after":2},{"path":"plan.rules","before":"in the order a, b","after":"in the order b, a"}]`},
		{"guards: {countries: {allow: [DE]}}", "guards: {countries: {allow: [DE, AT]}}", `[{"path":"guards.countries.allow","before":["DE"],"after":["DE","AT"]}]`},
		{"rates: \"h\\na\\nb\\n\"", "rates: \"h\\nb\\nc\\n\"", `[{"path":"rates","before":"a"},{"path":"rates","after":"c"}]`},
		{"pool: {id: p, settings: {UserPoolTags: {\"countersign:strict\": \"true\"}}}", "pool: {id: p, settings: {UserPoolTags: {}}}",
			`[{"path":"pool.settings.UserPoolTags[\"countersign:strict\"]","before":"true"}]`},
		{"clients: [{id: a}]", "canaries: [{name: c}]", `[{"path":"canaries[c]","after":{"name":"c"}},{"path":"clients[a]","before":{"id":"a"}}]`},
		{"deployment: {sandbox: true}", "deployment: {sandbox: false, originations: [{value: S, country: DE, type: sender_id}]}",
			`[{"path":"deployment.originations[S/DE]","after":{"country":"DE","type":"sender_id","value":"S"}},{"path":"deployment.sandbox","before":true,"after":false}]`},
	} {
		changes, err := Diff(doc(t, row.before), doc(t, row.after))
		got, _ := json.Marshal(changes)
		if err != nil || string(got) != row.want {
			t.Errorf("%v: from %s to %s:\n%s", err, row.before, row.after, got)
		}
	}
}

func doc(t *testing.T, parts string) *Document {
	t.Helper()
	d, err := Parse([]byte("version: 1\n" + parts))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestMerge(t *testing.T) {
	now := `pool: {id: p, name: shop, settings: {A: 1}}
clients: [{id: a, name: one, secret: "${CLIENT_A_SECRET}"}, {id: b}]
accounts: [{name: x, kind: k, from: F, secrets: {s: "${X_S}", t: "${X_T}"}}]
guards: {mode: record}
rates: "h\n"
deployment: {sandbox: true, originations: [{value: S, country: DE, type: sender_id}]}
`
	for _, row := range []struct {
		file, want string
		prune      bool
	}{
		{"guards: {}", strings.Replace(now, "guards: {mode: record}\n", "", 1), false},
		{"clients: []", now, false},
		{"clients: []", "pool: {id: p, name: shop, settings: {A: 1}}\ndeployment: {sandbox: true, originations: [{value: S, country: DE, type: sender_id}]}", true},
		{"pool: {id: p}", strings.Replace(now, ", settings: {A: 1}", "", 1), false},
		{"clients: [{id: a, settings: {B: 2}}]", strings.Replace(now, `secret: "${CLIENT_A_SECRET}"}`, `secret: "${CLIENT_A_SECRET}", settings: {B: 2}}`, 1), false},
		{"clients: [{id: c, secret: hush}]", strings.Replace(now, "{id: b}", `{id: b}, {id: c, secret: "${CLIENT_C_SECRET}"}`, 1), false},
		{"accounts: [{name: x, kind: k, secrets: {s: hush, t: \"\", u: \"${OTHER}\"}}]",
			strings.Replace(now, `from: F, secrets: {s: "${X_S}", t: "${X_T}"}`, `secrets: {s: "${X_S}", u: "${X_U}"}`, 1), false},
		{"deployment: {sandbox: false}", strings.Replace(now, "sandbox: true", "sandbox: false", 1), false},
	} {
		old := doc(t, now)
		got := Merge(old, doc(t, row.file), row.prune)
		want := doc(t, row.want)
		want.Canonical()
		if changes, err := Diff(want, got); err != nil || len(changes) != 0 {
			t.Errorf("%v: %s (prune %v) is not what is expected: %+v", err, row.file, row.prune, changes)
		}
		if changes, err := Diff(doc(t, now), old); err != nil || len(changes) != 0 {
			t.Errorf("%v: %s changed what there is: %+v", err, row.file, changes)
		}
		if raw, _ := json.Marshal(got); strings.Contains(string(raw), "hush") {
			t.Errorf("%s: a secret is in the result", row.file)
		}
	}
}

func TestAboutPool(t *testing.T) {
	for parts, want := range map[string]bool{"": true, "guards: {}": true, "deployment: {}": false, "deployment: {}\nclients: []": true} {
		if got := doc(t, parts).AboutPool(); got != want {
			t.Errorf("%q: %v", parts, got)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	out, err := YAML(settings(hard...))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Parse(out); err != nil {
			b.Fatal(err)
		}
	}
}
