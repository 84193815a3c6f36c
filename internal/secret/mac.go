package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"sync"
)

const (
	// LookupSize is the length of a lookup hash in bytes.
	LookupSize = 16
	// MACSize is the length of a MAC in bytes.
	MACSize = sha256.Size

	// The first byte of every input keeps the two uses of a key apart.
	labelLookup = 0x01
	labelMAC    = 0x02
	// scratch beyond this is not kept for the next call.
	maxScratch = 4096
)

// MACKey is a key for HMAC-SHA256 (RFC 2104). It is safe for concurrent use, cheap to copy, and prints as [redacted].
// The zero MACKey must not be used.
type MACKey struct {
	pool *sync.Pool
}

type macState struct {
	h   hash.Hash
	buf []byte
}

// NewMACKey returns a key made of raw, which must have KeySize bytes.
func NewMACKey(raw []byte) (MACKey, error) {
	if len(raw) != KeySize {
		return MACKey{}, fmt.Errorf("secret: a key has %d bytes, not %d", KeySize, len(raw))
	}
	own := append([]byte(nil), raw...)
	return MACKey{pool: &sync.Pool{New: func() any { return &macState{h: hmac.New(sha256.New, own)} }}}, nil
}

// IsZero reports whether k is the zero MACKey.
func (k MACKey) IsZero() bool { return k.pool == nil }

// String keeps keys out of logs.
func (k MACKey) String() string { return Redacted }

// GoString keeps keys out of logs, for %#v.
func (k MACKey) GoString() string { return "secret.MACKey(" + Redacted + ")" }

// Lookup returns the hash under which a value is found again without being stored: HMAC-SHA256 of the parts, cut to
// LookupSize bytes. Begin parts with what the value is (pool, attribute name), so that one value has different
// hashes in different places.
func Lookup(k MACKey, parts ...string) []byte {
	return k.append(nil, labelLookup, parts)[:LookupSize:LookupSize]
}

// MAC returns the full HMAC-SHA256 of the parts, for codes and other things that are checked and not searched for.
// Compare with hmac.Equal.
func MAC(k MACKey, parts ...string) []byte { return k.append(nil, labelMAC, parts) }

// AppendMAC appends what MAC returns to dst.
func AppendMAC(dst []byte, k MACKey, parts ...string) []byte { return k.append(dst, labelMAC, parts) }

func (k MACKey) append(dst []byte, label byte, parts []string) []byte {
	if k.pool == nil {
		panic("secret: use of a zero MACKey")
	}
	s := k.pool.Get().(*macState)
	s.h.Reset()
	s.buf = AppendBind(append(s.buf[:0], label), parts...)
	s.h.Write(s.buf)
	dst = s.h.Sum(dst)
	clear(s.buf)
	if cap(s.buf) > maxScratch {
		s.buf = nil
	}
	k.pool.Put(s)
	return dst
}
