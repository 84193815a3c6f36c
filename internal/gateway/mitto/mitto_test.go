package mitto

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"countersign/internal/gateway/account"
	"countersign/internal/secret"
	"countersign/provider"
	"countersign/provider/providertest"
)

const key = "k3y-of-the-account"

func newProvider(t testing.TB, base string, change ...func(*Config)) *Provider {
	t.Helper()
	c := Config{APIKey: secret.New(key), From: "Acme", BaseURL: base, Conversions: true, Client: &http.Client{Timeout: 5 * time.Second}}
	for _, f := range change {
		f(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const sent = `{"id":"715118ef01aa4480bbd67324a0459b0b","timestamp":"2026-11-21T12:00:00Z","responseCode":0,"responseText":"SMS sent","textLength":19}`

func refusal(code string) providertest.Answer {
	return providertest.Answer{Body: `{"timestamp":"2026-11-21T12:00:00Z","responseCode":` + code + `,"responseText":"no: {echo}","textLength":0}`}
}

func TestSuite(t *testing.T) {
	suite := providertest.Suite{
		New:        func(t *testing.T, base string) provider.Provider { return newProvider(t, base) },
		Success:    map[provider.Channel]providertest.Answer{provider.SMS: {Header: map[string]string{"Content-Type": "application/json; charset=utf-8"}, Body: sent}},
		ProviderID: "715118ef01aa4480bbd67324a0459b0b",
		Failures: []providertest.Failure{
			{Name: "unknown code", Answer: refusal("77"), Reason: provider.Unknown, Code: "77"},
			{Name: "no code", Answer: providertest.Answer{Body: `{"id":"715118ef01aa4480bbd67324a0459b0b"}`}, Reason: provider.Unknown},
			{Name: "no id", Answer: providertest.Answer{Body: `{"responseCode":0,"responseText":"SMS sent"}`}, Reason: provider.Unknown},
			{Name: "a code in text", Answer: providertest.Answer{Body: `{"id":"1","responseCode":"0"}`}, Reason: provider.Unknown},
			{Name: "unknown code, 401", Answer: providertest.Answer{Status: 401, Body: `{"responseCode":99,"responseText":"x"}`}, Reason: provider.AuthFailed, Code: "99"},
			{Name: "key", Answer: providertest.Answer{Status: 401, Body: `"Unauthorized"`}, Reason: provider.AuthFailed, Code: "401"},
		},
		Secrets:   []string{key},
		Text:      func(r providertest.Request) string { s, _ := r.JSON()["text"].(string); return s },
		Reference: func(r providertest.Request) string { s, _ := r.JSON()["reference"].(string); return s },
		Spec:      "mitto_sms.yml",
	}
	for code, reason := range map[string]provider.Reason{
		"1": provider.Temporary, "2": provider.BadRequest, "3": provider.ContentRejected, "4": provider.ContentRejected, "5": provider.SenderRejected,
		"6": provider.SenderRejected, "7": provider.InvalidNumber, "8": provider.InvalidNumber,
	} {
		suite.Failures = append(suite.Failures, providertest.Failure{Name: "code " + code, Answer: refusal(code), Reason: reason, Code: code})
	}
	providertest.Run(t, suite)
}

func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		w.Write([]byte(body))
	}
}

func TestRequest(t *testing.T) {
	s := providertest.Serve(t, answering(200, sent))
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	p := newProvider(t, s.URL, func(c *Config) { c.Now = func() time.Time { return now } })
	m := provider.Message{To: "+447700900123", From: "+447700900999", Text: "x", ReceiptURL: "https://id.example.com/receipts/mitto/s", ExpiresAt: now.Add(61 * time.Second)}
	if _, err := p.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := s.Requests()[0]
	body := got.JSON()
	for name, want := range map[string]any{"from": "447700900999", "to": "447700900123", "type": "auto", "validity": 2.0, "callback": m.ReceiptURL, "test": nil} {
		if body[name] != want {
			t.Errorf("%s is %v, not %v", name, body[name], want)
		}
	}
	if got.Header.Get("X-Mitto-API-Key") != key || got.URL.Path != "/sms" {
		t.Errorf("%s %v", got.URL, got.Header)
	}
	m.From = "ab" // a name has three characters
	if _, err := p.Send(t.Context(), m); err == nil || provider.ReasonOf(err) != provider.SenderRejected || len(s.Requests()) != 1 {
		t.Errorf("%v, %d requests", err, len(s.Requests()))
	}
	m.From, m.Channel = "", provider.Voice
	if _, err := p.Send(t.Context(), m); err == nil || len(s.Requests()) != 1 {
		t.Error("a call was made")
	}
}

func TestCheckAndConfirmed(t *testing.T) {
	for body, want := range map[string]provider.Reason{
		`{"responseCode":0,"responseText":"SMS sent","test":true}`: "", `{"id":"1","responseCode":0,"test":true}`: "",
		`{"responseCode":8,"responseText":"x"}`: "", `{"responseCode":6,"responseText":"x"}`: provider.SenderRejected, `"Unauthorized"`: provider.Unknown,
	} {
		s := providertest.Serve(t, answering(200, body))
		said, err := newProvider(t, s.URL).Check(t.Context())
		if want == "" && (err != nil || said == "") || want != "" && (err == nil || provider.ReasonOf(err) != want) {
			t.Errorf("%s: %q %v", body, said, err)
		}
		if q := s.Requests()[0]; q.JSON()["test"] != true {
			t.Errorf("the check would send: %s", q.Body)
		} else {
			providertest.Conforms(t, "mitto_sms.yml", q)
		}
	}
	s := providertest.Serve(t, answering(200, `"OK"`))
	p := newProvider(t, s.URL)
	if err := p.Confirmed(t.Context(), "m1", false); err != nil || len(s.Requests()) != 0 {
		t.Errorf("%v, %d requests", err, len(s.Requests()))
	}
	if err := p.Confirmed(t.Context(), "m1", true); err != nil || s.Requests()[0].JSON()["messageId"] != "m1" {
		t.Errorf("%v", err)
	}
	providertest.Conforms(t, "mitto_sms.yml", s.Requests()[0])
	busy := providertest.Serve(t, answering(429, `"slow"`))
	if err := newProvider(t, busy.URL).Confirmed(t.Context(), "m1", true); err == nil || provider.ReasonOf(err) != provider.RateLimited {
		t.Errorf("%v", err)
	}
}

func callback(method, rawURL, kind, body string) provider.Callback {
	u, err := url.Parse(rawURL)
	if err != nil {
		panic(err)
	}
	return provider.Callback{Method: method, URL: u, Header: map[string][]string{"Content-Type": {kind}}, Body: []byte(body), Now: time.Now()}
}

const receipts = "https://id.example.com/receipts/mitto/s"

func TestReceipts(t *testing.T) {
	p := newProvider(t, "")
	if p.Signed() {
		t.Error("Mitto signs nothing")
	}
	for name, c := range map[string]struct {
		c    provider.Callback
		want provider.Notice
	}{
		"query": {callback("GET", receipts+"?messageId=m1&deliveryStatus=Delivered&reference=a1&errorCode=0", "", ""),
			provider.Notice{ProviderID: "m1", Reference: "a1", State: provider.StateDelivered, VendorCode: "0", Text: "Delivered"}},
		"form, SMPP": {callback("POST", receipts, "application/x-www-form-urlencoded", "ID=m1&STATUS=UNDELIV&errorCode=5"),
			provider.Notice{ProviderID: "m1", State: provider.StateUndelivered, Reason: provider.Unknown, VendorCode: "5", Text: "UNDELIV"}},
		"JSON": {callback("POST", receipts, "application/json", `{"MessageId":"m1","Delivery_Status":"expired","Parts":2,"mccmnc":"26201","timestamp":"2026-11-21T12:00:00+01:00"}`),
			provider.Notice{ProviderID: "m1", State: provider.StateExpired, Text: "expired", Segments: 2, Network: "26201", At: time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC)}},
		"rejected": {callback("POST", receipts, "", "reference=a1&status=REJECTD&errorDescription=no+447700900123"),
			provider.Notice{Reference: "a1", State: provider.StateFailed, Reason: provider.Unknown, Text: "no ***"}},
	} {
		got, reply, err := p.ReadCallback(context.Background(), c.c)
		if err != nil || len(got) != 1 || got[0] != c.want || reply.Status != 0 {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	got, _, err := p.ReadCallback(context.Background(), callback("POST", receipts, "application/json", `{"id":"i1","from":"447700900123","to":"80123","text":"Stop"}`))
	if err != nil || len(got) != 1 || got[0].Inbound == nil || *got[0].Inbound != (provider.Inbound{From: "+447700900123", To: "80123", Text: "Stop"}) || got[0].ID != "i1" {
		t.Errorf("%+v %v", got, err)
	}
	for _, c := range []provider.Callback{
		callback("POST", receipts, "application/json", `{"messageId":"m1","status":"Lost"}`), callback("POST", receipts, "application/json", `{"status":"Sent"}`),
		callback("POST", receipts, "application/json", `{`), callback("POST", receipts, "text/html", `<p>`), callback("GET", receipts, "", ""),
		callback("POST", receipts, "", "from=Acme&text=x"),
	} {
		if got, _, err := p.ReadCallback(context.Background(), c); err == nil || errors.Is(err, provider.ErrSignature) {
			t.Errorf("%s %s: %+v", c.URL, c.Body, got)
		}
	}
}

func FuzzCallback(f *testing.F) {
	p := newProvider(f, "")
	f.Add("messageId=m1&status=Sent", "")
	f.Add("", `{"id":"i1","from":"447700900123","text":"x"}`)
	f.Add("%zz", "a=b;c")
	f.Fuzz(func(t *testing.T, query, body string) {
		got, _, err := p.ReadCallback(context.Background(), provider.Callback{URL: &url.URL{Path: "/", RawQuery: query}, Body: []byte(body)})
		for _, n := range got {
			if err == nil && n.Inbound == nil && (n.State == "" || n.ProviderID == "" && n.Reference == "") {
				t.Errorf("%+v", n)
			}
			if n.Inbound != nil && (!strings.HasPrefix(n.Inbound.From, "+") || n.Inbound.Text == "") {
				t.Errorf("%+v", n.Inbound)
			}
		}
	})
}

func TestConfiguration(t *testing.T) {
	_, err := Spec().New(account.Account{Settings: map[string]string{"from": "ab", "base_url": "x"}}, account.Deps{})
	for _, field := range []string{"api_key", "from", "base_url", "Client"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not named in %v", field, err)
		}
	}
	p, err := Spec().New(account.Account{Settings: map[string]string{"from": "Acme"}, Secrets: map[string]secret.String{"api_key": secret.New(key)}},
		account.Deps{Client: http.DefaultClient})
	if err != nil || p.Name() != Spec().Kind {
		t.Errorf("%v", err)
	}
}
