// Package sinch sends texts by Sinch's SMS API (XMS, POST /xms/v1/{plan}/batches): each text is a batch of one recipient.
//
// A text was accepted only if the status is 201 and the body is JSON with an id and is not cancelled. Everything else is classed by Sinch's
// error code (codes.go), else by HTTP status; 403 is a request that the plan does not allow, 401 wrong credentials.
//
// The text dies with its code (expire_at). Message.Reference is client_reference, which reports bring back. A text has at most 1,600 characters.
//
// Reports come to the URL of each request. Sinch authenticates them by an HMAC of body, nonce and time (headers x-sinch-webhook-signature…), or by
// Basic credentials; both are set up by its account managers. With neither configured they are hints, and Poll tells. A signature is good for five
// minutes; its nonce is Notice.ID, so that a second one can be refused.
package sinch
