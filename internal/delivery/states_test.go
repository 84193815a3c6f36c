package delivery

import (
	"testing"

	"countersign/internal/store"
)

var states = []store.State{"", store.Queued, store.Sending, store.Sent, store.Delivered, store.Undelivered, store.Failed, store.Expired, store.Suppressed}

// The matrix is written a second time, as a picture: rows are from, columns to, in the order of states.
func TestStateMachine(t *testing.T) {
	picture := []string{
		// order: new, queued, sending, sent, delivered, undelivered, failed, expired, suppressed
		".xx.....x", // new: queued, sending (claimed as enqueued), suppressed
		"..x....xx", // queued: sending, expired, suppressed
		".xxx..xxx", // sending: queued, sending, sent, failed, expired, suppressed
		"....xx...", // sent: delivered, undelivered
		".........", // delivered
		"....x....", // undelivered: delivered
		"....xx...", // failed: a receipt of an ambiguous attempt
		"....xx...", // expired: the same
		".........", // suppressed
	}
	for i, from := range states {
		for j, to := range states {
			if got, want := CanMove(from, to), picture[i][j] == 'x'; got != want {
				t.Errorf("%q to %q: %v, want %v", from, to, got, want)
			}
		}
	}
	for from := range transitions {
		if from != "" && from.Final() && (CanMove(from, store.Queued) || CanMove(from, store.Sending)) {
			t.Errorf("%q is final and can be sent again", from)
		}
	}
}

// From every state some end can be reached, and every state can be reached.
func TestStateMachineWalk(t *testing.T) {
	reached := map[store.State]bool{}
	var walk func(s store.State, seen map[store.State]bool) bool
	walk = func(s store.State, seen map[store.State]bool) bool {
		reached[s] = true
		if s != "" && s.Final() {
			for _, next := range transitions[s] {
				reached[next] = true
			}
			return true
		}
		if seen[s] {
			return false
		}
		seen[s] = true
		defer delete(seen, s)
		end := false
		for _, next := range transitions[s] {
			if next != s && walk(next, seen) {
				end = true
			}
		}
		return end
	}
	for _, s := range states[:3] {
		if !walk(s, map[store.State]bool{}) {
			t.Errorf("no end can be reached from %q", s)
		}
	}
	for _, s := range states {
		if !reached[s] {
			t.Errorf("%q cannot be reached", s)
		}
	}
}

func TestMovePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a sent message went back to the queue")
		}
	}()
	move(&store.Message{State: store.Sent}, store.Queued)
}
