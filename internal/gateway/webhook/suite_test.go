package webhook

import (
	"testing"
	"time"

	"countersign/internal/secret"
	"countersign/provider"
	"countersign/provider/providertest"
)

func suite(format string) providertest.Suite {
	return providertest.Suite{
		New: func(t *testing.T, base string) provider.Provider {
			p, err := New(Config{URL: base + "/hook", Format: format, Client: newProvider(t, base).c.Client,
				Secrets: []secret.String{secret.New(vectorSecret)}, Header: map[string]secret.String{"X-Api-Key": secret.New("an-api-key-0123")}})
			if err != nil {
				t.Fatal(err)
			}
			return p
		},
		Secrets: []string{vectorSecret, "an-api-key-0123"},
	}
}

func refuses(name, body string, r provider.Reason) providertest.Failure {
	return providertest.Failure{Name: name, Answer: providertest.Answer{Body: body}, Reason: r}
}

func TestSuite(t *testing.T) {
	s := suite("")
	s.Channels = []provider.Channel{provider.SMS, provider.Voice}
	ok := providertest.Answer{Body: `{"status":"sent","id":"SM1","segments":1}`}
	s.Success, s.ProviderID, s.AlsoOK, s.AnyType = map[provider.Channel]providertest.Answer{provider.SMS: ok, provider.Voice: ok}, "SM1", []int{201, 202}, true
	s.Text = func(r providertest.Request) string { text, _ := r.JSON()["text"].(string); return text }
	s.Reference = func(r providertest.Request) string { ref, _ := r.JSON()["reference"].(string); return ref }
	s.Statuses = map[int]provider.Reason{503: provider.RateLimited} // with Retry-After
	s.StatusClasses = map[int]provider.Class{400: provider.ClassPermanent}
	for _, r := range provider.Reasons() {
		want := r
		if r == provider.Withheld { // ours alone
			want = provider.Unknown
		}
		s.Failures = append(s.Failures, refuses(string(r), `{"status":"failed","reason":"`+string(r)+`","code":"x1","error":"not to {echo}"}`, want))
	}
	wait := refuses("wait", `{"status":"failed","reason":"rate_limited","retry_after":12}`, provider.RateLimited)
	wait.After = 12 * time.Second
	class := refuses("class before reason", `{"status":"failed","reason":"unreachable","class":"retryable"}`, provider.Unreachable)
	class.Class = provider.ClassRetryable
	foreign := refuses("a reason that there is not", `{"status":"failed","reason":"aliens"}`, provider.Unknown)
	s.Failures = append(s.Failures, wait, class, foreign, refuses("no reason", `{"status":"failed"}`, provider.Unknown))
	providertest.Run(t, s)
}

func TestGoTrueSuite(t *testing.T) {
	s := suite(FormatGoTrue)
	s.Success = map[provider.Channel]providertest.Answer{provider.SMS: {Body: `{}`}}
	s.ProviderID, s.Empty, s.AlsoOK = providertest.Message("").ID, true, []int{202}
	s.Text = func(r providertest.Request) string { // the receiver writes the text: what it is made of must arrive
		b := r.JSON()
		user, _ := b["user"].(map[string]any)
		sms, _ := b["sms"].(map[string]any)
		if user["phone"] == providertest.To && sms["phone"] == providertest.To && sms["otp"] == providertest.Code {
			return providertest.Code
		}
		return ""
	}
	s.OwnText = true
	s.Failures = []providertest.Failure{
		refuses("bad number", `{"error":{"http_code":400,"message":"no such number {echo}"}}`, provider.BadRequest),
		refuses("busy", `{"error":{"http_code":429,"message":"slow down"}}`, provider.RateLimited),
		refuses("down", `{"error":{"http_code":503,"message":"later"}}`, provider.Temporary),
		refuses("no code", `{"error":{"message":"later"}}`, provider.Unknown),
		refuses("a sentence", `{"error":"later"}`, provider.Unknown),
		{Name: "500", Answer: providertest.Answer{Status: 500, Body: `{"error":{"http_code":401,"message":"bad key"}}`}, Reason: provider.AuthFailed, Code: "401"},
	}
	providertest.Run(t, s)
}
