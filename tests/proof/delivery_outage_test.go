package proof

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"countersign"
	plans "countersign/internal/route"
)

const (
	// drillPeople sign up and in; drillMessages is how many texts they ask for at least.
	drillPeople, drillMessages = 500, 1000
	// drillAtOnce is less than the 20 failures from which route health would speak before the circuit has opened: here the two are seen apart.
	drillAtOnce = 10
)

// drill is an outage of the first of two accounts.
type drill struct {
	*lab
	air  *air
	a, b *carrier

	mu sync.Mutex
	// lost are people whose code was accepted and never came.
	lost []int
}

func drillPhone(i int) string { return fmt.Sprintf("+1202555%04d", 1000+i) }

// signUp asks for a text and types its code, if it comes.
func (d *drill) signUp(i int) {
	to := drillPhone(i)
	d.must("SignUp", obj{"ClientId": countersign.DevClient, "Username": to})
	d.confirm(i)
}

func (d *drill) confirm(i int) {
	m, ok := d.air.text(drillPhone(i))
	switch {
	case !ok:
		d.t.Errorf("%s waited in vain", drillPhone(i))
	case m.Code == "":
		d.mu.Lock()
		d.lost = append(d.lost, i)
		d.mu.Unlock()
	default:
		d.must("ConfirmSignUp", obj{"ClientId": countersign.DevClient, "Username": drillPhone(i), "ConfirmationCode": m.Code})
	}
}

// signIn signs somebody in by a text.
func (d *drill) signIn(i int) {
	to := drillPhone(i)
	ch := d.must("InitiateAuth", obj{"ClientId": countersign.DevClient, "AuthFlow": "USER_AUTH",
		"AuthParameters": obj{"USERNAME": to, "PREFERRED_CHALLENGE": "SMS_OTP"}})
	m, ok := d.air.text(to)
	if !ok || m.Code == "" {
		d.t.Errorf("%s could not sign in: %v", to, m)
		return
	}
	d.must("RespondToAuthChallenge", obj{"ClientId": countersign.DevClient, "ChallengeName": "SMS_OTP", "Session": ch.str("Session"),
		"ChallengeResponses": obj{"USERNAME": to, "SMS_OTP_CODE": m.Code}})
}

// since returns what the carriers were asked since an earlier count of texts.
func (d *drill) since(n int) (byA, byB []sms) {
	for _, m := range d.air.texts()[n:] {
		if m.carrier == "a" {
			byA = append(byA, m)
		} else {
			byB = append(byB, m)
		}
	}
	return byA, byB
}

// circuit is the state of an account's.
func (d *drill) circuit(account string) string {
	for _, s := range d.operate("GET", "/accounts?pool="+countersign.DevPool, nil).body["status"].([]any) {
		if s := s.(obj); s["account"] == account {
			return s["circuit"].(string)
		}
	}
	return "unknown"
}

// degraded reports whether the account's codes are known not to arrive in its country.
func (d *drill) degraded(account string) bool {
	for _, l := range d.operate("GET", "/route-health?pool="+countersign.DevPool, nil).body["lines"].([]any) {
		if l := l.(obj); l["account"] == account && l["degraded"] == true {
			return true
		}
	}
	return false
}

// pass moves the clock when nothing is under way, so that timelines tell real times.
func (d *drill) pass(t time.Duration) {
	d.t.Helper()
	d.settled()
	d.advance(t)
}

// until waits for route health, which looks every ten seconds.
func (d *drill) until(what string, f func() bool) {
	d.t.Helper()
	for end := time.Now().Add(40 * time.Second); !f(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatalf("waited in vain: %s; %s", what, d.operate("GET", "/route-health?pool="+countersign.DevPool, nil).raw)
		}
	}
}

// TestOutageDrill: the first account hangs, then fails, then refuses its credentials, then accepts and delivers nothing, then is back, under a load of a
// thousand texts. All are sent, none twice unless its timeline says that it may be so, and what the account did is in the log.
func TestOutageDrill(t *testing.T) {
	t.Parallel()
	air := newAir()
	d := &drill{air: air, a: newCarrier(t, air, "a"), b: newCarrier(t, air, "b")}
	d.lab = newLab(t, &plans.Static{
		Accounts: []plans.StaticAccount{d.a.account(), d.b.account()},
		Plan:     plans.Plan{Rules: []plans.Rule{{Name: "all", Use: []plans.Choice{{Account: "a"}, {Account: "b"}}}}},
	})
	d.well()
	d.hanging()
	d.failing()
	d.silent()
	d.back()
	d.settled()
	d.judge()
}

