package password

import (
	"math"
	"strings"
	"testing"

	"countersign/internal/fault"
)

func TestPolicy(t *testing.T) {
	all := DefaultPolicy()
	const prefix = "Password did not conform with policy: "
	const spaces = "Password must not begin or end with a space or have other white space"
	for _, c := range []struct {
		policy   Policy
		password string
		want     string
	}{
		{all, "Passw0rd!", ""},
		{all, "Pässw0rd!", ""},
		{all, "Passw0rd with space", ""},
		{all, "Pw0!", "Password not long enough"},
		{all, "", "Password not long enough"},
		{all, "Pä0!ßßß", "Password not long enough"},
		{all, "passw0rd!", "Password must have uppercase characters"},
		{all, "ÄÖÜssw0rd!", "Password must have uppercase characters"},
		{all, "PASSW0RD!", "Password must have lowercase characters"},
		{all, "Password!", "Password must have numeric characters"},
		{all, "Password٣!", "Password must have numeric characters"},
		{all, "Passw0rdx", "Password must have symbol characters"},
		{all, "Passw0rd€", "Password must have symbol characters"},
		{all, " Passw0rd", spaces},
		{all, "Passw0rd! ", spaces},
		{all, "Passw0rd!\n", spaces},
		{all, "Passw0rd\t!", spaces},
		{all, "Passw0rd\u00a0!", spaces},
		{all, "Passw0rd\x00!", spaces},
		{all, "Passw0rd!\xff", spaces},
		{all, "Aa1!" + strings.Repeat("ü", 252), ""},
		{all, "Aa1!" + strings.Repeat("ü", 253), "Password too long"},
		{Policy{}, "aaaaaaa", "Password not long enough"},
		{Policy{}, "aaaaaaaa", ""},
		{Policy{MinLength: 6}, "aaaaaa", ""},
		{Policy{MinLength: 99}, strings.Repeat("a", 98), "Password not long enough"},
	} {
		err := c.policy.Check(c.password)
		if c.want == "" {
			if err != nil {
				t.Errorf("%q: %v", c.password, err)
			}
			continue
		}
		if e := fault.Of(err); err == nil || e.Code != fault.PasswordPolicy || e.Public != prefix+c.want {
			t.Errorf("%q: %v, want %q", c.password, err, c.want)
		}
	}
	for _, r := range symbols {
		if err := all.Check("Passw" + string(r) + "0rd"); err != nil {
			t.Errorf("%q does not count as a symbol", r)
		}
	}
	if len(symbols) != 33 {
		t.Errorf("%d symbols", len(symbols))
	}
}

func TestGenerate(t *testing.T) {
	strict := DefaultPolicy()
	seen := map[string]bool{}
	for _, minLength := range []int{0, 6, 8, 12, 13, 99, 10000} {
		p := strict
		p.MinLength = minLength
		for range 50 {
			pw := Generate(p)
			if minLength <= MaxLength {
				if err := p.Check(pw); err != nil {
					t.Fatalf("MinLength %d: %v", minLength, err)
				}
			}
			if len(pw) < minGenerated || len(pw) > MaxLength || strings.ContainsAny(pw, "iloIO01<>&'\"{}[]^~|\\ ") || seen[pw] {
				t.Fatalf("MinLength %d: a bad password of %d characters", minLength, len(pw))
			}
			seen[pw] = true
		}
	}
	bits := math.Log2(float64(len(lowerSet) * len(upperSet) * len(numberSet) * len(symbolSet)))
	if bits += (minGenerated - 4) * math.Log2(float64(len(allSets))); bits < 60 {
		t.Errorf("%.1f bits", bits)
	}
}

// TestGenerateShuffles fails with a chance below 1 in 10^9 when the classes do not stay in front.
func TestGenerateShuffles(t *testing.T) {
	for range 100 {
		if pw := Generate(Policy{}); !strings.Contains(lowerSet, pw[:1]) && !strings.Contains(symbolSet, pw[3:4]) {
			return
		}
	}
	t.Error("the classes stand in a fixed order")
}
