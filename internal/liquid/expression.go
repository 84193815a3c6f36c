package liquid

import "strconv"

// expression is anything that has a value.
type expression interface {
	eval(r *run) (any, error)
}

type constant struct{ value any }

func (c constant) eval(*run) (any, error) { return c.value, nil }

// special is empty or blank, which only comparisons know.
type special string

// variable is a name, or an expression in brackets, with the properties read from it.
type variable struct {
	name string
	path []expression
}

func (v variable) eval(r *run) (any, error) {
	if err := r.pay(1 + len(v.path)); err != nil {
		return nil, err
	}
	out := normal(r.lookUp(v.name))
	for _, p := range v.path {
		key, err := p.eval(r)
		if err != nil {
			return nil, err
		}
		if s, ok := out.(string); ok { // its properties go through all of it
			if err := r.pay(len(s)); err != nil {
				return nil, err
			}
		}
		out = normal(property(out, key))
	}
	return out, nil
}

// span is (a..b).
type span struct{ from, to expression }

func (s span) eval(r *run) (any, error) {
	from, err := r.whole(s.from, 0)
	if err != nil {
		return nil, err
	}
	to, err := r.whole(s.to, 0)
	if err != nil || to < from {
		return []any{}, err
	}
	if err := r.payList(to - from + 1); err != nil {
		return nil, err
	}
	out := make([]any, 0, to-from+1)
	for i := from; i <= to; i++ {
		out = append(out, float64(i))
	}
	return out, nil
}

// binary is a comparison, and, or.
type binary struct {
	operator    string
	left, right expression
}

func (b binary) eval(r *run) (any, error) {
	if err := r.pay(1); err != nil {
		return nil, err
	}
	left, err := b.left.eval(r)
	if err != nil {
		return nil, err
	}
	if b.operator == "and" && !truthy(left) || b.operator == "or" && truthy(left) {
		return b.operator == "or", nil
	}
	right, err := b.right.eval(r)
	if err != nil {
		return nil, err
	}
	if b.operator == "and" || b.operator == "or" {
		return truthy(right), nil
	}
	return r.compare(b.operator, left, right)
}

type not struct{ of expression }

func (n not) eval(r *run) (any, error) {
	v, err := n.of.eval(r)
	return !truthy(v), err
}

// filtered is an expression with filters.
type filtered struct {
	of      expression
	filters []call
}

// call is one filter with its arguments.
type call struct {
	fn   filter
	args []expression
	// allowFalse is the one named argument that a filter knows (of default).
	allowFalse expression
}

func (f *filtered) eval(r *run) (any, error) {
	v, err := f.of.eval(r)
	for _, c := range f.filters {
		if err != nil {
			return nil, err
		}
		v, err = c.apply(r, v)
	}
	return v, err
}

func (c call) apply(r *run, v any) (any, error) {
	in := input{run: r, value: v}
	for _, a := range c.args {
		arg, err := a.eval(r)
		if err != nil {
			return nil, err
		}
		in.args = append(in.args, arg)
	}
	if c.allowFalse != nil {
		arg, err := c.allowFalse.eval(r)
		if err != nil {
			return nil, err
		}
		in.allowFalse = truthy(arg)
	}
	if err := r.pay(itemCost); err != nil {
		return nil, err
	}
	out, err := c.fn(in)
	return normal(out), err
}

// filtered reads a condition or value with its filters.
func (l *lexer) filtered() (*filtered, error) {
	e, err := l.either()
	if err != nil {
		return nil, err
	}
	out := &filtered{of: e}
	for l.take("|") {
		name, err := l.identifier()
		if err != nil {
			return nil, err
		}
		fn, ok := filterOf(name)
		if !ok {
			return nil, invalid(l.line, "unknown filter %q", clip(name))
		}
		c := call{fn: fn}
		if err := l.arguments(&c); err != nil {
			return nil, err
		}
		out.filters = append(out.filters, c)
	}
	return out, nil
}

