package totp

import (
	"encoding/base32"
	"net/url"
	"strings"
	"testing"
	"time"
)

// rfcSecret is the key of RFC 6238, appendix B, for SHA-1.
var rfcSecret = base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))

// TestVectors: the last six of the eight digits in RFC 6238, appendix B.
func TestVectors(t *testing.T) {
	for seconds, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		at := time.Unix(seconds, 0)
		if got, err := Code(rfcSecret, at); err != nil || got != want {
			t.Errorf("Code at %d = %s, %v; want %s", seconds, got, err, want)
		}
		if step, ok := Verify(rfcSecret, want, at, 0); !ok || step != seconds/30 {
			t.Errorf("Verify at %d = %d, %v", seconds, step, ok)
		}
	}
}

// TestHOTPVectors: RFC 4226, appendix D.
func TestHOTPVectors(t *testing.T) {
	for i, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		if got := hotp([]byte("12345678901234567890"), int64(i)); got != want {
			t.Errorf("counter %d: %s, want %s", i, got, want)
		}
	}
}

func TestWindowAndSingleUse(t *testing.T) {
	secret := rfcSecret
	now := time.Date(2026, 11, 21, 12, 0, 15, 0, time.UTC)
	current := Step(now)
	for offset, want := range map[int64]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
		code, err := Code(secret, now.Add(time.Duration(offset)*Period))
		if err != nil {
			t.Fatal(err)
		}
		step, ok := Verify(secret, code, now, 0)
		if ok != want || ok && step != current+offset {
			t.Errorf("%d steps away: %d, %v", offset, step, ok)
		}
		if _, again := Verify(secret, code, now, current+offset); again {
			t.Errorf("%d steps away: taken twice", offset)
		}
		if _, later := Verify(secret, code, now, current+skew); later {
			t.Errorf("%d steps away: taken after a later one", offset)
		}
		if _, ok := Verify(secret, code, now, current+offset-1); ok != want {
			t.Errorf("%d steps away: %v after the step before", offset, ok)
		}
	}
}

func TestMalformed(t *testing.T) {
	now := time.Unix(59, 0)
	for _, code := range []string{"", "28708", "2870820", "28708 ", "+87082", "２８７０８２", "287083", "287082\n"} {
		if _, ok := Verify(rfcSecret, code, now, 0); ok {
			t.Errorf("code %q was taken", code)
		}
	}
	for _, secret := range []string{"", "AAAA", "0189", strings.Repeat("A", 300), rfcSecret + "\n", "ÄÖ" + rfcSecret} {
		if _, err := Code(secret, now); err != ErrSecret {
			t.Errorf("secret %q: %v", secret, err)
		}
		if _, ok := Verify(secret, "000000", now, 0); ok {
			t.Errorf("secret %q verifies", secret)
		}
	}
	for _, same := range []string{strings.ToLower(rfcSecret), rfcSecret[:4] + " " + rfcSecret[4:]} {
		if _, ok := Verify(same, "287082", now, 0); !ok {
			t.Errorf("secret %q is not read", same)
		}
	}
	if Step(time.Unix(-1, 0)) != -1 || Step(time.Time{}) != -1 {
		t.Error("a time before 1970 has a step")
	}
}

func TestNewSecret(t *testing.T) {
	a, b := NewSecret(), NewSecret()
	if a == b || len(a) != 52 || strings.Trim(a, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
		t.Errorf("%d and %d characters", len(a), len(b))
	}
	if key, err := decode(a); err != nil || len(key) != secretSize {
		t.Errorf("%d bytes, %v", len(key), err)
	}
}

func TestURI(t *testing.T) {
	raw := URI("ABC234", "Acme: Co", "jo:e@example.com")
	if want := "otpauth://totp/Acme%20%20Co:jo%20e@example.com?secret=ABC234&issuer=Acme%20%20Co"; raw != want {
		t.Errorf("%s, want %s", raw, want)
	}
	u, err := url.Parse(raw)
	if err != nil || u.Query().Get("issuer") != "Acme  Co" || u.Query().Get("secret") != "ABC234" {
		t.Errorf("%v, %v", u, err)
	}
	if got := URI("ABC234", "", "a"); got != "otpauth://totp/a?secret=ABC234" {
		t.Error(got)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(rfcSecret, "287082", int64(59), int64(0))
	f.Add("", "", int64(-1), int64(-5))
	f.Fuzz(func(t *testing.T, secret, code string, seconds, last int64) {
		now := time.Unix(seconds, 0)
		step, ok := Verify(secret, code, now, last)
		if !ok {
			return
		}
		if step <= last || step < Step(now)-skew || step > Step(now)+skew {
			t.Fatalf("step %d at %d after %d", step, Step(now), last)
		}
		if key, err := decode(secret); err != nil || hotp(key, step) != code {
			t.Fatal("a wrong code was taken")
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	secret := NewSecret()
	now := time.Unix(1111111109, 0)
	for b.Loop() {
		Verify(secret, "000000", now, 0)
	}
}
