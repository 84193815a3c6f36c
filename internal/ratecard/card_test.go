package ratecard

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign/internal/fault"
)

const head = "account,country,channel,price,currency,from\n"

func day(s string) time.Time {
	t, err := time.Parse(dayForm, s)
	if err != nil {
		panic(err)
	}
	return t
}

func parse(t testing.TB, rows string) *Card {
	t.Helper()
	c, err := Parse([]byte(head + rows))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPrice(t *testing.T) {
	c := parse(t, `twilio-eu,DE,sms,0.0985,USD,2026-01-01
twilio-eu,DE,sms,0.11,USD,2026-06-01
twilio-eu,DE,sms,0.2,EUR,
twilio-eu,*,sms,0.07,USD,
twilio-eu,FR,*,0.08,USD,2027-01-01
twilio,DE,sms,0.5,USD,
twilio,*,*,0.04,USD,
*,DE,sms,0.03,GBP,
*,DE,*,0.02,GBP,
*,*,voice,0.12,EUR,
`)
	for _, q := range []struct {
		account, kind, country, channel string
		segments                        int
		on                              string
		want                            Price
	}{
		{"twilio-eu", "twilio", "DE", "sms", 1, "2026-01-01", Price{98_500, "USD", true}},
		{"twilio-eu", "twilio", "DE", "sms", 2, "2026-05-31", Price{197_000, "USD", true}},
		{"twilio-eu", "twilio", "DE", "sms", 1, "2026-06-01", Price{110_000, "USD", true}},
		{"twilio-eu", "twilio", "DE", "sms", 1, "2025-12-31", Price{200_000, "EUR", true}},
		{"twilio-eu", "twilio", "FR", "sms", 1, "2026-12-31", Price{70_000, "USD", true}},
		{"twilio-eu", "twilio", "FR", "sms", 1, "2027-01-01", Price{80_000, "USD", true}}, // the country goes before the channel
		{"twilio-eu", "twilio", "", "sms", 1, "2026-01-01", Price{70_000, "USD", true}},
		{"twilio-eu", "twilio", "FR", "voice", 3, "2026-01-01", Price{40_000, "USD", true}}, // the kind's; a call has no segments
		{"twilio-us", "twilio", "DE", "sms", 0, "2026-01-01", Price{500_000, "USD", true}},
		{"mitto", "mitto", "DE", "sms", 1, "2026-01-01", Price{30_000, "GBP", true}},
		{"mitto", "mitto", "DE", "voice", 1, "2026-01-01", Price{20_000, "GBP", true}},
		{"mitto", "mitto", "FR", "voice", 1, "2026-01-01", Price{120_000, "EUR", true}},
		{"mitto", "mitto", "FR", "sms", 3, "2026-01-01", Price{3 * DefaultPrice, DefaultCurrency, false}},
		{"mitto", "mitto", "FR", "sms", 1 << 30, "2026-01-01", Price{255 * DefaultPrice, DefaultCurrency, false}},
	} {
		if got := c.Price(q.account, q.kind, q.country, q.channel, q.segments, day(q.on).Add(13*time.Hour)); got != q.want {
			t.Errorf("%+v: got %+v", q, got)
		}
	}
}

// A day is UTC's, wherever the clock stands.
func TestPriceDaysAreUTC(t *testing.T) {
	c := parse(t, "a,*,*,1,USD,\na,*,*,2,USD,2026-06-01\n")
	at := time.Date(2026, 6, 1, 1, 0, 0, 0, time.FixedZone("", 2*3600)) // 23:00 UTC the day before
	if got := c.Price("a", "", "", "sms", 1, at); got.Micros != 1_000_000 {
		t.Fatal(got)
	}
}

func TestNilCard(t *testing.T) {
	var c *Card
	if got := c.Price("a", "b", "DE", "sms", 2, time.Time{}); got != (Price{2 * DefaultPrice, DefaultCurrency, false}) {
		t.Fatal(got)
	}
	if c.Len() != 0 || c.Rows() != nil || string(c.Format()) != head {
		t.Fatal("a nil card holds something")
	}
}

func TestFormat(t *testing.T) {
	c := parse(t, "b,*,sms,1.50,usd,2026-01-02\n\"a\", de ,SMS,000.007900000,EUR, \nb,*,sms,2,USD,2026-01-01\nb,*,sms,1000.000000,USD,\n")
	want := head + "a,DE,sms,0.0079,EUR,\nb,*,sms,1000,USD,\nb,*,sms,2,USD,2026-01-01\nb,*,sms,1.5,USD,2026-01-02\n"
	if got := string(c.Format()); got != want {
		t.Fatalf("got %q\nwant %q", got, want)
	}
	if rows := c.Rows(); len(rows) != 4 || c.Len() != 4 || rows[0].Country != "DE" {
		t.Fatal(rows)
	}
}

func TestParseTakes(t *testing.T) {
	for name, in := range map[string]string{
		"a byte order mark and CRLF": "\ufeff" + strings.ReplaceAll(head, "\n", "\r\n") + "a,*,*,1,USD,\r\n",
		"a header with spaces":       "Account, Country,channel ,price,currency,from\na,*,*,1,USD,\n",
		"no newline at the end":      head + "a,*,*,1,USD,",
		"empty lines":                head + "\n\na,*,*,1,USD,\n\n",
	} {
		if c, err := Parse([]byte(in)); err != nil || c.Len() != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c, err := Parse([]byte(head)); err != nil || c.Len() != 0 {
		t.Errorf("the header alone: %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	good := "a,DE,sms,1,USD,\n"
	for name, q := range map[string]struct{ in, want string }{
		"nothing":             {"", "Line 1, column 1: the header"},
		"no header":           {good, "Line 1, column 1: the header"},
		"another header":      {"account,country,channel,price,from,currency\n", "Line 1, column 31: the header"},
		"too few fields":      {head + "a,DE,sms,1,USD\n", "Line 2, column 1: 5 fields"},
		"too many fields":     {head + good + "a,DE,sms,1,USD,,\n", "Line 3, column 1: 7 fields"},
		"an open quote":       {head + "\"a,DE,sms,1,USD,\n", "a quote"},
		"a stray quote":       {head + "a\"b,DE,sms,1,USD,\n", "Line 2, column 2: a quote"},
		"no account":          {head + ",DE,sms,1,USD,\n", "Line 2, column 1: an account"},
		"a formula":           {head + "=cmd,DE,sms,1,USD,\n", "Line 2, column 1: an account"},
		"a long account":      {head + strings.Repeat("a", 65) + ",DE,sms,1,USD,\n", "Line 2, column 1: an account"},
		"a country's name":    {head + "a,Germany,sms,1,USD,\n", "Line 2, column 3: a country"},
		"an unknown channel":  {head + "a,DE,fax,1,USD,\n", "Line 2, column 6: a channel"},
		"a negative price":    {head + "a,DE,sms,-1,USD,\n", "Line 2, column 10: a price"},
		"a price with a sign": {head + "a,DE,sms,+1,USD,\n", "column 10: a price"},
		"an exponent":         {head + "a,DE,sms,1e3,USD,\n", "column 10: a price"},
		"a comma price":       {head + "a,DE,sms,\"0,5\",USD,\n", "column 10: a price"},
		"no price":            {head + "a,DE,sms,,USD,\n", "column 10: a price"},
		"a bare point":        {head + "a,DE,sms,1.,USD,\n", "column 10: a price"},
		"seven places":        {head + "a,DE,sms,0.0000001,USD,\n", "column 10: a price"},
		"a fortune":           {head + "a,DE,sms,1000.000001,USD,\n", "column 10: a price"},
		"an overflow":         {head + "a,DE,sms,99999999999999999999,USD,\n", "column 10: a price"},
		"infinity":            {head + "a,DE,sms,Inf,USD,\n", "column 10: a price"},
		"a currency's sign":   {head + "a,DE,sms,1,$,\n", "Line 2, column 12: a currency"},
		"another date":        {head + "a,DE,sms,1,USD,1.2.2026\n", "Line 2, column 16: a day"},
		"no such day":         {head + "a,DE,sms,1,USD,2026-02-30\n", "Line 2, column 16: a day"},
		"the same twice":      {head + good + "b,DE,sms,1,USD,\na,de,SMS,2,EUR,\n", "Line 4, column 1: the same account, country, channel and day as line 2"},
		"several":             {head + "a,DE,fax,1,USD,\n" + good + "a,DE,sms,x,USD,\n", "Line 2, column 6: a channel is sms, voice or *. Line 4, column 10"},
	} {
		c, err := Parse([]byte(q.in))
		if c != nil || fault.CodeOf(err) != fault.InvalidParameter || !strings.Contains(fault.Of(err).Public, q.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseIsBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString(head)
	for i := range MaxRows + 1 {
		fmt.Fprintf(&b, "a%d,DE,sms,1,USD,\n", i)
	}
	if _, err := Parse([]byte(b.String())); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("Line %d, column 1: more than", MaxRows+2)) {
		t.Fatal(err)
	}
	if c, err := Parse([]byte(strings.TrimSuffix(b.String(), fmt.Sprintf("a%d,DE,sms,1,USD,\n", MaxRows)))); err != nil || c.Len() != MaxRows {
		t.Fatal(err)
	}
	if _, err := Parse(bytes.Repeat([]byte("\n"), MaxBytes+1)); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Fatal(err)
	}
	_, err := Parse([]byte(head + strings.Repeat("x\n", 1000)))
	if n := strings.Count(err.Error(), "Line "); n != maxProblems {
		t.Fatalf("%d problems", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(head + "twilio-eu,DE,sms,0.0985,USD,2026-01-01\n*,*,*,1,EUR,\n"))
	f.Add([]byte("\ufeff" + head + "\"a\",de,*,0000.5,usd,0001-01-01\r\n"))
	f.Add([]byte(head + "a,DE,sms,\"1\"\"\",USD,\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		c, err := Parse(in)
		if err != nil {
			if fault.CodeOf(err) != fault.InvalidParameter || !strings.Contains(err.Error(), "Line ") && len(in) <= MaxBytes {
				t.Fatal(err)
			}
			return
		}
		out := c.Format()
		again, err := Parse(out)
		if err != nil || !bytes.Equal(again.Format(), out) || again.Len() != c.Len() {
			t.Fatalf("%q became %q: %v", in, out, err)
		}
		for _, r := range c.Rows() {
			p := again.Price(r.Account, "", r.Country, r.Channel, 1, r.From)
			if p != (Price{r.Micros, r.Currency, true}) {
				t.Fatalf("%+v costs %+v", r, p)
			}
		}
	})
}

func BenchmarkPrice(b *testing.B) {
	var rows strings.Builder
	for a := range 20 {
		for i := range 26 * 26 {
			fmt.Fprintf(&rows, "account-%d,%c%c,sms,0.0%d,USD,\n", a, 'A'+i/26, 'A'+i%26, i+1)
		}
	}
	c := parse(b, rows.String())
	at := day("2026-01-01")
	for name, account := range map[string]string{"first": "account-7", "none": "other"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Price(account, "twilio", "DE", "sms", 2, at)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	var rows strings.Builder
	rows.WriteString(head)
	for i := range 10_000 {
		fmt.Fprintf(&rows, "account-%d,DE,sms,0.0%d,USD,\n", i, i+1)
	}
	in := []byte(rows.String())
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, err := Parse(in); err != nil {
			b.Fatal(err)
		}
	}
}
