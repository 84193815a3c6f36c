package proof

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// tenantOf is a pool with an account of its own.
type tenantOf struct {
	*lab
	pool, client, key string
	carrier           *carrier
	people            int
	prefix            string
}

// back is a signed operation of the Cognito wire.
func (l *lab) back(op string, in obj) answer {
	l.t.Helper()
	r := httptest.NewRequest("POST", "http://localhost:7446/", strings.NewReader(string(mustJSON(l.t, in))))
	r.RequestURI = ""
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+op)
	signAt(l.t, r, aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, "cognito-idp", l.now())
	a := l.do(r, op)
	if a.status != http.StatusOK {
		l.t.Fatalf("%s: %d %s", op, a.status, a.raw)
	}
	return a
}

// newTenant makes a pool whose plan is one account at the carrier, with a secret of its own.
func newTenant(l *lab, c *carrier, name, key, prefix string) *tenantOf {
	l.t.Helper()
	x := &tenantOf{lab: l, carrier: c, key: key, prefix: prefix}
	x.pool = l.back("CreateUserPool", obj{"PoolName": name, "UsernameAttributes": []string{"phone_number"}, "AutoVerifiedAttributes": []string{"phone_number"},
		"Policies": obj{"SignInPolicy": obj{"AllowedFirstAuthFactors": []string{"PASSWORD", "SMS_OTP"}}}}).str("UserPool", "Id")
	x.client = l.back("CreateUserPoolClient", obj{"UserPoolId": x.pool, "ClientName": "app", "ExplicitAuthFlows": allFlows}).str("UserPoolClient", "ClientId")
	l.operate("PUT", "/accounts/main?pool="+x.pool, obj{"kind": "webhook", "settings": obj{"url": c.url}, "secrets": obj{"secret": key}})
	l.operate("PUT", "/route-plan?pool="+x.pool, obj{"rules": []obj{{"name": "all", "use": []obj{{"account": "main"}}}}})
	return x
}

// sent is a message that was accepted.
func (x *tenantOf) sent() sms {
	x.t.Helper()
	x.people++
	to := fmt.Sprintf("%s%03d", x.prefix, x.people)
	x.must("SignUp", obj{"ClientId": x.client, "Username": to})
	m, ok := x.carrier.air.text(to)
	if !ok || m.ReceiptURL == "" {
		x.t.Fatalf("no text, or one without a receipt URL: %+v", m)
	}
	until(x.t, "the record of the send", func() bool { return x.state(m) == "sent" })
	return m
}

func (x *tenantOf) state(m sms) string { return x.operate("GET", "/messages/"+m.ID, nil).str("state") }

// post is a callback of the carrier.
func (l *lab) post(r *http.Request) answer {
	r.RequestURI, r.RemoteAddr = "", "203.0.113.9:4711"
	return l.do(r, "receipt")
}

// said is a signed receipt at a door.
func (x *tenantOf) said(door, id string, body obj) answer {
	x.t.Helper()
	return x.post(report(x.t, door, x.key, id, x.now(), body))
}

// is demands a state and a number of receipts.
func (x *tenantOf) is(what string, m sms, state string, receipts int) {
	x.t.Helper()
	a := x.operate("GET", "/messages/"+m.ID, nil)
	list, _ := a.body["receipts"].([]any)
	if a.body["state"] != state || len(list) != receipts {
		x.t.Errorf("%s: %v with %d receipts, want %s with %d: %s", what, a.body["state"], len(list), state, receipts, a.raw)
	}
}

func (x *tenantOf) answered(what string, a answer, status int) {
	x.t.Helper()
	if a.status != status {
		x.t.Errorf("%s: %d %s, want %d", what, a.status, a.raw, status)
	}
}

// TestReceiptsAreNotBelieved: callbacks that are forged, old, repeated, out of order or about another pool's messages move nothing.
func TestReceiptsAreNotBelieved(t *testing.T) {
	l := newLab(t, nil)
	c := newCarrier(t, newAir(), "a")
	first := newTenant(l, c, "first", "whsec_Zmlyc3QtdGVuYW50LXNlY3JldC0wMTIzNDU2Nzg5MA==", "+12025552")
	second := newTenant(l, c, "second", "whsec_c2Vjb25kLXRlbmFudC1zZWNyZXQtMDEyMzQ1Njc4OQ==", "+12025553")
	forged(first, second)
	ordered(first)
	foreign(first, second)
	renewed(first)
}

