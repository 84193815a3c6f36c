package senderfunc

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"countersign/internal/gateway"
	"countersign/internal/gateway/account"
	"countersign/internal/secret"
	"countersign/provider"
)

const (
	// maxAccounts bounds PROVIDERS: that many attempts fit into a person's patience.
	maxAccounts = 5
	// maxName bounds the name of an account, in bytes; maxSender an origination identity (an ARN is the longest), maxSenders a list of them.
	maxName, maxSender, maxSenders = 32, 256, 100
	// maxStrangers bounds the misspelt variables that are named.
	maxStrangers = 10
)

// makers are the kinds whose services make codes of their own. Cognito has made the code already.
var makers = []string{"twilio-verify", "vonage-verify"}

// sender is an account as the function uses it.
type sender struct {
	name, kind string
	// from is for kinds without such a setting; senders goes before it, by country.
	from    string
	senders map[string]string
	p       provider.Provider
	// again is set for kinds that hold a connection: Lambda freezes the program between two events, and the connection dies. They are made
	// for each event.
	again func() (provider.Provider, error)
}

// environment reads the accounts:
//
//	PROVIDERS               names in the order of use, with commas, at most 5: "main,spare"
//	PROVIDER_MAIN_KIND      what the account is (gateway.Specs). Default: the name, if it is one
//	PROVIDER_MAIN_FROM      where texts come from. Default: the service's own
//	PROVIDER_MAIN_SENDERS   the same for countries: "GB=Acme,US=+12065550100"
//	PROVIDER_MAIN_<FIELD>   for each field of the kind, secrets too
//
// A dash in a name is an underscore in its variables. An account of kind webhook without a URL of its own has WEBHOOK_URL and WEBHOOK_SECRET. For
// accounts at AWS region and credentials default to the function's own. No receipts are asked for over SMPP.
type environment struct {
	getenv func(string) string
	deps   account.Deps
	// known are the variables that mean something.
	known map[string]bool
	// hooked says that WEBHOOK_URL is an account's.
	hooked bool
	errs   []error
}

func (e *environment) get(variable string) string {
	e.known[variable] = true
	return e.getenv(variable)
}

func (e *environment) wrong(format string, args ...any) {
	e.errs = append(e.errs, fmt.Errorf(format, args...))
}

// accounts returns the accounts in their order; alone says that it is the webhook and nothing was said of accounts.
func (e *environment) accounts(names []string) (all []*sender, alone bool) {
	list := strings.TrimSpace(e.getenv("PROVIDERS"))
	if list == "" {
		if s := e.strangers(names); len(s) > 0 {
			e.wrong("%s is set, but PROVIDERS is not: set it to the names of the accounts in their order, as main,spare", s[0])
		}
		return e.webhook(), true
	}
	var prefixes []string
	for i, name := range strings.Split(list, ",") {
		name = strings.TrimSpace(name)
		prefix := prefixOf(name)
		switch {
		case i == maxAccounts:
			e.wrong("PROVIDERS names more than %d accounts", maxAccounts)
			return nil, false
		case !isName(name):
			e.wrong("PROVIDERS: %.40q is no name; names are 1 to %d of a-z, 0-9, - and _, with commas between them", name, maxName)
			continue
		case slices.Contains(prefixes, prefix):
			e.wrong("PROVIDERS: two accounts have the variables %s…: name one of them otherwise", prefix)
			continue
		}
		prefixes = append(prefixes, prefix)
		if s := e.account(name, prefix); s != nil {
			all = append(all, s)
		}
	}
	if e.getenv("WEBHOOK_URL") != "" && !e.hooked {
		e.wrong("WEBHOOK_URL is set, but no account of PROVIDERS uses it: add the name webhook to PROVIDERS, or remove WEBHOOK_URL")
	}
	for _, s := range e.strangers(names) {
		e.wrong("%s means nothing: no account of PROVIDERS has such a setting%s", s, e.hint(s, prefixes))
	}
	return all, false
}

func prefixOf(name string) string {
	return "PROVIDER_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + "_"
}

