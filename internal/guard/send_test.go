package guard_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

// send counts a message, as a flow that does not hide existence does, and returns why it is refused. Refusals say when to come again.
func (c *clock) send(t *testing.T, s store.Store, m guard.Send) guard.Reason {
	t.Helper()
	m.PoolID = poolID
	err := s.Write(t.Context(), func(tx store.Tx) error { return c.Send(t.Context(), tx, m) })
	why := guard.ReasonOf(err)
	if (err != nil) != (why != "") || (err != nil && (fault.CodeOf(err) != fault.AttemptLimit || fault.Of(err).RetryAfter <= 0)) {
		t.Fatalf("refused with %v, for %q", err, why)
	}
	return why
}

// answer succeeds with a code.
func (c *clock) answer(t *testing.T, s store.Store, subject string, known bool) {
	t.Helper()
	code := write(t, s, func(tx store.Tx) error {
		turn, err := c.Begin(t.Context(), tx, guard.Try{PoolID: poolID, Subject: subject, Purpose: guard.SignIn, Known: known})
		if err != nil {
			return err
		}
		return turn.Succeed(t.Context())
	})
	if code != "" {
		t.Fatal(code)
	}
}

// Each allowance has a name, and only the address's may be told to everybody.
func TestSendReasons(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		base := guard.Send{Subject: "u", Purpose: guard.SignIn, Number: "n", Network: "a"}
		for _, tt := range []struct {
			want   guard.Reason
			limits guard.Limits
			change func(*guard.Send)
		}{
			{guard.AccountRate, guard.Limits{SendsAccount: map[guard.Purpose]int{guard.SignIn: 2}}, nil},
			{guard.AccountRate, guard.Limits{SendsAccountDay: 2}, nil},
			{guard.FactorRate, guard.Limits{FactorSends: 2}, func(m *guard.Send) { m.Factor = true }},
			{guard.NumberRate, guard.Limits{SendsNumber: 2}, nil},
			{guard.NumberRate, guard.Limits{SendsNumberDay: 2}, nil},
			{guard.NumberRate, guard.Limits{SendsNumber: 2}, func(m *guard.Send) { m.Confirmed = true }},
			{guard.NumberRate, guard.Limits{SendsConfirmed: 2}, func(m *guard.Send) { m.Confirmed = true }},
			{guard.NumberRate, guard.Limits{SendsNumberDay: 9, SendsConfirmedDay: 2}, func(m *guard.Send) { m.Confirmed = true }},
			{guard.AddressRate, guard.Limits{SendsNetwork: 2}, nil},
			{guard.AddressRate, guard.Limits{SendsNetworkDay: 2}, nil},
			{guard.AddressRate, guard.Limits{SendsNet: 2}, func(m *guard.Send) { m.Net = "net" }},
			{guard.AddressRate, guard.Limits{SendsNetDay: 2}, func(m *guard.Send) { m.Net = "net" }},
			{guard.BackOff, guard.Limits{BackOffAfter: 2, BackOffFirst: time.Hour, BackOffMost: time.Hour}, func(m *guard.Send) { m.Confirmed = true }},
		} {
			c := newClock(guard.Limits{})
			m := base
			if tt.change != nil {
				tt.change(&m)
			}
			m.Subject, m.Number, m.Network, m.Limits = "u "+t.Name(), "n", "a", &tt.limits
			id := string(tt.want) + time.Now().String() // each row has counters of its own
			m.Subject, m.Number, m.Network = m.Subject+id, m.Number+id, m.Network+id
			if m.Net != "" {
				m.Net += id
			}
			for range 2 {
				if why := c.send(t, s, m); why != "" {
					t.Errorf("%s: %+v refuses one of two with %s", tt.want, tt.limits, why)
				}
			}
			if why := c.send(t, s, m); why != tt.want || why.Open() != (tt.want == guard.AddressRate) {
				t.Errorf("%s: %+v refuses the third with %q", tt.want, tt.limits, why)
			}
		}
	})
}

// Days begin at midnight UTC, hours with the first message; a limit of the pool takes the place of the server's own, and what it does not say stays.
func TestSendDays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		c := newClock(guard.Limits{SendsNetwork: -1, SendsAccount: map[guard.Purpose]int{guard.SignIn: -1}})
		m := guard.Send{Subject: "u", Purpose: guard.SignIn, Number: "n", Network: "a", Limits: &guard.Limits{SendsNumber: 3, SendsNumberDay: 5}}
		var got []guard.Reason
		for range 4 {
			for range 3 {
				got = append(got, c.send(t, s, m))
			}
			c.now = c.now.Add(4 * time.Hour)
		}
		no := guard.NumberRate
		if want := []guard.Reason{"", "", "", "", "", no, no, no, no, "", "", ""}; !slices.Equal(got, want) {
			t.Errorf("at 12:00, 16:00, 20:00, 00:00: %q", got)
		}
		m.Limits = nil
		if why := c.send(t, s, m); why != "" {
			t.Errorf("without limits of the pool: %q", why)
		}
	})
}