// forged are callbacks that the service did not sign, or not now.
func forged(x, other *tenantOf) {
	m := x.sent()
	body := obj{"reference": m.Reference, "state": "delivered"}
	bare := httptest.NewRequest("POST", m.ReceiptURL, strings.NewReader(string(mustJSON(x.t, body))))
	changed := report(x.t, m.ReceiptURL, x.key, "evt-1", x.now(), obj{"reference": m.Reference, "state": "undelivered"})
	changed.Body = http.NoBody
	later := report(x.t, m.ReceiptURL, x.key, "evt-2", x.now(), body)
	later.Header.Set("Webhook-Id", "evt-3")
	for what, r := range map[string]*http.Request{
		"unsigned": bare, "of another body": changed, "with another id": later,
		"with another's key": report(x.t, m.ReceiptURL, other.key, "evt-4", x.now(), body),
		"of ten minutes ago": report(x.t, m.ReceiptURL, x.key, "evt-5", x.now().Add(-10*time.Minute), body),
		"of the future":      report(x.t, m.ReceiptURL, x.key, "evt-6", x.now().Add(10*time.Minute), body),
	} {
		x.answered("a receipt "+what, x.post(r), http.StatusForbidden)
	}
	x.is("forged", m, "sent", 0)
	// A text that nobody signed changes no opt-out.
	stop := httptest.NewRequest("POST", m.ReceiptURL, strings.NewReader(`{"inbound": {"from": "`+m.To+`", "to": "+12025550100", "text": "STOP"}}`))
	x.answered("an unsigned STOP", x.post(stop), http.StatusForbidden)
	if list, _ := x.operate("GET", "/opt-outs?pool="+x.pool, nil).body["opt_outs"].([]any); len(list) > 0 {
		x.t.Errorf("an unsigned STOP is kept: %v", list)
	}
	if list := x.list("/events?type=cs_receipt_refused&pool="+x.pool, "events"); len(list) == 0 {
		x.t.Error("no event tells of refused callbacks")
	}
	x.unknown(m)
}

// unknown compares doors that do not exist with one that does, for somebody who cannot sign.
func (x *tenantOf) unknown(m sms) {
	x.t.Helper()
	u, err := url.Parse(m.ReceiptURL)
	check(x.t, err)
	secret := u.Path[strings.LastIndexByte(u.Path, '/')+1:]
	wrong := strings.Repeat("A", len(secret))
	ask := func(path string) answer {
		r := report(x.t, "http://localhost:7446"+path, "whsec_bm9ib2R5cy1zZWNyZXQtMDEyMzQ1Njc4OTAxMjM0NQ==", "evt-x", x.now(), obj{"reference": m.Reference, "state": "delivered"})
		return x.post(r)
	}
	known, times := ask(u.Path), map[string][]time.Duration{}
	paths := map[string]string{
		"known": u.Path, "unknown": "/receipts/webhook/" + wrong, "of another kind": "/receipts/twilio/" + secret, "too short": "/receipts/webhook/" + secret[:20],
	}
	for range 200 {
		for what, path := range paths {
			began := time.Now()
			a := ask(path)
			times[what] = append(times[what], time.Since(began))
			if what != "known" && (a.status != http.StatusNotFound || string(a.raw) != "Not Found\n" || len(a.header) != len(known.header)) {
				x.t.Fatalf("a door that is %s: %d %v %s, a known one %v", what, a.status, a.header, a.raw, known.header)
			}
		}
	}
	if known.status != http.StatusForbidden || string(known.raw) != "Forbidden\n" {
		x.t.Errorf("a known door: %d %s", known.status, known.raw)
	}
	base := quantile(times["known"], .5)
	for what, d := range times {
		if m := quantile(d, .5); m > 5*base || base > 5*m {
			x.t.Errorf("a door that is %s takes %v, a known one %v", what, m, base)
		}
	}
	x.t.Logf("a callback with a wrong signature: known door %v, unknown %v, of another kind %v, too short %v (medians)", base,
		quantile(times["unknown"], .5), quantile(times["of another kind"], .5), quantile(times["too short"], .5))
}

