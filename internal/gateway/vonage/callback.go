package vonage

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

// maxCallback bounds what is read of a callback, in bytes.
const maxCallback = 64 << 10

// errCallback is for a callback that is not one of Vonage's.
var errCallback = errors.New("vonage: the callback cannot be understood")

// Signed reports whether callbacks are authentic: whether there is a signature secret.
func (p *Provider) Signed() bool { return p.signed.configured() }

// report is a callback of the Messages or the Voice API.
type report struct {
	MessageUUID string `json:"message_uuid"`
	UUID        string `json:"uuid"`
	Channel     any    `json:"channel"`
	MessageType string `json:"message_type"`
	Status      string `json:"status"`
	To          text   `json:"to"`
	From        text   `json:"from"`
	Text        string `json:"text"`
	Timestamp   string `json:"timestamp"`
	ClientRef   string `json:"client_ref"`
	Usage       struct {
		Currency string `json:"currency"`
		Price    text   `json:"price"`
	} `json:"usage"`
	Destination struct {
		NetworkCode text `json:"network_code"`
	} `json:"destination"`
	SMS struct {
		CountTotal text   `json:"count_total"`
		Keyword    string `json:"keyword"`
	} `json:"sms"`
	Error *problem `json:"error"`
	// Of a call.
	Price   text   `json:"price"`
	Network text   `json:"network"`
	Detail  string `json:"detail"`
}

// ReadCallback reads what became of a text or a call, or a text that came in. One without a token is throttled, so that it comes again with one.
func (p *Provider) ReadCallback(_ context.Context, c provider.Callback) ([]provider.Notice, provider.Reply, error) {
	id, err := p.signed.check(c)
	if err != nil {
		return nil, provider.Reply{}, err
	}
	var in report
	if readJSON(c, &in) != nil {
		return nil, provider.Reply{}, errCallback
	}
	var n provider.Notice
	switch {
	case in.MessageUUID != "" && in.Status != "":
		n = p.status(in)
	case in.MessageUUID != "" && in.MessageType == "text":
		n = in.inbound()
	case in.UUID != "" && in.Status != "":
		n = p.callStatus(in)
	case in.MessageUUID != "" || in.UUID != "":
		return nil, provider.Reply{}, nil // a picture, an event of a call
	default:
		return nil, provider.Reply{}, errCallback
	}
	if n.ID = exchange.Short(id, 64); n.State == "" && n.Inbound == nil {
		return nil, provider.Reply{}, nil // a status that tells nothing
	}
	return []provider.Notice{n}, provider.Reply{}, nil
}

// readJSON decodes the body of a POST.
func readJSON(c provider.Callback, v any) error {
	if kind, _, err := mime.ParseMediaType(header(c, "Content-Type")); err != nil || kind != "application/json" {
		return errCallback
	}
	if c.Method != http.MethodPost || len(c.Body) > maxCallback || json.Unmarshal(c.Body, v) != nil {
		return errCallback
	}
	return nil
}

// status is what a receipt of the Messages API says.
func (p *Provider) status(in report) provider.Notice {
	n := provider.Notice{
		ProviderID: exchange.Short(in.MessageUUID, 64), Reference: exchange.Short(in.ClientRef, maxReference), At: clock(in.Timestamp),
		Price: exchange.Micros(string(in.Usage.Price)), Network: network(string(in.Destination.NetworkCode)), Segments: count(string(in.SMS.CountTotal)),
	}
	if n.Price > 0 {
		n.Currency = currency(in.Usage.Currency)
	}
	switch in.Status {
	case "submitted":
		n.State = provider.StateSent
	case "delivered", "read":
		n.State = provider.StateDelivered
	case "rejected":
		n.State, n.Reason = provider.StateFailed, provider.Unknown
	case "undeliverable": // Vonage could not reach the carrier
		n.State, n.Reason = provider.StateFailed, provider.Temporary
	}
	if in.Error == nil || n.State != provider.StateFailed {
		return n
	}
	code := in.Error.name()
	n.VendorCode, n.Text = exchange.Short(code, 64), p.caller.Clean(in.Error.sentence(), provider.Message{})
	if r := reasonOfProblem(code); r != "" {
		n.Reason = r
	}
	if code == lifeEnded {
		n.State, n.Reason = provider.StateExpired, ""
	}
	return n
}

// inbound is a text that came in.
func (in report) inbound() provider.Notice {
	return provider.Notice{At: clock(in.Timestamp), Inbound: &provider.Inbound{
		From: e164(string(in.From)), To: string(in.To), Text: in.Text, Keyword: keyword(in.SMS.Keyword),
	}}
}

// callStatus is what an event of a call says. The price comes with its end.
func (p *Provider) callStatus(in report) provider.Notice {
	n := provider.Notice{
		ProviderID: exchange.Short(in.UUID, 64), At: clock(in.Timestamp), Price: exchange.Micros(string(in.Price)), Network: network(string(in.Network)),
	}
	if n.Price > 0 {
		n.Currency = currency("")
	}
	switch in.Status {
	case "started":
		n.State = provider.StateQueued
	case "ringing":
		n.State = provider.StateSent
	case "answered", "completed":
		n.State = provider.StateDelivered
	case "busy", "timeout", "unanswered", "machine", "rejected":
		n.State, n.Reason = provider.StateUndelivered, provider.Unreachable
	case "failed", "cancelled":
		n.State, n.Reason = provider.StateFailed, provider.Unknown
	}
	if n.Reason != "" {
		n.VendorCode, n.Text = exchange.Short(in.Status, 64), p.caller.Clean(in.Detail, provider.Message{})
	}
	return n
}

// clock reads a time of a report, zero if it is none.
func clock(s string) time.Time {
	for _, layout := range []string{time.RFC3339, time.DateTime} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}

// currency is an ISO 4217 code; Vonage's own is the euro.
func currency(s string) string {
	if len(s) != 3 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "EUR"
	}
	return s
}

// network is an MCC and MNC, or empty.
func network(s string) string {
	if !isDigits(s) || len(s) < 5 || len(s) > 6 {
		return ""
	}
	return s
}

// count is a number of parts.
func count(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return min(max(n, 0), 255)
}

// e164 puts the plus before a number of Vonage's.
func e164(s string) string {
	if s = strings.TrimPrefix(s, "+"); !isDigits(s) {
		return ""
	}
	return "+" + s
}

// keyword is one of those that we know; Vonage calls any first word a keyword.
func keyword(s string) string {
	switch s = strings.ToUpper(s); s {
	case "STOP", "START", "HELP":
		return s
	}
	return ""
}
