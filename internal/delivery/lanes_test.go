package delivery_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/provider"
)

// flood queues notices.
func (r *rig) flood(n int) {
	r.t.Helper()
	d := draft()
	d.Lane, d.TriggerSource, d.ExpiresAt = store.LaneNotice, "notice", time.Time{}
	for n > 0 {
		batch := make([]*store.Message, min(n, 1000))
		for i := range batch {
			batch[i] = r.prepare(d)
		}
		r.queue(batch...)
		n -= len(batch)
	}
}

// However many notices wait, a code is the next to leave: no more of them go before it than were under way.
func TestCodesOvertakeNotices(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		r := newRig(t, s)
		var notices, before atomic.Int64
		w := r.worker(delivery.SenderFunc(func(_ context.Context, m provider.Message) (provider.Receipt, string, error) {
			if m.TriggerSource == "notice" {
				notices.Add(1)
			} else {
				before.Store(notices.Load())
			}
			return provider.Receipt{}, "desk", nil
		}), func(c *delivery.Config) { c.MaxInFlight = 8 })
		r.w = w
		r.flood(3000)
		r.run(w)
		for range 5 {
			m := r.prepare(draft())
			r.queue(m)
			seen := notices.Load()
			w.Wake()
			if o := r.await(m.ID); !o.OK() {
				t.Fatalf("%+v", o)
			}
			if n := before.Load() - seen; n > 64+8 {
				t.Errorf("%d notices went before a code", n)
			}
		}
	})
}

// BenchmarkCodesBesideNotices is the time from the commit of a code to its send, with notices under way and up to 50,000 more in the queue.
func BenchmarkCodesBesideNotices(b *testing.B) {
	for _, queued := range []int{0, 50_000} {
		b.Run(map[bool]string{true: "alone", false: "50000 notices"}[queued == 0], func(b *testing.B) {
			r := newRig(b, storetest.SQLite(b))
			at := make(chan time.Time, 1)
			w := r.worker(delivery.SenderFunc(func(ctx context.Context, m provider.Message) (provider.Receipt, string, error) {
				if m.TriggerSource != "notice" {
					at <- time.Now()
					return provider.Receipt{}, "desk", nil
				}
				select {
				case <-time.After(50 * time.Millisecond):
				case <-ctx.Done():
				}
				return provider.Receipt{}, "desk", nil
			}))
			r.w = w
			r.flood(queued)
			r.run(w)
			var sum, worst time.Duration
			n := 0
			for b.Loop() {
				m := r.prepare(draft())
				r.write(func(ctx context.Context, tx store.Tx) error { return w.Enqueue(ctx, tx, m) })
				began := time.Now()
				w.Wake(m)
				took := (<-at).Sub(began)
				sum, worst, n = sum+took, max(worst, took), n+1
			}
			b.ReportMetric(float64(sum.Microseconds())/float64(n), "µs/hand-off")
			b.ReportMetric(float64(worst.Microseconds()), "µs/worst")
		})
	}
}
