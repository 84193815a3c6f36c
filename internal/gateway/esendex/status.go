package esendex

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"time"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

// header is a message as GET messageheaders tells it.
type header struct {
	XMLName xml.Name `xml:"messageheader"`
	ID      string   `xml:"id,attr"`
	Status  string   `xml:"status"`
	At      string   `xml:"laststatusat"`
	Parts   int      `xml:"parts"`
	Failure struct {
		Code        string `xml:"code"`
		Description string `xml:"description"`
		Permanent   bool   `xml:"permanentfailure"`
	} `xml:"failurereason"`
}

// stateOf reads a status (REST API, messageheaders). ok is false for one that is not in the list.
func stateOf(status string, permanent bool) (s provider.State, r provider.Reason, ok bool) {
	switch status {
	case "Submitted", "Scheduled", "Connecting":
		return provider.StateQueued, "", true
	case "Sent", "Acknowledged":
		return provider.StateSent, "", true
	case "Delivered":
		return provider.StateDelivered, "", true
	case "PartiallyDelivered":
		return provider.StateUndelivered, provider.Unreachable, true
	case "Failed":
		if permanent {
			return provider.StateUndelivered, provider.InvalidNumber, true
		}
		return provider.StateUndelivered, provider.Unreachable, true
	case "Rejected", "Cancelled":
		return provider.StateFailed, provider.Unknown, true
	case "FailedAuthorisation":
		return provider.StateFailed, provider.AuthFailed, true
	case "Expired":
		return provider.StateExpired, "", true
	}
	return "", "", false
}

// Poll asks for the message.
func (p *Provider) Poll(ctx context.Context, providerID string) (provider.Notice, error) {
	a, err := p.call(ctx, http.MethodGet, p.base.JoinPath("v1.0", "messageheaders", segment(providerID)), nil)
	if err != nil {
		return provider.Notice{}, err
	}
	var h header
	if a.Status == http.StatusNotFound {
		return provider.Notice{}, p.x.NotKnown(a, "")
	}
	if a.Status != http.StatusOK || !isXML(a, &h) || !strings.EqualFold(h.ID, providerID) {
		return provider.Notice{}, p.refused(a, provider.Message{})
	}
	state, reason, ok := stateOf(h.Status, h.Failure.Permanent)
	if !ok {
		return provider.Notice{}, p.x.Refused(a, provider.Message{}, provider.Unknown, h.Status, "a status that is not in the list")
	}
	n := provider.Notice{ProviderID: providerID, State: state, Reason: reason, At: instant(h.At)}
	n.VendorCode, n.Text = exchange.Short(h.Failure.Code, 40), p.x.Clean(h.Failure.Description, provider.Message{})
	if h.Parts > 0 && h.Parts < 256 {
		n.Segments = h.Parts
	}
	if n.Text == "" {
		n.Text = h.Status
	}
	return n, nil
}

// segment is an id as a part of a path: ids are GUIDs.
func segment(id string) string {
	if id == "" || strings.Trim(id, "0123456789abcdefABCDEF-") != "" {
		return "none"
	}
	return id
}

// instant reads a time; Esendex's have no zone where it pushes, and are UTC. Zero if it is none.
func instant(s string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if at, err := time.Parse(layout, strings.TrimSpace(s)); err == nil && at.Year() > 1 {
			return at.UTC()
		}
	}
	return time.Time{}
}

// Check asks what is left on the account.
func (p *Provider) Check(ctx context.Context) (string, error) {
	a, err := p.call(ctx, http.MethodGet, p.base.JoinPath("v1.0", "accounts"), nil)
	if err != nil {
		return "", err
	}
	var list struct {
		XMLName  xml.Name `xml:"accounts"`
		Accounts []struct {
			ID        string `xml:"id,attr"`
			Reference string `xml:"reference"`
			Left      int    `xml:"messagesremaining"`
		} `xml:"account"`
	}
	if a.Status != http.StatusOK || !isXML(a, &list) {
		return "", p.refused(a, provider.Message{})
	}
	for _, one := range list.Accounts {
		if !strings.EqualFold(one.Reference, p.c.AccountReference) {
			continue
		}
		if one.Left <= 0 {
			return "", p.x.Refused(a, provider.Message{}, provider.InsufficientFunds, "messagesremaining", "no messages are left")
		}
		return fmt.Sprintf("Esendex takes the credentials; %d messages are left.", one.Left), nil
	}
	return "", p.x.Refused(a, provider.Message{}, provider.AuthFailed, "account_reference", "the account is not one of this user's")
}