// TestAdvisory_GHSA_cq42_vhv7_xr7p_Sends: a limit is no way to keep the owner out. Two strangers who do what they like with the owner's number, by its
// account and by sign-ups of their own, cannot stop its code; once they stop, nor can they where the owner is not known yet.
func TestAdvisory_GHSA_cq42_vhv7_xr7p_Sends(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		limits := &guard.Limits{
			SendsNumberDay: 50, SendsConfirmedDay: 60, SendsAccountDay: 60, CoolDown: []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute},
			BackOffAfter: 3, BackOffFirst: time.Hour, BackOffMost: 24 * time.Hour,
		}
		c := newClock(guard.Limits{})
		stranger := guard.Send{Subject: "owner", Purpose: guard.SignIn, Number: "n", Confirmed: true, Limits: limits}
		signUp := guard.Send{Purpose: guard.SignUp, Number: "n", Limits: limits}
		owner := stranger
		owner.Known, owner.Network = true, "home"
		refused := 0
		for i := range 600 {
			for j, from := range []string{"first", "second"} {
				stranger.Network, signUp.Network = from, from
				signUp.Subject = from + string(rune('a'+(i+j)%26))
				stranger.Purpose = []guard.Purpose{guard.SignIn, guard.Recovery, guard.Verify}[i%3]
				if c.send(t, s, stranger) != "" {
					refused++
				}
				c.send(t, s, signUp)
			}
			if i%20 == 19 {
				if why := c.send(t, s, owner); why != "" {
					t.Fatalf("the owner, after %d minutes: %s", i, why)
				}
				if i%40 == 39 { // and not always does it answer
					c.answer(t, s, "owner", true)
				}
			}
			c.now = c.now.Add(time.Minute)
		}
		if refused < 1000 {
			t.Errorf("strangers were refused %d of 1200 times", refused)
		}
		c.now = c.now.Add(25 * time.Hour)
		away := owner
		away.Known, away.Network = false, "abroad"
		if why := c.send(t, s, away); why != "" {
			t.Errorf("the owner from abroad, a day later: %s", why)
		}
	})
}

// Whoever asks again and again waits longer and longer, from known networks one message later; other accounts and e-mail do not, and a code that comes back
// or an hour ends it.
func TestCoolDown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		c := newClock(guard.Limits{})
		m := guard.Send{Subject: "u", Purpose: guard.SignIn, Number: "n", Limits: &guard.Limits{CoolDown: []time.Duration{30 * time.Second, time.Minute}}}
		waits := func(m guard.Send, want ...time.Duration) {
			t.Helper()
			for i, wait := range want {
				if wait > 0 {
					c.now = c.now.Add(wait - time.Second)
					if why := c.send(t, s, m); why != guard.CoolDown {
						t.Errorf("message %d, a second early: %q", i+1, why)
					}
					c.now = c.now.Add(time.Second)
				}
				if why := c.send(t, s, m); why != "" {
					t.Errorf("message %d: %q", i+1, why)
				}
			}
		}
		waits(m, 0, 30*time.Second, time.Minute, time.Minute)
		known := m
		known.Known = true
		waits(known, 0, 0, 30*time.Second, time.Minute)
		other, mail, notice := m, m, m
		other.Subject, mail.Number, notice.Purpose = "v", "", guard.Notice
		for _, m := range []guard.Send{other, mail, notice} {
			waits(m, 0)
		}
		c.answer(t, s, "u", false)
		waits(m, 0, 30*time.Second)
		c.now = c.now.Add(time.Hour)
		waits(m, 0, 30*time.Second)
	})
}

