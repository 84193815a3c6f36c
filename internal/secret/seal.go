package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	// KeySize is the length of a Key and of a MACKey in bytes.
	KeySize = 32
	// Overhead is how much longer a sealed value is than its plaintext, in bytes.
	Overhead = headerSize + nonceSize + tagSize

	headerSize = 1 + 4
	nonceSize  = 12
	tagSize    = 16
	formatGCM  = 0x01
)

var (
	// ErrOpen means that the sealed bytes are damaged, were sealed under another key, or belong to another place.
	ErrOpen = errors.New("secret: sealed value cannot be opened")
	// ErrKeyVersion means that the sealed bytes name a key version other than that of the key in hand.
	ErrKeyVersion = errors.New("secret: sealed under another key version")
)

// Key is an AES-256 key with its version, ready for use (the key schedule is computed once). Keys are safe for
// concurrent use, cheap to copy, and print as [redacted]. The zero Key opens nothing and must not seal.
type Key struct {
	version uint32
	aead    func() cipher.AEAD // in a closure for the reason given at String
}

// NewKey returns the key with the given version; raw must have KeySize bytes and is not kept.
func NewKey(version uint32, raw []byte) (Key, error) {
	if len(raw) != KeySize {
		return Key{}, fmt.Errorf("secret: a key has %d bytes, not %d", KeySize, len(raw))
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return Key{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return Key{}, err
	}
	return Key{version: version, aead: func() cipher.AEAD { return aead }}, nil
}

// RandomKey returns KeySize fresh random bytes. The caller wipes them with clear when done.
func RandomKey() []byte {
	raw := make([]byte, KeySize)
	rand.Read(raw) // never fails since Go 1.24
	return raw
}

// Version is the number that Seal writes in front of each value.
func (k Key) Version() uint32 { return k.version }

// IsZero reports whether k is the zero Key.
func (k Key) IsZero() bool { return k.aead == nil }

// String keeps keys out of logs.
func (k Key) String() string { return Redacted }

// GoString keeps keys out of logs, for %#v.
func (k Key) GoString() string { return "secret.Key(" + Redacted + ")" }

// Seal returns plaintext encrypted under k and bound to aad. It panics on a zero Key, which is a mistake of the
// programmer and would otherwise store the plaintext.
func Seal(k Key, plaintext, aad []byte) []byte {
	return AppendSeal(make([]byte, 0, len(plaintext)+Overhead), k, plaintext, aad)
}

// AppendSeal appends what Seal returns to dst. plaintext must not overlap the free room of dst.
func AppendSeal(dst []byte, k Key, plaintext, aad []byte) []byte {
	if k.aead == nil {
		panic("secret: Seal with a zero Key")
	}
	dst = append(dst, formatGCM)
	dst = binary.BigEndian.AppendUint32(dst, k.version)
	return k.aead().Seal(dst, nil, plaintext, aad)
}

// Open returns the plaintext of what Seal made with the same key and aad. The errors are ErrKeyVersion, if the value
// names another version than k's, and ErrOpen for all else.
func Open(k Key, sealed, aad []byte) ([]byte, error) {
	v, err := Version(sealed)
	if err != nil {
		return nil, err
	}
	if v != k.version {
		return nil, ErrKeyVersion
	}
	if k.aead == nil {
		return nil, ErrOpen
	}
	plain, err := k.aead().Open(nil, nil, sealed[headerSize:], aad)
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}

// Version returns the key version that sealed names, or ErrOpen if the bytes cannot have come from Seal. The number
// is not authenticated until Open succeeds: use it only to choose the key.
func Version(sealed []byte) (uint32, error) {
	if len(sealed) < Overhead || sealed[0] != formatGCM {
		return 0, ErrOpen
	}
	return binary.BigEndian.Uint32(sealed[1:]), nil
}

// AAD returns the additional data that binds a sealed value to its place. Every part has its length in front:
// ("ab", "c") and ("a", "bc") differ.
func AAD(table, rowID, column, poolID string) []byte { return Bind(table, rowID, column, poolID) }

// Bind joins parts without ambiguity: their number, then each with its length in front.
func Bind(parts ...string) []byte {
	n := 2
	for _, p := range parts {
		n += 4 + len(p)
	}
	return AppendBind(make([]byte, 0, n), parts...)
}

// AppendBind appends what Bind returns to dst.
func AppendBind(dst []byte, parts ...string) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(parts)))
	for _, p := range parts {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(p)))
		dst = append(dst, p...)
	}
	return dst
}
