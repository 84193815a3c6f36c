package token_test

import (
	"testing"
	"time"

	"countersign/internal/keyring/keyringtest"
	"countersign/internal/store/sqlstore"
	"countersign/internal/token"
	"countersign/internal/token/tokentest"
)

// Keys over a real database: a restarted server verifies what it signed, and a revocation is kept.
func TestDatabase(t *testing.T) {
	s, err := sqlstore.OpenSQLite(t.Context(), sqlstore.Ephemeral, sqlstore.Options{Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	vault, c := keyringtest.New(t, pool), newClock()
	restart := func() node {
		return node{Keys: token.New(token.Config{Store: token.Database(s), Vault: vault, Now: c.Now, Algorithm: tokentest.ES256}), clock: c}
	}
	n := restart()
	tok := n.access(t)
	if err := n.Rotate(t.Context(), pool, token.Access); err != nil {
		t.Fatal(err)
	}
	n = restart()
	if _, err := n.verify(t, tok); err != nil {
		t.Error(err)
	}
	if kids := n.kids(t); len(kids) != 3 {
		t.Errorf("%d keys, want 3", len(kids))
	}
	kid := n.kidOf(t, tok)
	if err := n.Revoke(t.Context(), pool, kid); err != nil {
		t.Fatal(err)
	}
	n = restart()
	if _, err := n.verify(t, tok); err == nil || n.kids(t)[kid] {
		t.Errorf("the revoked key lives: %v", err)
	}
	c.add(8 * 24 * time.Hour)
	if pruned, err := n.Prune(t.Context(), pool); err != nil || pruned != 1 || len(n.kids(t)) != 2 {
		t.Errorf("pruned %d, %v", pruned, err)
	}
}
