package envelope

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
)

var suites = []Suite{AES, AESSigned, Committed, CommittedSigned}

var poolContext = Context{"userpool-id": "us-local-1_AbCdEf123"}

func rawKey(t testing.TB, name string) *RawAES {
	t.Helper()
	k, err := NewRawAES("countersign", name, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mustEncrypt(t testing.TB, s Suite, k Keyring, ec Context, plaintext []byte) []byte {
	t.Helper()
	m, err := Encrypt(t.Context(), s, k, ec, plaintext)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRoundTrip(t *testing.T) {
	contexts := map[string]Context{
		"none": nil, "empty": {}, "pool": poolContext, "many": {"b": "2", "a": "1", "": "", "Ünï": "códe 電話", "aa": strings.Repeat("x", 4000)},
	}
	plaintexts := map[string][]byte{
		"empty": {}, "code": []byte("123456"), "password": bytes.Repeat([]byte("p&<"), 85), "longest": bytes.Repeat([]byte{0xff}, MaxPlaintext),
	}
	k := rawKey(t, "k")
	for _, s := range suites {
		for cn, ec := range contexts {
			for pn, plaintext := range plaintexts {
				t.Run(fmt.Sprintf("%s/%s/%s", s, cn, pn), func(t *testing.T) {
					m := mustEncrypt(t, s, k, ec, plaintext)
					got, h, err := Decrypt(t.Context(), k, m)
					if err != nil || !bytes.Equal(got, plaintext) {
						t.Fatalf("got %d bytes, %v", len(got), err)
					}
					if h.Suite != s || len(h.Keys) != 1 || len(h.MessageID) != s.idLength() || !h.Context.holds(ec) || len(h.Context.Without()) != len(ec) {
						t.Fatalf("header %+v", h)
					}
					if _, ok := h.Context[PublicKey]; ok != s.Signed() {
						t.Fatal("a public key if and only if the suite signs")
					}
				})
			}
		}
	}
}

// Messages of six digits have the lengths that the official libraries give them (raw key "k" of "countersign" here).
func TestLengthIsConstant(t *testing.T) {
	k := rawKey(t, "k")
	for _, s := range suites {
		want := 0
		for range 20 {
			m := mustEncrypt(t, s, k, poolContext, []byte("123456"))
			if want == 0 {
				want = len(m)
			}
			if len(m) != want {
				t.Fatalf("%s: %d and %d bytes", s, want, len(m))
			}
			if w, _ := parse(m); s.Signed() && len(w.signature) != signatureLength {
				t.Fatalf("signature of %d bytes", len(w.signature))
			}
		}
	}
}

func TestEncryptRefuses(t *testing.T) {
	k := rawKey(t, "k")
	for name, c := range map[string]struct {
		suite     Suite
		k         Keyring
		ec        Context
		plaintext []byte
	}{
		"unknown suite":       {0x0014, k, nil, nil},
		"too long":            {AES, k, nil, make([]byte, MaxPlaintext+1)},
		"reserved entry":      {AESSigned, k, Context{PublicKey: "A"}, nil},
		"reserved, no sign":   {AES, k, Context{PublicKey: "A"}, nil},
		"context not UTF-8":   {AES, k, Context{"k": "\xff"}, nil},
		"context too long":    {AES, k, Context{"k": strings.Repeat("v", maxContext)}, nil},
		"short data key":      {AES, fakeRing{make([]byte, 31), 1}, nil, nil},
		"no encrypted key":    {AES, fakeRing{make([]byte, 32), 0}, nil, nil},
		"many encrypted keys": {AES, fakeRing{make([]byte, 32), 9}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if m, err := Encrypt(t.Context(), c.suite, c.k, c.ec, c.plaintext); err == nil || m != nil {
				t.Fatalf("got %d bytes, %v", len(m), err)
			}
		})
	}
}

// fakeRing generates n copies of a data key, in clear.
type fakeRing struct {
	key []byte
	n   int
}

func (f fakeRing) Generate(context.Context, Context) ([]byte, []EncryptedKey, error) {
	keys := make([]EncryptedKey, f.n)
	for i := range keys {
		keys[i] = EncryptedKey{Provider: "fake", Ciphertext: f.key}
	}
	return bytes.Clone(f.key), keys, nil
}

func (f fakeRing) Open(_ context.Context, keys []EncryptedKey, _ Context) ([]byte, error) {
	return bytes.Clone(keys[0].Ciphertext), nil
}

func TestDecryptRefuses(t *testing.T) {
	k := rawKey(t, "k")
	m := mustEncrypt(t, AESSigned, k, poolContext, []byte("123456"))
	other, _ := NewRawAES("countersign", "k", bytes.Repeat([]byte{8}, 32))
	for name, c := range map[string]struct {
		d    Decrypter
		want error
	}{
		"commitment is required": {Decrypter{Keyring: k, RequireCommitment: true}, ErrPolicy},
		"another pool":           {Decrypter{Keyring: k, Expect: Context{"userpool-id": "x"}}, ErrContext},
		"a missing entry":        {Decrypter{Keyring: k, Expect: Context{"other": ""}}, ErrContext},
		"another key name":       {Decrypter{Keyring: rawKey(t, "l")}, ErrNoKey},
		"another key":            {Decrypter{Keyring: other}, ErrNoKey},
		"another data key":       {Decrypter{Keyring: wrongKey{k}}, ErrAuthentication},
		"a short data key":       {Decrypter{Keyring: shortKey{k}}, ErrAuthentication},
	} {
		t.Run(name, func(t *testing.T) {
			got, h, err := c.d.Decrypt(t.Context(), m)
			if !errors.Is(err, c.want) || got != nil || h != nil {
				t.Fatalf("got %q, %v, %v", got, h, err)
			}
		})
	}
	for _, s := range []Suite{Committed, CommittedSigned} {
		m := mustEncrypt(t, s, k, poolContext, []byte("123456"))
		if _, _, err := (Decrypter{Keyring: k, RequireCommitment: true, Expect: poolContext}).Decrypt(t.Context(), m); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		if _, _, err := Decrypt(t.Context(), wrongKey{k}, m); !errors.Is(err, ErrAuthentication) {
			t.Fatalf("%s under another data key: %v", s, err)
		}
	}
}

type wrongKey struct{ Keyring }

func (w wrongKey) Open(context.Context, []EncryptedKey, Context) ([]byte, error) {
	b := make([]byte, 32)
	_, err := rand.Read(b)
	return b, err
}

type shortKey struct{ Keyring }

func (shortKey) Open(context.Context, []EncryptedKey, Context) ([]byte, error) {
	return make([]byte, 16), nil
}

// watched hands out data keys that the test keeps an eye on.
type watched struct {
	Keyring
	seen *[]byte
}

func (w watched) Generate(ctx context.Context, ec Context) ([]byte, []EncryptedKey, error) {
	p, keys, err := w.Keyring.Generate(ctx, ec)
	*w.seen = p
	return p, keys, err
}

func (w watched) Open(ctx context.Context, keys []EncryptedKey, ec Context) ([]byte, error) {
	p, err := w.Keyring.Open(ctx, keys, ec)
	*w.seen = p
	return p, err
}

func TestDataKeysAreWiped(t *testing.T) {
	var seen []byte
	k := watched{rawKey(t, "k"), &seen}
	for _, s := range suites {
		m := mustEncrypt(t, s, k, nil, []byte("123456"))
		if !bytes.Equal(seen, make([]byte, keyLength)) {
			t.Fatalf("%s: the data key is left after Encrypt", s)
		}
		if _, _, err := Decrypt(t.Context(), k, m); err != nil || !bytes.Equal(seen, make([]byte, keyLength)) {
			t.Fatalf("%s: the data key is left after Decrypt (%v)", s, err)
		}
	}
}
