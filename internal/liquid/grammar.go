package liquid

import "strconv"

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
