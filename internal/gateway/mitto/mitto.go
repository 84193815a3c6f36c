package mitto

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"countersign/internal/gateway/account"
	"countersign/internal/gateway/exchange"
	"countersign/internal/secret"
	"countersign/provider"
)

const (
	name = "mitto"
	// defaultBase is the global site.
	defaultBase = "https://rest.mittoapi.net"
	// maxValidity is Mitto's default, in minutes.
	maxValidity = 2880
	// testNumber belongs to nobody (Ofcom, numbers for drama).
	testNumber = "447700900000"
)

// Config configures an account at Mitto.
type Config struct {
	// APIKey is the key of the account. Required.
	APIKey secret.String
	// From is the sender where Message.From is empty: 3 to 11 letters and digits, or a number of 3 to 14 digits. Required.
	From string
	// BaseURL is a nearer site (https://rest-fra.mittoapi.net). Defaults to https://rest.mittoapi.net.
	BaseURL string
	// Conversions says that the account may tell Mitto which codes were typed in; Mitto enables that on request.
	Conversions bool
	// Client makes the requests, and follows no redirects. Required.
	Client *http.Client
	// Now defaults to time.Now.
	Now func() time.Time
}

// Provider is an account at Mitto. It is safe for concurrent use.
type Provider struct {
	c    Config
	base string
	x    exchange.Caller
}

var (
	_ provider.Provider       = (*Provider)(nil)
	_ provider.CallbackReader = (*Provider)(nil)
	_ provider.Checker        = (*Provider)(nil)
	_ provider.Feedback       = (*Provider)(nil)
)

// Spec describes accounts at Mitto.
func Spec() account.Spec {
	return account.Spec{
		Kind: name, Title: "Mitto", Channels: []provider.Channel{provider.SMS},
		Fields: []account.Field{
			{Name: "api_key", Help: "The key of the SMS API. Mitto must allow the address that the requests come from.", Secret: true, Required: true},
			{Name: "from", Help: "The sender: 3 to 11 letters and digits, or a number.", Example: "Acme", Required: true},
			{Name: "conversions", Help: "Tell Mitto which codes were typed in; Mitto must enable it.", Values: []string{"on", "off"}},
			{Name: "base_url", Help: "A nearer site.", Example: "https://rest-fra.mittoapi.net"},
		},
		Receipts: "to the URL of each request, by GET or POST; not signed, nothing to poll: they add evidence, and Mitto's addresses should be allowed alone",
		Hosts:    []string{"rest.mittoapi.net", "rest.mittoapi.com"},
		New: func(a account.Account, d account.Deps) (provider.Provider, error) {
			return orNil(New(Config{
				APIKey: a.Secrets["api_key"], From: a.Settings["from"], BaseURL: a.Settings["base_url"], Conversions: a.Settings["conversions"] == "on",
				Client: d.Client, Now: d.Now,
			}))
		},
	}
}

func orNil(p *Provider, err error) (provider.Provider, error) {
	if err != nil {
		return nil, err
	}
	return p, nil
}

