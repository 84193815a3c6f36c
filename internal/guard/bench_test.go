package guard_test

import (
	"fmt"
	"testing"
	"time"

	"countersign/internal/guard"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

// BenchmarkSend counts messages, 64 in a transaction as a busy server's group commit does, by the server's own limits and by those of a pool.
func BenchmarkSend(b *testing.B) {
	const batch = 64
	pool := &guard.Limits{
		SendsNumberDay: 50, SendsConfirmedDay: 60, SendsAccountDay: 60, SendsNetworkDay: 1000, SendsNet: 600, SendsNetDay: 5000,
		CoolDown: []time.Duration{30 * time.Second}, BackOffAfter: 3, BackOffFirst: time.Hour, BackOffMost: 24 * time.Hour,
	}
	for _, e := range storetest.Engines(b) {
		for name, limits := range map[string]*guard.Limits{"own": nil, "pool": pool} {
			b.Run(e.Name+"/"+name, func(b *testing.B) {
				s, c, i := e.Open(b), newClock(guard.Limits{}), 0
				for b.Loop() {
					err := s.Write(b.Context(), func(tx store.Tx) error {
						for range batch {
							i++
							id := fmt.Sprint(i)
							m := guard.Send{
								PoolID: poolID, Subject: "u" + id, Purpose: guard.SignIn, Number: "n" + id, Network: "a" + id, Net: "net" + id, Confirmed: i%2 == 0, Limits: limits,
							}
							if err := c.Send(b.Context(), tx, m); err != nil {
								return err
							}
						}
						return nil
					})
					if err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(i), "µs/message")
			})
		}
	}
}
