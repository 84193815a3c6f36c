package liquid_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/liquid"
)

func render(source string, bindings map[string]any) (string, error) {
	tmpl, err := liquid.Parse(source)
	if err != nil {
		return "", err
	}
	return tmpl.Render(context.Background(), bindings)
}

// bindings are those with which LiquidJS made the vectors.
func bindings() map[string]any {
	objs := []any{map[string]any{"k": 2, "v": "x"}, map[string]any{"k": 1, "v": "y"}, map[string]any{"k": 1}}
	return map[string]any{"s": "hello", "n": 5, "f": 1.25, "t": true, "list": []string{"a", "b", "c"}, "none": []any{}, "map": map[string]any{"a": "A", "b": 2},
		"nums": []any{3, int64(1), 2.0, json.Number("3")}, "objs": objs, "holes": []any{"a", nil, "b"}, "u": "é😀", "s2": "a", "locale": "en-US", "my-var": "mv", "q?": "Q"}
}

// testdata/liquidjs.json holds templates of ours with what npm's liquidjs 10.30.1 made of them (strictFilters, UTC).
func TestAsLiquidJS(t *testing.T) {
	raw, err := os.ReadFile("testdata/liquidjs.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		In, Out string
		Refused bool
	}
	if err := json.Unmarshal(raw, &vectors); err != nil || len(vectors) < 200 {
		t.Fatal(len(vectors), err)
	}
	for _, v := range vectors {
		got, err := render(v.In, bindings())
		if (err != nil) != v.Refused || got != v.Out {
			t.Errorf("%s\n%q, %v; want %q", v.In, got, err, v.Out)
		}
	}
}

// Where we differ from LiquidJS, on purpose.
func TestOwnWays(t *testing.T) {
	b := bindings()
	b["tenant"] = liquid.Labelled{Text: "acme", Fields: map[string]any{"name": "Acme"}}
	b["at"] = time.Date(2026, 11, 21, 17, 5, 9, 0, time.UTC)
	type odd string
	b["odd"], b["fn"], b["bytes"], b["ptr"] = odd("o"), func() {}, []byte("x"), &b
	for source, want := range map[string]string{
		"{{ tenant }} {{ tenant.name }} {{ tenant.x }} {{ tenant | upcase }}":            "acme Acme  ACME",
		"{% if tenant == 'acme' %}y{% endif %}{% if tenant contains 'cm' %}z{% endif %}": "yz",
		"{{ tenant | json }}":                              `"acme"`,
		"{{ at | date: '%F %T %R %D %V %G %Z %10e|%-m' }}": "2026-11-21 17:05:09 17:05 11/21/26 47 2026 UTC         21|11",
		"{{ at }}":                                                  "2026-11-21T17:05:09.000Z",
		"{{ at | date: '%99999999d %' }}":                           "%99999999d %",
		"{{ odd }}{{ fn }}{{ bytes }}{{ ptr }}":                     "o",
		"{{ '%zz' | url_decode }}":                                  "%zz",
		"{{ s | append }}":                                          "hello",
		"a {% raw -%}  {{ x }}  {%- endraw %} b":                    "a {{ x }} b",
		"{{ '<script>a<script>b</script>c<style>d' | strip_html }}": "cd",
		"{{ 'a<b\nc>d<!-- x\ny -->e<' | strip_html }}":              "a<b\nc>de<",
		"{{ 'abcdé😀' | truncate: 6, '' }}":                          "abcdé😀",
		"{{\n code |\n default: 'x' }}":                             "x",
		"{% assign x = 'a\\u00e9\\\\\\t' %}{{ x }}":                 "aé\\\t",
		"{% for i in (1..3) %}{% capture x %}{{ i }}{% if i == 2 %}{% break %}{% endif %}{% endcapture %}{{ x }}{% endfor %}": "1",
		"{% increment env %}{% increment env %}":                           "01",
		"{{ forloop.index }}{{ now.x }}":                                   "",
		"{{ 'now' | date: '%Y' | size }}{{ 'today' | date: '%d' | size }}": "42",
	} {
		if got, err := render(source, b); err != nil || got != want {
			t.Errorf("%s\n%q, %v; want %q", source, got, err, want)
		}
	}
}

