package awssms

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/provider"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const certURL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0f3a5b7c.pem"

// amazon hands out a certificate and confirms subscriptions.
type amazon struct {
	key  *rsa.PrivateKey
	cert []byte

	mu     sync.Mutex
	asked  []string
	status int
	body   string
	err    error
}

var pair = sync.OnceValues(func() (*rsa.PrivateKey, []byte) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sns.amazonaws.com"}, NotBefore: noon.AddDate(-1, 0, 0),
		NotAfter: noon.AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
})

func newAmazon() *amazon {
	a := &amazon{}
	a.key, a.cert = pair()
	return a
}

func (a *amazon) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.Method+" "+r.URL.String())
	if a.err != nil {
		return nil, a.err
	}
	body, kind := string(a.cert), "application/x-pem-file"
	if r.URL.Query().Get("Action") == "ConfirmSubscription" {
		body, kind = `<ConfirmSubscriptionResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><ConfirmSubscriptionResult><SubscriptionArn>`+topic+
			`:1</SubscriptionArn></ConfirmSubscriptionResult></ConfirmSubscriptionResponse>`, "text/xml"
	}
	if a.body != "" {
		body = a.body
	}
	return &http.Response{StatusCode: max(a.status, 200), Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(body)),
		Request: r}, nil
}

