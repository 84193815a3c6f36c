package phone

import "github.com/nyaruka/phonenumbers"

// LineType is what the numbering plan says about a line. It is the type of the range, not of today's subscription:
// ported numbers and VoIP resellers look like what the range was made for.
type LineType int

const (
	// Unknown is a number that fits no range; every fictional and every invalid number is of this type.
	Unknown LineType = iota
	FixedLine
	Mobile
	// FixedLineOrMobile is where the plan does not tell them apart: all of the United States and Canada.
	FixedLineOrMobile
	TollFree
	PremiumRate
	SharedCost
	VoIP
	// PersonalNumber follows a person between lines; also the +1 500 numbers of test accounts.
	PersonalNumber
	Pager
	UAN
	Voicemail
)

var lineTypeNames = [...]string{
	"unknown", "fixed_line", "mobile", "fixed_line_or_mobile", "toll_free", "premium_rate", "shared_cost",
	"voip", "personal_number", "pager", "uan", "voicemail",
}

// String returns the stable lower-case name.
func (t LineType) String() string {
	if t < 0 || int(t) >= len(lineTypeNames) {
		return lineTypeNames[Unknown]
	}
	return lineTypeNames[t]
}

// CanReceiveText reports whether a text may arrive at such a line: mobile, or not told apart from it.
func (t LineType) CanReceiveText() bool { return t == Mobile || t == FixedLineOrMobile }

func lineTypeOf(p *phonenumbers.PhoneNumber) LineType {
	switch phonenumbers.GetNumberType(p) {
	case phonenumbers.FIXED_LINE:
		return FixedLine
	case phonenumbers.MOBILE:
		return Mobile
	case phonenumbers.FIXED_LINE_OR_MOBILE:
		return FixedLineOrMobile
	case phonenumbers.TOLL_FREE:
		return TollFree
	case phonenumbers.PREMIUM_RATE:
		return PremiumRate
	case phonenumbers.SHARED_COST:
		return SharedCost
	case phonenumbers.VOIP:
		return VoIP
	case phonenumbers.PERSONAL_NUMBER:
		return PersonalNumber
	case phonenumbers.PAGER:
		return Pager
	case phonenumbers.UAN:
		return UAN
	case phonenumbers.VOICEMAIL:
		return Voicemail
	default:
		return Unknown
	}
}
