package adminapi

import (
	"context"

	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/origination"
	pools "countersign/internal/pool"
	"countersign/internal/poolfile"
	"countersign/internal/registration"
	"countersign/internal/route"
)

// configurer applies one document. It is used once.
type configurer struct {
	*server
	poolID     string
	file       *poolfile.Document
	prune, dry bool

	// now is what the server has, want what it is to have; both are canonical. The rest is what was read beside now.
	now, want *poolfile.Document
	versions  configVersions
	pool      *pools.Pool // nil: not there yet
	draft     *pools.Pool // as it will be; nil if that is wrong
	clients   map[string]*pools.Client
	own, all  registrationsBy // the pool's, and those of all pools
	given     originationsBy

	out      PoolConfigResult
	problems []ProblemItem
	hint     string
	steps    []configStep
}

// configVersions are those of what was read, compared when it is written.
type configVersions struct {
	accounts                                                       map[string]int64
	plan, rates, guards, required, sharedRequired, origin, account int64
	canaries                                                       int64
}

// registrationsBy are registrations by name, originationsBy identities by value and country.
type (
	registrationsBy map[string]registration.Registration
	originationsBy  map[string]origination.Identity
)

// read reads what the server has.
func (c *configurer) read(ctx context.Context, pool, deployment bool) error {
	c.now = &poolfile.Document{Version: poolfile.Version}
	c.clients, c.versions.accounts = map[string]*pools.Client{}, map[string]int64{}
	var err error
	if c.all, err = c.readRegistrations(ctx, keyring.Deployment); err != nil {
		return err
	}
	reads := []func(context.Context) error{}
	if pool {
		reads = append(reads, c.readPool, c.readClients, c.readDelivery, c.readCanaries, c.readGuards)
	}
	if deployment {
		reads = append(reads, c.readDeployment)
	}
	for _, f := range reads {
		if err := f(ctx); err != nil {
			return err
		}
	}
	c.now.Canonical()
	return nil
}

func (c *configurer) readPool(ctx context.Context) error {
	p, err := c.Configuration.Pools.GetPool(ctx, c.poolID)
	if fault.CodeOf(err) == fault.PoolNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	c.pool = p
	part := &poolfile.Pool{ID: p.ID, Name: p.Name}
	if part.Settings, part.OwnSender, err = c.Configuration.Settings(p); err != nil {
		return err
	}
	m, err := c.Delivery.MessageSettings(ctx, p.ID)
	if err != nil {
		return err
	}
	c.now.Pool, c.now.Messages = part, messagesOf(m)
	return nil
}

// readClients leaves out clients of machines, which belong to access keys and not to a pool's configuration.
func (c *configurer) readClients(ctx context.Context) error {
	if c.pool == nil {
		return nil
	}
	for after := ""; ; {
		page, err := c.Configuration.Pools.ListClients(ctx, c.poolID, after, listPage)
		if err != nil {
			return err
		}
		for _, short := range page {
			cl, err := c.Configuration.Pools.GetClient(ctx, c.poolID, short.ID)
			if err != nil {
				return err
			}
			after = cl.ID
			c.clients[cl.ID] = cl
			if cl.Config.Machine {
				continue
			}
			part := poolfile.Client{ID: cl.ID, Name: cl.Name}
			if len(cl.Secrets) > 0 {
				part.Secret = poolfile.ClientSecret(cl.ID)
			}
			if part.Settings, err = c.Configuration.ClientSettings(c.pool, cl); err != nil {
				return err
			}
			c.now.Clients = append(c.now.Clients, part)
		}
		if len(page) < listPage {
			return nil
		}
	}
}

// listPage is how many rows are read at once.
const listPage = 100

func (c *configurer) readDelivery(ctx context.Context) error {
	accounts, err := c.Delivery.Routes.Accounts(ctx, c.poolID)
	if err != nil {
		return err
	}
	for _, a := range accounts {
		part := poolfile.Account{AccountConfig: a.AccountConfig}
		for _, name := range a.SecretsSet {
			if part.Secrets == nil {
				part.Secrets = map[string]string{}
			}
			part.Secrets[name] = poolfile.AccountSecret(a.Name, name)
		}
		c.versions.accounts[a.Name] = a.Version
		c.now.Accounts = append(c.now.Accounts, part)
	}
	var plan route.Plan
	if plan, c.versions.plan, err = c.Delivery.Routes.Plan(ctx, c.poolID); err != nil {
		return err
	}
	if c.versions.plan > 0 {
		c.now.Plan = &plan
	}
	if c.pool == nil {
		return nil
	}
	rates, err := c.getRates(ctx, &ofPoolInput{c.poolID})
	if err == nil && rates.Body.CSV != "" {
		c.now.Rates, c.versions.rates = &rates.Body.CSV, rates.Body.Version
	}
	return err
}

