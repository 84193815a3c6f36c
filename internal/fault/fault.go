package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind classes an error by what the caller can do about it.
type Kind int

const (
	// Internal is a fault of ours: nothing the caller can mend. The zero Kind.
	Internal Kind = iota
	// Invalid means that the request is malformed or breaks a rule; sending it again cannot succeed.
	Invalid
	// NotFound means that the thing named does not exist (or must look as if it did not).
	NotFound
	// Conflict means that another thing, or a concurrent change, stands in the way.
	Conflict
	// Denied means that the caller did not prove what it had to, or may not do this.
	Denied
	// Expired means that a code, session or token was once good.
	Expired
	// Throttled means that the same request may succeed later.
	Throttled
	// Unavailable means that something outside failed; retrying is reasonable.
	Unavailable
	// Unsupported means that Countersign does not do this (yet).
	Unsupported
)

var kindNames = [...]string{"internal", "invalid", "not_found", "conflict", "denied", "expired", "throttled", "unavailable", "unsupported"}

// String returns the stable lower-case name, "internal" for unknown kinds.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return kindNames[0]
	}
	return kindNames[k]
}

// Error is an error that a facade knows how to answer.
type Error struct {
	// Code says exactly what happened; its Kind is fixed by the table in codes.go.
	Code Code
	// Public replaces the dialect's standard wording where the sentence depends on the request. Empty: standard wording.
	Public string
	// Field names the attribute or parameter at fault, in the spelling of the domain (phone_number, password).
	Field string
	// Hint says what a developer can do about it. Shown in dev mode only.
	Hint string
	// RetryAfter is when the same request may succeed, for Throttled. Zero: unknown.
	RetryAfter time.Duration
	// Err is the cause, for the log.
	Err error
}

// New returns an error with the given code and nothing else.
func New(code Code) *Error { return &Error{Code: code} }

// Invalidf returns InvalidParameter with a public sentence; field names the parameter at fault, or is empty.
func Invalidf(field, format string, args ...any) *Error {
	return &Error{Code: InvalidParameter, Field: field, Public: fmt.Sprintf(format, args...)}
}

// Internalf wraps an unexpected failure. The text is for the log only.
func Internalf(format string, args ...any) *Error {
	return &Error{Code: InternalError, Err: fmt.Errorf(format, args...)}
}

// Error is for logs: code, field and cause.
func (e *Error) Error() string {
	s := string(e.Code)
	if e.Field != "" {
		s += " (" + e.Field + ")"
	}
	if e.Public != "" {
		s += ": " + e.Public
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is an *Error with the same Code, so that errors.Is(err, fault.New(fault.CodeMismatch)) works.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Kind returns the kind of e's code.
func (e *Error) Kind() Kind { return e.Code.Kind() }

// WithField returns a copy of e that names field.
func (e *Error) WithField(field string) *Error { c := *e; c.Field = field; return &c }

// WithPublic returns a copy of e with a public sentence.
func (e *Error) WithPublic(format string, args ...any) *Error {
	c := *e
	c.Public = fmt.Sprintf(format, args...)
	return &c
}

// WithHint returns a copy of e with a hint for developers.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// WithErr returns a copy of e with a cause for the log.
func (e *Error) WithErr(err error) *Error { c := *e; c.Err = err; return &c }

// Of returns err as an *Error. An error of another type becomes InternalError that wraps it; nil stays nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: InternalError, Err: err}
}

// CodeOf returns the code of err: "" for nil, InternalError for an error of another type.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	return Of(err).Code
}
