package wire

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"countersign/internal/fault"
)

const form, js = "application/x-www-form-urlencoded", "application/json; charset=utf-8"

func read(contentType, body string) (*Parameters, error) {
	r := httptest.NewRequest("POST", "/oauth/token", strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return ReadParameters(httptest.NewRecorder(), r, 64<<10)
}

func TestParameters(t *testing.T) {
	for name, c := range map[string]struct {
		contentType, body string
		text              string
		list              []string
	}{
		"form":            {form, "a=b%26c&list[]=1&list[]=2", "b&c", []string{"1", "2"}},
		"no content type": {"", "a=b&list=1", "b", []string{"1"}},
		"JSON":            {js, `{"a":"b","list":["1",2,"2",""],"n":1,"o":{"a":"z"}}`, "b", []string{"1", "2"}},
		"one for a list":  {js, `{"list":"oob"}`, "", []string{"oob"}},
		"a list for one":  {js, `{"a":["b"]}`, "", nil},
		"nothing":         {form, "", "", nil},
	} {
		p, err := read(c.contentType, c.body)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Get("a") != c.text || !slices.Equal(p.List("list"), c.list) {
			t.Errorf("%s: %q %q", name, p.Get("a"), p.List("list"))
		}
	}
}

func TestParametersRefused(t *testing.T) {
	for name, c := range map[string]struct {
		contentType, body string
		code              fault.Code
	}{
		"twice in form": {form, "a=b&a=b", fault.InvalidParameter},
		"twice in JSON": {js, `{"a":"b","a":"b"}`, fault.InvalidParameter},
		"not an object": {js, `[]`, fault.InvalidParameter},
		"trailing":      {js, `{} {}`, fault.InvalidParameter},
		"cut off":       {js, `{"a":"b"`, fault.InvalidParameter},
		"empty JSON":    {js, ``, fault.InvalidParameter},
		"text":          {"text/plain", `{"a":"b"}`, fault.InvalidParameter},
		"bad form":      {form, "%zz", fault.InvalidParameter},
		"too large":     {form, strings.Repeat("x", 64<<10+1), fault.PayloadTooLarge},
	} {
		if _, err := read(c.contentType, c.body); fault.CodeOf(err) != c.code || fault.Of(err).Public == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPrintable(t *testing.T) {
	if got := Printable("a\x00b\n\u00e9" + strings.Repeat("c", 200)); got != "ab"+strings.Repeat("c", 98) {
		t.Errorf("%q", got)
	}
}

func FuzzJSONParameters(f *testing.F) {
	f.Add([]byte(`{"grant_type":"client_credentials","a":[1,{"b":2}],"c":["d"]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := jsonParameters(body)
		if err != nil {
			return
		}
		var whole map[string]any
		if json.Unmarshal(body, &whole) != nil {
			t.Fatalf("accepted what is not JSON: %q", body)
		}
		for k, v := range p.texts {
			if whole[k] != any(v) {
				t.Errorf("%q: %q read as %q", body, whole[k], v)
			}
		}
		for k, l := range p.lists {
			all, _ := whole[k].([]any)
			for _, v := range l {
				if !slices.Contains(all, any(v)) {
					t.Errorf("%q: %q read as %q", body, whole[k], l)
				}
			}
		}
	})
}
