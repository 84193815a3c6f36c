package twilio

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"countersign/internal/secret"
	"countersign/provider"
)

const receiptURL = "https://id.example.com/receipts/twilio/6c0f1d"

// The example of Twilio's documentation (Security, Validating requests).
func TestSignatureVector(t *testing.T) {
	form := url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "Digits": {"1234"}, "From": {"+14158675309"}, "To": {"+18005551212"}}
	if got := sign("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form); got != "RSOYDt4T1cUTdK1PDd93/VVr8B8=" {
		t.Errorf("got %s", got)
	}
}

// callback is a form that Twilio signed for the URL.
func callback(t testing.TB, to string, form url.Values) provider.Callback {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	form.Set("AccountSid", testAccount)
	return provider.Callback{Method: http.MethodPost, URL: u, Body: []byte(form.Encode()), Now: now, Header: map[string][]string{
		"Content-Type": {"application/x-www-form-urlencoded; charset=UTF-8"}, "X-Twilio-Signature": {sign(testToken, to, form)},
	}}
}

func signing(t testing.TB, change ...func(*Config)) *Provider {
	t.Helper()
	return newProvider(t, "http://127.0.0.1:1", append([]func(*Config){func(c *Config) { c.AccountSID, c.AuthToken = testAccount, secret.New(testToken) }}, change...)...)
}

func TestStatuses(t *testing.T) {
	p := signing(t)
	at := time.Date(2026, 11, 21, 11, 59, 0, 0, time.UTC)
	for _, c := range []struct {
		form, query string
		want        provider.Notice
	}{
		{"MessageSid=SM1&MessageStatus=sent", "?a=ref1", provider.Notice{ProviderID: "SM1", Reference: "ref1", State: provider.StateSent}},
		{"MessageSid=SM1&MessageStatus=queued", "", provider.Notice{ProviderID: "SM1", State: provider.StateQueued}},
		{"MessageSid=SM1&MessageStatus=delivered&RawDlrDoneDate=2611211159&Brand=new", "", provider.Notice{ProviderID: "SM1", State: provider.StateDelivered, At: at}},
		{"MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30003", "", provider.Notice{ProviderID: "SM1", State: provider.StateUndelivered, Reason: provider.Unreachable, VendorCode: "30003"}},
		{"MessageSid=SM1&MessageStatus=failed&ErrorCode=30007&ErrorMessage=no+%2B12025550123", "", provider.Notice{ProviderID: "SM1", State: provider.StateFailed,
			Reason: provider.ContentRejected, VendorCode: "30007", Text: "no ***"}},
		{"MessageSid=SM1&MessageStatus=failed&ErrorCode=30036", "", provider.Notice{ProviderID: "SM1", State: provider.StateExpired, VendorCode: "30036"}},
		{"MessageSid=SM1&MessageStatus=failed&ErrorCode=99999", "", provider.Notice{ProviderID: "SM1", State: provider.StateFailed, Reason: provider.Unknown, VendorCode: "99999"}},
		{"MessageSid=SM1&MessageStatus=canceled", "", provider.Notice{ProviderID: "SM1", State: provider.StateFailed, Reason: provider.Unknown}},
		{"CallSid=CA1&CallStatus=completed&Timestamp=Sat,+21+Nov+2026+11:59:00+%2B0000", "?a=ref1", provider.Notice{ProviderID: "CA1", Reference: "ref1", State: provider.StateDelivered, At: at}},
		{"CallSid=CA1&CallStatus=in-progress", "", provider.Notice{ProviderID: "CA1", State: provider.StateSent}},
		{"CallSid=CA1&CallStatus=busy", "", provider.Notice{ProviderID: "CA1", State: provider.StateUndelivered, Reason: provider.Unknown}},
		{"CallSid=CA1&CallStatus=no-answer", "", provider.Notice{ProviderID: "CA1", State: provider.StateUndelivered, Reason: provider.Unknown}},
		{"MessageSid=SM9&From=%2B12025550123&To=%2B12025550100&Body=Stop+&OptOutType=STOP&NumSegments=1&SmsStatus=received", "",
			provider.Notice{ID: "SM9", At: now, Inbound: &provider.Inbound{From: "+12025550123", To: "+12025550100", Text: "Stop ", Keyword: "STOP"}}},
		{"MessageSid=SM9&From=%2B12025550123&To=AB&Body=&OptOutType=MAYBE", "", provider.Notice{ID: "SM9", At: now, Inbound: &provider.Inbound{From: "+12025550123", To: "AB"}}},
	} {
		form, _ := url.ParseQuery(c.form)
		list, reply, err := p.ReadCallback(t.Context(), callback(t, receiptURL+c.query, form))
		if err != nil || len(list) != 1 || !reflect.DeepEqual(list[0], c.want) {
			t.Errorf("%s: %+v, %v; want %+v", c.form, list, err, c.want)
		}
		if c.want.Inbound != nil && (string(reply.Body) != "<Response/>" || reply.ContentType != "text/xml") {
			t.Errorf("%s: %s", c.form, reply.Body)
		}
	}
	for _, bad := range []string{"", "MessageSid=SM1", "MessageSid=SM1&MessageStatus=eaten", "MessageStatus=sent", "CallStatus=completed", "CallSid=CA1&CallStatus=odd", "Body=x"} {
		form, _ := url.ParseQuery(bad)
		if list, _, err := p.ReadCallback(t.Context(), callback(t, receiptURL, form)); err == nil || errors.Is(err, provider.ErrSignature) {
			t.Errorf("%s: %+v, %v", bad, list, err)
		}
	}
}

