package origination

// Support says how a country takes sender IDs.
type Support string

// The ways. Unlisted countries have the empty one, and nothing is refused for them.
const (
	// Supported: any sender ID is shown.
	Supported Support = "supported"
	// Optional: any is shown, registered ones are protected or pass filters better.
	Optional Support = "registration_optional"
	// Required: only registered ones are shown, others are blocked, replaced or marked as fraud.
	Required Support = "registration_required"
	// NotSupported: none is shown.
	NotSupported Support = "not_supported"
)

// Country is a row of the table of supported options.
type Country struct {
	// ISO is alpha-2, Name the English name.
	ISO  string `json:"country"`
	Name string `json:"name"`
	// SenderID says how sender IDs are taken.
	SenderID Support `json:"sender_id"`
	// Types are the numbers that one can have there.
	Types []Type `json:"number_types"`
	// ReceiveOnly: long codes cannot send.
	ReceiveOnly bool `json:"long_codes_receive_only,omitempty"`
	TwoWay      bool `json:"two_way"`
	// Needed: messages there need an origination identity of one's own. It is so where sender IDs are not shown but numbers are offered, and where
	// sender IDs must be registered.
	Needed bool `json:"identity_required"`
	// Note is what else one must know.
	Note string `json:"note,omitempty"`
	// Source names the list, Read is when it was read (ISO 8601), Sure that the row stands in its newest edition.
	Source string `json:"source"`
	Read   string `json:"read"`
	Sure   bool   `json:"sure"`
}

// Has reports whether numbers of a type are offered.
func (c Country) Has(t Type) bool {
	for _, have := range c.Types {
		if have == t {
			return true
		}
	}
	return false
}

// Listed reports whether the country is in the table.
func (c Country) Listed() bool { return c.SenderID != "" }
