package browsertest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Page is one tab with a profile of its own. Its methods fail the test on trouble.
type Page struct {
	t   testing.TB
	ctx context.Context
	dir string // of pictures

	mu       sync.Mutex
	host     string
	media    map[string]string
	problems []string
	allowed  bool
	told     chan struct{} // holds a token after each problem
}

// Page opens an empty tab of 1,280 by 832 pixels in the light colour scheme, without motion.
func (b *Browser) Page(t testing.TB) *Page {
	t.Helper()
	ctx, end := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	p := &Page{t: t, ctx: ctx, dir: t.ArtifactDir(), told: make(chan struct{}, 1), media: map[string]string{"prefers-color-scheme": "light", "prefers-reduced-motion": "no-preference"}}
	if err := chromedp.Do(ctx); err != nil { // opens the tab, without a deadline that would close it again
		t.Fatalf("a tab does not open: %v", err)
	}
	p.watch()
	t.Cleanup(func() {
		if t.Failed() {
			p.Screenshot("failure")
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.allowed && len(p.problems) > 0 {
			t.Errorf("the page complained:\n%s", strings.Join(p.problems, "\n"))
		}
		end()
	})
	p.setMedia("prefers-color-scheme", "light")
	p.Size(1280, 832)
	return p
}

// watch gathers errors of the console and requests to other hosts.
func (p *Page) watch() {
	console := chromedp.Console(p.ctx)
	go func() {
		for m, err := range console {
			if err != nil {
				return
			}
			if m.Type == "error" || m.Type == "exception" || m.Type == chromedp.ConsoleException {
				p.complain("console: " + m.Text)
			}
		}
	}()
	requests := chromedp.Events(p.ctx, network.RequestWillBeSent)
	p.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
		return err
	}))
	go func() {
		for e, err := range requests {
			if err != nil {
				return
			}
			u, err := url.Parse(e.Request.URL)
			p.mu.Lock()
			own := err == nil && (u.Host == p.host || u.Scheme == "data" || u.Scheme == "about")
			p.mu.Unlock()
			if !own {
				p.complain("request to another host: " + e.Request.URL)
			}
		}
	}()
}

func (p *Page) complain(s string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = append(p.problems, s)
	select {
	case p.told <- struct{}{}:
	default:
	}
}

// AllowProblems lets the page log errors, for tests that provoke them.
func (p *Page) AllowProblems() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = true
}

func (p *Page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, stepTimeout)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("browser: %v", err)
	}
}

// Open loads the URL and waits for the load event.
func (p *Page) Open(address string) {
	p.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.host = u.Host
	p.mu.Unlock()
	p.do(chromedp.Navigate(address))
}

// Eval evaluates the JavaScript expression, awaits it if it is a promise, and returns its value.
func Eval[T any](p *Page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, stepTimeout)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("browser: %s: %v", short(expression), err)
	}
	return v
}

// WaitFor waits until the JavaScript expression is true, looking once a frame, also on a page that the present one leads to.
func (p *Page) WaitFor(expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, stepTimeout)
	defer cancel()
	look := chromedp.Evaluate[bool](
		"new Promise(done => { const look = () => { if ("+expression+") done(true); else setTimeout(look, 10) }; look() })", chromedp.EvalAwaitPromise)
	_, err := chromedp.Run(ctx, look)
	for err != nil && ctx.Err() == nil && leftPage(err) {
		_, err = chromedp.Run(ctx, look)
	}
	if err != nil {
		p.t.Fatalf("browser: waited in vain for %s: %v", short(expression), err)
	}
}

// leftPage reports whether a script was lost because its page gave way to another one. DevTools has no code for it.
func leftPage(err error) bool {
	return strings.Contains(err.Error(), "navigated") || strings.Contains(err.Error(), "context was destroyed") || strings.Contains(err.Error(), "Cannot find context")
}

// WaitText waits until the element has the text in it.
func (p *Page) WaitText(selector, text string) {
	p.t.Helper()
	p.WaitFor("document.querySelector(" + quote(selector) + ")?.textContent.includes(" + quote(text) + ")")
}

