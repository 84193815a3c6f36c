package management

import (
	"slices"
	"strings"
	"unicode/utf8"

	"countersign/internal/auth0api/wire"
)

// A search is in the original's subset of Lucene's query syntax:
//
//	term, "some words", field:term, field:"some words", field:beginning*, field:*part*, field:[a TO b], field:{a TO b}, field:[a TO *],
//	AND, OR, NOT, parentheses, field:(a OR b)
//
// Clauses beside each other are joined by OR, as Lucene does, and by AND if the right one begins with NOT. Values are compared as a whole and
// with their case. A backslash keeps the next character as it is.
const (
	maxSearch      = 4096
	maxSearchDepth = 16
	maxSearchNodes = 128
	// minLiteral is what must be written out where an asterisk is not at the end alone.
	minLiteral = 3
)

// searchable says what can be searched: all fields, and those that a term without a field is looked for in.
type searchable struct {
	fields, bare []string
	// fold: values are compared without case.
	fold bool
}

// searchNode is a part of a search. Exactly one of op, pattern and bounds says what it is.
type searchNode struct {
	// op is "and", "or" or "not" (kids has one); empty for a comparison.
	op   string
	kids []*searchNode
	// fields are what is compared: one, or any of several.
	fields []string
	// pattern is what the value must be.
	pattern *pattern
	// bounds is a range.
	bounds *bounds
	fold   bool
}

// pattern is literals with an asterisk between each two of them; one literal is an exact value.
type pattern struct{ parts []string }

// bounds is a range; an empty end is open. openLow and openHigh leave the end itself out.
type bounds struct {
	low, high         string
	openLow, openHigh bool
}

// parseSearch reads a search; nil for an empty one. Errors are *wire.Error.
func parseSearch(param, s string, in searchable) (*searchNode, error) {
	if len(s) > maxSearch {
		return nil, wire.Errorf(414, "invalid_query_string", "The search is too long (%d bytes), maximum %d.", len(s), maxSearch)
	}
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return nil, wire.BadQuery(param, "", "The search is not UTF-8")
	}
	p := &searchParser{s: s, in: in}
	n := p.or("", 0)
	if p.skip(); p.bad == "" && p.i < len(p.s) {
		p.fail("unexpected " + wire.Printable(p.s[p.i:]))
	}
	if p.bad != "" {
		return nil, wire.BadQuery(param, "", "Invalid search: %s", p.bad)
	}
	return n, nil
}

// searchParser goes through s once. After a complaint its methods return quickly.
type searchParser struct {
	s     string
	i     int
	nodes int
	in    searchable
	bad   string
}

func (p *searchParser) fail(why string) *searchNode {
	if p.bad == "" {
		p.bad = why
	}
	p.i = len(p.s)
	return &searchNode{op: "or"}
}

func (p *searchParser) skip() {
	for p.i < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.i]) >= 0 {
		p.i++
	}
}

// word passes an operator: it stands alone.
func (p *searchParser) word(w string) bool {
	p.skip()
	rest, ok := strings.CutPrefix(p.s[p.i:], w)
	if !ok || rest != "" && strings.IndexByte(" \t\r\n(\"", rest[0]) < 0 {
		return false
	}
	p.i += len(w)
	return true
}

func (p *searchParser) byte(c byte) bool {
	p.skip()
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *searchParser) more() bool {
	p.skip()
	return p.bad == "" && p.i < len(p.s) && p.s[p.i] != ')'
}

// or reads clauses up to the end or a closing parenthesis. field is that of field:(...).
func (p *searchParser) or(field string, depth int) *searchNode {
	if depth > maxSearchDepth {
		return p.fail("too deeply nested")
	}
	left := p.and(field, depth)
	for p.more() {
		before := p.i
		explicit := p.word("OR")
		right := p.and(field, depth)
		op := "or"
		if !explicit && right.begins("not") {
			op = "and"
		}
		left = &searchNode{op: op, kids: []*searchNode{left, right}}
		if p.i == before {
			return p.fail("unexpected end")
		}
	}
	return left
}

// begins reports whether the first clause of a conjunction is of the kind.
func (n *searchNode) begins(op string) bool {
	for n.op == "and" {
		n = n.kids[0]
	}
	return n.op == op
}

func (p *searchParser) and(field string, depth int) *searchNode {
	left := p.not(field, depth)
	for p.bad == "" && p.word("AND") {
		left = &searchNode{op: "and", kids: []*searchNode{left, p.not(field, depth)}}
	}
	return left
}

