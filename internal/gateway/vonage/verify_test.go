package vonage

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"countersign/internal/secret"
	"countersign/provider"
	"countersign/provider/providertest"
)

func newVerify(t testing.TB, base string, change ...func(*VerifyConfig)) *Verify {
	t.Helper()
	c := VerifyConfig{
		ApplicationID: application, PrivateKey: secret.New(privateKey(t)), SignatureSecret: secret.New(signing), Brand: "Acme", BaseURL: base, Client: &http.Client{},
		Now: func() time.Time { return noon },
	}
	for _, f := range change {
		f(&c)
	}
	p, err := NewVerify(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestVerifySuite(t *testing.T) {
	fails := func(status int, kind, code string, r provider.Reason) providertest.Failure {
		return providertest.Failure{Name: kind, Answer: said(status, kind), Reason: r, Code: code}
	}
	ok := providertest.Answer{Status: 202, Body: `{"request_id":"` + messageID + `"}`}
	providertest.Run(t, providertest.Suite{
		New:        func(t *testing.T, base string) provider.Provider { return newVerify(t, base) },
		Channels:   []provider.Channel{provider.SMS, provider.Voice},
		Success:    map[provider.Channel]providertest.Answer{provider.SMS: ok, provider.Voice: ok},
		ProviderID: messageID,
		Secrets:    []string{signing},
		Failures: []providertest.Failure{
			fails(401, "#unauthorized", "unauthorized", provider.AuthFailed), fails(402, "#low-balance", "low-balance", provider.InsufficientFunds),
			fails(403, "#forbidden", "forbidden", provider.AuthFailed), fails(409, "verify#concurrent", "concurrent", provider.RateLimited), fails(409, "verify#other", "other", provider.RateLimited),
			fails(422, "#invalid-params", "invalid-params", provider.BadRequest), fails(429, "#throttled", "throttled", provider.RateLimited), fails(500, "#internal-error", "internal-error", provider.Temporary),
			{Name: "an id that is none", Answer: providertest.Answer{Status: 202, Body: `{"request_id":"../x"}`}, Reason: provider.Unknown},
		},
	})
}

func TestVerifyRequests(t *testing.T) {
	s := providertest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		w.Write([]byte(`{"request_id":"` + messageID + `"}`))
	})
	for _, c := range []struct {
		m      provider.Message
		config func(*VerifyConfig)
		want   string
	}{
		{provider.Message{To: "+12025550123"}, func(*VerifyConfig) {}, `{"brand":"Acme","code_length":6,"workflow":[{"channel":"sms","to":"12025550123"}]}`},
		{provider.Message{To: "+12025550123", Locale: "de", ExpiresAt: noon.Add(5 * time.Minute)}, func(c *VerifyConfig) { c.CodeLength, c.From = 8, "Acme Inc" },
			`{"brand":"Acme","code_length":8,"locale":"de-de","channel_timeout":300,"workflow":[{"channel":"sms","to":"12025550123","from":"AcmeInc"}]}`},
		{provider.Message{To: "+12025550123", Channel: provider.Voice, Locale: "ja-JP", ExpiresAt: noon.Add(time.Hour)}, func(c *VerifyConfig) { c.From = "Acme" },
			`{"brand":"Acme","code_length":6,"channel_timeout":900,"workflow":[{"channel":"voice","to":"12025550123"}]}`},
		{provider.Message{To: "+12025550123", ExpiresAt: noon.Add(time.Second)}, func(*VerifyConfig) {}, `{"brand":"Acme","code_length":6,"channel_timeout":60,"workflow":[{"channel":"sms","to":"12025550123"}]}`},
	} {
		r, err := newVerify(t, s.URL, c.config).Send(t.Context(), c.m)
		all := s.Requests()
		q := all[len(all)-1]
		var want any
		if err := json.Unmarshal([]byte(c.want), &want); err != nil {
			t.Fatal(err)
		}
		if err != nil || r.ProviderID != messageID || q.URL.Path != "/v2/verify" || !reflect.DeepEqual(any(q.JSON()), want) {
			t.Errorf("%+v %v\n%s\nnot %s", r, err, q.Body, c.want)
		}
	}
	before := len(s.Requests())
	for name, m := range map[string]provider.Message{
		"dead": {To: "+12025550123", ExpiresAt: noon}, "keyed call": {To: "+12025550123", Channel: provider.Voice, Key: "42"}, "e-mail": {To: "a@b", Channel: provider.Email},
	} {
		if _, err := newVerify(t, s.URL).Send(t.Context(), m); err == nil {
			t.Errorf("%s: sent", name)
		}
	}
	if len(s.Requests()) != before {
		t.Error("something was sent")
	}
}

