package webhook

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"countersign/internal/secret"
	"countersign/provider"
)

// callback is a receipt that is signed as the specification says.
func callback(key, id string, at time.Time, body string) provider.Callback {
	raw, _ := decodeSecret(key)
	ts := fmt.Sprint(at.Unix())
	return provider.Callback{Method: "POST", Body: []byte(body), Now: now, Header: map[string][]string{
		"Webhook-Id": {id}, "Webhook-Timestamp": {ts}, "Webhook-Signature": {Sign(raw, id, ts, []byte(body))},
	}}
}

func TestReceipts(t *testing.T) {
	p := newProvider(t, "http://example.com")
	const ts = "2026-11-21T12:00:01Z"
	at := time.Date(2026, 11, 21, 12, 0, 1, 0, time.UTC)
	for body, want := range map[string]provider.Notice{
		`{"message_id":"SM1","state":"delivered","price":"0.0075","currency":"usd","segments":2,"at":"` + ts + `","more":1}`: {
			ProviderID: "SM1", State: provider.StateDelivered, Price: 7500, Currency: "USD", Segments: 2, At: at},
		`{"reference":"r1","state":"undelivered","reason":"unreachable","code":"30003","text":"+1 202 555 0123 is off","price":0.5}`: {
			Reference: "r1", State: provider.StateUndelivered, Reason: provider.Unreachable, VendorCode: "30003", Text: "*** is off", Price: 500000},
		`{"message_id":"SM1","state":"failed","reason":"aliens"}`:           {ProviderID: "SM1", State: provider.StateFailed, Reason: provider.Unknown},
		`{"message_id":"SM1","state":"sent","reason":"unreachable"}`:        {ProviderID: "SM1", State: provider.StateSent},
		`{"message_id":"SM1","state":"expired","network":"26201"}`:          {ProviderID: "SM1", State: provider.StateExpired, Network: "26201"},
		`{"inbound":{"from":"+1","to":"2","text":"stop","keyword":"STOP"}}`: {Inbound: &provider.Inbound{From: "+1", To: "2", Text: "stop", Keyword: "STOP"}},
	} {
		list, _, err := p.ReadCallback(t.Context(), callback(vectorSecret, "e1", now, body))
		want.ID = "e1"
		if want.At.IsZero() {
			want.At = time.Time{}.UTC()
		}
		if err != nil || len(list) != 1 || !reflect.DeepEqual(list[0], want) {
			t.Errorf("%s: %+v, %v; want %+v", body, list, err, want)
		}
	}
	for _, body := range []string{``, `[]`, `null`, `{}`, `{"message_id":"x"}`, `{"state":"sent"}`, `{"message_id":"x","state":"eaten"}`, `{"message_id":"x","state":"sent","inbound":{"from":"+1"}}`,
		`{"inbound":{}}`, `{"message_id":"` + strings.Repeat("x", 200) + `","state":"sent"}`, `{"message_id":"x","state":"sent","at":"yesterday"}`} {
		if n, _, err := p.ReadCallback(t.Context(), callback(vectorSecret, "e1", now, body)); err == nil || errors.Is(err, provider.ErrSignature) {
			t.Errorf("%s: %+v, %v", body, n, err)
		}
	}
}

