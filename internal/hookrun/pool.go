package hookrun

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"countersign/internal/runner"
)

const (
	// backoff is how long code that could not be loaded is left alone, doubled with each failure up to maxBackoff. Calls in between get the same
	// error at once.
	backoff    = 250 * time.Millisecond
	maxBackoff = 30 * time.Second
)

// pool is the workers of one Code.ID and the calls that wait for them. All of it is guarded by Runner.mu.
type pool struct {
	id      string
	code    *runner.Code
	workers []*worker // oldest first, also those that start or leave
	waiters []*waiter // oldest first
	// What went wrong at the last start, and until when no other is tried.
	failures int
	retryAt  time.Time
	last     grant
}

// waiter is a call that waits for a worker.
type waiter struct {
	since time.Time
	ch    chan grant
}

// grant is what a waiter gets: a worker's slot, or why there is none.
type grant struct {
	w       *worker
	err     error
	initErr *runner.Error
	log     []byte
}

// acquire waits for a slot of a worker.
func (r *Runner) acquire(ctx context.Context, code *runner.Code) (grant, error) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return grant{}, fmt.Errorf("%w: shutting down", runner.ErrUnavailable)
	}
	if code.MemoryMB > r.opts.MemoryMB {
		r.mu.Unlock()
		return grant{}, fmt.Errorf("%w: %s asks for %d MB, all workers together may have %d", runner.ErrUnavailable, code.Name, code.MemoryMB, r.opts.MemoryMB)
	}
	p := r.pools[code.ID]
	if p == nil {
		p = &pool{id: code.ID}
		r.pools[code.ID] = p
	}
	p.code = code
	if w := p.pick(); w != nil && len(p.waiters) == 0 {
		w.take()
		r.mu.Unlock()
		return grant{w: w}, nil
	}
	if len(p.waiters) >= r.opts.Queue || r.waiting >= 10*r.opts.Queue {
		r.mu.Unlock()
		return grant{}, runner.ErrBusy
	}
	wt := &waiter{since: time.Now(), ch: make(chan grant, 1)}
	p.waiters = append(p.waiters, wt)
	r.waiting++
	r.dispatch(p)
	r.mu.Unlock()
	select {
	case g := <-wt.ch:
		return g, g.err
	case <-ctx.Done():
		r.abandon(p, wt)
		return grant{}, ctx.Err()
	}
}

// abandon takes a waiter out of the queue, or gives back what it was granted meanwhile.
func (r *Runner) abandon(p *pool, wt *waiter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.Index(p.waiters, wt); i >= 0 {
		p.waiters = slices.Delete(p.waiters, i, i+1)
		r.waiting--
		r.tidy(p)
		if len(p.workers) == 0 {
			r.feed() // memory may have been kept for it
		}
		return
	}
	if g := <-wt.ch; g.w != nil {
		g.w.free++
		r.settle(g.w)
	}
}

// pick is the oldest worker with an open slot: the younger ones then become idle, and end.
func (p *pool) pick() *worker {
	for _, w := range p.workers {
		if w.up && !w.leaving && !w.lagging && w.free > 0 && !w.spent() {
			return w
		}
	}
	return nil
}

// spent reports whether a worker is to end with the calls that it has at hand.
func (w *worker) spent() bool { return w.calls >= w.r.opts.MaxCalls }

// take occupies a slot.
func (w *worker) take() {
	w.free--
	if w.idleTimer != nil {
		w.idleTimer.Stop()
	}
}

// idle reports whether nothing is at hand.
func (w *worker) idle() bool { return w.up && !w.leaving && w.free == w.slots }

// dispatch gives open slots to waiting calls and starts workers for the rest.
func (r *Runner) dispatch(p *pool) {
	for len(p.waiters) > 0 {
		w := p.pick()
		if w == nil {
			break
		}
		w.take()
		r.grant(p, grant{w: w})
	}
	r.grow(p)
	r.tidy(p)
}

// grant answers the oldest waiter.
func (r *Runner) grant(p *pool, g grant) {
	wt := p.waiters[0]
	p.waiters = slices.Delete(p.waiters, 0, 1)
	r.waiting--
	wt.ch <- g
}

