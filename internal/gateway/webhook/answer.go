package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"countersign/provider"
)

const (
	defaultWait = 30 * time.Second
	maxWait     = time.Hour
)

// answer is the body that a webhook may answer with.
type answer struct {
	Status     string  `json:"status"`
	ID         string  `json:"id"`
	Segments   int     `json:"segments"`
	Class      string  `json:"class"`
	Code       string  `json:"code"`
	Error      string  `json:"error"`
	RetryAfter float64 `json:"retry_after"`
}

// judge decides what an answer means; the table is in the package comment.
func (p *Provider) judge(res *http.Response, raw []byte, readErr error) (provider.Receipt, error) {
	ok := res.StatusCode == http.StatusOK || res.StatusCode == http.StatusCreated || res.StatusCode == http.StatusAccepted
	if readErr != nil && ok {
		return provider.Receipt{}, fmt.Errorf("webhook: %w: the answer broke off: %w", provider.ErrAmbiguous, withoutURL(readErr))
	}
	var a answer
	isJSON := readErr == nil && len(raw) <= maxAnswer && json.Unmarshal(raw, &a) == nil
	if !isJSON {
		a = answer{}
	}
	vendor := &provider.VendorError{Provider: p.c.Name, VendorCode: strconv.Itoa(res.StatusCode), Text: http.StatusText(res.StatusCode)}
	if a.Code != "" {
		vendor.VendorCode = short(a.Code, 64)
	}
	if a.Error != "" {
		vendor.Text = short(a.Error, 200)
	}
	switch {
	case a.Status == "failed" && a.Class != "":
		if err := a.classed(vendor, res, p.c.Now()); err != nil {
			return provider.Receipt{}, err
		}
	case ok && (a.Status == "sent" || a.Status == "accepted"):
		return provider.Receipt{ProviderID: short(a.ID, 128), Segments: min(max(a.Segments, 0), 255), Raw: a.Status}, nil
	}
	return provider.Receipt{}, classOfStatus(res, vendor, a.Status == "failed", p.c.Now())
}

// classed is the class that the answer itself names, nil if it is none.
func (a *answer) classed(err error, res *http.Response, now time.Time) error {
	switch provider.Class(a.Class) {
	case provider.ClassPermanent:
		return provider.Permanent(err)
	case provider.ClassMisconfigured:
		return provider.Misconfigured(err)
	case provider.ClassRetryable:
		return err
	case provider.ClassAmbiguous:
		return fmt.Errorf("%w: %w", provider.ErrAmbiguous, err)
	case provider.ClassThrottled:
		wait := retryAfter(res, now)
		if a.RetryAfter > 0 && a.RetryAfter < maxWait.Seconds() {
			wait = max(time.Duration(a.RetryAfter*float64(time.Second)), time.Second)
		}
		return provider.RetryAfter(wait, err)
	}
	return nil
}

// classOfStatus classes an answer by its status. failed says that a 2xx named no class for its failure.
func classOfStatus(res *http.Response, err error, failed bool, now time.Time) error {
	switch s := res.StatusCode; {
	case s >= 200 && s < 300 && failed:
		return err
	case s >= 200 && s < 300:
		return provider.Misconfigured(fmt.Errorf(`%w: the answer is not {"status":"sent"}`, err))
	case s >= 300 && s < 400:
		return provider.Misconfigured(fmt.Errorf("%w: redirects are not followed", err))
	case s == http.StatusTooManyRequests, s == http.StatusServiceUnavailable && res.Header.Get("Retry-After") != "":
		return provider.RetryAfter(retryAfter(res, now), err)
	case s == http.StatusUnauthorized, s == http.StatusForbidden, s == http.StatusNotFound, s == http.StatusMethodNotAllowed,
		s == http.StatusRequestEntityTooLarge, s == http.StatusUnsupportedMediaType, s == http.StatusProxyAuthRequired:
		return provider.Misconfigured(err)
	case s == http.StatusRequestTimeout, s == http.StatusTooEarly:
		return err
	case s >= 400 && s < 500:
		return provider.Permanent(err)
	case s == http.StatusGatewayTimeout:
		return fmt.Errorf("%w: %w", provider.ErrAmbiguous, err)
	case s >= 500 && s < 600:
		return err
	}
	return provider.Misconfigured(errors.Join(err, errors.New("webhook: not an HTTP status")))
}

// retryAfter reads the header (RFC 9110, section 10.2.3).
func retryAfter(res *http.Response, now time.Time) time.Duration {
	h := strings.TrimSpace(res.Header.Get("Retry-After"))
	if n, err := strconv.Atoi(h); err == nil && n >= 0 {
		return min(max(time.Duration(min(n, int(maxWait.Seconds())))*time.Second, time.Second), maxWait)
	}
	if at, err := http.ParseTime(h); err == nil {
		return min(max(at.Sub(now), time.Second), maxWait)
	}
	return defaultWait
}

func short(s string, n int) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}
