package hookrun

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"countersign/internal/hookrun/sandbox"
	"countersign/internal/runner"
)

// worker is one process that serves one code.
type worker struct {
	r    *Runner
	p    *pool
	code *runner.Code
	id   string
	// slots is how many calls it takes at once. secret begins every path of its Runtime API where others can reach it; else empty.
	slots  int
	secret string

	temp    string
	release func()
	out     *output
	proc    *sandbox.Process
	api     *http.Server
	net     *network

	offers chan *invocation
	// bodies bounds how many answers are read at once: each takes memory of the server's.
	bodies chan struct{}
	// ready is closed by the first "next", failed by an init error, gone when the process and all that belongs to it are gone.
	ready, failed, gone chan struct{}
	readyOnce           sync.Once
	failOnce            sync.Once
	initErr             *runner.Error
	initTook            time.Duration

	mu     sync.Mutex
	active map[string]*invocation
	// reason and why tell who ended it, empty if it ended by itself.
	reason runner.Reason
	why    string
	peakAt time.Time
	peakMB int

	// The rest is guarded by Runner.mu. free are its open slots, 0 until it is ready.
	free, calls int
	up, leaving bool
	lagging     bool
	worn        string // why it is to end with its last call, besides the number of calls
	first       bool
	idleSince   time.Time
	lagSince    time.Time
	idleTimer   *time.Timer
}

func (r *Runner) newWorker(p *pool, code *runner.Code) *worker {
	b := make([]byte, 8)
	rand.Read(b)
	slots := max(1, code.Calls)
	w := &worker{r: r, p: p, code: code, id: hex.EncodeToString(b), slots: slots, offers: make(chan *invocation, slots), bodies: make(chan struct{}, min(slots, 4)),
		ready: make(chan struct{}), failed: make(chan struct{}), gone: make(chan struct{}), active: map[string]*invocation{}, first: true}
	w.temp = filepath.Join(r.opts.Cache, "work", r.instance+"-"+w.id)
	return w
}

// live is the whole life of a worker.
func (r *Runner) live(w *worker) {
	defer r.workers.Done()
	began := time.Now()
	ctx, cancel := context.WithTimeout(r.ctx, unpackTimeout+r.opts.InitTimeout)
	err := w.launch(ctx)
	cancel()
	if err != nil {
		r.initEnded(w, err, nil)
		w.clean()
		r.ended(w, err.Error())
		return
	}
	started := time.Now()
	timer := time.NewTimer(r.opts.InitTimeout)
	select {
	case <-w.ready:
		w.initTook = time.Since(began)
		r.opts.Observe(Event{Kind: WorkerReady, Code: w.code.Name, Duration: w.initTook})
		r.isReady(w)
	case <-w.failed:
		r.initEnded(w, nil, w.initErr)
		w.stop(runner.Init, "init error")
	case <-w.proc.Done():
		w.out.sync()
		r.initEnded(w, nil, w.initExit())
	case <-timer.C:
		r.initEnded(w, nil, &runner.Error{Reason: runner.Init, Type: "Sandbox.Timedout",
			Message: fmt.Sprintf("Init timed out after %.2f seconds", time.Since(started).Seconds())})
		w.stop(runner.Init, "init timeout")
	}
	timer.Stop()
	w.watchDisk()
	exit := w.proc.Wait()
	r.mu.Lock()
	r.dead(w)
	r.mu.Unlock()
	w.out.close()
	failed := w.exitError(exit)
	w.mu.Lock()
	for _, inv := range w.active {
		e := *failed
		inv.finish(nil, &e)
	}
	reason, why := w.reason, w.why
	w.mu.Unlock()
	w.clean()
	if why == "" {
		reason, why = failed.Reason, failed.Message
	}
	w.sayEnd(reason, why)
	r.ended(w, why)
}

// knownTypes are the errors of the start that the log names. Code may call its own errors what it likes, a secret among it.
var knownTypes = []string{"Runtime.ImportModuleError", "Runtime.HandlerNotFound", "Runtime.MalformedHandlerName", "Runtime.UserCodeSyntaxError", "Runtime.ExitError",
	"Sandbox.Timedout", "Error", "TypeError", "ReferenceError", "SyntaxError", "RangeError"}

// sayEnd tells operators of every end that the server did not choose, with the limit that was met.
func (w *worker) sayEnd(reason runner.Reason, why string) {
	if reason == "" {
		return
	}
	log := w.r.opts.Logger.With("function", w.code.Name, "reason", string(reason), "why", why)
	switch reason {
	case runner.Memory:
		log = log.With("memory_mb", w.code.MemoryMB)
	case runner.Timeout:
		log = log.With("timeout", w.code.Timeout)
	case runner.Output:
		log = log.With("limit_bytes", stopFactor*w.r.opts.OutputBytes, "temp_limit_bytes", maxTempBytes)
	case runner.Init:
		select {
		case <-w.failed:
			if slices.Contains(knownTypes, w.initErr.Type) {
				log = log.With("type", w.initErr.Type)
			}
		default:
		}
	}
	log.Warn("function's worker was ended")
}

