package webhook

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

const (
	defaultWait = 30 * time.Second
	maxWait     = time.Hour
	// maxCode bounds the service's own code, in bytes.
	maxCode = 64
)

// answer is the body that a webhook may answer with.
type answer struct {
	Status     string          `json:"status"`
	ID         string          `json:"id"`
	Segments   int             `json:"segments"`
	Class      provider.Class  `json:"class"`
	Reason     provider.Reason `json:"reason"`
	Code       string          `json:"code"`
	Error      string          `json:"error"`
	RetryAfter float64         `json:"retry_after"`
}

// known are the reasons that a receiver may name: that this server withheld something is not one of them.
func known(r provider.Reason) bool {
	return slices.Contains(provider.Reasons(), r) && r != provider.Withheld
}

// judge decides what an answer means; the table is in the package comment. The media type is not looked at: this is the operator's own service.
func (p *Provider) judge(a exchange.Answer, m provider.Message) (provider.Receipt, error) {
	ok := a.Status == http.StatusOK || a.Status == http.StatusCreated || a.Status == http.StatusAccepted
	var v answer
	if a.Broken != nil || json.Unmarshal(a.Body, &v) != nil {
		v = answer{}
	}
	said := &provider.VendorError{Provider: p.c.Name, VendorCode: strconv.Itoa(a.Status), Text: http.StatusText(a.Status)}
	if v.Code != "" {
		said.VendorCode = exchange.Short(v.Code, maxCode)
	}
	if v.Error != "" {
		said.Text = p.caller.Clean(v.Error, m)
	}
	switch {
	case v.Status == "failed":
		if err := v.named(said, a, p.c.Now()); err != nil {
			return provider.Receipt{}, err
		}
	case ok && (v.Status == "sent" || v.Status == "accepted"):
		return provider.Receipt{ProviderID: cmp.Or(exchange.Short(v.ID, maxID), m.ID), Segments: min(max(v.Segments, 0), 255), Raw: v.Status}, nil
	}
	return provider.Receipt{}, ofStatus(a, said, v.Status == "failed", p.c.Now())
}

// named is what the answer itself names, reason or class; nil if it names none that there is.
func (v *answer) named(said *provider.VendorError, a exchange.Answer, now time.Time) error {
	wait := cmp.Or(exchange.RetryAfter(a.Header, now), defaultWait)
	if v.RetryAfter > 0 && v.RetryAfter < maxWait.Seconds() {
		wait = max(time.Duration(v.RetryAfter*float64(time.Second)), time.Second)
	}
	if known(v.Reason) {
		said.Reason = v.Reason
		if v.Class == "" {
			return provider.Fail(v.Reason, wait, said)
		}
	}
	switch v.Class {
	case provider.ClassPermanent:
		return provider.Permanent(said)
	case provider.ClassMisconfigured:
		return provider.Misconfigured(said)
	case provider.ClassRetryable:
		return said
	case provider.ClassAmbiguous:
		return fmt.Errorf("%w: %w", provider.ErrAmbiguous, said)
	case provider.ClassThrottled:
		return provider.RetryAfter(wait, said)
	}
	return nil
}

// ofStatus classes an answer by its status. failed says that a 2xx named no class for its failure.
func ofStatus(a exchange.Answer, said *provider.VendorError, failed bool, now time.Time) error {
	s := a.Status
	said.Reason = cmp.Or(said.Reason, provider.ReasonOfStatus(s))
	switch {
	case s >= 200 && s < 300 && failed:
		return said
	case s >= 200 && s < 300:
		return provider.Misconfigured(fmt.Errorf(`%w: the answer is not {"status":"sent"}`, said))
	case s >= 300 && s < 400:
		said.Reason = provider.BadRequest
		return provider.Misconfigured(fmt.Errorf("%w: redirects are not followed", said))
	case s == http.StatusTooManyRequests, s == http.StatusServiceUnavailable && a.Header.Get("Retry-After") != "":
		said.Reason = provider.RateLimited
		return provider.RetryAfter(cmp.Or(exchange.RetryAfter(a.Header, now), defaultWait), said)
	case s == http.StatusUnauthorized, s == http.StatusForbidden, s == http.StatusNotFound, s == http.StatusMethodNotAllowed, s == http.StatusPaymentRequired,
		s == http.StatusRequestEntityTooLarge, s == http.StatusUnsupportedMediaType, s == http.StatusProxyAuthRequired:
		return provider.Misconfigured(said)
	case s == http.StatusTooEarly:
		said.Reason = provider.Temporary
		return said
	case s == http.StatusRequestTimeout:
		return said
	case s >= 400 && s < 500:
		return provider.Permanent(said)
	case s == http.StatusGatewayTimeout:
		said.Reason = provider.Unknown
		return fmt.Errorf("%w: %w", provider.ErrAmbiguous, said)
	case s >= 500 && s < 600:
		return said
	}
	return provider.Misconfigured(fmt.Errorf("%w: not an HTTP status", said))
}
