package delivery

import (
	"context"
	"fmt"
	"time"

	"countersign/internal/store"
)

// drainGrace is how long sends that were cut off may take to return.
const drainGrace = 2 * time.Second

// Drain ends the worker: it claims nothing more, returns what waits to the queue, lets what is at work finish until ctx
// ends, and then cuts it off. Leases of sends that even then do not return are left to run out, since their messages may have been
// sent. Messages enqueued afterwards stay queued for other nodes. It returns an error if something was cut off or
// could not be returned.
func (w *Worker) Drain(ctx context.Context) error {
	w.mu.Lock()
	if w.draining {
		running := w.running
		w.mu.Unlock()
		if running {
			<-w.settlerDone
		}
		return nil
	}
	w.draining = true
	running := w.running
	close(w.stop)
	w.mu.Unlock()
	defer w.cancelSends()
	if !running {
		return nil
	}
	<-w.loopDone
	w.returnWaiting()
	hanging := w.finish(ctx)
	close(w.ended)
	if hanging > 0 {
		return fmt.Errorf("delivery: %d sends did not end; their leases will", hanging)
	}
	if err := w.c.Store.Write(context.WithoutCancel(ctx), func(tx store.Tx) error {
		return tx.Outbox().Release(context.WithoutCancel(ctx), w.c.Owner, w.c.Now().UTC())
	}); err != nil {
		return fmt.Errorf("delivery: leases were not returned: %w", err)
	}
	return ctx.Err()
}

// returnWaiting gives messages without a place back to the queue.
func (w *Worker) returnWaiting() {
	w.mu.Lock()
	var all []*store.Message
	for l := range w.waiting {
		all = append(all, w.waiting[l]...)
		w.waiting[l] = nil
	}
	w.nWait = 0
	w.mu.Unlock()
	for _, m := range all {
		w.giveBack(m)
	}
}

// finish waits for the sends at work and returns how many are left.
func (w *Worker) finish(ctx context.Context) int {
	w.mu.Lock()
	if w.inFlight == 0 {
		w.mu.Unlock()
		return 0
	}
	idle := make(chan struct{})
	w.idle = idle
	w.mu.Unlock()
	select {
	case <-idle:
		return 0
	case <-ctx.Done():
	}
	w.cancelSends()
	t := time.NewTimer(drainGrace)
	defer t.Stop()
	select {
	case <-idle:
		return 0
	case <-t.C:
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.inFlight
}
