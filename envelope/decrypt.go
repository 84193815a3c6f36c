package envelope

import (
	"context"
	"crypto/subtle"
	"fmt"
)

// Decrypter opens messages. Its fields may not be changed while it is used; then it is safe for concurrent use.
type Decrypter struct {
	// Keyring opens data keys. Required.
	Keyring Keyring
	// Expect lists entries that the encryption context must have, for example userpool-id. Others may be there besides. Default: none.
	Expect Context
	// RequireCommitment refuses the suites 0x0178 and 0x0378 (the policies REQUIRE_ENCRYPT_REQUIRE_DECRYPT and
	// FORBID_ENCRYPT_ALLOW_DECRYPT are true and false). Cognito's own messages have suite 0x0378.
	RequireCommitment bool
}

// Decrypt opens a message with a Decrypter of no conditions.
func Decrypt(ctx context.Context, k Keyring, message []byte) (plaintext []byte, h *Header, err error) {
	return Decrypter{Keyring: k}.Decrypt(ctx, message)
}

// Decrypt returns the plaintext and the header of an authentic message. Errors wrap ErrMalformed, ErrPolicy, ErrContext, ErrNoKey,
// ErrAuthentication or what else the keyring returned; then plaintext and header are nil. The keyring is asked only if the message
// may be accepted.
func (d Decrypter) Decrypt(ctx context.Context, message []byte) (plaintext []byte, h *Header, err error) {
	m, err := parse(message)
	if err != nil {
		return nil, nil, err
	}
	if d.RequireCommitment && !m.Suite.Commits() {
		return nil, nil, fmt.Errorf("%w: %s has no key commitment", ErrPolicy, m.Suite)
	}
	if !m.Context.holds(d.Expect) {
		return nil, nil, ErrContext
	}
	dataKey, err := d.Keyring.Open(ctx, m.Keys, m.Context)
	if err != nil {
		return nil, nil, err
	}
	defer clear(dataKey)
	if plaintext, err = m.open(dataKey); err != nil {
		return nil, nil, err
	}
	return plaintext, m.copyHeader(), nil
}

// open returns the plaintext once everything was checked.
func (m *wire) open(dataKey []byte) ([]byte, error) {
	if len(dataKey) != keyLength {
		return nil, fmt.Errorf("%w: the data key has not %d bytes", ErrAuthentication, keyLength)
	}
	key, commitment, err := m.Suite.derive(dataKey, m.MessageID)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	if subtle.ConstantTimeCompare(commitment, m.commitment) != 1 {
		return nil, fmt.Errorf("%w: commitment", ErrAuthentication)
	}
	aead, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	if _, err := aead.Open(nil, m.headerIV, m.headerTag, m.header); err != nil {
		return nil, fmt.Errorf("%w: header", ErrAuthentication)
	}
	plaintext, err := aead.Open(make([]byte, 0, len(m.sealed)), m.frameIV, m.sealed, m.frameAAD())
	if err != nil {
		return nil, fmt.Errorf("%w: frame", ErrAuthentication)
	}
	if m.Suite.Signed() && !verify(m.Context[PublicKey], m.signed, m.signature) {
		clear(plaintext)
		return nil, fmt.Errorf("%w: signature", ErrAuthentication)
	}
	return plaintext, nil
}
