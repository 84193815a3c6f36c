package phone

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// maxDigits is the greatest number of digits after the plus sign (ITU-T E.164, 6.2.1).
const maxDigits = 15

// ErrFormat is returned by Parse for everything that is not an E.164 number. It does not repeat the input.
var ErrFormat = errors.New("phone: not an E.164 number")

// Number is a telephone number in E.164 form. The zero value means none. Numbers are comparable and may be map keys.
type Number struct{ e164 string }

// Parse returns the number that s spells. s must match ^\+[1-9]\d{1,14}$ as it stands; otherwise the error is ErrFormat.
func Parse(s string) (Number, error) {
	if len(s) < 3 || len(s) > 1+maxDigits || s[0] != '+' || s[1] == '0' || !allDigits(s[1:]) {
		return Number{}, ErrFormat
	}
	return Number{s}, nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// String returns the full number ("+12025550123"), "" for the zero value. It must not reach a log.
func (n Number) String() string { return n.e164 }

// IsZero reports whether n is no number at all.
func (n Number) IsZero() bool { return n.e164 == "" }

// Mask returns the number as Cognito shows it to callers: a plus, one star for each hidden digit, the last four digits
// ("+*******0100"). A number of four digits or fewer is hidden whole. The zero value gives "".
func (n Number) Mask() string {
	if n.IsZero() {
		return ""
	}
	digits := n.e164[1:]
	shown := 4
	if len(digits) <= shown {
		shown = 0
	}
	hidden := len(digits) - shown
	return "+" + strings.Repeat("*", hidden) + digits[hidden:]
}

// Format implements fmt.Formatter: every verb prints the mask. Use String where the number itself is meant.
func (n Number) Format(f fmt.State, verb rune) {
	if verb == 'q' {
		fmt.Fprintf(f, "%q", n.Mask())
		return
	}
	_, _ = f.Write([]byte(n.Mask()))
}

// LogValue implements slog.LogValuer with the mask.
func (n Number) LogValue() slog.Value { return slog.StringValue(n.Mask()) }

// MarshalText returns the full number, so that JSON and configuration carry it; empty for the zero value.
func (n Number) MarshalText() ([]byte, error) { return []byte(n.e164), nil }

// UnmarshalText is Parse, except that empty text is the zero value.
func (n *Number) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*n = Number{}
		return nil
	}
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*n = parsed
	return nil
}
