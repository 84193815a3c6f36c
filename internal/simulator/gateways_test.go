package simulator_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"countersign/internal/gateway/account"
	"countersign/internal/gateway/awssms"
	"countersign/internal/gateway/esendex"
	"countersign/internal/gateway/infobip"
	"countersign/internal/gateway/messagebird"
	"countersign/internal/gateway/mitto"
	"countersign/internal/gateway/plivo"
	"countersign/internal/gateway/sinch"
	"countersign/internal/gateway/telesign"
	"countersign/internal/gateway/twilio"
	"countersign/internal/gateway/vonage"
	"countersign/internal/secret"
	"countersign/internal/simulator"
	"countersign/provider"
	"countersign/provider/providertest"
)

// line is the way to the simulated services within the process. seen is told of each exchange, if it is set.
type line struct {
	inbox *simulator.Inbox
	seen  func(q providertest.Request, status int, body []byte)
}

func (l line) RoundTrip(r *http.Request) (res *http.Response, err error) {
	h := l.inbox.Host(r.URL.Hostname())
	if h == nil {
		return nil, errors.New("not simulated: " + r.URL.Hostname())
	}
	if t := httptrace.ContextClientTrace(r.Context()); t != nil && t.WroteHeaders != nil {
		t.WroteHeaders()
	}
	defer func() {
		if v := recover(); v == http.ErrAbortHandler {
			res, err = nil, io.ErrUnexpectedEOF
		} else if v != nil {
			panic(v)
		}
	}()
	asked := providertest.RequestOf(r)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if l.seen != nil {
		l.seen(asked, w.Code, w.Body.Bytes())
	}
	return w.Result(), nil
}

// account of a kind, and what of it the simulated service cannot do as the real one.
type kind struct {
	spec     account.Spec
	settings map[string]string
	secrets  map[string]string
	// instead are the reasons that the service has no words for, with what it says instead.
	instead map[provider.Reason]provider.Reason
	// told says that a receipt comes; signed that it must be believed; polled that the service can be asked.
	told, signed, polled bool
}

func gateways() []kind {
	noWord := map[provider.Reason]provider.Reason{provider.Unreachable: provider.InvalidNumber, provider.OptedOut: provider.InvalidNumber,
		provider.Blocked: provider.InvalidNumber}
	byStatus := map[provider.Reason]provider.Reason{provider.InvalidNumber: provider.BadRequest, provider.Unreachable: provider.BadRequest, provider.OptedOut: provider.BadRequest, provider.Blocked: provider.BadRequest,
		provider.SenderRejected: provider.BadRequest, provider.ContentRejected: provider.BadRequest}
	some := func(m map[provider.Reason]provider.Reason, r, s provider.Reason) map[provider.Reason]provider.Reason {
		out := map[provider.Reason]provider.Reason{r: s}
		for k, v := range m {
			out[k] = v
		}
		return out
	}
	filtered := map[provider.Reason]provider.Reason{provider.OptedOut: provider.Blocked}
	aws := map[string]string{"region": "eu-west-1", "access_key_id": "AKIDEXAMPLE", "from": "+12025550100"}
	return []kind{
		{twilio.Spec(), map[string]string{"account_sid": "AC1", "from": "+12025550100"}, map[string]string{"auth_token": "a token"}, nil, true, true, true},
		{vonage.SMSSpec(), map[string]string{"api_key": "abcd1234", "from": "Acme"}, map[string]string{"api_secret": "a secret"}, filtered, true, false, false},
		{vonage.Spec(), map[string]string{"api_key": "abcd1234", "from": "Acme"}, map[string]string{"api_secret": "a secret"}, nil, true, false, false},
		{infobip.Spec(), map[string]string{"from": "Acme"}, map[string]string{"api_key": "a-key"}, nil, true, false, true},
		{telesign.Spec(), map[string]string{"customer_id": "FFFFFFFF-EEEE-DDDD-1234-AB1234567890"}, map[string]string{"api_key": "YSBrZXkgb2YgdGVsZXNpZ24="}, filtered, true, true, true},
		{esendex.Spec(), map[string]string{"username": "ops@example.com", "account_reference": "EX0000000", "from": "Acme"}, map[string]string{"password": "pw"}, byStatus, false, false, true},
		{mitto.Spec(), map[string]string{"from": "Acme"}, map[string]string{"api_key": "a key"}, noWord, true, false, false},
		{messagebird.Spec(), map[string]string{"from": "+12025550100"}, map[string]string{"access_key": "a key"}, some(noWord, provider.ContentRejected, provider.BadRequest), true, false, true},
		{plivo.Spec(), map[string]string{"auth_id": "MA1", "from": "+12025550100"}, map[string]string{"auth_token": "a token"}, byStatus, true, true, true},
		{sinch.Spec(), map[string]string{"service_plan_id": "plan1", "from": "Acme"}, map[string]string{"token": "a token"}, some(noWord, provider.ContentRejected, provider.BadRequest), true, false, true},
		{awssms.Spec(), aws, map[string]string{"secret_access_key": "a secret"}, map[provider.Reason]provider.Reason{provider.Unreachable: provider.InvalidNumber}, false, false, false},
		{awssms.SNSSpec(), aws, map[string]string{"secret_access_key": "a secret"}, some(some(noWord, provider.SenderRejected, provider.BadRequest), provider.ContentRejected, provider.BadRequest), false, false, false},
	}
}

