package phone

import (
	"slices"
	"strings"
)

// FictionalTableDate is when the table of fictional ranges was last reviewed (ISO 8601).
const FictionalTableDate = "2026-11-21"

// fictionalRanges lists, by calling code, what regulators have set aside for films, books and manuals; an x is any digit.
// North America has a rule instead (see nanpFictional).
var fictionalRanges = map[string][]string{
	// Ofcom, "Numbers for use in TV and radio drama programmes": 1,000 numbers for each area, mobile, freephone,
	// premium and UK-wide.
	"44": {
		"+441134960xxx", "+441144960xxx", "+441154960xxx", "+441164960xxx", "+441174960xxx", "+441184960xxx",
		"+441214960xxx", "+441314960xxx", "+441414960xxx", "+441514960xxx", "+441614960xxx", "+441914980xxx",
		"+442079460xxx", "+442896496xxx", "+442920180xxx", "+441632960xxx",
		"+447700900xxx", "+448081570xxx", "+449098790xxx", "+443069990xxx",
	},
	// ACMA, "Phone numbers for use in TV shows, films and creative works": 5550 and 7010 in each area, single mobiles.
	"61": {
		"+6125550xxxx", "+6135550xxxx", "+6175550xxxx", "+6185550xxxx",
		"+6127010xxxx", "+6137010xxxx", "+6177010xxxx", "+6187010xxxx",
		"+61491570006", "+61491570110", "+61491570156", "+61491570157", "+61491570158", "+61491570159",
		"+61491570313", "+61491570737", "+61491571266", "+61491571491", "+61491571804", "+61491572549",
		"+61491572665", "+61491572983", "+61491573087", "+61491573770", "+61491574118", "+61491574632",
		"+61491575254", "+61491575789", "+61491576398", "+61491576801", "+61491577426", "+61491577644",
		"+61491578148", "+61491578888", "+61491578957", "+61491579212", "+61491579455", "+61491579760",
	},
	// Arcep, décision 2018-0881, annexe: numéros pour œuvres audiovisuelles.
	"33": {
		"+3319900xxxx", "+3326191xxxx", "+3335301xxxx", "+3346571xxxx", "+3353649xxxx", "+3363998xxxx",
	},
	// Bundesnetzagentur, Mitteilung 148/2021: Rufnummern für Medienproduktionen.
	"49": {
		"+493023125xxx", "+496990009xxx", "+494066969xxx", "+492214710xxx", "+498999998xxx",
		"+4915228817386", "+4915228895456", "+4915254599371", "+4917139200xx", "+49176040690xx",
		"+491729925904", "+491729968532", "+491729973185", "+491729973186", "+491729980752",
		"+491749091317", "+491749464308",
	},
	// PTS, telephone numbers for books and films.
	"46": {
		"+463139006xx", "+464062804xx", "+468465004xx", "+469803192xx",
		"+46701740605", "+46701740606", "+46701740607", "+46701740608", "+46701740609",
		"+4670174061x", "+4670174062x", "+4670174063x", "+4670174064x", "+4670174065x",
		"+4670174066x", "+4670174067x", "+4670174068x", "+4670174069x",
	},
	// ComReg, Numbering Conditions: 020 91x xxxx for drama.
	"353": {"+3532091xxxxx"},
}

// matches reports whether the number fits the pattern, in which x is any digit.
func matches(pattern, e164 string) bool {
	if len(pattern) != len(e164) {
		return false
	}
	for i := range len(pattern) {
		if pattern[i] != 'x' && pattern[i] != e164[i] {
			return false
		}
	}
	return true
}

// tollFreeNANP are North America's toll-free area codes, where only 555-0199 is set aside.
const tollFreeNANP = " 800 822 833 844 855 866 877 888 "

// Fictional reports whether n belongs to a range that reaches nobody: set aside for fiction, or North America's
// unassigned area code 555, which tutorials use. Such numbers are accepted everywhere and never sent to in production.
func (n Number) Fictional() bool {
	if n.IsZero() {
		return false
	}
	key := n.LineKey()
	code, national := split(key)
	if code == "1" {
		return nanpFictional(national)
	}
	return slices.ContainsFunc(fictionalRanges[code], func(p string) bool { return matches(p, key) })
}

// nanpFictional applies NANPA's reservation of 555-0100 to 555-0199 in every area code (ATIS-0300115), to ten digits;
// seven digits without an area code, as in "+1 555 0100", are a habit of examples.
func nanpFictional(national string) bool {
	switch len(national) {
	case 7:
		return strings.HasPrefix(national, "55501")
	case 10:
		area := national[:3]
		if area == "555" {
			return true
		}
		if strings.Contains(tollFreeNANP, " "+area+" ") {
			return national[3:] == "5550199"
		}
		return national[3:8] == "55501"
	}
	return false
}
