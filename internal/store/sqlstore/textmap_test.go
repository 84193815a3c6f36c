package sqlstore_test

import (
	"encoding/json"
	"maps"
	"testing"
	"unicode/utf8"

	"countersign/internal/store/sqlstore"
)

func TestParseMap(t *testing.T) {
	for _, c := range []struct {
		in   string
		want map[string]string
		ok   bool
	}{
		{"", nil, true}, {"{}", nil, true}, {" { } ", nil, true}, {`{"a":"b"}`, map[string]string{"a": "b"}, true},
		{`{"a" : "\u00fc\ud83d\ude42\n\/" , "":"x"}`, map[string]string{"a": "ü🙂\n/", "": "x"}, true},
		{`{"a":"\ud83d"}`, map[string]string{"a": "\ufffd"}, true}, {`{"a":"\ud83d\u0041"}`, map[string]string{"a": "\ufffdA"}, true},
		{`{"a":1}`, nil, false}, {`{"a":"b"`, nil, false}, {`{"a":"b",}`, nil, false}, {`{"a"}`, nil, false}, {`[]`, nil, false},
		{`{"a":"b"} x`, nil, false}, {`{"a":"\x"}`, nil, false}, {`{"a":"\u12"}`, nil, false}, {`{"a":"b`, nil, false}, {`{"a":"b\`, nil, false},
	} {
		got, err := sqlstore.ParseMap(c.in)
		if (err == nil) != c.ok || !maps.Equal(got, c.want) {
			t.Errorf("%s: got %v, %v", c.in, got, err)
		}
	}
}

// FuzzParseMap compares with encoding/json, whose maps of strings also take null for a string, and control characters
// never.
func FuzzParseMap(f *testing.F) {
	for _, s := range []string{`{"a":"b"}`, `{"a":"\u00e9\"","b":"\\"}`, `{`, `{"a":"b","a":"c"}`, " {\t}\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return // columns are valid UTF-8
		}
		var want map[string]string
		got, err := sqlstore.ParseMap(s)
		if json.Unmarshal([]byte(s), &want) == nil && want != nil && err == nil && !maps.Equal(got, want) {
			for _, v := range want {
				if v == "" {
					return
				}
			}
			t.Errorf("%q: got %q, encoding/json has %q", s, got, want)
		}
		if err != nil {
			return
		}
		text, err := sqlstore.MapText(got, nil)
		if err != nil {
			return
		}
		back, _ := text.(string)
		again, err := sqlstore.ParseMap(back)
		if err != nil || !maps.Equal(again, got) {
			t.Errorf("%q went out as %q and came back as %q, %v", got, back, again, err)
		}
		if back != "" && !json.Valid([]byte(back)) {
			t.Errorf("%q is not JSON", back)
		}
	})
}
