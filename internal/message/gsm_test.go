package message

import (
	"strings"
	"testing"
)

// Positions of 3GPP TS 23.038, 6.2.1, each checked by itself: a table that is off by one would agree with itself.
func TestAppendGSM(t *testing.T) {
	for r, want := range map[rune]string{
		'@': "\x00", '£': "\x01", '$': "\x02", 'ò': "\x08", 'Ç': "\x09", '\n': "\x0a", 'Ø': "\x0b", '\r': "\x0d", 'å': "\x0f", 'Δ': "\x10", '_': "\x11",
		'Ξ': "\x1a", 'Æ': "\x1c", 'É': "\x1f", ' ': " ", '#': "#", '¤': "\x24", '0': "0", '?': "?", '¡': "\x40", 'A': "A", 'Z': "Z", 'Ä': "\x5b", 'Ü': "\x5e",
		'§': "\x5f", '¿': "\x60", 'a': "a", 'z': "z", 'ä': "\x7b", 'à': "\x7f",
		'\f': "\x1b\x0a", '^': "\x1b\x14", '{': "\x1b\x28", '}': "\x1b\x29", '\\': "\x1b\x2f", '[': "\x1b\x3c", '~': "\x1b\x3d", ']': "\x1b\x3e",
		'|': "\x1b\x40", '€': "\x1b\x65", '`': "", 'ç': "", '\t': "", '\x1b': "", '’': "", '😀': "", -1: "",
	} {
		got, ok := AppendGSM(nil, r)
		if string(got) != want || ok != (want != "") {
			t.Errorf("%q: % x, %v; want % x", r, got, ok, want)
		}
	}
}

// What goes out and how it is counted agree for every character, and it reads back as it was.
func TestGSMAgreesWithSegments(t *testing.T) {
	for r := rune(0); r < 0x3000; r++ {
		b, ok := AppendGSM(nil, r)
		if len(b) != septets(r) || ok != (septets(r) > 0) {
			t.Errorf("%q: % x, counted as %d", r, b, septets(r))
		}
		if ok && FromGSM(b) != string(r) {
			t.Errorf("%q reads back as %q", r, FromGSM(b))
		}
	}
}

func TestFromGSM(t *testing.T) {
	for in, want := range map[string]string{
		"":             "",
		"\x00b\x11":    "@b_",
		"\x1b\x65\x1b": "€ ",
		"\x1b\x1b\x65": " €",
		"\x1b\x41":     "A",
		"a\x80\xffb":   "a\uFFFD\uFFFDb",
	} {
		if got := FromGSM([]byte(in)); got != want {
			t.Errorf("% x: %q, want %q", in, got, want)
		}
	}
}

func FuzzFromGSM(f *testing.F) {
	f.Add([]byte("\x1b\x65\x00abc"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 1<<10 {
			in = in[:1<<10]
		}
		var back []byte
		for _, r := range strings.ReplaceAll(FromGSM(in), "\uFFFD", "?") {
			b, ok := AppendGSM(nil, r)
			if !ok {
				t.Fatalf("%q is not in the alphabet", r)
			}
			back = append(back, b...)
		}
		if len(back) > 2*len(in) {
			t.Errorf("%d octets grew to %d", len(in), len(back))
		}
	})
}
