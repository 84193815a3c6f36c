package poolfile

import (
	"maps"
	"slices"
)

// Merge returns the document that holds once file is applied to now: parts that file does not have stay, and so do entries of lists that it does not
// name. With prune both go, but for the pool itself, and for the deployment's where file has none of it. Secrets that a part of file does not mention
// stay. Neither argument is changed; now and the result are canonical.
func Merge(now, file *Document, prune bool) *Document {
	out := &Document{
		Version: Version, Pool: part(now.Pool, file.Pool, false), Messages: part(now.Messages, file.Messages, prune),
		Plan: part(now.Plan, file.Plan, prune), Rates: part(now.Rates, file.Rates, prune), Guards: part(now.Guards, file.Guards, prune),
		RegistrationSettings: part(now.RegistrationSettings, file.RegistrationSettings, prune),
		Clients:              entries(now.Clients, file.Clients, prune, func(c Client) string { return c.ID }, mergeClient),
		Accounts:             entries(now.Accounts, file.Accounts, prune, func(a Account) string { return a.Name }, mergeAccount),
		Canaries:             entries(now.Canaries, file.Canaries, prune, func(c Canary) string { return c.Name }, mergeCanary),
		Registrations:        entries(now.Registrations, file.Registrations, prune, registrationName, replaced),
	}
	if out.Pool != nil && file.Pool != nil {
		p := *out.Pool
		if p.Name == "" && now.Pool != nil {
			p.Name = now.Pool.Name
		}
		out.Pool = &p
	}
	out.Deployment = now.Deployment
	if now.Deployment == nil {
		now = &Document{Deployment: &Deployment{}}
	}
	if b, a := now.Deployment, file.Deployment; a != nil {
		out.Deployment = &Deployment{
			Sandbox: part(b.Sandbox, a.Sandbox, false), SMSAccount: part(b.SMSAccount, a.SMSAccount, prune),
			Originations:         entries(b.Originations, a.Originations, prune, Origination.Key, replaced),
			OriginationSettings:  part(b.OriginationSettings, a.OriginationSettings, prune),
			Registrations:        entries(b.Registrations, a.Registrations, prune, registrationName, replaced),
			RegistrationSettings: part(b.RegistrationSettings, a.RegistrationSettings, prune),
		}
	}
	out.Canonical()
	return out
}

func part[T any](now, file *T, prune bool) *T {
	if file == nil && !prune {
		file = now
	}
	if file == nil {
		return nil
	}
	v := *file
	return &v
}

func registrationName(r Registration) string { return r.Name }

func replaced[T any](_ *T, file T) T { return file }

// entries merges lists by key. merge gets the entry as it is now, nil if it is new.
func entries[T any](now, file []T, prune bool, key func(T) string, merge func(now *T, file T) T) []T {
	var out []T
	for _, n := range now {
		named := slices.ContainsFunc(file, func(f T) bool { return key(f) == key(n) })
		if !named && !prune {
			out = append(out, n)
		}
	}
	for _, f := range file {
		var was *T
		if i := slices.IndexFunc(now, func(n T) bool { return key(n) == key(f) }); i >= 0 {
			was = &now[i]
		}
		out = append(out, merge(was, f))
	}
	return out
}

// mergeClient shows a secret by its reference alone. A client that has one keeps it.
func mergeClient(now *Client, c Client) Client {
	if now != nil {
		c.Name = firstText(c.Name, now.Name)
		c.Secret = now.Secret
		return c
	}
	if c.Secret != "" {
		c.Secret = ClientSecret(c.ID)
	}
	return c
}

func firstText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// mergeAccount shows secrets by their references.
func mergeAccount(now *Account, a Account) Account {
	given := a.Secrets
	a.Secrets = map[string]string{}
	if now != nil {
		maps.Copy(a.Secrets, now.Secrets)
	}
	for name, value := range given {
		if a.Secrets[name] = AccountSecret(a.Name, name); value == "" {
			delete(a.Secrets, name)
		}
	}
	if len(a.Secrets) == 0 {
		a.Secrets = nil
	}
	return a
}

func mergeCanary(_ *Canary, c Canary) Canary {
	c.To = CanaryPhone(c.Name)
	return c
}

// ClientSecret, AccountSecret and CanaryPhone are the references that stand in the place of what a server does not give away.
func ClientSecret(id string) string { return ReferenceTo("client", id, "secret") }

// AccountSecret is the reference to a secret of an account.
func AccountSecret(account, name string) string { return ReferenceTo(account, name) }

// CanaryPhone is the reference to the phone of a canary.
func CanaryPhone(name string) string { return ReferenceTo("canary", name, "to") }
