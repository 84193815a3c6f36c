package registration

import "time"

// Kind is what is registered.
type Kind string

// The kinds. Those of the second column stand under one of the first.
const (
	// TenDLCBrand and TenDLCCampaign are The Campaign Registry's, for long codes of the United States.
	TenDLCBrand    Kind = "ten_dlc_brand"
	TenDLCCampaign Kind = "ten_dlc_campaign" // under a brand
	// TollFree is a toll-free number's verification, ShortCode a short code's programme.
	TollFree  Kind = "toll_free"
	ShortCode Kind = "short_code"
	// SenderID is an alphanumeric sender; in India, where it is called a header, it may stand under an entity.
	SenderID Kind = "sender_id"
	// DLTEntity and DLTTemplate are India's: who sends, and what.
	DLTEntity   Kind = "dlt_entity"
	DLTTemplate Kind = "dlt_template" // under an entity
	// Template is one of the texts of a campaign, toll-free number, short code or sender ID.
	Template Kind = "template"
)

// Status is what became of it.
type Status string

// The states. Only approved ones count.
const (
	Draft     Status = "draft"
	Submitted Status = "submitted"
	Approved  Status = "approved"
	Rejected  Status = "rejected"
	Expired   Status = "expired"
)

// The purposes of texts, as package screen has them, and that of an invitation.
const (
	SignIn   = "sign_in"
	SignUp   = "sign_up"
	Recovery = "recovery"
	Verify   = "verify"
	Invite   = "invite"
	Notice   = "notice"
)

// Registration is what a registry, carrier or provider was told, and what it said.
type Registration struct {
	// ID is given by Put and never changes. PoolID is the pool's, empty for those of all pools.
	ID     string `json:"id"`
	PoolID string `json:"pool_id,omitempty"`
	// Name is what people call it, 1 to 64 characters; unique within the pool.
	Name string `json:"name"`
	// Country is an ISO 3166 code (US); it and Kind never change.
	Country string `json:"country"`
	Kind    Kind   `json:"kind"`
	// Sender is the sender ID or number (E.164) that it is for; empty: that of the registration above it, or any.
	Sender string `json:"sender,omitempty"`
	// EntityID and TemplateID are those of India's DLT, BrandID and CampaignID those of The Campaign Registry. What is empty is taken from above.
	EntityID   string `json:"entity_id,omitempty"`
	TemplateID string `json:"template_id,omitempty"`
	BrandID    string `json:"brand_id,omitempty"`
	CampaignID string `json:"campaign_id,omitempty"`
	// Text is the exact text, at most 1,000 characters with at most 16 places: {{code}}, {{username}}, and the DLT's {#var#}, {#numeric#},
	// {#alphanumeric#}, {#url#}, {#urlott#}, {#cbn#} and {#email#}. Empty: any text.
	Text string `json:"text,omitempty"`
	// Variables are what is put into the DLT's places, in their order; {{code}} and {{username}} may stand in them. Without them the text has one such
	// place, which is the code's.
	Variables []string `json:"variables,omitempty"`
	// Purposes are what Text may be sent for; empty: everything.
	Purposes []string `json:"purposes,omitempty"`
	// Locale is Text's, a language tag; empty: whatever the user's is.
	Locale string `json:"locale,omitempty"`
	Status Status `json:"status"`
	// Reason is what the registry said of its decision, at most 500 characters.
	Reason string `json:"reason,omitempty"`
	// ExpiresAt is the first moment at which it no longer counts; zero: never.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// ParentID is the registration above it: a campaign's brand, a template's entity ...
	ParentID string `json:"parent_id,omitempty"`
	// Version counts the writes; CreatedAt and UpdatedAt are Put's.
	Version   int64     `json:"version"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

// Settings are a pool's setting "registrations".
type Settings struct {
	// Require are countries (ISO 3166) to which nothing is sent without a registration.
	Require []string `json:"require"`
}

// Choice is what a text to a country is to be.
type Choice struct {
	// Text is a template for message.Render: the code stands as message.CodePlaceholder, the name as message.UsernamePlaceholder. It is the whole text: a
	// tail or a transliteration would make it another one than was registered. Empty: any text will do.
	Text string
	// Sender, EntityID and TemplateID are empty where they were not registered.
	Sender, EntityID, TemplateID string
	// IDs are the registration's and those above it, itself first.
	IDs []string
}

// Candidate is a text about to be sent. What is empty is not looked at.
type Candidate struct {
	// Country is the destination's (ISO 3166), Purpose one of this package's.
	Country, Purpose string
	// Sender is the origination identity, Text the text as it goes out.
	Sender, Text string
	// EntityID and TemplateID are those of provider.Message.
	EntityID, TemplateID string
	// RegistrationID is what the origination identity is bound to, an id or a name: it stands for Sender, and may be that of a registration above.
	RegistrationID string
}

// Reason says why a text must not be sent.
type Reason string

// The reasons, from the least to the most that fits: a Blocker has the one of the registration that fits best.
const (
	Missing         Reason = "registration_missing"
	SenderMismatch  Reason = "registration_sender_mismatch"
	PurposeMismatch Reason = "registration_purpose_mismatch"
	TextMismatch    Reason = "registration_text_mismatch"
	IDMismatch      Reason = "registration_id_mismatch"
	NotApproved     Reason = "registration_not_approved"
	Over            Reason = "registration_expired"
)

// Blocker is the error of Check and Clear where a text must not be sent. It names no person and quotes no text.
type Blocker struct {
	Reason  Reason
	Country string
	// ID and Name are those of the registration that fits best, empty if there is none. Kind is its kind.
	ID, Name string
	Kind     Kind
	// Public says what is wrong, Hint what to do about it.
	Public, Hint string
}

// Error is the reason with its sentence.
func (b *Blocker) Error() string { return string(b.Reason) + ": " + b.Public }