// well is how it was before.
func (d *drill) well() {
	crowd(0, 150, drillAtOnce, d.signUp)
	if _, b := d.since(0); len(b) > 0 {
		d.t.Errorf("before the outage b got %d texts", len(b))
	}
	d.pass(2 * time.Hour)
}

func (d *drill) hanging() {
	n := len(d.air.texts())
	d.a.turn(hangs)
	crowd(150, 300, drillAtOnce, d.signUp)
	a, b := d.since(n)
	if len(a) < 5 || len(a) > drillAtOnce+5 || len(b) != 150 {
		d.t.Errorf("while a hung it got %d texts and b %d", len(a), len(b))
	}
	if d.circuit("a") != "open" {
		d.t.Errorf("the circuit of a is %s", d.circuit("a"))
	}
	// Once its pause is over, one message tries.
	d.pass(16 * time.Second)
	n = len(d.air.texts())
	crowd(0, 30, drillAtOnce, d.signIn)
	if a, _ := d.since(n); len(a) != 1 {
		d.t.Errorf("after the pause a got %d texts", len(a))
	}
}

func (d *drill) failing() {
	for _, how := range []manner{fails, refuses} {
		d.pass(4 * time.Minute)
		d.a.turn(how)
		n := len(d.air.texts())
		from := map[manner]int{fails: 30, refuses: 100}[how]
		crowd(from, from+70, drillAtOnce, d.signIn)
		if a, b := d.since(n); len(a) != 1 || len(b) != 70 {
			d.t.Errorf("while a failed (%d) it got %d texts and b %d", how, len(a), len(b))
		}
	}
}

// silent is an account that accepts everything.
func (d *drill) silent() {
	d.pass(2 * time.Hour)
	n := len(d.air.texts())
	d.a.turn(keeps)
	crowd(300, 420, drillAtOnce, d.signUp)
	a, _ := d.since(n)
	if d.circuit("a") != "closed" || len(a) < 80 {
		d.t.Errorf("the circuit of an account that accepts is %s; it got %d texts", d.circuit("a"), len(a))
	}
	d.pass(6 * time.Minute) // the span that they were sent in is over
	d.until("route health to notice that codes do not come back", func() bool { return d.degraded("a") })
	// People who wait ask again, and now the other account goes first.
	n = len(d.air.texts())
	for len(d.lost) > 0 {
		again := d.lost
		d.lost = nil
		d.pass(time.Minute)
		crowd(0, len(again), drillAtOnce, func(k int) {
			d.must("ResendConfirmationCode", obj{"ClientId": countersign.DevClient, "Username": drillPhone(again[k])})
			d.confirm(again[k])
		})
	}
	a, b := d.since(n)
	if len(a)*4 > len(b) {
		d.t.Errorf("after it was noticed a got %d texts and b %d", len(a), len(b))
	}
}

// back is the account at work again.
func (d *drill) back() {
	d.a.turn(delivers)
	d.pass(2 * time.Hour)
	n := len(d.air.texts())
	crowd(170, 300, drillAtOnce, d.signIn)
	if a, b := d.since(n); len(a)*4 > len(b) {
		d.t.Errorf("a is not trusted yet and got %d texts of %d", len(a), len(a)+len(b))
	}
	d.pass(25 * time.Hour)
	d.until("route health to trust it again", func() bool { return !d.degraded("a") })
	n = len(d.air.texts())
	crowd(420, drillPeople, drillAtOnce, d.signUp)
	crowd(300, 400, drillAtOnce, d.signIn)
	for i := 0; len(d.list("/messages?pool="+countersign.DevPool, "messages")) < drillMessages; i += 50 {
		d.pass(time.Hour)
		crowd(i, i+50, drillAtOnce, d.signIn)
	}
	if a, b := d.since(n); len(b) > 0 || len(a) < 180 {
		d.t.Errorf("afterwards a got %d texts and b %d", len(a), len(b))
	}
}

