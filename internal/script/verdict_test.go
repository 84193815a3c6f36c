package script

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func rule(context string) *Outcome {
	return &Outcome{Data: json.RawMessage(`{"user":{},"context":` + context + `}`)}
}

func acted(commands string) *Outcome {
	o := &Outcome{}
	if err := json.Unmarshal([]byte(commands), &o.Commands); err != nil {
		panic(err)
	}
	return o
}

func TestVerdict(t *testing.T) {
	mfa := func(provider, options string) string {
		return `{"name":"multifactor.enable","args":["` + provider + `",` + options + `]}`
	}
	for name, c := range map[string]struct {
		outcomes []*Outcome
		want     string
	}{
		"nothing":                    {nil, `{}`},
		"a rule asks":                {[]*Outcome{rule(`{"multifactor":{"provider":"any","allowRememberBrowser":false}}`)}, `{"mfa":true}`},
		"guardian is any":            {[]*Outcome{rule(`{"multifactor":{"provider":"guardian"}}`)}, `{"mfa":true}`},
		"one that we lack":           {[]*Outcome{rule(`{"multifactor":{"provider":"duo","ikey":"x"}}`)}, `{"mfa":true}`},
		"google":                     {[]*Outcome{rule(`{"multifactor":{"provider":"google-authenticator"}}`)}, `{"mfa":true,"providers":["otp"]}`},
		"a later rule takes it back": {[]*Outcome{rule(`{"multifactor":{"provider":"any"}}`), rule(`{"multifactor":null}`)}, `{}`},
		"an odd rule":                {[]*Outcome{rule(`{"multifactor":"any","idToken":7}`)}, `{"mfa":true}`},
		"none":                       {[]*Outcome{rule(`{"multifactor":{"provider":"none"}}`)}, `{}`},
		"an action asks":             {[]*Outcome{acted(`[` + mfa("any", `{"providers":["phone","otp"]}`) + `]`)}, `{"mfa":true,"providers":["phone","otp"]}`},
		"an action takes it back":    {[]*Outcome{acted(`[` + mfa("any", `{}`) + `,` + mfa("none", `{}`) + `]`)}, `{}`},
		"but not a rule's":           {[]*Outcome{rule(`{"multifactor":{"provider":"any"}}`), acted(`[` + mfa("none", `{}`) + `]`)}, `{"mfa":true}`},
		"challenges":                 {[]*Outcome{acted(`[{"name":"authentication.challengeWith","args":["otp"]},{"name":"authentication.challengeWith","args":["phone"]}]`)}, `{"mfa":true,"providers":["otp","phone"]}`},
		"any and one are any":        {[]*Outcome{rule(`{"multifactor":{"provider":"any"}}`), acted(`[` + mfa("google-authenticator", `{}`) + `]`)}, `{"mfa":true}`},
		"denied":                     {[]*Outcome{acted(`[{"name":"access.deny","args":["go away"]},{"name":"access.deny","args":["again"]}]`)}, `{"denied":"go away"}`},
		"denied without words":       {[]*Outcome{acted(`[{"name":"access.deny","args":[""]}]`)}, `{"denied":"Access denied."}`},
		"a rule refuses":             {[]*Outcome{rule(`{"multifactor":{"provider":"any"}}`), {Error: &Error{Failure: Refused, Name: "UnauthorizedError", Message: "not today"}}}, `{"denied":"not today"}`},
		"claims": {[]*Outcome{rule(`{"idToken":{"https://x/a":1,"sub":"x","email":"e","gone":null},"accessToken":{"scope":["a"],"cognito:groups":["admin"],"b":2}}`),
			acted(`[{"name":"idToken.setCustomClaim","args":["https://x/a",2]},{"name":"accessToken.setCustomClaim","args":["permissions",["all"]]},{"name":"accessToken.setCustomClaim","args":["c",{"d":[1]}]}]`)},
			`{"access_claims":{"b":2,"c":{"d":[1]}},"id_claims":{"email":"e","https://x/a":2}}`},
		"metadata": {[]*Outcome{acted(`[{"name":"user.setUserMetadata","args":["a",1]},{"name":"user.setUserMetadata","args":["a",2]},{"name":"user.setUserMetadata","args":["b",null]},
			{"name":"user.setAppMetadata","args":["c","x"]},{"name":"users.updateAppMetadata","args":[{"d":1}]},{"name":"users.updateUserMetadata","args":["odd"]}]`)},
			`{"user_metadata":{"a":2,"b":null},"app_metadata":{"c":"x","d":1}}`},
		"scopes are not decided here": {[]*Outcome{acted(`[{"name":"accessToken.addScope","args":["admin"]}]`)}, `{}`},
	} {
		v, err := Verdict(c.outcomes)
		got, _ := json.Marshal(v)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %s %v, want %s", name, got, err, c.want)
		}
	}
}

// Code that fails, rather than refuses, is an error, and its words go to nobody who signs in.
func TestVerdictFailsClosed(t *testing.T) {
	for _, e := range []*Error{{Failure: Threw, Name: "TypeError", Message: "x"}, {Failure: TimedOut}, {Failure: Refused, Name: "Error", Message: "database password is x"},
		{Failure: Threw, Name: "UnauthorizedError", Message: "thrown, not given"}} {
		v, err := Verdict([]*Outcome{rule(`{}`), {Error: e}, acted(`[]`)})
		if got, ok := errors.AsType[*Error](err); !ok || got != e || v.Denied != "" {
			t.Errorf("%+v: %+v %v", e, v, err)
		}
	}
}

func TestClaimsAreBounded(t *testing.T) {
	big := strings.Repeat("x", 3<<10)
	v, err := Verdict([]*Outcome{acted(`[{"name":"idToken.setCustomClaim","args":["a","` + big + `"]},{"name":"idToken.setCustomClaim","args":["b","` + big + `"]},
		{"name":"idToken.setCustomClaim","args":["c","` + big + `"]},{"name":"idToken.setCustomClaim","args":["d","small"]}]`)})
	if err != nil || len(v.IDClaims) != 3 || v.IDClaims["c"] != nil || v.IDClaims["d"] != "small" {
		t.Errorf("%d claims were kept, %v", len(v.IDClaims), err)
	}
}
