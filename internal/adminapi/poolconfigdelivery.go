package adminapi

import (
	"context"
	"slices"
	"strings"

	"countersign/internal/canary"
	"countersign/internal/fault"
	"countersign/internal/poolfile"
	"countersign/internal/ratecard"
	"countersign/internal/route"
)

func (c *configurer) judgeAccounts(ctx context.Context) error {
	for _, f := range c.file.Accounts {
		path := "accounts[" + f.Name + "]"
		if _, err := c.Delivery.Routes.Account(ctx, "", f.Name); err == nil {
			c.wrongf(path+".name", "An account of the configuration file has this name.")
			continue
		}
		if err := mayLend(ctx, f.Settings); err != nil {
			return err
		}
		was := entry(c.now.Accounts, func(x poolfile.Account) bool { return x.Name == f.Name })
		given, ok := c.givenOf(f, was, path)
		if !ok {
			continue
		}
		changed, err := c.Delivery.Routes.CheckAccount(ctx, c.poolID, f.AccountConfig, given)
		if err := c.wrong(path, err); err != nil {
			return err
		}
		for _, name := range changed {
			if was != nil && was.Secrets[name] != "" && given[name] != "" {
				c.secretChanged(path + ".secrets." + name)
			}
		}
		if was == nil || !same(was.AccountConfig, f.AccountConfig) || len(changed) > 0 {
			version := c.versions.accounts[f.Name]
			c.step(path, func(ctx context.Context) error {
				_, err := c.Delivery.Routes.PutAccount(by(ctx), c.poolID, f.AccountConfig, given, version)
				return err
			})
		}
	}
	for _, n := range c.now.Accounts {
		if entry(c.want.Accounts, func(x poolfile.Account) bool { return x.Name == n.Name }) == nil {
			c.last("accounts["+n.Name+"]", func(ctx context.Context) error { return c.Delivery.Routes.DeleteAccount(by(ctx), c.poolID, n.Name) })
		}
	}
	return nil
}

// givenOf are the secrets of an account that the document holds. A reference that nobody filled in stands for the secret that is set; it is wrong where
// there is none.
func (c *configurer) givenOf(f poolfile.Account, was *poolfile.Account, path string) (given map[string]string, ok bool) {
	given, ok = map[string]string{}, true
	for _, name := range slices.Sorted(keysOf(f.Secrets)) {
		env, reference := poolfile.Reference(f.Secrets[name])
		switch {
		case !reference:
			given[name] = f.Secrets[name]
		case was == nil || was.Secrets[name] == "":
			c.wrongf(path+".secrets."+name, "The account has no such secret yet, and it was not given: set %s.", env)
			ok = false
		}
	}
	return given, ok
}

func (c *configurer) judgeMessages(context.Context) error {
	set := messageSettingsOf(c.want.Messages)
	if err := set.Check(); err != nil {
		return c.wrong("messages", fault.Of(err).WithField(strings.TrimPrefix(fault.Of(err).Field, "texts.")))
	}
	if m := set.CodeMaker; m != nil && entry(c.want.Accounts, func(x poolfile.Account) bool { return x.Name == m.Account }) == nil {
		c.wrongf("messages.code_maker.account", "There is no account %q.", m.Account)
	}
	if !same(c.now.Messages, c.want.Messages) {
		c.step("messages", func(ctx context.Context) error { return c.writeMessages(ctx, set) })
	}
	return nil
}

func (c *configurer) judgeRates(context.Context) error {
	if c.file.Rates != nil && *c.file.Rates != "" {
		card, err := ratecard.Parse([]byte(*c.file.Rates))
		if err != nil {
			return c.wrong("rates", fault.Of(err).WithField(""))
		}
		clean := string(card.Format())
		c.want.Rates = &clean
	}
	switch {
	case same(c.now.Rates, c.want.Rates):
	case c.want.Rates == nil:
		c.last("rates", c.dropRates)
	default:
		csv := *c.want.Rates
		c.step("rates", func(ctx context.Context) error {
			_, err := c.putRates(ctx, &ratesInput{c.poolID, Rates{CSV: csv, Version: c.versions.rates}})
			return err
		})
	}
	return nil
}

