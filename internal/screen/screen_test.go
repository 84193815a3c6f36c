package screen_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/screen"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

// The types of lines that codes are not sent to by default, and those that only voice reaches.
func TestLines(t *testing.T) {
	n := newWorld(t, storetest.SQLite(t)).node()
	n.policy(quiet(screen.Policy{}))
	for _, tt := range []struct {
		to, channel string
		want        screen.Reason
	}{
		{american, "sms", ""},
		{german, "sms", ""},
		{"+447400123456", "sms", ""},
		{"+442079460123", "sms", screen.Fictional},
		{"+12025550123", "voice", screen.Fictional},
		{"+442071838750", "sms", screen.LineType},
		{"+442071838750", "voice", ""},
		{"+18002345678", "sms", screen.LineType},
		{"+19002345678", "sms", screen.LineType},
		{"+447012345678", "sms", screen.LineType},
		{"+881612345678", "sms", screen.LineType},
		{"+88216123456", "voice", screen.LineType},
		{"+14151", "sms", screen.LineType},
	} {
		a := ask(t, tt.to)
		a.Channel = tt.channel
		for range 2 { // the second time from memory
			if d := n.screen(a); d.Refused != tt.want || d.Open != (tt.want != "") {
				t.Errorf("%s by %s: %q, open %v: %s", tt.to, tt.channel, d.Refused, d.Open, d.Evidence)
			}
		}
	}
	n.policy(quiet(screen.Policy{Lines: screen.Lines{Block: []string{}, VoiceOnly: []string{}}, Fictional: screen.Off}))
	for _, to := range []string{"+442079460123", "+442071838750", "+881612345678", "+19002345678"} {
		if d := n.screen(ask(t, to)); d.Refused != "" {
			t.Errorf("%s where every line is allowed: %q", to, d.Refused)
		}
	}
}

// On a developer's server the numbers of every tutorial work, and what serve would refuse is recorded.
func TestDev(t *testing.T) {
	n := newWorld(t, storetest.SQLite(t)).node(dev)
	if d := n.send(ask(t, "+12025550123")); d.Refused != "" || len(d.Recorded) > 0 {
		t.Errorf("a fictional number: %+v", d)
	}
	d := n.send(ask(t, "+19002345678"))
	if d.Refused != "" || !slices.Equal(d.Recorded, []screen.Reason{screen.LineType}) {
		t.Errorf("a premium number: %+v", d)
	}
	if got := screen.RecordedOf(d.Mark); !slices.Equal(got, d.Recorded) {
		t.Errorf("its message says %v", got)
	}
}

func TestModes(t *testing.T) {
	n := newWorld(t, storetest.SQLite(t)).node()
	for _, tt := range []struct {
		policy, guard screen.Mode
		refused       bool
		recorded      int
	}{
		{"", "", true, 0}, {"", screen.Record, false, 1}, {"", screen.Off, false, 0},
		{screen.Record, "", false, 1}, {screen.Record, screen.Enforce, false, 1}, {screen.Record, screen.Off, false, 0},
		{screen.Off, screen.Enforce, false, 0},
	} {
		n.policy(quiet(screen.Policy{Mode: tt.policy, Countries: screen.Countries{Mode: tt.guard, Deny: []string{"DE"}}}))
		if d := n.screen(ask(t, german)); (d.Refused != "") != tt.refused || len(d.Recorded) != tt.recorded {
			t.Errorf("policy %q, guard %q: %+v", tt.policy, tt.guard, d)
		}
	}
}

func TestRules(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	n := w.node()
	base := quiet(screen.Policy{Countries: screen.Countries{Allow: []string{"US"}}})
	with := func(rules ...screen.Rule) screen.Policy { p := base; p.Rules = rules; return p }
	for _, tt := range []struct {
		name       string
		rules      []screen.Rule
		us, de     screen.Reason
		open, typd bool
	}{
		{"none", nil, "", screen.Country, true, true},
		{"allowed number", []screen.Rule{{Name: "a", Action: "allow", Numbers: []string{german}}}, "", "", false, true},
		{"allowed network", []screen.Rule{{Name: "a", Action: "allow", Networks: []string{"192.0.2.0/24"}}}, "", "", false, true},
		{"another network", []screen.Rule{{Name: "a", Action: "allow", Networks: []string{"198.51.100.0/24"}}}, "", screen.Country, true, true},
		{"all conditions", []screen.Rule{{Name: "a", Action: "allow", Numbers: []string{"+49"}, Clients: []string{"other"}}}, "", screen.Country, true, true},
		{"ended", []screen.Rule{{Name: "a", Action: "allow", Numbers: []string{"+49"}, Until: w.now}}, "", screen.Country, true, true},
		{"deny wins", []screen.Rule{{Name: "a", Action: "allow", Clients: []string{"app"}}, {Name: "d", Action: "deny", Purposes: []string{"sign_up"}}},
			screen.DeniedRule, screen.DeniedRule, true, false},
		{"denied number", []screen.Rule{{Name: "d", Action: "deny", Numbers: []string{"+1415555"}}}, screen.DeniedRule, screen.Country, true, true},
	} {
		n.policy(with(tt.rules...))
		for to, want := range map[string]screen.Reason{american: tt.us, german: tt.de} {
			for _, typed := range []bool{true, false} {
				a := ask(t, to)
				a.Typed = typed
				d := n.screen(a)
				if open := want != "" && tt.open && (typed || !tt.typd); d.Refused != want || d.Open != open {
					t.Errorf("%s, %s, typed %v: %q, open %v", tt.name, to, typed, d.Refused, d.Open)
				}
				n.Undo(d)
			}
		}
	}
}

