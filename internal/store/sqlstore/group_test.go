package sqlstore_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"countersign/internal/store"
	"countersign/internal/store/sqlstore"
	"countersign/internal/store/storetest"
)

// TestLostTransaction lets one function of a group lose the transaction of all, several groups in a row: only its own
// work is undone.
func TestLostTransaction(t *testing.T) {
	s := storetest.SQLite(t)
	lost := errors.New("lost")
	for round := range 5 {
		hold, held := make(chan struct{}), make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() {
			s.Write(t.Context(), func(store.Tx) error {
				close(held)
				<-hold
				return nil
			})
		})
		<-held
		errs := make([]error, 20)
		for i := range errs {
			all.Go(func() {
				errs[i] = s.Write(t.Context(), func(tx store.Tx) error {
					err := tx.Users().InsertUser(t.Context(), &store.User{PoolID: "p", ID: fmt.Sprintf("%d-%02d", round, i)})
					if err == nil && i == 7 {
						err = errors.Join(lost, sqlstore.LoseTransaction(tx))
					}
					return err
				})
			})
		}
		close(hold)
		all.Wait()
		for i, err := range errs {
			if (i == 7) != errors.Is(err, lost) || i != 7 && err != nil {
				t.Errorf("round %d, function %d: %v", round, i, err)
			}
		}
		err := s.Read(t.Context(), func(tx store.Tx) error {
			n, err := tx.Users().CountUsers(t.Context(), "p", 1000)
			if want := 19 * (round + 1); n != want {
				t.Errorf("round %d: %d users, want %d", round, n, want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
