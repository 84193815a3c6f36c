package smpp

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"countersign/internal/message"
)

// Vectors of what goes into a part; the counts are those of 140 octets with headers of six and seven.
func TestSplit(t *testing.T) {
	a := func(n int) string { return strings.Repeat("a", n) }
	for _, tt := range []struct {
		name, text                   string
		udh8, udh16, latin1, onlyUCS int
	}{
		{"empty", "", 1, 1, 1, 1},
		{"160", a(160), 1, 1, 1, 3},
		{"161", a(161), 2, 2, 2, 3},
		{"304", a(304), 2, 2, 2, 5},
		{"306", a(306), 2, 3, 2, 5},
		{"307", a(307), 3, 3, 3, 5},
		{"158 and a euro", a(158) + "€", 1, 1, 3, 3},
		{"159 and a euro", a(159) + "€", 2, 2, 3, 3},
		{"an escape at the seam", a(152) + "[" + a(152), 3, 3, 3, 5},
		{"an escape before it", a(151) + "[" + a(153), 2, 3, 2, 5},
		{"70", strings.Repeat("ж", 70), 1, 1, 1, 1},
		{"71", strings.Repeat("ж", 71), 2, 2, 2, 2},
		{"132", strings.Repeat("ж", 132), 2, 2, 2, 2},
		{"134", strings.Repeat("ж", 134), 2, 3, 2, 2},
		{"35 emoji", strings.Repeat("😀", 35), 1, 1, 1, 1},
		{"66 emoji", strings.Repeat("😀", 66), 2, 2, 2, 2},
		{"67 emoji", strings.Repeat("😀", 67), 3, 3, 3, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, c := range []struct {
				texts Texts
				want  int
			}{
				{Texts{CharsetGSM7, 0, ConcatUDH8}, tt.udh8}, {Texts{CharsetGSM7, 0, ConcatUDH16}, tt.udh16}, {Texts{CharsetGSM7, 0, ConcatSAR}, tt.udh16},
				{Texts{CharsetLatin1, 3, ConcatUDH8}, tt.latin1}, {Texts{CharsetUCS2, 0, ConcatUDH8}, tt.onlyUCS},
			} {
				parts, n, err := c.texts.Split(SM{}, tt.text, 0x1234)
				if err != nil || n != c.want || len(parts) != n {
					t.Errorf("%+v: %d segments, %d parts, %v, not %d", c.texts, n, len(parts), err, c.want)
				}
				whole(t, c.texts, parts, tt.text)
			}
			parts, n, err := Texts{CharsetGSM7, 0, ConcatPayload}.Split(SM{}, tt.text, 1)
			if err != nil || n != tt.udh8 || len(parts) != 1 {
				t.Errorf("payload: %d segments, %d parts, %v", n, len(parts), err)
			}
			whole(t, Texts{Charset: CharsetGSM7}, parts, tt.text)
			if _, count, _ := message.Segments(tt.text); count != tt.udh8 {
				t.Errorf("message.Segments says %d", count)
			}
		})
	}
	if _, _, err := (Texts{CharsetGSM7, 0, ConcatUDH8}).Split(SM{}, a(maxParts*153), 1); err != nil {
		t.Error(err)
	}
	if _, _, err := (Texts{CharsetGSM7, 0, ConcatUDH8}).Split(SM{}, a(maxParts*153+1), 1); !errors.Is(err, errTooLong) {
		t.Error(err)
	}
}

// whole asserts that the parts are the text, each readable by itself, each of 140 octets at most on the air, numbered in one way only.
func whole(t *testing.T, texts Texts, parts []*SM, text string) {
	t.Helper()
	var as Assembler
	for i, p := range parts {
		if _, err := (PDU{Command: SubmitSM, Body: p}).Append(nil); err != nil {
			t.Fatalf("part %d: %v", i+1, err)
		}
		_, sar := p.TLVs.Get(TagSARPart)
		_, payload := p.TLVs.Get(TagPayload)
		udh := p.ESMClass&esmUDH != 0
		if udh && sar || udh && payload || sar && payload || payload && len(p.Short) > 0 || (len(parts) > 1) != (udh || sar) {
			t.Errorf("part %d is numbered by UDH %v, SAR %v, payload %v", i+1, udh, sar, payload)
		}
		body, _, _, ok := p.part()
		one, isText := DecodeText(body, p.DataCoding, texts.Charset)
		if !ok || !isText || strings.ContainsRune(one, utf8.RuneError) || p.DataCoding == 0 && len(body) > 0 && body[len(body)-1] == 0x1b {
			t.Errorf("part %d is torn: % x", i+1, body)
		}
		header := len(p.Short) - len(body)
		if sar {
			header = 7
		}
		bits := 0
		if p.DataCoding == codingUCS2 {
			bits = 8 * len(body)
		} else {
			_, _, units := message.Segments(one)
			bits = 7 * units
		}
		if !payload && 8*header+bits > 8*140+6 { // filler bits before the septets
			t.Errorf("part %d has %d bits after %d octets", i+1, bits, header)
		}
		octets, done := as.Add(p, epoch)
		if done != (i+1 == len(parts)) {
			t.Fatalf("whole after part %d of %d", i+1, len(parts))
		}
		if got, _ := DecodeText(octets, p.DataCoding, texts.Charset); done && got != text {
			t.Errorf("%q came together, not %q", got, text)
		}
	}
}

