package keyring

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"countersign/internal/secret"
)

// maxRootText bounds what is read as a root key; base64 of 32 bytes has 44 characters, hex 64.
const maxRootText = 1024

// Root is a root key. It prints as its fingerprint alone. The zero Root is refused by Open.
type Root struct {
	id  string
	raw func() []byte // in a closure, so that no verb of fmt shows it
	key secret.Key
}

// NewRoot returns a fresh root key.
func NewRoot() Root {
	r, err := RootFromBytes(secret.RandomKey())
	if err != nil {
		panic(err) // RandomKey has the right size
	}
	return r
}

// RootFromBytes returns the root key made of raw, 32 bytes.
func RootFromBytes(raw []byte) (Root, error) {
	if len(raw) != secret.KeySize {
		return Root{}, fmt.Errorf("keyring: a root key has %d bytes, not %d", secret.KeySize, len(raw))
	}
	var own [secret.KeySize]byte
	copy(own[:], raw)
	if own == ([secret.KeySize]byte{}) {
		return Root{}, errors.New("keyring: the root key is all zeros")
	}
	key, err := secret.NewKey(0, own[:])
	if err != nil {
		return Root{}, err
	}
	h := hmac.New(sha256.New, own[:])
	h.Write([]byte("countersign root key fingerprint"))
	return Root{id: hex.EncodeToString(h.Sum(nil)[:8]), raw: func() []byte { return own[:] }, key: key}, nil
}

// ParseRoot reads a root key as Encode writes it: base64 (standard or URL alphabet, padded or not) or hex of 32 bytes.
// White space around it is ignored.
func ParseRoot(text string) (Root, error) {
	s := strings.TrimSpace(text)
	if len(s) == hex.EncodedLen(secret.KeySize) {
		if raw, err := hex.DecodeString(s); err == nil {
			return RootFromBytes(raw)
		}
	}
	s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	raw, err := base64.RawStdEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) != secret.KeySize {
		return Root{}, errors.New("keyring: a root key is the base64 or hex form of 32 bytes; `countersign key new` makes one")
	}
	return RootFromBytes(raw)
}

// RootFromEnv reads the root key from an environment variable.
func RootFromEnv(name string) (Root, error) {
	text := os.Getenv(name)
	if text == "" {
		return Root{}, fmt.Errorf("keyring: environment variable %s is not set", name)
	}
	r, err := ParseRoot(text)
	if err != nil {
		return Root{}, fmt.Errorf("environment variable %s: %w", name, err)
	}
	return r, nil
}

// RootFromFile reads the root key from a regular file that only its owner can read (mode 0600 or less).
func RootFromFile(path string) (Root, error) {
	f, err := os.Open(path)
	if err != nil {
		return Root{}, fmt.Errorf("keyring: root key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Root{}, fmt.Errorf("keyring: root key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return Root{}, fmt.Errorf("keyring: root key %s is not a regular file", path)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return Root{}, fmt.Errorf("keyring: root key %s can be read by others (mode %04o); run: chmod 600 %s", path, perm, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxRootText+1))
	if err != nil {
		return Root{}, fmt.Errorf("keyring: root key: %w", err)
	}
	if len(text) > maxRootText {
		return Root{}, fmt.Errorf("keyring: root key %s is too long", path)
	}
	defer clear(text)
	r, err := ParseRoot(string(bytes.TrimSpace(text)))
	if err != nil {
		return Root{}, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// WriteFile writes r to a new file of mode 0600 and syncs it. An existing file is never touched: the error is
// fs.ErrExist.
func (r Root) WriteFile(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("keyring: root key: %w", err)
	}
	_, err = f.WriteString(r.Encode() + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(path)
		return fmt.Errorf("keyring: root key: %w", err)
	}
	return nil
}

// Encode returns the key itself as base64, for a key file or a container secret.
func (r Root) Encode() string { return base64.StdEncoding.EncodeToString(r.raw()) }

// ID is the key's fingerprint, 16 hex digits. It may be shown and logged.
func (r Root) ID() string { return r.id }

// IsZero reports whether r is the zero Root.
func (r Root) IsZero() bool { return r.raw == nil }

// String returns the fingerprint, never the key.
func (r Root) String() string { return "root key " + r.id }

// GoString keeps the key out of logs, for %#v.
func (r Root) GoString() string { return "keyring.Root(" + r.id + ")" }
