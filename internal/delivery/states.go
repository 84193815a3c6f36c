package delivery

import (
	"fmt"

	"countersign/internal/store"
)

// transitions is the state machine of a message (design, section 4). The key "" is a message being enqueued.
//
//	queued → sending → sent → delivered | undelivered
//	            ↓  ↑
//	          queued     and from both: failed, expired, suppressed
//
// A receipt may come for a message that we gave up on, since an ambiguous attempt may have succeeded; providers also
// send "undelivered" before "delivered".
var transitions = map[store.State][]store.State{
	"":                {store.Queued, store.Sending, store.Suppressed},
	store.Queued:      {store.Sending, store.Expired, store.Suppressed},
	store.Sending:     {store.Sending, store.Queued, store.Sent, store.Failed, store.Expired, store.Suppressed},
	store.Sent:        {store.Delivered, store.Undelivered},
	store.Undelivered: {store.Delivered},
	store.Failed:      {store.Delivered, store.Undelivered},
	store.Expired:     {store.Delivered, store.Undelivered},
	store.Delivered:   {},
	store.Suppressed:  {},
}

// CanMove reports whether a message may go from one state to the other.
func CanMove(from, to store.State) bool {
	for _, s := range transitions[from] {
		if s == to {
			return true
		}
	}
	return false
}

// move sets the state. A move that is not in the table is a mistake of the programmer.
func move(m *store.Message, to store.State) {
	if !CanMove(m.State, to) {
		panic(fmt.Sprintf("delivery: no way from %q to %q", m.State, to))
	}
	m.State = to
}
