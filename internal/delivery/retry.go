package delivery

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"time"

	"countersign/internal/store"
	"countersign/provider"
)

const (
	firstPause   = time.Second
	longestPause = time.Minute
	// longestOwnThrottle is the longest pause after a provider that wants to be left alone and does not say how long.
	longestOwnThrottle = 30 * time.Second
	// unknownAttempts are made of a message whose failure no table knows, or whose outcome nobody knows: each may send it once more.
	unknownAttempts = 2
	// longestThrottle bounds what a provider may ask for.
	longestThrottle = 15 * time.Minute
)

// next says when a failed attempt may be followed by another, or false if it may not. Failover between providers is the
// sender's: an error that comes this far is of all of them.
//
//	permanent, misconfigured   never: it would fail again
//	retryable                  after 0.5-1 s, 1-2 s, 2-4 s ... (at most a minute), with the same code
//	ambiguous, unknown reason  the same, once
//	throttled                  not before the time that the provider named, else as above, at most 30 s
//
// There is no further attempt when MaxAttempts were made (or as many as AtMost says) or the code will be dead by then.
func (w *Worker) next(m *store.Message, err error, now time.Time) (time.Time, bool) {
	class, after := provider.ClassOf(err)
	attempts := w.c.MaxAttempts
	if provider.ReasonOf(err) == provider.Unknown {
		attempts = min(attempts, unknownAttempts)
	}
	if limit, ok := errors.AsType[*atMost](err); ok {
		attempts = limit.n
	}
	if class == provider.ClassPermanent || class == provider.ClassMisconfigured || m.Attempts >= attempts {
		return time.Time{}, false
	}
	pause := min(firstPause<<min(m.Attempts-1, 10), longestPause)
	pause = pause/2 + jitter(pause/2)
	if class == provider.ClassThrottled {
		pause = max(min(pause, longestOwnThrottle), min(after, longestThrottle)+jitter(pause/4))
	}
	at := now.Add(pause).UTC().Truncate(time.Microsecond)
	return at, !expired(m, at)
}

// jitter returns a random part of d, so that messages that failed together do not come back together.
func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	var b [8]byte
	rand.Read(b[:])
	return time.Duration(binary.BigEndian.Uint64(b[:]) % uint64(d))
}
