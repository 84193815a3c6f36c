// Package receipt takes what services tell of messages after they have accepted them: callbacks, answers to polls, notices over connections, files
// of prices; and texts that phones send back.
//
// A service calls at a door, /receipts/{kind}/{secret}. The secret is 256 random bits; the store holds its keyed hash, by which it is found, and the
// secret sealed, so that the URL can be shown again. A renewed door leaves the old one open for a while. Doors of accounts of the configuration file
// belong to no pool ("").
//
// What a notice does to a message is decided in one transaction with the receipt that is kept of it:
//
//	sent ── delivered ──► delivered            for ever
//	sent ── undelivered, failed, expired ──► undelivered ── delivered ──► delivered
//	failed, expired ── delivered ──► delivered (an attempt of unknown outcome had succeeded)
//
// Everything else changes no state: receipts that come late, twice or out of order are kept (once) and shown. A message whose attempt is not recorded
// yet, or that is still being sent, has its notices wait in memory for a minute.
//
// Notices are authentic if the service signs its callbacks (the signature is checked before anything is read), answered our question, or came over a
// connection that we made. Others are evidence: they are kept and shown, and have the service asked at once if it can be; a message ends by them only
// if the account says trust_unsigned and its service can neither sign nor be asked. Texts that came in unsigned change no opt-out without it either.
// Where the signature is of an id alone (Notice.Once), each id is taken once.
//
// A call that asks for its key is delivered when the key was pressed: that it was answered says nothing, a mailbox answers, too.
//
// Services are asked 15 s, 1 m, 5 m, 30 m, 2 h, 6 h, 12 h, 24 h, 48 h and 72 h after the send, until the message has ended; an account that fails is left alone
// for 30 s to 15 minutes. Those that want to know whether codes were typed in are told: of typed ones at once, of others 15 minutes after their send.
//
// Invariants:
//   - unsigned (where the service signs), stale, replayed and unknown callbacks change nothing;
//   - an answer tells nobody which messages, numbers or doors exist;
//   - secrets, numbers and texts are in no event's data, log or error; a text that came in is sealed;
//   - all is bounded: notices of a callback, receipts of a message, what waits, what is asked at once, unsigned texts; and what nobody signed leaves
//     room for what somebody did.
package receipt
