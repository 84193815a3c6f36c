package smpp

import (
	"errors"
	"strings"
)

// Types of numbers and numbering plans (5.2.5, 5.2.6).
const (
	tonUnknown, tonInternational, tonNetwork, tonAlphanumeric = 0, 1, 3, 5
	npiUnknown, npiISDN                                       = 0, 1
)

const (
	// maxAlphanumeric is the length of a name as sender (3GPP TS 23.040, 9.1.2.5: 20 semi-octets hold 11 septets).
	maxAlphanumeric = 11
	// maxShortCode is from where digits count as a number rather than a short code.
	maxShortCode = 8
)

// Types are the type and plan of addresses; nil chooses them by what an address looks like.
type Types struct {
	TON, NPI *byte
}

var errSender = errors.New("a sender is a number with +, a short code of digits, or a name of at most 11 letters, digits and spaces")

// address is the address of a sender or recipient. A number loses its "+": the type says that it is international.
func (t Types) address(s string) (Address, error) {
	a := Address{TON: tonUnknown, NPI: npiUnknown, Digits: s}
	digits, plus := strings.CutPrefix(s, "+")
	switch onlyDigits := strings.Trim(digits, "0123456789") == ""; {
	case s == "":
		return a, nil // the centre's own sender; 5.2.5 has zeros for it
	case onlyDigits && (plus || len(digits) > maxShortCode):
		if len(digits) == 0 || len(digits) > 15 {
			return a, errSender
		}
		a = Address{TON: tonInternational, NPI: npiISDN, Digits: digits}
	case onlyDigits:
		a.TON = tonNetwork
	case !printable(s, maxAlphanumeric), strings.TrimSpace(s) == "":
		return a, errSender
	default:
		a.TON = tonAlphanumeric
	}
	if t.TON != nil {
		a.TON = *t.TON
	}
	if t.NPI != nil {
		a.NPI = *t.NPI
	}
	return a, nil
}

// e164 is a as a number in E.164 form, or "": of international type, or of unknown type and long enough to be one.
func (a Address) e164() string {
	digits := strings.TrimPrefix(a.Digits, "+")
	if len(digits) < 7 || len(digits) > 15 || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return ""
	}
	if a.TON == tonInternational || a.TON == tonUnknown && len(digits) > maxShortCode {
		return "+" + digits
	}
	return ""
}

// sender is a as the sender that a text was sent to: in E.164 form, or a short code or name as it stands.
func (a Address) sender() string {
	if n := a.e164(); n != "" {
		return n
	}
	return a.Digits
}
