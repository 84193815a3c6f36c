package telesign

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"countersign/internal/gateway/account"
	"countersign/internal/gateway/exchange"
	"countersign/internal/secret"
	"countersign/provider"
)

const (
	name = "telesign"
	// defaultBase serves self-service accounts; those of enterprises have https://rest-ww.telesign.com.
	defaultBase = "https://rest-api.telesign.com"
	// maxText is the most characters of a message, maxReference those of external_id.
	maxText, maxReference = 1600, 100
)

// Config configures an account at TeleSign.
type Config struct {
	// CustomerID and APIKey (base64) are the credentials. Required.
	CustomerID string
	APIKey     secret.String
	// From is the sender ID, or the number that calls come from; empty for TeleSign's choice. Message.From goes before.
	From string
	// BaseURL defaults to https://rest-api.telesign.com.
	BaseURL string
	// Client makes the requests; it brings the rules for addresses (package egress). Required.
	Client *http.Client
	// Now defaults to time.Now.
	Now func() time.Time
}

// Provider is an account at TeleSign. It is safe for concurrent use.
type Provider struct {
	c      Config
	base   string
	key    secret.String // decoded
	caller exchange.Caller
}

var (
	_ provider.Provider       = (*Provider)(nil)
	_ provider.CallbackReader = (*Provider)(nil)
	_ provider.Poller         = (*Provider)(nil)
	_ provider.Checker        = (*Provider)(nil)
)

// Spec describes accounts at TeleSign.
func Spec() account.Spec {
	return account.Spec{
		Kind: name, Title: "TeleSign", Channels: []provider.Channel{provider.SMS, provider.Voice},
		Fields: []account.Field{
			{Name: "customer_id", Help: "The customer id.", Example: "FFFFFFFF-EEEE-DDDD-1234-AB1234567890", Required: true},
			{Name: "api_key", Help: "The API key, as the portal shows it (base64).", Secret: true, Required: true},
			{Name: "from", Help: "The sender ID or number; empty for TeleSign's choice.", Example: "Acme"},
			{Name: "base_url", Help: "https://rest-ww.telesign.com for enterprise accounts.", Example: defaultBase},
		},
		Receipts: "to the URL of each message (https on port 443), signed with the API key; can be asked for",
		Hosts:    []string{"rest-api.telesign.com", "rest-ww.telesign.com"},
		New: func(a account.Account, d account.Deps) (provider.Provider, error) {
			p, err := New(Config{
				CustomerID: a.Settings["customer_id"], APIKey: a.Secrets["api_key"], From: a.Settings["from"], BaseURL: a.Settings["base_url"],
				Client: d.Client, Now: d.Now,
			})
			if err != nil {
				return nil, err
			}
			return p, nil
		},
	}
}

// New returns the provider, or all that is wrong with its configuration.
func New(c Config) (*Provider, error) {
	var errs []error
	if c.Client == nil {
		errs = append(errs, errors.New(name+": Client is missing"))
	}
	if c.CustomerID == "" || strings.ContainsAny(c.CustomerID, ": \r\n") {
		errs = append(errs, errors.New(name+": customer_id is missing, or holds a colon or a space"))
	}
	key, err := base64.StdEncoding.DecodeString(c.APIKey.Reveal())
	if err != nil || len(key) == 0 {
		errs = append(errs, errors.New(name+": api_key is missing, or not base64"))
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
	return &Provider{
		c: c, base: strings.TrimSuffix(base.String(), "/"), key: secret.New(string(key)),
		caller: exchange.Caller{Client: c.Client, Name: name, Now: c.Now, Hide: []secret.String{c.APIKey}},
	}, nil
}

// Name returns "telesign".
func (p *Provider) Name() string { return name }

// Send makes one attempt.
func (p *Provider) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	channel := cmp.Or(m.Channel, provider.SMS)
	form, err := p.form(m, channel)
	if err != nil {
		return provider.Receipt{}, err
	}
	path := "/v1/messaging"
	if channel == provider.Voice {
		path = "/v1/voice"
	}
	req, err := exchange.Form(p.base+path, form)
	a, err := p.do(ctx, req, err)
	if err != nil {
		return provider.Receipt{}, err
	}
	var in answer
	if a.Status == http.StatusOK && a.JSON(&in) && in.ReferenceID != "" && taken(in.Status.Code, channel) {
		return provider.Receipt{ProviderID: exchange.Short(in.ReferenceID, 64), Raw: p.caller.Clean(in.Status.Description, m)}, nil
	}
	return provider.Receipt{}, p.refused(a, m)
}

func (p *Provider) do(ctx context.Context, req *http.Request, err error) (exchange.Answer, error) {
	if err != nil {
		return exchange.Answer{}, provider.Misconfigured(errors.New(name + ": the request cannot be made"))
	}
	req.SetBasicAuth(p.c.CustomerID, p.c.APIKey.Reveal())
	return p.caller.Do(ctx, req)
}

