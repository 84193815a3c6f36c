package twilio

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign/internal/secret"
	"countersign/provider"
	"countersign/provider/providertest"
)

// script answers by the path's end, and remembers what came.
func script(t *testing.T, answers map[string]providertest.Answer, change ...func(*Config)) (*Provider, *providertest.Service) {
	t.Helper()
	s := providertest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		for path, a := range answers {
			if strings.HasSuffix(r.URL.Path, path) {
				w.Header().Set("Content-Type", "application/json")
				if a.Status != 0 {
					w.WriteHeader(a.Status)
				}
				io.WriteString(w, a.Body)
				return
			}
		}
		http.NotFound(w, r)
	})
	c := append([]func(*Config){func(c *Config) { c.AccountSID, c.ProvideFeedback = testAccount, true }}, change...)
	return newProvider(t, s.URL, c...), s
}

func TestPoll(t *testing.T) {
	p, s := script(t, map[string]providertest.Answer{
		"/Messages/SM1.json": {Body: `{"sid":"SM1","status":"delivered","num_segments":"2","price":"-0.01500","price_unit":"usd","error_code":null,"date_updated":"Sat, 21 Nov 2026 11:59:00 +0000"}`},
		"/Messages/SM2.json": {Body: `{"sid":"SM2","status":"undelivered","num_segments":"1","price":null,"error_code":30006,"error_message":"Landline +12025550123"}`},
		"/Messages/SM3.json": {Body: `{"sid":"SM3","status":"eaten"}`},
		"/Messages/SM4.json": {Body: `{"sid":"SM9","status":"sent"}`},
		"/Messages/SM5.json": {Status: 401, Body: `{"code":20003,"message":"Authenticate"}`},
		"/Calls/CA1.json":    {Body: `{"sid":"CA1","status":"completed","price":"-0.02","price_unit":"USD"}`},
	})
	at := time.Date(2026, 11, 21, 11, 59, 0, 0, time.UTC)
	for id, want := range map[string]provider.Notice{
		"SM1": {ProviderID: "SM1", State: provider.StateDelivered, Segments: 2, Price: 15000, Currency: "USD", At: at},
		"SM2": {ProviderID: "SM2", State: provider.StateUndelivered, Segments: 1, Reason: provider.Unreachable, VendorCode: "30006", Text: "Landline ***"},
		"CA1": {ProviderID: "CA1", State: provider.StateDelivered, Price: 20000, Currency: "USD"},
	} {
		if n, err := p.Poll(t.Context(), id); err != nil || n != want {
			t.Errorf("%s: %+v, %v", id, n, err)
		}
	}
	for id, want := range map[string]provider.Reason{"SM3": provider.Unknown, "SM4": provider.Unknown, "SM5": provider.AuthFailed, "SM6": provider.Temporary, "../x": provider.BadRequest, "": provider.BadRequest} {
		if n, err := p.Poll(t.Context(), id); err == nil || provider.ReasonOf(err) != want {
			t.Errorf("%s: %+v, %v", id, n, err)
		}
	}
	for _, q := range s.Requests() {
		if q.Method != http.MethodGet {
			t.Error(q.Method)
		}
		providertest.Conforms(t, description, q)
	}
}

