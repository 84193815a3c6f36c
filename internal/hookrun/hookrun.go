package hookrun

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"countersign/internal/hookrun/sandbox"
	"countersign/internal/runner"
)

const (
	// maxPayloadIn is Lambda's bound for an event, 6 MiB.
	maxPayloadIn = 6 << 20
	// takeTimeout is how long a free worker may take to ask for its next call before another one gets it.
	takeTimeout = 300 * time.Millisecond
	// retryProbe is how long a machine that offers too little is believed to.
	retryProbe = time.Minute
	// maxTries bounds how many workers may fail to take one call.
	maxTries = 4
)

// Runner implements runner.Runner with processes.
type Runner struct {
	opts       Options
	rules      *rules
	cache      *cache
	node       nodeProgram
	ca         *authority
	local      *localServer
	quiet      *log.Logger
	runtimeDir string
	// instance names this Runner, lock says that it is alive.
	instance string
	lock     *os.File

	ctx     context.Context
	cancel  context.CancelFunc
	workers sync.WaitGroup

	boxMu sync.Mutex
	box   *sandbox.Launcher
	tried time.Time

	mu              sync.Mutex
	closed          bool
	closing         chan struct{} // closed with it
	pools           map[string]*pool
	waiting         int
	used, leavingMB int
	conns           int
}

var _ runner.Runner = (*Runner)(nil)

// New returns a Runner that has started nothing yet. It fails if the options are wrong or the cache folder cannot be used.
func New(o Options) (*Runner, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	rules, err := newRules(o.Egress)
	if err != nil {
		return nil, err
	}
	r := &Runner{opts: o, rules: rules, pools: map[string]*pool{}, closing: make(chan struct{}), quiet: log.New(io.Discard, "", 0), runtimeDir: filepath.Join(o.Cache, "runtime"),
		node: nodeProgram{asked: o.Node}}
	r.cache = &cache{folder: o.Cache, bytes: o.CacheBytes, entries: map[string]*entry{}, logf: func(f string, a ...any) { o.Logger.Warn(fmt.Sprintf(f, a...)) }}
	if err := os.MkdirAll(filepath.Join(o.Cache, "work"), 0o755); err != nil {
		return nil, fmt.Errorf("hookrun: %w", err)
	}
	if err := r.enlist(); err != nil {
		return nil, err
	}
	r.cache.instance = r.instance
	r.sweep()
	r.ca, err = newAuthority(r.runtimeDir, r.instance)
	if err = errors.Join(err, r.cache.adopt(), writeRuntime(r.runtimeDir)); err != nil {
		r.delist()
		return nil, fmt.Errorf("hookrun: %w", err)
	}
	r.local = newLocalServer(r)
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r, nil
}

// prepared returns the launcher, which is tried out at first use, since that takes a tenth of a second.
func (r *Runner) prepared() (*sandbox.Launcher, error) {
	r.boxMu.Lock()
	defer r.boxMu.Unlock()
	// What a machine offers changes: a setting is corrected, or it was out of memory when it was tried.
	if r.box == nil || !r.level(r.box).AtLeast(r.opts.Isolation) && time.Since(r.tried) > retryProbe {
		r.tried = time.Now()
		box := sandbox.Plain()
		if r.opts.Launcher != "" && r.opts.MaxIsolation != sandbox.None {
			var err error
			if box, err = sandbox.New(r.ctx, r.opts.Launcher); err != nil {
				return nil, fmt.Errorf("%w: %w", runner.ErrUnavailable, err)
			}
		}
		r.box = box
	}
	if got := r.level(r.box); !got.AtLeast(r.opts.Isolation) {
		return nil, fmt.Errorf("%w: functions.isolation asks for %s, this machine offers %s", runner.ErrUnavailable, r.opts.Isolation, got)
	}
	return r.box, nil
}

// level is what workers run at.
func (r *Runner) level(box *sandbox.Launcher) sandbox.Level {
	got := box.Report().Level
	if r.opts.MaxIsolation != "" && got.AtLeast(r.opts.MaxIsolation) {
		return r.opts.MaxIsolation
	}
	return got
}

// networkNotes say what becomes of connections where code has no network of its own.
var networkNotes = map[sandbox.Level]string{
	sandbox.Strong: "functions have no network of their own: Node's connections all go through this server, under functions.egress; " +
		"programs (provided.*) connect directly, of which only the ports are bounded",
	sandbox.Weak: sharedNetwork,
	sandbox.None: sharedNetwork,
}

const sharedNetwork = "functions have no network of their own: Node's connections go through this server, under functions.egress, unless the code " +
	"goes around it on purpose; programs (provided.*), and what code starts, connect directly, and functions.egress has no effect on them"

