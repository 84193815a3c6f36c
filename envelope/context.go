package envelope

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// PublicKey is the entry that signed suites add to the encryption context: the base64 of the message's compressed public key.
const PublicKey = "aws-crypto-public-key"

// maxContext bounds the serialised context in bytes, as KMS does (KMS API reference, EncryptionContext).
const maxContext = 8192

// Without returns a copy that lacks the entry of signed suites: what the sender of a message gave.
func (c Context) Without() Context {
	out := maps.Clone(c)
	delete(out, PublicKey)
	return out
}

// holds reports whether c has all entries of want.
func (c Context) holds(want Context) bool {
	for k, v := range want {
		if got, ok := c[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// check refuses what a caller may not put in.
func (c Context) check() error {
	size := 2
	for k, v := range c {
		if k == PublicKey {
			return fmt.Errorf("envelope: the encryption context may not hold %q", PublicKey)
		}
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return errors.New("envelope: the encryption context must be UTF-8")
		}
		size += 4 + len(k) + len(v)
	}
	if size > maxContext-128 { // the public key is still to come
		return fmt.Errorf("envelope: the encryption context is longer than %d bytes", maxContext-128)
	}
	return nil
}

// append appends count and pairs sorted by the bytes of their keys; nothing for an empty context. It is what raw keyrings
// authenticate and, behind its length, what a header holds.
func (c Context) append(b []byte) []byte {
	if len(c) == 0 {
		return b
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(c)))
	for _, k := range slices.Sorted(maps.Keys(c)) {
		b = appendString(b, k)
		b = appendString(b, c[k])
	}
	return b
}

// parseContext reads what append wrote, and only that: ascending keys, no duplicates, no empty list with a count, UTF-8.
func parseContext(b []byte) (Context, bool) {
	if len(b) == 0 {
		return nil, true
	}
	r := reader{b: b}
	n := int(r.uint16())
	if n == 0 || len(b) > maxContext || n > len(b)/4 {
		return nil, false
	}
	c := make(Context, n)
	last := ""
	for i := range n {
		k, v := string(r.string()), string(r.string())
		if r.bad || (i > 0 && k <= last) || !utf8.ValidString(k) || !utf8.ValidString(v) {
			return nil, false
		}
		c[k], last = v, k
	}
	return c, !r.bad && len(r.b) == 0
}

func appendString[T string | []byte](b []byte, s T) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}
