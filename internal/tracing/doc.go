// Package tracing begins and ends spans (OpenTelemetry). The tracer travels in the context: whoever has none traces nothing and pays next to
// nothing, and there is no global that changes.
//
// A span names what was done and never to whom: attributes hold no number, address, code, text, secret or user id. Pool, message id,
// account, provider, country, channel, state and class are what may be there. Errors are told by their class.
//
// A message outlives the request that made it: Carry gives the context of its request as text (W3C Trace Context, traceparent), and Follow
// begins the span of its delivery as part of the same trace.
package tracing
