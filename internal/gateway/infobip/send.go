package infobip

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
	"countersign/provider"
)

const (
	// maxText bounds what is sent, in characters; Infobip splits it.
	maxText = 1600
	// maxValidity bounds a validity period (SMS API v3: 48 hours).
	maxValidity = 48 * time.Hour
	// ringing is how long a call rings, in seconds.
	ringing = 30
)

type destination struct {
	To        string `json:"to"`
	MessageID string `json:"messageId,omitempty"`
}

// sms is a message of POST /sms/3/messages.
type sms struct {
	Sender       string        `json:"sender"`
	Destinations []destination `json:"destinations"`
	Content      struct {
		Text string `json:"text"`
	} `json:"content"`
	Options struct {
		ValidityPeriod *validity `json:"validityPeriod,omitempty"`
		Regional       *regional `json:"regional,omitempty"`
	} `json:"options"`
	Webhooks *webhooks `json:"webhooks,omitempty"`
}

// regional is what a country asks for (SMS API v3, SmsRegionalOptions).
type regional struct {
	IndiaDLT struct {
		ContentTemplateID string `json:"contentTemplateId,omitempty"`
		PrincipalEntityID string `json:"principalEntityId"`
	} `json:"indiaDlt"`
}

type validity struct {
	Amount   int64  `json:"amount"`
	TimeUnit string `json:"timeUnit"`
}

type webhooks struct {
	Delivery struct {
		URL                string `json:"url"`
		IntermediateReport bool   `json:"intermediateReport"`
	} `json:"delivery"`
	ContentType  string `json:"contentType"`
	CallbackData string `json:"callbackData,omitempty"`
}

type smsRequest struct {
	Messages []sms `json:"messages"`
	Options  struct {
		IncludeCount bool      `json:"includeSmsCountInResponse"`
		Conversion   *tracking `json:"conversionTracking,omitempty"`
	} `json:"options"`
}

type tracking struct {
	Use  bool   `json:"useConversionTracking"`
	Name string `json:"conversionTrackingName"`
}

// voice is a message of POST /tts/3/advanced.
type voice struct {
	From              string        `json:"from"`
	Destinations      []destination `json:"destinations"`
	Text              string        `json:"text"`
	Language          string        `json:"language,omitempty"`
	RingTimeout       int           `json:"ringTimeout"`
	NotifyURL         string        `json:"notifyUrl,omitempty"`
	NotifyContentType string        `json:"notifyContentType,omitempty"`
	CallbackData      string        `json:"callbackData,omitempty"`
}

// Send makes one attempt.
func (p *Provider) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	channel := cmp.Or(m.Channel, provider.SMS)
	if channel != provider.SMS && channel != provider.Voice {
		return provider.Receipt{}, provider.Misconfigured(fmt.Errorf("%s: no channel %q", name, channel))
	}
	from := strings.TrimPrefix(cmp.Or(m.From, p.c.From), "+")
	switch {
	case from == "":
		return provider.Receipt{}, notSent(provider.SenderRejected, "from", "the account has no sender")
	case utf8.RuneCountInString(m.Text) > maxText:
		return provider.Receipt{}, notSent(provider.ContentRejected, "text", "the text is too long")
	case channel == provider.Voice && m.Key != "":
		return provider.Receipt{}, notSent(provider.BadRequest, "key", "these calls cannot ask for a key")
	}
	var left time.Duration
	if !m.ExpiresAt.IsZero() {
		if left = m.ExpiresAt.Sub(p.c.Now()); left <= 0 {
			return provider.Receipt{}, provider.Permanent(errors.New(name + ": the code is dead"))
		}
	}
	path, body := "/sms/3/messages", any(p.text(m, from, left))
	if channel == provider.Voice {
		path, body = "/tts/3/advanced", call(m, from)
	}
	a, err := p.post(ctx, path, body)
	if err != nil {
		return provider.Receipt{}, err
	}
	return p.judge(a, m)
}

func notSent(r provider.Reason, code, why string) error {
	return provider.Fail(r, 0, &provider.VendorError{Provider: name, VendorCode: code, Text: "not sent: " + why})
}

// text is the request for a text.
func (p *Provider) text(m provider.Message, from string, left time.Duration) smsRequest {
	var one sms
	one.Sender, one.Content.Text = from, m.Text
	one.Destinations = []destination{{strings.TrimPrefix(m.To, "+"), m.Reference}}
	if left > 0 {
		seconds := int64(min(left, maxValidity) / time.Second)
		one.Options.ValidityPeriod = &validity{max(seconds, 1), "SECONDS"}
	}
	if m.EntityID != "" { // without it a template counts for nothing
		one.Options.Regional = &regional{}
		one.Options.Regional.IndiaDLT.PrincipalEntityID, one.Options.Regional.IndiaDLT.ContentTemplateID = m.EntityID, m.TemplateID
	}
	if m.ReceiptURL != "" {
		one.Webhooks = &webhooks{ContentType: "application/json", CallbackData: m.Reference}
		one.Webhooks.Delivery.URL = m.ReceiptURL
	}
	out := smsRequest{Messages: []sms{one}}
	if out.Options.IncludeCount = true; p.c.Conversion && m.Code != "" {
		out.Options.Conversion = &tracking{true, "otp"}
	}
	return out
}

