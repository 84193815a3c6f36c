package adminapi

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strconv"

	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/origination"
	"countersign/internal/poolfile"
	"countersign/internal/registration"
)

func keysOf[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

// judgeShared judges the registrations of all pools.
func (c *configurer) judgeShared(ctx context.Context) error {
	if c.file.Deployment == nil {
		return nil
	}
	now, want := c.now.Deployment, c.want.Deployment
	l := registrationsJudge{
		configurer: c, path: "deployment.registrations", poolID: keyring.Deployment, now: now.Registrations, want: want.Registrations, have: c.all,
		version: c.versions.sharedRequired, settings: "deployment.registration_settings", required: now.RegistrationSettings, require: want.RegistrationSettings,
	}
	return l.judge(ctx)
}

// judgeRegistrations judges those of the pool.
func (c *configurer) judgeRegistrations(ctx context.Context) error {
	l := registrationsJudge{
		configurer: c, path: "registrations", poolID: c.poolID, now: c.now.Registrations, want: c.want.Registrations, have: c.own,
		version: c.versions.required, settings: "registration_settings", required: c.now.RegistrationSettings, require: c.want.RegistrationSettings,
	}
	if c.want.Deployment != nil {
		l.above = c.want.Deployment.Registrations
	}
	return l.judge(ctx)
}

// registrationsJudge judges the registrations of a pool, or of all pools.
type registrationsJudge struct {
	*configurer
	path, poolID, settings string
	now, want, above       []poolfile.Registration
	have                   registrationsBy
	version                int64
	required, require      *registration.Settings
}

func (l *registrationsJudge) judge(context.Context) error {
	for i := range l.want {
		if err := l.tidy(&l.want[i]); err != nil {
			return err
		}
	}
	for _, r := range parentsFirst(l.want) {
		was := entry(l.now, func(n poolfile.Registration) bool { return n.Name == r.Name })
		if was == nil || !same(was, r) {
			l.step(l.path+"["+r.Name+"]", func(ctx context.Context) error { return l.put(ctx, r) })
		}
	}
	gone := []poolfile.Registration{}
	for _, n := range l.now {
		if entry(l.want, func(r poolfile.Registration) bool { return r.Name == n.Name }) == nil {
			gone = append(gone, n)
		}
	}
	order := parentsFirst(gone)
	slices.Reverse(order)
	for _, r := range order {
		l.last(l.path+"["+r.Name+"]", func(ctx context.Context) error { return l.Numbers.Registrations.Delete(regBy(ctx), l.poolID, r.Name) })
	}
	return l.judgeSettings()
}

func (l *registrationsJudge) judgeSettings() error {
	switch {
	case same(l.required, l.require):
		return nil
	case l.require == nil:
		l.last(l.settings, func(ctx context.Context) error { return l.Numbers.Registrations.DeleteSettings(regBy(ctx), l.poolID) })
		return nil
	}
	set := *l.require
	l.step(l.settings, func(ctx context.Context) error {
		_, err := l.Numbers.Registrations.PutSettings(regBy(ctx), l.poolID, set, l.version)
		return err
	})
	return l.wrong(l.settings, set.Check())
}

// tidy brings a registration into the form in which it would be kept, and says what is wrong with it.
func (l *registrationsJudge) tidy(r *poolfile.Registration) error {
	path := l.path + "[" + r.Name + "]"
	x, err := l.made(*r).Check()
	if err != nil {
		f := fault.Of(err)
		if f.Field == "parent_id" {
			f = f.WithField("parent")
		}
		return l.wrong(path, f)
	}
	old, there := l.have[r.Name]
	switch {
	case there && old.Kind != x.Kind:
		l.wrongf(path+".kind", "The kind of a registration cannot be changed; give the new one another name.")
	case there && old.Country != x.Country:
		l.wrongf(path+".country", "The country of a registration cannot be changed; give the new one another name.")
	case r.Parent != "" && !l.stands(r.Parent):
		l.wrongf(path+".parent", "There is no registration %q.", r.Parent)
	}
	r.Sender, r.Text, r.ExpiresAt, r.Status = x.Sender, x.Text, x.ExpiresAt, x.Status
	if !x.ExpiresAt.IsZero() && x.Status == registration.Approved && !l.Now().Before(x.ExpiresAt) {
		r.Status = registration.Expired // as it would be shown
	}
	if r.Status == registration.Draft {
		r.Status = ""
	}
	return nil
}

// stands reports whether there will be a registration of a name, or of an id.
func (l *registrationsJudge) stands(parent string) bool {
	named := func(r poolfile.Registration) bool { return r.Name == parent }
	if slices.ContainsFunc(l.want, named) || slices.ContainsFunc(l.above, named) {
		return true
	}
	shared := l.above == nil && l.poolID != keyring.Deployment
	for _, r := range l.all {
		if shared && (r.Name == parent || r.ID == parent) {
			return true
		}
	}
	return false
}

// made is the registration that a file describes.
func (l *registrationsJudge) made(r poolfile.Registration) registration.Registration {
	x := registration.Registration{
		PoolID: l.poolID, Name: r.Name, Country: r.Country, Kind: r.Kind, Sender: r.Sender, EntityID: r.EntityID, TemplateID: r.TemplateID, BrandID: r.BrandID,
		CampaignID: r.CampaignID, Text: r.Text, Variables: r.Variables, Purposes: r.Purposes, Locale: r.Locale, Status: r.Status, Reason: r.Reason,
		ExpiresAt: r.ExpiresAt, ParentID: r.Parent,
	}
	if x.Status == "" {
		x.Status = registration.Draft
	}
	if old, ok := l.have[r.Name]; ok {
		x.ID, x.Version = old.ID, old.Version
	}
	return x
}

func (l *registrationsJudge) put(ctx context.Context, r poolfile.Registration) error {
	made, err := l.Numbers.Registrations.Put(regBy(ctx), l.made(r))
	if err == nil {
		l.have[r.Name] = made // originations name it by its id
	}
	return err
}

// parentsFirst orders registrations so that each stands after the one above it.
func parentsFirst(list []poolfile.Registration) []poolfile.Registration {
	var out []poolfile.Registration
	done := map[string]bool{}
	var add func(r poolfile.Registration, depth int)
	add = func(r poolfile.Registration, depth int) {
		if done[r.Name] || depth > len(list) {
			return
		}
		if p := entry(list, func(x poolfile.Registration) bool { return x.Name == r.Parent }); p != nil && r.Parent != r.Name {
			add(*p, depth+1)
		}
		if !done[r.Name] {
			done[r.Name] = true
			out = append(out, r)
		}
	}
	for _, r := range list {
		add(r, 0)
	}
	return out
}

// judgeNumbers judges originations, the SMS account and the sandbox.
func (c *configurer) judgeNumbers(context.Context) error {
	if c.file.Deployment == nil {
		return nil
	}
	now, want := c.now.Deployment, c.want.Deployment
	for i := range want.Originations {
		if err := c.judgeOrigination(now, &want.Originations[i]); err != nil {
			return err
		}
	}
	for _, n := range now.Originations {
		if entry(want.Originations, func(x poolfile.Origination) bool { return x.Key() == n.Key() }) == nil {
			c.last("deployment.originations["+n.Key()+"]", func(ctx context.Context) error {
				_, err := c.Numbers.Originations.Release(ctx, c.given[n.Key()].ID)
				return err
			})
		}
	}
	if set := want.OriginationSettings; !same(now.OriginationSettings, set) {
		if set == nil {
			set = &origination.Settings{}
		}
		c.step("deployment.origination_settings", func(ctx context.Context) error {
			_, err := c.Numbers.Originations.PutSettings(ctx, *set, c.versions.origin)
			return err
		})
		if err := c.wrong("deployment.origination_settings", set.Check()); err != nil {
			return err
		}
	}
	if set := want.SMSAccount; !same(now.SMSAccount, set) {
		account := smsSettings(set, c.versions.account)
		c.step("deployment.sms_account", func(ctx context.Context) error {
			_, err := c.Numbers.Account.PutSettings(ctx, account)
			return err
		})
		if err := c.wrong("deployment.sms_account", account.Check()); err != nil {
			return err
		}
	}
	if on := want.Sandbox; on != nil && !same(now.Sandbox, on) {
		c.step("deployment.sandbox", func(ctx context.Context) error { return c.Numbers.Sandbox.SetEnabled(ctx, *on) })
	}
	return nil
}

func (c *configurer) judgeOrigination(now *poolfile.Deployment, o *poolfile.Origination) error {
	path := "deployment.originations[" + o.Key() + "]"
	i, err := c.identity(*o).Check()
	if err != nil {
		return c.wrong(path, err)
	}
	if i.Type == origination.Simulator {
		c.wrongf(path+".type", "Numbers of the simulator are not configuration: countersign origination request.")
	}
	if by := o.Registration; by != "" && !c.registered(by) {
		c.out.Warnings = append(c.out.Warnings, path+".registration: neither the document nor all pools have a registration "+strconv.Quote(by))
	}
	o.Value, o.Country, o.Type, o.Capabilities = i.Value, i.Country, i.Type, i.Capabilities
	tidied := poolfile.Document{Deployment: &poolfile.Deployment{Originations: []poolfile.Origination{*o}}}
	tidied.Canonical()
	*o = tidied.Deployment.Originations[0]
	was := entry(now.Originations, func(x poolfile.Origination) bool { return x.Key() == o.Key() })
	part := *o
	switch {
	case was == nil:
		c.step(path, func(ctx context.Context) error {
			_, err := c.Numbers.Originations.Add(ctx, c.identity(part))
			return err
		})
	case was.Type != o.Type || was.MessageType != o.MessageType || !slices.Equal(was.Capabilities, o.Capabilities):
		c.wrongf(path, "Type, capabilities and message type cannot be changed; release it first.")
	case !same(was, o):
		c.step(path, func(ctx context.Context) error { return c.changeIdentity(ctx, part) })
	}
	return nil
}

// registered reports whether there will be a registration of a name, as far as the document knows: it may be that of a pool which it is not about.
func (c *configurer) registered(name string) bool {
	named := func(r poolfile.Registration) bool { return r.Name == name }
	if slices.ContainsFunc(c.want.Deployment.Registrations, named) || slices.ContainsFunc(c.want.Registrations, named) {
		return true
	}
	for _, i := range c.given {
		if i.RegistrationID == name {
			return true
		}
	}
	return false
}

func (c *configurer) identity(o poolfile.Origination) origination.Identity {
	i := origination.Identity{
		Kind: origination.Number, Value: o.Value, Country: o.Country, Type: o.Type, Capabilities: slices.Clone(o.Capabilities), MessageType: o.MessageType,
		Status: o.Status, TwoWay: o.TwoWay, OptOutList: o.OptOutList, SelfManagedOptOuts: o.SelfManagedOptOuts, International: o.International, Protected: o.Protected,
		RegistrationID: c.idOf(o.Registration), MonthlyPrice: o.MonthlyPrice, Account: o.Account, Tags: o.Tags,
	}
	if o.Type == origination.TypeSenderID {
		i.Kind = origination.SenderID
	}
	return i
}

func (c *configurer) changeIdentity(ctx context.Context, o poolfile.Origination) error {
	i, err := c.identity(o).Check()
	if err != nil {
		return err
	}
	tags := i.Tags
	if tags == nil {
		tags = map[string]string{}
	}
	old := c.given[o.Key()]
	_, err = c.Numbers.Originations.Change(ctx, old.ID, origination.Changes{
		TwoWay: &i.TwoWay, SelfManagedOptOuts: &i.SelfManagedOptOuts, International: &i.International, Protected: &i.Protected, OptOutList: &i.OptOutList,
		RegistrationID: &i.RegistrationID, MonthlyPrice: &i.MonthlyPrice, Account: &i.Account, Status: &i.Status, Tags: tags,
	}, old.Version)
	return err
}
