package plivo

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
	name        = "plivo"
	defaultBase = "https://api.plivo.com"
	// minExpiry and maxExpiry bound message_expiry, in seconds.
	minExpiry, maxExpiry = 5, 10800
	// category is that of codes in India: transactional are those of banks alone.
	category = "service_implicit"
	// referenceParameter brings Message.Reference back with a receipt.
	referenceParameter = "reference"
)

// Config configures an account at Plivo.
type Config struct {
	// AuthID and AuthToken are the credentials. Required.
	AuthID    string
	AuthToken secret.String
	// From is the sender where Message.From is empty; PowerpackUUID chooses a sender from a pool instead. One of them is required.
	From          string
	PowerpackUUID string
	// BaseURL is where the API is. Defaults to https://api.plivo.com.
	BaseURL string
	// Client makes the requests, and follows no redirects. Required.
	Client *http.Client
	// Now defaults to time.Now.
	Now func() time.Time
}

// Provider is an account at Plivo. It is safe for concurrent use.
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

// Spec describes accounts at Plivo.
func Spec() account.Spec {
	return account.Spec{
		Kind: name, Title: "Plivo", Channels: []provider.Channel{provider.SMS}, SenderSets: []string{"powerpack_uuid"},
		Fields: []account.Field{
			{Name: "auth_id", Help: "The id of the account or subaccount.", Example: "MAXXXXXXXXXXXXXXXXXX", Required: true},
			{Name: "auth_token", Help: "Its token.", Secret: true, Required: true},
			{Name: "from", Help: "The sender: a number, short code or name; or set a powerpack.", Example: "+12025550100"},
			{Name: "powerpack_uuid", Help: "The pool that senders are chosen from.", Example: "2f4a1b0e-5c3d-4e6f-8a9b-0c1d2e3f4a5b"},
			{Name: "base_url", Help: "Another address of the API."},
		},
		Receipts: "to the URL of each request; signed with the auth token",
		Hosts:    []string{"api.plivo.com"},
		New: func(a account.Account, d account.Deps) (provider.Provider, error) {
			p, err := New(Config{
				AuthID: a.Settings["auth_id"], AuthToken: a.Secrets["auth_token"], From: a.Settings["from"], PowerpackUUID: a.Settings["powerpack_uuid"],
				BaseURL: a.Settings["base_url"], Client: d.Client, Now: d.Now,
			})
			if err != nil {
				return nil, err
			}
			return p, nil
		},
	}
}

var (
	ids      = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
	numbered = regexp.MustCompile(`^\+?[0-9]{3,15}$`)
	named    = regexp.MustCompile(`^[A-Za-z0-9 ]{1,11}$`)
	letter   = regexp.MustCompile(`[A-Za-z]`)
)

func validSender(s string) bool {
	return numbered.MatchString(s) || named.MatchString(s) && letter.MatchString(s)
}

// New returns the provider, or all that is wrong with its configuration.
func New(c Config) (*Provider, error) {
	var errs []error
	if c.Client == nil {
		errs = append(errs, errors.New("plivo: Client is missing"))
	}
	if !ids.MatchString(c.AuthID) {
		errs = append(errs, errors.New("plivo: auth_id must be letters and digits"))
	}
	if c.AuthToken.Reveal() == "" {
		errs = append(errs, errors.New("plivo: auth_token is missing"))
	}
	if c.From == "" && c.PowerpackUUID == "" {
		errs = append(errs, errors.New("plivo: from or powerpack_uuid is needed"))
	}
	if c.From != "" && !validSender(c.From) {
		errs = append(errs, errors.New("plivo: from must be a number, a short code, or up to 11 letters and digits"))
	}
	if c.PowerpackUUID != "" && !ids.MatchString(c.PowerpackUUID) {
		errs = append(errs, errors.New("plivo: powerpack_uuid must be a UUID"))
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
	x := exchange.Caller{Client: c.Client, Name: name, Now: c.Now, Hide: []secret.String{c.AuthToken}}
	return &Provider{c: c, base: base.JoinPath("v1", "Account", c.AuthID), x: x}, nil
}

// Name returns "plivo".
func (p *Provider) Name() string { return name }

// body is a request.
type body struct {
	Src       string `json:"src,omitempty"`
	Powerpack string `json:"powerpack_uuid,omitempty"`
	Dst       string `json:"dst"`
	Text      string `json:"text"`
	Type      string `json:"type"`
	URL       string `json:"url,omitempty"`
	Method    string `json:"method,omitempty"`
	Log       bool   `json:"log"`
	Expiry    int    `json:"message_expiry,omitempty"`
	// India's; Plivo's reference calls them deprecated.
	EntityID   string `json:"dlt_entity_id,omitempty"`
	TemplateID string `json:"dlt_template_id,omitempty"`
	Category   string `json:"dlt_template_category,omitempty"`
}

// Send makes one attempt, of at most ten seconds.
func (p *Provider) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	b, err := p.body(m)
	if err != nil {
		return provider.Receipt{}, err
	}
	req, err := exchange.JSON(p.base.JoinPath("Message").String()+"/", b)
	a, err := p.do(ctx, req, err)
	if err != nil {
		return provider.Receipt{}, err
	}
	var out struct {
		Message string          `json:"message"`
		IDs     []string        `json:"message_uuid"`
		Error   json.RawMessage `json:"error"`
	}
	if a.Status == http.StatusAccepted && a.JSON(&out) && len(out.IDs) == 1 && out.IDs[0] != "" && (len(out.Error) == 0 || string(out.Error) == "null") {
		return provider.Receipt{ProviderID: exchange.Short(out.IDs[0], 100), Raw: p.x.Clean(out.Message, m)}, nil
	}
	return provider.Receipt{}, p.refused(a, m)
}

