package simulator

import (
	"strings"
	"time"

	"countersign/provider"
)

// Direction says who wrote a message. The zero value is outbound.
type Direction string

const (
	// Outbound is what Countersign sent.
	Outbound Direction = ""
	// Inbound is what was typed on a simulated phone.
	Inbound Direction = "inbound"
)

// Message is one kept message, in the form in which GET /simulator/inbox answers it.
type Message struct {
	// ID is sixteen digits and grows with each message.
	ID string `json:"id"`
	// To is the number in E.164 form or the e-mail address; for an inbound message the identity that was answered,
	// which may be empty.
	To string `json:"to"`
	// From is the origination identity, empty if none was set; for an inbound message the number of the phone.
	From    string           `json:"from"`
	Channel provider.Channel `json:"channel"`
	// Subject is set for e-mails only.
	Subject string `json:"subject,omitempty"`
	Text    string `json:"text"`
	// Code is the code within Text, empty if there is none.
	Code string `json:"code"`
	// EntityID and TemplateID are what the text is registered under (India's DLT); absent if nothing was named.
	EntityID      string `json:"entity_id,omitempty"`
	TemplateID    string `json:"template_id,omitempty"`
	PoolID        string `json:"pool_id"`
	TriggerSource string `json:"trigger_source"`
	// Segments is the number of parts that a carrier would bill, 0 if nobody counted.
	Segments int `json:"segments,omitempty"`
	// At is when the message arrived, UTC, in microseconds.
	At time.Time `json:"at"`
	// ExpiresAt is when the code dies; absent if it does not.
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	// MessageID is Countersign's own id of the message, as its timeline shows it.
	MessageID string `json:"message_id,omitempty"`
	// Provider is the simulated service that took the message from a hook or function, as in Host; absent for what Countersign sent itself.
	Provider string `json:"provider,omitempty"`
	// Direction is absent for what Countersign sent.
	Direction Direction `json:"direction,omitempty"`
}

// Party is the simulated side of the message: the number of the phone, or the address of the mailbox.
func (m Message) Party() string {
	if m.Direction == Inbound {
		return m.From
	}
	return m.To
}

// mail reports whether the message belongs to a mailbox rather than to a phone.
func (m Message) mail() bool { return m.Channel == provider.Email }

// Filter chooses messages. The zero Filter chooses all that Countersign sent.
type Filter struct {
	// To is the number or address that received the message; empty: any. With Replies it is the phone's number.
	To string
	// Channel is sms, voice or email; empty: any.
	Channel provider.Channel
	// Code keeps only messages that carry a code.
	Code bool
	// Replies adds what was typed on the phones.
	Replies bool
	// After keeps only messages with a greater ID; empty: from the beginning.
	After string
}

func (f Filter) matches(m *Message) bool {
	switch {
	case m.ID <= f.After && f.After != "",
		f.Channel != "" && m.Channel != f.Channel,
		f.Code && m.Code == "",
		m.Direction == Inbound && !f.Replies:
		return false
	}
	return f.To == "" || sameParty(m.Party(), f.To)
}

// sameParty compares numbers exactly and e-mail addresses without case.
func sameParty(a, b string) bool {
	return a == b || (strings.Contains(a, "@") && strings.EqualFold(a, b))
}
