package screen

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"countersign/internal/guard"
	"countersign/internal/pumping"
	"countersign/phone"
)

// compiled is a policy made ready for use. It is not changed any more.
type compiled struct {
	doc     Policy
	version int64

	mode, countries, lines, fictional, quotas, spend Mode
	pumping                                          pumping.Settings

	allowed, denied map[string]bool
	byLine          map[string]lineRule
	rules           []rule
	// dayMicros is 0 where there is no limit.
	dayMicros, alarmMicros, strangersMicros, unpriced int64
	limits                                            guard.Limits
}

type lineRule int

const (
	lineOpen lineRule = iota
	lineVoice
	lineBlocked
)

// rule is a Rule made ready for use.
type rule struct {
	name                       string
	deny                       bool
	numbers, clients, purposes []string
	networks                   []netip.Prefix
	until                      time.Time
}

// milder is the milder one of two modes; an empty one is the policy's.
func milder(policy, own Mode) Mode {
	switch {
	case own == "":
		return policy
	case policy == Off || own == Off:
		return Off
	case policy == Record || own == Record:
		return Record
	}
	return Enforce
}

// compile makes a checked policy ready. Fields of limits that given does not name stay the server's own.
func compile(given Policy, version int64, dev bool) *compiled {
	p := given.filled(dev)
	c := &compiled{
		doc: p, version: version, mode: p.Mode, countries: milder(p.Mode, p.Countries.Mode), lines: milder(p.Mode, p.Lines.Mode),
		fictional: milder(p.Mode, p.Fictional), quotas: milder(p.Mode, p.Limits.Mode), spend: milder(p.Mode, p.Spend.Mode),
		pumping: p.Pumping, denied: set(p.Countries.Deny), byLine: map[string]lineRule{},
	}
	c.pumping.Mode = string(milder(p.Mode, Mode(p.Pumping.Mode)))
	if len(p.Countries.Allow) > 0 {
		c.allowed = set(p.Countries.Allow)
	}
	for _, t := range p.Lines.VoiceOnly {
		c.byLine[t] = lineVoice
	}
	for _, t := range p.Lines.Block {
		c.byLine[t] = lineBlocked
	}
	for _, r := range p.Rules {
		c.rules = append(c.rules, r.compile())
	}
	c.unpriced, _ = parseMoney(p.Spend.Unpriced)
	if p.Spend.Day != None {
		c.dayMicros, _ = parseMoney(p.Spend.Day)
		c.alarmMicros = c.dayMicros / 100 * int64(p.Spend.AlarmPercent)
		c.strangersMicros = c.dayMicros / 100 * int64(p.Spend.StrangersPercent)
	}
	c.limits = guardLimits(given.Limits, p.Limits, c.quotas)
	return c
}

func set(list []string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, s := range list {
		m[s] = true
	}
	return m
}

func (r Rule) compile() rule {
	out := rule{name: r.Name, deny: r.Action == Deny, numbers: r.Numbers, clients: r.Clients, purposes: r.Purposes, until: r.Until}
	for _, n := range r.Networks {
		if p, ok := parseNetwork(n); ok {
			out.networks = append(out.networks, p)
		}
	}
	return out
}

// parseNetwork takes an address or a network.
func parseNetwork(s string) (netip.Prefix, bool) {
	if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err == nil && !p.Addr().Is4In6()
}

// fits reports whether the rule is for a message. to and line are the number and its line key, empty if there is none.
func (r *rule) fits(a *Ask, to, line string, now time.Time) bool {
	if !r.until.IsZero() && !now.Before(r.until) {
		return false
	}
	begins := func(p string) bool { return strings.HasPrefix(to, p) || strings.HasPrefix(line, p) }
	return (len(r.clients) == 0 || slices.Contains(r.clients, a.ClientID)) &&
		(len(r.purposes) == 0 || slices.Contains(r.purposes, a.Purpose)) &&
		(len(r.numbers) == 0 || slices.ContainsFunc(r.numbers, begins)) &&
		(len(r.networks) == 0 || a.IP.IsValid() && slices.ContainsFunc(r.networks, func(p netip.Prefix) bool { return p.Contains(a.IP.Unmap()) }))
}

// lineRule says what the policy has for a line.
func (c *compiled) lineRule(t phone.LineType, region string) (lineRule, string) {
	name := t.String()
	r := c.byLine[name]
	if g := c.byLine[GlobalService]; region == "001" && g >= r {
		return g, GlobalService
	}
	return r, name
}