// Text returns the text of the first element that matches the selector, trimmed.
func (p *Page) Text(selector string) string {
	p.t.Helper()
	return Eval[string](p, "document.querySelector("+quote(selector)+").textContent.trim()")
}

// Click clicks the middle of the first element that matches the selector.
func (p *Page) Click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

// Type focuses the element and types.
func (p *Page) Type(selector, text string) {
	p.t.Helper()
	p.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// Key presses keys where the focus is. Package kb of chromedp names those that are not characters.
func (p *Page) Key(keys string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(keys))
}

// Shortcut presses one letter of which the page is expected to take notice, so that it types nothing. Key would type it
// all the same, since it sends the character apart from the key.
func (p *Page) Shortcut(letter string) {
	p.t.Helper()
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeRawKeyDown, input.DispatchKeyEventTypeKeyUp} {
		p.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: letter})
			return err
		}))
	}
}

// Settle waits until nothing moves on the page.
func (p *Page) Settle() {
	p.t.Helper()
	p.WaitFor(`!document.querySelector("[style*=transform]") && document.getAnimations().every(a => a.playState !== "running")`)
}

// Size sets the viewport, in CSS pixels.
func (p *Page) Size(width, height int64) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(width, height))
}

// Sharp sets the viewport with two device pixels for each CSS pixel, for pictures.
func (p *Page) Sharp(width, height int64) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(width, height, chromedp.EmulateScale(2)))
}

// Narrow is the smallest phone that pages must work on: 360 by 740.
func (p *Page) Narrow() { p.t.Helper(); p.Size(360, 740) }

// Dark and Light choose what the system prefers.
func (p *Page) Dark() { p.t.Helper(); p.setMedia("prefers-color-scheme", "dark") }

// Light is the default.
func (p *Page) Light() { p.t.Helper(); p.setMedia("prefers-color-scheme", "light") }

// ReduceMotion asks the page to hold still.
func (p *Page) ReduceMotion() { p.t.Helper(); p.setMedia("prefers-reduced-motion", "reduce") }

func (p *Page) setMedia(name, value string) {
	p.t.Helper()
	p.media[name] = value
	params := emulation.SetEmulatedMediaParams{}
	for n, v := range p.media {
		params.Features = append(params.Features, &emulation.MediaFeature{Name: n, Value: v})
	}
	p.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, params)
		return err
	}))
}

// SetClock makes the pages opened from now on begin at the given moment, in UTC; their clocks go on from there.
func (p *Page) SetClock(start time.Time) {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "UTC"})
		return err
	}))
	p.atStart(fmt.Sprintf(`{ const Real = Date, ahead = %d - Real.now();
		window.Date = class extends Real { constructor(...a) { if (a.length) super(...a); else super(Real.now() + ahead) } static now() { return Real.now() + ahead } } }`,
		start.UnixMilli()))
}

// AllowClipboard lets the page read and write the clipboard, as a user's click would.
func (p *Page) AllowClipboard() {
	p.t.Helper()
	for _, name := range []string{"clipboard-read", "clipboard-write"} {
		p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := chromedp.CallBrowser(ctx, browser.SetPermission, browser.SetPermissionParams{
				Permission: &browser.PermissionDescriptor{Name: name}, Setting: browser.PermissionSettingGranted,
				BrowserContextID: chromedp.FromContext(ctx).BrowserContextID,
			})
			return err
		}))
	}
}

// Clipboard returns the text on the clipboard.
func (p *Page) Clipboard() string {
	p.t.Helper()
	return Eval[string](p, "navigator.clipboard.readText()")
}

// Screenshot puts a picture of the viewport into the test's artifacts (go test -artifacts) and returns its path.
func (p *Page) Screenshot(name string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, stepTimeout)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	path := filepath.Join(p.dir, name+".png")
	if err == nil {
		err = os.WriteFile(path, png, 0o644)
	}
	if err != nil {
		p.t.Errorf("browser: no screenshot: %v", err)
	}
	return path
}

// short cuts an expression for an error.
func short(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}

// atStart runs a script in every document before its own scripts.
func (p *Page) atStart(script string) {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	}))
}