// grow starts workers for waiting calls, as far as bounds allow.
func (r *Runner) grow(p *pool) {
	for {
		starting, serving := 0, 0
		for _, w := range p.workers {
			switch {
			case w.leaving, w.spent():
			case w.up:
				serving++
			default:
				starting++
			}
		}
		limit := cmp.Or(p.code.Workers, r.opts.Workers)
		if r.closed || len(p.waiters) <= starting*max(1, p.code.Calls) || starting+serving >= limit {
			return
		}
		if wait := time.Until(p.retryAt); wait > 0 {
			if starting+serving == 0 {
				r.refuse(p)
			}
			return
		}
		if !r.room(p) {
			return
		}
		w := r.newWorker(p, p.code)
		r.used += p.code.MemoryMB
		p.workers = append(p.workers, w)
		r.workers.Add(1)
		go r.live(w)
	}
}

// refuse answers all waiters with what went wrong at the last start.
func (r *Runner) refuse(p *pool) {
	for len(p.waiters) > 0 {
		r.grant(p, p.last)
	}
}

// room reports whether a worker for the pool may start now; if not, idle workers are told to leave for it. What becomes free is collected for code
// that has none and has waited longer.
func (r *Runner) room(p *pool) bool {
	memoryMB := p.code.MemoryMB
	if first := r.promised(p); r.used+memoryMB+first <= r.opts.MemoryMB {
		return true
	} else if first > 0 && r.used+memoryMB <= r.opts.MemoryMB {
		return false
	}
	for r.used-r.leavingMB+memoryMB > r.opts.MemoryMB {
		var oldest *worker
		for _, p := range r.pools {
			for _, w := range p.workers {
				if w.idle() && len(p.waiters) == 0 && (oldest == nil || w.idleSince.Before(oldest.idleSince)) {
					oldest = w
				}
			}
		}
		if oldest == nil {
			break
		}
		r.leave(oldest, "", "made room for other code")
	}
	return false
}

// promised is the memory that code without any worker waits for, for longer than this pool's calls.
func (r *Runner) promised(p *pool) (memoryMB int) {
	for _, q := range r.pools {
		if q != p && len(q.workers) == 0 && len(q.waiters) > 0 && len(p.waiters) > 0 && q.waiters[0].since.Before(p.waiters[0].since) {
			memoryMB += q.code.MemoryMB
		}
	}
	return memoryMB
}

// leave ends a worker that nothing is expected of any more.
func (r *Runner) leave(w *worker, reason runner.Reason, why string) {
	r.dead(w)
	if w.idleTimer != nil {
		w.idleTimer.Stop()
	}
	w.stop(reason, why)
}

// dead takes a worker out of use that ends by itself.
func (r *Runner) dead(w *worker) {
	if !w.leaving {
		w.leaving = true
		r.leavingMB += w.code.MemoryMB
	}
}

// retire is leave for callers without the lock.
func (r *Runner) retire(w *worker, reason runner.Reason, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leave(w, reason, why)
	r.dispatch(w.p)
}

// isReady opens the slots of a worker that has started.
func (r *Runner) isReady(w *worker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w.up, w.free = true, w.slots
	w.p.failures, w.p.retryAt, w.p.last = 0, time.Time{}, grant{}
	r.settle(w)
}

// initEnded records that a worker could not start. If the code has no other, all waiting calls get to know.
func (r *Runner) initEnded(w *worker, err error, failed *runner.Error) {
	var log []byte
	if w.out != nil {
		w.out.sync()
		log = w.out.last()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := w.p
	r.dead(w)
	delay := min(backoff<<min(p.failures, 10), maxBackoff)
	p.retryAt = time.Now().Add(delay)
	p.failures++
	p.last = grant{err: err, initErr: failed, log: log}
	time.AfterFunc(delay, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.tidy(p)
	})
	for _, x := range p.workers {
		if !x.leaving {
			return
		}
	}
	r.refuse(p)
}

// release gives a slot back after a call.
func (r *Runner) release(w *worker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w.free++
	w.calls++
	r.settle(w)
}

