package simulator

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"countersign/internal/browsertest"
	"countersign/provider"
)

const (
	isLive  = `document.getElementById("live").dataset.state === "live"`
	replies = `[...document.querySelectorAll(".bubble.mine .balloon")].map(b => b.textContent)`
)

// The whole story of a developer's first minutes, on one page that is never loaded anew.
func TestTextArrivesCopyReply(t *testing.T) {
	inbound := make(chan string, 4)
	b := emptyInbox(t)
	address := site(t, b, HandlerOptions{OnInbound: func(_ context.Context, from, text string) error {
		inbound <- from + " " + text
		return nil
	}})
	p := browsertest.Start(t).Page(t)
	p.AllowClipboard()
	p.Open(address)
	p.WaitFor(isLive)

	text(t, b, anna, "Your sign-in code is 493027.", "493027")
	p.WaitText(".bubble mark.code", "493027")
	p.WaitText("#announce", "New text to +12025550123: Your sign-in code is 493027.")
	p.WaitText(".big-code", "493027")

	p.Click(".bubble [data-copy]")
	p.WaitText("#announce", "Copied")
	if got := p.Clipboard(); got != "493027" {
		t.Errorf("clipboard %q", got)
	}

	p.Type("#reply-text", "stop it"+kb.Enter)
	if got := <-inbound; got != anna+" stop it" {
		t.Errorf("inbound %q", got)
	}
	p.WaitFor(replies + `.includes("stop it")`)
	p.WaitFor(`document.querySelector("#reply-text").value === ""`)
	p.Click(`[data-say="STOP"]`)
	if got := <-inbound; got != anna+" STOP" {
		t.Errorf("inbound %q", got)
	}
	p.WaitFor(replies + `.includes("STOP")`)

	// A text to another phone must not take this one away from somebody who types.
	p.Type("#reply-text", "hm")
	text(t, b, "+12025550177", "Your code is 118209.", "118209")
	p.WaitFor(`document.querySelectorAll("#rows .row").length === 2`)
	if got := p.Text("#stage-title"); got != "+1 202 555 0123" {
		t.Errorf("the page went to %q", got)
	}
	p.WaitFor(`document.title.startsWith("(1)") && document.querySelector("[data-unread]")?.dataset.party === "+12025550177"`)
	p.Settle()
	p.Click(`[data-party="+12025550177"]`)
	p.WaitText("#stage-title", "+1 202 555 0177")
	p.WaitFor(`!document.title.startsWith("(") && !document.querySelector("[data-unread]")`)
}

func TestReplyRefused(t *testing.T) {
	b := fixtures(t)
	address := site(t, b, HandlerOptions{OnInbound: func(context.Context, string, string) error { return errors.New("no") }})
	p := browsertest.Start(t).Page(t)
	p.AllowProblems() // the browser logs the 500
	p.Open(address)
	p.Type("#reply-text", "HELP"+kb.Enter)
	p.WaitText("#reply-error", "Not sent")
	if got := browsertest.Eval[string](p, `document.querySelector("#reply-text").value`); got != "HELP" {
		t.Errorf("what was typed is gone: %q", got)
	}
	p.Axe()
}

func TestKeyboardOnly(t *testing.T) {
	b := fixtures(t)
	p := browsertest.Start(t).Page(t)
	p.AllowClipboard()
	p.Open(site(t, b, HandlerOptions{}))
	p.WaitFor(isLive)
	focused := func() string {
		return browsertest.Eval[string](p, `document.activeElement.dataset.party ?? document.activeElement.id`)
	}
	p.Shortcut("c")
	p.WaitText("#announce", "Copied")
	if got := p.Clipboard(); got != "493027" {
		t.Errorf("clipboard %q", got)
	}
	p.Key(kb.ArrowDown) // to the open phone, then to the next ones
	p.Key(kb.ArrowDown)
	p.Key(kb.ArrowDown)
	if got := focused(); got != "+33639980011" {
		t.Fatalf("focus on %q", got)
	}
	if outline := browsertest.Eval[string](p, `getComputedStyle(document.activeElement).outlineStyle`); outline != "solid" {
		t.Errorf("the focus cannot be seen: %q", outline)
	}
	p.Key(kb.Enter)
	p.WaitText(".big-code", "481516")
	if got := focused(); got != "+33639980011" {
		t.Errorf("focus went to %q", got)
	}
	p.Shortcut("r")
	p.Key("merci" + kb.Enter)
	p.WaitFor(replies + `.includes("merci")`)
	p.Key(kb.Escape)
	if got := focused(); got != "+33639980011" {
		t.Errorf("Escape left the focus on %q", got)
	}
	p.Key(kb.Home + kb.ArrowUp)
	if got := focused(); got != "q" {
		t.Errorf("above the list is %q", got)
	}
	p.Key("770 09")
	p.WaitFor(`document.querySelectorAll("#rows .row").length === 1`)
	p.Key(kb.ArrowDown + kb.Enter)
	p.WaitText("#stage-title", "+44 770 090 0456")

	p.Click("#letter-keys")
	browsertest.Eval[bool](p, `(document.activeElement.blur(), true)`)
	p.Shortcut("r")
	if got := focused(); got == "reply-text" {
		t.Error("a letter key works although switched off")
	}
	// Tab reaches everything there is to press, in the order of the page, and the skip link comes first.
	p.Open(browsertest.Eval[string](p, "location.href"))
	p.Key(kb.Tab)
	if got := browsertest.Eval[string](p, `document.activeElement.className`); got != "skip" {
		t.Errorf("the first stop is %q", got)
	}
}

