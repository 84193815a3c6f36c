package token

import (
	"context"

	"countersign/internal/store"
)

// Row is a signing key as stored: the private key sealed, PKCS #8 inside.
type Row = store.SigningKey

// Store is what this package needs of the database. Each writing call is durable when it returns.
type Store interface {
	// SigningKeys returns all keys of a pool.
	SigningKeys(ctx context.Context, poolID string) ([]*Row, error)
	// AddSigningKey is insert-if-absent on pool and key id, and reports whether it inserted.
	AddSigningKey(ctx context.Context, row *Row) (bool, error)
	// UpdateSigningKey writes ActiveAt and RetireAt; store.ErrNotFound if the key is gone.
	UpdateSigningKey(ctx context.Context, row *Row) error
	// DeleteSigningKey deletes one key; an unknown one is no error.
	DeleteSigningKey(ctx context.Context, poolID, keyID string) error
}

// Vault seals private keys at rest and derives key ids. *keyring.Keyring is one.
type Vault interface {
	SealRecord(ctx context.Context, poolID, table, rowID, column string, plaintext []byte) ([]byte, error)
	OpenRecord(ctx context.Context, poolID, table, rowID, column string, sealed []byte) ([]byte, error)
	Lookup(ctx context.Context, poolID string, parts ...string) ([]byte, error)
}

// Database returns the Store kept in s, each call in a transaction of its own.
func Database(s store.Store) Store { return database{s} }

type database struct{ s store.Store }

func (d database) SigningKeys(ctx context.Context, poolID string) (rows []*Row, err error) {
	err = d.s.Read(ctx, func(tx store.Tx) error {
		rows, err = tx.Keys().SigningKeys(ctx, poolID)
		return err
	})
	return rows, err
}

func (d database) AddSigningKey(ctx context.Context, row *Row) (added bool, err error) {
	err = d.s.Write(ctx, func(tx store.Tx) error {
		added, err = tx.Keys().AddSigningKey(ctx, row)
		return err
	})
	return added && err == nil, err
}

func (d database) UpdateSigningKey(ctx context.Context, row *Row) error {
	return d.s.Write(ctx, func(tx store.Tx) error { return tx.Keys().UpdateSigningKey(ctx, row) })
}

func (d database) DeleteSigningKey(ctx context.Context, poolID, keyID string) error {
	return d.s.Write(ctx, func(tx store.Tx) error { return tx.Keys().DeleteSigningKey(ctx, poolID, keyID) })
}
