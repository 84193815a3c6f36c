// Package messagebird sends texts (POST /messages) and calls (POST /voicemessages) by MessageBird's REST API; not by the newer one of Bird, whose requests are
// others.
//
// A message was accepted only if the status is 201, the body is JSON with an id and one recipient, and its status is no failure. Everything else is
// classed by the first of MessageBird's errors (codes.go), else by HTTP status.
//
// Units: validity is in seconds. Numbers go without a plus. The alphabet is left to MessageBird ("auto"): its default would lose what GSM 03.38 does
// not hold. Reports come only for messages that have a reference.
//
// Reports and texts come as requests with a JWT in MessageBird-Signature-JWT, which the signing key of the account signs (not the API key):
// issuer, time, the sum of the URL with its query and that of the body are checked, with a second for clocks that differ; its jti is Notice.ID, so
// that a second one can be refused. Without a signing key they are hints, and Poll tells.
package messagebird
