package keyring

import (
	"context"

	"countersign/internal/store"
)

// Row is a pool's key under the root key.
type Row = store.WrappedKey

// Store is what the keyring needs of the database. Each writing call is durable when it returns.
type Store interface {
	// PoolKeys returns all keys of a pool, none for an unknown one.
	PoolKeys(ctx context.Context, poolID string) ([]*Row, error)
	// AddKey is insert-if-absent on pool, purpose and version, and reports whether it inserted.
	AddKey(ctx context.Context, row *Row) (bool, error)
	// RewrapKey replaces RootID, Wrapped and RetiredAt of one key; store.ErrNotFound if it is gone.
	RewrapKey(ctx context.Context, row *Row) error
	// AllKeys returns up to limit keys after the given one (nil: from the first), by pool, purpose and version.
	AllKeys(ctx context.Context, after *Row, limit int) ([]*Row, error)
}

// Database returns the Store kept in s, each call in a transaction of its own.
func Database(s store.Store) Store { return database{s} }

type database struct{ s store.Store }

func (d database) PoolKeys(ctx context.Context, poolID string) (rows []*Row, err error) {
	err = d.s.Read(ctx, func(tx store.Tx) error {
		rows, err = tx.Keys().PoolKeys(ctx, poolID)
		return err
	})
	return rows, err
}

func (d database) AddKey(ctx context.Context, row *Row) (added bool, err error) {
	err = d.s.Write(ctx, func(tx store.Tx) error {
		added, err = tx.Keys().AddKey(ctx, row)
		return err
	})
	return added && err == nil, err
}

func (d database) RewrapKey(ctx context.Context, row *Row) error {
	return d.s.Write(ctx, func(tx store.Tx) error { return tx.Keys().RewrapKey(ctx, row) })
}

func (d database) AllKeys(ctx context.Context, after *Row, limit int) (rows []*Row, err error) {
	err = d.s.Read(ctx, func(tx store.Tx) error {
		rows, err = tx.Keys().AllKeys(ctx, after, limit)
		return err
	})
	return rows, err
}
