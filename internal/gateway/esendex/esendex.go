package esendex

import (
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"countersign/internal/gateway/account"
	"countersign/internal/gateway/exchange"
	"countersign/internal/secret"
	"countersign/provider"
)

const (
	name        = "esendex"
	defaultBase = "https://api.esendex.com"
	// maxValidity is the longest, in hours.
	maxValidity = 72
)

// Config configures an account at Esendex.
type Config struct {
	// Username is the e-mail address of a user, Password theirs or their API password. Required.
	Username string
	Password secret.String
	// AccountReference is the account that pays ("EX0000000"). Required.
	AccountReference string
	// From is the sender where Message.From is empty; empty: the account's own.
	From string
	// AccountID is the id of the account, a GUID: notifications of another one are refused. Empty: not looked at.
	AccountID string
	// BaseURL is where the API is. Defaults to https://api.esendex.com.
	BaseURL string
	// Client makes the requests, and follows no redirects. Required.
	Client *http.Client
	// Now defaults to time.Now.
	Now func() time.Time
}

// Provider is an account at Esendex. It is safe for concurrent use.
type Provider struct {
	c    Config
	base *url.URL
	x    exchange.Caller
}

var (
	_ provider.Provider       = (*Provider)(nil)
	_ provider.CallbackReader = (*Provider)(nil)
	_ provider.Poller         = (*Provider)(nil)
	_ provider.Checker        = (*Provider)(nil)
)

// Spec describes accounts at Esendex.
func Spec() account.Spec {
	return account.Spec{
		Kind: name, Title: "Esendex", Channels: []provider.Channel{provider.SMS, provider.Voice},
		Fields: []account.Field{
			{Name: "username", Help: "The e-mail address of a user of the account.", Example: "ops@example.com", Required: true},
			{Name: "password", Help: "The user's password or API password.", Secret: true, Required: true},
			{Name: "account_reference", Help: "The account that pays.", Example: "EX0000000", Required: true},
			{Name: "from", Help: "The sender: a number, or up to 11 letters and digits. Empty: the account's own.", Example: "Acme"},
			{Name: "account_id", Help: "The account's id: notifications of other accounts are refused.", Example: "2f4a1b0e-5c3d-4e6f-8a9b-0c1d2e3f4a5b"},
			{Name: "base_url", Help: "Another address of the API."},
		},
		Receipts: "set up as push notifications of the account; not signed: each one is confirmed by asking for the message",
		Hosts:    []string{"api.esendex.com"},
		New: func(a account.Account, d account.Deps) (provider.Provider, error) {
			p, err := New(Config{
				Username: a.Settings["username"], Password: a.Secrets["password"], AccountReference: a.Settings["account_reference"], From: a.Settings["from"],
				AccountID: a.Settings["account_id"], BaseURL: a.Settings["base_url"], Client: d.Client, Now: d.Now,
			})
			if err != nil {
				return nil, err
			}
			return p, nil
		},
	}
}

var reference = regexp.MustCompile(`^EX[0-9]{4,10}$`)

// New returns the provider, or all that is wrong with its configuration.
func New(c Config) (*Provider, error) {
	var errs []error
	if c.Client == nil {
		errs = append(errs, errors.New("esendex: Client is missing"))
	}
	if c.Username == "" || strings.Contains(c.Username, ":") {
		errs = append(errs, errors.New("esendex: username is missing, or has a colon"))
	}
	if c.Password.Reveal() == "" {
		errs = append(errs, errors.New("esendex: password is missing"))
	}
	if !reference.MatchString(c.AccountReference) {
		errs = append(errs, errors.New("esendex: account_reference must be EX and digits"))
	}
	if c.From != "" && !validSender(c.From) {
		errs = append(errs, errors.New("esendex: from must be a number of up to 20 digits, or 1 to 11 letters, digits and some signs"))
	}
	base, err := exchange.Base(name, c.BaseURL, defaultBase)
	if err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Provider{c: c, base: base, x: exchange.Caller{Client: c.Client, Name: name, Now: c.Now, Hide: []secret.String{c.Password}}}, nil
}

// Name returns "esendex".
func (p *Provider) Name() string { return name }

// The senders that Esendex takes (its clients check the same).
var (
	numbered = regexp.MustCompile(`^\+?[0-9]{1,20}$`)
	named    = regexp.MustCompile(`^[A-Za-z0-9*$?!"#%&_,.@'+ -]{1,11}$`)
)

func validSender(s string) bool { return numbered.MatchString(s) || named.MatchString(s) }

// batch is a request.
type batch struct {
	XMLName xml.Name `xml:"http://api.esendex.com/ns/ messages"`
	Account string   `xml:"accountreference"`
	Set     string   `xml:"characterset,omitempty"`
	Message message  `xml:"message"`
}

type message struct {
	From     string `xml:"from,omitempty"`
	To       string `xml:"to"`
	Type     string `xml:"type"`
	Body     string `xml:"body"`
	Lang     string `xml:"lang,omitempty"`
	Retries  int    `xml:"retries,omitempty"`
	Validity int    `xml:"validity,omitempty"`
}