// call is the request for a call. A code that stands in the text as it would be typed is said digit by digit, and the text twice;
// templates for voice do both themselves.
func call(m provider.Message, from string) any {
	text := m.Text
	if m.Code != "" && strings.Contains(text, m.Code) {
		text = strings.ReplaceAll(text, m.Code, strings.Join(strings.Split(m.Code, ""), ",, "))
		if twice := text + " ... " + text; utf8.RuneCountInString(twice) <= maxText {
			text = twice
		}
	}
	one := voice{
		From: from, Destinations: []destination{{strings.TrimPrefix(m.To, "+"), m.Reference}}, Text: text, Language: language(m.Locale), RingTimeout: ringing,
	}
	if m.ReceiptURL != "" {
		one.NotifyURL, one.NotifyContentType, one.CallbackData = m.ReceiptURL, "application/json", m.Reference
	}
	return map[string]any{"messages": []voice{one}}
}

// language is one that Infobip speaks, English unless the locale is another one (Voice API, languages).
func language(locale string) string {
	l, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(locale, "_", "-")), "-")
	switch l {
	case "ar", "cs", "da", "de", "el", "es", "fi", "fr", "he", "hi", "hr", "hu", "id", "it",
		"ja", "ko", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sv", "th", "tr", "uk", "vi":
		return l
	case "nb":
		return "no"
	}
	return "en"
}

// post makes an authenticated request.
func (p *Provider) post(ctx context.Context, path string, v any) (exchange.Answer, error) {
	req, err := exchange.JSON(p.base+path, v)
	return p.do(ctx, req, err)
}

func (p *Provider) do(ctx context.Context, req *http.Request, err error) (exchange.Answer, error) {
	if err != nil {
		return exchange.Answer{}, provider.Misconfigured(errors.New(name + ": the request cannot be made"))
	}
	req.Header.Set("Authorization", "App "+p.c.APIKey.Reveal())
	return p.caller.Do(ctx, req)
}

// status is a message's in an answer, a report or a log.
type status struct {
	GroupID     *int   `json:"groupId"`
	ID          int    `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

type answer struct {
	Messages []struct {
		MessageID string `json:"messageId"`
		Status    status `json:"status"`
		Details   struct {
			Count int `json:"messageCount"`
		} `json:"details"`
	} `json:"messages"`
}

// judge decides what an answer means; the rules are in the package comment.
func (p *Provider) judge(a exchange.Answer, m provider.Message) (provider.Receipt, error) {
	var in answer
	if !a.JSON(&in) || a.Status != http.StatusOK || len(in.Messages) != 1 || in.Messages[0].Status.GroupID == nil {
		return provider.Receipt{}, p.refused(a, m)
	}
	one := in.Messages[0]
	out := provider.Receipt{
		ProviderID: exchange.Short(one.MessageID, 200), Segments: min(max(one.Details.Count, 0), 255), Raw: p.caller.Clean(one.Status.Name, m),
	}
	if one.Status.ID == duplicate && m.Reference != "" {
		out.ProviderID = cmp.Or(out.ProviderID, m.Reference)
		return out, nil
	}
	switch *one.Status.GroupID {
	case groupAccepted, groupPending, groupDelivered:
		if out.ProviderID != "" {
			return out, nil
		}
		return provider.Receipt{}, p.refused(a, m)
	}
	_, reason := stateOf(*one.Status.GroupID, one.Status.ID)
	code, text := strconv.Itoa(one.Status.ID), one.Status.Name+" "+one.Status.Description
	return provider.Receipt{}, p.caller.Refused(a, m, cmp.Or(reason, provider.Unknown), code, text)
}

// refusal is an error in either of its two shapes.
type refusal struct {
	ErrorCode    string `json:"errorCode"`
	Description  string `json:"description"`
	Violations   []violation
	RequestError struct {
		ServiceException struct {
			MessageID string `json:"messageId"`
			Text      string `json:"text"`
		} `json:"serviceException"`
	} `json:"requestError"`
}

type violation struct {
	Property  string `json:"property"`
	Violation string `json:"violation"`
}

// refused judges an answer that is no success.
func (p *Provider) refused(a exchange.Answer, m provider.Message) error {
	var in refusal
	if a.Status < 400 || !a.JSON(&in) {
		return p.caller.Refused(a, m, "", "", "")
	}
	code := cmp.Or(in.ErrorCode, in.RequestError.ServiceException.MessageID)
	text := cmp.Or(in.Description, in.RequestError.ServiceException.Text)
	for i, v := range in.Violations {
		if i == 3 {
			break
		}
		text += "; " + v.Property + ": " + v.Violation
	}
	return p.caller.Refused(a, m, refusalReason(code), code, text)
}

// Check posts no messages: Infobip looks at the key first and refuses it then, and nothing is sent.
func (p *Provider) Check(ctx context.Context) (string, error) {
	a, err := p.post(ctx, "/sms/3/messages", map[string]any{"messages": []sms{}})
	if err != nil {
		return "", err
	}
	var in refusal
	if a.Status == http.StatusBadRequest && a.JSON(&in) && cmp.Or(in.ErrorCode, in.RequestError.ServiceException.MessageID) != "" {
		return "SMS API: the key was accepted; a request without messages was refused, nothing was sent", nil
	}
	return "", p.refused(a, provider.Message{})
}

// Confirmed tells that a code was typed in, if conversion tracking is on. A code that was not is not told.
func (p *Provider) Confirmed(ctx context.Context, providerID string, used bool) error {
	if !p.c.Conversion || !used || providerID == "" {
		return nil
	}
	a, err := p.post(ctx, "/ct/1/log/end/"+url.PathEscape(providerID), struct{}{})
	if err != nil {
		return err
	}
	if a.Status != http.StatusOK {
		return p.refused(a, provider.Message{})
	}
	return nil
}
