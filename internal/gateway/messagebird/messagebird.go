package messagebird

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
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
	name        = "messagebird"
	defaultBase = "https://rest.messagebird.com"
	// maxValidity is the longest, in seconds: three days.
	maxValidity = 3 * 24 * 60 * 60
)

// Config configures an account at MessageBird.
type Config struct {
	// AccessKey is the API key. Required. SigningKey is the key that signs callbacks; without it they are not authenticated.
	AccessKey  secret.String
	SigningKey secret.String
	// From is the sender where Message.From is empty: a number, or up to 11 letters and digits; calls need a number, or the account's own is used.
	// Required.
	From string
	// BaseURL is where the API is. Defaults to https://rest.messagebird.com.
	BaseURL string
	// Client makes the requests, and follows no redirects. Required.
	Client *http.Client
	// Now defaults to time.Now.
	Now func() time.Time
}

// Provider is an account at MessageBird. It is safe for concurrent use.
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

// Spec describes accounts at MessageBird.
func Spec() account.Spec {
	return account.Spec{
		Kind: name, Title: "MessageBird", Channels: []provider.Channel{provider.SMS, provider.Voice},
		Fields: []account.Field{
			{Name: "access_key", Help: "The API key; one that begins with test_ sends nothing.", Secret: true, Required: true},
			{Name: "signing_key", Help: "The key that signs callbacks; without it receipts are confirmed by asking for the message.", Secret: true},
			{Name: "from", Help: "The sender: a number, or up to 11 letters and digits.", Example: "Acme", Required: true},
			{Name: "base_url", Help: "Another address of the API."},
		},
		Receipts: "to the URL of each request; signed (JWT) if a signing key is set, else confirmed by asking for the message",
		Hosts:    []string{"rest.messagebird.com"},
		New: func(a account.Account, d account.Deps) (provider.Provider, error) {
			p, err := New(Config{
				AccessKey: a.Secrets["access_key"], SigningKey: a.Secrets["signing_key"], From: a.Settings["from"], BaseURL: a.Settings["base_url"],
				Client: d.Client, Now: d.Now,
			})
			if err != nil {
				return nil, err
			}
			return p, nil
		},
	}
}

var (
	numbered = regexp.MustCompile(`^\+?[0-9]{3,17}$`)
	named    = regexp.MustCompile(`^[A-Za-z0-9 &_.+-]{1,11}$`)
	letter   = regexp.MustCompile(`[A-Za-z]`)
)

func validSender(s string) bool {
	return numbered.MatchString(s) || named.MatchString(s) && letter.MatchString(s)
}

// New returns the provider, or all that is wrong with its configuration.
func New(c Config) (*Provider, error) {
	var errs []error
	if c.Client == nil {
		errs = append(errs, errors.New("messagebird: Client is missing"))
	}
	if c.AccessKey.Reveal() == "" {
		errs = append(errs, errors.New("messagebird: access_key is missing"))
	}
	if !validSender(c.From) {
		errs = append(errs, errors.New("messagebird: from must be a number, or up to 11 letters and digits"))
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
	return &Provider{c: c, base: base, x: exchange.Caller{Client: c.Client, Name: name, Now: c.Now, Hide: []secret.String{c.AccessKey, c.SigningKey}}}, nil
}

// Name returns "messagebird".
func (p *Provider) Name() string { return name }

// body is a request for a text or a call.
type body struct {
	Originator string   `json:"originator,omitempty"`
	Recipients []string `json:"recipients"`
	Body       string   `json:"body"`
	Reference  string   `json:"reference,omitempty"`
	ReportURL  string   `json:"reportUrl,omitempty"`
	// Of texts.
	DataCoding string `json:"datacoding,omitempty"`
	Validity   int    `json:"validity,omitempty"`
	// Of calls.
	Language  string `json:"language,omitempty"`
	IfMachine string `json:"ifMachine,omitempty"`
}

// object is a message as MessageBird tells it.
type object struct {
	ID         string `json:"id"`
	Reference  string `json:"reference"`
	Recipients struct {
		Items []item `json:"items"`
	} `json:"recipients"`
}

type item struct {
	Status    string          `json:"status"`
	At        string          `json:"statusDatetime"`
	Reason    string          `json:"statusReason"`
	ErrorCode json.RawMessage `json:"statusErrorCode"`
	Parts     int             `json:"messagePartCount"`
	Network   string          `json:"mccmnc"`
	Price     struct {
		Amount   float64 `json:"amount"`
		Currency string  `json:"currency"`
	} `json:"price"`
}

// micros is the price in millionths of its currency; 0 if it is not said.
func (i item) micros() (int64, string) {
	const most = 1000 // per message: more is a mistake
	if i.Price.Amount <= 0 || i.Price.Amount > most || len(i.Price.Currency) != 3 {
		return 0, ""
	}
	return int64(i.Price.Amount*1e6 + 0.5), strings.ToUpper(i.Price.Currency)
}

// Send makes one attempt, of at most ten seconds.
func (p *Provider) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	resource, b, err := p.body(m)
	if err != nil {
		return provider.Receipt{}, err
	}
	req, err := exchange.JSON(p.base.JoinPath(resource).String(), b)
	a, err := p.do(ctx, req, err)
	if err != nil {
		return provider.Receipt{}, err
	}
	var o object
	if a.Status != http.StatusCreated || !a.JSON(&o) || o.ID == "" || len(o.Recipients.Items) != 1 {
		return provider.Receipt{}, p.refused(a, m)
	}
	i := o.Recipients.Items[0]
	if !accepted(i.Status) {
		_, r, _ := stateOf(i.Status)
		return provider.Receipt{}, p.x.Refused(a, m, cmp.Or(reasonOfText(r, i.Reason), provider.Unknown), code(i.ErrorCode), cmp.Or(i.Reason, i.Status))
	}
	out := provider.Receipt{ProviderID: exchange.Short(o.ID, 100), Segments: min(max(i.Parts, 0), 255), Raw: i.Status}
	out.Price, out.Currency = i.micros()
	return out, nil
}

