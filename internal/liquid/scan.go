package liquid

import (
	"regexp"
	"strings"
)

// kind is what a token is.
type kind int

const (
	text kind = iota
	output
	tag
)

// token is a piece of a template: text, {{ output }} or {% tag %}.
type token struct {
	kind kind
	line int
	// name is a tag's; body is the text, the expression, or what follows a tag's name.
	name, body string
}

var (
	tagName    = regexp.MustCompile(`^\s*(#|[A-Za-z_][\w-]*)`)
	endRaw     = regexp.MustCompile(`\{%-?\s*endraw\s*-?%\}`)
	endComment = regexp.MustCompile(`\{%-?\s*endcomment\s*-?%\}`)
)

// scanner cuts a template into tokens.
type scanner struct {
	rest   string
	line   int
	tokens []token
	trim   bool // the next text loses the space it begins with
}

func scan(source string) ([]token, error) {
	s := &scanner{rest: source, line: 1}
	for s.rest != "" {
		at := nextOpen(s.rest)
		if at < 0 {
			s.text(s.rest, false)
			break
		}
		dashed := strings.HasPrefix(s.rest[at+2:], "-")
		s.text(s.rest[:at], dashed)
		if err := s.tag(at, dashed); err != nil {
			return nil, err
		}
	}
	return s.tokens, nil
}

// nextOpen returns where the next {{ or {% is, -1 if there is none.
func nextOpen(s string) int {
	for at := 0; ; at++ {
		next := strings.IndexByte(s[at:], '{')
		if next < 0 || at+next+1 >= len(s) {
			return -1
		}
		if at += next; s[at+1] == '{' || s[at+1] == '%' {
			return at
		}
	}
}

// text adds a text, trimmed as its neighbours ask for.
func (s *scanner) text(body string, trimRight bool) {
	line := s.line
	s.line += strings.Count(body, "\n")
	if s.trim {
		body = strings.TrimLeft(body, spaces)
	}
	if trimRight {
		body = strings.TrimRight(body, spaces)
	}
	s.trim = false
	if body != "" {
		s.tokens = append(s.tokens, token{kind: text, line: line, body: body})
	}
}

const spaces = " \t\r\n\v\f\u00a0"

// tag reads the output or tag that opens at s.rest[at:]; what is before it was read already.
func (s *scanner) tag(at int, dashed bool) error {
	line, open := s.line, s.rest[at:at+2]
	body := s.rest[at+2:]
	close := "}}"
	if open == "{%" {
		close = "%}"
	}
	if dashed {
		body = body[1:]
	}
	end := closing(body, close)
	if end < 0 {
		return invalid(line, "%s is not closed by %s", open, close)
	}
	s.rest = body[end+2:]
	body = body[:end]
	s.line += strings.Count(body, "\n")
	body, s.trim = strings.CutSuffix(body, "-")
	if open == "{{" {
		s.tokens = append(s.tokens, token{kind: output, line: line, body: body})
		return nil
	}
	m := tagName.FindStringSubmatch(body)
	if m == nil {
		return invalid(line, "a tag without a name")
	}
	switch m[1] {
	case "#":
		return nil
	case "raw":
		return s.verbatim(line, "raw", endRaw, true)
	case "comment":
		return s.verbatim(line, "comment", endComment, false)
	}
	s.tokens = append(s.tokens, token{kind: tag, line: line, name: m[1], body: body[len(m[0]):]})
	return nil
}

// closing returns where the delimiter is that no quotes enclose.
func closing(s, delimiter string) int {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\'':
			for i++; i < len(s) && s[i] != c; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		case delimiter[0]:
			if strings.HasPrefix(s[i:], delimiter) {
				return i
			}
		}
	}
	return -1
}

// verbatim reads up to the tag that ends a raw or comment block.
func (s *scanner) verbatim(line int, name string, end *regexp.Regexp, keep bool) error {
	at := end.FindStringIndex(s.rest)
	if at == nil {
		return invalid(line, "%s is not closed by end%s", name, name)
	}
	body, tail := s.rest[:at[0]], s.rest[at[0]:at[1]]
	if keep {
		s.text(body, tail[2] == '-')
	} else {
		s.line += strings.Count(body, "\n")
	}
	s.line += strings.Count(tail, "\n")
	s.trim = tail[len(tail)-3] == '-'
	s.rest = s.rest[at[1]:]
	return nil
}