func (l *lexer) arguments(c *call) error {
	if !l.take(":") {
		return nil
	}
	for !l.done() && !l.next("|") {
		if w := l.peek(); w.kind == identifier && l.at+1 < len(l.words) && l.words[l.at+1].is(":") {
			l.at += 2
			v, err := l.value()
			if err != nil {
				return err
			}
			if w.text != "allow_false" {
				return invalid(l.line, "unknown option %q of a filter", clip(w.text))
			}
			c.allowFalse = v
		} else {
			v, err := l.value()
			if err != nil {
				return err
			}
			c.args = append(c.args, v)
		}
		if !l.take(",") {
			break
		}
	}
	return nil
}

// either reads "a or b"; and binds no tighter than or, from right to left, as in LiquidJS.
func (l *lexer) either() (expression, error) {
	if l.depth++; l.depth > maxDepth {
		return nil, invalid(l.line, "the expression is nested more than %d deep", maxDepth)
	}
	defer func() { l.depth-- }()
	left, err := l.negation()
	if err != nil {
		return nil, err
	}
	for _, operator := range []string{"and", "or"} {
		if l.take(operator) {
			right, err := l.either()
			return binary{operator, left, right}, err
		}
	}
	return left, nil
}

func (l *lexer) negation() (expression, error) {
	if l.take("not") {
		if l.depth++; l.depth > maxDepth {
			return nil, invalid(l.line, "the expression is nested more than %d deep", maxDepth)
		}
		defer func() { l.depth-- }()
		e, err := l.negation()
		return not{e}, err
	}
	return l.comparison()
}

func (l *lexer) comparison() (expression, error) {
	left, err := l.value()
	if err != nil {
		return nil, err
	}
	for _, operator := range []string{"==", "!=", "<>", ">=", "<=", ">", "<", "contains"} {
		if l.take(operator) {
			right, err := l.value()
			return binary{operator, left, right}, err
		}
	}
	return left, nil
}

// value reads a literal, a variable with its properties, or a range.
func (l *lexer) value() (expression, error) {
	if l.depth++; l.depth > maxDepth {
		return nil, invalid(l.line, "the expression is nested more than %d deep", maxDepth)
	}
	defer func() { l.depth-- }()
	w := l.peek()
	switch w.kind {
	case literal:
		l.at++
		return l.path(constant{w.text})
	case numeral:
		l.at++
		f, err := strconv.ParseFloat(w.text, 64)
		if err != nil {
			return nil, invalid(l.line, "the number %q is too large", clip(w.text))
		}
		return constant{f}, nil
	case identifier:
		l.at++
		if e, ok := named(w.text); ok && !l.followedByPath() {
			return e, nil
		}
		return l.path(variable{name: w.text})
	}
	if l.take("(") {
		return l.span()
	}
	return nil, l.expected("a value")
}

// named are the words that have a value of their own.
func named(name string) (expression, bool) {
	switch name {
	case "true":
		return constant{true}, true
	case "false":
		return constant{false}, true
	case "nil", "null":
		return constant{nil}, true
	case "empty", "blank":
		return constant{special(name)}, true
	}
	return nil, false
}

func (l *lexer) followedByPath() bool {
	return l.next(".") || l.next("[")
}

func (l *lexer) span() (expression, error) {
	from, err := l.value()
	if err != nil {
		return nil, err
	}
	if !l.take("..") {
		return nil, l.expected(".. between the ends of a range")
	}
	to, err := l.value()
	if err != nil {
		return nil, err
	}
	if !l.take(")") {
		return nil, l.expected(") after the range")
	}
	return span{from, to}, nil
}

// path reads .name and [value] after a variable.
func (l *lexer) path(of expression) (expression, error) {
	v, ok := of.(variable)
	if !ok {
		return of, nil
	}
	for {
		switch {
		case l.take("."):
			w := l.peek()
			if w.kind != identifier && w.kind != numeral {
				return nil, l.expected("a name after the dot")
			}
			l.at++
			v.path = append(v.path, constant{w.text})
		case l.take("["):
			key, err := l.value()
			if err != nil {
				return nil, err
			}
			if !l.take("]") {
				return nil, l.expected("] after the index")
			}
			v.path = append(v.path, key)
		default:
			return v, nil
		}
	}
}

// alternatives reads the values of a when.
func (l *lexer) alternatives() ([]expression, error) {
	var out []expression
	for {
		v, err := l.value()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		if !l.take(",") && !l.take("or") {
			return out, l.end()
		}
	}
}
