package plivo

import (
	"context"
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
	token = "t0ken-of-the-account"
	id    = "db3ce55a-7f1d-11e1-8ea7-1231380bc196"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func newProvider(t testing.TB, base string, change ...func(*Config)) *Provider {
	t.Helper()
	c := Config{AuthID: "MAXXXXXXXXXXXXXXXXXX", AuthToken: secret.New(token), From: "+12025550100", BaseURL: base, Client: &http.Client{Timeout: 5 * time.Second}}
	for _, f := range change {
		f(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const queued = `{"message":"message(s) queued","message_uuid":["` + id + `"],"api_id":"db342550-7f1d-11e1-8ea7-1231380bc196"}`

func TestSuite(t *testing.T) {
	refusal := func(status int, said string) providertest.Answer {
		return providertest.Answer{Status: status, Body: `{"api_id":"a","error":` + said + `}`}
	}
	providertest.Run(t, providertest.Suite{
		New:        func(t *testing.T, base string) provider.Provider { return newProvider(t, base) },
		Success:    map[provider.Channel]providertest.Answer{provider.SMS: {Status: 202, Body: queued}},
		ProviderID: id,
		Failures: []providertest.Failure{
			{Name: "sentence", Answer: refusal(400, `"no: {echo}"`), Reason: provider.BadRequest, Code: "400"},
			{Name: "sentences", Answer: refusal(400, `{"dst":["{echo}"]}`), Reason: provider.BadRequest},
			{Name: "credit", Answer: refusal(402, `"insufficient credit"`), Reason: provider.InsufficientFunds},
			{Name: "token", Answer: providertest.Answer{Status: 401, Header: map[string]string{"Content-Type": "text/html"}, Body: "Could not verify"}, Reason: provider.AuthFailed},
			{Name: "accepted with an error", Answer: providertest.Answer{Status: 202, Body: `{"message_uuid":["1"],"error":"no"}`}, Reason: provider.Unknown},
			{Name: "no id", Answer: providertest.Answer{Status: 202, Body: `{"message":"x","message_uuid":[]}`}, Reason: provider.Unknown},
			{Name: "two ids", Answer: providertest.Answer{Status: 202, Body: `{"message":"x","message_uuid":["1","2"]}`}, Reason: provider.Unknown},
		},
		Secrets: []string{token},
		Text:    func(r providertest.Request) string { s, _ := r.JSON()["text"].(string); return s },
		Reference: func(r providertest.Request) string {
			s, _ := r.JSON()["url"].(string)
			u, err := url.Parse(s)
			if err != nil {
				return ""
			}
			return u.Query().Get("reference")
		},
		Message: func(m *provider.Message) { m.ReceiptURL = "https://id.example.com/receipts/plivo/s" },
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
	s := providertest.Serve(t, answering(202, queued))
	clock := func(c *Config) { c.Now = func() time.Time { return now } }
	m := provider.Message{To: "+447700900123", Text: "x", Reference: "a1", ReceiptURL: "https://id.example.com/r", ExpiresAt: now.Add(2 * time.Second)}
	for want, change := range map[string]func(*Config){
		`{"src":"12025550100","dst":"447700900123","text":"x","type":"sms","url":"https://id.example.com/r?reference=a1","method":"POST","log":false,"message_expiry":5}`: clock,
		`{"powerpack_uuid":"pp-1","dst":"447700900123","text":"x","type":"sms","url":"https://id.example.com/r?reference=a1","method":"POST","log":false,"message_expiry":5}`: func(c *Config) {
			clock(c)
			c.PowerpackUUID = "pp-1"
		},
	} {
		before := len(s.Requests())
		if _, err := newProvider(t, s.URL, change).Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		q := s.Requests()[before]
		user, pass, _ := (&http.Request{Header: q.Header}).BasicAuth()
		if string(q.Body) != want || q.URL.Path != "/v1/Account/MAXXXXXXXXXXXXXXXXXX/Message/" || user != "MAXXXXXXXXXXXXXXXXXX" || pass != token {
			t.Errorf("%s %s", q.URL, q.Body)
		}
	}
	p := newProvider(t, s.URL, clock)
	m.From = "Acme!"
	if _, err := p.Send(t.Context(), m); err == nil || provider.ReasonOf(err) != provider.SenderRejected || len(s.Requests()) != 2 {
		t.Errorf("%v", err)
	}
	m.From, m.Channel = "", provider.Voice
	if _, err := p.Send(t.Context(), m); err == nil || len(s.Requests()) != 2 {
		t.Error("a call was made")
	}
}

func TestPollAndCheck(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		want   provider.Notice
		reason provider.Reason
	}{
		{200, `{"message_uuid":"` + id + `","message_state":"delivered","units":2,"total_amount":"0.01300","error_code":null}`,
			provider.Notice{ProviderID: id, State: provider.StateDelivered, Text: "delivered", Segments: 2, Price: 13000, Currency: "USD"}, ""},
		{200, `{"message_uuid":"` + id + `","message_state":"failed","units":"1","error_code":"200"}`,
			provider.Notice{ProviderID: id, State: provider.StateFailed, Reason: provider.OptedOut, VendorCode: "200", Text: "failed", Segments: 1}, ""},
		{200, `{"message_uuid":"` + id + `","message_state":"undelivered","error_code":420}`,
			provider.Notice{ProviderID: id, State: provider.StateExpired, VendorCode: "420", Text: "undelivered"}, ""},
		{200, `{"message_uuid":"other","message_state":"delivered"}`, provider.Notice{}, provider.Unknown},
		{200, `{"message_uuid":"` + id + `","message_state":"lost"}`, provider.Notice{}, provider.Unknown},
		{404, `{"error":"not found"}`, provider.Notice{}, provider.Temporary}, {401, ``, provider.Notice{}, provider.AuthFailed},
	} {
		s := providertest.Serve(t, answering(c.status, c.body))
		got, err := newProvider(t, s.URL).Poll(t.Context(), id)
		if c.reason == "" && (err != nil || got != c.want) || c.reason != "" && (err == nil || provider.ReasonOf(err) != c.reason) {
			t.Errorf("%s: %+v %v", c.body, got, err)
		}
	}
	for body, reason := range map[string]provider.Reason{`{"auth_id":"MAXXXXXXXXXXXXXXXXXX","cash_credits":"12.5"}`: "", `{"auth_id":"MAXXXXXXXXXXXXXXXXXX"}`: "",
		`{"auth_id":"MAXXXXXXXXXXXXXXXXXX","cash_credits":"0.0"}`: provider.InsufficientFunds, `{"auth_id":"other"}`: provider.Unknown} {
		s := providertest.Serve(t, answering(200, body))
		said, err := newProvider(t, s.URL).Check(t.Context())
		if reason == "" && (err != nil || said == "") || reason != "" && (err == nil || provider.ReasonOf(err) != reason) {
			t.Errorf("%s: %q %v", body, said, err)
		}
	}
}

func TestCodes(t *testing.T) {
	for code, want := range map[string]provider.Reason{"10": provider.ContentRejected, "20": provider.Temporary, "30": provider.ContentRejected, "40": provider.SenderRejected,
		"50": provider.InvalidNumber, "70": provider.InvalidNumber, "80": provider.Unreachable, "90": provider.BadRequest, "110": provider.ContentRejected,
		"200": provider.OptedOut, "300": provider.Temporary, "900": provider.InsufficientFunds, "910": provider.AuthFailed, "1000": provider.Unknown, "": provider.Unknown} {
		if got := reasonOf(code); got != want {
			t.Errorf("%s: %s", code, got)
		}
	}
}

const (
	path    = "https://id.example.com/receipts/plivo/s"
	address = path + "?reference=a1"
)

func sum(text string) string {
	h := hmac.New(sha256.New, []byte(token))
	h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func callback(method, rawURL, body string, headers ...string) provider.Callback {
	u, err := url.Parse(rawURL)
	if err != nil {
		panic(err)
	}
	h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return provider.Callback{Method: method, URL: u, Header: h, Body: []byte(body), Now: now}
}

const (
	receipt = "Units=2&MessageUUID=" + id + "&Status=undelivered&ErrorCode=80&From=12025550100&To=447700900123&TotalAmount=0.013&MCC=234&MNC=10"
	// signedText is what V3 signs of it, as Plivo's description puts it together.
	signedText = address + ".ErrorCode80From12025550100MCC234MNC10MessageUUID" + id + "StatusundeliveredTo447700900123TotalAmount0.013Units2.n1"
)

func TestCallbacks(t *testing.T) {
	p := newProvider(t, "")
	if !p.Signed() {
		t.Error("Plivo signs")
	}
	want := provider.Notice{ID: "n1", ProviderID: id, Reference: "a1", State: provider.StateUndelivered, Reason: provider.Unreachable, VendorCode: "80", Text: "undelivered",
		Segments: 2, Price: 13000, Currency: "USD", Network: "23410"}
	good := sum(signedText)
	for name, c := range map[string]provider.Callback{
		"V3":               callback("POST", address, receipt, v3Header, good, v3Header+"-Nonce", "n1"),
		"V3, two tokens":   callback("POST", address, receipt, v3Header, sum("x")+","+good, v3Header+"-Nonce", "n1"),
		"V3, main account": callback("POST", address, receipt, mainV3Header, good, v3Header+"-Nonce", "n1"),
		"V2":               callback("POST", address, receipt, v2Header, sum(path+"n1"), v2Header+"-Nonce", "n1"),
		"GET": callback("GET", address+"&"+receipt, "", v3Header,
			sum(path+"?ErrorCode=80&From=12025550100&MCC=234&MNC=10&MessageUUID="+id+"&Status=undelivered&To=447700900123&TotalAmount=0.013&Units=2&reference=a1.n1"), v3Header+"-Nonce", "n1"),
	} {
		want := want
		want.Once = name == "V2" // its signature covers no more than address and nonce
		got, _, err := p.ReadCallback(context.Background(), c)
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

// Nothing is read of a callback whose signature is missing, forged or old.
func TestAdvisory_CVE_2023_40034_UnsignedReceipts(t *testing.T) {
	p, good := newProvider(t, ""), sum(signedText)
	for name, c := range map[string]provider.Callback{
		"unsigned":        callback("POST", address, receipt),
		"other body":      callback("POST", address, strings.Replace(receipt, "undelivered", "delivered", 1), v3Header, good, v3Header+"-Nonce", "n1"),
		"other URL":       callback("POST", strings.Replace(address, "a1", "a2", 1), receipt, v3Header, good, v3Header+"-Nonce", "n1"),
		"other host":      callback("POST", strings.Replace(address, "id.", "evil.", 1), receipt, v3Header, good, v3Header+"-Nonce", "n1"),
		"other nonce":     callback("POST", address, receipt, v3Header, good, v3Header+"-Nonce", "n2"),
		"no nonce":        callback("POST", address, receipt, v3Header, sum(strings.TrimSuffix(signedText, "n1")), v3Header+"-Nonce", ""),
		"V2 for a bad V3": callback("POST", address, receipt, v3Header, sum("x"), v3Header+"-Nonce", "n1", v2Header, sum(path+"n1"), v2Header+"-Nonce", "n1"),
		"V2, other nonce": callback("POST", address, receipt, v2Header, sum(path+"n1"), v2Header+"-Nonce", "n2"),
		"no base64":       callback("POST", address, receipt, v3Header, "!", v3Header+"-Nonce", "n1"),
		"a broken form":   callback("POST", address, "%zz", v3Header, good, v3Header+"-Nonce", "n1"),
	} {
		if got, _, err := p.ReadCallback(context.Background(), c); !errors.Is(err, provider.ErrSignature) || len(got) > 0 {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

func TestInbound(t *testing.T) {
	p := newProvider(t, "")
	v2 := func(body string) provider.Callback {
		return callback("POST", path, body, v2Header, sum(path+"n1"), v2Header+"-Nonce", "n1")
	}
	got, _, err := p.ReadCallback(context.Background(), v2("From=447700900123&To=12025550100&Text=STOP&MessageUUID=i1&Type=sms"))
	if err != nil || len(got) != 1 || *got[0].Inbound != (provider.Inbound{From: "+447700900123", To: "12025550100", Text: "STOP"}) || got[0].ID != "n1" || got[0].ProviderID != "" {
		t.Errorf("%+v %v", got, err)
	}
	for _, body := range []string{"", "Status=lost&MessageUUID=1", "Status=sent", "From=Acme&Text=x"} {
		if got, _, err := p.ReadCallback(context.Background(), v2(body)); err == nil || errors.Is(err, provider.ErrSignature) {
			t.Errorf("%s: %+v", body, got)
		}
	}
}

func FuzzCallback(f *testing.F) {
	p := newProvider(f, "")
	f.Add("POST", "reference=a1", receipt)
	f.Add("GET", receipt, "")
	f.Fuzz(func(t *testing.T, method, query, body string) {
		u := &url.URL{Scheme: "https", Host: "id.example.com", Path: "/r", RawQuery: query}
		c := provider.Callback{Method: method, URL: u, Header: http.Header{}, Body: []byte(body), Now: now}
		http.Header(c.Header).Set(v2Header+"-Nonce", "n1")
		http.Header(c.Header).Set(v2Header, sum("https://id.example.com/rn1"))
		got, _, err := p.ReadCallback(context.Background(), c)
		for _, n := range got {
			if err != nil || n.ID != "n1" || n.Inbound == nil && (n.State == "" || n.ProviderID == "" && n.Reference == "") {
				t.Errorf("%+v %v", n, err)
			}
		}
		c.Header = http.Header{}
		if _, _, err := p.ReadCallback(context.Background(), c); !errors.Is(err, provider.ErrSignature) {
			t.Errorf("unsigned: %v", err)
		}
	})
}

func TestConfiguration(t *testing.T) {
	_, err := Spec().New(account.Account{Settings: map[string]string{"auth_id": "a/b", "from": "much too long a name", "powerpack_uuid": "/", "base_url": "x"}}, account.Deps{})
	for _, field := range []string{"auth_id", "auth_token", "from", "powerpack_uuid", "base_url", "Client"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not named in %v", field, err)
		}
	}
	p, err := Spec().New(account.Account{Settings: map[string]string{"auth_id": "a", "from": "Acme"}, Secrets: map[string]secret.String{"auth_token": secret.New(token)}},
		account.Deps{Client: http.DefaultClient})
	if err != nil || p.Name() != Spec().Kind {
		t.Errorf("%v", err)
	}
}