func TestSignature(t *testing.T) {
	p := signing(t)
	sent := func() url.Values { return url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"sent"}} }
	change := func(f func(*provider.Callback)) provider.Callback {
		c := callback(t, receiptURL+"?a=r", sent())
		f(&c)
		return c
	}
	moved := func(signedFor, came string) provider.Callback {
		c := callback(t, signedFor, sent())
		c.URL, _ = url.Parse(came)
		return c
	}
	json := func(sum string) provider.Callback {
		to := receiptURL + "?bodySHA256=" + sum
		u, _ := url.Parse(to)
		return provider.Callback{URL: u, Now: now, Body: []byte(`{"x":1}`), Header: map[string][]string{"Content-Type": {"application/json"}, "X-Twilio-Signature": {sign(testToken, to, nil)}}}
	}
	sum := sha256.Sum256([]byte(`{"x":1}`))
	for name, c := range map[string]struct {
		c  provider.Callback
		ok bool
	}{
		"as it is":          {callback(t, receiptURL, sent()), true},
		"with a query":      {callback(t, receiptURL+"?a=r&b=1", sent()), true},
		"port in signature": {moved("https://id.example.com:443/r", "https://id.example.com/r"), true},
		"port in URL":       {moved("https://id.example.com/r", "https://id.example.com:443/r"), true},
		"http port":         {moved("http://id.example.com:80/r", "http://id.example.com/r"), true},
		"another port":      {moved("https://id.example.com:8443/r", "https://id.example.com:8443/r"), true},
		"no other port":     {moved("https://id.example.com:8443/r", "https://id.example.com/r"), false},
		"another host":      {moved("https://id.example.org/r", "https://id.example.com/r"), false},
		"another path":      {moved("https://id.example.com/s", "https://id.example.com/r"), false},
		"another query":     {moved(receiptURL+"?a=1", receiptURL+"?a=2"), false},
		"no query":          {moved(receiptURL+"?a=1", receiptURL), false},
		"http for https":    {moved("http://id.example.com/r", "https://id.example.com/r"), false},
		"another body":      {change(func(c *provider.Callback) { c.Body = append(c.Body, "&ErrorCode=1"...) }), false},
		"no signature":      {change(func(c *provider.Callback) { delete(c.Header, "X-Twilio-Signature") }), false},
		"two signatures": {change(func(c *provider.Callback) {
			c.Header["X-Twilio-Signature"] = append(c.Header["X-Twilio-Signature"], "x")
		}), false},
		"empty":              {change(func(c *provider.Callback) { c.Header["X-Twilio-Signature"] = []string{""} }), false},
		"body without type":  {change(func(c *provider.Callback) { delete(c.Header, "Content-Type") }), false},
		"body of its hash":   {json(hex.EncodeToString(sum[:])), true},
		"body of another":    {json(strings.Repeat("0", 64)), false},
		"form with bad hash": {callback(t, receiptURL+"?bodySHA256=00", sent()), false},
	} {
		_, _, err := p.ReadCallback(t.Context(), c.c)
		if got := !errors.Is(err, provider.ErrSignature); got != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	form := sent()
	other := callback(t, receiptURL, form)
	form.Set("AccountSid", "AC2")
	other.Body, other.Header["X-Twilio-Signature"] = []byte(form.Encode()), []string{sign(testToken, receiptURL, form)}
	if _, _, err := p.ReadCallback(t.Context(), other); err == nil {
		t.Error("a callback of another account was taken")
	}
	keyed := signing(t, func(c *Config) { c.AuthToken, c.APIKeySID, c.APIKeySecret = secret.New(""), "SK1", secret.New("s") })
	if keyed.Signed() || !p.Signed() {
		t.Error("only an auth token verifies")
	}
	if n, _, err := keyed.ReadCallback(t.Context(), change(func(c *provider.Callback) { delete(c.Header, "X-Twilio-Signature") })); err != nil || len(n) != 1 {
		t.Error(n, err)
	}
}