func isName(s string) bool {
	return s != "" && len(s) <= maxName && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// strangers are variables that look like an account's and mean nothing.
func (e *environment) strangers(names []string) (all []string) {
	for _, name := range names {
		if strings.HasPrefix(name, "PROVIDER_") && !e.known[name] && len(all) < maxStrangers {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// hint lists the variables of the account that a misspelt one seems to be of.
func (e *environment) hint(stranger string, prefixes []string) string {
	best := ""
	for _, p := range prefixes {
		if strings.HasPrefix(stranger, p) && len(p) > len(best) {
			best = p
		}
	}
	var all []string
	for v := range e.known {
		if rest, ok := strings.CutPrefix(v, best); ok && best != "" {
			all = append(all, rest)
		}
	}
	if len(all) == 0 {
		return ""
	}
	slices.Sort(all)
	return "; behind " + best + " may stand " + strings.Join(all, ", ")
}

// webhook is the only account of an environment without PROVIDERS.
func (e *environment) webhook() []*sender {
	if e.getenv("WEBHOOK_URL") == "" || e.getenv("WEBHOOK_SECRET") == "" {
		e.wrong("WEBHOOK_URL and WEBHOOK_SECRET must be set, or PROVIDERS: the accounts that send")
		return nil
	}
	d := &draft{spec: specOf("webhook"), variables: map[string]string{}}
	d.Account = account.Account{Name: "webhook", Kind: "webhook", Settings: map[string]string{}, Secrets: map[string]secret.String{}}
	e.takeWebhook(d)
	return e.make(d, &sender{name: "webhook", kind: "webhook"})
}

// account reads one account; nil if something is wrong with it.
func (e *environment) account(name, prefix string) *sender {
	kind := e.get(prefix + "KIND")
	spec, ok := gateway.Spec(cmp.Or(kind, name))
	switch {
	case kind == "" && !ok:
		e.wrong("%sKIND is missing; it is one of %s", prefix, kinds())
		return nil
	case !ok:
		e.wrong("%sKIND: there is no kind %.40q; it is one of %s", prefix, kind, kinds())
		return nil
	case slices.Contains(makers, spec.Kind):
		e.wrong("%sKIND: services of kind %s make codes of their own, but the pool has made its code; choose one of %s", prefix, spec.Kind, kinds())
		return nil
	}
	d := &draft{spec: spec, prefix: prefix, variables: map[string]string{}}
	d.Account = account.Account{Name: name, Kind: spec.Kind, Settings: map[string]string{}, Secrets: map[string]secret.String{}}
	s := &sender{name: name, kind: spec.Kind, senders: e.senders(prefix + "SENDERS")}
	for _, f := range spec.Fields {
		d.variables[f.Name] = prefix + strings.ToUpper(f.Name)
		d.set(f, e.get(d.variables[f.Name]))
	}
	if _, ok := d.variables["from"]; !ok {
		if s.from = e.get(prefix + "FROM"); !isSender(s.from) {
			e.wrong("%sFROM must be at most %d printable characters", prefix, maxSender)
		}
	}
	if spec.Kind == "webhook" && d.Settings["url"] == "" && len(d.Secrets) == 0 && e.getenv("WEBHOOK_URL") != "" {
		e.takeWebhook(d)
	}
	d.takeDefaults(e.getenv("AWS_REGION"))
	if made := e.make(d, s); made != nil {
		return made[0]
	}
	return nil
}

// kinds lists those that there are for codes of a pool.
func kinds() string {
	var all []string
	for _, s := range gateway.Specs() {
		if !slices.Contains(makers, s.Kind) {
			all = append(all, s.Kind)
		}
	}
	return strings.Join(all, ", ")
}

// senders reads "GB=Acme,US=+12065550100".
func (e *environment) senders(variable string) map[string]string {
	list := strings.TrimSpace(e.get(variable))
	if list == "" {
		return nil
	}
	all := map[string]string{}
	for row := range strings.SplitSeq(list, ",") {
		country, from, _ := strings.Cut(row, "=")
		country, from = strings.TrimSpace(country), strings.TrimSpace(from)
		switch {
		case country == "UK":
			e.wrong("%s: the United Kingdom is GB", variable)
		case len(country) != 2 || strings.Trim(country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || from == "" || !isSender(from) || len(all) == maxSenders:
			e.wrong("%s: %.40q is no country with its sender; write GB=Acme,US=+12065550100, at most %d of them", variable, row, maxSenders)
			return nil
		case all[country] != "":
			e.wrong("%s names %s twice", variable, country)
		}
		all[country] = from
	}
	return all
}

// isSender reports whether s may be an origination identity; what a service takes is its own rule.
func isSender(s string) bool {
	return len(s) <= maxSender && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
