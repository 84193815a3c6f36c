package messagebird

import (
	"strings"

	"countersign/provider"
)

// reasonOf is what an error comes to, by its code and the parameter that it names (REST API, error codes; from memory of the vendor's list, so its gaps
// and mistakes must be safe). "" for codes that say less than the status.
func reasonOf(code int, parameter string) provider.Reason {
	switch code {
	case 2: // the access key
		return provider.AuthFailed
	case 9, 10, 20, 21: // missing, wrong, not found, a bad request
		switch {
		case strings.HasPrefix(parameter, "recipient"):
			return provider.InvalidNumber
		case strings.HasPrefix(parameter, "originator"):
			return provider.SenderRejected
		}
		return provider.BadRequest
	case 25: // not enough balance
		return provider.InsufficientFunds
	case 98, 99: // not found for a while, internal
		return provider.Temporary
	}
	return ""
}

// stateOf reads the status of a recipient, of a text or a call. ok is false for one that is not in the list.
func stateOf(status string) (s provider.State, r provider.Reason, ok bool) {
	switch strings.ToLower(strings.TrimSpace(status)) {
	case "scheduled":
		return provider.StateQueued, "", true
	case "buffered", "sent", "calling":
		return provider.StateSent, "", true
	case "delivered", "answered":
		return provider.StateDelivered, "", true
	case "expired":
		return provider.StateExpired, "", true
	case "delivery_failed", "failed":
		return provider.StateUndelivered, provider.Unknown, true
	case "busy", "machine", "no answer", "no_answer":
		return provider.StateUndelivered, provider.Unreachable, true
	}
	return "", "", false
}

// accepted reports whether a message with this status is on its way.
func accepted(status string) bool {
	s, _, ok := stateOf(status)
	return ok && s != provider.StateUndelivered && s != provider.StateExpired
}

// reasonOfText sharpens the reason of a failed message by the words of statusReason.
func reasonOfText(r provider.Reason, words string) provider.Reason {
	if r != provider.Unknown {
		return r
	}
	switch strings.ToLower(strings.ReplaceAll(words, "_", " ")) {
	case "unknown subscriber":
		return provider.InvalidNumber
	case "unavailable subscriber":
		return provider.Unreachable
	case "opted out":
		return provider.OptedOut
	case "received network error", "carrier rejected":
		return provider.Temporary
	case "insufficient balance":
		return provider.InsufficientFunds
	case "capacity limit reached":
		return provider.RateLimited
	}
	return r
}
