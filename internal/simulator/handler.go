package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"countersign/internal/ui"
)

const (
	pagePath   = "/simulator/"
	assetsPath = "/simulator/assets/"
	// maxBody bounds a request body, in bytes.
	maxBody = 64 << 10
	// maxStreams bounds event streams and waiting lists open at once.
	maxStreams = 64
)

// HandlerOptions configure Handler. Only Inbox is required.
type HandlerOptions struct {
	Inbox *Inbox
	// OnInbound is told of each text typed on a phone, after it was kept. An error is answered as 500.
	OnInbound func(ctx context.Context, from, text string) error
	// Reset brings the start state back, before the inbox is emptied. Nil: only the inbox is emptied.
	Reset func(ctx context.Context) error
	// Sandbox reports whether the SMS account is in its sandbox, SetSandbox puts it there or takes it out. Nil: there is no sandbox, and its path answers
	// 501.
	Sandbox    func(ctx context.Context) (bool, error)
	SetSandbox func(ctx context.Context, on bool) error
	// BaseURL, Region and ClientID appear in the commands that the page offers to copy. Defaults: the start state of
	// dev mode, http://localhost:7446, us-local-1 and countersigndevclient.
	BaseURL, Region, ClientID string
	// Location is the time zone of the page until its script knows better. Default time.Local.
	Location *time.Location
	// Heartbeat is the longest silence of an event stream. Default 15 s.
	Heartbeat time.Duration
	// Logger hears of errors, never of texts. Default: discard.
	Logger *slog.Logger
}

// Handler serves everything under /simulator/. Mount it only in dev mode, behind the check of the Host header.
// It panics without an Inbox.
func Handler(o HandlerOptions) http.Handler {
	if o.Inbox == nil {
		panic("simulator: Handler without an Inbox")
	}
	if o.BaseURL == "" {
		o.BaseURL = "http://localhost:7446"
	}
	if o.Region == "" {
		o.Region = "us-local-1"
	}
	if o.ClientID == "" {
		o.ClientID = "countersigndevclient"
	}
	if o.Location == nil {
		o.Location = time.Local
	}
	if o.Heartbeat <= 0 {
		o.Heartbeat = 15 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	h := &handler{HandlerOptions: o, streams: make(chan struct{}, maxStreams)}
	assets := ui.Assets(assetsPath)
	routes := h.routes()
	return ownOrigin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, assetsPath) {
			assets.ServeHTTP(w, r)
			return
		}
		route(routes, w, r)
	}))
}

type handler struct {
	HandlerOptions
	streams chan struct{} // one token for each open stream
}

type methods map[string]http.HandlerFunc

func (h *handler) routes() map[string]methods {
	return map[string]methods{
		"/simulator": {"GET": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, pagePath, http.StatusMovedPermanently)
		}},
		pagePath:                  {"GET": h.page},
		"/simulator/inbox":        {"GET": h.list, "DELETE": h.clear},
		"/simulator/inbox/events": {"GET": h.events},
		"/simulator/inbound":      {"POST": h.inbound},
		"/simulator/reset":        {"POST": h.reset},
		"/simulator/sandbox":      {"GET": h.getSandbox, "PUT": h.putSandbox},
		"/simulator/faults":       {"GET": h.getFaults, "PUT": h.putFaults, "DELETE": h.deleteFaults},
	}
}

// route answers unknown paths and methods as JSON too, which http.ServeMux does not.
func route(routes map[string]methods, w http.ResponseWriter, r *http.Request) {
	m, ok := routes[r.URL.Path]
	if !ok {
		writeError(w, http.StatusNotFound, "not_found", "there is nothing at this path of the simulator", "")
		return
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	serve, ok := m[method]
	if !ok {
		w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(m)), ", "))
		writeError(w, http.StatusMethodNotAllowed, "method_not_allowed", "this path does not know the method", "")
		return
	}
	serve(w, r)
}

// apiError is the body of every refusal.
type apiError struct {
	Error   string `json:"error"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
}

func writeError(w http.ResponseWriter, status int, code, message, field string) {
	writeJSON(w, status, apiError{code, message, field})
}

func badRequest(w http.ResponseWriter, field, message string) {
	writeError(w, http.StatusBadRequest, "invalid_parameter", message, field)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the reader is gone; there is nobody to tell
}

// readJSON decodes one bounded JSON object of known fields into v. If it cannot, it answers and returns false.
func readJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if err == nil {
		if _, err = dec.Token(); errors.Is(err, io.EOF) {
			return true
		}
		err = errors.New("more than one JSON value")
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		writeError(w, http.StatusRequestEntityTooLarge, "too_large", "the body is longer than 64 KiB", "")
		return false
	}
	field := ""
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field = t.Field
	} else if _, name, ok := strings.Cut(err.Error(), "json: unknown field "); ok {
		field = strings.Trim(name, `"`)
	}
	badRequest(w, field, "the body is not the JSON that is expected here: "+strings.TrimPrefix(err.Error(), "json: "))
	return false
}
