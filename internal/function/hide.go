package function

import (
	"encoding/json"
	"slices"

	"countersign/internal/runner"
	"countersign/internal/secret"
)

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

// hide takes secrets out of foreign text.
func hide(text string, secrets []string) string { return secret.Hide(text, secrets, minSecret) }
