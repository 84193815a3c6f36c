package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
)

// Redacted is what a String shows of itself.
const Redacted = "[redacted]"

// String is a text that fmt, slog, encoding/json and any other user of encoding.TextMarshaler show as "[redacted]".
// An empty String shows as "", so that a printed configuration tells whether a secret is set. The zero value is empty.
//
// The text is held behind a pointer, so that a verb which bypasses methods (an unexported field under %+v) prints an
// address. Two Strings are therefore not comparable with ==; use Equal.
type String struct {
	p *string
}

// New returns s as a String.
func New(s string) String {
	if s == "" {
		return String{}
	}
	return String{p: &s}
}

// Reveal returns the text. Call it only where the text is used.
func (s String) Reveal() string {
	if s.p == nil {
		return ""
	}
	return *s.p
}

// IsZero reports whether s is empty. It also serves the omitzero option of encoding/json.
func (s String) IsZero() bool { return s.p == nil || *s.p == "" }

// Equal reports whether s and t hold the same text, in time that depends on their lengths alone.
func (s String) Equal(t String) bool {
	a, b := sha256.Sum256([]byte(s.Reveal())), sha256.Sum256([]byte(t.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// String implements fmt.Stringer.
func (s String) String() string {
	if s.IsZero() {
		return ""
	}
	return Redacted
}

// GoString implements fmt.GoStringer, for %#v.
func (s String) GoString() string { return `secret.String("` + s.String() + `")` }

// LogValue implements slog.LogValuer.
func (s String) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements encoding.TextMarshaler. What it writes cannot be read back.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler: secrets come in as plain text. The word [redacted] itself is
// refused, so that a configuration that was printed and loaded again fails instead of signing with it.
func (s *String) UnmarshalText(text []byte) error {
	if string(text) == Redacted {
		return errors.New("secret: the value is the placeholder " + Redacted + "; put the secret itself there")
	}
	*s = New(string(text))
	return nil
}
