package query

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"countersign/internal/access"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
)

// DefaultMaxBody is the default of Config.MaxBody, 1 MiB: SNS takes 256 KiB of text, which a form may triple.
const DefaultMaxBody = 1 << 20

// Config says what a Handler serves.
type Config struct {
	// Service is the signing name ("sns"), Version what the parameter Version must say, Namespace that of the answers. Required.
	Service, Version, Namespace string
	// Known lists all operations of the model; those without an Operation answer UnsupportedOperationException by name.
	Known []wire.Meta
	// Operations are the implemented operations. Every one needs a signature, whatever its class says.
	Operations []Operation
	// Authorizer decides on every call, with the operation's name as the action and no resource. Required.
	Authorizer wire.Authorizer
	// Exceptions are those of the model, by name.
	Exceptions map[string]Exception
	// Errors words every fault code. Names are those of the model: code and status on the wire follow from Exceptions, as far as a name is there and
	// the status is not given.
	Errors map[fault.Code]wire.ErrorShape
	// ErrorOf words single errors otherwise; it reports false to leave one to the table. Optional.
	ErrorOf func(operation string, f *fault.Error) (wire.ErrorShape, bool)
	// Dev adds the header X-Countersign-Hint to errors that have a hint.
	Dev bool
	// Observe is called after each answer, if set. It must not block.
	Observe func(context.Context, wire.Event)
	// MaxBody is the largest body in bytes. Defaults to DefaultMaxBody.
	MaxBody int64
	// ClientIP tells the caller's address. Defaults to wire.RemoteIP.
	ClientIP func(*http.Request) netip.Addr
	// Log gets internal errors and panics. Defaults to slog.Default().
	Log *slog.Logger
	// Now defaults to time.Now.
	Now func() time.Time
}

// Handler serves the operations of one API. Make it with New.
type Handler struct {
	c     Config
	known map[string]*Operation
}

// New checks c and returns its Handler. The error names every problem: codes without an ErrorShape, operations that the model lacks or that come twice,
// missing fields.
func New(c Config) (*Handler, error) {
	if c.MaxBody <= 0 {
		c.MaxBody = DefaultMaxBody
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
	h := &Handler{c: c, known: make(map[string]*Operation, len(c.Known))}
	var problems []error
	if c.Service == "" || c.Version == "" || c.Namespace == "" || c.Authorizer == nil {
		problems = append(problems, errors.New("query: Service, Version, Namespace and Authorizer are required"))
	}
	for _, m := range c.Known {
		h.known[m.Name] = &Operation{Meta: m}
	}
	for _, op := range c.Operations {
		if known := h.known[op.Name]; known == nil || known.run != nil {
			problems = append(problems, fmt.Errorf("query: %s: operation %s is unknown or given twice", c.Service, op.Name))
			continue
		}
		h.known[op.Name] = &op
	}
	for _, code := range fault.Codes() {
		if c.Errors[code].Name == "" {
			problems = append(problems, fmt.Errorf("query: %s: no wording for code %s", c.Service, code))
		}
	}
	return h, errors.Join(problems...)
}

// Implemented reports whether the operation has an implementation.
func (h *Handler) Implemented(name string) bool {
	op := h.known[name]
	return op != nil && op.run != nil
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := h.c.Now()
	info := &wire.RequestInfo{
		ID: wire.NewRequestID(), Host: r.Host, ClientIP: h.c.ClientIP(r), UserAgent: cut(r.UserAgent(), 512),
		InvocationID: cut(r.Header.Get("Amz-Sdk-Invocation-Id"), 128), Language: cut(r.Header.Get("Accept-Language"), 128),
	}
	op, out, err := h.serve(r, info)
	event := wire.Event{RequestInfo: *info, Status: http.StatusOK}
	if err == nil {
		h.writeResult(w, op, out, info.ID)
	} else {
		var rep report
		rep, event.Code = h.report(r.Context(), info, err)
		event.Error, event.Status = rep.code, rep.status
		h.writeReport(w, info.Operation, &rep, info.ID)
	}
	if h.c.Observe != nil {
		event.Duration = h.c.Now().Sub(start)
		h.c.Observe(r.Context(), event)
	}
}

func cut(s string, n int) string { return strings.ToValidUTF8(s[:min(len(s), n)], "") }

// serve runs the request's operation. It writes nothing.
func (h *Handler) serve(r *http.Request, info *wire.RequestInfo) (*Operation, any, error) {
	body, err := h.read(r)
	if err != nil {
		return nil, nil, err
	}
	form, wrong := parse(body)
	if wrong != nil {
		return nil, nil, wrong
	}
	op, err := h.route(form, info)
	if err != nil {
		return op, nil, err
	}
	if info.Principal, err = h.c.Authorizer.Authorize(r.Context(), r, body, h.c.Service, op.Name, ""); err != nil {
		return op, nil, err
	}
	out, err := run(access.With(wire.WithInfo(r.Context(), *info), info.Principal.Access), op, form)
	return op, out, err
}

// read returns the body of a request that may be one of this protocol.
func (h *Handler) read(r *http.Request) ([]byte, error) {
	if wire.ForeignOrigin(r) {
		return nil, fault.New(fault.OriginForbidden)
	}
	if ct, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); r.Method != http.MethodPost || err != nil || ct != "application/x-www-form-urlencoded" {
		return nil, malformed("The request must be a POST with a form as its body")
	}
	if r.Header.Get("Authorization") == "" && !strings.Contains(r.URL.RawQuery, "X-Amz-Signature=") {
		return nil, fault.New(fault.Unauthenticated)
	}
	tooLarge := &refusal{code: "RequestEntityTooLarge", message: "The request body is too large", status: http.StatusRequestEntityTooLarge}
	if r.ContentLength > h.c.MaxBody {
		return nil, tooLarge
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, h.c.MaxBody+1))
	switch {
	case err != nil:
		return nil, malformed("The request body could not be read")
	case int64(len(body)) > h.c.MaxBody:
		return nil, tooLarge
	}
	return body, nil
}

// maxEcho bounds the bytes of a name that are repeated in a message.
const maxEcho = 64

// route finds the operation that a form names.
func (h *Handler) route(form *node, info *wire.RequestInfo) (*Operation, error) {
	name, version := form.get("Action"), form.get("Version")
	op := h.known[name]
	if op != nil {
		info.Operation = name
	}
	invalid := func(format string, args ...any) *refusal {
		return &refusal{code: "InvalidAction", message: fmt.Sprintf(format, args...), status: http.StatusBadRequest}
	}
	switch {
	case name == "":
		return nil, &refusal{code: "MissingAction", message: "The request is missing an action or a required parameter", status: http.StatusBadRequest}
	case op == nil:
		return nil, invalid("The action %s is not valid for this endpoint", cut(name, maxEcho))
	case version != h.c.Version:
		return op, invalid("The version must be %s", h.c.Version)
	case op.run == nil:
		return op, &refusal{code: "UnsupportedOperationException", status: http.StatusBadRequest,
			message: "Countersign does not implement " + name + "; the documentation lists the operations that are implemented"}
	}
	return op, nil
}

// run calls the operation and turns a panic into an error.
func run(ctx context.Context, op *Operation, form *node) (out any, err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p == http.ErrAbortHandler {
			panic(p)
		}
		out, err = nil, fault.Internalf("panic: %v\n%s", p, debug.Stack())
	}()
	return op.run(ctx, form)
}
