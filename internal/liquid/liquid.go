package liquid

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"countersign/internal/fault"
)

// The limits of a template and of one render.
const (
	// MaxSource is the most characters of a template (Auth0: the body of a phone template).
	MaxSource = 20000
	// MaxOutput is the most bytes of a rendered text, and of any text made on the way.
	MaxOutput = 64 << 10
	// MaxItems is the most items of a list made on the way, ranges included.
	MaxItems = 10000
	// maxDepth is how deep blocks may nest.
	maxDepth = 100
	// maxWork is the budget of a render: a step costs one, a byte of text one, an item of a list itemCost.
	maxWork  = 1 << 20
	itemCost = 16
)

// Template is a parsed template.
type Template struct {
	nodes []node
}

// Parse reads a template. The error is fault.TemplateInvalid whose Public says what is wrong, beginning with the line.
func Parse(source string) (*Template, error) {
	if !utf8.ValidString(source) {
		return nil, invalid(0, "the template is not UTF-8 text")
	}
	if utf8.RuneCountInString(source) > MaxSource {
		return nil, invalid(0, "the template has more than %d characters", MaxSource)
	}
	tokens, err := scan(source)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	nodes, _, err := p.nodes(nil)
	if err != nil {
		return nil, err
	}
	return &Template{nodes: nodes}, nil
}

// Render fills the template from bindings, whose values are nil, booleans, numbers, strings, time.Time, Labelled, and slices and string-keyed
// maps of these; Go's other values count as nil. The error is fault.TemplateInvalid if a limit was passed, or that of the context.
func (t *Template) Render(ctx context.Context, bindings map[string]any) (string, error) {
	r := &run{ctx: ctx, env: maps.Clone(bindings), vars: map[string]any{}, left: maxWork}
	if r.env == nil {
		r.env = map[string]any{}
	}
	var out strings.Builder
	r.out = &out
	if _, err := r.all(t.nodes); err != nil {
		return "", err
	}
	return out.String(), nil
}

// invalid returns the error of a template. Line 0 stands for all of it.
func invalid(line int, format string, args ...any) error {
	words := fmt.Sprintf(format, args...)
	if line > 0 {
		words = fmt.Sprintf("line %d: %s", line, words)
	}
	return fault.New(fault.TemplateInvalid).WithPublic("%s", words)
}

// run is one render.
type run struct {
	ctx context.Context
	out *strings.Builder
	// env are the bindings, with the counters of increment and decrement; vars what assign and capture set; loops the variables of
	// the loops that are running, the innermost last. Names are looked up in the reverse of this order.
	env, vars map[string]any
	loops     []scope
	left      int
	now       time.Time
	cycles    map[string]int
	offsets   map[string]int
}

// scope holds the two names that a loop adds.
type scope struct {
	name  string
	value any
	loop  string
	state any
}

// pay takes n from the budget. It is called before what is paid for is made.
func (r *run) pay(n int) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if n < 0 || n > r.left {
		return invalid(0, "the template takes too much work to render")
	}
	r.left -= n
	return nil
}

// payText is pay for a text of n bytes, payList for a list of n items.
func (r *run) payText(n int) error {
	if n < 0 || n > MaxOutput {
		return invalid(0, "the template makes a text of more than %d bytes", MaxOutput)
	}
	return r.pay(n)
}

func (r *run) payList(n int) error {
	if n < 0 || n > MaxItems {
		return invalid(0, "the template makes a list of more than %d items", MaxItems)
	}
	return r.pay(n * itemCost)
}

func (r *run) write(s string) error {
	if r.out.Len()+len(s) > MaxOutput {
		return invalid(0, "the template makes a text of more than %d bytes", MaxOutput)
	}
	if err := r.pay(len(s)); err != nil {
		return err
	}
	r.out.WriteString(s)
	return nil
}

// lookUp returns the value of a name, nil if there is none.
func (r *run) lookUp(name string) any {
	for i := len(r.loops) - 1; i >= 0; i-- {
		switch s := &r.loops[i]; name {
		case s.name:
			return s.value
		case s.loop:
			return s.state
		}
	}
	if v, ok := r.vars[name]; ok {
		return v
	}
	return r.env[name]
}

// today is when the render asked first.
func (r *run) today() time.Time {
	if r.now.IsZero() {
		r.now = time.Now().UTC()
	}
	return r.now
}
