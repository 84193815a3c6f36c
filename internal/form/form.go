// Package form holds regular expressions that are compiled when they are first used: counted repetitions of 250 characters take 100 KB
// each, and most servers use none. A Form never changes and is safe for concurrent use.
package form

import (
	"regexp"
	"sync"
)

// Form returns its regular expression.
type Form func() *regexp.Regexp

// New panics at first use if expr is no regular expression; tests use each one.
func New(expr string) Form {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// MatchString reports whether s has the form.
func (f Form) MatchString(s string) bool { return f().MatchString(s) }
