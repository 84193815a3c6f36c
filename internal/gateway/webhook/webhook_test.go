package webhook

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/gateway/exchange"
	"countersign/internal/secret"
	"countersign/provider"
)

var now = time.Unix(1795262400, 0).UTC()

// Vector of the Standard Webhooks specification's reference implementations.
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorTimestamp = "1614265330"
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func TestSignVector(t *testing.T) {
	key, err := decodeSecret(vectorSecret)
	if err != nil {
		t.Fatal(err)
	}
	if got := Sign(key, vectorID, vectorTimestamp, []byte(vectorBody)); got != vectorSignature {
		t.Errorf("got %s, want %s", got, vectorSignature)
	}
}

func message() provider.Message {
	return provider.Message{
		ID: "0199-id", IdempotencyKey: "0199-id", To: "+12025550123", Text: "918273 is your code", Code: "918273", PoolID: "us-local-1_x",
		TriggerSource: "CustomSMSSender_SignUp", ExpiresAt: now.Add(3 * time.Minute),
	}
}

func newProvider(t testing.TB, url string, change ...func(*Config)) *Provider {
	t.Helper()
	c := Config{URL: url, Secrets: []secret.String{secret.New(vectorSecret)}, Now: func() time.Time { return now },
		Client: &http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	for _, f := range change {
		f(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRequest(t *testing.T) {
	var got *http.Request
	var raw []byte
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		raw, _ = io.ReadAll(r.Body)
		io.WriteString(w, `{"status":"sent","id":"SM1","segments":2}`)
	}))
	defer s.Close()
	old := secret.New("an older secret of enough bytes")
	p := newProvider(t, s.URL+"/hook?tenant=1", func(c *Config) {
		c.Secrets = append(c.Secrets, old)
		c.Header = map[string]secret.String{"X-Api-Key": secret.New("k")}
	})
	r, err := p.Send(t.Context(), message())
	if err != nil || r.ProviderID != "SM1" || r.Segments != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	want := `{"id":"0199-id","to":"+12025550123","text":"918273 is your code","code":"918273","channel":"sms",` +
		`"trigger_source":"CustomSMSSender_SignUp","pool_id":"us-local-1_x","expires_at":"2026-11-21T12:03:00Z"}`
	if string(raw) != want {
		t.Errorf("body %s\nwant %s", raw, want)
	}
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(vectorSecret, "whsec_"))
	ts := fmt.Sprint(now.Unix())
	for name, value := range map[string]string{
		"Webhook-Id": "0199-id", "Webhook-Timestamp": ts, "Content-Type": "application/json", "X-Api-Key": "k",
		"Webhook-Signature": Sign(key, "0199-id", ts, raw) + " " + Sign([]byte(old.Reveal()), "0199-id", ts, raw),
	} {
		if h := got.Header.Get(name); h != value {
			t.Errorf("%s: %s, want %s", name, h, value)
		}
	}
	m := message()
	m.EntityID, m.TemplateID = "1101456324675322134", "1107457532145798767"
	if _, err := p.Send(t.Context(), m); err != nil || !strings.HasSuffix(string(raw), `"entity_id":"1101456324675322134","template_id":"1107457532145798767"}`) {
		t.Errorf("%s, %v", raw, err)
	}
	if got.Method != http.MethodPost || got.URL.RequestURI() != "/hook?tenant=1" {
		t.Errorf("%s %s", got.Method, got.URL)
	}
	if _, err := base64.StdEncoding.DecodeString(got.Header.Get("Webhook-Signature")[3:47]); err != nil {
		t.Error(err)
	}
}