// Nothing may jump while texts arrive: neither in the open thread nor in the list.
func TestNoLayoutShift(t *testing.T) {
	browser := browsertest.Start(t)
	for _, calm := range []bool{false, true} {
		b := fixtures(t)
		p := browser.Page(t)
		if calm {
			p.ReduceMotion()
		}
		p.AllowClipboard()
		p.WatchShifts()
		p.Open(site(t, b, HandlerOptions{}) + "?to=%2B12025550123")
		p.WaitFor(isLive)
		text(t, b, anna, "Your sign-in code is 111222.", "111222")
		p.WaitText(".big-code", "111222")
		text(t, b, "+447700900456", "Your code is 333444.", "333444") // from the last row to the first
		p.WaitFor(`document.querySelector("#rows .row").dataset.party === "+447700900456"`)
		text(t, b, "+12025550188", "Your code is 555666.", "555666") // a new row
		p.WaitFor(`document.querySelector("#rows .row").dataset.party === "+12025550188"`)
		p.WaitText("#announce", "New text to +12025550188")
		p.Shortcut("c")
		p.WaitText("#announce", "Copied")
		if sum, what := p.Shifts(); sum > 0.001 {
			t.Errorf("reduced motion %v: layout shifts of %.4f:\n%s", calm, sum, what)
		}
		// The newest text is in sight.
		if below := browsertest.Eval[float64](p, `(() => { const b = document.getElementById("bubbles"); return b.scrollHeight - b.scrollTop - b.clientHeight })()`); below > 2 {
			t.Errorf("%.0f pixels are below the fold", below)
		}
	}
}

// The page says that the server is gone, and catches up when it is back.
func TestConnectionLost(t *testing.T) {
	b := emptyInbox(t)
	h := Handler(HandlerOptions{Inbox: b, Location: time.UTC})
	var down atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			panic(http.ErrAbortHandler)
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { b.Close() })
	p := browsertest.Start(t).Page(t)
	p.AllowProblems()
	p.Open(s.URL + "/simulator/")
	p.WaitFor(isLive)
	down.Store(true)
	s.CloseClientConnections()
	p.WaitText("#lost-text", "Connection to Countersign lost")
	p.Axe()
	p.Screenshot("lost")
	text(t, b, anna, "Your sign-in code is 493027.", "493027")
	down.Store(false)
	p.WaitText(".big-code", "493027")
	p.WaitFor(isLive + ` && document.getElementById("lost-text").textContent === ""`)
}

func TestClearAndReset(t *testing.T) {
	b := fixtures(t)
	p := browsertest.Start(t).Page(t)
	p.Open(site(t, b, HandlerOptions{}))
	p.WaitFor(isLive)
	p.Click(`.detail [data-clear]`)
	p.WaitText(`.detail [data-clear]`, "Really clear?")
	p.Click(`.detail [data-clear]`)
	p.WaitFor(`document.querySelectorAll("#rows .row").length === 4`)
	b.Reset() // from elsewhere: the stream tells the page
	p.WaitText("#empty-title", "Waiting for the first text")
	if got := len(b.List(Filter{Replies: true})); got != 0 {
		t.Errorf("%d messages left", got)
	}
}

func TestThemeToggle(t *testing.T) {
	p := browsertest.Start(t).Page(t)
	address := site(t, fixtures(t), HandlerOptions{})
	p.Open(address)
	background := func() string { return browsertest.Eval[string](p, "getComputedStyle(document.body).backgroundColor") }
	light := background()
	p.Click("[data-theme-toggle]")
	dark := background()
	if dark == light {
		t.Error("the toggle does nothing")
	}
	p.Open(address)
	if background() != dark {
		t.Error("the choice is forgotten")
	}
	p.Click("[data-theme-toggle]")
	p.Dark() // the choice equals the system's again, so the system leads
	if background() != dark {
		t.Error("the system's choice is not followed")
	}
}

// Texts are strangers' strings: none may become markup.
func TestPageEscapes(t *testing.T) {
	b := emptyInbox(t)
	evil := `<img src=x onerror="document.title='broken'"><script>document.title='broken'</script>`
	text(t, b, anna, "Hello "+evil+" 1234", "1234")
	if _, err := b.Send(t.Context(), provider.Message{Channel: provider.Email, To: `"><b>@example.com`, Subject: evil, Text: evil, From: evil}); err != nil {
		t.Fatal(err)
	}
	p := browsertest.Start(t).Page(t)
	address := site(t, b, HandlerOptions{})
	for _, query := range []string{"", "?tab=mail", "?q=" + `%22%3E%3Cimg%20src=x%3E`} {
		p.Open(address + query)
		p.WaitFor(isLive)
		if n := browsertest.Eval[int](p, `document.querySelectorAll("main img, main script, main b").length`); n != 0 {
			t.Errorf("%s: %d strange elements", query, n)
		}
	}
	if title := browsertest.Eval[string](p, "document.title"); title != "Simulator · Countersign" && title != "(1) Simulator · Countersign" {
		t.Errorf("title %q", title)
	}
}
