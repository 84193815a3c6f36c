package sinch

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
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
	token = "t0ken-of-the-plan"
	key   = "k3y-of-the-callbacks"
	id    = "01FC66621VHDBN119Z8PMV1QPQ"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func newProvider(t testing.TB, base string, change ...func(*Config)) *Provider {
	t.Helper()
	c := Config{ServicePlanID: "jd63jf88477ll", Token: secret.New(token), From: "Acme", BaseURL: base, Client: &http.Client{Timeout: 5 * time.Second}}
	for _, f := range change {
		f(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const created = `{"id":"` + id + `","to":["12025550123"],"from":"Acme","canceled":false,"body":"x","type":"mt_text","delivery_report":"per_recipient"}`

func refusal(status int, code, text string) providertest.Answer {
	return providertest.Answer{Status: status, Body: `{"code":"` + code + `","text":"` + text + `"}`}
}

func TestSuite(t *testing.T) {
	providertest.Run(t, providertest.Suite{
		New:        func(t *testing.T, base string) provider.Provider { return newProvider(t, base) },
		Success:    map[provider.Channel]providertest.Answer{provider.SMS: {Status: 201, Body: created}},
		ProviderID: id,
		Failures: []providertest.Failure{
			{Name: "number", Answer: refusal(400, "syntax_invalid_parameter_format", "The format of parameter 'to[0]' is invalid; value '{echo}' is no MSISDN"),
				Reason: provider.InvalidNumber, Code: "syntax_invalid_parameter_format"},
			{Name: "sender", Answer: refusal(400, "syntax_invalid_parameter_format", "The format of parameter 'from' is invalid"), Reason: provider.SenderRejected},
			{Name: "syntax", Answer: refusal(400, "syntax_constraint_violation", "The body is too long"), Reason: provider.BadRequest},
			{Name: "callback", Answer: refusal(403, "missing_callback_url", "no URL"), Reason: provider.BadRequest, Code: "missing_callback_url"},
			{Name: "unknown", Answer: refusal(400, "new_code", "new"), Reason: provider.BadRequest, Code: "new_code"},
			{Name: "slow", Answer: refusal(429, "too_many_requests", "x"), Reason: provider.RateLimited},
			{Name: "canceled", Answer: providertest.Answer{Status: 201, Body: `{"id":"1","canceled":true}`}, Reason: provider.Unknown},
			{Name: "no id", Answer: providertest.Answer{Status: 201, Body: `{"canceled":false}`}, Reason: provider.Unknown},
		},
		Statuses:  map[int]provider.Reason{403: provider.BadRequest},
		Secrets:   []string{token},
		Text:      func(r providertest.Request) string { s, _ := r.JSON()["body"].(string); return s },
		Reference: func(r providertest.Request) string { s, _ := r.JSON()["client_reference"].(string); return s },
		Message:   func(m *provider.Message) { m.ReceiptURL = "https://id.example.com/receipts/sinch/s" },
		Spec:      "sinch_sms.yml",
	})
}

func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		w.Write([]byte(body))
	}
}

func TestRequest(t *testing.T) {
	s := providertest.Serve(t, answering(201, created))
	p := newProvider(t, s.URL, func(c *Config) { c.Now = func() time.Time { return now } })
	m := provider.Message{To: "+447700900123", Text: "x", Reference: "a1", ExpiresAt: now.Add(time.Minute)}
	if _, err := p.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	q := s.Requests()[0]
	if q.URL.Path != "/xms/v1/jd63jf88477ll/batches" || q.Header.Get("Authorization") != "Bearer "+token {
		t.Errorf("%s %v", q.URL, q.Header)
	}
	if want := `{"from":"Acme","to":["+447700900123"],"body":"x","expire_at":"2026-11-21T12:01:00Z","client_reference":"a1"}`; string(q.Body) != want {
		t.Errorf("%s", q.Body)
	}
	for reason, change := range map[provider.Reason]func(*provider.Message){
		provider.ContentRejected: func(m *provider.Message) { m.Text = strings.Repeat("é", 1601) },
		provider.SenderRejected:  func(m *provider.Message) { m.From = "much too long a name" },
	} {
		bad := m
		if change(&bad); true {
			if _, err := p.Send(t.Context(), bad); err == nil || provider.ReasonOf(err) != reason || len(s.Requests()) != 1 {
				t.Errorf("%v", err)
			}
		}
	}
}

func TestPollCheckConfirmed(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		want   provider.Notice
		reason provider.Reason
	}{
		{200, `{"type":"delivery_report_sms","batch_id":"` + id + `","statuses":[{"code":0,"status":"Delivered","count":1}],"client_reference":"a1"}`,
			provider.Notice{ProviderID: id, Reference: "a1", State: provider.StateDelivered, VendorCode: "0", Text: "Delivered"}, ""},
		{200, `{"batch_id":"` + id + `","statuses":[{"code":411,"status":"Rejected"}]}`,
			provider.Notice{ProviderID: id, State: provider.StateFailed, Reason: provider.ContentRejected, VendorCode: "411", Text: "Rejected"}, ""},
		{200, `{"batch_id":"` + id + `","statuses":[]}`, provider.Notice{}, provider.Unknown},
		{200, `{"batch_id":"other","statuses":[{"code":0,"status":"Delivered"}]}`, provider.Notice{}, provider.Unknown},
		{404, ``, provider.Notice{}, provider.Temporary}, {401, ``, provider.Notice{}, provider.AuthFailed},
	} {
		s := providertest.Serve(t, answering(c.status, c.body))
		got, err := newProvider(t, s.URL).Poll(t.Context(), id)
		if c.reason == "" && (err != nil || got != c.want) || c.reason != "" && (err == nil || provider.ReasonOf(err) != c.reason) {
			t.Errorf("%s: %+v %v", c.body, got, err)
		}
		providertest.Conforms(t, "sinch_sms.yml", s.Requests()[0])
	}
	for body, ok := range map[string]bool{`{"number_of_recipients":1,"number_of_messages":1}`: true, `{}`: false} {
		s := providertest.Serve(t, answering(200, body))
		if said, err := newProvider(t, s.URL).Check(t.Context()); ok != (err == nil) || ok && said == "" {
			t.Errorf("%s: %q %v", body, said, err)
		}
		q := s.Requests()[0]
		if providertest.Conforms(t, "sinch_sms.yml", q); !strings.HasSuffix(q.URL.Path, "/batches/dry_run") {
			t.Errorf("the check would send: %s", q.URL)
		}
	}
	s := providertest.Serve(t, answering(202, ``))
	p := newProvider(t, s.URL, func(c *Config) { c.Feedback = true })
	if err := p.Confirmed(t.Context(), id, false); err != nil || len(s.Requests()) != 0 {
		t.Errorf("%v", err)
	}
	if err := p.Confirmed(t.Context(), id, true); err != nil || s.Requests()[0].URL.Path != "/xms/v1/jd63jf88477ll/batches/"+id+"/delivery_feedback" {
		t.Errorf("%v %v", err, s.Requests())
	}
}