// The octets of a text in each charset, written out.
func TestCharsets(t *testing.T) {
	for _, tt := range []struct {
		texts  Texts
		text   string
		coding byte
		octets string
	}{
		{Texts{Charset: CharsetGSM7}, "@_${}é€", 0, "\x00\x11\x02\x1b\x28\x1b\x29\x05\x1b\x65"},
		{Texts{Charset: CharsetLatin1}, "@_${}é", 0, "@_${}\xe9"},
		{Texts{Charset: CharsetLatin1, DataCoding: 3}, "@é", 3, "@\xe9"},
		{Texts{Charset: CharsetLatin1, DataCoding: 3}, "ç", 8, "\x00\xe7"}, // in Latin-1, but not on the air
		{Texts{Charset: CharsetLatin1}, "€", 8, "\x20\xac"},
		{Texts{Charset: CharsetASCII}, "@_{}", 0, "@_{}"},
		{Texts{Charset: CharsetASCII, DataCoding: 1}, "a", 1, "a"},
		{Texts{Charset: CharsetASCII}, "é", 8, "\x00\xe9"},
		{Texts{Charset: CharsetASCII}, "`", 8, "\x00`"},
		{Texts{Charset: CharsetUCS2}, "@", 8, "\x00@"},
		{Texts{Charset: CharsetGSM7}, "’", 8, "\x20\x19"},
		{Texts{Charset: CharsetGSM7}, "\xff", 8, "\xff\xfd"}, // no UTF-8
	} {
		parts, _, err := tt.texts.Split(SM{}, tt.text, 1)
		if err != nil || parts[0].DataCoding != tt.coding || string(parts[0].Short) != tt.octets {
			t.Errorf("%+v %q: %d % x, %v", tt.texts, tt.text, parts[0].DataCoding, parts[0].Short, err)
		}
	}
}

func TestTextsComplete(t *testing.T) {
	for texts, ok := range map[Texts]bool{
		{}:                                       true,
		{Charset: CharsetLatin1, DataCoding: 3}:  true,
		{Charset: CharsetASCII, DataCoding: 1}:   true,
		{Charset: CharsetASCII, DataCoding: 3}:   true,
		{DataCoding: 3}:                          false,
		{Charset: CharsetLatin1, DataCoding: 1}:  false,
		{Charset: CharsetUCS2, DataCoding: 1}:    false,
		{Charset: CharsetGSM7, DataCoding: 8}:    false,
		{Charset: CharsetLatin1, DataCoding: 99}: false,
	} {
		if err := texts.complete(); (err == nil) != ok {
			t.Errorf("%+v: %v", texts, err)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("Your code is 482913.\n\n@login.example.com #482913", byte(0), byte(0))
	f.Add(strings.Repeat("[€", 90)+"😀", byte(1), byte(2))
	f.Fuzz(func(t *testing.T, text string, a, b byte) {
		if len(text) > 4<<10 || !utf8.ValidString(text) || strings.ContainsRune(text, utf8.RuneError) {
			text = "x"
		}
		texts := Texts{
			Charset: []Charset{CharsetGSM7, CharsetLatin1, CharsetASCII, CharsetUCS2}[a%4],
			Concat:  []Concat{ConcatUDH8, ConcatUDH16, ConcatSAR, ConcatPayload}[b%4],
		}
		parts, n, err := texts.Split(SM{}, text, uint16(a)<<8|uint16(b))
		if err != nil {
			return
		}
		if n < 1 || n > maxParts {
			t.Fatalf("%d segments", n)
		}
		whole(t, texts, parts, text)
	})
}

func BenchmarkSplit(b *testing.B) {
	texts := Texts{Charset: CharsetGSM7, Concat: ConcatUDH8}
	text := "Your Example code is 482913. It is good for 3 minutes.\n\n@login.example.com #482913"
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := texts.Split(SM{}, text, 1); err != nil {
			b.Fatal(err)
		}
	}
}
