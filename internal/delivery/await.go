package delivery

import (
	"context"
	"errors"
	"time"

	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/provider"
)

const (
	maxAwait   = 1024
	awaitCheck = 500 * time.Millisecond
)

// Outcome is what the first attempt of a message came to, as far as it is known.
type Outcome struct {
	// State is Queued if the attempt failed and another will follow.
	State store.State
	// Class and Text say why it failed; both are empty if it did not. Without personal data.
	Class    provider.Class
	Text     string
	Provider string
	Attempts int
}

// OK reports whether a provider accepted the message.
func (o Outcome) OK() bool { return o.State == store.Sent || o.State == store.Delivered }

// Await waits until the first attempt of a committed message has ended, or the message itself, or ctx. It answers at once
// for messages that were attempted before. The errors are ctx's, those of the store (store.ErrNotFound for an unknown id), and
// fault.Overloaded when too many wait already. Call it after Wake.
func (w *Worker) Await(ctx context.Context, messageID string) (Outcome, error) {
	told, stop, ok := w.listen(messageID)
	if !ok {
		return Outcome{}, fault.New(fault.Overloaded)
	}
	defer stop()
	check := time.NewTicker(awaitCheck) // another node may have claimed it
	defer check.Stop()
	for {
		if o, done, err := w.outcome(ctx, messageID); err != nil || done {
			return o, err
		}
		select {
		case <-ctx.Done():
			return Outcome{}, ctx.Err()
		case o := <-told:
			return o, nil
		case <-check.C:
		}
	}
}

// outcome reads what is known of a message.
func (w *Worker) outcome(ctx context.Context, id string) (o Outcome, done bool, err error) {
	err = w.c.Store.Read(ctx, func(tx store.Tx) error {
		m, err := tx.Outbox().Message(ctx, id)
		if err != nil {
			return err
		}
		done = m.State.Final() || m.State == store.Queued && m.LastClass != ""
		o = outcomeOf(m, m.LastError)
		return nil
	})
	if err != nil && ctx.Err() != nil && !errors.Is(err, store.ErrNotFound) {
		err = ctx.Err()
	}
	return o, done, err
}

func outcomeOf(m *store.Message, text string) Outcome {
	return Outcome{State: m.State, Class: provider.Class(m.LastClass), Text: text, Provider: m.Provider, Attempts: m.Attempts}
}

func (w *Worker) listen(id string) (told <-chan Outcome, stop func(), ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.nAwait >= maxAwait {
		return nil, nil, false
	}
	c := make(chan Outcome, 1)
	w.waiters[id] = append(w.waiters[id], c)
	w.nAwait++
	return c, func() { w.unlisten(id, c) }, true
}

func (w *Worker) unlisten(id string, c chan Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nAwait--
	list := w.waiters[id]
	for i := range list {
		if list[i] == c {
			list = append(list[:i], list[i+1:]...)
			break
		}
	}
	if len(list) == 0 {
		delete(w.waiters, id)
	} else {
		w.waiters[id] = list
	}
}

// tell answers those who await a message.
func (w *Worker) tell(m *store.Message, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.waiters[m.ID] {
		select {
		case c <- outcomeOf(m, text):
		default:
		}
	}
}