func (c *configurer) judgePlan(context.Context) error {
	if c.file.Plan != nil && len(c.file.Plan.Rules) == 0 {
		c.wrongf("plan.rules", "A plan without rules would send nothing.")
		return nil
	}
	switch {
	case c.want.Plan == nil && c.now.Plan != nil:
		c.last("plan", func(ctx context.Context) error { return c.Delivery.Routes.DeletePlan(by(ctx), c.poolID) })
	case c.want.Plan != nil:
		var accounts []route.AccountConfig
		for _, a := range c.want.Accounts {
			accounts = append(accounts, a.AccountConfig)
		}
		if err := c.wrong("plan", route.CheckPlan(*c.want.Plan, accounts)); err != nil {
			return err
		}
		if !same(c.now.Plan, c.want.Plan) {
			c.step("plan", func(ctx context.Context) error {
				_, err := c.Delivery.Routes.PutPlan(by(ctx), c.poolID, *c.want.Plan, c.versions.plan)
				return err
			})
		}
	}
	return nil
}

func (c *configurer) judgeCanaries(ctx context.Context) error {
	for _, f := range c.file.Canaries {
		path := "canaries[" + f.Name + "]"
		x := canary.Canary{
			Name: f.Name, To: f.To, Account: f.Account, EverySeconds: f.EverySeconds, Expect: f.Expect, WithinSeconds: f.WithinSeconds, Disabled: f.Disabled,
		}
		env, reference := poolfile.Reference(f.To)
		if reference {
			x.To = ""
		}
		moved, err := c.Delivery.Canaries.Check(ctx, c.poolID, x)
		if err != nil && reference && fault.Of(err).Field == "to" {
			err = fault.Invalidf("to", "A new canary needs a phone, and it was not given: set %s.", env)
		}
		if err := c.wrong(path, err); err != nil {
			return err
		}
		if _, err := c.Delivery.Routes.Account(ctx, "", f.Account); f.Account != "" && err != nil &&
			entry(c.want.Accounts, func(a poolfile.Account) bool { return a.Name == f.Account }) == nil {
			c.wrongf(path+".account", "There is no account %q.", f.Account)
		}
		was := entry(c.now.Canaries, func(n poolfile.Canary) bool { return n.Name == f.Name })
		is := entry(c.want.Canaries, func(n poolfile.Canary) bool { return n.Name == f.Name })
		if moved && was != nil {
			c.secretChanged(path + ".to")
		}
		if moved || was == nil || !same(was, is) {
			c.step(path, func(ctx context.Context) (err error) {
				c.versions.canaries, err = c.Delivery.Canaries.Put(ctx, c.poolID, x, c.versions.canaries)
				return err
			})
		}
	}
	for _, n := range c.now.Canaries {
		if entry(c.want.Canaries, func(x poolfile.Canary) bool { return x.Name == n.Name }) == nil {
			c.step("canaries["+n.Name+"]", func(ctx context.Context) (err error) {
				c.versions.canaries, err = c.Delivery.Canaries.Delete(ctx, c.poolID, n.Name, c.versions.canaries)
				return err
			})
		}
	}
	return nil
}

func (c *configurer) judgeGuards(context.Context) error {
	if same(c.now.Guards, c.want.Guards) {
		return nil
	}
	if c.want.Guards == nil {
		c.step("guards", func(ctx context.Context) error { return c.Guards.Screen.DeletePolicy(guardBy(ctx), c.poolID) })
		return nil
	}
	policy := *c.want.Guards
	c.step("guards", func(ctx context.Context) error {
		_, err := c.Guards.Screen.PutPolicy(guardBy(ctx), c.poolID, policy, c.versions.guards)
		return err
	})
	return c.wrong("guards", policy.Check())
}
