package hookrun

import (
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
