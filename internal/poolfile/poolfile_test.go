package poolfile

import (
	"testing"
)

func TestYAMLRoundTrip(t *testing.T) {
	raw := `version: 1
pool:
  id: eu-1_abc
  settings:
    SmsVerificationMessage: "line: {####}\nsecond 'x' # no comment"
    MfaConfiguration: "OFF"
    UserPoolTags:
      "countersign:operator-number": "+12025550100"
      yes: "true"
rates: |
  account,country,channel,price,currency,from
  *,*,sms,0.05,USD,
accounts:
- name: t
  kind: twilio
  from: "007"
  settings: {account_sid: "AC1e5", n: "1_000", o: "0x1f", e: "1e3", d: "2026-01-02", nul: "null", t: "~", sp: " x ", tab: "a\tb", emp: "", dash: "- a", colon: "a: b", tick: "a'b\"c", uni: "ü\u2028x", nl: "\n", crlf: "a\r\nb", lead: "\n  x\n\n", perc: "%a", at: "@a", star: "*", amp: "&a", excl: "!a", q: "?", br: "{####}", sq: "[a]"}
`
	d, err := Parse([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	out, err := YAML(d)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", out)
	again, err := Parse(out)
	if err != nil {
		t.Fatal(err)
	}
	ch, err := Diff(d, again)
	if err != nil || len(ch) != 0 {
		t.Fatal(ch, err)
	}
}
