package screen_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/screen"
	"countersign/internal/store/storetest"
)

// A policy that says nothing is the default, and the default written out in full is the same policy.
func TestDefault(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	for _, c := range []struct {
		name string
		*node
		dev bool
	}{{"serve", w.node(), false}, {"dev", w.node(dev), true}} {
		d := screen.Default(c.dev)
		if err := d.Check(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := c.Filled(screen.Policy{}, 0); !reflect.DeepEqual(got, d) {
			t.Errorf("%s: nothing is %+v, the default %+v", c.name, got, d)
		}
		doc, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var back screen.Policy
		if err := json.Unmarshal(doc, &back); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(c.Filled(back, 1), d) {
			t.Errorf("%s: %s is read as %+v", c.name, doc, back)
		}
	}
	if doc, _ := json.Marshal(screen.Policy{}); string(doc) != "{}" {
		t.Errorf("nothing is written as %s", doc)
	}
	empty := screen.Policy{Lines: screen.Lines{Block: []string{}}}
	doc, _ := json.Marshal(empty)
	var back screen.Policy
	if err := json.Unmarshal(doc, &back); err != nil || back.Lines.Block == nil {
		t.Errorf("an empty list is written as %s: %v", doc, err)
	}
}

func TestCheck(t *testing.T) {
	rule := func(r screen.Rule) screen.Policy { return screen.Policy{Rules: []screen.Rule{r}} }
	for _, tt := range []struct {
		field  string
		policy screen.Policy
	}{
		{"mode", screen.Policy{Mode: "on"}},
		{"countries.mode", screen.Policy{Countries: screen.Countries{Mode: "x"}}},
		{"fictional", screen.Policy{Fictional: "x"}},
		{"limits.mode", screen.Policy{Limits: screen.Limits{Mode: "x"}}},
		{"spend.mode", screen.Policy{Spend: screen.SpendLimit{Mode: "x"}}},
		{"pumping.mode", func() (p screen.Policy) { p.Pumping.Mode = "x"; return p }()},
		{"countries.allow[1]", screen.Policy{Countries: screen.Countries{Allow: []string{"US", "us"}}}},
		{"countries.deny[0]", screen.Policy{Countries: screen.Countries{Deny: []string{"UK"}}}},
		{"line_types.block[0]", screen.Policy{Lines: screen.Lines{Block: []string{"landline"}}}},
		{"rules[0].name", rule(screen.Rule{Action: screen.Deny, Numbers: []string{"+1"}})},
		{"rules[0].action", rule(screen.Rule{Name: "a", Numbers: []string{"+1"}})},
		{"rules[0]", rule(screen.Rule{Name: "a", Action: screen.Deny})},
		{"rules[0].numbers[0]", rule(screen.Rule{Name: "a", Action: screen.Deny, Numbers: []string{"0049"}})},
		{"rules[0].networks[0]", rule(screen.Rule{Name: "a", Action: screen.Deny, Networks: []string{"192.0.2.0/33"}})},
		{"rules[0].clients[0]", rule(screen.Rule{Name: "a", Action: screen.Deny, Clients: []string{""}})},
		{"rules[0].purposes[0]", rule(screen.Rule{Name: "a", Action: screen.Deny, Purposes: []string{"login"}})},
		{"rules[1].name", screen.Policy{Rules: []screen.Rule{
			{Name: "a", Action: screen.Deny, Numbers: []string{"+1"}}, {Name: "a", Action: screen.Deny, Numbers: []string{"+2"}},
		}}},
		{"limits.range.day", screen.Policy{Limits: screen.Limits{Range: screen.Window{Day: -2}}}},
		{"limits.strangers_percent", screen.Policy{Limits: screen.Limits{StrangersPercent: 101}}},
		{"limits.cool_down_seconds[0]", screen.Policy{Limits: screen.Limits{CoolDown: []int{4000}}}},
		{"limits.back_off_after", screen.Policy{Limits: screen.Limits{BackOffAfter: -2}}},
		{"spend.day", screen.Policy{Spend: screen.SpendLimit{Day: "0"}}},
		{"spend.day", screen.Policy{Spend: screen.SpendLimit{Day: "-5"}}},
		{"spend.unpriced", screen.Policy{Spend: screen.SpendLimit{Unpriced: "0.05$"}}},
		{"spend.currency", screen.Policy{Spend: screen.SpendLimit{Currency: "usd"}}},
	} {
		err := tt.policy.Check()
		if f := fault.Of(err); err == nil || f.Code != fault.InvalidParameter || f.Field != tt.field || f.Public == "" {
			t.Errorf("%s: %v", tt.field, err)
		}
	}
	full := screen.Policy{
		Countries: screen.Countries{Allow: []string{"US", "DE"}}, Spend: screen.SpendLimit{Day: "2500000.50", Currency: "EUR", Unpriced: "0"},
		Rules: []screen.Rule{{Name: "staff", Action: screen.Allow, Networks: []string{"192.0.2.7", "2001:db8::/32"}, Until: time.Now()}},
	}
	if err := full.Check(); err != nil {
		t.Error(err)
	}
}

// Writes compare versions, are events, hold at once here and within five seconds elsewhere.
func TestPutPolicy(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		here, there := w.node(), w.node()
		refused := func(n *node) screen.Reason { return n.screen(ask(t, german)).Refused }
		if refused(here) != "" || refused(there) != "" {
			t.Fatal("Germany is refused by default")
		}
		only := quiet(screen.Policy{Countries: screen.Countries{Allow: []string{"US"}}})
		version, err := here.PutPolicy(screen.By(t.Context(), "ops"), poolID, only, 0)
		if err != nil || version != 1 {
			t.Fatalf("version %d, %v", version, err)
		}
		if got := refused(here); got != screen.Country {
			t.Errorf("here: %q", got)
		}
		w.now = w.now.Add(5 * time.Second)
		if got := refused(there); got != screen.Country {
			t.Errorf("there after five seconds: %q", got)
		}
		if _, err := there.PutPolicy(t.Context(), poolID, only, 0); fault.CodeOf(err) != fault.ConcurrentModification {
			t.Errorf("written again as new: %v", err)
		}
		if _, err := there.PutPolicy(t.Context(), poolID, screen.Policy{Mode: "x"}, 1); fault.CodeOf(err) != fault.InvalidParameter {
			t.Errorf("nonsense: %v", err)
		}
		if got, v, err := there.Policy(t.Context(), poolID); err != nil || v != 1 || len(got.Countries.Allow) != 1 {
			t.Errorf("read: %+v, %d, %v", got, v, err)
		}
		if err := here.DeletePolicy(t.Context(), poolID); err != nil {
			t.Fatal(err)
		}
		if err := here.DeletePolicy(t.Context(), poolID); fault.CodeOf(err) != fault.ResourceNotFound {
			t.Errorf("deleted twice: %v", err)
		}
		if got := refused(here); got != "" {
			t.Errorf("after deletion: %q", got)
		}
		events := w.events(eventlog.GuardChanged)
		if len(events) != 2 || !contains(string(events[1].Data), `"by":"ops"`, `"US"`) {
			t.Errorf("%d events, %s", len(events), events[0].Data)
		}
	})
}

