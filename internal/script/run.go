package script

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"countersign/internal/runner"
)

const (
	// callsAtOnce is how many calls a worker takes at once.
	callsAtOnce = 16
	// defaultMemoryMB is Runner.MemoryMB.
	defaultMemoryMB = 256
	// grace is how much later than the adapter the runner ends a call: the adapter answers with what is known, and the calls beside go on;
	// the runner ends the worker, for code that never yields.
	grace = 500 * time.Millisecond
	// leastTime is what a call that waited should have.
	leastTime = 3 * time.Second
	// maxBody bounds Call.Body, maxAnswer what an adapter may answer, both in bytes.
	maxBody   = 512 << 10
	maxAnswer = 2 << 20
)

// envelopeSecret is the secret that makes a Hook ask for authorization (auth0-ext-compilers 6.1.0).
const envelopeSecret = "auth0-extension-secret"

// request is what the adapter (hookrun/node/script.cjs) is told of a call.
type request struct {
	Body    json.RawMessage         `json:"body"`
	Secrets map[string]string       `json:"secrets"`
	Headers map[string]string       `json:"headers,omitempty"`
	LimitMS int64                   `json:"limit"`
	Cache   map[string]*cachedValue `json:"cache,omitempty"`
}

// Run calls the code. Errors are those of runner.Runner (ErrBusy, ErrUnavailable) and of the context: nothing has begun then. All that user code
// can do wrong is in the Outcome.
func (r *Runner) Run(ctx context.Context, u *Unit, c *Call) (*Outcome, error) {
	limit := cmp.Or(r.Timeout, Timeout)
	if !c.Deadline.IsZero() {
		limit = min(limit, c.Deadline.Sub(r.now()))
	}
	if limit <= 0 {
		return nil, context.DeadlineExceeded
	}
	payload, err := r.payload(u, c, limit)
	if err != nil {
		return nil, err
	}
	res, err := r.Code.Run(ctx, r.code(u), &runner.Call{RequestID: c.RequestID, Payload: payload, Deadline: c.Deadline, Begin: r.latest(c)})
	if err != nil {
		return nil, err
	}
	var out *Outcome
	if res.Error == nil {
		out = r.read(u, c, res)
	} else {
		out = broken(res.Error)
		id := c.RequestID
		if !res.Error.Begun {
			id = "undefined" // what was printed while it was loaded
		}
		out.Console = consoleOf(res.Log, id)
	}
	out.Duration, out.Init = res.Duration, res.Init
	clean(out, u.Kind, c)
	if u.Kind == Hook && out.Envelope == nil {
		out.Envelope = envelopeOf(out.Error)
	}
	return out, nil
}

// latest is when a call that waited for a worker had better not begin: cut off in the middle, it would be lost, where one that has not begun can be
// made again. Zero: it has no deadline, or too little time in any case.
func (r *Runner) latest(c *Call) time.Time {
	begin := c.Deadline.Add(-min(leastTime, cmp.Or(r.Timeout, Timeout)/2))
	if c.Deadline.IsZero() || !begin.After(r.now()) {
		return time.Time{}
	}
	return begin
}

func (r *Runner) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

// code is the unit as runners know it. Its id tells contracts apart: one package may serve two.
func (r *Runner) code(u *Unit) *runner.Code {
	return &runner.Code{
		ID: "script/" + string(u.Kind) + "/" + u.ID, Name: u.Name, Version: "$LATEST", Runtime: cmp.Or(u.Node, "nodejs"),
		Handler: string(u.Kind), Contract: runner.Script, Artifact: u.Artifact, Open: u.Open,
		MemoryMB: cmp.Or(r.MemoryMB, defaultMemoryMB), Timeout: cmp.Or(r.Timeout, Timeout) + grace, Workers: r.Workers, Calls: callsAtOnce,
	}
}

// Forget ends the workers of a unit, after the calls that they have at hand.
func (r *Runner) Forget(u *Unit) { r.Code.Forget(r.code(u).ID) }

func (r *Runner) payload(u *Unit, c *Call, limit time.Duration) ([]byte, error) {
	if len(c.Body) > maxBody {
		return nil, fmt.Errorf("script: an input of %d bytes, more than %d", len(c.Body), maxBody)
	}
	in := request{Body: c.Body, Secrets: c.Secrets, LimitMS: max(limit.Milliseconds(), 1)}
	if in.Secrets == nil {
		in.Secrets = map[string]string{}
	}
	if u.Kind == Hook {
		in.Headers = headers(c)
	}
	if c.Cache != "" {
		in.Cache = r.caches.get(c.Cache, r.now())
	}
	payload, err := json.Marshal(&in)
	if err != nil {
		return nil, fmt.Errorf("script: the input: %w", err)
	}
	return payload, nil
}

