package vonage

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"countersign/internal/gateway/account"
	"countersign/internal/secret"
	"countersign/provider"
	"countersign/provider/providertest"
)

const (
	application = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
	apiSecret   = "the-secret-of-a-key"
	signing     = "a signature secret, long and random"
	messageID   = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

var newKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func privateKey(t testing.TB) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(newKey())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func newProvider(t testing.TB, base string, change ...func(*Config)) *Provider {
	t.Helper()
	c := Config{ApplicationID: application, PrivateKey: secret.New(privateKey(t)), SignatureSecret: secret.New(signing), From: "+447700900001", BaseURL: base, Client: &http.Client{}}
	for _, f := range change {
		f(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func basic(c *Config) {
	c.ApplicationID, c.PrivateKey, c.APIKey, c.APISecret = "", secret.String{}, "abcd1234", secret.New(apiSecret)
}

// said is a problem as the newer APIs answer it.
func said(status int, kind string) providertest.Answer {
	return providertest.Answer{Status: status, Header: map[string]string{"Content-Type": "application/problem+json", "Retry-After": "7"},
		Body: `{"type":"https://developer.vonage.com/api-errors/` + kind + `","title":"Refused","detail":"About {echo}","instance":"x"}`}
}

func TestSuite(t *testing.T) {
	fails := func(status int, kind, code string, r provider.Reason) providertest.Failure {
		return providertest.Failure{Name: kind, Answer: said(status, kind), Reason: r, Code: code}
	}
	failures := []providertest.Failure{
		fails(422, "messages#1120", "1120", provider.SenderRejected), fails(429, "messages#1000", "1000", provider.RateLimited), fails(402, "messages#1070", "1070", provider.InsufficientFunds),
		fails(422, "messages#1170", "1170", provider.InvalidNumber), fails(422, "messages#1240", "1240", provider.OptedOut), fails(422, "messages#1090", "1090", provider.ContentRejected),
		fails(422, "messages#1150", "1150", provider.BadRequest), fails(500, "messages#1100", "1100", provider.Temporary), fails(422, "messages#9999", "9999", provider.BadRequest),
		fails(422, "messages#1360", "1360", provider.BadRequest), fails(401, "#unauthorized", "unauthorized", provider.AuthFailed), fails(402, "#low-balance", "low-balance", provider.InsufficientFunds),
		fails(403, "#forbidden", "forbidden", provider.AuthFailed), fails(422, "#invalid-params", "invalid-params", provider.BadRequest),
		{Name: "a problem in a 200", Answer: said(200, "messages#1120"), Reason: provider.Unknown},
		{Name: "v0.1", Reason: provider.SenderRejected, Code: "1120", Answer: providertest.Answer{Status: 422, Body: `{"type":"https://x/errors/","title":1120,"detail":"{echo}"}`}},
	}
	call := func(name string, a providertest.Answer, r provider.Reason) {
		failures = append(failures, providertest.Failure{Name: name, Channel: provider.Voice, Answer: a, Reason: r})
	}
	call("old words of the Voice API", providertest.Answer{Status: 401, Body: `{"type":"UNAUTHORIZED","error_title":"Unauthorized {echo}"}`}, provider.AuthFailed)
	call("bad request", providertest.Answer{Status: 400, Body: `{"type":"BAD_REQUEST","error_title":"Bad Request"}`}, provider.BadRequest)
	call("a call that has ended", providertest.Answer{Status: 201, Body: `{"uuid":"` + messageID + `","status":"failed"}`}, provider.Unknown)
	providertest.Run(t, providertest.Suite{
		New:      func(t *testing.T, base string) provider.Provider { return newProvider(t, base) },
		Channels: []provider.Channel{provider.SMS, provider.Voice},
		Success: map[provider.Channel]providertest.Answer{
			provider.SMS:   {Status: 202, Body: `{"message_uuid":"` + messageID + `"}`},
			provider.Voice: {Status: 201, Body: `{"uuid":"` + messageID + `","status":"started","direction":"outbound","conversation_uuid":"CON-x"}`},
		},
		ProviderID: messageID,
		Secrets:    []string{signing},
		Text:       textOf,
		Failures:   failures,
	})
}

func textOf(r providertest.Request) string {
	in := r.JSON()
	if ncco, ok := in["ncco"].([]any); ok {
		return ncco[0].(map[string]any)["text"].(string)
	}
	return in["text"].(string)
}

// Calls have no field for a reference; that of texts is client_ref.
func TestRequests(t *testing.T) {
	s := providertest.Serve(t, func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if q.URL.Path == "/v1/calls" {
			w.WriteHeader(http.StatusCreated)
			w.Write([]byte(`{"uuid":"` + messageID + `","status":"started"}`))
			return
		}
		w.WriteHeader(http.StatusAccepted)
		w.Write([]byte(`{"message_uuid":"` + messageID + `"}`))
	})
	m := providertest.Message(provider.SMS)
	m.ReceiptURL, m.ExpiresAt = "https://id.example.com/receipts/vonage/k", noon.Add(10*time.Minute)
	now := func(c *Config) { c.Now = func() time.Time { return noon } }
	call := m
	call.Channel, call.Text = provider.Voice, "Code 482913."
	keyed := call
	keyed.Key, keyed.KeyURL, keyed.Locale = "42", "https://id.example.com/receipts/vonage/k/keys?token=t", "de"
	short := m
	short.From, short.ReceiptURL, short.Reference, short.ExpiresAt = "Acme Inc", "", "", noon.Add(time.Second)
	for _, c := range []struct {
		name, path, want string
		m                provider.Message
	}{
		{"text", "/v1/messages", `{"message_type":"text","channel":"sms","to":"12025550123","from":"447700900001","text":"Your Example code is 482913. It is good for 3 minutes.",
			"client_ref":"0199a1b3c4d57e4f8a5b6c7d8e9f0a1b","ttl":600,"webhook_url":"https://id.example.com/receipts/vonage/k","webhook_version":"v1","sms":{"encoding_type":"auto"}}`, m},
		{"least", "/v1/messages", `{"message_type":"text","channel":"sms","to":"12025550123","from":"AcmeInc","text":"Your Example code is 482913. It is good for 3 minutes.",
			"ttl":20,"sms":{"encoding_type":"auto"}}`, short},
		{"call", "/v1/calls", `{"to":[{"type":"phone","number":"12025550123"}],"from":{"type":"phone","number":"447700900001"},
			"ncco":[{"action":"talk","text":"Code 4, 8, 2, 9, 1, 3.","language":"en-GB","loop":2}],
			"event_url":["https://id.example.com/receipts/vonage/k"],"event_method":"POST","length_timer":120,"ringing_timer":30}`, call},
		{"keyed call", "/v1/calls", `{"to":[{"type":"phone","number":"12025550123"}],"from":{"type":"phone","number":"447700900001"},"ncco":[
			{"action":"talk","text":"Guten Tag. Um Ihren Code zu hören, drücken Sie die zwei Ziffern, die Ihr Bildschirm zeigt.","language":"de-DE","bargeIn":true},
			{"action":"input","type":["dtmf"],"dtmf":{"maxDigits":2,"timeOut":10},"eventUrl":["https://id.example.com/receipts/vonage/k/keys?token=t"],"eventMethod":"POST"}],
			"event_url":["https://id.example.com/receipts/vonage/k"],"event_method":"POST","length_timer":120,"ringing_timer":30}`, keyed},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := newProvider(t, s.URL, now).Send(t.Context(), c.m); err != nil {
				t.Fatal(err)
			}
			all := s.Requests()
			q := all[len(all)-1]
			var want any
			if err := json.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			if q.URL.Path != c.path || !reflect.DeepEqual(any(q.JSON()), want) {
				t.Errorf("%s %s\nnot %s", q.URL.Path, q.Body, c.want)
			}
			checkToken(t, q, noon)
			if c.path == "/v1/calls" {
				providertest.Conforms(t, "vonage_voice.yml", q)
			}
			if c.name == "keyed call" && strings.Contains(string(q.Body), "4, 8, 2") {
				t.Error("the code is said before the key")
			}
		})
	}
}

// checkToken asserts that a request bears a fresh token of the application.
func checkToken(t *testing.T, q providertest.Request, now time.Time) {
	t.Helper()
	signed, err := jose.ParseSignedCompact(strings.TrimPrefix(q.Header.Get("Authorization"), "Bearer "), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := signed.Verify(&newKey().PublicKey)
	var in struct {
		Application string `json:"application_id"`
		Issued      int64  `json:"iat"`
		Expires     int64  `json:"exp"`
		ID          string `json:"jti"`
	}
	if err != nil || json.Unmarshal(payload, &in) != nil {
		t.Fatal(err)
	}
	if in.Application != application || in.Issued != now.Unix() || in.Expires != now.Add(tokenLife).Unix() || in.ID == "" {
		t.Errorf("%+v", in)
	}
}

func TestToken(t *testing.T) {
	now := noon
	c, err := newCredentials("vonage", application, secret.New(strings.ReplaceAll(privateKey(t), "\n", `\n`)), "", secret.String{}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	first, err := c.bearer()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after time.Duration
		same  bool
	}{{tokenUse - time.Second, true}, {tokenUse, false}, {-time.Hour, false}} {
		now = noon.Add(step.after)
		if got, err := c.bearer(); err != nil || (got == first) != step.same {
			t.Errorf("after %v: the same token: %v (%v)", step.after, got == first, err)
		}
		now = noon
		c.token, c.until = first, noon.Add(tokenUse)
	}
}

func TestNotSent(t *testing.T) {
	for name, c := range map[string]struct {
		config func(*Config)
		m      func(*provider.Message)
		want   provider.Reason
	}{
		"no sender":            {func(c *Config) { c.From = "" }, func(*provider.Message) {}, provider.SenderRejected},
		"too long":             {func(*Config) {}, func(m *provider.Message) { m.Text = strings.Repeat("ж", 1001) }, provider.ContentRejected},
		"call by key":          {basic, func(m *provider.Message) { m.Channel = provider.Voice }, provider.BadRequest},
		"call from a name":     {func(*Config) {}, func(m *provider.Message) { m.Channel, m.From = provider.Voice, "Acme" }, provider.SenderRejected},
		"too long for a call":  {func(*Config) {}, func(m *provider.Message) { m.Channel, m.Text = provider.Voice, strings.Repeat("ж", 1501) }, provider.ContentRejected},
		"no place for the key": {func(*Config) {}, func(m *provider.Message) { m.Channel, m.Key = provider.Voice, "42" }, provider.BadRequest},
	} {
		m := providertest.Message(provider.SMS)
		c.m(&m)
		_, err := newProvider(t, "http://127.0.0.1:1", c.config).Send(t.Context(), m)
		if err == nil || provider.ReasonOf(err) != c.want || !strings.Contains(err.Error(), "not sent") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAlreadySent(t *testing.T) {
	s := providertest.Serve(t, func(w http.ResponseWriter, q *http.Request) {
		if user, password, ok := q.BasicAuth(); !ok || user != "abcd1234" || password != apiSecret {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusUnprocessableEntity)
		w.Write([]byte(`{"type":"https://developer.vonage.com/api-errors/messages#1320","title":"Message already sent"}`))
	})
	if _, err := newProvider(t, s.URL, basic).Send(t.Context(), providertest.Message(provider.SMS)); err != nil {
		t.Error(err)
	}
}

func TestCheck(t *testing.T) {
	answer := said(422, "#invalid-params")
	s := providertest.Serve(t, func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(answer.Status)
		w.Write([]byte(answer.Body))
	})
	for _, status := range []int{422, 401, 202, 500} {
		answer = said(status, map[int]string{422: "messages#1150", 401: "#unauthorized"}[status])
		text, err := newProvider(t, s.URL).Check(t.Context())
		if (err == nil) != (status == 422) || err == nil && !strings.Contains(text, "nothing was sent") {
			t.Errorf("%d: %q %v", status, text, err)
		}
	}
	if body := s.Requests()[0].Body; string(body) != "{}" {
		t.Errorf("%s", body)
	}
}

func TestConfig(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	smallPEM := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(small)}))
	for name, c := range map[string]struct {
		change func(*Config)
		field  string
	}{
		"nothing": {func(c *Config) { *c = Config{Client: c.Client} }, "api_key"}, "half": {func(c *Config) { c.PrivateKey = secret.String{} }, "private_key"},
		"no secret": {func(c *Config) { c.APIKey = "x" }, "api_secret"}, "no PEM": {func(c *Config) { c.PrivateKey = secret.New("x") }, "private_key"},
		"small": {func(c *Config) { c.PrivateKey = secret.New(smallPEM) }, "private_key"}, "short": {func(c *Config) { c.SignatureSecret = secret.New("x") }, "signature_secret"},
		"base": {func(c *Config) { c.BaseURL = "x" }, "base_url"}, "client": {func(c *Config) { c.Client = nil }, "Client"},
	} {
		good := Config{ApplicationID: application, PrivateKey: secret.New(privateKey(t)), Client: &http.Client{}}
		c.change(&good)
		if _, err := New(good); err == nil || !strings.Contains(err.Error(), c.field) {
			t.Errorf("%s: %v", name, err)
		}
	}
	pkcs1 := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(newKey())}))
	if _, err := New(Config{ApplicationID: application, PrivateKey: secret.New(pkcs1), Client: &http.Client{}}); err != nil {
		t.Error(err)
	}
}