func (p *Provider) body(m provider.Message) (resource string, b body, err error) {
	b = body{Originator: cmp.Or(m.From, p.c.From), Recipients: []string{strings.TrimPrefix(m.To, "+")}, Body: m.Text, Reference: m.Reference}
	if b.ReportURL = m.ReceiptURL; b.ReportURL != "" {
		b.Reference = cmp.Or(b.Reference, m.ID)
	}
	if !validSender(b.Originator) {
		return "", b, provider.Fail(provider.SenderRejected, 0,
			&provider.VendorError{Provider: name, VendorCode: "originator", Text: "not sent: the sender has not the form that MessageBird takes"})
	}
	number := numbered.MatchString(b.Originator)
	if number {
		b.Originator = strings.TrimPrefix(b.Originator, "+")
	}
	left := m.ExpiresAt.Sub(p.c.Now())
	if !m.ExpiresAt.IsZero() && left <= 0 {
		return "", b, provider.Permanent(errors.New("messagebird: the code is dead"))
	}
	switch c := cmp.Or(m.Channel, provider.SMS); c {
	case provider.SMS:
		b.DataCoding = "auto"
		if !m.ExpiresAt.IsZero() {
			b.Validity = int(min((left+time.Second-1)/time.Second, maxValidity))
		}
		return "messages", b, nil
	case provider.Voice:
		if m.Key != "" {
			return "", b, provider.Fail(provider.BadRequest, 0,
				&provider.VendorError{Provider: name, VendorCode: "key", Text: "not sent: these calls cannot ask for a key"})
		}
		if !number {
			b.Originator = "" // the account's own
		}
		b.Body, b.Language, b.IfMachine = spoken(m), language(m.Locale), "hangup"
		return "voicemessages", b, nil
	default:
		return "", b, provider.Misconfigured(fmt.Errorf("messagebird: no channel %q", c))
	}
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

// languages are those of calls that templates may come in, by the language of the locale.
var languages = map[string]string{
	"cs": "cs-cz", "da": "da-dk", "de": "de-de", "el": "el-gr", "en": "en-gb", "es": "es-es", "fi": "fi-fi", "fr": "fr-fr", "hu": "hu-hu", "it": "it-it",
	"ja": "ja-jp", "ko": "ko-kr", "nb": "nb-no", "no": "nb-no", "nl": "nl-nl", "pl": "pl-pl", "pt": "pt-pt", "ro": "ro-ro", "ru": "ru-ru", "sv": "sv-se",
	"tr": "tr-tr", "zh": "zh-cn",
}

// language is the language of a call; "" leaves it to MessageBird.
func language(locale string) string {
	locale = strings.ToLower(strings.ReplaceAll(locale, "_", "-"))
	switch locale {
	case "en-us", "en-au", "fr-ca", "es-mx", "es-us", "pt-br", "zh-hk", "zh-tw":
		return locale
	}
	l, _, _ := strings.Cut(locale, "-")
	return languages[l]
}

func (p *Provider) do(ctx context.Context, req *http.Request, err error) (exchange.Answer, error) {
	if err != nil {
		return exchange.Answer{}, provider.Misconfigured(errors.New("messagebird: the request cannot be made"))
	}
	req.Header.Set("Authorization", "AccessKey "+p.c.AccessKey.Reveal())
	return p.x.Do(ctx, req)
}

// refused is the error of an answer that is no success.
func (p *Provider) refused(a exchange.Answer, m provider.Message) error {
	var e struct {
		Errors []struct {
			Code        int    `json:"code"`
			Description string `json:"description"`
			Parameter   string `json:"parameter"`
		} `json:"errors"`
	}
	if a.Status < 400 || !a.JSON(&e) || len(e.Errors) == 0 || e.Errors[0].Code == 0 {
		return p.x.Refused(a, m, "", "", "")
	}
	first := e.Errors[0]
	return p.x.Refused(a, m, reasonOf(first.Code, first.Parameter), strconv.Itoa(first.Code), first.Description)
}

// code is a statusErrorCode, a number or null.
func code(raw json.RawMessage) string {
	if n, err := strconv.ParseUint(string(raw), 10, 32); err == nil {
		return strconv.FormatUint(n, 10)
	}
	return ""
}
