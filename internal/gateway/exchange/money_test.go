package exchange

import "testing"

func TestMicros(t *testing.T) {
	for in, want := range map[string]int64{
		"0.0333": 33300, "0.03330000": 33300, "-0.0075": 7500, "+1": 1e6, " 12.5 ": 12500000, ".5": 500000, "5.": 5e6, "0.0000019": 1,
		"999999999.999999": 999999999999999, "": 0, "-": 0, ".": 0, "1e3": 0, "1,5": 0, "1.2.3": 0, "1234567890": 0, "NaN": 0, "--1": 0, "٣": 0,
	} {
		if got := Micros(in); got != want {
			t.Errorf("Micros(%q) = %d, want %d", in, got, want)
		}
	}
}
