package twilio

import (
	"encoding/xml"
	"fmt"
	"testing"

	"countersign/internal/secret"
	"countersign/provider"
	"countersign/provider/providertest"
)

const (
	testAccount = "AC0123456789abcdef0123456789abcdef"
	testToken   = "2b6c0a1d9e8f4c7b8a5d3e2f1a0b9c8d"
	testSID     = "SM0123456789abcdef0123456789abcdef"
	description = "twilio_api_v2010_messages_calls.json"
)

func refusal(status, code int) providertest.Answer {
	return providertest.Answer{Status: status, Body: fmt.Sprintf(`{"code":%d,"message":"The number {echo} is not well","more_info":"https://www.twilio.com/docs/errors/%d","status":%d}`, code, code, status)}
}

// spoken is what a call says.
func spoken(twiml string) string {
	var v struct {
		Say []string `xml:"Say"`
	}
	_ = xml.Unmarshal([]byte(twiml), &v)
	return fmt.Sprint(v.Say)
}

func suite() providertest.Suite {
	failed := func(name string, status, code int, r provider.Reason) providertest.Failure {
		return providertest.Failure{Name: name, Answer: refusal(status, code), Reason: r, Code: fmt.Sprint(code)}
	}
	s := providertest.Suite{
		New: func(t *testing.T, base string) provider.Provider {
			p, err := New(Config{AccountSID: testAccount, AuthToken: secret.New(testToken), From: "+12025550100", BaseURL: base, Client: client(),
				SmartEncoded: true, ProvideFeedback: true, DiscardContent: true, HideNumbers: true, NoRiskCheck: true})
			if err != nil {
				t.Fatal(err)
			}
			return p
		},
		Channels: []provider.Channel{provider.SMS, provider.Voice},
		Success: map[provider.Channel]providertest.Answer{
			provider.SMS:   {Status: 201, Body: `{"sid":"` + testSID + `","status":"queued","num_segments":"1","price":null,"price_unit":"USD","error_code":null}`},
			provider.Voice: {Status: 201, Body: `{"sid":"` + testSID + `","status":"queued","price":null}`},
		},
		ProviderID: testSID,
		Secrets:    []string{testAccount, testToken},
		Spec:       description,
		Text: func(r providertest.Request) string {
			if form := r.Form(); form.Has("Twiml") {
				return spoken(form.Get("Twiml"))
			}
			return r.Form().Get("Body")
		},
	}
	for code, r := range map[int]provider.Reason{
		21211: provider.InvalidNumber, 21614: provider.InvalidNumber, 21635: provider.Unreachable, 21610: provider.OptedOut, 21408: provider.BadRequest,
		21606: provider.SenderRejected, 21703: provider.SenderRejected, 21617: provider.ContentRejected, 30038: provider.ContentRejected,
		21611: provider.RateLimited, 99999: provider.BadRequest, 21608: provider.BadRequest, 30450: provider.Blocked,
	} {
		s.Failures = append(s.Failures, failed(fmt.Sprint(code), 400, code, r))
	}
	s.Failures = append(s.Failures,
		failed("credentials", 401, 20003, provider.AuthFailed), failed("another account", 403, 20005, provider.AuthFailed), failed("busy", 429, 20429, provider.RateLimited),
		failed("internal", 500, 20500, provider.Temporary), failed("unknown, 500", 500, 99998, provider.Temporary),
		providertest.Failure{Name: "created but failed", Answer: providertest.Answer{Status: 201,
			Body: `{"sid":"SM1","status":"failed","error_code":21610,"error_message":"STOP by {echo}"}`}, Reason: provider.OptedOut, Code: "21610"},
		providertest.Failure{Name: "created, with an error", Answer: providertest.Answer{Status: 201,
			Body: `{"sid":"SM1","status":"queued","error_code":30003}`}, Reason: provider.Unreachable, Code: "30003"},
		providertest.Failure{Name: "created, undelivered", Answer: providertest.Answer{Status: 201, Body: `{"sid":"SM1","status":"undelivered"}`}, Reason: provider.Unknown},
		providertest.Failure{Name: "created, no status", Answer: providertest.Answer{Status: 201, Body: `{"sid":"SM1"}`}, Reason: provider.Unknown},
		providertest.Failure{Name: "created, no sid", Answer: providertest.Answer{Status: 201, Body: `{"status":"queued"}`}, Reason: provider.Unknown},
	)
	return s
}

func TestSuite(t *testing.T) { providertest.Run(t, suite()) }

func TestVerifySuite(t *testing.T) {
	s := suite()
	s.New = func(t *testing.T, base string) provider.Provider {
		p, err := NewVerify(VerifyConfig{AccountSID: testAccount, APIKeySID: "SK1", APIKeySecret: secret.New(testToken), ServiceSID: "VA1", BaseURL: base, Client: client()})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	ok := providertest.Answer{Status: 201, Body: `{"sid":"` + testSID + `","status":"pending","valid":false}`}
	s.Success = map[provider.Channel]providertest.Answer{provider.SMS: ok, provider.Voice: ok}
	s.Text, s.Spec = nil, ""
	failed := func(name string, status, code int, message string, r provider.Reason) providertest.Failure {
		return providertest.Failure{Name: name, Code: fmt.Sprint(code), Reason: r, Answer: providertest.Answer{Status: status,
			Body: fmt.Sprintf(`{"code":%d,"message":%q,"status":%d}`, code, message, status)}}
	}
	s.Failures = []providertest.Failure{
		failed("number", 400, 60200, "Invalid parameter `To`: {echo}", provider.InvalidNumber), failed("parameter", 400, 60200, "Invalid parameter", provider.BadRequest),
		failed("too often", 429, 60203, "Max send attempts reached", provider.RateLimited), failed("landline", 400, 60205, "SMS is not supported by landline", provider.Unreachable),
		failed("fraud", 403, 60410, "blocked", provider.Blocked), failed("credentials", 401, 20003, "Authenticate", provider.AuthFailed),
		failed("no service", 404, 20404, "not found", provider.BadRequest), failed("channel", 403, 60223, "disabled", provider.BadRequest),
	}
	providertest.Run(t, s)
}
