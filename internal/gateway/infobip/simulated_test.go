package infobip_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"countersign/internal/gateway/infobip"
	"countersign/internal/secret"
	"countersign/internal/simulator"
	"countersign/provider"
)

// The whole way to the simulated Infobip.
func TestSimulated(t *testing.T) {
	inbox, err := simulator.Open(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(inbox.Host("xyz12.api.infobip.com"))
	defer s.Close()
	open := func(key string) *infobip.Provider {
		p, err := infobip.New(infobip.Config{APIKey: secret.New(key), From: "ACME", BaseURL: s.URL, Client: &http.Client{}})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := open("k")
	for _, channel := range []provider.Channel{provider.SMS, provider.Voice} {
		m := provider.Message{
			To: "+447700900123", Text: "918273 is your code", Code: "918273", Channel: channel, ExpiresAt: time.Now().Add(time.Minute), Reference: "att1" + string(channel),
			ReceiptURL: "https://id.example.com/receipts/infobip/k",
		}
		r, err := p.Send(t.Context(), m)
		if err != nil || r.ProviderID != m.Reference {
			t.Fatalf("%s: %+v %v", channel, r, err)
		}
		all := inbox.List(simulator.Filter{})
		got := all[len(all)-1]
		if got.To != "+447700900123" || got.From != "ACME" || got.Code != "918273" || got.Channel != channel || got.Provider != "infobip" {
			t.Errorf("%+v", got)
		}
		if n, err := p.Poll(t.Context(), r.ProviderID); err != nil || n.State != provider.StateSent || n.ProviderID != r.ProviderID {
			t.Errorf("poll: %+v %v", n, err)
		}
		if channel == provider.SMS && got.Text != m.Text {
			t.Errorf("%q", got.Text)
		}
	}
	if _, err := p.Send(t.Context(), provider.Message{To: "+1", Text: "x"}); err == nil || provider.ReasonOf(err) != provider.InvalidNumber {
		t.Errorf("no number: %v", err)
	}
	if text, err := p.Check(t.Context()); err != nil || text == "" {
		t.Errorf("check: %q %v", text, err)
	}
	if _, err := open("wrong").Check(t.Context()); err == nil || provider.ReasonOf(err) != provider.AuthFailed {
		t.Errorf("wrong key: %v", err)
	}
}
