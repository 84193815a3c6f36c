package storetest

import (
	"os"
	"testing"

	"countersign/internal/store"
	"countersign/internal/store/sqlstore"
)

// Engine opens fresh, empty stores that are closed and gone when the test ends.
type Engine struct {
	// Name is "sqlite" or "postgres".
	Name string
	Open func(t testing.TB) *sqlstore.Store
}

// Engines returns the engines to test on.
func Engines(t testing.TB) []Engine {
	t.Helper()
	all := []Engine{{"sqlite", SQLite}}
	switch {
	case os.Getenv(PostgresEnv) != "":
		all = append(all, Engine{"postgres", Postgres})
	case os.Getenv("CI") == "true":
		t.Fatalf("%s is not set: in CI the suite runs on both engines", PostgresEnv)
	}
	return all
}

// Each runs f as a subtest for each engine, with a fresh store.
func Each(t *testing.T, f func(t *testing.T, s store.Store)) {
	t.Helper()
	for _, e := range Engines(t) {
		t.Run(e.Name, func(t *testing.T) { f(t, e.Open(t)) })
	}
}

// SQLite opens an ephemeral SQLite store.
func SQLite(t testing.TB) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.OpenSQLite(t.Context(), sqlstore.Ephemeral, sqlstore.Options{Migrate: true})
	if err != nil {
		t.Fatalf("opening SQLite: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing SQLite: %v", err)
		}
	})
	return s
}
