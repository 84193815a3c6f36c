// Package management speaks Auth0's Management API v2 (/api/v2): hooks and their secrets, actions, rules, the configuration of the phone factor,
// its providers and templates, policies, tenant settings, users' factors, clients and the log.
//
// routes() is the one table: method, path, scopes, handler. The wrapper around it owns every step that a route must not forget:
//
//	path ─► body (bounded) ─► who calls ─► rate limit ─► which pool ─► scope on that pool ─► handler ─► fields ─► event ─► answer
//
// A handler is a method of *api: func(ctx, *Request) (status, body, error). It decodes with Request.Fields, calls the domain, and answers values.
//
// Invariants:
//   - a request is about one pool, that of its Host; nothing of another pool can be read or changed;
//   - what is secret is read only by who has the grant ReadSecret besides the scope, and each such read is an event (mgmt_api_read);
//   - each write that succeeded is an event (sapi), each refused one another (fapi, cs_access_denied); events hold no bodies;
//   - a panic is an answer 500 without a word about it.
package management
