// Package tokentest gives tests signing keys without a database.
package tokentest

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"

	"countersign/internal/keyring/keyringtest"
	"countersign/internal/token"
)

// New returns keys in memory for the pools named, ES256 throughout, which costs next to nothing to make.
func New(t testing.TB, pools ...string) *token.Keys {
	t.Helper()
	k := token.New(token.Config{Store: &Memory{}, Vault: keyringtest.New(t, pools...), Algorithm: ES256})
	t.Cleanup(func() { k.Close() })
	for _, p := range pools {
		if err := k.Prepare(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// ES256 is a token.Config.Algorithm.
func ES256(context.Context, string) (token.Alg, error) { return token.ES256, nil }

// Memory is a token.Store in memory. The zero value is empty.
type Memory struct {
	// Fail, if not nil, is called first by every method; its error is returned.
	Fail func(method string) error

	mu    sync.Mutex
	rows  []token.Row
	reads int
}

// Reads returns how often SigningKeys was called.
func (m *Memory) Reads() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reads
}

func (m *Memory) lock(method string) error {
	if m.Fail != nil {
		if err := m.Fail(method); err != nil {
			return err
		}
	}
	m.mu.Lock()
	return nil
}

// SigningKeys implements token.Store.
func (m *Memory) SigningKeys(_ context.Context, poolID string) ([]*token.Row, error) {
	if err := m.lock("SigningKeys"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	m.reads++
	var out []*token.Row
	for _, r := range m.rows {
		if r.PoolID == poolID {
			r.Sealed, r.Public = bytes.Clone(r.Sealed), bytes.Clone(r.Public)
			out = append(out, &r)
		}
	}
	return out, nil
}

// AddSigningKey implements token.Store.
func (m *Memory) AddSigningKey(_ context.Context, row *token.Row) (bool, error) {
	if err := m.lock("AddSigningKey"); err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	if m.find(row.PoolID, row.KeyID) != nil {
		return false, nil
	}
	m.rows = append(m.rows, *row)
	return true, nil
}

// UpdateSigningKey implements token.Store.
func (m *Memory) UpdateSigningKey(_ context.Context, row *token.Row) error {
	if err := m.lock("UpdateSigningKey"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if r := m.find(row.PoolID, row.KeyID); r != nil {
		r.ActiveAt, r.RetireAt = row.ActiveAt, row.RetireAt
	}
	return nil
}

// DeleteSigningKey implements token.Store.
func (m *Memory) DeleteSigningKey(_ context.Context, poolID, keyID string) error {
	if err := m.lock("DeleteSigningKey"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	m.rows = slices.DeleteFunc(m.rows, func(r token.Row) bool { return r.PoolID == poolID && r.KeyID == keyID })
	return nil
}

// Spoil changes stored rows in place, for tests of what tampering does.
func (m *Memory) Spoil(f func(*token.Row)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.rows {
		f(&m.rows[i])
	}
}

func (m *Memory) find(poolID, keyID string) *token.Row {
	for i := range m.rows {
		if m.rows[i].PoolID == poolID && m.rows[i].KeyID == keyID {
			return &m.rows[i]
		}
	}
	return nil
}