// Success is exactly one shape; everything else has the class of the table in the package comment.
func TestAnswers(t *testing.T) {
	const ok, retry, perm, thr, mis, amb = "", provider.ClassRetryable, provider.ClassPermanent, provider.ClassThrottled, provider.ClassMisconfigured, provider.ClassAmbiguous
	tests := []struct {
		status int
		body   string
		header string
		want   provider.Class
		after  time.Duration
	}{
		{200, `{"status":"sent"}`, "", ok, 0},
		{201, `{"status":"accepted","id":"x","more":[1]}`, "", ok, 0},
		{202, ` {"status":"accepted"} `, "", ok, 0},
		{200, ``, "", mis, 0},
		{200, `<html>Welcome</html>`, "", mis, 0},
		{200, `{}`, "", mis, 0},
		{200, `null`, "", mis, 0},
		{200, `"sent"`, "", mis, 0},
		{200, `["sent"]`, "", mis, 0},
		{200, `{"status":"ok"}`, "", mis, 0},
		{200, `{"status":"SENT"}`, "", mis, 0},
		{200, `{"status":true}`, "", mis, 0},
		{200, `{"status":"not sent"}`, "", mis, 0},
		{200, `{"status":"sent"}trailing`, "", mis, 0},
		{200, `{"status":"sent","pad":"` + strings.Repeat("x", 17<<10) + `"}`, "", amb, 0},
		{203, `{"status":"sent"}`, "", mis, 0},
		{204, ``, "", mis, 0},
		{302, `{"status":"sent"}`, "", mis, 0},
		{400, `{"status":"sent"}`, "", perm, 0},
		{401, ``, "", mis, 0},
		{402, ``, "", mis, 0},
		{403, ``, "", mis, 0},
		{404, ``, "", mis, 0},
		{405, ``, "", mis, 0},
		{408, ``, "", retry, 0},
		{409, ``, "", perm, 0},
		{410, ``, "", perm, 0},
		{413, ``, "", mis, 0},
		{415, ``, "", mis, 0},
		{422, ``, "", perm, 0},
		{425, ``, "", retry, 0},
		{429, ``, "", thr, 30 * time.Second},
		{429, ``, "7", thr, 7 * time.Second},
		{429, ``, "0", thr, time.Second},
		{429, ``, "-5", thr, 30 * time.Second},
		{429, ``, "99999999999", thr, time.Hour},
		{429, ``, now.Add(90 * time.Second).Format(http.TimeFormat), thr, 90 * time.Second},
		{429, ``, now.Add(-90 * time.Second).Format(http.TimeFormat), thr, time.Second},
		{500, `{"status":"sent"}`, "", retry, 0},
		{502, ``, "", retry, 0},
		{503, ``, "", retry, 0},
		{503, ``, "9", thr, 9 * time.Second},
		{504, ``, "", amb, 0},
		{200, `{"status":"failed"}`, "", retry, 0},
		{200, `{"status":"failed","class":"permanent"}`, "", perm, 0},
		{500, `{"status":"failed","class":"permanent"}`, "", perm, 0},
		{400, `{"status":"failed","class":"retryable"}`, "", retry, 0},
		{200, `{"status":"failed","class":"misconfigured"}`, "", mis, 0},
		{200, `{"status":"failed","class":"ambiguous"}`, "", amb, 0},
		{200, `{"status":"failed","class":"throttled","retry_after":12}`, "", thr, 12 * time.Second},
		{200, `{"status":"failed","class":"throttled","retry_after":1e300}`, "", thr, 30 * time.Second},
		{400, `{"status":"failed","class":"nonsense"}`, "", perm, 0},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d %.40s %s", tt.status, tt.body, tt.header), func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if tt.header != "" {
					w.Header().Set("Retry-After", tt.header)
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			}))
			defer s.Close()
			_, err := newProvider(t, s.URL).Send(t.Context(), message())
			if tt.want == ok {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatal("taken for a success")
			}
			if class, after := provider.ClassOf(err); class != tt.want || after != tt.after {
				t.Errorf("%s %v (%v), want %s %v", class, after, err, tt.want, tt.after)
			}
			if v, ok := errors.AsType[*provider.VendorError](err); tt.want != amb && (!ok || v.Provider != "webhook" || v.VendorCode == "") {
				t.Errorf("no vendor error in %v", err)
			}
			for _, s := range []string{"918273", "2025550123"} {
				if strings.Contains(err.Error(), s) {
					t.Errorf("%q in %v", s, err)
				}
			}
		})
	}
}

