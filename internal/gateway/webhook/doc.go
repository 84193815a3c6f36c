// Package webhook hands messages to a service of the operator's own by a signed HTTP POST.
//
// The request follows the Standard Webhooks specification 1.0.0 (header names, signed content, secret form):
//
//	POST <URL>
//	content-type: application/json
//	webhook-id: <message id, the same for every attempt: use it to drop duplicates>
//	webhook-timestamp: <Unix seconds of this attempt>
//	webhook-signature: v1,<base64 of HMAC-SHA256(secret, "<id>.<timestamp>.<body>")>
//
//	{"id": "...", "to": "+12025550123", "text": "123456 is your code", "code": "123456", "channel": "sms",
//	 "trigger_source": "CustomSMSSender_SignUp", "pool_id": "...", "expires_at": "2026-11-21T12:03:00Z"}
//
// (from, locale, reference, receipt_url, entity_id and template_id are there if they are not empty.) During a rotation two signatures stand in the header,
// separated by a space.
//
// # The answer
//
// A message was accepted only if the status is 200, 201 or 202 and the body is a JSON object whose "status" is "sent" or
// "accepted"; "id" may carry the provider's own id. Everything else is a failure: an empty 200 or a 204 may come from a page
// that catches all, and a code that nobody sent is worse than an error.
//
//	200, 201, 202 without that body   misconfigured
//	other 2xx, 3xx                    misconfigured; redirects are not followed
//	400, 409, 410, 422, other 4xx     permanent
//	401, 402, 403, 404, 405, 413, 415 misconfigured
//	408, 425, 5xx                     retryable
//	429; 503 with Retry-After         throttled, as long as Retry-After says (seconds or date, 1 s to 1 h; 30 s if absent)
//	504, no answer to a written request, a 2xx that is cut off or longer than 16 KiB    ambiguous
//	no connection, request not written    retryable
//
// With any status a body {"status":"failed","class":"permanent"} names the class itself (permanent, retryable,
// throttled with "retry_after" in seconds, misconfigured, ambiguous), or "reason" names one of provider.Reasons; "code" and "error"
// explain it to people.
//
// # Receipts
//
// The service posts what became of a message to receipt_url, signed in the same way with the same secret (receipts.go). Its webhook-id is
// taken once, its timestamp may be five minutes away.
//
// # GoTrue
//
// With FormatGoTrue the body and the answer are those of GoTrue's "Send SMS" hook (Supabase documentation, Auth Hooks): there an empty answer
// of 200, 202 or 204 is a success.
package webhook