func (k kind) open(t *testing.T, inbox *simulator.Inbox) provider.Provider {
	t.Helper()
	return k.openBy(t, line{inbox: inbox})
}

func (k kind) openBy(t *testing.T, l line) provider.Provider {
	t.Helper()
	secrets := map[string]secret.String{}
	for name, v := range k.secrets {
		secrets[name] = secret.New(v)
	}
	p, err := k.spec.New(account.Account{Name: "a", Kind: k.spec.Kind, Settings: k.settings, Secrets: secrets}, account.Deps{Client: &http.Client{Transport: l}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func text(to string) provider.Message {
	return provider.Message{ID: "0199a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", IdempotencyKey: "k", To: to, Text: "Your code is 123456.", Code: "123456",
		ExpiresAt: time.Now().Add(3 * time.Minute), Reference: "0199a1b3c4d57e4f8a5b6c7d8e9f0a1b", ReceiptURL: "https://id.example.com/receipts/x/s", Country: "US"}
}

// Each kind of account sends by its simulated service; the phone has the text, the receipt says so, and the service confirms it.
func TestGateways(t *testing.T) {
	for _, k := range gateways() {
		t.Run(k.spec.Kind, func(t *testing.T) {
			calls := make(chan *http.Request, 1)
			inbox, err := simulator.Open(simulator.Options{Callback: func(r *http.Request) { calls <- r }, ReceiptDelay: time.Nanosecond})
			if err != nil {
				t.Fatal(err)
			}
			defer inbox.Close()
			p, m := k.open(t, inbox), text("+12025550123")
			r, err := p.Send(t.Context(), m)
			if err != nil {
				t.Fatal(err)
			}
			list := inbox.List(simulator.Filter{})
			if len(list) != 1 || list[0].Text != m.Text || list[0].To != m.To || list[0].Code != m.Code || r.ProviderID == "" {
				t.Errorf("%+v %+v", r, list)
			}
			if k.told {
				k.receipt(t, p, <-calls, r.ProviderID, m)
			}
			if poller, ok := p.(provider.Poller); ok && k.polled {
				if n, err := poller.Poll(t.Context(), r.ProviderID); err != nil || n.State != provider.StateDelivered {
					t.Errorf("asked: %+v %v", n, err)
				}
			} else if k.polled {
				t.Error("it cannot be asked")
			}
		})
	}
}

func (k kind) receipt(t *testing.T, p provider.Provider, q *http.Request, id string, m provider.Message) {
	t.Helper()
	var body []byte
	if q.Body != nil {
		body, _ = io.ReadAll(q.Body)
	}
	reader := p.(provider.CallbackReader)
	if reader.Signed() != k.signed {
		t.Errorf("signed is %v", reader.Signed())
	}
	list, _, err := reader.ReadCallback(t.Context(), provider.Callback{Method: q.Method, URL: q.URL, Header: q.Header, Body: body, Now: time.Now()})
	if err != nil || len(list) != 1 {
		t.Fatalf("%s %s %s: %+v %v", q.Method, q.URL, body, list, err)
	}
	if n := list[0]; n.State != provider.StateDelivered || n.ProviderID != id && n.Reference != m.Reference {
		t.Errorf("%+v", n)
	}
	if !strings.HasPrefix(q.URL.String(), m.ReceiptURL) {
		t.Errorf("it goes to %s", q.URL)
	}
}

// A magic number fails with its reason through every gateway, in the words of the service.
func TestMagicNumbers(t *testing.T) {
	for _, k := range gateways() {
		inbox, err := simulator.Open(simulator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p := k.open(t, inbox)
		for _, magic := range simulator.MagicNumbers() {
			if magic.Reason == simulator.FaultDelay {
				continue // it takes its time
			}
			m := text(magic.To)
			m.IdempotencyKey = magic.To
			r, err := p.Send(t.Context(), m)
			want := provider.Reason(magic.Reason)
			if other, ok := k.instead[want]; ok {
				want = other
			}
			switch {
			case magic.Reason == simulator.FaultAcceptOnly:
				if err != nil || r.ProviderID == "" {
					t.Errorf("%s: %v", k.spec.Kind, err)
				}
			case err == nil:
				t.Errorf("%s to %s was sent", magic.Reason, k.spec.Kind)
			case magic.Reason == simulator.FaultAmbiguous:
				if class, _ := provider.ClassOf(err); class != provider.ClassAmbiguous {
					t.Errorf("%s: %v", k.spec.Kind, err)
				}
			case provider.ReasonOf(err) != want:
				t.Errorf("%s: %s, not %s: %v", k.spec.Kind, provider.ReasonOf(err), want, err)
			}
		}
		if list := inbox.List(simulator.Filter{}); len(list) != 1 { // the ambiguous one
			t.Errorf("%s: %d arrived", k.spec.Kind, len(list))
		}
		inbox.Close()
	}
}

// Checks go through where there is something to ask.
func TestChecks(t *testing.T) {
	inbox, err := simulator.Open(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer inbox.Close()
	for _, k := range gateways() {
		if said, err := k.open(t, inbox).(provider.Checker).Check(t.Context()); err != nil || said == "" {
			t.Errorf("%s: %q %v", k.spec.Kind, said, err)
		}
	}
	if n := len(inbox.List(simulator.Filter{})); n != 0 {
		t.Errorf("the checks sent %d messages", n)
	}
}

// What Mitto, MessageBird and Sinch are simulated to answer is as they describe it.
func TestAnswersConform(t *testing.T) {
	inbox, err := simulator.Open(simulator.Options{ReceiptDelay: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	defer inbox.Close()
	for _, k := range gateways() {
		file, ok := map[string]string{"mitto": "mitto_sms.yml", "messagebird": "messagebird_sms.yml", "sinch": "sinch_sms.yml"}[k.spec.Kind]
		if !ok {
			continue
		}
		n := 0
		p := k.openBy(t, line{inbox, func(q providertest.Request, status int, body []byte) {
			if n++; status != http.StatusUnauthorized && q.URL.Path != "/balance" {
				providertest.Conforms(t, file, q)
				providertest.ConformsAnswer(t, file, q, status, body)
			}
		}})
		r, err := p.Send(t.Context(), text("+12025550123"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.(provider.Checker).Check(t.Context()); err != nil {
			t.Error(err)
		}
		if poller, ok := p.(provider.Poller); ok {
			if _, err := poller.Poll(t.Context(), r.ProviderID); err != nil {
				t.Error(err)
			}
		}
		if _, err := p.Send(t.Context(), text("+12")); err == nil || n < 3 {
			t.Errorf("%s: %v after %d requests", k.spec.Kind, err, n)
		}
	}
}
