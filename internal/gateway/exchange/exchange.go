package exchange

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"countersign/internal/secret"
	"countersign/internal/tracing"
	"countersign/provider"
)

const (
	// DefaultTimeout bounds an exchange (the vendors' own clients: 10 to 30 s).
	DefaultTimeout = 10 * time.Second
	// DefaultMaxAnswer bounds the body of an answer, in bytes.
	DefaultMaxAnswer = 64 << 10
)

// Caller makes exchanges with one service. It is safe for concurrent use.
type Caller struct {
	// Client makes the requests; it brings the rules for addresses. Required.
	Client *http.Client
	// Name is the provider's name, for errors.
	Name string
	// Timeout bounds one exchange with its body. Defaults to DefaultTimeout.
	Timeout time.Duration
	// MaxAnswer bounds the body of an answer, in bytes. Defaults to DefaultMaxAnswer.
	MaxAnswer int64
	// Now defaults to time.Now.
	Now func() time.Time
	// Hide is what must not stand in an error: keys, tokens.
	Hide []secret.String
}

// Answer is what the service answered.
type Answer struct {
	Status int
	Header http.Header
	// Body is whole, or nil.
	Body []byte
	// MediaType is in lower case and without parameters, or empty.
	MediaType string
	// Broken is why there is no body although there was one: too long, or cut off.
	Broken error
}

// errTooLong is Answer.Broken for a body of more than MaxAnswer.
var errTooLong = errors.New("the answer is too long")

// Do makes the request once, with ctx; see the package comment for what it returns.
func (c Caller) Do(ctx context.Context, req *http.Request) (Answer, error) {
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ctx, span := tracing.Start(ctx, c.Name)
	var a Answer
	defer func() { span.SetInt("status", a.Status); span.End("") }()
	var wrote atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { wrote.Store(true) }})
	client := *c.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(req.WithContext(ctx))
	if err != nil {
		if err = withoutURL(err); wrote.Load() {
			return Answer{}, fmt.Errorf("%s: %w: no answer: %w", c.Name, provider.ErrAmbiguous, err)
		}
		return Answer{}, fmt.Errorf("%s: %w: %w", c.Name, provider.ErrNotSent, err)
	}
	defer res.Body.Close()
	a = Answer{Status: res.StatusCode, Header: res.Header}
	if kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err == nil {
		a.MediaType = kind
	}
	a.Body, a.Broken = c.read(res.Body)
	if a.Broken != nil && a.ok() {
		return a, fmt.Errorf("%s: %w: %w", c.Name, provider.ErrAmbiguous, a.Broken)
	}
	return a, nil
}

func (c Caller) read(body io.Reader) ([]byte, error) {
	most := c.MaxAnswer
	if most <= 0 {
		most = DefaultMaxAnswer
	}
	raw, err := io.ReadAll(io.LimitReader(body, most+1))
	if err != nil {
		return nil, fmt.Errorf("the answer broke off: %w", withoutURL(err))
	}
	if int64(len(raw)) > most {
		return nil, errTooLong
	}
	return raw, nil
}

func (a Answer) ok() bool { return a.Status >= 200 && a.Status < 300 }

// JSON decodes a body that is exactly one JSON value and says so by its media type (application/json, text/json, or +json). It reports
// whether it is; v may be half filled if not.
func (a Answer) JSON(v any) bool {
	kind := a.MediaType
	if kind != "application/json" && kind != "text/json" && !strings.HasSuffix(kind, "+json") {
		return false
	}
	return a.Broken == nil && json.Unmarshal(a.Body, v) == nil
}

// Form makes a POST of a form.
func Form(to string, values url.Values) (*http.Request, error) {
	return request(http.MethodPost, to, "application/x-www-form-urlencoded", []byte(values.Encode()))
}

// JSON makes a POST of v as JSON. HTML characters are not escaped.
func JSON(to string, v any) (*http.Request, error) {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, errors.New("the request cannot be written as JSON")
	}
	return request(http.MethodPost, to, "application/json", bytes.TrimSuffix(body.Bytes(), []byte("\n")))
}

// Get makes a GET.
func Get(to string) (*http.Request, error) { return request(http.MethodGet, to, "", nil) }

// request makes a request without a context; Do brings it. Its errors hold no URL.
func request(method, to, kind string, body []byte) (*http.Request, error) {
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, to, r)
	if err != nil {
		return nil, errors.New("the request cannot be made")
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Countersign/1")
	return req, nil
}

// withoutURL drops what net/http puts around an error: the URL may hold an account or a key.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
