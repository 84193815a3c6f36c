package provider

import (
	"errors"
	"time"
)

// Reason is what went wrong, in words that hold for every service. Class says what may be done about it; see Fail.
type Reason string

const (
	// InvalidNumber: not a number, or not assigned. Nobody is asked again.
	InvalidNumber Reason = "invalid_number"
	// Unreachable: a landline, absent, no texts. One other provider may try, or a call.
	Unreachable Reason = "unreachable"
	// OptedOut: the person said STOP. Nobody is asked again, and it is remembered until they say START.
	OptedOut Reason = "opted_out"
	// Blocked: a filter of the service or the carrier: fraud, a block list, a country that is shut off. Nobody is asked again for this message; the
	// person has said nothing, and the block may end tomorrow.
	Blocked Reason = "blocked"
	// SenderRejected: the sender ID or number is not allowed there.
	SenderRejected Reason = "sender_rejected"
	// ContentRejected: spam filter, template, length.
	ContentRejected Reason = "content_rejected"
	// AuthFailed: credentials or a closed account. The account is not used for a while.
	AuthFailed Reason = "auth_failed"
	// InsufficientFunds: balance or spend limit. The account is not used for a while.
	InsufficientFunds Reason = "insufficient_funds"
	// RateLimited: the service wants fewer messages.
	RateLimited Reason = "rate_limited"
	// Temporary: 5xx, a connection that could not be made, congestion.
	Temporary Reason = "temporary"
	// BadRequest: a request that the service does not take, a country that is not enabled: another provider may.
	BadRequest Reason = "permanent"
	// Withheld: this server did not send it: a number that its sandbox does not know, no sender for the country, a text that is not on record there.
	Withheld Reason = "withheld"
	// Unknown: a code that no table holds.
	Unknown Reason = "unknown"
)

// Reasons returns all reasons.
func Reasons() []Reason {
	return []Reason{InvalidNumber, Unreachable, OptedOut, SenderRejected, ContentRejected, AuthFailed, InsufficientFunds, RateLimited, Temporary, BadRequest, Unknown,
		Blocked, Withheld}
}

// Class is what may be done after a failure for this reason, where there is one provider alone.
func (r Reason) Class() Class {
	switch r {
	case InvalidNumber, OptedOut, Blocked, Withheld, Unreachable:
		return ClassPermanent
	case SenderRejected, ContentRejected, AuthFailed, InsufficientFunds, BadRequest:
		return ClassMisconfigured
	case RateLimited:
		return ClassThrottled
	}
	return ClassRetryable
}

// Elsewhere reports whether another provider may succeed where this one failed.
func (r Reason) Elsewhere() bool {
	return r != InvalidNumber && r != OptedOut && r != Blocked && r != Withheld
}

// ByCall reports whether a call may reach the person where a text did not.
func (r Reason) ByCall() bool { return r.Elsewhere() && r != RateLimited }

// Fail marks what a service said with the class of the reason. after is for RateLimited: how long to leave the service alone, 0 if it did
// not say.
func Fail(r Reason, after time.Duration, said *VendorError) error {
	said.Reason = r
	return &classed{class: r.Class(), after: after, err: said}
}

// ReasonOf returns the reason of err: the service's, or the one that fits the class best. It panics on nil.
func ReasonOf(err error) Reason {
	if v, ok := errors.AsType[*VendorError](err); ok && v.Reason != "" {
		return v.Reason
	}
	switch class, _ := ClassOf(err); class {
	case ClassPermanent:
		return BadRequest
	case ClassThrottled:
		return RateLimited
	case ClassMisconfigured:
		return AuthFailed
	case ClassAmbiguous:
		return Unknown
	}
	return Temporary
}

// ReasonOfStatus is the reason of an HTTP status, where the service's own code says nothing.
func ReasonOfStatus(status int) Reason {
	switch {
	case status == 401, status == 403:
		return AuthFailed
	case status == 402:
		return InsufficientFunds
	case status == 408:
		return Temporary
	case status == 413:
		return ContentRejected
	case status == 429:
		return RateLimited
	case status >= 400 && status < 500:
		return BadRequest
	case status >= 500 && status < 600:
		return Temporary
	}
	return Unknown
}
