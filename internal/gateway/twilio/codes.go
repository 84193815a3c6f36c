package twilio

import "countersign/provider"

// classOf returns the class of an error code, "" for codes that say less than the HTTP status. Twilio announced that codes will be split
// further: this is a table for people's sake, and its gaps are safe.
func classOf(code int) provider.Class {
	switch code {
	case 21211, 21614, 21217, 21201, 30005, // no number, or none that takes texts
		21635, 30003, 30006, // a landline, or out of reach
		21610, 21216, 30004, 30450, 30453, // opted out, blocked
		21602, 21604, 21617, 21605: // nothing to send, or too much
		return provider.ClassPermanent
	case 20003, 20005, 20006, 20404, 30002, // credentials, account
		21408, 21215, 21608, // a country that is not enabled, a trial account
		21212, 21213, 21401, 21603, 21606, 21612, 21659, 21660, 21661, 21703, 21704, 30024, 30032, 30034, 30042, // the sender
		30007, 30019, 30038, 30110: // the text: another route may carry it
		return provider.ClassMisconfigured
	case 20429, 21611, 30001, 30022, 30023:
		return provider.ClassThrottled
	case 20500, 30008, 30017:
		return provider.ClassRetryable
	}
	return ""
}
