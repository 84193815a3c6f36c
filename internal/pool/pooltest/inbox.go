package pooltest

import (
	"context"
	"slices"
	"sync"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/store"
)

// Message is a message that was committed, as a provider would get it.
type Message struct {
	delivery.Draft
	ID string
	At time.Time
}

// Inbox is a pool.Deliverer that delivers at once, into memory.
type Inbox struct {
	h      *Harness
	worker *delivery.Worker

	mu      sync.Mutex
	drafts  map[string]delivery.Draft
	sent    []Message
	refuses bool
}

// Prepare implements pool.Deliverer.
func (i *Inbox) Prepare(ctx context.Context, d delivery.Draft) (*store.Message, error) {
	m, err := i.worker.Prepare(ctx, d)
	if err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.drafts[m.ID] = d
	return m, nil
}

// Enqueue implements pool.Deliverer.
func (i *Inbox) Enqueue(ctx context.Context, tx store.Tx, m *store.Message) error {
	return i.worker.Enqueue(ctx, tx, m)
}

// Wake implements pool.Deliverer: what was committed is sent before it returns.
func (i *Inbox) Wake(messages ...*store.Message) {
	i.mu.Lock()
	refuses := i.refuses
	for _, m := range messages {
		d, ok := i.drafts[m.ID]
		delete(i.drafts, m.ID)
		if ok && !refuses {
			i.sent = append(i.sent, Message{Draft: d, ID: m.ID, At: i.h.Now()})
		}
	}
	i.mu.Unlock()
	if err := i.h.Store.Write(context.Background(), func(tx store.Tx) error { return i.settle(tx, refuses) }); err != nil {
		i.h.t.Errorf("pooltest: settling messages: %v", err)
	}
}

// ProviderID is the service's id of a message that was sent.
func ProviderID(messageID string) string { return "pt-" + messageID }

// settle does what a worker does with the answer of a provider.
func (i *Inbox) settle(tx store.Tx, refuses bool) error {
	ctx, now := context.Background(), i.h.Now()
	due, err := tx.Outbox().Claim(ctx, "pooltest", now, now.Add(time.Minute), 100)
	if err != nil {
		return err
	}
	for _, m := range due {
		m.State, m.UpdatedAt, m.Provider, m.ProviderID = store.Sent, now, "pooltest", ProviderID(m.ID)
		if refuses {
			m.State, m.LastClass = store.Failed, "rejected"
		}
		if _, err := tx.Outbox().Settle(ctx, m); err != nil {
			return err
		}
		if m.CodeID != "" && !refuses {
			if err := tx.Codes().CodeSent(ctx, m.CodeID); err != nil {
				return err
			}
		}
	}
	return nil
}

// Refuse makes the provider refuse every message from now on, or take them again.
func (h *Harness) Refuse(yes bool) {
	h.Inbox.mu.Lock()
	defer h.Inbox.mu.Unlock()
	h.Inbox.refuses = yes
}

// Messages returns what was sent, oldest first.
func (h *Harness) Messages() []Message {
	h.Inbox.mu.Lock()
	defer h.Inbox.mu.Unlock()
	return slices.Clone(h.Inbox.sent)
}

// To returns what was sent to a number or address, oldest first.
func (h *Harness) To(to string) []Message {
	return slices.DeleteFunc(h.Messages(), func(m Message) bool { return m.To != to })
}

// Last returns the last message sent to a number or address; the test fails if there is none.
func (h *Harness) Last(to string) Message {
	h.t.Helper()
	all := h.To(to)
	if len(all) == 0 {
		h.t.Fatalf("pooltest: nothing was sent to %s", to)
	}
	return all[len(all)-1]
}

// Code returns the last code (or temporary password) sent to a number or address; the test fails if there is none.
func (h *Harness) Code(to string) string {
	h.t.Helper()
	all := h.To(to)
	for _, m := range slices.Backward(all) {
		if m.Code != "" {
			return m.Code
		}
	}
	h.t.Fatalf("pooltest: no code was sent to %s", to)
	return ""
}

// Wrong returns a code of the same length that is not the code.
func Wrong(code string) string {
	b := []byte(code)
	b[len(b)-1] = '0' + (b[len(b)-1]-'0'+1)%10
	return string(b)
}
