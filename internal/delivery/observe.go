package delivery

import (
	"time"

	"countersign/internal/store"
)

// Step is a point in a message's life that Config.Observe hears of.
type Step string

const (
	// Requested: a message that carries a code was committed.
	Requested Step = "requested"
	// Attempted: a provider was called.
	Attempted Step = "attempted"
	// Ended: the message was sent, failed, expired or was suppressed, and this is committed.
	Ended Step = "ended"
)

// Seen is one step of a message, for metrics: all of it is bounded in number and names nobody.
type Seen struct {
	Step                      Step
	Lane                      store.Lane
	Channel, Country, Account string
	// Outcome is "sent", "ambiguous" or a provider.Reason for Attempted, and a store.State for Ended.
	Outcome string
	// Took is the time of the call for Attempted, and from the commit of the message to its end for Ended.
	Took time.Duration
	// PoolID and Network are for route health; they are no labels. Code says that the message carries one.
	PoolID, Network string
	Code            bool
	// Message is set for Ended; it is not to be changed.
	Message *store.Message
}

// see tells Config.Observe, which must not block.
func (w *Worker) see(step Step, m *store.Message, account, network, outcome string, took time.Duration) {
	if w.c.Observe != nil {
		s := Seen{step, m.Lane, m.Channel, m.Country, account, outcome, took, m.PoolID, network, m.CodeID != "", nil}
		if step == Ended {
			s.Message = m
		}
		w.c.Observe(s)
	}
}