// Send makes one attempt, of at most ten seconds.
func (p *Provider) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	b, err := p.batch(m)
	if err != nil {
		return provider.Receipt{}, err
	}
	raw, err := xml.Marshal(b)
	if err != nil {
		return provider.Receipt{}, provider.Misconfigured(errors.New("esendex: the request cannot be made"))
	}
	a, err := p.call(ctx, http.MethodPost, p.base.JoinPath("v1.0", "messagedispatcher"), raw)
	if err != nil {
		return provider.Receipt{}, err
	}
	var out struct {
		XMLName xml.Name `xml:"messageheaders"`
		Headers []struct {
			ID string `xml:"id,attr"`
		} `xml:"messageheader"`
	}
	if a.Status == http.StatusOK && isXML(a, &out) && len(out.Headers) == 1 && out.Headers[0].ID != "" {
		return provider.Receipt{ProviderID: exchange.Short(out.Headers[0].ID, 100), Raw: "submitted"}, nil
	}
	return provider.Receipt{}, p.refused(a, m)
}

func (p *Provider) batch(m provider.Message) (batch, error) {
	out := message{From: cmp.Or(m.From, p.c.From), To: strings.TrimPrefix(m.To, "+"), Body: m.Text}
	if out.From != "" && !validSender(out.From) {
		return batch{}, provider.Fail(provider.SenderRejected, 0,
			&provider.VendorError{Provider: name, VendorCode: "sender", Text: "not sent: the sender has not the form that Esendex takes"})
	}
	if numbered.MatchString(out.From) {
		out.From = strings.TrimPrefix(out.From, "+")
	}
	if !m.ExpiresAt.IsZero() {
		left := m.ExpiresAt.Sub(p.c.Now())
		if left <= 0 {
			return batch{}, provider.Permanent(errors.New("esendex: the code is dead"))
		}
		out.Validity = int(min((left+time.Hour-1)/time.Hour, maxValidity))
	}
	b := batch{Account: p.c.AccountReference, Message: out}
	switch c := cmp.Or(m.Channel, provider.SMS); c {
	case provider.SMS:
		b.Set, b.Message.Type = "Auto", "SMS"
	case provider.Voice:
		if m.Key != "" {
			return batch{}, provider.Fail(provider.BadRequest, 0,
				&provider.VendorError{Provider: name, VendorCode: "key", Text: "not sent: these calls cannot ask for a key"})
		}
		b.Message.Type, b.Message.Lang, b.Message.Retries, b.Message.Body = "Voice", language(m.Locale), 1, spoken(m)
	default:
		return batch{}, provider.Misconfigured(fmt.Errorf("esendex: no channel %q", c))
	}
	return b, nil
}

// language is the language of a call: one of the five that there are, English unless the locale says another.
func language(locale string) string {
	locale = strings.ToLower(strings.ReplaceAll(locale, "_", "-"))
	if locale == "en-au" {
		return "en-AU"
	}
	switch l, _, _ := strings.Cut(locale, "-"); l {
	case "es":
		return "es-ES"
	case "fr":
		return "fr-FR"
	case "de":
		return "de-DE"
	}
	return "en-GB"
}

// spoken is what is said: a code that stands in the text as it would be typed is said digit by digit, and the text twice. Templates for voice do both
// themselves.
func spoken(m provider.Message) string {
	if m.Code == "" || !strings.Contains(m.Text, m.Code) {
		return m.Text
	}
	once := strings.ReplaceAll(m.Text, m.Code, strings.Join(strings.Split(m.Code, ""), ", "))
	return once + " " + once
}

func (p *Provider) call(ctx context.Context, method string, to *url.URL, body []byte) (exchange.Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, to.String(), bytes.NewReader(body))
	if err != nil {
		return exchange.Answer{}, provider.Misconfigured(errors.New("esendex: the request cannot be made"))
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/xml")
	}
	req.Header.Set("Accept", "application/xml")
	req.Header.Set("User-Agent", "Countersign/1")
	req.SetBasicAuth(p.c.Username, p.c.Password.Reveal())
	return p.x.Do(ctx, req)
}

// isXML decodes an answer that is one XML document and says so.
func isXML(a exchange.Answer, v any) bool {
	if a.MediaType != "application/xml" && a.MediaType != "text/xml" {
		return false
	}
	return a.Broken == nil && one(a.Body, v)
}

// one decodes a body that is one XML document and nothing after it.
func one(raw []byte, v any) bool {
	d := xml.NewDecoder(bytes.NewReader(raw))
	return d.Decode(v) == nil && len(bytes.TrimSpace(raw[d.InputOffset():])) == 0
}

// refused is the error of an answer that is no success: its text is plain words, if it is anything.
func (p *Provider) refused(a exchange.Answer, m provider.Message) error {
	var r provider.Reason
	if a.Status == http.StatusNotImplemented {
		r = provider.BadRequest
	}
	text := ""
	if a.MediaType == "text/plain" {
		text = string(a.Body)
	}
	return p.x.Refused(a, m, r, "", text)
}
