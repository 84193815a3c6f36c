package function

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"countersign/internal/eventlog"
	"countersign/internal/form"
	"countersign/internal/keyring"
	"countersign/internal/runner"
	"countersign/internal/secret"
	"countersign/internal/store"
)

const (
	// minSecret is the length from which a value of the environment is taken for a secret in what a function says.
	minSecret = 6
	// maxWords bounds a function's own message in an event, in characters; maxTail the end of its output, in bytes.
	maxWords = 500
	maxTail  = 4 << 10
	// line is the longest string that an event keeps.
	line = 1000
)

func validJSON(b []byte) bool { return json.Valid(b) }

// outcomeName is Invocation.Outcome.
func outcomeName(r *runner.Result, err error) string {
	switch {
	case errors.Is(err, runner.ErrBusy):
		return "busy"
	case errors.Is(err, runner.ErrUnavailable):
		return "unavailable"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "cancelled"
	case err != nil || r == nil:
		return "error"
	case r.Error != nil:
		return string(r.Error.Reason)
	}
	return "ok"
}

// report counts a call, keeps the end of its output, and writes an event if it failed (or was an Event invocation).
func (s *Service) report(ctx context.Context, q *request, o *outcome, err error) {
	inv := Invocation{Region: q.ref.Region, Function: q.ref.Name, Version: o.pick.version, Mode: q.mode, Outcome: outcomeName(o.result, err)}
	entry := LogEntry{At: s.now(), RequestID: q.call.RequestID, Version: o.pick.version, Mode: q.mode, Outcome: inv.Outcome}
	if r := o.result; err == nil && r != nil {
		inv.Cold, inv.Init, inv.Duration, inv.MemoryMB = r.Init > 0, r.Init, r.Duration, r.MaxMemoryMB
		entry.Duration, entry.Init, entry.MemoryMB = r.Duration, r.Init, r.MaxMemoryMB
		secrets := slices.Concat(o.pick.secrets, q.confided)
		entry.Text = scrub(tail(r.Log), secrets)
		if r.Error != nil {
			entry.ErrorType, entry.ErrorMessage = words(r.Error.Type, secrets), words(r.Error.Message, secrets)
		}
	} else {
		entry.ErrorMessage = inv.Outcome
	}
	if s.c.Observe != nil {
		s.c.Observe(inv)
	}
	s.logs.add(o.target.functionID, entry)
	switch {
	case inv.Outcome != "ok":
		s.failed(ctx, q, &inv, &entry)
	case q.mode == Event:
		s.append(ctx, eventlog.Entry{Type: eventlog.FunctionRan, Data: s.eventData(q, &inv, &entry)})
	}
}

func (s *Service) eventData(q *request, inv *Invocation, e *LogEntry) map[string]any {
	d := map[string]any{
		"function": q.ref.ARN(s.c.Account), "version": inv.Version, "mode": string(q.mode), "request_id": e.RequestID, "attempt": q.attempt,
		"duration_ms": inv.Duration, "cold": inv.Cold, "init_ms": inv.Init,
	}
	if inv.MemoryMB > 0 {
		d["memory_mb"] = inv.MemoryMB
	}
	return d
}

// failed writes the event of a call that did not answer. What the function said is sealed: under the pool's key if a pool's
// trigger called it, else under the deployment's.
func (s *Service) failed(ctx context.Context, q *request, inv *Invocation, e *LogEntry) {
	if inv.Outcome == "busy" && !s.logs.busy(q.ref.Unqualified(), e.At) {
		return // a commit for each call that is turned away would make matters worse
	}
	data := s.eventData(q, inv, e)
	data["reason"] = inv.Outcome
	personal := map[string]any{}
	if e.ErrorType != "" {
		personal["error_type"] = e.ErrorType
	}
	if e.ErrorMessage != "" && e.ErrorMessage != inv.Outcome {
		personal["error_message"] = e.ErrorMessage
	}
	if e.Text != "" {
		personal["log"] = pieces(e.Text)
	}
	s.append(ctx, eventlog.Entry{PoolID: q.poolID, Type: eventlog.FunctionFailed, Data: data, Personal: personal})
}

// append commits an event of its own. What a function did is done: a failure here is logged and no more.
func (s *Service) append(ctx context.Context, e eventlog.Entry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	ev, err := s.c.Events.Prepare(ctx, e, secret.Key{})
	if errors.Is(err, keyring.ErrNoKeys) && e.PoolID != "" {
		e.PoolID = keyring.Deployment // the pool went away meanwhile
		ev, err = s.c.Events.Prepare(ctx, e, secret.Key{})
	}
	if err == nil {
		err = s.c.Store.Write(ctx, func(tx store.Tx) error { return tx.Events().Append(ctx, ev) })
	}
	if err != nil {
		s.c.Log.Error("an event of a function was lost", "type", string(e.Type), "error", err)
		return
	}
	s.c.Events.Publish(ev)
}

// digits are what may be a code or a number. Before them stand a UUID and a time, which are neither and are left alone: log lines
// begin with them.
var digits = form.New(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}|\+?[0-9]{4,}`)

// scrub takes secrets, codes and phone numbers out of foreign text: every run of four digits or more keeps its
// last two at most.
func scrub(text string, secrets []string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = hide(strings.ReplaceAll(text, "\x00", "\uFFFD"), secrets)
	return digits().ReplaceAllStringFunc(text, func(d string) string {
		if strings.Contains(d, "-") {
			return d
		}
		if len(d) < 8 {
			return strings.Repeat("*", len(d))
		}
		return strings.Repeat("*", len(d)-2) + d[len(d)-2:]
	})
}

// tail is the end of a log. One that was cut begins with a whole line: half a secret would not be recognised.
func tail(log []byte) string {
	text := string(log[max(0, len(log)-maxTail):])
	if len(text) == maxTail {
		_, text, _ = strings.Cut(text, "\n")
	}
	return text
}

// Masked is foreign text without codes and numbers, for the terminal.
func Masked(text string) string { return scrub(text, nil) }

// words is a short foreign text.
func words(text string, secrets []string) string {
	text = scrub(text[:min(len(text), maxTail)], secrets)
	if utf8.RuneCountInString(text) > maxWords {
		text = string([]rune(text)[:maxWords]) + "…"
	}
	return text
}

// pieces cuts a text into what an event keeps.
func pieces(text string) []string {
	var out []string
	for r := []rune(text); len(r) > 0; {
		n := min(len(r), line)
		out, r = append(out, string(r[:n])), r[n:]
	}
	return out
}
