package authentication

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"countersign/internal/browsertest"
	"countersign/internal/fault"
)

// site serves the page on a real socket: number +12025550100 works, and so does the code 123456.
func site(t *testing.T) string {
	t.Helper()
	x := newWorld()
	x.flows.ticket = func(args []string) error {
		switch {
		case args[0] != "good":
			return fault.New(fault.MFATokenInvalid)
		case args[1] == "OOB" && args[2] != "123456":
			return fault.New(fault.CodeMismatch)
		case args[1] != "OOB" && args[1] != "+12025550100":
			return fault.New(fault.DestinationRefused)
		}
		return nil
	}
	var s *httptest.Server
	api := New(Options{
		Flows: &x.flows, Dev: true, Log: slog.New(slog.DiscardHandler), Now: nil,
		PoolOf: func(context.Context) string { return poolID }, BaseURL: func(context.Context) string { return s.URL },
	})
	mux := http.NewServeMux()
	mux.Handle("/", api.EndUsers())
	s = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

// With the keyboard alone, from the link to the recovery code, through a wrong number and a wrong code.
func TestTicketInABrowser(t *testing.T) {
	p := browsertest.Start(t).Page(t)
	p.AllowProblems() // a refused form has a status of 4xx, which the browser reports
	const focused = `document.activeElement?.id === `
	p.Open(TicketURL(site(t), "good"))
	p.WaitFor(focused + `"phone"`)
	p.Key("12" + kb.Enter)
	p.WaitText("#problem", "This number cannot be used")
	p.WaitFor(focused + `"phone"`)
	browsertest.Eval[bool](p, `(document.getElementById("phone").value = "", true)`)
	p.Key("+1 202 555 0100" + kb.Enter)
	p.WaitFor(focused + `"code"`)
	p.Key("654321" + kb.Enter)
	p.WaitText("#problem", "That is not the code")
	p.WaitFor(focused + `"code"`)
	p.Key("123456" + kb.Enter)
	p.WaitText("h1", "Your phone was added")
	p.WaitText(".keep code", "RECOVERY24")
}

// Every state, in both schemes and on a small screen: no accessibility rule broken, nothing wider than the screen, and a picture of each.
func TestTicketPageStates(t *testing.T) {
	browser := browsertest.Start(t)
	base := site(t)
	type step func(p *browsertest.Page)
	number := func(n string) step {
		return func(p *browsertest.Page) { p.Type("#phone", n+kb.Enter) }
	}
	code := func(c string) step {
		return func(p *browsertest.Page) {
			p.WaitFor(`!!document.getElementById("code")`)
			p.Type("#code", c+kb.Enter)
		}
	}
	for name, c := range map[string]struct {
		ticket string
		steps  []step
		wait   string
	}{
		"number":     {"good", nil, "#phone"},
		"bad-number": {"good", []step{number("12")}, "#problem"},
		"code":       {"good", []step{number("+12025550100")}, "#code"},
		"bad-code":   {"good", []step{number("+12025550100"), code("1")}, "#problem"},
		"done":       {"good", []step{number("+12025550100"), code("123456")}, ".keep"},
		"dead":       {"bad", []step{number("+12025550100")}, "[role=alert]"},
	} {
		p := browser.Page(t)
		p.AllowProblems()
		p.Light()
		p.Size(1280, 832)
		p.Open(TicketURL(base, c.ticket))
		for _, s := range c.steps {
			s(p)
		}
		p.WaitFor(`document.readyState === "complete" && !!document.querySelector("` + c.wait + `")`)
		p.Axe()
		p.Screenshot(name + "-light")
		p.Dark()
		p.Settle()
		p.Axe()
		p.Screenshot(name + "-dark")
		p.Narrow()
		if over := browsertest.Eval[int](p, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
			t.Errorf("%s: %d pixels too wide", name, over)
		}
		p.Screenshot(name + "-narrow")
	}
}
