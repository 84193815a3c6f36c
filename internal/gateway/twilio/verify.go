package twilio

import (
	"cmp"
	"context"
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

const (
	verifyName = "twilio-verify"
	// codeParameter and codeTries are Verify's errors for a parameter it does not take, and for too many wrong codes.
	codeParameter, codeTries = 60200, 60202
	maxCode                  = 10
)

// VerifyConfig configures a service of Twilio Verify.
type VerifyConfig struct {
	// AccountSID and AuthToken, or APIKeySID and APIKeySecret, are the credentials, as in Config.
	AccountSID   string
	AuthToken    secret.String
	APIKeySID    string
	APIKeySecret secret.String
	// ServiceSID (VA…) is the Verify service. Required.
	ServiceSID string
	// BaseURL, Region and Edge choose the API, as in Config; by default it is https://verify.twilio.com.
	BaseURL, Region, Edge string
	// Client makes the requests. Required. Now defaults to time.Now.
	Client *http.Client
	Now    func() time.Time
}

// Verify lets Twilio make and check codes. It is safe for concurrent use.
type Verify struct {
	c      Config
	caller exchange.Caller
	base   string
}

var (
	_ provider.CodeMaker = (*Verify)(nil)
	_ provider.Poller    = (*Verify)(nil)
	_ provider.Checker   = (*Verify)(nil)
	_ provider.Feedback  = (*Verify)(nil)
)

// NewVerify returns the provider, or all that is wrong with its configuration.
func NewVerify(v VerifyConfig) (*Verify, error) {
	c := Config{AccountSID: v.AccountSID, AuthToken: v.AuthToken, APIKeySID: v.APIKeySID, APIKeySecret: v.APIKeySecret, Client: v.Client, Now: v.Now}
	errs := c.credentials()
	if v.ServiceSID == "" || !alphanumeric(v.ServiceSID) {
		errs = append(errs, errors.New("twilio: service_sid is VA and 32 letters and digits"))
	}
	base, err := baseOf(v.BaseURL, "verify", v.Region, v.Edge)
	if err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	caller := c.caller(verifyName)
	caller.Hide = append(caller.Hide, secret.New(v.ServiceSID))
	return &Verify{c: c, caller: caller, base: base.JoinPath("v2", "Services", v.ServiceSID).String()}, nil
}

// Name returns "twilio-verify".
func (p *Verify) Name() string { return verifyName }

// verification is what Verify answers.
type verification struct {
	SID     string `json:"sid"`
	Status  any    `json:"status"`
	Valid   bool   `json:"valid"`
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (v verification) status() string {
	s, _ := v.Status.(string)
	return s
}

// Send starts a verification: Twilio makes the code and the text.
func (p *Verify) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	channel := map[provider.Channel]string{"": "sms", provider.SMS: "sms", provider.Voice: "call"}[m.Channel]
	if channel == "" {
		return provider.Receipt{}, provider.Permanent(fmt.Errorf("twilio-verify: no channel %q", m.Channel))
	}
	fields := url.Values{"To": {m.To}, "Channel": {channel}}
	if l := verifyLocale(m.Locale); l != "" {
		fields.Set("Locale", l)
	}
	a, err := p.c.call(ctx, p.caller, p.base+"/Verifications", fields)
	if err != nil {
		return provider.Receipt{}, err
	}
	var v verification
	if !a.JSON(&v) || a.Status != http.StatusCreated || v.SID == "" || v.status() != "pending" {
		return provider.Receipt{}, p.refused(a, m)
	}
	return provider.Receipt{ProviderID: exchange.Short(v.SID, maxSID), Raw: v.status()}, nil
}

// CheckCode asks Twilio. A verification that Twilio does not know any more has ended: it was approved, died after ten minutes, or took five wrong codes.
func (p *Verify) CheckCode(ctx context.Context, providerID, _, code string) (ok, ended bool, err error) {
	if !alphanumeric(providerID) || providerID == "" {
		return false, false, provider.Permanent(errors.New("twilio-verify: no id of a verification"))
	}
	if code == "" || len(code) > maxCode || strings.Trim(code, "0123456789") != "" {
		return false, false, nil // nobody need be asked
	}
	m := provider.Message{Code: code}
	a, err := p.c.call(ctx, p.caller, p.base+"/VerificationCheck", url.Values{"VerificationSid": {providerID}, "Code": {code}})
	if err != nil {
		return false, false, err
	}
	var v verification
	switch read := a.JSON(&v); {
	case a.Status == http.StatusNotFound && read && v.Code != 0: // not a page in between
		return false, true, nil
	case read && v.Code == codeTries:
		return false, true, nil
	case !read || a.Status != http.StatusOK || v.SID != providerID:
		return false, false, p.refused(a, m)
	}
	switch v.status() {
	case "approved":
		return v.Valid, true, nil
	case "pending":
		return false, false, nil
	case "canceled", "max_attempts_reached", "deleted", "failed", "expired":
		return false, true, nil
	}
	return false, false, p.refused(a, m)
}

// Poll asks how a verification stands. That it was approved is all Twilio says of its arrival.
func (p *Verify) Poll(ctx context.Context, providerID string) (provider.Notice, error) {
	if !alphanumeric(providerID) || providerID == "" {
		return provider.Notice{}, provider.Permanent(errors.New("twilio-verify: no id of a verification"))
	}
	a, err := p.c.call(ctx, p.caller, p.base+"/Verifications/"+providerID, nil)
	if err != nil {
		return provider.Notice{}, err
	}
	var v verification
	if !a.JSON(&v) || a.Status != http.StatusOK || v.SID != providerID {
		if a.Status == http.StatusNotFound { // it ended: nothing more will be known
			return provider.Notice{}, p.caller.NotKnown(a, "the verification is not known")
		}
		return provider.Notice{}, p.refused(a, provider.Message{})
	}
	n := provider.Notice{ProviderID: v.SID, State: provider.StateSent}
	if v.status() == "approved" {
		n.State = provider.StateDelivered
	}
	return n, nil
}

// Confirmed cancels a verification whose code was not used here; those that were used Twilio knows by itself.
func (p *Verify) Confirmed(ctx context.Context, providerID string, used bool) error {
	if used || providerID == "" || !alphanumeric(providerID) {
		return nil
	}
	a, err := p.c.call(ctx, p.caller, p.base+"/Verifications/"+providerID, url.Values{"Status": {"canceled"}})
	if err != nil || a.Status == http.StatusOK || a.Status == http.StatusNotFound {
		return err
	}
	return p.refused(a, provider.Message{})
}

// Check asks for the service.
func (p *Verify) Check(ctx context.Context) (string, error) {
	a, err := p.c.call(ctx, p.caller, p.base, nil)
	if err != nil {
		return "", err
	}
	var v struct {
		SID        string `json:"sid"`
		CodeLength int    `json:"code_length"`
	}
	if !a.JSON(&v) || a.Status != http.StatusOK || v.SID == "" {
		return "", p.refused(a, provider.Message{})
	}
	return fmt.Sprintf("The service makes codes of %d digits.", v.CodeLength), nil
}

// refused is the error of an answer.
func (p *Verify) refused(a exchange.Answer, m provider.Message) error {
	var v verification
	if !a.JSON(&v) || v.Code == 0 {
		return p.caller.Refused(a, m, "", "", "")
	}
	reason := reasonOf(v.Code)
	if v.Code == codeParameter {
		if reason = provider.BadRequest; strings.Contains(v.Message, "To") {
			reason = provider.InvalidNumber
		}
	}
	return p.caller.Refused(a, m, reason, strconv.Itoa(v.Code), v.Message)
}

// verifyLocale is a locale in the form that Verify takes: a language, with the region where Verify tells regions apart.
func verifyLocale(locale string) string {
	language, region, _ := strings.Cut(strings.ReplaceAll(locale, "_", "-"), "-")
	if len(language) != 2 || strings.Trim(language+region, letters) != "" {
		return ""
	}
	language = strings.ToLower(language)
	full := language + "-" + strings.ToUpper(region)
	return cmp.Or(map[string]string{"pt-BR": "pt-BR", "en-GB": "en-GB", "zh-CN": "zh-CN", "zh-HK": "zh-HK", "zh-TW": "zh-CN"}[full], language)
}
