package function

import "testing"

// What identifies a line of the log stays readable; what may be a code or a number does not.
func TestScrub(t *testing.T) {
	for in, want := range map[string]string{
		"2026-11-21T15:18:05.085Z\t44559d7d-afd7-4088-a5c7-78bdeddc488f\tINFO\tcode 123456 to +12025550177": "2026-11-21T15:18:05.085Z\t44559d7d-afd7-4088-a5c7-78bdeddc488f\tINFO\tcode ****** to **********77",
		"2026-11-21T15:18:05123456":             "2026-11-21T15:18:05******",
		"a44559d7d-afd7-4088-a5c7-78bdeddc488f": "a44559d7d-afd7-4088-a5c7-78bdeddc488f",
		"123-4567-123456":                       "123-****-******",
		"in 123 ms, 45 MB":                      "in 123 ms, 45 MB",
	} {
		if got := scrub(in, nil); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
