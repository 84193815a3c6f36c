package message

import (
	"slices"
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

// Tail is what software reads at the end of a text.
type Tail struct {
	// Host is that of an origin line (see WithOrigin), Hash what Android's SMS Retriever knows an app by, 11 characters of base64. Either may be empty.
	Host, Hash string
}

// With appends the tail to a text with a code: the origin line, and the hash at its end, where browsers ignore it, or on a line of its own. It is the end
// of the text. What a text ends with already is not put there twice. Errors are those of WithOrigin and ValidHash.
func (t Tail) With(text, code string) (string, error) {
	if t.Hash != "" {
		if err := ValidHash(t.Hash); err != nil {
			return "", err
		}
	}
	last := text[strings.LastIndexByte(text, '\n')+1:]
	own := strings.HasPrefix(last, "@") && slices.Contains(strings.Fields(last), "#"+code)
	if t.Host != "" && !own {
		with, err := WithOrigin(text, t.Host, code)
		if err != nil {
			return "", err
		}
		text, own = with, true
	}
	switch {
	case t.Hash == "" || strings.HasSuffix(text, t.Hash):
		return text, nil
	case own:
		return text + " " + t.Hash, nil
	}
	return strings.TrimRight(text, " \r\n") + "\n" + t.Hash, nil
}

// hashLength is that of an app's hash: the first 11 characters of the base64 form of nine bytes of SHA-256.
const hashLength = 11

// ValidHash returns nil for what may be an app's hash, else fault.InvalidParameter.
func ValidHash(hash string) error {
	const base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	if len(hash) != hashLength || strings.Trim(hash, base64) != "" {
		return fault.Invalidf("android_hash", "The hash of an Android app has 11 characters of base64.")
	}
	return nil
}

// ValidHost returns nil for a host that an origin line may name, else fault.InvalidParameter.
func ValidHost(host string) error {
	if !validHost(host) {
		return fault.Invalidf("origin_host", "The origin must be a host name without scheme and port.")
	}
	return nil
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
