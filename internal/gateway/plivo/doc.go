// Package plivo sends texts by Plivo's Message API (POST /v1/Account/{auth id}/Message/). Calls are left out: Plivo fetches
// what a call says from a URL, and there is none that serves it.
//
// A text was accepted only if the status is 202 and the body is JSON with exactly one message_uuid and no error. Plivo has no codes for refused requests, only
// sentences: they are classed by HTTP status (provider.ReasonOfStatus). Codes come with receipts (codes.go).
//
// Units: message_expiry is in seconds, 5 to 10,800. Numbers go without a plus. Plivo is asked to keep no texts ("log"). It has no field for a
// reference: Message.Reference is the query parameter "reference" of the receipt URL.
//
// Callbacks are signed with the auth token: V3 over URL, parameters and a nonce (header X-Plivo-Signature-V3, or -Ma-V3 by the main account's token), else
// V2 over URL and nonce alone. The nonce is Notice.ID, so that a second one can be refused; there is no time in a signature.
package plivo
