package wire

import (
	"bytes"
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
	"sync"
	"time"

	"countersign/internal/fault"
)

// DefaultMaxBody is the default of Config.MaxBody: 1 MiB.
const DefaultMaxBody = 1 << 20

// ErrorShape is how a facade words one fault code.
type ErrorShape struct {
	// Name is the exception's name ("CodeMismatchException").
	Name string
	// Status is the HTTP status. Defaults to 400, and to 500 for codes of kind Internal.
	Status int
	// Message is the standard wording; {field} stands for the fault's Field. The fault's Public replaces it whole.
	Message string
	// Members are further members of the error's body ("Reason", "ResourceType"), as the model of the exception has them. They and the sentence, spelled
	// "Message" as well, are written only where there are any.
	Members map[string]any
}

// Event is one answered request, for metrics and logs. It holds no member of the input.
type Event struct {
	RequestInfo
	// Code is the fault's code; empty for success and for errors of the protocol.
	Code fault.Code
	// Error is the exception's name, empty for success.
	Error string
	// Status is the HTTP status.
	Status int
	// Duration is the time from the first look at the request until the answer was ready.
	Duration time.Duration
}

// Config says what a Mux serves.
type Config struct {
	// Service is the signing name ("cognito-idp"). Required.
	Service string
	// TargetPrefix is the part of X-Amz-Target before the dot. Required.
	TargetPrefix string
	// ContentType defaults to "application/x-amz-json-1.1".
	ContentType string
	// Known lists all operations of the model; those without an Operation answer UnsupportedOperation by name.
	Known []Meta
	// Operations are the implemented operations.
	Operations []Operation
	// Authorizer decides on operations of class IAM. Required if there are any.
	Authorizer Authorizer
	// Errors words every fault code. ErrorsFor overrides it for operations, by name.
	Errors    map[fault.Code]ErrorShape
	ErrorsFor map[string]map[fault.Code]ErrorShape
	// ErrorOf words single errors otherwise, where the code alone does not tell the exception; it reports false to leave an
	// error to the tables. Optional.
	ErrorOf func(operation string, f *fault.Error) (ErrorShape, bool)
	// Dev adds the header X-Countersign-Hint to errors that have a hint.
	Dev bool
	// Observe is called after each answer, if set. It must not block.
	Observe func(context.Context, Event)
	// MaxBody is the largest body in bytes. Defaults to DefaultMaxBody.
	MaxBody int64
	// ClientIP tells the caller's address. Defaults to RemoteIP.
	ClientIP func(*http.Request) netip.Addr
	// Log gets internal errors and panics. Defaults to slog.Default().
	Log *slog.Logger
	// Now defaults to time.Now.
	Now func() time.Time
}

// Mux serves the operations of one API. Make it with New.
type Mux struct {
	service, prefix, contentType string
	known                        map[string]*entry
	authorizer                   Authorizer
	dev, browser                 bool
	expose                       []string
	contentTypes                 []string
	observe                      func(context.Context, Event)
	maxBody                      int64
	clientIP                     func(*http.Request) netip.Addr
	log                          *slog.Logger
	now                          func() time.Time
	errors                       map[fault.Code]ErrorShape
	errorOf                      func(string, *fault.Error) (ErrorShape, bool)
}

// entry is an operation of the model, implemented if run is set.
type entry struct {
	Operation
	errors map[fault.Code]ErrorShape
}

// New checks cfg and returns its Mux. The error names every problem: codes without an ErrorShape, operations that
// the model lacks or that come twice, missing fields.
func New(cfg Config) (*Mux, error) {
	m := &Mux{
		service: cfg.Service, prefix: cfg.TargetPrefix, contentType: orDefault(cfg.ContentType, "application/x-amz-json-1.1"),
		known: make(map[string]*entry, len(cfg.Known)), authorizer: cfg.Authorizer, dev: cfg.Dev,
		expose: []string{exposeHeaders}, observe: cfg.Observe, maxBody: cfg.MaxBody, clientIP: cfg.ClientIP,
		log: cfg.Log, now: cfg.Now, errors: cfg.Errors, errorOf: cfg.ErrorOf,
	}
	m.contentTypes = []string{m.contentType}
	if cfg.Dev {
		m.expose = []string{exposeHeaders + ",X-Countersign-Hint"}
	}
	if m.maxBody <= 0 {
		m.maxBody = DefaultMaxBody
	}
	if m.clientIP == nil {
		m.clientIP = RemoteIP
	}
	if m.log == nil {
		m.log = slog.Default()
	}
	if m.now == nil {
		m.now = time.Now
	}
	return m, errors.Join(append(m.addOperations(&cfg), m.check(&cfg)...)...)
}

func orDefault(s, d string) string {
	if s == "" {
		return d
	}
	return s
}

func (m *Mux) addOperations(cfg *Config) (problems []error) {
	for _, meta := range cfg.Known {
		m.known[meta.Name] = &entry{Operation: Operation{Meta: meta}, errors: cfg.ErrorsFor[meta.Name]}
		m.browser = m.browser || meta.Auth.Browser()
	}
	for _, op := range cfg.Operations {
		e := m.known[op.Name]
		switch {
		case e == nil:
			problems = append(problems, fmt.Errorf("wire: %s: the model has no operation %s", cfg.Service, op.Name))
		case e.run != nil:
			problems = append(problems, fmt.Errorf("wire: %s: operation %s is given twice", cfg.Service, op.Name))
		case op.Auth == AuthIAM && m.authorizer == nil:
			problems = append(problems, fmt.Errorf("wire: %s: operation %s needs an Authorizer", cfg.Service, op.Name))
		default:
			e.Operation = op
		}
	}
	return problems
}