// New returns the provider, or all that is wrong with its configuration.
func New(c Config) (*Provider, error) {
	var errs []error
	if c.Client == nil {
		errs = append(errs, errors.New("mitto: Client is missing"))
	}
	if c.APIKey.Reveal() == "" {
		errs = append(errs, errors.New("mitto: api_key is missing"))
	}
	if !validSender(c.From) {
		errs = append(errs, errors.New("mitto: from must be 3 to 11 letters and digits, or a number of 3 to 14 digits"))
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
	return &Provider{c: c, base: base.JoinPath("sms").String(), x: exchange.Caller{Client: c.Client, Name: name, Now: c.Now, Hide: []secret.String{c.APIKey}}}, nil
}

// Name returns "mitto".
func (p *Provider) Name() string { return name }

var (
	named    = regexp.MustCompile(`^[A-Za-z0-9 ._-]{3,11}$`)
	numbered = regexp.MustCompile(`^\+?[0-9]{3,14}$`)
	letter   = regexp.MustCompile(`[A-Za-z]`)
)

func validSender(s string) bool {
	return numbered.MatchString(s) || named.MatchString(s) && letter.MatchString(s)
}

// body is a request (SMS API, POST /sms).
type body struct {
	From      string `json:"from"`
	To        string `json:"to"`
	Text      string `json:"text"`
	Type      string `json:"type"`
	Reference string `json:"reference,omitempty"`
	Validity  int    `json:"validity,omitempty"`
	Callback  string `json:"callback,omitempty"`
	Test      bool   `json:"test,omitempty"`
}

// Send makes one attempt, of at most ten seconds.
func (p *Provider) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	if c := cmp.Or(m.Channel, provider.SMS); c != provider.SMS {
		return provider.Receipt{}, provider.Misconfigured(fmt.Errorf("mitto: no channel %q", c))
	}
	b := body{From: cmp.Or(m.From, p.c.From), To: strings.TrimPrefix(m.To, "+"), Text: m.Text, Type: "auto", Reference: m.Reference, Callback: m.ReceiptURL}
	if !validSender(b.From) {
		return provider.Receipt{}, provider.Fail(provider.SenderRejected, 0,
			&provider.VendorError{Provider: name, VendorCode: "sender", Text: "not sent: the sender has not the form that Mitto takes"})
	}
	if numbered.MatchString(b.From) {
		b.From = strings.TrimPrefix(b.From, "+")
	}
	if !m.ExpiresAt.IsZero() {
		left := m.ExpiresAt.Sub(p.c.Now())
		if left <= 0 {
			return provider.Receipt{}, provider.Permanent(errors.New("mitto: the code is dead"))
		}
		b.Validity = int(min((left+time.Minute-1)/time.Minute, maxValidity))
	}
	return p.post(ctx, b, m)
}

func (p *Provider) post(ctx context.Context, b body, m provider.Message) (provider.Receipt, error) {
	a, err := p.call(ctx, p.base, b)
	if err != nil {
		return provider.Receipt{}, err
	}
	return p.judge(a, m, b.Test)
}

func (p *Provider) call(ctx context.Context, url string, v any) (exchange.Answer, error) {
	req, err := exchange.JSON(url, v)
	if err != nil {
		return exchange.Answer{}, provider.Misconfigured(errors.New("mitto: the request cannot be made"))
	}
	req.Header.Set("X-Mitto-API-Key", p.c.APIKey.Reveal())
	return p.x.Do(ctx, req)
}

// answer is what is read of an answer.
type answer struct {
	ID           string `json:"id"`
	ResponseCode *int   `json:"responseCode"`
	ResponseText string `json:"responseText"`
}

// judge decides what an answer means; the rule is in the package comment. A test has no id, or one.
func (p *Provider) judge(a exchange.Answer, m provider.Message, test bool) (provider.Receipt, error) {
	var in answer
	if !a.JSON(&in) || in.ResponseCode == nil {
		return provider.Receipt{}, p.x.Refused(a, m, "", "", "")
	}
	code := *in.ResponseCode
	if a.Status == http.StatusOK && code == 0 && (in.ID != "" || test) {
		return provider.Receipt{ProviderID: exchange.Short(in.ID, 100), Raw: p.x.Clean(in.ResponseText, m)}, nil
	}
	if code == 0 {
		return provider.Receipt{}, p.x.Refused(a, m, "", "", "the answer has no id")
	}
	return provider.Receipt{}, p.x.Refused(a, m, cmp.Or(reasonOf(code), statusReason(a.Status)), strconv.Itoa(code), in.ResponseText)
}

// statusReason is for a code that is not in the list: the status, if it says that something went wrong.
func statusReason(status int) provider.Reason {
	if status < 300 {
		return provider.Unknown
	}
	return ""
}
