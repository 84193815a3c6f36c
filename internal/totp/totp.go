package totp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

const (
	// Digits is the length of a code.
	Digits = 6
	// Period is the length of a step.
	Period = 30 * time.Second
	// secretSize is the length of new secrets in bytes: RFC 4226 asks for 16 and recommends 20; Cognito's have 32.
	secretSize = 32
	// minSecret and maxSecret bound what Verify takes, in bytes.
	minSecret, maxSecret = 10, 128
	// skew is how many steps before and after the present one count.
	skew = 1
)

// ErrSecret means that a stored or imported secret is no base32 of 10 to 128 bytes. It does not repeat the secret.
var ErrSecret = errors.New("totp: malformed secret")

var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewSecret returns 32 random bytes as 52 characters of base32.
func NewSecret() string {
	b := make([]byte, secretSize)
	rand.Read(b) // never fails
	return encoding.EncodeToString(b)
}

// Step returns the number of the step that holds t (RFC 6238's T).
func Step(t time.Time) int64 {
	seconds := t.Unix()
	period := int64(Period / time.Second)
	if seconds < 0 {
		return -1
	}
	return seconds / period
}

// Verify reports whether code is the secret's code of a step within one of now's and later than lastStep, and which step
// it is. lastStep is the step of the last accepted code, 0 if there was none. A malformed secret or code is not ok.
func Verify(secret, code string, now time.Time, lastStep int64) (step int64, ok bool) {
	key, err := decode(secret)
	if err != nil || len(code) != Digits {
		return 0, false
	}
	// Every candidate is computed and compared, so that the time tells nothing. The latest match wins: an earlier one
	// would leave the same digits good for a second time.
	current := Step(now)
	for candidate := current - skew; candidate <= current+skew; candidate++ {
		match := subtle.ConstantTimeCompare([]byte(code), []byte(hotp(key, candidate))) == 1
		if match && candidate > lastStep {
			step, ok = candidate, true
		}
	}
	return step, ok
}

// Code returns the secret's code at t. Countersign itself never needs it; tests and the simulated authenticator do.
func Code(secret string, t time.Time) (string, error) {
	key, err := decode(secret)
	if err != nil {
		return "", err
	}
	return hotp(key, Step(t)), nil
}

// URI returns the otpauth URI that apps read from a QR code (Google Authenticator, "Key URI Format"). Colons in issuer and
// account become spaces, since the label is split at one.
func URI(secret, issuer, account string) string {
	clean := func(s string) string { return strings.ReplaceAll(s, ":", " ") }
	label := clean(account)
	q := "secret=" + url.QueryEscape(secret)
	if issuer = clean(issuer); issuer != "" {
		label = issuer + ":" + label
		// Some apps show a plus sign literally, so spaces are %20.
		q += "&issuer=" + strings.ReplaceAll(url.QueryEscape(issuer), "+", "%20")
	}
	return "otpauth://totp/" + url.PathEscape(label) + "?" + q
}

// decode reads base32 in either case, with or without padding and spaces, as people copy it.
func decode(secret string) ([]byte, error) {
	if len(secret) > 2*maxSecret {
		return nil, ErrSecret
	}
	s := strings.ToUpper(strings.TrimRight(strings.ReplaceAll(secret, " ", ""), "="))
	key, err := encoding.DecodeString(s)
	// The decoder skips line breaks; a secret has none.
	if err != nil || strings.ContainsAny(s, "\r\n") || len(key) < minSecret || len(key) > maxSecret {
		return nil, ErrSecret
	}
	return key, nil
}

// hotp is RFC 4226, 5.3, with Digits digits.
func hotp(key []byte, counter int64) string {
	mac := hmac.New(sha1.New, key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(counter)))
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0x0f
	value := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", Digits, value%1_000_000)
}
