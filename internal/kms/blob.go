package kms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/google/uuid"

	"countersign/internal/fault"
)

// A ciphertext blob:
//
//	format 1 · key id 16 · version 4 · salt 16 · nonce 12 · ciphertext · tag 16
const (
	blobFormat = 1
	saltSize   = 16
	nonceSize  = 12
	tagSize    = 16
	headerSize = 1 + 16 + 4 + saltSize + nonceSize
	// maxBlob is the longest ciphertext taken (KMS API reference, Decrypt, CiphertextBlob).
	maxBlob = 6144
	// maxPlaintext is the longest plaintext (KMS API reference, Encrypt).
	maxPlaintext = 4096
	// maxContext bounds an encryption context in its canonical form.
	maxContext = 8192
	// materialSize is the size of symmetric material, and of the keys derived from it.
	materialSize = 32
)

// label separates the derivation from whatever else the material might be used for.
const label = "countersign kms 1"

// header is the part of a blob before the ciphertext.
type header struct {
	keyID   string
	version uint32
	// raw holds the whole header, sealed what follows.
	raw, sealed []byte
}

var errBlob = errors.New("not a ciphertext of this service")

// parseBlob takes a blob apart. It proves nothing.
func parseBlob(blob []byte) (header, error) {
	if len(blob) < headerSize+tagSize || len(blob) > maxBlob || blob[0] != blobFormat {
		return header{}, errBlob
	}
	var id uuid.UUID
	copy(id[:], blob[1:])
	h := header{id.String(), binary.BigEndian.Uint32(blob[17:]), blob[:headerSize], blob[headerSize:]}
	if h.version == 0 {
		return header{}, errBlob
	}
	return h, nil
}

// aead derives the key of one message.
func aead(material, salt []byte) (cipher.AEAD, error) {
	mac := hmac.New(sha256.New, material)
	mac.Write([]byte(label))
	mac.Write(salt)
	key := mac.Sum(nil)
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// sealBlob encrypts under a version of a key's material. ec is the canonical context.
func sealBlob(keyID string, version uint32, material, plaintext, ec []byte) ([]byte, error) {
	id, err := uuid.Parse(keyID)
	if err != nil {
		return nil, err
	}
	out := make([]byte, headerSize, headerSize+len(plaintext)+tagSize)
	out[0] = blobFormat
	copy(out[1:], id[:])
	binary.BigEndian.PutUint32(out[17:], version)
	rand.Read(out[21:]) // never fails
	g, err := aead(material, out[21:21+saltSize])
	if err != nil {
		return nil, err
	}
	return g.Seal(out, out[21+saltSize:headerSize], plaintext, slices.Concat(out, ec)), nil
}

func (h *header) open(material, ec []byte) ([]byte, error) {
	g, err := aead(material, h.raw[21:21+saltSize])
	if err != nil {
		return nil, err
	}
	return g.Open(nil, h.raw[21+saltSize:], h.sealed, slices.Concat(h.raw, ec))
}

// canonical is an encryption context in one form: the number of pairs, then the pairs by name, each string with its length.
func canonical(ec map[string]string) ([]byte, error) {
	size := 4
	names := make([]string, 0, len(ec))
	for k, v := range ec {
		if size += 8 + len(k) + len(v); size > maxContext {
			return nil, fault.Invalidf("EncryptionContext", "The encryption context is longer than %d bytes.", maxContext)
		}
		names = append(names, k)
	}
	slices.Sort(names)
	out := binary.BigEndian.AppendUint32(make([]byte, 0, size), uint32(len(names)))
	for _, k := range names {
		for _, part := range [...]string{k, ec[k]} {
			out = append(binary.BigEndian.AppendUint32(out, uint32(len(part))), part...)
		}
	}
	return out, nil
}
