package wire

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"countersign/internal/fault"
)

// answer is the response under way, and what Observe is told about it.
type answer struct {
	w      http.ResponseWriter
	info   *RequestInfo
	entry  *entry // nil if the operation is unknown
	status int
	code   fault.Code
	name   string
}

// writeResult writes a success. An error means that nothing was written.
func (m *Mux) writeResult(a *answer, out any) error {
	buf := buffers.Get().(*bytes.Buffer)
	defer putBuffer(buf)
	if _, empty := out.(Empty); empty {
		buf.WriteString("{}")
	} else {
		enc := json.NewEncoder(buf)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(out); err != nil {
			return fault.Internalf("encode the answer of %s: %w", a.info.Operation, err)
		}
		buf.Truncate(buf.Len() - 1) // Encode ends with a newline
	}
	m.write(a, http.StatusOK, buf.Bytes())
	return nil
}

func (m *Mux) write(a *answer, status int, body []byte) {
	a.status = status
	h := a.w.Header()
	h["Content-Type"] = m.contentTypes
	h["X-Amzn-Requestid"] = []string{a.info.ID}
	h["Cache-Control"] = noStore
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	a.w.WriteHeader(status)
	_, _ = a.w.Write(body) // the client may be gone; there is nobody left to tell
}

var noStore = []string{"no-store"}

// writeError writes err in the facade's words.
func (m *Mux) writeError(ctx context.Context, a *answer, err error) {
	f, p := errorOf(err)
	status, name, message, hint := http.StatusBadRequest, "", "", ""
	var members map[string]any
	if p != nil {
		name, message = p.name, p.message
	} else {
		shape := m.shape(a.entry, f)
		a.code, status, name, members = f.Code, shape.Status, shape.Name, shape.Members
		message = strings.ReplaceAll(shape.Message, "{field}", f.Field)
		if f.Kind() == fault.Internal {
			m.logInternal(ctx, a, f) // and nothing of it is shown
		} else {
			hint = f.Hint
			if f.Public != "" {
				message = f.Public
			}
		}
	}
	a.name = name
	h := a.w.Header()
	h["X-Amzn-Errortype"] = []string{name + ":"}
	h["X-Amzn-Errormessage"] = []string{headerText(message)}
	if m.dev && hint != "" {
		h["X-Countersign-Hint"] = []string{headerText(hint)}
	}
	m.write(a, status, errorBody(name, message, members))
}

// errorBody is the body of an error: strings and what a facade's tables hold always marshal.
func errorBody(name, message string, members map[string]any) []byte {
	if len(members) > 0 {
		all := map[string]any{"__type": name, "message": message, "Message": message}
		maps.Copy(all, members)
		body, _ := json.Marshal(all)
		return body
	}
	body, _ := json.Marshal(struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}{name, message})
	return body
}

// shape looks f up: words for this very error first, then the operation's own, then the facade's.
func (m *Mux) shape(e *entry, f *fault.Error) ErrorShape {
	s, ok := m.errors[f.Code]
	if e != nil {
		if own, found := e.errors[f.Code]; found {
			s, ok = own, true
		}
	}
	if m.errorOf != nil && e != nil {
		if own, found := m.errorOf(e.Name, f); found {
			s, ok = own, true
		}
	}
	if !ok {
		s = m.errors[fault.InternalError]
	}
	if s.Status == 0 {
		s.Status = http.StatusBadRequest
		if f.Kind() == fault.Internal {
			s.Status = http.StatusInternalServerError
		}
	}
	if e != nil && e.Status[s.Name] != 0 {
		s.Status = e.Status[s.Name]
	}
	return s
}

func (m *Mux) logInternal(ctx context.Context, a *answer, f *fault.Error) {
	level := slog.LevelError
	if errors.Is(f.Err, context.Canceled) && ctx.Err() != nil {
		level = slog.LevelDebug // the client went away
	}
	m.log.LogAttrs(ctx, level, "operation failed", slog.String("service", m.service),
		slog.String("operation", a.info.Operation), slog.String("request_id", a.info.ID), slog.Any("error", f))
}

// maxHeaderText bounds messages in headers; the body holds the whole text.
const maxHeaderText = 1024

// headerText keeps visible ASCII and spaces.
func headerText(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r == 0x7f:
			return -1
		case r > 0x7f:
			return '?'
		}
		return r
	}, cut(s, maxHeaderText))
}

// NewRequestID returns a random UUID (RFC 9562, version 4), for facades of other protocols too.
func NewRequestID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	var out [36]byte
	hex.Encode(out[0:8], b[0:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:36], b[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}
