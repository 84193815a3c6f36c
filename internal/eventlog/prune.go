package eventlog

import (
	"context"
	"time"

	"countersign/internal/store"
)

const (
	pruneBatch = 500
	// maxBatches bounds one pass to half a million events; the next pass goes on.
	maxBatches = 1000
	pruneEvery = time.Hour
	prunePause = 20 * time.Millisecond
)

// Prune deletes events older than the retention, in transactions of a few hundred rows with a pause between them, and
// returns how many it deleted.
func (l *Log) Prune(ctx context.Context, s store.Store) (int, error) {
	if l.c.Retention < 0 {
		return 0, nil
	}
	before := l.c.Now().Add(-l.c.Retention)
	total := 0
	for range maxBatches {
		n := 0
		err := s.Write(ctx, func(tx store.Tx) (err error) {
			n, err = tx.Events().Prune(context.WithoutCancel(ctx), before, pruneBatch)
			return err
		})
		if err != nil {
			return total, err
		}
		total += n
		if n < pruneBatch || !wait(ctx, prunePause) {
			break
		}
	}
	return total, ctx.Err()
}

// Run prunes now and every hour until ctx ends.
func (l *Log) Run(ctx context.Context, s store.Store) {
	for {
		n, err := l.Prune(ctx, s)
		switch {
		case err != nil && ctx.Err() == nil:
			l.c.Logger.Error("events were not pruned", "error", err)
		case n > 0:
			l.c.Logger.Info("events pruned", "count", n)
		}
		if !wait(ctx, pruneEvery) {
			return
		}
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
