package screen_test

import (
	"strings"
	"testing"
	"time"

	"countersign/internal/screen"
	"countersign/internal/store"
)

// What is kept with a message does not tell its number: the row has the last four digits in its mask, and must not have the others.
func TestAdvisory_MarkHidesNumber(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := w.node()
		marks := map[string]bool{}
		for range 3 {
			d := n.send(ask(t, german))
			marks[d.Mark] = true
			if d.Refused != "" || d.Mark == "" || strings.Contains(d.Mark, german[1:7]) || strings.Contains(d.Mark, german[3:9]) {
				t.Fatalf("refused %q, mark %q", d.Refused, d.Mark)
			}
			m := &store.Message{PoolID: poolID, Guard: d.Mark, CreatedAt: w.now}
			w.now = w.now.Add(time.Minute)
			w.node(func(c *screen.Config) { c.Pumping = n.Pumping() }).Typed(m, w.now)
		}
		if len(marks) != 3 {
			t.Errorf("one mark stands for one range: %v", marks)
		}
		top, err := n.Pumping().Top(t.Context(), poolID, "r", w.now.Add(-time.Hour), 10)
		if err != nil || len(top) != 1 || top[0].Key != "r:"+german[:len(german)-4] || top[0].Verified != 3 {
			t.Errorf("counted %+v, %v", top, err)
		}
	})
}

// A line is in one range, whichever of its spellings is typed in.
func TestAdvisory_RangesOfSpellings(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := w.node()
		n.send(ask(t, "+5491123456789"))
		called := ask(t, "+541123456780")
		called.Channel = "voice"
		n.send(called)
		top, err := n.Pumping().Top(t.Context(), poolID, "r", w.now.Add(-time.Hour), 10)
		if err != nil || len(top) != 1 || top[0].Sent != 2 {
			t.Errorf("counted %+v, %v", top, err)
		}
	})
}

// A refusal in silence costs client and pool what a message costs, until it is undone: one that came to nothing costs nothing.
func TestAdvisory_SilentRefusalsCanBeUndone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := w.node()
		n.policy(quiet(screen.Policy{Countries: screen.Countries{Deny: []string{"DE"}}}))
		taken := func() (sum int64) {
			r, err := n.Report(t.Context(), poolID)
			if err != nil {
				t.Fatal(err)
			}
			for _, q := range r.Quotas {
				if q.Key == "pool/h/" {
					sum += q.Taken
				}
			}
			return sum
		}
		a := ask(t, german)
		a.Typed = false
		kept, undone := n.screen(a), n.screen(a)
		if kept.Refused != screen.Country || kept.Open {
			t.Fatalf("%+v", kept)
		}
		n.Committed(t.Context(), poolID, kept)
		n.Undo(undone)
		n.Undo(undone)
		n.Undo(kept)
		if got := taken(); got != 1 {
			t.Errorf("%d places are taken", got)
		}
	})
}
