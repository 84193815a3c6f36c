package srp

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"countersign/internal/srp/srptest"
)

// vector is one exchange of testdata/srp-vector.json, by the names it has there.
type vector struct {
	Name, PoolName, UserIDForSRP, Password, Timestamp        string
	SaltHex, ASecretHex, AHex, BSecretHex, VerifierHex, BHex string
	UPadded, SaltPadded, APadded, BPadded                    string
	KHex, SecretBlock, SignatureB64                          string
}

// vectors reads every case. Keys that differ in case alone (a_hex, A_hex) need a map: encoding/json folds case.
func vectors(t testing.TB) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/srp-vector.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		NHex      string              `json:"N_hex"`
		KHex      string              `json:"k_hex"`
		Main      map[string]string   `json:"main"`
		EdgeCases []map[string]string `json:"edge_cases"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if !strings.EqualFold(Hex(groupN), file.NHex) || Hex(groupK) != file.KHex {
		t.Fatal("the group differs from the vectors'")
	}
	var out []vector
	for _, m := range append([]map[string]string{file.Main}, file.EdgeCases...) {
		out = append(out, vector{
			Name: m["name"], PoolName: m["poolName"], UserIDForSRP: m["userIdForSRP"], Password: m["password"],
			Timestamp: m["timestamp"], SaltHex: m["salt_hex"], ASecretHex: m["a_hex"], AHex: m["A_hex"],
			BSecretHex: m["b_hex"], VerifierHex: m["verifier_hex"], BHex: m["B_hex"], UPadded: m["u_padded_hex"],
			SaltPadded: m["salt_padded_hex"], APadded: m["A_padded_hex"], BPadded: m["B_padded_hex"],
			KHex: m["K_hex"], SecretBlock: m["secret_block_base64"], SignatureB64: m["signature_base64"],
		})
	}
	if len(out) != 8 {
		t.Fatalf("%d vectors, want 8", len(out))
	}
	return out
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	if len(s)%2 == 1 {
		s = "0" + s
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// bSecret returns b in SecretSize bytes, whatever its leading zeros.
func bSecret(t testing.TB, v vector) []byte {
	return new(big.Int).SetBytes(unhex(t, v.BSecretHex)).FillBytes(make([]byte, SecretSize))
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			salt := unhex(t, v.SaltHex)
			verifier := Verifier(v.PoolName, v.UserIDForSRP, v.Password, salt)
			if got := new(big.Int).SetBytes(verifier).Text(16); len(verifier) != groupSize || got != v.VerifierHex {
				t.Fatalf("verifier of %d bytes %s", len(verifier), got)
			}
			secret := bSecret(t, v)
			e, err := Pair{secret, powG(new(big.Int).SetBytes(secret))}.Server(verifier)
			if err != nil || Hex(e.B) != v.BHex || !bytes.Equal(e.Secret, secret) {
				t.Fatalf("B differs (%v)", err)
			}
			a, err := ParseA(v.AHex)
			if err != nil {
				t.Fatal(err)
			}
			for name, c := range map[string][2]string{
				"A":    {hex.EncodeToString(pad(a)), v.APadded},
				"B":    {hex.EncodeToString(pad(e.B)), v.BPadded},
				"salt": {hex.EncodeToString(pad(new(big.Int).SetBytes(salt))), v.SaltPadded},
				"u":    {hex.EncodeToString(pad(new(big.Int).SetBytes(hash(pad(a), pad(e.B))))), v.UPadded},
			} {
				if c[0] != c[1] {
					t.Errorf("pad(%s) = %s, want %s", name, c[0], c[1])
				}
			}
			key, err := Key(a, secret, e.B, verifier)
			if err != nil || hex.EncodeToString(key) != v.KHex {
				t.Fatalf("key %x (%v), want %s", key, err, v.KHex)
			}
			block, _ := base64.StdEncoding.DecodeString(v.SecretBlock)
			got := base64.StdEncoding.EncodeToString(Signature(key, v.PoolName, v.UserIDForSRP, block, v.Timestamp))
			if got != v.SignatureB64 {
				t.Errorf("signature %s, want %s", got, v.SignatureB64)
			}
		})
	}
}

func TestClientVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			c := srptest.NewClientWithSecret(unhex(t, v.ASecretHex))
			if c.A() != v.AHex {
				t.Fatal("A differs")
			}
			at, err := ParseTimestamp(v.Timestamp)
			if err != nil {
				t.Fatal(err)
			}
			sig, stamp, err := c.Answer(srptest.Challenge{
				PoolName: v.PoolName, UserID: v.UserIDForSRP, Salt: v.SaltHex, B: v.BHex, SecretBlock: v.SecretBlock,
			}, v.Password, at)
			if err != nil || stamp != v.Timestamp || sig != v.SignatureB64 {
				t.Errorf("signature %s at %q (%v), want %s at %q", sig, stamp, err, v.SignatureB64, v.Timestamp)
			}
		})
	}
}

// exchange runs one sign-in and reports whether the server's signature equals the client's.
func exchange(t *testing.T, verifier []byte, salt []byte, pair Pair, password string) bool {
	t.Helper()
	c := srptest.NewClient()
	a, err := ParseA(c.A())
	if err != nil {
		t.Fatal(err)
	}
	e, err := pair.Server(verifier)
	if err != nil {
		t.Fatal(err)
	}
	block := []byte("sealed")
	sig, stamp, err := c.Answer(srptest.Challenge{
		PoolName: "pool", UserID: "user", Salt: hex.EncodeToString(salt), B: Hex(e.B),
		SecretBlock: base64.StdEncoding.EncodeToString(block),
	}, password, time.Date(2026, 11, 3, 4, 5, 6, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	key, err := Key(a, e.Secret, e.B, verifier)
	if err != nil || len(key) != KeySize {
		t.Fatal(err)
	}
	theirs, _ := base64.StdEncoding.DecodeString(sig)
	return hmac.Equal(theirs, Signature(key, "pool", "user", block, stamp))
}

func TestRoundTrip(t *testing.T) {
	p := New(2)
	for i := range 4 {
		salt, verifier, err := NewVerifier("pool", "user", "Passwörd-1")
		if err != nil || len(salt) != SaltSize {
			t.Fatal(err)
		}
		pairs := []Pair{p.Take(), (*Precomputer)(nil).Take(), NewPair(), NewPair()}
		if !exchange(t, verifier, salt, pairs[i], "Passwörd-1") {
			t.Error("the right password was refused")
		}
		if exchange(t, verifier, salt, pairs[i], "Passwörd-2") {
			t.Error("a wrong password was accepted")
		}
	}
	if _, _, err := NewVerifier("", "user", "x"); err == nil {
		t.Error("a verifier without a pool")
	}
	if _, _, err := NewVerifier("pool", "", "x"); err == nil {
		t.Error("a verifier without a user")
	}
}

func TestParseA(t *testing.T) {
	n := Hex(groupN)
	for name, s := range map[string]string{
		"empty": "", "zero": "0", "zeros": strings.Repeat("0", 768), "N": n, "2N": Hex(new(big.Int).Lsh(groupN, 1)),
		"N+1": Hex(new(big.Int).Add(groupN, big.NewInt(1))), "sign": "-1", "plus": "+1", "prefix": "0x1", "underscore": "1_0",
		"space": " 1", "not hex": "12g4", "too long": strings.Repeat("0", 770) + "1", "NUL": "1\x00",
		"full width": "１２",
	} {
		if _, err := ParseA(s); err != ErrA {
			t.Errorf("%s: error %v", name, err)
		}
	}
	for in, want := range map[string]int64{"1": 1, "aBc": 0xabc, "00ff": 255, strings.Repeat("0", 769) + "2": 2} {
		if a, err := ParseA(in); err != nil || a.Int64() != want {
			t.Errorf("ParseA(%q) = %v, %v", in, a, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	_, verifier, _ := NewVerifier("p", "u", "x")
	e, err := NewServer(verifier)
	if err != nil {
		t.Fatal(err)
	}
	one, big384 := big.NewInt(1), bytes.Repeat([]byte{0xff}, groupSize)
	for name, bad := range map[string][]byte{"nil": nil, "short": verifier[1:], "zero": make([]byte, groupSize), "N or more": big384} {
		if _, err := NewServer(bad); err != ErrVerifier {
			t.Errorf("NewServer, verifier %s: %v", name, err)
		}
		if _, err := Key(one, e.Secret, e.B, bad); err != ErrVerifier {
			t.Errorf("Key, verifier %s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		a, public *big.Int
		b         []byte
		want      error
	}{
		"short b": {one, e.B, e.Secret[1:], ErrSecret}, "no A": {nil, e.B, e.Secret, ErrExchange},
		"A is 0": {new(big.Int), e.B, e.Secret, ErrExchange}, "A is N": {groupN, e.B, e.Secret, ErrExchange},
		"B is 0": {one, new(big.Int), e.Secret, ErrExchange}, "B is N": {one, groupN, e.Secret, ErrExchange},
	} {
		if _, err := Key(c.a, c.b, c.public, verifier); err != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestPoolName(t *testing.T) {
	for in, want := range map[string]string{
		"us-east-1_AbC": "AbC", "us-local-1_countersign": "countersign", "a_b_c": "b_c", "none": "none", "": "", "x_": "",
	} {
		if got := PoolName(in); got != want {
			t.Errorf("PoolName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestParseTimestamp(t *testing.T) {
	got, err := ParseTimestamp("Wed Jan 7 08:05:09 UTC 2026")
	if want := time.Date(2026, 1, 7, 8, 5, 9, 0, time.UTC); err != nil || !got.Equal(want) || got.Location() != time.UTC {
		t.Errorf("%v, %v", got, err)
	}
	for _, s := range []string{
		"", "Wed Jan 07 08:05:09 UTC 2026", "Thu Jan 7 08:05:09 UTC 2026", "Wed Jan 7 8:05:09 UTC 2026",
		"Wed Jan 7 08:05:09 GMT 2026", "Wed Jan  7 08:05:09 UTC 2026", "wed Jan 7 08:05:09 UTC 2026",
		"Wed Jan 7 08:05:09 UTC 26", "Wed Jan 7 08:05:09.5 UTC 2026", "Wed Jan 7 24:05:09 UTC 2026",
		"Sun Feb 30 08:05:09 UTC 2026", "Wed Jan 7 08:05:09 UTC 2026 ", "2026-01-07T08:05:09Z", "Mi Jan 7 08:05:09 UTC 2026",
	} {
		if _, err := ParseTimestamp(s); err != ErrTimestamp {
			t.Errorf("ParseTimestamp(%q): %v", s, err)
		}
	}
}

func TestPrecomputer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := New(3)
		p.Start(ctx)
		synctest.Wait()
		if len(p.pairs) != 3 {
			t.Fatalf("%d pairs ready, want 3", len(p.pairs))
		}
		seen := map[string]bool{}
		for range 3 {
			seen[string(p.Take().secret)] = true
		}
		synctest.Wait()
		seen[string(p.Take().secret)] = true
		if len(seen) != 4 {
			t.Error("a pair was handed out twice")
		}
		cancel()
		<-p.Done()
		for range 5 { // more than are left: the rest is computed
			if pair := p.Take(); len(pair.secret) != SecretSize || pair.power == nil {
				t.Fatal("no pair after the end")
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("ff", "Wed Jan 7 08:05:09 UTC 2026")
	f.Add("00", "Wed Jan 07 08:05:09 UTC 2026")
	f.Fuzz(func(t *testing.T, a, stamp string) {
		if n, err := ParseA(a); err == nil {
			if got := strings.TrimLeft(strings.ToLower(a), "0"); got != Hex(n) {
				t.Fatalf("ParseA(%q) = %s", a, Hex(n))
			}
		}
		if at, err := ParseTimestamp(stamp); err == nil && at.Format(timestampLayout) != stamp {
			t.Fatalf("ParseTimestamp(%q) = %v", stamp, at)
		}
	})
}

func BenchmarkVerifier(b *testing.B) {
	salt := make([]byte, SaltSize)
	for b.Loop() {
		Verifier("pool", "user", "password", salt)
	}
}

func BenchmarkPair(b *testing.B) {
	for b.Loop() {
		NewPair()
	}
}

func BenchmarkServer(b *testing.B) {
	_, verifier, _ := NewVerifier("p", "u", "x")
	pair := NewPair()
	for b.Loop() {
		_, _ = pair.Server(verifier)
	}
}

func BenchmarkKey(b *testing.B) {
	_, verifier, _ := NewVerifier("p", "u", "x")
	e, _ := NewServer(verifier)
	a, _ := ParseA(srptest.NewClient().A())
	for b.Loop() {
		_, _ = Key(a, e.Secret, e.B, verifier)
	}
}
