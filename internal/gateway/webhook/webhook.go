package webhook

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"countersign/internal/gateway/exchange"
	"countersign/internal/secret"
	"countersign/provider"
)

// What a webhook may understand.
const (
	// FormatCountersign is the format of the package comment, FormatGoTrue the one of GoTrue's "Send SMS" hook.
	FormatCountersign = "countersign"
	FormatGoTrue      = "gotrue"
)

const (
	// maxAnswer bounds the answer that is read, in bytes.
	maxAnswer = 16 << 10
	minSecret = 16
)

// Config configures a webhook.
type Config struct {
	// Client makes the requests; it brings the rules for addresses, time and size (package egress). Required.
	Client *http.Client
	// Format defaults to FormatCountersign.
	Format string
	// Header is added to every request (an API gateway's key). It cannot replace the headers of the signature.
	Header map[string]secret.String
	// Name is the provider's name in timelines. Defaults to "webhook".
	Name string
	// Now defaults to time.Now.
	Now func() time.Time
	// Secrets sign: the first one always, a second one beside it during a rotation. Each is "whsec_" and base64
	// (Standard Webhooks; "v1," may stand before it, as GoTrue writes it), or any text of at least 16 bytes, taken as it stands. One is
	// required. Receipts are signed with the same.
	Secrets []secret.String
	// URL is where to POST. Required.
	URL string
}

// Provider is a webhook. It is safe for concurrent use.
type Provider struct {
	c      Config
	caller exchange.Caller
	url    string
	keys   []secretKey
	header map[string]secret.String
}

var (
	_ provider.Provider       = (*Provider)(nil)
	_ provider.CallbackReader = (*Provider)(nil)
)

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
	if c.Format != "" && c.Format != FormatCountersign && c.Format != FormatGoTrue {
		errs = append(errs, errors.New("webhook: format must be one of countersign, gotrue"))
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
	p.caller = exchange.Caller{Client: c.Client, Name: p.c.Name, MaxAnswer: maxAnswer, Now: p.c.Now, Hide: p.c.Secrets}
	for _, v := range p.header {
		p.caller.Hide = append(p.caller.Hide, v)
	}
	return p, errors.Join(errs...)
}

// decodeSecret returns the key's bytes.
func decodeSecret(s string) ([]byte, error) {
	raw := []byte(s)
	if b64, ok := strings.CutPrefix(strings.TrimPrefix(s, "v1,"), "whsec_"); ok {
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
	Text          string     `json:"text"`
	Code          string     `json:"code"`
	Channel       string     `json:"channel"`
	TriggerSource string     `json:"trigger_source"`
	PoolID        string     `json:"pool_id"`
	Locale        string     `json:"locale,omitempty"`
	ExpiresAt     *time.Time `json:"expires_at,omitempty"`
	Reference     string     `json:"reference,omitempty"`
	ReceiptURL    string     `json:"receipt_url,omitempty"`
	EntityID      string     `json:"entity_id,omitempty"`
	TemplateID    string     `json:"template_id,omitempty"`
}

// Send posts the message once.
func (p *Provider) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	if m.Channel == "" {
		m.Channel = provider.SMS
	}
	if m.Channel != provider.SMS && m.Channel != provider.Voice {
		return provider.Receipt{}, provider.Permanent(fmt.Errorf("webhook: no channel %q", m.Channel))
	}
	if !m.ExpiresAt.IsZero() && !p.c.Now().Before(m.ExpiresAt) {
		return provider.Receipt{}, provider.Permanent(errors.New("webhook: the code is dead"))
	}
	payload, err := p.payload(m)
	if err != nil {
		return provider.Receipt{}, err
	}
	req, err := p.request(m.ID, payload)
	if err != nil {
		return provider.Receipt{}, provider.Misconfigured(errors.New("webhook: the request cannot be made"))
	}
	a, err := p.caller.Do(ctx, req)
	if err != nil {
		return provider.Receipt{}, err
	}
	if p.c.Format == FormatGoTrue {
		return p.judgeGoTrue(a, m)
	}
	return p.judge(a, m)
}

func (p *Provider) payload(m provider.Message) ([]byte, error) {
	if p.c.Format == FormatGoTrue {
		return goTrue(m)
	}
	b := body{m.ID, m.To, m.From, m.Text, m.Code, string(m.Channel), m.TriggerSource, m.PoolID, m.Locale, nil, m.Reference, m.ReceiptURL, m.EntityID, m.TemplateID}
	if !m.ExpiresAt.IsZero() {
		at := m.ExpiresAt.UTC()
		b.ExpiresAt = &at
	}
	payload, err := json.Marshal(b)
	if err != nil {
		return nil, provider.Permanent(errors.New("webhook: the message cannot be written as JSON"))
	}
	return payload, nil
}

// request makes the signed request.
func (p *Provider) request(id string, payload []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, p.url, bytes.NewReader(payload)) // Caller.Do brings the context
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
	req.Header.Set(idHeader, id)
	req.Header.Set(timestampHeader, timestamp)
	req.Header.Set(signatureHeader, string(sig))
	return req, nil
}
