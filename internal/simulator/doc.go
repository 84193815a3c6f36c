// Package simulator is the world outside in dev mode: phones and mailboxes that receive what Countersign sends.
//
// Inbox is a provider.Provider that delivers nothing and keeps everything, so that a developer sees each text, call
// and e-mail with its code, and a test can read it back. Handler serves it under /simulator/: a page with the phones,
// a JSON list for tests, a stream of events, and the way back (a reply typed on a phone: STOP, START, HELP).
//
// Host answers as the providers' own APIs do, refusals and receipts included. Faults and magic numbers make sends go wrong, in the words of the
// provider (dialect.go).
//
// A message has two states: kept, then gone. It goes when the bound is reached (the oldest first), when the list is
// cleared, or at a reset. Nothing is ever changed in place.
//
// Invariants:
//   - Message.ID is sixteen decimal digits and grows with each message, also across restarts when there is a file:
//     ids compare as strings, and "after this id" has one meaning everywhere.
//   - One idempotency key is one message: a second Send answers the first receipt and keeps nothing.
//   - The list, the file, the streams, the set of remembered keys, the faults and the receipts that wait are bounded. A slow reader holds up nobody and
//     buffers nothing: each stream reads from the list by its own position.
//   - Everything under /simulator/ shows codes in clear. It therefore refuses other origins, answers no CORS, and must
//     not exist in serve mode.
package simulator
