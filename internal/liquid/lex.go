package liquid

import (
	"regexp"
	"strconv"
	"strings"
)

// word is a token of an expression.
type word struct {
	kind wordKind
	// text is the identifier, the number, the operator, or what the quotes hold.
	text       string
	start, end int // where it is in the body
}

type wordKind int

const (
	identifier wordKind = iota
	literal             // a quoted string
	numeral
	symbol
)

// words of an expression. Identifiers are LiquidJS's: letters, digits, _, -, and a last ?.
var words = regexp.MustCompile(`^(?:(-?\d+(?:\.\d+)?)|([\p{L}_][\p{L}\p{N}_-]*\??)|(==|!=|<>|>=|<=|\.\.|[<>=|:,.()\[\]]))`)

// lexer reads the expression of an output or tag.
type lexer struct {
	body  string
	line  int
	words []word
	at    int // the next word
	depth int
	bad   string // what could not be read, "" if all could
}

func newLexer(t token) *lexer {
	l := &lexer{body: t.body, line: t.line}
	for at := 0; at < len(t.body); {
		rest := t.body[at:]
		if trimmed := strings.TrimLeft(rest, spaces); len(trimmed) < len(rest) {
			at += len(rest) - len(trimmed)
			continue
		}
		w := word{start: at}
		if rest[0] == '"' || rest[0] == '\'' {
			content, n := quotedAt(rest)
			w.kind, w.text, w.end = literal, content, at+n
		} else if m := words.FindStringSubmatch(rest); m != nil {
			w.end = at + len(m[0])
			switch {
			case m[1] != "":
				w.kind, w.text = numeral, m[1]
			case m[2] != "":
				w.kind, w.text = identifier, m[2]
			default:
				w.kind, w.text = symbol, m[3]
			}
		} else {
			l.bad = rest
			return l
		}
		l.words = append(l.words, w)
		at = w.end
	}
	return l
}

// quotedAt reads a quoted string at the start of s: its content without escapes, and its length with quotes. The scanner has seen to
// it that it ends.
func quotedAt(s string) (string, int) {
	var out strings.Builder
	i := 1
	for ; i < len(s) && s[i] != s[0]; i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n':
			out.WriteByte('\n')
		case 't':
			out.WriteByte('\t')
		case 'r':
			out.WriteByte('\r')
		case 'u':
			if i+4 < len(s) {
				if n, err := strconv.ParseUint(s[i+1:i+5], 16, 32); err == nil {
					out.WriteRune(rune(n))
					i += 4
					continue
				}
			}
			out.WriteByte('u')
		default:
			out.WriteByte(s[i])
		}
	}
	return out.String(), min(i+1, len(s))
}

func (l *lexer) done() bool { return l.at >= len(l.words) && l.bad == "" }

// source returns the words from one place to another as they stand.
func (l *lexer) source(from, to int) string {
	if from >= to {
		return ""
	}
	return l.body[l.words[from].start:l.words[to-1].end]
}

// peek returns the next word, or one that is nothing.
func (l *lexer) peek() word {
	if l.at < len(l.words) {
		return l.words[l.at]
	}
	return word{kind: symbol}
}

// is reports whether w is this symbol or identifier.
func (w word) is(text string) bool {
	return w.text == text && (w.kind == symbol || w.kind == identifier)
}

func (l *lexer) next(text string) bool { return l.at < len(l.words) && l.words[l.at].is(text) }

// take reads the next word if it is this symbol or identifier.
func (l *lexer) take(text string) bool {
	if !l.next(text) {
		return false
	}
	l.at++
	return true
}

func (l *lexer) identifier() (string, error) {
	if w := l.peek(); w.kind == identifier {
		l.at++
		return w.text, nil
	}
	return "", l.expected("a name")
}

func (l *lexer) quoted() (string, bool) {
	w := l.peek()
	if w.kind == literal {
		l.at++
	}
	return w.text, w.kind == literal
}

// end is an error if there is more.
func (l *lexer) end() error {
	if l.done() {
		return nil
	}
	return l.expected("nothing more")
}

// expected is the error of a word that is not what it should be.
func (l *lexer) expected(what string) error {
	found := "the end"
	if l.at < len(l.words) {
		found = strconv.Quote(clip(l.source(l.at, l.at+1)))
	} else if l.bad != "" {
		found = strconv.Quote(clip(l.bad))
	}
	return invalid(l.line, "expected %s, found %s", what, found)
}
