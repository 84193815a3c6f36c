package npm

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind is what a token is.
type kind byte

const (
	word    kind = iota // identifiers and keywords; escapes are not decoded
	private             // #name
	number
	str      // a string; text is what stands between the quotes
	template // a piece of a template literal, without its delimiters
	regex
	punct // operators and brackets, the longest that there is
)

// token is a piece of a script. at is its offset in bytes.
type token struct {
	kind kind
	text string
	at   int
	// newline: a line ended before it.
	newline bool
}

func (t token) is(text string) bool { return t.kind == punct && t.text == text }

// word reports whether it is this keyword or name.
func (t token) word(text string) bool { return t.kind == word && t.text == text }

// puncts are the operators of JavaScript of more than one character (ECMA-262, section 12.8), longest first. A template's pieces are delimited by
// "`", "${" and "}" besides.
var puncts = []string{">>>=", "...", "===", "!==", "**=", "<<=", ">>=", ">>>", "&&=", "||=", "??=", "=>", "==", "!=", "<=", ">=", "&&", "||", "??", "?.",
	"++", "--", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<", ">>", "**"}

// maxTokens bounds what is looked at of a script, maxDepth how deep templates may lie in one another, maxLost the bytes that are looked at for the ends of
// regular expressions that have none.
const (
	maxTokens = 200_000
	maxDepth  = 200
	maxLost   = 4 << 20
)

// lexer cuts a script into tokens. It never fails: what it does not understand becomes a punctuation of one character.
type lexer struct {
	src     string
	at      int
	newline bool
	lost    int
	out     []token
	// open holds, for each template that is open, how many braces are open in its current substitution.
	open []int
	// parens and braces remember, for each open bracket, what stood before it: what comes after it depends on that.
	parens []bool // of a control statement: a regular expression may follow
	braces []bool // of a block: the same
	// lastParen and lastBrace are those of the bracket that was closed last.
	lastParen, lastBrace bool
}

// tokens cuts a script into tokens. Comments go; whether a slash begins a regular expression is told by what stands before it, which is right except
// for constructs that nobody writes by hand.
func tokens(src string) []token {
	l := &lexer{src: src}
	if strings.HasPrefix(src, "#!") {
		l.line()
	}
	for l.at < len(l.src) && len(l.out) < maxTokens {
		l.next()
	}
	return l.out
}

func (l *lexer) add(k kind, from, to, size int) {
	l.out = append(l.out, token{k, l.src[from:to], l.at, l.newline})
	l.at += size
	l.newline = false
}

func (l *lexer) next() {
	rest := l.src[l.at:]
	switch c := rest[0]; {
	case c == '\n' || c == '\r':
		l.newline = true
		l.at++
	case c == ' ' || c == '\t' || c == '\v' || c == '\f':
		l.at++
	case strings.HasPrefix(rest, "//"):
		l.line()
	case strings.HasPrefix(rest, "/*"):
		l.comment()
	case c == '"' || c == '\'':
		l.quoted(c)
	case c == '`':
		l.add(punct, l.at, l.at+1, 1)
		if len(l.open) < maxDepth {
			l.piece()
		}
	case c >= '0' && c <= '9' || c == '.' && len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9':
		l.number()
	case c == '#' && len(rest) > 1 && startsName(rest[1:]):
		n := nameLength(rest[1:])
		l.add(private, l.at, l.at+1+n, 1+n)
	case startsName(rest):
		n := nameLength(rest)
		l.add(word, l.at, l.at+n, n)
	case c >= utf8.RuneSelf:
		r, n := utf8.DecodeRuneInString(rest)
		l.newline = l.newline || r == 0x2028 || r == 0x2029
		l.at += n
	case c == '/' && l.regexMayFollow():
		l.regex()
	default:
		l.punct(rest)
	}
}

// line passes over a comment to the end of its line.
func (l *lexer) line() {
	if i := strings.IndexAny(l.src[l.at:], "\n\r"); i >= 0 {
		l.at += i
		return
	}
	l.at = len(l.src)
}

func (l *lexer) comment() {
	i := strings.Index(l.src[l.at+2:], "*/")
	if i < 0 {
		l.at = len(l.src)
		return
	}
	l.newline = l.newline || strings.ContainsAny(l.src[l.at:l.at+2+i], "\n\r")
	l.at += 2 + i + 2
}

// quoted is a string; one without end is over at the end of its line.
func (l *lexer) quoted(quote byte) {
	i := l.at + 1
	for ; i < len(l.src) && l.src[i] != quote && l.src[i] != '\n'; i++ {
		if l.src[i] == '\\' && i+1 < len(l.src) {
			i++
		}
	}
	i = min(i, len(l.src))
	size := i - l.at
	if i < len(l.src) && l.src[i] == quote {
		size++
	}
	l.add(str, l.at+1, i, size)
}

// piece is what stands in a template up to its end or its next substitution.
func (l *lexer) piece() {
	i := l.at
	for ; i < len(l.src) && l.src[i] != '`' && !strings.HasPrefix(l.src[i:], "${"); i++ {
		if l.src[i] == '\\' && i+1 < len(l.src) {
			i++
		}
	}
	i = min(i, len(l.src))
	l.add(template, l.at, i, i-l.at)
	switch {
	case i >= len(l.src):
	case l.src[i] == '`':
		l.add(punct, i, i+1, 1)
	default:
		l.add(punct, i, i+2, 2)
		l.open = append(l.open, 0)
		l.braces = append(l.braces, false)
	}
}

func (l *lexer) number() {
	i := l.at
	for ; i < len(l.src); i++ {
		c := l.src[i]
		sign := (c == '+' || c == '-') && i > l.at && (l.src[i-1] == 'e' || l.src[i-1] == 'E') && !strings.HasPrefix(l.src[l.at:], "0x")
		if c != '.' && !sign && !nameByte(c) {
			break
		}
	}
	l.add(number, l.at, i, i-l.at)
}

func nameByte(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func startsName(s string) bool {
	if c := s[0]; c < utf8.RuneSelf {
		return nameByte(c) && (c < '0' || c > '9') || c == '\\' && len(s) > 1 && s[1] == 'u'
	}
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsLetter(r) || unicode.Is(unicode.Nl, r)
}

func nameLength(s string) int {
	i := 0
	for i < len(s) {
		if c := s[i]; c < utf8.RuneSelf {
			switch {
			case nameByte(c):
				i++
			case strings.HasPrefix(s[i:], `\u{`):
				end := strings.IndexByte(s[i:], '}')
				if end < 0 {
					return len(s)
				}
				i += end + 1
			case strings.HasPrefix(s[i:], `\u`):
				i += 2
			default:
				return i
			}
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.In(r, unicode.Nl, unicode.Mn, unicode.Mc, unicode.Pc) && r != 0x200c && r != 0x200d {
			return i
		}
		i += n
	}
	return i
}

// regex is a regular expression; one without end is a slash.
func (l *lexer) regex() {
	class := false
	i := l.at + 1
	for ; i < len(l.src) && l.lost < maxLost && l.src[i] != '\n' && l.src[i] != '\r'; i++ {
		switch c := l.src[i]; {
		case c == '\\':
			i++
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '/' && !class:
			end := i + 1
			for end < len(l.src) && nameByte(l.src[end]) {
				end++
			}
			l.add(regex, l.at, end, end-l.at)
			return
		}
	}
	l.lost += i - l.at
	l.add(punct, l.at, l.at+1, 1)
}

func (l *lexer) punct(rest string) {
	size := 1
	for _, p := range puncts {
		if strings.HasPrefix(rest, p) && !(p == "?." && len(rest) > 2 && rest[2] >= '0' && rest[2] <= '9') {
			size = len(p)
			break
		}
	}
	text := rest[:size]
	l.bracket(text)
	l.add(punct, l.at, l.at+size, size)
	if n := len(l.open); n > 0 && size == 1 {
		switch text {
		case "{":
			l.open[n-1]++
		case "}":
			if l.open[n-1]--; l.open[n-1] < 0 {
				l.open = l.open[:n-1]
				l.piece()
			}
		}
	}
}

// set is a set of words.
func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// position returns the line and column, from 1, of an offset. Columns count UTF-16 units, as editors and Node do.
func position(src string, at int) (line, column int) {
	at = min(at, len(src))
	start := strings.LastIndexByte(src[:at], '\n') + 1
	column = 1
	for _, r := range src[start:at] {
		column++
		if r > 0xffff {
			column++
		}
	}
	return strings.Count(src[:at], "\n") + 1, column
}