func TestVendorWords(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"status":"failed","class":"permanent","code":"21610","error":"unsubscribed"}`)
	}))
	defer s.Close()
	_, err := newProvider(t, s.URL, func(c *Config) { c.Name = "sms-gateway" }).Send(t.Context(), message())
	want := provider.VendorError{Provider: "sms-gateway", VendorCode: "21610", Text: "unsubscribed"} // no reason: the class alone
	if v, ok := errors.AsType[*provider.VendorError](err); !ok || *v != want {
		t.Errorf("%v", err)
	}
}

func TestConnectionsAreReused(t *testing.T) {
	var conns atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"status":"sent"}`)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	p := newProvider(t, s.URL)
	for range 20 {
		if _, err := p.Send(t.Context(), message()); err != nil {
			t.Fatal(err)
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections for 20 messages", n)
	}
}

func TestConfig(t *testing.T) {
	good := Config{URL: "https://example.com/hook", Secrets: []secret.String{secret.New(vectorSecret)}, Client: &http.Client{}}
	tests := []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"URL", func(c *Config) { c.URL = "example.com" }, "url must be"},
		{"user information", func(c *Config) { c.URL = "https://u:p@example.com" }, "url must be"},
		{"no secret", func(c *Config) { c.Secrets = nil }, "one secret"},
		{"three secrets", func(c *Config) { c.Secrets = make([]secret.String, 3) }, "one secret"},
		{"short secret", func(c *Config) { c.Secrets = []secret.String{secret.New("short")} }, "at least 16"},
		{"short in base64", func(c *Config) { c.Secrets = []secret.String{secret.New("whsec_c2hvcnQ=")} }, "at least 16"},
		{"not base64", func(c *Config) { c.Secrets = []secret.String{secret.New("whsec_%%%")} }, "base64"},
		{"no client", func(c *Config) { c.Client = nil }, "Client"},
		{"signature header", func(c *Config) { c.Header = map[string]secret.String{"Webhook-Signature": secret.New("x")} }, "cannot be set"},
		{"replaying header", func(c *Config) { c.Header = map[string]secret.String{"Idempotency-Key": secret.New("x")} }, "cannot be set"},
		{"header injection", func(c *Config) { c.Header = map[string]secret.String{"X-A": secret.New("x\r\nX-B: y")} }, "cannot be set"},
	}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := good
			tt.change(&c)
			if _, err := New(c); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	good.Header = map[string]secret.String{"X-Api-Key": secret.New("opensesame")}
	p, _ := New(good)
	if s := fmt.Sprintf("%+v %v", p, p.keys); strings.Contains(s, "MfKQ9r8") || strings.Contains(s, "opensesame") {
		t.Errorf("a secret prints: %s", s)
	}
}

// Whatever a service answers, nothing but the exact shape is a success.
func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"status":"sent"}`)
	f.Add(202, `{"status":"accepted","class":"permanent"}`)
	f.Add(500, `{"status":"failed","class":"throttled","retry_after":-1}`)
	p := newProvider(f, "http://example.com")
	f.Fuzz(func(t *testing.T, status int, body string) {
		_, err := p.judge(exchange.Answer{Status: status, Header: http.Header{}, Body: []byte(body)}, message())
		if err != nil {
			provider.ClassOf(err)
			return
		}
		var a struct{ Status string }
		if json.Unmarshal([]byte(body), &a) != nil || a.Status != "sent" && a.Status != "accepted" || status < 200 || status > 202 {
			t.Fatalf("%d %q is a success", status, body)
		}
	})
}

func BenchmarkSend(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"status":"sent"}`)
	}))
	defer s.Close()
	p := newProvider(b, s.URL)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Send(b.Context(), message()); err != nil {
			b.Fatal(err)
		}
	}
}
