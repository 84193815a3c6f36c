package message

import (
	"slices"
	"strings"
	"unicode/utf16"
)

// Encoding is the alphabet in which a network carries a text.
type Encoding int

const (
	// GSM7 is the GSM 7 bit default alphabet with its extension table (3GPP TS 23.038, 6.2.1).
	GSM7 Encoding = iota
	// UCS2 carries everything else; one character beyond the alphabet turns the whole text into it.
	UCS2
)

// String returns "GSM-7" or "UCS-2".
func (e Encoding) String() string {
	if e == GSM7 {
		return "GSM-7"
	}
	return "UCS-2"
}

// The sizes of 140 octets: alone, and as a part beside a header of 6 octets (3GPP TS 23.040, 9.2.3.24.1).
const (
	gsmSingle, gsmPart   = 160, 153
	ucs2Single, ucs2Part = 70, 67
)

// gsmBasic is the default alphabet in the order of its table, without the escape at 0x1B.
const gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
	"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"

// gsmExtension is what follows an escape and so takes two septets.
const gsmExtension = "\f^{}\\[~]|€"

// asciiSeptets holds septets of the first 128 characters. Nothing writes to it.
var asciiSeptets = func() (t [128]uint8) {
	for r := range t {
		t[r] = uint8(lookUp(rune(r)))
	}
	return t
}()

func lookUp(r rune) int {
	switch {
	case strings.ContainsRune(gsmBasic, r):
		return 1
	case strings.ContainsRune(gsmExtension, r):
		return 2
	}
	return 0
}

// septets returns how many septets r takes in GSM7, 0 if it is not in the alphabet.
func septets(r rune) int {
	if r >= 0 && int(r) < len(asciiSeptets) {
		return int(asciiSeptets[r])
	}
	return lookUp(r)
}

// Segments returns the encoding a text needs, how many parts it is sent (and billed) as, and how many units of the encoding
// it has: septets, or 16-bit units. A part never ends inside an escape sequence or a surrogate pair, so count may be
// more than units divided by the size of a part. The empty text is one part.
func Segments(text string) (encoding Encoding, count, units int) {
	width, single, part := septets, gsmSingle, gsmPart
	if len(Foreign(text, 1)) > 0 {
		encoding, width, single, part = UCS2, ucs2Units, ucs2Single, ucs2Part
	}
	count = 1
	used := 0
	for _, r := range text {
		w := width(r)
		units += w
		if used += w; used > part {
			count++
			used = w
		}
	}
	if units <= single {
		count = 1
	}
	return encoding, count, units
}

// ucs2Units is 1, or 2 beyond the basic plane. Bytes that are no UTF-8 are sent as U+FFFD.
func ucs2Units(r rune) int { return max(utf16.RuneLen(r), 1) }

// Foreign returns up to limit different characters of text that are not in the GSM alphabet and so force UCS2, in order of
// appearance, for the template editor to point at.
func Foreign(text string, limit int) []rune {
	var out []rune
	for _, r := range text {
		if len(out) >= limit {
			break
		}
		if septets(r) == 0 && !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}
