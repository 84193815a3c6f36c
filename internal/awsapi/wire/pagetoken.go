package wire

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"countersign/internal/fault"
)

// PageScope binds a pagination token to the listing that made it: a token of one operation, pool or filter is refused
// by another.
type PageScope struct {
	// Operation is the operation's name, Pool the pool's id (or empty), Filter the text of everything else that
	// shapes the listing (a filter expression, a group's name).
	Operation, Pool, Filter string
}

func (s PageScope) bytes() []byte {
	var b []byte
	for _, f := range [...]string{s.Operation, s.Pool, s.Filter} {
		b = binary.AppendUvarint(b, uint64(len(f)))
		b = append(b, f...)
	}
	return b
}

const (
	pageVersion = 1
	// maxCursor bounds what a token may hold, in bytes.
	maxCursor = 1024
)

// PageTokens seals cursors into opaque tokens with AES-256-GCM: callers can neither read nor make them.
type PageTokens struct{ aead cipher.AEAD }

// NewPageTokens takes a key of 32 bytes. All nodes that answer for one listing must have the same.
func NewPageTokens(key []byte) (*PageTokens, error) {
	if len(key) != 32 {
		return nil, fmt.Errorf("wire: a page token key has 32 bytes, not %d", len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &PageTokens{aead: aead}, nil
}

// Seal returns the token for cursor, at most 1024 bytes. It uses only the characters of base64url.
func (p *PageTokens) Seal(s PageScope, cursor []byte) (string, error) {
	if len(cursor) > maxCursor {
		return "", fault.Internalf("page cursor of %d bytes", len(cursor))
	}
	out := append(make([]byte, 0, 1+len(cursor)+p.aead.Overhead()), pageVersion)
	return base64.RawURLEncoding.EncodeToString(p.aead.Seal(out, nil, cursor, s.bytes())), nil
}

// Open returns the cursor within token, or InvalidParameter if it was not sealed with this key for s.
func (p *PageTokens) Open(s PageScope, token string) ([]byte, error) {
	invalid := fault.Invalidf("NextToken", "Invalid pagination token")
	if len(token) > base64.RawURLEncoding.EncodedLen(1+maxCursor+p.aead.Overhead()) {
		return nil, invalid
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) == 0 || b[0] != pageVersion {
		return nil, invalid
	}
	cursor, err := p.aead.Open(nil, nil, b[1:], s.bytes())
	if err != nil {
		return nil, invalid
	}
	return cursor, nil
}

// fresh key for tests and for processes that keep no listing open across restarts.
func randomKey() []byte {
	key := make([]byte, 32)
	rand.Read(key)
	return key
}

// EphemeralPageTokens returns PageTokens whose key lives as long as the process.
func EphemeralPageTokens() *PageTokens {
	p, err := NewPageTokens(randomKey())
	if err != nil {
		panic(err) // the key has the right size
	}
	return p
}
