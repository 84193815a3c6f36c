package screen

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"countersign/internal/fault"
	"countersign/internal/ratecard"
	"countersign/phone"
)

const (
	// maxRules bounds the rules of a policy, maxEntries the entries of all their lists: each message is compared with them.
	maxRules, maxEntries = 200, 1000
	maxCountries         = 300
	maxName              = 64
	maxLimit             = 1_000_000_000
	maxSteps             = 20
	maxWait              = 24 * 60 * 60
)

// None in the place of an amount means no limit.
const None = "none"

// maxDay is 1,000 million, in millionths: sums of a day stay far below what a number holds.
const maxDay = 1_000_000_000 * 1_000_000

// Check returns a fault.InvalidParameter that names the first field that cannot be, and what can.
func (p Policy) Check() error {
	for _, m := range []struct {
		field string
		mode  Mode
	}{
		{"mode", p.Mode}, {"countries.mode", p.Countries.Mode}, {"line_types.mode", p.Lines.Mode}, {"fictional", p.Fictional},
		{"limits.mode", p.Limits.Mode}, {"spend.mode", p.Spend.Mode},
	} {
		if m.mode != "" && m.mode != Enforce && m.mode != Record && m.mode != Off {
			return fault.Invalidf(m.field, "The mode is %s, %s or %s.", Enforce, Record, Off)
		}
	}
	for _, check := range []func() error{p.Countries.check, p.Lines.check, p.checkRules, p.Limits.check, p.Spend.check, p.Pumping.Check} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c Countries) check() error {
	for _, l := range []struct {
		field string
		list  []string
	}{{"countries.allow", c.Allow}, {"countries.deny", c.Deny}} {
		if len(l.list) > maxCountries {
			return fault.Invalidf(l.field, "There may be %d countries.", maxCountries)
		}
		for i, s := range l.list {
			if field := fmt.Sprintf("%s[%d]", l.field, i); s == "UK" {
				return fault.Invalidf(field, "The United Kingdom is GB.")
			} else if len(s) != 2 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
				return fault.Invalidf(field, "A country is an ISO 3166 code of two capital letters, like US.")
			}
		}
	}
	return nil
}

// lineTypes are the names that Lines knows.
func lineTypes() []string {
	names := []string{GlobalService}
	for t := phone.Unknown; t <= phone.Voicemail; t++ {
		names = append(names, t.String())
	}
	return names
}

func (l Lines) check() error {
	known := lineTypes()
	for _, x := range []struct {
		field string
		list  []string
	}{{"line_types.block", l.Block}, {"line_types.voice_only", l.VoiceOnly}} {
		for i, s := range x.list {
			if !slices.Contains(known, s) {
				return fault.Invalidf(fmt.Sprintf("%s[%d]", x.field, i), "A line type is one of %s.", strings.Join(known, ", "))
			}
		}
		if len(x.list) > len(known) {
			return fault.Invalidf(x.field, "Each line type is named once.")
		}
	}
	return nil
}

var purposes = []string{"sign_in", "recovery", "sign_up", "verify", "notice"}

func (p Policy) checkRules() error {
	if len(p.Rules) > maxRules {
		return fault.Invalidf("rules", "There may be %d rules.", maxRules)
	}
	names, entries := map[string]bool{}, 0
	for i, r := range p.Rules {
		at := fmt.Sprintf("rules[%d]", i)
		if names[r.Name] {
			return fault.Invalidf(at+".name", "Two rules have this name.")
		}
		names[r.Name] = true
		n, err := r.check(at)
		if err != nil {
			return err
		}
		if entries += n; entries > maxEntries {
			return fault.Invalidf(at, "The lists of all rules may have %d entries together.", maxEntries)
		}
	}
	return nil
}

