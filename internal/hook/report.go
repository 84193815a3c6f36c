package hook

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"countersign/internal/eventlog"
	"countersign/internal/form"
	"countersign/internal/script"
	"countersign/internal/secret"
	"countersign/internal/store"
)

const (
	// maxWords bounds the words of code in an error or event, in characters; maxTail the end of what it printed, in bytes.
	maxWords = 500
	maxTail  = 4 << 10
	// line is the longest string that an event keeps.
	line = 1000
	// maxRequests bounds the outgoing requests that an event names.
	maxRequests = 10
)

// address is what looks like an e-mail address.
var address = form.New(`[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}`)

// words makes foreign text, cleaned by package script, fit for an error or event: one line, bounded, without addresses.
func words(s string) string {
	if len(s) > 4*maxWords {
		s = s[:4*maxWords]
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	s = strings.TrimSpace(address().ReplaceAllString(s, secret.Redacted))
	if utf8.RuneCountInString(s) > maxWords {
		s = string([]rune(s)[:maxWords]) + "…"
	}
	return s
}

// pieces cuts the end of a text into what an event keeps.
func pieces(text string) []string {
	if len(text) > maxTail {
		text = strings.ToValidUTF8(text[len(text)-maxTail:], "")
	}
	var out []string
	for r := []rune(address().ReplaceAllString(text, secret.Redacted)); len(r) > 0; {
		n := min(len(r), line)
		out, r = append(out, string(r[:n])), r[n:]
	}
	return out
}

// report is a run on its way into the log.
type report struct {
	u *unit
	// o is nil if the code could not be called; err then says why.
	o       *script.Outcome
	err     error
	started time.Time
	// messageID and userID are what it was about, or empty.
	messageID, userID, clientID string
}

// class is error_class of actions_execution_failed (Auth0's words).
func (f *report) class() string {
	switch {
	case f.o == nil:
		return "platform_error"
	case f.o.Error.Failure == script.TimedOut:
		return "action_timeout"
	case f.o.Error.Failure == script.Crashed:
		return "platform_error"
	}
	return "action_error"
}

// told is what the error says, for people.
func (f *report) told() map[string]any {
	if f.o == nil {
		return map[string]any{"name": "Unavailable", "message": words(f.err.Error())}
	}
	e := f.o.Error
	out := map[string]any{"name": words(name(e)), "message": words(e.Message)}
	if e.Code != "" {
		out["code"] = words(e.Code)
	}
	return out
}

// name is an error's own name, or that of the failure.
func name(e *script.Error) string {
	if e.Failure == script.Refused && e.Name != "" {
		return e.Name
	}
	if e.Failure == script.Refused {
		return "Error"
	}
	return string(e.Failure)
}

// printed writes the event of a run that succeeded and printed something: the output is kept with the message or sign-in that it belongs to.
func (s *Service) printed(ctx context.Context, f *report) {
	if f.o.Console == "" {
		return
	}
	data, sealed := s.eventOf(f)
	s.append(ctx, f.entry(eventlog.FunctionRan, data, sealed))
}

// failed writes the event of a run that failed: actions_execution_failed for actions, and one of ours for hooks and rules, of which Auth0 has none.
// What the code said in its error is there in clear, cleaned; what it printed is sealed.
func (s *Service) failed(ctx context.Context, f *report) {
	data, sealed := s.eventOf(f)
	e := f.entry(eventlog.FunctionFailed, data, sealed)
	if f.u.kind == kindAction {
		e.Type = eventlog.ActionFailed
		data["error_class"], data["action_error"] = f.class(), f.told()
	} else {
		data["reason"], data["error"] = f.class(), f.told()
	}
	s.append(ctx, e)
}

func (f *report) entry(kind eventlog.Type, data, sealed map[string]any) eventlog.Entry {
	return eventlog.Entry{PoolID: f.u.poolID, Type: kind, UserID: f.userID, ClientID: f.clientID, Data: data, Personal: sealed}
}

// eventOf is what all events of runs have: who ran, for what, and what went out; and, to be sealed, what was printed.
func (s *Service) eventOf(f *report) (data, sealed map[string]any) {
	u := f.u
	data = map[string]any{"started_at": f.started, "duration_ms": s.c.Now().Sub(f.started), "function": u.Name}
	if u.kind == kindAction {
		maps.Copy(data, map[string]any{"trigger_id": u.trigger, "action_id": u.id, "action_name": u.name, "version_id": u.versionID})
		if u.bindingID != "" {
			data["binding_id"] = u.bindingID
		}
	} else {
		data[u.kind+"_id"], data[u.kind+"_name"] = u.id, u.name
	}
	if f.messageID != "" {
		data["message_id"] = f.messageID
	}
	sealed = map[string]any{}
	o := f.o
	if o == nil {
		return data, sealed
	}
	data["begun"], data["cold"] = o.Begun, o.Init > 0
	var requests []string
	for _, r := range o.Requests[:min(len(o.Requests), maxRequests)] {
		requests = append(requests, fmt.Sprintf("%s %s: %d in %d ms", words(r.Method), words(r.Host), r.Status, r.Duration.Milliseconds()))
	}
	if len(requests) > 0 {
		data["requests"] = requests
	}
	if o.Console != "" {
		sealed["log"] = pieces(o.Console)
	}
	if o.Error != nil && o.Error.Stack != "" {
		sealed["stack"] = words(o.Error.Stack)
	}
	return data, sealed
}

// append commits an event of its own. What code did is done: a report here is logged and no more.
func (s *Service) append(ctx context.Context, e eventlog.Entry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	ev, err := s.c.Events.Prepare(ctx, e, secret.Key{})
	if err == nil {
		if e.Type == eventlog.ActionFailed || e.Data["action_id"] != nil {
			ev.Data = append([]byte(`{"execution_id":"`+ev.ID+`",`), bytes.TrimPrefix(ev.Data, []byte("{"))...)
		}
		err = s.c.Store.Write(ctx, func(tx store.Tx) error { return tx.Events().Append(ctx, ev) })
	}
	if err != nil {
		s.c.Log.Error("an event of a script was lost", "type", string(e.Type), "pool", e.PoolID, "error", err)
		return
	}
	s.c.Events.Publish(ev)
}
