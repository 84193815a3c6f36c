// Package vonage sends texts and calls by Vonage (formerly Nexmo), with three kinds of accounts:
//
//	vonage         texts by the Messages API v1, calls by the Voice API
//	vonage-sms     texts by the SMS API, the older and wider one
//	vonage-verify  codes that Vonage makes and checks, by Verify v2
//
// # Success
//
//	vonage, text     202 with a message_uuid; an error 1320 (already sent) too
//	vonage, call     201 with a uuid and a status in which a call can begin
//	vonage-sms       200, as many messages as message-count says, each with status "0" and an id
//	vonage-verify    202 with a request_id
//
// Everything else is judged by Vonage's code (codes.go), else by the HTTP status.
//
// # Receipts
//
// The Messages, Voice and Verify APIs sign what they report with a JWT (HS256, by the account's signature secret) that names the body's hash;
// the SMS API, once support has switched signatures on, with an HMAC in the parameter sig. The MD5 hash that is its default is
// refused. Without a signature secret in the account, what is reported is evidence alone (Signed).
//
// A text of several parts gets one id and one receipt for each. Receipt.ProviderID holds all ids, with commas between; the receipts
// say Message.Reference (client-ref) too. The first receipt of a part that arrived makes the text delivered, since parts travel
// together and nobody else tells the rest; one that failed before makes it undelivered.
//
// # Units
//
// ttl is in seconds for the Messages API, in milliseconds for the SMS API, at least 20 s in both. Prices are in euros unless a receipt
// says otherwise.
package vonage
