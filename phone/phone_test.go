package phone_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"countersign/phone"
)

func must(t testing.TB, s string) phone.Number {
	t.Helper()
	n, err := phone.Parse(s)
	if err != nil {
		t.Fatalf("Parse(%q): %v", s, err)
	}
	return n
}

func TestParse(t *testing.T) {
	good := []string{"+12025550123", "+15555550100", "+447700900123", "+12", "+123456789012345", "+15550100"}
	for _, s := range good {
		if got := must(t, s).String(); got != s {
			t.Errorf("Parse(%q).String() = %q", s, got)
		}
	}
	bad := []string{
		"", "+", "+1", "12025550123", "+02025550123", "+1234567890123456", "+1202555012a", "+1 2025550123",
		" +12025550123", "+12025550123 ", "+12025550123\n", "++12025550123", "+１２０２５５５０１２３", "＋12025550123",
		"+1202555-0123", "tel:+12025550123", "0012025550123", "+12025550123;ext=1", "+1٢025550123", "+\x00123",
	}
	for _, s := range bad {
		if n, err := phone.Parse(s); !errors.Is(err, phone.ErrFormat) || !n.IsZero() {
			t.Errorf("Parse(%q) = %v, %v; want none and ErrFormat", s, n, err)
		}
	}
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		"+15555550100": "+*******0100", "+447700900123": "+********0123", "+4915228817386": "+*********7386",
		"+12345": "+*2345", "+1234": "+****", "+12": "+**",
	} {
		if got := must(t, in).Mask(); got != want {
			t.Errorf("Mask(%s) = %s, want %s", in, got, want)
		}
	}
	if got := (phone.Number{}).Mask(); got != "" {
		t.Errorf("Mask of none = %q", got)
	}
}

// TestPrintsMasked holds that no ordinary way of printing shows the number.
func TestPrintsMasked(t *testing.T) {
	const full = "+12025550123"
	n := must(t, full)
	var out bytes.Buffer
	fmt.Fprintf(&out, "%v|%+v|%#v|%s|%q|%d|%x|%v|%v|%#v", n, n, n, n, n, n, n, &n, struct{ To phone.Number }{n}, []phone.Number{n})
	fmt.Fprint(&out, n, fmt.Errorf("refused: %w %v", phone.ErrFormat, n))
	slog.New(slog.NewTextHandler(&out, nil)).Info("text", "to", n)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "to", n, "any", slog.AnyValue(n))
	if s := out.String(); strings.Contains(s, "5550") || strings.Contains(s, full[1:]) {
		t.Errorf("the number was printed:\n%s", s)
	}
	if !strings.Contains(out.String(), "+*******0123") {
		t.Errorf("the mask was not printed:\n%s", out.String())
	}
}