// After three unanswered codes strangers wait for an hour, and twice as long each time, a day at most. Known networks do not, and an answer ends it.
func TestBackOff(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		c := newClock(guard.Limits{})
		m := guard.Send{Subject: "u", Purpose: guard.Recovery, Number: "n", Confirmed: true, Limits: &guard.Limits{
			BackOffAfter: 3, BackOffFirst: time.Hour, BackOffMost: 24 * time.Hour,
		}}
		for i, hours := range []int{0, 0, 0, 1, 2, 4, 8, 16, 24, 24} {
			if wait := time.Duration(hours) * time.Hour; wait > 0 {
				c.now = c.now.Add(wait - time.Second)
				if why := c.send(t, s, m); why != guard.BackOff {
					t.Errorf("code %d, a second early: %q", i+1, why)
				}
				c.now = c.now.Add(time.Second)
			}
			if why := c.send(t, s, m); why != "" {
				t.Errorf("code %d: %q", i+1, why)
			}
		}
		known, unproven, notice := m, m, m
		known.Known, unproven.Confirmed, notice.Purpose = true, false, guard.Notice
		for name, m := range map[string]guard.Send{"known": known, "unproven": unproven, "a notice": notice} {
			if why := c.send(t, s, m); why != "" {
				t.Errorf("%s: %q", name, why)
			}
		}
		c.answer(t, s, "u", true)
		for range 3 {
			if why := c.send(t, s, m); why != "" {
				t.Errorf("after an answer: %q", why)
			}
		}
		if why := c.send(t, s, m); why != guard.BackOff {
			t.Errorf("and three more: %q", why)
		}
		write(t, s, func(tx store.Tx) error { return c.Forgive(t.Context(), tx, poolID, "u", guard.Password) })
		if why := c.send(t, s, m); why != "" {
			t.Errorf("after an administrator's pardon: %q", why)
		}
	})
}

// What only records is sent, and said; what every server limits is refused all the same.
func TestSendRecords(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		c := newClock(guard.Limits{SendsAccount: map[guard.Purpose]int{guard.SignIn: 5}})
		seen := map[guard.Reason]int{}
		m := guard.Send{
			Subject: "u", Purpose: guard.SignIn, Number: "n", Network: "a", Net: "net", Confirmed: true, Recorded: func(r guard.Reason) { seen[r]++ },
			Limits: &guard.Limits{
				Record: true, SendsNumberDay: 2, SendsAccountDay: 3, SendsNetDay: 4, CoolDown: []time.Duration{time.Minute},
				BackOffAfter: 1, BackOffFirst: time.Hour, BackOffMost: time.Hour,
			},
		}
		for range 5 {
			if why := c.send(t, s, m); why != "" {
				t.Errorf("recorded only: %q", why)
			}
		}
		want := map[guard.Reason]int{guard.NumberRate: 3, guard.AccountRate: 2, guard.AddressRate: 1, guard.CoolDown: 4, guard.BackOff: 4}
		for r, n := range want {
			if seen[r] != n {
				t.Errorf("%s was recorded %d times, want %d", r, seen[r], n)
			}
		}
		if why := c.send(t, s, m); why != guard.AccountRate {
			t.Errorf("a sixth of five an hour: %q", why)
		}
	})
}

// What is refused for an address does not tell a number that is proven from one that nobody has: it is counted whatever else is refused, and a sign-up
// with the number finds the same.
func TestSendTellsNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		limits := &guard.Limits{
			SendsNumber: 6, SendsNetwork: 15, CoolDown: []time.Duration{time.Second, 5 * time.Second, 30 * time.Second},
			BackOffAfter: 2, BackOffFirst: time.Hour, BackOffMost: time.Hour,
		}
		told := func(name string, confirmed bool) (out []guard.Reason) {
			c := newClock(guard.Limits{})
			quiet := func(m guard.Send) { // a flow that hides existence commits what it counted, and says what is open
				m.PoolID, m.Network, m.Limits = poolID, "a "+name, limits
				code := write(t, s, func(tx store.Tx) error {
					why := guard.ReasonOf(c.Send(t.Context(), tx, m))
					if !why.Open() {
						why = ""
					}
					out = append(out, why)
					return nil
				})
				if code != "" {
					t.Fatal(code)
				}
			}
			for i := range 20 {
				quiet(guard.Send{Subject: "account " + name, Purpose: guard.Recovery, Number: "n " + name, Confirmed: confirmed})
				if i%3 == 2 {
					why := c.send(t, s, guard.Send{Subject: "new " + name, Purpose: guard.SignUp, Number: "n " + name, Limits: limits})
					out = append(out, why)
				}
				c.now = c.now.Add(7 * time.Second)
			}
			return out
		}
		if proven, nobody := told("proven", true), told("nobody", false); !slices.Equal(proven, nobody) || !slices.Contains(nobody, guard.AddressRate) {
			t.Errorf("for a proven number %q, for nobody's %q", proven, nobody)
		}
	})
}

func TestNetOf(t *testing.T) {
	for in, want := range map[string]string{"192.0.2.77": "192.0.2.0/24", "::ffff:192.0.2.77": "192.0.2.0/24", "2001:db8:7:8::1": "2001:db8:7::/48", "": ""} {
		ip, _ := netip.ParseAddr(in)
		if p, ok := guard.NetOf(ip); ok != (want != "") || ok && p.String() != want {
			t.Errorf("%s: %v, %v", in, p, ok)
		}
	}
}
