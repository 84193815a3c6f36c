package origination

import "errors"

// Reason says why no identity may send a message.
type Reason string

// The reasons.
const (
	// NoIdentity: the country needs one, and there is none.
	NoIdentity Reason = "no_origination_identity"
	// Unknown: the identity that was asked for does not exist here.
	Unknown Reason = "origination_unknown"
	// NotActive: it waits for its registration.
	NotActive Reason = "origination_not_active"
	// SenderNotSupported: the country shows no sender IDs.
	SenderNotSupported Reason = "sender_id_not_supported"
	// SenderNotRegistered: the country shows registered sender IDs alone.
	SenderNotRegistered Reason = "sender_id_not_registered"
	// OtherCountry: the number is another country's.
	OtherCountry Reason = "origination_other_country"
	// NoVoice, NoSMS: the identity cannot be called from, or cannot text.
	NoVoice Reason = "origination_no_voice"
	NoSMS   Reason = "origination_no_sms"
	// ReceiveOnly: long codes of that country receive texts and send none.
	ReceiveOnly Reason = "origination_receive_only"
	// OnlySimulated: a simulated identity outside dev.
	OnlySimulated Reason = "origination_simulated"
)

// Blocker is why a message has no identity that may send it.
type Blocker struct {
	Reason Reason
	// Country is that of the destination, Identity the id or value asked for, if any.
	Country, Identity string
	// Public says it in words that may be shown, and what to do.
	Public string
}

// Error returns the reason and the public sentence.
func (b *Blocker) Error() string { return string(b.Reason) + ": " + b.Public }

// ReasonOf returns the reason of an error of Choose, "" for any other.
func ReasonOf(err error) Reason {
	if b, ok := errors.AsType[*Blocker](err); ok {
		return b.Reason
	}
	return ""
}
