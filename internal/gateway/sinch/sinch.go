package sinch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"countersign/internal/gateway/account"
	"countersign/internal/gateway/exchange"
	"countersign/internal/secret"
	"countersign/provider"
)

const (
	name = "sinch"
	// maxText is the longest text, in characters.
	maxText = 1600
	// testNumber belongs to nobody (North American numbering plan, 555-01XX).
	testNumber = "+12025550199"
)

var regions = []string{"us", "eu", "au", "br", "ca"}

// Config configures a service plan at Sinch.
type Config struct {
	// ServicePlanID and Token are the credentials. Required.
	ServicePlanID string
	Token         secret.String
	// Region is us, eu, au, br or ca. Defaults to us.
	Region string
	// From is the sender where Message.From is empty; empty: the plan's default originator.
	From string
	// WebhookSecret is the key of signed callbacks; WebhookUser and WebhookPassword are Basic credentials that they bring. Empty: not asked for.
	WebhookSecret   secret.String
	WebhookUser     string
	WebhookPassword secret.String
	// Feedback tells Sinch which codes were typed in; it must enable that.
	Feedback bool
	// BaseURL takes the place of the region's.
	BaseURL string
	// Client makes the requests, and follows no redirects. Required.
	Client *http.Client
	// Now defaults to time.Now.
	Now func() time.Time
}

// Provider is a service plan at Sinch. It is safe for concurrent use.
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
	_ provider.Feedback       = (*Provider)(nil)
)

// Spec describes service plans at Sinch.
func Spec() account.Spec {
	s := account.Spec{
		Kind: name, Title: "Sinch", Channels: []provider.Channel{provider.SMS},
		Fields: []account.Field{
			{Name: "service_plan_id", Help: "The id of the service plan.", Example: "jd63jf88477ll", Required: true},
			{Name: "token", Help: "The API token of the plan.", Secret: true, Required: true},
			{Name: "region", Help: "Where the plan lives; us unless set.", Example: "eu", Values: regions},
			{Name: "from", Help: "The sender: a number, short code or name. Empty: the plan's default originator.", Example: "Acme"},
			{Name: "webhook_secret", Help: "The key that signs callbacks.", Secret: true},
			{Name: "webhook_user", Help: "The user name that callbacks bring, if they bring one.", Example: "sinch"},
			{Name: "webhook_password", Help: "The password that callbacks bring.", Secret: true},
			{Name: "feedback", Help: "Tell Sinch which codes were typed in; it must enable that.", Values: []string{"on", "off"}},
			{Name: "base_url", Help: "Another address of the API."},
		},
		Receipts: "to the URL of each request; signed (HMAC) or with Basic credentials if set up so, else confirmed by asking for the report",
		New: func(a account.Account, d account.Deps) (provider.Provider, error) {
			p, err := New(Config{
				ServicePlanID: a.Settings["service_plan_id"], Token: a.Secrets["token"], Region: a.Settings["region"], From: a.Settings["from"],
				WebhookSecret: a.Secrets["webhook_secret"], WebhookUser: a.Settings["webhook_user"], WebhookPassword: a.Secrets["webhook_password"],
				Feedback: a.Settings["feedback"] == "on", BaseURL: a.Settings["base_url"], Client: d.Client, Now: d.Now,
			})
			if err != nil {
				return nil, err
			}
			return p, nil
		},
	}
	for _, r := range regions {
		s.Hosts = append(s.Hosts, r+".sms.api.sinch.com")
	}
	return s
}

var (
	planID   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	numbered = regexp.MustCompile(`^\+?[0-9]{3,15}$`)
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
		errs = append(errs, errors.New("sinch: Client is missing"))
	}
	if !planID.MatchString(c.ServicePlanID) {
		errs = append(errs, errors.New("sinch: service_plan_id must be letters and digits"))
	}
	if c.Token.Reveal() == "" {
		errs = append(errs, errors.New("sinch: token is missing"))
	}
	if c.Region = cmp.Or(c.Region, regions[0]); !slices.Contains(regions, c.Region) {
		errs = append(errs, errors.New("sinch: region must be one of "+strings.Join(regions, ", ")))
	}
	if c.From != "" && !validSender(c.From) {
		errs = append(errs, errors.New("sinch: from must be a number, a short code, or up to 11 letters and digits"))
	}
	if (c.WebhookUser == "") != (c.WebhookPassword.Reveal() == "") {
		errs = append(errs, errors.New("sinch: webhook_user and webhook_password belong together"))
	}
	base, err := exchange.Base(name, c.BaseURL, "https://"+c.Region+".sms.api.sinch.com")
	if err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	x := exchange.Caller{Client: c.Client, Name: name, Now: c.Now, Hide: []secret.String{c.Token, c.WebhookSecret, c.WebhookPassword}}
	return &Provider{c: c, base: base.JoinPath("xms", "v1", c.ServicePlanID, "batches"), x: x}, nil
}