func (m *Mux) check(cfg *Config) (problems []error) {
	if cfg.Service == "" || cfg.TargetPrefix == "" {
		problems = append(problems, errors.New("wire: Service and TargetPrefix are required"))
	}
	for _, c := range fault.Codes() {
		if cfg.Errors[c].Name == "" {
			problems = append(problems, fmt.Errorf("wire: %s: no wording for code %s", cfg.Service, c))
		}
	}
	for name := range cfg.ErrorsFor {
		if m.known[name] == nil {
			problems = append(problems, fmt.Errorf("wire: %s: wordings for unknown operation %s", cfg.Service, name))
		}
	}
	return problems
}

// Implemented reports whether the operation has an implementation.
func (m *Mux) Implemented(name string) bool {
	e := m.known[name]
	return e != nil && e.run != nil
}

// ServeHTTP answers one request.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodOptions {
		m.preflight(w, r)
		return
	}
	start := m.now()
	info := &RequestInfo{
		ID: NewRequestID(), Host: r.Host, ClientIP: m.clientIP(r), UserAgent: cut(r.Header.Get("User-Agent"), maxUserAgent),
		InvocationID: cut(r.Header.Get("Amz-Sdk-Invocation-Id"), maxInvocationID), Language: cut(r.Header.Get("Accept-Language"), maxLanguage),
	}
	ctx := context.WithValue(r.Context(), infoKey{}, info)
	e, out, err := m.serve(ctx, w, r, info)
	a := answer{w: w, info: info, entry: e}
	if err == nil {
		err = m.writeResult(&a, out)
	}
	if err != nil {
		m.writeError(ctx, &a, err)
	}
	if m.observe != nil {
		m.observe(ctx, Event{RequestInfo: *info, Code: a.code, Error: a.name, Status: a.status, Duration: m.now().Sub(start)})
	}
}

// serve finds the operation and runs it. It sets no status and writes no body.
func (m *Mux) serve(ctx context.Context, w http.ResponseWriter, r *http.Request, info *RequestInfo) (*entry, any, error) {
	e, err := m.route(r)
	if e != nil {
		info.Operation = e.Name
	}
	if e != nil && !e.Auth.Browser() {
		if ForeignOrigin(r) {
			return e, nil, fault.New(fault.OriginForbidden)
		}
	} else if m.browser {
		m.allowOrigin(w.Header())
	}
	if err != nil {
		return e, nil, err
	}
	if e.Auth == AuthIAM && unsigned(r) {
		return e, nil, fault.New(fault.Unauthenticated)
	}
	buf := buffers.Get().(*bytes.Buffer)
	defer putBuffer(buf)
	if err := m.readBody(buf, r); err != nil {
		return e, nil, err
	}
	out, err := m.run(ctx, e, &call{mux: m, r: r, body: buf.Bytes(), info: info})
	return e, out, err
}

// route returns the operation that r names. It may come with an error: known, but not to be run.
func (m *Mux) route(r *http.Request) (*entry, error) {
	target := r.Header.Get("X-Amz-Target")
	name, ok := strings.CutPrefix(target, m.prefix+".")
	e := m.known[name]
	switch {
	case r.Method != http.MethodPost:
		return nil, &protocolError{"UnknownOperationException", "Only POST is supported"}
	case target == "":
		return nil, &protocolError{"UnknownOperationException", "The X-Amz-Target header is missing"}
	case !ok || e == nil:
		return nil, &protocolError{"UnknownOperationException", "Unknown operation " + cut(strings.ToValidUTF8(target, ""), maxEcho)}
	}
	if ct, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); r.Header.Get("Content-Type") != m.contentType && (err != nil || ct != m.contentType) {
		return e, serialization("The Content-Type must be " + m.contentType)
	}
	if e.run == nil {
		return e, &fault.Error{Code: fault.UnsupportedOperation, Field: name, Public: "Countersign does not implement " + name + " yet",
			Hint: "the documentation lists the operations that are implemented"}
	}
	return e, nil
}

// unsigned reports that r carries neither form of a signature.
func unsigned(r *http.Request) bool {
	return r.Header.Get("Authorization") == "" && !strings.Contains(r.URL.RawQuery, "X-Amz-Signature=")
}

func (m *Mux) readBody(buf *bytes.Buffer, r *http.Request) error {
	if r.ContentLength > m.maxBody {
		return errTooLarge
	}
	if _, err := buf.ReadFrom(io.LimitReader(r.Body, m.maxBody+1)); err != nil {
		return serialization("The request body could not be read")
	}
	if int64(buf.Len()) > m.maxBody {
		return errTooLarge
	}
	return nil
}

// run calls the operation and turns a panic into an error.
func (m *Mux) run(ctx context.Context, e *entry, c *call) (out any, err error) {
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
	return e.run(ctx, c)
}

// maxPooled is the largest buffer that is kept for reuse.
const maxPooled = 64 << 10

var buffers = sync.Pool{New: func() any { return bytes.NewBuffer(make([]byte, 0, 2048)) }}

func putBuffer(b *bytes.Buffer) {
	if b.Cap() <= maxPooled {
		b.Reset()
		buffers.Put(b)
	}
}
