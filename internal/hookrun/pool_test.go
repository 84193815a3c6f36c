package hookrun

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/hookrun/sandbox"
	"countersign/internal/runner"
)

const pidOf = `exports.handler = async () => process.hrtime.bigint && (globalThis.me ??= String(Math.random()));`

func TestWarmReuse(t *testing.T) {
	b := newRunner(t, sandbox.None, nil)
	code := js(t, pidOf)
	first := b.run(code, `1`)
	for range 5 {
		res := b.run(code, `1`)
		if string(res.Payload) != string(first.Payload) || res.Init != 0 {
			t.Fatalf("another worker: %s, %s, init %v", first.Payload, res.Payload, res.Init)
		}
	}
	other := *code
	other.ID += "-changed"
	if string(b.run(&other, `1`).Payload) == string(first.Payload) {
		t.Error("two codes met in one worker")
	}
}

func TestTimeout(t *testing.T) {
	levels(t, func(t *testing.T, level sandbox.Level) {
		b := newRunner(t, level, nil)
		code := js(t, `exports.handler = async (e) => { if (e === 'spin') for (;;); if (e === 'hang') await new Promise(() => setInterval(() => {}, 1000)); return e }`)
		for _, kind := range []string{"spin", "hang"} {
			b.ok(code, `"warm"`)
			code.Timeout = 300 * time.Millisecond
			began := time.Now()
			res := b.fails(code, `"`+kind+`"`, runner.Timeout, "Sandbox.Timedout")
			if took := time.Since(began); took < 290*time.Millisecond || took > 3*time.Second {
				t.Errorf("%s ended after %v", kind, took)
			}
			if !res.Error.Begun || !strings.Contains(res.Error.Message, "Task timed out after 0.3") || !strings.Contains(string(res.Log), "Task timed out") {
				t.Errorf("%s: %+v\n%s", kind, res.Error, res.Log)
			}
			b.await(WorkerEnded, "timeout")
			code.Timeout = 10 * time.Second
			if next := b.run(code, `"next"`); string(next.Payload) != `"next"` || next.Init == 0 {
				t.Errorf("the next call: %+v", next)
			}
		}
	})
}