func (p *searchParser) not(field string, depth int) *searchNode {
	if p.nodes++; p.nodes > maxSearchNodes {
		return p.fail("too many clauses")
	}
	odd := false
	for p.word("NOT") {
		odd = !odd
	}
	n := p.clause(field, depth)
	if odd {
		return &searchNode{op: "not", kids: []*searchNode{n}}
	}
	return n
}

func (p *searchParser) clause(field string, depth int) *searchNode {
	p.skip()
	switch {
	case p.i >= len(p.s):
		return p.fail("a term is missing at the end")
	case p.word("AND") || p.word("OR"):
		return p.fail("a term is missing before an operator")
	case p.byte('('):
		n := p.or(field, depth+1)
		if !p.byte(')') {
			return p.fail("a parenthesis is not closed")
		}
		return n
	}
	if name := p.fieldName(); name != "" {
		if field != "" {
			return p.fail("a field inside the value of another")
		}
		if !slices.Contains(p.in.fields, name) {
			return p.fail("there is no field " + wire.Printable(name) + "; fields are " + strings.Join(p.in.fields, ", "))
		}
		if p.i < len(p.s) && p.s[p.i] == '(' {
			return p.clause(name, depth)
		}
		return p.value(name)
	}
	return p.value(field)
}

// fieldName passes "name:" and returns the name.
func (p *searchParser) fieldName() string {
	end := p.i
	for end < len(p.s) && (p.s[end] == '_' || p.s[end] == '.' || 'a' <= p.s[end]|0x20 && p.s[end]|0x20 <= 'z') {
		end++
	}
	if end == p.i || end >= len(p.s) || p.s[end] != ':' {
		return ""
	}
	name := p.s[p.i:end]
	p.i = end + 1
	return name
}

func (p *searchParser) value(field string) *searchNode {
	if p.i >= len(p.s) {
		return p.fail("a value is missing")
	}
	switch p.s[p.i] {
	case '[', '{':
		if field == "" {
			return p.fail("a range needs a field")
		}
		return p.bounds(field)
	case '"':
		text, ok := p.quoted()
		if !ok {
			return p.fail("a quotation mark is not closed")
		}
		return &searchNode{fields: p.fieldsOf(field), fold: p.in.fold, pattern: &pattern{[]string{text}}}
	}
	return p.term(field)
}

func (p *searchParser) fieldsOf(name string) []string {
	if name == "" {
		return p.in.bare
	}
	return []string{name}
}

func (p *searchParser) quoted() (string, bool) {
	var b strings.Builder
	for p.i++; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; c {
		case '"':
			p.i++
			return b.String(), true
		case '\\':
			if p.i++; p.i == len(p.s) {
				return "", false
			}
		}
		b.WriteByte(p.s[p.i])
	}
	return "", false
}

// term reads a word, whose asterisks stand for any characters.
func (p *searchParser) term(field string) *searchNode {
	var b strings.Builder
	pat := &pattern{}
	literal := 0
loop:
	for ; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; c {
		case ' ', '\t', '\r', '\n', '(', ')', '"', '[', ']', '{', '}':
			break loop
		case '?':
			return p.fail("? is not supported; * stands for any characters")
		case '*':
			pat.parts = append(pat.parts, b.String())
			b.Reset()
			continue
		case '\\':
			if p.i++; p.i == len(p.s) {
				return p.fail("a backslash at the end")
			}
		}
		b.WriteByte(p.s[p.i])
		literal++
	}
	pat.parts = append(pat.parts, b.String())
	prefix := len(pat.parts) == 2 && pat.parts[1] == ""
	switch {
	case literal == 0 && len(pat.parts) == 1:
		return p.fail("a value is missing")
	case len(pat.parts) > 1 && !prefix && literal < minLiteral:
		return p.fail("an asterisk that is not at the end needs at least 3 other characters")
	}
	return &searchNode{fields: p.fieldsOf(field), fold: p.in.fold, pattern: pat}
}

func (p *searchParser) bounds(field string) *searchNode {
	b := &bounds{openLow: p.s[p.i] == '{'}
	end := strings.IndexAny(p.s[p.i:], "]}")
	if end < 0 {
		return p.fail("a range is not closed")
	}
	inner := p.s[p.i+1 : p.i+end]
	b.openHigh = p.s[p.i+end] == '}'
	p.i += end + 1
	low, high, ok := strings.Cut(inner, " TO ")
	if !ok {
		return p.fail("a range has the form [a TO b]")
	}
	for dst, text := range map[*string]string{&b.low: low, &b.high: high} {
		text = strings.Trim(strings.TrimSpace(text), `"`)
		if text == "" {
			return p.fail("an end of a range is missing; * is an open one")
		}
		if text != "*" {
			*dst = text
		}
	}
	return &searchNode{fields: p.fieldsOf(field), fold: p.in.fold, bounds: b}
}
