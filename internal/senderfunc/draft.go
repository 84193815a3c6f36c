package senderfunc

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"countersign/internal/gateway"
	"countersign/internal/gateway/account"
	"countersign/internal/secret"
	"countersign/provider"
)

// draft is an account before it is made. variables are the names of variables by field.
type draft struct {
	account.Account
	spec      account.Spec
	prefix    string
	variables map[string]string
}

func specOf(kind string) account.Spec {
	s, _ := gateway.Spec(kind)
	return s
}

// set puts a value where its field belongs; empty ones are left out.
func (d *draft) set(f account.Field, v string) {
	switch {
	case v == "":
	case f.Secret:
		d.Secrets[f.Name] = secret.New(v)
	default:
		d.Settings[f.Name] = v
	}
}

// takeWebhook takes WEBHOOK_URL and WEBHOOK_SECRET.
func (e *environment) takeWebhook(d *draft) {
	e.hooked = true
	d.Settings["url"] = e.getenv("WEBHOOK_URL")
	first, other, _ := strings.Cut(e.getenv("WEBHOOK_SECRET"), ",")
	if strings.Contains(other, ",") {
		e.wrong("WEBHOOK_SECRET holds more than two secrets")
	}
	for name, v := range map[string]string{"secret": first, "other_secret": other} {
		if v = strings.TrimSpace(v); v != "" {
			d.Secrets[name] = secret.New(v)
		}
		d.variables[name] = "WEBHOOK_SECRET"
	}
	d.variables["url"] = "WEBHOOK_URL"
}

// takeDefaults fills in what goes without saying in a function: accounts that take the credentials of the AWS SDK have its region and its role, and
// nobody waits for receipts on a connection that ends with the event.
func (d *draft) takeDefaults(region string) {
	unset := func(name string) bool { return d.variables[name] != "" && d.Settings[name] == "" }
	if unset("registered_delivery") {
		d.Settings["registered_delivery"] = "none"
	}
	if i := slices.IndexFunc(d.spec.Fields, func(f account.Field) bool { return f.Name == "credentials" && slices.Contains(f.Values, "chain") }); i < 0 {
		return
	}
	if unset("region") && region != "" {
		d.Settings["region"] = region
	}
	if unset("credentials") && unset("access_key_id") && len(d.Secrets) == 0 {
		d.Settings["credentials"] = "chain"
	}
}

// make makes the provider.
func (e *environment) make(d *draft, s *sender) []*sender {
	p, err := d.spec.Make(d.Account, e.deps)
	if err != nil {
		for _, err := range flat(err) {
			e.errs = append(e.errs, d.explain(err))
		}
		return nil
	}
	s.p = p
	if c, ok := p.(io.Closer); ok {
		_ = c.Close() // it has connected to nothing yet
		s.p, s.again = nil, func() (provider.Provider, error) { return d.spec.Make(d.Account, e.deps) }
	}
	return []*sender{s}
}

// word is one that may be the name of a field.
var word = regexp.MustCompile(`[a-z0-9_]+`)

// explain puts the variables that an error speaks of in front of it. A field whose name is a word of the language counts at the beginning, or if
// no other is meant.
func (d *draft) explain(err error) error {
	text := strings.TrimPrefix(err.Error(), d.spec.Kind+": ")
	variables, others := []string{}, []string{}
	for _, at := range word.FindAllStringIndex(text, -1) {
		name := text[at[0]:at[1]]
		v, ok := d.variables[name]
		switch {
		case !ok:
		case at[0] == 0 || strings.Contains(name, "_"):
			variables = append(variables, v)
		default:
			others = append(others, v)
		}
	}
	if len(variables) == 0 {
		variables = others
	}
	if len(variables) == 0 {
		return fmt.Errorf("%s… (%s): %s", d.prefix, d.spec.Kind, text)
	}
	slices.Sort(variables)
	for _, f := range d.spec.Fields {
		if text == f.Name+" is missing" {
			text += ": " + f.Help
		}
	}
	return fmt.Errorf("%s: %s", strings.Join(slices.Compact(variables), ", "), text)
}

// flat takes what errors.Join made apart.
func flat(err error) (all []error) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var texts []string
	for _, e := range joined.Unwrap() {
		all, texts = append(all, flat(e)...), append(texts, e.Error())
	}
	if strings.Join(texts, "\n") != err.Error() { // a sentence around errors
		return []error{err}
	}
	return all
}
