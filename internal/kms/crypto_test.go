package kms

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"countersign/envelope"
	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

func TestCiphertexts(t *testing.T) {
	s, _ := alone(t)
	k, other := s.mustCreate(t, NewKey{}), s.mustCreate(t, NewKey{})
	ec := map[string]string{"userpool-id": "us-local-1_a", "naïve": ""}
	blob := s.mustEncrypt(t, k.ID, "123456", ec)
	s.mustDecrypt(t, k.ARN, blob, "123456", ec)
	s.mustDecrypt(t, "", blob, "123456", ec)
	if again := s.mustEncrypt(t, k.ID, "123456", ec); bytes.Equal(again, blob) || bytes.Contains(blob, []byte("123456")) {
		t.Error("ciphertexts repeat, or show the plaintext")
	}
	o, err := s.Decrypt(t.Context(), boss, k.ID, blob, ec)
	noError(t, err)
	if o.KeyARN != k.ARN || o.MaterialID != k.MaterialID {
		t.Errorf("%+v", o)
	}
	for name, bad := range map[string]map[string]string{
		"none": nil, "less": {"userpool-id": "us-local-1_a"}, "more": {"userpool-id": "us-local-1_a", "naïve": "", "x": ""},
		"value": {"userpool-id": "us-local-1_b", "naïve": ""}, "moved": {"userpool-id": "", "naïve": "us-local-1_a"},
	} {
		_, err := s.Decrypt(t.Context(), boss, k.ID, blob, bad)
		wants(t, "context "+name, err, fault.CiphertextInvalid)
	}
	_, err = s.Decrypt(t.Context(), boss, other.ID, blob, ec)
	wants(t, "another key", err, fault.KeyIncorrect)
	for i := range len(blob) * 8 {
		bad := bytes.Clone(blob)
		bad[i/8] ^= 1 << (i % 8)
		for _, key := range []string{k.ID, ""} {
			if o, err := s.Decrypt(t.Context(), boss, key, bad, ec); err == nil || o.Plaintext != nil {
				t.Fatalf("flipped bit %d was accepted", i)
			}
		}
	}
	for n := range blob {
		if _, err := s.Decrypt(t.Context(), boss, k.ID, blob[:n], ec); err == nil {
			t.Fatalf("cut at %d was accepted", n)
		}
	}
	_, err = s.Decrypt(t.Context(), boss, k.ID, append(bytes.Clone(blob), 0), ec)
	wants(t, "a byte more", err, fault.CiphertextInvalid)
	// a blob that names the other key, but was made by this one
	id, _ := parseBlob(s.mustEncrypt(t, other.ID, "x", ec))
	forged := append(bytes.Clone(blob[:1]), append(bytes.Clone(id.raw[1:17]), blob[17:]...)...)
	_, err = s.Decrypt(t.Context(), boss, "", forged, ec)
	wants(t, "a forged key id", err, fault.CiphertextInvalid)
}

