package infobip

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"countersign/internal/secret"
	"countersign/provider"
	"countersign/provider/providertest"
)

const shared = "a secret of callbacks, long enough"

func callback(body string, header ...string) provider.Callback {
	c := provider.Callback{Method: http.MethodPost, Body: []byte(body), Now: noon, Header: map[string][]string{"Content-Type": {"application/json"}}}
	for i := 0; i+1 < len(header); i += 2 {
		c.Header[header[i]] = append(c.Header[header[i]], header[i+1])
	}
	return c
}

func report(group, id, errorID int, permanent bool) string {
	return fmt.Sprintf(`{"results":[{"bulkId":"b1","messageId":"m1","to":"12025550123","sender":"Acme","sentAt":"2026-11-21T11:59:58.000+0000","doneAt":"2026-11-21T13:00:00.000+0100",
		"messageCount":2,"mccMnc":"310410","callbackData":"r1","price":{"pricePerMessage":0.0325,"currency":"EUR"},
		"status":{"groupId":%d,"groupName":"G","id":%d,"name":"N","description":"about +12025550123"},
		"error":{"groupId":1,"groupName":"H","id":%d,"name":"E","description":"for 12025550123","permanent":%v}}]}`, group, id, errorID, permanent)
}

func TestReports(t *testing.T) {
	p := newProvider(t, "")
	if p.Signed() {
		t.Error("signed by nothing")
	}
	for _, c := range []struct {
		group, id, errorID int
		permanent          bool
		state              provider.State
		reason             provider.Reason
	}{
		{1, 26, 0, false, provider.StateQueued, ""}, {1, 3, 0, false, provider.StateSent, ""}, {1, 7, 0, false, provider.StateSent, ""},
		{3, 2, 0, false, provider.StateSent, ""}, {3, 5, 0, false, provider.StateDelivered, ""}, {3, 999, 0, false, provider.StateDelivered, ""},
		{2, 4, 0, false, provider.StateUndelivered, provider.Unknown}, {2, 9, 1, true, provider.StateUndelivered, provider.InvalidNumber},
		{2, 31, 27, false, provider.StateUndelivered, provider.Unreachable}, {2, 4, 31, false, provider.StateUndelivered, provider.Unreachable},
		{2, 4, 11, true, provider.StateUndelivered, provider.Unreachable}, {2, 4, 581, true, provider.StateUndelivered, provider.Unreachable},
		{2, 4, 604, true, provider.StateUndelivered, provider.Blocked}, {2, 4, 608, true, provider.StateUndelivered, provider.Blocked},
		{2, 4, 560, true, provider.StateUndelivered, provider.SenderRejected}, {2, 4, 561, true, provider.StateUndelivered, provider.ContentRejected},
		{2, 4, 564, true, provider.StateUndelivered, provider.SenderRejected}, {2, 4, 4110, true, provider.StateUndelivered, provider.ContentRejected},
		{2, 4, 433, true, provider.StateUndelivered, provider.AuthFailed}, {2, 4, 4103, false, provider.StateUndelivered, provider.RateLimited},
		{2, 4, 12345, true, provider.StateUndelivered, provider.BadRequest}, {2, 4, 12345, false, provider.StateUndelivered, provider.Temporary},
		{2, 4, 4098, true, provider.StateExpired, ""}, {2, 4, 5492, true, provider.StateSent, ""}, {5, 23, 5492, true, provider.StateSent, ""},
		{4, 15, 4101, false, provider.StateExpired, ""}, {4, 29, 0, false, provider.StateExpired, ""}, {2, 96, 0, false, provider.StateUndelivered, provider.Unreachable},
		{5, 87, 609, true, provider.StateFailed, provider.Blocked}, {5, 12, 1, true, provider.StateFailed, provider.InsufficientFunds}, {5, 777, 0, true, provider.StateFailed, provider.Unknown},
	} {
		got, _, err := p.ReadCallback(t.Context(), callback(report(c.group, c.id, c.errorID, c.permanent)))
		if err != nil || len(got) != 1 {
			t.Fatalf("%+v: %v %v", c, got, err)
		}
		n := got[0]
		if n.State != c.state || n.Reason != c.reason {
			t.Errorf("%+v: %s %s", c, n.State, n.Reason)
		}
		if n.ProviderID != "m1" || n.Reference != "r1" || n.Price != 65000 || n.Currency != "EUR" || n.Segments != 2 || n.Network != "310410" || !n.At.Equal(noon) {
			t.Errorf("%+v", n)
		}
		if strings.Contains(n.Text, "2025550123") || (c.reason != "") != (n.VendorCode != "") && c.state != provider.StateExpired && c.state != provider.StateSent {
			t.Errorf("%+v", n)
		}
	}
	got, _, err := p.ReadCallback(t.Context(), callback(`{"results":[{"messageId":"i1","from":"12025550123","to":"447700900001","text":"Stop ","cleanText":"Stop","keyword":"stop",
		"receivedAt":"2026-11-21T12:00:00.000+0000","smsCount":1,"price":{"pricePerMessage":0,"currency":"EUR"}}]}`))
	if err != nil || len(got) != 1 || got[0].ID != "in-i1" || got[0].State != "" || got[0].Inbound == nil ||
		*got[0].Inbound != (provider.Inbound{From: "+12025550123", To: "447700900001", Text: "Stop ", Keyword: "STOP"}) {
		t.Errorf("a text that came in: %+v %v", got, err)
	}
	for name, c := range map[string]provider.Callback{
		"no JSON": callback("x"), "no results": callback("{}"), "no id": callback(`{"results":[{"status":{"groupId":3,"id":5}}]}`), "GET": {Method: http.MethodGet, Body: []byte(`{"results":[]}`)},
		"too many": callback(`{"results":[` + strings.Repeat(`{"messageId":"m"},`, 1000) + `{"messageId":"m"}]}`),
	} {
		if got, _, err := p.ReadCallback(t.Context(), c); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func mac(h []byte) string { return hex.EncodeToString(h) }

// CVE-2023-40034: what is not authentic changes nothing, once there is something to check by.
func TestAdvisory_CVE_2023_40034_UnsignedReceipts(t *testing.T) {
	body := report(3, 5, 0, false)
	h := hmac.New(sha256.New, []byte(shared))
	h.Write([]byte(body))
	sum := h.Sum(nil)
	h5 := hmac.New(sha512.New, []byte(shared))
	h5.Write([]byte(body))
	signed := func(c *Config) { c.CallbackSecret, c.CallbackHeader = secret.New(shared), "x-sig" }
	signed5 := func(c *Config) { signed(c); c.CallbackHash = "sha512" }
	basic := func(c *Config) { c.CallbackUser, c.CallbackPassword = "infobip", secret.New(shared) }
	both := func(c *Config) { signed(c); basic(c) }
	auth := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	for _, c := range []struct {
		name   string
		config func(*Config)
		c      provider.Callback
		ok     bool
	}{
		{"hex", signed, callback(body, "X-Sig", mac(sum)), true},
		{"base64", signed, callback(body, "X-Sig", base64.StdEncoding.EncodeToString(sum)), true},
		{"with its name", signed, callback(body, "X-Sig", "sha256="+mac(sum)), true},
		{"sha512", signed5, callback(body, "X-Sig", mac(h5.Sum(nil))), true},
		{"other hash", signed5, callback(body, "X-Sig", mac(sum)), false},
		{"none", signed, callback(body), false},
		{"empty", signed, callback(body, "X-Sig", ""), false},
		{"cut", signed, callback(body, "X-Sig", mac(sum[:16])), false},
		{"other body", signed, callback(report(3, 5, 1, false), "X-Sig", mac(sum)), false},
		{"twice", signed, callback(body, "X-Sig", mac(sum), "X-Sig", mac(sum)), false},
		{"password", basic, callback(body, "Authorization", auth("infobip", shared)), true},
		{"wrong password", basic, callback(body, "Authorization", auth("infobip", shared+"x")), false},
		{"wrong user", basic, callback(body, "Authorization", auth("x", shared)), false},
		{"both", both, callback(body, "Authorization", auth("infobip", shared), "X-Sig", mac(sum)), true},
		{"both, no HMAC", both, callback(body, "Authorization", auth("infobip", shared)), false},
		{"both, no password", both, callback(body, "X-Sig", mac(sum)), false},
		{"no password", basic, callback(body), false},
	} {
		p := newProvider(t, "", c.config)
		got, _, err := p.ReadCallback(t.Context(), c.c)
		if !p.Signed() || c.ok != (err == nil && len(got) == 1) || !c.ok && (!errors.Is(err, provider.ErrSignature) || len(got) > 0) {
			t.Errorf("%s: %v %v", c.name, got, err)
		}
	}
}

func TestPoll(t *testing.T) {
	body, status := "", http.StatusOK
	s := providertest.Serve(t, func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if q.Header.Get("Authorization") != "App "+apiKey {
			w.WriteHeader(http.StatusUnauthorized)
			w.Write([]byte(`{"requestError":{"serviceException":{"messageId":"UNAUTHORIZED","text":"Invalid login details"}}}`))
			return
		}
		w.WriteHeader(status)
		w.Write([]byte(body))
	})
	p := newProvider(t, s.URL)
	if body = report(3, 5, 0, false); true {
		n, err := p.Poll(t.Context(), "m1")
		if err != nil || n.State != provider.StateDelivered || n.ProviderID != "m1" {
			t.Errorf("%+v %v", n, err)
		}
		q := s.Requests()[0]
		if q.Method != http.MethodGet || q.URL.Path != "/sms/3/logs" || q.URL.Query().Get("messageId") != "m1" {
			t.Errorf("%s %s", q.Method, q.URL)
		}
		if n, err := p.Poll(t.Context(), "other"); err == nil || provider.ReasonOf(err) != provider.Temporary {
			t.Errorf("another message's log: %+v %v", n, err)
		}
	}
	body = `{"results":[]}`
	if _, err := p.Poll(t.Context(), "m1"); err == nil || provider.ReasonOf(err) != provider.Temporary {
		t.Errorf("no log yet: %v", err)
	}
	wrong := newProvider(t, s.URL, func(c *Config) { c.APIKey = secret.New("other") })
	if _, err := wrong.Poll(t.Context(), "m1"); err == nil || provider.ReasonOf(err) != provider.AuthFailed {
		t.Errorf("wrong key: %v", err)
	}
	if _, err := wrong.Check(t.Context()); err == nil || provider.ReasonOf(err) != provider.AuthFailed {
		t.Errorf("wrong key: %v", err)
	}
	if text, err := p.Check(t.Context()); err == nil {
		t.Errorf("a 200 for nothing: %q", text)
	}
	body, status = `{"errorCode":"E400","description":"messages must not be empty"}`, http.StatusBadRequest
	if text, err := p.Check(t.Context()); err != nil || !strings.Contains(text, "nothing was sent") {
		t.Errorf("%q %v", text, err)
	}
}

func TestConfirmed(t *testing.T) {
	s := providertest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"processKey":"x"}`))
	})
	if err := newProvider(t, s.URL).Confirmed(t.Context(), "m1", true); err != nil || len(s.Requests()) != 0 {
		t.Errorf("told although it is off: %v", err)
	}
	p := newProvider(t, s.URL, func(c *Config) { c.Conversion = true })
	if err := p.Confirmed(t.Context(), "m1", false); err != nil || len(s.Requests()) != 0 {
		t.Errorf("a code that was not used: %v", err)
	}
	if err := p.Confirmed(t.Context(), "a/../b", true); err != nil || len(s.Requests()) != 1 || s.Requests()[0].URL.EscapedPath() != "/ct/1/log/end/a%2F..%2Fb" {
		t.Errorf("%v %v", err, s.Requests())
	}
}

func FuzzReadCallback(f *testing.F) {
	f.Add([]byte(report(3, 5, 0, false)))
	f.Add([]byte(report(5, 12, 4098, true)))
	f.Add([]byte(`{"results":[{"messageId":"i","receivedAt":"x","price":{"pricePerMessage":1e400}}]}`))
	p := newProvider(f, "")
	f.Fuzz(func(t *testing.T, body []byte) {
		notices, _, err := p.ReadCallback(t.Context(), callback(string(body)))
		if err != nil && len(notices) > 0 {
			t.Fatal("an error with notices")
		}
		for _, n := range notices {
			if (n.State == "") == (n.Inbound == nil) || n.State != "" && n.ProviderID == "" || len(n.Text) > 200 || n.Price < 0 {
				t.Fatalf("%+v", n)
			}
		}
	})
}
