package vonage

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign/internal/secret"
	"countersign/provider"
	"countersign/provider/providertest"
)

const partID = "0A0000000123ABCD1"

func newSMS(t testing.TB, base string, change ...func(*SMSConfig)) *SMS {
	t.Helper()
	c := SMSConfig{APIKey: "abcd1234", APISecret: secret.New(apiSecret), From: "Acme Inc", BaseURL: base, Client: &http.Client{}}
	for _, f := range change {
		f(&c)
	}
	p, err := NewSMS(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func signedSMS(c *SMSConfig) { c.SignatureSecret = secret.New(signing) }

const part = `{"to":"12025550123","message-id":"` + partID + `","status":"0","remaining-balance":"3.14","message-price":"0.0333","network":"310410","client-ref":"r"}`

func refusal(status, text string) providertest.Answer {
	return providertest.Answer{Body: `{"message-count":"1","messages":[{"status":"` + status + `","error-text":"` + text + ` {echo}"}]}`}
}

func TestSMSSuite(t *testing.T) {
	fails := func(status string, r provider.Reason) providertest.Failure {
		return providertest.Failure{Name: "status " + status, Answer: refusal(status, "Refused"), Reason: r, Code: status}
	}
	providertest.Run(t, providertest.Suite{
		New:        func(t *testing.T, base string) provider.Provider { return newSMS(t, base) },
		Success:    map[provider.Channel]providertest.Answer{provider.SMS: {Body: `{"message-count":"1","messages":[` + part + `]}`}},
		ProviderID: partID,
		Secrets:    []string{apiSecret},
		Text:       func(r providertest.Request) string { return r.Form().Get("text") },
		Reference:  func(r providertest.Request) string { return r.Form().Get("client-ref") },
		Spec:       "vonage_sms.yml",
		Failures: []providertest.Failure{
			fails("1", provider.RateLimited), fails("2", provider.BadRequest), fails("3", provider.BadRequest), fails("4", provider.AuthFailed), fails("5", provider.Temporary),
			fails("6", provider.InvalidNumber), fails("7", provider.Blocked), fails("8", provider.AuthFailed), fails("9", provider.InsufficientFunds), fails("10", provider.RateLimited),
			fails("11", provider.BadRequest), fails("12", provider.ContentRejected), fails("14", provider.AuthFailed), fails("15", provider.SenderRejected), fails("22", provider.BadRequest),
			fails("23", provider.BadRequest), fails("29", provider.BadRequest), fails("32", provider.AuthFailed), fails("33", provider.Unreachable), fails("99", provider.Unknown), fails("", provider.Unknown),
			{Name: "the number", Answer: refusal("3", "to address is not numeric"), Reason: provider.InvalidNumber, Code: "3"},
			{Name: "some parts", Reason: provider.RateLimited, Class: provider.ClassAmbiguous, Code: "1",
				Answer: providertest.Answer{Body: `{"message-count":"2","messages":[` + part + `,{"status":"1","error-text":"Throttled"}]}`}},
			{Name: "fewer than said", Answer: providertest.Answer{Body: `{"message-count":"2","messages":[` + part + `]}`}, Reason: provider.Unknown, Class: provider.ClassAmbiguous},
			{Name: "no messages", Answer: providertest.Answer{Body: `{"message-count":"0","messages":[]}`}, Reason: provider.Unknown},
			{Name: "no id", Answer: providertest.Answer{Body: `{"message-count":"1","messages":[{"status":"0"}]}`}, Reason: provider.Unknown, Class: provider.ClassAmbiguous},
			{Name: "no status", Answer: providertest.Answer{Body: `{"message-count":"1","messages":[{"message-id":"x"}]}`}, Reason: provider.Unknown},
		},
	})
}

func TestSMSParts(t *testing.T) {
	second := strings.Replace(part, partID, "0B", 1)
	s := providertest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"message-count":"2","messages":[` + part + `,` + second + `]}`))
	})
	r, err := newSMS(t, s.URL).Send(t.Context(), providertest.Message(provider.SMS))
	if err != nil || r.ProviderID != partID+",0B" || r.Segments != 2 || r.Price != 66600 || r.Currency != "EUR" {
		t.Errorf("%+v %v", r, err)
	}
}

func TestSMSForm(t *testing.T) {
	p := newSMS(t, "", func(c *SMSConfig) { c.Now = func() time.Time { return noon } })
	for _, c := range []struct {
		name   string
		change func(*provider.Message)
		want   url.Values
	}{
		{"whole", func(m *provider.Message) { m.ReceiptURL = "https://id.example.com/r?x=1&y" }, url.Values{
			"from": {"AcmeInc"}, "ttl": {"180000"}, "client-ref": {"0199a1b3c4d57e4f8a5b6c7d8e9f0a1b"}, "callback": {"https://id.example.com/r?x=1&y"}, "text": {"482913 €"}}},
		{"unicode", func(m *provider.Message) {
			m.Text, m.From, m.Reference = "код 482913", "+447700900001", strings.Repeat("x", 41)
		}, url.Values{
			"from": {"447700900001"}, "ttl": {"180000"}, "text": {"код 482913"}, "type": {"unicode"}}},
		{"short life", func(m *provider.Message) { m.ExpiresAt, m.Reference = noon.Add(time.Second), "" }, url.Values{"from": {"AcmeInc"}, "ttl": {"20000"}, "text": {"482913 €"}}},
		{"long life", func(m *provider.Message) { m.ExpiresAt, m.Reference = noon.AddDate(1, 0, 0), "" }, url.Values{"from": {"AcmeInc"}, "ttl": {"604800000"}, "text": {"482913 €"}}},
		{"no end", func(m *provider.Message) { m.ExpiresAt, m.Reference = time.Time{}, "" }, url.Values{"from": {"AcmeInc"}, "text": {"482913 €"}}},
	} {
		m := providertest.Message("")
		m.Text, m.ExpiresAt = "482913 €", noon.Add(3*time.Minute)
		c.change(&m)
		c.want.Set("api_key", "abcd1234")
		c.want.Set("api_secret", apiSecret)
		c.want.Set("to", "12025550123")
		if got, err := p.form(m); err != nil || got.Encode() != c.want.Encode() {
			t.Errorf("%s: %v\n%s\nnot %s", c.name, err, got.Encode(), c.want.Encode())
		}
	}
	m := providertest.Message("")
	m.Text = strings.Repeat("x", maxSMS+1)
	if _, err := p.form(m); err == nil || provider.ReasonOf(err) != provider.ContentRejected {
		t.Errorf("too long: %v", err)
	}
	m = providertest.Message("")
	if _, err := newSMS(t, "", func(c *SMSConfig) { c.From = "" }).form(m); err == nil || provider.ReasonOf(err) != provider.SenderRejected {
		t.Errorf("no sender: %v", err)
	}
}

func TestSMSConfig(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*SMSConfig)
		field  string
	}{
		"key": {func(c *SMSConfig) { c.APIKey = "" }, "api_key"}, "secret": {func(c *SMSConfig) { c.APISecret = secret.String{} }, "api_secret"},
		"short": {func(c *SMSConfig) { c.SignatureSecret = secret.New("x") }, "signature_secret"}, "method": {func(c *SMSConfig) { c.SignatureMethod = "md5hash" }, "signature_method"},
		"base": {func(c *SMSConfig) { c.BaseURL = "https://u:p@x" }, "base_url"}, "client": {func(c *SMSConfig) { c.Client = nil }, "Client"},
	} {
		good := SMSConfig{APIKey: "k", APISecret: secret.New("s"), Client: &http.Client{}}
		c.change(&good)
		if _, err := NewSMS(good); err == nil || !strings.Contains(err.Error(), c.field) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// receiptOf are the parameters of a receipt; changes go over them.
func receiptOf(change map[string]string) map[string]string {
	out := map[string]string{
		"msisdn": "12025550123", "to": "AcmeInc", "network-code": "310410", "messageId": partID, "price": "0.0333", "status": "delivered", "scts": "2611211159",
		"err-code": "0", "api-key": "abcd1234", "client-ref": "r1", "message-timestamp": "2026-11-21 12:00:00", "timestamp": strconv.FormatInt(noon.Unix(), 10), "nonce": "n1",
	}
	for k, v := range change {
		if out[k] = v; v == "" {
			delete(out, k)
		}
	}
	return out
}

// forms are the ways that parameters come.
func forms(t testing.TB, params map[string]string) map[string]provider.Callback {
	t.Helper()
	values := url.Values{}
	for k, v := range params {
		values.Set(k, v)
	}
	raw, err := json.Marshal(params)
	if err != nil {
		t.Fatal(err)
	}
	at := func(query string) *url.URL {
		return &url.URL{Scheme: "https", Host: "id.example.com", Path: "/receipts/vonage-sms/k", RawQuery: query}
	}
	kind := func(k string) map[string][]string { return map[string][]string{"Content-Type": {k}} }
	return map[string]provider.Callback{
		"GET":  {Method: http.MethodGet, URL: at(values.Encode()), Now: noon},
		"form": {Method: http.MethodPost, URL: at(""), Now: noon, Header: kind("application/x-www-form-urlencoded; charset=utf-8"), Body: []byte(values.Encode())},
		"JSON": {Method: http.MethodPost, URL: at(""), Now: noon, Header: kind("application/json"), Body: raw},
	}
}

func withSig(params map[string]string, method string) map[string]string {
	params["sig"] = strings.ToUpper(hex.EncodeToString(sign(params, method, secret.New(signing))))
	return params
}

func TestSMSReceipts(t *testing.T) {
	p := newSMS(t, "")
	for _, c := range []struct {
		status, code string
		state        provider.State
		reason       provider.Reason
	}{
		{"accepted", "0", provider.StateSent, ""}, {"buffered", "0", provider.StateSent, ""}, {"delivered", "0", provider.StateDelivered, ""}, {"expired", "1", provider.StateExpired, ""},
		{"failed", "1", provider.StateUndelivered, provider.Unknown}, {"failed", "2", provider.StateUndelivered, provider.Unreachable}, {"failed", "3", provider.StateUndelivered, provider.InvalidNumber},
		{"failed", "4", provider.StateUndelivered, provider.Blocked}, {"failed", "5", provider.StateUndelivered, provider.Unreachable}, {"rejected", "6", provider.StateFailed, provider.ContentRejected},
		{"failed", "7", provider.StateUndelivered, provider.Unreachable}, {"failed", "8", provider.StateUndelivered, provider.Temporary}, {"rejected", "9", provider.StateFailed, provider.OptedOut},
		{"rejected", "10", provider.StateFailed, provider.BadRequest}, {"failed", "11", provider.StateUndelivered, provider.Unreachable}, {"failed", "12", provider.StateUndelivered, provider.InvalidNumber},
		{"rejected", "13", provider.StateFailed, provider.Unreachable}, {"rejected", "14", provider.StateFailed, provider.Blocked}, {"rejected", "15", provider.StateFailed, provider.Unreachable},
		{"rejected", "50", provider.StateFailed, provider.SenderRejected}, {"rejected", "51", provider.StateFailed, provider.ContentRejected}, {"rejected", "99", provider.StateFailed, provider.Unknown},
		{"unknown", "2", provider.StateUndelivered, provider.Unknown},
	} {
		for form, cb := range forms(t, receiptOf(map[string]string{"status": c.status, "err-code": c.code})) {
			got, _, err := p.ReadCallback(t.Context(), cb)
			if err != nil || len(got) != 1 {
				t.Fatalf("%s %v: %v %v", form, c, got, err)
			}
			n := got[0]
			if n.State != c.state || n.Reason != c.reason || n.ProviderID != partID || n.Reference != "r1" || n.Network != "310410" || !n.At.Equal(noon.Add(-time.Minute)) || n.ID != "" {
				t.Errorf("%s %v: %+v", form, c, n)
			}
			if (c.code != "0") != (n.VendorCode == c.code) {
				t.Errorf("%v: %+v", c, n)
			}
		}
	}
	for form, cb := range forms(t, map[string]string{"msisdn": "12025550123", "to": "447700900001", "messageId": "i1", "text": "stop", "type": "text", "keyword": "STOP", "message-timestamp": "2026-11-21 12:00:00"}) {
		got, _, err := p.ReadCallback(t.Context(), cb)
		if err != nil || len(got) != 1 || got[0].ID != "in-i1" || got[0].Inbound == nil || !got[0].At.Equal(noon) ||
			*got[0].Inbound != (provider.Inbound{From: "+12025550123", To: "447700900001", Text: "stop", Keyword: "STOP"}) {
			t.Errorf("%s: %+v %v", form, got, err)
		}
	}
	twice := forms(t, receiptOf(nil))["GET"]
	twice.URL.RawQuery += "&status=failed"
	for name, cb := range map[string]provider.Callback{
		"no id": forms(t, receiptOf(map[string]string{"messageId": ""}))["GET"], "other account": forms(t, receiptOf(map[string]string{"api-key": "x"}))["JSON"], "twice": twice,
		"PUT": {Method: http.MethodPut, Now: noon}, "XML": {Method: http.MethodPost, Header: map[string][]string{"Content-Type": {"text/xml"}}, Body: []byte("<x/>")},
		"no JSON": {Method: http.MethodPost, Header: map[string][]string{"Content-Type": {"application/json"}}, Body: []byte("[]")},
	} {
		if got, _, err := p.ReadCallback(t.Context(), cb); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// The string that is signed, as the vendor describes it: sorted, with & before each and _ for & and = in values.
func TestSig(t *testing.T) {
	params := map[string]string{"b": "x=y&z", "a": "1", "sig": "zz"}
	// echo -n '&a=1&b=x_y_z' | openssl dgst -sha256 -hmac key
	const want = "d6969e11ce2a052dd326e8f108b7ee4578798ad76512ea786073443c3ff855e9"
	if got := hex.EncodeToString(sign(params, "sha256", secret.New("key"))); got != want {
		t.Errorf("%s", got)
	}
}

func TestAdvisory_CVE_2023_40034_UnsignedSMSReceipts(t *testing.T) {
	for _, method := range []string{"", "sha256", "sha512", "sha1", "md5"} {
		p := newSMS(t, "", signedSMS, func(c *SMSConfig) { c.SignatureMethod = method })
		for form, cb := range forms(t, withSig(receiptOf(nil), method)) {
			if got, _, err := p.ReadCallback(t.Context(), cb); err != nil || len(got) != 1 || got[0].ID != "n1" {
				t.Errorf("%s %s: %+v %v", method, form, got, err)
			}
		}
	}
	p := newSMS(t, "", signedSMS)
	changed := func(change map[string]string) map[string]string {
		out := withSig(receiptOf(nil), "sha256")
		for k, v := range change {
			out[k] = v
		}
		return out
	}
	at := func(d time.Duration) map[string]string {
		return withSig(receiptOf(map[string]string{"timestamp": strconv.FormatInt(noon.Add(d).Unix(), 10)}), "sha256")
	}
	for name, params := range map[string]map[string]string{
		"none": receiptOf(nil), "changed": changed(map[string]string{"status": "failed"}), "more": changed(map[string]string{"x": "y"}), "other method": withSig(receiptOf(nil), "sha512"),
		"no hexadecimal": changed(map[string]string{"sig": "zz"}), "empty": changed(map[string]string{"sig": ""}), "old": at(-maxAge - time.Second), "of the future": at(maxAge + time.Second),
		"no time": withSig(receiptOf(map[string]string{"timestamp": ""}), "sha256"), "no nonce": withSig(receiptOf(map[string]string{"nonce": ""}), "sha256"),
	} {
		for form, cb := range forms(t, params) {
			if got, _, err := p.ReadCallback(t.Context(), cb); !errors.Is(err, provider.ErrSignature) || len(got) != 0 {
				t.Errorf("%s, %s: %v %v", name, form, got, err)
			}
		}
	}
	if !p.Signed() || newSMS(t, "").Signed() {
		t.Error("Signed")
	}
}

func TestSMSCheckAndConfirmed(t *testing.T) {
	status, body := http.StatusOK, `{"value":10.28,"autoReload":false}`
	s := providertest.Serve(t, func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if user, password, _ := q.BasicAuth(); user != "abcd1234" || password != apiSecret {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(status)
		w.Write([]byte(body))
	})
	p := newSMS(t, s.URL, func(c *SMSConfig) { c.Conversion, c.Now = true, func() time.Time { return noon } })
	if text, err := p.Check(t.Context()); err != nil || !strings.Contains(text, "10.28 EUR") || s.Requests()[0].URL.Path != "/account/get-balance" {
		t.Errorf("%q %v", text, err)
	}
	if err := p.Confirmed(t.Context(), "0A,0B", true); err != nil {
		t.Error(err)
	}
	q := s.Requests()[1]
	if q.Method != http.MethodPost || q.URL.Path != "/conversions/sms" || q.URL.Query().Encode() != "delivered=true&message-id=0A&timestamp=2026-11-21+12%3A00%3A00" {
		t.Errorf("%s %s", q.Method, q.URL)
	}
	body = `{}`
	if text, err := p.Check(t.Context()); err == nil {
		t.Errorf("%q", text)
	}
	wrong := newSMS(t, s.URL, func(c *SMSConfig) { c.APIKey, c.Conversion = "other", true })
	if _, err := wrong.Check(t.Context()); err == nil || provider.ReasonOf(err) != provider.AuthFailed {
		t.Errorf("wrong key: %v", err)
	}
	if err := wrong.Confirmed(t.Context(), "0A", false); err == nil {
		t.Error("a refused conversion")
	}
	before := len(s.Requests())
	if err := newSMS(t, s.URL).Confirmed(t.Context(), "0A", true); err != nil || len(s.Requests()) != before {
		t.Errorf("told although it is off: %v", err)
	}
	if p := newSMS(t, ""); p.conversion != defaultBase || p.base != defaultSMS {
		t.Errorf("%s %s", p.conversion, p.base)
	}
}

func FuzzSMSCallback(f *testing.F) {
	for _, cb := range forms(f, receiptOf(nil)) {
		f.Add(cb.URL.RawQuery, cb.Body)
	}
	signed, open := newSMS(f, "", signedSMS), newSMS(f, "")
	f.Fuzz(func(t *testing.T, query string, body []byte) {
		for _, kind := range []string{"", "application/json", "application/x-www-form-urlencoded"} {
			cb := provider.Callback{Method: http.MethodPost, Body: body, Now: noon, Header: map[string][]string{"Content-Type": {kind}}, URL: &url.URL{RawQuery: query}}
			if kind == "" {
				cb.Method = http.MethodGet
			}
			if got, _, err := signed.ReadCallback(t.Context(), cb); err == nil {
				t.Fatalf("a forged signature was taken: %v", got)
			}
			notices, _, err := open.ReadCallback(t.Context(), cb)
			if err != nil && len(notices) > 0 {
				t.Fatal("an error with notices")
			}
			for _, n := range notices {
				if (n.State == "") == (n.Inbound == nil) || n.State != "" && n.ProviderID == "" || len(n.Text) > 200 {
					t.Fatalf("%+v", n)
				}
			}
		}
	})
}
