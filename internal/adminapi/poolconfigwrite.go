package adminapi

import (
	"context"
	"maps"
	"strings"

	"countersign/internal/access"
	"countersign/internal/fault"
	pools "countersign/internal/pool"
	"countersign/internal/poolfile"
	"countersign/internal/smsaccount"
	"countersign/internal/store"
)

// configStep is one write. Steps run in the order in which they were judged: accounts stand before the plan that names them; those of after, which take
// things away, run when all else is done.
type configStep struct {
	path  string
	after bool
	do    func(context.Context) error
}

func (c *configurer) step(path string, do func(context.Context) error) {
	c.steps = append(c.steps, configStep{path, false, do})
}

func (c *configurer) last(path string, do func(context.Context) error) {
	c.steps = append(c.steps, configStep{path, true, do})
}

// apply writes, unless it is only asked what it would.
func (c *configurer) apply(ctx context.Context) (*configPutOutput, error) {
	c.out.Pool, c.out.DryRun = c.poolID, c.dry
	if c.dry {
		return &configPutOutput{c.out}, nil
	}
	done := 0
	for _, after := range []bool{false, true} {
		for _, s := range c.stepsThat(after) {
			if err := s.do(ctx); err != nil {
				return nil, stopped(s.path, done, err)
			}
			done++
		}
	}
	if done > 0 {
		c.audit(ctx, "configuration applied", "pool", c.poolID, "writes", done, "changes", len(c.out.Changes))
	}
	return &configPutOutput{c.out}, nil
}

// stepsThat are the steps that give, in their order, or those that take away: what names something else is taken away before it.
func (c *configurer) stepsThat(after bool) []configStep {
	var out []configStep
	for _, s := range c.steps {
		if s.after == after {
			out = append(out, s)
		}
	}
	if after { // the plan before the accounts that it names
		first := func(s configStep) bool { return s.path == "plan" }
		var sorted []configStep
		for _, early := range []bool{true, false} {
			for _, s := range out {
				if first(s) == early {
					sorted = append(sorted, s)
				}
			}
		}
		return sorted
	}
	return out
}

// stopped says where writing ended, and that it can be gone on with.
func stopped(path string, done int, err error) error {
	f := fault.Of(err)
	if f.Kind() == fault.Internal {
		return err
	}
	text := f.Public
	if text == "" {
		text = sentences[f.Code]
	}
	hint := "nothing was written"
	if done > 0 {
		hint = "what stands before it was written; apply the document again to go on"
	}
	return f.WithPublic("%s: %s", path, text).WithField("").WithHint("%s", hint)
}

func (c *configurer) caller(ctx context.Context) pools.Caller {
	return pools.Caller{Wire: "admin", Admin: access.From(ctx).ID}
}

// tagRequireMFA begins the tags that name app clients (docs/pool-settings.md).
const tagRequireMFA = "countersign:require-mfa/"

// lateTags are tags that name app clients which are not there yet.
func (c *configurer) lateTags() []string {
	var out []string
	if c.want.Pool == nil {
		return nil
	}
	tags, _ := c.want.Pool.Settings["UserPoolTags"].(map[string]any)
	for key := range tags {
		if id, ok := strings.CutPrefix(key, tagRequireMFA); ok && c.clients[id] == nil {
			out = append(out, key)
		}
	}
	return out
}

// writePool makes or changes the pool. Tags that name clients which are not there yet are left out: it is called once more when they are.
func (c *configurer) writePool(ctx context.Context) error {
	part := c.want.Pool
	settings := maps.Clone(part.Settings)
	if late := c.lateTags(); len(late) > 0 {
		tags := maps.Clone(settings["UserPoolTags"].(map[string]any))
		for _, key := range late {
			delete(tags, key)
		}
		settings["UserPoolTags"] = tags
	}
	if c.pool != nil {
		var err error
		read := c.pool.UpdatedAt
		c.pool, err = c.Configuration.Pools.UpdatePool(ctx, c.caller(ctx), c.poolID, func(p *pools.Pool) error {
			if !p.UpdatedAt.Equal(read) {
				return fault.New(fault.ConcurrentModification)
			}
			p.Name = part.Name
			return c.Configuration.SetSettings(p, settings, part.OwnSender)
		})
		return err
	}
	p := &pools.Pool{ID: c.poolID, Name: part.Name}
	if err := c.Configuration.SetSettings(p, settings, part.OwnSender); err != nil {
		return err
	}
	made, err := c.Configuration.Pools.CreatePool(ctx, c.caller(ctx), pools.NewPool{ID: p.ID, Name: p.Name, Config: p.Config, Wire: p.Wire, Change: p.Change})
	if err != nil {
		return err
	}
	c.pool = made
	return nil
}

// writeClient makes or changes an app client.
func (c *configurer) writeClient(ctx context.Context, part *poolfile.Client, settings map[string]any, secrets []string, generate bool) error {
	if old := c.clients[part.ID]; old != nil {
		cl, err := c.Configuration.Pools.UpdateClient(ctx, c.caller(ctx), c.poolID, part.ID, func(cl *pools.Client) error {
			if !cl.UpdatedAt.Equal(old.UpdatedAt) {
				return fault.New(fault.ConcurrentModification)
			}
			cl.Name, cl.Secrets = part.Name, secrets
			return c.Configuration.SetClientSettings(c.pool, cl, settings)
		})
		if err == nil {
			c.clients[part.ID] = cl
		}
		return err
	}
	cl := &pools.Client{ID: part.ID, PoolID: c.poolID, Name: part.Name, Secrets: secrets}
	if err := c.Configuration.SetClientSettings(c.pool, cl, settings); err != nil {
		return err
	}
	n := pools.NewClient{ID: cl.ID, PoolID: c.poolID, Name: cl.Name, Config: cl.Config, Wire: cl.Wire, GenerateSecret: generate}
	if !generate && len(secrets) > 0 {
		n.Secret = secrets[0]
	}
	made, err := c.Configuration.Pools.CreateClient(ctx, c.caller(ctx), n)
	if err != nil {
		return err
	}
	c.clients[part.ID] = made
	if generate {
		c.out.Secrets = append(c.out.Secrets, ClientSecret{made.ID, made.Secrets[0]})
	}
	return nil
}

// dropRates takes the rate card away.
func (c *configurer) dropRates(ctx context.Context) error {
	err := c.Store.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Settings().DeleteSetting(ctx, c.poolID, RatesSetting)
		return err
	})
	if err == nil {
		c.Delivery.Routes.Forget(c.poolID)
		c.audit(ctx, "rate card removed", "pool", c.poolID)
	}
	return err
}

// writeMessages replaces the settings of messages, and leaves test numbers alone.
func (c *configurer) writeMessages(ctx context.Context, set pools.MessageSettings) error {
	have, err := c.Delivery.MessageSettings(ctx, c.poolID)
	if err != nil {
		return err
	}
	read := poolfile.Document{Messages: messagesOf(have)}
	if read.Canonical(); !same(read.Messages, c.now.Messages) {
		return fault.New(fault.ConcurrentModification)
	}
	set.TestNumbers = have.TestNumbers
	_, err = c.Delivery.PutMessageSettings(ctx, c.poolID, set)
	return err
}

// smsSettings are the SMS account's of a version; nil is an account that says nothing.
func smsSettings(set *smsaccount.Settings, version int64) smsaccount.Settings {
	var out smsaccount.Settings
	if set != nil {
		out = *set
	}
	out.Version = version
	return out
}