// Name returns "sinch".
func (p *Provider) Name() string { return name }

// batch is a request (SMS API, sendBatchObject).
type batch struct {
	From            string   `json:"from,omitempty"`
	To              []string `json:"to"`
	Body            string   `json:"body"`
	DeliveryReport  string   `json:"delivery_report,omitempty"`
	CallbackURL     string   `json:"callback_url,omitempty"`
	ExpireAt        string   `json:"expire_at,omitempty"`
	ClientReference string   `json:"client_reference,omitempty"`
	FeedbackEnabled bool     `json:"feedback_enabled,omitempty"`
}

// Send makes one attempt, of at most ten seconds.
func (p *Provider) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	b, err := p.batch(m)
	if err != nil {
		return provider.Receipt{}, err
	}
	a, err := p.post(ctx, p.base, b)
	if err != nil {
		return provider.Receipt{}, err
	}
	var out struct {
		ID       string `json:"id"`
		Canceled bool   `json:"canceled"`
	}
	if a.Status == http.StatusCreated && a.JSON(&out) && out.ID != "" && !out.Canceled {
		return provider.Receipt{ProviderID: exchange.Short(out.ID, 100), Raw: "created"}, nil
	}
	return provider.Receipt{}, p.refused(a, m)
}

func (p *Provider) batch(m provider.Message) (batch, error) {
	if c := cmp.Or(m.Channel, provider.SMS); c != provider.SMS {
		return batch{}, provider.Misconfigured(fmt.Errorf("sinch: no channel %q", c))
	}
	b := batch{From: cmp.Or(m.From, p.c.From), To: []string{m.To}, Body: m.Text, ClientReference: m.Reference, FeedbackEnabled: p.c.Feedback}
	if b.From != "" && !validSender(b.From) {
		return batch{}, notSent(provider.SenderRejected, "sender", "the sender has not the form that Sinch takes")
	}
	if utf8.RuneCountInString(m.Text) > maxText {
		return batch{}, notSent(provider.ContentRejected, "body", "the text has more than 1,600 characters")
	}
	if m.ReceiptURL != "" {
		b.DeliveryReport, b.CallbackURL = "per_recipient", m.ReceiptURL
	}
	if !m.ExpiresAt.IsZero() {
		if !m.ExpiresAt.After(p.c.Now()) {
			return batch{}, provider.Permanent(errors.New("sinch: the code is dead"))
		}
		b.ExpireAt = m.ExpiresAt.UTC().Format(time.RFC3339)
	}
	return b, nil
}

func notSent(r provider.Reason, code, text string) error {
	return provider.Fail(r, 0, &provider.VendorError{Provider: name, VendorCode: code, Text: "not sent: " + text})
}

func (p *Provider) post(ctx context.Context, to *url.URL, v any) (exchange.Answer, error) {
	req, err := exchange.JSON(to.String(), v)
	return p.do(ctx, req, err)
}

func (p *Provider) do(ctx context.Context, req *http.Request, err error) (exchange.Answer, error) {
	if err != nil {
		return exchange.Answer{}, provider.Misconfigured(errors.New("sinch: the request cannot be made"))
	}
	req.Header.Set("Authorization", "Bearer "+p.c.Token.Reveal())
	return p.x.Do(ctx, req)
}

// refused is the error of an answer that is no success.
func (p *Provider) refused(a exchange.Answer, m provider.Message) error {
	var e struct {
		Code        string `json:"code"`
		Text        string `json:"text"`
		Description string `json:"description"`
	}
	if a.Status < 400 || !a.JSON(&e) {
		e.Code = ""
	}
	text := cmp.Or(e.Text, e.Description)
	return p.x.Refused(a, m, reasonOf(a.Status, e.Code, text), e.Code, text)
}
