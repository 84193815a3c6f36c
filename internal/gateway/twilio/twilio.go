package twilio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

const (
	name = "twilio"
	// minValidity and maxValidity bound ValidityPeriod (API reference, Messages: 1 to 36,000, more than 5 advised), in seconds.
	minValidity, maxValidity = 6, 36000
	// ringing is how long a call rings, callLimit how long it may last, in seconds.
	ringing, callLimit = "30", "120"
	// referenceKey is the parameter of StatusCallback that holds Message.Reference.
	referenceKey = "a"
	// maxSID bounds an id in an answer, in bytes (they have 34).
	maxSID = 64
)

// Provider is an account at Twilio. It is safe for concurrent use.
type Provider struct {
	c      Config
	caller exchange.Caller
	base   string
}

var (
	_ provider.Provider       = (*Provider)(nil)
	_ provider.CallbackReader = (*Provider)(nil)
	_ provider.Poller         = (*Provider)(nil)
	_ provider.Checker        = (*Provider)(nil)
	_ provider.Feedback       = (*Provider)(nil)
	_ provider.KeyedCaller    = (*Provider)(nil)
)

// New returns the provider, or all that is wrong with its configuration.
func New(c Config) (*Provider, error) {
	errs := c.credentials()
	if c.From == "" && c.MessagingServiceSID == "" {
		errs = append(errs, errors.New("twilio: from or messaging_service_sid is missing: texts need a sender"))
	}
	if !alphanumeric(c.MessagingServiceSID) {
		errs = append(errs, errors.New("twilio: messaging_service_sid has letters and digits alone"))
	}
	if (c.TestSID == "") != (c.TestToken.Reveal() == "") || !alphanumeric(c.TestSID) {
		errs = append(errs, errors.New("twilio: test_account_sid and test_auth_token go together"))
	}
	base, err := baseOf(c.BaseURL, "api", c.Region, c.Edge)
	if err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Provider{c: c, caller: c.caller(name), base: base.JoinPath("2010-04-01", "Accounts").String()}, nil
}

// Name returns "twilio".
func (p *Provider) Name() string { return name }

// Send makes one attempt, of at most ten seconds.
func (p *Provider) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	resource, fields, err := p.fields(m)
	if err != nil {
		return provider.Receipt{}, err
	}
	a, err := p.call(ctx, p.base+"/"+p.c.AccountSID+"/"+resource, fields)
	if err != nil {
		return provider.Receipt{}, err
	}
	return p.judge(a, m)
}

// call makes a request with the account's credentials: a POST of the fields, a GET without.
func (p *Provider) call(ctx context.Context, to string, fields url.Values) (exchange.Answer, error) {
	return p.c.call(ctx, p.caller, to, fields)
}

func (c Config) call(ctx context.Context, caller exchange.Caller, to string, fields url.Values) (exchange.Answer, error) {
	req, err := exchange.Get(to)
	if fields != nil {
		req, err = exchange.Form(to, fields)
	}
	if err != nil {
		return exchange.Answer{}, provider.Misconfigured(fmt.Errorf("%s: %w", caller.Name, err))
	}
	if c.APIKeySID != "" {
		req.SetBasicAuth(c.APIKeySID, c.APIKeySecret.Reveal())
	} else {
		req.SetBasicAuth(c.AccountSID, c.AuthToken.Reveal())
	}
	return caller.Do(ctx, req)
}

// fields are the parameters of a request, and which resource they are for.
func (p *Provider) fields(m provider.Message) (resource string, fields url.Values, err error) {
	left := maxValidity
	if !m.ExpiresAt.IsZero() {
		if left = int(m.ExpiresAt.Sub(p.c.Now()) / time.Second); left < minValidity {
			return "", nil, provider.Permanent(errors.New("twilio: the code dies before the message can arrive"))
		}
	}
	fields = url.Values{"To": {m.To}}
	if callback := withReference(m.ReceiptURL, m.Reference); callback != "" {
		fields.Set("StatusCallback", callback)
	}
	switch cmp.Or(m.Channel, provider.SMS) {
	case provider.SMS:
		p.text(m, fields)
		if !m.ExpiresAt.IsZero() {
			fields.Set("ValidityPeriod", strconv.Itoa(min(left, maxValidity)))
		}
		return "Messages.json", fields, nil
	case provider.Voice:
		return "Calls.json", fields, p.voice(m, fields)
	}
	return "", nil, provider.Permanent(fmt.Errorf("twilio: no channel %q", m.Channel))
}

