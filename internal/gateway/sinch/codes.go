package sinch

import (
	"net/http"
	"strings"

	"countersign/provider"
)

// reasonOf is what a refused request comes to, by Sinch's code and sentence and the status (SMS API, HTTP errors).
func reasonOf(status int, code, text string) provider.Reason {
	switch {
	case status == http.StatusForbidden:
		return provider.BadRequest
	case strings.HasPrefix(code, "syntax_") && strings.Contains(text, "'to"):
		return provider.InvalidNumber
	case strings.HasPrefix(code, "syntax_") && strings.Contains(text, "'from'"):
		return provider.SenderRejected
	case strings.HasPrefix(code, "syntax_"):
		return provider.BadRequest
	}
	return ""
}

// reasonOfReport is what the code of a delivery report comes to (SMS API, delivery receipt error codes).
func reasonOfReport(code int) provider.Reason {
	switch code {
	case 402, 408, 405, 412: // no route, rejected inside, a parameter without a value, a region that is not enabled
		return provider.BadRequest
	case 403, 404:
		return provider.Temporary
	case 410: // no sender that fits
		return provider.SenderRejected
	case 411: // more parts than allowed
		return provider.ContentRejected
	case 413: // the account is blocked
		return provider.InsufficientFunds
	}
	return provider.Unknown
}

// stateOf reads a status of a report. ok is false for one that is not in the list.
func stateOf(status string, code int) (s provider.State, r provider.Reason, ok bool) {
	switch status {
	case "Queued":
		return provider.StateQueued, "", true
	case "Dispatched":
		return provider.StateSent, "", true
	case "Delivered":
		return provider.StateDelivered, "", true
	case "Aborted", "Cancelled", "Rejected", "Deleted":
		return provider.StateFailed, reasonOfReport(code), true
	case "Failed":
		return provider.StateUndelivered, reasonOfReport(code), true
	case "Expired":
		return provider.StateExpired, "", true
	case "Unknown":
		return provider.StateUndelivered, provider.Unknown, true
	}
	return "", "", false
}
