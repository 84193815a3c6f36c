// Package twilio sends texts by Twilio's Programmable Messaging and calls by its Programmable Voice (API of 2010-04-01), and lets Twilio Verify
// (v2) make and check codes.
//
// A text is a POST to Messages.json, with the rest of the code's life as ValidityPeriod; a call is a POST to Calls.json whose TwiML says the text. A
// code that stands in the text of a call is said digit by digit, twice. With Message.Key the call asks for the key first.
//
// A message was accepted only if the status is 201 and the body is JSON with a sid, a status that is no failure, and no error_code.
// Everything else has the reason of Twilio's error code (codes.go), else of the HTTP status (package exchange).
//
// # Receipts
//
// StatusCallback is Message.ReceiptURL with a=<Message.Reference>. Twilio signs its requests with the primary auth token (signature.go):
// without one (API keys alone) callbacks are evidence only. What comes:
//
//	accepted, scheduled, queued, sending    queued
//	sent                                    sent
//	delivered, read                         delivered
//	undelivered, partially_delivered        undelivered
//	failed, canceled                        failed; 30036 expired
//	calls: queued, initiated, ringing       queued
//	in-progress                             sent
//	completed                               delivered: somebody, or a machine, answered
//	busy, no-answer                         undelivered
//	failed, canceled                        failed
//
// Errors hold Twilio's code and sentence, with numbers taken out.
package twilio
