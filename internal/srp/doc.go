// Package srp is the server's side of the SRP-6a variant that Cognito's clients speak (USER_SRP_AUTH, device SRP).
//
// The group is RFC 5054's 3072-bit one with g = 2 and the hash SHA-256. It differs from RFC 2945 and RFC 5054
// in three ways: integers are padded as two's complement (pad), the identity hashed is pool name and user id, and the shared
// key is 16 bytes of HKDF. testdata/srp-vector.json holds eight exchanges that two client libraries agree with.
//
// One exchange:
//
//	stored:    salt, verifier                      NewVerifier, or Verifier from a known password
//	client  →  A                                   ParseA
//	server  →  salt, B, secret block               Precomputer.Take, Pair.Server (or NewServer)
//	client  →  secret block, timestamp, signature  Key, Signature, ParseTimestamp
//
// The package keeps no state between the steps: the caller seals A, Ephemeral.Secret and B (or the key) into the secret
// block. What remains the caller's: sealing, expiry and single use of the block, the tolerance of the timestamp, comparing
// signatures in constant time, and an invented salt and verifier for users who do not exist.
//
// Invariants: a verifier is 384 bytes, big-endian, between 1 and N-1. It is a fast function of the password and must be stored
// sealed. math/big does not run in constant time; every secret exponent but the password's x is used once.
package srp
