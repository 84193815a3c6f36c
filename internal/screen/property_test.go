package screen_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"countersign/internal/screen"
	"countersign/internal/store/storetest"
	"countersign/phone"
)

var (
	someNumbers = []string{
		american, "+14155562671", "+14155562672", german, "+447400123456", "+442071838750", "+12025550123", "+19002345678", "+881612345678", "+4915123456780",
	}
	someModes     = []screen.Mode{"", "", "", screen.Enforce, screen.Record, screen.Off}
	someCountries = []string{"US", "DE", "GB"}
	somePurposes  = []string{"sign_in", "recovery", "sign_up", "verify", "notice"}
	someAddresses = []string{"", "192.0.2.7", "192.0.2.8", "198.51.100.1", "2001:db8::1"}
)

func drawPolicy(t *rapid.T) screen.Policy {
	mode := func(name string) screen.Mode { return rapid.SampledFrom(someModes).Draw(t, name) }
	window := func(name string) screen.Window {
		n := rapid.SampledFrom([]int{-1, 0, 1, 2, 3, 5, 8})
		return screen.Window{Hour: n.Draw(t, name+" hour"), Day: n.Draw(t, name+" day")}
	}
	percent := rapid.SampledFrom([]int{0, 1, 50, 100})
	some := func(name string) []string {
		return rapid.SliceOfN(rapid.SampledFrom(someCountries), 0, 2).Draw(t, name)
	}
	p := screen.Policy{
		Mode: mode("mode"), Fictional: mode("fictional"), Countries: screen.Countries{Mode: mode("countries"), Allow: some("allow"), Deny: some("deny")},
		Lines: screen.Lines{Mode: mode("lines")},
		Limits: screen.Limits{
			Mode: mode("limits"), Client: window("client"), Pool: window("pool"), Country: window("country"), Range: window("range"),
			StrangersPercent: percent.Draw(t, "share"),
		},
		Spend: screen.SpendLimit{
			Mode: mode("spend"), Day: rapid.SampledFrom([]string{"", "none", "0.10", "0.25", "0.50"}).Draw(t, "day"),
			StrangersPercent: percent.Draw(t, "spend share"),
		},
	}
	p.Pumping.Mode = string(mode("pumping"))
	p.Pumping.CountriesPerAddress = rapid.IntRange(0, 2).Draw(t, "countries per address")
	p.Pumping.Range.Waiting = rapid.IntRange(0, 2).Draw(t, "waiting")
	for i := range rapid.IntRange(0, 2).Draw(t, "rules") {
		r := screen.Rule{Name: fmt.Sprint(i), Action: rapid.SampledFrom([]string{"allow", "deny"}).Draw(t, "action")}
		switch rapid.IntRange(0, 3).Draw(t, "rule") {
		case 0:
			r.Numbers = []string{rapid.SampledFrom([]string{"+1", "+1415556", german}).Draw(t, "rule's number")}
		case 1:
			r.Networks = []string{"192.0.2.0/29"}
		case 2:
			r.Clients = []string{"app"}
		case 3:
			r.Purposes = []string{"sign_in"}
		}
		p.Rules = append(p.Rules, r)
	}
	return p
}

func drawAsk(t *rapid.T) screen.Ask {
	a := screen.Ask{
		PoolID: poolID, ClientID: rapid.SampledFrom([]string{"app", "other"}).Draw(t, "client"),
		Channel:   rapid.SampledFrom([]string{"sms", "voice"}).Draw(t, "channel"),
		Purpose:   rapid.SampledFrom(somePurposes).Draw(t, "purpose"),
		Confirmed: rapid.Bool().Draw(t, "confirmed"), Known: rapid.Bool().Draw(t, "known"),
		Typed: rapid.Bool().Draw(t, "typed"), Operator: rapid.IntRange(0, 9).Draw(t, "operator") == 0,
	}
	a.To, _ = phone.Parse(rapid.SampledFrom(someNumbers).Draw(t, "to"))
	a.IP, _ = netip.ParseAddr(rapid.SampledFrom(someAddresses).Draw(t, "address"))
	return a
}

