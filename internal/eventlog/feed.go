package eventlog

import (
	"sync"
	"sync/atomic"

	"countersign/internal/store"
)

const (
	maxSubscribers = 64
	maxBuffer      = 1024
)

// feed hands committed events to listeners of this process. A listener that is slow loses events, never holds anybody up.
type feed struct {
	n    atomic.Int32
	mu   sync.Mutex
	subs map[*subscriber]struct{}
}

type subscriber struct {
	poolID string
	ch     chan *store.Event
}

// Subscribe returns a channel of the events that this process publishes from now on, of one pool or of all if poolID
// is empty, and a function that ends it and closes the channel. Events are dropped when buffer (1 to 1024) are waiting. It
// returns a closed channel when too many listen already. Receivers must not change events.
func (l *Log) Subscribe(poolID string, buffer int) (events <-chan *store.Event, stop func()) {
	s := &subscriber{poolID: poolID, ch: make(chan *store.Event, min(max(buffer, 1), maxBuffer))}
	f := &l.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.subs) >= maxSubscribers {
		close(s.ch)
		return s.ch, func() {}
	}
	if f.subs == nil {
		f.subs = map[*subscriber]struct{}{}
	}
	f.subs[s] = struct{}{}
	f.n.Store(int32(len(f.subs)))
	return s.ch, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if _, ok := f.subs[s]; ok {
			delete(f.subs, s)
			f.n.Store(int32(len(f.subs)))
			close(s.ch)
		}
	}
}

// Publish hands events that have been committed to the listeners. It costs nothing when nobody listens.
func (l *Log) Publish(events ...*store.Event) {
	if l.c.Observe != nil {
		for _, ev := range events {
			if ev != nil {
				l.c.Observe(ev)
			}
		}
	}
	f := &l.feed
	if f.n.Load() == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.subs {
		for _, ev := range events {
			if ev == nil || s.poolID != "" && s.poolID != ev.PoolID {
				continue
			}
			select {
			case s.ch <- ev:
			default:
			}
		}
	}
}
