package script

import (
	"encoding/json"
	"testing"
)

// A number is the same without its country, and in the form in which people write it.
func TestCleanerFindsNumbersWithoutCountry(t *testing.T) {
	k := newCleaner(&Call{Sensitive: []string{"+12025550123"}})
	for in, want := range map[string]string{
		"2025550123 is no mobile":      "202[redacted] is no mobile",
		"call (202) 555-0123 instead":  "call (202) [redacted] instead",
		"The 'To' number 202.555.0123": "The 'To' number 202.[redacted]",
		"order 5550124":                "order 5550124",
	} {
		if got := k.text(in, maxMessage); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestHostsAreCleaned(t *testing.T) {
	o := &Outcome{Requests: []Request{{Method: "GET", Host: "493817.example.com:443", Path: "/"}}}
	clean(o, Hook, &Call{Sensitive: []string{"493817"}})
	if got := o.Requests[0].Host; got != "[redacted].example.com:443" {
		t.Errorf("%q", got)
	}
}

func TestOutcomeHide(t *testing.T) {
	o := &Outcome{
		Envelope: json.RawMessage(`{"status":"success","data":{"sk-secret":"sk-secret","to":"+12025550123"}}`), Data: json.RawMessage(`{"n":[1,"x sk-secret"]}`),
		Commands: []Command{{Name: "user.setAppMetadata", Args: []json.RawMessage{json.RawMessage(`"k"`), json.RawMessage(`{"v":"sk-secret"}`)}}},
	}
	o.Hide(&Call{Secrets: map[string]string{"KEY": "sk-secret", "SHORT": "n"}, Sensitive: []string{"+12025550123"}})
	got, err := json.Marshal([]any{o.Envelope, o.Data, o.Commands})
	if err != nil {
		t.Fatal(err)
	}
	if want := `[{"status":"success","data":{"[redacted]":"[redacted]","to":"+12025550123"}},{"n":[1,"x [redacted]"]},` +
		`[{"name":"user.setAppMetadata","args":["k",{"v":"[redacted]"}]}]]`; string(got) != want {
		t.Errorf("%s", got)
	}
}

// A rule that asks for a second factor in another form than the documented one must not let people in without.
func TestMultifactorOfAnotherForm(t *testing.T) {
	for form, want := range map[string]bool{
		`"guardian"`: true, `true`: true, `{}`: true, `{"provider":["any"]}`: true, `{"provider":null}`: true, `[]`: true,
		`null`: false, `false`: false, `""`: false, `{"provider":"none"}`: false,
	} {
		v, err := Verdict([]*Outcome{{Data: json.RawMessage(`{"user":{},"context":{"multifactor":` + form + `,"idToken":{"a":1}}}`)}})
		if err != nil || v.MFA != want || len(v.Providers) != 0 || v.IDClaims["a"] != 1.0 {
			t.Errorf("%s: %+v %v", form, v, err)
		}
	}
}
