// Package otp makes and judges one-time codes.
//
// A code is random digits; what is stored is a keyed hash over pool, subject (user or pending attempt), purpose, client,
// wire, chain, destination and the code's own id, so that a code answers only the question it was sent for.
//
// States of a code:
//
//	issued → sent → consumed        (Codes.ConsumeCode: exactly one caller wins)
//	   └──────┴──→ dead             (expired, superseded, or its destination changed)
//
// Invariants:
//   - a code is good until, and not at, its expiry;
//   - without a chain at most Keep codes of a subject and purpose are alive, on one try budget of the account;
//   - within a chain a newer code kills the older ones only once it has been sent: a failed resend harms nothing;
//   - a wrong answer never says which code was nearly right; all live codes are compared in constant time;
//   - a code that was asked for through one client is good on that client alone (codes of administrators on any).
package otp