func TestText(t *testing.T) {
	type record struct {
		To  phone.Number `json:"to"`
		Cc  phone.Number `json:"cc"`
		Map map[phone.Number]int
	}
	in := record{To: must(t, "+12025550123"), Map: map[phone.Number]int{must(t, "+447700900123"): 1}}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"to":"+12025550123","cc":"","Map":{"+447700900123":1}}`; string(b) != want {
		t.Errorf("JSON %s, want %s", b, want)
	}
	var out record
	if err := json.Unmarshal(b, &out); err != nil || out.To != in.To || !out.Cc.IsZero() {
		t.Errorf("back: %v, %v", out, err)
	}
	if err := json.Unmarshal([]byte(`{"to":"12025550123"}`), &out); err == nil {
		t.Error("a number without plus was read")
	}
}

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		in, code, region string
		line             phone.LineType
		valid, fictional bool
	}{
		{"+12025550123", "1", "US", phone.FixedLineOrMobile, true, true},
		{"+15555550100", "1", "US", phone.Unknown, false, true},
		{"+15550100", "1", "US", phone.Unknown, false, true},
		{"+14155552671", "1", "US", phone.FixedLineOrMobile, true, false},
		{"+16135550187", "1", "CA", phone.FixedLineOrMobile, true, true},
		{"+18005550199", "1", "US", phone.TollFree, true, true},
		{"+18005550123", "1", "US", phone.TollFree, true, false},
		{"+15005550006", "1", "US", phone.PersonalNumber, true, false},
		{"+447700900123", "44", "GB", phone.Unknown, false, true},
		{"+447400123456", "44", "GB", phone.Mobile, true, false},
		{"+4407400123456", "44", "GB", phone.Mobile, false, false},
		{"+4407700900123", "44", "GB", phone.Unknown, false, true},
		{"+442079460018", "44", "GB", phone.FixedLine, true, true},
		{"+61491570156", "61", "AU", phone.Mobile, true, true},
		{"+33639981234", "33", "FR", phone.Unknown, false, true},
		{"+491713920045", "49", "DE", phone.Mobile, true, true},
		{"+46701740605", "46", "SE", phone.Mobile, true, true},
		{"+46701740604", "46", "SE", phone.Mobile, true, false},
		{"+353209123456", "353", "IE", phone.Unknown, false, true},
		{"+5491123456789", "54", "AR", phone.Mobile, true, false},
		{"+5215512345678", "52", "MX", phone.FixedLineOrMobile, true, false},
		{"+551187654321", "55", "BR", phone.Mobile, true, false},
		{"+22997123456", "229", "BJ", phone.Mobile, true, false},
		{"+881612345678", "881", "001", phone.Mobile, true, false},
		{"+99912345678", "", "", phone.Unknown, false, false},
		{"+1234", "1", "US", phone.Unknown, false, false},
	} {
		n := must(t, c.in)
		if n.CallingCode() != c.code || n.Region() != c.region || n.Line() != c.line || n.Valid() != c.valid || n.Fictional() != c.fictional {
			t.Errorf("%s: code %q region %q line %v valid %v fictional %v; want %q %q %v %v %v", c.in, n.CallingCode(), n.Region(),
				n.Line(), n.Valid(), n.Fictional(), c.code, c.region, c.line, c.valid, c.fictional)
		}
	}
	var none phone.Number
	if none.Region() != "" || none.CallingCode() != "" || none.Valid() || none.Fictional() || none.Line() != phone.Unknown || none.LineKey() != "" {
		t.Error("the zero value has properties")
	}
	if phone.LineType(99).String() != "unknown" || phone.Mobile.String() != "mobile" || !phone.Mobile.CanReceiveText() || phone.FixedLine.CanReceiveText() {
		t.Error("line type names")
	}
}

func TestLineKey(t *testing.T) {
	for _, line := range [][]string{
		{"+541123456789", "+5491123456789", "+54111523456789", "+5401123456789"},
		{"+542966123456", "+5492966123456", "+54296615123456"},
		{"+543412345678", "+5493412345678", "+54341152345678"},
		{"+5511987654321", "+551187654321", "+5501187654321"},
		{"+551133334444"},
		{"+5511933334444"},
		{"+525512345678", "+5215512345678"},
		{"+2290197123456", "+22997123456"},
		{"+12025550123", "+112025550123"},
		{"+36301234567", "+3606301234567"},
		{"+447400123456", "+4407400123456", "+44007400123456"},
		{"+390612345678"},
		{"+39612345678"},
		{"+225070712345", "+225070712345"},
		{"+4400000"},
		{"+12"},
		{"+999123"},
	} {
		for _, s := range line {
			if got := must(t, s).LineKey(); got != line[0] {
				t.Errorf("LineKey(%s) = %s, want %s", s, got, line[0])
			}
		}
	}
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{1,14}$`)

func FuzzParse(f *testing.F) {
	for _, s := range []string{"+12025550123", "+1 202", "+１２", "", "+0", "+1234567890123456"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := phone.Parse(s)
		if (err == nil) != (e164.MatchString(s) && !strings.HasSuffix(s, "\n")) {
			t.Fatalf("Parse(%q): %v", s, err)
		}
		if err == nil && n.String() != s {
			t.Fatalf("Parse(%q) gives %q", s, n.String())
		}
	})
}

func FuzzLineKey(f *testing.F) {
	for _, s := range []string{"+5491123456789", "+54111523456789", "+551187654321", "+5215512345678", "+22997123456", "+44007400123456", "+3606301234567", "+112025550123", "+12"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := phone.Parse(s)
		if err != nil {
			return
		}
		key := n.LineKey()
		k, err := phone.Parse(key)
		if err != nil {
			t.Fatalf("LineKey(%s) = %s is not a number", s, key)
		}
		if k.LineKey() != key {
			t.Fatalf("LineKey(%s) = %s, whose key is %s", s, key, k.LineKey())
		}
		if k.Fictional() != n.Fictional() {
			t.Fatalf("%s and its key %s: fictional or not", s, key)
		}
		if mask := n.Mask(); len(mask) != len(s) {
			t.Fatalf("Mask(%s) = %s", s, mask)
		}
		if p := n.Plan(); p.Valid && (p.Line == phone.Unknown || p.Region == "") {
			t.Fatalf("%s is valid without a line: %+v", s, p)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		_, _ = phone.Parse("+12025550123")
	}
}

func BenchmarkLineKey(b *testing.B) {
	n := must(b, "+5491123456789")
	for b.Loop() {
		n.LineKey()
	}
}

func BenchmarkPlan(b *testing.B) {
	n := must(b, "+447400123456")
	for b.Loop() {
		n.Plan()
	}
}