// TestOpenDependsOnTheRequest: whatever the policy and whatever was sent before, an open decision about a typed number is the same for a number that somebody has
// proven and for one that nobody has, and for who comes from a known network and who does not. About a number that was not typed in, an open decision
// does not even depend on the number.
func TestOpenDependsOnTheRequest(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	rapid.Check(t, func(r *rapid.T) {
		policy := drawPolicy(r)
		before := rapid.SliceOfN(rapid.Custom(drawAsk), 0, 12).Draw(r, "before")
		last := drawAsk(r)
		var first *screen.Decision
		for _, who := range []struct{ confirmed, known bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
			tos := []phone.Number{last.To}
			if !last.Typed {
				tos = append(tos, number(t, german), phone.Number{})
			}
			for _, to := range tos {
				n := history(w, policy, before)
				a := last
				a.Confirmed, a.Known, a.To = who.confirmed, who.known, to
				d := n.screen(a)
				if !d.Open {
					d = screen.Decision{} // the caller is told nothing
				}
				d.Recorded = nil
				if first == nil {
					first = &d
				}
				if d.Refused != first.Refused || d.Open != first.Open || d.Evidence != first.Evidence {
					r.Fatalf("typed %v, confirmed %v, known %v: %+v, before %+v", a.Typed, a.Confirmed, a.Known, d, *first)
				}
			}
		}
	})
}

// history is a fresh server, at noon, with a pool of its own for which some messages were asked for.
func history(w *world, p screen.Policy, before []screen.Ask) *node {
	n := w.node()
	n.pool, w.now = w.fresh(), noon
	n.policy(p)
	for i, a := range before {
		if d := n.send(a); i%5 == 4 {
			n.Undo(d)
		}
		w.now = w.now.Add(time.Minute)
	}
	return n
}

// TestOpenQuotasHideAccounts: as long as money does not end, what is said openly does not depend on who had proven the numbers that were asked for before
// either.
func TestOpenQuotasHideAccounts(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	rapid.Check(t, func(r *rapid.T) {
		policy := drawPolicy(r)
		policy.Spend = screen.SpendLimit{Day: screen.None}
		asks := rapid.SliceOfN(rapid.Custom(drawAsk), 1, 15).Draw(r, "asks")
		open := func(change func(screen.Ask) screen.Ask) (out []screen.Reason) {
			n := history(w, policy, nil)
			for _, a := range asks {
				d := n.send(change(a))
				if !d.Open {
					d.Refused = ""
				}
				out = append(out, d.Refused)
				w.now = w.now.Add(time.Minute)
			}
			return out
		}
		want := open(func(a screen.Ask) screen.Ask { return a })
		for name, change := range map[string]func(screen.Ask) screen.Ask{
			"nobody":  func(a screen.Ask) screen.Ask { a.Confirmed, a.Known = false, false; return a },
			"owners":  func(a screen.Ask) screen.Ask { a.Confirmed, a.Known = true, true; return a },
			"pretend": func(a screen.Ask) screen.Ask { a.Pretended = true; return a },
		} {
			if got := open(change); !slices.Equal(got, want) {
				r.Fatalf("%s: %q, drawn %q", name, got, want)
			}
		}
	})
}

// TestExplainSaysWhatScreenDoes, and counts nothing.
func TestExplainSaysWhatScreenDoes(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	rapid.Check(t, func(r *rapid.T) {
		n := history(w, drawPolicy(r), rapid.SliceOfN(rapid.Custom(drawAsk), 0, 12).Draw(r, "before"))
		a := drawAsk(r)
		a.PoolID = n.pool
		if err := n.quota.Return(t.Context()); err != nil {
			r.Fatal(err)
		}
		var explained screen.Decision
		for range 3 {
			d, lines, err := n.Explain(t.Context(), a)
			if err != nil || len(lines) == 0 {
				r.Fatalf("%d lines, %v", len(lines), err)
			}
			explained = d
		}
		if d := n.screen(a); d.Refused != explained.Refused || d.Open != explained.Open {
			r.Fatalf("explained %+v, decided %+v", explained, d)
		}
	})
}
