package phone

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

// The first digits say what the numbering plan says.
func TestQuickRegion(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	quick := 0
	check := func(e164 string) {
		n, err := Parse(e164)
		if err != nil {
			return
		}
		if r, ok := n.quickRegion(); ok {
			quick++
			if want := n.Plan().Region; r != want {
				t.Errorf("+%s…: %s by its first digits, %s by the plan", e164[1:7], r, want)
			}
		}
	}
	digits := func(k int) (s string) {
		for range k {
			s += string(rune('0' + random.IntN(10)))
		}
		return s
	}
	for code := range phonenumbers.GetSupportedCallingCodes() {
		for range 60 {
			check(fmt.Sprintf("+%d%s", code, digits(5+random.IntN(8))))
		}
	}
	for area := range 1000 {
		check(fmt.Sprintf("+1%03d5550100", area))
		for range 6 {
			check(fmt.Sprintf("+1%03d%s", area, digits(7)))
		}
	}
	for _, start := range []string{"447", "79", "393", "614", "474", "479"} {
		for range 1500 {
			check("+" + start + digits(12-len(start)-random.IntN(3)))
		}
	}
	if quick < 15000 {
		t.Errorf("only %d numbers were found quickly", quick)
	}
}

func BenchmarkRegion(b *testing.B) {
	for _, number := range []string{"+12025550123", "+447912345678", "+4915123456789", "+14165550123"} {
		n, _ := Parse(number)
		b.Run(number[:4], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n.Region()
			}
		})
	}
}
