package twilio

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"countersign/internal/secret"
	"countersign/internal/simulator"
	"countersign/provider"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func client() *http.Client {
	return &http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func newProvider(t testing.TB, base string, change ...func(*Config)) *Provider {
	t.Helper()
	c := Config{AccountSID: "AC1", AuthToken: secret.New("a token"), From: "+12025550100", BaseURL: base, Client: client(), Now: func() time.Time { return now }}
	for _, f := range change {
		f(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func text() provider.Message {
	return provider.Message{ID: "m1", To: "+12025550123", Text: "918273 is your code & <more>", Code: "918273", ExpiresAt: now.Add(3 * time.Minute)}
}

// The whole way to the simulated Twilio, for texts and calls.
func TestSimulated(t *testing.T) {
	inbox, err := simulator.Open(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(inbox.Host("api.twilio.com"))
	defer s.Close()
	for _, c := range []struct {
		name   string
		change func(*Config)
		m      func(*provider.Message)
		want   simulator.Message
	}{
		{"text", func(*Config) {}, func(*provider.Message) {}, simulator.Message{From: "+12025550100", Channel: "sms", Text: "918273 is your code & <more>"}},
		{"sender of the message", func(*Config) {}, func(m *provider.Message) { m.From = "ACME" }, simulator.Message{From: "ACME", Channel: "sms", Text: "918273 is your code & <more>"}},
		{"service", func(c *Config) { c.From, c.MessagingServiceSID = "", "MG1" }, func(*provider.Message) {},
			simulator.Message{Channel: "sms", Text: "918273 is your code & <more>"}},
		{"call", func(*Config) {}, func(m *provider.Message) { m.Channel, m.Locale = provider.Voice, "de" },
			simulator.Message{From: "+12025550100", Channel: "voice", Text: "9, 1, 8, 2, 7, 3 is your code & <more> 9, 1, 8, 2, 7, 3 is your code & <more>"}},
		{"call, spelled", func(*Config) {}, func(m *provider.Message) { m.Channel, m.Text = provider.Voice, "It is 9.1.8.2.7.3" },
			simulator.Message{From: "+12025550100", Channel: "voice", Text: "It is 9.1.8.2.7.3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inbox.Reset()
			m := text()
			c.m(&m)
			r, err := newProvider(t, s.URL, c.change).Send(t.Context(), m)
			if err != nil || len(r.ProviderID) != 34 || r.Raw == "" {
				t.Fatal(r, err)
			}
			list := inbox.List(simulator.Filter{})
			if len(list) != 1 || list[0].From != c.want.From || list[0].Text != c.want.Text || list[0].Channel != c.want.Channel || list[0].To != m.To || list[0].Code != "918273" {
				t.Errorf("%+v", list)
			}
		})
	}
	_, err = newProvider(t, s.URL, func(c *Config) { c.AuthToken = secret.New("wrong") }).Send(t.Context(), text())
	if class, _ := provider.ClassOf(err); class != provider.ClassMisconfigured || !strings.Contains(err.Error(), "20003 Authenticate") {
		t.Error(err)
	}
}

func TestRequest(t *testing.T) {
	var got *http.Request
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		got = r
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, `{"sid":"SM1","status":"queued","num_segments":"2","error_code":null}`)
	}))
	defer s.Close()
	r, err := newProvider(t, s.URL).Send(t.Context(), text())
	if err != nil || r != (provider.Receipt{ProviderID: "SM1", Segments: 2, Raw: "queued"}) {
		t.Fatal(r, err)
	}
	user, token, _ := got.BasicAuth()
	if got.URL.Path != "/2010-04-01/Accounts/AC1/Messages.json" || user != "AC1" || token != "a token" || got.PostForm.Get("ValidityPeriod") != "180" || len(got.PostForm) != 4 {
		t.Errorf("%s %s %v", got.URL, user, got.PostForm)
	}
	m := text()
	m.Channel, m.Locale = provider.Voice, `en-US"/><x`
	if _, err := newProvider(t, s.URL).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if want := `<Response><Pause length="1"/><Say>9, 1, 8, 2, 7, 3 is your code &amp; &lt;more&gt;</Say>`; !strings.HasPrefix(got.PostForm.Get("Twiml"), want) ||
		got.PostForm.Get("Timeout") != "30" || got.URL.Path != "/2010-04-01/Accounts/AC1/Calls.json" {
		t.Errorf("%s %v", got.URL, got.PostForm)
	}
}

func TestVoice(t *testing.T) {
	for locale, want := range map[string]string{`en-"/`: "", "": "", "en": "en-US", "de": "de-DE", "pt-BR": "pt-BR", "pt_br": "pt-BR", "xx": "", "zh": "zh-CN", "sr-Latn": ""} {
		if got := voice(locale); got != want {
			t.Errorf("%q: %q, want %q", locale, got, want)
		}
	}
}

func TestNotSent(t *testing.T) {
	p := newProvider(t, "http://127.0.0.1:1", func(c *Config) { c.From, c.MessagingServiceSID = "", "MG1" })
	for name, change := range map[string]func(*provider.Message){
		"e-mail":  func(m *provider.Message) { m.Channel = provider.Email },
		"expired": func(m *provider.Message) { m.ExpiresAt = now.Add(time.Second) },
		"call":    func(m *provider.Message) { m.Channel = provider.Voice },
	} {
		m := text()
		change(&m)
		_, err := p.Send(t.Context(), m)
		if err == nil {
			t.Fatal(name)
		}
		if class, _ := provider.ClassOf(err); class != provider.ClassPermanent && class != provider.ClassMisconfigured {
			t.Errorf("%s: %s %v", name, class, err)
		}
	}
}

func TestNew(t *testing.T) {
	good := Config{AccountSID: "AC1", AuthToken: secret.New("t"), From: "+12025550100", Client: client()}
	p, err := New(good)
	if err != nil || p.base != "https://api.twilio.com/2010-04-01/Accounts" || p.Name() != "twilio" {
		t.Fatal(p, err)
	}
	good.AccountSID = "AC/../x?y"
	if _, err := New(good); err == nil {
		t.Error("an account that is a path")
	}
	_, err = New(Config{BaseURL: "ftp://x"})
	for _, want := range []string{"Client", "account_sid", "auth_token", "sender", "base_url"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
	for _, bad := range []string{"http://u:p@x", "https://x?y", "x"} {
		if _, err := New(Config{AccountSID: "AC1", AuthToken: secret.New("t"), From: "1", Client: client(), BaseURL: bad}); err == nil {
			t.Error(bad)
		}
	}
	for want, change := range map[string]func(*Config){
		"https://api.dublin.ie1.twilio.com": func(c *Config) { c.Region, c.Edge = "ie1", "dublin" },
		"https://api.ie1.twilio.com":        func(c *Config) { c.Region = "ie1" },
		"":                                  func(c *Config) { c.Edge = "dublin" },
		"https://double.example":            func(c *Config) { c.BaseURL, c.Region = "https://double.example", "ie1" },
	} {
		c := Config{AccountSID: "AC1", APIKeySID: "SK1", APIKeySecret: secret.New("s"), From: "1", Client: client()}
		change(&c)
		if p, err := New(c); want == "" && err == nil || want != "" && (err != nil || p.base != want+"/2010-04-01/Accounts") {
			t.Error(want, p, err)
		}
	}
	if strings.Contains(fmt.Sprintf("%v %+v", p.c, p), "a token") {
		t.Error("the token prints")
	}
}
