package messagebird

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

// Poll asks for the message: among the texts, then among the calls.
func (p *Provider) Poll(ctx context.Context, providerID string) (provider.Notice, error) {
	var a exchange.Answer
	for _, resource := range []string{"messages", "voicemessages"} {
		req, err := exchange.Get(p.base.JoinPath(resource, segment(providerID)).String())
		if a, err = p.do(ctx, req, err); err != nil {
			return provider.Notice{}, err
		}
		if a.Status != http.StatusNotFound {
			break
		}
	}
	var o object
	if a.Status == http.StatusNotFound {
		return provider.Notice{}, p.x.NotKnown(a, "")
	}
	if a.Status != http.StatusOK || !a.JSON(&o) || o.ID != providerID || len(o.Recipients.Items) != 1 {
		return provider.Notice{}, p.refused(a, provider.Message{})
	}
	i := o.Recipients.Items[0]
	state, reason, ok := stateOf(i.Status)
	if !ok {
		return provider.Notice{}, p.x.Refused(a, provider.Message{}, provider.Unknown, "", "a status that is not in the list")
	}
	n := provider.Notice{
		ProviderID: o.ID, Reference: exchange.Short(o.Reference, 100), State: state, Reason: reasonOfText(reason, i.Reason), VendorCode: code(i.ErrorCode),
		Text: p.x.Clean(cmp.Or(i.Reason, i.Status), provider.Message{}), Segments: min(max(i.Parts, 0), 255), Network: network(i.Network), At: instant(i.At),
	}
	n.Price, n.Currency = i.micros()
	return n, nil
}

// segment is an id as a part of a path: ids are hexadecimal.
func segment(id string) string {
	if id == "" || strings.Trim(id, "0123456789abcdefABCDEF-") != "" {
		return "none"
	}
	return id
}

func instant(s string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// network is an MCC and MNC, or empty.
func network(s string) string {
	if len(s) < 5 || len(s) > 6 || strings.Trim(s, "0123456789") != "" {
		return ""
	}
	return s
}

// Check asks for the balance.
func (p *Provider) Check(ctx context.Context) (string, error) {
	req, err := exchange.Get(p.base.JoinPath("balance").String())
	a, err := p.do(ctx, req, err)
	if err != nil {
		return "", err
	}
	var b struct {
		Payment string   `json:"payment"`
		Type    string   `json:"type"`
		Amount  *float64 `json:"amount"`
	}
	if a.Status != http.StatusOK || !a.JSON(&b) || b.Amount == nil {
		return "", p.refused(a, provider.Message{})
	}
	if b.Payment == "prepaid" && *b.Amount <= 0 {
		return "", p.x.Refused(a, provider.Message{}, provider.InsufficientFunds, "balance", "nothing is left on the account")
	}
	return fmt.Sprintf("MessageBird takes the key; the balance is %.2f %s.", *b.Amount, exchange.Short(b.Type, 20)), nil
}
