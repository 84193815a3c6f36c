package telesign

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
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
	customer = "FFFFFFFF-EEEE-DDDD-1234-AB1234567890"
	ref      = "0123456789ABCDEF0123456789ABCDEF"
)

// key is an API key as the portal shows it.
func key() string {
	return base64.StdEncoding.EncodeToString([]byte("sixty-four bytes of a key that nobody else has, or nearly so...."))
}

func newProvider(t testing.TB, base string, change ...func(*Config)) *Provider {
	t.Helper()
	c := Config{CustomerID: customer, APIKey: secret.New(key()), From: "Acme", BaseURL: base, Client: &http.Client{}}
	for _, f := range change {
		f(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func says(status int, code string) providertest.Answer {
	return providertest.Answer{Status: status, Body: `{"reference_id":"` + ref + `","status":{"code":` + code + `,"description":"About {echo}","updated_on":"2026-11-21T12:00:00Z"}}`}
}

func TestSuite(t *testing.T) {
	fails := func(status int, code string, r provider.Reason) providertest.Failure {
		return providertest.Failure{Name: code, Answer: says(status, code), Reason: r, Code: code}
	}
	providertest.Run(t, providertest.Suite{
		New:      func(t *testing.T, base string) provider.Provider { return newProvider(t, base) },
		Channels: []provider.Channel{provider.SMS, provider.Voice},
		Success: map[provider.Channel]providertest.Answer{
			provider.SMS:   {Body: `{"reference_id":"` + ref + `","external_id":null,"status":{"code":290,"description":"Message in progress","updated_on":"2026-11-21T12:00:00Z"}}`},
			provider.Voice: {Body: `{"reference_id":"` + ref + `","status":{"code":103,"description":"Call in progress","updated_on":"2026-11-21T12:00:00Z"}}`},
		},
		ProviderID: ref,
		Secrets:    []string{key()},
		Text:       func(r providertest.Request) string { return r.Form().Get("message") },
		Reference:  func(r providertest.Request) string { return r.Form().Get("external_id") },
		Failures: []providertest.Failure{
			fails(400, "11000", provider.InvalidNumber), fails(400, "11001", provider.InvalidNumber), fails(400, "12000", provider.InvalidNumber),
			fails(400, "11009", provider.ContentRejected), fails(400, "11013", provider.SenderRejected), fails(400, "11034", provider.BadRequest),
			fails(400, "99999", provider.BadRequest), fails(401, "501", provider.AuthFailed), fails(403, "30006", provider.AuthFailed),
			fails(429, "3204", provider.RateLimited), fails(503, "500", provider.Temporary),
			// Refusals in a 200.
			fails(200, "230", provider.Blocked), fails(200, "229", provider.Blocked), fails(200, "220", provider.InvalidNumber), fails(200, "231", provider.ContentRejected),
			fails(200, "210", provider.Unreachable), fails(200, "500", provider.Temporary), fails(200, "501", provider.AuthFailed), fails(200, "295", provider.Unknown),
			fails(200, "12345", provider.Unknown), fails(200, "103", provider.Unknown),
			{Name: "a text's code for a call", Channel: provider.Voice, Answer: says(200, "290"), Reason: provider.Unknown},
			{Name: "blocked call", Channel: provider.Voice, Answer: says(200, "130"), Reason: provider.Blocked, Code: "130"},
			{Name: "in errors", Reason: provider.SenderRejected, Code: "11013", Answer: providertest.Answer{Status: 400,
				Body: `{"reference_id":null,"status":{"code":0,"description":""},"errors":[{"code":11013,"description":"Invalid value for parameter sender_id."}]}`}},
		},
	})
}

func TestRequest(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name   string
		change func(*provider.Message)
		want   url.Values
	}{
		{"code", func(*provider.Message) {}, url.Values{
			"phone_number": {"12025550123"}, "message": {"Your Example code is 482913. It is good for 3 minutes."}, "message_type": {"OTP"}, "sender_id": {"Acme"},
			"external_id": {"0199a1b3c4d57e4f8a5b6c7d8e9f0a1b"}, "account_lifecycle_event": {"create"}, "callback_url": {"https://id.example.com/receipts/telesign/k"},
		}},
		{"notice", func(m *provider.Message) { m.Code, m.From, m.TriggerSource, m.Reference = "", "+12025550100", "x", "" }, url.Values{
			"phone_number": {"12025550123"}, "message": {"Your Example code is 482913. It is good for 3 minutes."}, "message_type": {"ARN"}, "sender_id": {"12025550100"},
			"callback_url": {"https://id.example.com/receipts/telesign/k"},
		}},
		{"a URL that TeleSign does not call", func(m *provider.Message) {
			m.ReceiptURL, m.TriggerSource = "https://id.example.com:8443/x", "CustomSMSSender_Authentication"
		}, url.Values{
			"phone_number": {"12025550123"}, "message": {"Your Example code is 482913. It is good for 3 minutes."}, "message_type": {"OTP"}, "sender_id": {"Acme"},
			"external_id": {"0199a1b3c4d57e4f8a5b6c7d8e9f0a1b"}, "account_lifecycle_event": {"sign-in"},
		}},
		{"call", func(m *provider.Message) { m.Channel, m.Text, m.ReceiptURL = provider.Voice, "Code 482913.", "" }, url.Values{
			"phone_number": {"12025550123"}, "message": {"Code 4, 8, 2, 9, 1, 3. ... Code 4, 8, 2, 9, 1, 3."}, "message_type": {"OTP"}, "sender_id": {"Acme"}, "voice": {"f-en-GB"},
			"external_id": {"0199a1b3c4d57e4f8a5b6c7d8e9f0a1b"}, "account_lifecycle_event": {"create"},
		}},
	} {
		m := providertest.Message(provider.SMS)
		m.ReceiptURL = "https://id.example.com/receipts/telesign/k"
		c.change(&m)
		p := newProvider(t, "", func(c *Config) { c.Now = func() time.Time { return now } })
		channel := provider.SMS
		if m.Channel == provider.Voice {
			channel = provider.Voice
		}
		got, err := p.form(m, channel)
		if err != nil || got.Encode() != c.want.Encode() {
			t.Errorf("%s: %v %v\nnot %v", c.name, err, got.Encode(), c.want.Encode())
		}
	}
	for name, change := range map[string]func(*provider.Message){
		"too long": func(m *provider.Message) { m.Text = strings.Repeat("ж", 1601) },
		"key":      func(m *provider.Message) { m.Channel, m.Key = provider.Voice, "42" },
	} {
		m := providertest.Message(provider.SMS)
		change(&m)
		if _, err := newProvider(t, "").Send(t.Context(), m); err == nil {
			t.Errorf("%s: sent", name)
		}
	}
}

func TestConfig(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		field  string
	}{
		"customer": {func(c *Config) { c.CustomerID = "a:b" }, "customer_id"}, "no key": {func(c *Config) { c.APIKey = secret.String{} }, "api_key"},
		"key": {func(c *Config) { c.APIKey = secret.New("not base64!") }, "api_key"}, "base": {func(c *Config) { c.BaseURL = "ftp://x" }, "base_url"},
		"client": {func(c *Config) { c.Client = nil }, "Client"},
	} {
		good := Config{CustomerID: customer, APIKey: secret.New(key()), Client: &http.Client{}}
		c.change(&good)
		if _, err := New(good); err == nil || !strings.Contains(err.Error(), c.field) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := Spec()
	p, err := s.New(account.Account{Settings: map[string]string{"customer_id": customer}, Secrets: map[string]secret.String{"api_key": secret.New(key())}}, account.Deps{Client: &http.Client{}})
	if err != nil || p.Name() != s.Kind {
		t.Fatal(p, err)
	}
	if p, err := s.New(account.Account{}, account.Deps{}); err == nil || p != nil {
		t.Errorf("%v %v: a provider of nothing", p, err)
	}
}

func callback(body string, change ...func(*provider.Callback)) provider.Callback {
	raw, _ := base64.StdEncoding.DecodeString(key())
	h := hmac.New(sha256.New, raw)
	h.Write([]byte(body))
	c := provider.Callback{
		Method: http.MethodPost, Body: []byte(body), Now: time.Now(), URL: &url.URL{Scheme: "https", Host: "id.example.com", Path: "/receipts/telesign/k"},
		Header: map[string][]string{"Authorization": {"TSA " + customer + ":" + base64.StdEncoding.EncodeToString(h.Sum(nil))}, "Content-Type": {"application/json"}},
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func report(code string) string {
	return `{"reference_id":"` + ref + `","external_id":"r1","sub_resource":"sms","submit_timestamp":"2026-11-21T12:00:00.000000Z","errors":[],
		"status":{"code":` + code + `,"description":"To +12025550123","updated_on":"2026-11-21T12:00:05.123456Z"}}`
}

func TestCallback(t *testing.T) {
	p := newProvider(t, "")
	for code, want := range map[string]struct {
		state  provider.State
		reason provider.Reason
	}{
		"290": {provider.StateQueued, ""}, "291": {provider.StateQueued, ""}, "292": {provider.StateQueued, ""}, "295": {provider.StateQueued, ""}, "203": {provider.StateSent, ""},
		"200": {provider.StateDelivered, ""}, "207": {provider.StateUndelivered, provider.Unknown}, "250": {provider.StateUndelivered, provider.Unknown},
		"210": {provider.StateUndelivered, provider.Unreachable}, "211": {provider.StateUndelivered, provider.Unreachable}, "222": {provider.StateUndelivered, provider.Unreachable},
		"220": {provider.StateUndelivered, provider.InvalidNumber}, "221": {provider.StateExpired, ""}, "229": {provider.StateFailed, provider.Blocked},
		"230": {provider.StateFailed, provider.Blocked}, "231": {provider.StateFailed, provider.ContentRejected}, "500": {provider.StateFailed, provider.Temporary},
		"501": {provider.StateFailed, provider.AuthFailed}, "599": {provider.StateFailed, provider.Unknown}, "100": {provider.StateDelivered, ""},
		"101": {provider.StateUndelivered, provider.Unreachable}, "103": {provider.StateQueued, ""}, "104": {provider.StateUndelivered, provider.InvalidNumber},
		"106": {provider.StateFailed, provider.Unknown}, "129": {provider.StateFailed, provider.Blocked},
	} {
		got, _, err := p.ReadCallback(t.Context(), callback(report(code)))
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: %v %v", code, got, err)
		}
		n := got[0]
		if n.State != want.state || n.Reason != want.reason || n.ProviderID != ref || n.Reference != "r1" || n.At.Unix() != 1795262405 {
			t.Errorf("%s: %+v", code, n)
		}
		if (n.Reason != "") != (n.VendorCode == code) || strings.Contains(n.Text, "2025550123") {
			t.Errorf("%s: %+v", code, n)
		}
	}
	if got, _, err := p.ReadCallback(t.Context(), callback(report("7777"))); err != nil || len(got) != 0 {
		t.Errorf("a code of no meaning: %v %v", got, err)
	}
	moved := callback(report("200"), func(c *provider.Callback) {
		c.Header["X-Ts-Authorization"] = c.Header["Authorization"]
		delete(c.Header, "Authorization")
	})
	if got, _, err := p.ReadCallback(t.Context(), moved); err != nil || len(got) != 1 {
		t.Errorf("the other header: %v %v", got, err)
	}
}

// CVE-2023-40034: what is not signed rightly changes nothing.
func TestAdvisory_CVE_2023_40034_UnsignedReceipts(t *testing.T) {
	p := newProvider(t, "")
	for name, change := range map[string]func(*provider.Callback){
		"no header":   func(c *provider.Callback) { c.Header = nil },
		"other body":  func(c *provider.Callback) { c.Body = []byte(report("230")) },
		"white space": func(c *provider.Callback) { c.Body = append(c.Body, ' ') },
		"other customer": func(c *provider.Callback) {
			c.Header["Authorization"][0] = strings.Replace(c.Header["Authorization"][0], "TSA F", "TSA E", 1)
		},
		"two headers":  func(c *provider.Callback) { c.Header["Authorization"] = append(c.Header["Authorization"], "TSA x") },
		"no signature": func(c *provider.Callback) { c.Header["Authorization"] = []string{"TSA " + customer + ":"} },
		"Basic":        func(c *provider.Callback) { c.Header["Authorization"] = []string{"Basic eDp5"} },
		"key not decoded": func(c *provider.Callback) {
			h := hmac.New(sha256.New, []byte(key()))
			h.Write(c.Body)
			c.Header["Authorization"] = []string{"TSA " + customer + ":" + base64.StdEncoding.EncodeToString(h.Sum(nil))}
		},
	} {
		got, _, err := p.ReadCallback(t.Context(), callback(report("200"), change))
		if !errors.Is(err, provider.ErrSignature) || len(got) != 0 {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	for name, body := range map[string]string{"no JSON": "x", "no reference": `{"status":{"code":200}}`, "list": "[]"} {
		if _, _, err := p.ReadCallback(t.Context(), callback(body)); err == nil || errors.Is(err, provider.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := p.ReadCallback(t.Context(), callback(report("200"), func(c *provider.Callback) { c.Method = http.MethodGet })); err == nil {
		t.Error("a GET was read")
	}
	if !p.Signed() {
		t.Error("not signed")
	}
}

func TestPoll(t *testing.T) {
	answers := map[string]string{}
	s := providertest.Serve(t, func(w http.ResponseWriter, q *http.Request) {
		user, password, _ := q.BasicAuth()
		if user != customer || password != key() || q.Method != http.MethodGet {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		body, ok := answers[q.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			body = `{"status":{"code":3500,"description":"no such message"}}`
		}
		w.Write([]byte(body))
	})
	p := newProvider(t, s.URL)
	if _, err := p.Poll(t.Context(), ref); err == nil || provider.ReasonOf(err) != provider.Temporary {
		t.Errorf("a message that is not known yet: %v", err)
	}
	answers["/v1/voice/"+ref] = report("100")
	if n, err := p.Poll(t.Context(), ref); err != nil || n.State != provider.StateDelivered {
		t.Errorf("call: %+v %v", n, err)
	}
	answers["/v1/messaging/"+ref] = report("220")
	if n, err := p.Poll(t.Context(), ref); err != nil || n.State != provider.StateUndelivered || n.Reason != provider.InvalidNumber || n.ProviderID != ref {
		t.Errorf("text: %+v %v", n, err)
	}
	answers["/v1/messaging/other"] = report("200")
	if n, err := p.Poll(t.Context(), "other"); err == nil {
		t.Errorf("the receipt of another message: %+v", n)
	}
	if text, err := p.Check(t.Context()); err != nil || !strings.Contains(text, "nothing was sent") {
		t.Errorf("%q %v", text, err)
	}
	wrong := newProvider(t, s.URL, func(c *Config) { c.CustomerID = "other" })
	if _, err := wrong.Check(t.Context()); err == nil || provider.ReasonOf(err) != provider.AuthFailed {
		t.Errorf("wrong credentials: %v", err)
	}
}

func FuzzReadCallback(f *testing.F) {
	for _, code := range []string{"200", "-1", `"x"`, "1e9"} {
		f.Add([]byte(report(code)), "TSA x:y")
	}
	p := newProvider(f, "")
	f.Fuzz(func(t *testing.T, body []byte, authorization string) {
		for _, c := range []provider.Callback{callback(string(body)), callback(string(body), func(c *provider.Callback) { c.Header["Authorization"] = []string{authorization} })} {
			notices, _, err := p.ReadCallback(t.Context(), c)
			if err != nil && len(notices) > 0 {
				t.Fatal("an error with notices")
			}
			for _, n := range notices {
				if n.ProviderID == "" || n.State == "" || len(n.Text) > 200 {
					t.Fatalf("%+v", n)
				}
			}
		}
	})
}
