package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/provider"
)

// tally counts sends by message and says when all are there.
type tally struct {
	mu   sync.Mutex
	n    map[string]int
	want int
	all  chan struct{}
}

func newTally(want int) *tally {
	return &tally{n: map[string]int{}, want: want, all: make(chan struct{})}
}

func (c *tally) Send(_ context.Context, m provider.Message) (provider.Receipt, string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[m.ID]++
	if len(c.n) == c.want && c.n[m.ID] == 1 {
		close(c.all)
	}
	return provider.Receipt{}, "tally", nil
}

// Three workers, messages handed over and claimed at once: each is sent exactly once.
func TestOneMessageOneSend(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		const each, callers = 40, 6
		r := newRig(t, s)
		c := newTally(each * callers)
		workers := []*delivery.Worker{r.worker(c), r.worker(c, func(c *delivery.Config) { c.MaxInFlight = 3 }), r.worker(c)}
		for _, w := range workers {
			r.run(w)
		}
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				for range each {
					w := workers[i%3]
					m, err := w.Prepare(context.Background(), draft())
					if err != nil {
						t.Error(err)
						return
					}
					r.write(func(ctx context.Context, tx store.Tx) error {
						if i < 3 {
							return w.Enqueue(ctx, tx, m)
						}
						return tx.Outbox().Enqueue(ctx, m)
					})
					if i < 3 {
						w.Wake(m)
					} else {
						w.Wake()
					}
				}
			})
		}
		wg.Wait()
		select {
		case <-c.all:
		case <-time.After(20 * time.Second):
			t.Fatalf("only %d of %d messages were sent", len(c.n), each*callers)
		}
		for id, n := range c.n {
			if n != 1 {
				t.Errorf("%s was sent %d times", id, n)
			}
			r.await(id)
			if m, a := r.message(id), r.attempts(id); m.State != store.Sent || m.Attempts != 1 || len(a) != 1 || len(r.events(id)) > 1 {
				t.Errorf("%s: %s after %d attempts, %d recorded", id, m.State, m.Attempts, len(a))
			}
		}
	})
}

// A worker that died holds its messages until the lease ends; then another sends them, and the dead one's late result
// changes nothing.
func TestLeaseRunsOut(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		r := newRig(t, s)
		m := r.prepare(draft())
		r.queue(m)
		var dead *store.Message
		r.write(func(ctx context.Context, tx store.Tx) error {
			now := r.clock.Now()
			got, err := tx.Outbox().Claim(ctx, "dead", now, now.Add(time.Minute), 10)
			if err == nil && len(got) == 1 {
				dead = got[0]
			}
			return err
		})
		r.run(r.w)
		r.w.Wake()
		younger := r.prepare(draft())
		r.queue(younger)
		r.w.Wake()
		if o := r.await(younger.ID); !o.OK() || r.message(m.ID).State != store.Sending || len(r.desk.messages()) != 1 {
			t.Fatal("a leased message was sent")
		}
		r.clock.Advance(time.Minute)
		r.w.Wake()
		if o := r.await(m.ID); !o.OK() || o.Attempts != 2 {
			t.Errorf("outcome %+v", o)
		}
		r.write(func(ctx context.Context, tx store.Tx) error {
			dead.State = store.Failed
			held, err := tx.Outbox().Settle(ctx, dead)
			if held {
				t.Error("the dead worker's result was taken")
			}
			return err
		})
		if m := r.message(m.ID); m.State != store.Sent {
			t.Errorf("state %s", m.State)
		}
	})
}

// watched is a context that says when somebody begins to wait for its end.
type watched struct {
	context.Context
	once  sync.Once
	waits func()
}

func (w *watched) Done() <-chan struct{} {
	w.once.Do(w.waits)
	return w.Context.Done()
}

