package providertest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// Request is a request as the service got it.
type Request struct {
	Method string
	URL    *url.URL
	Header http.Header
	Body   []byte
}

// Form returns the body's form, nil if it is none.
func (r Request) Form() url.Values {
	form, err := url.ParseQuery(string(r.Body))
	if err != nil {
		return nil
	}
	return form
}

// JSON returns the body's JSON object, nil if it is none.
func (r Request) JSON() map[string]any {
	var out map[string]any
	if json.Unmarshal(r.Body, &out) != nil {
		return nil
	}
	return out
}

// RequestOf records a request and puts its body back.
func RequestOf(q *http.Request) Request {
	var body []byte
	if q.Body != nil {
		body, _ = io.ReadAll(q.Body)
		q.Body = io.NopCloser(bytes.NewReader(body))
	}
	return Request{Method: q.Method, URL: q.URL, Header: q.Header.Clone(), Body: body}
}

// Service is a scripted server that keeps the requests it got.
type Service struct {
	// URL is its base.
	URL string

	mu   sync.Mutex
	seen []Request
}

// Serve starts a service whose requests are answered by script; bodies are read before. It ends with the test.
func Serve(t testing.TB, script http.HandlerFunc) *Service {
	s := &Service{}
	over := make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r := RequestOf(q)
		s.mu.Lock()
		s.seen = append(s.seen, r)
		s.mu.Unlock()
		ctx, cancel := contextUntil(q.Context(), over)
		defer cancel()
		script(w, q.WithContext(ctx))
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(over) }) // first, or Close waits for those that hang
	s.URL = server.URL
	return s
}

// Requests returns what came so far.
func (s *Service) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.seen...)
}

// handler answers a.
func (a Answer) handler(secrets []string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		a.head(w)
		io.WriteString(w, a.body(secrets))
	}
}

func (a Answer) head(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	for k, v := range a.Header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(cmp.Or(a.Status, http.StatusOK))
}

const echo = "{echo}"

func containsEcho(s string) bool { return strings.Contains(s, echo) }

// body is the text with the echo in it: what services repeat in their sentences.
func (a Answer) body(secrets []string) string {
	said := append([]string{To, strings.TrimPrefix(To, "+"), Code, Message("").Text}, secrets...)
	return strings.ReplaceAll(a.Body, echo, strings.Join(said, " "))
}

// with returns a changed.
func (a Answer) with(change func(*Answer)) Answer {
	header := map[string]string{}
	for k, v := range a.Header {
		header[k] = v
	}
	a.Header = header
	change(&a)
	return a
}
