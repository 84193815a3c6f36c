package kms

import (
	"regexp"
	"sync"
)

// form is a regular expression that is compiled when it is first used: counted repetitions of 250 characters take 100 KB each, and most
// servers use none.
type form func() *regexp.Regexp

// newForm panics at first use if expr is no regular expression; tests use each one.
func newForm(expr string) form {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// MatchString reports whether s has the form.
func (f form) MatchString(s string) bool { return f().MatchString(s) }
