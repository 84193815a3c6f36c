package delivery

import (
	"context"
	"errors"
	"time"

	"countersign/internal/store"
)

// settler writes results in groups: while one commit is under way the next results gather.
func (w *Worker) settler() {
	defer close(w.settlerDone)
	batch := make([]*result, 0, settleBatch)
	for {
		select {
		case <-w.ended:
			return
		case r := <-w.results:
			batch = w.gather(append(batch[:0], r))
			w.settle(batch)
		}
	}
}

// gather adds the results that are there already.
func (w *Worker) gather(batch []*result) []*result {
	for len(batch) < settleBatch {
		select {
		case r := <-w.results:
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

// settle commits a group. If that fails its members are tried alone, each in its own goroutine with its place still
// taken, so that one bad row or a database that is away holds up only what is already at work.
func (w *Worker) settle(batch []*result) {
	err := w.commit(batch)
	if err == nil {
		w.settled(batch)
		return
	}
	for _, r := range batch {
		go w.persist(r)
	}
}

func (w *Worker) commit(batch []*result) error {
	ctx := context.Background()
	return w.c.Store.Write(ctx, func(tx store.Tx) error {
		for _, r := range batch {
			if err := r.write(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// write is the commit of one result: state, attempts, "this code was sent" and the event.
func (r *result) write(ctx context.Context, tx store.Tx) (err error) {
	if r.m.State == store.Sent && r.m.CodeID != "" {
		if err := tx.Codes().CodeSent(ctx, r.m.CodeID); err != nil {
			return err
		}
	}
	if r.held, err = tx.Outbox().Settle(ctx, r.m); err != nil {
		return err
	}
	for _, a := range r.attempts {
		if err := tx.Outbox().AddAttempt(ctx, a); err != nil {
			return err
		}
	}
	if r.held && r.event != nil {
		return tx.Events().Append(ctx, r.event)
	}
	return nil
}

// persist tries to commit one result until its lease has run out: a message that was sent and is not recorded would be
// sent again.
func (w *Worker) persist(r *result) {
	var err error
	pause := minSleep
	for {
		single := []*result{r}
		if err = w.commit(single); err == nil {
			w.settled(single)
			return
		}
		if errors.Is(err, store.ErrClosed) || w.c.Now().After(r.m.LeaseUntil) {
			break
		}
		time.Sleep(pause)
		pause = min(2*pause, maxPause)
	}
	w.c.Logger.Error("the result of a send was not recorded; the message may be sent again", "message", r.m.ID,
		"state", r.m.State, "error", err)
	w.release(r.m.Lane)
}

// settled does what follows the commit.
func (w *Worker) settled(batch []*result) {
	sooner := false
	for _, r := range batch {
		if !r.held {
			w.c.Logger.Warn("a lease ran out before the result was recorded", "message", r.m.ID, "state", r.m.State)
		} else {
			if r.event != nil {
				w.c.Log.Publish(r.event)
			}
			w.ambiguous.Add(int64(r.ambiguous))
			if r.doubtful {
				w.doubtful.Add(1)
			}
			if r.m.State.Final() {
				w.see(Ended, r.m, r.m.Account, r.m.Network, string(r.m.State), r.m.UpdatedAt.Sub(r.m.CreatedAt))
				if w.c.Typed != nil && !r.m.VerifiedAt.IsZero() {
					w.c.Typed(r.m, r.m.VerifiedAt)
				}
			}
			if r.m.State == store.Queued {
				w.mu.Lock()
				sooner = w.retries.add(r.m.NextAt) || sooner
				w.mu.Unlock()
			}
		}
		if r.told {
			w.tell(r.m, r.text)
		}
		w.release(r.m.Lane)
	}
	if sooner {
		poke(w.retime)
	}
}
