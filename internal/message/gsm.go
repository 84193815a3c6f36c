package message

import "strings"

// escape leads to the extension table (3GPP TS 23.038, 6.2.1.1).
const escape = 0x1B

// gsmRunes is the default alphabet by position; the escape's own is what a phone shows for it alone, a space. Nothing writes to it.
var gsmRunes = func() (t [128]rune) {
	at := 0
	for _, r := range gsmBasic {
		if at == escape {
			t[at], at = ' ', at+1
		}
		t[at], at = r, at+1
	}
	return t
}()

// gsmExtended are the positions of gsmExtension's characters, in its order (3GPP TS 23.038, 6.2.1.1).
const gsmExtended = "\x0a\x14\x28\x29\x2f\x3c\x3d\x3e\x40\x65"

// asciiGSM holds the septets of the first 128 characters: the lower byte, after an escape if the higher one is set; 0xFFFF is none. Nothing
// writes to it.
var asciiGSM = func() (t [128]uint16) {
	for r := range t {
		t[r] = findGSM(rune(r))
	}
	return t
}()

const noGSM = 0xFFFF

func findGSM(r rune) uint16 {
	for at, known := range gsmRunes {
		if known == r && at != escape {
			return uint16(at)
		}
	}
	at := 0
	for _, known := range gsmExtension {
		if known == r {
			return escape<<8 | uint16(gsmExtended[at])
		}
		at++
	}
	return noGSM
}

// AppendGSM appends r in the GSM alphabet, one octet for each septet: one, two with an escape, or none and false if it is not in the alphabet.
func AppendGSM(dst []byte, r rune) ([]byte, bool) {
	var code uint16
	if r >= 0 && int(r) < len(asciiGSM) {
		code = asciiGSM[r]
	} else {
		code = findGSM(r)
	}
	switch {
	case code == noGSM:
		return dst, false
	case code > 0xFF:
		return append(dst, escape, byte(code)), true
	}
	return append(dst, byte(code)), true
}

// FromGSM returns the text of septets, one in each octet. What the tables lack reads as 3GPP TS 23.038, 6.2.1.1 says: an unknown extension as
// the character of the basic table, a lone escape as a space; octets above 127 as U+FFFD.
func FromGSM(septets []byte) string {
	var b strings.Builder
	b.Grow(len(septets))
	for i := 0; i < len(septets); i++ {
		c := septets[i]
		if c == escape && i+1 < len(septets) && septets[i+1] != escape {
			i++
			c = septets[i]
			if r, ok := extended(c); ok {
				b.WriteRune(r)
				continue
			}
		}
		if c > 127 {
			b.WriteRune('\uFFFD')
			continue
		}
		b.WriteRune(gsmRunes[c])
	}
	return b.String()
}

func extended(c byte) (rune, bool) {
	at := strings.IndexByte(gsmExtended, c)
	for _, r := range gsmExtension {
		if at == 0 {
			return r, true
		}
		at--
	}
	return 0, false
}
