package mitto

import (
	"strings"

	"countersign/provider"
)

// reasonOf is what a responseCode comes to (SMS API, status codes); "" for one that is not in the list.
func reasonOf(code int) provider.Reason {
	switch code {
	case 1: // internal error
		return provider.Temporary
	case 2: // a malformed request
		return provider.BadRequest
	case 3, 4: // no text, or signs that the chosen alphabet does not have
		return provider.ContentRejected
	case 5, 6: // no sender, or none that it takes
		return provider.SenderRejected
	case 7, 8: // no number, or none that is one
		return provider.InvalidNumber
	}
	return ""
}

// stateOf reads the status of a receipt: Mitto's words as far as they are known, and those of SMPP (version 3.4, appendix B), which carriers use.
// ok is false for any other.
func stateOf(word string) (s provider.State, r provider.Reason, ok bool) {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "queued", "accepted", "accepted for delivery", "scheduled", "pending":
		return provider.StateQueued, "", true
	case "sent", "enroute", "acceptd", "buffered":
		return provider.StateSent, "", true
	case "delivered", "delivrd":
		return provider.StateDelivered, "", true
	case "expired":
		return provider.StateExpired, "", true
	case "failure", "failed", "undelivered", "undeliverable", "undeliv", "not delivered":
		return provider.StateUndelivered, provider.Unknown, true
	case "rejected", "rejectd", "deleted":
		return provider.StateFailed, provider.Unknown, true
	case "unknown":
		return provider.StateSent, "", true
	}
	return "", "", false
}