// settle decides what becomes of a worker that has just got an open slot.
func (r *Runner) settle(w *worker) {
	switch {
	case w.leaving:
	case r.closed && w.idle():
		r.leave(w, "", "shutting down")
	case w.spent() && w.idle():
		r.leave(w, "", cmp.Or(w.worn, "served its calls"))
	case w.idle() && r.starving(w.p):
		r.leave(w, "", "made room for other code")
	}
	r.dispatch(w.p)
	if w.idle() {
		r.rest(w)
	}
}

// starving reports whether other code without any worker has waited longer than this one's calls, and cannot start one for want of memory.
func (r *Runner) starving(p *pool) bool {
	for _, q := range r.pools {
		if q == p || len(q.waiters) == 0 || len(q.workers) > 0 || r.used-r.leavingMB+q.code.MemoryMB <= r.opts.MemoryMB {
			continue
		}
		if len(p.waiters) == 0 || q.waiters[0].since.Before(p.waiters[0].since) {
			return true
		}
	}
	return false
}

// rest starts the clock of an idle worker.
func (r *Runner) rest(w *worker) {
	w.idleSince = time.Now()
	if w.idleTimer != nil {
		w.idleTimer.Reset(r.opts.Idle)
		return
	}
	w.idleTimer = time.AfterFunc(r.opts.Idle, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if w.idle() && time.Since(w.idleSince) >= r.opts.Idle {
			r.leave(w, "", "idle")
		}
	})
}

// wornOut lets a worker end with the calls that it has at hand.
func (r *Runner) wornOut(w *worker, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w.calls = max(w.calls, r.opts.MaxCalls)
	w.worn = why
	if w.idle() {
		r.leave(w, "", w.worn)
		r.dispatch(w.p)
	}
}

// caughtUp makes a worker that was too slow for a call available again.
func (r *Runner) caughtUp(w *worker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w.lagging {
		w.lagging = false
		r.settle(w)
	}
}

// lag takes a worker out of use until it asks for a call. It gets as long for that as for a call.
func (r *Runner) lag(w *worker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w.free++
	w.lagging, w.lagSince = true, time.Now()
	limit := max(w.code.Timeout, time.Second)
	time.AfterFunc(limit, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if w.lagging && time.Since(w.lagSince) >= limit {
			r.leave(w, runner.Timeout, "busy without a call")
			r.dispatch(w.p)
		}
	})
}

// ended forgets a worker that is gone, and gives its memory to whoever waited longest.
func (r *Runner) ended(w *worker, why string) {
	r.mu.Lock()
	p := w.p
	p.workers = slices.DeleteFunc(p.workers, func(x *worker) bool { return x == w })
	r.used -= w.code.MemoryMB
	r.dead(w)
	r.leavingMB -= w.code.MemoryMB
	if w.idleTimer != nil {
		w.idleTimer.Stop()
	}
	r.feed()
	r.tidy(p)
	r.mu.Unlock()
	r.opts.Observe(Event{Kind: WorkerEnded, Code: w.code.Name, Detail: why})
}

// feed starts workers where calls wait, for those first that have waited longest.
func (r *Runner) feed() {
	var hungry []*pool
	for _, q := range r.pools {
		if len(q.waiters) > 0 {
			hungry = append(hungry, q)
		}
	}
	slices.SortFunc(hungry, func(a, b *pool) int { return a.waiters[0].since.Compare(b.waiters[0].since) })
	for _, q := range hungry {
		r.dispatch(q)
	}
}

// tidy forgets a pool that holds nothing. One that failed is remembered until it may try again.
func (r *Runner) tidy(p *pool) {
	if len(p.workers) == 0 && len(p.waiters) == 0 && !time.Now().Before(p.retryAt) && r.pools[p.id] == p {
		delete(r.pools, p.id)
	}
}

// Forget implements runner.Runner.
func (r *Runner) Forget(codeID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.pools[codeID]
	if p == nil {
		return
	}
	p.failures, p.retryAt = 0, time.Time{}
	for _, w := range p.workers {
		w.calls = max(w.calls, r.opts.MaxCalls) // it leaves with its last call
		if w.idle() {
			r.leave(w, "", "forgotten")
		}
	}
	r.dispatch(p)
}
