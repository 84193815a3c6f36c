package delivery

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The earliest retries are remembered, however they come.
func TestRetriesInOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	base := time.Unix(1_800_000_000, 0)
	var r retries
	var all []time.Time
	for range 3 * maxRetries {
		at := base.Add(time.Duration(random.IntN(1_000_000)) * time.Millisecond)
		r.add(at)
		all = append(all, at)
	}
	slices.SortFunc(all, time.Time.Compare)
	for i := range maxRetries {
		if !r.first().Equal(all[i]) {
			t.Fatalf("retry %d is %v, want %v", i, r.first(), all[i])
		}
		r = r[:len(r)-1]
	}
	r.add(base)
	r.add(base.Add(time.Hour))
	if r.pass(base); len(r) != 1 || !r.first().Equal(base.Add(time.Hour)) {
		t.Errorf("%v", r)
	}
	if r.pass(base.Add(time.Hour)); !r.first().IsZero() {
		t.Errorf("%v", r)
	}
}
