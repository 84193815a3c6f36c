package liquid

import (
	"fmt"
	"math"
	"slices"
)

// loop is for or tablerow.
type loop struct {
	name, text           string
	table, reversed      bool
	list                 *filtered
	limit, offset, width expression // nil: not given
	resume               bool       // offset: continue
	body, other          []node
}

func (p *parser) loop(opener token) (node, error) {
	n := &loop{table: opener.name == "tablerow"}
	if err := n.head(newLexer(opener)); err != nil {
		return nil, err
	}
	end := "end" + opener.name
	until := []string{end}
	if !n.table {
		until = append(until, "else")
	}
	body, t, err := p.nodes(&opener, until...)
	n.body = body
	if err == nil && t.name == "else" {
		n.other, _, err = p.nodes(&opener, end)
	}
	return n, err
}

// head reads "name in list" and the options.
func (n *loop) head(l *lexer) (err error) {
	if n.name, err = l.identifier(); err != nil {
		return err
	}
	if !l.take("in") {
		return l.expected("in after the name of the loop's variable")
	}
	start := l.at
	if n.list, err = l.filtered(); err != nil {
		return err
	}
	n.text = n.name + "-" + l.source(start, l.at)
	for !l.done() {
		l.take(",")
		if l.take("reversed") {
			n.reversed = true
			continue
		}
		option, err := l.identifier()
		if err != nil {
			return err
		}
		if !l.take(":") {
			return l.expected(": after " + clip(option))
		}
		if option == "offset" && l.take("continue") {
			n.resume = true
			continue
		}
		v, err := l.value()
		if err != nil {
			return err
		}
		switch option {
		case "limit":
			n.limit = v
		case "offset":
			n.offset = v
		case "cols":
			n.width = v
		default:
			return invalid(l.line, "unknown loop option %q", clip(option))
		}
	}
	return nil
}

func (n *loop) render(r *run) (flow, error) {
	items, err := n.items(r)
	if err != nil {
		return goesOn, err
	}
	if len(items) == 0 {
		return r.all(n.other)
	}
	width := len(items)
	if n.width != nil {
		if width, err = r.whole(n.width, width); err != nil {
			return goesOn, err
		}
		width = max(width, 1)
	}
	loopName := "forloop"
	if n.table {
		loopName = "tablerowloop"
	}
	r.loops = append(r.loops, scope{name: n.name, loop: loopName})
	defer func() { r.loops = r.loops[:len(r.loops)-1] }()
	for i, item := range items {
		if err := r.pay(itemCost); err != nil {
			return goesOn, err
		}
		s := &r.loops[len(r.loops)-1]
		s.value, s.state = item, position{name: n.text, index: i, length: len(items), width: width}
		f, err := n.once(r, i, width)
		if err != nil {
			return goesOn, err
		}
		if f == breaks {
			break
		}
	}
	if n.table {
		return goesOn, r.write("</tr>")
	}
	return goesOn, nil
}

// once renders the body for the item at i.
func (n *loop) once(r *run, i, width int) (flow, error) {
	if !n.table {
		return r.all(n.body)
	}
	row, column := i/width+1, i%width+1
	open := fmt.Sprintf(`<td class="col%d">`, column)
	if column == 1 {
		open = fmt.Sprintf(`<tr class="row%d">`, row) + open
		if row > 1 {
			open = "</tr>" + open
		}
	}
	if err := r.write(open); err != nil {
		return goesOn, err
	}
	f, err := r.all(n.body)
	if err != nil {
		return f, err
	}
	return f, r.write("</td>")
}

// items returns what is looped over: offset first, then limit, then reversed.
func (n *loop) items(r *run) ([]any, error) {
	v, err := n.list.eval(r)
	if err != nil {
		return nil, err
	}
	items, err := r.enumerate(v)
	if err != nil {
		return nil, err
	}
	from, count := 0, len(items)
	if n.resume {
		from = r.offsets[n.text]
	} else if n.offset != nil {
		if from, err = r.whole(n.offset, 0); err != nil {
			return nil, err
		}
	}
	from = min(max(from, 0), len(items))
	if n.limit != nil {
		if count, err = r.whole(n.limit, count); err != nil {
			return nil, err
		}
	}
	items = items[from:min(len(items), from+min(max(count, 0), len(items)))]
	if r.offsets == nil {
		r.offsets = map[string]int{}
	}
	r.offsets[n.text] = from + len(items)
	if n.reversed {
		if err := r.payList(len(items)); err != nil {
			return nil, err
		}
		items = slices.Clone(items)
		slices.Reverse(items)
	}
	return items, nil
}

// whole evaluates an option that should be a whole number; other is taken where it is none.
func (r *run) whole(e expression, other int) (int, error) {
	v, err := e.eval(r)
	if err != nil {
		return 0, err
	}
	f, ok := number(v)
	if !ok || math.IsNaN(f) {
		return other, nil
	}
	return clampInt(f), nil
}

// position is forloop or tablerowloop.
type position struct {
	name                 string
	index, length, width int
}

func (p position) property(name string) any {
	number := func(n int) any { return float64(n) }
	switch name {
	case "name":
		return p.name
	case "length":
		return number(p.length)
	case "index":
		return number(p.index + 1)
	case "index0":
		return number(p.index)
	case "rindex":
		return number(p.length - p.index)
	case "rindex0":
		return number(p.length - p.index - 1)
	case "first":
		return p.index == 0
	case "last":
		return p.index == p.length-1
	case "row":
		return number(p.index/p.width + 1)
	case "col":
		return number(p.index%p.width + 1)
	case "col0":
		return number(p.index % p.width)
	case "col_first":
		return p.index%p.width == 0
	case "col_last":
		return p.index%p.width == p.width-1
	}
	return nil
}

// cycle shows its values in turn, each group for itself.
type cycle struct {
	group  expression // nil: the values themselves are the group
	key    string
	values []expression
}

func parseCycle(t token) (node, error) {
	l := newLexer(t)
	start := l.at
	first, err := l.value()
	if err != nil {
		return nil, err
	}
	n := cycle{}
	if l.take(":") {
		n.group = first
		if start = l.at; l.done() {
			return nil, l.expected("a value")
		}
		if first, err = l.value(); err != nil {
			return nil, err
		}
	}
	n.values = append(n.values, first)
	for l.take(",") {
		v, err := l.value()
		if err != nil {
			return nil, err
		}
		n.values = append(n.values, v)
	}
	n.key = l.source(start, l.at)
	return n, l.end()
}

func (n cycle) render(r *run) (flow, error) {
	key := n.key
	if n.group != nil {
		v, err := n.group.eval(r)
		if err != nil {
			return goesOn, err
		}
		s, err := r.str(v)
		if err != nil {
			return goesOn, err
		}
		key = s + ":" + key
	}
	if r.cycles == nil {
		r.cycles = map[string]int{}
	}
	at := r.cycles[key]
	r.cycles[key] = (at + 1) % len(n.values)
	v, err := n.values[at].eval(r)
	if err != nil {
		return goesOn, err
	}
	s, err := r.str(v)
	if err != nil {
		return goesOn, err
	}
	return goesOn, r.write(s)
}
