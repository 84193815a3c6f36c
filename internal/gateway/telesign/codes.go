package telesign

import "countersign/provider"

// taken reports whether a code in the answer to a request means that the message is on its way.
func taken(code int, channel provider.Channel) bool {
	if channel == provider.Voice {
		return code == 100 || code == 103 || code == 105
	}
	return code == 290 || code == 291 || code == 292 || code == 203 || code == 200
}

// stateOf is how far a message has come by status.code; the state is empty for a code that is none of these.
func stateOf(code int) (provider.State, provider.Reason) {
	switch code {
	case 290, 291, 292, 295, 103, 105:
		return provider.StateQueued, ""
	case 203:
		return provider.StateSent, ""
	case 200, 100:
		return provider.StateDelivered, ""
	case 207, 250:
		return provider.StateUndelivered, provider.Unknown
	case 210, 211, 222, 101, 102, 107:
		return provider.StateUndelivered, provider.Unreachable
	case 220, 104:
		return provider.StateUndelivered, provider.InvalidNumber
	case 221:
		return provider.StateExpired, ""
	case 229, 230, 129, 130:
		return provider.StateFailed, provider.Blocked
	case 231:
		return provider.StateFailed, provider.ContentRejected
	case 500:
		return provider.StateFailed, provider.Temporary
	case 501:
		return provider.StateFailed, provider.AuthFailed
	case 106, 599:
		return provider.StateFailed, provider.Unknown
	}
	return "", ""
}

// reasonOf is what a code means in an answer that is no success; empty if the HTTP status says as much.
func reasonOf(code int) provider.Reason {
	switch code {
	case 11000, 11001, 12000:
		return provider.InvalidNumber
	case 11009:
		return provider.ContentRejected
	case 11013:
		return provider.SenderRejected
	case 11003, 11004, 11010, 11016, 11017, 11034, 11035, 12009, 12017, 221:
		return provider.BadRequest
	case 3204:
		return provider.RateLimited
	case 3041, 3500:
		return provider.Temporary
	}
	_, reason := stateOf(code)
	return reason
}
