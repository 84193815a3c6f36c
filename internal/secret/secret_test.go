package secret

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

func TestStringNeverShows(t *testing.T) {
	const canary = "canary-7446"
	s := New(canary)
	type outer struct {
		Open   String
		hidden String
		Ptr    *String
	}
	v := outer{s, s, &s}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%T"} {
		fmt.Fprintf(&out, verb+"\n", s)
		fmt.Fprintf(&out, verb+"\n", v)
		fmt.Fprintf(&out, verb+"\n", &v)
	}
	js, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(js)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "s", s, "v", v)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "s", s, "v", v)
	got := out.String()
	if strings.Contains(got, canary) || strings.Contains(strings.ToLower(got), hex.EncodeToString([]byte(canary))) {
		t.Errorf("the secret shows:\n%s", got)
	}
	if fmt.Sprint(s) != Redacted || string(js) != `{"Open":"[redacted]","Ptr":"[redacted]"}` {
		t.Errorf("prints %q, marshals %s", fmt.Sprint(s), js)
	}
	if s.Reveal() != canary {
		t.Error("Reveal lost the text")
	}
}

func TestStringZeroAndUnmarshal(t *testing.T) {
	var z String
	if !z.IsZero() || z.Reveal() != "" || z.String() != "" || !z.Equal(New("")) {
		t.Error("the zero String is not empty")
	}
	var v struct{ A, B String }
	if err := json.Unmarshal([]byte(`{"A":"x y","B":""}`), &v); err != nil || v.A.Reveal() != "x y" || !v.B.IsZero() {
		t.Errorf("unmarshal: %v, %q", err, v.A.Reveal())
	}
	if err := json.Unmarshal([]byte(`{"A":"[redacted]"}`), &v); err == nil {
		t.Error("the placeholder was taken for a secret")
	}
	if !New("a").Equal(New("a")) || New("a").Equal(New("b")) || New("a").Equal(z) {
		t.Error("Equal is wrong")
	}
}

func testKey(t testing.TB, version uint32) Key {
	t.Helper()
	k, err := NewKey(version, bytes.Repeat([]byte{byte(version), 0x5a}, KeySize/2))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealOpen(t *testing.T) {
	k := testKey(t, 7)
	aad := AAD("users", "u1", "phone", "p1")
	for _, plain := range []string{"", "x", "+12025550123", strings.Repeat("long", 5000)} {
		sealed := Seal(k, []byte(plain), aad)
		if len(sealed) != len(plain)+Overhead {
			t.Errorf("%d bytes became %d", len(plain), len(sealed))
		}
		if v, err := Version(sealed); v != 7 || err != nil {
			t.Errorf("version %d, %v", v, err)
		}
		got, err := Open(k, sealed, aad)
		if err != nil || string(got) != plain {
			t.Errorf("Open = %q, %v", got, err)
		}
		if bytes.Equal(sealed, Seal(k, []byte(plain), aad)) {
			t.Error("two seals of one text are equal: the nonce is not random")
		}
	}
}

func TestEveryFlippedBitIsRefused(t *testing.T) {
	k, aad := testKey(t, 1), AAD("t", "r", "c", "p")
	sealed := Seal(k, []byte("four"), aad)
	for i := range len(sealed) * 8 {
		bad := bytes.Clone(sealed)
		bad[i/8] ^= 1 << (i % 8)
		if plain, err := Open(k, bad, aad); err == nil || plain != nil {
			t.Fatalf("bit %d flipped: opened as %q", i, plain)
		}
	}
	for n := range len(sealed) {
		if _, err := Open(k, sealed[:n], aad); !errors.Is(err, ErrOpen) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := Open(k, append(bytes.Clone(sealed), 0), aad); !errors.Is(err, ErrOpen) {
		t.Error("a byte more was accepted")
	}
	if _, err := Open(testKey(t, 2), sealed, aad); !errors.Is(err, ErrKeyVersion) {
		t.Errorf("other version: %v", err)
	}
	other, _ := NewKey(1, bytes.Repeat([]byte{9}, KeySize))
	if _, err := Open(other, sealed, aad); !errors.Is(err, ErrOpen) {
		t.Errorf("other key of the same version: %v", err)
	}
	if _, err := Open(Key{}, Seal(testKey(t, 0), nil, nil), nil); !errors.Is(err, ErrOpen) {
		t.Errorf("zero key: %v", err)
	}
}

func TestPlacesDiffer(t *testing.T) {
	k := testKey(t, 1)
	places := [][4]string{
		{"a", "b", "c", "d"}, {"ab", "", "c", "d"}, {"", "ab", "c", "d"}, {"a", "bc", "", "d"}, {"a", "b", "cd", ""},
		{"b", "a", "c", "d"}, {"a", "b", "c", ""}, {"a\x00b", "", "c", "d"}, {"a", "\x00b", "c", "d"},
	}
	for i, p := range places {
		sealed := Seal(k, []byte("x"), AAD(p[0], p[1], p[2], p[3]))
		for j, q := range places {
			if _, err := Open(k, sealed, AAD(q[0], q[1], q[2], q[3])); (err == nil) != (i == j) {
				t.Errorf("sealed at %q, opened at %q: %v", p, q, err)
			}
		}
	}
	if bytes.Equal(Bind("a"), Bind("a", "")) || bytes.Equal(Bind(), Bind("")) {
		t.Error("Bind is ambiguous in the number of parts")
	}
}

func TestKeySizes(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33, 64} {
		if _, err := NewKey(1, make([]byte, n)); err == nil {
			t.Errorf("a sealing key of %d bytes was accepted", n)
		}
		if _, err := NewMACKey(make([]byte, n)); err == nil {
			t.Errorf("a MAC key of %d bytes was accepted", n)
		}
	}
	if a, b := RandomKey(), RandomKey(); len(a) != KeySize || bytes.Equal(a, b) {
		t.Error("RandomKey is not random")
	}
}

func TestZeroKeysPanic(t *testing.T) {
	for name, f := range map[string]func(){
		"Seal": func() { Seal(Key{}, []byte("x"), nil) },
		"MAC":  func() { MAC(MACKey{}, "x") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s with a zero key did not panic", name)
				}
			}()
			f()
		}()
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	raw := bytes.Repeat([]byte{0xab}, KeySize)
	k, _ := NewKey(1, raw)
	m, _ := NewMACKey(raw)
	for _, v := range []any{k, &k, m, &m, struct{ k Key }{k}, struct{ m MACKey }{m}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%d", "%s", "%q", "%t"} {
			// A key or its schedule would be long, and the first words of a schedule are the key.
			if s := fmt.Sprintf(verb, v); len(s) > 200 || strings.Contains(s, "abab") || strings.Contains(s, "171 171") {
				t.Errorf("%s shows the key: %s", verb, s)
			}
		}
	}
}

