package sqlstore_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"countersign/internal/store"
	"countersign/internal/store/sqlstore"
)

// crashEnv holds the path of the database for the child of TestCrash.
const crashEnv = "COUNTERSIGN_TEST_CRASH"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashEnv); path != "" {
		crashChild(path)
		return
	}
	os.Exit(m.Run())
}

// crashChild writes with 8 goroutines for ever and prints the id of each user whose Write has returned.
func crashChild(path string) {
	ctx := context.Background()
	s, err := sqlstore.OpenSQLite(ctx, path, sqlstore.Options{Migrate: true})
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	for worker := range 8 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%06d", worker, i)
				err := s.Write(ctx, func(tx store.Tx) error {
					if err := tx.Users().InsertUser(ctx, &store.User{PoolID: "p", ID: id}); err != nil {
						return err
					}
					_, err := tx.Users().ClaimAlias(ctx, "p", "alias-"+id, id)
					return err
				})
				if err != nil {
					fmt.Println("error:", err)
					return
				}
				// One write to a pipe of fewer than 4,096 bytes arrives whole.
				os.Stdout.WriteString(id + "\n")
			}
		}()
	}
	select {}
}

// TestCrash kills a writing process without warning, four times over one file: whatever it had reported is there, and
// every user is whole.
func TestCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crash.db")
	for round, wanted := range []int{50, 500, 1, 200} {
		acknowledged := crash(t, path, wanted)
		s, err := sqlstore.OpenSQLite(t.Context(), path, sqlstore.Options{})
		if err != nil {
			t.Fatalf("round %d: reopening: %v", round, err)
		}
		users := map[string]bool{}
		err = s.Read(t.Context(), func(tx store.Tx) error {
			for after := ""; ; {
				list, err := tx.Users().ListUsers(t.Context(), store.UserQuery{PoolID: "p", After: after, Limit: 1000})
				if err != nil || len(list) == 0 {
					return err
				}
				for _, u := range list {
					users[u.ID], after = true, u.ID
					if _, _, err := tx.Users().FindUser(t.Context(), "p", "alias-"+u.ID); err != nil {
						t.Errorf("round %d: user %s is half made: %v", round, u.ID, err)
					}
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range acknowledged {
			if !users[id] {
				t.Errorf("round %d: %s was acknowledged and is lost", round, id)
			}
		}
		err = s.Write(t.Context(), func(tx store.Tx) error {
			for id := range users {
				if _, err := tx.Users().DeleteUser(t.Context(), "p", id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// crash runs the child until it has reported at least n ids, kills it and returns all that it reported.
func crash(t *testing.T, path string, n int) (ids []string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(exe)
	child.Env = append(os.Environ(), crashEnv+"="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "error:") {
			child.Process.Kill()
			t.Fatalf("child %s: %s", strconv.Itoa(child.Process.Pid), line)
		}
		if ids = append(ids, line); len(ids) == n {
			child.Process.Kill()
		}
	}
	child.Wait()
	if len(ids) < n {
		t.Fatalf("the child reported %d ids, want %d", len(ids), n)
	}
	return ids
}
