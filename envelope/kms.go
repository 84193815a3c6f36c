package envelope

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// KMS is what a KMSKeyring needs of a key service: AWS KMS, or one that answers as it does. Implementations are safe for
// concurrent use and may keep neither plaintexts nor ec.
type KMS interface {
	// GenerateDataKey returns a random key of 32 bytes, the blob that Decrypt opens under the same ec, and the ARN of the wrapping
	// key. keyID is an ARN, an id or an alias (KMS API reference, GenerateDataKey with KeySpec AES_256).
	GenerateDataKey(ctx context.Context, keyID string, ec Context) (plaintext, blob []byte, keyARN string, err error)
	// Decrypt opens a blob with the key and returns the ARN of the key that did (KMS API reference, Decrypt).
	Decrypt(ctx context.Context, keyARN string, blob []byte, ec Context) (plaintext []byte, answeredARN string, err error)
}

// KMSKeyring makes and opens data keys with KMS (Developer Guide, "AWS KMS keyrings").
type KMSKeyring struct {
	// Service is the key service. Required.
	Service KMS
	// Generator is the key that Generate uses: an ARN, an id or an alias. Empty: Generate fails.
	Generator string
	// Keys are the full ARNs of the keys that Open uses. Generator counts too if it is an ARN. An alias never matches: messages
	// name the ARN that KMS answered with.
	Keys []string
	// Discovery lets Open use whatever key a message names. Then whoever writes messages chooses the key.
	Discovery bool
}

var _ Keyring = (*KMSKeyring)(nil)

// Generate implements Keyring with one data key.
func (k *KMSKeyring) Generate(ctx context.Context, ec Context) ([]byte, []EncryptedKey, error) {
	if k.Generator == "" {
		return nil, nil, errors.New("envelope: this keyring only opens data keys")
	}
	plaintext, blob, arn, err := k.Service.GenerateDataKey(ctx, k.Generator, ec)
	if err != nil {
		return nil, nil, fmt.Errorf("envelope: GenerateDataKey: %w", err)
	}
	if len(plaintext) != keyLength || len(blob) == 0 || arn == "" {
		clear(plaintext)
		return nil, nil, errors.New("envelope: KMS answered GenerateDataKey with an incomplete key")
	}
	return plaintext, []EncryptedKey{{kmsProvider, []byte(arn), blob}}, nil
}

// Open implements Keyring: KMS is asked for each data key that names an allowed key, until it opens one. A key that KMS answers
// for another ARN than asked is not used.
func (k *KMSKeyring) Open(ctx context.Context, keys []EncryptedKey, ec Context) ([]byte, error) {
	failed := []error{ErrNoKey}
	for _, e := range keys {
		arn := string(e.Info)
		if e.Provider != kmsProvider || !k.allows(arn) {
			continue
		}
		plaintext, answered, err := k.Service.Decrypt(ctx, arn, e.Ciphertext, ec)
		switch {
		case err == nil && answered == arn && len(plaintext) == keyLength:
			return plaintext, nil
		case err == nil:
			clear(plaintext)
			err = errors.New("KMS answered with another key")
		}
		failed = append(failed, fmt.Errorf("envelope: Decrypt: %w", err))
		if ctx.Err() != nil {
			break
		}
	}
	if len(failed) == 1 {
		return nil, fmt.Errorf("%w: it names none of the configured KMS keys", ErrNoKey)
	}
	return nil, errors.Join(failed...)
}

func (k *KMSKeyring) allows(arn string) bool {
	return k.Discovery || arn == k.Generator || slices.Contains(k.Keys, arn)
}
