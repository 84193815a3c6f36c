package infobip

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

const (
	// maxCallback bounds a callback, in bytes; it holds up to maxResults results.
	maxCallback = 1 << 20
	maxResults  = 1000
)

var errCallback = errors.New("infobip: the callback cannot be understood")

// hashOf is the hash of a callback's HMAC, nil for an unknown one.
func hashOf(method string) func() hash.Hash {
	switch method {
	case "", "sha256":
		return sha256.New
	case "sha512":
		return sha512.New
	}
	return nil
}

// Signed reports whether callbacks are authentic: by HTTP Basic or an HMAC, if one is set up.
func (p *Provider) Signed() bool {
	return p.c.CallbackUser != "" || p.c.CallbackSecret.Reveal() != ""
}

// authentic checks a callback.
func (p *Provider) authentic(c provider.Callback) bool {
	if p.c.CallbackUser != "" {
		user, password, ok := (&http.Request{Header: c.Header}).BasicAuth()
		sameUser := subtle.ConstantTimeCompare([]byte(user), []byte(p.c.CallbackUser))
		samePassword := subtle.ConstantTimeCompare([]byte(password), []byte(p.c.CallbackPassword.Reveal()))
		if !ok || sameUser&samePassword != 1 {
			return false
		}
	}
	if p.c.CallbackSecret.Reveal() == "" {
		return true
	}
	h := hmac.New(hashOf(p.c.CallbackHash), []byte(p.c.CallbackSecret.Reveal()))
	h.Write(c.Body)
	sum := h.Sum(nil)
	said := ""
	if v := c.Header[p.header]; len(v) == 1 {
		said = v[0]
	}
	if _, after, ok := strings.Cut(said, "="); ok && strings.HasPrefix(strings.ToLower(said), "sha") { // "sha256=…"
		said = after
	}
	if raw, err := hex.DecodeString(said); err == nil && hmac.Equal(raw, sum) {
		return true
	}
	raw, err := base64.StdEncoding.DecodeString(said)
	return err == nil && hmac.Equal(raw, sum)
}

// result is a report, a log, or a text that came in.
type result struct {
	MessageID    string `json:"messageId"`
	CallbackData string `json:"callbackData"`
	To           string `json:"to"`
	DoneAt       string `json:"doneAt"`
	SentAt       string `json:"sentAt"`
	MessageCount int    `json:"messageCount"`
	SMSCount     int    `json:"smsCount"`
	MCCMNC       string `json:"mccMnc"`
	Price        struct {
		PerMessage json.Number `json:"pricePerMessage"`
		Currency   string      `json:"currency"`
	} `json:"price"`
	Status *status `json:"status"`
	Error  struct {
		ID          int    `json:"id"`
		Name        string `json:"name"`
		Description string `json:"description"`
		Permanent   bool   `json:"permanent"`
	} `json:"error"`
	// Of a text that came in.
	From       string `json:"from"`
	Text       string `json:"text"`
	Keyword    string `json:"keyword"`
	ReceivedAt string `json:"receivedAt"`
}

type results struct {
	Results []result `json:"results"`
}

// ReadCallback reads reports and texts that came in.
func (p *Provider) ReadCallback(_ context.Context, c provider.Callback) ([]provider.Notice, provider.Reply, error) {
	if len(c.Body) > maxCallback {
		return nil, provider.Reply{}, errCallback
	}
	if !p.authentic(c) {
		return nil, provider.Reply{}, provider.ErrSignature
	}
	var in results
	if c.Method != http.MethodPost || json.Unmarshal(c.Body, &in) != nil || in.Results == nil || len(in.Results) > maxResults {
		return nil, provider.Reply{}, errCallback
	}
	var out []provider.Notice
	for _, r := range in.Results {
		switch n := p.notice(r); {
		case r.MessageID == "":
			return nil, provider.Reply{}, errCallback
		case r.Status == nil && r.ReceivedAt != "":
			out = append(out, r.inbound())
		case n.State != "":
			out = append(out, n)
		}
	}
	return out, provider.Reply{}, nil
}

