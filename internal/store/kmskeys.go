package store

import (
	"context"
	"encoding/json"
	"time"
)

// KMSKey is a key of the built-in KMS.
type KMSKey struct {
	// ID is the key's UUID; Region the one it was made in. Both are parts of its ARN.
	ID, Region string
	// Doc is what package kms keeps in clear: state, usage, description, policy, tags. It holds no secret.
	Doc json.RawMessage
	// Sealed is the key material, all versions of it.
	Sealed []byte
	// DeleteAt is when a key scheduled for deletion is gone; zero otherwise.
	DeleteAt             time.Time
	CreatedAt, UpdatedAt time.Time
	Version              int64
}

// KMSAlias is a second name of a key.
type KMSAlias struct {
	Region string
	// Name begins with "alias/".
	Name, KeyID          string
	CreatedAt, UpdatedAt time.Time
}

// KMSGrant lets a principal use a key.
type KMSGrant struct {
	ID, KeyID string
	// Retiring is the principal that may retire the grant; empty if there is none.
	Retiring  string
	Doc       json.RawMessage
	CreatedAt time.Time
}

// KMS reads and writes the keys of the built-in KMS.
type KMS interface {
	InsertKMSKey(ctx context.Context, k *KMSKey) error
	// KMSKey returns ErrNotFound for unknown ids.
	KMSKey(ctx context.Context, id string) (*KMSKey, error)
	// KMSKeyVersion returns the Version alone, or ErrNotFound: what a cache of keys asks.
	KMSKeyVersion(ctx context.Context, id string) (int64, error)
	// ListKMSKeys returns up to limit keys of a region with id > after, by id.
	ListKMSKeys(ctx context.Context, region, after string, limit int) ([]*KMSKey, error)
	// CountKMSKeys returns how many keys a region has.
	CountKMSKeys(ctx context.Context, region string) (int64, error)
	// UpdateKMSKey writes Doc, Sealed, DeleteAt and UpdatedAt where Version matches, adds one to Version, and reports whether it did.
	UpdateKMSKey(ctx context.Context, k *KMSKey) (bool, error)
	// DeleteKMSKeys deletes up to limit keys with 0 < DeleteAt <= now, with their aliases and grants, and returns how many keys.
	DeleteKMSKeys(ctx context.Context, now time.Time, limit int) (int, error)

	// InsertKMSAlias reports false if the name is taken in its region.
	InsertKMSAlias(ctx context.Context, a *KMSAlias) (bool, error)
	// KMSAlias returns ErrNotFound for unknown names.
	KMSAlias(ctx context.Context, region, name string) (*KMSAlias, error)
	// MoveKMSAlias writes KeyID and UpdatedAt and reports whether the alias was there.
	MoveKMSAlias(ctx context.Context, a *KMSAlias) (bool, error)
	DeleteKMSAlias(ctx context.Context, region, name string) (bool, error)
	// ListKMSAliases returns up to limit aliases of a region with name > after, by name; only those of keyID if it is not empty.
	ListKMSAliases(ctx context.Context, region, keyID, after string, limit int) ([]*KMSAlias, error)

	InsertKMSGrant(ctx context.Context, g *KMSGrant) error
	// KMSGrant returns ErrNotFound for unknown ids.
	KMSGrant(ctx context.Context, keyID, id string) (*KMSGrant, error)
	// RetirableKMSGrants returns up to limit grants of a region's keys that the principal may retire, with id > after, by id.
	RetirableKMSGrants(ctx context.Context, region, principal, after string, limit int) ([]*KMSGrant, error)
	// KMSGrants returns up to limit grants of a key with id > after, by id.
	KMSGrants(ctx context.Context, keyID, after string, limit int) ([]*KMSGrant, error)
	DeleteKMSGrant(ctx context.Context, keyID, id string) (bool, error)
}