func headers(c *Call) map[string]string {
	h := map[string]string{"content-type": "application/json"}
	if s := c.Secrets[envelopeSecret]; s != "" {
		h["authorization"] = "Bearer " + s
	}
	maps.Copy(h, c.Headers)
	return h
}

// answer is what the adapter says of a call.
type answer struct {
	Envelope json.RawMessage `json:"envelope"`
	Data     json.RawMessage `json:"data"`
	Error    *struct {
		Failure Failure `json:"failure"`
		Name    string  `json:"name"`
		Message string  `json:"message"`
		Code    string  `json:"code"`
		Status  int     `json:"status"`
		Stack   string  `json:"stack"`
	} `json:"error"`
	Commands []Command `json:"commands"`
	Console  string    `json:"console"`
	Requests []struct {
		Method string  `json:"method"`
		Host   string  `json:"host"`
		Path   string  `json:"path"`
		Status int     `json:"status"`
		Error  string  `json:"error"`
		MS     float64 `json:"ms"`
	} `json:"requests"`
	Warnings []string      `json:"warnings"`
	Cache    []cacheChange `json:"cache"`
	Begun    bool          `json:"begun"`
}

// read makes an Outcome of what the adapter answered. User code lives in the same process: what comes from there is believed for this call alone, and
// everything is bounded again.
func (r *Runner) read(u *Unit, c *Call, res *runner.Result) *Outcome {
	var a answer
	if len(res.Payload) > maxAnswer {
		return broken(&runner.Error{Reason: runner.Output, Message: fmt.Sprintf("an answer of %d bytes, more than %d", len(res.Payload), maxAnswer), Begun: true})
	}
	if err := json.Unmarshal(res.Payload, &a); err != nil {
		return broken(&runner.Error{Reason: runner.Output, Message: "the answer cannot be read", Begun: true})
	}
	out := &Outcome{Commands: a.Commands, Console: a.Console, Warnings: a.Warnings, Begun: a.Begun}
	if u.Kind == Hook && !isNull(a.Envelope) {
		var e struct{ Data json.RawMessage } // what the callback got
		_ = json.Unmarshal(a.Envelope, &e)
		out.Envelope, a.Data = a.Envelope, e.Data
	}
	if a.Error == nil && !isNull(a.Data) {
		out.Data = a.Data
	}
	if e := a.Error; e != nil {
		out.Error = &Error{Failure: known(e.Failure), Name: e.Name, Message: e.Message, Code: e.Code, Status: e.Status, Stack: e.Stack}
	}
	for _, q := range a.Requests {
		out.Requests = append(out.Requests, Request{Method: q.Method, Host: q.Host, Path: q.Path, Status: q.Status, Error: q.Error,
			Duration: time.Duration(min(max(q.MS, 0), 1e9) * float64(time.Millisecond))})
	}
	if c.Cache != "" {
		r.caches.apply(c.Cache, a.Cache, r.now())
	}
	return out
}

func isNull(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) == 0 || string(raw) == "null"
}

// known bounds what the adapter may call a failure.
func known(f Failure) Failure {
	switch f {
	case Refused, Threw, Rejected, Invalid, TimedOut, Crashed, Unloadable:
		return f
	}
	return Crashed
}

// broken is the outcome of a call that the adapter did not answer.
func broken(e *runner.Error) *Outcome {
	out := &Outcome{Begun: e.Begun, Error: &Error{Failure: Crashed, Name: e.Type, Message: e.Message, Stack: strings.Join(e.Trace, "\n")}}
	switch {
	case e.Reason == runner.Timeout, e.Reason == runner.Init && e.Type == "Sandbox.Timedout":
		out.Error.Failure = TimedOut
	case e.Reason == runner.Init && e.Type != "Runtime.ExitError":
		out.Error.Failure = Unloadable
	case e.Reason == runner.Memory:
		out.Error.Message = "The code was ended for the memory that it took: " + e.Message
	}
	return out
}

// envelopeOf is the answer of a Hook that gave none, in the form of the others.
func envelopeOf(e *Error) json.RawMessage {
	if e == nil {
		e = &Error{Failure: Crashed, Message: errNoEnvelope.Error()}
	}
	out := struct {
		Status string `json:"status"`
		Data   struct {
			Message string `json:"message"`
			Name    string `json:"name"`
		} `json:"data"`
	}{Status: "error"}
	out.Data.Message, out.Data.Name = e.Message, string(e.Failure)
	text, err := json.Marshal(&out)
	if err != nil {
		return json.RawMessage(`{"status":"error","data":{}}`)
	}
	return text
}

var errNoEnvelope = errors.New("the code gave no answer")