func TestBounds(t *testing.T) {
	s, _ := alone(t)
	k := s.mustCreate(t, NewKey{})
	long := map[string]string{"k": strings.Repeat("x", maxContext)}
	for name, call := range map[string]func() error{
		"no plaintext":   func() error { _, err := s.Encrypt(t.Context(), boss, k.ID, nil, nil); return err },
		"long plaintext": func() error { _, err := s.Encrypt(t.Context(), boss, k.ID, make([]byte, 4097), nil); return err },
		"long context":   func() error { _, err := s.Encrypt(t.Context(), boss, k.ID, []byte("x"), long); return err },
		"long context of Decrypt": func() error {
			_, err := s.Decrypt(t.Context(), boss, k.ID, make([]byte, 100), long)
			return err
		},
		"0 bytes":    func() error { _, _, err := s.GenerateDataKey(t.Context(), boss, k.ID, 0, nil); return err },
		"1025 bytes": func() error { _, _, err := s.GenerateDataKey(t.Context(), boss, k.ID, 1025, nil); return err },
		"-1 bytes": func() error {
			_, err := s.GenerateDataKeyWithoutPlaintext(t.Context(), boss, k.ID, -1, nil)
			return err
		},
		"random":           func() error { _, err := s.GenerateRandom(1025); return err },
		"description":      func() error { return s.SetDescription(t.Context(), boss, k.ID, strings.Repeat("x", 8193)) },
		"a long reference": func() error { _, err := s.Describe(t.Context(), boss, strings.Repeat("x", 2049)); return err },
		"6 days":           func() error { _, err := s.ScheduleDeletion(t.Context(), boss, k.ID, 6); return err },
		"31 days":          func() error { _, err := s.ScheduleDeletion(t.Context(), boss, k.ID, 31); return err },
		"rotation":         func() error { return s.SetRotation(t.Context(), boss, k.ID, true, 89) },
		"no tag key":       func() error { return s.Tag(t.Context(), boss, k.ID, []Tag{{"", "x"}}) },
		"reserved tag":     func() error { return s.Tag(t.Context(), boss, k.ID, []Tag{{"AWS:x", "x"}}) },
		"tag twice":        func() error { return s.Tag(t.Context(), boss, k.ID, []Tag{{"a", "x"}, {"a", "y"}}) },
		"alias":            func() error { return s.CreateAlias(t.Context(), boss, "alias/ä", k.ID) },
		"alias of AWS":     func() error { return s.CreateAlias(t.Context(), boss, "alias/aws/x", k.ID) },
		"no alias":         func() error { return s.CreateAlias(t.Context(), boss, k.ID, k.ID) },
	} {
		wants(t, name, call(), fault.InvalidParameter)
	}
	_, err := s.Decrypt(t.Context(), boss, k.ID, make([]byte, maxBlob+1), nil)
	wants(t, "a long blob", err, fault.CiphertextInvalid)
	most := strings.Repeat("x", maxPlaintext)
	ec := map[string]string{"k": strings.Repeat("x", maxContext-13)}
	s.mustDecrypt(t, k.ID, s.mustEncrypt(t, k.ID, most, ec), most, ec)
	var tags []Tag
	for i := range maxTags {
		tags = append(tags, Tag{fmt.Sprint("t", i), ""})
	}
	noError(t, s.Tag(t.Context(), boss, k.ID, tags))
	noError(t, s.Tag(t.Context(), boss, k.ID, []Tag{{"t7", "new"}}))
	wants(t, "51 tags", s.Tag(t.Context(), boss, k.ID, []Tag{{"one more", ""}}), fault.TooMany)
	noError(t, s.Untag(t.Context(), boss, k.ID, []string{"t1", "none"}))
	got, err := s.Tags(t.Context(), boss, k.ID)
	noError(t, err)
	if len(got) != 49 || !slices.Contains(got, Tag{"t7", "new"}) {
		t.Errorf("%d tags: %v", len(got), got)
	}
	for i := range maxAliases {
		noError(t, s.CreateAlias(t.Context(), boss, fmt.Sprint("alias/", i), k.ID))
	}
	wants(t, "51 aliases", s.CreateAlias(t.Context(), boss, "alias/more", k.ID), fault.TooMany)
}

func TestDataKeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st store.Store) {
		s := newWorld(t, st).node()
		k, to := s.mustCreate(t, NewKey{}), s.mustCreate(t, NewKey{})
		ec := map[string]string{"a": "b"}
		plain, sealed, err := s.GenerateDataKey(t.Context(), boss, k.ID, 32, ec)
		noError(t, err)
		s.mustDecrypt(t, k.ID, sealed.Blob, string(plain), ec)
		if len(plain) != 32 || sealed.KeyARN != k.ARN || sealed.MaterialID != k.MaterialID {
			t.Errorf("%d bytes, %+v", len(plain), sealed)
		}
		hidden, err := s.GenerateDataKeyWithoutPlaintext(t.Context(), boss, k.ID, 24, nil)
		noError(t, err)
		o, err := s.Decrypt(t.Context(), boss, "", hidden.Blob, nil)
		noError(t, err)
		if len(o.Plaintext) != 24 {
			t.Errorf("%d bytes", len(o.Plaintext))
		}
		moved, from, err := s.ReEncrypt(t.Context(), boss, "", to.ID, sealed.Blob, ec, nil)
		noError(t, err)
		if from.Plaintext != nil || from.KeyARN != k.ARN || moved.KeyARN != to.ARN {
			t.Errorf("%+v, %+v", from, moved)
		}
		s.mustDecrypt(t, to.ID, moved.Blob, string(plain), nil)
	})
}

