package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"countersign/internal/secret"
	"countersign/provider"
)

const (
	// maxAnswer bounds the answer that is read, in bytes.
	maxAnswer = 16 << 10
	minSecret = 16
)

// Config configures a webhook.
type Config struct {
	// Client makes the requests; it brings the rules for addresses, time and size (package egress). Required. It must not follow
	// redirects.
	Client *http.Client
	// Header is added to every request (an API gateway's key). It cannot replace the headers of the signature.
	Header map[string]secret.String
	// Name is the provider's name in timelines. Defaults to "webhook".
	Name string
	// Now defaults to time.Now.
	Now func() time.Time
	// Secrets sign: the first one always, a second one beside it during a rotation. Each is "whsec_" and base64
	// (Standard Webhooks), or any text of at least 16 bytes, taken as it stands. One is required.
	Secrets []secret.String
	// URL is where to POST. Required.
	URL string
}

// Provider is a webhook. It is safe for concurrent use.
type Provider struct {
	c      Config
	url    string
	keys   []secretKey
	header map[string]secret.String
}

var _ provider.Provider = (*Provider)(nil)

// secretKey prints as [redacted].
type secretKey struct{ raw secret.String }

// New returns a webhook, or all that is wrong with its configuration.
func New(c Config) (*Provider, error) {
	var errs []error
	if c.Client == nil {
		errs = append(errs, errors.New("webhook: Client is missing"))
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		errs = append(errs, errors.New("webhook: url must be an absolute http or https URL without user information"))
	}
	if n := len(c.Secrets); n < 1 || n > 2 {
		errs = append(errs, errors.New("webhook: one secret is needed, two during a rotation"))
	}
	p := &Provider{c: c, url: c.URL, header: map[string]secret.String{}}
	for _, s := range c.Secrets {
		raw, err := decodeSecret(s.Reveal())
		if err != nil {
			errs = append(errs, err)
		}
		p.keys = append(p.keys, secretKey{secret.New(string(raw))})
	}
	for name, v := range c.Header {
		if !headerAllowed(name) || strings.ContainsAny(v.Reveal(), "\r\n\x00") {
			errs = append(errs, fmt.Errorf("webhook: header %q cannot be set", name))
			continue
		}
		p.header[http.CanonicalHeaderKey(name)] = v
	}
	if p.c.Name == "" {
		p.c.Name = "webhook"
	}
	if p.c.Now == nil {
		p.c.Now = time.Now
	}
	return p, errors.Join(errs...)
}

// decodeSecret returns the key's bytes.
func decodeSecret(s string) ([]byte, error) {
	raw := []byte(s)
	if b64, ok := strings.CutPrefix(s, "whsec_"); ok {
		var err error
		if raw, err = base64.StdEncoding.DecodeString(b64); err != nil {
			return nil, errors.New("webhook: a secret that begins with whsec_ must go on in base64")
		}
	}
	if len(raw) < minSecret {
		return nil, fmt.Errorf("webhook: a secret has at least %d bytes", minSecret)
	}
	return raw, nil
}

// headerAllowed refuses headers that are ours or the connection's, and those that make net/http replay a request.
func headerAllowed(name string) bool {
	if name == "" || strings.ContainsAny(name, " :\r\n\t\x00") {
		return false
	}
	switch n := strings.ToLower(name); n {
	case "host", "content-length", "content-type", "transfer-encoding", "connection", "te", "trailer", "upgrade",
		"idempotency-key", "x-idempotency-key", "expect":
		return false
	default:
		return !strings.HasPrefix(n, "webhook-")
	}
}

// Name returns Config.Name.
func (p *Provider) Name() string { return p.c.Name }

// body is what is sent.
type body struct {
	ID            string     `json:"id"`
	To            string     `json:"to"`
	From          string     `json:"from,omitempty"`
	Subject       string     `json:"subject,omitempty"`
	Text          string     `json:"text"`
	Code          string     `json:"code"`
	Channel       string     `json:"channel"`
	TriggerSource string     `json:"trigger_source"`
	PoolID        string     `json:"pool_id"`
	Locale        string     `json:"locale,omitempty"`
	ExpiresAt     *time.Time `json:"expires_at,omitempty"`
}

// Send posts the message once.
func (p *Provider) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	b := body{m.ID, m.To, m.From, m.Subject, m.Text, m.Code, string(m.Channel), m.TriggerSource, m.PoolID, m.Locale, nil}
	if b.Channel == "" {
		b.Channel = string(provider.SMS)
	}
	if !m.ExpiresAt.IsZero() {
		at := m.ExpiresAt.UTC()
		b.ExpiresAt = &at
	}
	payload, err := json.Marshal(b)
	if err != nil {
		return provider.Receipt{}, provider.Permanent(fmt.Errorf("webhook: %w", err))
	}
	var t trace
	req, err := p.request(t.with(ctx), m.ID, payload)
	if err != nil {
		return provider.Receipt{}, provider.Misconfigured(errors.New("webhook: the request cannot be made"))
	}
	res, err := p.c.Client.Do(req)
	if err != nil {
		return provider.Receipt{}, t.class(err)
	}
	defer res.Body.Close()
	answer, readErr := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	return p.judge(res, answer, readErr)
}

// request makes the signed request.
func (p *Provider) request(ctx context.Context, id string, payload []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	for name, v := range p.header {
		req.Header[name] = []string{v.Reveal()}
	}
	timestamp := strconv.FormatInt(p.c.Now().Unix(), 10)
	var sig []byte
	for i, k := range p.keys {
		if i > 0 {
			sig = append(sig, ' ')
		}
		sig = append(sig, Sign([]byte(k.raw.Reveal()), id, timestamp, payload)...)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Countersign-Webhook/1")
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", timestamp)
	req.Header.Set("Webhook-Signature", string(sig))
	return req, nil
}

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

// trace remembers whether anything of the request was written to a connection.
type trace struct{ wrote atomic.Bool }

func (t *trace) with(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { t.wrote.Store(true) },
	})
}

// class classes an exchange without an answer.
func (t *trace) class(err error) error {
	err = withoutURL(err)
	if t.wrote.Load() {
		return fmt.Errorf("webhook: %w: no answer: %w", provider.ErrAmbiguous, err)
	}
	return fmt.Errorf("webhook: not sent: %w", err)
}

// withoutURL drops what net/http puts around an error: the URL may hold a key.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