// guardLimits are what package guard is to count by. Hourly limits that the policy does not name stay the server's own, and so do all if the limits are not
// enforced: what every server has is not for a policy to switch off. What a policy adds is recorded or left out then.
func guardLimits(given, p Limits, mode Mode) guard.Limits {
	var l guard.Limits
	if mode == Off {
		return l
	}
	l = guard.Limits{
		SendsAccountDay: p.Account.Day, SendsNumberDay: p.Number.Day, SendsNetworkDay: p.Address.Day, SendsConfirmedDay: p.Confirmed.Day,
		SendsNet: p.Network.Hour, SendsNetDay: p.Network.Day, Record: mode == Record,
		BackOffAfter: max(p.BackOffAfter, 0), BackOffFirst: time.Duration(p.BackOffMinutes) * time.Minute,
		BackOffMost: time.Duration(p.BackOffMostMinutes) * time.Minute,
	}
	for _, seconds := range p.CoolDown {
		l.CoolDown = append(l.CoolDown, time.Duration(seconds)*time.Second)
	}
	if mode == Record {
		return l
	}
	l.SendsNumber, l.SendsNetwork, l.SendsConfirmed = given.Number.Hour, given.Address.Hour, given.Confirmed.Hour
	if n := given.Account.Hour; n != 0 {
		l.SendsAccount = map[guard.Purpose]int{}
		for _, p := range []guard.Purpose{guard.SignIn, guard.Custom, guard.SignUp, guard.Recovery, guard.Verify, guard.Notice} {
			l.SendsAccount[p] = n
		}
	}
	return l
}

// Filled returns a pool's policy of a version with this server's defaults where it says nothing; version 0 is a pool without one.
func (s *Service) Filled(p Policy, version int64) Policy {
	if version == 0 && s.c.Base != nil {
		p = *s.c.Base
	}
	return p.filled(s.c.Dev)
}

// filled returns p with the defaults where it has none.
func (p Policy) filled(dev bool) Policy {
	d := Default(dev)
	p.Mode, p.Fictional = cmp.Or(p.Mode, d.Mode), cmp.Or(p.Fictional, d.Fictional)
	if p.Lines.Block == nil {
		p.Lines.Block = d.Lines.Block
	}
	if p.Lines.VoiceOnly == nil {
		p.Lines.VoiceOnly = d.Lines.VoiceOnly
	}
	p.Limits = p.Limits.or(d.Limits)
	p.Spend.Day, p.Spend.Currency = cmp.Or(p.Spend.Day, d.Spend.Day), cmp.Or(p.Spend.Currency, d.Spend.Currency)
	p.Spend.AlarmPercent = cmp.Or(p.Spend.AlarmPercent, d.Spend.AlarmPercent)
	p.Spend.StrangersPercent = cmp.Or(p.Spend.StrangersPercent, d.Spend.StrangersPercent)
	p.Spend.Unpriced = cmp.Or(p.Spend.Unpriced, d.Spend.Unpriced)
	if p.Pumping == (pumping.Settings{}) {
		p.Pumping = d.Pumping // the detector fills single fields
	}
	return p
}

func (l Limits) or(d Limits) Limits {
	for _, w := range []struct{ to, from *Window }{
		{&l.Number, &d.Number}, {&l.Confirmed, &d.Confirmed}, {&l.Account, &d.Account}, {&l.Address, &d.Address}, {&l.Network, &d.Network},
		{&l.Client, &d.Client}, {&l.Pool, &d.Pool}, {&l.Country, &d.Country}, {&l.Range, &d.Range},
	} {
		w.to.Hour, w.to.Day = cmp.Or(w.to.Hour, w.from.Hour), cmp.Or(w.to.Day, w.from.Day)
	}
	l.StrangersPercent = cmp.Or(l.StrangersPercent, d.StrangersPercent)
	if l.CoolDown == nil {
		l.CoolDown = d.CoolDown
	}
	l.BackOffAfter = cmp.Or(l.BackOffAfter, d.BackOffAfter)
	l.BackOffMinutes, l.BackOffMostMinutes = cmp.Or(l.BackOffMinutes, d.BackOffMinutes), cmp.Or(l.BackOffMostMinutes, d.BackOffMostMinutes)
	return l
}
