package vonage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"countersign/internal/gateway/exchange"
	"countersign/internal/secret"
	"countersign/provider"
)

const (
	// maxMessage is the most characters of a text by the Messages API.
	maxMessage = 1000
	// minTTL and maxTTL bound how long delivery is attempted (Messages API, ttl; SMS API, ttl).
	minTTL, maxTTL = 20 * time.Second, 7 * 24 * time.Hour
	// maxReference bounds client_ref and client-ref, in characters.
	maxReference = 40
)

// Provider is an account of kind "vonage". It is safe for concurrent use.
type Provider struct {
	c           Config
	base        string
	credentials *credentials
	caller      exchange.Caller
	signed      signatures
}

var (
	_ provider.Provider       = (*Provider)(nil)
	_ provider.CallbackReader = (*Provider)(nil)
	_ provider.Checker        = (*Provider)(nil)
	_ provider.KeyedCaller    = (*Provider)(nil)
)

// New returns the provider, or all that is wrong with its configuration.
func New(c Config) (*Provider, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	base, baseErr := baseURL(kindMessages, c.BaseURL, defaultBase)
	cred, credErr := newCredentials(kindMessages, c.ApplicationID, c.PrivateKey, c.APIKey, c.APISecret, c.Now)
	if err := errors.Join(clientMissing(kindMessages, c.Client), credErr, signatureSecret(kindMessages, c.SignatureSecret), baseErr); err != nil {
		return nil, err
	}
	return &Provider{
		c: c, base: base, credentials: cred,
		caller: exchange.Caller{Client: c.Client, Name: kindMessages, Now: c.Now, Hide: []secret.String{c.APISecret, c.SignatureSecret}},
		signed: signatures{secret: c.SignatureSecret, application: c.ApplicationID, key: c.APIKey},
	}, nil
}

// Name returns "vonage".
func (p *Provider) Name() string { return kindMessages }

// Send makes one attempt.
func (p *Provider) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	from := sender(cmp.Or(m.From, p.c.From))
	switch cmp.Or(m.Channel, provider.SMS) {
	case provider.SMS:
		return p.text(ctx, m, from)
	case provider.Voice:
		return p.call(ctx, m, from)
	}
	return provider.Receipt{}, provider.Misconfigured(fmt.Errorf("%s: no channel %q", kindMessages, m.Channel))
}

// notSent is a refusal of ours, before anything is sent.
func notSent(kind string, r provider.Reason, code, why string) error {
	return provider.Fail(r, 0, &provider.VendorError{Provider: kind, VendorCode: code, Text: "not sent: " + why})
}

// life returns how long delivery may be tried; an error if the code is dead. It is 0 if there is no end.
func life(kind string, m provider.Message, now time.Time) (time.Duration, error) {
	if m.ExpiresAt.IsZero() {
		return 0, nil
	}
	left := m.ExpiresAt.Sub(now)
	if left <= 0 {
		return 0, provider.Permanent(errors.New(kind + ": the code is dead"))
	}
	return min(max(left, minTTL), maxTTL), nil
}

// reference is what goes into a field of at most maxReference characters.
func reference(m provider.Message) string {
	if len(m.Reference) > maxReference {
		return ""
	}
	return m.Reference
}

// textRequest is a request of the Messages API v1.
type textRequest struct {
	MessageType    string `json:"message_type"`
	Channel        string `json:"channel"`
	To             string `json:"to"`
	From           string `json:"from"`
	Text           string `json:"text"`
	ClientRef      string `json:"client_ref,omitempty"`
	TTL            int64  `json:"ttl,omitempty"`
	WebhookURL     string `json:"webhook_url,omitempty"`
	WebhookVersion string `json:"webhook_version,omitempty"`
	SMS            struct {
		EncodingType string `json:"encoding_type"`
		EntityID     string `json:"entity_id,omitempty"`
		ContentID    string `json:"content_id,omitempty"`
	} `json:"sms"`
}

func (p *Provider) text(ctx context.Context, m provider.Message, from string) (provider.Receipt, error) {
	if from == "" {
		return provider.Receipt{}, notSent(kindMessages, provider.SenderRejected, "from", "the account has no sender")
	}
	if utf8.RuneCountInString(m.Text) > maxMessage {
		return provider.Receipt{}, notSent(kindMessages, provider.ContentRejected, "text", "the text is too long")
	}
	left, err := life(kindMessages, m, p.c.Now())
	if err != nil {
		return provider.Receipt{}, err
	}
	in := textRequest{
		MessageType: "text", Channel: "sms", To: strings.TrimPrefix(m.To, "+"), From: from, Text: m.Text, ClientRef: reference(m),
		TTL: int64(left / time.Second), WebhookURL: m.ReceiptURL,
	}
	in.SMS.EntityID, in.SMS.ContentID = m.EntityID, m.TemplateID
	if in.SMS.EncodingType = "auto"; in.WebhookURL != "" {
		in.WebhookVersion = "v1"
	}
	a, err := p.post(ctx, "/v1/messages", in)
	if err != nil {
		return provider.Receipt{}, err
	}
	var out struct {
		ID string `json:"message_uuid"`
	}
	if a.Status == http.StatusAccepted && a.JSON(&out) && out.ID != "" {
		return provider.Receipt{ProviderID: exchange.Short(out.ID, 64), Raw: "accepted"}, nil
	}
	var said problem
	if a.Status >= 400 && a.Status < 500 && a.JSON(&said) && said.name() == alreadySent {
		return provider.Receipt{Raw: "already sent"}, nil
	}
	return provider.Receipt{}, refused(p.caller, a, m)
}

// post makes an authenticated request.
func (p *Provider) post(ctx context.Context, path string, v any) (exchange.Answer, error) {
	return post(ctx, p.caller, p.credentials, p.base+path, v)
}

func post(ctx context.Context, c exchange.Caller, by *credentials, to string, v any) (exchange.Answer, error) {
	req, err := exchange.JSON(to, v)
	if err == nil {
		err = by.set(req)
	}
	if err != nil {
		return exchange.Answer{}, provider.Misconfigured(fmt.Errorf("%s: the request cannot be made", c.Name))
	}
	return c.Do(ctx, req)
}

// Check posts an empty message: Vonage looks at the credentials first and refuses it then, and nothing is sent.
func (p *Provider) Check(ctx context.Context) (string, error) {
	how := "the application's key"
	if p.credentials.basic() {
		how = "the API key"
	}
	return check(ctx, p.caller, p.credentials, p.base+"/v1/messages", "Messages API: "+how+" was accepted; an empty message was refused, nothing was sent")
}

// check posts an empty request, which is refused for its content if the credentials are right.
func check(ctx context.Context, c exchange.Caller, by *credentials, to, found string) (string, error) {
	a, err := post(ctx, c, by, to, struct{}{})
	if err != nil {
		return "", err
	}
	var said problem
	refusedIt := a.Status == http.StatusUnprocessableEntity || a.Status == http.StatusBadRequest
	if refusedIt && a.JSON(&said) && said.Type != "" && reasonOfProblem(said.name()) != provider.AuthFailed {
		return found, nil
	}
	return "", refused(c, a, provider.Message{})
}