func TestSpecs(t *testing.T) {
	all := account.Account{
		Settings: map[string]string{"api_key": "abcd1234", "brand": "Acme", "code_length": "8"}, Secrets: map[string]secret.String{"api_secret": secret.New(apiSecret)},
	}
	for _, s := range []account.Spec{Spec(), SMSSpec(), VerifySpec()} {
		p, err := s.New(all, account.Deps{Client: &http.Client{}})
		if err != nil || p.Name() != s.Kind {
			t.Errorf("%s: %v %v", s.Kind, p, err)
		}
		if p, err := s.New(account.Account{Settings: map[string]string{"code_length": "x"}}, account.Deps{}); err == nil || p != nil {
			t.Errorf("%s: %v %v: a provider of nothing", s.Kind, p, err)
		}
		seen := map[string]bool{}
		for _, f := range s.Fields {
			if seen[f.Name] || f.Help == "" {
				t.Errorf("%s: field %q", s.Kind, f.Name)
			}
			seen[f.Name] = true
		}
	}
}

func TestVoices(t *testing.T) {
	for locale, want := range map[string]string{
		"": "", "en": "en-US", "en-GB": "en-GB", "en_ie": "en-US", "de-AT": "de-DE", "pt-BR": "pt-BR", "pt": "pt-PT", "zh-Hant-TW": "cmn-CN", "zh-TW": "cmn-TW", "nb": "nb-NO", "xx": "",
		`"><script>`: "",
	} {
		if got := voice(locale); got != want {
			t.Errorf("%q: %q, not %q", locale, got, want)
		}
	}
	if l, p := question("pl"); l != "en-US" || !strings.HasPrefix(p.ask, "Hello") {
		t.Errorf("%q %q: a question must be in the language of its voice", l, p.ask)
	}
}
