package vonage

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

const (
	// ringing is how long a call rings, maxCall how long it may last, in seconds.
	ringing, maxCall = 30, 120
	// maxTalk is the most characters of a talk action.
	maxTalk = 1500
	// keyWait is how long a call waits for keys after it has asked, in seconds (NCCO reference, input: at most 10).
	keyWait = 10
)

// phoneEnd is one end of a call.
type phoneEnd struct {
	Type   string `json:"type"`
	Number string `json:"number"`
}

// call is a request of the Voice API.
type call struct {
	To           []phoneEnd `json:"to"`
	From         phoneEnd   `json:"from"`
	NCCO         []action   `json:"ncco"`
	EventURL     []string   `json:"event_url,omitempty"`
	EventMethod  string     `json:"event_method,omitempty"`
	LengthTimer  int        `json:"length_timer"`
	RingingTimer int        `json:"ringing_timer"`
}

// action is one of an NCCO: talk, or input.
type action struct {
	Action      string   `json:"action"`
	Text        string   `json:"text,omitempty"`
	Language    string   `json:"language,omitempty"`
	Loop        int      `json:"loop,omitempty"`
	BargeIn     bool     `json:"bargeIn,omitempty"`
	Type        []string `json:"type,omitempty"`
	DTMF        *dtmf    `json:"dtmf,omitempty"`
	EventURL    []string `json:"eventUrl,omitempty"`
	EventMethod string   `json:"eventMethod,omitempty"`
}

type dtmf struct {
	MaxDigits int `json:"maxDigits"`
	TimeOut   int `json:"timeOut"`
}

// begins are the states that a call can begin with.
var begins = []string{"started", "ringing", "answered"}

func (p *Provider) call(ctx context.Context, m provider.Message, from string) (provider.Receipt, error) {
	switch {
	case p.credentials.basic():
		return provider.Receipt{}, notSent(kindMessages, provider.BadRequest, "application", "calls need an application")
	case !isDigits(from):
		return provider.Receipt{}, notSent(kindMessages, provider.SenderRejected, "from", "calls need a number to come from")
	case m.Key != "" && m.KeyURL == "":
		return provider.Receipt{}, notSent(kindMessages, provider.BadRequest, "key", "there is no place for the key that is pressed")
	}
	if utf8.RuneCountInString(say(m)[0].Text) > maxTalk {
		return provider.Receipt{}, notSent(kindMessages, provider.ContentRejected, "text", "the text is too long for a call")
	}
	if _, err := life(kindMessages, m, p.c.Now()); err != nil {
		return provider.Receipt{}, err
	}
	in := call{
		To: []phoneEnd{{"phone", strings.TrimPrefix(m.To, "+")}}, From: phoneEnd{"phone", from}, NCCO: script(m), LengthTimer: maxCall, RingingTimer: ringing,
	}
	if m.ReceiptURL != "" {
		in.EventURL, in.EventMethod = []string{m.ReceiptURL}, http.MethodPost
	}
	a, err := p.post(ctx, "/v1/calls", in)
	if err != nil {
		return provider.Receipt{}, err
	}
	var out struct {
		UUID   string `json:"uuid"`
		Status string `json:"status"`
	}
	if a.Status == http.StatusCreated && a.JSON(&out) && out.UUID != "" && slices.Contains(begins, out.Status) {
		return provider.Receipt{ProviderID: exchange.Short(out.UUID, 64), Raw: out.Status}, nil
	}
	return provider.Receipt{}, refused(p.caller, a, m)
}

// script is what the call does: it says the text, or asks for the key first.
func script(m provider.Message) []action {
	if m.Key == "" {
		return say(m)
	}
	l, prompt := question(m.Locale)
	return []action{
		// Keys count from the first moment, so that a call which begins with tones fails.
		{Action: "talk", Text: prompt.ask, Language: l, BargeIn: true},
		{Action: "input", Type: []string{"dtmf"}, DTMF: &dtmf{MaxDigits: len(m.Key), TimeOut: keyWait}, EventURL: []string{m.KeyURL}, EventMethod: http.MethodPost},
	}
}

// say says the text. A code that stands in it as it would be typed is said digit by digit, and the text twice; templates for voice do
// both themselves.
func say(m provider.Message) []action {
	text, times := m.Text, 0
	if m.Code != "" && strings.Contains(text, m.Code) {
		text, times = strings.ReplaceAll(text, m.Code, strings.Join(strings.Split(m.Code, ""), ", ")), 2
	}
	return []action{{Action: "talk", Text: text, Language: voice(m.Locale), Loop: times}}
}
