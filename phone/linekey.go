package phone

import "strings"

// LineKeyTableDate is when the table of spellings was last reviewed (ISO 8601).
const LineKeyTableDate = "2026-11-21"

// spelling rewrites a national number (the digits after the calling code) into the key's spelling; ok is false where
// the rule does not apply. A rule never applies to its own result.
type spelling func(national string) (key string, ok bool)

// spellings are the lines that have had, or still have, more than one accepted international spelling.
// Rows are only ever added (see the package comment).
var spellings = map[string]spelling{
	// Argentina: a mobile is dialled with 9 from abroad and 15 at home, and is the same ten digits without either
	// (Plan Fundamental de Numeración Nacional). Ten digits name one line, so they are the key.
	"54": argentina,
	// Brazil: mobiles got a ninth digit between 2012 and 2016 (Anatel, Resolução 553/2010). The key has it; eight
	// digits that begin with 2 to 5 are a fixed line and stay.
	"55": func(n string) (string, bool) {
		if len(n) == 10 && n[2] >= '6' {
			return n[:2] + "9" + n[2:], true
		}
		return "", false
	},
	// Mexico: the 1 between 52 and a mobile went in August 2019 (IFT, Plan Técnico Fundamental de Numeración).
	"52": dropFirst('1', 11),
	// Benin: every number got 01 in front in November 2024 (ARCEP Bénin); both were accepted for months.
	"229": func(n string) (string, bool) {
		if len(n) == 8 {
			return "01" + n, true
		}
		return "", false
	},
	// North America: the trunk prefix 1 repeated after the calling code. No area code begins with 1.
	"1": dropFirst('1', 11),
	// Hungary: the trunk prefix 06. No number begins with 0.
	"36": func(n string) (string, bool) {
		if len(n) >= 10 && strings.HasPrefix(n, "06") {
			return n[2:], true
		}
		return "", false
	},
}

func dropFirst(digit byte, length int) spelling {
	return func(n string) (string, bool) {
		if len(n) == length && n[0] == digit {
			return n[1:], true
		}
		return "", false
	}
}

// argentina drops the mobile 9 of eleven digits and the 15 between area code and subscriber of twelve.
func argentina(n string) (string, bool) {
	switch {
	case len(n) == 11 && n[0] == '9':
		return n[1:], true
	case len(n) == 12:
		area := 4
		if strings.HasPrefix(n, "11") {
			area = 2
		} else if strings.Contains(argentinaAreas3, " "+n[:3]+" ") {
			area = 3
		}
		if n[area:area+2] == "15" {
			return n[:area] + n[area+2:], true
		}
	}
	return "", false
}

// argentinaAreas3 are Argentina's area codes of three digits; 11 is the only one of two, all others have four.
const argentinaAreas3 = " 220 221 223 230 236 237 249 260 261 263 264 266 280 291 294 297 298 299 336 341 342 343 345" +
	" 348 351 353 358 362 364 370 376 379 380 381 383 385 387 388 "

// trunkZero are the calling codes whose trunk prefix is 0 and whose numbers never begin with 0, so that "+44 07400 …"
// can only mean "+44 7400 …". Networks and providers drop such a zero silently, which makes it a second spelling.
const trunkZero = " 20 211 212 213 218 231 232 233 234 243 249 250 251 252 254 255 256 260 261 262 263 264 265 27 291 31" +
	" 32 33 353 355 358 359 373 374 377 380 381 382 383 385 386 387 389 40 41 421 423 43 44 46 49 508 51 53 54 55 57 58" +
	" 590 591 593 594 595 596 598 60 61 62 63 64 66 686 81 82 84 850 855 856 86 880 886 90 91 92 93 94 95 961 962 963 964" +
	" 966 967 970 971 972 976 977 98 994 995 996 "

// minAfterZero is the least number of digits that may be left when trunk zeros are dropped.
const minAfterZero = 6

// LineKey returns one key for each line, whichever of its accepted spellings n is: "+54 9 11 2345 6789" and
// "+54 11 2345 6789" are one telephone. Counters and aliases use it. It looks like an E.164 number but is not for
// dialling. The zero value gives "". LineKey is idempotent: a key parses, and is its own key.
func (n Number) LineKey() string {
	if n.IsZero() {
		return ""
	}
	code, national := split(n.e164)
	// Each step shortens the number or makes it one that no rule matches; the bound is never reached.
	for range maxDigits {
		next, ok := rewrite(code, national)
		if !ok {
			break
		}
		national = next
	}
	return "+" + code + national
}

// rewrite applies one rule of the table.
func rewrite(code, national string) (string, bool) {
	if strings.HasPrefix(national, "0") && strings.Contains(trunkZero, " "+code+" ") {
		if rest := strings.TrimLeft(national, "0"); len(rest) >= minAfterZero {
			return rest, true
		}
	}
	if rule := spellings[code]; rule != nil {
		return rule(national)
	}
	return "", false
}

// former returns the line's number of today if n is written in a spelling that the country has given up.
// A stray trunk zero is no such spelling: it never was dialled from abroad.
func (n Number) former() (Number, bool) {
	if n.IsZero() {
		return Number{}, false
	}
	code, national := split(n.e164)
	switch code {
	case "52", "55", "229":
		if rest, ok := spellings[code](national); ok {
			return Number{"+" + code + rest}, true
		}
	}
	return Number{}, false
}

// split parts an E.164 number into calling code and national number. Codes of one digit are 1 and 7, those of
// two are listed, all others have three (ITU-T E.164, list of assigned codes).
func split(e164 string) (code, national string) {
	digits := e164[1:]
	length := 3
	switch {
	case digits[0] == '1' || digits[0] == '7':
		length = 1
	case strings.Contains(twoDigitCodes, " "+digits[:2]+" "):
		length = 2
	}
	length = min(length, len(digits))
	return digits[:length], digits[length:]
}

const twoDigitCodes = " 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58" +
	" 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 "