// judge compares what the carriers saw with what the timelines say.
func (d *drill) judge() {
	t := d.t
	arrived := map[string][]sms{}
	for _, m := range d.air.texts() {
		arrived[m.ID] = append(arrived[m.ID], m)
	}
	messages := d.list("/messages?pool="+countersign.DevPool, "messages")
	if len(messages) < drillMessages || len(messages) != len(arrived) {
		t.Errorf("there are %d messages, and the carriers saw %d", len(messages), len(arrived))
	}
	var failovers, all []time.Duration
	ambiguous, twice := 0, 0
	for _, m := range messages {
		id := m["id"].(string)
		m := d.operate("GET", "/messages/"+id, nil).body
		if m["state"] != "sent" {
			t.Errorf("%s is %s: %v", id, m["state"], m["error"])
		}
		unknown, tookOver := d.timeline(m, arrived[id])
		ambiguous += unknown
		if unknown > 0 {
			twice++
		}
		if tookOver > 0 {
			failovers = append(failovers, tookOver)
		}
		all = append(all, span(m["created_at"], m["sent_at"]))
	}
	if ambiguous == 0 || len(failovers) < 8 {
		t.Errorf("%d attempts of unknown outcome, %d messages that were taken over: nothing is proved", ambiguous, len(failovers))
	}
	if p99 := quantile(failovers, .99); p99 > 3*time.Second {
		t.Errorf("99 of 100 messages were taken over within %v", p99)
	}
	d.events(twice)
	if n := d.counted(`outcome="ambiguous"`); n != ambiguous {
		t.Errorf("the metrics count %d attempts of unknown outcome, the timelines %d", n, ambiguous)
	}
	t.Logf("%d messages, %d attempts of unknown outcome (%d messages that may come twice); taken over by the next account: %d, p50 %v, p99 %v, max %v; "+
		"from the request to the acceptance: p50 %v, p99 %v", len(messages), ambiguous, twice, len(failovers), quantile(failovers, .5), quantile(failovers, .99),
		quantile(failovers, 1), quantile(all, .5), quantile(all, .99))
}

// timeline compares one message: each request that a carrier saw is an attempt, and no carrier was asked after one had accepted. It returns the
// attempts of unknown outcome, and the time from the first attempt to the acceptance if another account had to take over.
func (d *drill) timeline(m obj, arrived []sms) (ambiguous int, tookOver time.Duration) {
	t, id := d.t, m["id"]
	attempts, _ := m["timeline"].([]any)
	if len(attempts) != len(arrived) {
		t.Errorf("%s: %d attempts, and the carriers saw %d requests", id, len(attempts), len(arrived))
		return 0, 0
	}
	accepted := 0
	for i, v := range attempts {
		a := v.(obj)
		if a["account"] != arrived[i].carrier || arrived[i].Code != arrived[0].Code || arrived[i].Text != arrived[0].Text {
			t.Errorf("%s: attempt %d was by %v, and %s got another code or text", id, i, a["account"], arrived[i].carrier)
		}
		switch a["outcome"] {
		case "sent":
			accepted++
		case "ambiguous":
			ambiguous++
		default:
			if arrived[i].taken {
				t.Errorf("%s: %v took it, and the timeline says %v", id, a["account"], a["outcome"])
			}
		}
		if a["outcome"] != "sent" && (a["reason"] == nil && a["outcome"] != "ambiguous" || a["text"] == nil) {
			t.Errorf("%s: the attempt is not explained: %v", id, a)
		}
	}
	if accepted != 1 {
		t.Errorf("%s was accepted %d times: %v", id, accepted, attempts)
	}
	if len(attempts) > 1 {
		tookOver = span(attempts[0].(obj)["started_at"], attempts[len(attempts)-1].(obj)["ended_at"])
	}
	return ambiguous, tookOver
}

func span(from, to any) time.Duration {
	a, _ := time.Parse(time.RFC3339, fmt.Sprint(from))
	b, _ := time.Parse(time.RFC3339, fmt.Sprint(to))
	return b.Sub(a)
}

// events demands what an operator must hear.
func (d *drill) events(twice int) {
	seen, doubtful := map[string]int{}, 0
	for _, pool := range []string{countersign.DevPool, "deployment"} {
		for _, e := range d.list("/events?pool="+pool, "events") {
			kind := e["type"].(string)
			data, _ := e["data"].(obj)
			if data["may_arrive_twice"] == true {
				doubtful++
			}
			if kind == "cs_route_degraded" && data["rule"] != "5min" && data["rule"] != "60min" {
				d.t.Errorf("degraded for another reason than codes that do not come back: %v", data)
			}
			seen[kind]++
		}
	}
	for kind, n := range map[string]int{"cs_circuit_opened": 1, "cs_circuit_closed": 1, "cs_route_degraded": 1, "cs_route_recovered": 1} {
		if seen[kind] != n {
			d.t.Errorf("%d events %s, want %d; there are %v", seen[kind], kind, n, slices.Sorted(maps.Keys(seen)))
		}
	}
	if doubtful != twice {
		d.t.Errorf("%d events say that a text may come twice, and %d timelines do", doubtful, twice)
	}
}

// counted adds up a metric of attempts.
func (d *drill) counted(label string) (sum int) {
	r := d.do(newGet("http://localhost:7446/metrics"), "/metrics")
	for _, m := range regexp.MustCompile(`(?m)^countersign_send_attempts_total\{.*`+label+`.*\} (\d+)$`).FindAllStringSubmatch(string(r.raw), -1) {
		n, _ := strconv.Atoi(m[1])
		sum += n
	}
	return sum
}
