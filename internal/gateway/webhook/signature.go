package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"countersign/provider"
)

// The headers of Standard Webhooks, in canonical form.
const (
	idHeader, timestampHeader, signatureHeader = "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"
	// maxAge is how far a receipt's timestamp may be away.
	maxAge = 5 * time.Minute
	// maxSignatures bounds those in one header, maxID the id, in bytes.
	maxSignatures, maxID = 10, 128
)

// Sign returns one signature of the Standard Webhooks specification: "v1," and the base64 of
// HMAC-SHA256(key, "<id>.<timestamp>.<body>").
func Sign(key []byte, id, timestamp string, payload []byte) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(id))
	h.Write([]byte{'.'})
	h.Write([]byte(timestamp))
	h.Write([]byte{'.'})
	h.Write(payload)
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// verified returns the id of a callback that is signed with one of the keys and not older, or newer, than five minutes.
func (p *Provider) verified(c provider.Callback) (id string, ok bool) {
	var values [3]string
	for i, name := range []string{idHeader, timestampHeader, signatureHeader} {
		v := c.Header[name]
		if len(v) != 1 || v[0] == "" {
			return "", false
		}
		values[i] = v[0]
	}
	id, timestamp := values[0], values[1]
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || len(id) > maxID || c.Now.Sub(time.Unix(seconds, 0)).Abs() > maxAge {
		return "", false
	}
	given := strings.SplitN(values[2], " ", maxSignatures+1)
	for _, k := range p.keys {
		want := []byte(Sign([]byte(k.raw.Reveal()), id, timestamp, c.Body))
		for _, g := range given {
			if hmac.Equal(want, []byte(g)) {
				ok = true
			}
		}
	}
	return id, ok
}
