// Package sandbox is the sandbox of the SMS account: while it is on, messages go to verified destination numbers alone.
//
// There is one account for the deployment, whatever region a caller names. The sandbox is off until somebody puts the account into it (a new account of
// Amazon's begins in it).
//
//	Create ──► pending ── the code that was sent to it ──► verified
//	              └──────────── Remove ────────────────────────┴──► gone
//
// Rules, as Amazon publishes them: at most ten verified numbers; at most five codes to a number within 24 hours; a code has six digits, is good for 24
// hours and dies with the fifth wrong answer; a number may be removed a day after it was verified or a code was last sent to it (in dev at once).
//
// Invariants:
//   - a number is sealed and found by its keyed hash (eventlog.Log.NumberHash), so that all spellings of one line are one destination number;
//   - codes are keyed hashes bound to the destination number (package otp), compared in constant time; an answer is told only once it has been counted;
//   - a code and the message that carries it are one commit; so are a change and its event (cs_destination_number_changed,
//     cs_sandbox_number_verified, cs_sms_account_changed for the sandbox itself);
//   - what a node changed it knows at once, all others within two seconds.
//
// The message with a code goes to a number that is not verified yet: whoever holds messages back asks Exempt first.
package sandbox
