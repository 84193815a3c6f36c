package providertest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"countersign/provider/providertest"
)

// seen keeps what is reported instead of failing.
type seen struct {
	testing.TB
	all []string
}

func (s *seen) Error(args ...any)            { s.all = append(s.all, fmt.Sprint(args...)) }
func (s *seen) Errorf(f string, args ...any) { s.all = append(s.all, fmt.Sprintf(f, args...)) }
func (s *seen) Helper()                      {}

func request(method, to, kind, body string) providertest.Request {
	r := httptest.NewRequest(method, to, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	return providertest.RequestOf(r)
}

const (
	account  = "AC0123456789abcdef0123456789abcdef"
	messages = "https://api.twilio.com/2010-04-01/Accounts/" + account + "/Messages.json"
	formType = "application/x-www-form-urlencoded"
)

func TestConforms(t *testing.T) {
	for name, c := range map[string]struct {
		spec string
		r    providertest.Request
		want string // part of the only report; empty for none
	}{
		"text":          {"twilio_api_v2010_messages_calls.json", request("POST", messages, formType, "To=%2B1&From=%2B2&Body=x&ValidityPeriod=60&SmartEncoded=true"), ""},
		"below a path":  {"twilio_api_v2010_messages_calls.json", request("POST", "/double"+strings.TrimPrefix(messages, "https://api.twilio.com"), formType, "To=%2B1&Body=x"), ""},
		"misspelt":      {"twilio_api_v2010_messages_calls.json", request("POST", messages, formType, "To=%2B1&Bodi=x"), "form.Bodi is not described"},
		"missing":       {"twilio_api_v2010_messages_calls.json", request("POST", messages, formType, "Body=x"), "form.To is missing"},
		"no number":     {"twilio_api_v2010_messages_calls.json", request("POST", messages, formType, "To=%2B1&ValidityPeriod=soon"), "ValidityPeriod is soon"},
		"not in list":   {"twilio_api_v2010_messages_calls.json", request("POST", messages, formType, "To=%2B1&ContentRetention=burn"), "ContentRetention is burn"},
		"another type":  {"twilio_api_v2010_messages_calls.json", request("POST", messages, "application/json", "{}"), `a request of "application/json" is not described`},
		"another path":  {"twilio_api_v2010_messages_calls.json", request("POST", "https://api.twilio.com/Messages", formType, ""), "no operation POST /Messages"},
		"another way":   {"twilio_api_v2010_messages_calls.json", request("PUT", messages, formType, ""), "no operation PUT"},
		"short account": {"twilio_api_v2010_messages_calls.json", request("GET", "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/SM1.json", "", ""), ""},
		"query":         {"twilio_api_v2010_messages_calls.json", request("GET", strings.Replace(messages, "Messages.json", "Messages/SM1.json", 1)+"?x=1", "", ""), "a parameter x is not described"},
		"path template": {"vonage_sms.yml", request("POST", "https://rest.nexmo.com/sms/json", formType, "api_key=abcd1234&api_secret=0123456789abcdef&from=ACME&to=447700900000&text=x"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &seen{TB: t}
			providertest.Conforms(s, c.spec, c.r)
			if c.want == "" && len(s.all) > 0 || c.want != "" && (len(s.all) != 1 || !strings.Contains(s.all[0], c.want)) {
				t.Errorf("%q, want %q", s.all, c.want)
			}
		})
	}
}

func TestConformsAnswer(t *testing.T) {
	r := request("POST", messages, formType, "")
	for body, want := range map[string]string{`{"sid":"SM0123456789abcdef0123456789abcdef","status":"queued"}`: "", `{"sid":"x"}`: "sid", `{"status":"eaten"}`: "status is eaten", `[]`: "no JSON object"} {
		s := &seen{TB: t}
		providertest.ConformsAnswer(s, "twilio_api_v2010_messages_calls.json", r, http.StatusCreated, []byte(body))
		if want == "" && len(s.all) > 0 || want != "" && !strings.Contains(strings.Join(s.all, "\n"), want) {
			t.Errorf("%s: %q, want %q", body, s.all, want)
		}
	}
	s := &seen{TB: t}
	if providertest.ConformsAnswer(s, "twilio_api_v2010_messages_calls.json", r, http.StatusTeapot, nil); len(s.all) != 1 {
		t.Errorf("%q", s.all)
	}
}

func TestConformsAWS(t *testing.T) {
	const model = "pinpoint-sms-voice-v2-2022-03-31.json"
	for name, c := range map[string]struct {
		operation string
		v         any
		want      string
	}{
		"text":      {"SendTextMessage", map[string]any{"DestinationPhoneNumber": "+12025550123", "MessageBody": "x", "TimeToLive": 60.0, "Context": map[string]any{"a": "b"}}, ""},
		"missing":   {"SendTextMessage", map[string]any{"MessageBody": "x"}, "DestinationPhoneNumber is missing"},
		"misspelt":  {"SendTextMessage", map[string]any{"DestinationPhoneNumber": "+12025550123", "Body": "x"}, "Body is not described"},
		"pattern":   {"SendTextMessage", map[string]any{"DestinationPhoneNumber": "Ann"}, "DestinationPhoneNumber"},
		"type":      {"SendTextMessage", map[string]any{"DestinationPhoneNumber": "+12025550123", "TimeToLive": "60"}, "not number"},
		"operation": {"SendPigeon", nil, "no operation"},
	} {
		s := &seen{TB: t}
		providertest.ConformsAWS(s, model, c.operation, c.v)
		if c.want == "" && len(s.all) > 0 || c.want != "" && !strings.Contains(strings.Join(s.all, "\n"), c.want) {
			t.Errorf("%s: %q, want %q", name, s.all, c.want)
		}
	}
}
