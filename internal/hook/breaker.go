package hook

import (
	"fmt"
	"sync"
	"time"

	"countersign/internal/script"
)

const (
	// patience is how many crashes or timeouts in a row code may have before it is left alone: for restFirst, then twice as long each time up to
	// restLast.
	patience            = 3
	restFirst, restLast = time.Second, 30 * time.Second
	// troubles bounds the units that are kept.
	troubles = 4096
)

// restingError: the code is left alone for a while. It had not begun.
type restingError struct {
	name string
	wait time.Duration
}

func (e *restingError) Error() string {
	return fmt.Sprintf("%s crashed or timed out several times in a row, and is left alone for %s", e.name, e.wait.Round(100*time.Millisecond))
}

// trouble is what went wrong with a unit lately.
type trouble struct {
	// rounds counts crashes and timeouts in a row; calls that were at work beside each other count once.
	rounds int
	last   time.Time
	// until is when one call may try it again; probing says that one does.
	until   time.Time
	probing bool
}

// breaker leaves code alone that keeps crashing or hanging, so that it does not eat the machine.
type breaker struct {
	mu    sync.Mutex
	units map[string]*trouble
}

// enter lets a call pass, or says how long to wait.
func (b *breaker) enter(id string, now time.Time) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.units[id]
	switch {
	case t == nil || t.rounds < patience:
		return 0
	case now.Before(t.until):
		return t.until.Sub(now)
	case t.probing:
		return restFirst
	}
	t.probing = true
	return 0
}

// leave counts the end of a call that began at started; o is nil if the code was not called. It reports whether the code is left alone from now on.
func (b *breaker) leave(id string, o *script.Outcome, started, now time.Time) (rests bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.units[id]
	if t != nil {
		t.probing = false
	}
	if o == nil {
		return false
	}
	if o.Error == nil || o.Error.Failure != script.Crashed && o.Error.Failure != script.TimedOut {
		delete(b.units, id)
		return false
	}
	if t == nil {
		if b.units == nil || len(b.units) >= troubles {
			b.units = map[string]*trouble{}
		}
		t = &trouble{}
		b.units[id] = t
	}
	if !t.last.IsZero() && started.Before(t.last) {
		return false
	}
	t.rounds++
	t.last = now
	if t.rounds < patience {
		return false
	}
	t.until = now.Add(min(restFirst<<min(t.rounds-patience, 10), restLast))
	return true
}

// forget drops what is kept of a unit that will not run again.
func (b *breaker) forget(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.units, id)
}
