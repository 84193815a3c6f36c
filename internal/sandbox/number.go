package sandbox

import (
	"time"

	"countersign/phone"
)

// Status of a destination number.
type Status string

// The statuses.
const (
	Pending  Status = "pending"
	Verified Status = "verified"
)

// Number is a destination number.
type Number struct {
	// ID is "vdn-" and 32 hexadecimal digits.
	ID     string
	Number phone.Number
	Status Status
	// Codes is how many codes were sent to it within the last 24 hours, LastCodeAt when the last of them was; zero: never.
	Codes      int
	LastCodeAt time.Time
	CreatedAt  time.Time
	// VerifiedAt is zero while it is pending.
	VerifiedAt time.Time
}

// Query selects destination numbers. Empty conditions fit all.
type Query struct {
	// Status is Pending or Verified.
	Status Status
	// Sort is created (default), status or number, with a leading "-" for the other direction.
	Sort string
	// After is what Numbers returned as next. Limit is at most 100; 0: 100.
	After string
	Limit int
}

// Limits of the account.
const (
	// MaxVerified is how many numbers may be verified, MaxNumbers how many there may be with those that are pending.
	MaxVerified = 10
	MaxNumbers  = 20
	// MaxCodes is how many codes are sent to a number within CodesWithin.
	MaxCodes    = 5
	CodesWithin = 24 * time.Hour
	// CodeLife is how long a code is good, MaxTries how many wrong answers it outlives.
	CodeLife = 24 * time.Hour
	MaxTries = 5
	// RemoveAfter is how long after its verification or its last code a number may be removed. In dev it may be at once.
	RemoveAfter = 24 * time.Hour
)

// CodeOptions say how a code is sent.
type CodeOptions struct {
	// Voice: a call reads it out.
	Voice bool
	// Language is a language tag (en-US, es-419) or Amazon's spelling of one (EN_US, kr-KR); empty or unknown: English.
	Language string
	// From is the origination identity, empty: the account's default.
	From string
}
