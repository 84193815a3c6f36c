package poolfile

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"unicode"
)

// emitter writes JSON as YAML, in the order in which it stands. It is used in place of a library because the same values must give the same bytes for
// ever, and come back as the same values from any reader.
type emitter struct {
	in  *json.Decoder
	out bytes.Buffer
}

// node is a text, number or flag as JSON, a list, or a mapping, whose values are in list.
type node struct {
	scalar string // JSON
	list   []node
	keys   []string // of a mapping, as long as list
	kind   byte     // 's', '[' or '{'
}

func toYAML(raw []byte) ([]byte, error) {
	e := &emitter{in: json.NewDecoder(bytes.NewReader(raw))}
	e.in.UseNumber()
	n, err := e.read()
	if err != nil {
		return nil, err
	}
	e.block(n, "")
	return e.out.Bytes(), nil
}

func (e *emitter) read() (node, error) {
	t, err := e.in.Token()
	if err != nil {
		return node{}, err
	}
	d, ok := t.(json.Delim)
	if !ok {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		err := enc.Encode(t)
		return node{kind: 's', scalar: strings.TrimSuffix(b.String(), "\n")}, err
	}
	n := node{kind: byte(d)}
	for e.in.More() {
		if d == '{' {
			k, err := e.in.Token()
			if err != nil {
				return n, err
			}
			n.keys = append(n.keys, k.(string))
		}
		v, err := e.read()
		if err != nil {
			return n, err
		}
		n.list = append(n.list, v)
	}
	_, err = e.in.Token()
	return n, err
}

// block writes a mapping or list whose lines begin with indent. The first line's is there already in a list.
func (e *emitter) block(n node, indent string) {
	for i, v := range n.list {
		if n.kind == '[' {
			e.out.WriteString(indent + "-")
			e.entry(v, indent)
			continue
		}
		e.out.WriteString(indent + plainOr(n.keys[i], quoted(n.keys[i])) + ":")
		e.value(v, indent)
	}
}

// entry writes what stands behind a dash: of a mapping, the first member does.
func (e *emitter) entry(v node, indent string) {
	if v.kind != '{' || len(v.list) == 0 {
		e.value(v, indent)
		return
	}
	inner := indent + "  "
	var sub emitter
	sub.block(v, inner)
	e.out.WriteByte(' ')
	e.out.Write(bytes.TrimPrefix(sub.out.Bytes(), []byte(inner)))
}

func (e *emitter) value(v node, indent string) {
	switch {
	case v.kind == 's':
		e.out.WriteString(" " + scalar(v.scalar, indent+"  ") + "\n")
	case len(v.list) == 0 && v.kind == '[':
		e.out.WriteString(" []\n")
	case len(v.list) == 0:
		e.out.WriteString(" {}\n")
	case v.kind == '[' && short(v):
		items := make([]string, len(v.list))
		for i, x := range v.list {
			items[i] = inFlow(x.scalar)
		}
		e.out.WriteString(" [" + strings.Join(items, ", ") + "]\n")
	default:
		e.out.WriteByte('\n')
		e.block(v, indent+"  ")
	}
}

// widest is how long a list in one line may be, in bytes.
const widest = 100

func short(v node) bool {
	length := 0
	for _, x := range v.list {
		if x.kind != 's' {
			return false
		}
		length += len(x.scalar) + 2
	}
	return length <= widest
}

var (
	// plain texts need no quotes: they begin with a letter and have nothing in them that YAML knows.
	plain = regexp.MustCompile(`^(\$\{[A-Za-z0-9_]+\}|[A-Za-z_/][A-Za-z0-9_./+@=-]*(:[A-Za-z0-9_./+@=*-]+)*( [A-Za-z0-9_./+@=,;()-]+)*)$`)
	word  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)
)

// reserved words are something else than text to some reader.
var reserved = map[string]bool{
	"true": true, "false": true, "yes": true, "no": true, "on": true, "off": true, "null": true, "y": true, "n": true, "nan": true, "inf": true,
}

func plainOr(s, or string) string {
	if plain.MatchString(s) && !reserved[strings.ToLower(s)] {
		return s
	}
	return or
}

func quoted(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a text always can be
	return strings.TrimSuffix(b.String(), "\n")
}

func inFlow(js string) string {
	var s string
	if json.Unmarshal([]byte(js), &s) != nil || js[0] != '"' {
		return js
	}
	if word.MatchString(s) && !reserved[strings.ToLower(s)] {
		return s
	}
	return js
}

// scalar is a value in YAML; indent is that of the lines of a long text.
func scalar(js, indent string) string {
	var s string
	if js[0] != '"' || json.Unmarshal([]byte(js), &s) != nil {
		return js
	}
	if !isBlock(s) {
		return plainOr(s, js)
	}
	mark := "|"
	if !strings.HasSuffix(s, "\n") {
		mark = "|-"
	}
	var b strings.Builder
	b.WriteString(mark)
	for l := range strings.SplitSeq(strings.TrimSuffix(s, "\n"), "\n") {
		b.WriteByte('\n')
		if l != "" {
			b.WriteString(indent + l)
		}
	}
	return b.String()
}

// isBlock reports whether a text has several lines that come back as they are if they are written as lines.
func isBlock(s string) bool {
	lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	if !strings.Contains(s, "\n") || lines[0] == "" || lines[len(lines)-1] == "" || strings.HasPrefix(s, " ") {
		return false
	}
	for _, l := range lines {
		if strings.HasSuffix(l, " ") || strings.ContainsFunc(l, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return false
		}
	}
	return true
}
