package vonage

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
	"unicode/utf8"

	"countersign/internal/gateway/exchange"
	"countersign/internal/message"
	"countersign/internal/secret"
	"countersign/provider"
)

const (
	// maxSMS is the most characters of a text by the SMS API.
	maxSMS = 3200
	// maxStatus is the most digits of a message's status; two are in use.
	maxStatus = 3
	// maxIDs bounds the ids of parts that Receipt.ProviderID holds.
	maxIDs = 16
)

// SMS is an account of kind "vonage-sms". It is safe for concurrent use.
type SMS struct {
	c          SMSConfig
	base       string
	conversion string
	caller     exchange.Caller
}

var (
	_ provider.Provider       = (*SMS)(nil)
	_ provider.CallbackReader = (*SMS)(nil)
	_ provider.Checker        = (*SMS)(nil)
	_ provider.Feedback       = (*SMS)(nil)
)

// NewSMS returns the provider, or all that is wrong with its configuration.
func NewSMS(c SMSConfig) (*SMS, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	base, err := baseURL(kindSMS, c.BaseURL, defaultSMS)
	errs := []error{clientMissing(kindSMS, c.Client), signatureSecret(kindSMS, c.SignatureSecret), err}
	if c.APIKey == "" {
		errs = append(errs, errors.New(kindSMS+": api_key is missing"))
	}
	if c.APISecret.Reveal() == "" {
		errs = append(errs, errors.New(kindSMS+": api_secret is missing"))
	}
	if hashOf(c.SignatureMethod) == nil {
		errs = append(errs, errors.New(kindSMS+": signature_method must be sha256, sha512, sha1 or md5"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	conversion := defaultBase
	if c.BaseURL != "" {
		conversion = base
	}
	return &SMS{
		c: c, base: base, conversion: conversion,
		caller: exchange.Caller{Client: c.Client, Name: kindSMS, Now: c.Now, Hide: []secret.String{c.APISecret, c.SignatureSecret}},
	}, nil
}

// Name returns "vonage-sms".
func (p *SMS) Name() string { return kindSMS }

// Send makes one attempt.
func (p *SMS) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	form, err := p.form(m)
	if err != nil {
		return provider.Receipt{}, err
	}
	req, err := exchange.Form(p.base+"/sms/json", form)
	if err != nil {
		return provider.Receipt{}, provider.Misconfigured(fmt.Errorf("%s: the request cannot be made", kindSMS))
	}
	a, err := p.caller.Do(ctx, req)
	if err != nil {
		return provider.Receipt{}, err
	}
	return p.judge(a, m)
}

// form are the parameters of a request.
func (p *SMS) form(m provider.Message) (url.Values, error) {
	if c := cmp.Or(m.Channel, provider.SMS); c != provider.SMS {
		return nil, provider.Misconfigured(fmt.Errorf("%s: no channel %q", kindSMS, c))
	}
	from := sender(cmp.Or(m.From, p.c.From))
	if from == "" {
		return nil, notSent(kindSMS, provider.SenderRejected, "from", "the account has no sender")
	}
	if utf8.RuneCountInString(m.Text) > maxSMS {
		return nil, notSent(kindSMS, provider.ContentRejected, "text", "the text is too long")
	}
	left, err := life(kindSMS, m, p.c.Now())
	if err != nil {
		return nil, err
	}
	form := url.Values{
		"api_key": {p.c.APIKey}, "api_secret": {p.c.APISecret.Reveal()}, "from": {from}, "to": {strings.TrimPrefix(m.To, "+")}, "text": {m.Text},
	}
	if encoding, _, _ := message.Segments(m.Text); encoding != message.GSM7 { // Vonage does not look at the text
		form.Set("type", "unicode")
	}
	if left > 0 {
		form.Set("ttl", strconv.FormatInt(left.Milliseconds(), 10))
	}
	if r := reference(m); r != "" {
		form.Set("client-ref", r)
	}
	if m.ReceiptURL != "" {
		form.Set("callback", m.ReceiptURL)
	}
	if m.EntityID != "" {
		form.Set("entity-id", m.EntityID)
	}
	if m.TemplateID != "" {
		form.Set("content-id", m.TemplateID)
	}
	return form, nil
}

// smsAnswer is an answer of the SMS API.
type smsAnswer struct {
	Count    text `json:"message-count"`
	Messages []struct {
		ID     string `json:"message-id"`
		Status text   `json:"status"`
		Error  string `json:"error-text"`
		Price  text   `json:"message-price"`
	} `json:"messages"`
}

// judge decides what an answer means: the status of HTTP says nothing.
func (p *SMS) judge(a exchange.Answer, m provider.Message) (provider.Receipt, error) {
	var in smsAnswer
	if !a.JSON(&in) || a.Status != http.StatusOK || len(in.Messages) == 0 {
		return provider.Receipt{}, p.caller.Refused(a, m, "", "", "")
	}
	out := provider.Receipt{Segments: min(len(in.Messages), 255), Raw: "accepted"}
	var ids []string
	var refusal error
	accepted := 0
	for _, part := range in.Messages {
		if part.Status != "0" {
			refusal = cmp.Or(refusal, p.refusal(a, m, string(part.Status), part.Error))
			continue
		}
		accepted++
		if out.Price += exchange.Micros(string(part.Price)); len(ids) < maxIDs && part.ID != "" {
			ids = append(ids, exchange.Short(part.ID, 64))
		}
	}
	if refusal == nil && (string(in.Count) != strconv.Itoa(accepted) || len(ids) != min(accepted, maxIDs)) {
		refusal = p.caller.Refused(a, m, "", "", "")
	}
	if said, ok := errors.AsType[*provider.VendorError](refusal); ok && accepted > 0 { // some parts are on their way
		refusal = fmt.Errorf("%w: some parts: %w", provider.ErrAmbiguous, said)
	}
	if refusal != nil {
		return provider.Receipt{}, refusal
	}
	if out.ProviderID = strings.Join(ids, ","); out.Price > 0 {
		out.Currency = currency("")
	}
	return out, nil
}

// refusal is the error of a part that was refused.
func (p *SMS) refusal(a exchange.Answer, m provider.Message, code, text string) error {
	if !isDigits(code) || len(code) > maxStatus {
		code = "" // none of theirs
	}
	return p.caller.Refused(a, m, cmp.Or(smsReason(code, text), provider.Unknown), code, text)
}

// Check asks for the account's balance, with the key and secret that texts are sent with.
func (p *SMS) Check(ctx context.Context) (string, error) {
	req, err := exchange.Get(p.base + "/account/get-balance")
	if err != nil {
		return "", provider.Misconfigured(fmt.Errorf("%s: the request cannot be made", kindSMS))
	}
	req.SetBasicAuth(p.c.APIKey, p.c.APISecret.Reveal())
	a, err := p.caller.Do(ctx, req)
	if err != nil {
		return "", err
	}
	var in struct {
		Value *float64 `json:"value"`
	}
	if a.Status != http.StatusOK || !a.JSON(&in) || in.Value == nil {
		return "", refused(p.caller, a, provider.Message{})
	}
	return fmt.Sprintf("Account API: key and secret were accepted; the balance is %.2f EUR; nothing was sent", *in.Value), nil
}

// Confirmed tells whether a code was typed in (Conversion API), if that is on. It is told for the first part.
func (p *SMS) Confirmed(ctx context.Context, providerID string, used bool) error {
	if !p.c.Conversion || providerID == "" {
		return nil
	}
	id, _, _ := strings.Cut(providerID, ",")
	query := url.Values{"message-id": {id}, "delivered": {strconv.FormatBool(used)}, "timestamp": {p.c.Now().UTC().Format(time.DateTime)}}
	req, err := exchange.Form(p.conversion+"/conversions/sms?"+query.Encode(), nil)
	if err != nil {
		return provider.Misconfigured(fmt.Errorf("%s: the request cannot be made", kindSMS))
	}
	req.SetBasicAuth(p.c.APIKey, p.c.APISecret.Reveal())
	a, err := p.caller.Do(ctx, req)
	if err != nil {
		return err
	}
	if a.Status != http.StatusOK {
		return refused(p.caller, a, provider.Message{})
	}
	return nil
}
