package function

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/runner"
)

const (
	// eventRetries is how often an Event invocation that failed is repeated, and after what time (Lambda developer guide, "How
	// Lambda handles errors and retries with asynchronous invocation").
	eventRetries     = 2
	firstRetry       = time.Minute
	secondRetry      = 2 * time.Minute
	maxEventAge      = 6 * time.Hour
	minBusyWait      = time.Second
	maxBusyWait      = 5 * time.Minute
	resolveTimeLimit = 30 * time.Second
)

// queued is an Event invocation that waits.
type queued struct {
	request
	since time.Time
	// busyWait is how long it waits when it next finds no worker.
	busyWait time.Duration
	timer    *time.Timer
}

func (q *queued) size() int64 { return int64(len(q.call.Payload)+len(q.call.ClientContext)) + 512 }

// queue holds Event invocations in memory: those that are ready, and those that wait for a retry. Its workers run only while
// there is work.
type queue struct {
	s       *Service
	mu      sync.Mutex
	ready   []*queued
	waiting map[*queued]struct{}
	bytes   int64
	// items counts all that is not done: ready, waiting and at work.
	items, workers int
	closed         bool
	// idle is closed when nothing is left after close.
	idle chan struct{}
	// stop ends the calls at work when a drain takes too long.
	ctx  context.Context
	stop context.CancelFunc
}

func newQueue(s *Service) *queue {
	ctx, stop := context.WithCancel(context.Background())
	return &queue{s: s, waiting: map[*queued]struct{}{}, idle: make(chan struct{}), ctx: ctx, stop: stop}
}

// Enqueue accepts an Event invocation: it runs in the background, later, and not at all if this process ends first (see the
// package comment). The errors are those of Call before a worker is sought, and fault.Overloaded if the queue is full or closed.
func (s *Service) Enqueue(ctx context.Context, ref Ref, c *Call) error {
	if err := firstOf(ref.validate(), s.judgeCall(c, MaxEventPayload)); err != nil {
		return err
	}
	t, err := s.resolve(ctx, ref)
	if err != nil {
		return err
	}
	if t.reserved != nil && *t.reserved == 0 {
		return callFault(runner.ErrBusy)
	}
	if s.c.Runner == nil {
		return unavailable(runner.ErrUnavailable)
	}
	q := &queued{since: s.c.Now(), busyWait: minBusyWait, request: request{ref: ref, mode: Event, attempt: 1}}
	q.call = runner.Call{RequestID: c.RequestID, Payload: c.Payload, ClientContext: c.ClientContext}
	if q.call.RequestID == "" {
		q.call.RequestID = uuid.NewString()
	}
	return s.queue.add(q)
}

// Queued returns how many Event invocations wait or run on this node.
func (s *Service) Queued() int {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return s.queue.items
}

func (w *queue) add(q *queued) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if l := w.s.c.Limits; w.closed || w.items >= l.Queue || w.bytes+q.size() > l.QueueBytes {
		return &fault.Error{Code: fault.Overloaded, Field: "Queue", Public: "Rate Exceeded.", RetryAfter: time.Second}
	}
	w.items++
	w.bytes += q.size()
	w.push(q)
	return nil
}

// push makes an invocation ready and sees to a worker. The lock is held.
func (w *queue) push(q *queued) {
	w.ready = append(w.ready, q)
	if w.workers < w.s.c.Limits.QueueWorkers {
		w.workers++
		go w.work()
	}
}

func (w *queue) work() {
	for {
		w.mu.Lock()
		if len(w.ready) == 0 {
			w.workers--
			w.mu.Unlock()
			return
		}
		q := w.ready[0]
		w.ready[0] = nil
		w.ready = w.ready[1:]
		w.mu.Unlock()
		if again := w.try(q); again > 0 {
			w.later(q, again)
		} else {
			w.done(q)
		}
	}
}

// try runs an invocation once and returns after what time it is to be tried again, 0 for never.
func (w *queue) try(q *queued) time.Duration {
	ctx, cancel := context.WithTimeout(w.ctx, resolveTimeLimit)
	t, err := w.s.resolve(ctx, q.ref)
	cancel()
	if fault.CodeOf(err) == fault.ResourceNotFound {
		w.drop(q, "function deleted")
		return 0
	}
	var o *outcome
	if err == nil {
		o, err = w.s.run(w.ctx, t, &q.request)
	}
	switch {
	case err == nil && o.result.Error == nil:
		return 0
	case err != nil && w.ctx.Err() != nil:
		w.drop(q, "shutdown")
		return 0
	case err != nil && !errors.Is(err, runner.ErrUnavailable):
		if w.s.c.Now().Sub(q.since) > maxEventAge {
			w.drop(q, "too old")
			return 0
		}
		wait := q.busyWait
		q.busyWait = min(2*q.busyWait, maxBusyWait)
		return wait
	case q.attempt > eventRetries:
		return 0
	}
	q.attempt++
	if q.attempt == 2 {
		return firstRetry
	}
	return secondRetry
}

func (w *queue) later(q *queued, after time.Duration) {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		w.drop(q, "shutdown")
		w.done(q)
		return
	}
	defer w.mu.Unlock()
	w.waiting[q] = struct{}{}
	q.timer = time.AfterFunc(after, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if _, ok := w.waiting[q]; ok {
			delete(w.waiting, q)
			w.push(q)
		}
	})
}

func (w *queue) done(q *queued) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.items--
	w.bytes -= q.size()
	if w.closed && w.items == 0 {
		close(w.idle)
	}
}

// drop writes the event of an invocation that will not be run (again).
func (w *queue) drop(q *queued, why string) {
	w.s.append(context.WithoutCancel(w.ctx), eventlog.Entry{Type: eventlog.FunctionFailed, Data: map[string]any{
		"function": q.ref.ARN(w.s.c.Account), "mode": string(Event), "request_id": q.call.RequestID, "attempt": q.attempt, "reason": "dropped", "why": why,
	}})
}

// close refuses what comes, drops what waits for a retry, and waits for the rest until ctx ends; then it ends that too.
func (w *queue) close(ctx context.Context) {
	w.mu.Lock()
	w.closed = true
	waiting := w.waiting
	w.waiting = map[*queued]struct{}{}
	empty := w.items == 0
	w.mu.Unlock()
	for q := range waiting {
		q.timer.Stop()
		w.drop(q, "shutdown")
		w.done(q)
	}
	if empty {
		w.stop()
		return
	}
	select {
	case <-w.idle:
	case <-ctx.Done():
		w.stop()
		<-w.idle
	}
	w.stop()
}
