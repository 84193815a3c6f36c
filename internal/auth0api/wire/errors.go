package wire

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"countersign/internal/fault"
)

// Error is an answer in the shape of the Management API: {"statusCode","error","message","errorCode"}.
type Error struct {
	Status int `json:"statusCode"`
	// Name is the HTTP reason phrase.
	Name    string `json:"error"`
	Message string `json:"message"`
	// Code is for programs; empty: left out, as it is in some of the original's answers.
	Code string `json:"errorCode,omitempty"`
	// Fault is where the error came from, Hint what a developer can do about it (dev mode only).
	Fault fault.Code `json:"-"`
	Hint  string     `json:"-"`
	// RetryAfter is in seconds; 0: unknown.
	RetryAfter int `json:"-"`
}

func (e *Error) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Message) }

// Errorf makes an error. code may be empty.
func Errorf(status int, code, format string, args ...any) *Error {
	return &Error{Status: status, Name: http.StatusText(status), Code: code, Message: fmt.Sprintf(format, args...)}
}

// NotFound is 404 with the sentence.
func NotFound(format string, args ...any) *Error {
	return Errorf(http.StatusNotFound, "", format, args...)
}

// BadBody is 400 invalid_body: 'problem' on property path (title). Path and title may be empty.
func BadBody(path, title, format string, args ...any) *Error {
	return validation("Payload", "invalid_body", path, title, format, args...)
}

// BadQuery is 400 invalid_query_string, BadPath 400 invalid_uri, in the same wording.
func BadQuery(path, title, format string, args ...any) *Error {
	return validation("Query", "invalid_query_string", path, title, format, args...)
}

// BadPath: see BadQuery.
func BadPath(path, title, format string, args ...any) *Error {
	return validation("Path", "invalid_uri", path, title, format, args...)
}

func validation(what, code, path, title, format string, args ...any) *Error {
	m := what + " validation error: '" + fmt.Sprintf(format, args...) + "'"
	if path != "" {
		m += " on property " + path
		if title != "" {
			m += " (" + title + ")"
		}
	}
	return Errorf(http.StatusBadRequest, code, "%s.", m)
}

// InsufficientScope is 403; any one of the scopes would do.
func InsufficientScope(scopes string) *Error {
	return Errorf(http.StatusForbidden, "insufficient_scope", "Insufficient scope, expected any of: %s", scopes)
}

// RefusedHeader tells whoever watches the requests (front.RefusedHeader) the name and sentence of an error; it does not leave the server.
const RefusedHeader = "X-Countersign-Refused"

// maxRefused bounds RefusedHeader, in bytes.
const maxRefused = 500

// Refused is the value of RefusedHeader.
func Refused(name, sentence string) string {
	s := strings.Map(func(c rune) rune {
		if c < 0x20 || c > 0x7e {
			return -1
		}
		return c
	}, name+": "+sentence)
	return s[:min(len(s), maxRefused)]
}

// Of returns err as an answer. An *Error stays as it is, a *fault.Error goes by the table, everything else is 500 without a word about it.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	f := fault.Of(err)
	row, ok := table[f.Code]
	if !ok {
		row = table[fault.InternalError]
	}
	e := Errorf(row.status, row.code, "%s", row.message)
	if f.Public != "" && f.Code != fault.InternalError {
		e.Message = f.Public
	}
	e.Fault, e.Hint, e.RetryAfter = f.Code, f.Hint, int(f.RetryAfter.Seconds())
	return e
}
