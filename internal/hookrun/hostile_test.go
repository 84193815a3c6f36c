package hookrun

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign/internal/hookrun/sandbox"
	"countersign/internal/runner"
)

// hostile runs code that means harm beside code that does not, and checks that the latter never notices.
func hostile(t *testing.T, f func(t *testing.T, b *bench, bystander *runner.Code)) {
	b := newRunner(t, sandbox.Full, nil)
	good := js(t, pidOf)
	me := b.ok(good, `1`)
	f(t, b, good)
	if got := b.ok(good, `1`); got != me {
		t.Errorf("the other function lost its worker: %s, %s", me, got)
	}
}

// attempt is code that tries each expression and answers with what came of it: "ok" or the error's code.
func attempt(list ...string) string {
	var b strings.Builder
	b.WriteString("const fs = require('fs'), cp = require('child_process'), net = require('net'), os = require('os'), dgram = require('dgram');\n" +
		"const tries = {\n")
	for _, l := range list {
		name, code, _ := strings.Cut(l, ": ")
		fmt.Fprintf(&b, "%q: async (e) => { %s },\n", name, code)
	}
	b.WriteString("};\nexports.handler = async (e) => { const out = {}; for (const [k, f] of Object.entries(tries)) { try { await f(e); out[k] = 'ok' } catch (x) { out[k] = x.code || String(x) } } return JSON.stringify(out, null, ' ') }")
	return b.String()
}

func TestHostileFilesAndProcesses(t *testing.T) {
	hostile(t, func(t *testing.T, b *bench, good *runner.Code) {
		secret := filepath.Join(filepath.Dir(b.opts.Cache), "countersign.db")
		if err := os.WriteFile(secret, []byte("secret"), 0o644); err != nil {
			t.Fatal(err)
		}
		code := js(t, attempt(
			"passwd: fs.readFileSync('/etc/passwd')",
			"database: fs.readFileSync('"+secret+"')",
			"other function: fs.readFileSync('"+b.cache.path(good.Artifact)+"/index.js')",
			"other folders: fs.readdirSync('"+filepath.Join(b.opts.Cache, "work")+"')",
			"root: fs.readdirSync('/')",
			"proc: fs.readFileSync('/proc/1/environ')",
			"own package: fs.writeFileSync(__filename, 'x')",
			"shared temp: fs.writeFileSync('/tmp/countersign-hostile', 'x')",
			"link: fs.symlinkSync('/etc/passwd', os.tmpdir() + '/l'); fs.readFileSync(os.tmpdir() + '/l')",
			"large file: fs.writeFileSync(os.tmpdir() + '/large', Buffer.alloc(20 << 20))",
			"shell: cp.execSync('id')",
			"node: cp.execFileSync(process.execPath, ['-v'])",
			"bomb: for (let i = 0; i < 100; i++) await new Promise((ok, no) => cp.spawn(process.execPath, ['-e', '0']).on('error', no).on('exit', ok))",
			fmt.Sprintf("signal: process.kill(%d, 0)", os.Getpid()),
			"listen: await new Promise((ok, no) => net.createServer().on('error', no).listen(8080, ok))",
			"udp: await new Promise((ok, no) => dgram.createSocket('udp4').on('error', no).send('x', 9999, '10.0.0.1', (e) => e ? no(e) : ok()))",
			"unix: await new Promise((ok, no) => net.connect('/run/docker.sock').on('error', no).on('connect', ok))",
			"inspector: require('inspector').open(9229, '127.0.0.1', false); await new Promise((ok, no) => net.connect(9229, '127.0.0.1').on('error', no).on('connect', ok))",
			"private: fs.writeFileSync(os.tmpdir() + '/mine', 'x')",
		))
		got := b.ok(code, `1`)
		if strings.Count(got, `\"ok\"`) != 1 || !strings.Contains(got, `\"private\": \"ok\"`) {
			t.Errorf("what worked: %s", strings.ReplaceAll(got, `\n`, "\n"))
		}
		b.Forget(code.ID)
		b.await(WorkerEnded, "forgotten")
		list, err := os.ReadDir(filepath.Join(b.opts.Cache, "work"))
		if err != nil || len(list) != 1 {
			t.Errorf("the private folder was left: %v, %v", list, err)
		}
	})
}

