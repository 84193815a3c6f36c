package envelope

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
)

const (
	arnA = "arn:aws:kms:us-local-1:000000000000:key/aaaaaaaa-0000-4000-8000-000000000000"
	arnB = "arn:aws:kms:us-local-1:000000000000:key/bbbbbbbb-0000-4000-8000-000000000000"
)

var errDenied = errors.New("AccessDeniedException")

// fakeKMS keeps data keys by blob. It counts calls of Decrypt.
type fakeKMS struct {
	keys     map[string]string // blob → ARN, context and key
	answerAs string
	deny     map[string]bool
	opened   []string
	short    bool
}

func (f *fakeKMS) GenerateDataKey(_ context.Context, keyID string, ec Context) ([]byte, []byte, string, error) {
	if f.deny[keyID] {
		return nil, nil, "", errDenied
	}
	if keyID == "alias/a" {
		keyID = arnA
	}
	p := make([]byte, 32)
	rand.Read(p)
	blob := []byte(rand.Text())
	f.keys[string(blob)] = keyID + string(ec.append(nil)) + string(p)
	if f.short {
		p = p[:16]
	}
	return p, blob, keyID, nil
}

func (f *fakeKMS) Decrypt(_ context.Context, arn string, blob []byte, ec Context) ([]byte, string, error) {
	f.opened = append(f.opened, arn)
	p, ok := bytes.CutPrefix([]byte(f.keys[string(blob)]), append([]byte(arn), ec.append(nil)...))
	if !ok || f.deny[arn] {
		return nil, "", errDenied
	}
	if f.answerAs != "" {
		arn = f.answerAs
	}
	return p, arn, nil
}

func TestKMSKeyring(t *testing.T) {
	for name, c := range map[string]struct {
		kms    fakeKMS
		open   KMSKeyring
		want   error
		opened int
	}{
		"the generator":              {open: KMSKeyring{Generator: arnA}, opened: 1},
		"a configured key":           {open: KMSKeyring{Generator: "alias/a", Keys: []string{arnB, arnA}}, opened: 1},
		"discovery":                  {open: KMSKeyring{Discovery: true}, opened: 1},
		"an alias never matches":     {open: KMSKeyring{Generator: "alias/a", Keys: []string{"alias/a"}}, want: ErrNoKey},
		"a bare id never matches":    {open: KMSKeyring{Keys: []string{arnA[len(arnA)-36:]}}, want: ErrNoKey},
		"another key":                {open: KMSKeyring{Keys: []string{arnB}}, want: ErrNoKey},
		"no keys":                    {want: ErrNoKey},
		"denied":                     {kms: fakeKMS{deny: map[string]bool{arnA: true}}, open: KMSKeyring{Keys: []string{arnA}}, want: errDenied, opened: 1},
		"KMS answers as another key": {kms: fakeKMS{answerAs: arnB}, open: KMSKeyring{Keys: []string{arnA, arnB}}, want: ErrNoKey, opened: 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := c.kms
			f.keys = map[string]string{}
			m := mustEncrypt(t, AESSigned, &KMSKeyring{Service: &fakeKMS{keys: f.keys}, Generator: "alias/a"}, poolContext, []byte("123456"))
			c.open.Service = &f
			got, _, err := Decrypt(t.Context(), &c.open, m)
			if !errors.Is(err, c.want) || (err == nil) != (string(got) == "123456") || len(f.opened) != c.opened {
				t.Fatalf("got %q, %v after %d calls", got, err, len(f.opened))
			}
			if c.want != nil && !errors.Is(err, ErrNoKey) {
				t.Fatalf("%v does not wrap ErrNoKey", err)
			}
		})
	}
}

// The second data key is tried if the first cannot be opened, and keys of other providers are left alone.
func TestKMSKeyringTriesOn(t *testing.T) {
	f := &fakeKMS{keys: map[string]string{}}
	k := &KMSKeyring{Service: f, Generator: arnB, Keys: []string{arnA}}
	plaintext, keys, err := k.Generate(t.Context(), poolContext)
	if err != nil {
		t.Fatal(err)
	}
	keys = append([]EncryptedKey{{"aws-kms-x", []byte(arnA), []byte("x")}, {kmsProvider, []byte(arnA), []byte("x")}}, keys...)
	got, err := k.Open(t.Context(), keys, poolContext)
	if err != nil || !bytes.Equal(got, plaintext) || len(f.opened) != 2 {
		t.Fatalf("%x, %v after %v", got, err, f.opened)
	}
	if _, err := k.Open(t.Context(), keys, Context{"userpool-id": "x"}); !errors.Is(err, ErrNoKey) {
		t.Fatalf("another context: %v", err)
	}
}

func TestKMSKeyringGenerateFails(t *testing.T) {
	for name, k := range map[string]*KMSKeyring{
		"no generator": {Service: &fakeKMS{}, Keys: []string{arnA}},
		"denied":       {Service: &fakeKMS{deny: map[string]bool{arnA: true}}, Generator: arnA},
		"short key":    {Service: &fakeKMS{keys: map[string]string{}, short: true}, Generator: arnA},
	} {
		if m, err := Encrypt(t.Context(), AES, k, nil, nil); err == nil {
			t.Errorf("%s: %x", name, m)
		}
	}
}

func TestRawAESRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		namespace, name string
		length          int
	}{
		"reserved namespace": {"aws-kms", "k", 32}, "no namespace": {"", "k", 32}, "no name": {"n", "", 32},
		"short key": {"n", "k", 31}, "no key": {"n", "k", 0},
	} {
		if _, err := NewRawAES(c.namespace, c.name, make([]byte, c.length)); err == nil {
			t.Error(name)
		}
	}
	for _, n := range []int{16, 24, 32} {
		k, err := NewRawAES("n", "k", make([]byte, n))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := Decrypt(t.Context(), k, mustEncrypt(t, Committed, k, nil, nil)); err != nil {
			t.Fatal(err)
		}
	}
}

// What errors say of a message: nothing that was in it.
func TestErrorsAreSilent(t *testing.T) {
	k := rawKey(t, "k")
	for _, s := range suites {
		m := mustEncrypt(t, s, k, poolContext, []byte("CANARY-1234"))
		for i := range m {
			m[i] ^= 0x10
			_, _, err := Decrypt(t.Context(), k, m)
			if text := fmt.Sprint(err); len(text) > 200 || bytes.Contains([]byte(text), []byte("CANARY")) || bytes.Contains([]byte(text), []byte("AbCd")) {
				t.Fatalf("%s", text)
			}
			m[i] ^= 0x10
		}
	}
}
