package simulator

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestSandbox(t *testing.T) {
	b := emptyInbox(t)
	on := false
	var fails error
	h := Handler(HandlerOptions{
		Inbox: b, Sandbox: func(context.Context) (bool, error) { return on, fails },
		SetSandbox: func(_ context.Context, to bool) error { on = to; return fails },
	})
	page := func(want bool) {
		t.Helper()
		w := call(h, "GET", "/simulator/", "")
		if got := strings.Contains(w.Body.String(), "Sandbox on."); w.Code != 200 || got != want {
			t.Errorf("page: %d, says that it is on: %v", w.Code, got)
		}
	}
	ask := func(method, body string, status int, want string) {
		t.Helper()
		w := call(h, method, "/simulator/sandbox", body)
		if w.Code != status || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s %s: %d %s", method, body, w.Code, w.Body)
		}
	}
	ask("GET", "", 200, `{"enabled":false}`)
	page(false)
	before := b.snapshot(Filter{}).epoch
	ask("PUT", `{"enabled":true}`, 200, `{"enabled":true}`)
	if b.snapshot(Filter{}).epoch == before {
		t.Error("open pages do not learn of it")
	}
	if !on {
		t.Error("it is off")
	}
	page(true)
	ask("GET", "", 200, `{"enabled":true}`)
	ask("PUT", `{}`, 400, `"field":"enabled"`)
	ask("PUT", `{"enabled":"yes"}`, 400, `"field":"enabled"`)
	ask("PUT", `{"enabled":false,"x":1}`, 400, `"field":"x"`)
	ask("DELETE", "", 405, "method_not_allowed")
	if !on {
		t.Error("a request that was refused switched it off")
	}
	fails = errors.New("secret detail")
	ask("GET", "", 500, "internal_error")
	ask("PUT", `{"enabled":false}`, 500, "internal_error")
	page(false)
	if w := call(h, "GET", "/simulator/sandbox", ""); strings.Contains(w.Body.String(), "secret detail") {
		t.Error("it tells the cause")
	}
}
