package simulator

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/browsertest"
	"countersign/provider"
)

// storyEnd is 9:41 on the day after the hooks ended.
var storyEnd = time.Date(2026, 11, 21, 9, 41, 0, 0, time.UTC)

const anna = "+12025550123"

// site is the handler on a real socket, with an inbox.
func site(t *testing.T, b *Inbox, o HandlerOptions) string {
	t.Helper()
	o.Inbox, o.Location = b, time.UTC
	s := httptest.NewServer(Handler(o))
	t.Cleanup(s.Close)
	t.Cleanup(func() { b.Close() }) // first, so that no stream holds the server
	return s.URL + "/simulator/"
}

func fixtures(t *testing.T) *Inbox {
	t.Helper()
	b, err := Fixtures(storyEnd)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func emptyInbox(t *testing.T) *Inbox {
	t.Helper()
	b, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func text(t *testing.T, b *Inbox, to, body, code string) {
	t.Helper()
	_, err := b.Send(context.Background(), provider.Message{To: to, From: "COUNTERSGN", Text: body, Code: code, TriggerSource: "CustomSMSSender_Authentication"})
	if err != nil {
		t.Fatal(err)
	}
}

// Every state of the page, in both schemes and on a small screen: no accessibility rule broken, nothing wider than the
// screen, and a picture of each.
func TestPageStates(t *testing.T) {
	browser := browsertest.Start(t)
	full, none := site(t, fixtures(t), HandlerOptions{}), site(t, emptyInbox(t), HandlerOptions{})
	var on atomic.Bool
	on.Store(true)
	boxed := site(t, fixtures(t), withSandbox(&on))
	for name, address := range map[string]string{
		"sandbox": boxed, "phones": full, "phone": full + "?to=%2B12025550123", "stopped": full + "?to=%2B447700900456", "call": full + "?to=%2B4915735990000",
		"no-code": full + "?to=%2B12025550177", "new-phone": full + "?to=%2B12025550100", "mail": full + "?tab=mail",
		"letter": full + "?to=grace@example.com", "nothing-found": full + "?q=999", "empty": none, "empty-mail": none + "?tab=mail",
	} {
		p := browser.Page(t)
		p.SetClock(storyEnd)
		for _, scheme := range []string{"light", "dark"} {
			for _, size := range []string{"wide", "middle", "narrow"} {
				if size == "middle" && (scheme == "dark" || name != "phone") {
					continue // the same parts as in the others, in another place
				}
				p.Light()
				if scheme == "dark" {
					p.Dark()
				}
				switch p.Size(1280, 832); size {
				case "middle":
					p.Size(900, 832)
				case "narrow":
					p.Narrow()
				}
				p.Open(address)
				p.WaitFor(`document.getElementById("live").dataset.state === "live"`)
				p.Axe()
				if over := browsertest.Eval[int](p, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
					t.Errorf("%s, %s: %d pixels too wide", name, size, over)
				}
				p.Screenshot(strings.Join([]string{name, scheme, size}, "-"))
			}
		}
	}
}

func withSandbox(on *atomic.Bool) HandlerOptions {
	return HandlerOptions{
		Sandbox:    func(context.Context) (bool, error) { return on.Load(), nil },
		SetSandbox: func(_ context.Context, to bool) error { on.Store(to); return nil },
	}
}

// An open page shows at once that the sandbox was switched.
func TestPageShowsTheSandbox(t *testing.T) {
	var on atomic.Bool
	address := site(t, fixtures(t), withSandbox(&on))
	p := browsertest.Start(t).Page(t)
	p.Open(address)
	p.WaitFor(isLive)
	for _, to := range []string{"true", "false"} {
		r, err := http.NewRequestWithContext(t.Context(), "PUT", address+"sandbox", strings.NewReader(`{"enabled":`+to+`}`))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		p.WaitFor(`(document.querySelector(".sandboxed") !== null) === ` + to)
	}
}

// The picture in the README is this one, reduced to 256 colours:
// go test -run PictureForDocs -artifacts -outputdir . ./internal/simulator
func TestPictureForDocs(t *testing.T) {
	p := browsertest.Start(t).Page(t)
	p.SetClock(storyEnd)
	p.Sharp(1280, 832)
	p.Open(site(t, fixtures(t), HandlerOptions{}))
	p.WaitFor(isLive)
	p.WaitText("time[data-expires]", "expires in 2:")
	p.Screenshot("simulator")
}
