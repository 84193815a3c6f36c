package esendex

import (
	"cmp"
	"context"
	"encoding/xml"
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

const (
	password = "pass-of-the-user"
	id       = "1183c73d-2b62-4f60-b610-30f160bdfbd5"
	xmlType  = "application/xml; charset=utf-8"
)

func newProvider(t testing.TB, base string, change ...func(*Config)) *Provider {
	t.Helper()
	c := Config{Username: "ops@example.com", Password: secret.New(password), AccountReference: "EX0000000", From: "Acme", BaseURL: base,
		Client: &http.Client{Timeout: 5 * time.Second}}
	for _, f := range change {
		f(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const headers = `<?xml version="1.0" encoding="utf-8"?><messageheaders batchid="b1" xmlns="http://api.esendex.com/ns/">` +
	`<messageheader uri="https://api.esendex.com/v1.0/messageheaders/` + id + `" id="` + id + `" /></messageheaders>`

func document(body string) providertest.Answer {
	return providertest.Answer{Header: map[string]string{"Content-Type": xmlType}, Body: body}
}

func words(status int, text string) providertest.Answer {
	return providertest.Answer{Status: status, Header: map[string]string{"Content-Type": "text/plain"}, Body: text}
}

// asked is a request as Esendex reads it.
func asked(r providertest.Request) (b batch) {
	_ = xml.Unmarshal(r.Body, &b)
	return b
}

func TestSuite(t *testing.T) {
	providertest.Run(t, providertest.Suite{
		New:        func(t *testing.T, base string) provider.Provider { return newProvider(t, base) },
		Channels:   []provider.Channel{provider.SMS, provider.Voice},
		Success:    map[provider.Channel]providertest.Answer{provider.SMS: document(headers), provider.Voice: document(headers)},
		ProviderID: id,
		Failures: []providertest.Failure{
			{Name: "words", Answer: words(400, "Bad Request: {echo}"), Reason: provider.BadRequest, Code: "400"},
			{Name: "credit", Answer: words(402, "Payment Required"), Reason: provider.InsufficientFunds, Code: "402"},
			{Name: "account", Answer: words(403, "Forbidden"), Reason: provider.AuthFailed},
			{Name: "path", Answer: words(405, ""), Reason: provider.BadRequest},
			{Name: "page", Answer: providertest.Answer{Status: 500, Header: map[string]string{"Content-Type": "text/html"}, Body: "<h1>{echo}</h1>"}, Reason: provider.Temporary},
			{Name: "no header", Answer: document(`<messageheaders batchid="b1"/>`), Reason: provider.Unknown},
			{Name: "two headers", Answer: document(`<messageheaders><messageheader id="1"/><messageheader id="2"/></messageheaders>`), Reason: provider.Unknown},
			{Name: "no id", Answer: document(`<messageheaders><messageheader uri="x"/></messageheaders>`), Reason: provider.Unknown},
			{Name: "other document", Answer: document(`<errors><messageheader id="1"/></errors>`), Reason: provider.Unknown},
		},
		Statuses: map[int]provider.Reason{501: provider.BadRequest},
		Secrets:  []string{password},
		Text:     func(r providertest.Request) string { return asked(r).Message.Body },
	})
}

func answering(status int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		w.Write([]byte(body))
	}
}

func TestRequest(t *testing.T) {
	s := providertest.Serve(t, answering(200, xmlType, headers))
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	p := newProvider(t, s.URL, func(c *Config) { c.Now = func() time.Time { return now } })
	m := provider.Message{To: "+447700900123", From: "+447700900999", Text: "Code 482913", Code: "482913", Locale: "de_AT", ExpiresAt: now.Add(61 * time.Minute)}
	for _, channel := range []provider.Channel{"", provider.Voice} {
		m.Channel = channel
		if _, err := p.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	all := s.Requests()
	text, call := asked(all[0]), asked(all[1])
	if want := (message{From: "447700900999", To: "447700900123", Type: "SMS", Body: "Code 482913", Validity: 2}); text.Message != want || text.Set != "Auto" || text.Account != "EX0000000" {
		t.Errorf("%+v", text)
	}
	said := "Code 4, 8, 2, 9, 1, 3 Code 4, 8, 2, 9, 1, 3"
	if want := (message{From: "447700900999", To: "447700900123", Type: "Voice", Body: said, Lang: "de-DE", Retries: 1, Validity: 2}); call.Message != want {
		t.Errorf("%+v", call)
	}
	user, pass, _ := (&http.Request{Header: all[0].Header}).BasicAuth()
	if user != "ops@example.com" || pass != password || all[0].URL.Path != "/v1.0/messagedispatcher" || all[0].Header.Get("Content-Type") != "application/xml" {
		t.Errorf("%s %v", all[0].URL, all[0].Header)
	}
	m.From = "too long a name"
	if _, err := p.Send(t.Context(), m); err == nil || provider.ReasonOf(err) != provider.SenderRejected || len(s.Requests()) != 2 {
		t.Errorf("%v", err)
	}
	for locale, want := range map[string]string{"": "en-GB", "en-AU": "en-AU", "en_US": "en-GB", "fr": "fr-FR", "es-MX": "es-ES", "pt": "en-GB"} {
		if got := language(locale); got != want {
			t.Errorf("%s: %s", locale, got)
		}
	}
}

func TestPoll(t *testing.T) {
	one := func(inner string) string {
		return `<messageheader id="` + id + `" xmlns="http://api.esendex.com/ns/">` + inner + `</messageheader>`
	}
	for _, c := range []struct {
		status int
		body   string
		want   provider.Notice
		reason provider.Reason
	}{
		{200, one(`<status>Delivered</status><laststatusat>2026-11-21T12:00:01.5Z</laststatusat><parts>2</parts>`),
			provider.Notice{State: provider.StateDelivered, Segments: 2, Text: "Delivered", At: time.Date(2026, 11, 21, 12, 0, 1, 5e8, time.UTC)}, ""},
		{200, one(`<status>Connecting</status>`), provider.Notice{State: provider.StateQueued, Text: "Connecting"}, ""},
		{200, one(`<status>Acknowledged</status>`), provider.Notice{State: provider.StateSent, Text: "Acknowledged"}, ""},
		{200, one(`<status>PartiallyDelivered</status>`), provider.Notice{State: provider.StateUndelivered, Reason: provider.Unreachable, Text: "PartiallyDelivered"}, ""},
		{200, one(`<status>Failed</status><failurereason><code>3</code><description>no 447700900123</description><permanentfailure>true</permanentfailure></failurereason>`),
			provider.Notice{State: provider.StateUndelivered, Reason: provider.InvalidNumber, VendorCode: "3", Text: "no ***"}, ""},
		{200, one(`<status>Failed</status>`), provider.Notice{State: provider.StateUndelivered, Reason: provider.Unreachable, Text: "Failed"}, ""},
		{200, one(`<status>Rejected</status>`), provider.Notice{State: provider.StateFailed, Reason: provider.Unknown, Text: "Rejected"}, ""},
		{200, one(`<status>FailedAuthorisation</status>`), provider.Notice{State: provider.StateFailed, Reason: provider.AuthFailed, Text: "FailedAuthorisation"}, ""},
		{200, one(`<status>Expired</status>`), provider.Notice{State: provider.StateExpired, Text: "Expired"}, ""},
		{200, one(`<status>Lost</status>`), provider.Notice{}, provider.Unknown},
		{200, `<messageheader id="other"><status>Delivered</status></messageheader>`, provider.Notice{}, provider.Unknown},
		{404, "", provider.Notice{}, provider.Temporary},
		{401, "", provider.Notice{}, provider.AuthFailed},
	} {
		s := providertest.Serve(t, answering(c.status, xmlType, c.body))
		got, err := newProvider(t, s.URL).Poll(t.Context(), id)
		if c.reason != "" {
			if err == nil || provider.ReasonOf(err) != c.reason {
				t.Errorf("%s: %+v %v", c.body, got, err)
			}
			continue
		}
		c.want.ProviderID = id
		if err != nil || got != c.want {
			t.Errorf("%s: %+v %v", c.body, got, err)
		}
		if q := s.Requests()[0]; q.Method != "GET" || q.URL.Path != "/v1.0/messageheaders/"+id {
			t.Errorf("%s %s", q.Method, q.URL)
		}
	}
}

func TestCheck(t *testing.T) {
	list := func(ref, left string) string {
		return `<accounts xmlns="http://api.esendex.com/ns/"><account id="a"><reference>EX1</reference><messagesremaining>0</messagesremaining></account>` +
			`<account id="b"><reference>` + ref + `</reference><messagesremaining>` + left + `</messagesremaining></account></accounts>`
	}
	for body, want := range map[string]provider.Reason{
		list("EX0000000", "2000"): "", list("EX0000000", "0"): provider.InsufficientFunds, list("EX0000009", "2000"): provider.AuthFailed, "<accounts": provider.Unknown,
	} {
		s := providertest.Serve(t, answering(200, xmlType, body))
		said, err := newProvider(t, s.URL).Check(t.Context())
		if want == "" && (err != nil || !strings.Contains(said, "2000")) || want != "" && (err == nil || provider.ReasonOf(err) != want) {
			t.Errorf("%s: %q %v", body, said, err)
		}
	}
}

func callback(body string) provider.Callback {
	return provider.Callback{Method: "POST", URL: &url.URL{Scheme: "https", Host: "id.example.com", Path: "/receipts/esendex/s"}, Body: []byte(body), Now: time.Now()}
}

func TestNotifications(t *testing.T) {
	const account = "2f4a1b0e-5c3d-4e6f-8a9b-0c1d2e3f4a5b"
	p := newProvider(t, "", func(c *Config) { c.AccountID = account })
	if p.Signed() {
		t.Error("Esendex signs nothing")
	}
	event := func(kind, of, inner string) string {
		return `<?xml version="1.0"?><` + kind + `><Id>n1</Id><MessageId>` + id + `</MessageId><AccountId>` + of + `</AccountId>` + inner + `</` + kind + ">\n"
	}
	const at = `<OccurredAt>2026-11-21T12:00:05</OccurredAt>`
	when := time.Date(2026, 11, 21, 12, 0, 5, 0, time.UTC)
	for body, want := range map[string]provider.Notice{
		event("MessageDelivered", account, at): {ID: "n1", ProviderID: id, State: provider.StateDelivered, Text: "MessageDelivered", At: when},
		event("MessageFailed", strings.ToUpper(account), at): {ID: "n1", ProviderID: id, State: provider.StateUndelivered, Reason: provider.Unknown,
			Text: "MessageFailed", At: when},
	} {
		got, _, err := p.ReadCallback(context.Background(), callback(body))
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s: %+v %v", body, got, err)
		}
	}
	got, _, err := p.ReadCallback(context.Background(), callback(event("InboundMessage", account, `<MessageText>STOP &amp; go</MessageText><From>447700900123</From><To>447700900999</To>`)))
	if err != nil || len(got) != 1 || *got[0].Inbound != (provider.Inbound{From: "+447700900123", To: "447700900999", Text: "STOP & go"}) || got[0].ProviderID != "" {
		t.Errorf("%+v %v", got, err)
	}
	for _, body := range []string{
		event("MessageDelivered", "00000000-0000-0000-0000-000000000000", at), event("MessageDelivered", "", at), event("MessageRead", account, at),
		event("InboundMessage", account, `<From>Acme</From>`), "", "<a", "{}", event("MessageDelivered", account, at) + "<more/>",
		`<MessageFailed><Id>n1</Id><AccountId>` + account + `</AccountId></MessageFailed>`,
	} {
		if got, _, err := p.ReadCallback(context.Background(), callback(body)); err == nil || errors.Is(err, provider.ErrSignature) {
			t.Errorf("%s: %+v", body, got)
		}
	}
}

func FuzzNotification(f *testing.F) {
	p := newProvider(f, "")
	f.Add([]byte(`<MessageDelivered><Id>1</Id><MessageId>2</MessageId></MessageDelivered>`))
	f.Add([]byte(`<InboundMessage><From>447700900123</From><MessageText>x</MessageText></InboundMessage>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, _, err := p.ReadCallback(context.Background(), callback(string(body)))
		for _, n := range got {
			if err != nil || n.Inbound == nil && (n.ProviderID == "" || n.State == "") {
				t.Errorf("%+v %v", n, err)
			}
		}
	})
}

// A call that cannot ask for its key must not read the code to whoever, or whatever, picks up.
func TestNoKeyedCalls(t *testing.T) {
	m := providertest.Message(provider.Voice)
	m.Key = "42"
	if _, err := newProvider(t, "http://127.0.0.1:1").Send(t.Context(), m); err == nil || provider.ReasonOf(err) != provider.BadRequest {
		t.Errorf("%v", err)
	}
}

func TestConfiguration(t *testing.T) {
	_, err := Spec().New(account.Account{Settings: map[string]string{"username": "a:b", "account_reference": "X", "from": "much too long a name", "base_url": "x"}}, account.Deps{})
	for _, field := range []string{"username", "password", "account_reference", "from", "base_url", "Client"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not named in %v", field, err)
		}
	}
	p, err := Spec().New(account.Account{Settings: map[string]string{"username": "a", "account_reference": "EX0000000"},
		Secrets: map[string]secret.String{"password": secret.New(password)}}, account.Deps{Client: http.DefaultClient})
	if err != nil || cmp.Or(p.Name(), "x") != Spec().Kind {
		t.Errorf("%v", err)
	}
}
