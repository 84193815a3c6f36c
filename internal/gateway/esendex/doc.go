// Package esendex sends texts and calls by Esendex's REST API (v1.0, messagedispatcher; the platform of the UK and the EU), one to a request, as XML:
// the answer in XML is the one that Esendex's own clients read.
//
// A message was accepted only if the status is 200 and the body is a messageheaders document with exactly one messageheader that has an id. Esendex has
// no error codes: everything else is classed by HTTP status (provider.ReasonOfStatus; 501 is a bad request), and what it says is plain text.
//
// Units: validity is in hours (1 to 72), rounded up, so that a text may come after its code has died. Numbers go without a plus. Senders are a number of up to
// 20 digits or 1 to 11 of the letters, digits and signs that Esendex lists. There is no field for a reference: what was sent without an answer
// cannot be matched later.
//
// Notifications are set up for the account, not for a message; they are not signed and a failure brings no reason. Config.AccountID refuses those of
// other accounts. They are hints: Poll (GET messageheaders) tells what became of a message.
package esendex
