// Package keyringtest gives tests a keyring without a database.
package keyringtest

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"

	"countersign/internal/keyring"
)

// New returns a keyring in memory, with keys for the deployment and for the pools named.
func New(t testing.TB, pools ...string) *keyring.Keyring {
	t.Helper()
	k, err := keyring.Open(t.Context(), &Memory{}, keyring.Config{Root: keyring.NewRoot()})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pools {
		if err := k.Create(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// Memory is a keyring.Store in memory. The zero value is empty.
type Memory struct {
	// Fail, if not nil, is called first by every method; its error is returned.
	Fail func(method string) error

	mu   sync.Mutex
	rows []keyring.Row
	// reads counts calls of PoolKeys.
	reads int
}

// Reads returns how often PoolKeys was called.
func (m *Memory) Reads() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reads
}

func (m *Memory) fail(method string) error {
	if m.Fail == nil {
		return nil
	}
	return m.Fail(method)
}

// PoolKeys implements keyring.Store.
func (m *Memory) PoolKeys(_ context.Context, poolID string) ([]*keyring.Row, error) {
	if err := m.fail("PoolKeys"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	var out []*keyring.Row
	for _, r := range m.rows {
		if r.PoolID == poolID {
			out = append(out, clone(r))
		}
	}
	return out, nil
}

// AddKey implements keyring.Store.
func (m *Memory) AddKey(_ context.Context, row *keyring.Row) (bool, error) {
	if err := m.fail("AddKey"); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	i, found := slices.BinarySearchFunc(m.rows, *row, compare)
	if found {
		return false, nil
	}
	m.rows = slices.Insert(m.rows, i, *clone(*row))
	return true, nil
}

// RewrapKey implements keyring.Store.
func (m *Memory) RewrapKey(_ context.Context, row *keyring.Row) error {
	if err := m.fail("RewrapKey"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if i, found := slices.BinarySearchFunc(m.rows, *row, compare); found {
		r := clone(*row)
		m.rows[i].RootID, m.rows[i].Wrapped, m.rows[i].RetiredAt = r.RootID, r.Wrapped, r.RetiredAt
	}
	return nil
}

// AllKeys implements keyring.Store.
func (m *Memory) AllKeys(_ context.Context, after *keyring.Row, limit int) ([]*keyring.Row, error) {
	if err := m.fail("AllKeys"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*keyring.Row
	for _, r := range m.rows {
		if (after == nil || compare(r, *after) > 0) && len(out) < limit {
			out = append(out, clone(r))
		}
	}
	return out, nil
}

func clone(r keyring.Row) *keyring.Row {
	r.Wrapped = bytes.Clone(r.Wrapped)
	return &r
}

func compare(a, b keyring.Row) int {
	return cmp.Or(cmp.Compare(a.PoolID, b.PoolID), cmp.Compare(a.Purpose, b.Purpose), cmp.Compare(a.Version, b.Version))
}
