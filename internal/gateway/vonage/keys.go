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

// AnswerKeys checks the keys that were pressed in a call, and goes on with the text, or ends the call: there is one try. Errors after the
// token come with a reply that ends the call.
func (p *Provider) AnswerKeys(_ context.Context, c provider.Callback, open func(token string) (provider.Message, error)) (provider.Reply, error) {
	if _, err := p.signed.check(c); err != nil {
		return provider.Reply{}, err
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
	m, err := open(c.URL.Query().Get(provider.KeyToken))
	if err != nil {
		return provider.Reply{}, err
	}
	if m.Key == "" || subtle.ConstantTimeCompare([]byte(in.DTMF.Digits), []byte(m.Key)) != 1 {
		return goodbye(m), provider.ErrWrongKey
	}
	if _, err := life(kindMessages, m, c.Now); err != nil {
		return goodbye(m), err
	}
	return ncco(say(m)), nil
}

// goodbye ends a call without its text.
func goodbye(m provider.Message) provider.Reply {
	l, prompt := question(m.Locale)
	return ncco([]action{{Action: "talk", Text: prompt.wrong, Language: l}})
}

// ncco is the reply of what a call does next.
func ncco(next []action) provider.Reply {
	body, _ := json.Marshal(next) // texts and numbers alone
	return provider.Reply{Status: http.StatusOK, ContentType: "application/json", Body: body}
}
