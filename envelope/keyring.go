package envelope

import "context"

// Context is the encryption context of a message: text that is bound to its data key and its header, and readable by all.
// The key "aws-crypto-public-key" is reserved for signed suites.
type Context map[string]string

// EncryptedKey is a data key as a message carries it.
type EncryptedKey struct {
	// Provider is "aws-kms" for keys of KMS, otherwise the namespace of a raw keyring.
	Provider string
	// Info names the wrapping key: for KMS the key's ARN, as the service answered it.
	Info []byte
	// Ciphertext is the wrapped data key; for KMS its CiphertextBlob.
	Ciphertext []byte
}

// Keyring makes data keys and opens them. Implementations are safe for concurrent use.
type Keyring interface {
	// Generate returns a new random data key of 32 bytes and its encrypted forms, at least one, all bound to ec.
	Generate(ctx context.Context, ec Context) (plaintext []byte, keys []EncryptedKey, err error)
	// Open returns the data key from the first of keys that it can open under ec. It returns an error that wraps ErrNoKey if it
	// can open none of them.
	Open(ctx context.Context, keys []EncryptedKey, ec Context) (plaintext []byte, err error)
}