func TestFeedback(t *testing.T) {
	p, s := script(t, map[string]providertest.Answer{"/SM1/Feedback.json": {Status: 201, Body: `{"outcome":"confirmed"}`}, "/SM2/Feedback.json": {Status: 400, Body: `{"code":20001,"message":"x"}`}})
	for _, used := range []bool{true, false} {
		if err := p.Confirmed(t.Context(), "SM1", used); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Confirmed(t.Context(), "SM2", true); err == nil {
		t.Error("refused, but no error")
	}
	all := s.Requests()
	if len(all) != 3 || all[0].Form().Get("Outcome") != "confirmed" || all[1].Form().Get("Outcome") != "unconfirmed" {
		t.Errorf("%+v", all)
	}
	for _, q := range all {
		providertest.Conforms(t, description, q)
	}
	quiet, s := script(t, nil, func(c *Config) { c.ProvideFeedback = false })
	if err := errors.Join(quiet.Confirmed(t.Context(), "SM1", true), p.Confirmed(t.Context(), "CA1", true)); err != nil || len(s.Requests()) != 0 {
		t.Error(err)
	}
}

func TestCheck(t *testing.T) {
	active := providertest.Answer{Body: `{"sid":"` + testAccount + `","status":"active","type":"Trial"}`}
	test := func(c *Config) { c.TestSID, c.TestToken = "ACtest", secret.New("a test token") }
	taken := providertest.Answer{Status: 201, Body: `{"sid":"SM1","status":"queued"}`}
	p, s := script(t, map[string]providertest.Answer{"/Accounts/" + testAccount + ".json": active, "/ACtest/Messages.json": taken}, test)
	if said, err := p.Check(t.Context()); err != nil || said != "The account is active. It is a trial account: it sends to verified numbers alone. The test credentials took a text that goes nowhere." {
		t.Error(said, err)
	}
	all := s.Requests()
	if len(all) != 2 || all[0].Form().Get("From") != magicFrom || !strings.Contains(all[0].URL.Path, "/ACtest/") {
		t.Errorf("%+v", all)
	}
	for name, answers := range map[string]map[string]providertest.Answer{
		"suspended": {testAccount + ".json": {Body: `{"sid":"` + testAccount + `","status":"suspended"}`}, "/Messages.json": taken},
		"another":   {testAccount + ".json": {Body: `{"sid":"AC2","status":"active"}`}, "/Messages.json": taken},
		"key":       {testAccount + ".json": {Status: 401, Body: `{"code":20003,"message":"Authenticate"}`}, "/Messages.json": taken},
		"test key":  {testAccount + ".json": active, "/Messages.json": {Status: 401, Body: `{"code":20003,"message":"Authenticate"}`}},
	} {
		p, _ := script(t, answers, test)
		if said, err := p.Check(t.Context()); err == nil || strings.Contains(err.Error(), testAccount) {
			t.Errorf("%s: %s %v", name, said, err)
		}
	}
}

func TestVerify(t *testing.T) {
	answer := providertest.Answer{}
	s := providertest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if answer.Status != 0 {
			w.WriteHeader(answer.Status)
		}
		io.WriteString(w, answer.Body)
	})
	p, err := NewVerify(VerifyConfig{AccountSID: testAccount, AuthToken: secret.New(testToken), ServiceSID: "VA1", BaseURL: s.URL, Client: client()})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		status    int
		body      string
		ok, ended bool
		want      provider.Reason
	}{
		{200, `{"sid":"VE1","status":"approved","valid":true}`, true, true, ""},
		{200, `{"sid":"VE1","status":"pending","valid":false}`, false, false, ""},
		{200, `{"sid":"VE1","status":"approved","valid":false}`, false, true, ""},
		{200, `{"sid":"VE1","status":"canceled","valid":false}`, false, true, ""},
		{200, `{"sid":"VE1","status":"max_attempts_reached"}`, false, true, ""},
		{404, `{"code":20404,"message":"not found","status":404}`, false, true, ""},
		{429, `{"code":60202,"message":"Max check attempts reached","status":429}`, false, true, ""},
		{404, `<html>`, false, false, provider.BadRequest},
		{200, `{"sid":"VE2","status":"approved","valid":true}`, false, false, provider.Unknown},
		{200, `{"sid":"VE1","status":"odd","valid":true}`, false, false, provider.Unknown},
		{401, `{"code":20003,"message":"Authenticate"}`, false, false, provider.AuthFailed},
		{500, ``, false, false, provider.Temporary},
	} {
		answer = providertest.Answer{Status: c.status, Body: c.body}
		ok, ended, err := p.CheckCode(t.Context(), "VE1", "+12025550123", "123456")
		if ok != c.ok || ended != c.ended || (err != nil) != (c.want != "") || err != nil && provider.ReasonOf(err) != c.want {
			t.Errorf("%d %s: %v %v %v", c.status, c.body, ok, ended, err)
		}
	}
	before := len(s.Requests())
	if f := s.Requests()[0]; f.URL.Path != "/v2/Services/VA1/VerificationCheck" || f.Form().Get("VerificationSid") != "VE1" || f.Form().Get("Code") != "123456" {
		t.Errorf("%s %s", f.URL, f.Body)
	}
	for _, code := range []string{"", "12a456", "12345678901"} {
		if ok, ended, err := p.CheckCode(t.Context(), "VE1", "", code); ok || ended || err != nil || len(s.Requests()) != before {
			t.Errorf("%q: %v %v %v", code, ok, ended, err)
		}
	}
	answer = providertest.Answer{Body: `{"sid":"VE1","status":"approved"}`}
	if n, err := p.Poll(t.Context(), "VE1"); err != nil || n.State != provider.StateDelivered {
		t.Error(n, err)
	}
	answer = providertest.Answer{Body: `{"sid":"VE1","status":"canceled"}`}
	if err := p.Confirmed(t.Context(), "VE1", false); err != nil {
		t.Error(err)
	}
	all := s.Requests()
	if q := all[len(all)-1]; q.Form().Get("Status") != "canceled" || q.URL.Path != "/v2/Services/VA1/Verifications/VE1" {
		t.Errorf("%+v", q)
	}
	answer = providertest.Answer{Body: `{"sid":"VA1","code_length":6}`}
	if said, err := p.Check(t.Context()); err != nil || said != "The service makes codes of 6 digits." {
		t.Error(said, err)
	}
	for in, want := range map[string]string{"": "", "de-CH": "de", "pt-br": "pt-BR", "en_GB": "en-GB", "EN-us": "en", "x": "", "e1": "", "de\"": ""} {
		if got := verifyLocale(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	_, err = NewVerify(VerifyConfig{BaseURL: "x"})
	for _, want := range []string{"account_sid", "auth_token", "service_sid", "base_url", "Client"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}
