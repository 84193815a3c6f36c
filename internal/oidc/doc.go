// Package oidc serves what relying parties read of a pool without asking anybody: its public keys (RFC 7517) and its
// discovery document (OpenID Connect Discovery 1.0).
//
//	/{poolId}/.well-known/jwks.json                 the pool's keys, on every declared host
//	/{poolId}/.well-known/openid-configuration      issuer: the pool's base URL + "/" + pool id
//	/.well-known/jwks.json, /.well-known/openid-configuration    of the pool that Host names; issuer: base URL + "/",
//	                                                with the endpoints of Auth0's dialect
//
// Invariants:
//   - issuer and links come from the pool's configuration and the list of declared base URLs, never from the request;
//   - answers are public, carry an entity tag, may be cached for less time than a new key is announced ahead, and
//     answer CORS for every origin.
package oidc
