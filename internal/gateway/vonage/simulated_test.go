package vonage_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"countersign/internal/gateway/vonage"
	"countersign/internal/secret"
	"countersign/internal/simulator"
	"countersign/provider"
)

func simulated(t *testing.T, host string) (*simulator.Inbox, string) {
	t.Helper()
	inbox, err := simulator.Open(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(inbox.Host(host))
	t.Cleanup(s.Close)
	return inbox, s.URL
}

func sent(t *testing.T, p provider.Provider, inbox *simulator.Inbox, m provider.Message) simulator.Message {
	t.Helper()
	r, err := p.Send(t.Context(), m)
	if err != nil || r.ProviderID == "" {
		t.Fatalf("%+v %v", r, err)
	}
	all := inbox.List(simulator.Filter{})
	return all[len(all)-1]
}

// The whole way to the simulated Messages and Voice APIs.
func TestSimulated(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	private := secret.New(string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	inbox, base := simulated(t, "api.nexmo.com")
	p, err := vonage.New(vonage.Config{ApplicationID: "a", PrivateKey: private, From: "+447700900001", BaseURL: base, Client: &http.Client{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, channel := range []provider.Channel{provider.SMS, provider.Voice} {
		m := provider.Message{
			To: "+447700900123", Text: "918273 is your code", Code: "918273", Channel: channel, ExpiresAt: time.Now().Add(time.Minute), Reference: "att1",
			ReceiptURL: "https://id.example.com/receipts/vonage/k",
		}
		got := sent(t, p, inbox, m)
		if got.To != "+447700900123" || got.From != "447700900001" || got.Code != "918273" || got.Channel != channel || got.Provider != "vonage" {
			t.Errorf("%+v", got)
		}
		if channel == provider.SMS && got.Text != m.Text {
			t.Errorf("%q", got.Text)
		}
	}
	if text, err := p.Check(t.Context()); err != nil || text == "" {
		t.Errorf("check: %q %v", text, err)
	}
	wrong, err := vonage.New(vonage.Config{APIKey: "k", APISecret: secret.New("wrong"), BaseURL: base, Client: &http.Client{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wrong.Check(t.Context()); err == nil || provider.ReasonOf(err) != provider.AuthFailed {
		t.Errorf("wrong secret: %v", err)
	}
}

// The whole way to the simulated SMS API.
func TestSimulatedSMS(t *testing.T) {
	inbox, base := simulated(t, "rest.nexmo.com")
	p, err := vonage.NewSMS(vonage.SMSConfig{APIKey: "abcd1234", APISecret: secret.New("s"), From: "ACME", BaseURL: base, Client: &http.Client{}})
	if err != nil {
		t.Fatal(err)
	}
	m := provider.Message{To: "+447700900123", Text: "Ваш код 918273\n\n@login.example.com #918273", Code: "918273", ExpiresAt: time.Now().Add(time.Minute), Reference: "att1"}
	if got := sent(t, p, inbox, m); got.To != m.To || got.From != "ACME" || got.Text != m.Text || got.Provider != "vonage" {
		t.Errorf("%+v", got)
	}
	if _, err := p.Send(t.Context(), provider.Message{To: "+1", Text: "x"}); err == nil || provider.ReasonOf(err) != provider.InvalidNumber {
		t.Errorf("no number: %v", err)
	}
	if text, err := p.Check(t.Context()); err != nil || text == "" {
		t.Errorf("check: %q %v", text, err)
	}
}

// The whole way to the simulated Verify API, and back with the code.
func TestSimulatedVerify(t *testing.T) {
	inbox, base := simulated(t, "api.nexmo.com")
	p, err := vonage.NewVerify(vonage.VerifyConfig{APIKey: "abcd1234", APISecret: secret.New("s"), Brand: "Acme", BaseURL: base, Client: &http.Client{}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Send(t.Context(), provider.Message{To: "+447700900123"})
	if err != nil {
		t.Fatal(err)
	}
	code := inbox.List(simulator.Filter{})[0].Code
	other := "000000"
	if code == other {
		other = "000001"
	}
	if ok, ended, err := p.CheckCode(t.Context(), r.ProviderID, "+447700900123", other); ok || ended || err != nil {
		t.Errorf("wrong: %v %v %v", ok, ended, err)
	}
	if ok, ended, err := p.CheckCode(t.Context(), r.ProviderID, "+447700900123", code); !ok || !ended || err != nil {
		t.Errorf("right: %v %v %v", ok, ended, err)
	}
	if ok, ended, err := p.CheckCode(t.Context(), "aaaaaaaa-bbbb-cccc-dddd-0123456789ab", "+447700900123", code); ok || !ended || err != nil {
		t.Errorf("unknown: %v %v %v", ok, ended, err)
	}
	if text, err := p.Check(t.Context()); err != nil || text == "" {
		t.Errorf("check: %q %v", text, err)
	}
}
