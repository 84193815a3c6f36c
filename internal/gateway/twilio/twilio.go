package twilio

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"countersign/internal/secret"
	"countersign/provider"
)

const (
	// defaultBase is the API of the default region.
	defaultBase = "https://api.twilio.com"
	// timeout bounds one attempt (Twilio's own client for Go: 10 s).
	timeout = 10 * time.Second
	// maxAnswer bounds the answer that is read, in bytes.
	maxAnswer = 64 << 10
	// minValidity and maxValidity bound ValidityPeriod (API reference, Messages: 1 to 36,000, more than 5 advised), in seconds.
	minValidity, maxValidity = 6, 36000
	// ringing is how long a call rings, in seconds.
	ringing = "30"
)

// Config configures an account at Twilio.
type Config struct {
	// AccountSID (AC…) and AuthToken are the credentials. Required.
	AccountSID string
	AuthToken  secret.String
	// From is the number, short code or name that texts come from; calls need a number. MessagingServiceSID (MG…) chooses the sender of
	// texts instead. One of them is required. Message.From goes before both.
	From                string
	MessagingServiceSID string
	// BaseURL is the API of another region. Defaults to https://api.twilio.com.
	BaseURL string
	// Client makes the requests; it brings the rules for addresses, time and size (package egress). Required. It must not follow redirects.
	Client *http.Client
	// Now defaults to time.Now.
	Now func() time.Time
}

// Provider is an account at Twilio. It is safe for concurrent use.
type Provider struct {
	c    Config
	base string
}

var _ provider.Provider = (*Provider)(nil)

