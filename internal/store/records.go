package store

import (
	"context"
	"encoding/json"
	"time"
)

// Record is a named document of a kind that people list: an origination identity, a registration, a destination number of the sandbox ...
type Record struct {
	// Kind says what it is; package names own one kind each. PoolID is empty for those of the whole deployment. ID is unique in both.
	Kind, PoolID, ID string
	// Name is what people call it; unique within kind and pool unless it is empty.
	Name string
	// Hash is a keyed hash by which it is found (a destination number); unique within kind and pool unless it is empty.
	Hash []byte
	// Country (ISO 3166), Status and Type are filtered by. All may be empty.
	Country, Status, Type string
	// Body is in clear and holds no secret and no user's number; Sealed is what is sealed, or empty.
	Body   json.RawMessage
	Sealed []byte
	// Version is 0 in a record that is to be inserted.
	Version              int64
	CreatedAt, UpdatedAt time.Time
	// ExpiresAt is when it ends by its own terms (a registration); zero: never. Expired records stay until they are deleted.
	ExpiresAt time.Time
}

// RecordQuery selects records of a kind and pool. Empty conditions fit all.
type RecordQuery struct {
	Kind, PoolID                string
	Country, Status, Type, Name string
	// Sort is id (default), name, created or updated, with a leading "-" for the other direction; ties go by id in the same direction.
	Sort string
	// After is the last record of the page before; its ID and the field of Sort count.
	After *Record
	Limit int
}

// Records reads and writes records.
type Records interface {
	// Record, RecordByName and RecordByHash return ErrNotFound for unknown ones.
	Record(ctx context.Context, kind, poolID, id string) (*Record, error)
	RecordByName(ctx context.Context, kind, poolID, name string) (*Record, error)
	RecordByHash(ctx context.Context, kind, poolID string, hash []byte) (*Record, error)
	// PutRecord inserts a record (Version 0) or replaces the one whose Version matches (all but CreatedAt), and reports whether it did: not if the id,
	// name or hash is taken, or somebody else was faster. The stored Version is then one more; r stays as it is, since a function may run again.
	PutRecord(ctx context.Context, r *Record) (bool, error)
	DeleteRecord(ctx context.Context, kind, poolID, id string) (bool, error)
	// DeleteRecords deletes all of a kind and pool, and returns how many there were.
	DeleteRecords(ctx context.Context, kind, poolID string) (int, error)
	ListRecords(ctx context.Context, q RecordQuery) ([]*Record, error)
	// CountRecords counts those of a kind and pool, with a status if that is not empty.
	CountRecords(ctx context.Context, kind, poolID, status string) (int, error)
}
