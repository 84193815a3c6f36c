package envelope

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
)

var errShortSignature = errors.New("envelope: this key's deterministic signature has an unusual length")

// Encrypt returns a message that holds up to MaxPlaintext bytes, which may be none, under a new data key of the keyring. ec is
// bound to it and readable by all; it may be nil. Errors are those of the keyring or of arguments that cannot be written.
func Encrypt(ctx context.Context, s Suite, k Keyring, ec Context, plaintext []byte) ([]byte, error) {
	if !s.Valid() {
		return nil, fmt.Errorf("envelope: unknown algorithm suite %s", s)
	}
	e := entropy{id: make([]byte, s.idLength())}
	if _, err := rand.Read(e.id); err != nil {
		return nil, err
	}
	if s.Signed() {
		var err error
		if e.signer, err = newSigner(); err != nil {
			return nil, err
		}
	}
	return encrypt(ctx, s, k, ec, plaintext, e)
}

// entropy is what is random in a message besides its data key; vectors fix it.
type entropy struct {
	id     []byte
	signer *signer
}

func encrypt(ctx context.Context, s Suite, k Keyring, ec Context, plaintext []byte, e entropy) ([]byte, error) {
	if len(plaintext) > MaxPlaintext {
		return nil, fmt.Errorf("envelope: the plaintext is longer than %d bytes", MaxPlaintext)
	}
	if err := ec.check(); err != nil {
		return nil, err
	}
	m := &wire{Header: Header{Suite: s, MessageID: e.id}, frameLength: frameLength}
	var err error
	if m.Context, err = withPublicKey(ec, e.signer); err != nil {
		return nil, err
	}
	dataKey, keys, err := k.Generate(ctx, m.Context)
	if err != nil {
		return nil, err
	}
	defer clear(dataKey)
	m.Keys = keys
	if err := checkKeys(dataKey, keys); err != nil {
		return nil, err
	}
	return m.seal(dataKey, plaintext, e.signer)
}

// withPublicKey returns a copy of ec with the signer's public key, if there is a signer.
func withPublicKey(ec Context, s *signer) (Context, error) {
	out := make(Context, len(ec)+1)
	for k, v := range ec {
		out[k] = v
	}
	if s == nil {
		return out, nil
	}
	public, err := s.public()
	out[PublicKey] = public
	return out, err
}

// checkKeys judges what a keyring generated.
func checkKeys(dataKey []byte, keys []EncryptedKey) error {
	if len(dataKey) != keyLength || len(keys) < 1 || len(keys) > maxKeys {
		return fmt.Errorf("envelope: a keyring must generate a data key of %d bytes, encrypted 1 to %d times", keyLength, maxKeys)
	}
	size := 0
	for _, k := range keys {
		size += len(k.Provider) + len(k.Info) + len(k.Ciphertext)
	}
	if size > maxMessage/2 {
		return errors.New("envelope: the keyring's encrypted data keys are too long")
	}
	return nil
}

// seal writes the message whose header is m's.
func (m *wire) seal(dataKey, plaintext []byte, s *signer) ([]byte, error) {
	key, commitment, err := m.Suite.derive(dataKey, m.MessageID)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	aead, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	m.commitment = commitment
	b := m.appendHeader(make([]byte, 0, 1024+len(plaintext)))
	m.headerIV = make([]byte, ivLength)
	m.headerTag = aead.Seal(nil, m.headerIV, nil, b)
	m.frameIV = make([]byte, ivLength)
	m.frameIV[ivLength-1] = 1
	m.sealed = make([]byte, len(plaintext)+tagLength) // its length is part of what is authenticated
	m.sealed = aead.Seal(m.sealed[:0], m.frameIV, plaintext, m.frameAAD())
	b = m.appendBody(b)
	if s != nil {
		if m.signature, err = s.sign(b); err != nil {
			return nil, err
		}
	}
	return m.appendFooter(b), nil
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
