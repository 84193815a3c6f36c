package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// operation does one operation over a connection and returns how long it took for whoever waits for its outcome.
type operation func(c *conn) (time.Duration, error)

// outcome is what a load did.
type outcome struct {
	latencies []time.Duration // sorted, of the good ones
	failed    int
	// example is one of the errors.
	example error
	took    time.Duration
}

// load runs the operation on each of the connections, one after the other without pause, for d or until most operations
// have begun or ctx ends.
func load(ctx context.Context, address string, connections int, d time.Duration, most int64, op operation) outcome {
	parts := make([]outcome, connections)
	var begun atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for i := range parts {
		part := &parts[i]
		wg.Go(func() {
			c := &conn{address: address}
			defer c.close()
			for ctx.Err() == nil && time.Since(began) < d && begun.Add(1) <= most {
				part.add(op(c))
			}
		})
	}
	wg.Wait()
	all := outcome{took: time.Since(began)}
	for _, p := range parts {
		p.took = 0
		all.join(p)
	}
	slices.Sort(all.latencies)
	return all
}

// join adds what another load did. The latencies must be sorted afterwards.
func (o *outcome) join(p outcome) {
	o.latencies = append(o.latencies, p.latencies...)
	o.failed += p.failed
	o.took += p.took
	if p.example != nil {
		o.example = p.example
	}
}

func (o *outcome) add(took time.Duration, err error) {
	if err == nil {
		o.latencies = append(o.latencies, took)
		return
	}
	o.failed++
	o.example = err
	if o.failed > 20 {
		time.Sleep(10 * time.Millisecond) // a server that is down must not be hammered
	}
}

// good is the number of operations that did what they should.
func (o *outcome) good() int { return len(o.latencies) }

// percentile is the smallest latency that a share of p (0 to 1) does not exceed (nearest rank).
func (o *outcome) percentile(p float64) time.Duration {
	n := len(o.latencies)
	if n == 0 {
		return 0
	}
	rank := int(p*float64(n) + 0.999999)
	return o.latencies[min(max(rank, 1), n)-1]
}

// rate is good operations a second.
func (o *outcome) rate() float64 {
	if o.took <= 0 {
		return 0
	}
	return float64(o.good()) / o.took.Seconds()
}