func TestDrain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		r := newRig(t, s)
		begun, finish := make(chan struct{}, 10), make(chan struct{})
		r.desk.during = func(context.Context, provider.Message) error { begun <- struct{}{}; <-finish; return nil }
		r.w = r.worker(r.desk, func(c *delivery.Config) { c.MaxInFlight = 2 })
		done := make(chan error, 1)
		go func() { done <- r.w.Run(context.Background()) }()
		var ids []string
		for range 3 {
			m := r.prepare(draft())
			ids = append(ids, m.ID)
			r.queue(m)
		}
		r.w.Wake()
		<-begun
		<-begun
		// A fourth was written as claimed before the drain and is handed over during it.
		late := r.prepare(draft())
		late.State, late.Attempts, late.LeaseOwner, late.LeaseUntil = store.Sending, 1, r.message(ids[0]).LeaseOwner, r.clock.Now().Add(time.Minute)
		r.queue(late)
		// The sends end only once Drain waits for them.
		if err := r.w.Drain(&watched{Context: context.Background(), waits: func() { close(finish) }}); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		r.w.Wake(late)
		states := map[store.State]int{}
		for _, id := range append(ids, late.ID) {
			m := r.message(id)
			states[m.State]++
			if m.State == store.Queued && (m.LeaseOwner != "" || m.Sealed == nil) {
				t.Errorf("not given back: %+v", m)
			}
		}
		if states[store.Sent] != 2 || states[store.Queued] != 2 {
			t.Errorf("states %v", states)
		}
		// What is enqueued afterwards waits for other nodes.
		m := r.prepare(draft())
		r.write(func(ctx context.Context, tx store.Tx) error { return r.w.Enqueue(ctx, tx, m) })
		if got := r.message(m.ID); got.State != store.Queued {
			t.Errorf("enqueued as %s", got.State)
		}
	})
}

// A drain without patience cuts sends off; one that ignores even that keeps its lease.
func TestDrainCutsOff(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		r := newRig(t, s)
		begun := make(chan struct{}, 1)
		r.desk.during = func(ctx context.Context, _ provider.Message) error {
			begun <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}
		go r.w.Run(context.Background())
		m := r.prepare(draft())
		r.queue(m)
		r.w.Wake()
		<-begun
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.w.Drain(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("drain: %v", err)
		}
		if got := r.message(m.ID); got.State != store.Queued || got.LastClass != string(provider.ClassAmbiguous) {
			t.Errorf("%+v", got)
		}
	})
}

// A send that ignores its context keeps its lease: its message may have been sent, and must not go out again at once.
func TestDrainLeavesHangingSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, storetest.SQLite(t))
		begun, hang := make(chan struct{}), make(chan struct{})
		r.desk.during = func(context.Context, provider.Message) error { close(begun); <-hang; return nil }
		done := make(chan error, 1)
		go func() { done <- r.w.Run(context.Background()) }()
		m := r.prepare(draft())
		r.queue(m)
		r.w.Wake()
		<-begun
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.w.Drain(ctx); err == nil {
			t.Error("drain reports success")
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := r.message(m.ID); got.State != store.Sending || got.LeaseOwner == "" {
			t.Errorf("%+v", got)
		}
		close(hang)
	})
}

// An attempt has its whole time: a function that starts cold and seals a code takes seconds, and one that is cut off is not called again. A
// message that waited for a place until its lease is too short for that goes back and gets another.
func TestAttemptsHaveTheirTime(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		r := newRig(t, s)
		var left []time.Duration
		r.desk.during = func(ctx context.Context, _ provider.Message) error {
			end, _ := ctx.Deadline()
			left = append(left, time.Until(end))
			return nil
		}
		r.w = r.worker(r.desk, func(c *delivery.Config) { c.Owner = "w" })
		r.run(r.w)
		m := r.prepare(draft())
		m.State, m.Attempts, m.LeaseOwner, m.LeaseUntil = store.Sending, 1, "w", r.clock.Now().Add(10*time.Second)
		r.queue(m)
		r.w.Wake(m)
		if o := r.await(m.ID); !o.OK() || o.Attempts != 2 || len(left) != 1 || left[0] < 20*time.Second {
			t.Errorf("%+v, with %v left", o, left)
		}
	})
}

// A message that kills its workers is given up.
func TestClaimsAreBounded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		r := newRig(t, s)
		m := r.prepare(draft())
		m.Attempts = 16
		r.queue(m)
		r.run(r.w)
		if o := r.await(m.ID); o.State != store.Failed || len(r.desk.messages()) != 0 {
			t.Errorf("outcome %+v", o)
		}
	})
}

