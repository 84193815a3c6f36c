package store

import (
	"context"
	"time"
)

// Receipt is what a service told of a message after it had accepted it. Receipts are never changed.
type Receipt struct {
	ID, MessageID, PoolID string
	// Account took the message under ProviderID.
	Account, ProviderID string
	// State is a provider.State, Reason a provider.Reason or empty.
	State, Reason    string
	VendorCode, Text string
	// Source is push, poll, stream or import. Authentic is false for callbacks that nobody signed: they are evidence and nothing more.
	Source    string
	Authentic bool
	Segments  int
	Cost      int64
	Currency  string
	Network   string
	// At is by the service's clock (zero if it did not say), ReceivedAt by ours.
	At, ReceivedAt time.Time
}

// TotalsQuery selects messages of a pool by their creation in [From, To).
type TotalsQuery struct {
	PoolID   string
	From, To time.Time
	// By lists what to group by: account, country, channel, network, state, trigger_source, client, day (UTC).
	By []string
}

// Total is a sum of messages.
type Total struct {
	// By holds the values of the query's By, in its order; days as 2006-01-02.
	By []string
	// Messages are those that were handed to a service (sent and beyond), Delivered and Verified those of them with a receipt or a typed code.
	Messages, Delivered, Verified, Segments int
	// Cost is in millionths of Currency, Settled the part of it that is no longer an estimate. One Total has one currency.
	Cost, Settled int64
	Currency      string
}

// OptOut is a number that must not be texted by a sender.
type OptOut struct {
	PoolID string
	// Sender is the origination identity that was told STOP, or "*" for all of the pool.
	Sender string
	// Number is the keyed hash of the destination, Mask what may be shown.
	Number []byte
	Mask   string
	// Source is inbound, receipt, provider or operator; Keyword what was said.
	Source, Keyword string
	At              time.Time
}

// OptOutQuery selects opt-outs of a pool, by number and sender.
type OptOutQuery struct {
	PoolID, Sender string
	Number         []byte
	// After is the last one of the page before.
	After *OptOut
	Limit int
}

// OptOuts reads and writes opt-outs.
type OptOuts interface {
	// PutOptOut inserts an opt-out and reports whether it is new.
	PutOptOut(ctx context.Context, o *OptOut) (bool, error)
	// DeleteOptOut lifts the opt-out of a number for a sender ("" all senders), and returns how many there were.
	DeleteOptOut(ctx context.Context, poolID, sender string, number []byte) (int, error)
	// OptedOut returns the senders that a number does not want texts from.
	OptedOut(ctx context.Context, poolID string, number []byte) ([]string, error)
	ListOptOuts(ctx context.Context, q OptOutQuery) ([]*OptOut, error)
}

// RouteCount is what was seen of one account in one country and network within one span of five minutes, by the time of the send.
type RouteCount struct {
	PoolID, Account, Channel, Country, Network string
	// Span is the beginning of the five minutes.
	Span time.Time
	// Sent, Failed (not accepted), Delivered, Undelivered and Verified are counts of messages with a code.
	Sent, Failed, Delivered, Undelivered, Verified int
	// VerifyTime is the sum of the times from send to typed code of those verified.
	VerifyTime time.Duration
}

// Door is the secret part of the URL at which a service reports to a pool's account.
type Door struct {
	// Hash is the keyed hash of the secret; Sealed is the secret under the pool's key.
	Hash, Sealed    []byte
	PoolID, Account string
	CreatedAt       time.Time
	// EndsAt is set once another secret took its place; zero: never.
	EndsAt time.Time
}

// Routes reads and writes what routes learn, and their doors.
type Routes interface {
	// AddRouteCounts adds to the rows of these keys, in the order of the keys.
	AddRouteCounts(ctx context.Context, counts []RouteCount) error
	// RouteCounts returns the rows with Span in [from, to); poolID "" means all pools.
	RouteCounts(ctx context.Context, poolID string, from, to time.Time) ([]RouteCount, error)
	// PruneRouteCounts deletes up to limit rows with Span before a time.
	PruneRouteCounts(ctx context.Context, before time.Time, limit int) (int, error)
	// LearnNetwork remembers the network of a prefix for 400 days; a later one takes its place.
	LearnNetwork(ctx context.Context, prefix, network string, now time.Time) error
	// NetworksOf returns the networks of the prefixes that are known, by prefix.
	NetworksOf(ctx context.Context, prefixes []string) (map[string]string, error)

	PutDoor(ctx context.Context, d *Door) error
	// DoorByHash returns ErrNotFound for unknown secrets; ended ones are returned as they are until they are swept.
	DoorByHash(ctx context.Context, hash []byte) (*Door, error)
	// ListDoors returns the doors of an account, newest first.
	ListDoors(ctx context.Context, poolID, account string) ([]*Door, error)
	// EndDoors sets EndsAt of the account's doors that have none or a later one, except the one with this hash.
	EndDoors(ctx context.Context, poolID, account string, except []byte, at time.Time) error
}
