package wire

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"sync"
	"unicode/utf8"
)

// Pattern is a regular expression of an API model that must match the whole value. It is compiled on first use.
// Repetitions of one class of characters, which most patterns of the models are, take a table instead of the
// engine: an access token of 1,000 bytes costs 1 µs, not 30.
type Pattern struct {
	source string
	parse  func() matcher
}

type matcher interface{ match(s string) bool }

// NewPattern returns a Pattern that reports as source. expr is what is compiled, where Go needs another spelling
// than the model has (RE2 knows no look-behind); empty means source. It panics on first use if expr is no regular
// expression; a test of the generated packages uses each one.
func NewPattern(source, expr string) *Pattern {
	if expr == "" {
		expr = source
	}
	return &Pattern{source: source, parse: sync.OnceValue(func() matcher { return compile(expr) })}
}

// String returns the model's spelling.
func (p *Pattern) String() string { return p.source }

// Match reports whether all of s matches.
func (p *Pattern) Match(s string) bool { return p.parse().match(s) }

func compile(expr string) matcher {
	if re, err := syntax.Parse(expr, syntax.Perl); err == nil {
		if c, ok := classOf(re); ok {
			return c
		}
	}
	return engine{regexp.MustCompile(`\A(?:` + expr + `)\z`)}
}

type engine struct{ re *regexp.Regexp }

func (e engine) match(s string) bool { return e.re.MatchString(s) }

// class matches repetitions of one set of runes.
type class struct {
	ascii  [utf8.RuneSelf]bool
	ranges []rune // pairs, sorted, for what is not ASCII
	empty  bool   // the empty string matches
}

// classOf recognises [set]+, [set]* and the same between ^ and $.
func classOf(re *syntax.Regexp) (*class, bool) {
	if re.Op == syntax.OpConcat && len(re.Sub) == 3 && re.Sub[0].Op == syntax.OpBeginText && re.Sub[2].Op == syntax.OpEndText {
		re = re.Sub[1]
	}
	if (re.Op != syntax.OpPlus && re.Op != syntax.OpStar) || re.Sub[0].Op != syntax.OpCharClass {
		return nil, false
	}
	c := &class{ranges: re.Sub[0].Rune, empty: re.Op == syntax.OpStar}
	for r := range rune(utf8.RuneSelf) {
		c.ascii[r] = c.search(r)
	}
	return c, true
}

func (c *class) match(s string) bool {
	if s == "" {
		return c.empty
	}
	for _, r := range s {
		if r < utf8.RuneSelf {
			if !c.ascii[r] {
				return false
			}
		} else if !c.search(r) {
			return false
		}
	}
	return true
}

// search finds r by halving; the range's end lies at odd indexes.
func (c *class) search(r rune) bool {
	i, found := slices.BinarySearch(c.ranges, r)
	return found || i%2 == 1
}