func callback(body string, headers ...string) provider.Callback {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return provider.Callback{Method: "POST", URL: &url.URL{Scheme: "https", Host: "id.example.com", Path: "/receipts/sinch/s"}, Header: h, Body: []byte(body), Now: now}
}

// sign makes the headers that Sinch would send.
func sign(body, nonce string, at time.Time) []string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(body + "." + nonce + "." + stamp))
	return []string{signatureHeader, base64.StdEncoding.EncodeToString(h.Sum(nil)), signatureHeader + "-Nonce", nonce, signatureHeader + "-Timestamp", stamp,
		signatureHeader + "-Algorithm", "HmacSHA256"}
}

const delivered = `{"type":"recipient_delivery_report_sms","batch_id":"` + id + `","recipient":"+447700900123","code":0,"status":"Delivered",` +
	`"at":"2026-11-21T11:59:59Z","operator_status_at":"2026-11-21T11:59:58Z","client_reference":"a1","operator":"23410","number_of_message_parts":2}`

func TestCallbacks(t *testing.T) {
	p := newProvider(t, "", func(c *Config) { c.WebhookSecret = secret.New(key) })
	if !p.Signed() || newProvider(t, "").Signed() {
		t.Error("signed exactly if there is a secret")
	}
	got, _, err := p.ReadCallback(context.Background(), callback(delivered, sign(delivered, "n1", now)...))
	want := provider.Notice{ID: "n1", ProviderID: id, Reference: "a1", State: provider.StateDelivered, VendorCode: "0", Text: "Delivered", Segments: 2, Network: "23410",
		At: time.Date(2026, 11, 21, 11, 59, 58, 0, time.UTC)}
	if err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("%+v %v", got, err)
	}
	const inbound = `{"type":"mo_text","id":"i1","from":"447700900123","to":"80123","body":"STOP","received_at":"2026-11-21T11:59:59Z"}`
	got, _, err = p.ReadCallback(context.Background(), callback(inbound, sign(inbound, "n2", now)...))
	if err != nil || len(got) != 1 || *got[0].Inbound != (provider.Inbound{From: "+447700900123", To: "80123", Text: "STOP"}) || got[0].ID != "n2" {
		t.Errorf("%+v %v", got, err)
	}
}

