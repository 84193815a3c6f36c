package envelope

import (
	"bytes"
	"testing"
)

// Whatever parses is encoded to the same bytes again, and what is not authentic is not decrypted.
func FuzzParse(f *testing.F) {
	k := rawKey(f, "k")
	authentic := map[string]bool{}
	for _, s := range suites {
		for _, ec := range []Context{nil, poolContext, {"b": "2", "a": "1"}} {
			m := mustEncrypt(f, s, k, ec, []byte("123456"))
			authentic[string(m)] = true
			f.Add(m)
		}
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		m, err := parse(message)
		if err != nil {
			return
		}
		if again := m.encode(); !bytes.Equal(again, message) {
			t.Fatalf("encoded anew:\n%x\nnot\n%x", again, message)
		}
		if got, _, err := Decrypt(t.Context(), k, message); err == nil && !authentic[string(message)] && string(got) != "123456" {
			t.Fatalf("accepted as %q", got)
		}
	})
}

// Whatever can be encrypted can be read, and holds what was put in.
func FuzzRoundTrip(f *testing.F) {
	f.Add(uint8(0), "userpool-id", "us-local-1_AbCdEf123", []byte("123456"))
	f.Add(uint8(3), "", "", []byte{})
	k := rawKey(f, "k")
	f.Fuzz(func(t *testing.T, suite uint8, key, value string, plaintext []byte) {
		ec := Context{key: value, "z": "1"}
		m, err := Encrypt(t.Context(), suites[suite%4], k, ec, plaintext)
		if err != nil {
			return
		}
		got, h, err := Decrypt(t.Context(), k, m)
		if err != nil || !bytes.Equal(got, plaintext) || !h.Context.holds(ec) {
			t.Fatalf("%x, %v, %v", got, h, err)
		}
	})
}
