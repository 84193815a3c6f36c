package infobip

import "countersign/provider"

// Groups of statuses (API reference, response status and error codes). The schema calls group 0 ACCEPTED.
const (
	groupAccepted, groupPending, groupUndeliverable, groupDelivered, groupExpired, groupRejected = 0, 1, 2, 3, 4, 5
)

// duplicate is REJECTED_DUPLICATE_MESSAGE_ID, duplicateError the error EC_DUPLICATE_MESSAGE_ID.
const duplicate, duplicateError = 23, 5492

// stateOf is how far a message has come by its status; reason is set for undelivered and failed.
func stateOf(group, id int) (state provider.State, reason provider.Reason) {
	switch id {
	case 26:
		return provider.StateQueued, ""
	case 2, 3, 7, duplicate: // 2 is on its way although its group is 3
		return provider.StateSent, ""
	case 5:
		return provider.StateDelivered, ""
	case 15, 29:
		return provider.StateExpired, ""
	}
	if r := statusReason(id); r != "" {
		if id == 96 || id == 97 || id == 98 {
			return provider.StateUndelivered, r
		}
		return provider.StateFailed, r
	}
	switch group {
	case groupAccepted:
		return provider.StateQueued, ""
	case groupPending:
		return provider.StateSent, ""
	case groupUndeliverable:
		return provider.StateUndelivered, provider.Unknown
	case groupDelivered:
		return provider.StateDelivered, ""
	case groupExpired:
		return provider.StateExpired, ""
	case groupRejected:
		return provider.StateFailed, provider.Unknown
	}
	return "", ""
}

// statusReason is what the id of a status means that says more than its group, or empty.
func statusReason(id int) provider.Reason {
	switch id {
	case 8, 51, 52:
		return provider.InvalidNumber
	case 10: // do not disturb
		return provider.OptedOut
	case 14, 87: // block lists, taken for fraud
		return provider.Blocked
	case 11, 13:
		return provider.SenderRejected
	case 24, 25:
		return provider.ContentRejected
	case 12, 17:
		return provider.InsufficientFunds
	case 20:
		return provider.RateLimited
	case 6, 18, 19, 99, 100:
		return provider.BadRequest
	case 21:
		return provider.Temporary
	case 96, 97, 98: // a call: no answer, busy, canceled
		return provider.Unreachable
	}
	return ""
}

// errorReason is what the error of a report means (GSM error codes), or empty.
func errorReason(id int, permanent bool) provider.Reason {
	switch id {
	case 0:
		return ""
	case 1, 5, 9, 351, 352:
		return provider.InvalidNumber
	case 6, 27, 31, 33, 256, 502, 628, 11, 21, 568, 629, 581: // absent, full, no texts; 581 is the recipient's own credit
		return provider.Unreachable
	case 573, 604, 608, 609, 2049, 2050, 2052, 3041:
		return provider.Blocked
	case 368, 375, 488, 560, 562, 563, 564, 572, 594, 2053:
		return provider.SenderRejected
	case 355, 561, 603, 607:
		return provider.ContentRejected
	case 433:
		return provider.AuthFailed
	case 541, 542, 630, 4099, 4103, 4104, 4202:
		return provider.RateLimited
	}
	switch {
	case id >= 4106 && id <= 4158: // India's register of templates
		return provider.ContentRejected
	case permanent:
		return provider.BadRequest
	}
	return provider.Temporary
}

// expired reports whether an error says that the validity ended.
func expired(id int) bool { return id == 811 || id == 4098 || id == 4101 }

// refusalReason is what the code of a refused request means: the old name or the new code; empty if the HTTP status says as much.
func refusalReason(code string) provider.Reason {
	switch code {
	case "UNAUTHORIZED", "FORBIDDEN", "E401", "E403":
		return provider.AuthFailed
	case "TOO_MANY_REQUESTS", "E429":
		return provider.RateLimited
	case "BAD_REQUEST", "E400":
		return provider.BadRequest
	case "GENERAL_ERROR", "E500":
		return provider.Temporary
	}
	return ""
}
