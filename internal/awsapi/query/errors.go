package query

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
)

// refusal is an error below the operations: it has a fixed code and no fault code of its own (SNS API reference, "Common Errors").
type refusal struct {
	code, message string
	status        int
}

func (r *refusal) Error() string { return r.code + ": " + r.message }

func malformed(message string) *refusal {
	return &refusal{code: "MalformedQueryString", message: message, status: http.StatusBadRequest}
}

// report is an error as it is written.
type report struct {
	status        int
	code, message string
	members       map[string]any
	hint          string
}

// report words err. It returns the fault's code too, empty for a refusal.
func (h *Handler) report(ctx context.Context, info *wire.RequestInfo, err error) (report, fault.Code) {
	if r, ok := errors.AsType[*refusal](err); ok {
		return report{status: r.status, code: r.code, message: r.message}, ""
	}
	f := fault.Of(err)
	s := h.shape(info.Operation, f)
	out := report{status: s.Status, code: s.Name, message: strings.ReplaceAll(s.Message, "{field}", f.Field), members: s.Members}
	if e, ok := h.c.Exceptions[s.Name]; ok {
		out.code = e.Code
		if out.status == 0 {
			out.status = e.Status
		}
	}
	if f.Kind() == fault.Internal {
		h.logInternal(ctx, info, f) // and nothing of it is shown
	} else {
		out.hint = f.Hint
		if f.Public != "" {
			out.message = f.Public
		}
	}
	if out.status == 0 {
		out.status = http.StatusBadRequest
		if f.Kind() == fault.Internal {
			out.status = http.StatusInternalServerError
		}
	}
	return out, f.Code
}

func (h *Handler) shape(operation string, f *fault.Error) wire.ErrorShape {
	if h.c.ErrorOf != nil && operation != "" {
		if s, ok := h.c.ErrorOf(operation, f); ok {
			return s
		}
	}
	return h.c.Errors[f.Code]
}

func (h *Handler) logInternal(ctx context.Context, info *wire.RequestInfo, f *fault.Error) {
	level := slog.LevelError
	if errors.Is(f.Err, context.Canceled) && ctx.Err() != nil {
		level = slog.LevelDebug // the client went away
	}
	h.c.Log.LogAttrs(ctx, level, "operation failed", slog.String("service", h.c.Service), slog.String("operation", info.Operation),
		slog.String("request_id", info.ID), slog.Any("error", f))
}
