package simulator

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"countersign/provider"
)

const (
	// maxAddress bounds a number or an address in a request (RFC 3696 erratum 1690: 254; rounded up).
	maxAddress = 320
	// maxReply bounds what a phone can send, in characters: ten segments and a bit, as phones do.
	maxReply = 1600
	// maxWait bounds ?wait=.
	maxWait = 30 * time.Second
)

// e164 is the form of ITU-T E.164, section 6: a plus and at most 15 digits. Whether anybody has the number is no matter here.
var e164 = regexp.MustCompile(`^\+[1-9][0-9]{1,14}$`)

// list answers GET /simulator/inbox. With ?after=<id>&wait=10s it answers as soon as there is something newer.
func (h *handler) list(w http.ResponseWriter, r *http.Request) {
	f, wait, field, problem := parseListQuery(r.URL.RawQuery)
	if problem != "" {
		badRequest(w, field, problem)
		return
	}
	if wait == 0 {
		writeJSON(w, http.StatusOK, h.Inbox.List(f))
		return
	}
	if !h.enter(w) {
		return
	}
	defer h.leave()
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	writeJSON(w, http.StatusOK, h.Inbox.Wait(ctx, f))
}

func parseListQuery(raw string) (f Filter, wait time.Duration, field, problem string) {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return f, 0, "", "the query is not well-formed"
	}
	for name, values := range q {
		if len(values) != 1 {
			return f, 0, name, "give this parameter once"
		}
		value := values[0]
		switch name {
		case "to":
			f.To, problem = party(value)
		case "channel":
			f.Channel = provider.Channel(value)
			if f.Channel != provider.SMS && f.Channel != provider.Voice && f.Channel != provider.Email {
				problem = "must be sms, voice or email"
			}
		case "after":
			f.After = value
			if !idForm.MatchString(value) {
				problem = "must be the id of a message, sixteen digits"
			}
		case "replies":
			f.Replies = value == "true"
			if value != "true" && value != "false" {
				problem = "must be true or false"
			}
		case "wait":
			wait, err = time.ParseDuration(value)
			if err != nil || wait < 0 || wait > maxWait {
				problem = "must be a duration of at most 30s, such as 10s"
			}
		default:
			problem = "unknown parameter; known are to, channel, after, wait and replies"
		}
		if problem != "" {
			return f, 0, name, problem
		}
	}
	return f, wait, "", ""
}

// party reads a number or an address. A plus that was not written %2B arrives as a space and is taken for what it was.
func party(value string) (_, problem string) {
	if strings.HasPrefix(value, " ") {
		value = "+" + value[1:]
	}
	if value == "" || len(value) > maxAddress || (!e164.MatchString(value) && !strings.Contains(value, "@")) {
		return "", "must be a number in E.164 form, such as %2B12025550123, or an e-mail address"
	}
	return value, ""
}

// clear answers DELETE /simulator/inbox.
func (h *handler) clear(w http.ResponseWriter, r *http.Request) {
	f, wait, field, problem := parseListQuery(r.URL.RawQuery)
	if problem == "" && (wait != 0 || f.After != "" || f.Channel != "" || f.Replies) {
		problem = "only ?to= is known here"
	}
	if problem != "" {
		badRequest(w, field, problem)
		return
	}
	writeJSON(w, http.StatusOK, struct {
		Deleted int `json:"deleted"`
	}{h.Inbox.Clear(f.To)})
}

// inbound answers POST /simulator/inbound, a text typed on a phone.
func (h *handler) inbound(w http.ResponseWriter, r *http.Request) {
	var in struct {
		From string `json:"from"`
		Text string `json:"text"`
	}
	if !readJSON(w, r, &in) {
		return
	}
	if !e164.MatchString(in.From) {
		badRequest(w, "from", "must be the phone's number in E.164 form, such as +12025550123")
		return
	}
	if n := utf8.RuneCountInString(in.Text); strings.TrimSpace(in.Text) == "" || n > maxReply {
		badRequest(w, "text", "must be 1 to 1,600 characters")
		return
	}
	m, err := h.Inbox.Reply(in.From, in.Text)
	if err == nil && h.OnInbound != nil {
		err = h.OnInbound(r.Context(), in.From, in.Text)
	}
	if err != nil {
		h.Logger.ErrorContext(r.Context(), "simulator: a reply could not be handed on", "error", err)
		writeError(w, http.StatusInternalServerError, "internal_error", "the reply was not handed on; the server's log says why", "")
		return
	}
	writeJSON(w, http.StatusCreated, m)
}

// reset answers POST /simulator/reset.
func (h *handler) reset(w http.ResponseWriter, r *http.Request) {
	if h.Reset != nil {
		if err := h.Reset(r.Context()); err != nil {
			h.Logger.ErrorContext(r.Context(), "simulator: reset", "error", err)
			writeError(w, http.StatusInternalServerError, "internal_error", "the start state could not be brought back; the server's log says why", "")
			return
		}
	}
	h.Inbox.Reset()
	w.WriteHeader(http.StatusNoContent)
}

// enter takes one of the places for long answers, or answers 503 and returns false.
func (h *handler) enter(w http.ResponseWriter) bool {
	select {
	case h.streams <- struct{}{}:
		return true
	default:
		w.Header().Set("Retry-After", "5")
		writeError(w, http.StatusServiceUnavailable, "overloaded", "too many streams are open", "")
		return false
	}
}

func (h *handler) leave() { <-h.streams }