// Report says what this machine offers. The first call takes about a tenth of a second.
func (r *Runner) Report(ctx context.Context) Report {
	rep := Report{MemoryMB: r.opts.MemoryMB, Level: sandbox.None}
	_, err := r.prepared()
	if err != nil {
		rep.Notes = append(rep.Notes, err.Error())
	}
	r.boxMu.Lock()
	if box := r.box; box != nil {
		rep.Level, rep.Missing = r.level(box), box.Report().Missing
	}
	r.boxMu.Unlock()
	if note, ok := networkNotes[rep.Level]; ok {
		rep.Notes = append(rep.Notes, note)
	}
	path, version, err := r.node.find(ctx)
	rep.Node, rep.NodeVersion = path, version
	if err != nil {
		rep.NodeError = err.Error()
	}
	return rep
}

// Run implements runner.Runner.
func (r *Runner) Run(ctx context.Context, code *runner.Code, call *runner.Call) (*runner.Result, error) {
	if err := checkCall(code, call); err != nil {
		return nil, err
	}
	var limit time.Time
	if !call.Deadline.IsZero() {
		limit = time.Now().Add(call.Deadline.Sub(r.opts.Now()))
	}
	var cancel context.CancelFunc
	wait := ctx
	if !limit.IsZero() {
		wait, cancel = context.WithDeadline(ctx, limit)
		defer cancel()
	}
	start := wait
	if !call.Begin.IsZero() {
		start, cancel = context.WithTimeout(wait, call.Begin.Sub(r.opts.Now()))
		defer cancel()
	}
	for range maxTries {
		var g grant
		err := start.Err()
		if err == nil {
			g, err = r.acquire(start, code)
		}
		switch {
		case err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			return nil, fmt.Errorf("%w: no worker was free in time", runner.ErrBusy)
		case err != nil:
			return nil, err
		case g.initErr != nil:
			e := *g.initErr
			return &runner.Result{Error: &e, Log: g.log}, nil
		}
		res, err := r.invoke(wait, g.w, newInvocation(code, call, limit))
		if errors.Is(err, errLost) {
			continue
		}
		if res != nil {
			r.observeCall(code, res)
		}
		return res, err
	}
	return nil, fmt.Errorf("%w: %s: its workers take no calls", runner.ErrUnavailable, code.Name)
}

func (r *Runner) observeCall(code *runner.Code, res *runner.Result) {
	e := Event{Kind: CallEnded, Code: code.Name, Duration: res.Duration}
	if res.Error != nil {
		e.Detail = string(res.Error.Reason)
	}
	r.opts.Observe(e)
}

func checkCall(code *runner.Code, call *runner.Call) error {
	switch {
	case code.ID == "" || code.Open == nil || code.Timeout <= 0 || code.MemoryMB <= 0:
		return fmt.Errorf("%w: incomplete code %q", runner.ErrUnavailable, code.Name)
	case call.RequestID == "" || len(call.RequestID) > 128:
		return fmt.Errorf("%w: a call needs a request id", runner.ErrUnavailable)
	case len(call.Payload) > maxPayloadIn:
		return fmt.Errorf("%w: an event of %d bytes, more than %d", runner.ErrUnavailable, len(call.Payload), maxPayloadIn)
	}
	return nil
}

// invoke gives the call to the worker and waits for its end. errLost: the worker's code has not seen it.
func (r *Runner) invoke(ctx context.Context, w *worker, inv *invocation) (*runner.Result, error) {
	if !w.add(inv) {
		r.release(w)
		return nil, fmt.Errorf("%w: request id %s is at work already", runner.ErrUnavailable, inv.call.RequestID)
	}
	abandoned := false
	defer func() {
		if !abandoned {
			w.remove(inv)
		}
	}()
	select {
	case w.offers <- inv: // has room as a rule: a slot was taken
	case <-w.gone:
	case <-ctx.Done():
	}
	if err := r.taken(ctx, w, inv); err != nil {
		return nil, err
	}
	timer := time.NewTimer(time.Until(inv.deadline))
	defer timer.Stop()
	late := false
	select {
	case <-inv.done:
	case <-timer.C:
		late = true
	case <-ctx.Done():
		// Whoever called may hang up: the code goes on as on Lambda, since a worker costs more than the rest of a call.
		if late = true; errors.Is(ctx.Err(), context.Canceled) && inv.abandon(timedOut(inv)) {
			abandoned = true
			go r.outlast(w, inv)
			return r.result(w, inv, w.peak()), nil
		}
	}
	if late && inv.finish(nil, timedOut(inv)) {
		peak := w.peak()
		r.retire(w, runner.Timeout, "timeout")
		return r.result(w, inv, peak), nil
	}
	res := r.result(w, inv, w.peak())
	r.release(w)
	return res, nil
}