func (a *amazon) provider(t *testing.T) *Provider {
	t.Helper()
	c := accessTo("")
	c.Client = &http.Client{Transport: a}
	p, err := New(Config{Access: c, Topics: []string{"arn:aws:sns:eu-west-1:111122223333:inbound", topic}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// sign fills in what the fields leave out, and signs.
func (a *amazon) sign(t *testing.T, f map[string]string) []byte {
	t.Helper()
	for k, v := range map[string]string{"Type": "Notification", "MessageId": "n-1", "TopicArn": topic, "Message": "{}",
		"Timestamp":        "2026-11-21T11:59:58.123Z",
		"SignatureVersion": "2", "SigningCertURL": certURL, "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe"} {
		if _, ok := f[k]; !ok {
			f[k] = v
		}
	}
	keys := []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	if f["Type"] != "Notification" {
		keys = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	}
	var text strings.Builder
	for _, k := range keys {
		if v, ok := f[k]; ok {
			text.WriteString(k + "\n" + v + "\n")
		}
	}
	var signature []byte
	var err error
	if f["SignatureVersion"] == "1" {
		sum := sha1.Sum([]byte(text.String()))
		signature, err = rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA1, sum[:])
	} else {
		sum := sha256.Sum256([]byte(text.String()))
		signature, err = rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA256, sum[:])
	}
	if err != nil {
		t.Fatal(err)
	}
	f["Signature"] = base64.StdEncoding.EncodeToString(signature)
	return encode(t, f)
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func callback(body []byte) provider.Callback {
	u, _ := url.Parse("https://login.example.com/receipts/aws-sms/secret")
	return provider.Callback{Method: http.MethodPost, URL: u, Header: map[string][]string{"Content-Type": {"text/plain; charset=UTF-8"}}, Body: body,
		Now: noon}
}

const delivered = `{"eventType":"TEXT_DELIVERED","eventVersion":"1.0","eventTimestamp":1795262390123,"isFinal":true,"originationPhoneNumber":"+12065550100",` +
	`"destinationPhoneNumber":"+12025550123","isoCountryCode":"US","mcc":"310","mnc":"260","messageId":"` + sentID +
	`","messageRequestTimestamp":1795262389000,` +
	`"messageEncoding":"GSM","messageType":"TRANSACTIONAL","messageStatus":"DELIVERED",` +
	`"messageStatusDescription":"Message to +12025550123 has been accepted by phone",` +
	`"context":{"attempt":"0199a1b3c4d57e4f8a5b6c7d8e9f0a1b"},"totalMessageParts":2,"totalMessagePrice":0.01162,"totalCarrierFee":7.5E-4}`

func TestReceipt(t *testing.T) {
	for _, version := range []string{"1", "2"} {
		a := newAmazon()
		p := a.provider(t)
		if !p.Signed() {
			t.Fatal("not signed")
		}
		for range 3 {
			got, reply, err := p.ReadCallback(t.Context(), callback(a.sign(t, map[string]string{"Message": delivered, "SignatureVersion": version,
				"Subject": "S"})))
			if err != nil || len(got) != 1 || reply.Status != 0 {
				t.Fatal(got, reply, err)
			}
			n := got[0]
			if n.ProviderID != sentID || n.Reference != "0199a1b3c4d57e4f8a5b6c7d8e9f0a1b" || n.State != provider.StateDelivered || n.Segments != 2 ||
				n.Price != 12370 ||
				n.Currency != "USD" || n.Network != "310260" || !n.At.Equal(time.UnixMilli(1795262390123)) || n.ID != "n-1" ||
				n.VendorCode != "TEXT_DELIVERED" ||
				strings.Contains(n.Text, "2025550123") || !strings.Contains(n.Text, "accepted by phone") || n.Inbound != nil {
				t.Errorf("%+v", n)
			}
		}
		if !slices.Equal(a.asked, []string{"GET " + certURL}) {
			t.Errorf("asked for %v: a certificate is kept", a.asked)
		}
	}
}

// Each event type of the API has a meaning, or is left out on purpose.
func TestEventTypes(t *testing.T) {
	dir := os.Getenv("COUNTERSIGN_REFERENCE")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared")
	}
	raw, err := os.ReadFile(filepath.Join(dir, "specs", "aws", eumModel))
	if err != nil {
		t.Fatal("the API model is missing: set COUNTERSIGN_REFERENCE to the folder that holds specs/aws: ", err)
	}
	var model struct {
		Shapes map[string]struct{ Enum []string }
	}
	if err := json.Unmarshal(raw, &model); err != nil {
		t.Fatal(err)
	}
	known := 0
	for _, e := range model.Shapes["EventType"].Enum {
		_, ok := meanings[e]
		if ok {
			known++
		}
		if other := e == "ALL" || strings.HasSuffix(e, "_ALL") || strings.HasPrefix(e, "MEDIA_") || strings.HasPrefix(e, "RCS_"); ok == other {
			t.Errorf("%s: known %v", e, ok)
		}
	}
	if known != len(meanings) {
		t.Errorf("%d of our %d event types exist", known, len(meanings))
	}
	for _, shape := range []string{"ValidationExceptionReason", "ConflictExceptionReason", "ServiceQuotaExceededExceptionReason"} {
		for _, r := range model.Shapes[shape].Enum {
			delete(byReasonLeft, r)
		}
	}
	for r := range byReasonLeft {
		t.Errorf("there is no reason %s", r)
	}
}

// byReasonLeft are the reasons that TestEventTypes has not found in the model.
var byReasonLeft = func() map[string]bool {
	out := map[string]bool{}
	for r := range byReason {
		out[r] = true
	}
	return out
}()

func TestEvents(t *testing.T) {
	a := newAmazon()
	p := a.provider(t)
	for in, want := range map[string]provider.Notice{
		`{"eventType":"TEXT_SUCCESSFUL","messageId":"m"}`:                {State: provider.StateSent},
		`{"eventType":"TEXT_SUCCESSFUL","messageId":"m","isFinal":true}`: {State: provider.StateDelivered},
		`{"eventType":"TEXT_CARRIER_BLOCKED","messageId":"m","mcc":262,"mnc":1}`: {State: provider.StateFailed,
			Reason: provider.Blocked, Network: "26201"},
		`{"eventType":"TEXT_UNKNOWN","messageId":"m","mcc":"x","mnc":"01"}`:       {State: provider.StateUndelivered, Reason: provider.Unknown},
		`{"eventType":"TEXT_TTL_EXPIRED","messageId":"m","totalMessagePrice":-1}`: {State: provider.StateExpired},
		`{"eventType":"VOICE_NO_ANSWER","messageId":"m","totalMessageParts":"99999"}`: {State: provider.StateUndelivered,
			Reason: provider.Unreachable, Segments: 255},
		`{"eventType":"VOICE_COMPLETED","messageId":"m","eventTimestamp":99999999999999999}`: {State: provider.StateDelivered},
		`{"eventType":"TEXT_INVALID","messageId":"m","context":{"attempt":"r"}}`: {State: provider.StateFailed,
			Reason: provider.InvalidNumber, Reference: "r"},
		`{"eventType":"TEXT_DELIVERED","messageId":"m","totalMessagePrice":1e300,"mcc":null}`: {State: provider.StateDelivered},
	} {
		got, _, err := p.ReadCallback(t.Context(), callback(a.sign(t, map[string]string{"Message": in})))
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %v, %v", in, got, err)
			continue
		}
		n := got[0]
		if n.ProviderID != "m" || n.State != want.State || n.Reason != want.Reason || n.Network != want.Network || n.Segments != want.Segments ||
			n.Reference != want.Reference ||
			n.Price != 0 || n.Currency != "" || n.At.IsZero() {
			t.Errorf("%s: %+v", in, n)
		}
	}
	for _, quiet := range []string{`{}`, `{"eventType":"RCS_READ","messageId":"m"}`, `{"eventType":"TEXT_DELIVERED"}`, "hello", "", "[]"} {
		if got, reply, err := p.ReadCallback(t.Context(), callback(a.sign(t, map[string]string{"Message": quiet}))); err != nil || len(got) != 0 ||
			reply.Status != 0 {
			t.Errorf("%q: %v, %v, %v", quiet, got, reply, err)
		}
	}
	if _, _, err := p.ReadCallback(t.Context(), callback(a.sign(t, map[string]string{"Message": `{"eventType":7}`}))); err == nil || errors.Is(err,
		provider.ErrSignature) {
		t.Error(err)
	}
}

