package liquid

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
