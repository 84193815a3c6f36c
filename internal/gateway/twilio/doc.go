// Package twilio sends texts by Twilio's Programmable Messaging and calls by its Programmable Voice (API of 2010-04-01).
//
// A text is a POST to Messages.json, with the rest of the code's life as ValidityPeriod; a call is a POST to Calls.json whose TwiML says the text. A
// code that stands in the text of a call is said digit by digit, twice.
//
// A message was accepted only if the status is 201 and the body is JSON with a sid, a status that is no failure, and no error_code.
// Everything else is classed by Twilio's error code (classes in codes.go), else by HTTP status:
//
//	400, 404, 410, 422, other 4xx        misconfigured: a request of ours that Twilio does not want, whoever the recipient is
//	401, 402, 403, 3xx, other 2xx        misconfigured
//	408, 5xx                             retryable
//	429                                  throttled, for Retry-After or 1 s: it was never processed
//	504, no answer to a written request  ambiguous
//	no connection, request not written   retryable
//
// Errors hold Twilio's code and sentence, with numbers taken out.
package twilio
