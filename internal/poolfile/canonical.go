package poolfile

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"countersign/internal/canary"
	"countersign/internal/origination"
	"countersign/internal/registration"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Canonical brings a document into the form in which equal configurations are equal: lists of named entries sorted, defaults and parts that say nothing
// left out.
func (d *Document) Canonical() {
	d.Clients, d.Accounts, d.Canaries = unlessNone(d.Clients), unlessNone(d.Accounts), unlessNone(d.Canaries)
	d.Registrations = unlessNone(d.Registrations)
	d.Messages, d.Guards = unlessEmpty(d.Messages), unlessEmpty(d.Guards)
	if d.Plan != nil && len(d.Plan.Rules) == 0 {
		d.Plan = nil
	}
	if d.Rates != nil && *d.Rates == "" {
		d.Rates = nil
	}
	slices.SortFunc(d.Clients, func(a, b Client) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(d.Accounts, func(a, b Account) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(d.Canaries, func(a, b Canary) int { return strings.Compare(a.Name, b.Name) })
	for i := range d.Canaries {
		d.Canaries[i].tidy()
	}
	tidyRegistrations(d.Registrations)
	d.RegistrationSettings = tidyRequired(d.RegistrationSettings)
	if x := d.Deployment; x != nil {
		tidyRegistrations(x.Registrations)
		x.RegistrationSettings = tidyRequired(x.RegistrationSettings)
		x.Originations, x.Registrations = unlessNone(x.Originations), unlessNone(x.Registrations)
		x.SMSAccount, x.OriginationSettings = unlessEmpty(x.SMSAccount), unlessEmpty(x.OriginationSettings)
		slices.SortFunc(x.Originations, func(a, b Origination) int {
			return cmp.Or(strings.Compare(a.Value, b.Value), strings.Compare(a.Country, b.Country))
		})
		for i := range x.Originations {
			x.Originations[i].tidy()
		}
	}
}

func drop[T comparable](p *T, def T) {
	if *p == def {
		var zero T
		*p = zero
	}
}

func (c *Canary) tidy() {
	drop(&c.EverySeconds, defaultEvery)
	drop(&c.WithinSeconds, int(canary.DefaultWithin.Seconds()))
	drop(&c.Expect, canary.ExpectDelivered)
}

// defaultEvery is a canary's pause if it does not say, in seconds.
const defaultEvery = 3600

func tidyRegistrations(list []Registration) {
	slices.SortFunc(list, func(a, b Registration) int { return strings.Compare(a.Name, b.Name) })
	for i := range list {
		drop(&list[i].Status, registration.Draft)
	}
}

func tidyRequired(x *registration.Settings) *registration.Settings {
	if x == nil || len(x.Require) == 0 {
		return nil
	}
	return &registration.Settings{Require: slices.Compact(slices.Sorted(slices.Values(x.Require)))}
}

// unlessNone is nil for a list without entries, unlessEmpty for a part without members.
func unlessNone[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

func unlessEmpty[T any](v *T) *T {
	if raw, err := json.Marshal(v); err == nil && string(raw) == "{}" {
		return nil
	}
	return v
}

func (o *Origination) tidy() {
	drop(&o.MessageType, origination.Transactional)
	drop(&o.Status, origination.Active)
	drop(&o.OptOutList, origination.DefaultOptOutList)
	drop(&o.MonthlyPrice, "0.00")
	slices.Sort(o.Capabilities)
	if slices.Equal(o.Capabilities, []string{origination.SMS}) {
		o.Capabilities = nil
	}
}
