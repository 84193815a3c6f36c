package plivo

import (
	"strings"

	"countersign/provider"
)

// reasonOf is what the error code of a message comes to (Message API, error codes; beyond 50 from memory of the vendor's list).
func reasonOf(code string) provider.Reason {
	switch code {
	case "10", "30", "110": // the text, spam, a template or length
		return provider.ContentRejected
	case "20", "300": // a network, a carrier
		return provider.Temporary
	case "40": // the sender
		return provider.SenderRejected
	case "50", "70":
		return provider.InvalidNumber
	case "80":
		return provider.Unreachable
	case "90", "100":
		return provider.BadRequest
	case "200":
		return provider.OptedOut
	case "900":
		return provider.InsufficientFunds
	case "910":
		return provider.AuthFailed
	}
	return provider.Unknown
}

// expired is the error code of a message that was too old.
const expired = "420"

// stateOf reads a status. ok is false for one that is not in the list.
func stateOf(status, code string) (s provider.State, r provider.Reason, ok bool) {
	switch strings.ToLower(status) {
	case "queued":
		return provider.StateQueued, "", true
	case "sent":
		return provider.StateSent, "", true
	case "delivered", "read":
		return provider.StateDelivered, "", true
	case "undelivered", "failed", "rejected":
		if code == expired {
			return provider.StateExpired, "", true
		}
		if strings.EqualFold(status, "undelivered") {
			return provider.StateUndelivered, reasonOf(code), true
		}
		return provider.StateFailed, reasonOf(code), true
	}
	return "", "", false
}
