package sqlstore_test

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"countersign/internal/store"
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

// TestPostgresClaimRunsOnce claims in a table that the planner believes to be almost empty, so that it would rather look
// up what to claim anew for each row: a claim still takes no more than asked for.
func TestPostgresClaimRunsOnce(t *testing.T) {
	if os.Getenv(storetest.PostgresEnv) == "" {
		return
	}
	s, url := storetest.PostgresURL(t)
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	enqueue := func(from, to int) {
		t.Helper()
		err := s.Write(t.Context(), func(tx store.Tx) error {
			for n := from; n < to; n++ {
				at := start.Add(time.Duration(n) * time.Millisecond)
				m := &store.Message{ID: fmt.Sprint(n), State: store.Queued, NextAt: at, Sealed: make([]byte, 500)}
				if err := tx.Outbox().Enqueue(t.Context(), m); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	enqueue(0, 1000)
	for _, sql := range []string{`DELETE FROM outbox WHERE id <> '999'`, `VACUUM ANALYZE outbox`} {
		if _, err := c.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	enqueue(1000, 1300)
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
