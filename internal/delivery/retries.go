package delivery

import (
	"slices"
	"time"
)

// maxRetries bounds the retries that a worker remembers; what is beyond is found by looking.
const maxRetries = 4096

// retries are the times of retries that this worker has scheduled since the loop last looked, latest first.
type retries []time.Time

// add remembers a retry, and reports whether it is the earliest.
func (r *retries) add(at time.Time) bool {
	i, _ := slices.BinarySearchFunc(*r, at, func(a, b time.Time) int { return b.Compare(a) })
	if i == 0 && len(*r) >= maxRetries {
		return false // later than all others
	}
	*r = slices.Insert(*r, i, at)
	if len(*r) > maxRetries {
		*r = slices.Delete(*r, 0, 1)
	}
	return i == len(*r)-1
}

// first returns the earliest retry, zero if there is none.
func (r retries) first() time.Time {
	if len(r) == 0 {
		return time.Time{}
	}
	return r[len(r)-1]
}

// pass forgets what is due.
func (r *retries) pass(now time.Time) {
	for len(*r) > 0 && !r.first().After(now) {
		*r = (*r)[:len(*r)-1]
	}
}
