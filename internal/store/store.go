package store

import (
	"context"
	"errors"
	"io"
	"time"
)

// Store is the database. It is safe for concurrent use.
type Store interface {
	// Read runs f without writing. Writing methods of the Tx return ErrReadOnly.
	Read(ctx context.Context, f func(Tx) error) error
	// Write runs f in one durable transaction; see the package comment for what f may do. The context decides only
	// whether f is still started: once started, it runs and commits whatever becomes of the context.
	Write(ctx context.Context, f func(Tx) error) error
	// Ping reports whether the database answers.
	Ping(ctx context.Context) error
	// Info describes the database for people and for readiness.
	Info(ctx context.Context) (Info, error)
	// Backup writes a consistent copy while the store is in use.
	Backup(ctx context.Context, w io.Writer) error
	// Close waits for what Write has begun, then closes.
	Close() error
}

// Info describes an open database.
type Info struct {
	// Engine is "sqlite" or "postgres"; Version is the engine's own.
	Engine, Version string
	// Schema is the last migration applied.
	Schema int
	// Epoch is raised by each restore: what was issued under an older epoch is dead.
	Epoch int64
	// SizeBytes is the size of the database, 0 if unknown.
	SizeBytes int64
}

// Tx is one transaction. It is valid only inside the function it was given to, and not for concurrent use.
type Tx interface {
	Pools() Pools
	Users() Users
	Codes() Codes
	Challenges() Challenges
	Counters() Counters
	Families() Families
	Outbox() Outbox
	OptOuts() OptOuts
	Routes() Routes
	Guards() Guards
	Records() Records
	Events() Events
	Keys() Keys
	KMS() KMS
	Functions() Functions
	Artifacts() Artifacts
	Scripts() Scripts
	Settings() Settings
	Access() Access
	// Sweep deletes at most limit rows of each kind that expired before now (codes, challenges, spent marks, attempts,
	// families, networks, KMS keys whose deletion was due), and a few chunks of artifacts that nothing has named for a day. It
	// returns how many it deleted in all.
	Sweep(ctx context.Context, now time.Time, limit int) (int, error)
	// Epoch returns the current epoch; RaiseEpoch adds one and kills codes, challenges, queued messages and families.
	Epoch(ctx context.Context) (int64, error)
	RaiseEpoch(ctx context.Context, now time.Time) (int64, error)
}

var (
	// ErrNotFound is returned by methods that read exactly one row.
	ErrNotFound = errors.New("store: not found")
	// ErrReadOnly is returned by a writing method inside Read.
	ErrReadOnly = errors.New("store: write inside Read")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("store: closed")
	// ErrNewer is returned on opening a database whose schema is newer than this program.
	ErrNewer = errors.New("store: the database was written by a newer version")
	// ErrText is returned for strings that are not UTF-8 or hold U+0000, which PostgreSQL cannot keep.
	ErrText = errors.New("store: text is not valid UTF-8 or holds U+0000")
)

// Keep wraps err so that Write commits what the function did and still returns err (unwrapped).
func Keep(err error) error {
	if err == nil {
		return nil
	}
	return &keep{err}
}

type keep struct{ err error }

func (k *keep) Error() string { return k.err.Error() }
func (k *keep) Unwrap() error { return k.err }

// Kept reports whether err asks for a commit, and returns the error inside. Implementations of Write call it.
func Kept(err error) (inner error, ok bool) {
	if k, ok := errors.AsType[*keep](err); ok {
		return k.err, true
	}
	return err, false
}
