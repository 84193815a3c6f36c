package liquid

// branch is what is rendered if its test holds. Without a test it always is.
type branch struct {
	test   *filtered
	negate bool
	body   []node
}

type condition []branch

// condition reads if and unless.
func (p *parser) condition(opener token) (node, error) {
	var out condition
	end := "end" + opener.name
	for t := opener; ; {
		b := branch{negate: t.name == "unless"}
		l := newLexer(t)
		until := []string{end}
		if t.name != "else" {
			var err error
			if b.test, err = l.filtered(); err != nil {
				return nil, err
			}
			until = append(until, "elsif", "else")
		}
		if err := l.end(); err != nil {
			return nil, err
		}
		var err error
		if b.body, t, err = p.nodes(&opener, until...); err != nil {
			return nil, err
		}
		if out = append(out, b); t.name == end {
			return out, nil
		}
	}
}

func (n condition) render(r *run) (flow, error) {
	for _, b := range n {
		holds := true
		if b.test != nil {
			v, err := b.test.eval(r)
			if err != nil {
				return goesOn, err
			}
			holds = truthy(v) != b.negate
		}
		if holds {
			return r.all(b.body)
		}
	}
	return goesOn, nil
}

// choice is case. Each branch that fits is rendered, as LiquidJS does.
type choice struct {
	value *filtered
	whens []when
	other []node
}

type when struct {
	values []expression
	body   []node
}

func (p *parser) choice(opener token) (node, error) {
	l := newLexer(opener)
	v, err := l.filtered()
	if err == nil {
		err = l.end()
	}
	if err != nil {
		return nil, err
	}
	out := choice{value: v}
	_, t, err := p.nodes(&opener, "when", "else", "endcase") // what stands before the first when is dropped
	for err == nil && t.name != "endcase" {
		var w when
		if t.name == "when" {
			if w.values, err = newLexer(t).alternatives(); err != nil {
				return nil, err
			}
			w.body, t, err = p.nodes(&opener, "when", "else", "endcase")
			out.whens = append(out.whens, w)
		} else {
			out.other, t, err = p.nodes(&opener, "endcase")
		}
	}
	return out, err
}

func (n choice) render(r *run) (flow, error) {
	v, err := n.value.eval(r)
	if err != nil {
		return goesOn, err
	}
	hit := false
	for _, w := range n.whens {
		fits, err := w.fits(r, v)
		if err != nil {
			return goesOn, err
		}
		if !fits {
			continue
		}
		hit = true
		if f, err := r.all(w.body); err != nil || f != goesOn {
			return f, err
		}
	}
	if hit {
		return goesOn, nil
	}
	return r.all(n.other)
}

func (w when) fits(r *run, v any) (bool, error) {
	for _, e := range w.values {
		other, err := e.eval(r)
		if err != nil {
			return false, err
		}
		if same, err := r.equal(v, other); same || err != nil {
			return same, err
		}
	}
	return false, nil
}