func TestMAC(t *testing.T) {
	k, err := NewMACKey(bytes.Repeat([]byte{1}, KeySize))
	if err != nil {
		t.Fatal(err)
	}
	// Independent: HMAC-SHA256 with key 01 x 32 over 01 0002 00000001 'a' 00000002 'bc', by Python's hmac module.
	const want = "486659e198e0dc7793e08d59e6838a06"
	if got := hex.EncodeToString(Lookup(k, "a", "bc")); got != want {
		t.Errorf("Lookup = %s, want %s", got, want)
	}
	// The same key over 02 0002 00000001 'a' 00000002 'bc'.
	const wantMAC = "90ca53901b55e9118c9aedb965aa2cf368650eaed411173ed4180114094ece3b"
	if got := hex.EncodeToString(MAC(k, "a", "bc")); got != wantMAC {
		t.Errorf("MAC = %s, want %s", got, wantMAC)
	}
	if bytes.Equal(Lookup(k, "ab", "c"), Lookup(k, "a", "bc")) || bytes.Equal(Lookup(k, "a"), Lookup(k, "a", "")) {
		t.Error("parts are ambiguous")
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			part := strings.Repeat("x", i*1000)
			first := MAC(k, part)
			for range 50 {
				if !bytes.Equal(first, MAC(k, part)) {
					t.Error("MAC differs under concurrency")
				}
			}
		})
	}
	wg.Wait()
}

func FuzzOpen(f *testing.F) {
	k := testKey(f, 3)
	f.Add(Seal(k, []byte("hello"), []byte("aad")), []byte("aad"))
	f.Add(Seal(k, nil, nil), []byte(nil))
	f.Add([]byte{}, []byte{})
	f.Add([]byte{1, 0, 0, 0, 3}, []byte{})
	f.Fuzz(func(t *testing.T, sealed, aad []byte) {
		plain, err := Open(k, sealed, aad)
		if err != nil {
			if plain != nil || !errors.Is(err, ErrOpen) && !errors.Is(err, ErrKeyVersion) {
				t.Fatalf("plain %q with error %v", plain, err)
			}
			return
		}
		// Only the seeds open; a changed place must then be refused.
		if _, err := Open(k, sealed, append(aad, 'x')); err == nil {
			t.Fatal("opened at another place")
		}
		if len(plain)+Overhead != len(sealed) {
			t.Fatalf("%d sealed bytes gave %d", len(sealed), len(plain))
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	k, plain := testKey(b, 1), make([]byte, 64)
	aad := AAD("outbox", "0192f0aa-7e1c-7000-8000-000000000000", "body", "us-local-1_countersign")
	b.ReportAllocs()
	for b.Loop() {
		Seal(k, plain, aad)
	}
}

func BenchmarkOpen(b *testing.B) {
	k := testKey(b, 1)
	aad := AAD("outbox", "0192f0aa-7e1c-7000-8000-000000000000", "body", "us-local-1_countersign")
	sealed := Seal(k, make([]byte, 64), aad)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Open(k, sealed, aad); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAAD(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		AAD("outbox", "0192f0aa-7e1c-7000-8000-000000000000", "body", "us-local-1_countersign")
	}
}

func BenchmarkLookup(b *testing.B) {
	k, _ := NewMACKey(make([]byte, KeySize))
	b.ReportAllocs()
	for b.Loop() {
		Lookup(k, "us-local-1_countersign", "phone_number", "+12025550123")
	}
}
