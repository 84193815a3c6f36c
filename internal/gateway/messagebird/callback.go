package messagebird

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"net/http"
	"net/url"
	"strings"
	"time"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

const (
	signatureHeader = "Messagebird-Signature-Jwt"
	issuer          = "MessageBird"
	// skew is how far the clocks may differ.
	skew = time.Second
	// maxToken bounds a JWT, in bytes.
	maxToken = 4 << 10
)

var errUnreadable = errors.New("messagebird: the callback is no report and no text")

// Signed reports whether there is a signing key.
func (p *Provider) Signed() bool { return p.c.SigningKey.Reveal() != "" }

// ReadCallback checks the signature if there is a key for it, then reads a report or a text that came in.
func (p *Provider) ReadCallback(_ context.Context, c provider.Callback) ([]provider.Notice, provider.Reply, error) {
	id := ""
	if p.Signed() {
		var ok bool
		if id, ok = signed([]byte(p.c.SigningKey.Reveal()), c); !ok {
			return nil, provider.Reply{}, provider.ErrSignature
		}
	}
	f, err := fieldsOf(c)
	if err != nil {
		return nil, provider.Reply{}, err
	}
	n := provider.Notice{ID: id, At: instant(cmp.Or(f["statusDatetime"], f["createdDatetime"]))}
	if status := f["status"]; status != "" {
		return p.report(n, f, status)
	}
	from, text := number(cmp.Or(f["originator"], f["sender"], f["from"])), cmp.Or(f["payload"], f["body"], f["message"], f["text"])
	if from == "" || text == "" {
		return nil, provider.Reply{}, errUnreadable
	}
	if n.ID == "" {
		n.ID = exchange.Short(f["id"], 100)
	}
	n.Inbound = &provider.Inbound{From: from, To: exchange.Short(cmp.Or(f["recipient"], f["receiver"], f["to"]), 40), Text: exchange.Short(text, 1600)}
	return []provider.Notice{n}, provider.Reply{}, nil
}

func (p *Provider) report(n provider.Notice, f map[string]string, status string) ([]provider.Notice, provider.Reply, error) {
	state, reason, ok := stateOf(status)
	if !ok || f["id"] == "" && f["reference"] == "" {
		return nil, provider.Reply{}, errUnreadable
	}
	n.ProviderID, n.Reference = exchange.Short(f["id"], 100), exchange.Short(f["reference"], 100)
	n.State, n.Reason, n.Network = state, reasonOfText(reason, f["statusReason"]), network(f["mccmnc"])
	n.VendorCode = code(json.RawMessage(f["statusErrorCode"]))
	n.Text = p.x.Clean(cmp.Or(f["statusReason"], status), provider.Message{})
	return []provider.Notice{n}, provider.Reply{}, nil
}

// claims are those of the JWT (RFC 7519).
type claims struct {
	Issuer      string `json:"iss"`
	NotBefore   int64  `json:"nbf"`
	Expiry      int64  `json:"exp"`
	ID          string `json:"jti"`
	URLHash     string `json:"url_hash"`
	PayloadHash string `json:"payload_hash"`
}

// signed checks the JWT and returns its id.
func signed(key []byte, c provider.Callback) (id string, ok bool) {
	var t claims
	token := http.Header(c.Header).Get(signatureHeader)
	if c.URL == nil || len(token) > maxToken || !open(key, token, &t) || t.Issuer != issuer || t.ID == "" || len(t.ID) > 100 {
		return "", false
	}
	if c.Now.Add(skew).Before(time.Unix(t.NotBefore, 0)) || !c.Now.Add(-skew).Before(time.Unix(t.Expiry, 0)) {
		return "", false
	}
	if !same(t.URLHash, []byte(c.URL.String())) {
		return "", false
	}
	if len(c.Body) == 0 {
		return t.ID, t.PayloadHash == ""
	}
	return t.ID, same(t.PayloadHash, c.Body)
}

// sums are the algorithms that a signature may have; the key is for them alone.
var sums = map[string]func() hash.Hash{"HS256": sha256.New, "HS384": sha512.New384, "HS512": sha512.New}

// open checks a token in compact form (RFC 7515, section 5.2) and decodes its payload into v. It is written out here because libraries refuse keys
// shorter than the sum, which MessageBird makes.
func open(key []byte, token string, v any) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	var head struct {
		Algorithm string          `json:"alg"`
		Critical  json.RawMessage `json:"crit"`
	}
	b64 := base64.RawURLEncoding.Strict()
	raw, err := b64.DecodeString(parts[0])
	if err != nil || json.Unmarshal(raw, &head) != nil || len(head.Critical) > 0 || sums[head.Algorithm] == nil {
		return false
	}
	given, err := b64.DecodeString(parts[2])
	h := hmac.New(sums[head.Algorithm], key)
	h.Write([]byte(parts[0] + "." + parts[1]))
	if err != nil || !hmac.Equal(given, h.Sum(nil)) {
		return false
	}
	raw, err = b64.DecodeString(parts[1])
	return err == nil && json.Unmarshal(raw, v) == nil
}

// same reports whether sum is the hexadecimal SHA-256 of data.
func same(sum string, data []byte) bool {
	want := sha256.Sum256(data)
	have, err := hex.DecodeString(sum)
	return err == nil && subtle.ConstantTimeCompare(have, want[:]) == 1
}

// fieldsOf gathers the query, and the body as form or JSON; the body wins.
func fieldsOf(c provider.Callback) (map[string]string, error) {
	out := map[string]string{}
	add := func(raw string) {
		values, _ := url.ParseQuery(raw) // what can be read of it
		for name := range values {
			out[name] = values.Get(name)
		}
	}
	if c.URL != nil {
		add(c.URL.RawQuery)
	}
	body := bytes.TrimSpace(c.Body)
	switch {
	case len(body) == 0:
	case body[0] == '{':
		all := map[string]any{}
		if d := json.NewDecoder(bytes.NewReader(body)); !decode(d, &all) {
			return nil, errUnreadable
		}
		for name, v := range all {
			switch v := v.(type) {
			case string:
				out[name] = v
			case json.Number:
				out[name] = v.String()
			}
		}
	default:
		add(string(body))
	}
	return out, nil
}

func decode(d *json.Decoder, v any) bool {
	d.UseNumber()
	return d.Decode(v) == nil && !d.More()
}

// number is a number in E.164 form, "" if it is none.
func number(s string) string {
	s = strings.TrimPrefix(strings.TrimSpace(s), "+")
	if len(s) < 7 || len(s) > 15 || s[0] == '0' || strings.Trim(s, "0123456789") != "" {
		return ""
	}
	return "+" + s
}
