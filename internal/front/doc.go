// Package front is the one door of a listener. It decides, in this order and before any surface sees the request:
//
//  1. who asks: forwarded headers count only from declared proxies; from anybody else they are removed, so that no
//     later reader can be misled by them;
//  2. Host: a key in the closed list of declared base URLs. What is not in it gets 421 (RFC 9110, section 15.5.20),
//     which also stops DNS rebinding. Host never builds a link;
//  3. which surface: by X-Amz-Target, form action or path. The standard mux cannot hold these patterns together;
//  4. whether this listener offers the surface at all;
//  5. Origin: surfaces that answer no CORS refuse a foreign Origin and a cross-site Sec-Fetch-Site, preflight or not.
//
// Invariants:
//   - a handler sees RemoteAddr as the client's address and no forwarded header;
//   - PoolOf answers the pool that Host names, or "" on a base URL shared by all;
//   - an unreadable forwarded header of a declared proxy is refused, not ignored.
package front
