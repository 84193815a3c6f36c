package store

import (
	"context"
	"time"
)

// Lane orders the outbox: a bulk invitation never delays a sign-in code.
type Lane int

const (
	LaneSignIn Lane = iota
	LaneRecovery
	LaneSignUp
	LaneNotice
	// Lanes is how many there are.
	Lanes = 4
)

// State of a message.
type State string

const (
	// Queued waits for a worker (again, after NextAt).
	Queued State = "queued"
	// Sending is claimed under a lease; a lease that has run out counts as queued.
	Sending State = "sending"
	// Sent was accepted by a provider. Delivered and Undelivered follow from receipts.
	Sent        State = "sent"
	Delivered   State = "delivered"
	Undelivered State = "undelivered"
	// Failed: no provider would have it. Expired: its code died first. Suppressed: a guard or opt-out held it back.
	Failed     State = "failed"
	Expired    State = "expired"
	Suppressed State = "suppressed"
)

// States returns all states, in the order of a message's life.
func States() []State {
	return []State{Queued, Sending, Sent, Delivered, Undelivered, Failed, Expired, Suppressed}
}

// Final reports whether the message's contents must be gone.
func (s State) Final() bool { return s != Queued && s != Sending }

// Message is a row of the outbox.
type Message struct {
	ID     string
	PoolID string
	// UserID is empty for messages to nobody's account (sandbox numbers, test messages).
	UserID   string
	ClientID string
	Lane     Lane
	Channel  string
	State    State
	// Sealed holds destination, text, subject and code; it is erased (nil) when the message reaches a final state.
	Sealed []byte
	// Mask is the destination as it may be shown (+*******0123); Number is its keyed hash.
	Mask   string
	Number []byte
	// CodeID is the code that the text carries, or empty.
	CodeID        string
	TriggerSource string
	Segments      int
	// Attempts is how many were begun.
	Attempts int
	// LastClass and LastError are of the last failed attempt, for people; without personal data.
	LastClass, LastError string
	Provider, ProviderID string
	// NextAt is when it may be claimed; ExpiresAt when its code dies. A message is never sent after that.
	NextAt, ExpiresAt time.Time
	// LeaseOwner and LeaseUntil are set while Sending.
	LeaseOwner           string
	LeaseUntil           time.Time
	CreatedAt, UpdatedAt time.Time
}

// Attempt of a message: one call of a provider.
type DeliveryAttempt struct {
	ID        string
	MessageID string
	N         int
	Provider  string
	// Outcome is "sent" or a provider.Class.
	Outcome string
	// VendorCode and Text are the provider's, without personal data.
	VendorCode, Text   string
	StartedAt, EndedAt time.Time
}

// MessageQuery selects messages, newest first.
type MessageQuery struct {
	PoolID string
	UserID string
	Number []byte
	State  State
	// Before is the last id of the page before.
	Before string
	Limit  int
}

// Outbox reads and writes messages.
type Outbox interface {
	Enqueue(ctx context.Context, m *Message) error
	// Claim takes up to limit messages that are due (queued with NextAt <= now, or sending with LeaseUntil <= now and
	// not expired), lane by lane and oldest first, sets them to Sending under owner until lease, adds one to Attempts and returns them.
	// Two callers never get the same message.
	Claim(ctx context.Context, owner string, now, lease time.Time, limit int) ([]*Message, error)
	// ExpireDue sets up to limit unsent messages with ExpiresAt <= now to Expired, erases them and returns them.
	ExpireDue(ctx context.Context, now time.Time, limit int) ([]*Message, error)
	// NextDue returns when the earliest queued or leased message becomes due; false if there is none.
	NextDue(ctx context.Context) (time.Time, bool, error)
	// Settle writes State, Provider, ProviderID, LastClass, LastError, NextAt, Segments and UpdatedAt of a message that
	// LeaseOwner still holds, erases Sealed if the state is final, ends the lease, and reports whether it did.
	Settle(ctx context.Context, m *Message) (bool, error)
	// Release gives unsent claims of an owner back to the queue (drain).
	Release(ctx context.Context, owner string, now time.Time) error
	// Message returns ErrNotFound for unknown ids.
	Message(ctx context.Context, id string) (*Message, error)
	ListMessages(ctx context.Context, q MessageQuery) ([]*Message, error)
	AddAttempt(ctx context.Context, a *DeliveryAttempt) error
	ListAttempts(ctx context.Context, messageID string) ([]*DeliveryAttempt, error)
}
