package hookrun

import (
	"strings"
	"testing"

	"countersign/internal/hookrun/sandbox"
	"countersign/internal/runner"
)

func TestOutputIsBounded(t *testing.T) {
	levels(t, func(t *testing.T, level sandbox.Level) {
		b := newRunner(t, level, func(o *Options) { o.OutputBytes = 64 << 10 })
		code := js(t, `const line = 'x'.repeat(999) + '\n'; exports.handler = async (n) => { if (n === 'long') { process.stdout.write('y'.repeat(200000)); return 'long' } for (let i = 0; i < n; i++) process.stdout.write(line); return n }`)
		res := b.run(code, `100`)
		if len(res.Log) > tailBytes || !strings.Contains(string(res.Log), "[more than 65536 bytes of output: the rest is dropped]") || string(res.Payload) != "100" {
			t.Errorf("%s, %d bytes of log:\n%s", res.Payload, len(res.Log), res.Log)
		}
		if res := b.run(code, `2`); strings.Contains(string(res.Log), "dropped") || strings.Count(string(res.Log), "x\n") != 2 {
			t.Errorf("the bound is not per call: %d bytes", len(res.Log))
		}
		if got := b.ok(code, `"long"`); got != `"long"` {
			t.Errorf("a line without end: %s", got)
		}
		res = b.fails(code, `1000000`, runner.Output, "Runtime.OutputTooLarge")
		if !res.Error.Begun {
			t.Errorf("%+v", res.Error)
		}
		b.await(WorkerEnded, "too much output")
		if !strings.Contains(b.logged(), "too much output") {
			t.Errorf("the operator's log does not say why:\n%s", b.logged())
		}
		b.ok(code, `1`)
	})
}

func TestAnswerIsBounded(t *testing.T) {
	b := newRunner(t, sandbox.None, nil)
	code := js(t, `exports.handler = async (n) => 'a'.repeat(n)`)
	if got := b.ok(code, `6000000`); len(got) != 6000002 {
		t.Errorf("6 MB: %d bytes", len(got))
	}
	res := b.fails(code, `7340032`, runner.Output, "Function.ResponseSizeTooLarge")
	if res.Error.Message != "Response payload size exceeded maximum allowed payload size (6291556 bytes)." {
		t.Errorf("%+v", res.Error)
	}
	if again := b.run(code, `1`); again.Init != 0 || string(again.Payload) != `"a"` {
		t.Errorf("the worker was not kept: %+v", again)
	}
	if _, err := b.Run(t.Context(), code, &runner.Call{RequestID: "x", Payload: make([]byte, maxPayloadIn+1)}); err == nil {
		t.Error("an event of more than 6 MiB was accepted")
	}
}

// Output that is still in the pipe when the answer arrives belongs to its call.
func TestOutputBelongsToItsCall(t *testing.T) {
	b := newRunner(t, sandbox.None, nil)
	code := js(t, `exports.handler = async (e) => { process.stdout.write('call ' + e); return e }`)
	for i := range 200 {
		call := string(rune('A' + i%26))
		res := b.run(code, `"`+call+`"`)
		if want := "\ncall " + call + "\nEND"; !strings.Contains(string(res.Log), want) {
			t.Fatalf("call %d: no %q in\n%s", i, want, res.Log)
		}
	}
}

// The log of the server names errors of the start that it knows, and not what code calls its own: it may be a secret.
func TestInitErrorsInTheLog(t *testing.T) {
	b := newRunner(t, sandbox.None, nil)
	b.run(js(t, `throw Object.assign(new Error('why'), { name: 'canary-name' })`), `1`)
	b.run(js(t, `require('not-there')`), `1`)
	b.await(WorkerEnded, "")
	b.await(WorkerEnded, "")
	if log := b.logged(); strings.Contains(log, "canary-name") || !strings.Contains(log, "type=Runtime.ImportModuleError") {
		t.Errorf("log:\n%s", log)
	}
}

// BenchmarkOutput is 16 MiB of lines of two bytes, of which all but the first are dropped.
func BenchmarkOutput(b *testing.B) {
	text := []byte(strings.Repeat("x\n", 8<<20))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		o, err := newOutput(1<<20, nil, func() {})
		if err != nil {
			b.Fatal(err)
		}
		c := o.begin("1", "START")
		o.write.Write(text)
		o.end(c)
		o.close()
	}
}
