package infobip

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign/internal/gateway/account"
	"countersign/internal/secret"
	"countersign/provider"
	"countersign/provider/providertest"
)

const (
	apiKey = "0123456789abcdef-the-key-of-an-account"
	ref    = "0199a1b3c4d57e4f8a5b6c7d8e9f0a1b"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func newProvider(t testing.TB, base string, change ...func(*Config)) *Provider {
	t.Helper()
	c := Config{APIKey: secret.New(apiKey), From: "Acme", BaseURL: base, Client: &http.Client{}}
	for _, f := range change {
		f(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// v3 is an answer for one message, with the suite's reference as its id.
func v3(group, id int, name string) string {
	return `{"bulkId":"b1","messages":[{"messageId":"` + ref + `","status":{"groupId":` + strconv.Itoa(group) + `,"groupName":"G","id":` + strconv.Itoa(id) + `,"name":"` + name +
		`","description":"About {echo}"},"destination":"12025550123","details":{"messageCount":2}}]}`
}

func TestSuite(t *testing.T) {
	status := func(group, id int, name string, r provider.Reason) providertest.Failure {
		return providertest.Failure{Name: name, Answer: providertest.Answer{Body: v3(group, id, name)}, Reason: r, Code: strconv.Itoa(id)}
	}
	newer := func(http int, code string, r provider.Reason) providertest.Failure {
		return providertest.Failure{Name: code, Reason: r, Code: code, Answer: providertest.Answer{Status: http, Header: map[string]string{"Retry-After": "7"},
			Body: `{"errorCode":"` + code + `","description":"About {echo}","action":"Do","violations":[{"property":"messages[0].to","violation":"{echo}"}],"resources":[]}`}}
	}
	older := func(http int, code string, r provider.Reason) providertest.Failure {
		return providertest.Failure{Name: code, Reason: r, Code: code, Answer: providertest.Answer{Status: http,
			Body: `{"requestError":{"serviceException":{"messageId":"` + code + `","text":"About {echo}"}}}`}}
	}
	call := status(5, 52, "REJECTED_DESTINATION of a call", provider.InvalidNumber)
	call.Channel = provider.Voice
	providertest.Run(t, providertest.Suite{
		New:      func(t *testing.T, base string) provider.Provider { return newProvider(t, base) },
		Channels: []provider.Channel{provider.SMS, provider.Voice},
		Success: map[provider.Channel]providertest.Answer{
			provider.SMS:   {Body: strings.ReplaceAll(v3(1, 26, "PENDING_ACCEPTED"), "{echo}", "")},
			provider.Voice: {Body: `{"bulkId":"b1","messages":[{"to":"12025550123","status":{"groupId":1,"groupName":"PENDING","id":26,"name":"PENDING_ACCEPTED","description":"x"},"messageId":"` + ref + `"}]}`},
		},
		ProviderID: ref,
		Secrets:    []string{apiKey},
		Text:       textOf,
		Reference: func(r providertest.Request) string {
			return first(r)["destinations"].([]any)[0].(map[string]any)["messageId"].(string)
		},
		Failures: []providertest.Failure{
			status(5, 6, "REJECTED_NETWORK", provider.BadRequest), status(5, 8, "REJECTED_PREFIX_MISSING", provider.InvalidNumber),
			status(5, 10, "REJECTED_DND", provider.OptedOut), status(5, 11, "REJECTED_SOURCE", provider.SenderRejected), status(5, 12, "REJECTED_NOT_ENOUGH_CREDITS", provider.InsufficientFunds),
			status(5, 13, "REJECTED_SENDER", provider.SenderRejected), status(5, 14, "REJECTED_DESTINATION_BLOCKLISTED", provider.Blocked),
			status(5, 17, "REJECTED_PREPAID_PACKAGE_EXPIRED", provider.InsufficientFunds), status(5, 18, "REJECTED_DESTINATION_NOT_REGISTERED", provider.BadRequest),
			status(5, 19, "REJECTED_ROUTE_NOT_AVAILABLE", provider.BadRequest), status(5, 20, "REJECTED_FLOODING_FILTER", provider.RateLimited),
			status(5, 21, "REJECTED_SYSTEM_ERROR", provider.Temporary), status(5, 24, "REJECTED_INVALID_UDH", provider.ContentRejected), status(5, 25, "REJECTED_TOO_LONG", provider.ContentRejected),
			status(5, 51, "MISSING_TO", provider.InvalidNumber), status(5, 52, "REJECTED_DESTINATION", provider.InvalidNumber), status(5, 87, "SIGNALS_BLOCKED", provider.Blocked),
			status(5, 99, "X99", provider.BadRequest), status(5, 777, "X777", provider.Unknown), status(2, 4, "UNDELIVERABLE_REJECTED_OPERATOR", provider.Unknown), status(4, 15, "EXPIRED", provider.Unknown),
			status(9, 26, "a group that is none", provider.Unknown),
			newer(400, "E400", provider.BadRequest), newer(401, "E401", provider.AuthFailed), newer(403, "E403", provider.AuthFailed), newer(429, "E429", provider.RateLimited), newer(500, "E500", provider.Temporary),
			newer(404, "E404", provider.BadRequest), older(401, "UNAUTHORIZED", provider.AuthFailed), older(400, "BAD_REQUEST", provider.BadRequest), older(429, "TOO_MANY_REQUESTS", provider.RateLimited),
			older(503, "SOMETHING", provider.Temporary), call,
		},
	})
}

func first(r providertest.Request) map[string]any {
	return r.JSON()["messages"].([]any)[0].(map[string]any)
}

func textOf(r providertest.Request) string {
	m := first(r)
	if c, ok := m["content"].(map[string]any); ok {
		return c["text"].(string)
	}
	return m["text"].(string)
}

// An id that was taken before is a success, and the only one whose group is "rejected".
func TestDuplicate(t *testing.T) {
	body := strings.ReplaceAll(v3(5, 23, "REJECTED_DUPLICATE_MESSAGE_ID"), "{echo}", "")
	s := providertest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(body))
	})
	p, m := newProvider(t, s.URL), providertest.Message(provider.SMS)
	if r, err := p.Send(t.Context(), m); err != nil || r.ProviderID != ref || r.Segments != 2 {
		t.Errorf("%+v %v", r, err)
	}
	m.Reference = "" // no id of ours can have been a duplicate
	if _, err := p.Send(t.Context(), m); err == nil {
		t.Error("a success without an id of ours")
	}
}

func TestRequests(t *testing.T) {
	m := providertest.Message(provider.SMS)
	m.ReceiptURL, m.From, m.ExpiresAt = "https://id.example.com/receipts/infobip/k", "+447700900001", noon.Add(10*time.Minute)
	p := newProvider(t, "", func(c *Config) { c.Conversion = true })
	same(t, p.text(m, "447700900001", 10*time.Minute), `{"messages":[{"sender":"447700900001","destinations":[{"to":"12025550123","messageId":"`+ref+`"}],
		"content":{"text":"Your Example code is 482913. It is good for 3 minutes."},"options":{"validityPeriod":{"amount":600,"timeUnit":"SECONDS"}},
		"webhooks":{"delivery":{"url":"https://id.example.com/receipts/infobip/k","intermediateReport":false},"contentType":"application/json","callbackData":"`+ref+`"}}],
		"options":{"includeSmsCountInResponse":true,"conversionTracking":{"useConversionTracking":true,"conversionTrackingName":"otp"}}}`)
	m.ReceiptURL, m.Reference, m.Code = "", "", ""
	same(t, newProvider(t, "").text(m, "Acme", 0), `{"messages":[{"sender":"Acme","destinations":[{"to":"12025550123"}],
		"content":{"text":"Your Example code is 482913. It is good for 3 minutes."},"options":{}}],"options":{"includeSmsCountInResponse":true}}`)
	v := providertest.Message(provider.Voice)
	v.Text, v.ReceiptURL = "Code 482913.", "https://id.example.com/receipts/infobip/k"
	same(t, call(v, "447700900001"), `{"messages":[{"from":"447700900001","destinations":[{"to":"12025550123","messageId":"`+ref+`"}],
		"text":"Code 4,, 8,, 2,, 9,, 1,, 3. ... Code 4,, 8,, 2,, 9,, 1,, 3.","language":"en","ringTimeout":30,
		"notifyUrl":"https://id.example.com/receipts/infobip/k","notifyContentType":"application/json","callbackData":"`+ref+`"}]}`)
	for locale, want := range map[string]string{"de-AT": "de", "nb_NO": "no", "": "en", "xx": "en", "<x>": "en"} {
		if got := language(locale); got != want {
			t.Errorf("%q: %q", locale, got)
		}
	}
	for name, change := range map[string]func(*provider.Message){
		"too long": func(m *provider.Message) { m.Text = strings.Repeat("ж", 1601) },
		"key":      func(m *provider.Message) { m.Channel, m.Key = provider.Voice, "42" },
	} {
		m := providertest.Message(provider.SMS)
		change(&m)
		if _, err := p.Send(t.Context(), m); err == nil || provider.ReasonOf(err) == provider.Temporary {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := newProvider(t, "", func(c *Config) { c.From = "" }).Send(t.Context(), providertest.Message("")); err == nil || provider.ReasonOf(err) != provider.SenderRejected {
		t.Errorf("no sender: %v", err)
	}
}

// same compares a request with the JSON that it should be.
func same(t *testing.T, got any, want string) {
	t.Helper()
	raw, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if json.Unmarshal(raw, &a) != nil || json.Unmarshal([]byte(want), &b) != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("%s\nnot %s", raw, want)
	}
}

func TestConfig(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		field  string
	}{
		"no key": {func(c *Config) { c.APIKey = secret.String{} }, "api_key"}, "base": {func(c *Config) { c.BaseURL = "https://x?y" }, "base_url"},
		"client": {func(c *Config) { c.Client = nil }, "Client"}, "password": {func(c *Config) { c.CallbackUser = "x" }, "callback_password"},
		"user":         {func(c *Config) { c.CallbackPassword = secret.New("0123456789abcdef") }, "callback_user"},
		"short secret": {func(c *Config) { c.CallbackSecret, c.CallbackHeader = secret.New("x"), "X-Sig" }, "callback_secret"},
		"no header":    {func(c *Config) { c.CallbackSecret = secret.New("0123456789abcdef") }, "callback_header"},
		"hash":         {func(c *Config) { c.CallbackHash = "md5" }, "callback_hash"},
	} {
		good := Config{APIKey: secret.New(apiKey), Client: &http.Client{}}
		c.change(&good)
		if _, err := New(good); err == nil || !strings.Contains(err.Error(), c.field) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := Spec()
	p, err := s.New(account.Account{Secrets: map[string]secret.String{"api_key": secret.New(apiKey)}}, account.Deps{Client: &http.Client{}})
	if err != nil || p.Name() != s.Kind {
		t.Fatal(p, err)
	}
	if p, err := s.New(account.Account{}, account.Deps{}); err == nil || p != nil {
		t.Errorf("%v %v: a provider of nothing", p, err)
	}
}
