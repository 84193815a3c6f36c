package pumping

import (
	"slices"
	"testing"
	"time"
)

func FuzzMark(f *testing.F) {
	for _, s := range []string{"", "+DE;+4915112;abc;def;app;", "~*=GN;+224;;;;abc", "!ZZ;;;;;", "+;;;;;", "+DE", "?DE;;;;;", "+DE;;;;;zzzzzzzzzzzzz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, ok := parseMark(s)
		if !ok {
			return
		}
		again, ok := parseMark(m.String())
		if !ok || again != m {
			t.Errorf("%q: %+v is read back as %+v, %v", s, m, again, ok)
		}
		if len(m.keys()) > 8 {
			t.Errorf("%q: %d keys", s, len(m.keys()))
		}
	})
}

func TestMark(t *testing.T) {
	at := places{country: "DE", prefix: "+491511234", address: "abcd", network: "efgh", client: "app", abroad: true}
	m := mark{flag: repeated, places: at, first: time.Unix(1e9, 0).UTC()}
	got, ok := parseMark(m.String())
	if !ok || got != m {
		t.Errorf("%s: %+v, %v", m, got, ok)
	}
	want := []string{"r:+491511234", "a:abcd:DE", "a:abcd", "w:+4915112", "n:efgh", "c:DE", "c:*", "k:app"}
	if keys := m.keys(); !slices.Equal(keys, want) {
		t.Errorf("keys %v", keys)
	}
	m.proven, m.abroad = true, false
	if keys := m.keys(); !slices.Equal(keys, []string{"r:+491511234", "a:abcd:DE", "w:+4915112", "c:DE", "k:app"}) {
		t.Errorf("keys of a proven address %v", keys)
	}
	if s := field("a;b\x00\nc " + string(make([]byte, 200))); s != "abc" {
		t.Errorf("field: %q", s)
	}
}
