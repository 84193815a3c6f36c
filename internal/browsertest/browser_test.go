package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"
)

const plain = `<!doctype html><html lang="en"><head><title>t</title><link rel="icon" href="data:,"></head><body><main><h1>Hello</h1>
<button onclick="document.querySelector('p').textContent='clicked'">Press</button><p></p></main></body></html>`

func serve(t *testing.T, html string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, html)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestPage(t *testing.T) {
	p := Start(t).Page(t)
	p.WatchShifts()
	p.Open(serve(t, plain))
	p.Click("button")
	p.WaitText("p", "clicked")
	p.Dark()
	if !Eval[bool](p, `matchMedia("(prefers-color-scheme: dark)").matches`) {
		t.Error("not dark")
	}
	p.Narrow()
	if w := Eval[int](p, "innerWidth"); w != 360 {
		t.Errorf("width %d", w)
	}
	p.Axe()
	if info, err := os.Stat(p.Screenshot("page")); err != nil || info.Size() == 0 {
		t.Errorf("no picture: %v", err)
	}
}

// A helper that cannot fail proves nothing: what is wrong must be found.
func TestFindsFaults(t *testing.T) {
	b := Start(t)
	bad := &recorder{TB: t}
	p := b.Page(t)
	p.AllowProblems()
	p.WatchShifts()
	p.Open(serve(t, `<!doctype html><html><title>t</title><body><img src="http://127.0.0.1:1/x.png"><input><p id="p">moves</p>
<script>console.error("bad"); requestAnimationFrame(() => requestAnimationFrame(() => p.style.marginTop = "300px"))</script></body></html>`))
	p.WaitFor(`document.getElementById("p").style.marginTop`)
	if sum, _ := p.Shifts(); sum <= 0 {
		t.Error("the shift was not seen")
	}
	p.t = bad
	p.Axe()
	p.t = t
	if bad.errors < 2 {
		t.Errorf("axe found %d faults", bad.errors)
	}
	for late := time.After(stepTimeout); ; {
		p.mu.Lock()
		seen := len(p.problems)
		p.mu.Unlock()
		if seen >= 2 { // the console's line and the request to another host
			return
		}
		select {
		case <-p.told:
		case <-late:
			t.Fatalf("%d problems seen", seen)
		}
	}
}

// recorder counts errors instead of failing.
type recorder struct {
	testing.TB
	errors int
}

func (r *recorder) Errorf(string, ...any) { r.errors++ }