// An allow rule does not open fictional numbers, the pool's quota or the day's money.
func TestAllowIsNoBlankCheque(t *testing.T) {
	n := newWorld(t, storetest.SQLite(t)).node(priced(1_000_000))
	p := quiet(screen.Policy{Rules: []screen.Rule{{Name: "all", Action: "allow", Clients: []string{"app"}}}, Spend: screen.SpendLimit{Day: "3"}})
	n.policy(p)
	if d := n.screen(ask(t, "+12025550123")); d.Refused != screen.Fictional {
		t.Errorf("a fictional number: %q", d.Refused)
	}
	if got := n.sent(5, ask(t, american)); got != 3 {
		t.Errorf("%d messages for 3.00 at 1.00 each", got)
	}
	p.Spend.Day, p.Limits.Pool.Hour = None, 4
	n.policy(p)
	if got := n.sent(5, ask(t, american)); got != 1 {
		t.Errorf("%d more of 4 an hour", got)
	}
}

// None is no limit of money.
const None = screen.None

// Strangers have four fifths of what a client and a pool may send; who has proven a number has the rest. What is refused them of it does not say so.
func TestStrangersShare(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, tt := range []struct {
			reason screen.Reason
			limits screen.Limits
		}{
			{screen.PoolRate, screen.Limits{Pool: screen.Window{Hour: 50}}},
			{screen.ClientRate, screen.Limits{Client: screen.Window{Hour: 50}}},
			{screen.PoolRate, screen.Limits{Pool: screen.Window{Hour: -1, Day: 50}}},
		} {
			n := w.node()
			w.now = w.now.Add(24 * time.Hour)
			n.policy(quiet(screen.Policy{Limits: tt.limits}))
			if got := n.sent(45, ask(t, american)); got != 40 {
				t.Errorf("%s: strangers got %d", tt.reason, got)
			}
			if d := n.send(ask(t, american)); d.Refused != tt.reason || d.Open || d.RetryAfter <= 0 {
				t.Errorf("%s: a stranger more: %+v", tt.reason, d)
			}
			// What was refused without saying so has cost the same: 46 are gone.
			if got := n.sent(10, proven(t, american)); got != 4 {
				t.Errorf("%s: owners got %d", tt.reason, got)
			}
			if d := n.send(proven(t, american)); d.Refused != tt.reason || !d.Open {
				t.Errorf("%s: an owner more: %+v", tt.reason, d)
			}
		}
	})
}

// Countries and ranges are limited for strangers alone.
func TestCountryAndRange(t *testing.T) {
	n := newWorld(t, storetest.SQLite(t)).node()
	n.policy(quiet(screen.Policy{Limits: screen.Limits{Country: screen.Window{Hour: 5}, Range: screen.Window{Day: 2}}}))
	if got := n.sent(5, ask(t, american)); got != 2 {
		t.Errorf("%d to one range", got)
	}
	if d := n.send(ask(t, "+14155559999")); d.Refused != screen.PrefixRate || d.Open || d.Key != "r:+1415555" {
		t.Errorf("the range's end: %+v", d)
	}
	if got := n.sent(2, ask(t, "+14165551234")); got != 2 {
		t.Errorf("%d to Canada", got)
	}
	if got := n.sent(2, ask(t, "+14155562671")) + n.sent(3, ask(t, "+14155572671")); got != 3 {
		t.Errorf("%d more to the country", got)
	}
	if d := n.send(ask(t, "+14155582671")); d.Refused != screen.CountryRate || d.Open || d.Key != "c:US" {
		t.Errorf("the country's end: %+v", d)
	}
	if got := n.sent(9, proven(t, american)); got != 9 {
		t.Errorf("owners got %d", got)
	}
}

// What an administrator asks for is bound by countries and money alone; what is only pretended costs client and pool, and no money.
func TestOperatorAndPretended(t *testing.T) {
	n := newWorld(t, storetest.SQLite(t)).node(priced(1_000_000))
	n.policy(quiet(screen.Policy{
		Countries: screen.Countries{Allow: []string{"US"}}, Spend: screen.SpendLimit{Day: "5", StrangersPercent: 20},
		Limits: screen.Limits{Client: screen.Window{Hour: 3}, Country: screen.Window{Hour: 1}},
	}))
	operator, pretended := ask(t, american), proven(t, american)
	operator.Operator, pretended.Pretended = true, true
	if got := n.sent(3, pretended); got != 3 {
		t.Errorf("%d pretended", got)
	}
	if d := n.send(pretended); d.Refused != screen.ClientRate || !d.Open {
		t.Errorf("a fourth: %+v", d)
	}
	if got := n.sent(6, operator); got != 5 {
		t.Errorf("the operator got %d", got)
	}
	abroad := operator
	abroad.To = number(t, german)
	if d := n.send(abroad); d.Refused != screen.Country {
		t.Errorf("the operator abroad: %+v", d)
	}
	nobody := pretended
	nobody.To, nobody.ClientID = number(t, american), "second"
	if d := n.send(nobody); d.Refused != screen.Spend || d.Open {
		t.Errorf("pretended without money: %+v", d)
	}
	nameless := screen.Ask{PoolID: poolID, ClientID: "third", Channel: "sms", Purpose: "recovery", Pretended: true, IP: netip.MustParseAddr("2001:db8::1")}
	if d := n.send(nameless); d.Refused != screen.Spend || d.Mark != "" {
		t.Errorf("pretended without a number: %+v", d)
	}
}

