package adminapi

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"countersign/internal/fault"
)

// ListQuery is how every list of the API is narrowed, ordered and paged.
type ListQuery struct {
	Filter string `query:"filter" maxLength:"1000" doc:"Conditions that all hold, separated by commas: name=value (value* begins with it), name!=value, name~part, name<value, name>value."`
	Sort   string `query:"sort" maxLength:"64" doc:"A field's name; with - before it, the greatest first."`
	Cursor string `query:"cursor" maxLength:"1024" doc:"The next of the page before; filter and sort as they were."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" doc:"At most so many. A page may hold fewer, and even none, and yet have a next."`
}

const (
	// maxExamined bounds the rows that one page of a list in its natural order looks at: what a filter leaves out costs a read too.
	maxExamined = 5_000
	// maxSorted bounds the rows of a list that is put into an order in which the store does not keep it.
	maxSorted = 10_000
	// maxConditions bounds a filter.
	maxConditions = 16
)

// listing is what a list can be filtered and sorted by.
type listing[T any] struct {
	// name binds cursors to the list.
	name string
	// key is what the store pages by: unique.
	key func(T) string
	// natural are the orders that the store keeps; the first is the default. Empty: the list is in memory, ordered by key.
	natural []string
	fields  []field[T]
	// limit is the size of a page that asks for none.
	limit int
}

// condition is one of a filter's.
type condition[T any] struct {
	field field[T]
	op    byte // '=', '*' (begins with), '!', '~', '<', '>'
	value string
}

func (c *condition[T]) holds(row T) bool {
	v := c.field.value(row)
	switch c.op {
	case '*':
		return strings.HasPrefix(v, c.value)
	case '!':
		return v != c.value
	case '~':
		return strings.Contains(strings.ToLower(v), strings.ToLower(c.value))
	case '<':
		return v != "" && v < c.value
	case '>':
		return v > c.value
	}
	return v == c.value
}

// plan is a query that was understood.
type plan[T any] struct {
	listing[T]
	conditions []condition[T]
	sort       string
	down       bool // the greatest first
	by         *field[T]
	limit      int
	bind       string
	at         position
}

// position is where a page begins: after the row of this value and key.
type position struct {
	Bind  string `json:"b"`
	Value string `json:"v,omitempty"`
	Key   string `json:"k"`

	set bool
}

// understand reads a query. after is an older parameter, the key of the last row or a cursor; scope is what else the rows depend on (the pool, other
// parameters): a cursor of another list or scope is refused.
func (l listing[T]) understand(q ListQuery, after string, scope ...string) (*plan[T], error) {
	p := &plan[T]{listing: l, limit: cmp.Or(q.Limit, l.limit, 100)}
	for part := range strings.SplitSeq(q.Filter, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		c, err := l.condition(part)
		if err != nil {
			return nil, err
		}
		if p.conditions = append(p.conditions, c); len(p.conditions) > maxConditions {
			return nil, fault.Invalidf("filter", "filter: more than %d conditions.", maxConditions)
		}
	}
	if p.sort = q.Sort; p.sort == "" && len(l.natural) > 0 {
		p.sort = l.natural[0]
	}
	name, down := strings.CutPrefix(p.sort, "-")
	if p.down = down; name != "" {
		i := slices.IndexFunc(l.fields, func(f field[T]) bool { return f.name == name })
		if i < 0 {
			return nil, l.unknown("sort", name)
		}
		p.by = &l.fields[i]
	}
	sum := sha256.Sum256([]byte(strings.Join(append(scope, l.name, q.Filter, p.sort), "\x00")))
	p.bind = base64.RawURLEncoding.EncodeToString(sum[:9])
	switch {
	case q.Cursor != "":
		return p, p.resume(q.Cursor)
	case strings.HasPrefix(after, cursorMark):
		return p, p.resume(after)
	case after != "" && !slices.Contains(l.natural, p.sort):
		return nil, fault.Invalidf("after", "after: a list in an order of its own goes on by its cursor alone.")
	case after != "":
		p.at = position{Key: after, set: true}
	}
	return p, nil
}

func (l listing[T]) unknown(what, name string) error {
	names := make([]string, 0, len(l.fields))
	for _, f := range l.fields {
		names = append(names, f.name)
	}
	return fault.Invalidf(what, "%s: this list has no field %q.", what, name).WithHint("one of %s", strings.Join(names, ", "))
}

// condition reads name op value.
func (l listing[T]) condition(part string) (c condition[T], err error) {
	i := strings.IndexAny(part, "=!~<>")
	if i <= 0 {
		return c, fault.Invalidf("filter", "filter: %q is no condition.", part).WithHint("name=value, name!=value, name~part, name<value or name>value; several with commas")
	}
	name, value := strings.TrimSpace(part[:i]), part[i+1:]
	c.op = part[i]
	if c.op == '!' {
		if value, _ = strings.CutPrefix(value, "="); !strings.HasPrefix(part[i:], "!=") {
			return c, fault.Invalidf("filter", "filter: %q is no condition.", part).WithHint("%s!=%s", name, part[i+1:])
		}
	}
	at := slices.IndexFunc(l.fields, func(f field[T]) bool { return f.name == name })
	if at < 0 {
		return c, l.unknown("filter", name)
	}
	c.field = l.fields[at]
	value = strings.TrimSpace(value)
	if begin, ok := strings.CutSuffix(value, "*"); ok && c.op == '=' && c.field.read == nil {
		c.op, c.value = '*', begin
		return c, nil
	}
	if c.field.read == nil {
		c.value = value
		return c, nil
	}
	if c.op == '~' {
		return c, fault.Invalidf("filter", "filter: %s is no text, so it has no parts.", name).WithHint("%s=%s, %s<%s or %s>%s", name, value, name, value, name, value)
	}
	c.value, err = c.field.read(value)
	if err != nil {
		return c, fault.Invalidf("filter", "filter: %s: %s.", name, err)
	}
	return c, nil
}

