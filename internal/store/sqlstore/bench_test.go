package sqlstore_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"countersign/internal/store"
	"countersign/internal/store/sqlstore"
	"countersign/internal/store/storetest"
)

// cpu returns the processor time that this process has used. With PostgreSQL the server's own is not in it.
func cpu() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// measure reports the processor time of each operation besides its wall time.
func measure(b *testing.B, run func()) {
	b.Helper()
	b.ReportAllocs()
	before := cpu()
	b.ResetTimer()
	run()
	b.StopTimer()
	b.ReportMetric(float64((cpu()-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// benchStores opens a durable store of each engine with n users.
func benchStores(b *testing.B, n int, f func(b *testing.B, s store.Store)) {
	for _, e := range storetest.Engines(b) {
		b.Run(e.Name, func(b *testing.B) {
			var s store.Store
			url := ""
			if e.Name == "sqlite" {
				lite, err := sqlstore.OpenSQLite(b.Context(), filepath.Join(b.TempDir(), "bench.db"), sqlstore.Options{Migrate: true})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { lite.Close() })
				s = lite
			} else {
				s, url = storetest.PostgresURL(b)
			}
			for from := 0; from < n; from += 500 {
				err := s.Write(b.Context(), func(tx store.Tx) error {
					for i := from; i < min(from+500, n); i++ {
						if err := benchUser(b.Context(), tx, i); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			if url != "" {
				analyze(b, url)
			}
			f(b, s)
		})
	}
}

// analyze tells PostgreSQL's planner what a bulk load has changed, as its own vacuum does within a minute.
func analyze(b *testing.B, url string) {
	c, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(b.Context())
	if _, err := c.Exec(b.Context(), "VACUUM ANALYZE"); err != nil {
		b.Fatal(err)
	}
}

var start = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

func benchID(i int) string { return fmt.Sprintf("01a00000-0000-7000-8000-%012d", i) }

// benchUser is a usual user: signed up by phone, with a password, a session and a data key.
func benchUser(ctx context.Context, tx store.Tx, i int) error {
	u := &store.User{
		ID: benchID(i), PoolID: "us-local-1_countersign", Username: benchID(i), Status: store.Confirmed, Enabled: true,
		PasswordHash:  "$argon2id$v=19$m=19456,t=2,p=1$MTIzNDU2Nzg5MDEyMzQ1Ng$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI",
		Attributes:    map[string]string{"phone_number": fmt.Sprintf("+1%010d", i), "phone_number_verified": "true"},
		SealedDataKey: make([]byte, 61), CreatedAt: start, UpdatedAt: start,
	}
	if err := tx.Users().InsertUser(ctx, u); err != nil {
		return err
	}
	if _, err := tx.Users().ClaimAlias(ctx, u.PoolID, fmt.Sprintf("phone:+1%010d", i), u.ID); err != nil {
		return err
	}
	return tx.Families().InsertFamily(ctx, &store.Family{
		ID: benchID(i), OriginJTI: benchID(i), PoolID: u.PoolID, UserID: u.ID, ClientID: "c", Hash: make([]byte, 32), AuthTime: start,
		CreatedAt: start, ExpiresAt: start.AddDate(0, 1, 0),
	})
}

// request is what asking for one code writes: a code, a message, an event and a counter.
func request(ctx context.Context, tx store.Tx, now time.Time, subject string) error {
	id := store.NewID(now)
	const pool = "us-local-1_countersign"
	if _, err := tx.Counters().BumpCounter(ctx, store.CounterKey{PoolID: pool, Subject: subject, Purpose: "send"}, now, time.Hour); err != nil {
		return err
	}
	err := tx.Codes().InsertCode(ctx, &store.Code{
		ID: id, PoolID: pool, SubjectID: subject, Purpose: "sign_in", ClientID: "c", Wire: "cognito", Chain: id, Target: make([]byte, 32),
		Hash: make([]byte, 32), CreatedAt: now, ExpiresAt: now.Add(3 * time.Minute),
	}, 3)
	if err != nil {
		return err
	}
	err = tx.Outbox().Enqueue(ctx, &store.Message{
		ID: id, PoolID: pool, UserID: subject, ClientID: "c", Channel: "sms", State: store.Queued, Sealed: make([]byte, 200),
		Mask: "+*******0123", Number: make([]byte, 32), CodeID: id, TriggerSource: "CustomSMSSender_Authentication", Segments: 1,
		NextAt: now, ExpiresAt: now.Add(3 * time.Minute), CreatedAt: now, UpdatedAt: now,
	})
	if err != nil {
		return err
	}
	return tx.Events().Append(ctx, &store.Event{
		ID: id, PoolID: pool, Type: "gd_send_sms", UserID: subject, ClientID: "c", Number: make([]byte, 32),
		Data: []byte(`{"trigger":"CustomSMSSender_Authentication","lane":0}`), Sealed: make([]byte, 150), At: now,
	})
}

// BenchmarkWrite is one small row a transaction, alone and with 32 callers at once.
func BenchmarkWrite(b *testing.B) {
	var n atomic.Int64
	spend := func(b *testing.B, s store.Store) {
		mark := fmt.Appendf(nil, "%032d", n.Add(1))
		err := s.Write(b.Context(), func(tx store.Tx) error {
			_, err := tx.Challenges().Spend(b.Context(), mark, start)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.Run("alone", func(b *testing.B) {
		benchStores(b, 0, func(b *testing.B, s store.Store) {
			measure(b, func() {
				for range b.N {
					spend(b, s)
				}
			})
		})
	})
	b.Run("grouped", func(b *testing.B) {
		benchStores(b, 0, func(b *testing.B, s store.Store) {
			b.SetParallelism(16)
			measure(b, func() {
				b.RunParallel(func(p *testing.PB) {
					for p.Next() {
						spend(b, s)
					}
				})
			})
		})
	})
}

// BenchmarkRequest is the commit of a request for a code, with 32 callers at once.
func BenchmarkRequest(b *testing.B) {
	benchStores(b, 1000, func(b *testing.B, s store.Store) {
		var n atomic.Int64
		b.SetParallelism(16)
		measure(b, func() {
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					i := n.Add(1)
					err := s.Write(b.Context(), func(tx store.Tx) error {
						return request(b.Context(), tx, start.Add(time.Duration(i)*time.Millisecond), benchID(int(i%1000)))
					})
					if err != nil {
						b.Error(err)
					}
				}
			})
		})
	})
}

func BenchmarkFindUser(b *testing.B) {
	for _, users := range []int{1000, 100000} {
		b.Run(fmt.Sprint(users), func(b *testing.B) {
			benchStores(b, users, func(b *testing.B, s store.Store) {
				measure(b, func() {
					for i := range b.N {
						key := fmt.Sprintf("phone:+1%010d", i*7919%users)
						err := s.Read(b.Context(), func(tx store.Tx) error {
							_, _, err := tx.Users().FindUser(b.Context(), "us-local-1_countersign", "email:x", key)
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
}

func BenchmarkBearer(b *testing.B) {
	benchStores(b, 1000, func(b *testing.B, s store.Store) {
		measure(b, func() {
			for i := range b.N {
				id := benchID(i * 7919 % 1000)
				err := s.Read(b.Context(), func(tx store.Tx) error {
					_, err := tx.Families().Bearer(b.Context(), "us-local-1_countersign", id, id, start)
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

// BenchmarkOutbox is a message's life: enqueued with its code, claimed and settled, in three transactions.
func BenchmarkOutbox(b *testing.B) {
	benchStores(b, 0, func(b *testing.B, s store.Store) {
		ctx := b.Context()
		measure(b, func() {
			for i := range b.N {
				now := start.Add(time.Duration(i) * time.Millisecond)
				var got []*store.Message
				for _, f := range []func(tx store.Tx) error{
					func(tx store.Tx) error { return request(ctx, tx, now, "u") },
					func(tx store.Tx) (err error) {
						got, err = tx.Outbox().Claim(ctx, "w", now, now.Add(time.Minute), 10)
						return err
					},
					func(tx store.Tx) error {
						for _, m := range got {
							m := *m
							m.State, m.Provider, m.UpdatedAt = store.Sent, "sns", now
							if _, err := tx.Outbox().Settle(ctx, &m); err != nil {
								return err
							}
						}
						return nil
					},
				} {
					if err := s.Write(ctx, f); err != nil {
						b.Fatal(err)
					}
				}
				if len(got) != 1 {
					b.Fatalf("claimed %d messages", len(got))
				}
			}
		})
	})
}