func TestReceiptSignature(t *testing.T) {
	const body, other = `{"message_id":"x","state":"sent"}`, "an older secret of enough bytes"
	p := newProvider(t, "http://example.com", func(c *Config) { c.Secrets = append(c.Secrets, secret.New(other)) })
	ok := func(c provider.Callback) bool {
		_, _, err := p.ReadCallback(t.Context(), c)
		if err != nil && !errors.Is(err, provider.ErrSignature) {
			t.Error(err)
		}
		return err == nil
	}
	change := func(f func(*provider.Callback)) provider.Callback {
		c := callback(vectorSecret, "e1", now, body)
		f(&c)
		return c
	}
	header := func(name string, v ...string) provider.Callback {
		return change(func(c *provider.Callback) { c.Header[name] = v })
	}
	for name, c := range map[string]provider.Callback{
		"key": callback(vectorSecret, "e1", now, body), "other key": callback(other, "e1", now, body),
		"old enough": callback(vectorSecret, "e1", now.Add(-5*time.Minute), body), "clock ahead": callback(vectorSecret, "e1", now.Add(5*time.Minute), body),
		"two signatures": change(func(c *provider.Callback) {
			c.Header["Webhook-Signature"][0] = "v1,AAAA " + c.Header["Webhook-Signature"][0]
		}),
	} {
		if !ok(c) {
			t.Errorf("%s: refused", name)
		}
	}
	for name, c := range map[string]provider.Callback{
		"another key": callback("whsec_C2FVsBQIhrscChlQIMV1b5sSYspob7oD", "e1", now, body),
		"too old":     callback(vectorSecret, "e1", now.Add(-5*time.Minute-time.Second), body), "too new": callback(vectorSecret, "e1", now.Add(5*time.Minute+time.Second), body),
		"another id": header("Webhook-Id", "e2"), "another time": header("Webhook-Timestamp", fmt.Sprint(now.Unix()-1)), "no time": header("Webhook-Timestamp", "soon"),
		"no signature": header("Webhook-Signature"), "empty": header("Webhook-Signature", ""), "without version": header("Webhook-Signature", "AAAA"),
		"another body": change(func(c *provider.Callback) { c.Body = append(c.Body, ' ') }), "two ids": header("Webhook-Id", "e1", "e1"),
		"no headers": change(func(c *provider.Callback) { c.Header = nil }),
	} {
		if ok(c) {
			t.Errorf("%s: taken", name)
		}
	}
}

// What a service tells cannot break the reader, and says nothing without a signature.
func FuzzReceipt(f *testing.F) {
	f.Add(`{"message_id":"SM1","state":"delivered","price":"0.0075"}`)
	f.Add(`{"inbound":{"from":"+1"}}`)
	p := newProvider(f, "http://example.com")
	f.Fuzz(func(t *testing.T, body string) {
		list, _, err := p.ReadCallback(t.Context(), callback(vectorSecret, "e1", now, body))
		if err == nil && (len(list) != 1 || list[0].ID != "e1" || list[0].Inbound == nil && list[0].State == "") {
			t.Errorf("%q: %+v", body, list)
		}
		if _, _, err := p.ReadCallback(t.Context(), provider.Callback{Body: []byte(body), Now: now}); !errors.Is(err, provider.ErrSignature) {
			t.Error(err)
		}
	})
}

// GoTrue's receivers know codes alone, and secrets in its own form.
func TestGoTrue(t *testing.T) {
	m := message()
	m.Channel, m.Code = provider.SMS, ""
	p := newProvider(t, "http://127.0.0.1:1", func(c *Config) { c.Format, c.Secrets[0] = FormatGoTrue, secret.New("v1,"+vectorSecret) })
	if _, err := p.Send(t.Context(), m); err == nil || provider.ReasonOf(err) != provider.BadRequest {
		t.Error(err)
	}
	m.Code, m.Channel = "123456", provider.Voice
	if _, err := p.Send(t.Context(), m); err == nil || provider.ReasonOf(err) != provider.BadRequest {
		t.Error(err)
	}
	if p.keys[0].raw.Reveal() != newProvider(t, "http://127.0.0.1:1").keys[0].raw.Reveal() {
		t.Error("v1,whsec_ is another key than whsec_")
	}
	raw, err := goTrue(provider.Message{ID: "m1", To: "+12025550123", Code: "123456", Channel: provider.SMS})
	want := `{"user":{"id":"m1","aud":"authenticated","role":"authenticated","phone":"+12025550123","app_metadata":{"provider":"phone","providers":["phone"]},` +
		`"user_metadata":{}},"sms":{"otp":"123456","phone":"+12025550123"}}`
	if err != nil || string(raw) != want {
		t.Errorf("%s, %v", raw, err)
	}
}