func (p *Provider) text(m provider.Message, fields url.Values) {
	fields.Set("Body", m.Text)
	if service := p.c.MessagingServiceSID; service != "" && m.From == "" {
		fields.Set("MessagingServiceSid", service)
	} else {
		fields.Set("From", cmp.Or(m.From, p.c.From))
	}
	for _, f := range []struct {
		on          bool
		name, value string
	}{
		{p.c.DiscardContent, "ContentRetention", "discard"}, {p.c.HideNumbers, "AddressRetention", "obfuscate"}, {p.c.SmartEncoded, "SmartEncoded", "true"},
		{p.c.ProvideFeedback, "ProvideFeedback", "true"}, {p.c.NoRiskCheck, "RiskCheck", "disable"},
	} {
		if f.on {
			fields.Set(f.name, f.value)
		}
	}
}

func (p *Provider) voice(m provider.Message, fields url.Values) error {
	from := cmp.Or(m.From, p.c.From)
	if from == "" {
		return provider.Misconfigured(errors.New("twilio: calls need a number to come from"))
	}
	fields.Set("From", from)
	fields.Set("Timeout", ringing)
	fields.Set("TimeLimit", callLimit)
	fields.Set("Twiml", twiml(m))
	if m.Key != "" {
		if m.KeyURL == "" {
			return provider.Misconfigured(errors.New("twilio: there is no place for the key that is pressed"))
		}
		fields.Set("Twiml", keyed(m))
	}
	if fields.Has("StatusCallback") {
		fields["StatusCallbackEvent"] = []string{"answered", "completed"}
	}
	return nil
}

// withReference adds the reference to where the receipts go. Twilio refuses a message whose callback's host holds an underscore (API reference,
// StatusCallback): it is sent without one, and asked for.
func withReference(receipts, reference string) string {
	u, err := url.Parse(receipts)
	if err != nil || receipts == "" || strings.Contains(u.Hostname(), "_") {
		return ""
	}
	if reference != "" {
		q := u.Query()
		q.Set(referenceKey, reference)
		u.RawQuery = q.Encode()
	}
	return u.String()
}

// answer holds what is read of an answer: a message, a call, an account, or an error, whose code and message it is.
type answer struct {
	SID          string  `json:"sid"`
	Status       any     `json:"status"` // the message's, or HTTP's
	NumSegments  string  `json:"num_segments"`
	Price        *string `json:"price"`
	PriceUnit    string  `json:"price_unit"`
	DateUpdated  string  `json:"date_updated"`
	ErrorCode    *int    `json:"error_code"`
	ErrorMessage string  `json:"error_message"`
	Code         int     `json:"code"`
	Message      string  `json:"message"`
	Type         string  `json:"type"`
}

// status is the message's.
func (a answer) status() string {
	s, _ := a.Status.(string)
	return s
}

// segments are 0 where Twilio does not say: with a messaging service, and for calls.
func (a answer) segments() int {
	n, _ := strconv.Atoi(a.NumSegments)
	return min(max(n, 0), 255)
}

// judge decides what an answer to a send means.
func (p *Provider) judge(a exchange.Answer, m provider.Message) (provider.Receipt, error) {
	var v answer
	if a.JSON(&v) && a.Status == http.StatusCreated && v.SID != "" && v.ErrorCode == nil && accepted(v.status()) {
		return provider.Receipt{ProviderID: exchange.Short(v.SID, maxSID), Segments: v.segments(), Raw: v.status()}, nil
	}
	return provider.Receipt{}, refused(p.caller, a, m)
}

// refused is the error of an answer.
func refused(c exchange.Caller, a exchange.Answer, m provider.Message) error {
	var v answer
	if !a.JSON(&v) {
		v = answer{}
	}
	if v.ErrorCode != nil {
		v.Code, v.Message = *v.ErrorCode, v.ErrorMessage
	}
	if v.Code == 0 {
		return c.Refused(a, m, "", "", v.Message)
	}
	return c.Refused(a, m, reasonOf(v.Code), strconv.Itoa(v.Code), v.Message)
}

// accepted reports whether a message or call with this status is on its way.
func accepted(status string) bool {
	switch status {
	case "accepted", "scheduled", "queued", "sending", "sent", "delivered", "initiated", "ringing", "in-progress", "completed":
		return true
	}
	return false
}
