package front

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestShownPath(t *testing.T) {
	const secret = "AAbbCC-_0123456789AAbbCC-_0123456789AAbbCCd"
	for path, want := range map[string]string{
		"/":                                     "/",
		"/oauth/token":                          "/oauth/token",
		"/receipts":                             "/receipts",
		"/receipts/":                            "/receipts/",
		"/receipts/twilio":                      "/receipts/twilio/",
		"/receipts/twilio/" + secret:            "/receipts/twilio/***",
		"/receipts/twilio/" + secret + "/keys":  "/receipts/twilio/***/keys",
		"/receipts/twilio/" + secret + "/x":     "/receipts/twilio/***",
		"/receipts/" + secret:                   "/receipts/***",
		"/receipts//" + secret:                  "/receipts/***",
		"//receipts/twilio/" + secret:           "//receipts/twilio/***",
		"/x/Receipts/twilio/" + secret:          "/x/Receipts/twilio/***",
		"/receipts/twilio//" + secret + "/keys": "/receipts/twilio/***/keys",
	} {
		r := httptest.NewRequest("POST", "http://x/", nil)
		r.URL.Path = path
		got := ShownPath(r)
		if got != want || strings.Contains(got, secret) || strings.Contains(describe(None, r), secret) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
