package screen_test

import (
	"fmt"
	"testing"
	"time"

	"countersign/internal/screen"
	"countersign/internal/store/storetest"
)

// BenchmarkScreen judges messages as a busy pool has them: the policy, the blocks of quotas and the counts of keys are in memory.
func BenchmarkScreen(b *testing.B) {
	w := newWorld(b, storetest.SQLite(b))
	n := w.node(priced(10))
	p := screen.Policy{Limits: screen.Limits{
		Client: screen.Window{Hour: 900_000_000}, Pool: screen.Window{Hour: 900_000_000}, Country: screen.Window{Hour: 900_000_000},
	}, Spend: screen.SpendLimit{Day: "100000000"}}
	rules := p
	for i := range 50 {
		rules.Rules = append(rules.Rules, screen.Rule{Name: fmt.Sprint(i), Action: "deny", Numbers: []string{fmt.Sprintf("+88%d", i)},
			Networks: []string{"198.51.100.0/24"}})
	}
	for _, c := range []struct {
		name   string
		policy screen.Policy
		ask    screen.Ask
	}{
		{"owner", p, proven(b, american)}, {"stranger without detector", quiet(p), ask(b, american)}, {"fifty rules", rules, proven(b, american)},
		{"refused country", quiet(screen.Policy{Countries: screen.Countries{Allow: []string{"DE"}}}), ask(b, american)},
	} {
		b.Run(c.name, func(b *testing.B) {
			n.policy(c.policy)
			n.send(c.ask)
			b.ReportAllocs()
			for b.Loop() {
				n.Undo(n.screen(c.ask))
			}
		})
	}
	b.Run("line not in memory", func(b *testing.B) {
		n.policy(quiet(p))
		i := 0
		b.ReportAllocs()
		for b.Loop() {
			i++
			n.Undo(n.screen(proven(b, fmt.Sprintf("+1415%03d%04d", 200+i/100%700, i*100%10_000))))
		}
	})
	b.Run("stranger", func(b *testing.B) {
		n.policy(p)
		b.ReportAllocs()
		for b.Loop() {
			n.Undo(n.screen(ask(b, american)))
		}
	})
	w.now = w.now.Add(time.Second)
}