// outlast waits until the code is through with a call whose caller has left, at most to its deadline.
func (r *Runner) outlast(w *worker, inv *invocation) {
	defer w.remove(inv)
	timer := time.NewTimer(time.Until(inv.deadline))
	defer timer.Stop()
	select {
	case <-inv.settled:
		r.release(w)
	case <-timer.C:
		r.retire(w, runner.Timeout, "timeout")
	case <-r.closing:
		r.retire(w, "", "shutting down")
	case <-w.gone:
	}
}

// taken waits until the worker's code has the call.
func (r *Runner) taken(ctx context.Context, w *worker, inv *invocation) error {
	timer := time.NewTimer(takeTimeout)
	defer timer.Stop()
	var err error
	select {
	case <-inv.begun:
		return nil
	case <-w.gone:
		err = errLost
	case <-timer.C:
		err = errLost
	case <-ctx.Done():
		err = ctx.Err()
	}
	if !inv.withdraw() {
		return nil
	}
	select {
	case <-w.gone:
	default:
		w.unoffer(inv)
		r.lag(w)
	}
	return err
}

// unoffer takes a withdrawn call out of the channel, so that the slot's place in it is free again; one that is being looked at is gone anyway.
func (w *worker) unoffer(inv *invocation) {
	for range cap(w.offers) {
		select {
		case other := <-w.offers:
			if other == inv {
				return
			}
			w.offers <- other
		default:
			return
		}
	}
}

// timedOut is Lambda's error for a call that missed its deadline.
func timedOut(inv *invocation) *runner.Error {
	return &runner.Error{Reason: runner.Timeout, Type: "Sandbox.Timedout", Begun: true,
		Message: fmt.Sprintf("Task timed out after %.2f seconds", time.Since(inv.started).Seconds())}
}

// result closes the log, with the lines that Lambda ends with, and puts the answer together.
func (r *Runner) result(w *worker, inv *invocation, peak int) *runner.Result {
	id, took := inv.call.RequestID, inv.ended.Sub(inv.started)
	res := &runner.Result{Payload: inv.payload, Error: inv.err, Duration: took, MaxMemoryMB: peak}
	initText := ""
	if w.claimFirst() {
		res.Init = w.initTook
		initText = fmt.Sprintf("Init Duration: %.2f ms\t", ms(res.Init))
	}
	var lines []string
	if e := inv.err; e != nil && e.Reason != runner.Thrown {
		lines = append(lines, "RequestId: "+id+" Error: "+e.Message, e.Type)
	}
	lines = append(lines, "END RequestId: "+id,
		fmt.Sprintf("REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %.0f ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t%s",
			id, ms(took), ms(took+res.Init)+0.5, w.code.MemoryMB, peak, initText))
	res.Log = w.out.end(inv.log, lines...)
	return res
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// claimFirst reports, once, that a call is the one that the worker was started for.
func (w *worker) claimFirst() bool {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	first := w.first
	w.first = false
	return first
}

// Close refuses new calls, waits for those at hand until ctx ends, and ends all workers.
func (r *Runner) Close(ctx context.Context) error {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		close(r.closing)
	}
	for _, p := range r.pools {
		p.last = grant{err: fmt.Errorf("%w: shutting down", runner.ErrUnavailable)}
		r.refuse(p)
		for _, w := range p.workers {
			if w.idle() {
				r.leave(w, "", "shutting down")
			}
		}
	}
	r.mu.Unlock()
	done := make(chan struct{})
	go func() { r.workers.Wait(); close(done) }()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	r.cancel()
	r.mu.Lock()
	for _, p := range r.pools {
		for _, w := range p.workers {
			r.leave(w, "", "shutting down")
		}
	}
	r.mu.Unlock()
	<-done
	r.local.close()
	r.ca.remove()
	r.delist()
	return err
}

// caller identifies the worker that a request of Options.Local comes from.
type callerKey struct{}

// Caller is who sent a request to a handler of Options.Local.
type Caller struct {
	// ID, Name and ARN are runner.Code's.
	ID, Name, ARN string
}

// WorkerOf returns the code whose worker sent the request. ok is false for requests that come from no worker of a Runner.
func WorkerOf(ctx context.Context) (c Caller, ok bool) {
	c, ok = ctx.Value(callerKey{}).(Caller)
	return c, ok
}

// asWorker marks a request as this worker's.
func (w *worker) asWorker(h http.Handler, rw http.ResponseWriter, r *http.Request) {
	ctx := context.WithValue(r.Context(), callerKey{}, Caller{w.code.ID, w.code.Name, w.code.ARN})
	h.ServeHTTP(rw, r.WithContext(ctx))
}
