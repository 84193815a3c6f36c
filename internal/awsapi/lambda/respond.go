package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
)

// answer is the response under way, and what Observe is told about it.
type answer struct {
	w      http.ResponseWriter
	info   *wire.RequestInfo
	status int
	code   fault.Code
	name   string
}

func (a *answer) write(status int, contentType string, body []byte) {
	a.status = status
	h := a.w.Header()
	h.Set("X-Amzn-Requestid", a.info.ID)
	h.Set("Cache-Control", "no-store")
	if status != http.StatusNoContent {
		h.Set("Content-Type", contentType)
		h.Set("Content-Length", strconv.Itoa(len(body)))
		h.Set("X-Content-Type-Options", "nosniff")
	}
	a.w.WriteHeader(status)
	if status != http.StatusNoContent {
		_, _ = a.w.Write(body) // the client may be gone; there is nobody left to tell
	}
}

// writeResult writes a success. An error means that nothing was written.
func (h *Handler) writeResult(a *answer, res *result) error {
	body := res.payload
	if !res.raw && res.status != http.StatusNoContent {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(res.out); err != nil {
			return fault.Internalf("encode the answer of %s: %w", a.info.Operation, err)
		}
		body = bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	}
	for name, value := range res.header {
		a.w.Header().Set(name, value)
	}
	a.write(res.status, "application/json", body)
	return nil
}

// writeError writes err in Lambda's words: the name in a header, the sentence in the member that SDKs look for.
func (h *Handler) writeError(ctx context.Context, a *answer, err error) {
	name, message, hint, retry := "", "", "", time.Duration(0)
	if p, ok := errors.AsType[*protocolError](err); ok {
		name, message = p.name, p.message
	} else {
		f := fault.Of(err)
		shape := shapeOf(a.info.Operation, f)
		a.code, name, retry = f.Code, shape.Name, f.RetryAfter
		message = strings.ReplaceAll(shape.Message, "{field}", f.Field)
		if f.Kind() == fault.Internal {
			h.logInternal(ctx, a, f) // and nothing of it is shown
		} else if hint = f.Hint; f.Public != "" {
			message = f.Public
		}
	}
	a.name = name
	header, status := a.w.Header(), Status(name)
	header.Set("X-Amzn-Errortype", name)
	header.Set("X-Amzn-Errormessage", wire.HeaderText(message))
	if h.c.Dev && hint != "" {
		header.Set("X-Countersign-Hint", wire.HeaderText(hint))
	}
	body := map[string]string{"Type": "User", "message": message}
	if capital[name] {
		body = map[string]string{"Type": "User", "Message": message}
	}
	if status >= http.StatusInternalServerError {
		body["Type"] = "Service"
	}
	if name == tooManyRequests {
		body["Reason"] = throttleReason(a.code)
		header.Set("Retry-After", strconv.Itoa(max(1, int(retry/time.Second))))
	}
	b, _ := json.Marshal(body) // strings always marshal
	a.write(status, "application/json", b)
}

// throttleReason is one of the model's reasons.
func throttleReason(c fault.Code) string {
	if c == fault.Overloaded {
		return "ConcurrentInvocationLimitExceeded"
	}
	return "CallerRateLimitExceeded"
}

func (h *Handler) logInternal(ctx context.Context, a *answer, f *fault.Error) {
	level := slog.LevelError
	if errors.Is(f.Err, context.Canceled) && ctx.Err() != nil {
		level = slog.LevelDebug // the client went away
	}
	h.c.Log.LogAttrs(ctx, level, "operation failed", slog.String("service", Service),
		slog.String("operation", a.info.Operation), slog.String("request_id", a.info.ID), slog.Any("error", f))
}