// check returns how many entries the rule's lists have.
func (r Rule) check(at string) (int, error) {
	switch {
	case r.Name == "" || len(r.Name) > maxName:
		return 0, fault.Invalidf(at+".name", "A rule has a name of 1 to %d characters.", maxName)
	case r.Action != Allow && r.Action != Deny:
		return 0, fault.Invalidf(at+".action", "The action is %s or %s.", Allow, Deny)
	}
	n := len(r.Numbers) + len(r.Networks) + len(r.Clients) + len(r.Purposes)
	if n == 0 {
		return 0, fault.Invalidf(at, "A rule names numbers, networks, clients or purposes.")
	}
	for i, s := range r.Numbers {
		if len(s) < 2 || len(s) > 16 || s[0] != '+' || s[1] == '0' || strings.Trim(s[1:], "0123456789") != "" {
			return 0, fault.Invalidf(fmt.Sprintf("%s.numbers[%d]", at, i), "This is the beginning of a number in E.164 form, like +49151.")
		}
	}
	for i, s := range r.Networks {
		if _, ok := parseNetwork(s); !ok {
			return 0, fault.Invalidf(fmt.Sprintf("%s.networks[%d]", at, i), "This is an address or a network, like 192.0.2.0/24 or 2001:db8::/32.")
		}
	}
	for i, s := range r.Clients {
		if s == "" || len(s) > 128 {
			return 0, fault.Invalidf(fmt.Sprintf("%s.clients[%d]", at, i), "This is the id of an app client.")
		}
	}
	for i, s := range r.Purposes {
		if !slices.Contains(purposes, s) {
			return 0, fault.Invalidf(fmt.Sprintf("%s.purposes[%d]", at, i), "A purpose is one of %s.", strings.Join(purposes, ", "))
		}
	}
	return n, nil
}

func (l Limits) check() error {
	for _, w := range []struct {
		field string
		Window
	}{
		{"number", l.Number}, {"confirmed_number", l.Confirmed}, {"account", l.Account}, {"address", l.Address}, {"network", l.Network},
		{"client", l.Client}, {"pool", l.Pool}, {"country", l.Country}, {"range", l.Range},
	} {
		for _, n := range []struct {
			field string
			n     int
		}{{"hour", w.Hour}, {"day", w.Day}} {
			if n.n < -1 || n.n > maxLimit {
				return fault.Invalidf("limits."+w.field+"."+n.field, "A limit is between 1 and %d; -1 is none, 0 the default.", maxLimit)
			}
		}
	}
	if len(l.CoolDown) > maxSteps {
		return fault.Invalidf("limits.cool_down_seconds", "There may be %d steps.", maxSteps)
	}
	for i, n := range l.CoolDown {
		if n < 0 || n > 3600 {
			return fault.Invalidf(fmt.Sprintf("limits.cool_down_seconds[%d]", i), "A step is 0 to 3600 seconds.")
		}
	}
	switch {
	case l.StrangersPercent < 0 || l.StrangersPercent > 100:
		return fault.Invalidf("limits.strangers_percent", "This is between 1 and 100; 0 is the default.")
	case l.BackOffAfter < -1 || l.BackOffAfter > 1000:
		return fault.Invalidf("limits.back_off_after", "This is between 1 and 1000 codes; -1 is never, 0 the default.")
	case l.BackOffMinutes < 0 || l.BackOffMinutes > maxWait/60:
		return fault.Invalidf("limits.back_off_minutes", "This is between 1 and %d; 0 is the default.", maxWait/60)
	case l.BackOffMostMinutes < 0 || l.BackOffMostMinutes > 7*maxWait/60:
		return fault.Invalidf("limits.back_off_most_minutes", "This is between 1 and %d; 0 is the default.", 7*maxWait/60)
	}
	return nil
}

func (l SpendLimit) check() error {
	if l.Day != "" && l.Day != None {
		if n, ok := parseMoney(l.Day); !ok || n <= 0 || n > maxDay {
			return fault.Invalidf("spend.day", "This is an amount like 200.00, or %s.", None)
		}
	}
	if l.Unpriced != "" {
		if _, ok := parseMoney(l.Unpriced); !ok {
			return fault.Invalidf("spend.unpriced", "This is an amount like 0.05.")
		}
	}
	switch {
	case l.Currency != "" && (len(l.Currency) != 3 || strings.Trim(l.Currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != ""):
		return fault.Invalidf("spend.currency", "A currency is an ISO 4217 code, like USD.")
	case l.AlarmPercent < 0 || l.AlarmPercent > 100:
		return fault.Invalidf("spend.alarm_percent", "This is between 1 and 100; 0 is the default.")
	case l.StrangersPercent < 0 || l.StrangersPercent > 100:
		return fault.Invalidf("spend.strangers_percent", "This is between 1 and 100; 0 is the default.")
	}
	return nil
}

// parseMoney reads an amount in millionths, as a rate card's, but up to maxDay.
func parseMoney(s string) (micros int64, ok bool) {
	whole, places, point := strings.Cut(s, ".")
	units, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || strings.Trim(whole, "0123456789") != "" || units > maxDay/1_000_000 || point && places == "" {
		return 0, false
	}
	if !point {
		places = "0"
	}
	micros, ok = ratecard.ParsePrice("0." + places)
	return micros + units*1_000_000, ok
}
