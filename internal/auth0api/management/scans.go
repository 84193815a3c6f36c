package management

import (
	"context"

	"countersign/internal/fault"
)

const (
	// scansAtOnce is how many calls may go through many rows at the same time, scansWaiting how many wait for their turn. So the searches of operators
	// leave the processor to people who sign in.
	scansAtOnce  = 2
	scansWaiting = 32
)

// scans is the turns of calls that go through many rows.
type scans struct{ waiting, running chan struct{} }

func newScans() scans {
	return scans{make(chan struct{}, scansWaiting+scansAtOnce), make(chan struct{}, scansAtOnce)}
}

// turn waits for a turn; done ends it. Errors: Overloaded if too many wait, and the context's.
func (s scans) turn(ctx context.Context) (done func(), err error) {
	select {
	case s.waiting <- struct{}{}:
	default:
		return nil, fault.New(fault.Overloaded).WithPublic("Too many searches at once. Try again in a moment.")
	}
	select {
	case s.running <- struct{}{}:
		return func() { <-s.running; <-s.waiting }, nil
	case <-ctx.Done():
		<-s.waiting
		return nil, ctx.Err()
	}
}
