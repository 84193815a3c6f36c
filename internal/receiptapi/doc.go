// Package receiptapi is the HTTP surface at which services report: POST or GET /receipts/{kind}/{secret}, and /keys behind it for the keys of calls.
//
// Invariants:
//   - the URL that signatures are checked with is made of the declared base URL that the request came by, never of Host;
//   - a body is read whole before anything is decided, up to 256 KiB and within the server's time for bodies;
//   - answers say nothing of ours: one for every door that is not open, one for every callback that is not taken;
//   - nothing is read from who knows no open door; so many bodies come in at once, and so many callbacks are at work, and no more: the others are asked
//     to come again;
//   - neither secret nor body is logged.
package receiptapi