func TestDeadlines(t *testing.T) {
	b := newRunner(t, sandbox.None, nil)
	code := js(t, `exports.handler = async (e, c) => { if (e) await new Promise((r) => setTimeout(r, 60000)); return c.getRemainingTimeInMillis() }`)
	b.ok(code, `0`)
	call := newCall(`1`)
	call.Deadline = time.Now().Add(200 * time.Millisecond)
	res, err := b.Run(context.Background(), code, call)
	if err != nil || res.Error == nil || res.Error.Reason != runner.Timeout {
		t.Errorf("call's deadline: %+v, %v", res, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	begun := make(chan struct{})
	code2 := js(t, `exports.handler = async (e, c) => { console.log('begun'); await new Promise((r) => setTimeout(r, 60000)) }`)
	bb := newRunner(t, sandbox.None, func(o *Options) {
		o.LogLine = func(_, _, line string) {
			if strings.HasSuffix(line, "begun") {
				close(begun)
			}
		}
	})
	go func() { <-begun; cancel() }()
	res, err = bb.Run(ctx, code2, newCall(`1`))
	if err != nil || res.Error == nil || res.Error.Reason != runner.Timeout || !res.Error.Begun {
		t.Errorf("abandoned: %+v, %v", res, err)
	}
	if _, err := bb.Run(ctx, code2, newCall(`1`)); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that had ended: %v", err)
	}
	call = newCall(`0`)
	call.Deadline = time.Now().Add(-time.Second)
	if _, err := b.Run(context.Background(), js(t, `exports.handler = async () => 1`), call); !errors.Is(err, runner.ErrBusy) {
		t.Errorf("a deadline that had passed: %v", err)
	}
}

func TestCrashInMidCallSparesOthers(t *testing.T) {
	b := newRunner(t, sandbox.None, nil)
	bad, good := js(t, `exports.handler = async () => process.kill(process.pid, 'SIGSEGV')`), js(t, pidOf)
	me := b.ok(good, `1`)
	res := b.fails(bad, `1`, runner.Exit, "Runtime.ExitError")
	if !res.Error.Begun || !strings.Contains(res.Error.Message, "segmentation fault") {
		t.Errorf("%+v", res.Error)
	}
	if b.ok(good, `1`) != me {
		t.Error("the other code lost its worker")
	}
}

func TestInitErrorsDoNotSpin(t *testing.T) {
	b := newRunner(t, sandbox.None, nil)
	code := js(t, `console.log('loading'); throw new Error('broken')`)
	res := b.fails(code, `1`, runner.Init, "Error")
	if res.Error.Begun || !strings.Contains(string(res.Log), "loading") {
		t.Errorf("%+v %s", res.Error, res.Log)
	}
	began := time.Now()
	for range 1000 {
		b.fails(code, `1`, runner.Init, "Error")
	}
	starts := 0
	for len(b.events) > 0 {
		if e := <-b.events; e.Kind == WorkerEnded {
			starts++
		}
	}
	if limit := 2 + int(time.Since(began)/backoff); starts > limit {
		t.Errorf("%d starts, at most %d expected", starts, limit)
	}
	// A changed code has another ID and is tried at once.
	fixed := js(t, `exports.handler = async () => 'fixed'`)
	if b.ok(fixed, `1`) != `"fixed"` {
		t.Error("not fixed")
	}
}

func TestInitTimeout(t *testing.T) {
	b := newRunner(t, sandbox.None, func(o *Options) { o.InitTimeout = 300 * time.Millisecond })
	res := b.fails(js(t, `for (;;);`), `1`, runner.Init, "Sandbox.Timedout")
	if !strings.Contains(res.Error.Message, "Init timed out after 0.3") {
		t.Error(res.Error.Message)
	}
	b.await(WorkerEnded, "init timeout")
}

// waitJS answers only when the file in its private folder's parent... is released by a call of its own: it counts calls at hand.
const slowJS = `exports.handler = async (e) => { globalThis.n = (globalThis.n || 0) + 1; const mine = globalThis.n; await new Promise((r) => setTimeout(r, e)); globalThis.n--; return mine }`

func TestConcurrency(t *testing.T) {
	b := newRunner(t, sandbox.None, nil)
	code := js(t, slowJS)
	code.Workers = 2
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			if got := b.ok(code, `50`); got != "1" {
				t.Errorf("%s calls at once in one worker", got)
			}
		})
	}
	wg.Wait()
	workers := 0
	for len(b.events) > 0 {
		if e := <-b.events; e.Kind == WorkerReady {
			workers++
		}
	}
	if workers != 2 {
		t.Errorf("%d workers, want 2", workers)
	}
}

func TestManyCallsInOneWorker(t *testing.T) {
	b := newRunner(t, sandbox.None, nil)
	code := js(t, `let wake; const all = new Promise((r) => { wake = r }); let n = 0;
		exports.handler = async (e, c) => { console.log('call', e); if (++n === 4) wake(); await all; return [c.awsRequestId, e] }`)
	code.Calls, code.Workers = 4, 1
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			call := newCall(fmt.Sprint(i))
			res, err := b.Run(context.Background(), code, call)
			if err != nil || res.Error != nil || string(res.Payload) != fmt.Sprintf(`["%s",%d]`, call.RequestID, i) {
				t.Errorf("%+v, %v", res, err)
				return
			}
			if want := call.RequestID + "\tINFO\tcall " + fmt.Sprint(i); !strings.Contains(string(res.Log), want) || strings.Count(string(res.Log), "\tINFO\tcall ") != 1 {
				t.Errorf("log of call %d:\n%s", i, res.Log)
			}
		})
	}
	wg.Wait()
}

func TestQueueIsBounded(t *testing.T) {
	b := newRunner(t, sandbox.None, func(o *Options) { o.Queue = 2 })
	code := js(t, `exports.handler = async (e) => { if (e) await new Promise((r) => setTimeout(r, 60000)); return 1 }`)
	code.Workers = 1
	b.ok(code, `0`)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 3 { // one at work, two waiting
		wg.Go(func() { b.Run(ctx, code, newCall(`1`)) })
	}
	for full := false; !full; {
		b.Runner.mu.Lock()
		full = b.waiting == 2
		b.Runner.mu.Unlock()
	}
	if _, err := b.Run(ctx, code, newCall(`1`)); !errors.Is(err, runner.ErrBusy) {
		t.Errorf("got %v", err)
	}
	other := js(t, `exports.handler = async () => 1`)
	b.ok(other, `1`) // its own queue
	cancel()
	wg.Wait()
	if b.waiting != 0 {
		t.Errorf("%d calls still wait", b.waiting)
	}
}

