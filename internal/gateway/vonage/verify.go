package vonage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"countersign/internal/gateway/exchange"
	"countersign/internal/secret"
	"countersign/provider"
)

const (
	maxBrand = 16
	// minStep and maxStep bound channel_timeout (Verify v2), in seconds.
	minStep, maxStep = 60, 900
	maxRequestID     = 64
)

// Verify is an account of kind "vonage-verify": Vonage makes the code, sends it and checks it. It is safe for concurrent use.
type Verify struct {
	c           VerifyConfig
	base        string
	credentials *credentials
	caller      exchange.Caller
	signed      signatures
}

var (
	_ provider.CodeMaker      = (*Verify)(nil)
	_ provider.CallbackReader = (*Verify)(nil)
	_ provider.Checker        = (*Verify)(nil)
)

// NewVerify returns the provider, or all that is wrong with its configuration.
func NewVerify(c VerifyConfig) (*Verify, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	c.CodeLength = cmp.Or(c.CodeLength, 6)
	base, err := baseURL(kindVerify, c.BaseURL, defaultBase)
	cred, credErr := newCredentials(kindVerify, c.ApplicationID, c.PrivateKey, c.APIKey, c.APISecret, c.Now)
	errs := []error{clientMissing(kindVerify, c.Client), credErr, signatureSecret(kindVerify, c.SignatureSecret), err}
	if n := utf8.RuneCountInString(c.Brand); n < 1 || n > maxBrand {
		errs = append(errs, fmt.Errorf("%s: brand must have 1 to %d characters", kindVerify, maxBrand))
	}
	if c.CodeLength < 4 || c.CodeLength > 10 {
		errs = append(errs, errors.New(kindVerify+": code_length must be a number from 4 to 10"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Verify{
		c: c, base: base, credentials: cred,
		caller: exchange.Caller{Client: c.Client, Name: kindVerify, Now: c.Now, Hide: []secret.String{c.APISecret, c.SignatureSecret}},
		signed: signatures{secret: c.SignatureSecret, application: c.ApplicationID, key: c.APIKey},
	}, nil
}

// Name returns "vonage-verify".
func (p *Verify) Name() string { return kindVerify }

// verification is a request of Verify v2.
type verification struct {
	Brand      string `json:"brand"`
	CodeLength int    `json:"code_length"`
	Locale     string `json:"locale,omitempty"`
	Timeout    int    `json:"channel_timeout,omitempty"`
	Workflow   []step `json:"workflow"`
}

type step struct {
	Channel string `json:"channel"`
	To      string `json:"to"`
	From    string `json:"from,omitempty"`
}

// Send starts a verification; Message.Text and Code are not looked at.
func (p *Verify) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	channel := cmp.Or(m.Channel, provider.SMS)
	if channel != provider.SMS && channel != provider.Voice {
		return provider.Receipt{}, provider.Misconfigured(fmt.Errorf("%s: no channel %q", kindVerify, channel))
	}
	if channel == provider.Voice && m.Key != "" {
		return provider.Receipt{}, notSent(kindVerify, provider.BadRequest, "key", "these calls cannot ask for a key")
	}
	left, err := life(kindVerify, m, p.c.Now())
	if err != nil {
		return provider.Receipt{}, err
	}
	in := verification{
		Brand: p.c.Brand, CodeLength: p.c.CodeLength, Locale: verifyLocale(m.Locale), Workflow: []step{{string(channel), strings.TrimPrefix(m.To, "+"), ""}},
	}
	if channel == provider.SMS {
		in.Workflow[0].From = sender(cmp.Or(m.From, p.c.From))
	}
	if left > 0 {
		in.Timeout = min(max(int(left/time.Second), minStep), maxStep)
	}
	a, err := post(ctx, p.caller, p.credentials, p.base+"/v2/verify", in)
	if err != nil {
		return provider.Receipt{}, err
	}
	var out struct {
		ID string `json:"request_id"`
	}
	if a.Status == http.StatusAccepted && a.JSON(&out) && requestID(out.ID) {
		return provider.Receipt{ProviderID: out.ID, Raw: "started"}, nil
	}
	return provider.Receipt{}, p.refused(a, m)
}

// refused judges an answer that is no success. A second verification of a number while one is under way is a 409.
func (p *Verify) refused(a exchange.Answer, m provider.Message) error {
	var said problem
	if a.Status == http.StatusConflict && a.JSON(&said) && said.Type != "" {
		return p.caller.Refused(a, m, provider.RateLimited, said.name(), said.sentence())
	}
	return refused(p.caller, a, m)
}

// requestID reports whether s is the id of a verification: it becomes part of a path.
func requestID(s string) bool {
	return s != "" && len(s) <= maxRequestID && strings.Trim(s, "0123456789abcdefABCDEF-") == ""
}

// CheckCode asks whether a code is right. A verification ends with the right code, after three wrong ones, or by its time; Vonage does
// not know it then.
func (p *Verify) CheckCode(ctx context.Context, providerID, to, code string) (ok, ended bool, err error) {
	if !requestID(providerID) {
		return false, true, nil
	}
	if !isDigits(code) || len(code) < 4 || len(code) > 10 {
		return false, false, nil // a try that Vonage would refuse without counting it
	}
	a, err := post(ctx, p.caller, p.credentials, p.base+"/v2/verify/"+url.PathEscape(providerID), map[string]string{"code": code})
	if err != nil {
		return false, false, err
	}
	var in struct {
		ID     string `json:"request_id"`
		Status string `json:"status"`
	}
	var said problem
	switch {
	case a.Status == http.StatusOK && a.JSON(&in) && in.ID == providerID && in.Status == "completed":
		return true, true, nil
	case a.Status == http.StatusBadRequest && a.JSON(&said) && said.name() == "invalid-code":
		return false, false, nil
	case a.Status == http.StatusGone && a.JSON(&said) && said.Type != "", a.Status == http.StatusNotFound && a.JSON(&said) && said.name() == "not-found":
		return false, true, nil
	}
	return false, false, p.caller.Refused(a, provider.Message{To: to, Code: code}, reasonOfProblem(name(a)), name(a), sentence(a))
}

// name and sentence are those of an answer that is a problem, empty for others.
func name(a exchange.Answer) string {
	var said problem
	if a.Status < 400 || !a.JSON(&said) {
		return ""
	}
	return said.name()
}

func sentence(a exchange.Answer) string {
	var said problem
	if a.Status < 400 || !a.JSON(&said) {
		return ""
	}
	return said.sentence()
}

// Check posts an empty verification: Vonage looks at the credentials first and refuses it then, and nothing is sent.
func (p *Verify) Check(ctx context.Context) (string, error) {
	const found = "Verify API: the credentials were accepted; an empty verification was refused, nothing was sent"
	return check(ctx, p.caller, p.credentials, p.base+"/v2/verify", found)
}

// verifyLocale is a language of Vonage's own texts, or empty for English (Verify v2, languages).
func verifyLocale(locale string) string {
	l := strings.ToLower(strings.ReplaceAll(locale, "_", "-"))
	switch l {
	case "en-us", "en-gb", "es-es", "es-mx", "es-us", "it-it", "de-de", "fr-fr", "hi-in", "pt-pt", "pt-br", "id-id":
		return l
	}
	switch language, _, _ := strings.Cut(l, "-"); language {
	case "de", "es", "fr", "it", "pt":
		return language + "-" + language
	case "hi":
		return "hi-in"
	case "id":
		return "id-id"
	}
	return ""
}