// TestEnvelope: a message that the server seals is opened by the keyring, and its data key by the pool's function through Decrypt.
func TestEnvelope(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st store.Store) {
		s := newWorld(t, st).node()
		k := s.mustCreate(t, NewKey{})
		for _, suite := range []envelope.Suite{0x0378, 0x0478, 0x0578} {
			message, err := envelope.Encrypt(t.Context(), suite, s.Keyring(k.ARN), envelope.Context{"userpool-id": "us-local-1_a"}, []byte("123456"))
			noError(t, err)
			plain, h, err := envelope.Decrypt(t.Context(), s.Keyring(k.ARN), message)
			if err != nil || string(plain) != "123456" {
				t.Fatalf("%q, %v", plain, err)
			}
			if len(h.Keys) != 1 || h.Keys[0].Provider != "aws-kms" || string(h.Keys[0].Info) != k.ARN {
				t.Errorf("%+v", h.Keys)
			}
			function := Caller{Region: region, Function: "arn:fn", ARN: "arn:aws:sts::000000000000:assumed-role/fn/fn"}
			o, err := s.Decrypt(t.Context(), function, k.ARN, h.Keys[0].Ciphertext, h.Context)
			if err != nil || len(o.Plaintext) != 32 {
				t.Errorf("the function: %v", err)
			}
		}
		_, err := envelope.Encrypt(t.Context(), 0x0378, s.Keyring(k.ARN), envelope.Context{"a": "b"}, []byte("x"))
		wants(t, "no pool", err, fault.AccessDenied)
		noError(t, s.Disable(t.Context(), boss, k.ID))
		_, err = envelope.Encrypt(t.Context(), 0x0378, s.Keyring(k.ARN), envelope.Context{"userpool-id": "us-local-1_a"}, []byte("x"))
		wants(t, "disabled", err, fault.KeyDisabled)
	})
}

func TestSigning(t *testing.T) {
	s, _ := alone(t)
	for _, spec := range []string{RSA2048, P256} {
		k := s.mustCreate(t, NewKey{Spec: spec, Usage: SignVerify})
		if k.MaterialID != "" || k.Spec != spec {
			t.Errorf("%+v", k)
		}
		der, _, err := s.PublicKey(t.Context(), boss, k.ID)
		noError(t, err)
		if len(der) < 80 {
			t.Errorf("public key of %d bytes", len(der))
		}
		for _, alg := range SigningAlgorithms(spec) {
			sig, _, err := s.Sign(t.Context(), boss, k.ID, alg, []byte("message"), false)
			noError(t, err)
			for text, want := range map[string]bool{"message": true, "other": false} {
				if ok, _, err := s.Verify(t.Context(), boss, k.ID, alg, []byte(text), sig, false); err != nil || ok != want {
					t.Errorf("%s: %v, %v", alg, ok, err)
				}
			}
			a := algorithms[alg]
			h := a.hash.New()
			h.Write([]byte("message"))
			if ok, _, err := s.Verify(t.Context(), boss, k.ID, alg, h.Sum(nil), sig, true); err != nil || !ok {
				t.Errorf("%s of the hash: %v, %v", alg, ok, err)
			}
			_, _, err = s.Sign(t.Context(), boss, k.ID, alg, []byte("short"), true)
			wants(t, "a short hash", err, fault.InvalidParameter)
		}
		_, err = s.Encrypt(t.Context(), boss, k.ID, []byte("x"), nil)
		wants(t, "Encrypt", err, fault.KeyUsageWrong)
		wants(t, "Usable", s.Usable(t.Context(), k.ARN, poolA), fault.KeyUsageWrong)
		wants(t, "Rotate", s.Rotate(t.Context(), boss, k.ID), fault.UnsupportedOperation)
		_, _, err = s.Sign(t.Context(), boss, k.ID, "ECDSA_SHA_512", []byte("x"), false)
		wants(t, "another algorithm", err, fault.KeyUsageWrong)
	}
	k := s.mustCreate(t, NewKey{})
	_, _, err := s.Sign(t.Context(), boss, k.ID, "ECDSA_SHA_256", []byte("x"), false)
	wants(t, "Sign with a symmetric key", err, fault.KeyUsageWrong)
}

