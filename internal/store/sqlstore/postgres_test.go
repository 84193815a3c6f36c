package sqlstore_test

import (
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"countersign/internal/store"
	"countersign/internal/store/sqlstore"
	"countersign/internal/store/storetest"
)

// TestPostgresLostConnection ends the server's side of every connection in the middle of a function: it runs again on a
// new one, and what it did happens once.
func TestPostgresLostConnection(t *testing.T) {
	if os.Getenv(storetest.PostgresEnv) == "" {
		return // Engines fails where it matters.
	}
	s, url := storetest.PostgresURL(t)
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	runs := 0
	err = s.Write(t.Context(), func(tx store.Tx) error {
		runs++
		if _, err := tx.Challenges().Spend(t.Context(), []byte("mark"), start); err != nil {
			return err
		}
		if runs == 1 {
			_, err := c.Exec(t.Context(), `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid()`)
			if err != nil {
				return err
			}
		}
		_, err := tx.Challenges().Spend(t.Context(), []byte("other"), start)
		return err
	})
	if err != nil || runs != 2 {
		t.Errorf("after %d runs: %v", runs, err)
	}
}

// TestPostgresClaimRunsOnce takes from the planner what it would rather do, so that it looks up the claimed ids for each
// row anew: a claim still takes no more than asked for.
func TestPostgresClaimRunsOnce(t *testing.T) {
	if os.Getenv(storetest.PostgresEnv) == "" {
		return
	}
	fresh, url := storetest.PostgresURL(t)
	err := fresh.Write(t.Context(), func(tx store.Tx) error {
		for n := range 200 {
			at := start.Add(time.Duration(n) * time.Millisecond)
			if err := tx.Outbox().Enqueue(t.Context(), &store.Message{ID: store.NewID(at), State: store.Queued, NextAt: at}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlstore.OpenPostgres(t.Context(), url+"&enable_hashjoin=off&enable_mergejoin=off&enable_hashagg=off&enable_sort=off"+
		"&enable_material=off&enable_indexscan=off&enable_bitmapscan=off", sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Write(t.Context(), func(tx store.Tx) error {
		got, err := tx.Outbox().Claim(t.Context(), "w", start.Add(time.Hour), start.Add(2*time.Hour), 7)
		if len(got) != 7 {
			t.Errorf("Claim took %d messages, want 7", len(got))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPostgresDeadlock locks two counters in opposite orders, against the rule: PostgreSQL ends one of the two, which
// then runs again.
func TestPostgresDeadlock(t *testing.T) {
	if os.Getenv(storetest.PostgresEnv) == "" {
		return
	}
	s := storetest.Postgres(t)
	keys := []store.CounterKey{{Subject: "a"}, {Subject: "b"}}
	var runs atomic.Int32
	var both, done sync.WaitGroup
	both.Add(2)
	for i := range 2 {
		first := true
		done.Go(func() {
			err := s.Write(t.Context(), func(tx store.Tx) error {
				runs.Add(1)
				if _, err := tx.Counters().LockCounter(t.Context(), keys[i]); err != nil {
					return err
				}
				if first {
					first = false
					both.Done()
					both.Wait()
				}
				c, err := tx.Counters().LockCounter(t.Context(), keys[1-i])
				if err != nil {
					return err
				}
				c.N++
				return tx.Counters().SaveCounter(t.Context(), keys[1-i], c, start)
			})
			if err != nil {
				t.Errorf("Write: %v", err)
			}
		})
	}
	done.Wait()
	if runs.Load() < 3 {
		t.Errorf("%d runs: there was no deadlock", runs.Load())
	}
}
