package management

import (
	"context"
	"net/http"

	"countersign/internal/auth0api/wire"
	"countersign/internal/fault"
	"countersign/internal/hook"
	"countersign/internal/module"
)

func ruleRoutes() []route {
	return []route{
		{"GET", "/rules", "read:rules", (*api).listRules, "page, per_page, include_totals, enabled, fields"},
		{"POST", "/rules", "create:rules", (*api).createRule, ""},
		{"GET", "/rules/{id}", "read:rules", (*api).getRule, "fields"},
		{"PATCH", "/rules/{id}", "update:rules", (*api).updateRule, ""},
		{"DELETE", "/rules/{id}", "delete:rules", (*api).deleteRule, ""},
		{"GET", "/rules-configs", "read:rules_configs", (*api).listRuleConfigs, "names only"},
		{"PUT", "/rules-configs/{key}", "update:rules_configs", (*api).setRuleConfig, ""},
		{"DELETE", "/rules-configs/{key}", "delete:rules_configs", (*api).deleteRuleConfig, ""},
	}
}

var (
	ruleName   = wire.Rule{Title: "Name of this rule", Min: 1, Max: 255}
	ruleScript = wire.Rule{Title: "Code to be executed when this rule runs", Min: 1, Max: module.MaxCode}
	ruleOrder  = wire.Rule{Title: "Order that this rule should execute in relative to other rules", Max: 1 << 30}
)

type ruleBody struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Script  string `json:"script"`
	Order   int    `json:"order"`
	Enabled bool   `json:"enabled"`
	Stage   string `json:"stage"`
	Ours    *built `json:"countersign,omitempty"`
}

func ruleOf(r *hook.Rule, b *hook.Built) ruleBody {
	return ruleBody{r.ID, r.Name, r.Script, r.Order, r.Enabled, "login_success", builtOf(b)}
}

func noRule(err error) error { return missing(err, "The rule does not exist.") }

func (a *api) listRules(ctx context.Context, r *Request) (int, any, error) {
	page, err := r.Page(50, 100)
	if err != nil {
		return 0, nil, err
	}
	q := hook.RuleQuery{Skip: page.Start(), Limit: page.Size}
	if q.Enabled, err = optionalBool(r, "enabled"); err != nil {
		return 0, nil, err
	}
	list, total, err := a.Hooks.Rules(ctx, r.PoolID, q)
	if err != nil {
		return 0, nil, err
	}
	out := make([]ruleBody, len(list))
	for i, x := range list {
		out[i] = ruleOf(x, nil)
	}
	return http.StatusOK, page.Listed("rules", out, len(out), total), nil
}

func (a *api) createRule(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	name, code := ruleName, ruleScript
	name.Required, code.Required = true, true
	f.Text("stage", wire.Rule{OneOf: []string{"login_success"}})
	in := hook.NewRule{
		Name: value(f.Text("name", name)), Script: value(f.Text("script", code)), Order: f.Int("order", ruleOrder),
		Enabled: f.Bool("enabled", wire.Rule{}), Save: saveOf(f),
	}
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	x, b, err := a.Hooks.CreateRule(ctx, r.PoolID, &in)
	if err != nil {
		return 0, nil, taken(err, "A rule with the same name or order already exists.")
	}
	r.Detail("rule", x.ID)
	return http.StatusCreated, ruleOf(x, b), nil
}

func (a *api) getRule(ctx context.Context, r *Request) (int, any, error) {
	x, err := a.Hooks.Rule(ctx, r.PoolID, r.Param("id"))
	if err != nil {
		return 0, nil, noRule(err)
	}
	return http.StatusOK, ruleOf(x, nil), nil
}

func (a *api) updateRule(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	c := hook.RuleChange{
		Name: f.Text("name", ruleName), Script: f.Text("script", ruleScript), Order: f.Int("order", ruleOrder),
		Enabled: f.Bool("enabled", wire.Rule{}), Save: saveOf(f),
	}
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	x, b, err := a.Hooks.UpdateRule(ctx, r.PoolID, r.Param("id"), &c)
	if err != nil {
		return 0, nil, taken(noRule(err), "A rule with the same name or order already exists.")
	}
	return http.StatusOK, ruleOf(x, b), nil
}

func (a *api) deleteRule(ctx context.Context, r *Request) (int, any, error) {
	err := a.Hooks.DeleteRule(ctx, r.PoolID, r.Param("id"))
	if err != nil && fault.CodeOf(err) != fault.ResourceNotFound {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, nil
}

func (a *api) listRuleConfigs(ctx context.Context, r *Request) (int, any, error) {
	list, err := a.Hooks.RuleConfigs(ctx, r.PoolID)
	if err != nil {
		return 0, nil, err
	}
	out := make([]map[string]string, len(list))
	for i, s := range list {
		out[i] = map[string]string{"key": s.Name}
	}
	return http.StatusOK, out, nil
}

func (a *api) setRuleConfig(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	v := value(f.Text("value", wire.Rule{Title: "Value for a rules config variable", Required: true, Max: 4096}))
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	key := r.Param("key")
	if err := a.Hooks.SetRuleConfig(ctx, r.PoolID, key, v); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]string{"key": key, "value": v}, nil
}

func (a *api) deleteRuleConfig(ctx context.Context, r *Request) (int, any, error) {
	return http.StatusNoContent, nil, a.Hooks.DeleteRuleConfig(ctx, r.PoolID, r.Param("key"))
}
