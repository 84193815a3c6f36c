package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/keyring"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/store"
	"countersign/provider"
)

const (
	pool   = "us-local-1_test"
	number = "+12025550123"
	code   = "918273"
	text   = "918273 is your code for Example"
)

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// clock is moved by tests. It advances a microsecond at each reading, so that ids differ in time.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: start} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Microsecond)
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// desk is a sender under the test's control: each Send takes the next answer, the last one again and again.
type desk struct {
	mu      sync.Mutex
	sent    []provider.Message
	answers []error
	// during, if set, runs within Send.
	during func(ctx context.Context, m provider.Message) error
}

func (d *desk) Send(ctx context.Context, m provider.Message) (provider.Receipt, string, error) {
	d.mu.Lock()
	n := len(d.sent)
	d.sent = append(d.sent, m)
	var err error
	if len(d.answers) > 0 {
		err = d.answers[min(n, len(d.answers)-1)]
	}
	during := d.during
	d.mu.Unlock()
	if during != nil {
		if e := during(ctx, m); e != nil {
			err = e
		}
	}
	if err != nil {
		return provider.Receipt{}, "desk", err
	}
	return provider.Receipt{ProviderID: fmt.Sprintf("p%d", n+1), Segments: 2}, "desk", nil
}

func (d *desk) messages() []provider.Message {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]provider.Message(nil), d.sent...)
}

// rig is a worker on a store.
type rig struct {
	t     testing.TB
	s     store.Store
	keys  *keyring.Keyring
	log   *eventlog.Log
	clock *clock
	desk  *desk
	w     *delivery.Worker
}

func newRig(t testing.TB, s store.Store, change ...func(*delivery.Config)) *rig {
	t.Helper()
	r := &rig{t: t, s: s, clock: newClock(), desk: &desk{}, keys: keyringtest.New(t, pool)}
	r.log = eventlog.New(eventlog.Config{Keys: r.keys, Now: r.clock.Now})
	r.w = r.worker(r.desk, change...)
	return r
}

// worker makes another worker on the same store.
func (r *rig) worker(d delivery.Sender, change ...func(*delivery.Config)) *delivery.Worker {
	r.t.Helper()
	c := delivery.Config{
		Store: r.s, Keys: r.keys, Log: r.log, Now: r.clock.Now, Route: delivery.Always(d), Segments: func(string) int { return 1 },
		Logger: slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&c)
	}
	w, err := delivery.New(c)
	if err != nil {
		r.t.Fatal(err)
	}
	return w
}

// run starts a worker; it is drained when the test ends.
func (r *rig) run(w *delivery.Worker) {
	done := make(chan error, 1)
	go func() { done <- w.Run(context.Background()) }()
	r.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := w.Drain(ctx); err != nil {
			r.t.Errorf("drain: %v", err)
		}
		if err := <-done; err != nil {
			r.t.Errorf("run: %v", err)
		}
	})
}

func draft() delivery.Draft {
	return delivery.Draft{PoolID: pool, UserID: "u1", ClientID: "c1", To: number, Text: text, Code: code,
		TriggerSource: "CustomSMSSender_SignUp", ExpiresAt: start.Add(3 * time.Minute)}
}

// prepare makes a message.
func (r *rig) prepare(d delivery.Draft) *store.Message {
	r.t.Helper()
	m, err := r.w.Prepare(r.t.Context(), d)
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

// queue commits messages without the worker's help.
func (r *rig) queue(ms ...*store.Message) {
	r.t.Helper()
	r.write(func(ctx context.Context, tx store.Tx) error {
		for _, m := range ms {
			if err := tx.Outbox().Enqueue(ctx, m); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *rig) write(f func(ctx context.Context, tx store.Tx) error) {
	r.t.Helper()
	ctx := context.Background()
	if err := r.s.Write(ctx, func(tx store.Tx) error { return f(ctx, tx) }); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) read(f func(ctx context.Context, tx store.Tx) error) {
	r.t.Helper()
	ctx := context.Background()
	if err := r.s.Read(ctx, func(tx store.Tx) error { return f(ctx, tx) }); err != nil {
		r.t.Fatal(err)
	}
}

// send prepares, enqueues through the worker and waits for the first attempt.
func (r *rig) send(d delivery.Draft) (string, delivery.Outcome) {
	r.t.Helper()
	m := r.prepare(d)
	id := m.ID
	r.write(func(ctx context.Context, tx store.Tx) error { return r.w.Enqueue(ctx, tx, m) })
	r.w.Wake(m)
	return id, r.await(id)
}

func (r *rig) await(id string) delivery.Outcome {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	o, err := r.w.Await(ctx, id)
	if err != nil {
		r.t.Fatalf("await: %v", err)
	}
	return o
}

// until moves the clock to each retry until the message is in a final state.
func (r *rig) until(id string) *store.Message {
	r.t.Helper()
	late := time.After(20 * time.Second)
	for handled := 0; ; runtime.Gosched() {
		m := r.message(id)
		switch {
		case m.State.Final():
			return m
		case m.State == store.Queued && m.Attempts > handled:
			handled = m.Attempts
			r.clock.Advance(m.NextAt.Sub(r.clock.Now()) + time.Millisecond)
			r.w.Wake()
		}
		select {
		case <-late:
			r.t.Fatal("the message does not come to an end")
		default:
		}
	}
}

func (r *rig) message(id string) (m *store.Message) {
	r.t.Helper()
	r.read(func(ctx context.Context, tx store.Tx) (err error) {
		m, err = tx.Outbox().Message(ctx, id)
		return err
	})
	return m
}

func (r *rig) attempts(id string) (out []*store.DeliveryAttempt) {
	r.t.Helper()
	r.read(func(ctx context.Context, tx store.Tx) (err error) {
		out, err = tx.Outbox().ListAttempts(ctx, id)
		return err
	})
	return out
}

// events returns the events about a message.
func (r *rig) events(id string) (about []*store.Event) {
	r.t.Helper()
	all, err := r.log.List(context.Background(), r.s, eventlog.Query{PoolID: pool, Ascending: true, Limit: 1000})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range all {
		if strings.Contains(string(e.Data), id) {
			about = append(about, e)
		}
	}
	return about
}

var errBusy = errors.New("busy")
