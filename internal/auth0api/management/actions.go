package management

import (
	"context"
	"net/http"

	"countersign/internal/auth0api/wire"
	"countersign/internal/hook"
	"countersign/internal/module"
)

func actionRoutes() []route {
	return []route{
		{"GET", "/actions/actions", "read:actions", (*api).listActions, "triggerId, actionName, deployed, page, per_page"},
		{"POST", "/actions/actions", "create:actions", (*api).createAction, "status is built if the build was quick, else pending"},
		{"GET", "/actions/actions/{id}", "read:actions", (*api).getAction, ""},
		{"PATCH", "/actions/actions/{id}", "update:actions", (*api).updateAction, "changes the draft; secrets are the full set"},
		{"DELETE", "/actions/actions/{id}", "delete:actions", (*api).deleteAction, "force takes it out of bindings"},
		{"POST", "/actions/actions/{id}/deploy", "create:actions", (*api).deployAction, "400 “must be in the 'built' state” until it is built"},
		{"POST", "/actions/actions/{id}/test", "create:actions", (*api).testAction, "runs the draft; ours: code, dependencies (both need update:actions) and secrets replace it"},
		{"GET", "/actions/actions/{id}/versions", "read:actions", (*api).listVersions, "page, per_page; newest first"},
		{"GET", "/actions/actions/{id}/versions/{version}", "read:actions", (*api).getVersion, ""},
		{"POST", "/actions/actions/{id}/versions/{version}/deploy", "create:actions", (*api).deployVersion, "roll back; update_draft"},
		{"GET", "/actions/triggers", "read:actions", (*api).listTriggers, ""},
		{"GET", "/actions/triggers/{trigger}/bindings", "read:actions", (*api).listBindings, "page, per_page"},
		{"PATCH", "/actions/triggers/{trigger}/bindings", "update:actions", (*api).updateBindings, "replaces the list"},
		{"GET", "/actions/executions/{id}", "read:actions", (*api).getExecution, "runs that failed"},
		{"GET", "/actions/modules", "read:actions", (*api).listActionModules, "an empty list: code shared by actions is an npm module here"},
	}
}

var (
	actionName = wire.Rule{Title: "The name of an action", Min: 1, Max: 255}
	actionCode = wire.Rule{Title: "The source code of the action", Max: module.MaxCode}
	runtimes   = wire.Rule{Title: "The Node runtime", OneOf: []string{"node12", "node16", "node18", "node18-actions", "node20", "node22", "node24"}}
)

func noAction(err error) error { return missing(err, "That action does not exist.") }

// actionDependencies reads [{name, version, registry_url}], nil if absent.
func actionDependencies(f *wire.Fields) []hook.Dependency {
	list := f.Objects("dependencies", wire.Rule{Title: "The list of third party npm modules that this action depends on", Max: 100})
	if list == nil {
		return nil
	}
	out := make([]hook.Dependency, 0, len(list))
	for _, d := range list {
		out = append(out, hook.Dependency{
			Name:        value(d.Text("name", wire.Rule{Required: true, Min: 1, Max: 214})),
			Version:     value(d.Text("version", wire.Rule{Max: 256})),
			RegistryURL: value(d.Text("registry_url", wire.Rule{Max: 2048, Null: true})),
		})
	}
	return out
}

// actionSecrets reads [{name, value}], nil if absent. What the original adds when it lists them (updated_at) is passed over.
func actionSecrets(f *wire.Fields) []hook.SecretValue {
	list := f.Objects("secrets", wire.Rule{Title: "The list of secrets that are included in an action", Max: 100})
	if list == nil {
		return nil
	}
	out := make([]hook.SecretValue, 0, len(list))
	for _, s := range list {
		s.Ignore("updated_at")
		out = append(out, hook.SecretValue{
			Name:  value(s.Text("name", wire.Rule{Required: true, Min: 1, Max: 128})),
			Value: value(s.Text("value", wire.Rule{Max: 4096, Null: true})),
		})
	}
	return out
}

// supportedTrigger reads [{id, version}], which is one trigger; nil if absent.
func supportedTrigger(f *wire.Fields, required bool) *hook.TriggerRef {
	list := f.Objects("supported_triggers", wire.Rule{Title: "The list of triggers that this action supports", Required: required, Min: 1, Max: 1})
	if len(list) == 0 {
		return nil
	}
	return &hook.TriggerRef{
		ID: value(list[0].Text("id", wire.Rule{Required: true, Min: 1, Max: 64})), Version: value(list[0].Text("version", wire.Rule{Max: 16})),
	}
}

// noModules refuses what is not served: action modules, a feature of its own.
func noModules(f *wire.Fields) {
	if list := f.Objects("modules", wire.Rule{Null: true}); len(list) > 0 {
		f.Fail("modules", "", "Action modules are not supported here: use an npm module, or put the code into the action")
	}
}

func (a *api) createAction(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	name := actionName
	name.Required = true
	in := hook.NewAction{
		Name: value(f.Text("name", name)), Trigger: value(supportedTrigger(f, true)), Code: value(f.Text("code", actionCode)),
		Dependencies: actionDependencies(f), Runtime: value(f.Text("runtime", runtimes)), Secrets: actionSecrets(f),
		Deploy: value(f.Bool("deploy", wire.Rule{})), Save: saveOf(f),
	}
	noModules(f)
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	x, err := a.Hooks.CreateAction(ctx, r.PoolID, &in)
	if err != nil {
		return 0, nil, taken(err, "An action with the same name already exists.")
	}
	r.Detail("action", x.ID)
	return http.StatusCreated, actionOf(x), nil
}