// What is given back can be taken again; what is committed, or given back twice, not.
func TestUndo(t *testing.T) {
	n := newWorld(t, storetest.SQLite(t)).node()
	n.policy(quiet(screen.Policy{Limits: screen.Limits{Pool: screen.Window{Hour: 2}, StrangersPercent: 100}}))
	a := ask(t, american)
	first, second := n.screen(a), n.screen(a)
	if d := n.screen(a); d.Refused != screen.PoolRate || !d.Open {
		t.Fatalf("a third of two: %+v", d)
	} else {
		n.Undo(d)
	}
	n.Undo(first)
	n.Undo(first)
	n.Committed(t.Context(), poolID, second)
	n.Undo(second)
	n.world.now = n.world.now.Add(2 * time.Second)
	if got := n.sent(3, a); got != 1 {
		t.Errorf("%d after one was given back", got)
	}
}

// Two nodes and a restart keep to one limit.
func TestTwoNodesAndARestart(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := quiet(screen.Policy{Limits: screen.Limits{Pool: screen.Window{Day: 100}}, Spend: screen.SpendLimit{Day: "4"}})
		one, two := w.node(priced(50_000)), w.node(priced(50_000))
		one.policy(p)
		got := 0
		for range 60 {
			got += one.sent(1, proven(t, american)) + two.sent(1, proven(t, german))
		}
		if err := one.quota.Return(t.Context()); err != nil {
			t.Fatal(err)
		}
		// two has crashed, and what it held is lost.
		w.now = w.now.Add(2 * time.Second)
		three := w.node(priced(50_000))
		got += three.sent(50, proven(t, american))
		if got > 80 || got < 70 {
			t.Errorf("%d messages of 0.05 for 4.00", got)
		}
	})
}

// The detector is asked about strangers alone; what it holds back is not told, and costs the client what a message costs.
func TestPumping(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	n := w.node()
	n.policy(screen.Policy{Limits: screen.Limits{Client: screen.Window{Hour: 1000}}, Spend: screen.SpendLimit{Day: None}})
	var d screen.Decision
	for i := range 400 {
		a := ask(t, "+1415556"+string([]byte{'0' + byte(i/100), '0' + byte(i/10%10), '0' + byte(i%10), '1'}))
		if d = n.send(a); d.Refused != "" {
			break
		}
		w.now = w.now.Add(20 * time.Second)
	}
	if d.Refused != screen.Pumping && d.Refused != screen.CountriesPer || d.Open || d.Key == "" || d.Evidence == "" {
		t.Fatalf("nobody types in 400 codes of a range: %+v", d)
	}
	if d := n.send(proven(t, american)); d.Refused != "" {
		t.Errorf("who has proven a number of it: %+v", d)
	}
	operator := ask(t, american)
	operator.Operator = true
	if d := n.send(operator); d.Refused != "" {
		t.Errorf("the operator: %+v", d)
	}
	p, version, err := n.Policy(t.Context(), poolID)
	if err != nil {
		t.Fatal(err)
	}
	p.Pumping.Mode = string(screen.Record)
	if _, err := n.PutPolicy(t.Context(), poolID, p, version); err != nil {
		t.Fatal(err)
	}
	if d := n.send(ask(t, american)); d.Refused != "" || !slices.Contains(d.Recorded, screen.Pumping) {
		t.Errorf("recorded only: %+v", d)
	}
}

// A code that is typed in counts by the mark of its message.
func TestTyped(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	n := w.node()
	n.policy(screen.Policy{Limits: screen.Limits{CoolDown: []int{}}, Spend: screen.SpendLimit{Day: None}})
	for i := range 300 {
		a := ask(t, "+1415556"+string([]byte{'0' + byte(i/100), '0' + byte(i/10%10), '0' + byte(i%10), '1'}))
		d := n.send(a)
		if d.Refused != "" {
			t.Fatalf("code %d of those that are typed in: %+v", i, d)
		}
		m := &store.Message{PoolID: poolID, Guard: d.Mark, CreatedAt: w.now}
		w.now = w.now.Add(20 * time.Second)
		n.Typed(m, w.now)
	}
	if blocked := w.events(eventlog.GuardBlocked); len(blocked) > 0 {
		t.Errorf("blocked: %s", blocked[0].Data)
	}
}
