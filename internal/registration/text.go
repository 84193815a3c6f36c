package registration

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"countersign/internal/fault"
	"countersign/internal/message"
)

const (
	maxText   = 1000
	maxPlaces = 16
	// maxSent bounds what is compared with a text: ten parts.
	maxSent = 1600

	codePlace, namePlace = "{{code}}", "{{username}}"
)

// place is where something stands that differs from text to text.
type place struct {
	// most is how many characters it has at most; at least one.
	most int
	fits func(rune) bool
	// own says that it is one of ours, which fill themselves; others are the DLT's.
	own string
}

// placeOf returns what a placeholder takes. For the DLT's {#var#} operators name 20, 30 or 40 characters (help pages of 2021 to 2026); the most is taken,
// since what is too long for one of them is said by its receipt, and what fits must not be stopped here. Since 14 January 2026 new templates name what
// stands in a place.
func placeOf(name string) (place, bool) {
	line := func(r rune) bool { return !unicode.IsControl(r) }
	solid := func(r rune) bool { return !unicode.IsControl(r) && !unicode.IsSpace(r) }
	digit := func(r rune) bool { return '0' <= r && r <= '9' }
	switch name {
	case codePlace:
		return place{64, solid, message.CodePlaceholder}, true
	case namePlace:
		return place{128, line, message.UsernamePlaceholder}, true
	case "{#var#}":
		return place{40, line, ""}, true
	case "{#numeric#}", "{#number#}":
		return place{30, digit, ""}, true
	case "{#alphanumeric#}":
		return place{40, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) || r == ' ' }, ""}, true
	case "{#url#}", "{#urlott#}", "{#cbn#}", "{#email#}":
		return place{40, solid, ""}, true
	}
	return place{}, false
}

// pattern is a text as it was registered: literal, place, literal, place ... literal.
type pattern struct {
	literals []string
	places   []place
	names    []string
}

// parse reads a registered text. Errors: fault.InvalidParameter.
func parse(text string) (pattern, error) {
	unsendable := func(r rune) bool { return r != '\n' && unicode.IsControl(r) }
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxText || strings.ContainsFunc(text, unsendable) {
		return pattern{}, fault.Invalidf("text", "The text has at most %d characters that can be sent.", maxText)
	}
	if strings.Contains(text, message.CodePlaceholder) || strings.Contains(text, message.UsernamePlaceholder) && !strings.Contains(text, namePlace) {
		return pattern{}, fault.Invalidf("text", "The code stands as %s and the name as %s in a registered text.", codePlace, namePlace)
	}
	var p pattern
	rest, from := text, 0
	for from < len(rest) {
		at := strings.IndexByte(rest[from:], '{')
		if at < 0 {
			break
		}
		at += from
		name := nameAt(rest[at:])
		one, ok := placeOf(name)
		if !ok {
			if name != "" {
				return pattern{}, fault.Invalidf("text", "The text has a place %s that is not known.", name)
			}
			from = at + 1
			continue
		}
		p.literals, p.places, p.names = append(p.literals, rest[:at]), append(p.places, one), append(p.names, name)
		rest, from = rest[at+len(name):], 0
	}
	if len(p.places) > maxPlaces {
		return pattern{}, fault.Invalidf("text", "The text has at most %d places.", maxPlaces)
	}
	p.literals = append(p.literals, rest)
	return p, nil
}

// nameAt is the placeholder, known or not, that a text begins with: {{word}} or {#word#}.
func nameAt(s string) string {
	end := ""
	switch {
	case strings.HasPrefix(s, "{{"):
		end = "}}"
	case strings.HasPrefix(s, "{#"):
		end = "#}"
	default:
		return ""
	}
	at := strings.Index(s[2:], end)
	if at < 0 || strings.ContainsAny(s[2:2+at], "{}\n") {
		return ""
	}
	return s[:2+at+len(end)]
}

// template is the text for message.Render. variables fill the DLT's places in their order; notice: there need not be a code. Errors:
// fault.InvalidParameter.
func (p pattern) template(variables []string, notice bool) (string, error) {
	foreign := 0
	for _, x := range p.places {
		if x.own == "" {
			foreign++
		}
	}
	hasCode := strings.Contains(strings.Join(p.names, ""), codePlace)
	if len(variables) == 0 && foreign == 1 && !hasCode && !notice {
		variables = []string{codePlace}
	}
	if len(variables) != foreign {
		return "", fault.Invalidf("variables", "The text has %d places that variables fill, and %d are given.", foreign, len(variables))
	}
	var out strings.Builder
	for i, x := range p.places {
		out.WriteString(p.literals[i])
		if x.own != "" {
			out.WriteString(x.own)
			continue
		}
		v, err := variable(variables[0], x)
		if err != nil {
			return "", err
		}
		variables = variables[1:]
		out.WriteString(v)
	}
	out.WriteString(p.literals[len(p.places)])
	if text := out.String(); notice || strings.Contains(text, message.CodePlaceholder) {
		return text, nil
	}
	return "", fault.Invalidf("text", "The text has no place for the code: write %s there, or give variables.", codePlace)
}

// variable is what is put into a place of the DLT's.
func variable(v string, x place) (string, error) {
	if strings.Contains(v, message.CodePlaceholder) || strings.Contains(v, message.UsernamePlaceholder) && !strings.Contains(v, namePlace) {
		return "", fault.Invalidf("variables", "The code stands as %s and the name as %s.", codePlace, namePlace)
	}
	sample := strings.NewReplacer(codePlace, "000000", namePlace, "x").Replace(v)
	if !x.whole(sample) {
		return "", fault.Invalidf("variables", "A variable does not fit its place: at most %d characters of its kind.", x.most)
	}
	return strings.NewReplacer(codePlace, message.CodePlaceholder, namePlace, message.UsernamePlaceholder).Replace(v), nil
}

// whole reports whether a place may hold exactly this.
func (x place) whole(s string) bool {
	n := utf8.RuneCountInString(s)
	return n >= 1 && n <= x.most && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !x.fits(r) })
}

// lines is a text with one kind of line ends and none at its end.
func lines(text string) string {
	return strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), " \n")
}

// matches reports whether a text that goes out is the registered one. It keeps all positions up to which the text can have been read, and moves them over
// one literal and one place at a time, so that no text makes it slow.
func (p pattern) matches(text string) bool {
	text = lines(text)
	if len(text) > 4*maxSent || !strings.HasPrefix(text, p.literals[0]) {
		return false
	}
	now := make([]bool, len(text)+1)
	now[len(p.literals[0])] = true
	for i, x := range p.places {
		now = over(text, now, x, p.literals[i+1])
	}
	return now[len(text)]
}

// over moves positions over a place and the literal that follows it. Of several beginnings of a place the last one is left longest.
func over(text string, from []bool, x place, literal string) []bool {
	out := make([]bool, len(text)+1)
	n := -1 // characters since the last beginning, -1: there is none
	for at := 0; at < len(text); {
		if from[at] {
			n = 0
		}
		r, size := utf8.DecodeRuneInString(text[at:])
		at += size
		switch {
		case n < 0:
		case n == x.most || !x.fits(r):
			n = -1
		default:
			n++
			if strings.HasPrefix(text[at:], literal) {
				out[at+len(literal)] = true
			}
		}
	}
	return out
}