func TestErrorsNameTheLine(t *testing.T) {
	for source, want := range map[string]string{
		"a\nb {{ c | shout }}":                             `line 2: unknown filter "shout"`,
		"\n\n{% nosuch %}":                                 `line 3: unknown tag "nosuch"`,
		"{% include 'a' %}":                                `line 1: the tag "include" is not available in message templates`,
		"{% layout 'a' %}":                                 `the tag "layout" is not available`,
		"{% render 'a' %}":                                 `the tag "render" is not available`,
		"{% block a %}{% endblock %}":                      `the tag "block" is not available`,
		"{% liquid\n assign x = 1 %}":                      `the tag "liquid" is not available`,
		"{{\n\na }}{{ b":                                   "line 3: {{ is not closed by }}",
		"{% if a %}\n{% if b %}\n{% endif %}":              "line 1: if is not closed by endif",
		"x\n{% endif %}":                                   "line 2: endif closes a if that is not open here",
		"{% for i in a %}{% else %}{% else %}{% endfor %}": "line 1: else stands outside of its block",
		"{% comment %}\n":                                  "line 1: comment is not closed by endcomment",
		"{% raw %}\n{% endcomment %}":                      "line 1: raw is not closed by endraw",
		"{% raw %}\n\n{% endraw %}\n{{ | }}":               `line 4: expected a value, found "|"`,
		"{% comment %}\n\n{%\nendcomment %}{{ ! }}":        `line 4: expected a value, found "! "`,
		"{% %}":                                       "line 1: a tag without a name",
		"{% if a b %}{% endif %}":                     `line 1: expected nothing more, found "b"`,
		"{{ a | default: 'x', loud: true }}":          `line 1: unknown option "loud" of a filter`,
		"{% for i in a speed: 3 %}{% endfor %}":       `line 1: unknown loop option "speed"`,
		"{{ " + strings.Repeat("9", 400) + " }}":      "is too large",
		"{{ a" + strings.Repeat("[a", 200) + " }}":    "nested more than 100 deep",
		"{{" + strings.Repeat(" not", 200) + " a }}":  "nested more than 100 deep",
		"{{ " + strings.Repeat("a or ", 200) + "a }}": "nested more than 100 deep",
		strings.Repeat("{% if a %}", 200):             "line 1: blocks are nested more than 100 deep",
		strings.Repeat("é", liquid.MaxSource+1):       "the template has more than 20000 characters",
		"\xff":                                        "the template is not UTF-8 text",
	} {
		_, err := liquid.Parse(source)
		f := fault.Of(err)
		if err == nil || f.Code != fault.TemplateInvalid || !strings.Contains(f.Public, want) {
			t.Errorf("%.60q: %v; want %s", source, err, want)
		}
	}
	if _, err := liquid.Parse(strings.Repeat("é", liquid.MaxSource)); err != nil {
		t.Error(err)
	}
}

