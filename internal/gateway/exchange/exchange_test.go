package exchange

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"countersign/internal/secret"
	"countersign/provider"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func caller() Caller {
	return Caller{Client: http.DefaultClient, Name: "acme", Now: func() time.Time { return now }, MaxAnswer: 100, Hide: []secret.String{secret.New("opensesame"), {}}}
}

func serve(t testing.TB, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestDo(t *testing.T) {
	for name, c := range map[string]struct {
		status     int
		body, kind string
		wantErr    bool
		wantBroken bool
	}{
		"whole":               {200, "{}", "Application/JSON; charset=utf-8", false, false},
		"as long as may be":   {200, strings.Repeat("x", 100), "application/json", false, false},
		"too long":            {200, strings.Repeat("x", 101), "application/json", true, true},
		"too long a refusal":  {500, strings.Repeat("x", 101), "application/json", false, true},
		"redirect":            {302, "", "application/json", false, false},
		"created, too long":   {201, strings.Repeat("x", 1000), "application/json", true, true},
		"not found, as it is": {404, "no", "application/json", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			to := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				n++
				w.Header().Set("Content-Type", c.kind)
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			})
			req, err := Get(to + "/a?b=c")
			if err != nil {
				t.Fatal(err)
			}
			a, err := caller().Do(t.Context(), req)
			if (err != nil) != c.wantErr || err != nil && !errors.Is(err, provider.ErrAmbiguous) || (a.Broken != nil) != c.wantBroken || a.Status != c.status || n != 1 {
				t.Errorf("%+v, %v, %d requests", a, err, n)
			}
			if a.Broken == nil && string(a.Body) != c.body || a.Broken != nil && a.Body != nil || a.MediaType != "application/json" {
				t.Errorf("%+v", a)
			}
		})
	}
}

// The whole exchange is bounded, body included, and what failed says whether something was written.
func TestTimeout(t *testing.T) {
	over := make(chan struct{})
	to := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			io.WriteString(w, "{")
			http.NewResponseController(w).Flush()
		}
		<-over
	})
	defer close(over)
	c := caller()
	c.Timeout = 100 * time.Millisecond
	for _, path := range []string{"/head", "/body"} {
		req, _ := Get(to + path)
		if _, err := c.Do(context.Background(), req); !errors.Is(err, provider.ErrAmbiguous) || !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: %v", path, err)
		}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	req, _ := Get(to)
	if _, err := c.Do(canceled, req); err == nil || errors.Is(err, provider.ErrAmbiguous) || provider.ReasonOf(err) != provider.Temporary {
		t.Error(err)
	}
}

func TestRequests(t *testing.T) {
	form, err := Form("https://x.example/p", url.Values{"To": {"+1"}, "Body": {"a&b"}})
	body, _ := io.ReadAll(form.Body)
	if err != nil || string(body) != "Body=a%26b&To=%2B1" || form.Method != http.MethodPost || form.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("%s %v", body, err)
	}
	j, err := JSON("https://x.example/p", map[string]string{"text": "<€&"})
	body, _ = io.ReadAll(j.Body)
	if err != nil || string(body) != `{"text":"<€&"}` || j.Header.Get("Content-Type") != "application/json" || j.ContentLength != int64(len(body)) {
		t.Errorf("%s %v", body, err)
	}
	get, err := Get("https://x.example/p")
	if err != nil || get.Method != http.MethodGet || get.Header.Get("Content-Type") != "" || get.Header.Get("Accept") != "application/json" {
		t.Error(get, err)
	}
	for _, bad := range []func() (*http.Request, error){
		func() (*http.Request, error) { return Get("http://host name/secret") }, func() (*http.Request, error) { return JSON("https://x", func() {}) },
	} {
		if _, err := bad(); err == nil || strings.Contains(err.Error(), "secret") {
			t.Error(err)
		}
	}
}

func TestAnswerJSON(t *testing.T) {
	for _, c := range []struct {
		kind, body string
		broken     error
		want       bool
	}{
		{"application/json", `{"x":1}`, nil, true}, {"text/json", ` {"x":1} `, nil, true}, {"application/problem+json", `{}`, nil, true},
		{"text/html", `{"x":1}`, nil, false}, {"", `{}`, nil, false}, {"application/json", `{}{}`, nil, false}, {"application/json", ``, nil, false},
		{"application/json", `{}`, errTooLong, false}, {"application/json", `[]`, nil, false},
	} {
		var v struct{ X int }
		if got := (Answer{MediaType: c.kind, Body: []byte(c.body), Broken: c.broken}).JSON(&v); got != c.want {
			t.Errorf("%s %s: %v", c.kind, c.body, got)
		}
	}
}

