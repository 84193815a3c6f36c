package delivery

import (
	"context"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/store"
)

const (
	// busyCheck is when the worker looks again after it found something: retries of other nodes, leases that ran out.
	busyCheck = time.Second
	// minSleep keeps a message that is due and cannot be claimed from spinning the loop.
	minSleep = 50 * time.Millisecond
	maxPause = 5 * time.Second
)

// Run sends messages until ctx ends or Drain is called; the end of ctx drains without patience. It may be called once.
func (w *Worker) Run(ctx context.Context) error {
	w.mu.Lock()
	if w.running {
		w.mu.Unlock()
		panic("delivery: Run was called twice")
	}
	if w.draining {
		w.mu.Unlock()
		return nil
	}
	w.running = true
	w.mu.Unlock()
	go w.settler()
	go func() {
		defer close(w.loopDone)
		w.loop(ctx)
	}()
	<-w.loopDone
	if ctx.Err() != nil {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = w.Drain(now)
	}
	<-w.settlerDone
	return ctx.Err()
}

func (w *Worker) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	pause := minSleep
	for {
		sleep, err := w.look(ctx)
		if err != nil {
			w.c.Logger.Error("the outbox cannot be read", "error", err, "pause", pause)
			sleep, pause = pause, min(2*pause, maxPause)
		} else {
			pause = minSleep
		}
		timer.Reset(sleep)
		if !w.sleep(ctx, timer, err != nil) {
			return
		}
	}
}

// sleep waits for the timer or a reason to look earlier, and reports false when the worker must end. After an error it
// does not listen to wake-ups.
func (w *Worker) sleep(ctx context.Context, timer *time.Timer, deaf bool) bool {
	wake := w.wake
	if deaf {
		wake = nil
	}
	for {
		select {
		case <-ctx.Done():
			return false
		case <-w.stop:
			return false
		case <-wake:
			return true
		case <-timer.C:
			return true
		case <-w.retime:
			if deaf {
				continue
			}
			w.mu.Lock()
			at := w.retries.first()
			w.mu.Unlock()
			if d := at.Sub(w.c.Now()); !at.IsZero() && d < w.c.Idle {
				timer.Reset(max(d, 0))
			}
		}
	}
}

// look claims what is due and returns how long the worker may sleep. A zero answer means that there may be more.
func (w *Worker) look(ctx context.Context) (time.Duration, error) {
	limit := w.room()
	if limit == 0 {
		return w.c.Idle, nil // a place that becomes free wakes the loop
	}
	n, err := w.claim(ctx, limit)
	switch {
	case err != nil:
		return 0, err
	case n == limit:
		return 0, nil
	case n > 0:
		return w.untilRetry(busyCheck), nil
	}
	expired, next, err := w.expire(ctx)
	switch {
	case err != nil:
		return 0, err
	case expired == claimBatch:
		return 0, nil
	}
	return w.untilRetry(next), nil
}

// room returns how many messages may be claimed now. Notices that wait for their half of the places do not keep the
// other half from being filled, up to MaxInFlight of them.
func (w *Worker) room() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	notices := len(w.waiting[store.LaneNotice])
	n := min(w.c.MaxInFlight-w.inFlight-(w.nWait-notices), claimBatch)
	if notices >= w.c.MaxInFlight {
		n = 0
	}
	w.starved = n <= 0
	return max(n, 0)
}

// untilRetry shortens d to the earliest retry of this worker's own messages.
func (w *Worker) untilRetry(d time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at := w.retries.first(); !at.IsZero() {
		d = min(d, max(at.Sub(w.c.Now()), 0))
	}
	return d
}

// claim takes up to limit messages and starts them.
func (w *Worker) claim(ctx context.Context, limit int) (int, error) {
	now := w.c.Now().UTC()
	w.mu.Lock()
	w.retries.pass(now)
	w.mu.Unlock()
	var claimed []*store.Message
	err := w.c.Store.Write(ctx, func(tx store.Tx) (err error) {
		claimed, err = tx.Outbox().Claim(context.WithoutCancel(ctx), w.c.Owner, now, now.Add(w.c.Lease), limit)
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, m := range claimed {
		w.start(m)
	}
	return len(claimed), nil
}

// expire ends messages whose code died before they could be sent, and returns how many and when the next is due.
func (w *Worker) expire(ctx context.Context) (int, time.Duration, error) {
	now := w.c.Now().UTC()
	var expired []*store.Message
	var events []*store.Event
	next := w.c.Idle
	err := w.c.Store.Write(ctx, func(tx store.Tx) (err error) {
		ctx := context.WithoutCancel(ctx)
		if expired, err = tx.Outbox().ExpireDue(ctx, now, claimBatch); err != nil {
			return err
		}
		events = events[:0]
		for _, m := range expired {
			ev := w.event(&result{m: m}, "", errExpired, now)
			if err := tx.Events().Append(ctx, ev); err != nil {
				return err
			}
			events = append(events, ev)
		}
		next = w.c.Idle
		if at, ok, err := tx.Outbox().NextDue(ctx); err != nil {
			return err
		} else if ok {
			next = min(max(at.Sub(now), minSleep), w.c.Idle)
		}
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	w.c.Log.Publish(events...)
	for _, m := range expired {
		w.see(Ended, m, m.Account, m.Network, string(m.State), m.UpdatedAt.Sub(m.CreatedAt))
		w.tell(m, errExpired.Error())
	}
	return len(expired), next, nil
}

// event makes the log entry of a message that has reached a final state.
func (w *Worker) event(r *result, vendorCode string, why error, now time.Time) *store.Event {
	m := r.m
	data := map[string]any{
		"message_id": m.ID, "state": string(m.State), "channel": m.Channel, "trigger_source": m.TriggerSource, "attempts": m.Attempts,
	}
	if m.Provider != "" {
		data["provider"] = m.Provider
	}
	if m.ProviderID != "" {
		data["provider_id"] = m.ProviderID
	}
	if m.Segments > 0 {
		data["segments"] = m.Segments
	}
	if m.Account != "" {
		data["account"] = m.Account
	}
	if m.Currency != "" {
		data["cost"], data["currency"], data["settled"] = float64(m.Cost)/1e6, m.Currency, m.Settled
	}
	if r.doubtful {
		data["may_arrive_twice"] = true
	}
	if why != nil {
		e := map[string]any{"message": why.Error()}
		if vendorCode != "" {
			e["errorCode"] = vendorCode
		}
		data["provider_error"] = e
		if m.LastClass != "" {
			data["class"] = m.LastClass
		}
	}
	return w.c.Log.Event(eventlog.Entry{
		PoolID: m.PoolID, Type: eventType(m), UserID: m.UserID, ClientID: m.ClientID, NumberHash: m.Number, Data: data, At: now,
	})
}
