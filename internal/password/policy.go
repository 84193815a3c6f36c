package password

import (
	"crypto/rand"
	"math/big"
	"strings"
	"unicode"
	"unicode/utf8"

	"countersign/internal/fault"
)

const (
	// MaxLength is the most characters of a password (API reference, PasswordType).
	MaxLength = 256
	// DefaultMinLength is a new pool's MinLength.
	DefaultMinLength = 8
	// symbols are the characters that count as symbols (developer guide, "Adding user pool password requirements"); a
	// space that is neither first nor last counts too.
	symbols = "^$*.[]{}()?-\"!@#%&/\\,><':;|_~`+= "
)

// Policy is what a pool asks of a password. Classes mean basic Latin letters and ASCII digits, as in Cognito.
type Policy struct {
	// MinLength is in characters, 6 to 99; 0 means DefaultMinLength.
	MinLength     int
	RequireUpper  bool
	RequireLower  bool
	RequireNumber bool
	RequireSymbol bool
}

// DefaultPolicy is what a pool gets that names none: eight characters of all four classes.
func DefaultPolicy() Policy {
	return Policy{MinLength: DefaultMinLength, RequireUpper: true, RequireLower: true, RequireNumber: true, RequireSymbol: true}
}

// Check returns nil if password conforms, else fault.PasswordPolicy whose Public is Cognito's sentence for the first
// requirement that is not met. White space and control characters are refused except for spaces inside.
func (p Policy) Check(password string) error {
	minLength := p.MinLength
	if minLength < 1 {
		minLength = DefaultMinLength
	}
	length := utf8.RuneCountInString(password)
	switch {
	case length < minLength:
		return refusal("Password not long enough")
	case length > MaxLength:
		return refusal("Password too long")
	case !utf8.ValidString(password), strings.ContainsFunc(password, forbidden), strings.Trim(password, " ") != password:
		return refusal("Password must not begin or end with a space or have other white space")
	case p.RequireUpper && !hasBetween(password, 'A', 'Z'):
		return refusal("Password must have uppercase characters")
	case p.RequireLower && !hasBetween(password, 'a', 'z'):
		return refusal("Password must have lowercase characters")
	case p.RequireNumber && !hasBetween(password, '0', '9'):
		return refusal("Password must have numeric characters")
	case p.RequireSymbol && !strings.ContainsAny(password, symbols):
		return refusal("Password must have symbol characters")
	}
	return nil
}

func forbidden(r rune) bool { return r != ' ' && (unicode.IsSpace(r) || unicode.IsControl(r)) }

func hasBetween(s string, lo, hi rune) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return lo <= r && r <= hi })
}

func refusal(sentence string) error {
	return fault.New(fault.PasswordPolicy).WithField("password").WithPublic("Password did not conform with policy: %s", sentence)
}

// The characters of temporary passwords. People read them off a telephone, so letters and digits that look alike are
// left out; the symbols cost one septet each in a text, need no escaping in HTML and mean nothing to a template.
const (
	lowerSet  = "abcdefghjkmnpqrstuvwxyz"
	upperSet  = "ABCDEFGHJKLMNPQRSTUVWXYZ"
	numberSet = "23456789"
	symbolSet = "!#%*+=?"
	allSets   = lowerSet + upperSet + numberSet + symbolSet
)

// minGenerated is the least length of a temporary password: 12 characters of these sets are worth more than 62 bits
// (one of each class: 14.8 bits; eight of 62: 47.6), the places not counted.
const minGenerated = 12

// Generate returns a temporary password that conforms to p and to every policy of the same length: all four classes, at
// least 12 characters, at least 60 bits of randomness.
func Generate(p Policy) string {
	out := make([]byte, min(max(p.MinLength, minGenerated), MaxLength))
	for i := range out {
		set := allSets
		if classes := [...]string{lowerSet, upperSet, numberSet, symbolSet}; i < len(classes) {
			set = classes[i]
		}
		out[i] = set[below(len(set))]
	}
	for i := len(out) - 1; i > 0; i-- {
		j := below(i + 1)
		out[i], out[j] = out[j], out[i]
	}
	return string(out)
}

// below returns a uniform random number from 0 to n-1.
func below(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err) // the reader never fails (crypto/rand)
	}
	return int(i.Int64())
}
