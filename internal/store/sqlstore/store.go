package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"countersign/internal/store"
)

// Options of an open database. The zero value is good for production.
type Options struct {
	// MaxConns bounds the connections to PostgreSQL. Defaults to 16.
	MaxConns int
	// Migrate brings the schema up to date on opening. Without it a database with an older schema is refused with
	// ErrOlder: in production that is a step of its own.
	Migrate bool
	// Empty lets Migrate touch only a database without rows; one with rows and an older schema is refused with
	// ErrNotEmpty, and stays as it is. For Restore.
	Empty bool
	// Readers bounds SQLite's reading connections. Defaults to the number of processors, at least 4.
	Readers int
}

// ErrOlder is returned on opening a database whose schema is older than this program needs.
var ErrOlder = errors.New("store: the schema is older than this program: run \"countersign migrate\"")

// Store is a database of either engine. It implements store.Store.
type Store struct {
	d *dialect
	e engine

	// mu guards closed and lets Close wait for what has begun.
	mu     sync.RWMutex
	closed bool
	begun  sync.WaitGroup
}

var _ store.Store = (*Store)(nil)

// engine is what the two databases do each in its own way.
type engine interface {
	// read runs f on a connection that may not write.
	read(ctx context.Context, f func(store.Tx) error) error
	// write runs f in a durable transaction; alone: never twice, and never beside others.
	write(ctx context.Context, f func(store.Tx) error, alone bool) error
	// snapshot runs f on a reading connection of its own that sees one state throughout.
	snapshot(ctx context.Context, f func(conn) error) error
	close() error
}

// begin registers a call; the caller must call s.begun.Done.
func (s *Store) begin() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return store.ErrClosed
	}
	s.begun.Add(1)
	return nil
}

// Read runs f on a snapshot (SQLite) or statement by statement on READ COMMITTED (PostgreSQL). A panic in f is returned
// as an error, as Write does.
func (s *Store) Read(ctx context.Context, f func(store.Tx) error) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.begun.Done()
	return s.e.read(ctx, f)
}

// Write runs f in one durable transaction. A panic in f undoes what f did and is returned as an error with its stack.
func (s *Store) Write(ctx context.Context, f func(store.Tx) error) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.begun.Done()
	return s.e.write(ctx, f, false)
}

// Ping asks the database for a constant.
func (s *Store) Ping(ctx context.Context) error {
	return s.Read(ctx, func(t store.Tx) error {
		_, err := one(ctx, t.(*tx), `SELECT CAST(1 AS BIGINT)`, readInt)
		return err
	})
}

// Info describes the open database.
func (s *Store) Info(ctx context.Context) (store.Info, error) {
	info := store.Info{Engine: s.d.name}
	err := s.Read(ctx, func(st store.Tx) error {
		t := st.(*tx)
		var err error
		if info.Version, err = one(ctx, t, s.d.version, readText); err != nil {
			return err
		}
		if info.SizeBytes, err = one(ctx, t, s.d.size, readInt); err != nil {
			return err
		}
		schema, err := one(ctx, t, `SELECT max(version) FROM schema_migrations`, readInt)
		if err != nil {
			return err
		}
		info.Schema = int(schema)
		info.Epoch, err = t.Epoch(ctx)
		return err
	})
	return info, err
}

// Close waits for what has begun, then closes. Further calls return nil.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.begun.Wait()
	if err := s.e.close(); err != nil {
		return fmt.Errorf("store: closing: %w", err)
	}
	return nil
}
