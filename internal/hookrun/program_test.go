package hookrun

import (
	"errors"
	"os"
	"strings"
	"testing"

	"countersign/internal/hookrun/sandbox"
	"countersign/internal/runner"
)

func TestGoFunction(t *testing.T) {
	code := goCode(t)
	levels(t, func(t *testing.T, level sandbox.Level) {
		b := newRunner(t, level, nil)
		if got := b.ok(code, `{"Do":"echo"}`); got != `{"echo":true}` {
			t.Errorf("echo: %s", got)
		}
		if got, want := b.ok(code, `{"Do":"context"}`), `[true,"`+code.ARN+`","`+code.Name+`",true]`; got != want {
			t.Errorf("context: %s, want %s", got, want)
		}
		if res := b.run(code, `{"Do":"print"}`); !strings.Contains(string(res.Log), "\nprinted\nEND") {
			t.Errorf("log:\n%s", res.Log)
		}
		if res := b.fails(code, `{"Do":"error"}`, runner.Thrown, "errorString"); res.Error.Message != "an error of mine" {
			t.Errorf("%+v", res.Error)
		}
		if res := b.fails(code, `{"Do":"panic"}`, runner.Thrown, "string"); res.Error.Message != "a panic of mine" || len(res.Error.Trace) == 0 {
			t.Errorf("%+v", res.Error)
		}
		b.fails(code, `{"Do":"exit"}`, runner.Exit, "Runtime.ExitError")
		b.fails(code, `{"Do":"large"}`, runner.Output, "Function.ResponseSizeTooLarge")
		if got := b.ok(code, `{}`); got != `{"echo":true}` {
			t.Errorf("afterwards: %s", got)
		}
		if env := b.ok(code, `{"Do":"env"}`); !strings.Contains(env, `"_HANDLER=bootstrap"`) || strings.Contains(env, "GOCACHE") {
			t.Errorf("environment %s", env)
		}
	})
}

func TestPackageWithoutBootstrap(t *testing.T) {
	b := newRunner(t, sandbox.None, nil)
	code := js(t, ``)
	code.Runtime = "provided.al2023"
	if _, err := b.Run(t.Context(), code, newCall(`1`)); err == nil || !strings.Contains(err.Error(), `no file "bootstrap"`) {
		t.Errorf("got %v", err)
	}
}

// A custom runtime as a script works only where nothing shuts it in; elsewhere the error says so.
func TestScriptAsBootstrap(t *testing.T) {
	script := "#!/usr/bin/env node\nconst api = 'http://' + process.env.AWS_LAMBDA_RUNTIME_API + '/2018-06-01/runtime/invocation/';\n" +
		"(async () => { for (;;) { const r = await fetch(api + 'next'); const id = r.headers.get('lambda-runtime-aws-request-id');\n" +
		"await (await fetch(api + id + '/response', { method: 'POST', body: await r.text() })).text() } })()\n"
	code := nodeCode(t, files{"bootstrap": script})
	code.Runtime, code.Env = "provided.al2", map[string]string{"PATH": os.Getenv("PATH")}
	if got := newRunner(t, sandbox.None, nil).ok(code, `{"a":[1]}`); got != `{"a":[1]}` {
		t.Errorf("got %s", got)
	}
	if _, err := newRunner(t, sandbox.Full, nil).Run(t.Context(), code, newCall(`1`)); !errors.Is(err, runner.ErrUnavailable) || !strings.Contains(err.Error(), "is a script") {
		t.Errorf("shut in: %v", err)
	}
}
