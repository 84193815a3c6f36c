package function

import (
	"encoding/json"
	"slices"
	"strings"

	"countersign/internal/runner"
	"countersign/internal/secret"
	"countersign/internal/trigger"
)

// longLine is from where a line of a secret counts as one.
const longLine = 16

// confided is what an event tells a function in confidence, and what the event holds sealed: a function that prints or throws it says it to
// nobody. Values shorter than minSecret are no secrets; digits are masked anyway where it matters.
func confided(payload []byte, sealed string) []string {
	var ev struct {
		Request struct {
			Code                       string            `json:"code"`
			Password                   string            `json:"password"`
			ChallengeAnswer            string            `json:"challengeAnswer"`
			PrivateChallengeParameters map[string]string `json:"privateChallengeParameters"`
			ValidationData             map[string]string `json:"validationData"`
		} `json:"request"`
	}
	_ = json.Unmarshal(payload, &ev) // what has another form is no event of ours
	r := &ev.Request
	out := []string{sealed, r.Code, r.Password, r.ChallengeAnswer}
	for _, m := range []map[string]string{r.PrivateChallengeParameters, r.ValidationData} {
		for _, v := range m {
			out = append(out, v)
		}
	}
	return slices.DeleteFunc(out, func(v string) bool { return len(v) < minSecret })
}

// masked is a result without secrets in its words. What the function answers is its own to choose.
func masked(r *runner.Result, secrets []string) *runner.Result {
	out := *r
	out.Log = []byte(scrub(tail(r.Log), secrets))
	if r.Error != nil {
		e := *r.Error
		e.Type, e.Message, e.Trace = hide(e.Type, secrets), hide(e.Message, secrets), slices.Clone(e.Trace)
		for i, line := range e.Trace {
			e.Trace[i] = hide(line, secrets)
		}
		out.Error = &e
	}
	return &out
}

// hide takes secrets out of foreign text, as they are and as JSON and HTML write them; the longest first, since one may hold another.
func hide(text string, secrets []string) string {
	var all []string
	for _, v := range secrets {
		if len(v) < minSecret {
			continue
		}
		all = append(all, v, trigger.EscapeHTML(v))
		for l := range strings.Lines(v) { // as consoles show keys
			if l = strings.TrimSpace(l); len(l) >= longLine {
				all = append(all, l)
			}
		}
		if quoted, err := json.Marshal(v); err == nil {
			all = append(all, string(quoted[1:len(quoted)-1]))
		}
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	for _, v := range slices.Compact(all) {
		text = strings.ReplaceAll(text, v, secret.Redacted)
	}
	return text
}