// A keyed call asks first, and reads the code to the right key alone.
func TestKeys(t *testing.T) {
	p := signing(t)
	m := provider.Message{To: "+12025550123", Channel: provider.Voice, Text: "Your code is 482913", Code: "482913", Locale: "de-DE", Key: "42", KeyURL: receiptURL + "/keys?x=1&k=tok",
		ExpiresAt: now.Add(time.Minute), ReceiptURL: receiptURL, Reference: "r1"}
	_, fields, err := p.fields(m)
	if err != nil {
		t.Fatal(err)
	}
	twiml := fields.Get("Twiml")
	for _, want := range []string{`numDigits="2"`, `actionOnEmptyResult="true"`, `action="` + receiptURL + `/keys?x=1&amp;k=tok"`, `<Say language="de-DE">Bitte`, "<Hangup/></Response>"} {
		if !strings.Contains(twiml, want) {
			t.Errorf("%s is not in %s", want, twiml)
		}
	}
	if strings.Contains(twiml, "42") || strings.Contains(twiml, "482913") || strings.Contains(twiml, "4, 8") || len(twiml) > maxTwiML {
		t.Errorf("the key or the code is in %s", twiml)
	}
	if got := fields["StatusCallbackEvent"]; len(got) != 2 || fields.Get("StatusCallback") != receiptURL+"?a=r1" {
		t.Error(fields)
	}
	open := func(token string) (provider.Message, error) {
		if token != "tok" {
			return provider.Message{}, errors.New("no such call")
		}
		return m, nil
	}
	for digits, want := range map[string]error{"42": nil, "43": provider.ErrWrongKey, "": provider.ErrWrongKey, "4": provider.ErrWrongKey, "421": provider.ErrWrongKey} {
		reply, err := p.AnswerKeys(t.Context(), callback(t, m.KeyURL, url.Values{"Digits": {digits}, "CallSid": {"CA1"}}), open)
		if !errors.Is(err, want) || strings.Contains(string(reply.Body), "4, 8, 2, 9, 1, 3") != (want == nil) || want != nil && string(reply.Body) != hangUp || reply.ContentType != "text/xml" {
			t.Errorf("%q: %s %v", digits, reply.Body, err)
		}
	}
	unsigned := callback(t, m.KeyURL, url.Values{"Digits": {"42"}})
	unsigned.Header["X-Twilio-Signature"] = []string{"x"}
	late := callback(t, m.KeyURL, url.Values{"Digits": {"42"}})
	late.Now = m.ExpiresAt
	for name, c := range map[string]provider.Callback{"unsigned": unsigned, "late": late, "another call": callback(t, receiptURL+"/keys?k=other", url.Values{"Digits": {"42"}})} {
		if reply, err := p.AnswerKeys(t.Context(), c, open); err == nil || string(reply.Body) != hangUp {
			t.Errorf("%s: %s %v", name, reply.Body, err)
		}
	}
	m.Key = ""
	if _, err := p.AnswerKeys(t.Context(), callback(t, receiptURL+"/keys?k=tok", url.Values{"Digits": {""}}), open); !errors.Is(err, provider.ErrWrongKey) {
		t.Errorf("a call without a key: %v", err)
	}
	if !p.AskKey() {
		t.Error("calls ask for keys")
	}
	for locale := range map[string]bool{"": true, "xx": true, "d": true, "sv": true} {
		if got := keyed(provider.Message{Locale: locale, KeyURL: receiptURL}); !strings.Contains(got, "<Say language=") {
			t.Error(locale, got)
		}
	}
}

func TestCallbackURL(t *testing.T) {
	for in, want := range map[string]string{"": "", receiptURL: receiptURL + "?a=r%261", receiptURL + "?x=1": receiptURL + "?a=r%261&x=1", "http://[": ""} {
		if got := withReference(in, "r&1"); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
	if got := withReference("https://my_host.example/receipts/twilio/x_y", "r"); got != "" {
		t.Errorf("Twilio takes no host with an underscore, and got %q", got)
	}
	if got := withReference("https://host.example/receipts/twilio/x_y", ""); got == "" {
		t.Error("an underscore in a path is fine")
	}
	if got := withReference(receiptURL, ""); got != receiptURL {
		t.Error(got)
	}
}

// Whatever comes, the reader does not break, and takes nothing that is not signed.
func FuzzCallback(f *testing.F) {
	f.Add("MessageSid=SM1&MessageStatus=sent&a=1", "x=1")
	f.Add("CallSid=CA1&CallStatus=completed&Timestamp=x", "bodySHA256=00")
	p := signing(f)
	f.Fuzz(func(t *testing.T, body, query string) {
		u := &url.URL{Scheme: "https", Host: "id.example.com", Path: "/r", RawQuery: query}
		c := provider.Callback{URL: u, Body: []byte(body), Now: now, Header: map[string][]string{"Content-Type": {"application/x-www-form-urlencoded"}, "X-Twilio-Signature": {fmt.Sprint(len(body))}}}
		if _, _, err := p.ReadCallback(t.Context(), c); err == nil {
			t.Error("not signed, but taken")
		}
		if form, err := url.ParseQuery(body); err == nil {
			c.Header["X-Twilio-Signature"] = []string{sign(testToken, u.String(), form)}
			list, _, err := p.ReadCallback(t.Context(), c)
			if err == nil && (len(list) != 1 || list[0].Inbound == nil && list[0].State == "") {
				t.Errorf("%q: %+v", body, list)
			}
		}
	})
}
