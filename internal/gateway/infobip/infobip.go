package infobip

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
	"time"

	"countersign/internal/gateway/account"
	"countersign/internal/gateway/exchange"
	"countersign/internal/secret"
	"countersign/provider"
)

const (
	name        = "infobip"
	defaultBase = "https://api.infobip.com"
	// minSecret is the least length of a secret for callbacks, in bytes.
	minSecret = 16
)

// Config configures an account at Infobip.
type Config struct {
	// APIKey needs the scope sms:message:send; sms:logs to poll. Required.
	APIKey secret.String
	// From is the number or name that messages come from. Message.From goes before.
	From string
	// BaseURL is the account's own (https://xxxxx.api.infobip.com). Defaults to https://api.infobip.com.
	BaseURL string
	// Conversion reports typed codes (conversion tracking), which Infobip must have set up for the account.
	Conversion bool
	// CallbackUser and CallbackPassword check callbacks by HTTP Basic; CallbackSecret checks the HMAC of their body in the header
	// CallbackHeader, made with CallbackHash: sha256 (default) or sha512, in hexadecimal or base64. Both are checked if both are set.
	CallbackUser     string
	CallbackPassword secret.String
	CallbackSecret   secret.String
	CallbackHeader   string
	CallbackHash     string
	// Client makes the requests; it brings the rules for addresses (package egress). Required.
	Client *http.Client
	// Now defaults to time.Now.
	Now func() time.Time
}

// Provider is an account at Infobip. It is safe for concurrent use.
type Provider struct {
	c      Config
	base   string
	header string
	caller exchange.Caller
}

var (
	_ provider.Provider       = (*Provider)(nil)
	_ provider.CallbackReader = (*Provider)(nil)
	_ provider.Poller         = (*Provider)(nil)
	_ provider.Checker        = (*Provider)(nil)
	_ provider.Feedback       = (*Provider)(nil)
)

// Spec describes accounts at Infobip.
func Spec() account.Spec {
	return account.Spec{
		Kind: name, Title: "Infobip", Channels: []provider.Channel{provider.SMS, provider.Voice},
		Fields: []account.Field{
			{Name: "api_key", Help: "An API key with the scope sms:message:send, and sms:logs to ask for receipts.", Secret: true, Required: true},
			{Name: "from", Help: "The number or name that messages come from.", Example: "AcmeInc"},
			{Name: "base_url", Help: "The account's own address, as the portal shows it.", Example: "https://xxxxx.api.infobip.com"},
			{Name: "conversion", Help: "Whether Infobip is told which codes were typed in; it must have set up conversion tracking.", Values: []string{"on", "off"}},
			{Name: "callback_user", Help: "The user of HTTP Basic in callbacks, as set in Subscriptions management.", Example: "countersign"},
			{Name: "callback_password", Help: "The password that goes with it.", Secret: true},
			{Name: "callback_secret", Help: "The secret of the HMAC in callbacks, as set in Subscriptions management.", Secret: true},
			{Name: "callback_header", Help: "The header that the HMAC comes in.", Example: "X-Hub-Signature"},
			{Name: "callback_hash", Help: "The hash of the HMAC; sha256 if it is not set.", Values: []string{"sha256", "sha512"}},
		},
		Receipts: "to the URL of each message; authentic with callback_user or callback_secret, otherwise confirmed by asking",
		Hosts:    []string{"api.infobip.com"},
		New: func(a account.Account, d account.Deps) (provider.Provider, error) {
			p, err := New(Config{
				APIKey: a.Secrets["api_key"], From: a.Settings["from"], BaseURL: a.Settings["base_url"], Conversion: a.Settings["conversion"] == "on",
				CallbackUser: a.Settings["callback_user"], CallbackPassword: a.Secrets["callback_password"], CallbackSecret: a.Secrets["callback_secret"],
				CallbackHeader: a.Settings["callback_header"], CallbackHash: a.Settings["callback_hash"], Client: d.Client, Now: d.Now,
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
	fail := func(wrong bool, text string) {
		if wrong {
			errs = append(errs, errors.New(name+": "+text))
		}
	}
	fail(c.Client == nil, "Client is missing")
	fail(c.APIKey.Reveal() == "" || strings.ContainsAny(c.APIKey.Reveal(), " \r\n"), "api_key is missing, or holds a space")
	basic, hmac := c.CallbackUser != "" || c.CallbackPassword.Reveal() != "", c.CallbackSecret.Reveal() != ""
	fail(basic && (c.CallbackUser == "" || len(c.CallbackPassword.Reveal()) < minSecret),
		fmt.Sprintf("callback_password must have at least %d characters, and callback_user a name", minSecret))
	fail(hmac && len(c.CallbackSecret.Reveal()) < minSecret, fmt.Sprintf("callback_secret must have at least %d characters", minSecret))
	fail(hmac && c.CallbackHeader == "", "callback_header is missing: where the HMAC is")
	fail(hashOf(c.CallbackHash) == nil, "callback_hash must be sha256 or sha512")
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
		c: c, base: strings.TrimSuffix(base.String(), "/"), header: textproto.CanonicalMIMEHeaderKey(c.CallbackHeader),
		caller: exchange.Caller{Client: c.Client, Name: name, Now: c.Now, Hide: []secret.String{c.APIKey, c.CallbackPassword, c.CallbackSecret}},
	}, nil
}

// Name returns "infobip".
func (p *Provider) Name() string { return name }
