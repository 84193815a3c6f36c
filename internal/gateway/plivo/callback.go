package plivo

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

const (
	v3Header, mainV3Header = "X-Plivo-Signature-V3", "X-Plivo-Signature-Ma-V3"
	v2Header, mainV2Header = "X-Plivo-Signature-V2", "X-Plivo-Signature-Ma-V2"
	// maxSignatures bounds the signatures of a header; there are two while a token is changed.
	maxSignatures = 4
	maxNonce      = 100
)

var errUnreadable = errors.New("plivo: the callback is no receipt and no text")

// Signed returns true: everything is signed with the auth token.
func (p *Provider) Signed() bool { return true }

// ReadCallback checks the signature, then reads a receipt or a text that came in.
func (p *Provider) ReadCallback(_ context.Context, c provider.Callback) ([]provider.Notice, provider.Reply, error) {
	form, err := parameters(c)
	if err != nil || c.URL == nil {
		return nil, provider.Reply{}, provider.ErrSignature // nothing of it is authentic
	}
	nonce, whole, ok := signed([]byte(p.c.AuthToken.Reveal()), c, form)
	if !ok {
		return nil, provider.Reply{}, provider.ErrSignature
	}
	n := provider.Notice{ID: nonce, Once: !whole}
	if text := form.Get("Text"); text != "" && form.Get("Status") == "" {
		from := number(form.Get("From"))
		if from == "" {
			return nil, provider.Reply{}, errUnreadable
		}
		n.Inbound = &provider.Inbound{From: from, To: exchange.Short(form.Get("To"), 40), Text: exchange.Short(text, 1600)}
		return []provider.Notice{n}, provider.Reply{}, nil
	}
	code := form.Get("ErrorCode")
	state, reason, ok := stateOf(form.Get("Status"), code)
	n.ProviderID = exchange.Short(cmp.Or(form.Get("ParentMessageUUID"), form.Get("MessageUUID")), 100)
	n.Reference = exchange.Short(c.URL.Query().Get(referenceParameter), 100)
	if !ok || n.ProviderID == "" && n.Reference == "" {
		return nil, provider.Reply{}, errUnreadable
	}
	n.State, n.Reason, n.VendorCode, n.Text = state, reason, exchange.Short(code, 40), exchange.Short(form.Get("Status"), 40)
	n.Segments = parts(form.Get("Units"))
	n.Price, n.Currency = price(form.Get("TotalAmount"))
	if network := form.Get("MCC") + form.Get("MNC"); len(network) >= 5 && len(network) <= 6 && strings.Trim(network, "0123456789") == "" {
		n.Network = network
	}
	if at, err := time.Parse("2006-01-02 15:04:05", form.Get("DeliveryReportTime")); err == nil {
		n.At = at.UTC()
	}
	return []provider.Notice{n}, provider.Reply{}, nil
}

// parameters are those of the form, or of the query of a GET.
func parameters(c provider.Callback) (url.Values, error) {
	if c.Method == http.MethodGet {
		if c.URL == nil {
			return nil, errUnreadable
		}
		return url.ParseQuery(c.URL.RawQuery)
	}
	return url.ParseQuery(string(c.Body))
}

// signed checks V3 if it is there, else V2 (which Plivo documents for texts), and returns the nonce. V2 is of the URL and the nonce alone: whole is false.
func signed(key []byte, c provider.Callback, form url.Values) (nonce string, whole, ok bool) {
	head := http.Header(c.Header)
	address := c.URL.Scheme + "://" + c.URL.Host + c.URL.Path
	if given := append(signatures(head.Get(v3Header)), signatures(head.Get(mainV3Header))...); len(given) > 0 {
		nonce = head.Get(v3Header + "-Nonce")
		return nonce, true, valid(key, address+joined(c, form)+"."+nonce, nonce, given)
	}
	nonce = head.Get(v2Header + "-Nonce")
	return nonce, false, valid(key, address+nonce, nonce, append(signatures(head.Get(v2Header)), signatures(head.Get(mainV2Header))...))
}

func signatures(header string) []string {
	if header == "" {
		return nil
	}
	return strings.SplitN(header, ",", maxSignatures)
}

func valid(key []byte, text, nonce string, given []string) bool {
	if nonce == "" || len(nonce) > maxNonce {
		return false
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	want, ok := h.Sum(nil), false
	for _, s := range given {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s))
		ok = hmac.Equal(raw, want) && err == nil || ok
	}
	return ok
}

// joined is what of the parameters is signed (Plivo's clients, V3): those of the query as they came, sorted, as "?k=v&k=v"; those of a form decoded,
// sorted, one after the other.
func joined(c provider.Callback, form url.Values) string {
	query := strings.FieldsFunc(c.URL.RawQuery, func(r rune) bool { return r == '&' })
	slices.SortFunc(query, func(a, b string) int {
		x, _, _ := strings.Cut(a, "=")
		y, _, _ := strings.Cut(b, "=")
		return strings.Compare(x, y)
	})
	out := strings.Join(query, "&")
	if c.Method != http.MethodGet && len(form) > 0 {
		if out != "" {
			out += "."
		}
		for _, k := range slices.Sorted(maps.Keys(form)) {
			out += k + form.Get(k)
		}
	}
	if out == "" {
		return ""
	}
	return "?" + out
}

// number is a number in E.164 form, "" if it is none.
func number(s string) string {
	s = strings.TrimPrefix(strings.TrimSpace(s), "+")
	if len(s) < 7 || len(s) > 15 || s[0] == '0' || strings.Trim(s, "0123456789") != "" {
		return ""
	}
	return "+" + s
}
