package route

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"countersign/internal/fault"
	"countersign/internal/secret"
	"countersign/provider"
)

const (
	maxName    = 64
	maxValue   = 8 << 10 // bytes of one setting or secret: a private key
	maxSender  = 256     // an ARN is the longest origination identity
	maxRate    = 100_000
	maxWeight  = 1000
	maxTimeout = 20 // seconds: an attempt of a message has 25 in all
	maxRules   = 200
	maxUse     = 16
	maxList    = 1000
)

// regions are the ISO 3166 codes and those that numbering plans add: 001 (global services), AC, TA, XK.
const regions = " 001" +
	" AC AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL" +
	" CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM" +
	" HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM" +
	" MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD" +
	" SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TA TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK" +
	" YE YT ZA ZM ZW "

func isRegion(s string) bool {
	return (len(s) == 2 || len(s) == 3) && !strings.Contains(s, " ") && strings.Contains(regions, " "+s+" ")
}

func isName(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return false
		}
	}
	return true
}

// isSender reports whether s may be an origination identity; what a service takes is its own rule.
func isSender(s string) bool {
	return len(s) <= maxSender && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// checkFields refuses an account whose form is wrong.
func (s *Service) checkFields(c AccountConfig, secrets map[string]secret.String) error {
	if !isName(c.Name) {
		return fault.Invalidf("name", "A name is 1 to %d of a-z, 0-9, - and _.", maxName)
	}
	spec, ok := s.spec(c.Kind)
	if !ok {
		return fault.Invalidf("kind", "There is no kind of account %q.", c.Kind)
	}
	known, hidden := map[string]bool{}, map[string]bool{}
	for _, f := range spec.Fields {
		m := known
		if f.Secret {
			m = hidden
		}
		m[f.Name] = true
		value := c.Settings[f.Name]
		if f.Required && (!f.Secret && value == "" || f.Secret && secrets[f.Name].IsZero()) {
			return fault.Invalidf(fieldName(f.Secret, f.Name), "An account of kind %s needs %s.", c.Kind, f.Name)
		}
		if len(f.Values) > 0 && value != "" && !slices.Contains(f.Values, value) {
			return fault.Invalidf(fieldName(false, f.Name), "%s is one of %s.", f.Name, strings.Join(f.Values, ", "))
		}
	}
	for name, value := range c.Settings {
		if !known[name] {
			return fault.Invalidf(fieldName(false, name), "An account of kind %s has no such setting.", c.Kind)
		}
		if len(value) > maxValue {
			return fault.Invalidf(fieldName(false, name), "The value is too long.")
		}
	}
	for name, value := range secrets {
		if !hidden[name] {
			return fault.Invalidf(fieldName(true, name), "An account of kind %s has no such secret.", c.Kind)
		}
		if len(value.Reveal()) > maxValue {
			return fault.Invalidf(fieldName(true, name), "The value is too long.")
		}
	}
	for i, ch := range c.Channels {
		if !slices.Contains(spec.Channels, provider.Channel(ch)) {
			return fault.Invalidf(fmt.Sprintf("channels[%d]", i), "Accounts of kind %s do not serve %q.", c.Kind, ch)
		}
	}
	return checkRates(c)
}

func fieldName(hidden bool, name string) string {
	if hidden {
		return "secrets." + name
	}
	return "settings." + name
}

func checkRates(c AccountConfig) error {
	if err := checkSenders("", c.From, c.Senders); err != nil {
		return err
	}
	for field, rate := range map[string]float64{"per_second": c.PerSecond, "sender_per_second": c.SenderPerSecond} {
		if !(rate >= 0 && rate <= maxRate) {
			return fault.Invalidf(field, "A rate is between 0 and %d.", maxRate)
		}
	}
	for country, rate := range c.CountryPerSecond {
		if !isRegion(country) {
			return fault.Invalidf("country_per_second", "%q is no ISO 3166 region.", country)
		}
		if !(rate >= 0 && rate <= maxRate) {
			return fault.Invalidf("country_per_second."+country, "A rate is between 0 and %d.", maxRate)
		}
	}
	if c.MaxInFlight < 0 || c.MaxInFlight > maxRate {
		return fault.Invalidf("max_in_flight", "The number is between 0 and %d.", maxRate)
	}
	return nil
}

func checkSenders(at, from string, senders map[string]string) error {
	if !isSender(from) {
		return fault.Invalidf(at+"from", "An origination identity has at most %d printable characters.", maxSender)
	}
	for country, sender := range senders {
		if !isRegion(country) {
			return fault.Invalidf(at+"senders", "%q is no ISO 3166 region.", country)
		}
		if !isSender(sender) || sender == "" {
			return fault.Invalidf(at+"senders."+country, "An origination identity has at most %d printable characters.", maxSender)
		}
	}
	return nil
}

// checkPlan refuses a plan whose form is wrong or that names what does not exist. find returns an account.
func checkPlan(p Plan, find func(name string) (AccountConfig, bool)) error {
	if len(p.Rules) > maxRules {
		return fault.Invalidf("rules", "A plan has at most %d rules.", maxRules)
	}
	names := map[string]bool{}
	for i, r := range p.Rules {
		at := fmt.Sprintf("rules[%d].", i)
		if r.Name == "" || len(r.Name) > maxName || !isSender(r.Name) || names[r.Name] {
			return fault.Invalidf(at+"name", "A rule needs a name of its own, at most %d characters.", maxName)
		}
		names[r.Name] = true
		if err := checkConditions(at, r); err != nil {
			return err
		}
		if len(r.Use) == 0 {
			return fault.Invalidf(at+"use", "A rule needs an account.")
		}
		if err := checkUse(at+"use", r.Use, find); err != nil {
			return err
		}
	}
	if i := firstUnknown(p.Voice.Purposes, Purposes()); i >= 0 {
		return fault.Invalidf(fmt.Sprintf("voice.purposes[%d]", i), "A purpose is one of %s.", strings.Join(Purposes(), ", "))
	}
	if p.Voice.Fallback && len(p.Voice.Use) == 0 {
		return fault.Invalidf("voice.use", "Calls need an account.")
	}
	return checkUse("voice.use", p.Voice.Use, find)
}

func checkConditions(at string, r Rule) error {
	for field, n := range map[string]int{"countries": len(r.Countries), "prefixes": len(r.Prefixes), "clients": len(r.Clients)} {
		if n > maxList {
			return fault.Invalidf(at+field, "The list has at most %d entries.", maxList)
		}
	}
	for i, c := range r.Countries {
		if !isRegion(c) {
			return fault.Invalidf(fmt.Sprintf("%scountries[%d]", at, i), "%q is no ISO 3166 region.", c)
		}
	}
	for i, p := range r.Prefixes {
		if len(p) < 2 || len(p) > 16 || p[0] != '+' || strings.Trim(p[1:], "0123456789") != "" || p[1] == '0' {
			return fault.Invalidf(fmt.Sprintf("%sprefixes[%d]", at, i), "A prefix is a plus and digits.")
		}
	}
	channels := []string{string(provider.SMS), string(provider.Voice)}
	if i := firstUnknown(r.Channels, channels); i >= 0 {
		return fault.Invalidf(fmt.Sprintf("%schannels[%d]", at, i), "A channel is one of %s.", strings.Join(channels, ", "))
	}
	if i := firstUnknown(r.Purposes, Purposes()); i >= 0 {
		return fault.Invalidf(fmt.Sprintf("%spurposes[%d]", at, i), "A purpose is one of %s.", strings.Join(Purposes(), ", "))
	}
	for i, c := range r.Clients {
		if c == "" || len(c) > 128 {
			return fault.Invalidf(fmt.Sprintf("%sclients[%d]", at, i), "That is no app client's id.")
		}
	}
	return nil
}

func checkUse(at string, use []Choice, find func(string) (AccountConfig, bool)) error {
	if len(use) > maxUse {
		return fault.Invalidf(at, "At most %d accounts are asked.", maxUse)
	}
	seen := map[string]bool{}
	for i, c := range use {
		here := fmt.Sprintf("%s[%d].", at, i)
		if _, ok := find(c.Account); !ok {
			return fault.Invalidf(here+"account", "There is no account %q.", c.Account)
		}
		if seen[c.Account] {
			return fault.Invalidf(here+"account", "The account %q stands there already.", c.Account)
		}
		seen[c.Account] = true
		if c.Weight < 0 || c.Weight > maxWeight {
			return fault.Invalidf(here+"weight", "A weight is between 0 and %d.", maxWeight)
		}
		if !(c.TimeoutSeconds >= 0 && c.TimeoutSeconds <= maxTimeout) {
			return fault.Invalidf(here+"timeout_seconds", "A timeout is between 0 and %d seconds.", maxTimeout)
		}
		if err := checkSenders(here, c.From, c.Senders); err != nil {
			return err
		}
	}
	return nil
}

// firstUnknown returns the index of the first entry that is not allowed, or -1.
func firstUnknown(list, allowed []string) int {
	return slices.IndexFunc(list, func(s string) bool { return !slices.Contains(allowed, s) })
}
