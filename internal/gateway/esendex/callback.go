package esendex

import (
	"context"
	"encoding/xml"
	"errors"
	"strings"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

var (
	errUnreadable = errors.New("esendex: the callback is no notification")
	errOther      = errors.New("esendex: the notification is another account's")
)

// push is any notification; its element's name says which (push notifications, MessageDelivered, MessageFailed, InboundMessage).
type push struct {
	XMLName     xml.Name
	ID          string `xml:"Id"`
	MessageID   string `xml:"MessageId"`
	AccountID   string `xml:"AccountId"`
	OccurredAt  string `xml:"OccurredAt"`
	MessageText string `xml:"MessageText"`
	From        string `xml:"From"`
	To          string `xml:"To"`
}

// Signed returns false: Esendex does not sign.
func (p *Provider) Signed() bool { return false }

// ReadCallback reads a push notification.
func (p *Provider) ReadCallback(_ context.Context, c provider.Callback) ([]provider.Notice, provider.Reply, error) {
	var in push
	if !one(c.Body, &in) {
		return nil, provider.Reply{}, errUnreadable
	}
	if p.c.AccountID != "" && !strings.EqualFold(in.AccountID, p.c.AccountID) {
		return nil, provider.Reply{}, errOther
	}
	n := provider.Notice{ID: exchange.Short(in.ID, 100), At: instant(in.OccurredAt)}
	switch in.XMLName.Local {
	case "MessageDelivered":
		n.ProviderID, n.State, n.Text = in.MessageID, provider.StateDelivered, in.XMLName.Local
	case "MessageFailed":
		n.ProviderID, n.State, n.Reason, n.Text = in.MessageID, provider.StateUndelivered, provider.Unknown, in.XMLName.Local
	case "InboundMessage":
		from := number(in.From)
		if from == "" {
			return nil, provider.Reply{}, errUnreadable
		}
		n.Inbound = &provider.Inbound{From: from, To: exchange.Short(in.To, 40), Text: exchange.Short(in.MessageText, 1600)}
		return []provider.Notice{n}, provider.Reply{}, nil
	default:
		return nil, provider.Reply{}, errUnreadable
	}
	if n.ProviderID = strings.TrimSpace(n.ProviderID); n.ProviderID == "" || len(n.ProviderID) > 100 {
		return nil, provider.Reply{}, errUnreadable
	}
	return []provider.Notice{n}, provider.Reply{}, nil
}

// number is a number in E.164 form, "" if it is none.
func number(s string) string {
	s = strings.TrimPrefix(strings.TrimSpace(s), "+")
	if len(s) < 7 || len(s) > 15 || s[0] == '0' || strings.Trim(s, "0123456789") != "" {
		return ""
	}
	return "+" + s
}