func TestMemoryBoundMakesRoom(t *testing.T) {
	b := newRunner(t, sandbox.None, func(o *Options) { o.MemoryMB = 256 })
	codes := []*runner.Code{js(t, pidOf), js(t, pidOf), js(t, pidOf)}
	for range 2 {
		for _, c := range codes { // three codes of 128 MB each: one idle worker must go each time
			b.ok(c, `1`)
			b.Runner.mu.Lock()
			if b.used > 256 {
				t.Errorf("%d MB in use", b.used)
			}
			b.Runner.mu.Unlock()
		}
	}
	b.await(WorkerEnded, "made room")
	big := js(t, pidOf)
	big.MemoryMB = 512
	if _, err := b.Run(context.Background(), big, newCall(`1`)); !errors.Is(err, runner.ErrUnavailable) {
		t.Errorf("too large: %v", err)
	}
}

// Code that always has calls waiting must not keep the memory from other code for ever.
func TestBusyCodeDoesNotStarveOthers(t *testing.T) {
	b := newRunner(t, sandbox.None, func(o *Options) { o.MemoryMB = 128 })
	busy, other := js(t, slowJS), js(t, pidOf)
	ctx, cancel := context.WithCancel(context.Background())
	b.ok(busy, `1`)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				b.Run(ctx, busy, newCall(`5`))
			}
		})
	}
	b.ok(other, `1`)
	cancel()
	wg.Wait()
}

// Nor must code that needs much memory wait for ever while code that needs little comes and goes.
func TestLargeCodeGetsItsTurn(t *testing.T) {
	b := newRunner(t, sandbox.None, func(o *Options) { o.MemoryMB = 512 })
	big := js(t, pidOf)
	big.MemoryMB = 512
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 4 {
		small := js(t, slowJS)
		b.ok(small, `1`)
		for range 3 {
			wg.Go(func() {
				for ctx.Err() == nil {
					b.Run(ctx, small, newCall(`150`))
				}
			})
		}
	}
	for range 2 {
		call := newCall(`1`)
		call.Deadline = time.Now().Add(8 * time.Second)
		if res, err := b.Run(ctx, big, call); err != nil || res.Error != nil {
			t.Errorf("%+v %v", res, err)
		}
	}
	cancel()
	wg.Wait()
}

func TestIdleStopAndRecycle(t *testing.T) {
	b := newRunner(t, sandbox.None, func(o *Options) { o.Idle, o.MaxCalls = 50*time.Millisecond, 3 })
	code := js(t, pidOf)
	seen := map[string]int{}
	for range 3 {
		seen[b.ok(code, `1`)]++
	}
	b.await(WorkerEnded, "served its calls")
	seen[b.ok(code, `1`)]++
	if len(seen) != 2 {
		t.Errorf("workers by calls: %v", seen)
	}
	b.await(WorkerEnded, "idle")
	b.Runner.mu.Lock()
	defer b.Runner.mu.Unlock()
	if len(b.pools) != 0 || b.used != 0 || b.leavingMB != 0 {
		t.Errorf("left: %d pools, %d MB, %d MB leaving", len(b.pools), b.used, b.leavingMB)
	}
}

func TestForget(t *testing.T) {
	b := newRunner(t, sandbox.None, nil)
	code := js(t, `console.log('up'); exports.handler = async (e) => { console.log('at work'); await new Promise((r) => setTimeout(r, e)); return globalThis.me ??= Math.random() }`)
	me := b.ok(code, `0`)
	done := make(chan string)
	go func() { done <- b.ok(code, `300`) }()
	for busy := false; !busy; {
		b.Runner.mu.Lock()
		busy = b.pools[code.ID].workers[0].free == 0
		b.Runner.mu.Unlock()
	}
	b.Forget(code.ID)
	if got := <-done; got != me {
		t.Errorf("the call at hand was not finished by its worker: %s, %s", got, me)
	}
	b.await(WorkerEnded, "served its calls")
	if b.ok(code, `0`) == me {
		t.Error("the forgotten worker answered")
	}
	b.Forget(code.ID)
	b.await(WorkerEnded, "forgotten")
	b.Forget("unknown")
}

