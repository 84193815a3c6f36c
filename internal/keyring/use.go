package keyring

import (
	"context"
	"errors"
	"fmt"

	"countersign/internal/secret"
)

// Sealing returns the sealing keys of a pool's records.
func (k *Keyring) Sealing(ctx context.Context, poolID string) (Sealing, error) {
	p, err := k.pool(ctx, poolID)
	if err != nil {
		return Sealing{}, err
	}
	return p.seal, nil
}

// Codes returns the keys of a pool's one-time codes.
func (k *Keyring) Codes(ctx context.Context, poolID string) (Codes, error) {
	p, err := k.pool(ctx, poolID)
	if err != nil {
		return Codes{}, err
	}
	return p.code, nil
}

// Lookup returns the keyed hash by which a row is found, 16 bytes. Parts begin with what the value is; the pool needs
// no naming, its key is its own.
func (k *Keyring) Lookup(ctx context.Context, poolID string, parts ...string) ([]byte, error) {
	p, err := k.pool(ctx, poolID)
	if err != nil {
		return nil, err
	}
	return secret.Lookup(p.lookup, parts...), nil
}

// SealRecord seals one column of one row.
func (k *Keyring) SealRecord(ctx context.Context, poolID, table, rowID, column string, plaintext []byte) ([]byte, error) {
	p, err := k.pool(ctx, poolID)
	if err != nil {
		return nil, err
	}
	return p.seal.Seal(plaintext, secret.AAD(table, rowID, column, poolID)), nil
}

// OpenRecord opens what SealRecord sealed at the same place. What does not open is secret.ErrOpen or
// secret.ErrKeyVersion.
func (k *Keyring) OpenRecord(ctx context.Context, poolID, table, rowID, column string, sealed []byte) ([]byte, error) {
	return k.open(ctx, poolID, sealed, secret.AAD(table, rowID, column, poolID), (*poolKeys).records)
}

// SealToken seals a stateless token that leaves the server and comes back. audience says what it is (secret_block,
// page_users ...): tokens of one audience do not open as another, nor in another pool. The result is raw bytes; what must be
// remembered about its age is the caller's to put inside.
func (k *Keyring) SealToken(ctx context.Context, poolID, audience string, plaintext []byte) ([]byte, error) {
	p, err := k.pool(ctx, poolID)
	if err != nil {
		return nil, err
	}
	return p.session.Seal(plaintext, secret.Bind("token", audience, poolID)), nil
}

// OpenToken opens what SealToken sealed for the same audience. A forged token costs the database at most one query a
// second.
func (k *Keyring) OpenToken(ctx context.Context, poolID, audience string, sealed []byte) ([]byte, error) {
	return k.open(ctx, poolID, sealed, secret.Bind("token", audience, poolID), (*poolKeys).tokens)
}

func (p *poolKeys) records() Sealing { return p.seal }
func (p *poolKeys) tokens() Sealing  { return p.session }

func (k *Keyring) open(ctx context.Context, poolID string, sealed, aad []byte, of func(*poolKeys) Sealing) ([]byte, error) {
	p, err := k.pool(ctx, poolID)
	if err != nil {
		return nil, err
	}
	plain, err := of(p).Open(sealed, aad)
	if !errors.Is(err, secret.ErrKeyVersion) {
		return plain, err
	}
	if p, err = k.missed(ctx, poolID, p); err != nil {
		return nil, err
	}
	return of(p).Open(sealed, aad)
}

// A user's data key is sealed as this column of the user's row.
const (
	dataKeyTable  = "users"
	dataKeyColumn = "data_key"
)

// NewDataKey makes the key under which a user's personal data is sealed outside the user's row. sealed is stored in
// the row: deleting it makes that data unreadable everywhere, backups of other tables included.
func (k *Keyring) NewDataKey(ctx context.Context, poolID, userID string) (sealed []byte, key secret.Key, err error) {
	raw := secret.RandomKey()
	defer clear(raw)
	if key, err = secret.NewKey(1, raw); err != nil {
		return nil, secret.Key{}, err
	}
	if sealed, err = k.SealRecord(ctx, poolID, dataKeyTable, userID, dataKeyColumn, raw); err != nil {
		return nil, secret.Key{}, err
	}
	return sealed, key, nil
}

// OpenDataKey opens what NewDataKey returned for the same user.
func (k *Keyring) OpenDataKey(ctx context.Context, poolID, userID string, sealed []byte) (secret.Key, error) {
	raw, err := k.OpenRecord(ctx, poolID, dataKeyTable, userID, dataKeyColumn, sealed)
	if err != nil {
		return secret.Key{}, fmt.Errorf("keyring: data key of a user: %w", err)
	}
	defer clear(raw)
	return secret.NewKey(1, raw)
}
