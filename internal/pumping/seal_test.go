package pumping

import (
	"context"
	"strings"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/store/storetest"
)

// FuzzSeal: what was sealed opens to what it was, tells nothing of the range, and nothing else panics.
func FuzzSeal(f *testing.F) {
	d := New(Config{Store: storetest.SQLite(f), Log: &eventlog.Log{}, Hash: func(_ context.Context, poolID string, parts ...string) (string, error) {
		return poolID + strings.Join(parts, "\x00"), nil
	}})
	whole := mark{flag: counted, places: places{country: "DE", prefix: "+491512345", address: "aa", network: "nn", client: "c"}, first: time.Unix(1e9, 0)}
	for _, s := range []string{whole.String(), "+DE;;;;;", "", "+DE;x;;;;", "~DE;xAAAA;a;;;", "!" + strings.Repeat(";", 5)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := d.Open(t.Context(), "p", s); err != nil {
			t.Fatal(err)
		}
		m, ok := parseMark(s)
		sealed, err := d.Seal(t.Context(), "p", s)
		if err != nil || !ok && sealed != "" {
			t.Fatalf("%q, %v", sealed, err)
		}
		if !ok || len(m.prefix) < 4 || len(m.prefix) > maxRange || m.prefix != field(m.prefix) {
			return
		}
		if strings.Contains(sealed, ";"+m.prefix+";") {
			t.Errorf("%q shows the range of %q", sealed, s)
		}
		if back, err := d.Open(t.Context(), "p", sealed); err != nil || back != m.String() {
			t.Errorf("%q is %q, %v", s, back, err)
		}
	})
}