func (p *Provider) body(m provider.Message) (body, error) {
	if c := cmp.Or(m.Channel, provider.SMS); c != provider.SMS {
		return body{}, provider.Misconfigured(fmt.Errorf("plivo: no channel %q", c))
	}
	b := body{Src: cmp.Or(m.From, p.c.From), Dst: strings.TrimPrefix(m.To, "+"), Text: m.Text, Type: "sms"}
	if m.From == "" && p.c.PowerpackUUID != "" {
		b.Src, b.Powerpack = "", p.c.PowerpackUUID
	}
	if b.Src != "" && !validSender(b.Src) {
		return body{}, provider.Fail(provider.SenderRejected, 0,
			&provider.VendorError{Provider: name, VendorCode: "src", Text: "not sent: the sender has not the form that Plivo takes"})
	}
	if numbered.MatchString(b.Src) {
		b.Src = strings.TrimPrefix(b.Src, "+")
	}
	if !m.ExpiresAt.IsZero() {
		left := m.ExpiresAt.Sub(p.c.Now())
		if left <= 0 {
			return body{}, provider.Permanent(errors.New("plivo: the code is dead"))
		}
		b.Expiry = int(max(min((left+time.Second-1)/time.Second, maxExpiry), minExpiry))
	}
	if b.EntityID, b.TemplateID = m.EntityID, m.TemplateID; b.EntityID != "" {
		b.Category = category
	}
	if m.ReceiptURL != "" {
		b.URL, b.Method = withReference(m.ReceiptURL, m.Reference), http.MethodPost
	}
	return b, nil
}

// withReference adds the reference to a receipt URL.
func withReference(to, reference string) string {
	u, err := url.Parse(to)
	if err != nil || reference == "" {
		return to
	}
	q := u.Query()
	q.Set(referenceParameter, reference)
	u.RawQuery = q.Encode()
	return u.String()
}

func (p *Provider) do(ctx context.Context, req *http.Request, err error) (exchange.Answer, error) {
	if err != nil {
		return exchange.Answer{}, provider.Misconfigured(errors.New("plivo: the request cannot be made"))
	}
	req.SetBasicAuth(p.c.AuthID, p.c.AuthToken.Reveal())
	return p.x.Do(ctx, req)
}

// refused is the error of an answer that is no success: a sentence, or an object of sentences by parameter.
func (p *Provider) refused(a exchange.Answer, m provider.Message) error {
	var e struct {
		Error json.RawMessage `json:"error"`
	}
	text := ""
	if a.JSON(&e) && len(e.Error) > 0 && json.Unmarshal(e.Error, &text) != nil {
		text = string(e.Error)
	}
	return p.x.Refused(a, m, "", "", text)
}

// message is a message as GET tells it.
type message struct {
	ID       string          `json:"message_uuid"`
	State    string          `json:"message_state"`
	Code     json.RawMessage `json:"error_code"`
	Units    json.RawMessage `json:"units"`
	Amount   json.RawMessage `json:"total_amount"`
	MCC, MNC string
}

// Poll asks for the message.
func (p *Provider) Poll(ctx context.Context, providerID string) (provider.Notice, error) {
	id := providerID
	if !ids.MatchString(id) {
		id = "none"
	}
	req, err := exchange.Get(p.base.JoinPath("Message", id).String() + "/")
	a, err := p.do(ctx, req, err)
	if err != nil {
		return provider.Notice{}, err
	}
	var m message
	if a.Status == http.StatusNotFound {
		return provider.Notice{}, p.x.NotKnown(a, "")
	}
	if a.Status != http.StatusOK || !a.JSON(&m) || m.ID != providerID {
		return provider.Notice{}, p.refused(a, provider.Message{})
	}
	code := plain(m.Code)
	state, reason, ok := stateOf(m.State, code)
	if !ok {
		return provider.Notice{}, p.x.Refused(a, provider.Message{}, provider.Unknown, "", "a status that is not in the list")
	}
	n := provider.Notice{ProviderID: m.ID, State: state, Reason: reason, VendorCode: exchange.Short(code, 40), Text: exchange.Short(m.State, 40)}
	n.Segments = parts(plain(m.Units))
	n.Price, n.Currency = price(plain(m.Amount))
	return n, nil
}

// plain is a JSON string or number as text; "" for null.
func plain(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}

func parts(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 255 {
		return 0
	}
	return n
}

// price is an amount in millionths; Plivo bills in US dollars.
func price(s string) (int64, string) {
	const most = 1000 // per message: more is a mistake
	amount, err := strconv.ParseFloat(s, 64)
	if err != nil || !(amount > 0 && amount < most) {
		return 0, ""
	}
	return int64(amount*1e6 + 0.5), "USD"
}

// Check asks for the account.
func (p *Provider) Check(ctx context.Context) (string, error) {
	req, err := exchange.Get(p.base.String() + "/")
	a, err := p.do(ctx, req, err)
	if err != nil {
		return "", err
	}
	var out struct {
		ID      string          `json:"auth_id"`
		Credits json.RawMessage `json:"cash_credits"`
		State   string          `json:"state"`
	}
	if a.Status != http.StatusOK || !a.JSON(&out) || !strings.EqualFold(out.ID, p.c.AuthID) {
		return "", p.refused(a, provider.Message{})
	}
	credits := plain(out.Credits)
	if left, err := strconv.ParseFloat(credits, 64); err == nil && left <= 0 {
		return "", p.x.Refused(a, provider.Message{}, provider.InsufficientFunds, "cash_credits", "nothing is left on the account")
	}
	return "Plivo takes the credentials; the credit is " + exchange.Short(cmp.Or(credits, "unknown"), 20) + " USD.", nil
}
