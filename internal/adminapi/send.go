package adminapi

import (
	"context"

	"countersign/internal/access"
	"countersign/internal/fault"
	"countersign/phone"
)

// PreviewInput asks what a pool would send.
type PreviewInput struct {
	PoolID  string `json:"-"`
	Kind    string `json:"kind,omitempty" maxLength:"64" doc:"What the text is for: sign_up, sign_in, reset, verify, invite. Default sign_in."`
	Client  string `json:"client,omitempty" maxLength:"128"`
	Locale  string `json:"locale,omitempty" maxLength:"35"`
	Channel string `json:"channel,omitempty" enum:"sms,voice"`
	To      string `json:"to,omitempty" maxLength:"32" doc:"Where it would go, for the price; a phone number in E.164 form."`
	Text    string `json:"text,omitempty" maxLength:"4096" doc:"This text in place of the pool's template."`
}

// Preview is a rendered text, with a sample code.
type Preview struct {
	Text     string `json:"text"`
	Encoding string `json:"encoding" enum:"GSM-7,UCS-2"`
	Segments int    `json:"segments"`
	Units    int    `json:"units" doc:"Septets of GSM-7, or 16-bit units of UCS-2."`
	// Foreign are the characters that force UCS-2.
	Foreign  string `json:"foreign,omitempty"`
	Cost     string `json:"cost,omitempty"`
	Currency string `json:"currency,omitempty"`
	Known    bool   `json:"known_price,omitempty" doc:"The rate card has it; otherwise it is the dear default."`
}

// NewMessage is a text that an operator sends to see what comes back.
type NewMessage struct {
	To      string `json:"to" maxLength:"32" doc:"A phone number in E.164 form."`
	Account string `json:"account,omitempty" maxLength:"64" doc:"Pins it to an account. Default: the pool's plan."`
	Voice   bool   `json:"voice,omitempty"`
	Text    string `json:"text,omitempty" maxLength:"1600"`
}

type (
	sendInput struct {
		Pool string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
		Body NewMessage
	}
	previewInput struct {
		Pool string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
		Body PreviewInput
	}
	previewOutput struct{ Body Preview }
)

func (s *server) registerSend() {
	register(s, "POST", "/messages", "messages.test", "Send a test message and answer with its timeline",
		func(in *sendInput) access.Resource { return onPool(in.Pool) }, s.sendMessage)
	register(s, "POST", "/messages/preview", "senders.read", "Render a text: encoding, segments, price",
		func(in *previewInput) access.Resource { return onPool(in.Pool) }, s.preview)
}

// defaultTrial is what a test message says.
const defaultTrial = "This is a test message from Countersign."

func (s *server) sendMessage(ctx context.Context, in *sendInput) (*messageOutput, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	to, err := phone.Parse(in.Body.To)
	if err != nil {
		return nil, fault.Invalidf("to", "to: not a phone number in E.164 form.").WithHint("a plus, the country code and the number: +14155550100")
	}
	t := Trial{PoolID: in.Pool, To: to, Account: in.Body.Account, Voice: in.Body.Voice, Text: in.Body.Text}
	if t.Text == "" {
		t.Text = defaultTrial
	}
	if t.Account != "" {
		if _, err := s.account(ctx, &in.Pool, t.Account); err != nil {
			return nil, err
		}
	}
	s.audit(ctx, "test message", "pool", in.Pool, "account", in.Body.Account)
	id, err := s.Delivery.Try(ctx, t)
	if err != nil {
		return nil, err
	}
	m, err := s.message(ctx, id)
	return &messageOutput{m}, err
}

func (s *server) preview(ctx context.Context, in *previewInput) (*previewOutput, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	in.Body.PoolID = in.Pool
	p, err := s.Delivery.Preview(ctx, in.Body)
	return &previewOutput{p}, err
}
