package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"countersign/internal/config"
	"countersign/internal/egress"
	"countersign/internal/secret"
	"countersign/internal/tracing/otlp"
)

const (
	tracingTimeout = 10 * time.Second
	// lastSpans bounds the sending of what waits when the program ends.
	lastSpans = 3 * time.Second
)

// openTracing connects to the collector of the configuration; nil if there is none. The caller calls end.
func openTracing(ctx context.Context, c *config.Config) (e *otlp.Exporter, end func(), err error) {
	t := c.Tracing
	if t.Endpoint == "" {
		return nil, func() {}, nil
	}
	u, err := url.Parse(t.Endpoint)
	if err != nil {
		return nil, nil, err
	}
	policy, err := egressPolicy(c, u.Hostname())
	if err != nil {
		return nil, nil, err
	}
	header, err := headersOf(t.HeadersFile)
	if err != nil {
		return nil, nil, err
	}
	e, err = otlp.New(ctx, otlp.Config{
		Endpoint: t.Endpoint, Header: header, Share: float64(t.Percent) / 100, Version: version(),
		Client: egress.NewClient(egress.Config{Policy: policy, Timeout: tracingTimeout}),
	})
	if err != nil {
		return nil, nil, hint(err, "see tracing in countersign config example")
	}
	return e, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSpans)
		defer cancel()
		_ = e.Close(ctx) // what could not be sent is lost, as spans are
	}, nil
}

// headersOf reads "Name: value" lines.
func headersOf(file string) (map[string]secret.String, error) {
	out := map[string]secret.String{}
	if file == "" {
		return out, nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, hint(err, "name a file that this user can read: tracing.headers_file")
	}
	for i, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
		name, value, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, hint(fmt.Errorf("%s:%d: must be \"Name: value\"", file, i+1), "one header in each line, as for curl -H")
		}
		out[name] = secret.New(strings.TrimSpace(value))
	}
	return out, nil
}
