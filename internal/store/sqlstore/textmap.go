package sqlstore

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"countersign/internal/store"
)

// A text map is a map of strings as it is kept in a column: a flat JSON object, keys sorted. Reading a user needs two of
// them, so they are read and written without reflection.

// mapText returns the column of m without the keys in skip; nil (NULL) if nothing is left.
func mapText(m map[string]string, skip func(string) bool) (any, error) {
	keys := make([]string, 0, len(m))
	for k := range m {
		if skip == nil || !skip(k) {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	slices.Sort(keys)
	b := make([]byte, 0, 64*len(keys))
	sep := byte('{')
	for _, k := range keys {
		if !validText(k) || !validText(m[k]) {
			return nil, store.ErrText
		}
		b = append(b, sep)
		b = appendQuoted(b, k)
		b = append(b, ':')
		b = appendQuoted(b, m[k])
		sep = ','
	}
	return string(append(b, '}')), nil
}

// appendQuoted appends a JSON string (RFC 8259, section 7).
func appendQuoted(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

var errTextMap = errors.New("store: a column that should hold a map of strings does not")

// parseMap reads a text map. It accepts any JSON object of strings, since a backup may have been made by other means.
func parseMap(s string) (map[string]string, error) {
	if s == "" {
		return nil, nil
	}
	p := mapParser{rest: s}
	m := map[string]string{}
	if !p.skip('{') {
		return nil, errTextMap
	}
	if p.skip('}') {
		return p.end(m)
	}
	for {
		k, ok := p.quoted()
		if !ok || !p.skip(':') {
			return nil, errTextMap
		}
		v, ok := p.quoted()
		if !ok {
			return nil, errTextMap
		}
		m[k] = v
		if p.skip('}') {
			return p.end(m)
		}
		if !p.skip(',') {
			return nil, errTextMap
		}
	}
}

type mapParser struct{ rest string }

func (p *mapParser) end(m map[string]string) (map[string]string, error) {
	if strings.Trim(p.rest, " \t\r\n") != "" {
		return nil, errTextMap
	}
	if len(m) == 0 {
		return nil, nil
	}
	return m, nil
}

// skip passes white space and one byte c.
func (p *mapParser) skip(c byte) bool {
	p.rest = strings.TrimLeft(p.rest, " \t\r\n")
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// quoted reads a string. The usual one has no escapes and is a slice of the column.
func (p *mapParser) quoted() (string, bool) {
	if !p.skip('"') {
		return "", false
	}
	i := strings.IndexAny(p.rest, `"\`)
	if i < 0 {
		return "", false
	}
	if p.rest[i] == '"' {
		s := p.rest[:i]
		p.rest = p.rest[i+1:]
		return s, true
	}
	b := []byte(p.rest[:i])
	p.rest = p.rest[i:]
	for p.rest != "" {
		c := p.rest[0]
		p.rest = p.rest[1:]
		switch c {
		case '"':
			return string(b), true
		case '\\':
			var ok bool
			if b, ok = p.escape(b); !ok {
				return "", false
			}
		default:
			b = append(b, c)
		}
	}
	return "", false
}

func (p *mapParser) escape(b []byte) ([]byte, bool) {
	if p.rest == "" {
		return b, false
	}
	c := p.rest[0]
	p.rest = p.rest[1:]
	switch c {
	case '"', '\\', '/':
		return append(b, c), true
	case 'b':
		return append(b, '\b'), true
	case 'f':
		return append(b, '\f'), true
	case 'n':
		return append(b, '\n'), true
	case 'r':
		return append(b, '\r'), true
	case 't':
		return append(b, '\t'), true
	case 'u':
		r, ok := p.hex()
		if utf16.IsSurrogate(r) && strings.HasPrefix(p.rest, `\u`) {
			before := p.rest
			p.rest = p.rest[2:]
			low, ok2 := p.hex()
			if pair := utf16.DecodeRune(r, low); ok2 && pair != utf8.RuneError {
				return utf8.AppendRune(b, pair), ok
			}
			p.rest = before
		}
		return utf8.AppendRune(b, r), ok
	}
	return b, false
}

func (p *mapParser) hex() (rune, bool) {
	if len(p.rest) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(p.rest[:4], 16, 16)
	p.rest = p.rest[4:]
	return rune(n), err == nil
}

// merge returns m with the given pair.
func merge(m map[string]string, key, value string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}
