package twilio

import "countersign/provider"

// reasonOf returns what an error code means, "" for codes that say less than the HTTP status. Twilio announced that codes will be split
// further: this table is for people's sake, and its gaps are safe.
func reasonOf(code int) provider.Reason {
	switch code {
	case 21211, 21614, 21217, 30005: // no number, or none that takes texts
		return provider.InvalidNumber
	case 21635, 30003, 30006, 60205: // a landline, or out of reach
		return provider.Unreachable
	case 21610:
		return provider.OptedOut
	case 30004, 21216, 30450, 30453, 60410, 60238, 60605: // blocked, or taken for fraud: 60410 ends after twelve hours
		return provider.Blocked
	case 21212, 21401, 21603, 21606, 21612, 21659, 21660, 21661, 21703, 21704, 30032, 30034, 30042, 30024, 21210, 21213:
		return provider.SenderRejected
	case 30007, 21617, 30019, 30038, 30110:
		return provider.ContentRejected
	case 20003, 20005, 20006, 30002, 20008:
		return provider.AuthFailed
	case 20429, 21611, 30001, 30022, 30023, 60203, 60207, 60212:
		return provider.RateLimited
	case 20500, 30008, 30017:
		return provider.Temporary
	case 21408, 21215, 21608, 21604, 21602, 21201, 21605, 60223, 60220: // a country that is not enabled, a trial account, a request of ours
		return provider.BadRequest
	}
	return ""
}
