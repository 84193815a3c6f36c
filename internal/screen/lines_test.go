package screen_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"countersign/internal/screen"
	"countersign/phone"
)

// The types of lines that are remembered for a hundred numbers are those of each of them: samples of many plans.
func TestLineMemory(t *testing.T) {
	blocks := []string{
		"+141555626", "+190023456", "+180023456", "+1500555", "+44740012345", "+44207183875", "+44701234567", "+4915123456", "+493012345", "+49900123",
		"+3361234567", "+3389912345", "+39347123456", "+3902123456", "+9198123456", "+55119987654", "+8190123456", "+96650123456", "+22505010101", "+88161234567",
		"+88216123", "+80012345", "+2348031234", "+6591234", "+64211234", "+3538512345", "+3531123", "+420601123",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		blocks = append(blocks, fmt.Sprintf("+%d", 100_000_000+random.IntN(899_999_999)))
	}
	for _, b := range blocks {
		m := screen.NewLineMemory()
		for last := range 100 {
			n := number(t, fmt.Sprintf("%s%02d", b, last))
			if got, want := m.Of(n), n.Line(); got != want && !alone(n, want) {
				t.Errorf("%s%02d is of type %s, remembered as %s", b, last, want, got)
			}
		}
	}
}

// alone reports whether a number has a type that its neighbours do not: not one is known, but for numbers that no plan has.
func alone(n phone.Number, want phone.LineType) bool { return want == phone.Unknown && n.Fictional() }
