package vonage

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"net/http"

	"countersign/provider"
)

// AskKey reports that calls ask for Message.Key.
func (p *Provider) AskKey() bool { return true }

// AnswerKeys checks the keys that were pressed in a call, and goes on with the text, or ends the call: there is one try.
func (p *Provider) AnswerKeys(_ context.Context, c provider.Callback, open func(token string) (provider.Message, error)) (provider.Reply, error) {
	if _, err := p.signed.check(c); err != nil {
		return provider.Reply{Status: http.StatusServiceUnavailable}, err
	}
	var in struct {
		UUID string `json:"uuid"`
		DTMF *struct {
			Digits text `json:"digits"`
		} `json:"dtmf"`
	}
	if readJSON(c, &in) != nil || in.DTMF == nil || in.UUID == "" || c.URL == nil {
		return provider.Reply{}, errCallback
	}
	m, err := open(c.URL.Query().Get("token"))
	if err != nil {
		return provider.Reply{}, err
	}
	next := say(m)
	if _, dead := life(kindMessages, m, c.Now); dead != nil || m.Key == "" || subtle.ConstantTimeCompare([]byte(in.DTMF.Digits), []byte(m.Key)) != 1 {
		l, prompt := question(m.Locale)
		next = []action{{Action: "talk", Text: prompt.wrong, Language: l}}
	}
	body, err := json.Marshal(next)
	if err != nil {
		return provider.Reply{}, err
	}
	return provider.Reply{Status: http.StatusOK, ContentType: "application/json", Body: body}, nil
}