func (c *configurer) readCanaries(ctx context.Context) error {
	list, version, err := c.Delivery.Canaries.List(ctx, c.poolID)
	c.versions.canaries = version
	for _, x := range list {
		c.now.Canaries = append(c.now.Canaries, poolfile.Canary{
			Name: x.Name, To: poolfile.CanaryPhone(x.Name), Account: x.Account, EverySeconds: x.EverySeconds, Expect: x.Expect, WithinSeconds: x.WithinSeconds,
			Disabled: x.Disabled,
		})
	}
	return err
}

func (c *configurer) readGuards(ctx context.Context) error {
	p, version, err := c.Guards.Screen.Policy(ctx, c.poolID)
	if err != nil {
		return err
	}
	if c.versions.guards = version; version > 0 {
		c.now.Guards = &p
	}
	if c.own, err = c.readRegistrations(ctx, c.poolID); err != nil {
		return err
	}
	c.now.Registrations = c.registrations(c.own)
	set, version, err := c.Numbers.Registrations.Settings(ctx, c.poolID)
	if c.versions.required = version; version > 0 {
		c.now.RegistrationSettings = &set
	}
	return err
}

func (c *configurer) readRegistrations(ctx context.Context, poolID string) (registrationsBy, error) {
	out := registrationsBy{}
	for cursor := ""; ; {
		page, next, err := c.Numbers.Registrations.List(ctx, registration.Query{PoolID: poolID, Cursor: cursor, Limit: 1000})
		if err != nil {
			return nil, err
		}
		for _, r := range page {
			out[r.Name] = r
		}
		if cursor = next; next == "" {
			return out, nil
		}
	}
}

// registrations are the registrations as a file has them.
func (c *configurer) registrations(by registrationsBy) (list []poolfile.Registration) {
	for _, r := range by {
		list = append(list, poolfile.Registration{
			Name: r.Name, Country: r.Country, Kind: r.Kind, Parent: c.nameOf(r.ParentID), Sender: r.Sender, EntityID: r.EntityID, TemplateID: r.TemplateID,
			BrandID: r.BrandID, CampaignID: r.CampaignID, Text: r.Text, Variables: r.Variables, Purposes: r.Purposes, Locale: r.Locale, Status: r.Status,
			Reason: r.Reason, ExpiresAt: r.ExpiresAt,
		})
	}
	return list
}

// nameOf is the name of a registration's id; the id where nobody knows it.
func (c *configurer) nameOf(id string) string {
	for _, by := range []registrationsBy{c.own, c.all} {
		for name, r := range by {
			if r.ID == id {
				return name
			}
		}
	}
	return id
}

// idOf is nameOf in reverse.
func (c *configurer) idOf(name string) string {
	for _, by := range []registrationsBy{c.own, c.all} {
		if r, ok := by[name]; ok {
			return r.ID
		}
	}
	return name
}

func (c *configurer) readDeployment(ctx context.Context) error {
	d := &poolfile.Deployment{Registrations: c.registrations(c.all)}
	on, err := c.Numbers.Sandbox.Enabled(ctx)
	if err != nil {
		return err
	}
	account, err := c.Numbers.Account.Settings(ctx)
	if err != nil {
		return err
	}
	d.Sandbox, d.SMSAccount, c.versions.account = &on, &account, account.Version
	account.Version = 0
	list, _, err := c.Numbers.Originations.List(ctx, origination.Query{Limit: origination.MaxIdentities})
	if err != nil {
		return err
	}
	c.given = originationsBy{}
	for _, i := range list {
		part := poolfile.Origination{
			Value: i.Value, Country: i.Country, Type: i.Type, Capabilities: i.Capabilities, MessageType: i.MessageType, Status: i.Status, TwoWay: i.TwoWay,
			OptOutList: i.OptOutList, SelfManagedOptOuts: i.SelfManagedOptOuts, International: i.International, Protected: i.Protected,
			Registration: c.nameOf(i.RegistrationID), MonthlyPrice: i.MonthlyPrice, Account: i.Account, Tags: i.Tags,
		}
		if !i.Simulated {
			c.given[part.Key()] = i
			d.Originations = append(d.Originations, part)
		}
	}
	set, version, err := c.Numbers.Originations.Settings(ctx)
	if err != nil {
		return err
	}
	if c.versions.origin = version; version > 0 {
		d.OriginationSettings = &set
	}
	required, version, err := c.Numbers.Registrations.Settings(ctx, keyring.Deployment)
	if c.versions.sharedRequired = version; version > 0 {
		d.RegistrationSettings = &required
	}
	c.now.Deployment = d
	return err
}
