// Package token makes and checks what clients hold: ID and access tokens (JWTs signed as Amazon Cognito signs them),
// refresh tokens and the handles of sign-in steps. Which claims go into a token, whether it was revoked and what a
// handle stands for is decided elsewhere.
//
// Signing keys belong to one pool and one use: ID and access tokens are signed by different keys, RS256 (RSA-2048) or
// ES256. States of a key, by the clock alone:
//
//	next     from CreatedAt: published in the JWKS, signs nothing yet
//	active   from ActiveAt: the newest such key of its use signs
//	retired  from the successor's ActiveAt: published and accepted until the last token that it signed has expired
//	gone     after that, or from RetireAt if it was revoked: neither published nor accepted
//
// Invariants:
//   - Rotation adds a row and changes none, so that a crash at any moment leaves a usable set of keys.
//   - Nodes that create or rotate at the same moment derive the same key id, and insert-if-absent keeps one row.
//   - Private keys are stored sealed and decrypted in memory only; a public key is taken from its private key, never
//     from the database, so that whoever can write rows still cannot have a key accepted.
//   - A token's header must be, byte for byte, the one that a live key of the pool and use writes. No algorithm, key or
//     address is ever read from a token.
//   - Handles of different audiences do not parse as each other, and their hashes differ.
package token
