package sinch

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"countersign/internal/gateway/exchange"
	"countersign/internal/secret"
	"countersign/provider"
)

const (
	signatureHeader = "X-Sinch-Webhook-Signature"
	// maxAge is how old a signature may be, and how far ahead its clock.
	maxAge = 5 * time.Minute
)

var errUnreadable = errors.New("sinch: the callback is no report and no text")

// Signed reports whether callbacks must be signed or bring credentials.
func (p *Provider) Signed() bool { return p.c.WebhookSecret.Reveal() != "" || p.c.WebhookUser != "" }

// ReadCallback checks what is configured (signature, credentials, or both), then reads a report or a text that came in.
func (p *Provider) ReadCallback(_ context.Context, c provider.Callback) ([]provider.Notice, provider.Reply, error) {
	head := http.Header(c.Header)
	id := ""
	if key := p.c.WebhookSecret.Reveal(); key != "" {
		id = head.Get(signatureHeader + "-Nonce")
		if !signed([]byte(key), head, c.Body, c.Now) {
			return nil, provider.Reply{}, provider.ErrSignature
		}
	}
	if p.c.WebhookUser != "" && !credentials(head, p.c.WebhookUser, p.c.WebhookPassword) {
		return nil, provider.Reply{}, provider.ErrSignature
	}
	var r report
	if json.Unmarshal(c.Body, &r) != nil {
		return nil, provider.Reply{}, errUnreadable
	}
	switch r.Type {
	case "recipient_delivery_report_sms", "delivery_report_sms":
		n, ok := r.notice()
		if !ok {
			return nil, provider.Reply{}, errUnreadable
		}
		n.ID = id
		return []provider.Notice{n}, provider.Reply{}, nil
	case "mo_text":
		from := number(r.From)
		if from == "" {
			return nil, provider.Reply{}, errUnreadable
		}
		in := &provider.Inbound{From: from, To: exchange.Short(r.To, 40), Text: exchange.Short(r.Body, 1600)}
		n := provider.Notice{ID: exchange.Short(r.ID, 100), At: instant(r.ReceivedAt), Inbound: in}
		if id != "" {
			n.ID = id
		}
		return []provider.Notice{n}, provider.Reply{}, nil
	case "mo_binary":
		return nil, provider.Reply{}, nil
	}
	return nil, provider.Reply{}, errUnreadable
}

// signed checks base64(HMAC-SHA256(key, body.nonce.timestamp)) and the age; the time is in seconds since 1970.
func signed(key []byte, head http.Header, body []byte, now time.Time) bool {
	nonce, stamp := head.Get(signatureHeader+"-Nonce"), head.Get(signatureHeader+"-Timestamp")
	given, err := base64.StdEncoding.DecodeString(head.Get(signatureHeader))
	seconds, timeErr := strconv.ParseInt(stamp, 10, 64)
	if err != nil || timeErr != nil || nonce == "" || len(nonce) > 100 {
		return false
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > maxAge || age < -maxAge {
		return false
	}
	h := hmac.New(sha256.New, key)
	h.Write(body)
	h.Write([]byte("." + nonce + "." + stamp))
	return hmac.Equal(given, h.Sum(nil))
}

// credentials checks Basic credentials (RFC 7617); the sums make both sides as long.
func credentials(head http.Header, user string, password secret.String) bool {
	r := http.Request{Header: head}
	name, key, ok := r.BasicAuth()
	sum := func(s string) []byte { b := sha256.Sum256([]byte(s)); return b[:] }
	same := subtle.ConstantTimeCompare(sum(name), sum(user)) & subtle.ConstantTimeCompare(sum(key), sum(password.Reveal()))
	return ok && same == 1
}

// number is a number in E.164 form, "" if it is none.
func number(s string) string {
	s = strings.TrimPrefix(s, "+")
	if len(s) < 7 || len(s) > 15 || s[0] == '0' || strings.Trim(s, "0123456789") != "" {
		return ""
	}
	return "+" + s
}
