package receipt

import (
	"context"
	"sync"
	"time"
)

const (
	retryEvery  = time.Second
	pollEvery   = 5 * time.Second
	unusedEvery = 20 * time.Second
	tellers     = 4
)

// Run asks services, tells them of typed codes and tries waiting notices again, until ctx ends. Its error is nil.
func (s *Service) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for range tellers {
		wg.Go(func() {
			for {
				select {
				case f := <-s.typed:
					s.tellOne(ctx, f)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	wg.Go(func() { s.every(ctx, retryEvery, nil, s.Retry) })
	wg.Go(func() { s.every(ctx, unusedEvery, nil, s.TellUnused) })
	s.every(ctx, pollEvery, s.wake, func(ctx context.Context) error {
		for {
			if n, err := s.PollDue(ctx); err != nil || n < pollBatch || ctx.Err() != nil {
				return err
			}
		}
	})
	return nil
}

// every calls f each time d is over, and when it is woken.
func (s *Service) every(ctx context.Context, d time.Duration, wake <-chan struct{}, f func(context.Context) error) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-wake:
		case <-ctx.Done():
			return
		}
		if err := f(ctx); err != nil && ctx.Err() == nil && s.quiet.first("run", s.c.Now()) {
			s.c.Logger.ErrorContext(ctx, "receipts: the store or the keys do not answer", "error", err)
		}
	}
}