// Nothing is read of a callback whose signature is missing, forged or old.
func TestAdvisory_CVE_2023_40034_UnsignedReceipts(t *testing.T) {
	p := newProvider(t, "", func(c *Config) { c.WebhookSecret = secret.New(key) })
	swap := func(of []string, name, value string) []string {
		out := append([]string(nil), of...)
		for i := 0; i < len(out); i += 2 {
			if out[i] == name {
				out[i+1] = value
			}
		}
		return out
	}
	good := sign(delivered, "n1", now)
	for name, c := range map[string]provider.Callback{
		"unsigned": callback(delivered), "other body": callback(strings.Replace(delivered, "Delivered", "Failed", 1), good...),
		"other nonce": callback(delivered, swap(good, signatureHeader+"-Nonce", "n9")...), "no nonce": callback(delivered, swap(good, signatureHeader+"-Nonce", "")...),
		"other time": callback(delivered, swap(good, signatureHeader+"-Timestamp", "1795262401")...),
		"old":        callback(delivered, sign(delivered, "n1", now.Add(-6*time.Minute))...), "ahead": callback(delivered, sign(delivered, "n1", now.Add(6*time.Minute))...),
		"no base64": callback(delivered, swap(good, signatureHeader, "!")...), "cut": callback(delivered, swap(good, signatureHeader, good[1][:8])...),
	} {
		if got, _, err := p.ReadCallback(context.Background(), c); !errors.Is(err, provider.ErrSignature) || len(got) > 0 {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

// What is signed but says nothing that is known is no signature's fault.
func TestUnreadable(t *testing.T) {
	p := newProvider(t, "", func(c *Config) { c.WebhookSecret = secret.New(key) })
	for _, body := range []string{"", "[]", `{"type":"other"}`, `{"type":"delivery_report_sms","batch_id":"x","statuses":[]}`, `{"type":"mo_text","from":"Acme"}`,
		`{"type":"recipient_delivery_report_sms","status":"Delivered"}`, `{"type":"recipient_delivery_report_sms","batch_id":"x","status":"Lost"}`} {
		if got, _, err := p.ReadCallback(context.Background(), callback(body, sign(body, "n1", now)...)); err == nil || errors.Is(err, provider.ErrSignature) {
			t.Errorf("%s: %+v", body, got)
		}
	}
	if got, _, err := p.ReadCallback(context.Background(), callback(`{"type":"mo_binary"}`, sign(`{"type":"mo_binary"}`, "n1", now)...)); err != nil || len(got) != 0 {
		t.Errorf("%+v %v", got, err)
	}
}

func TestCredentials(t *testing.T) {
	p := newProvider(t, "", func(c *Config) { c.WebhookUser, c.WebhookPassword = "sinch", secret.New("pw") })
	basic := func(pair string) []string {
		return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))}
	}
	if got, _, err := p.ReadCallback(context.Background(), callback(delivered, basic("sinch:pw")...)); err != nil || len(got) != 1 {
		t.Errorf("%+v %v", got, err)
	}
	for _, h := range [][]string{nil, basic("sinch:no"), basic("other:pw"), basic("sinch"), {"Authorization", "Bearer pw"}} {
		if _, _, err := p.ReadCallback(context.Background(), callback(delivered, h...)); !errors.Is(err, provider.ErrSignature) {
			t.Errorf("%v: %v", h, err)
		}
	}
}

func TestReports(t *testing.T) {
	for status, want := range map[string]provider.State{"Queued": provider.StateQueued, "Dispatched": provider.StateSent, "Aborted": provider.StateFailed,
		"Cancelled": provider.StateFailed, "Failed": provider.StateUndelivered, "Expired": provider.StateExpired, "Unknown": provider.StateUndelivered} {
		if got, _, ok := stateOf(status, 0); got != want || !ok {
			t.Errorf("%s: %s", status, got)
		}
	}
	for code, want := range map[int]provider.Reason{402: provider.BadRequest, 403: provider.Temporary, 404: provider.Temporary, 405: provider.BadRequest, 410: provider.SenderRejected,
		411: provider.ContentRejected, 412: provider.BadRequest, 413: provider.InsufficientFunds, 499: provider.Unknown} {
		if got := reasonOfReport(code); got != want {
			t.Errorf("%d: %s", code, got)
		}
	}
}

func FuzzCallback(f *testing.F) {
	p := newProvider(f, "")
	f.Add(delivered)
	f.Add(`{"type":"mo_text","from":"447700900123","body":"x"}`)
	f.Fuzz(func(t *testing.T, body string) {
		got, _, err := p.ReadCallback(context.Background(), callback(body))
		for _, n := range got {
			if err != nil || n.Inbound == nil && (n.State == "" || n.ProviderID == "" && n.Reference == "") {
				t.Errorf("%+v %v", n, err)
			}
		}
	})
}

func TestConfiguration(t *testing.T) {
	_, err := Spec().New(account.Account{Settings: map[string]string{"service_plan_id": "a/b", "region": "mars", "from": "much too long a name", "webhook_user": "u", "base_url": "x"}},
		account.Deps{})
	for _, field := range []string{"service_plan_id", "token", "region", "from", "webhook_password", "base_url", "Client"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not named in %v", field, err)
		}
	}
	p, err := Spec().New(account.Account{Settings: map[string]string{"service_plan_id": "a", "region": "eu"}, Secrets: map[string]secret.String{"token": secret.New(token)}},
		account.Deps{Client: http.DefaultClient})
	if err != nil || p.Name() != Spec().Kind || p.(*Provider).base.Host != "eu.sms.api.sinch.com" {
		t.Errorf("%v", err)
	}
}
