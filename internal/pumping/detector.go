package pumping

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/store"
)

// Reasons of a verdict.
const (
	// Untyped: too few codes of the key are typed in. Waiting: too many codes of a key without history wait to be typed in. Countries: the address
	// sends to too many countries. Operator: somebody blocked the key by hand.
	Untyped   = "untyped"
	Waiting   = "waiting"
	Countries = "countries"
	Operator  = "operator"
)

// Config configures a Detector. Store, Log and Hash are required.
type Config struct {
	Store store.Store
	Log   *eventlog.Log
	// Logger defaults to slog.Default(), Now to time.Now.
	Logger *slog.Logger
	Now    func() time.Time
	// Hash is the pool's keyed hash of parts, as text; addresses are known by it alone.
	Hash func(ctx context.Context, poolID string, parts ...string) (string, error)
}

// Ask is a message with a code to an unconfirmed number that is about to be made.
type Ask struct {
	PoolID string
	// Country is ISO 3166, or a calling code where a range belongs to no country. Prefix is the number in E.164 form without its last four digits.
	Country, Prefix string
	// Number is the whole number in E.164 form, or anything that stands for it. It tells the first code from the next ones, stays in memory (as a hash
	// that no other process could make) and may be empty: then every code counts as the first.
	Number string
	// ClientID is for reports alone.
	ClientID string
	// Address is the caller's; invalid: unknown.
	Address netip.Addr
	// At defaults to Now.
	At time.Time
}

// Verdict is what the detector thinks of a message.
type Verdict struct {
	// Blocked: it must not be sent. Recorded: it should not have been sent, but the mode is record. At most one of both is true.
	Blocked, Recorded bool
	// Key is what is blocked: c:DE, w:+4915112, r:+491511234, a:<hash>, a:<hash>:DE or n:<hash>. Reason is one of the constants above, Evidence the
	// figures in words, Until when it may end.
	Key, Reason, Evidence string
	Until                 time.Time
	// Mark holds what the message counts by; empty if it is Blocked. Hand it to Sent or Refused, and to Verified.
	Mark string
}
