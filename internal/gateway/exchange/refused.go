package exchange

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"countersign/internal/secret"
	"countersign/provider"
)

const (
	// maxWait bounds what Retry-After is believed.
	maxWait = time.Hour
	// maxCode and maxText bound a vendor's code and sentence, in bytes.
	maxCode, maxText = 64, 200
	// shortestSecret is from where a value is looked for in a vendor's sentence.
	shortestSecret = 4
)

// Refused is the error of an answer that is no success. r is what the service's code means; if it is empty, the status decides
// (provider.ReasonOfStatus; 3xx is provider.BadRequest, 504 ambiguous). code and text are the service's own; without a code it is the
// status. What m says and to whom is taken out of the text; m may be the zero Message.
func (c Caller) Refused(a Answer, m provider.Message, r provider.Reason, code, text string) error {
	said := &provider.VendorError{Provider: c.Name, VendorCode: Short(code, maxCode), Text: c.Clean(text, m)}
	if said.VendorCode == "" {
		said.VendorCode = strconv.Itoa(a.Status)
	}
	if said.Text == "" {
		said.Text = cmp.Or(http.StatusText(a.Status), "no HTTP status")
		if a.ok() {
			said.Text = "the answer is not the service's"
		}
	}
	if r == "" && a.Status == http.StatusGatewayTimeout {
		said.Reason = provider.Unknown
		return fmt.Errorf("%w: %w", provider.ErrAmbiguous, said)
	}
	if r == "" && a.Status >= 300 && a.Status < 400 {
		r = provider.BadRequest
	}
	if r == "" {
		r = provider.ReasonOfStatus(a.Status)
	}
	var after time.Duration
	if r == provider.RateLimited {
		after = RetryAfter(a.Header, c.now())
	}
	return provider.Fail(r, after, said)
}

// NotKnown is the error of a Poll after whose answer the service does not know the message. text is for people.
func (c Caller) NotKnown(a Answer, text string) error {
	return fmt.Errorf("%w: %w", provider.ErrNotKnown, c.Refused(a, provider.Message{}, provider.Temporary, "", text))
}

func (c Caller) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

// Clean is a vendor's sentence as it may be stored and shown: short, on one line, without numbers, keys and what m says.
func (c Caller) Clean(text string, m provider.Message) string {
	hide := []string{m.Text, m.Code, m.To, strings.TrimPrefix(m.To, "+")}
	for line := range strings.Lines(m.Text) {
		if line = strings.TrimSpace(line); len(line) >= 2*shortestSecret {
			hide = append(hide, line)
		}
	}
	for _, s := range c.Hide {
		hide = append(hide, s.Reveal())
	}
	text = secret.Hide(text, hide, shortestSecret)
	text = credentials.ReplaceAllString(text, "${1} ***")
	text = doors.ReplaceAllString(text, "${1}***")
	return Short(WithoutNumbers(strings.Join(strings.Fields(text), " ")), maxText)
}

// Services that quote a request quote its credentials in the form of a header, and the URL that they are to report to, whose secret opens it.
var (
	credentials = regexp.MustCompile(`(?i)\b(basic|bearer) +[a-z0-9+/=._~-]{8,}`)
	doors       = regexp.MustCompile(`(?i)((?:/|%2f)receipts(?:/|%2f)[a-z0-9-]+(?:/|%2f))[a-z0-9_-]{20,}`)
)

// RetryAfter reads the header of that name, seconds or a date (RFC 9110, section 10.2.3): 1 s to 1 h, 0 if it does not say.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseInt(v, 10, 64); err == nil && n >= 0 {
		return time.Duration(min(max(n, 1), int64(maxWait/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(at.Sub(now), time.Second), maxWait)
	}
	return 0
}

// digits are five or more, with what stands between those of a telephone number.
var digits = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\+?\(?\d(?:[ ()./\-]{0,2}\d){4,}`) })

// WithoutNumbers puts *** in place of everything in a vendor's text that may be a telephone number or a code.
func WithoutNumbers(text string) string { return digits().ReplaceAllString(text, "***") }

// Short cuts text to n bytes, at a character, and replaces what is not UTF-8.
func Short(text string, n int) string {
	text = strings.ToValidUTF8(text, "?")
	if len(text) > n {
		text = strings.ToValidUTF8(text[:n], "")
	}
	return text
}
