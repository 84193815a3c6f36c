package twilio

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

const (
	// Twilio's magic sender for test credentials takes everything and sends nothing; the destination is any number that could be one.
	magicFrom, magicTo = "+15005550006", "+14108675310"
	// isCall begins the id of a call.
	isCall = "CA"
)

// Poll asks for a message or call. Its price is there some minutes after the end.
func (p *Provider) Poll(ctx context.Context, providerID string) (provider.Notice, error) {
	resource, state := "Messages", messageState
	if strings.HasPrefix(providerID, isCall) {
		resource, state = "Calls", callState
	}
	if providerID == "" || !alphanumeric(providerID) {
		return provider.Notice{}, provider.Permanent(fmt.Errorf("twilio: %q is no id", exchange.Short(providerID, maxSID)))
	}
	a, err := p.call(ctx, p.base+"/"+p.c.AccountSID+"/"+resource+"/"+providerID+".json", nil)
	if err != nil {
		return provider.Notice{}, err
	}
	var v answer
	if !a.JSON(&v) || a.Status != http.StatusOK || v.SID != providerID || state(v.status()) == "" {
		if a.Status == http.StatusNotFound {
			return provider.Notice{}, p.caller.NotKnown(a, "the message is not known")
		}
		return provider.Notice{}, refused(p.caller, a, provider.Message{})
	}
	n := provider.Notice{ProviderID: v.SID, State: state(v.status()), Segments: v.segments()}
	if t, err := time.Parse(time.RFC1123Z, v.DateUpdated); err == nil {
		n.At = t.UTC()
	}
	if v.Price != nil {
		n.Price, n.Currency = exchange.Micros(*v.Price), strings.ToUpper(exchange.Short(v.PriceUnit, 3))
	}
	code := 0
	if v.ErrorCode != nil {
		code = *v.ErrorCode
	}
	return explained(n, code, p.caller.Clean(v.ErrorMessage, provider.Message{})), nil
}

// Confirmed tells Twilio whether the code of a text was used (API reference, Message Feedback). Nothing is told of calls, nor without
// Config.ProvideFeedback.
func (p *Provider) Confirmed(ctx context.Context, providerID string, used bool) error {
	if !p.c.ProvideFeedback || strings.HasPrefix(providerID, isCall) || providerID == "" || !alphanumeric(providerID) {
		return nil
	}
	outcome := "unconfirmed"
	if used {
		outcome = "confirmed"
	}
	a, err := p.call(ctx, p.base+"/"+p.c.AccountSID+"/Messages/"+providerID+"/Feedback.json", url.Values{"Outcome": {outcome}})
	if err != nil {
		return err
	}
	if a.Status != http.StatusCreated {
		return refused(p.caller, a, provider.Message{})
	}
	return nil
}

// Check sends a text to nobody with the test credentials, if there are some, and asks for the account.
func (p *Provider) Check(ctx context.Context) (string, error) {
	said := ""
	if p.c.TestSID != "" {
		test := p.c
		test.AccountSID, test.AuthToken, test.APIKeySID = p.c.TestSID, p.c.TestToken, ""
		fields := url.Values{"To": {magicTo}, "From": {magicFrom}, "Body": {"Check"}}
		a, err := test.call(ctx, p.caller, p.base+"/"+p.c.TestSID+"/Messages.json", fields)
		if err != nil {
			return "", err
		}
		if _, err := p.judge(a, provider.Message{To: magicTo}); err != nil {
			return "", fmt.Errorf("test credentials: %w", err)
		}
		said = " The test credentials took a text that goes nowhere."
	}
	a, err := p.call(ctx, p.base+"/"+p.c.AccountSID+".json", nil)
	if err != nil {
		return "", err
	}
	var v answer
	if !a.JSON(&v) || a.Status != http.StatusOK || v.SID != p.c.AccountSID {
		return "", refused(p.caller, a, provider.Message{})
	}
	if v.status() != "active" {
		return "", p.caller.Refused(a, provider.Message{}, provider.AuthFailed, "", "the account is "+v.status())
	}
	if v.Type == "Trial" {
		said = " It is a trial account: it sends to verified numbers alone." + said
	}
	return "The account is active." + said, nil
}
