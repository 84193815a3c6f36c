package vonage

import (
	"net/http"
	"strings"
	"testing"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
	"countersign/provider/providertest"
)

// Whatever the SMS API answers: a message with an id, or an error without its number and code.
func FuzzSMSAnswer(f *testing.F) {
	for _, body := range []string{
		`{"message-count":"1","messages":[` + part + `]}`, `{"message-count":"2","messages":[` + part + `,{"status":"1","error-text":"Throttled 12025550123"}]}`,
		`{"message-count":"1","messages":[{"status":"482913","error-text":"482913"}]}`, `{"message-count":1,"messages":[{"status":0,"message-id":"x"}]}`,
	} {
		f.Add(200, []byte(body))
	}
	p, m := newSMS(f, ""), providertest.Message(provider.SMS)
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		r, err := p.judge(exchange.Answer{Status: status, Body: body, MediaType: "application/json", Header: http.Header{}}, m)
		if (err == nil) != (r.ProviderID != "") || err == nil && (status != http.StatusOK || r.Segments < 1 || r.Price < 0) {
			t.Fatalf("%+v %v", r, err)
		}
		if err != nil && (strings.Contains(err.Error(), "2025550123") || strings.Contains(err.Error(), m.Code)) {
			t.Fatal(err)
		}
	})
}