// launch unpacks the code and starts the process.
func (w *worker) launch(ctx context.Context) error {
	box, err := w.r.prepared()
	if err != nil {
		return err
	}
	root, release, err := w.r.cache.use(ctx, w.code)
	if err != nil {
		return err
	}
	w.release = release
	level := w.r.level(box)
	isolated := level == sandbox.Full
	if !isolated {
		b := make([]byte, 16)
		rand.Read(b)
		w.secret = "/" + hex.EncodeToString(b)
	}
	if err := errors.Join(w.r.ca.write(), os.Mkdir(w.temp, 0o700)); err != nil {
		return fmt.Errorf("%w: %w", runner.ErrUnavailable, err)
	}
	path, args, err := w.program(root, level)
	if err != nil {
		return err
	}
	line := func(id, text string) {
		if w.r.opts.LogLine != nil {
			w.r.opts.LogLine(w.code.Name, id, text)
		}
	}
	if w.out, err = newOutput(w.r.opts.OutputBytes, line, w.overflow); err != nil {
		return fmt.Errorf("%w: %w", runner.ErrUnavailable, err)
	}
	proc, err := box.Start(ctx, sandbox.Spec{
		Path: path, Args: args, Env: w.environment(root, isolated), Dir: root, Read: []string{root, w.r.runtimeDir}, Write: w.temp,
		Ports: w.r.rules.ports(), DNS: true, Limits: sandbox.Limits{DataBytes: dataBytes(w.code), FileBytes: maxFileBytes},
		Output: w.out.write, Want: w.r.opts.Isolation, Max: w.r.opts.MaxIsolation, Direct: w.r.rules.direct(isolated || w.isNode()), // what Node connects to comes here
	})
	if err != nil {
		w.out.close()
		return fmt.Errorf("%w: %w", runner.ErrUnavailable, err)
	}
	w.mu.Lock()
	w.proc = proc
	stopped := w.why != ""
	w.mu.Unlock()
	if stopped {
		go proc.Kill()
	}
	w.serve()
	return nil
}

// serve answers on all sockets of the worker.
func (w *worker) serve() {
	w.api = &http.Server{Handler: http.HandlerFunc(w.serveAPI), ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10, ErrorLog: w.r.quiet}
	w.net = newNetwork(w)
	w.net.serve(w.proc.Sockets(), w.proc.Isolated())
}

// clean gives back what the worker had.
func (w *worker) clean() {
	if w.api != nil {
		w.api.Close()
	}
	if w.net != nil {
		w.net.close()
	}
	if w.release != nil {
		w.release()
	}
	if err := RemoveAll(w.temp); err != nil {
		w.r.opts.Logger.Warn("the private folder of a function's worker cannot be removed", "function", w.code.Name, "error", err)
	}
	close(w.gone)
}

// polls notes that the runtime asks for a call.
func (w *worker) polls() {
	w.readyOnce.Do(func() { close(w.ready) })
	w.r.caughtUp(w)
}

func (w *worker) failInit(e *runner.Error) {
	w.failOnce.Do(func() {
		w.initErr = e
		close(w.failed)
	})
}

// stop ends the process. The first reason counts.
func (w *worker) stop(reason runner.Reason, why string) {
	w.mu.Lock()
	if w.why == "" {
		w.reason, w.why = reason, why
	}
	proc := w.proc
	w.mu.Unlock()
	if proc != nil {
		go proc.Kill()
	}
}

// overflow is called once when a worker prints without end.
func (w *worker) overflow() {
	w.r.retire(w, runner.Output, "too much output")
}

// invocation finds a call that the code has been given and has not answered.
func (w *worker) invocation(id string) *invocation {
	w.mu.Lock()
	defer w.mu.Unlock()
	if inv := w.active[id]; inv != nil {
		select {
		case <-inv.begun:
			return inv
		default:
		}
	}
	return nil
}

func (w *worker) add(inv *invocation) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.active[inv.call.RequestID] != nil {
		return false
	}
	w.active[inv.call.RequestID] = inv
	return true
}

func (w *worker) remove(inv *invocation) {
	w.mu.Lock()
	delete(w.active, inv.call.RequestID)
	w.mu.Unlock()
}

// initExit is the error of a process that ended before it was ready; one that said why first is believed.
func (w *worker) initExit() *runner.Error {
	select {
	case <-w.failed:
		return w.initErr
	default:
	}
	e := w.exitError(w.proc.Wait())
	e.Reason, e.Begun = runner.Init, false
	return e
}

// exitError describes the end of the process, in Lambda's words.
func (w *worker) exitError(exit sandbox.Exit) *runner.Error {
	w.mu.Lock()
	reason, why := w.reason, w.why
	w.mu.Unlock()
	e := &runner.Error{Reason: runner.Exit, Type: "Runtime.ExitError", Begun: true}
	status := "exit status " + strconv.Itoa(exit.Code)
	if exit.Signal != 0 {
		status = "signal: " + exit.Signal.String()
	}
	e.Message = "Runtime exited with error: " + status
	switch {
	case reason == runner.Output:
		e.Reason, e.Type, e.Message = runner.Output, "Runtime.OutputTooLarge", "The function was stopped: "+why
	case exit.Cause == sandbox.Memory || exit.Signal == syscall.SIGKILL && why == "" && exit.Cause == "" || w.out.contains("heap out of memory") ||
		w.out.contains("fatal error: runtime: out of memory") || w.out.contains("runtime: cannot allocate memory"):
		e.Reason = runner.Memory
	case exit.Cause == sandbox.CPU:
		e.Message += " (processor time used up)"
	case exit.Code == 0 && exit.Signal == 0:
		e.Message = "Runtime exited without providing a reason"
	}
	return e
}

// peak is the most memory that the process has had, in MB, looked at now and then: reading it costs more than a short call.
func (w *worker) peak() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.proc == nil || time.Since(w.peakAt) < 250*time.Millisecond {
		return w.peakMB
	}
	w.peakAt = time.Now()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(w.proc.Pid()) + "/status")
	if err != nil {
		return w.peakMB
	}
	_, rest, ok := strings.Cut(string(text), "VmHWM:")
	if f := strings.Fields(rest); ok && len(f) > 0 {
		if kib, err := strconv.Atoi(f[0]); err == nil {
			w.peakMB = max(w.peakMB, (kib+1023)/1024)
		}
	}
	return w.peakMB
}

var errLost = errors.New("hookrun: the worker did not take the call")
