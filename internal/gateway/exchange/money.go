package exchange

import "strings"

// maxWhole bounds the digits before the point of an amount.
const maxWhole = 9

// Micros reads a decimal amount ("0.0333", "-0.0075") as millionths, rounded down; the sign is dropped, since some services write what
// they take as a negative. It returns 0 for anything else, and for amounts of ten digits or more.
func Micros(amount string) int64 {
	amount = strings.TrimSpace(amount)
	if amount != "" && (amount[0] == '-' || amount[0] == '+') {
		amount = amount[1:]
	}
	whole, fraction, _ := strings.Cut(amount, ".")
	if whole+fraction == "" || len(whole) > maxWhole || strings.Trim(whole+fraction, "0123456789") != "" {
		return 0
	}
	var out int64
	for _, d := range whole + (fraction + "000000")[:6] {
		out = out*10 + int64(d-'0')
	}
	return out
}
