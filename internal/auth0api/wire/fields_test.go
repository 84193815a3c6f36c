package wire

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
)

const jsonType = "application/json; charset=utf-8"

func TestFields(t *testing.T) {
	name := Rule{Title: "The name", Required: true, Min: 1, Max: 5}
	for _, tt := range []struct{ body, want string }{
		{`{"name":"abc"}`, ""},
		{`{}`, "'Missing required property: name'."},
		{``, "'Missing required property: name'."},
		{`{"name":null}`, "'Expected type other than null but found type null' on property name (The name)."},
		{`{"name":5}`, "'Expected type string but found type number' on property name (The name)."},
		{`{"name":""}`, "'String is too short (0 chars), minimum 1' on property name (The name)."},
		{`{"name":"abcdef"}`, "'String is too long (6 chars), maximum 5' on property name (The name)."},
		{`{"name":"a\u0000"}`, "U+0000"},
		{`{"name":"a","on":"true"}`, ""},
		{`{"name":"a","on":1}`, "'Expected type boolean but found type number' on property on."},
		{`{"name":"a","n":3}`, ""},
		{`{"name":"a","n":11}`, "'Value 11 is not between 0 and 10' on property n."},
		{`{"name":"a","n":"3"}`, "'Expected type integer but found type string' on property n."},
		{`{"name":"a","kind":["x","y"]}`, ""},
		{`{"name":"a","kind":["x","z"]}`, "'No enum match for: z' on property kind[1]."},
		{`{"name":"a","kind":"x"}`, "'Expected type array of strings but found type string' on property kind."},
		{`{"name":"a","o":{"p":1}}`, "'Expected type string but found type number' on property o.p."},
		{`{"name":"a","l":[{"p":"x"},{"p":1}]}`, "'Expected type string but found type number' on property l[1].p."},
		{`{"name":"a","m":{"p":1}}`, "'Expected type string but found type number' on property m.p."},
		{`{"name":"a","other":1}`, "'Additional properties not allowed: other'."},
		{`[]`, "'Expected type object but found type array'."},
		{`null`, "'Missing required property: name'."},
		{`{`, "Invalid request payload JSON format"},
	} {
		f, err := ParseFields(jsonType, []byte(tt.body))
		if err == nil {
			f.Text("name", name)
			f.Bool("on", Rule{})
			f.Int("n", Rule{Max: 10})
			f.Texts("kind", Rule{OneOf: []string{"x", "y"}})
			f.Map("m", Rule{})
			if o := f.Object("o", Rule{}); o != nil {
				o.Text("p", Rule{})
			}
			for _, o := range f.Objects("l", Rule{}) {
				o.Text("p", Rule{})
			}
			err = f.Done()
		}
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.body, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, not %s", tt.body, err, tt.want)
		}
	}
}

func TestFieldsOfAForm(t *testing.T) {
	f, err := ParseFields("application/x-www-form-urlencoded", []byte("name=x+y&on=true&n=3&kind[]=a&kind[]=b"))
	if err != nil {
		t.Fatal(err)
	}
	name, on, n, kind := f.Text("name", Rule{}), f.Bool("on", Rule{}), f.Int("n", Rule{}), f.Texts("kind", Rule{})
	if err := f.Done(); err != nil || *name != "x y" || !*on || *n != 3 || !slices.Equal(kind, []string{"a", "b"}) {
		t.Errorf("%v %v %v %v %v", *name, *on, *n, kind, err)
	}
}

func TestParseStrings(t *testing.T) {
	for body, ok := range map[string]bool{`["a"]`: true, `[]`: false, `{}`: false, `null`: false, `[1]`: false, `[`: false} {
		if _, err := ParseStrings([]byte(body), 1); (err == nil) != ok {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestPage(t *testing.T) {
	for q, want := range map[string]Page{
		"":                                    {Size: 50},
		"page=2&per_page=10":                  {Number: 2, Size: 10},
		"per_page=0&include_totals=true":      {Size: 50, Totals: true},
		"take=5":                              {Size: 5, Checkpoint: true},
		"from=abc&page=7&include_totals=true": {Size: 50, Checkpoint: true, From: "abc"},
	} {
		values, _ := url.ParseQuery(q)
		if got, err := ParsePage(values, 50, 100); err != nil || got != want {
			t.Errorf("%s: %+v %v", q, got, err)
		}
	}
	for _, q := range []string{"page=-1", "page=x", "per_page=101", "take=0", "take=101", "include_totals=1"} {
		values, _ := url.ParseQuery(q)
		if got, err := ParsePage(values, 50, 100); err == nil {
			t.Errorf("%s: %+v", q, got)
		}
	}
	list := []int{1, 2, 3}
	for p, want := range map[Page][]int{{Size: 2}: {1, 2}, {Number: 1, Size: 2}: {3}, {Number: 5, Size: 2}: {}} {
		if got := Cut(p, list); !slices.Equal(got, want) {
			t.Errorf("%+v: %v", p, got)
		}
	}
}

func TestSelect(t *testing.T) {
	for _, tt := range []struct{ query, body, want string }{
		{"", `{"a":1,"b":2}`, `{"a":1,"b":2}`},
		{"fields=a", `{"a":1,"b":2}`, `{"a":1}`},
		{"fields=a,%20c&include_fields=false", `{"a":1,"b":2}`, `{"b":2}`},
		{"fields=a", `[{"a":1,"b":2},{"b":3}]`, `[{"a":1},{}]`},
		{"fields=a", `{"start":0,"total":1,"hooks":[{"a":1,"b":2}]}`, `{"hooks":[{"a":1}],"start":0,"total":1}`},
		{"fields=a", `"text"`, `"text"`},
	} {
		q, _ := url.ParseQuery(tt.query)
		got, err := Select(q, []byte(tt.body))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s %s: %s %v", tt.query, tt.body, got, err)
		}
	}
	if _, err := Select(url.Values{"fields": {"a"}, "include_fields": {"x"}}, nil); err == nil {
		t.Error("include_fields=x")
	}
}

func FuzzFields(f *testing.F) {
	f.Add(jsonType, []byte(`{"a":{"b":[1,"x",null]},"c":true}`))
	f.Add("application/x-www-form-urlencoded", []byte("a[]=1&a[]=2&c=%00"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		p, err := ParseFields(contentType, body)
		if err != nil {
			if e := Of(err); e.Status != 400 || !json.Valid(must(json.Marshal(e))) {
				t.Fatalf("%v", err)
			}
			return
		}
		for _, n := range p.Names() {
			p.Text(n, Rule{Max: 10})
			p.Bool(n, Rule{})
			p.Int(n, Rule{})
			p.Texts(n, Rule{})
			p.Map(n, Rule{})
			p.Objects(n, Rule{})
		}
		if err := p.Done(); err != nil && Of(err).Status != 400 {
			t.Fatal(err)
		}
	})
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}
