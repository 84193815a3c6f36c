package otlp_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"countersign/internal/secret"
	"countersign/internal/tracing"
	"countersign/internal/tracing/otlp"
)

// sink is a collector as the OTLP specification has it: it decodes what it gets.
type sink struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*trace.Span
	key   string
}

func newSink(t *testing.T) *sink {
	s := &sink{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var in collector.ExportTraceServiceRequest
		if r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" || proto.Unmarshal(raw, &in) != nil {
			t.Errorf("%s %s: not an export", r.URL.Path, r.Header.Get("Content-Type"))
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.key = r.Header.Get("X-Key")
		for _, rs := range in.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				s.spans = append(s.spans, ss.Spans...)
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(s.Close)
	return s
}

// A request, the message it made and the call of the provider are one trace, although the message was sent after the answer.
func TestOneTraceOverTheOutbox(t *testing.T) {
	s := newSink(t)
	e, err := otlp.New(t.Context(), otlp.Config{Endpoint: s.URL, Header: map[string]secret.String{"X-Key": secret.New("k1")}, Client: s.Client()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, request := e.Tracer.Serve(t.Context(), "SignUp", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	carried := tracing.Carry(ctx)
	request.End("")
	ctx, delivery := e.Tracer.Follow(context.Background(), "deliver", carried)
	_, call := tracing.Start(ctx, "twilio")
	call.Set("country", "GB")
	call.SetInt("attempt", 2)
	call.End("temporary")
	delivery.End("")
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	names := map[string]*trace.Span{}
	for _, span := range s.spans {
		names[span.Name] = span
	}
	if len(s.spans) != 3 || s.key != "k1" {
		t.Fatalf("%d spans, key %q", len(s.spans), s.key)
	}
	a, b, c := names["SignUp"], names["deliver"], names["twilio"]
	if string(a.TraceId) != string(b.TraceId) || string(b.TraceId) != string(c.TraceId) || string(b.ParentSpanId) != string(a.SpanId) || string(c.ParentSpanId) != string(b.SpanId) {
		t.Errorf("not one trace: %v", s.spans)
	}
	if c.Status.Code != trace.Status_STATUS_CODE_ERROR || c.Status.Message != "temporary" || len(c.Attributes) != 2 {
		t.Errorf("%v", c)
	}
}

// A collector that is away loses spans and holds nobody up; what a caller does not sample is not kept.
func TestAway(t *testing.T) {
	e, err := otlp.New(t.Context(), otlp.Config{Endpoint: "http://127.0.0.1:1/own", Client: &http.Client{Timeout: time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	for range 10000 {
		_, span := e.Tracer.Serve(t.Context(), "x", "")
		span.End("")
	}
	ctx, span := e.Tracer.Serve(t.Context(), "x", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
	if !strings.HasSuffix(tracing.Carry(ctx), "-00") {
		t.Errorf("carried %q", tracing.Carry(ctx))
	}
	span.End("")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if e.Close(ended) == nil {
		t.Error("nothing was lost")
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []otlp.Config{{Endpoint: "collector:4318"}, {Endpoint: "https://u:p@c"}, {Endpoint: "https://c", Share: 1.5}, {Endpoint: ""}} {
		if _, err := otlp.New(t.Context(), c); err == nil || !strings.HasPrefix(err.Error(), "tracing: ") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestNobodyWatches(t *testing.T) {
	ctx, s := tracing.Tracer{}.Serve(t.Context(), "x", "")
	_, inner := tracing.Start(ctx, "y")
	inner.Set("a", "b")
	inner.End("c")
	s.End("")
	if tracing.Carry(ctx) != "" || (tracing.Tracer{}).On() {
		t.Error("something is traced")
	}
	if n := testing.AllocsPerRun(100, func() {
		_, s := tracing.Start(ctx, "y")
		s.Set("a", "b")
		s.End("")
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