func (a *api) updateAction(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	c := hook.ActionChange{
		Name: f.Text("name", actionName), Trigger: supportedTrigger(f, false), Code: f.Text("code", actionCode),
		Runtime: f.Text("runtime", runtimes), Save: saveOf(f),
	}
	if deps := actionDependencies(f); deps != nil {
		c.Dependencies = &deps
	}
	if secrets := actionSecrets(f); secrets != nil {
		c.Secrets = &secrets
	}
	noModules(f)
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	x, err := a.Hooks.UpdateAction(ctx, r.PoolID, r.Param("id"), &c)
	if err != nil {
		return 0, nil, taken(noAction(err), "An action with the same name already exists.")
	}
	return http.StatusOK, actionOf(x), nil
}

func (a *api) listActions(ctx context.Context, r *Request) (int, any, error) {
	page, err := r.Page(20, 100)
	if err != nil {
		return 0, nil, err
	}
	q := hook.ActionQuery{TriggerID: r.Query.Get("triggerId"), Name: r.Query.Get("actionName"), Skip: page.Start(), Limit: page.Size}
	if q.Deployed, err = optionalBool(r, "deployed"); err != nil {
		return 0, nil, err
	}
	out := []actionBody{}
	total := 0
	if installed, err := wire.QueryBool(r.Query, "installed", false); err != nil {
		return 0, nil, err
	} else if !installed { // none comes from a marketplace
		list, n, err := a.Hooks.Actions(ctx, r.PoolID, q)
		if err != nil {
			return 0, nil, err
		}
		total = n
		for _, x := range list {
			out = append(out, actionOf(x))
		}
	}
	return http.StatusOK, map[string]any{"total": total, "page": page.Number, "per_page": page.Size, "actions": out}, nil
}

func (a *api) getAction(ctx context.Context, r *Request) (int, any, error) {
	x, err := a.Hooks.Action(ctx, r.PoolID, r.Param("id"))
	if err != nil {
		return 0, nil, noAction(err)
	}
	return http.StatusOK, actionOf(x), nil
}

func (a *api) deleteAction(ctx context.Context, r *Request) (int, any, error) {
	force, err := wire.QueryBool(r.Query, "force", false)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, noAction(a.Hooks.DeleteAction(ctx, r.PoolID, r.Param("id"), force))
}

func (a *api) deployAction(ctx context.Context, r *Request) (int, any, error) {
	v, err := a.Hooks.DeployAction(ctx, r.PoolID, r.Param("id"))
	if err != nil {
		return 0, nil, noAction(err)
	}
	return a.deployed(ctx, r, v)
}

// deployed answers a deployment as the original does: it is under way, and a later read shows it done.
func (a *api) deployed(ctx context.Context, r *Request, v *hook.Version) (int, any, error) {
	x, err := a.Hooks.Action(ctx, r.PoolID, r.Param("id"))
	if err != nil {
		return 0, nil, noAction(err)
	}
	r.Detail("version", v.Number)
	out := versionOf(v, x)
	out.Deployed = false
	return http.StatusOK, out, nil
}

func (a *api) testAction(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	o := overrideOf(f, "code", "payload")
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	if o.Body == nil {
		return 0, nil, wire.BadBody("", "", "Missing required property: payload")
	}
	if (o.Code != nil || o.Dependencies != nil) && !r.may("update:actions") { // other code would be given the action's secrets
		return 0, nil, wire.InsufficientScope("update:actions")
	}
	res, err := a.Hooks.TestAction(ctx, r.PoolID, r.Param("id"), o)
	if err != nil {
		return 0, nil, noAction(err)
	}
	return http.StatusOK, map[string]any{"payload": runOf(res)}, nil
}

func (a *api) listVersions(ctx context.Context, r *Request) (int, any, error) {
	page, err := r.Page(20, 100)
	if err != nil {
		return 0, nil, err
	}
	x, err := a.Hooks.Action(ctx, r.PoolID, r.Param("id"))
	if err != nil {
		return 0, nil, noAction(err)
	}
	list, total, err := a.Hooks.Versions(ctx, r.PoolID, x.ID, page.Start(), page.Size)
	if err != nil {
		return 0, nil, err
	}
	out := make([]versionBody, len(list))
	for i, v := range list {
		out[i] = versionOf(v, x)
	}
	return http.StatusOK, map[string]any{"total": total, "page": page.Number, "per_page": page.Size, "versions": out}, nil
}

func (a *api) getVersion(ctx context.Context, r *Request) (int, any, error) {
	x, err := a.Hooks.Action(ctx, r.PoolID, r.Param("id"))
	if err != nil {
		return 0, nil, noAction(err)
	}
	v, err := a.Hooks.Version(ctx, r.PoolID, x.ID, r.Param("version"))
	if err != nil {
		return 0, nil, missing(err, "That action version does not exist.")
	}
	return http.StatusOK, versionOf(v, x), nil
}

func (a *api) deployVersion(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	draft := value(f.Bool("update_draft", wire.Rule{}))
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	v, err := a.Hooks.DeployVersion(ctx, r.PoolID, r.Param("id"), r.Param("version"), draft)
	if err != nil {
		return 0, nil, missing(err, "That action version does not exist.")
	}
	return a.deployed(ctx, r, v)
}

func (a *api) listActionModules(_ context.Context, r *Request) (int, any, error) {
	page, err := r.Page(50, 100)
	return http.StatusOK, map[string]any{"modules": []any{}, "total": 0, "page": page.Number, "per_page": page.Size}, err
}
