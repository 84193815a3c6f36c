package delivery

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/store"
	"countersign/internal/tracing"
)

// Config configures a Worker.
type Config struct {
	// Idle is the longest sleep of a worker with nothing to do: how long messages of a node that died unseen may wait
	// beyond their lease. Defaults to 30 s.
	Idle time.Duration
	// Keys is required.
	Keys Keys
	// Lease is how long a claim lasts. It must exceed SendTimeout by 5 s. Defaults to SendTimeout and 35 s.
	Lease time.Duration
	// Log is required.
	Log *eventlog.Log
	// Logger defaults to slog.Default().
	Logger *slog.Logger
	// MaxAttempts bounds the attempts of one message. Defaults to 4.
	MaxAttempts int
	// MaxInFlight bounds the messages at work at once. Defaults to 256.
	MaxInFlight int
	// Now defaults to time.Now.
	Now func() time.Time
	// Observe hears of each step of each message, for metrics. It must not block. May be nil.
	Observe func(Seen)
	// Owner names this worker in leases; it must be unique among running workers. Defaults to a random id.
	Owner string
	// Route is required.
	Route Route
	// Segments counts the parts of an SMS text. Required.
	Segments func(text string) int
	// SendTimeout bounds one attempt. Defaults to 25 s: time for user code that starts cold on a busy machine.
	SendTimeout time.Duration
	// Store is required.
	Store store.Store
	// Typed hears of messages that have ended when their codes had been typed in already: a phone may be faster than the service's answer or our
	// commit. It must not block. May be nil.
	Typed func(m *store.Message, at time.Time)
	// Tracer continues the traces of the requests that messages come from. The zero value traces nothing.
	Tracer tracing.Tracer
}

const (
	claimBatch  = 64
	settleBatch = 64
	leaseMargin = 5 * time.Second
)

// Worker prepares, enqueues and sends messages. It is safe for concurrent use.
type Worker struct {
	c Config

	// wake asks the loop to claim, retime to look at retries again.
	wake, retime chan struct{}
	results      chan *result
	stop         chan struct{} // closed by Drain
	loopDone     chan struct{} // closed when the loop has ended
	ended        chan struct{} // closed by Drain when nothing is at work any more
	settlerDone  chan struct{}
	ambiguous    atomic.Int64
	doubtful     atomic.Int64
	sends        context.Context // of all sends; cancelled when draining takes too long
	cancelSends  context.CancelFunc

	mu       sync.Mutex
	running  bool
	draining bool
	inFlight int
	notices  int
	// waiting holds leased messages without a place, by lane.
	waiting [store.Lanes][]*store.Message
	nWait   int
	// starved is set when the loop claimed less than there may be, for want of places.
	starved bool
	retries retries
	idle    chan struct{} // not nil while Drain waits for inFlight to be 0
	waiters map[string][]chan Outcome
	nAwait  int
}

// New returns a worker that is not yet running: until Run is called it prepares and enqueues, but sends nothing.
func New(c Config) (*Worker, error) {
	if c.Keys == nil || c.Log == nil || c.Route == nil || c.Store == nil || c.Segments == nil {
		return nil, errors.New("delivery: Keys, Log, Route, Segments and Store are required")
	}
	setDefault(&c.Idle, 30*time.Second)
	setDefault(&c.SendTimeout, 25*time.Second)
	setDefault(&c.Lease, c.SendTimeout+35*time.Second)
	setDefault(&c.MaxAttempts, 4)
	setDefault(&c.MaxInFlight, 256)
	if c.Lease < c.SendTimeout+leaseMargin {
		return nil, errors.New("delivery: Lease must exceed SendTimeout by at least 5s")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Owner == "" {
		c.Owner = store.NewID(c.Now())
	}
	w := &Worker{
		c: c, wake: make(chan struct{}, 1), retime: make(chan struct{}, 1), results: make(chan *result, settleBatch),
		stop: make(chan struct{}), loopDone: make(chan struct{}), ended: make(chan struct{}), settlerDone: make(chan struct{}),
		waiters: map[string][]chan Outcome{},
	}
	w.sends, w.cancelSends = context.WithCancel(context.Background())
	return w, nil
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// Enqueue inserts a prepared message in the caller's transaction. Where this worker has room, the row is written as claimed by it, so
// that Wake can start the message without another transaction. The caller must call Wake(m) after the commit; without it the
// message is sent only when the lease has run out.
func (w *Worker) Enqueue(ctx context.Context, tx store.Tx, m *store.Message) error {
	if w.hasRoom(m.Lane) {
		m.State, m.Attempts, m.LeaseOwner, m.LeaseUntil = store.Sending, 1, w.c.Owner, w.c.Now().UTC().Add(w.c.Lease).Truncate(time.Microsecond)
	} else {
		m.State, m.Attempts, m.LeaseOwner, m.LeaseUntil = store.Queued, 0, "", time.Time{}
	}
	return tx.Outbox().Enqueue(ctx, m)
}

// hasRoom reports whether a message enqueued now would be started at once.
func (w *Worker) hasRoom(lane store.Lane) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range lane + 1 {
		if len(w.waiting[l]) > 0 {
			return false // it was there before
		}
	}
	return w.running && !w.draining && w.placeFor(lane)
}

// placeFor is called with mu held.
func (w *Worker) placeFor(lane store.Lane) bool {
	if lane == store.LaneNotice && w.notices >= (w.c.MaxInFlight+1)/2 {
		return false
	}
	return w.inFlight < w.c.MaxInFlight
}

// Wake tells the worker about messages that have been committed. It never blocks. Messages that Enqueue wrote as claimed
// are started at once; for all others, and without arguments, the worker looks into the outbox. A message given to Wake
// belongs to the worker: the caller no longer reads or changes it.
func (w *Worker) Wake(messages ...*store.Message) {
	look := len(messages) == 0
	for _, m := range messages {
		if m.CodeID != "" {
			w.see(Requested, m, "", "", "", 0)
		}
		if m.State == store.Sending && m.LeaseOwner == w.c.Owner {
			w.start(m)
		} else {
			look = true
		}
	}
	if look {
		poke(w.wake)
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Stats are for metrics and readiness.
type Stats struct {
	// InFlight is how many messages are at work, Waiting how many claimed ones wait for a place.
	InFlight, Waiting int
	Draining          bool
	// Ambiguous is how many attempts had an unknown outcome since the start, MaybeTwice how many messages were accepted after one.
	Ambiguous, MaybeTwice int64
}

// Stats returns the present load.
func (w *Worker) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Stats{InFlight: w.inFlight, Waiting: w.nWait, Draining: w.draining, Ambiguous: w.ambiguous.Load(), MaybeTwice: w.doubtful.Load()}
}
