package token

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"countersign/internal/fault"
)

var allAudiences = []Audience{Refresh, Session, MFAToken, OOBCode, AuthCode, Page, SSO, Console, Link}

func TestHandles(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	pattern := regexp.MustCompile(`^[A-Za-z0-9\-_=.]+$`) // of RefreshToken and Session in the Cognito API reference
	prefixes := map[string]bool{}
	for _, a := range allAudiences {
		tok, id, hash := NewHandle(a, now)
		if !pattern.MatchString(tok) || len(tok) != HandleSize || len(tok) < 20 || len(tok) > 2048 {
			t.Errorf("%s: token %q of %d characters", a, tok, len(tok))
		}
		gotID, gotHash, err := ParseHandle(a, tok)
		if err != nil || gotID != id || !bytes.Equal(gotHash, hash) || len(hash) != 32 {
			t.Errorf("%s: parsed %q %x, %v; want %q %x", a, gotID, gotHash, err, id, hash)
		}
		tok2, _, hash2 := NewHandle(a, now)
		if tok == tok2 || bytes.Equal(hash, hash2) {
			t.Errorf("%s: two handles are equal", a)
		}
		prefixes[a.prefix()] = true
	}
	if len(prefixes) != len(allAudiences) {
		t.Error("two audiences share a prefix")
	}
}

func TestHandlesCannotBeSwapped(t *testing.T) {
	for _, a := range allAudiences {
		tok, _, hash := NewHandle(a, time.Now())
		for _, b := range allAudiences {
			if a == b {
				continue
			}
			want := fault.SessionInvalid
			if b == Refresh {
				want = fault.RefreshTokenInvalid
			}
			if _, _, err := ParseHandle(b, tok); fault.CodeOf(err) != want {
				t.Errorf("%s as %s: %v", a, b, err)
			}
			// Even with its prefix exchanged it does not match the stored row.
			_, other, err := ParseHandle(b, b.prefix()+tok[prefixSize:])
			if err != nil || bytes.Equal(other, hash) {
				t.Errorf("%s dressed as %s has the same hash (%v)", a, b, err)
			}
			if bytes.Equal(handleHash(a, tok), handleHash(b, tok)) {
				t.Errorf("the audience %s or %s is not part of the hash", a, b)
			}
		}
	}
}

func TestRenew(t *testing.T) {
	first, id, h1 := NewRefresh(time.Now())
	second, h2 := Renew(Refresh, id)
	if first == second || bytes.Equal(h1, h2) {
		t.Error("Renew returned the same token")
	}
	if got, h, err := ParseRefresh(second); err != nil || got != id || !bytes.Equal(h, h2) {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"", "f1", strings.ToUpper(id), id[:35], id + "0", strings.Replace(id, "-", "0", 1), "g" + id[1:]} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Renew of id %q did not panic", bad)
				}
			}()
			Renew(Refresh, bad)
		}()
	}
}

func TestParseRefreshRefuses(t *testing.T) {
	good, _, _ := NewRefresh(time.Now())
	for name, tok := range map[string]string{
		"empty": "", "prefix only": "csrt_", "short": good[:len(good)-1], "long": good + "A", "padding": good[:len(good)-1] + "=",
		"line break": good[:20] + "\n" + good[21:], "plain base64": good[:20] + "+" + good[21:], "other prefix": "csse_" + good[5:],
		"upper prefix": "CSRT_" + good[5:], "no prefix": good[5:] + "AAAAA", "a JWT": "eyJhbGciOiJSUzI1NiJ9.e30.AAAA",
		"endless": strings.Repeat("csrt_", 1<<20),
	} {
		if _, _, err := ParseRefresh(tok); fault.CodeOf(err) != fault.RefreshTokenInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := prefixSize; i < len(good); i++ {
		bad := []byte(good)
		bad[i] = map[bool]byte{true: 'B', false: 'A'}[bad[i] == 'A']
		_, h1, err1 := ParseRefresh(good)
		_, h2, err2 := ParseRefresh(string(bad))
		if err1 != nil || err2 == nil && bytes.Equal(h1, h2) {
			t.Fatalf("changing character %d does not change the hash", i)
		}
	}
}

func FuzzParseRefresh(f *testing.F) {
	tok, _, _ := NewRefresh(time.Now())
	f.Add(tok)
	f.Add("")
	f.Add("csrt_" + strings.Repeat("_", 64))
	f.Fuzz(func(t *testing.T, tok string) { fuzzHandle(t, Refresh, tok, fault.RefreshTokenInvalid) })
}

func FuzzParseHandle(f *testing.F) {
	for _, a := range allAudiences {
		tok, _, _ := NewHandle(a, time.Now())
		f.Add(tok)
	}
	f.Fuzz(func(t *testing.T, tok string) { fuzzHandle(t, Session, tok, fault.SessionInvalid) })
}

// fuzzHandle: what parses re-encodes to the same bytes, and nothing else has its hash.
func fuzzHandle(t *testing.T, a Audience, tok string, want fault.Code) {
	id, hash, err := ParseHandle(a, tok)
	if err != nil {
		if fault.CodeOf(err) != want || id != "" || hash != nil {
			t.Fatalf("%q: %v", tok, err)
		}
		return
	}
	var raw [idSize]byte
	if len(tok) != HandleSize || !strings.HasPrefix(tok, a.prefix()) || !parseID(raw[:], id) {
		t.Fatalf("%q parsed with id %q", tok, id)
	}
	again, _ := Renew(a, id)
	// 16 bytes are 21 characters and two bits: the id alone decides the first 21.
	if again[:prefixSize+21] != tok[:prefixSize+21] {
		t.Fatalf("%q: id %q encodes as %q", tok, id, again)
	}
}

func BenchmarkNewRefresh(b *testing.B) {
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		NewRefresh(now)
	}
}

func BenchmarkParseRefresh(b *testing.B) {
	tok, _, _ := NewRefresh(time.Now())
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := ParseRefresh(tok); err != nil {
			b.Fatal(err)
		}
	}
}