func TestClose(t *testing.T) {
	b := newRunner(t, sandbox.None, nil)
	code := js(t, slowJS)
	b.ok(code, `1`)
	done := make(chan string)
	go func() { done <- b.ok(code, `200`) }()
	for busy := false; !busy; {
		b.Runner.mu.Lock()
		busy = b.pools[code.ID].workers[0].free == 0
		b.Runner.mu.Unlock()
	}
	if err := b.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := <-done; got != "1" {
		t.Errorf("the call at hand: %s", got)
	}
	if _, err := b.Run(context.Background(), code, newCall(`1`)); !errors.Is(err, runner.ErrUnavailable) {
		t.Errorf("after Close: %v", err)
	}
}

func TestCloseKillsAtItsDeadline(t *testing.T) {
	b := newRunner(t, sandbox.None, nil)
	code := js(t, slowJS)
	b.ok(code, `1`)
	done := make(chan *runner.Result)
	go func() { done <- b.run(code, `60000`) }()
	for busy := false; !busy; {
		b.Runner.mu.Lock()
		busy = b.pools[code.ID].workers[0].free == 0
		b.Runner.mu.Unlock()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := b.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close: %v", err)
	}
	if res := <-done; res.Error == nil || res.Error.Reason != runner.Exit {
		t.Errorf("the call at hand: %+v", res.Error)
	}
}

func TestCheck(t *testing.T) {
	b := newRunner(t, sandbox.None, nil)
	for _, c := range []struct {
		name string
		ok   bool
		note string
	}{{"nodejs20.x", true, ""}, {"provided.al2023", true, ""}, {"provided.al2", true, ""}, {"nodejs4.3", true, "nodejs4.3 runs on Node"},
		{"python3.13", false, ""}, {"", false, ""}} {
		note, err := b.Check(c.name)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, runner.ErrUnavailable) || c.note != "" && !strings.HasPrefix(note, c.note) {
			t.Errorf("Check(%s): %q, %v", c.name, note, err)
		}
	}
	none := newRunner(t, sandbox.None, func(o *Options) { o.Node = "/nowhere/node" })
	if _, err := none.Check("nodejs20.x"); !errors.Is(err, runner.ErrUnavailable) || !strings.Contains(err.Error(), "functions.node") {
		t.Errorf("without Node: %v", err)
	}
	strict := newRunner(t, sandbox.None, func(o *Options) { o.Isolation = sandbox.Full })
	if _, err := strict.Check("nodejs20.x"); !errors.Is(err, runner.ErrUnavailable) || !strings.Contains(err.Error(), "asks for full") {
		t.Errorf("without isolation: %v", err)
	}
	if _, err := strict.Run(context.Background(), js(t, pidOf), newCall(`1`)); !errors.Is(err, runner.ErrUnavailable) {
		t.Errorf("run without isolation: %v", err)
	}
	rep := b.Report(context.Background())
	if rep.Level != sandbox.None || rep.NodeVersion == "" || len(rep.Notes) == 0 {
		t.Errorf("report %+v", rep)
	}
}

// A worker that is busy although its call has been answered must not hold up the next call.
func TestBusyAfterItsAnswer(t *testing.T) {
	b := newRunner(t, sandbox.None, nil)
	code := js(t, `exports.handler = (e, c, cb) => { if (e) { const end = Date.now() + 60000; setTimeout(() => { while (Date.now() < end); }, 30); c.callbackWaitsForEmptyEventLoop = false; } cb(null, e) }`)
	code.Timeout = 1500 * time.Millisecond
	b.ok(code, `1`)
	for full := false; !full; { // until it spins: the poll for the next call may come before
		res, err := b.Run(context.Background(), code, newCall(`0`))
		if err != nil {
			t.Fatal(err)
		}
		full = res.Init > 0
	}
}
