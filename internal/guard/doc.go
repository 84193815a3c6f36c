// Package guard decides whether an account may try once more and whether one more message may be sent. It is on by default.
//
// Tries. Each account has a counter for each purpose (password, sign-in code, sign-up code ...) in two buckets: networks on which the
// account had a success in the last 30 days ("known"), and all others. Each bucket follows Cognito's lock-out: from the fifth failure in
// a row on, 2^(n-5) seconds, 15 minutes at most; a quiet quarter of an hour or a success ends the run. Apart from runs, failures
// without a success between them add up: 80 in the other bucket and 20 in the known one, 100 together (NIST SP 800-63B-4), close the
// bucket until a success, a recovery or an administrator opens it. So a stranger can use up the strangers' share only.
//
//	open ── failure ──→ open (n < 5) ── failure ──→ locked (2^(n-5) s) ── time ──→ open
//	  ▲ success, recovery, 15 quiet minutes                    │ total reached
//	  └───────────── success elsewhere, recovery, administrator ┴──→ closed
//
// Sends and calls. Windows of one hour, and of one day where a pool's limits say so, for the account and purpose (known networks and others apart), the
// destination's line (known networks may go on for as much again; accounts that have proven it and others apart), the address that asked and the /24 or
// /48 around it. Texts and calls that nobody answers make their account wait: some seconds between one and the next (cool-down), and after three codes to a proven
// number unknown networks an hour and more (back-off). A code that is typed in ends both.
//
// Invariants:
//   - counters are rows in the commit that they decide about: parallel attempts are judged one after the other;
//   - an attempt made while locked is not judged, does not count, and is told nothing else;
//   - a name without an account has counters like one with it;
//   - what a stranger causes counts for a number alike whether somebody has proven it or not, and for its own address whatever is refused;
//   - one message takes its rows in the order account, number, network;
//   - the lock is checked where a secret is judged, not only where a flow begins.
package guard