func TestCheckCode(t *testing.T) {
	var answer providertest.Answer
	s := providertest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(answer.Status)
		w.Write([]byte(answer.Body))
	})
	p := newVerify(t, s.URL)
	for _, c := range []struct {
		name      string
		answer    providertest.Answer
		ok, ended bool
		reason    provider.Reason
	}{
		{"right", providertest.Answer{Status: 200, Body: `{"request_id":"` + messageID + `","status":"completed"}`}, true, true, ""},
		{"another's", providertest.Answer{Status: 200, Body: `{"request_id":"x","status":"completed"}`}, false, false, provider.Unknown},
		{"not completed", providertest.Answer{Status: 200, Body: `{"request_id":"` + messageID + `","status":"failed"}`}, false, false, provider.Unknown},
		{"empty", providertest.Answer{Status: 200}, false, false, provider.Unknown},
		{"created", providertest.Answer{Status: 201, Body: `{"request_id":"` + messageID + `","status":"completed"}`}, false, false, provider.Unknown},
		{"wrong", said(400, "verify#invalid-code"), false, false, ""},
		{"other 400", said(400, "#invalid-params"), false, false, provider.BadRequest},
		{"too often", said(410, "verify#expired"), false, true, ""},
		{"gone without words", providertest.Answer{Status: 410}, false, false, provider.BadRequest},
		{"unknown", said(404, "#not-found"), false, true, ""},
		{"page not found", providertest.Answer{Status: 404}, false, false, provider.BadRequest},
		{"no code in this step", said(409, "verify#no-code"), false, false, provider.BadRequest},
		{"throttled", said(429, "#throttled"), false, false, provider.RateLimited},
		{"credentials", said(401, "#unauthorized"), false, false, provider.AuthFailed},
		{"down", providertest.Answer{Status: 503}, false, false, provider.Temporary},
	} {
		answer = c.answer
		answer.Body = strings.ReplaceAll(answer.Body, "{echo}", "+12025550123 482913 "+signing)
		ok, ended, err := p.CheckCode(t.Context(), messageID, "+12025550123", "482913")
		if ok != c.ok || ended != c.ended || (err != nil) != (c.reason != "") || err != nil && provider.ReasonOf(err) != c.reason {
			t.Errorf("%s: %v %v %v", c.name, ok, ended, err)
		}
		if err != nil && (strings.Contains(err.Error(), "482913") || strings.Contains(err.Error(), "2025550123") || strings.Contains(err.Error(), signing)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	q := s.Requests()[0]
	if q.Method != http.MethodPost || q.URL.Path != "/v2/verify/"+messageID || string(q.Body) != `{"code":"482913"}` {
		t.Errorf("%s %s %s", q.Method, q.URL, q.Body)
	}
	before := len(s.Requests())
	for _, code := range []string{"", "12", "48291x", "12345678901", "../1234"} {
		if ok, ended, err := p.CheckCode(t.Context(), messageID, "+12025550123", code); ok || ended || err != nil {
			t.Errorf("%q: %v %v %v", code, ok, ended, err)
		}
	}
	for _, id := range []string{"", "../../v1/messages", strings.Repeat("a", 65)} {
		if ok, ended, err := p.CheckCode(t.Context(), id, "+12025550123", "482913"); ok || !ended || err != nil {
			t.Errorf("%q: %v %v %v", id, ok, ended, err)
		}
	}
	if len(s.Requests()) != before {
		t.Error("asked for nothing")
	}
}

func TestVerifyEvents(t *testing.T) {
	p := newVerify(t, "")
	for body, want := range map[string]provider.State{
		`{"request_id":"` + messageID + `","triggered_at":"2026-11-21T12:00:00.000Z","type":"event","channel":"sms","status":"completed"}`:     provider.StateDelivered,
		`{"request_id":"` + messageID + `","triggered_at":"2026-11-21T12:00:00.000Z","type":"event","channel":"sms","status":"expired"}`:       provider.StateExpired,
		`{"request_id":"` + messageID + `","triggered_at":"2026-11-21T12:00:00.000Z","type":"event","channel":"sms","status":"user_rejected"}`: provider.StateFailed,
		`{"request_id":"` + messageID + `","finalized_at":"2026-11-21T12:00:00.000Z","type":"summary","status":"failed"}`:                      provider.StateFailed,
		`{"request_id":"` + messageID + `","finalized_at":"2026-11-21T12:00:00.000Z","type":"summary","status":"odd"}`:                         "",
	} {
		got, _, err := p.ReadCallback(t.Context(), callback(t, body))
		if want == "" {
			if err != nil || len(got) != 0 {
				t.Errorf("%s: %v %v", body, got, err)
			}
			continue
		}
		if err != nil || len(got) != 1 || got[0].State != want || got[0].ProviderID != messageID || got[0].ID != "j1" || !got[0].At.Equal(noon) || (got[0].Reason != "") != (want == provider.StateFailed) {
			t.Errorf("%s: %+v %v", body, got, err)
		}
		if got, _, err := p.ReadCallback(t.Context(), callback(t, body, "Bearer x")); !errors.Is(err, provider.ErrSignature) || len(got) != 0 {
			t.Errorf("forged: %v %v", got, err)
		}
	}
	for _, body := range []string{"", "{}", `{"request_id":"/","type":"event","status":"completed"}`, `{"request_id":"` + messageID + `","type":"x","status":"completed"}`} {
		if got, _, err := p.ReadCallback(t.Context(), callback(t, body)); err == nil {
			t.Errorf("%s: %v", body, got)
		}
	}
}

func TestVerifyConfig(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*VerifyConfig)
		field  string
	}{
		"brand": {func(c *VerifyConfig) { c.Brand = "" }, "brand"}, "long brand": {func(c *VerifyConfig) { c.Brand = strings.Repeat("x", 17) }, "brand"},
		"length": {func(c *VerifyConfig) { c.CodeLength = 3 }, "code_length"}, "credentials": {func(c *VerifyConfig) { c.APIKey = "" }, "api_key"},
	} {
		good := VerifyConfig{APIKey: "k", APISecret: secret.New("s"), Brand: "Acme", Client: &http.Client{}}
		c.change(&good)
		if _, err := NewVerify(good); err == nil || !strings.Contains(err.Error(), c.field) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
