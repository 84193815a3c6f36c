package envelope

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// kmsProvider is reserved for keys of KMS.
const kmsProvider = "aws-kms"

// RawAES wraps data keys with an AES key that the caller holds (Developer Guide, "Raw AES keyrings").
type RawAES struct {
	namespace, name string
	aead            cipher.AEAD
	rand            io.Reader
}

var _ Keyring = (*RawAES)(nil)

// NewRawAES returns a keyring for a key of 16, 24 or 32 bytes. Namespace and name travel in clear; readers must use the same two.
func NewRawAES(namespace, name string, key []byte) (*RawAES, error) {
	if namespace == kmsProvider || namespace == "" || name == "" || len(namespace)+len(name) > 1024 {
		return nil, errors.New("envelope: a raw keyring needs a namespace that is not aws-kms, and a name")
	}
	aead, err := newGCM(key)
	if err != nil {
		return nil, errors.New("envelope: an AES key has 16, 24 or 32 bytes")
	}
	return &RawAES{namespace, name, aead, rand.Reader}, nil
}

// Generate implements Keyring.
func (k *RawAES) Generate(_ context.Context, ec Context) ([]byte, []EncryptedKey, error) {
	random := make([]byte, keyLength+ivLength)
	if _, err := io.ReadFull(k.rand, random); err != nil {
		return nil, nil, err
	}
	plaintext, iv := random[:keyLength:keyLength], random[keyLength:]
	info := append(k.info(), iv...)
	return plaintext, []EncryptedKey{{k.namespace, info, k.aead.Seal(nil, iv, plaintext, ec.append(nil))}}, nil
}

// info is the constant part of the key info: the name, and the lengths of tag (in bits) and IV (in bytes).
func (k *RawAES) info() []byte {
	b := append(make([]byte, 0, len(k.name)+8+ivLength), k.name...)
	b = binary.BigEndian.AppendUint32(b, tagLength*8)
	return binary.BigEndian.AppendUint32(b, ivLength)
}

// Open implements Keyring.
func (k *RawAES) Open(_ context.Context, keys []EncryptedKey, ec Context) ([]byte, error) {
	prefix := string(k.info())
	for _, e := range keys {
		iv, ok := strings.CutPrefix(string(e.Info), prefix)
		if e.Provider != k.namespace || !ok || len(iv) != ivLength {
			continue
		}
		plaintext, err := k.aead.Open(nil, []byte(iv), e.Ciphertext, ec.append(nil))
		if err == nil && len(plaintext) == keyLength {
			return plaintext, nil
		}
	}
	return nil, fmt.Errorf("%w with the key %q of %q", ErrNoKey, k.name, k.namespace)
}
