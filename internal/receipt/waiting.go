package receipt

import (
	"context"
	"sync"
	"time"
)

// maxWaiting bounds the notices that wait for their message, maxOfAccount those of one account: no service can leave the others no room.
const maxWaiting, maxOfAccount = 2000, 400

// patience is when a notice is tried again whose attempt is not recorded yet: services may be faster than our own commit.
var patience = [...]time.Duration{time.Second, 5 * time.Second, 20 * time.Second, time.Minute}

// waiting holds notices that came before their message was ready for them.
type waiting struct {
	mu   sync.Mutex
	list []later
}

type later struct {
	at time.Time
	r  report
}

// put takes a report in, unless it was tried often enough or there is no room. Files of prices do not wait.
func (w *waiting) put(r report, now time.Time) bool {
	if r.tries >= len(patience) || r.source == Imported {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.list) >= maxWaiting || w.of(r) >= maxOfAccount {
		return false
	}
	at := now.Add(patience[r.tries])
	r.tries++
	w.list = append(w.list, later{at, r})
	return true
}

// of counts what waits for the account of a report.
func (w *waiting) of(r report) (n int) {
	for i := range w.list {
		if w.list[i].r.account == r.account && w.list[i].r.poolID == r.poolID {
			n++
		}
	}
	return n
}

// due takes out what may be tried again.
func (w *waiting) due(now time.Time) (out []report) {
	w.mu.Lock()
	defer w.mu.Unlock()
	keep := w.list[:0]
	for _, l := range w.list {
		if l.at.After(now) {
			keep = append(keep, l)
		} else {
			out = append(out, l.r)
		}
	}
	clear(w.list[len(keep):])
	w.list = keep
	return out
}

func (w *waiting) len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.list)
}

// Retry applies the notices that have waited long enough for their messages. Run calls it every second.
func (s *Service) Retry(ctx context.Context) error {
	due := s.waiting.due(s.c.Now())
	if len(due) == 0 {
		return nil
	}
	err := s.apply(ctx, due)
	if err != nil {
		for _, r := range due { // the store is away; a receipt that was written meanwhile is known by its key
			s.waiting.put(r, s.c.Now())
		}
	}
	return err
}
