package npm

import (
	"fmt"
	"slices"
	"strings"

	"countersign/internal/module"
)

// maxWarnings bounds what is said about a script.
const maxWarnings = 20

// lint looks for known mistakes of guides (names that do not exist, templates in the code, secrets that nobody set). It is careful rather than
// complete: where a script may be right, it says nothing.
func lint(s *module.Source) []module.Warning {
	l := &linter{src: s.Code, toks: tokens(s.Code)}
	if len(l.toks) >= maxTokens {
		return nil
	}
	if nested(l.toks) <= shallowDepth { // else it may take long
		l.undefined()
	}
	l.placeholders()
	if s.SecretNames != nil {
		l.secrets(s.SecretNames)
	}
	l.directives()
	slices.SortStableFunc(l.found, func(a, b found) int { return a.at - b.at })
	var out []module.Warning
	for _, f := range l.found[:min(len(l.found), maxWarnings)] {
		line, column := position(s.Code, f.at)
		out = append(out, module.Warning{Line: line, Column: column, Text: f.text})
	}
	return out
}

type linter struct {
	src  string
	toks []token
	ends map[int]int // of brackets
	// fields are the words that begin a member of a class.
	fields map[int]bool
	found  []found
}

type found struct {
	at   int
	text string
}

func (l *linter) warn(t token, format string, args ...any) {
	l.found = append(l.found, found{t.at, fmt.Sprintf(format, args...)})
}

// tok is the token at i; beyond the ends there is nothing.
func (l *linter) tok(i int) token {
	if i < 0 || i >= len(l.toks) {
		return token{kind: punct}
	}
	return l.toks[i]
}

// placeholders warns of template variables in the code: only templates are rendered.
func (l *linter) placeholders() {
	for _, t := range l.toks {
		if t.kind != str && t.kind != template {
			continue
		}
		for rest := t.text; ; {
			_, after, ok := strings.Cut(rest, "{{")
			name, end, closed := strings.Cut(after, "}}")
			if !ok || !closed {
				break
			}
			if name = strings.Trim(name, " -"); name == "code" {
				l.warn(t, "{{%s}} in the code is not replaced, it would be sent as it stands: use context.code, or event.message_options.code in an action", name)
			}
			rest = end
		}
	}
}

// secrets warns of secrets that are read and that are in no list.
func (l *linter) secrets(names []string) {
	said := map[string]bool{}
	report := func(t token, name string) {
		if !slices.Contains(names, name) && !said[name] {
			said[name] = true
			l.warn(t, "the secret %q is not set: it is undefined when the script runs", name)
		}
	}
	for i, t := range l.toks {
		if !t.word("secrets") || !(l.tok(i-1).is(".") || l.tok(i-1).is("?.")) {
			continue
		}
		next, name := l.tok(i+1), l.tok(i+2)
		switch {
		case (next.is(".") || next.is("?.")) && name.kind == word:
			if a := l.tok(i + 3); !a.is("=") && !(a.is("(") && (name.text == "hasOwnProperty" || name.text == "toString")) {
				report(name, name.text)
			}
		case next.is("[") && name.kind == str && l.tok(i+3).is("]"):
			report(name, name.text)
		default:
			l.destructured(i, report)
		}
	}
}

// destructured is for const {A, B: c, D = ""} = context.webtask.secrets.
func (l *linter) destructured(i int, report func(token, string)) {
	for i--; l.tok(i).is(".") || l.tok(i).is("?.") || l.tok(i).kind == word && !keywords[l.tok(i).text]; i-- {
	}
	if !l.tok(i).is("=") || !l.tok(i-1).is("}") {
		return
	}
	for k := i - 2; k >= 0 && !l.toks[k].is("{"); k-- {
		t, before, after := l.toks[k], l.tok(k-1), l.tok(k+1)
		if l.toks[k].is("}") || l.toks[k].is(")") || t.is("...") {
			return // too clever for us
		}
		if t.kind == word && (before.is("{") || before.is(",")) && (after.is(",") || after.is("}") || after.is(":")) {
			report(t, t.text)
		}
	}
}

// directives warns of those that older platforms had.
func (l *linter) directives() {
	for i, t := range l.toks {
		before := l.tok(i - 1)
		if t.kind == str && (t.text == "use npm" || t.text == "use latest") && (i == 0 || before.is(";") || before.is("{") || t.newline) {
			l.warn(t, "the directive %q has no effect any more", t.text)
		}
	}
}
