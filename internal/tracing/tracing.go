package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// scope is the instrumentation scope of all spans.
const scope = "countersign"

// Tracer begins the spans that have no parent in this process. The zero value traces nothing.
type Tracer struct{ provider trace.TracerProvider }

// New returns a Tracer of a provider.
func New(p trace.TracerProvider) Tracer { return Tracer{p} }

// On reports whether anything is traced.
func (t Tracer) On() bool { return t.provider != nil }

func (t Tracer) tracer() trace.Tracer {
	if t.provider == nil {
		return noop.Tracer{}
	}
	return t.provider.Tracer(scope)
}

// Serve begins the span of a request. traceparent is the caller's (header "traceparent"), or empty.
func (t Tracer) Serve(ctx context.Context, name, traceparent string) (context.Context, Span) {
	if t.provider == nil {
		return ctx, Span{}
	}
	ctx, s := t.tracer().Start(extract(ctx, traceparent), name, trace.WithSpanKind(trace.SpanKindServer))
	return ctx, Span{s}
}

// Follow begins the span of what a request left to be done; traceparent is what Carry returned then.
func (t Tracer) Follow(ctx context.Context, name, traceparent string) (context.Context, Span) {
	if t.provider == nil {
		return ctx, Span{}
	}
	ctx, s := t.tracer().Start(extract(ctx, traceparent), name, trace.WithSpanKind(trace.SpanKindConsumer))
	return ctx, Span{s}
}

// Start begins a span under the one in ctx. Without one nothing is traced.
func Start(ctx context.Context, name string) (context.Context, Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, Span{}
	}
	ctx, s := parent.TracerProvider().Tracer(scope).Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient))
	return ctx, Span{s}
}

// Carry returns the span in ctx as a traceparent, or "".
func Carry(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	c := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, c)
	return c["traceparent"]
}

func extract(ctx context.Context, traceparent string) context.Context {
	if traceparent == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": traceparent})
}

// Span is something that is being done. The zero value is one that nobody watches.
type Span struct{ s trace.Span }

// Set adds a fact; see the package comment for what may be one.
func (s Span) Set(name, value string) {
	if s.s != nil && value != "" {
		s.s.SetAttributes(attribute.String(name, value))
	}
}

// SetInt adds a number.
func (s Span) SetInt(name string, value int) {
	if s.s != nil {
		s.s.SetAttributes(attribute.Int(name, value))
	}
}

// Event marks a moment.
func (s Span) Event(name string) {
	if s.s != nil {
		s.s.AddEvent(name)
	}
}

// End ends the span; class says what went wrong in a word, or is empty.
func (s Span) End(class string) {
	if s.s == nil {
		return
	}
	if class != "" {
		s.s.SetStatus(codes.Error, class)
	}
	s.s.End()
}

// Current returns the span in ctx; nobody watches it if there is none.
func Current(ctx context.Context) Span {
	if s := trace.SpanFromContext(ctx); s.IsRecording() {
		return Span{s}
	}
	return Span{}
}