// notice is what a report or log says; it has no state if it says nothing.
func (p *Provider) notice(r result) provider.Notice {
	n := provider.Notice{
		ProviderID: exchange.Short(r.MessageID, 200), Reference: exchange.Short(r.CallbackData, 40), Segments: min(max(r.MessageCount, r.SMSCount, 0), 255),
		Network: network(r.MCCMNC), At: clock(r.DoneAt),
	}
	if r.Status == nil || r.Status.GroupID == nil {
		return n
	}
	n.State, n.Reason = stateOf(*r.Status.GroupID, r.Status.ID)
	if n.Price = exchange.Micros(string(r.Price.PerMessage)) * int64(max(n.Segments, 1)); n.Price > 0 {
		n.Currency = r.Price.Currency
	}
	if n.Reason == "" {
		return n
	}
	code, text := r.Status.ID, r.Status.Name+" "+r.Status.Description
	if r.Error.ID != 0 {
		code, text = r.Error.ID, r.Error.Name+" "+r.Error.Description
	}
	if more := errorReason(r.Error.ID, r.Error.Permanent); more != "" && statusReason(r.Status.ID) == "" {
		n.Reason = more
	}
	n.VendorCode, n.Text = strconv.Itoa(code), p.caller.Clean(text, provider.Message{To: r.To})
	switch {
	case expired(r.Error.ID):
		n.State, n.Reason = provider.StateExpired, ""
	case r.Error.ID == duplicateError:
		n.State, n.Reason = provider.StateSent, ""
	}
	return n
}

// inbound is a text that came in.
func (r result) inbound() provider.Notice {
	return provider.Notice{At: clock(r.ReceivedAt), ID: exchange.Short("in-"+r.MessageID, 64), Inbound: &provider.Inbound{
		From: e164(r.From), To: r.To, Text: r.Text, Keyword: keyword(r.Keyword),
	}}
}

// Poll asks for the log of a text, and if there is none for that of a call. Infobip keeps logs for 48 hours.
func (p *Provider) Poll(ctx context.Context, providerID string) (provider.Notice, error) {
	var a exchange.Answer
	for _, path := range []string{"/sms/3/logs?", "/tts/3/logs?"} {
		req, err := exchange.Get(p.base + path + url.Values{"messageId": {providerID}, "limit": {"1"}}.Encode())
		if a, err = p.do(ctx, req, err); err != nil {
			return provider.Notice{}, err
		}
		var in results
		if a.Status != http.StatusOK || !a.JSON(&in) || len(in.Results) > 1 {
			return provider.Notice{}, p.refused(a, provider.Message{})
		}
		if len(in.Results) == 1 && in.Results[0].MessageID == providerID {
			if n := p.notice(in.Results[0]); n.State != "" {
				return n, nil
			}
		}
	}
	return provider.Notice{}, p.caller.NotKnown(a, "the message is not in the logs")
}

// clock reads a time of Infobip's ("2026-11-21T12:00:00.000+0000"), zero if it is none.
func clock(s string) time.Time {
	for _, layout := range []string{"2006-01-02T15:04:05.000-0700", time.RFC3339} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}

// network is an MCC and MNC, or empty.
func network(s string) string {
	if len(s) < 5 || len(s) > 6 || strings.Trim(s, "0123456789") != "" {
		return ""
	}
	return s
}

// e164 puts the plus before a number of Infobip's; empty if it is none.
func e164(s string) string {
	if s = strings.TrimPrefix(s, "+"); s == "" || strings.Trim(s, "0123456789") != "" {
		return ""
	}
	return "+" + s
}

// keyword is one of those that we know; Infobip's are the account's own.
func keyword(s string) string {
	switch s = strings.ToUpper(s); s {
	case "STOP", "START", "HELP":
		return s
	}
	return ""
}
