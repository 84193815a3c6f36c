package browsertest

import (
	"fmt"
	"os"
	"strings"
)

// axePath is where npm puts axe-core.
const axePath = "internal/ui/node_modules/axe-core/axe.min.js"

// violation is one broken rule, in axe's own words.
type violation struct {
	ID      string `json:"id"`
	Impact  string `json:"impact"`
	Help    string `json:"help"`
	HelpURL string `json:"helpUrl"`
	Nodes   []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// Axe fails the test for each accessibility rule that the page breaks in its present state: WCAG 2.2 A and AA, and axe's
// best practices. Animations stand still meanwhile, also those of what arrives while axe looks: a half-faded text has no
// contrast.
func (p *Page) Axe() {
	p.t.Helper()
	source, err := os.ReadFile(moduleFile(p.t, axePath))
	if err != nil {
		missing(p.t, "axe-core is not installed: run npm ci --ignore-scripts in internal/ui")
	}
	Eval[bool](p, `(() => {
		const still = new CSSStyleSheet();
		still.replaceSync("*, ::before, ::after { animation: none !important; transition: none !important }");
		document.adoptedStyleSheets.push(still);
		document.getAnimations().forEach(a => a.finish());
		return true;
	})()`)
	if !Eval[bool](p, "typeof axe === 'object'") {
		Eval[bool](p, string(source)+";true")
	}
	found := Eval[[]violation](p, `axe.run(document, {resultTypes: ["violations"]}).then(r => (document.adoptedStyleSheets.pop(), r.violations))`)
	for _, v := range found {
		var nodes strings.Builder
		for _, n := range v.Nodes {
			fmt.Fprintf(&nodes, "\n  %s\n    %s", n.HTML, strings.ReplaceAll(n.Summary, "\n", "\n    "))
		}
		p.t.Errorf("axe: %s (%s): %s\n  %s%s", v.ID, v.Impact, v.Help, v.HelpURL, nodes.String())
	}
}

// WatchShifts begins to add up layout shifts. Call it before Open.
func (p *Page) WatchShifts() {
	p.t.Helper()
	p.atStart(`window.__shifts = []; new PerformanceObserver(l => { for (const e of l.getEntries()) window.__shifts.push({value: e.value, nodes: e.sources.map(s => s.node?.outerHTML?.slice(0, 120) ?? "?").join(" | ")}) }).observe({type: "layout-shift", buffered: true})`)
}

// Shifts returns the sum of the layout shifts so far, whether or not input came just before, and what moved.
func (p *Page) Shifts() (float64, string) {
	p.t.Helper()
	type shift struct {
		Value float64 `json:"value"`
		Nodes string  `json:"nodes"`
	}
	// Two frames later everything that was due has been painted and reported.
	found := Eval[[]shift](p, `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(window.__shifts), 50))))`)
	sum, what := 0.0, ""
	for _, s := range found {
		sum += s.Value
		what += fmt.Sprintf("%.4f %s\n", s.Value, s.Nodes)
	}
	return sum, what
}
