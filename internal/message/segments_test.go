package message

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

func TestSegments(t *testing.T) {
	a, zhe, emoji := strings.Repeat, "ж", "😀"
	for _, c := range []struct {
		name, text   string
		encoding     Encoding
		count, units int
	}{
		{"empty", "", GSM7, 1, 0},
		{"160 a", a("a", 160), GSM7, 1, 160},
		{"161 a", a("a", 161), GSM7, 2, 161},
		{"306 a", a("a", 306), GSM7, 2, 306},
		{"307 a", a("a", 307), GSM7, 3, 307},
		{"158 a and a euro", a("a", 158) + "€", GSM7, 1, 160},
		{"159 a and a euro", a("a", 159) + "€", GSM7, 2, 161},
		{"a euro over the edge", a("a", 152) + "€" + a("a", 152), GSM7, 3, 306},
		{"a euro at the edge", a("a", 151) + "€" + a("a", 153), GSM7, 2, 306},
		{"70 zhe", a(zhe, 70), UCS2, 1, 70},
		{"71 zhe", a(zhe, 71), UCS2, 2, 71},
		{"134 zhe", a(zhe, 134), UCS2, 2, 134},
		{"135 zhe", a(zhe, 135), UCS2, 3, 135},
		{"35 emoji", a(emoji, 35), UCS2, 1, 70},
		{"36 emoji", a(emoji, 36), UCS2, 2, 72},
		{"66 emoji", a(emoji, 66), UCS2, 2, 132},
		{"67 emoji", a(emoji, 67), UCS2, 3, 134},
		{"69 a and an apostrophe", a("a", 69) + "’", UCS2, 1, 70},
		{"70 a and an apostrophe", a("a", 70) + "’", UCS2, 2, 71},
		{"line breaks", "a\r\nb", GSM7, 1, 4},
		{"extension", "\f^{}\\[~]|€", GSM7, 1, 20},
		{"no UTF-8", "\xff", UCS2, 1, 1},
	} {
		if e, n, u := Segments(c.text); e != c.encoding || n != c.count || u != c.units {
			t.Errorf("%s: %v, %d parts, %d units; want %v, %d, %d", c.name, e, n, u, c.encoding, c.count, c.units)
		}
	}
	if GSM7.String() != "GSM-7" || UCS2.String() != "UCS-2" {
		t.Error("names of encodings")
	}
}

// TestAlphabet holds the tables against the positions of 3GPP TS 23.038, 6.2.1.
func TestAlphabet(t *testing.T) {
	basic := []rune(gsmBasic)
	if len(basic) != 127 {
		t.Fatalf("%d characters, want 127", len(basic))
	}
	withEscape := append(append(append([]rune{}, basic[:0x1b]...), 0x1b), basic[0x1b:]...)
	for position, r := range map[int]rune{
		0x00: '@', 0x01: '£', 0x09: 'Ç', 0x0a: '\n', 0x0b: 'Ø', 0x0d: '\r', 0x10: 'Δ', 0x11: '_', 0x1a: 'Ξ', 0x1c: 'Æ', 0x1f: 'É',
		0x20: ' ', 0x24: '¤', 0x30: '0', 0x40: '¡', 0x41: 'A', 0x5b: 'Ä', 0x5f: '§', 0x60: '¿', 0x61: 'a', 0x7b: 'ä', 0x7f: 'à',
	} {
		if withEscape[position] != r {
			t.Errorf("0x%02x is %q, want %q", position, withEscape[position], r)
		}
	}
	for _, r := range "`’‘“”–—…•©®™°₹\t\u00a0çáíóúêâôîãõł\x1b\x00" {
		if septets(r) != 0 {
			t.Errorf("%q is in the alphabet", r)
		}
	}
	if utf8.RuneCountInString(gsmExtension) != 10 {
		t.Error("the extension table has 10 characters")
	}
}

func TestForeign(t *testing.T) {
	if got := string(Foreign("It’s “your” code’s – ok", 10)); got != "’“”–" {
		t.Errorf("%q", got)
	}
	if got := string(Foreign("’“”", 2)); got != "’“" {
		t.Errorf("%q", got)
	}
	if Foreign("plain", 10) != nil {
		t.Error("plain text has foreign characters")
	}
}

func TestTransliterate(t *testing.T) {
	long := strings.Repeat("x", 80)
	for in, want := range map[string]string{
		"short ’": "short ’", // still one part: nothing to gain
		long + "’s “code” – now…\u00a0ok": long + "'s \"code\" - now... ok",
		long + "ação İstanbul Łódź":       long + "acao Istanbul Lodz",
		long + "ж’":                       long + "ж’",
		long + "Ç é":                      long + "Ç é",
	} {
		if got := Transliterate(in); got != want {
			t.Errorf("Transliterate(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzSegments(f *testing.F) {
	for _, s := range []string{"", "abc€", strings.Repeat("a", 152) + "€" + strings.Repeat("a", 152), strings.Repeat("😀", 67), "\xff’"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, count, units := Segments(text)
		single, part := gsmSingle, gsmPart
		if e == UCS2 {
			single, part = ucs2Single, ucs2Part
			if want := len(utf16.Encode([]rune(text))); units != want {
				t.Fatalf("%d units, want %d", units, want)
			}
		}
		low, high := (units+part-1)/part, (units+part-2)/(part-1)
		if units <= single {
			low, high = 1, 1
		}
		if count < low || count > high {
			t.Fatalf("%d units in %d parts, want %d to %d", units, count, low, high)
		}
		out := Transliterate(text)
		if again := Transliterate(out); again != out {
			t.Fatalf("%q, then %q", out, again)
		}
		if _, n, _ := Segments(out); n > count {
			t.Fatalf("transliteration costs %d parts instead of %d", n, count)
		}
	})
}

func BenchmarkSegments(b *testing.B) {
	text := strings.Repeat("Your Acme code is 123456. ", 6)
	for b.Loop() {
		Segments(text)
	}
}