func TestRefused(t *testing.T) {
	m := provider.Message{To: "+12025550123", Text: "Hello Ann\nyour code is A1B2C3", Code: "A1B2C3"}
	for name, c := range map[string]struct {
		a          Answer
		r          provider.Reason
		code, text string
		class      provider.Class
		reason     provider.Reason
		after      time.Duration
		said       string
	}{
		"the code's":         {Answer{Status: 400}, provider.OptedOut, "21610", "STOP", provider.ClassPermanent, provider.OptedOut, 0, "acme: 21610 STOP"},
		"the status's":       {Answer{Status: 401}, "", "", "", provider.ClassMisconfigured, provider.AuthFailed, 0, "acme: 401 Unauthorized"},
		"redirect":           {Answer{Status: 307}, "", "", "", provider.ClassMisconfigured, provider.BadRequest, 0, "acme: 307 Temporary Redirect"},
		"foreign":            {Answer{Status: 200}, "", "", "", provider.ClassRetryable, provider.Unknown, 0, "acme: 200 the answer is not the service's"},
		"no status":          {Answer{Status: 799}, "", "", "", provider.ClassRetryable, provider.Unknown, 0, "acme: 799 no HTTP status"},
		"gateway timeout":    {Answer{Status: 504}, "", "", "", provider.ClassAmbiguous, provider.Unknown, 0, "provider: the outcome is unknown: acme: 504 Gateway Timeout"},
		"504 with a code":    {Answer{Status: 504}, provider.Temporary, "7", "x", provider.ClassRetryable, provider.Temporary, 0, "acme: 7 x"},
		"busy":               {Answer{Status: 429, Header: http.Header{"Retry-After": {"7"}}}, "", "", "", provider.ClassThrottled, provider.RateLimited, 7 * time.Second, "acme: 429 Too Many Requests"},
		"busy, silent":       {Answer{Status: 429}, "", "", "", provider.ClassThrottled, provider.RateLimited, 0, "acme: 429 Too Many Requests"},
		"what is private":    {Answer{Status: 400}, "", "1", "no A1B2C3 to (202) 555-0123 nor 12025550123: opensesame", provider.ClassMisconfigured, provider.BadRequest, 0, "acme: 1 no [redacted] to *** nor [redacted]: [redacted]"},
		"a line of it":       {Answer{Status: 400}, "", "1", "bad:\n your code is A1B2C3", provider.ClassMisconfigured, provider.BadRequest, 0, "acme: 1 bad: [redacted]"},
		"a long sentence":    {Answer{Status: 400}, "", strings.Repeat("9", 100), strings.Repeat("é", 300), provider.ClassMisconfigured, provider.BadRequest, 0, "acme: " + strings.Repeat("9", 64) + " " + strings.Repeat("é", 100)},
		"not in this coding": {Answer{Status: 400}, "", "1", "a\xffb", provider.ClassMisconfigured, provider.BadRequest, 0, "acme: 1 a?b"},
	} {
		err := caller().Refused(c.a, m, c.r, c.code, c.text)
		if class, after := provider.ClassOf(err); class != c.class || after != c.after || provider.ReasonOf(err) != c.reason || err.Error() != c.said {
			t.Errorf("%s: %s %s %v: %v", name, class, provider.ReasonOf(err), after, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "0": time.Second, "-1": 0, "99999": time.Hour, "99999999999999999999": 0, "soon": 0,
		now.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second, now.Add(-time.Hour).Format(http.TimeFormat): time.Second,
		now.Add(48 * time.Hour).Format(http.TimeFormat): time.Hour,
	} {
		if got := RetryAfter(http.Header{"Retry-After": {in}}, now); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

func TestWithoutNumbers(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "call +1 (202) 555-0123 now": "call *** now", "12025550123": "***", "code 12345.": "code ***.", "1234": "1234", "error 42": "error 42",
		"202.555.0123": "***", "a1b2c3d4e5": "a1b2c3d4e5", "00 44 7700 900123": "***",
	} {
		if got := WithoutNumbers(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func BenchmarkDo(b *testing.B) {
	to := serve(b, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") })
	c := caller()
	b.ReportAllocs()
	for b.Loop() {
		req, _ := Form(to, url.Values{"To": {"+12025550123"}})
		if _, err := c.Do(b.Context(), req); err != nil {
			b.Fatal(err)
		}
	}
}

// A connection that does not come about in time leaves nothing in doubt.
func TestNoConnection(t *testing.T) {
	c := caller()
	c.Timeout = 10 * time.Millisecond
	c.Client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}}
	req, err := JSON("http://nowhere.example/", 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(t.Context(), req); !errors.Is(err, provider.ErrNotSent) || errors.Is(err, provider.ErrAmbiguous) {
		t.Error(err)
	}
}
