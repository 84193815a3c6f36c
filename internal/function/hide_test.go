package function

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"countersign/internal/runner"
)

// What an event tells in confidence is known, whatever its form.
func TestConfided(t *testing.T) {
	got := confided([]byte(`{"request":{"code":"SEALED==","password":"Pass-word1","challengeAnswer":"an answer","privateChallengeParameters":{"a":"private word","b":"short"},
		"validationData":{"v":"validation"},"userAttributes":{"name":"Alice Example"}}}`), "T3mp<&\"'>")
	slices.Sort(got)
	if want := []string{"Pass-word1", "SEALED==", "T3mp<&\"'>", "an answer", "private word", "validation"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	for _, odd := range []string{``, `null`, `[]`, `{"request":7}`, `{"request":{"password":7,"challengeAnswer":["x"]}}`} {
		if got := confided([]byte(odd), ""); len(got) != 0 {
			t.Errorf("%s: %q", odd, got)
		}
	}
}

// Secrets are found as they are, in JSON, in HTML, line by line, and where one holds another.
func TestHide(t *testing.T) {
	pem := "-----BEGIN KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END KEY-----"
	secrets := []string{"secret", "secret-and-more", "T3mp<&\"'>", pem, "12345", ""}
	quoted, err := json.Marshal(secrets)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{strings.Join(secrets, " "), string(quoted), "T3mp&lt;&amp;&quot;&#39;&gt; ", "'MIGHAgEAMBMGByqGSM49\\n' +"} {
		got := hide(text, secrets)
		for _, left := range []string{"secret", "more", "T3mp", "MIGH"} {
			if strings.Contains(got, left) {
				t.Errorf("%q leaves %s: %q", text, left, got)
			}
		}
	}
	if got := hide("12345 and nothing else", secrets); got != "12345 and nothing else" {
		t.Errorf("too much is hidden: %q", got)
	}
}

// Who may call a function and not read its secrets is told none of them, and the result that others see is untouched.
func TestMasked(t *testing.T) {
	r := &runner.Result{Payload: []byte(`"x"`), Log: []byte("the secret-and-more and 123456\n"), Error: &runner.Error{Type: "E secret-and-more", Message: "secret-and-more 123456", Trace: []string{"at secret-and-more"}}}
	got := masked(r, []string{"secret-and-more"})
	if string(got.Log) != "the [redacted] and ******\n" || got.Error.Type != "E [redacted]" || got.Error.Message != "[redacted] 123456" || got.Error.Trace[0] != "at [redacted]" || string(got.Payload) != `"x"` {
		t.Errorf("%s %+v", got.Log, got.Error)
	}
	if r.Error.Trace[0] != "at secret-and-more" || !strings.Contains(string(r.Log), "123456") {
		t.Errorf("the result was changed: %s %+v", r.Log, r.Error)
	}
	if got := masked(&runner.Result{}, nil); got.Error != nil {
		t.Errorf("%+v", got)
	}
}

// A log that was cut in the middle of a secret does not show the rest of it.
func TestTail(t *testing.T) {
	log := []byte(strings.Repeat("x", maxTail) + "-rest-of-a-secret\nthe last line\n")
	if got := tail(log); got != "the last line\n" {
		t.Errorf("got %q", got)
	}
	if got := tail([]byte("short\n")); got != "short\n" {
		t.Errorf("got %q", got)
	}
}
