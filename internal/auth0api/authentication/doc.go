// Package authentication speaks the part of Auth0's dialect that applications call: POST /oauth/token with the grants of end users and of
// management clients, /oauth/revoke, /userinfo, the MFA API (/mfa/…), /passwordless/start, and the page by which a person with a ticket enrols a
// phone. It decodes, calls package pool, and encodes; errors go by one table from fault codes (errors.go). docs/auth0.md lists all of it.
//
// Invariants:
//   - client_credentials issues tokens only at doors that allow it, never to a page of another origin, and never answers CORS: management secrets
//     do not live in browsers. All other endpoints but the ticket's page answer CORS for every origin, without credentials;
//   - the pool is the one that Host names; a host without one gets 404;
//   - an unknown client and a wrong secret have the same answer, and cost the same;
//   - bodies are bounded; a parameter that comes twice is refused (RFC 6749, section 3.2);
//   - answers are never cached;
//   - the ticket's page loads nothing from elsewhere, runs no script, and its forms work from its own origin only.
package authentication
