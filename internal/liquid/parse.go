package liquid

import (
	"slices"
	"strings"
)

// flow says how a list of nodes ended.
type flow int

const (
	goesOn flow = iota
	breaks
	continues
)

// node is a part of a template that renders itself.
type node interface {
	render(r *run) (flow, error)
}

// all renders nodes until one leaves the loop around them.
func (r *run) all(nodes []node) (flow, error) {
	for _, n := range nodes {
		if err := r.pay(1); err != nil {
			return goesOn, err
		}
		if f, err := n.render(r); err != nil || f != goesOn {
			return f, err
		}
	}
	return goesOn, nil
}

type parser struct {
	tokens []token
	depth  int
}

// nodes reads nodes up to a tag whose name is in until, which it returns, or to the end if until is empty.
func (p *parser) nodes(opener *token, until ...string) ([]node, token, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, token{}, invalid(opener.line, "blocks are nested more than %d deep", maxDepth)
	}
	defer func() { p.depth-- }()
	var out []node
	for len(p.tokens) > 0 {
		t := p.tokens[0]
		p.tokens = p.tokens[1:]
		if t.kind == tag && slices.Contains(until, t.name) {
			return out, t, nil
		}
		n, err := p.node(t)
		if err != nil {
			return nil, t, err
		}
		out = append(out, n)
	}
	if opener != nil {
		return nil, token{}, invalid(opener.line, "%s is not closed by end%s", opener.name, opener.name)
	}
	return out, token{}, nil
}

func (p *parser) node(t token) (node, error) {
	switch t.kind {
	case text:
		return textNode(t.body), nil
	case output:
		return parseEcho(t)
	}
	switch t.name {
	case "assign":
		return parseAssign(t)
	case "break":
		return jump(breaks), nil
	case "capture":
		return p.capture(t)
	case "case":
		return p.choice(t)
	case "continue":
		return jump(continues), nil
	case "cycle":
		return parseCycle(t)
	case "decrement", "increment":
		return parseCounter(t)
	case "echo":
		return parseEcho(t)
	case "for", "tablerow":
		return p.loop(t)
	case "if", "unless":
		return p.condition(t)
	case "block", "include", "layout", "liquid", "render":
		return nil, invalid(t.line, "the tag %q is not available in message templates", t.name)
	case "else", "elsif", "when":
		return nil, invalid(t.line, "%s stands outside of its block", t.name)
	}
	if block, ok := strings.CutPrefix(t.name, "end"); ok {
		return nil, invalid(t.line, "%s closes a %s that is not open here", t.name, block)
	}
	return nil, invalid(t.line, "unknown tag %q", clip(t.name))
}

// clip cuts words of a template that an error quotes.
func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

type textNode string

func (n textNode) render(r *run) (flow, error) { return goesOn, r.write(string(n)) }

// jump is break or continue.
type jump flow

func (j jump) render(*run) (flow, error) { return flow(j), nil }

// echo is an output.
type echo struct{ value *filtered }

func parseEcho(t token) (node, error) {
	l := newLexer(t)
	v, err := l.filtered()
	if err != nil {
		return nil, err
	}
	return echo{v}, l.end()
}

func (n echo) render(r *run) (flow, error) {
	v, err := n.value.eval(r)
	if err != nil {
		return goesOn, err
	}
	s, err := r.str(v)
	if err != nil {
		return goesOn, err
	}
	return goesOn, r.write(s)
}

type assign struct {
	name  string
	value *filtered
}

func parseAssign(t token) (node, error) {
	l := newLexer(t)
	name, err := l.identifier()
	if err != nil {
		return nil, err
	}
	if !l.take("=") {
		return nil, l.expected("= after the name")
	}
	v, err := l.filtered()
	if err != nil {
		return nil, err
	}
	return assign{name, v}, l.end()
}

func (n assign) render(r *run) (flow, error) {
	v, err := n.value.eval(r)
	r.vars[n.name] = v
	return goesOn, err
}

type capture struct {
	name string
	body []node
}

func (p *parser) capture(t token) (node, error) {
	l := newLexer(t)
	name, err := l.identifier()
	if err != nil {
		if s, ok := l.quoted(); ok && s != "" {
			name, err = s, nil
		}
	}
	if err == nil {
		err = l.end()
	}
	if err != nil {
		return nil, err
	}
	body, _, err := p.nodes(&t, "endcapture")
	return capture{name, body}, err
}

func (n capture) render(r *run) (flow, error) {
	outer := r.out
	r.out = &strings.Builder{}
	f, err := r.all(n.body)
	r.vars[n.name] = r.out.String()
	r.out = outer
	return f, err
}

// counter is increment or decrement.
type counter struct {
	name string
	down bool
}

func parseCounter(t token) (node, error) {
	l := newLexer(t)
	name, err := l.identifier()
	if err != nil {
		return nil, err
	}
	return counter{name, t.name == "decrement"}, l.end()
}

func (n counter) render(r *run) (flow, error) {
	before, ok := number(normal(r.env[n.name]))
	if !ok {
		before = 0
	}
	if n.down {
		r.env[n.name] = before - 1
		return goesOn, r.write(formatNumber(before - 1))
	}
	r.env[n.name] = before + 1
	return goesOn, r.write(formatNumber(before))
}