// New returns the provider, or all that is wrong with its configuration.
func New(c Config) (*Provider, error) {
	var errs []error
	if c.Client == nil {
		errs = append(errs, errors.New("twilio: Client is missing"))
	}
	if c.AccountSID == "" || c.AuthToken.Reveal() == "" || strings.Trim(c.AccountSID, letters+"0123456789") != "" {
		errs = append(errs, errors.New("twilio: account SID (AC and digits) and auth token are needed"))
	}
	if c.From == "" && c.MessagingServiceSID == "" {
		errs = append(errs, errors.New("twilio: a sender is needed: a number or a messaging service"))
	}
	base, err := url.Parse(cmp.Or(c.BaseURL, defaultBase))
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.User != nil || base.RawQuery != "" {
		return nil, errors.Join(append(errs, errors.New("twilio: the base URL must be an absolute http or https URL"))...)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Provider{c: c, base: base.JoinPath("2010-04-01", "Accounts", c.AccountSID).String()}, errors.Join(errs...)
}

// Name returns "twilio".
func (p *Provider) Name() string { return "twilio" }

// Send makes one attempt, of at most ten seconds.
func (p *Provider) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	resource, fields, err := p.fields(m)
	if err != nil {
		return provider.Receipt{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var wrote atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { wrote.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+"/"+resource, strings.NewReader(fields.Encode()))
	if err != nil {
		return provider.Receipt{}, provider.Misconfigured(errors.New("twilio: the request cannot be made"))
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Countersign/1")
	req.SetBasicAuth(p.c.AccountSID, p.c.AuthToken.Reveal())
	res, err := p.c.Client.Do(req)
	if err != nil {
		if err = withoutURL(err); wrote.Load() {
			return provider.Receipt{}, fmt.Errorf("twilio: %w: no answer: %w", provider.ErrAmbiguous, err)
		}
		return provider.Receipt{}, fmt.Errorf("twilio: not sent: %w", err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	return p.judge(res, raw, err)
}

// fields are the parameters of a request, and which resource they are for.
func (p *Provider) fields(m provider.Message) (resource string, fields url.Values, err error) {
	fields = url.Values{"To": {m.To}}
	switch cmp.Or(m.Channel, provider.SMS) {
	case provider.SMS:
		fields.Set("Body", m.Text)
		if service := p.c.MessagingServiceSID; service != "" && m.From == "" {
			fields.Set("MessagingServiceSid", service)
		} else {
			fields.Set("From", cmp.Or(m.From, p.c.From))
		}
		if !m.ExpiresAt.IsZero() {
			left := int(m.ExpiresAt.Sub(p.c.Now()) / time.Second)
			if left < minValidity {
				return "", nil, provider.Permanent(errors.New("twilio: the code dies before the text can arrive"))
			}
			fields.Set("ValidityPeriod", strconv.Itoa(min(left, maxValidity)))
		}
		return "Messages.json", fields, nil
	case provider.Voice:
		from := cmp.Or(m.From, p.c.From)
		if from == "" {
			return "", nil, provider.Misconfigured(errors.New("twilio: calls need a number to come from"))
		}
		fields.Set("From", from)
		fields.Set("Twiml", twiml(m))
		fields.Set("Timeout", ringing)
		return "Calls.json", fields, nil
	}
	return "", nil, provider.Permanent(fmt.Errorf("twilio: no channel %q", m.Channel))
}

// answer holds what is read of an answer: a message, a call, or an error, whose code and message it is.
type answer struct {
	SID          string `json:"sid"`
	Status       any    `json:"status"` // the message's, or HTTP's
	NumSegments  string `json:"num_segments"`
	ErrorCode    *int   `json:"error_code"`
	ErrorMessage string `json:"error_message"`
	Code         int    `json:"code"`
	Message      string `json:"message"`
}

// judge decides what an answer means; the table is in the package comment.
func (p *Provider) judge(res *http.Response, raw []byte, readErr error) (provider.Receipt, error) {
	created := res.StatusCode == http.StatusCreated
	if readErr != nil && created {
		return provider.Receipt{}, fmt.Errorf("twilio: %w: the answer broke off: %w", provider.ErrAmbiguous, withoutURL(readErr))
	}
	var a answer
	if readErr != nil || json.Unmarshal(raw, &a) != nil {
		a = answer{}
	}
	status, _ := a.Status.(string)
	if created && a.SID != "" && a.ErrorCode == nil && accepted(status) {
		segments, _ := strconv.Atoi(a.NumSegments) // "0" with a messaging service, none for calls
		return provider.Receipt{ProviderID: short(a.SID, 64), Segments: min(max(segments, 0), 255), Raw: short(status, 32)}, nil
	}
	if a.ErrorCode != nil {
		a.Code, a.Message = *a.ErrorCode, a.ErrorMessage
	}
	vendor := &provider.VendorError{Provider: "twilio", VendorCode: strconv.Itoa(res.StatusCode), Text: http.StatusText(res.StatusCode)}
	if a.Code != 0 {
		vendor.VendorCode, vendor.Text = strconv.Itoa(a.Code), withoutNumbers(short(a.Message, 200))
	}
	return provider.Receipt{}, p.classed(res, a.Code, vendor)
}

// accepted reports whether a message or call with this status is on its way.
func accepted(status string) bool {
	switch status {
	case "accepted", "scheduled", "queued", "sending", "sent", "delivered", "initiated", "ringing", "in-progress", "completed":
		return true
	}
	return false
}

// classed marks err with the class of the code, or of the HTTP status if the code has none.
func (p *Provider) classed(res *http.Response, code int, err error) error {
	class := classOf(code)
	if class == "" {
		class = classOfStatus(res.StatusCode)
	}
	switch class {
	case provider.ClassPermanent:
		return provider.Permanent(err)
	case provider.ClassMisconfigured:
		return provider.Misconfigured(err)
	case provider.ClassThrottled:
		return provider.RetryAfter(retryAfter(res), err)
	case provider.ClassAmbiguous:
		return fmt.Errorf("%w: %w", provider.ErrAmbiguous, err)
	}
	return err
}

func classOfStatus(status int) provider.Class {
	switch {
	case status == http.StatusTooManyRequests:
		return provider.ClassThrottled
	case status == http.StatusGatewayTimeout:
		return provider.ClassAmbiguous
	case status == http.StatusRequestTimeout, status >= 500 && status < 600:
		return provider.ClassRetryable
	}
	return provider.ClassMisconfigured
}

// retryAfter reads the header in seconds, 1 s to 10 min (RFC 9110, section 10.2.3; Twilio sends no dates).
func retryAfter(res *http.Response) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(res.Header.Get("Retry-After")))
	if err != nil {
		return time.Second
	}
	return time.Duration(min(max(n, 1), 600)) * time.Second
}
