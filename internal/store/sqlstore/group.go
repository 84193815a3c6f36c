package sqlstore

import (
	"context"
	"fmt"
	"sync/atomic"

	"countersign/internal/store"
)

const (
	// queueSize bounds the functions that wait for the writer; further callers of Write block until their context ends.
	queueSize = 1024
	// groupSize bounds the functions of one transaction.
	groupSize = 128
	// cautiousGroups is for how many groups each function gets a savepoint once one had to be undone.
	cautiousGroups = 32
)

// job is a function given to Write.
type job struct {
	f func(store.Tx) error
	// alone asks for a transaction of its own that is never run twice.
	alone bool
	state atomic.Int32
	// answer is set before done is closed.
	answer error
	done   chan struct{}
}

const (
	jobWaiting int32 = iota
	jobStarted
	jobLeft
)

// group is SQLite's one writer. One goroutine runs loop and owns the connection.
type group struct {
	c    *sqliteConn
	k    *checkpointer
	jobs chan *job
	// stopped is closed when the loop has ended.
	stopped chan struct{}
	// open are the functions of the present group that have no answer yet; only the loop touches it.
	open []*job
	// cautious is for how many more groups each function gets a savepoint.
	cautious int
}

func newGroup(c *sqliteConn, k *checkpointer) *group {
	g := &group{c: c, k: k, jobs: make(chan *job, queueSize), stopped: make(chan struct{})}
	go g.loop()
	return g
}

// do hands f to the writer and waits for the commit. A context that ends before f was started takes it back.
func (g *group) do(ctx context.Context, f func(store.Tx) error, alone bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job{f: f, alone: alone, done: make(chan struct{})}
	select {
	case g.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-j.done:
		return j.answer
	case <-ctx.Done():
	}
	if j.state.CompareAndSwap(jobWaiting, jobLeft) {
		return ctx.Err()
	}
	<-j.done
	return j.answer
}

// close ends the loop once every function in the queue has its answer. Nobody may call do any more.
func (g *group) close() {
	close(g.jobs)
	<-g.stopped
}

func (g *group) loop() {
	finished := false
	defer func() {
		if finished {
			close(g.stopped)
			return
		}
		// A function left by runtime.Goexit: this goroutine is ending, another takes over. What of the group has no answer
		// runs again by itself.
		g.c.run("ROLLBACK")
		go func() {
			g.runEach()
			g.loop()
		}()
	}()
	for g.gather() {
		if len(g.open) == 1 {
			g.runOne(g.open[0])
		} else {
			g.runGroup()
		}
		g.open = g.open[:0]
		g.k.committed(g.c)
	}
	finished = true
}

// gather waits for a function and takes with it those that wait behind it. It reports false at the end.
func (g *group) gather() bool {
	first, ok := <-g.jobs
	if !ok {
		return false
	}
	g.take(first)
	for len(g.open) < groupSize && !g.closesGroup() {
		select {
		case j, ok := <-g.jobs:
			if !ok {
				return true
			}
			g.take(j)
		default:
			return true
		}
	}
	return true
}

// closesGroup reports whether the last function wants to be alone. Those before it share its fate of a transaction each.
func (g *group) closesGroup() bool {
	return len(g.open) > 0 && g.open[len(g.open)-1].alone
}

func (g *group) take(j *job) {
	if j.state.CompareAndSwap(jobWaiting, jobStarted) {
		g.open = append(g.open, j)
	}
}

func (j *job) finish(err error) {
	j.answer = err
	close(j.done)
}

// runGroup runs the open functions in one transaction.
//
// A savepoint for each costs a copy of every page it changes, and few functions fail after they wrote. So a group begins
// without; if a function must be undone, the group is, and runs again with savepoints, as do the next ones.
func (g *group) runGroup() {
	if g.closesGroup() {
		g.runEach()
		return
	}
	if g.cautious == 0 && g.runBold() {
		return
	}
	g.cautious--
	g.runCautious()
}

// runBold runs the group without savepoints. It reports false, with nothing done, if a function must be undone.
func (g *group) runBold() bool {
	if err := g.c.run("BEGIN IMMEDIATE"); err != nil {
		g.cautious = 1
		return false
	}
	answers := make([]error, len(g.open))
	for i, j := range g.open {
		t, commit, answer := g.call(j)
		if !commit && (t.wrote || t.failed != nil) {
			g.c.run("ROLLBACK")
			g.cautious = cautiousGroups
			return false
		}
		answers[i] = answer
	}
	g.commit(answers)
	return true
}

// runCautious runs the group with a savepoint for each function.
func (g *group) runCautious() {
	if err := g.c.run("BEGIN IMMEDIATE"); err != nil {
		g.runEach()
		return
	}
	answers := make([]error, len(g.open))
	for i, j := range g.open {
		answer, err := g.inSavepoint(j)
		if err != nil {
			// The whole transaction is gone. Its culprit has its answer, all others run again by themselves.
			g.c.run("ROLLBACK")
			g.drop(i, answer)
			g.runEach()
			return
		}
		answers[i] = answer
	}
	g.commit(answers)
}

// commit ends the group's transaction and gives the answers. If it cannot, each function runs again by itself.
func (g *group) commit(answers []error) {
	if err := g.c.run("COMMIT"); err != nil {
		g.c.run("ROLLBACK")
		g.runEach()
		return
	}
	for i, j := range g.open {
		j.finish(answers[i])
	}
}

// drop answers the open function i and takes it out.
func (g *group) drop(i int, answer error) {
	g.open[i].finish(answer)
	g.open = append(g.open[:i:i], g.open[i+1:]...)
}

// inSavepoint runs one function of a group. err tells that the transaction cannot go on.
func (g *group) inSavepoint(j *job) (answer, err error) {
	if err := g.c.run("SAVEPOINT f"); err != nil {
		return err, err
	}
	_, commit, answer := g.call(j)
	if !commit {
		if err := g.c.run("ROLLBACK TO f"); err != nil {
			return answer, err
		}
	}
	if err := g.c.run("RELEASE f"); err != nil {
		return err, err
	}
	return answer, nil
}

// call runs the function itself.
func (g *group) call(j *job) (t *tx, commit bool, answer error) {
	t = &tx{c: g.c, d: sqliteDialect}
	err := t.call(j.f, func() {
		for i, o := range g.open {
			if o == j {
				g.drop(i, errExit)
				return
			}
		}
	})
	commit, answer = t.outcome(err)
	return t, commit, answer
}

// runEach runs each open function in a transaction of its own.
func (g *group) runEach() {
	for len(g.open) > 0 {
		j := g.open[0]
		g.runOne(j)
		g.open = g.open[1:]
	}
}

// runOne runs one function in a transaction of its own.
func (g *group) runOne(j *job) {
	if err := g.c.run("BEGIN IMMEDIATE"); err != nil {
		j.finish(fmt.Errorf("store: %w", err))
		return
	}
	_, commit, answer := g.call(j)
	if commit {
		if err := g.c.run("COMMIT"); err != nil {
			commit, answer = false, fmt.Errorf("store: %w", err)
		}
	}
	if !commit {
		g.c.run("ROLLBACK")
	}
	j.finish(answer)
}
