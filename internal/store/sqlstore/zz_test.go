package sqlstore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"countersign/internal/store"
	"countersign/internal/store/sqlstore"
)

func TestZZFrames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s, err := sqlstore.OpenSQLite(t.Context(), path, sqlstore.Options{Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	const users = 100000
	for from := 0; from < users; from += 1000 {
		s.Write(t.Context(), func(tx store.Tx) error {
			for i := from; i < from+1000; i++ {
				if err := benchUser(t.Context(), tx, i); err != nil {
					t.Error(err)
				}
			}
			return nil
		})
	}
	st, _ := os.Stat(path)
	fmt.Println("db MB", st.Size()>>20)
	s.Close()
	st, _ = os.Stat(path)
	fmt.Println("db MB closed", st.Size()>>20)
	s, _ = sqlstore.OpenSQLite(t.Context(), path, sqlstore.Options{Migrate: true})
	sqlstore.Raw(s, "PRAGMA wal_autocheckpoint=0", nil, func(func(int) string) {})
	for _, par := range []int{1, 16, 64} {
		n := 6400
		before := int64(0)
		if st, err := os.Stat(path + "-wal"); err == nil {
			before = st.Size()
		}
		c := cpu()
		w := time.Now()
		var wg sync.WaitGroup
		for p := range par {
			wg.Go(func() {
				for i := range n / par {
					k := i*par + p
					err := s.Write(t.Context(), func(tx store.Tx) error {
						return request(t.Context(), tx, benchTime.Add(time.Duration(par)*time.Hour+time.Duration(k)*time.Millisecond), benchID(k*7919%users))
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		st, _ := os.Stat(path + "-wal")
		fmt.Printf("par %d: frames/op %.1f cpu %.0f us wall %.0f us\n", par, float64(st.Size()-before)/4120/float64(n), float64((cpu()-c).Microseconds())/float64(n), float64(time.Since(w).Microseconds())/float64(n))
	}
	for _, x := range []string{"find", "bearer"} {
		c := cpu()
		n := 20000
		for i := range n {
			s.Read(t.Context(), func(tx store.Tx) error {
				var err error
				if x == "find" {
					_, _, err = tx.Users().FindUser(t.Context(), "us-local-1_countersign", "e", fmt.Sprintf("phone:+1%010d", i*7919%users))
				} else {
					_, err = tx.Families().Bearer(t.Context(), "us-local-1_countersign", benchID(i*7919%users), benchID(i*7919%users), benchTime)
				}
				if err != nil {
					t.Error(err)
				}
				return err
			})
		}
		fmt.Printf("%s cpu %.1f us\n", x, float64((cpu()-c).Microseconds())/float64(n))
	}
	if false {
		sqlstore.Raw(s, "SELECT name, CAST(sum(pgsize)/1024 AS TEXT) FROM dbstat GROUP BY name ORDER BY sum(pgsize) DESC LIMIT 24", nil, func(x func(int) string) { fmt.Println(x(0), x(1)) })
	}
	s.Close()
}
