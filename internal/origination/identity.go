package origination

import (
	"slices"
	"strings"
	"time"
)

// Kind says what an identity is.
type Kind string

// The kinds.
const (
	Number   Kind = "number"
	SenderID Kind = "sender_id"
)

// Type is the kind of number, or TypeSenderID.
type Type string

// The types. Simulator numbers reach simulated phones alone.
const (
	LongCode     Type = "long_code"
	TollFree     Type = "toll_free"
	TenDLC       Type = "ten_dlc"
	ShortCode    Type = "short_code"
	Simulator    Type = "simulator"
	TypeSenderID Type = "sender_id"
)

// Capabilities, as Amazon spells them.
const (
	SMS   = "SMS"
	Voice = "VOICE"
	MMS   = "MMS"
)

// Message types, as Amazon spells them.
const (
	Transactional = "TRANSACTIONAL"
	Promotional   = "PROMOTIONAL"
)

// Status is where an identity stands.
type Status string

// Only active identities are chosen. Pending ones wait for their registration.
const (
	Active  Status = "active"
	Pending Status = "pending"
)

// Identity is a sender ID or an origination number.
type Identity struct {
	// ID is "phone-" or "sender-" and 32 hexadecimal digits; empty for a sender ID that nobody asked for, used where the country takes any.
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	// Value is the number in E.164 form, a short code's digits, or the sender ID's 1 to 11 characters.
	Value string `json:"value"`
	// Country is ISO 3166-1 alpha-2.
	Country string `json:"country"`
	Type    Type   `json:"type"`
	// Capabilities are SMS, VOICE and MMS, sorted.
	Capabilities []string `json:"capabilities"`
	// MessageType is TRANSACTIONAL or PROMOTIONAL.
	MessageType string `json:"message_type"`
	Status      Status `json:"status"`
	TwoWay      bool   `json:"two_way"`
	// OptOutList is the list that is asked before a message is sent from it; "Default" unless another is named.
	OptOutList string `json:"opt_out_list"`
	// SelfManagedOptOuts: the operator answers STOP itself.
	SelfManagedOptOuts bool `json:"self_managed_opt_outs,omitempty"`
	// International: the number may send to other countries.
	International bool `json:"international,omitempty"`
	// Protected identities are not released.
	Protected bool `json:"protected,omitempty"`
	// RegistrationID names what it is registered with; empty: nothing.
	RegistrationID string `json:"registration_id,omitempty"`
	// Simulated: no carrier knows it.
	Simulated bool `json:"simulated,omitempty"`
	// MonthlyPrice is in US dollars, "0.00" unless the operator wrote it down.
	MonthlyPrice string `json:"monthly_price"`
	// Account is the name of the provider account that has it; empty: not said.
	Account string            `json:"account,omitempty"`
	Tags    map[string]string `json:"tags,omitempty"`
	// Token is the caller's idempotency token.
	Token     string    `json:"token,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	// Version is what Change compares.
	Version int64 `json:"version"`
}

// DefaultOptOutList is the list of an identity that names none.
const DefaultOptOutList = "Default"

// Registered reports whether the identity has a registration.
func (i Identity) Registered() bool { return i.RegistrationID != "" }

// Can reports whether the identity has a capability (SMS, VOICE, MMS).
func (i Identity) Can(capability string) bool { return slices.Contains(i.Capabilities, capability) }

// ARN returns the identity's Amazon resource name in a region and account.
func (i Identity) ARN(region, account string) string {
	arn := "arn:aws:sms-voice:" + region + ":" + account + ":"
	if i.Kind == SenderID {
		return arn + "sender-id/" + i.Value + "/" + i.Country
	}
	return arn + "phone-number/" + i.ID
}

// name is what the store knows it by: unique.
func (i Identity) name() string {
	if i.Kind == SenderID {
		return i.Value + "/" + i.Country
	}
	if i.Type == ShortCode {
		return i.Value + "/" + i.Country
	}
	return i.Value
}

// fromARN returns what an ARN of this service names: an id, or VALUE/COUNTRY. Anything else is returned as it stands.
func fromARN(s string) string {
	if !strings.HasPrefix(s, "arn:") {
		return s
	}
	parts := strings.SplitN(s, ":", 6)
	if len(parts) < 6 || parts[2] != "sms-voice" {
		return s
	}
	if id, ok := strings.CutPrefix(parts[5], "phone-number/"); ok {
		return id
	}
	if id, ok := strings.CutPrefix(parts[5], "sender-id/"); ok {
		return id
	}
	return s
}

// SenderIDForm reports whether s has the form of a sender ID: 1 to 11 letters, digits, hyphens and underscores, at least one of them a letter (End User
// Messaging API reference, RequestSenderId).
func SenderIDForm(s string) bool {
	letter := false
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
			letter = true
		case '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return letter && len(s) <= 11
}
