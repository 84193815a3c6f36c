package vonage

import (
	"encoding/json"
	"strings"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

// text is a JSON string or number, as text.
type text string

// UnmarshalJSON takes strings and numbers; null is empty.
func (t *text) UnmarshalJSON(raw []byte) error {
	var s string
	if err := json.Unmarshal(raw, &s); err == nil {
		*t = text(s)
		return nil
	}
	var n json.Number
	if err := json.Unmarshal(raw, &n); err != nil {
		return err
	}
	*t = text(n)
	return nil
}

// problem is an error of the newer APIs (RFC 9457), in an answer or a receipt. code and reason are how v0.1 wrote it, error_title how the
// Voice API does.
type problem struct {
	Type       string `json:"type"`
	Title      text   `json:"title"`
	Detail     string `json:"detail"`
	Code       text   `json:"code"`
	Reason     string `json:"reason"`
	ErrorTitle string `json:"error_title"`
}

// name is what follows the # of the type ("1120", "low-balance"), else the code or title if one is a number.
func (p *problem) name() string {
	if _, after, ok := strings.Cut(p.Type, "#"); ok && after != "" {
		return after
	}
	for _, s := range []string{string(p.Code), string(p.Title)} {
		if isDigits(s) {
			return s
		}
	}
	return strings.ToLower(p.Type[strings.LastIndexByte(p.Type, '/')+1:])
}

// sentence is Vonage's own.
func (p *problem) sentence() string {
	parts := []string{p.ErrorTitle, p.Detail, p.Reason}
	if !isDigits(string(p.Title)) {
		parts[0] += string(p.Title)
	}
	var out []string
	for _, s := range parts {
		if s != "" {
			out = append(out, s)
		}
	}
	return strings.Join(out, ": ")
}

func reasonOfProblem(name string) provider.Reason {
	if r := messagesReason(name); r != "" {
		return r
	}
	return problemReason(name)
}

// refused judges an answer of a newer API that is no success.
func refused(c exchange.Caller, a exchange.Answer, m provider.Message) error {
	var p problem
	if !a.JSON(&p) || a.Status < 400 {
		return c.Refused(a, m, "", "", "")
	}
	name := p.name()
	if name == lifeEnded {
		return c.Refused(a, m, provider.BadRequest, name, p.sentence())
	}
	return c.Refused(a, m, reasonOfProblem(name), name, p.sentence())
}
