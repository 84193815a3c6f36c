package keyring_test

import (
	"errors"
	"testing"

	"countersign/internal/keyring"
	"countersign/internal/store"
	"countersign/internal/store/sqlstore"
)

// The keyring over a real database: rows come back as they went in, across root rotation and a restart.
func TestDatabase(t *testing.T) {
	s, err := sqlstore.OpenSQLite(t.Context(), sqlstore.Ephemeral, sqlstore.Options{Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	root, next := keyring.NewRoot(), keyring.NewRoot()
	k := open(t, keyring.Database(s), keyring.Config{Root: root})
	sealed := seal(t, k, "kept")
	if err := k.Rotate(t.Context(), pool, keyring.PurposeSeal); err != nil {
		t.Fatal(err)
	}
	if n, err := k.RotateRoot(t.Context(), next); err != nil || n != 9 {
		t.Errorf("re-wrapped %d keys, %v; want 9", n, err)
	}
	mustOpen(t, open(t, keyring.Database(s), keyring.Config{Root: next}), sealed, "kept")
	if _, err := keyring.Open(t.Context(), keyring.Database(s), keyring.Config{Root: root}); !errors.Is(err, keyring.ErrWrongRoot) {
		t.Errorf("the old root: %v", err)
	}
	if err := keyring.Database(s).RewrapKey(t.Context(), &keyring.Row{PoolID: "gone"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("RewrapKey of a key that is gone: %v", err)
	}
}
