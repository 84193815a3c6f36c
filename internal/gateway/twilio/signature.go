package twilio

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what Twilio signs with; HMAC-SHA1 is not broken
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/url"
	"slices"
	"strings"

	"countersign/provider"
)

const (
	signatureHeader = "X-Twilio-Signature"
	bodyHash        = "bodySHA256"
)

// signed reports whether Twilio signed a request to c.URL: base64 of HMAC-SHA1 over the URL and, for forms, each parameter's name and first
// value in the order of names. Twilio may have written the default port into the URL, or left it out. A body that is no form is hashed in the URL.
func signed(token string, c provider.Callback, form url.Values) bool {
	given := c.Header[signatureHeader]
	if token == "" || c.URL == nil || len(given) != 1 {
		return false
	}
	if sum := c.URL.Query().Get(bodyHash); sum != "" {
		hash := sha256.Sum256(c.Body)
		if !hmac.Equal([]byte(strings.ToLower(sum)), []byte(hex.EncodeToString(hash[:]))) {
			return false
		}
		form = nil
	} else if form == nil && len(c.Body) > 0 {
		return false
	}
	ok := false
	for _, u := range ports(c.URL) {
		if hmac.Equal([]byte(sign(token, u, form)), []byte(given[0])) {
			ok = true
		}
	}
	return ok
}

// sign returns the signature.
func sign(token, to string, form url.Values) string {
	h := hmac.New(sha1.New, []byte(token))
	h.Write([]byte(to))
	for _, k := range slices.Sorted(maps.Keys(form)) {
		h.Write([]byte(k + form.Get(k)))
	}
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// ports returns the URL as it is, and with and without the default port.
func ports(u *url.URL) []string {
	port := map[string]string{"https": "443", "http": "80"}[u.Scheme]
	bare, full := *u, *u
	switch u.Port() {
	case "":
		full.Host = u.Host + ":" + port
	case port:
		bare.Host = strings.TrimSuffix(u.Host, ":"+port)
	default:
		return []string{u.String()}
	}
	return []string{bare.String(), full.String()}
}