// hostile are templates that would take for ever, or all of the memory, if nothing held them back.
func hostile() map[string]string {
	nested := func(n int, list, body string) string {
		return strings.Repeat("{% for i in "+list+" %}", n) + body + strings.Repeat("{% endfor %}", n)
	}
	return map[string]string{
		"a long range":         "{% for i in (1..1000000000) %}x{% endfor %}",
		"a range as a list":    "{{ (1..1000000000) | join: ',' }}",
		"a range to infinity":  "{{ (1..n) }}",
		"negative to positive": "{% for i in (-99999999999..99999999999) %}{% endfor %}",
		"nested loops":         nested(50, "(1..10)", ""),
		"nested loops, output": nested(9, "(1..10)", "x"),
		"tables":               "{% tablerow i in (1..9999) cols: 1 %}{% tablerow j in (1..9999) %}{% endtablerow %}{% endtablerow %}",
		"doubling":             "{% assign a = 'xxxxxxxx' %}" + strings.Repeat("{% assign a = a | append: a %}", 100),
		"doubling, prepend":    "{% assign a = 'x' %}{% for i in (1..64) %}{% assign a = a | prepend: a %}{% endfor %}",
		"doubling, capture":    "{% assign a = 'x' %}{% for i in (1..64) %}{% capture a %}{{ a }}{{ a }}{% endcapture %}{% endfor %}",
		"doubling, concat":     "{% assign a = 'x,y' | split: ',' %}{% for i in (1..64) %}{% assign a = a | concat: a %}{% endfor %}",
		"replace":              "{% assign a = 'xxxxxxxxxx' %}{% for i in (1..9) %}{% assign a = a | replace: 'x', 'xxxxxxxxxx' %}{% endfor %}",
		"replace nothing":      "{% assign a = 'xxxxxxxxxx' %}{% for i in (1..9) %}{% assign a = a | replace: '', a %}{% endfor %}",
		"join":                 "{% assign a = 'xxxxxxxxxx' %}{% for i in (1..9) %}{% assign a = a | split: '' | join: a %}{% endfor %}",
		"split":                "{% assign a = big | split: '' %}{{ a | size }}",
		"escape":               "{% assign a = '&' %}{% for i in (1..64) %}{% assign a = a | escape | append: a %}{% endfor %}",
		"sort":                 "{% assign a = big | split: 'b' %}{% for i in (1..9999) %}{% assign b = a | sort | reverse %}{% endfor %}",
		"uniq":                 "{% assign a = (1..9999) | uniq | size %}{{ a }}",
		"scripts":              "{% assign a = '<script' %}{% for i in (1..12) %}{% assign a = a | append: a %}{% endfor %}{% for i in (1..9999) %}{{ a | strip_html }}{% endfor %}",
		"tags":                 "{% assign a = '<' %}{% for i in (1..15) %}{% assign a = a | append: a %}{% endfor %}{% for i in (1..9999) %}{% assign b = a | strip_html %}{% endfor %}",
		"comparisons":          "{% assign a = big %}" + nested(9, "(1..99)", "{% if a contains 'q' %}{% endif %}{% if a == big %}{% endif %}"),
		"characters":           nested(9, "(1..99)", "{% if big[3] %}{% endif %}{{ big.size }}"),
		"constants":            nested(9, "(1..99)", strings.Repeat("{% if 1 == 1 and 1 == 1 and not false %}{% endif %}", 100)),
		"truncate":             "{{ 'x' | truncate: 1, big }}" + strings.Repeat("{{ big | truncatewords: 999999999, big }}", 50),
		"a wide date":          nested(9, "(1..99)", "{{ 0 | date: '%32d%32d%32d%32d%32d%32d' }}"),
		"a format":             "{% assign a = '%c%c%c%c%c%c%c%c' %}{% for i in (1..9) %}{% assign a = a | append: a | append: a %}{% endfor %}{% for i in (1..99) %}{% assign b = 0 | date: a %}{% endfor %}",
		"json":                 "{% assign a = big | split: '' %}{% for i in (1..9999) %}{{ a | json | size }}{% endfor %}",
		"map":                  nested(9, "(1..99)", "{{ (1..999) | map: 'a.b.c.d.e.f.g' }}"),
		"cycles":               nested(9, "(1..99)", "{% cycle i: 'a', 'b' %}"),
		"huge numbers":         "{% assign a = 9999999999 %}{% for i in (1..9999) %}{% assign a = a | times: a %}{% endfor %}{% for i in (1..a) %}{% endfor %}",
		"rounding":             "{{ 1 | round: 999999999 }}{{ 1 | slice: -999999999999, 99999999999 }}{{ list | slice: -99999999999999, 999999999999999 }}" + nested(9, "(1..99)", "x"),
	}
}

