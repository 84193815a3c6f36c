// Package route decides which account with an SMS service carries a message, and what happens when it does not.
//
// A pool has accounts (AccountConfig: a kind of service, its settings, its sealed secrets) and one plan (Plan: rules, of which the first that fits
// a message names the accounts in order). A pool without a plan of its own uses the server's (Static), if there is one. SenderFor gives package
// delivery a sender that walks the rule's choices:
//
//	opted out ─ rule ─ order (weights, health) ─ for each account: serves the channel? circuit? rate? ─ send ─ next, stop, or a call
//
// What follows a failure is its provider.Reason: invalid_number, opted_out and blocked end the walk (one second opinion on a number by setting),
// unreachable allows one more account and then a call, everything else goes on to the next account. An attempt that does not answer in time
// is ambiguous, and the next account gets the same code and text.
//
// An account's circuit:
//
//	closed ─ refused credentials, no balance, 5 failures in a row, or more than half of the last 20 in 30 s ─► open
//	open ─ its pause is over ─► half open: one message tries ─► closed, or open again for twice as long
//
// Invariants:
//
//   - Within one Send no second account is asked once one has accepted; a second one is asked after an ambiguous attempt alone with the chance that
//     both texts arrive, and that attempt is marked so.
//   - Every attempt of a message carries the same text and code; none begins after the code's end.
//   - Every call of a service is noted for the timeline, under the id that the service got as Reference.
//   - Codes wait for an account's rate in the order of their lanes and never behind a notice; notices take only what is left over, and go back
//     to the queue meanwhile.
//   - Secrets are sealed under the pool's key, are never given back, and are opened when an account is first used. A change takes effect at once on
//     the node that wrote it and within 5 s elsewhere; a provider that was replaced is closed when its last send has ended.
package route
