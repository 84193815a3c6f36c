package hookrun

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"countersign/internal/hookrun/sandbox"
	"countersign/internal/runner"
)

// A download that takes longer than connIdle goes on although nothing is sent up meanwhile; when nothing comes any more, it ends.
func TestSpliceIsIdleInBothDirections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		worker, a := net.Pipe()
		b, far := net.Pipe()
		began := time.Now()
		var got bytes.Buffer
		read := make(chan struct{})
		go func() {
			io.Copy(&got, worker)
			close(read)
		}()
		go func() {
			for range 10 {
				far.Write([]byte("x"))
				time.Sleep(connIdle / 2)
			}
		}()
		if n := splice(t.Context(), a, b); n != 10 {
			t.Errorf("%d bytes", n)
		}
		<-read
		if took := time.Since(began); got.Len() != 10 || took < 5*connIdle || took > 7*connIdle {
			t.Errorf("%d bytes in %v", got.Len(), took)
		}
	})
}

// Who connects while the worker ends is either waited for or turned away.
func TestConnectionsWhileClosing(t *testing.T) {
	r := newRunner(t, sandbox.None, nil)
	for range 300 {
		w := r.newWorker(&pool{}, &runner.Code{Name: "f", MemoryMB: 1})
		n := newNetwork(w)
		var inside atomic.Int32
		closed := make(chan struct{})
		go func() {
			for range 20 {
				a, b := net.Pipe()
				if !n.enter(a) {
					break
				}
				inside.Add(1)
				go func() {
					io.Copy(io.Discard, a)
					inside.Add(-1)
					n.leave(a)
					b.Close()
				}()
			}
			close(closed)
		}()
		n.close()
		if k := inside.Load(); k > 0 {
			t.Fatalf("%d connections are being answered after the end", k)
		}
		<-closed
	}
}

// A worker that has looked up all the names that it may is replaced by a fresh one.
func TestNamesUsedUp(t *testing.T) {
	r := newRunner(t, sandbox.Full, nil)
	code := js(t, `const dns = require('dns').promises; exports.handler = async (from) => {
		const codes = {};
		for (let i = from; i < from + 4200; i += 50) {
			await Promise.all(Array.from({ length: 50 }, (_, k) => new dns.Resolver().resolve4('n' + (i + k) + '.test').catch((e) => { codes[e.code] = 1; })));
		}
		return Object.keys(codes); };`)
	code.Timeout = time.Minute
	if got := r.ok(code, `0`); !strings.Contains(got, "SERVFAIL") {
		t.Fatalf("%s", got)
	}
	r.await(WorkerEnded, "names")
	if r.ok(js(t, `exports.handler = async () => 1`), `0`) != "1" {
		t.Error("no answer")
	}
}

// JSON is UTF-8 (RFC 8259, section 8.1).
func TestAnswerThatIsNotUTF8(t *testing.T) {
	r := newRunner(t, sandbox.None, nil)
	code := js(t, `const http = require('http'); exports.handler = (event, context) => new Promise(() => {
		const u = new URL('http://' + process.env.AWS_LAMBDA_RUNTIME_API);
		http.request({ host: u.hostname, port: u.port, method: 'POST', path: u.pathname.replace(/\/$/, '') + '/2018-06-01/runtime/invocation/' + context.awsRequestId + '/response' })
			.end(Buffer.from([34, 0xff, 0xfe, 34])); });`)
	r.fails(code, `1`, runner.Output, "Function.InvalidResponse")
}

// Another Node may be installed while the server runs.
func TestNodeThatMoved(t *testing.T) {
	real, err := exec.LookPath("node")
	if err != nil {
		t.Fatal(err)
	}
	if real, err = filepath.EvalSymlinks(real); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	one, two, name := filepath.Join(dir, "one"), filepath.Join(dir, "two"), filepath.Join(dir, "node")
	script := []byte("#!/bin/sh\nexec " + real + " \"$@\"\n")
	for _, p := range []string{one, two} {
		if err := os.WriteFile(p, script, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	n := nodeProgram{asked: name}
	os.Symlink(one, name)
	if got, _, err := n.find(context.Background()); err != nil || got != one {
		t.Fatal(got, err)
	}
	os.Remove(one)
	os.Remove(name)
	os.Symlink(two, name)
	if got, _, err := n.find(context.Background()); err != nil || got != two {
		t.Error(got, err)
	}
}

// A package that somebody swept while workers run from it is made anew for the next worker.
func TestPackageThatWasSwept(t *testing.T) {
	r := newRunner(t, sandbox.None, nil)
	code := js(t, pidOf)
	root, release, err := r.cache.use(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if err := RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	again, release, err := r.cache.use(t.Context(), code)
	if err != nil || !exists(again) {
		t.Fatalf("%s %v", again, err)
	}
	release()
}

// Whoever signs in may hang up at any time. That must not cost a worker.
func TestCallerThatLeavesSparesTheWorker(t *testing.T) {
	begun := make(chan struct{}, 10)
	r := newRunner(t, sandbox.None, func(o *Options) {
		o.LogLine = func(_, _, line string) {
			if strings.HasSuffix(line, "begun") {
				begun <- struct{}{}
			}
		}
	})
	code := js(t, `exports.handler = async (ms) => { console.log('begun'); await new Promise((r) => setTimeout(r, ms)); return process.pid }`)
	code.Workers, code.Timeout = 1, 3*time.Second
	pid := r.ok(code, `0`)
	<-begun
	leave := func(ms string) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-begun; cancel() }()
		res, err := r.Run(ctx, code, newCall(ms))
		if err != nil || res.Error == nil || res.Error.Reason != runner.Timeout || !res.Error.Begun {
			t.Fatalf("%+v %v", res, err)
		}
	}
	for range 3 {
		leave(`200`)
	}
	if got := r.ok(code, `0`); got != pid {
		t.Errorf("worker %s became %s", pid, got)
	}
	<-begun
	leave(`60000`) // its deadline is still kept
	if got := r.ok(code, `0`); got == pid {
		t.Error("a worker that missed its deadline goes on")
	}
}
