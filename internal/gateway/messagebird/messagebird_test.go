package messagebird

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
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
	access  = "acc3ss-key"
	signing = "s1gning-key-of-32-characters-xyz"
	id      = "f28bbe526fc14974b3e7e663a6139b53"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func newProvider(t testing.TB, base string, change ...func(*Config)) *Provider {
	t.Helper()
	c := Config{AccessKey: secret.New(access), From: "+12025550100", BaseURL: base, Client: &http.Client{Timeout: 5 * time.Second}}
	for _, f := range change {
		f(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func created(status, more string) providertest.Answer {
	return providertest.Answer{Status: 201, Body: `{"id":"` + id + `","direction":"mt","recipients":{"totalCount":1,"items":[{"recipient":12025550123,"status":"` + status +
		`","statusDatetime":"2026-11-21T12:00:00+00:00","messagePartCount":1` + more + `}]}}`}
}

func refusal(status int, code, parameter string) providertest.Answer {
	return providertest.Answer{Status: status, Body: `{"errors":[{"code":` + code + `,"description":"no: {echo}","parameter":` + parameter + `}]}`}
}

func TestSuite(t *testing.T) {
	suite := providertest.Suite{
		New:        func(t *testing.T, base string) provider.Provider { return newProvider(t, base) },
		Success:    map[provider.Channel]providertest.Answer{provider.SMS: created("sent", ""), provider.Voice: created("calling", "")},
		ProviderID: id,
		Failures: []providertest.Failure{
			{Name: "failed", Answer: created("delivery_failed", `,"statusReason":"opted out","statusErrorCode":103`), Reason: provider.OptedOut, Code: "103"},
			{Name: "failed, no reason", Answer: created("delivery_failed", `,"statusErrorCode":null`), Reason: provider.Unknown},
			{Name: "unknown status", Answer: created("lost", ""), Reason: provider.Unknown},
			{Name: "no recipient", Answer: providertest.Answer{Status: 201, Body: `{"id":"1","recipients":{"items":[]}}`}, Reason: provider.Unknown},
			{Name: "no id", Answer: providertest.Answer{Status: 201, Body: `{"recipients":{"items":[{"status":"sent"}]}}`}, Reason: provider.Unknown},
			{Name: "key", Answer: refusal(401, "2", `"access_key"`), Reason: provider.AuthFailed, Code: "2"},
			{Name: "number", Answer: refusal(422, "9", `"recipient"`), Reason: provider.InvalidNumber, Code: "9"},
			{Name: "numbers", Answer: refusal(422, "10", `"recipients"`), Reason: provider.InvalidNumber},
			{Name: "sender", Answer: refusal(422, "10", `"originator"`), Reason: provider.SenderRejected},
			{Name: "other", Answer: refusal(422, "21", `null`), Reason: provider.BadRequest, Code: "21"},
			{Name: "balance", Answer: refusal(422, "25", `null`), Reason: provider.InsufficientFunds},
			{Name: "internal", Answer: refusal(422, "99", `null`), Reason: provider.Temporary},
			{Name: "unknown", Answer: refusal(422, "7", `null`), Reason: provider.BadRequest, Code: "7"},
			{Name: "no errors", Answer: providertest.Answer{Status: 500, Body: `{"errors":[]}`}, Reason: provider.Temporary, Code: "500"},
		},
		Secrets: []string{access},
		Text:    func(r providertest.Request) string { s, _ := r.JSON()["body"].(string); return s },
		Reference: func(r providertest.Request) string {
			s, _ := r.JSON()["reference"].(string)
			return s
		},
		Message: func(m *provider.Message) { m.ReceiptURL = "https://id.example.com/receipts/messagebird/s" },
	}
	suite.Channels = []provider.Channel{provider.Voice} // which the description does not hold
	t.Run("calls", func(t *testing.T) { providertest.Run(t, suite) })
	suite.Channels, suite.Spec = []provider.Channel{provider.SMS}, "messagebird_sms.yml"
	t.Run("texts", func(t *testing.T) { providertest.Run(t, suite) })
}

func answering(answers ...providertest.Answer) http.HandlerFunc {
	n := 0
	return func(w http.ResponseWriter, _ *http.Request) {
		a := answers[min(n, len(answers)-1)]
		n++
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(max(a.Status, 200))
		w.Write([]byte(a.Body))
	}
}

func TestRequest(t *testing.T) {
	s := providertest.Serve(t, answering(created("sent", `,"price":{"amount":0.0751,"currency":"EUR"}`)))
	p := newProvider(t, s.URL, func(c *Config) { c.Now = func() time.Time { return now } })
	m := provider.Message{ID: "m1", To: "+447700900123", Text: "Code 482913", Code: "482913", Locale: "pt_BR", ReceiptURL: "https://id.example.com/r", ExpiresAt: now.Add(90 * time.Second)}
	r, err := p.Send(t.Context(), m)
	if want := (provider.Receipt{ProviderID: id, Segments: 1, Raw: "sent", Price: 75100, Currency: "EUR"}); err != nil || r != want {
		t.Errorf("%+v %v", r, err)
	}
	m.Channel, m.From = provider.Voice, "Acme"
	if _, err := p.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	text, call := s.Requests()[0], s.Requests()[1]
	if want := `{"originator":"12025550100","recipients":["447700900123"],"body":"Code 482913","reference":"m1","reportUrl":"https://id.example.com/r",` +
		`"datacoding":"auto","validity":90}`; string(text.Body) != want || text.URL.Path != "/messages" || text.Header.Get("Authorization") != "AccessKey "+access {
		t.Errorf("%s %s", text.URL, text.Body)
	}
	if want := `{"recipients":["447700900123"],"body":"Code 4, 8, 2, 9, 1, 3 Code 4, 8, 2, 9, 1, 3","reference":"m1","reportUrl":"https://id.example.com/r",` +
		`"language":"pt-br","ifMachine":"hangup"}`; string(call.Body) != want || call.URL.Path != "/voicemessages" {
		t.Errorf("%s %s", call.URL, call.Body)
	}
	if m.From = "too long a name"; true {
		if _, err := p.Send(t.Context(), m); err == nil || provider.ReasonOf(err) != provider.SenderRejected || len(s.Requests()) != 2 {
			t.Errorf("%v", err)
		}
	}
}

func TestPollAndCheck(t *testing.T) {
	ok := func(a providertest.Answer) providertest.Answer { a.Status = 200; return a }
	missing := refusal(404, "20", "null")
	s := providertest.Serve(t, answering(missing, ok(created("no answer", ""))))
	got, err := newProvider(t, s.URL).Poll(t.Context(), id)
	if err != nil || got.State != provider.StateUndelivered || got.Reason != provider.Unreachable || len(s.Requests()) != 2 || s.Requests()[1].URL.Path != "/voicemessages/"+id {
		t.Errorf("%+v %v", got, err)
	}
	s = providertest.Serve(t, answering(ok(created("delivered", `,"mccmnc":"23410","price":{"amount":0.05,"currency":"EUR"}`))))
	got, err = newProvider(t, s.URL).Poll(t.Context(), id)
	want := provider.Notice{ProviderID: id, State: provider.StateDelivered, Text: "delivered", Segments: 1, Network: "23410", Price: 50000, Currency: "EUR", At: now}
	if err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
	providertest.Conforms(t, "messagebird_sms.yml", s.Requests()[0])
	for _, c := range []struct {
		a      providertest.Answer
		reason provider.Reason
	}{{missing, provider.Temporary}, {refusal(401, "2", "null"), provider.AuthFailed}, {ok(created("lost", "")), provider.Unknown}} {
		s := providertest.Serve(t, answering(c.a))
		if got, err := newProvider(t, s.URL).Poll(t.Context(), id); err == nil || provider.ReasonOf(err) != c.reason {
			t.Errorf("%+v %v", got, err)
		}
	}
	for body, reason := range map[string]provider.Reason{`{"payment":"prepaid","type":"euros","amount":9.2}`: "", `{"payment":"postpaid","type":"euros","amount":0}`: "",
		`{"payment":"prepaid","type":"euros","amount":0}`: provider.InsufficientFunds, `{}`: provider.Unknown} {
		s := providertest.Serve(t, answering(providertest.Answer{Body: body}))
		said, err := newProvider(t, s.URL).Check(t.Context())
		if reason == "" && (err != nil || said == "") || reason != "" && (err == nil || provider.ReasonOf(err) != reason) {
			t.Errorf("%s: %q %v", body, said, err)
		}
	}
}

const receiptURL = "https://id.example.com/receipts/messagebird/s?id=" + id + "&mccmnc=23410&reference=a1&recipient=447700900123&status=delivery_failed&statusDatetime=2026-11-21T12%3A00%3A00%2B00%3A00&statusErrorCode=5&statusReason=unknown+subscriber"

// token makes the JWT that MessageBird would send; change forges it.
func token(c provider.Callback, change func(head, claims map[string]any)) string {
	sum := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	head := map[string]any{"alg": "HS256", "typ": "JWT"}
	claims := map[string]any{"iss": "MessageBird", "nbf": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": "j1", "url_hash": sum([]byte(c.URL.String()))}
	if len(c.Body) > 0 {
		claims["payload_hash"] = sum(c.Body)
	}
	if change != nil {
		change(head, claims)
	}
	part := func(v any) string { raw, _ := json.Marshal(v); return base64.RawURLEncoding.EncodeToString(raw) }
	text := part(head) + "." + part(claims)
	h := hmac.New(sums["HS256"], []byte(signing))
	if f := sums[head["alg"].(string)]; f != nil {
		h = hmac.New(f, []byte(signing))
	}
	h.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func callback(method, rawURL, body string) provider.Callback {
	u, err := url.Parse(rawURL)
	if err != nil {
		panic(err)
	}
	return provider.Callback{Method: method, URL: u, Header: http.Header{}, Body: []byte(body), Now: now}
}

func with(c provider.Callback, token string) provider.Callback {
	c.Header = http.Header{}
	http.Header(c.Header).Set("MessageBird-Signature-JWT", token)
	return c
}

func TestCallbacks(t *testing.T) {
	p := newProvider(t, "", func(c *Config) { c.SigningKey = secret.New(signing) })
	if !p.Signed() || newProvider(t, "").Signed() {
		t.Error("signed exactly if there is a key")
	}
	c := callback("GET", receiptURL, "")
	want := provider.Notice{ID: "j1", ProviderID: id, Reference: "a1", State: provider.StateUndelivered, Reason: provider.InvalidNumber, VendorCode: "5",
		Text: "unknown subscriber", Network: "23410", At: now}
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		got, _, err := p.ReadCallback(context.Background(), with(c, token(c, func(h, _ map[string]any) { h["alg"] = alg })))
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s: %+v %v", alg, got, err)
		}
	}
	in := callback("POST", "https://id.example.com/receipts/messagebird/s", `{"originator":"447700900123","recipient":"80123","payload":"STOP"}`)
	got, _, err := p.ReadCallback(context.Background(), with(in, token(in, nil)))
	if err != nil || len(got) != 1 || *got[0].Inbound != (provider.Inbound{From: "+447700900123", To: "80123", Text: "STOP"}) || got[0].ID != "j1" {
		t.Errorf("%+v %v", got, err)
	}
}

// Nothing is read of a callback whose signature is missing, forged or old.
func TestAdvisory_CVE_2023_40034_UnsignedReceipts(t *testing.T) {
	p := newProvider(t, "", func(c *Config) { c.SigningKey = secret.New(signing) })
	c := callback("GET", receiptURL, "")
	in := callback("POST", "https://id.example.com/receipts/messagebird/s", `{"originator":"447700900123","recipient":"80123","payload":"STOP"}`)
	set := func(name string, v any) string {
		return token(in, func(_, claims map[string]any) {
			if claims[name] = v; v == nil {
				delete(claims, name)
			}
		})
	}
	good := token(in, nil)
	for name, forged := range map[string]string{
		"unsigned": "", "no token": "a.b", "other key": strings.TrimSuffix(good, good[len(good)-4:]) + "AAAA", "old": set("exp", now.Add(-2*time.Second).Unix()),
		"ahead": set("nbf", now.Add(2*time.Second).Unix()), "no end": set("exp", nil), "issuer": set("iss", "other"), "no id": set("jti", nil),
		"no URL": set("url_hash", nil), "other URL": token(c, nil), "no body": set("payload_hash", nil), "other body": set("payload_hash", strings.Repeat("0", 64)),
		"none":     token(in, func(h, _ map[string]any) { h["alg"] = "none" }),
		"critical": token(in, func(h, _ map[string]any) { h["crit"] = []string{"x"} }),
	} {
		if got, _, err := p.ReadCallback(context.Background(), with(in, forged)); !errors.Is(err, provider.ErrSignature) || len(got) > 0 {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	bodiless := token(c, func(_, claims map[string]any) { claims["payload_hash"] = strings.Repeat("0", 64) })
	if _, _, err := p.ReadCallback(context.Background(), with(c, bodiless)); !errors.Is(err, provider.ErrSignature) {
		t.Error(err)
	}
}

// What is signed but says nothing that is known is no signature's fault.
func TestUnreadable(t *testing.T) {
	p := newProvider(t, "", func(c *Config) { c.SigningKey = secret.New(signing) })
	for _, c := range []provider.Callback{callback("GET", "https://id.example.com/r", ""), callback("GET", "https://id.example.com/r?id=1&status=lost", ""),
		callback("GET", "https://id.example.com/r?status=sent", ""), callback("POST", "https://id.example.com/r", "{"), callback("POST", "https://id.example.com/r", "originator=Acme&payload=x")} {
		if got, _, err := p.ReadCallback(context.Background(), with(c, token(c, nil))); err == nil || errors.Is(err, provider.ErrSignature) {
			t.Errorf("%s: %+v %v", c.URL, got, err)
		}
	}
}

// The second a clock may differ is granted on both sides.
func TestSkew(t *testing.T) {
	p := newProvider(t, "", func(c *Config) { c.SigningKey = secret.New(signing) })
	c := callback("GET", receiptURL, "")
	jwt := token(c, nil)
	for at, ok := range map[time.Duration]bool{-2 * time.Second: false, -time.Second: true, time.Minute: true, time.Minute + time.Second: false} {
		c.Now = now.Add(at)
		if _, _, err := p.ReadCallback(context.Background(), with(c, jwt)); ok != (err == nil) {
			t.Errorf("%v: %v", at, err)
		}
	}
}

func FuzzCallback(f *testing.F) {
	p := newProvider(f, "")
	f.Add("id=1&status=sent", "", "")
	f.Add("", `{"originator":"447700900123","payload":"x"}`, "a.b.c")
	f.Fuzz(func(t *testing.T, query, body, token string) {
		c := provider.Callback{Method: "POST", URL: &url.URL{Path: "/", RawQuery: query}, Header: http.Header{}, Body: []byte(body), Now: now}
		got, _, err := p.ReadCallback(context.Background(), c)
		for _, n := range got {
			if err != nil || n.Inbound == nil && (n.State == "" || n.ProviderID == "" && n.Reference == "") {
				t.Errorf("%+v %v", n, err)
			}
		}
		if _, ok := signed([]byte(signing), with(c, token)); ok {
			t.Errorf("%q is signed", token)
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
	_, err := Spec().New(account.Account{Settings: map[string]string{"from": "much too long a name", "base_url": "x"}}, account.Deps{})
	for _, field := range []string{"access_key", "from", "base_url", "Client"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not named in %v", field, err)
		}
	}
	p, err := Spec().New(account.Account{Settings: map[string]string{"from": "Acme"}, Secrets: map[string]secret.String{"access_key": secret.New(access)}},
		account.Deps{Client: http.DefaultClient})
	if err != nil || p.Name() != Spec().Kind {
		t.Errorf("%v", err)
	}
}
