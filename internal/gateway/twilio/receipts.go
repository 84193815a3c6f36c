package twilio

import (
	"context"
	"crypto/subtle"
	"errors"
	"mime"
	"net/url"
	"strconv"
	"time"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

const (
	// maxParameters bounds a form, maxReference what comes back of Message.Reference.
	maxParameters, maxReference = 100, 40
	// validityEnded is the error of a message that was not sent before its ValidityPeriod ended.
	validityEnded = 30036
)

// emptyResponse is TwiML that does nothing.
const emptyResponse = "<Response/>"

// Signed reports whether there is an auth token to check signatures with.
func (p *Provider) Signed() bool { return p.c.AuthToken.Reveal() != "" }

// verified returns the form of a callback of this account.
func (p *Provider) verified(c provider.Callback) (url.Values, error) {
	var form url.Values
	if kind, _, err := mime.ParseMediaType(first(c.Header["Content-Type"])); err == nil && kind == "application/x-www-form-urlencoded" {
		if form, err = url.ParseQuery(string(c.Body)); err != nil {
			return nil, errors.New("twilio: the form cannot be read")
		}
	}
	if c.URL == nil {
		return nil, errors.New("twilio: the callback has no URL")
	}
	if p.Signed() && !signed(p.c.AuthToken.Reveal(), c, form) {
		return nil, provider.ErrSignature
	}
	if form == nil || len(form) > maxParameters {
		return nil, errors.New("twilio: a form of at most 100 parameters is expected")
	}
	if form.Get("AccountSid") != p.c.AccountSID {
		return nil, errors.New("twilio: the callback is about another account")
	}
	return form, nil
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// ReadCallback reads the status of a message or call, or a text that came in.
func (p *Provider) ReadCallback(_ context.Context, c provider.Callback) ([]provider.Notice, provider.Reply, error) {
	form, err := p.verified(c)
	if err != nil {
		return nil, provider.Reply{}, err
	}
	twiml := provider.Reply{ContentType: "text/xml", Body: []byte(emptyResponse)}
	status, sid := form.Get("MessageStatus"), form.Get("MessageSid")
	switch {
	case form.Get("CallStatus") != "":
		n, err := p.notice(form.Get("CallSid"), callState(form.Get("CallStatus")), form, c)
		return n, twiml, err
	case status != "" && status != "received":
		n, err := p.notice(sid, messageState(status), form, c)
		return n, provider.Reply{}, err
	case form.Has("Body") && form.Get("From") != "":
		text := exchange.Short(form.Get("Body"), maxInbound)
		in := &provider.Inbound{From: form.Get("From"), To: form.Get("To"), Text: text, Keyword: keyword(form.Get("OptOutType"))}
		return []provider.Notice{{ID: exchange.Short(sid, maxSID), At: c.Now, Inbound: in}}, twiml, nil
	}
	return nil, provider.Reply{}, errors.New("twilio: the callback is about nothing known")
}

// maxInbound bounds a text that came in, in bytes (1,600 characters).
const maxInbound = 6400

// keyword is what Twilio took a text for.
func keyword(optOutType string) string {
	switch optOutType {
	case "STOP", "START", "HELP":
		return optOutType
	}
	return ""
}

// notice is what a callback about a message or call says.
func (p *Provider) notice(sid string, state provider.State, form url.Values, c provider.Callback) ([]provider.Notice, error) {
	if state == "" {
		return nil, errors.New("twilio: a status that is not known")
	}
	if sid == "" {
		return nil, errors.New("twilio: the callback names no message")
	}
	n := provider.Notice{ProviderID: exchange.Short(sid, maxSID), State: state, At: at(form.Get("RawDlrDoneDate"), form.Get("Timestamp"))}
	if ref := c.URL.Query().Get(referenceKey); len(ref) <= maxReference {
		n.Reference = ref
	}
	code, _ := strconv.Atoi(form.Get("ErrorCode"))
	n = explained(n, code, p.caller.Clean(form.Get("ErrorMessage"), provider.Message{}))
	return []provider.Notice{n}, nil
}

// explained adds why a message did not arrive.
func explained(n provider.Notice, code int, text string) provider.Notice {
	if n.State != provider.StateFailed && n.State != provider.StateUndelivered {
		return n
	}
	n.Text = text
	if code != 0 {
		n.VendorCode = strconv.Itoa(code)
	}
	if n.Reason = reasonOf(code); n.Reason == "" {
		n.Reason = provider.Unknown
	}
	if code == validityEnded {
		n.State, n.Reason = provider.StateExpired, ""
	}
	return n
}

// at reads when it happened: minutes in UTC (messages) or RFC 1123 (calls). Zero if neither is there.
func at(minutes, stamp string) time.Time {
	if t, err := time.Parse("0601021504", minutes); err == nil {
		return t
	}
	if t, err := time.Parse(time.RFC1123Z, stamp); err == nil {
		return t.UTC()
	}
	return time.Time{}
}

// messageState is the state of a message, "" for statuses that are not known.
func messageState(status string) provider.State {
	switch status {
	case "accepted", "scheduled", "queued", "sending":
		return provider.StateQueued
	case "sent":
		return provider.StateSent
	case "delivered", "read":
		return provider.StateDelivered
	case "undelivered", "partially_delivered":
		return provider.StateUndelivered
	case "failed", "canceled":
		return provider.StateFailed
	}
	return ""
}

// callState is the state of a call. That it was completed says that somebody answered, or a mailbox.
func callState(status string) provider.State {
	switch status {
	case "queued", "initiated", "ringing":
		return provider.StateQueued
	case "in-progress", "answered":
		return provider.StateSent
	case "completed":
		return provider.StateDelivered
	case "busy", "no-answer":
		return provider.StateUndelivered
	case "failed", "canceled":
		return provider.StateFailed
	}
	return ""
}

// AskKey reports that calls ask for Message.Key.
func (p *Provider) AskKey() bool { return true }

// AnswerKeys reads the code to whoever pressed the key of the call, and hangs up on everybody else.
func (p *Provider) AnswerKeys(ctx context.Context, c provider.Callback, open func(token string) (provider.Message, error)) (provider.Reply, error) {
	reply := provider.Reply{ContentType: "text/xml", Body: []byte(hangUp)}
	form, err := p.verified(c)
	if err != nil {
		return reply, err
	}
	m, err := open(c.URL.Query().Get(provider.KeyToken))
	if err != nil {
		return reply, err
	}
	if m.Key == "" || subtle.ConstantTimeCompare([]byte(form.Get("Digits")), []byte(m.Key)) != 1 {
		return reply, provider.ErrWrongKey
	}
	if !m.ExpiresAt.IsZero() && !c.Now.Before(m.ExpiresAt) {
		return reply, provider.Permanent(errors.New("twilio: the code is dead"))
	}
	reply.Body = []byte(twiml(m))
	return reply, nil
}