func TestHostileMemory(t *testing.T) {
	hostile(t, func(t *testing.T, b *bench, _ *runner.Code) {
		for name, source := range map[string]string{
			"heap":    `exports.handler = async () => { const a = []; for (;;) a.push({ x: new Array(1000).fill(Math.random()) }) }`,
			"buffers": `exports.handler = async () => { const a = []; for (let i = 0; i < 64; i++) a.push(Buffer.alloc(64 << 20, 1)); return a.length }`,
		} {
			code := js(t, source)
			code.Timeout = time.Minute
			res := b.run(code, `1`)
			if res.Error == nil || res.Error.Reason != runner.Memory && res.Error.Type != "RangeError" {
				t.Errorf("%s: %+v %s\n%s", name, res.Error, res.Payload, res.Log)
			}
			if res.MaxMemoryMB > 400 {
				t.Errorf("%s: %d MB", name, res.MaxMemoryMB)
			}
		}
		b.await(WorkerEnded, "Runtime exited")
		if !strings.Contains(b.logged(), "reason=memory") || !strings.Contains(b.logged(), "memory_mb=128") {
			t.Errorf("the log does not say which limit:\n%s", b.logged())
		}
	})
}

func TestHostileSpinAndPrint(t *testing.T) {
	hostile(t, func(t *testing.T, b *bench, _ *runner.Code) {
		spin := js(t, `exports.handler = async () => { for (;;); }`)
		spin.Timeout = 500 * time.Millisecond
		b.fails(spin, `1`, runner.Timeout, "Sandbox.Timedout")
		print := js(t, `const fs = require('fs'); const big = Buffer.alloc(1 << 20, 'x\n'); exports.handler = async () => { for (let i = 0; i < 1024; i++) fs.writeSync(1, big); return 'printed' }`)
		res := b.fails(print, `1`, runner.Output, "Runtime.OutputTooLarge")
		if len(res.Log) > tailBytes {
			t.Errorf("%d bytes of log", len(res.Log))
		}
		b.await(WorkerEnded, "too much output")
		for _, want := range []string{"reason=timeout", "timeout=500ms", "reason=output", "limit_bytes=16777216"} {
			if !strings.Contains(b.logged(), want) {
				t.Errorf("the log lacks %s:\n%s", want, b.logged())
			}
		}
	})
}

func TestHostileDisk(t *testing.T) {
	hostile(t, func(t *testing.T, b *bench, _ *runner.Code) {
		code := js(t, `const fs = require('fs'), os = require('os'); exports.handler = async (e) => { for (let i = 0; i < 20000; i++) fs.writeFileSync(os.tmpdir() + '/' + i, ''); for (;;) await new Promise((r) => setTimeout(r, 1000)) }`)
		code.Timeout = time.Minute
		res := b.fails(code, `1`, runner.Output, "Runtime.OutputTooLarge")
		if res.Error.Message != "The function was stopped: private folder too large" {
			t.Errorf("%+v", res.Error)
		}
		b.await(WorkerEnded, "private folder too large")
		if !strings.Contains(b.logged(), "temp_limit_bytes=536870912") {
			t.Errorf("log:\n%s", b.logged())
		}
	})
}

// Code that floods the Runtime API hurts itself alone.
func TestHostileRuntimeAPI(t *testing.T) {
	hostile(t, func(t *testing.T, b *bench, _ *runner.Code) {
		code := js(t, `const http = require('http'), net = require('net'); const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
			const call = (method, path, size) => new Promise((ok) => { const q = http.request({ host, port, method, path: '/2018-06-01/runtime/' + path }, (r) => { r.resume(); r.on('end', () => ok(r.statusCode)) }); q.on('error', (e) => ok(e.code)); for (let i = 0; i < size; i++) q.write(Buffer.alloc(1 << 20)); q.end() });
			exports.handler = async (e, c) => {
				const out = [await call('POST', 'invocation/' + c.awsRequestId + '/error', 30), await call('POST', 'invocation/other/response', 0), await call('GET', '../../etc/passwd', 0)];
				for (let i = 0; i < 20; i++) net.connect(port, host).on('error', () => {}).write('GET / HTTP/1.1\r\nX: ');
				return out }`)
		res := b.run(code, `1`)
		if res.Error == nil || res.Error.Reason != runner.Thrown {
			t.Errorf("an error without sense: %+v %s", res.Error, res.Payload)
		}
		b.ok(js(t, pidOf), `1`)
	})
}
