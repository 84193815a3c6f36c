package receipt

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"countersign/internal/fault"
	"countersign/provider"
)

// storable reports whether a text is one that the store takes.
func storable(s string, n int) bool {
	return len(s) <= n && utf8.ValidString(s) && !strings.Contains(s, "\x00")
}

// FuzzReport: whatever a service says, what we would store of it is bounded and clean.
func FuzzReport(f *testing.F) {
	f.Add("id-1", "", "delivered", "", "30003", "text", "USD", "26201", int64(7500), 1, true)
	f.Add("id-1", "ref", "failed", "opted_out", "\x00", "\xff\xfe", "usd", "x", int64(-1), -1, true)
	f.Add(strings.Repeat("ü", 200), "", "undelivered", "made up", "+12025550123", strings.Repeat("🙂", 400), "", "310260", int64(1<<62), 1<<40, false)
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s := &Service{c: Config{Now: func() time.Time { return now }}}
	f.Fuzz(func(t *testing.T, id, reference, state, reason, code, text, cur, net string, cost int64, segments int, authentic bool) {
		r, ok := s.report("p", "a", provider.Notice{
			ProviderID: id, Reference: reference, State: provider.State(state), Reason: provider.Reason(reason), VendorCode: code, Text: text, Currency: cur,
			Network: net, Price: cost, Segments: segments, At: now.Add(time.Duration(cost)),
		}, Push, authentic)
		if !ok {
			return
		}
		w := r.row
		switch {
		case !storable(r.reference, maxID), !storable(w.ProviderID, maxID), !storable(w.VendorCode, maxCode), !storable(w.Text, maxText):
			t.Fatalf("texts %q %q %q %q", r.reference, w.ProviderID, w.VendorCode, w.Text)
		case !known(provider.State(w.State)), w.Reason != "" && w.Reason != reason && w.Reason != "unknown":
			t.Fatalf("state %q, reason %q", w.State, w.Reason)
		case w.Cost < 0, w.Cost > maxPrice, (w.Cost > 0) != (w.Currency != ""), w.Segments < 0, w.Segments > maxSegments:
			t.Fatalf("%d %q, %d segments", w.Cost, w.Currency, w.Segments)
		case w.Authentic != authentic, w.Network != "" && !network(w.Network), !w.At.IsZero() && w.At.Sub(now).Abs() > 400*24*time.Hour:
			t.Fatalf("%+v", w)
		}
	})
}

// FuzzPrices: a file is refused, or read whole into amounts that can be added up.
func FuzzPrices(f *testing.F) {
	for _, s := range []string{
		"provider_id,price,currency\nid-1,0.0075,EUR\n", "price,currency,provider_id\n-1,usd,id-1\n1,usd,id-1\n", "\ufeffprovider_id,price,currency\nid-1,1.0000009,EUR\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		rows, err := readPrices(file)
		if err != nil {
			if fault.CodeOf(err) != fault.InvalidParameter || rows != nil {
				t.Fatal(rows, err)
			}
			return
		}
		seen := map[[2]string]bool{}
		for _, p := range rows {
			key := [2]string{p.id, p.currency}
			if seen[key] || !storable(p.id, maxID) || p.id == "" || !currency(p.currency) || p.micros < 0 || p.micros > maxPrice {
				t.Fatalf("%+v", p)
			}
			seen[key] = true
			if back, ok := parseMicros(formatMicros(p.micros)); !ok || back != p.micros {
				t.Fatalf("%d is written %q", p.micros, formatMicros(p.micros))
			}
		}
	})
}

func TestMicros(t *testing.T) {
	for s, want := range map[string]int64{"0": 0, "1": 1e6, "-0.0075": 7500, "0.0000019": 1, "12.5": 12500000, "1000000": 1e12} {
		if got, ok := parseMicros(s); got != want || !ok {
			t.Errorf("%s: %d, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "-", ".5", "1.", "1e3", "1,5", "1000001", "+1", " 1", "0x1"} {
		if got, ok := parseMicros(s); ok {
			t.Errorf("%q: %d", s, got)
		}
	}
}