func notSent(r provider.Reason, code, why string) error {
	return provider.Fail(r, 0, &provider.VendorError{Provider: name, VendorCode: code, Text: "not sent: " + why})
}

// form are the parameters of a request.
func (p *Provider) form(m provider.Message, channel provider.Channel) (url.Values, error) {
	text := m.Text
	switch channel {
	case provider.SMS:
	case provider.Voice:
		if m.Key != "" {
			return nil, notSent(provider.BadRequest, "key", "these calls cannot ask for a key")
		}
		text = spoken(m)
	default:
		return nil, provider.Misconfigured(fmt.Errorf("%s: no channel %q", name, channel))
	}
	if utf8.RuneCountInString(text) > maxText {
		return nil, notSent(provider.ContentRejected, "text", "the text is too long")
	}
	if !m.ExpiresAt.IsZero() && !m.ExpiresAt.After(p.c.Now()) {
		return nil, provider.Permanent(errors.New(name + ": the code is dead"))
	}
	form := url.Values{"phone_number": {strings.TrimPrefix(m.To, "+")}, "message": {text}, "message_type": {kindOf(m)}}
	if from := strings.TrimPrefix(cmp.Or(m.From, p.c.From), "+"); from != "" {
		form.Set("sender_id", from)
	}
	if m.Reference != "" && len(m.Reference) <= maxReference {
		form.Set("external_id", m.Reference)
	}
	if event := lifecycle(m.TriggerSource); event != "" {
		form.Set("account_lifecycle_event", event)
	}
	if channel == provider.Voice {
		if v := voice(m.Locale); v != "" {
			form.Set("voice", v)
		}
	}
	if u, err := url.Parse(m.ReceiptURL); err == nil && u.Scheme == "https" && (u.Port() == "" || u.Port() == "443") {
		form.Set("callback_url", m.ReceiptURL)
	}
	return form, nil
}

// kindOf is OTP for a code and ARN (alert, reminder, notification) for what is none.
func kindOf(m provider.Message) string {
	if m.Code == "" {
		return "ARN"
	}
	return "OTP"
}

// lifecycle is what happens to the account, which TeleSign weighs against fraud.
func lifecycle(trigger string) string {
	switch _, what, _ := strings.Cut(trigger, "_"); what {
	case "SignUp", "ResendCode", "AdminCreateUser":
		return "create"
	case "Authentication":
		return "sign-in"
	case "ForgotPassword", "UpdateUserAttribute", "VerifyUserAttribute":
		return "update"
	}
	return ""
}

// spoken is the text of a call. A code that stands in it as it would be typed is said digit by digit, and the text twice; templates for
// voice do both themselves.
func spoken(m provider.Message) string {
	if m.Code == "" || !strings.Contains(m.Text, m.Code) {
		return m.Text
	}
	text := strings.ReplaceAll(m.Text, m.Code, strings.Join(strings.Split(m.Code, ""), ", "))
	if twice := text + " ... " + text; utf8.RuneCountInString(twice) <= maxText {
		return twice
	}
	return text
}

// voice is a voice of the locale's language (Voice API, voice), or empty for English.
func voice(locale string) string {
	language, region, _ := strings.Cut(strings.ReplaceAll(locale, "_", "-"), "-")
	switch language = strings.ToLower(language); language {
	case "en":
		if region = strings.ToUpper(region); region == "GB" || region == "AU" {
			return "f-en-" + region
		}
		return "f-en-US"
	case "de", "es", "fr", "it", "nl", "pl", "pt", "ru", "tr":
		return "f-" + language + "-" + strings.ToUpper(language)
	case "ja":
		return "f-ja-JP"
	case "ko":
		return "f-ko-KR"
	case "sv":
		return "f-sv-SE"
	}
	return ""
}

// answer is one of the service, a callback, or what it says when asked.
type answer struct {
	ReferenceID string `json:"reference_id"`
	ExternalID  string `json:"external_id"`
	Status      struct {
		Code        int    `json:"code"`
		Description string `json:"description"`
		UpdatedOn   string `json:"updated_on"`
	} `json:"status"`
	Errors []struct {
		Code        int    `json:"code"`
		Description string `json:"description"`
	} `json:"errors"`
}

// said is the code and sentence that tell most.
func (a *answer) said() (int, string) {
	if len(a.Errors) > 0 && a.Errors[0].Code != 0 && reasonOf(a.Status.Code) == "" {
		return a.Errors[0].Code, a.Errors[0].Description
	}
	return a.Status.Code, a.Status.Description
}

// refused judges an answer that is no success.
func (p *Provider) refused(a exchange.Answer, m provider.Message) error {
	var in answer
	if !a.JSON(&in) || a.Status < 200 || a.Status >= 300 && a.Status < 400 {
		return p.caller.Refused(a, m, "", "", "")
	}
	code, text := in.said()
	if code == 0 {
		return p.caller.Refused(a, m, "", "", text)
	}
	return p.caller.Refused(a, m, reasonOf(code), strconv.Itoa(code), text)
}