// ordered are true receipts that come twice, late and in the wrong order.
func ordered(x *tenantOf) {
	m := x.sent()
	say := func(what, id, state, want string, receipts int) {
		x.t.Helper()
		body := obj{"reference": m.Reference, "state": state}
		if state == "undelivered" {
			body["reason"] = "unreachable"
		}
		x.answered(what, x.said(m.ReceiptURL, id, body), http.StatusOK)
		x.is(what, m, want, receipts)
	}
	say("on its way", "o-1", "queued", "sent", 1)
	say("undelivered", "o-2", "undelivered", "undelivered", 2)
	say("the same again", "o-2", "undelivered", "undelivered", 2)
	x.advance(70 * time.Hour)
	say("delivered after all, three days later", "o-3", "delivered", "delivered", 3)
	say("repeated", "o-3", "delivered", "delivered", 3)
	say("undelivered, told late", "o-4", "undelivered", "delivered", 3)
	say("expired, told late", "o-5", "expired", "delivered", 4)
	say("on its way, told late", "o-6", "sent", "delivered", 5)
	old := report(x.t, m.ReceiptURL, x.key, "o-2", x.now().Add(-70*time.Hour), obj{"reference": m.Reference, "state": "undelivered"})
	x.answered("replayed with its old signature", x.post(old), http.StatusForbidden)
	for i := range 60 {
		x.said(m.ReceiptURL, fmt.Sprintf("flood-%d", i), obj{"reference": m.Reference, "state": "sent", "code": fmt.Sprint(i)})
	}
	if list, _ := x.operate("GET", "/messages/"+m.ID, nil).body["receipts"].([]any); len(list) > 40 {
		x.t.Errorf("%d receipts of one message are kept", len(list))
	}
	if n := len(x.list("/events?type=cs_message_delivered&pool="+x.pool, "events")); n != 1 {
		x.t.Errorf("%d events tell that one message was delivered", n)
	}
}

// foreign are receipts by a true service about what is not its own.
func foreign(x, other *tenantOf) {
	theirs, mine := other.sent(), x.sent()
	for i, body := range []obj{
		{"reference": theirs.Reference, "state": "delivered"},
		{"message_id": "a-" + theirs.Reference, "state": "undelivered"},
		{"message_id": theirs.ID, "reference": theirs.Reference, "state": "failed"},
	} {
		x.answered("about another pool's message", x.said(mine.ReceiptURL, fmt.Sprint("f-", i), body), http.StatusOK)
		nobodys := obj{"reference": "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", "state": "delivered"}
		x.answered("about a message that there is not", x.said(mine.ReceiptURL, fmt.Sprint("n-", i), nobodys), http.StatusOK)
	}
	x.answered("signed with the own key at another's door", x.said(theirs.ReceiptURL, "f-9", obj{"reference": theirs.Reference, "state": "delivered"}), http.StatusForbidden)
	other.is("after another pool's receipts", theirs, "sent", 0)
	x.is("after receipts about others", mine, "sent", 0)
	other.answered("its own", other.said(theirs.ReceiptURL, "own", obj{"reference": theirs.Reference, "state": "delivered"}), http.StatusOK)
	other.is("after its own", theirs, "delivered", 1)
}

// renewed doors end.
func renewed(x *tenantOf) {
	m := x.sent()
	fresh := x.operate("POST", "/accounts/main/receipt-url?pool="+x.pool, obj{"overlap_hours": 1}).str("url")
	if fresh == "" || fresh == m.ReceiptURL {
		x.t.Fatalf("the new URL is %q", fresh)
	}
	x.answered("at the old door, in time", x.said(m.ReceiptURL, "r-1", obj{"reference": m.Reference, "state": "sent"}), http.StatusOK)
	x.advance(2 * time.Hour)
	x.answered("at the old door, too late", x.said(m.ReceiptURL, "r-2", obj{"reference": m.Reference, "state": "delivered"}), http.StatusNotFound)
	x.is("after its door has ended", m, "sent", 1)
	x.answered("at the new door", x.said(fresh, "r-3", obj{"reference": m.Reference, "state": "delivered"}), http.StatusOK)
	x.is("by the new door", m, "delivered", 2)
}
