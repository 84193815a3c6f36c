package envelope

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"testing"
)

// Every flipped bit of every byte of a message is refused, and so is every message cut short or continued.
func TestEveryBitCounts(t *testing.T) {
	k := rawKey(t, "k")
	for _, s := range suites {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			m := mustEncrypt(t, s, k, poolContext, []byte("123456"))
			for i := range m {
				for bit := range 8 {
					m[i] ^= 1 << bit
					if got, h, err := Decrypt(t.Context(), k, m); err == nil || got != nil || h != nil {
						t.Fatalf("byte %d, bit %d: accepted as %q", i, bit, got)
					}
					m[i] ^= 1 << bit
				}
			}
			for n := range m {
				if _, _, err := Decrypt(t.Context(), k, m[:n]); !errors.Is(err, ErrMalformed) {
					t.Fatalf("the first %d bytes of %d: %v", n, len(m), err)
				}
			}
			for _, more := range []string{"\x00", "1", "\x00\x00", string(m)} {
				if _, _, err := Decrypt(t.Context(), k, append(bytes.Clone(m), more...)); !errors.Is(err, ErrMalformed) {
					t.Fatalf("%d bytes appended: %v", len(more), err)
				}
			}
			if _, _, err := Decrypt(t.Context(), k, m); err != nil {
				t.Fatalf("the message itself: %v", err)
			}
		})
	}
}

// Parts of messages under the same data key cannot be exchanged: fixedRing gives them one.
func TestPartsOfOtherMessages(t *testing.T) {
	k := fakeRing{bytes.Repeat([]byte{1}, 32), 1}
	for _, s := range suites {
		a, err := parse(mustEncrypt(t, s, k, poolContext, []byte("123456")))
		if err != nil {
			t.Fatal(err)
		}
		b, err := parse(mustEncrypt(t, s, k, poolContext, []byte("654321")))
		if err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]func(m *wire){
			"frame":                   func(m *wire) { m.sealed, m.frameIV = b.sealed, b.frameIV },
			"message id":              func(m *wire) { m.MessageID = b.MessageID },
			"header tag":              func(m *wire) { m.headerTag = b.headerTag },
			"header tag as frame tag": func(m *wire) { m.headerTag = m.sealed[len(m.sealed)-tagLength:] },
			"context":                 func(m *wire) { m.Context = Context{"userpool-id": "x", PublicKey: m.Context[PublicKey]} },
		} {
			m := *a
			change(&m)
			if _, ok := m.Context[PublicKey]; ok && !s.Signed() {
				delete(m.Context, PublicKey)
			}
			if got, _, err := Decrypt(t.Context(), k, m.encode()); !errors.Is(err, ErrAuthentication) {
				t.Errorf("%s: %s of another message: %q, %v", s, name, got, err)
			}
		}
		if s.Signed() {
			m := *a
			m.Context, m.signature = Context{"userpool-id": m.Context["userpool-id"], PublicKey: b.Context[PublicKey]}, b.signature
			if _, _, err := Decrypt(t.Context(), k, m.encode()); !errors.Is(err, ErrAuthentication) {
				t.Errorf("%s: another signer: %v", s, err)
			}
		}
	}
}

// encode writes a message whose parts are all there.
func (m *wire) encode() []byte {
	return m.appendFooter(m.appendBody(m.appendHeader(nil)))
}

// Messages that the format does not allow, or that this package does not read, made from good ones.
func TestMalformed(t *testing.T) {
	k := rawKey(t, "k")
	v1 := mustEncrypt(t, AES, k, Context{"a": "1", "b": "2"}, []byte("123456"))
	at := 20 // v1: version, type, algorithm, 16 bytes of id
	edit := func(f func(m []byte) []byte) []byte { return f(bytes.Clone(v1)) }
	set := func(i int, with ...byte) []byte {
		return edit(func(m []byte) []byte { copy(m[i:], with); return m })
	}
	w, _ := parse(v1)
	change := func(f func(m *wire)) []byte {
		m := *w
		f(&m)
		return m.encode()
	}
	keysAt := at + 2 + 14
	frameAt := len(v1) - 6 - 16 - 24
	cases := map[string][]byte{
		"nothing":                    {},
		"version 0":                  set(0, 0),
		"version 3":                  set(0, 3),
		"version 2 of a v1 suite":    set(0, 2),
		"another type":               set(1, 0x81),
		"suite without derivation":   set(2, 0x00, 0x78),
		"suite of 128 bits":          set(2, 0x01, 0x14),
		"context shorter than pairs": set(at, 0, 13),
		"context longer than pairs":  set(at, 0, 15),
		"context with a count of 0":  edit(func(m []byte) []byte { return append(append(bytes.Clone(m[:at]), 0, 2, 0, 0), m[keysAt:]...) }),
		"context not sorted":         edit(func(m []byte) []byte { m[at+6], m[at+12] = 'b', 'a'; return m }),
		"context with a duplicate":   edit(func(m []byte) []byte { m[at+12] = 'a'; return m }),
		"context not UTF-8":          set(at+6, 0xff),
		"context of 65535 bytes":     set(at, 0xff, 0xff),
		"65535 pairs":                set(at+2, 0xff, 0xff),
		"no data keys":               change(func(m *wire) { m.Keys = nil }),
		"nine data keys":             change(func(m *wire) { m.Keys = make([]EncryptedKey, 9) }),
		"65535 data keys":            set(keysAt, 0xff, 0xff),
		"provider not UTF-8":         change(func(m *wire) { m.Keys = []EncryptedKey{{Provider: "\xff"}} }),
		"public key, no signature":   change(func(m *wire) { m.Context = Context{PublicKey: "A"} }),
		"frames of no length":        change(func(m *wire) { m.frameLength = 0 }),
		"frame above frame length":   change(func(m *wire) { m.frameLength = 5 }),
		"frame above the maximum":    change(func(m *wire) { m.frameLength, m.sealed = 1<<20, make([]byte, MaxPlaintext+1+tagLength) }),
		"first frame is not final":   set(frameAt, 0, 0, 0, 1),
		"final frame is the second":  set(frameAt+4, 0, 0, 0, 2),
		"content of 4 GiB":           set(frameAt+20, 0xff, 0xff, 0xff, 0xff),
		"content of 4096, missing":   set(frameAt+20, 0, 0, 0x10, 0),
		"longer than 64 KiB":         append(bytes.Clone(v1), make([]byte, maxMessage)...),
		"signed without public key":  change(func(m *wire) { m.Suite = AESSigned }),
		"not framed":                 set(frameAt-16-12-4-5-1, 1),
		"reserved bytes":             set(frameAt-16-12-4-5, 0, 0, 0, 1),
		"IV length of 16":            set(frameAt-16-12-4-1, 16),
	}
	for name, m := range cases {
		if _, err := Parse(m); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Parse(v1); err != nil {
		t.Fatal(err)
	}
}

// Lengths that a message claims are compared with what is there before anything is allocated.
func TestClaimsAreNotBelieved(t *testing.T) {
	m := mustEncrypt(t, Committed, rawKey(t, "k"), poolContext, []byte("123456"))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range len(m) - 4 {
		huge := bytes.Clone(m)
		binary.BigEndian.PutUint32(huge[i:], math.MaxUint32)
		_, _ = parse(huge) // some places may hold any bytes
	}
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) / uint64(len(m)); n > 8192 {
		t.Fatalf("%d bytes allocated per message of %d bytes", n, len(m))
	}
}
