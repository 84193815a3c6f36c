// Package egress is the one way out: every request that Countersign makes to an address that somebody configured
// (webhooks, providers, hooks, module registries) goes through its Dialer.
//
// The Dialer refuses addresses inside: loopback, private, link-local, carrier-grade NAT, cloud metadata, multicast,
// unspecified and reserved ones, in every IPv6 disguise (mapped, compatible, translated, NAT64, 6to4, Teredo). It looks at the
// address that is about to be connected, after resolution, so that neither a name that points inside nor a name that
// changes between a check and the use (rebinding) gets through. What the operator lists in Policy.Allow is let through.
//
// Invariants:
//   - Environment variables (HTTP_PROXY ...) have no say; a proxy is used only if configured, and its address passes the
//     same rules. A proxy resolves names itself, so that with one only literal addresses can be judged here.
//   - Redirects are not followed unless asked for; when followed, each hop dials through the same rules, HTTPS never falls
//     back to HTTP, and a request with a body is never replayed elsewhere.
//   - TLS is 1.2 or later, answers are bounded in size and time.
package egress
