package store

import (
	"context"
	"encoding/json"
	"time"
)

// Event is an entry of the log. It is never changed.
type Event struct {
	// ID is a UUIDv7 made of At (NewID, at most minutes apart): its order is the order of the log.
	ID     string
	PoolID string
	// Type is Auth0's code where one fits (gd_send_sms) and ours elsewhere.
	Type     string
	UserID   string
	ClientID string
	// Number is the keyed hash of the phone number concerned, or nil.
	Number []byte
	// Data holds what is not personal; Sealed what is (address, user agent, destination), under the user's key or the pool's.
	Data   json.RawMessage
	Sealed []byte
	At     time.Time
}

// EventQuery selects events of a pool, newest first unless Ascending.
type EventQuery struct {
	PoolID, Type, UserID string
	// Types selects any of these types, where Type is empty; 32 at most. ClientID selects those of a client.
	Types    []string
	ClientID string
	Number   []byte
	From, To time.Time
	// After is the last ID of the page before.
	After     string
	Ascending bool
	Limit     int
}

// DayCount is how many events of a type there were on a day.
type DayCount struct {
	// Day is midnight UTC.
	Day  time.Time
	Type string
	N    int
}

// Events appends to and reads the log.
type Events interface {
	Append(ctx context.Context, e *Event) error
	ListEvents(ctx context.Context, q EventQuery) ([]*Event, error)
	// Event returns ErrNotFound if the pool has no such event.
	Event(ctx context.Context, poolID, id string) (*Event, error)
	// CountDays counts events of the types (32 at most) by day (UTC) in [from, to), at most 400 days, by the times in their ids; days
	// without any are left out.
	CountDays(ctx context.Context, poolID string, types []string, from, to time.Time) ([]DayCount, error)
	// CountActive counts the users who have an event of the types (32 at most) since from, among up to limit such events.
	CountActive(ctx context.Context, poolID string, types []string, from time.Time, limit int) (int, error)
	// Prune deletes up to limit events older than before (by ID), as many final messages and as many of their attempts, and
	// returns how many in all.
	Prune(ctx context.Context, before time.Time, limit int) (int, error)
}

// WrappedKey is a pool's key under the root key.
type WrappedKey struct {
	PoolID, Purpose string
	Version         int
	// RootID is the fingerprint of the root key that wraps it.
	RootID    string
	Wrapped   []byte
	CreatedAt time.Time
	RetiredAt time.Time
}

// SigningKey is a token-signing key.
type SigningKey struct {
	PoolID, KeyID string
	// Use is "id" or "access"; Alg "RS256" or "ES256".
	Use, Alg string
	// Sealed is the PKCS#8 private key; Public the PKIX public key.
	Sealed, Public []byte
	CreatedAt      time.Time
	// ActiveAt is when it begins to sign, RetireAt when it is no longer published; zero: open.
	ActiveAt, RetireAt time.Time
}

// Keys reads and writes keys.
type Keys interface {
	// AddKey is insert-if-absent on pool, purpose and version, and reports whether it inserted.
	AddKey(ctx context.Context, k *WrappedKey) (bool, error)
	PoolKeys(ctx context.Context, poolID string) ([]*WrappedKey, error)
	// AllKeys returns up to limit keys after the given one, by pool, purpose and version.
	AllKeys(ctx context.Context, after *WrappedKey, limit int) ([]*WrappedKey, error)
	// RewrapKey replaces RootID and Wrapped (and RetiredAt) of one key.
	RewrapKey(ctx context.Context, k *WrappedKey) error

	// AddSigningKey is insert-if-absent on pool and key id.
	AddSigningKey(ctx context.Context, k *SigningKey) (bool, error)
	SigningKeys(ctx context.Context, poolID string) ([]*SigningKey, error)
	// UpdateSigningKey writes ActiveAt and RetireAt.
	UpdateSigningKey(ctx context.Context, k *SigningKey) error
	DeleteSigningKey(ctx context.Context, poolID, keyID string) error
}

// AccessKey is a credential for signed and management calls.
type AccessKey struct {
	ID   string
	Name string
	// Kind is "aws" (SigV4: id and secret) or "management" (client credentials).
	Kind string
	// SealedSecret is the secret: SigV4 needs it in clear to verify.
	SealedSecret []byte
	// Grants is a JSON list of package access.
	Grants     json.RawMessage
	CreatedAt  time.Time
	RevokedAt  time.Time
	LastUsedAt time.Time
}

// Access reads and writes access keys.
type Access interface {
	InsertAccessKey(ctx context.Context, k *AccessKey) (bool, error)
	// AccessKey returns ErrNotFound for unknown ids; revoked ones are returned as they are.
	AccessKey(ctx context.Context, id string) (*AccessKey, error)
	ListAccessKeys(ctx context.Context, after string, limit int) ([]*AccessKey, error)
	RevokeAccessKey(ctx context.Context, id string, now time.Time) (bool, error)
	// ResealAccessKey replaces the sealed secret.
	ResealAccessKey(ctx context.Context, id string, sealed []byte) error
}
