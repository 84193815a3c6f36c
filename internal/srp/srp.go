package srp

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

const (
	// SaltSize is the length of a new salt in bytes.
	SaltSize = 16
	// SecretSize is the length of the server's secret b in bytes.
	SecretSize = 32
	// KeySize is the length of the shared key in bytes.
	KeySize = 16
	// maxAHex is the most digits of SRP_A: those of N and one byte of padding.
	maxAHex = 2*groupSize + 2
	// keyInfo is the HKDF info that Cognito's clients use.
	keyInfo = "Caldera Derived Key"
	// timestampLayout is Java's "EEE MMM d HH:mm:ss zzz yyyy" in UTC with English names.
	timestampLayout = "Mon Jan 2 15:04:05 UTC 2006"
)

// The errors of values that a client or the store supplies. None repeats the value.
var (
	ErrA         = errors.New("srp: SRP_A is not a number between 1 and N-1 in hexadecimal")
	ErrVerifier  = errors.New("srp: malformed verifier")
	ErrSecret    = errors.New("srp: malformed server secret")
	ErrTimestamp = errors.New("srp: malformed timestamp")
	ErrExchange  = errors.New("srp: degenerate exchange")
)

// PoolName returns the part of a user pool id after the first underscore ("us-east-1_AbC" gives "AbC"), the whole id if it
// has none. For devices the pool name is the device group key instead.
func PoolName(userPoolID string) string {
	if _, name, ok := strings.Cut(userPoolID, "_"); ok {
		return name
	}
	return userPoolID
}

// NewVerifier makes a random salt and the verifier of password. userID is USER_ID_FOR_SRP: the stored username, never an
// alias. It fails only where poolName or userID is empty, since such a verifier would not be bound to its user.
func NewVerifier(poolName, userID, password string) (salt, verifier []byte, err error) {
	if poolName == "" || userID == "" {
		return nil, nil, errors.New("srp: pool name and user id must not be empty")
	}
	salt = make([]byte, SaltSize)
	rand.Read(salt) // never fails
	return salt, Verifier(poolName, userID, password, salt), nil
}

// Verifier returns g^x mod N as 384 bytes. Two verifiers of the same salt may be compared in constant time, which is how
// a password sent in the clear is checked against a stored verifier.
func Verifier(poolName, userID, password string, salt []byte) []byte {
	inner := hash([]byte(poolName), []byte(userID), []byte(":"), []byte(password))
	x := new(big.Int).SetBytes(hash(pad(new(big.Int).SetBytes(salt)), inner))
	return powG(x).FillBytes(make([]byte, groupSize))
}

// parseVerifier is the inverse of Verifier's encoding.
func parseVerifier(verifier []byte) (*big.Int, error) {
	if len(verifier) != groupSize {
		return nil, ErrVerifier
	}
	v := new(big.Int).SetBytes(verifier)
	if v.Sign() == 0 || v.Cmp(groupN) >= 0 {
		return nil, ErrVerifier
	}
	return v, nil
}

// ParseA reads SRP_A: hexadecimal digits of either case, an odd number of them being fine, at most 770. The value
// must lie between 1 and N-1, as every g^a mod N does; anything else is ErrA (RFC 5054, 2.5.4: A mod N must not be 0).
func ParseA(s string) (*big.Int, error) {
	if s == "" || len(s) > maxAHex || strings.Trim(s, "0123456789abcdefABCDEF") != "" {
		return nil, ErrA
	}
	a, ok := new(big.Int).SetString(s, 16)
	if !ok || !inGroup(a) {
		return nil, ErrA
	}
	return a, nil
}

func inGroup(n *big.Int) bool { return n != nil && n.Sign() > 0 && n.Cmp(groupN) < 0 }

// Hex writes a public value as SRP_B and SRP_A have it: lower case, no padding, so that the digits may be odd in number.
func Hex(n *big.Int) string { return n.Text(16) }

// Key returns the 16-byte key that the client has too if it knew the password. a is what ParseA gave, b and public are
// Ephemeral's Secret and B of this exchange. An error means values that no honest exchange has.
func Key(a *big.Int, b []byte, public *big.Int, verifier []byte) ([]byte, error) {
	v, err := parseVerifier(verifier)
	if err != nil {
		return nil, err
	}
	if len(b) != SecretSize {
		return nil, ErrSecret
	}
	if !inGroup(a) || !inGroup(public) {
		return nil, ErrExchange
	}
	u := new(big.Int).SetBytes(hash(pad(a), pad(public)))
	if u.Sign() == 0 {
		return nil, ErrExchange
	}
	s := new(big.Int).Exp(v, u, groupN)
	s.Mul(s, a).Mod(s, groupN)
	s.Exp(s, new(big.Int).SetBytes(b), groupN)
	key, err := hkdf.Key(sha256.New, pad(s), pad(u), keyInfo, KeySize)
	if err != nil {
		return nil, fmt.Errorf("srp: derive key: %w", err)
	}
	return key, nil
}

// Signature returns the HMAC-SHA256 that proves the key, 32 bytes; on the wire it is standard base64. Compare it with
// hmac.Equal. secretBlock is the decoded block, timestamp the client's text as it came.
func Signature(key []byte, poolName, userID string, secretBlock []byte, timestamp string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(poolName))
	mac.Write([]byte(userID))
	mac.Write(secretBlock)
	mac.Write([]byte(timestamp))
	return mac.Sum(nil)
}

// ParseTimestamp reads TIMESTAMP, strictly "EEE MMM d HH:mm:ss UTC yyyy": English names, the right day of the week, no
// zero before the day ("Wed Jan 7 08:05:09 UTC 2026"). Whether it is near now is the caller's question.
func ParseTimestamp(s string) (time.Time, error) {
	t, err := time.Parse(timestampLayout, s)
	if err != nil || t.Format(timestampLayout) != s {
		return time.Time{}, ErrTimestamp
	}
	return t.UTC(), nil
}
