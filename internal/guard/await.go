package guard

import (
	"context"
	"time"

	"countersign/internal/store"
)

const (
	// awaitPurpose names the counter of texts and calls to an account that nobody answered: N counts those of the last hour, Total the codes to its
	// confirmed number, LockedUntil is when unknown networks may ask for the next.
	awaitPurpose = "await"
	awaitKeeps   = 7 * day
	day          = 24 * time.Hour
)

// answers reports whether a success of this purpose is a code that arrived.
func (p Purpose) answers() bool { return p == SignIn || p == SignUp || p == Recovery || p == Verify }

// awaited is a message about to be added to those that nobody answered yet; nil: that is not counted.
type awaited struct {
	tx      store.Tx
	k       store.CounterKey
	c       store.Counter
	l       Limits
	now     time.Time
	strange bool
	// backOff is set where the message must not be sent, once everything else has been counted.
	backOff error
}

// await judges the cool-down, and looks at the back-off.
func (g *Guard) await(ctx context.Context, tx store.Tx, s Send, l Limits) (*awaited, error) {
	strange := s.Confirmed && !s.Known && l.BackOffAfter > 0
	if s.Number == "" || s.Purpose == Notice || (len(l.CoolDown) == 0 && !strange) {
		return nil, nil
	}
	k := store.CounterKey{PoolID: s.PoolID, Subject: s.Subject, Purpose: awaitPurpose, Bucket: bucket(s.Known)}
	c, err := tx.Counters().LockCounter(ctx, k)
	if err != nil {
		return nil, err
	}
	w := &awaited{tx: tx, k: k, c: c, l: l, now: g.Now().UTC(), strange: strange}
	if w.now.Sub(c.Last) >= window {
		w.c.N = 0
	}
	if w.now.Sub(c.Last) >= awaitKeeps {
		w.c.Total = 0
	}
	if rest := c.Last.Add(coolDown(l.CoolDown, w.c.N, s.Known)).Sub(w.now); rest > 0 {
		if !l.Record {
			return nil, refuse(CoolDown, rest)
		}
		s.record(CoolDown)
	}
	if strange && w.now.Before(c.LockedUntil) {
		if l.Record {
			s.record(BackOff)
		} else {
			w.backOff = refuse(BackOff, c.LockedUntil.Sub(w.now))
		}
	}
	return w, nil
}

// coolDown is how long an account waits after the n-th message.
func coolDown(steps []time.Duration, n int, known bool) time.Duration {
	if known {
		n--
	}
	if n <= 0 || len(steps) == 0 {
		return 0
	}
	return steps[min(n, len(steps))-1]
}

// sent adds the message. One that the back-off holds back counts for the cool-down as any other, so that the counters of numbers do not tell a proven number
// from another.
func (w *awaited) sent(ctx context.Context) error {
	if w == nil {
		return nil
	}
	w.c.N++
	w.c.Last = w.now
	if w.strange && w.backOff == nil {
		w.c.Total++
		w.c.LockedUntil = w.now.Add(w.l.backOff(w.c.Total))
	}
	ends := w.now.Add(window)
	if w.c.Total > 0 {
		ends = w.now.Add(awaitKeeps)
	}
	if err := w.tx.Counters().SaveCounter(ctx, w.k, w.c, ends); err != nil {
		return err
	}
	return w.backOff
}

// backOff is how long unknown networks wait after the n-th unanswered code.
func (l Limits) backOff(n int) time.Duration {
	if n < l.BackOffAfter {
		return 0
	}
	d := l.BackOffFirst
	for range n - l.BackOffAfter {
		if d >= l.BackOffMost {
			break
		}
		d *= 2
	}
	return min(d, l.BackOffMost)
}

func (s Send) record(r Reason) {
	if s.Recorded != nil {
		s.Recorded(r)
	}
}
