package lambda

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"countersign/internal/access"
	"countersign/internal/awsapi/lambda/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
)

// Service is the signing name of Lambda.
const Service = "lambda"

// Config says what the API stands on.
type Config struct {
	// Functions is the domain (*function.Service). Required.
	Functions Functions
	// Authorizer decides on signed calls. Required. If it is a wire.Prechecker, requests that it refuses are turned away before their body is read.
	Authorizer wire.Authorizer
	// BaseURLs are the declared base URLs under which this API is reached, for the links of GetFunction: the one whose host the request
	// names, else the first. Required.
	BaseURLs []string
	// Pages seals pagination tokens and the links; all nodes must share its key. Defaults to a key that lives as long as the process.
	Pages *wire.PageTokens
	// ClientIP tells the caller's address. Defaults to wire.RemoteIP.
	ClientIP func(*http.Request) netip.Addr
	// Dev adds hints to errors.
	Dev bool
	// Log gets internal errors. Defaults to slog.Default().
	Log *slog.Logger
	// Now defaults to time.Now.
	Now func() time.Time
	// Observe is called after each answer, if set. It must not block.
	Observe func(context.Context, wire.Event)
	// Uploads is how many bodies with packages are at work at once; each takes about 120 MB at most. Default 2.
	Uploads int
}

// Handler serves the API below its dated paths. Make it with New.
type Handler struct {
	c      Config
	routes routes
	slots  chan struct{}
}

// New checks c and returns its handler.
func New(c Config) (*Handler, error) {
	if c.Functions == nil || c.Authorizer == nil || len(c.BaseURLs) == 0 {
		return nil, errors.New("lambda: Functions, Authorizer and BaseURLs are required")
	}
	if c.Pages == nil {
		c.Pages = wire.EphemeralPageTokens()
	}
	if c.ClientIP == nil {
		c.ClientIP = wire.RemoteIP
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Uploads <= 0 {
		c.Uploads = 2
	}
	h := &Handler{c: c, slots: make(chan struct{}, c.Uploads)}
	var byName map[string]*endpoint
	h.routes, byName = newRoutes(api.Operations)
	for _, op := range h.operations() {
		e := byName[op.Name]
		if e == nil || e.run != nil {
			return nil, fmt.Errorf("lambda: operation %s is unknown or given twice", op.Name)
		}
		e.operation = op
	}
	return h, nil
}

// Implemented reports whether the operation has an implementation.
func (h *Handler) Implemented(name string) bool {
	for _, list := range h.routes {
		for _, e := range list {
			if e.Name == name {
				return e.run != nil
			}
		}
	}
	return false
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := h.c.Now()
	info := &wire.RequestInfo{
		ID: wire.NewRequestID(), Host: r.Host, ClientIP: h.c.ClientIP(r), UserAgent: cut(r.UserAgent(), 512),
		InvocationID: cut(r.Header.Get("Amz-Sdk-Invocation-Id"), 128),
	}
	a := &answer{w: w, info: info}
	if token, ok := downloadToken(r); ok {
		h.download(a, r, token)
	} else if res, err := h.serve(w, r, info); err != nil {
		h.writeError(r.Context(), a, err)
	} else if err := h.writeResult(a, res); err != nil {
		h.writeError(r.Context(), a, err)
	}
	if h.c.Observe != nil {
		h.c.Observe(r.Context(), wire.Event{RequestInfo: *info, Code: a.code, Error: a.name, Status: a.status, Duration: h.c.Now().Sub(start)})
	}
}

func cut(s string, n int) string { return s[:min(len(s), n)] }

// serve runs the request's operation. It writes nothing.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, info *wire.RequestInfo) (*result, error) {
	e, labels := h.routes.find(r)
	if e != nil {
		info.Operation = e.Name
	}
	switch {
	case wire.ForeignOrigin(r):
		return nil, fault.New(fault.OriginForbidden)
	case e == nil:
		return nil, &protocolError{unknown, "Unknown operation: Lambda has none of this method and path"}
	case e.run == nil:
		return nil, &protocolError{unsupported, "Countersign does not implement " + e.Name + "; the documentation lists the operations that are implemented"}
	}
	if err := h.precheck(r, e.Name); err != nil {
		return nil, err
	}
	if err := e.acceptable(r); err != nil {
		return nil, err
	}
	c := &call{h: h, r: r, info: info, source: source{labels: labels, query: r.URL.Query(), header: r.Header}}
	release, err := h.readBody(w, r, c, &e.operation)
	if err != nil {
		return nil, err
	}
	defer release()
	if info.Principal, err = h.c.Authorizer.Authorize(r.Context(), r, c.body, Service, e.Name, ""); err != nil {
		return nil, err
	}
	return run(access.With(wire.WithInfo(r.Context(), *info), info.Principal.Access), e, c)
}

// precheck turns away what cannot be authorised, whatever its body.
func (h *Handler) precheck(r *http.Request, action string) error {
	if r.Header.Get("Authorization") == "" && !strings.Contains(r.URL.RawQuery, "X-Amz-Signature=") {
		return fault.New(fault.Unauthenticated)
	}
	if p, ok := h.c.Authorizer.(wire.Prechecker); ok {
		return p.Precheck(r.Context(), r, Service, action, "")
	}
	return nil
}

// formTypes are the content types that a page may send without being asked for permission: no SDK sends them.
var formTypes = map[string]bool{"application/x-www-form-urlencoded": true, "multipart/form-data": true, "text/plain": true}

// acceptable refuses bodies that declare themselves to be something else than JSON. Most SDKs declare nothing, or an octet stream, for Invoke.
func (o *operation) acceptable(r *http.Request) error {
	ct := r.Header.Get("Content-Type")
	if ct == "" || r.ContentLength == 0 {
		return nil
	}
	if t, _, err := mime.ParseMediaType(ct); err != nil || formTypes[t] {
		return &protocolError{"UnsupportedMediaTypeException", "The content type of the request body is not JSON."}
	}
	return nil
}

// run calls the operation and turns a panic into an error.
func run(ctx context.Context, e *endpoint, c *call) (res *result, err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p == http.ErrAbortHandler {
			panic(p)
		}
		res, err = nil, fault.Internalf("panic: %v\n%s", p, debug.Stack())
	}()
	return e.run(ctx, c)
}