func TestInbound(t *testing.T) {
	a := newAmazon()
	p := a.provider(t)
	for keyword, want := range map[string]string{"STOP": "STOP", "stop ": "STOP", "UNSTOP": "START", "HELP": "HELP", "KEYWORD_123": "", "": ""} {
		in := encode(t, map[string]string{"originationNumber": "+12025550123", "destinationNumber": "+12065550100", "messageKeyword": keyword,
			"messageBody":      "Stop, please",
			"inboundMessageId": "i-1", "previousPublishedMessageId": sentID})
		got, _, err := p.ReadCallback(t.Context(), callback(a.sign(t, map[string]string{"Message": string(in)})))
		if err != nil || len(got) != 1 || got[0].Inbound == nil {
			t.Fatal(got, err)
		}
		n := got[0]
		if *n.Inbound != (provider.Inbound{From: "+12025550123", To: "+12065550100", Text: "Stop, please", Keyword: want}) || n.ProviderID != "" ||
			n.State != "" || n.ID != "n-1" || n.At.IsZero() {
			t.Errorf("%+v, %+v", n, n.Inbound)
		}
	}
	if _, _, err := p.ReadCallback(t.Context(), callback(a.sign(t,
		map[string]string{"Message": `{"originationNumber":"Acme","destinationNumber":"1"}`}))); err == nil {
		t.Error("a text from nobody")
	}
}

// Whoever cannot sign for a configured topic, now, is refused.
func TestAdvisory_CVE_2023_40034_UnsignedNotifications(t *testing.T) {
	change := func(k, v string) func(*testing.T, *amazon) []byte {
		return func(t *testing.T, a *amazon) []byte { return a.sign(t, map[string]string{"Message": delivered, k: v}) }
	}
	after := func(k, v string) func(*testing.T, *amazon) []byte {
		return func(t *testing.T, a *amazon) []byte {
			var f map[string]string
			if err := json.Unmarshal(a.sign(t, map[string]string{"Message": delivered}), &f); err != nil {
				t.Fatal(err)
			}
			f[k] = v
			return encode(t, f)
		}
	}
	for name, body := range map[string]func(*testing.T, *amazon) []byte{
		"another topic":         change("TopicArn", "arn:aws:sns:eu-west-1:999999999999:receipts"),
		"old":                   change("Timestamp", "2026-11-21T10:54:59Z"),
		"of the future":         change("Timestamp", "2026-11-21T12:05:01Z"),
		"no time":               change("Timestamp", "yesterday"),
		"another host":          change("SigningCertURL", "https://evil.example/SimpleNotificationService-1.pem"),
		"a host that ends so":   change("SigningCertURL", "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem"),
		"a host before":         change("SigningCertURL", "https://evil.example/sns.eu-west-1.amazonaws.com/x.pem"),
		"a bucket":              change("SigningCertURL", "https://s3.eu-west-1.amazonaws.com/evil/x.pem"),
		"a bucket like SNS":     change("SigningCertURL", "https://sns.s3.eu-west-1.amazonaws.com/x.pem"),
		"user info":             change("SigningCertURL", "https://sns.eu-west-1.amazonaws.com@evil.example/x.pem"),
		"a port":                change("SigningCertURL", "https://sns.eu-west-1.amazonaws.com:8443/x.pem"),
		"plain http":            change("SigningCertURL", "http://sns.eu-west-1.amazonaws.com/x.pem"),
		"a query":               change("SigningCertURL", "https://sns.eu-west-1.amazonaws.com/x.pem?a=.pem"),
		"no certificate's name": change("SigningCertURL", "https://sns.eu-west-1.amazonaws.com/"),
		"another version":       change("SignatureVersion", "3"),
		"another message":       after("Message", `{"eventType":"TEXT_DELIVERED","messageId":"other"}`),
		"another id":            after("MessageId", "n-2"),
		"a subject too many":    after("Subject", "x"),
		"no signature":          after("Signature", ""),
		"nonsense":              after("Signature", "!!!!"),
		"version 1 for 2":       after("SignatureVersion", "1"),
		"another time":          after("Timestamp", "2026-11-21T11:59:59.123Z"),
	} {
		t.Run(name, func(t *testing.T) {
			a := newAmazon()
			got, _, err := a.provider(t).ReadCallback(t.Context(), callback(body(t, a)))
			if !errors.Is(err, provider.ErrSignature) || len(got) != 0 {
				t.Errorf("%v, %v", got, err)
			}
			for _, asked := range a.asked {
				if asked != "GET "+certURL {
					t.Errorf("asked for %s", asked)
				}
			}
		})
	}
}

