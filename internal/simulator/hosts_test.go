package simulator

import (
	"io"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// A function that sends through a provider of its own choice reaches a simulated phone.
func TestSimulatedHosts(t *testing.T) {
	b, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	const aws = "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/sns/aws4_request"
	sms := url.Values{"To": {"+12025550123"}, "From": {"+12025550100"}, "Body": {"Your code is 123456."}}
	with := func(v url.Values, k, s string) url.Values {
		out := url.Values{}
		for key := range v {
			out.Set(key, v.Get(key))
		}
		out.Set(k, s)
		return out
	}
	publish := url.Values{"Action": {"Publish"}, "PhoneNumber": {"+12025550124"}, "Message": {"654321 is your code"},
		"MessageAttributes.entry.1.Name": {"AWS.SNS.SMS.SenderID"}, "MessageAttributes.entry.1.Value.StringValue": {"ACME"}}
	tests := []struct {
		name, host, path, auth string
		form                   url.Values
		status                 int
		want                   string
	}{
		{"twilio", "api.twilio.com", "/2010-04-01/Accounts/AC1/Messages.json", "basic", sms, 201, `"status":"queued"`},
		{"twilio, no key", "api.twilio.com", "/2010-04-01/Accounts/AC1/Messages.json", "", sms, 401, `"code":20003`},
		{"twilio, bad number", "api.twilio.com", "/2010-04-01/Accounts/AC1/Messages.json", "basic", with(sms, "To", "12"), 400, `"code":21211`},
		{"twilio, no body", "api.twilio.com", "/2010-04-01/Accounts/AC1/Messages.json", "basic", with(sms, "Body", ""), 400, `"code":21602`},
		{"twilio, long body", "api.twilio.com", "/2010-04-01/Accounts/AC1/Messages.json", "basic", with(sms, "Body", strings.Repeat("x", 1601)), 400, `"code":21617`},
		{"twilio, other path", "api.twilio.com", "/2010-04-01/Accounts/AC1/Calls.json", "basic", sms, 404, ""},
		{"sns", "sns.eu-west-1.amazonaws.com", "/", aws, publish, 200, "<MessageId>"},
		{"sns, unsigned", "sns.eu-west-1.amazonaws.com", "/", "", publish, 403, "<Code>MissingAuthenticationToken</Code>"},
		{"sns, bad number", "sns.eu-west-1.amazonaws.com", "/", aws, with(publish, "PhoneNumber", "x"), 400, "<Code>InvalidParameter</Code>"},
		{"sns, other action", "sns.eu-west-1.amazonaws.com", "/", aws, with(publish, "Action", "Subscribe"), 400, "<Code>InvalidAction</Code>"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "https://"+tt.host+tt.path, strings.NewReader(tt.form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			switch tt.auth {
			case "":
			case "basic":
				r.SetBasicAuth("AC1", "token")
			default:
				r.Header.Set("Authorization", tt.auth)
			}
			before := len(b.List(Filter{}))
			w := httptest.NewRecorder()
			b.Host(tt.host).ServeHTTP(w, r)
			body, _ := io.ReadAll(w.Result().Body)
			if w.Code != tt.status || !strings.Contains(string(body), tt.want) {
				t.Errorf("%d %s", w.Code, body)
			}
			if sent := len(b.List(Filter{})) - before; (sent == 1) != (tt.status < 300) {
				t.Errorf("%d messages were kept", sent)
			}
		})
	}
	list := b.List(Filter{})
	if len(list) != 2 || list[0].Code != "123456" || list[0].To != "+12025550123" || list[1].Code != "654321" || list[1].From != "ACME" {
		t.Errorf("kept %+v", list)
	}
	for _, name := range []string{"example.com", "sns.amazonaws.com.evil.com", "sns..amazonaws.com", "kms.eu-west-1.amazonaws.com", ""} {
		if b.Host(name) != nil {
			t.Errorf("%q is simulated", name)
		}
	}
}
