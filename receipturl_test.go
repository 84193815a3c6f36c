package countersign

import (
	"encoding/json"
	"net/http"
	"testing"
)

// TestReceiptURLEndsNow: an operator whose receipt URL has become known can end it at once; unless told so the old one stays good for three days.
func TestReceiptURLEndsNow(t *testing.T) {
	s := devServer(t)
	h := s.Handler()
	bearer := "Bearer " + managementTokenOf(t, h, devSecret)
	const account = base + "/admin/v1/accounts/hook"
	say := func(method, url, body string) (code int, out struct{ URL string }) {
		t.Helper()
		code, said := ask(h, method, url, body, "Content-Type", "application/json", "Authorization", bearer)
		if code >= 300 {
			t.Fatalf("%s %s: %d %s", method, url, code, said)
		}
		_ = json.Unmarshal([]byte(said), &out)
		return code, out
	}
	say("PUT", account, `{"kind":"webhook","settings":{"url":"https://sms.example.com/send"},"secrets":{"secret":"whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}}`)
	_, first := say("GET", account+"/receipt-url", "")
	open := func(want bool) {
		t.Helper()
		code, _ := ask(h, "POST", first.URL, "{}", "Content-Type", "application/json")
		if (code != http.StatusNotFound) != want {
			t.Errorf("the first URL answers %d", code)
		}
	}
	open(true)
	say("POST", account+"/receipt-url", `{}`)
	open(true)
	say("POST", account+"/receipt-url", `{"overlap_hours":0}`)
	open(false)
}
