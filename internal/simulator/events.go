package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// writeTimeout is how long a reader of a stream may stall before it is let go. It can resume.
const writeTimeout = 10 * time.Second

// events answers GET /simulator/inbox/events, a stream of server-sent events (HTML standard, section 9.2):
//
//	event: state      data: {"epoch","last"}   at the start, when messages were taken away, and when the sandbox was switched: load again
//	event: message    data: a message, id: its id
//
// The stream begins after Last-Event-ID, else after ?after=, else with what comes next. Replies are included.
func (h *handler) events(w http.ResponseWriter, r *http.Request) {
	f, _, field, problem := parseListQuery(r.URL.RawQuery)
	if problem != "" {
		badRequest(w, field, problem)
		return
	}
	if id := r.Header.Get("Last-Event-ID"); idForm.MatchString(id) {
		f.After = id
	}
	f.Replies = true
	if !h.enter(w) {
		return
	}
	defer h.leave()
	head := w.Header()
	head.Set("Content-Type", "text/event-stream; charset=utf-8")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Accel-Buffering", "no")
	h.stream(w, r, f)
}

func (h *handler) stream(w http.ResponseWriter, r *http.Request, f Filter) {
	if last := h.Inbox.lastID(); f.After == "" {
		f.After = last
	} else if f.After > last {
		f.After = "" // an id of an earlier life of a file that is gone
	}
	tick := time.NewTicker(h.Heartbeat)
	defer tick.Stop()
	out, epoch := bytes.NewBufferString("retry: 1000\n\n"), ""
	for {
		s := h.Inbox.snapshot(f)
		if s.epoch != epoch {
			epoch = s.epoch
			fmt.Fprintf(out, "event: state\ndata: {\"epoch\":%q,\"last\":%q}\n\n", s.epoch, s.last)
		}
		for _, m := range s.messages {
			data, _ := json.Marshal(m) // strings and times always encode
			fmt.Fprintf(out, "id: %s\nevent: message\ndata: %s\n\n", m.ID, data)
			f.After = m.ID
		}
		if !flush(w, out) || s.closed {
			return
		}
		select {
		case <-s.changed:
		case <-tick.C:
			out.WriteString(": still here\n\n")
		case <-r.Context().Done():
			return
		}
	}
}

// flush writes out what has gathered and reports whether the reader took it.
func flush(w http.ResponseWriter, out *bytes.Buffer) bool {
	c := http.NewResponseController(w)
	_ = c.SetWriteDeadline(time.Now().Add(writeTimeout)) // not every writer knows deadlines
	_, err := out.WriteTo(w)
	return err == nil && c.Flush() == nil
}
