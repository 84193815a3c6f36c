package countersign

import (
	"net/http"
	"strings"

	"countersign/internal/front"
	"countersign/internal/tracing"
)

// traced begins a span for each request, as far as the server traces.
func (s *Server) traced(next http.Handler) http.Handler {
	if !s.c.Tracer.On() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, span := s.c.Tracer.Serve(r.Context(), "request", r.Header.Get("Traceparent"))
		defer span.End("")
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// tell names a request in its span: by surface and, for user pools, operation. Paths may hold secrets and names.
func tell(seen front.Seen) {
	span := tracing.Current(seen.Request.Context())
	span.Set("surface", string(seen.Surface))
	span.Set("method", seen.Request.Method)
	span.SetInt("status", seen.Status)
	_, op, _ := strings.Cut(seen.Request.Header.Get("X-Amz-Target"), ".")
	if _, known := signedOperations[op]; known { // anything may stand there
		span.Set("operation", op)
	}
}
