package hookrun

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"countersign/internal/runner"
)

// The Lambda Runtime API, version 2018-06-01 (AWS Lambda developer guide, "Using the Lambda runtime API").
const (
	apiPrefix = "/2018-06-01/runtime/"
	// maxPayload is Lambda's bound for a synchronous answer: 6 MiB and 100 bytes.
	maxPayload = 6291556
	// maxDrained is how much of a too large answer is read, so that its sender gets to read why it is refused.
	maxDrained = 64 << 20
	// maxError bounds an error's JSON, maxTrace its lines, maxText each of its texts.
	maxError = 256 << 10
	maxTrace = 50
	maxText  = 8 << 10
	// wornHeader comes with an answer of the runtime of scripts: the worker takes no more calls and ends with those that it has at hand.
	wornHeader = "Countersign-Worker"
)

// wornReasons are the values of wornHeader: the code of the call may go on without end, or the memory is nearly used up.
var wornReasons = map[string]string{"worn": "a call took too long", "full": "its memory is nearly used up"}

// serveAPI answers one request of the worker's runtime. Below Full, others on this machine reach the listener, too: there every path begins
// with a secret that the worker alone was told.
func (w *worker) serveAPI(rw http.ResponseWriter, r *http.Request) {
	path, ok := w.apiPath(r.URL.Path)
	if !ok {
		w.serveEndpoint(rw, r)
		return
	}
	id, kind, isCall := strings.Cut(strings.TrimPrefix(path, "invocation/"), "/")
	switch {
	case path == "invocation/next" && r.Method == http.MethodGet:
		w.serveNext(rw, r)
	case path == "tunnel" && r.Method == http.MethodPost && w.secret != "":
		w.serveTunnel(rw, r)
	case path == "init/error" && r.Method == http.MethodPost:
		w.serveInitError(rw, r)
	case strings.HasPrefix(path, "invocation/") && isCall && kind == "response" && r.Method == http.MethodPost:
		w.serveResponse(rw, r, id)
	case strings.HasPrefix(path, "invocation/") && isCall && kind == "error" && r.Method == http.MethodPost:
		w.serveError(rw, r, id)
	default:
		apiError(rw, http.StatusNotFound, "InvalidPath", "no such operation of the Runtime API")
	}
}

// apiPath is what follows the secret and the API's prefix.
func (w *worker) apiPath(path string) (string, bool) {
	n := len(w.secret)
	if len(path) < n || subtle.ConstantTimeCompare([]byte(path[:n]), []byte(w.secret)) != 1 {
		return "", false
	}
	return strings.CutPrefix(path[n:], apiPrefix)
}

// serveNext waits for a call and hands it over. The first one says that the worker is ready.
func (w *worker) serveNext(rw http.ResponseWriter, r *http.Request) {
	w.polls()
	for {
		select {
		case inv := <-w.offers:
			if !inv.begin(w.out, "START RequestId: "+inv.call.RequestID+" Version: "+w.code.Version) {
				continue
			}
			h := rw.Header()
			h.Set("Content-Type", "application/json")
			h.Set("Content-Length", strconv.Itoa(len(inv.call.Payload)))
			h.Set("Lambda-Runtime-Aws-Request-Id", inv.call.RequestID)
			h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
			h.Set("Lambda-Runtime-Invoked-Function-Arn", inv.arn)
			h.Set("Lambda-Runtime-Trace-Id", traceID(inv.started))
			if inv.call.ClientContext != "" {
				h.Set("Lambda-Runtime-Client-Context", inv.call.ClientContext)
			}
			rw.Write(inv.call.Payload)
			return
		case <-r.Context().Done():
			return
		case <-w.gone:
			return
		}
	}
}

