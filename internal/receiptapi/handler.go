package receiptapi

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"countersign/internal/fault"
	"countersign/internal/receipt"
	"countersign/provider"
)

const (
	// maxBody bounds a callback: the largest known, of 100 receipts, has some 100 KB.
	maxBody = 256 << 10
	// maxURL bounds path and query; Vonage and MessageBird put whole receipts and texts there.
	maxURL = 16 << 10
	// atOnce is how many callbacks are at work by default, and readers times as many may be sending their bodies meanwhile; comeAgain is what the others
	// are told, in seconds.
	atOnce    = 128
	readers   = 4
	comeAgain = "5"
	// timeout bounds the work on one callback: services give up after 5 to 15 seconds.
	timeout = 10 * time.Second
)

// Options configure the handler.
type Options struct {
	// BaseURL returns the declared base URL that the request with a context came by (front.BaseURLOf). Required.
	BaseURL func(ctx context.Context) string
	// Log defaults to slog.Default(), Now to time.Now.
	Log *slog.Logger
	Now func() time.Time
	// AtOnce bounds the callbacks that are at work at once. Defaults to 128.
	AtOnce int
}

// Receipts is who takes callbacks (*receipt.Service). Errors are those of its Take.
type Receipts interface {
	// Open says whether there is such a door: nobody else's body is waited for.
	Open(ctx context.Context, kind, secret string) error
	Take(ctx context.Context, kind, secret string, c provider.Callback) (provider.Reply, error)
	TakeKeys(ctx context.Context, kind, secret string, c provider.Callback) (provider.Reply, error)
}

var _ Receipts = (*receipt.Service)(nil)

type handler struct {
	r Receipts
	o Options
	// reading are places for bodies that come in, places those for callbacks at work: who sends slowly holds up nobody else's work.
	reading, places chan struct{}
}

// New returns the handler. It panics without BaseURL, which is a mistake of the programmer.
func New(r Receipts, o Options) http.Handler {
	if o.BaseURL == nil {
		panic("receiptapi: Options.BaseURL is missing")
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.AtOnce <= 0 {
		o.AtOnce = atOnce
	}
	return &handler{r, o, make(chan struct{}, readers*o.AtOnce), make(chan struct{}, o.AtOnce)}
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	kind, secret, keys, ok := split(r.URL.Path)
	if !ok || len(r.URL.RawQuery) > maxURL {
		answer(w, http.StatusNotFound)
		return
	}
	if r.Method != http.MethodPost && r.Method != http.MethodGet {
		head.Set("Allow", "GET, POST")
		answer(w, http.StatusMethodNotAllowed)
		return
	}
	if err := h.r.Open(r.Context(), kind, secret); err != nil {
		h.fail(r.Context(), w, kind, err)
		return
	}
	if !enter(h.reading) {
		overloaded(w)
		return
	}
	c, status := h.callback(w, r)
	<-h.reading
	if status != 0 {
		answer(w, status)
		return
	}
	if !enter(h.places) {
		overloaded(w)
		return
	}
	defer func() { <-h.places }()
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	take := h.r.Take
	if keys {
		take = h.r.TakeKeys
	}
	reply, err := take(ctx, kind, secret, c)
	if err != nil {
		h.fail(ctx, w, kind, err)
		return
	}
	write(w, reply)
}

func enter(places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
		return false
	}
}

// split takes /receipts/{kind}/{secret} apart, with or without /keys.
func split(path string) (kind, secret string, keys, ok bool) {
	rest, ok := strings.CutPrefix(path, receipt.Path)
	if !ok {
		return "", "", false, false
	}
	kind, secret, ok = strings.Cut(rest, "/")
	secret, keys = strings.CutSuffix(secret, "/keys")
	return kind, secret, keys, ok && kind != "" && secret != "" && !strings.Contains(secret, "/")
}

// callback reads a request as its provider will see it, or says why not.
func (h *handler) callback(w http.ResponseWriter, r *http.Request) (provider.Callback, int) {
	base := h.o.BaseURL(r.Context())
	exact := base + r.URL.EscapedPath()
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		exact += "?" + r.URL.RawQuery
	}
	u, err := url.Parse(exact)
	if err != nil || base == "" {
		return provider.Callback{}, http.StatusNotFound
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return provider.Callback{}, http.StatusRequestEntityTooLarge
	}
	if err != nil {
		return provider.Callback{}, http.StatusBadRequest
	}
	return provider.Callback{Method: r.Method, URL: u, Header: r.Header, Body: body, Now: h.o.Now()}, 0
}

// fail is the answer to a callback that was not taken.
func (h *handler) fail(ctx context.Context, w http.ResponseWriter, kind string, err error) {
	switch fault.CodeOf(err) {
	case fault.ResourceNotFound:
		answer(w, http.StatusNotFound)
	case fault.AccessDenied:
		answer(w, http.StatusForbidden)
	case fault.InvalidParameter:
		answer(w, http.StatusBadRequest)
	case fault.Overloaded:
		overloaded(w)
	default:
		h.o.Log.ErrorContext(ctx, "a callback could not be taken", "kind", kind, "error", err)
		w.Header().Set("Retry-After", comeAgain)
		answer(w, http.StatusServiceUnavailable)
	}
}

func overloaded(w http.ResponseWriter) {
	w.Header().Set("Retry-After", comeAgain)
	answer(w, http.StatusTooManyRequests)
}

// answer writes one of our own few words.
func answer(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, http.StatusText(status)+"\n")
}

// write writes the reply of a provider.
func write(w http.ResponseWriter, r provider.Reply) {
	if len(r.Body) > 0 && r.ContentType != "" {
		w.Header().Set("Content-Type", r.ContentType)
	}
	status := r.Status
	if status < 200 || status > 599 {
		status = http.StatusOK
	}
	w.WriteHeader(status)
	_, _ = w.Write(r.Body)
}
