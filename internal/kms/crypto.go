package kms

import (
	"context"

	"countersign/internal/fault"
)

// maxRandom is how many bytes GenerateRandom and GenerateDataKey return at most (KMS API reference, NumberOfBytesType).
const maxRandom = 1024

// Encrypt seals up to 4096 bytes under a key and an encryption context.
func (s *Service) Encrypt(ctx context.Context, c Caller, key string, plaintext []byte, ec map[string]string) (Sealed, error) {
	return s.encrypt(ctx, c, key, "Encrypt", plaintext, ec)
}

func (s *Service) encrypt(ctx context.Context, c Caller, key, action string, plaintext []byte, ec map[string]string) (Sealed, error) {
	if len(plaintext) == 0 || len(plaintext) > maxPlaintext {
		return Sealed{}, fault.Invalidf("Plaintext", "Plaintext must have 1 to %d bytes.", maxPlaintext)
	}
	bound, err := canonical(ec)
	if err != nil {
		return Sealed{}, err
	}
	r, err := s.find(ctx, c.Region, key)
	if err != nil {
		return Sealed{}, err
	}
	if err := s.may(ctx, c, r, action, ec); err != nil {
		return Sealed{}, err
	}
	return r.seal(plaintext, bound)
}

func (r *record) seal(plaintext, bound []byte) (Sealed, error) {
	if err := r.encrypts(); err != nil {
		return Sealed{}, err
	}
	n, material := r.current()
	blob, err := sealBlob(r.row.ID, n, material, plaintext, bound)
	if err != nil {
		return Sealed{}, fault.Internalf("kms: key %s: %w", r.row.ID, err)
	}
	return Sealed{blob, r.arn, r.doc.Versions[n-1].ID}, nil
}

// Decrypt opens a ciphertext of the named key; an empty name means the key that the ciphertext names. The errors are
// fault.CiphertextInvalid for what is damaged or bound to another context, fault.KeyIncorrect for another key's ciphertext.
func (s *Service) Decrypt(ctx context.Context, c Caller, key string, blob []byte, ec map[string]string) (Opened, error) {
	return s.decrypt(ctx, c, key, actionDecrypt, blob, ec)
}

func (s *Service) decrypt(ctx context.Context, c Caller, key, action string, blob []byte, ec map[string]string) (Opened, error) {
	bound, err := canonical(ec)
	if err != nil {
		return Opened{}, err
	}
	h, err := parseBlob(blob)
	if err != nil {
		return Opened{}, fault.New(fault.CiphertextInvalid)
	}
	if key == "" {
		if key, err = s.KeyOf(ctx, blob); err != nil {
			return Opened{}, err
		}
	}
	r, err := s.find(ctx, c.Region, key)
	if err != nil {
		return Opened{}, err
	}
	if err := s.may(ctx, c, r, action, ec); err != nil {
		return Opened{}, err
	}
	return r.open(&h, bound)
}

func (r *record) open(h *header, bound []byte) (Opened, error) {
	if err := r.encrypts(); err != nil {
		return Opened{}, err
	}
	if h.keyID != r.row.ID {
		return Opened{}, fault.New(fault.KeyIncorrect)
	}
	material := r.version(h.version)
	if material == nil {
		return Opened{}, fault.New(fault.CiphertextInvalid)
	}
	plaintext, err := h.open(material, bound)
	if err != nil {
		return Opened{}, fault.New(fault.CiphertextInvalid)
	}
	return Opened{plaintext, r.arn, r.doc.Versions[h.version-1].ID}, nil
}

// KeyOf returns the ARN of the key that a ciphertext names, which proves nothing. The error is fault.CiphertextInvalid if it
// names none of ours.
func (s *Service) KeyOf(ctx context.Context, blob []byte) (string, error) {
	h, err := parseBlob(blob)
	if err != nil {
		return "", fault.New(fault.CiphertextInvalid)
	}
	r, err := s.get(ctx, h.keyID)
	if fault.CodeOf(err) == fault.ResourceNotFound {
		return "", fault.New(fault.CiphertextInvalid)
	}
	if err != nil {
		return "", err
	}
	return r.arn, nil
}

// ReEncrypt opens a ciphertext and seals what it holds under another key or context. from may be empty, as in Decrypt. The
// plaintext of Opened is cleared.
func (s *Service) ReEncrypt(ctx context.Context, c Caller, from, to string, blob []byte, ecFrom, ecTo map[string]string) (Sealed, Opened, error) {
	o, err := s.decrypt(ctx, c, from, "ReEncryptFrom", blob, ecFrom)
	if err != nil {
		return Sealed{}, Opened{}, err
	}
	sealed, err := s.encrypt(ctx, c, to, "ReEncryptTo", o.Plaintext, ecTo)
	clear(o.Plaintext)
	o.Plaintext = nil
	return sealed, o, err
}

// GenerateDataKey returns n random bytes, 1 to 1024, in clear and sealed.
func (s *Service) GenerateDataKey(ctx context.Context, c Caller, key string, n int, ec map[string]string) ([]byte, Sealed, error) {
	if n < 1 || n > maxRandom {
		return nil, Sealed{}, fault.Invalidf("NumberOfBytes", "NumberOfBytes must be between 1 and %d.", maxRandom)
	}
	plaintext := randomBytes(n)
	sealed, err := s.encrypt(ctx, c, key, "GenerateDataKey", plaintext, ec)
	if err != nil {
		return nil, Sealed{}, err
	}
	return plaintext, sealed, nil
}

// GenerateDataKeyWithoutPlaintext is GenerateDataKey for who shall not see the bytes.
func (s *Service) GenerateDataKeyWithoutPlaintext(ctx context.Context, c Caller, key string, n int, ec map[string]string) (Sealed, error) {
	if n < 1 || n > maxRandom {
		return Sealed{}, fault.Invalidf("NumberOfBytes", "NumberOfBytes must be between 1 and %d.", maxRandom)
	}
	plaintext := randomBytes(n)
	defer clear(plaintext)
	return s.encrypt(ctx, c, key, "GenerateDataKeyWithoutPlaintext", plaintext, ec)
}

// GenerateRandom returns n random bytes, 1 to 1024.
func (s *Service) GenerateRandom(n int) ([]byte, error) {
	if n < 1 || n > maxRandom {
		return nil, fault.Invalidf("NumberOfBytes", "NumberOfBytes must be between 1 and %d.", maxRandom)
	}
	return randomBytes(n), nil
}
