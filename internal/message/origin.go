package message

import (
	"strings"
	"unicode"

	"countersign/internal/fault"
)

// maxOriginCode bounds the code of an origin line.
const maxOriginCode = 64

// WithOrigin appends the line "@host #code" by which browsers offer the code on that site and on no other (WICG,
// "Origin-bound one-time codes delivered via SMS"). It is the last line, after an empty one. host is a lower-case DNS name
// without scheme or port; code may be CodePlaceholder. Errors are fault.InvalidParameter.
func WithOrigin(text, host, code string) (string, error) {
	if !validHost(host) {
		return "", fault.Invalidf("host", "The origin must be a host name without scheme and port.")
	}
	if code == "" || len(code) > maxOriginCode || strings.ContainsFunc(code, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return "", fault.Invalidf("code", "The code cannot stand in an origin line.")
	}
	line := "@" + host + " #" + code
	text = strings.TrimRight(text, " \r\n")
	if text == "" {
		return line, nil
	}
	return text + "\n\n" + line, nil
}

// validHost checks the preferred name syntax of RFC 1123, 2.1, in lower case.
func validHost(host string) bool {
	if len(host) > 253 {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}
