package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

// receipt is what the service tells afterwards.
type receipt struct {
	MessageID string          `json:"message_id"`
	Reference string          `json:"reference"`
	State     provider.State  `json:"state"`
	Reason    provider.Reason `json:"reason"`
	Code      string          `json:"code"`
	Text      string          `json:"text"`
	Segments  int             `json:"segments"`
	Price     json.RawMessage `json:"price"`
	Currency  string          `json:"currency"`
	Network   string          `json:"network"`
	At        time.Time       `json:"at"`
	Inbound   *struct {
		From    string `json:"from"`
		To      string `json:"to"`
		Text    string `json:"text"`
		Keyword string `json:"keyword"`
	} `json:"inbound"`
}

// maxReference bounds what comes back of Message.Reference, maxInbound a text that came in, in bytes.
const maxReference, maxInbound = 40, 6400

// Signed returns true.
func (p *Provider) Signed() bool { return true }

// ReadCallback reads a signed receipt. Its webhook-id becomes Notice.ID, by which a second one is refused.
func (p *Provider) ReadCallback(_ context.Context, c provider.Callback) ([]provider.Notice, provider.Reply, error) {
	id, ok := p.verified(c)
	if !ok {
		return nil, provider.Reply{}, provider.ErrSignature
	}
	var r receipt
	if json.Unmarshal(c.Body, &r) != nil {
		return nil, provider.Reply{}, errors.New("webhook: the receipt is no JSON object of the form that is described")
	}
	n := provider.Notice{ID: id, At: r.At.UTC()}
	if in := r.Inbound; in != nil {
		if in.From == "" || r.State != "" {
			return nil, provider.Reply{}, errors.New("webhook: a text that came in has a number it is from, and no state")
		}
		n.Inbound = &provider.Inbound{From: in.From, To: in.To, Text: exchange.Short(in.Text, maxInbound), Keyword: keyword(in.Keyword)}
		return []provider.Notice{n}, provider.Reply{}, nil
	}
	if (r.MessageID == "" || len(r.MessageID) > maxID) && r.Reference == "" || len(r.Reference) > maxReference {
		return nil, provider.Reply{}, errors.New("webhook: the receipt names no message")
	}
	n.ProviderID, n.Reference, n.State = r.MessageID, r.Reference, r.State
	n.VendorCode, n.Text = exchange.Short(r.Code, maxCode), p.caller.Clean(r.Text, provider.Message{})
	n.Segments, n.Network = min(max(r.Segments, 0), 255), exchange.Short(r.Network, 6)
	if n.Price = exchange.Micros(strings.Trim(string(r.Price), `"`)); n.Price != 0 {
		n.Currency = strings.ToUpper(exchange.Short(r.Currency, 3))
	}
	switch r.State {
	case provider.StateQueued, provider.StateSent, provider.StateDelivered, provider.StateExpired:
		return []provider.Notice{n}, provider.Reply{}, nil
	case provider.StateUndelivered, provider.StateFailed:
		if n.Reason = provider.Unknown; known(r.Reason) {
			n.Reason = r.Reason
		}
		return []provider.Notice{n}, provider.Reply{}, nil
	}
	return nil, provider.Reply{}, errors.New("webhook: state must be one of queued, sent, delivered, undelivered, failed, expired")
}

// keyword is one of the closed list.
func keyword(s string) string {
	switch s {
	case "STOP", "START", "HELP":
		return s
	}
	return ""
}
