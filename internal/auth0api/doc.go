// Package auth0api speaks Auth0's dialect. So far it is one endpoint: POST /oauth/token with the grant
// client_credentials (RFC 6749, section 4.4), by which a management client gets a token for the management and admin
// APIs. Bodies may be JSON or a form: Auth0's own clients send both.
//
// Invariants:
//   - an unknown client and a wrong secret have the same answer, and cost the same;
//   - bodies are bounded; a parameter that comes twice is refused (RFC 6749, section 3.2);
//   - answers are never cached and never answer CORS: management secrets do not live in browsers.
package auth0api