// serveResponse takes an answer.
func (w *worker) serveResponse(rw http.ResponseWriter, r *http.Request, id string) {
	inv := w.invocation(id)
	if inv == nil {
		unknownCall(rw)
		return
	}
	body, size, err := w.readBody(r, maxPayload)
	if errors.Is(err, errTooLarge) {
		failed := &runner.Error{Reason: runner.Output, Type: "Function.ResponseSizeTooLarge", Begun: true,
			Message: fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", maxPayload)}
		if !inv.finish(nil, failed) {
			unknownCall(rw)
			return
		}
		w.r.opts.Logger.Warn("function answered too much", "function", w.code.Name, "request_id", id, "bytes", size, "limit", maxPayload)
		apiError(rw, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", failed.Message)
		return
	}
	if err != nil {
		return // the worker broke off: its end, or the deadline, ends the call
	}
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("null")
	}
	var failed *runner.Error
	if !utf8.Valid(body) || !json.Valid(body) {
		body, failed = nil, &runner.Error{Reason: runner.Output, Type: "Function.InvalidResponse", Message: "The answer is not JSON.", Begun: true}
	}
	if why := wornReasons[r.Header.Get(wornHeader)]; why != "" {
		w.r.wornOut(w, why)
	}
	if !inv.finish(body, failed) {
		unknownCall(rw)
		return
	}
	accepted(rw)
}

// serveError takes the error that a handler ended with.
func (w *worker) serveError(rw http.ResponseWriter, r *http.Request, id string) {
	inv := w.invocation(id)
	if inv == nil {
		unknownCall(rw)
		return
	}
	failed, ok := w.readError(r, runner.Thrown)
	if !ok {
		return
	}
	failed.Begun = true
	if !inv.finish(nil, failed) {
		unknownCall(rw)
		return
	}
	accepted(rw)
}

// serveInitError takes the error that kept the code from being loaded. The worker is of no use then.
func (w *worker) serveInitError(rw http.ResponseWriter, r *http.Request) {
	failed, ok := w.readError(r, runner.Init)
	if !ok {
		return
	}
	accepted(rw)
	w.failInit(failed)
}

// readError reads the body that a runtime describes an error with: {"errorType", "errorMessage", "trace" or "stackTrace"}.
func (w *worker) readError(r *http.Request, reason runner.Reason) (*runner.Error, bool) {
	body, _, err := w.readBody(r, maxError)
	if err != nil && !errors.Is(err, errTooLarge) {
		return nil, false
	}
	var in struct {
		ErrorType    string            `json:"errorType"`
		ErrorMessage string            `json:"errorMessage"`
		Trace        []json.RawMessage `json:"trace"`
		StackTrace   []json.RawMessage `json:"stackTrace"`
	}
	_ = json.Unmarshal(body, &in) // what cannot be read stays empty: the header still names the type
	if in.ErrorType == "" {
		in.ErrorType = r.Header.Get("Lambda-Runtime-Function-Error-Type")
	}
	failed := &runner.Error{Reason: reason, Type: cut(in.ErrorType, 256), Message: cut(in.ErrorMessage, maxText)}
	for _, line := range append(in.Trace, in.StackTrace...) {
		if len(failed.Trace) == maxTrace {
			break
		}
		failed.Trace = append(failed.Trace, cut(traceLine(line), 1024))
	}
	return failed, true
}

// traceLine is a line of a trace: a string, or a frame as aws-lambda-go writes it.
func traceLine(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var frame struct {
		Path, Label string
		Line        int
	}
	if json.Unmarshal(raw, &frame) == nil && frame.Path != "" {
		return fmt.Sprintf("%s %s:%d", frame.Label, frame.Path, frame.Line)
	}
	return string(raw)
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

var errTooLarge = errors.New("hookrun: too large")

// readBody reads a body of at most limit bytes. The rest of a larger one is read and dropped, up to a bound.
func (w *worker) readBody(r *http.Request, limit int64) ([]byte, int64, error) {
	select {
	case w.bodies <- struct{}{}:
		defer func() { <-w.bodies }()
	case <-r.Context().Done():
		return nil, 0, r.Context().Err()
	case <-w.gone:
		return nil, 0, errLost
	}
	var buf bytes.Buffer
	if n := r.ContentLength; n > 0 && n <= limit {
		buf.Grow(int(n))
	}
	n, err := buf.ReadFrom(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, n, err
	}
	if n > limit {
		rest, _ := io.Copy(io.Discard, io.LimitReader(r.Body, maxDrained))
		return nil, n + rest, errTooLarge
	}
	return buf.Bytes(), n, nil
}

func accepted(rw http.ResponseWriter) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(http.StatusAccepted)
	io.WriteString(rw, `{"status":"OK"}`)
}

func unknownCall(rw http.ResponseWriter) {
	apiError(rw, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
}

func apiError(rw http.ResponseWriter, status int, kind, message string) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	json.NewEncoder(rw).Encode(map[string]string{"errorType": kind, "errorMessage": message})
}