// A certificate whose time is over signs nothing.
func TestOldCertificate(t *testing.T) {
	a := newAmazon()
	c := callback(a.sign(t, map[string]string{"Message": delivered, "Timestamp": "2028-11-21T11:59:58.123Z"}))
	c.Now = noon.AddDate(2, 0, 0)
	if _, _, err := a.provider(t).ReadCallback(t.Context(), c); !errors.Is(err, provider.ErrSignature) {
		t.Error(err)
	}
}

// What is no notification is not understood.
func TestNotUnderstood(t *testing.T) {
	a := newAmazon()
	p := a.provider(t)
	for name, body := range map[string][]byte{
		"raw delivery": []byte(delivered), "nothing": nil, "a list": []byte(`[]`), "text": []byte("hello"), "another type": a.sign(t,
			map[string]string{"Type": "Ping"}),
		"endless": append(a.sign(t, map[string]string{}), make([]byte, maxNotification)...),
	} {
		if _, _, err := p.ReadCallback(t.Context(), callback(body)); err == nil || errors.Is(err, provider.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	get := callback(a.sign(t, map[string]string{}))
	get.Method = http.MethodGet
	if _, _, err := p.ReadCallback(t.Context(), get); err == nil {
		t.Error("a GET")
	}
	p.c.Topics = nil
	if _, _, err := p.ReadCallback(t.Context(), callback(a.sign(t, map[string]string{}))); err == nil {
		t.Error("without topics")
	}
}

// While AWS does not hand out its certificate nothing is believed, and SNS is asked to come again.
func TestNoCertificate(t *testing.T) {
	for name, change := range map[string]func(*amazon){
		"unreachable": func(a *amazon) { a.err = errors.New("no route") }, "404": func(a *amazon) { a.status = 404 },
		"a page":  func(a *amazon) { a.body = "<html>" },
		"a key":   func(a *amazon) { a.body = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n" },
		"endless": func(a *amazon) { a.body = strings.Repeat("x", 1<<20) },
	} {
		a := newAmazon()
		change(a)
		p := a.provider(t)
		for range 2 {
			got, reply, err := p.ReadCallback(t.Context(), callback(a.sign(t, map[string]string{"Message": delivered})))
			if err != nil || len(got) != 0 || reply.Status != http.StatusServiceUnavailable {
				t.Errorf("%s: %v, %v, %v", name, got, reply, err)
			}
		}
		if len(a.asked) != 1 {
			t.Errorf("%s: asked %d times in one moment", name, len(a.asked))
		}
		a.err, a.status, a.body = nil, 0, ""
		c := callback(a.sign(t, map[string]string{"Message": delivered}))
		c.Now = noon.Add(2 * noCertFor)
		if got, _, err := p.ReadCallback(t.Context(), c); err != nil || len(got) != 1 {
			t.Errorf("%s: not asked again: %v", name, err)
		}
	}
}

func TestCertificatesAreBounded(t *testing.T) {
	a := newAmazon()
	p := a.provider(t)
	for i := range 3 * maxCerts {
		_, _, err := p.ReadCallback(t.Context(), callback(a.sign(t,
			map[string]string{"SigningCertURL": fmt.Sprintf("https://sns.eu-west-1.amazonaws.com/%d.pem", i)})))
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := len(p.certs.list); n > maxCerts {
		t.Errorf("%d certificates", n)
	}
}

// A configured topic is subscribed; nobody else, and nowhere else.
func TestSubscription(t *testing.T) {
	confirmation := func(a *amazon, arn, subscribe string) []byte {
		return a.sign(t, map[string]string{"Type": "SubscriptionConfirmation", "TopicArn": arn, "Token": "abc",
			"Message": "You have chosen to subscribe", "SubscribeURL": subscribe})
	}
	good := "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=" + url.QueryEscape(topic) + "&Token=abc"
	a := newAmazon()
	got, reply, err := a.provider(t).ReadCallback(t.Context(), callback(confirmation(a, topic, good)))
	if err != nil || reply.Status != 0 || len(got) != 0 || !slices.Equal(a.asked, []string{"GET " + certURL, "GET " + good}) {
		t.Fatal(got, reply, err, a.asked)
	}
	for name, subscribe := range map[string]string{
		"another host":   strings.Replace(good, "sns.eu-west-1.amazonaws.com", "evil.example", 1),
		"http":           strings.Replace(good, "https", "http", 1),
		"another action": strings.Replace(good, "ConfirmSubscription", "DeleteTopic", 1),
		"another topic":  strings.Replace(good, "receipts", "others", 1),
		"inside":         "https://169.254.169.254/?Action=ConfirmSubscription&TopicArn=" + url.QueryEscape(topic),
	} {
		a := newAmazon()
		if _, _, err := a.provider(t).ReadCallback(t.Context(), callback(confirmation(a, topic, subscribe))); err == nil || len(a.asked) != 1 {
			t.Errorf("%s: %v, %v", name, err, a.asked)
		}
	}
	a = newAmazon()
	if _, _, err := a.provider(t).ReadCallback(t.Context(), callback(confirmation(a, "arn:aws:sns:eu-west-1:999999999999:x", good))); !errors.Is(err,
		provider.ErrSignature) || len(a.asked) != 0 {
		t.Error(err, a.asked)
	}
	a = newAmazon()
	p := a.provider(t)
	if _, _, err := p.ReadCallback(t.Context(), callback(a.sign(t, map[string]string{}))); err != nil {
		t.Fatal(err)
	}
	a.status = 500
	if _, reply, err := p.ReadCallback(t.Context(), callback(confirmation(a, topic, good))); err != nil || reply.Status != http.StatusServiceUnavailable {
		t.Error(reply, err)
	}
	a.status = 0
	if _, reply, err := p.ReadCallback(t.Context(), callback(a.sign(t, map[string]string{"Type": "UnsubscribeConfirmation", "Token": "t",
		"SubscribeURL": good}))); err != nil || reply.Status != 0 {
		t.Error(reply, err)
	}
	if last := a.asked[len(a.asked)-1]; last != "GET "+good || len(a.asked) != 2 {
		t.Error("a topic that was unsubscribed is not subscribed again: ", a.asked)
	}
}

// FuzzReadCallback: whatever comes, nothing that is not signed is believed, and no other host is asked.
func FuzzReadCallback(f *testing.F) {
	f.Add([]byte(`{"Type":"Notification","TopicArn":"`+topic+`","Timestamp":"2026-11-21T11:59:58.123Z","SigningCertURL":"`+certURL+
		`","SignatureVersion":"1","Signature":"AAAA"}`), delivered)
	f.Add([]byte(`{"Type":"SubscriptionConfirmation"}`), `{"originationNumber":"1","destinationNumber":"2"}`)
	a := newAmazon()
	c := accessTo("")
	c.Client = &http.Client{Transport: a}
	p, err := New(Config{Access: c, Topics: []string{topic}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte, message string) {
		if got, _, _ := p.ReadCallback(context.Background(), callback(body)); len(got) != 0 {
			t.Fatalf("%+v", got)
		}
		for _, asked := range a.asked {
			if !strings.HasPrefix(asked, "GET https://sns.") || !strings.Contains(asked, ".amazonaws.com") {
				t.Fatal(asked)
			}
		}
		a.asked = nil
		notices, _, err := read(message, "id", noon, p.link.caller)
		for _, n := range notices {
			if err != nil || n.ID != "id" || n.Price < 0 || n.Segments < 0 || n.Inbound == nil && (n.State == "" || n.ProviderID == "") {
				t.Fatalf("%+v, %v", n, err)
			}
		}
	})
}
