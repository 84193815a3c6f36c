package otlp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"countersign/internal/secret"
	"countersign/internal/tracing"
)

const (
	// queue is how many spans may wait, batch how many go at once, every how often.
	queue, batch = 4096, 512
	every        = 2 * time.Second
	timeout      = 10 * time.Second
)

// Config says where spans go.
type Config struct {
	// Endpoint is the collector's URL ("https://collector.internal:4318"); "/v1/traces" is added to an empty path.
	Endpoint string
	// Header is sent with each request (an API key).
	Header map[string]secret.String
	// Share of the traces that begin here which are kept, 0 to 1; what a caller decided is followed. Zero means all.
	Share float64
	// Service and Version name this program in the traces. Service defaults to "countersign".
	Service, Version string
	// Client makes the requests. Required.
	Client *http.Client
}

// Exporter sends spans until Close.
type Exporter struct {
	Tracer   tracing.Tracer
	provider *sdk.TracerProvider
}

// New returns a working exporter. It does not call the collector yet.
func New(ctx context.Context, c Config) (*Exporter, error) {
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return nil, errors.New("tracing: the endpoint must be an absolute http or https URL, such as https://collector.internal:4318")
	}
	if c.Share < 0 || c.Share > 1 {
		return nil, errors.New("tracing: the share must lie between 0 and 1")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	header := map[string]string{}
	for k, v := range c.Header {
		header[k] = v.Reveal()
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.String()), otlptracehttp.WithHeaders(header),
		otlptracehttp.WithHTTPClient(c.Client), otlptracehttp.WithTimeout(timeout))
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	if c.Service == "" {
		c.Service = "countersign"
	}
	if c.Share == 0 {
		c.Share = 1
	}
	p := sdk.NewTracerProvider(
		sdk.WithBatcher(exporter, sdk.WithMaxQueueSize(queue), sdk.WithMaxExportBatchSize(batch), sdk.WithBatchTimeout(every)),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(c.Share))),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", c.Service), attribute.String("service.version", c.Version))),
		sdk.WithRawSpanLimits(sdk.SpanLimits{AttributeCountLimit: 32, EventCountLimit: 32, LinkCountLimit: 4, AttributeValueLengthLimit: 256,
			AttributePerEventCountLimit: 8, AttributePerLinkCountLimit: 8}))
	return &Exporter{Tracer: tracing.New(p), provider: p}, nil
}

// Close sends what waits, as far as ctx allows, and ends.
func (e *Exporter) Close(ctx context.Context) error { return e.provider.Shutdown(ctx) }
