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
	// Account is the configured account that took it (the Provider's name where there are no accounts), Sender the origination identity.
	Account, Sender string
	// Country is the region of the destination (ISO 3166, "" unknown), Prefix the number without its last four digits, Network the carrier's
	// MCC and MNC as far as it was learned. None of them names a person.
	Country, Prefix, Network string
	// Guard is what guards decided of it, in package screen's words: what was recorded and not enforced, and by what its code counts when it is typed.
	// Empty for messages that no guard looked at. It names no person.
	Guard string
	// Cost is what it costs, in millionths of Currency: reserved by the rate card before the send, and Settled once somebody said the true price.
	Cost     int64
	Currency string
	Settled  bool
	// SentAt is when a provider accepted it, VerifiedAt when its code was typed in. PollAt is when the service is to be asked; zero: not.
	SentAt, VerifiedAt, PollAt time.Time
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
	// Outcome is "sent" or a provider.Class; Reason a provider.Reason, empty if sent.
	Outcome, Reason string
	// Account and Sender as in Message; ProviderID is the service's id, by which receipts find the attempt.
	Account, Sender, ProviderID string
	Segments                    int
	// Cost is in millionths of Currency.
	Cost     int64
	Currency string
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
	// Settle writes State, Channel, Provider, ProviderID, Account, Sender, Network, Cost, Currency, Settled, SentAt, PollAt, LastClass, LastError,
	// NextAt, Attempts, Segments and UpdatedAt of a message that LeaseOwner still holds, erases Sealed if the state is final, ends the lease, and reports whether it did.
	// It sets m.VerifiedAt to what is stored: a code may come back before the answer of the service that sent it.
	Settle(ctx context.Context, m *Message) (bool, error)
	// Release gives unsent claims of an owner back to the queue (drain).
	Release(ctx context.Context, owner string, now time.Time) error
	// Message returns ErrNotFound for unknown ids.
	Message(ctx context.Context, id string) (*Message, error)
	ListMessages(ctx context.Context, q MessageQuery) ([]*Message, error)
	AddAttempt(ctx context.Context, a *DeliveryAttempt) error
	ListAttempts(ctx context.Context, messageID string) ([]*DeliveryAttempt, error)
	// Attempt returns the attempt with an id (Message.Reference of package provider), AttemptByProviderID the newest one of a pool's account with the
	// service's id; poolID "" means any pool. Errors: ErrNotFound.
	Attempt(ctx context.Context, id string) (*DeliveryAttempt, error)
	AttemptByProviderID(ctx context.Context, poolID, account, providerID string) (*DeliveryAttempt, error)
	// AddReceipt inserts a receipt and reports whether it is new: one of the same message, provider id, state, vendor code and authenticity is not.
	AddReceipt(ctx context.Context, r *Receipt) (bool, error)
	ListReceipts(ctx context.Context, messageID string) ([]*Receipt, error)
	// Advance writes State, LastClass, LastError, Segments, Network, Cost, Currency, Settled, PollAt and UpdatedAt of a message that is still in the
	// state from, and Provider, ProviderID, Account, Sender and SentAt for one that was given up and is known now. It reports whether it was.
	Advance(ctx context.Context, m *Message, from State) (bool, error)
	// CodeTyped sets VerifiedAt of the newest message that carried a code and returns that message; ErrNotFound if there is none or it was
	// set before.
	CodeTyped(ctx context.Context, codeID string, now time.Time) (*Message, error)
	// DuePolls returns up to limit messages with PollAt <= now and moves their PollAt to next: two callers never get the same message.
	DuePolls(ctx context.Context, now, next time.Time, limit int) ([]*Message, error)
	// Unverified returns up to limit messages with a code, created in [from, to) and after the id after, that a service took and whose code was not
	// typed in, oldest first.
	Unverified(ctx context.Context, from, to time.Time, after string, limit int) ([]*Message, error)
	// Totals adds messages up by what the query groups by, at most 400 days and 10,000 totals, in the order of the groups.
	Totals(ctx context.Context, q TotalsQuery) ([]Total, error)
}