// take removes a condition name=value and returns its value as it was given: the store itself answers it.
func (p *plan[T]) take(name, given string) string {
	for i, c := range p.conditions {
		if given == "" && c.field.name == name && c.op == '=' && c.field.read == nil {
			p.conditions = slices.Delete(p.conditions, i, i+1)
			return c.value
		}
	}
	return given
}

func (p *plan[T]) holds(row T) bool {
	for i := range p.conditions {
		if !p.conditions[i].holds(row) {
			return false
		}
	}
	return true
}

// cursorMark begins a cursor; no id begins with it.
const cursorMark = "c~"

func (p *plan[T]) resume(cursor string) error {
	bad := fault.Invalidf("cursor", "cursor: it is not of this list, or filter and sort are not as they were.").WithHint("begin without a cursor")
	text, ok := strings.CutPrefix(cursor, cursorMark)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if !ok || err != nil || json.Unmarshal(raw, &p.at) != nil || p.at.Bind != p.bind || p.at.Key == "" {
		return bad
	}
	p.at.set = true
	return nil
}

func (p *plan[T]) cursor(row T) string {
	at := position{Bind: p.bind, Key: p.key(row)}
	if p.by != nil {
		at.Value = p.by.value(row)
	}
	raw, _ := json.Marshal(at)
	return cursorMark + base64.RawURLEncoding.EncodeToString(raw)
}

// compare orders rows as the query asks; rows of one value by their keys in the same direction.
func (p *plan[T]) compare(a, b position) int {
	c := cmp.Or(strings.Compare(a.Value, b.Value), strings.Compare(a.Key, b.Key))
	if p.down {
		return -c
	}
	return c
}

func (p *plan[T]) place(row T) position {
	at := position{Key: p.key(row)}
	if p.by != nil {
		at.Value = p.by.value(row)
	}
	return at
}

// page answers from rows that are all in memory.
func (p *plan[T]) page(rows []T) (out []T, next string) {
	out = make([]T, 0, min(len(rows), p.limit))
	for _, row := range rows {
		if p.holds(row) && (!p.at.set || p.compare(p.place(row), p.at) > 0) {
			out = append(out, row)
		}
	}
	slices.SortStableFunc(out, func(a, b T) int { return p.compare(p.place(a), p.place(b)) })
	if len(out) > p.limit {
		out = out[:p.limit]
		next = p.cursor(out[len(out)-1])
	}
	return out, next
}

// fetch reads rows of the store in the natural order sort, after the row of a key ("" from the beginning), at most limit.
type fetch[T any] func(sort, after string, limit int) ([]T, error)

// read answers from the store: page by page in its natural orders, and otherwise from all rows, which must not be too many.
func (p *plan[T]) read(f fetch[T]) (out []T, next string, err error) {
	if !slices.Contains(p.natural, p.sort) {
		rows, err := p.all(f)
		if err != nil {
			return nil, "", err
		}
		out, next = p.page(rows)
		return out, next, nil
	}
	out, after := make([]T, 0, p.limit), p.at.Key
	for examined := 0; examined < maxExamined; {
		ask := p.limit - len(out)
		if len(p.conditions) > 0 {
			ask = min(1000, max(ask, 250))
		}
		rows, err := f(p.sort, after, ask)
		if err != nil {
			return nil, "", err
		}
		for i, row := range rows {
			after = p.key(row)
			if !p.holds(row) {
				continue
			}
			if out = append(out, row); len(out) == p.limit {
				if len(rows) < ask && i == len(rows)-1 {
					return out, "", nil
				}
				return out, p.cursor(row), nil
			}
		}
		if examined += len(rows); len(rows) < ask {
			return out, "", nil
		}
		if examined >= maxExamined {
			next = p.cursor(rows[len(rows)-1])
		}
	}
	return out, next, nil
}

// views makes what is shown of rows.
func views[A, B any](rows []A, of func(A) B) []B {
	out := make([]B, 0, len(rows))
	for _, row := range rows {
		out = append(out, of(row))
	}
	return out
}

// all reads the whole list in its natural order.
func (p *plan[T]) all(f fetch[T]) (out []T, err error) {
	for after := ""; ; {
		rows, err := f(p.natural[0], after, 1000)
		if err != nil {
			return nil, err
		}
		if out = append(out, rows...); len(rows) < 1000 {
			return out, nil
		}
		if len(out) >= maxSorted {
			return nil, fault.Invalidf("sort", "sort: more than %d rows cannot be put into this order.", maxSorted).
				WithHint("narrow the list by its parameters, or sort by %s", strings.Join(p.natural, " or "))
		}
		after = p.key(rows[len(rows)-1])
	}
}