// A hostile template ends quickly, with an error, and with little memory.
func TestHostileTemplates(t *testing.T) {
	b := bindings()
	b["big"], b["n"] = strings.Repeat("ab", 10000), 1e300
	for name, source := range hostile() {
		t.Run(name, func(t *testing.T) {
			tmpl, err := liquid.Parse(source)
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			_, err = tmpl.Render(context.Background(), b)
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			t.Logf("%v, %d KiB: %v", took, (after.TotalAlloc-before.TotalAlloc)>>10, err)
			if fault.CodeOf(err) != fault.TemplateInvalid {
				t.Errorf("rendered, or failed by %v", err)
			}
			if took > 2*time.Second || after.TotalAlloc-before.TotalAlloc > 256<<20 {
				t.Errorf("%v, %d MiB", took, (after.TotalAlloc-before.TotalAlloc)>>20)
			}
		})
	}
}

// A render ends soon after its context.
func TestKilled(t *testing.T) {
	tmpl, err := liquid.Parse("{% for i in (1..9000) %}{% if i %}{% endif %}{% endfor %}")
	if err != nil {
		t.Fatal(err)
	}
	ctx := &countdown{Context: context.Background(), left: 1000}
	if _, err := tmpl.Render(ctx, nil); !errors.Is(err, context.Canceled) || ctx.left != -1 {
		t.Errorf("%v after %d more steps", err, -1-ctx.left)
	}
}

// countdown is a context that is done when it was asked often enough.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestBindingsStayAsTheyAre(t *testing.T) {
	b := bindings()
	const source = "{% assign s = 1 %}{% increment n %}{% capture map %}x{% endcapture %}{{ holes | compact }}{{ nums | sort | reverse }}{{ list | concat: nums }}" +
		"{% for i in nums reversed %}{% endfor %}{{ objs | sort: 'k' | map: 'v' }}"
	tmpl, err := liquid.Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	first, err := tmpl.Render(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(b, bindings()) {
		t.Errorf("bindings became %v", b)
	}
	if second, err := tmpl.Render(context.Background(), b); err != nil || second != first {
		t.Errorf("%q, then %q, %v", first, second, err)
	}
}

// The error of a render says nothing of the bindings.
func TestErrorsHoldNoValues(t *testing.T) {
	const code = "987654"
	for _, source := range []string{"{% for i in (1..code) %}{% endfor %}", "{% assign a = code %}{% for i in (1..99) %}{% assign a = a | append: a %}{% endfor %}"} {
		_, err := render(source, map[string]any{"code": code})
		if err == nil || strings.Contains(fmt.Sprint(err), code) {
			t.Error(err)
		}
	}
}

func FuzzRender(f *testing.F) {
	raw, err := os.ReadFile("testdata/liquidjs.json")
	if err != nil {
		f.Fatal(err)
	}
	var vectors []struct{ In string }
	if err := json.Unmarshal(raw, &vectors); err != nil {
		f.Fatal(err)
	}
	for _, v := range vectors {
		f.Add(v.In)
	}
	for _, source := range hostile() {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		tmpl, err := liquid.Parse(source)
		if err != nil {
			if fault.CodeOf(err) != fault.TemplateInvalid {
				t.Error(err)
			}
			return
		}
		began := time.Now()
		b := bindings()
		out, err := tmpl.Render(context.Background(), b)
		if err != nil && fault.CodeOf(err) != fault.TemplateInvalid {
			t.Error(err)
		}
		if len(out) > liquid.MaxOutput || time.Since(began) > 5*time.Second {
			t.Errorf("%d bytes in %v", len(out), time.Since(began))
		}
		if !reflect.DeepEqual(b, bindings()) {
			t.Error("the bindings were changed")
		}
	})
}

func BenchmarkParse(b *testing.B) {
	const source = "{% if locale contains 'es' %}{{ code }} es su código.{% else %}{{ code | escape }} is your code for {{ tenant.name }}.{% endif %}"
	for b.Loop() {
		if _, err := liquid.Parse(source); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	tmpl, err := liquid.Parse("{% if locale contains 'es' %}{{ code }} es su código.{% else %}{{ code | escape }} is your code for {{ map.a }}.{% endif %}")
	if err != nil {
		b.Fatal(err)
	}
	values := bindings()
	for b.Loop() {
		if _, err := tmpl.Render(context.Background(), values); err != nil {
			b.Fatal(err)
		}
	}
}
