package secret_test

import (
	"testing"

	"countersign/internal/secret"
)

func TestHide(t *testing.T) {
	values := []string{"p+w<d\"1", "p+w<d", "12345", "first line of a key\nsecond line of it\n", "  "}
	for in, want := range map[string]string{
		"":                               "",
		"nothing":                        "nothing",
		"raw p+w<d\"1 and p+w<d":         "raw [redacted] and [redacted]",
		`json {"x":"p+w<d\"1"}`:          `json {"x":"[redacted]"}`,
		"html p+w&lt;d, p+w&lt;d&quot;1": "html [redacted], [redacted]",
		"url ?q=p%2Bw%3Cd%221&x":         "url ?q=[redacted]&x",
		"short 12345":                    "short [redacted]",
		"console: second line of it":     "console: [redacted]",
		"two  spaces":                    "two  spaces",
	} {
		if got := secret.Hide(in, values, 5); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	if got := secret.Hide("short 12345", values, 6); got != "short 12345" {
		t.Errorf("a value that is too short was hidden: %q", got)
	}
}
