// Package totp checks the codes of authenticator apps: RFC 6238 with HMAC-SHA-1, six digits and steps of 30 seconds, the
// only form that every app understands.
//
// A code is good in its own step and in the steps before and after it (RFC 6238, 5.2), and once: Verify never accepts a
// step that is not later than the last one accepted, which the caller stores with the user in the commit that uses it.
// Guessing is bounded by the account's counters, not here.
//
// Secrets are base32 text without padding, as they stand in an otpauth URI and in SecretCode on the wire. They are
// stored sealed and never logged.
package totp
