package infobip

import (
	"net/http"
	"strings"
	"testing"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
	"countersign/provider/providertest"
)

// Whatever is answered: a message with an id, or an error without its number and code.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{v3(1, 26, "PENDING_ACCEPTED"), v3(5, 52, "REJECTED_DESTINATION 12025550123"), `{"errorCode":"E400","description":"482913","violations":[{}]}`, `{"messages":[{"status":{"groupId":3}}]}`} {
		for _, status := range []int{200, 400} {
			f.Add(status, []byte(strings.ReplaceAll(body, "{echo}", "")))
		}
	}
	p, m := newProvider(f, ""), providertest.Message(provider.SMS)
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		r, err := p.judge(exchange.Answer{Status: status, Body: body, MediaType: "application/json", Header: http.Header{}}, m)
		if (err == nil) != (r.ProviderID != "") || err == nil && status != http.StatusOK {
			t.Fatalf("%+v %v", r, err)
		}
		if err != nil && (strings.Contains(err.Error(), "2025550123") || strings.Contains(err.Error(), m.Code)) {
			t.Fatal(err)
		}
	})
}