// TestNoKeyMaterialLeaks looks for the material in all that is kept in clear, shown or logged.
func TestNoKeyMaterialLeaks(t *testing.T) {
	s, w := alone(t)
	var seen strings.Builder
	for _, n := range []NewKey{{}, {Spec: P256, Usage: SignVerify}} {
		k := s.mustCreate(t, n)
		if n.Spec == "" {
			noError(t, s.Rotate(t.Context(), boss, k.ID))
		}
		r, err := s.get(t.Context(), k.ID)
		noError(t, err)
		blob := []byte("x")
		if n.Spec == "" {
			blob = s.mustEncrypt(t, k.ID, "SECRETPLAINTEXT", map[string]string{"c": "SECRETCONTEXT"})
		}
		_, wrong := s.Decrypt(t.Context(), boss, k.ID, blob, nil)
		_, denied := s.Decrypt(t.Context(), Caller{Region: region, Function: "arn:other"}, k.ID, blob, map[string]string{"userpool-id": "us-local-1_zz", "c": "SECRETCONTEXT"})
		broken := *r.row
		broken.Sealed = append(bytes.Clone(broken.Sealed[:len(broken.Sealed)-1]), broken.Sealed[len(broken.Sealed)-1]^1)
		_, unreadable := s.record(t.Context(), &broken, nil)
		if wrong == nil || unreadable == nil {
			t.Error("no errors to look at")
		}
		fmt.Fprintf(&seen, "%s %s %x %+v %v %+v %v %v", r.row.Doc, blob, r.row.Sealed, k, wrong, denied, fault.Of(denied), unreadable)
		for chunk := range slices.Chunk(r.material[:len(r.material)/16*16], 16) {
			for _, form := range []string{string(chunk), hex.EncodeToString(chunk), base64.StdEncoding.EncodeToString(chunk)[:20], fmt.Sprint(chunk)[1:30]} {
				if strings.Contains(seen.String(), form) {
					t.Error("key material in clear")
				}
			}
		}
	}
	err := w.store.Read(t.Context(), func(tx store.Tx) error {
		events, err := tx.Events().ListEvents(t.Context(), store.EventQuery{Limit: 100})
		if len(events) != 3 {
			t.Errorf("%d events", len(events))
		}
		for _, e := range events {
			fmt.Fprintf(&seen, "%s", e.Data)
		}
		return err
	})
	noError(t, err)
	if strings.Contains(seen.String(), "SECRET") {
		t.Error("a plaintext or context in clear")
	}
}

func FuzzParseBlob(f *testing.F) {
	s, _ := alone(f)
	k := s.mustCreate(f, NewKey{})
	f.Add(s.mustEncrypt(f, k.ID, "123456", nil))
	f.Add([]byte{1})
	r, err := s.get(f.Context(), k.ID)
	noError(f, err)
	f.Fuzz(func(t *testing.T, blob []byte) {
		h, err := parseBlob(blob)
		if err != nil {
			return
		}
		if !bytes.Equal(slices.Concat(h.raw, h.sealed), blob) || h.version == 0 || !idForm.MatchString(h.keyID) {
			t.Fatalf("%x parsed as %+v", blob, h)
		}
		o, err := r.open(&h, []byte{0, 0, 0, 0})
		if err == nil && string(o.Plaintext) != "123456" {
			t.Fatalf("%x was opened: %q", blob, o.Plaintext)
		}
	})
}

func TestCanonical(t *testing.T) {
	all := map[string]string{}
	for _, ec := range []map[string]string{nil, {"": ""}, {"a": "b"}, {"ab": ""}, {"": "ab"}, {"a": "", "b": ""}, {"a": "b", "c": "d"}, {"a": "d", "c": "b"}} {
		b, err := canonical(ec)
		noError(t, err)
		if other, ok := all[string(b)]; ok {
			t.Errorf("%v and %v look alike", ec, other)
		}
		all[string(b)] = fmt.Sprint(ec)
	}
	a, _ := canonical(nil)
	b, _ := canonical(map[string]string{})
	if !bytes.Equal(a, b) {
		t.Error("no context and an empty one differ")
	}
}

func BenchmarkGenerateDataKey(b *testing.B) {
	s, _ := alone(b)
	k := s.mustCreate(b, NewKey{})
	keys := s.Keyring(k.ARN)
	ec := envelope.Context{"userpool-id": "us-local-1_a"}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := keys.Generate(context.Background(), ec); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecrypt(b *testing.B) {
	s, _ := alone(b)
	k := s.mustCreate(b, NewKey{})
	ec := map[string]string{"userpool-id": "us-local-1_a"}
	blob := s.mustEncrypt(b, k.ID, strings.Repeat("x", 32), ec)
	for name, c := range map[string]Caller{"account": boss, "function": {Region: region, Function: "arn:fn"}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Decrypt(context.Background(), c, k.ARN, blob, ec); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
