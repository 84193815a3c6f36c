// Package otlp sends spans to a collector by OTLP over HTTP.
//
// Spans wait in a bounded queue and are dropped when it is full: tracing never holds a request up. The collector is called through the
// client it is given, which brings the rules for addresses. What is set here wins over OTEL_ variables of the environment.
package otlp
