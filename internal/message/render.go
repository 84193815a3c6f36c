package message

import (
	"html"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"countersign/internal/fault"
)

const (
	// MaxValue is how many characters an untrusted value may have in a text.
	MaxValue = 24
	// maxTrusted is the most characters of a trusted username (API reference, UsernameType).
	maxTrusted = 128
	// maxMarks is how many combining marks may follow one letter.
	maxMarks = 2
	// maxRendered bounds a text in bytes: a template of 20,000 characters with room for its values.
	maxRendered = 100 << 10
)

// Values are what a template is filled with.
type Values struct {
	// Code is the code, or the temporary password of an invitation, inserted as it is. CodePlaceholder keeps the
	// place open for Fill, so that a text can be made ready before its code exists.
	Code string
	// Username is the user's name; "" leaves it out, as must be done until the number is verified.
	Username string
	// Trusted says that no stranger chose Username: an administrator did (AdminCreateUser), or Countersign itself (the
	// UUID of a pool that signs in by phone number or e-mail). It is then inserted whole, up to 128 characters, because
	// its reader must type it exactly, be it a number, an address or a UUID. Otherwise it passes through Clean, after which
	// "ann@example.com" is no longer an address: a name from SignUp must never be marked as trusted.
	Trusted bool
	// Link is the URL that takes the place of {##words##}, for e-mail only.
	Link string
	// HTML says that the template is HTML (IsHTML), in which values are written as text.
	HTML bool
}

// Render fills tmpl in one pass: values are not searched for placeholders. Unknown placeholders stay as they are.
// Errors are fault.InvalidParameter: a trusted name that is too long or has control characters, a text that grows too long.
func Render(tmpl string, v Values) (string, error) {
	name := v.Username
	if !v.Trusted {
		name = Clean(name)
	} else if utf8.RuneCountInString(name) > maxTrusted || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return "", fault.Invalidf("username", "The username cannot be put into a message.")
	}
	if v.HTML {
		name, v.Code = html.EscapeString(name), html.EscapeString(v.Code)
	}
	var out strings.Builder
	for rest := tmpl; rest != ""; {
		at := strings.IndexByte(rest, '{')
		if at < 0 {
			at = len(rest)
		}
		out.WriteString(rest[:at])
		rest = expand(&out, rest[at:], name, v)
		if out.Len() > maxRendered {
			return "", fault.Invalidf("message", "The message is too long.")
		}
	}
	return out.String(), nil
}

// expand writes what stands for the placeholder at the start of s, and returns what follows it.
func expand(out *strings.Builder, s, name string, v Values) string {
	if rest, ok := strings.CutPrefix(s, CodePlaceholder); ok {
		out.WriteString(v.Code)
		return rest
	}
	if rest, ok := strings.CutPrefix(s, UsernamePlaceholder); ok {
		out.WriteString(name)
		return rest
	}
	if words, rest, ok := linkAt(s); ok && v.Link != "" {
		out.WriteString(words + " <" + v.Link + ">") // angle brackets: RFC 3986, appendix C
		return rest
	}
	if s == "" {
		return ""
	}
	out.WriteByte(s[0])
	return s[1:]
}

// Fill puts the code into the place that Render or PhoneCache.Render kept open for it. All of a text's open places get it.
func Fill(text, code string) string {
	text = strings.ReplaceAll(text, CodePlaceholder, code)
	if strings.Contains(text, SpokenPlaceholder) {
		text = strings.ReplaceAll(text, SpokenPlaceholder, Spoken(code))
	}
	return text
}

// Clean reduces a value that a user has set to at most 24 characters of letters (with their combining marks), digits,
// space and . - ' and tidies spaces. A space follows each dot that stands before a letter or digit, since telephones make a
// link of "example.com" but not of "example. com".
func Clean(value string) string {
	var out []rune
	marks := 0
	for _, r := range value {
		if len(out) > MaxValue {
			break
		}
		last := rune(' ')
		if len(out) > 0 {
			last = out[len(out)-1]
		}
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if last == '.' {
				out = append(out, ' ')
			}
			out, marks = append(out, r), 0
		case unicode.In(r, unicode.Mn, unicode.Mc) && (unicode.IsLetter(last) || unicode.IsMark(last)) && marks < maxMarks:
			out, marks = append(out, r), marks+1
		case r == '’':
			out = append(out, '\'')
		case r == '.' || r == '-' || r == '\'':
			out = append(out, r)
		case unicode.IsSpace(r) && last != ' ':
			out = append(out, ' ')
		}
	}
	return strings.TrimRight(string(out[:min(len(out), MaxValue)]), " ")
}

// tag is an element of HTML, but no address in angle brackets. It is compiled at first use.
var tag = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`<(/?[A-Za-z][A-Za-z0-9]*(\s[^<>]*)?/?|![A-Za-z][^<>]*)>`)
})

// IsHTML reports whether a template of an e-mail is HTML: whether there is a tag in it, which is how Cognito's users write theirs.
func IsHTML(tmpl string) bool { return strings.Contains(tmpl, "<") && tag().MatchString(tmpl) }
