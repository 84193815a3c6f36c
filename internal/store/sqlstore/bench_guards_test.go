package sqlstore_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/store"
)

// BenchmarkQuota is one lease with 32 callers at once: all of one row, and each of a row of its own.
func BenchmarkQuota(b *testing.B) {
	for name, keys := range map[string]int64{"one row": 1, "1000 rows": 1000} {
		b.Run(name, func(b *testing.B) {
			benchStores(b, 0, func(b *testing.B, s store.Store) {
				var n atomic.Int64
				b.SetParallelism(16)
				measure(b, func() {
					b.RunParallel(func(p *testing.PB) {
						for p.Next() {
							k := store.QuotaKey{PoolID: "p", Key: fmt.Sprint("client/h/", n.Add(1)%keys), Span: start}
							err := s.Write(b.Context(), func(tx store.Tx) error {
								_, _, err := tx.Guards().TakeQuota(b.Context(), k, 10, 1<<40, start.Add(time.Hour))
								return err
							})
							if err != nil {
								b.Error(err)
							}
						}
					})
				})
			})
		})
	}
}

// guardCounts are the counts of n ranges.
func guardCounts(n int, span time.Time) (rows []store.GuardCount, keys []string) {
	for i := range n {
		keys = append(keys, fmt.Sprintf("r:+49151%04d", i))
		rows = append(rows, store.GuardCount{PoolID: "p", Key: keys[i], Span: span, Sent: 1})
	}
	return rows, keys
}

// BenchmarkGuardCounts is a second's counts of 200 keys, added, and their last two hours, read.
func BenchmarkGuardCounts(b *testing.B) {
	const spans = 24
	benchStores(b, 0, func(b *testing.B, s store.Store) {
		add := func(span time.Time) []string {
			rows, keys := guardCounts(200, span)
			err := s.Write(b.Context(), func(tx store.Tx) error { return tx.Guards().AddGuardCounts(b.Context(), rows) })
			if err != nil {
				b.Fatal(err)
			}
			return keys
		}
		b.Run("add", func(b *testing.B) {
			measure(b, func() {
				for i := range b.N {
					add(start.Add(time.Duration(i%spans) * 5 * time.Minute))
				}
			})
		})
		b.Run("read", func(b *testing.B) {
			var keys []string
			for i := range spans {
				keys = add(start.Add(time.Duration(i) * 5 * time.Minute))
			}
			measure(b, func() {
				for range b.N {
					err := s.Read(b.Context(), func(tx store.Tx) error {
						rows, err := tx.Guards().GuardCounts(b.Context(), "p", keys, start, start.Add(2*time.Hour))
						if len(rows) != 200*spans {
							b.Fatalf("%d rows", len(rows))
						}
						return err
					})
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	})
}