// However many notices there are, and however slow, a sign-in code finds a place.
func TestNoticesLeaveRoom(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		r := newRig(t, s)
		finish := make(chan struct{})
		begun := make(chan string, 64)
		r.desk.during = func(_ context.Context, m provider.Message) error {
			begun <- m.TriggerSource
			if m.TriggerSource == "notice" {
				<-finish
			}
			return nil
		}
		r.w = r.worker(r.desk, func(c *delivery.Config) { c.MaxInFlight = 8 })
		r.run(r.w)
		defer close(finish)
		d := draft()
		d.Lane, d.TriggerSource = store.LaneNotice, "notice"
		for range 4 {
			m := r.prepare(d)
			r.write(func(ctx context.Context, tx store.Tx) error { return r.w.Enqueue(ctx, tx, m) })
			r.w.Wake(m)
			<-begun
		}
		extra := r.prepare(d)
		r.write(func(ctx context.Context, tx store.Tx) error { return r.w.Enqueue(ctx, tx, extra) })
		if extra.State != store.Queued {
			t.Error("the fifth notice was given one of eight places")
		}
		more := []*store.Message{extra}
		for range 6 {
			more = append(more, r.prepare(d))
		}
		r.queue(more[1:]...)
		r.w.Wake()
		if _, o := r.send(draft()); !o.OK() {
			t.Errorf("sign-in, handed over: %+v", o)
		}
		m := r.prepare(draft())
		r.queue(m)
		r.w.Wake()
		if o := r.await(m.ID); !o.OK() {
			t.Errorf("sign-in, claimed: %+v", o)
		}
	})
}

// flaky is a store whose Write fails for a while.
type flaky struct {
	store.Store
	mu    sync.Mutex
	fail  int
	calls int
}

func (f *flaky) Write(ctx context.Context, g func(store.Tx) error) error {
	f.mu.Lock()
	f.calls++
	failing := f.fail > 0
	if failing {
		f.fail--
	}
	f.mu.Unlock()
	if failing {
		return errors.New("the database is away")
	}
	return f.Store.Write(ctx, g)
}

func (f *flaky) failNext(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = n
}

func (f *flaky) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// What was sent is recorded even if the database is away for a while, and is not sent again.
func TestResultSurvivesStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &flaky{Store: storetest.SQLite(t)}
		r := newRig(t, f)
		r.desk.during = func(context.Context, provider.Message) error { f.failNext(6); return nil }
		r.run(r.w)
		id, o := r.send(draft())
		if m := r.message(id); !o.OK() || m.State != store.Sent || len(r.desk.messages()) != 1 {
			t.Errorf("outcome %+v, row %+v, sent %d times", o, m, len(r.desk.messages()))
		}
	})
}

// With nothing to do the worker looks once in Config.Idle; a retry is not late for it.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &flaky{Store: storetest.SQLite(t)}
		r := newRig(t, f)
		r.w = r.worker(r.desk, func(c *delivery.Config) { c.Now = time.Now })
		r.run(r.w)
		synctest.Wait()
		before := f.count()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if n := f.count() - before; n < 10 || n > 24 {
			t.Errorf("%d writes in five idle minutes, want two every 30 s", n)
		}
		r.desk.answers = []error{errBusy, errBusy, nil}
		d := draft()
		d.ExpiresAt = time.Now().Add(time.Minute)
		began := time.Now()
		id, _ := r.send(d)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		m := r.message(id)
		if m.State != store.Sent || m.UpdatedAt.Sub(began) > 3*time.Second {
			t.Errorf("%s after %v", m.State, m.UpdatedAt.Sub(began))
		}
		// A message of a node that died is found by the safety timer.
		lost := r.prepare(d)
		lost.State, lost.Attempts, lost.LeaseOwner, lost.LeaseUntil = store.Sending, 1, "dead", time.Now().Add(40*time.Second)
		r.queue(lost)
		time.Sleep(time.Minute)
		synctest.Wait()
		if m := r.message(lost.ID); m.State != store.Sent && m.State != store.Expired {
			t.Errorf("lost message is %s", m.State)
		}
	})
}

// BenchmarkSend is what delivery adds to W1 beside the flow's own transaction and the provider.
func BenchmarkSend(b *testing.B) {
	for _, direct := range []bool{true, false} {
		b.Run(fmt.Sprintf("direct=%v", direct), func(b *testing.B) {
			r := newRig(b, storetest.SQLite(b))
			r.w = r.worker(delivery.SenderFunc(func(context.Context, provider.Message) (provider.Receipt, string, error) {
				return provider.Receipt{ProviderID: "x"}, "desk", nil
			}))
			r.run(r.w)
			ctx := context.Background()
			b.ReportAllocs()
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					m, err := r.w.Prepare(ctx, draft())
					if err != nil {
						b.Error(err)
						return
					}
					id := m.ID
					err = r.s.Write(ctx, func(tx store.Tx) error {
						if direct {
							return r.w.Enqueue(ctx, tx, m)
						}
						return tx.Outbox().Enqueue(ctx, m)
					})
					if err != nil {
						b.Error(err)
						return
					}
					if direct {
						r.w.Wake(m)
					} else {
						r.w.Wake()
					}
					if _, err := r.w.Await(ctx, id); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