// Limits of accounts and numbers: what a policy does not say stays the server's own, what it does not enforce is left out or recorded.
func TestLimits(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	n := w.node()
	limits := func(p screen.Policy) string {
		n.policy(p)
		l, err := n.Limits(t.Context(), poolID)
		if err != nil {
			t.Fatal(err)
		}
		doc, _ := json.Marshal(l)
		return string(doc)
	}
	if got := limits(screen.Policy{}); !contains(got, `"SendsNumber":0`, `"SendsNumberDay":50`, `"SendsConfirmedDay":60`,
		`"BackOffAfter":3`, `"SendsNet":600`, `"Record":false`) {
		t.Error(got)
	}
	own := screen.Limits{Number: screen.Window{Hour: 7}, Account: screen.Window{Hour: 3}, CoolDown: []int{}, BackOffAfter: -1}
	if got := limits(screen.Policy{Limits: own}); !contains(got, `"SendsNumber":7`, `"sign_in":3`, `"CoolDown":null`, `"BackOffAfter":0`) {
		t.Error(got)
	}
	if got := limits(screen.Policy{Mode: screen.Record, Limits: own}); !contains(got, `"SendsNumber":0`, `"SendsAccount":null`, `"Record":true`) {
		t.Error(got)
	}
	own.Mode = screen.Off
	if got := limits(screen.Policy{Limits: own}); !contains(got, `"SendsNumber":0`, `"SendsNumberDay":0`, `"SendsNet":0`) {
		t.Error(got)
	}
}
