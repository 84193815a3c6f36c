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
// The text is held in a closure, because fmt bypasses the methods of unexported fields and even follows pointers for a
// verb that does not fit; nothing looks into a function. So == does not compile either; use Equal.
type String struct {
	reveal func() string
}

// New returns s as a String.
func New(s string) String {
	if s == "" {
		return String{}
	}
	return String{reveal: func() string { return s }}
}

// Reveal returns the text. Call it only where the text is used.
func (s String) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// IsZero reports whether s is empty. It also serves the omitzero option of encoding/json.
func (s String) IsZero() bool { return s.reveal == nil }

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
