package countersign

import (
	"strings"
	"testing"
	"time"

	"countersign/internal/screen"
)

// What a guard refused is counted by its reason, and blocks and the day's money are read when somebody asks.
func TestGuardsAreCounted(t *testing.T) {
	ctx := t.Context()
	s := devServer(t)
	s.Start()
	p := s.parts
	if _, err := p.screen.PutPolicy(ctx, DevPool, screen.Policy{Mode: screen.Enforce, Countries: screen.Countries{Deny: []string{"FR"}}}, 0); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"c:DE", "c:IT"} {
		if err := p.pumping.Block(ctx, DevPool, key, time.Now().Add(time.Hour), "a test"); err != nil {
			t.Fatal(err)
		}
	}
	for to, want := range map[string]int{"+33612345678": 400, "+4915112345678": 400, "+12025550123": 200} {
		if got, body := callCognito(s.Handler(), "SignUp", strings.Replace(signUp, "+12025550123", to, 1)); got != want {
			t.Errorf("%s: %d %s", to, got, body)
		}
	}
	_, text := ask(s.Handler(), "GET", base+"/metrics", "")
	for _, want := range []string{
		`countersign_guard_refused_total{mode="enforced",reason="country"} 1`, `countersign_guard_refused_total{mode="enforced",reason="pumping"} 1`,
		`countersign_guard_blocks{by="operator"} 2`, `countersign_guard_blocks{by="detector"} 0`, `countersign_guard_spent_today{currency="USD"} 0`,
		"countersign_guard_spend_share 0", `countersign_events_total{type="cs_guard_refused"} 2`, `countersign_events_total{type="cs_guard_blocked"} 2`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	if t.Failed() {
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "countersign_guard") {
				t.Log(line)
			}
		}
	}
}
