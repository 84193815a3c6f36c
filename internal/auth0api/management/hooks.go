package management

import (
	"context"
	"net/http"

	"countersign/internal/auth0api/wire"
	"countersign/internal/fault"
	"countersign/internal/hook"
	"countersign/internal/module"
)

func hookRoutes() []route {
	return []route{
		{"GET", "/hooks", "read:hooks", (*api).listHooks, "page, per_page, include_totals, enabled, triggerId, fields"},
		{"POST", "/hooks", "create:hooks", (*api).createHook, "the script is built first; confirm_modules consents to young releases"},
		{"GET", "/hooks/{id}", "read:hooks", (*api).getHook, "fields"},
		{"GET", "/hooks/{id}/action", "read:hooks", (*api).getHookAction, "ours: the hook as a body of POST /actions/actions, without values of secrets"},
		{"PATCH", "/hooks/{id}", "update:hooks", (*api).updateHook, "triggerId cannot change; confirm_modules as above"},
		{"DELETE", "/hooks/{id}", "delete:hooks", (*api).deleteHook, "204 for unknown ones, too"},
		{"GET", "/hooks/{id}/secrets", "read:hooks", (*api).getHookSecrets, "names; every value is " + hook.Placeholder},
		{"POST", "/hooks/{id}/secrets", "update:hooks create:hooks", (*api).addHookSecrets, "1 to 20 strings; 409 if one is there; the placeholder is passed over"},
		{"PATCH", "/hooks/{id}/secrets", "update:hooks", (*api).updateHookSecrets, "the placeholder changes nothing"},
		{"DELETE", "/hooks/{id}/secrets", "delete:hooks update:hooks", (*api).deleteHookSecrets, "the body is a list of names"},
	}
}

var (
	hookTriggers = []string{hook.CredentialsExchange, hook.PreUserRegistration, hook.PostUserRegistration, hook.PostChangePassword, hook.SendPhoneMessage}
	hookName     = wire.Rule{Title: "The name of this hook", Min: 1, Max: 128}
	hookScript   = wire.Rule{Title: "Code to be executed when this hook runs", Min: 1, Max: module.MaxCode}
	dependencies = wire.Rule{Title: "Dependencies of this hook used by webtask server", Max: 100}
	maxSecrets   = 20
)

// hookBody is a hook on the wire. Ours is what the original does not have; clients pass over it.
type hookBody struct {
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	Script       string            `json:"script"`
	Dependencies map[string]string `json:"dependencies"`
	TriggerID    string            `json:"triggerId"`
	Enabled      bool              `json:"enabled"`
	Ours         *built            `json:"countersign,omitempty"`
}

// built is what came of saving a script.
type built struct {
	Modules  []module.Module  `json:"modules,omitempty"`
	Changes  []module.Change  `json:"module_changes,omitempty"`
	Warnings []module.Warning `json:"warnings,omitempty"`
}

func builtOf(b *hook.Built) *built {
	if b == nil || len(b.Modules)+len(b.Changes)+len(b.Warnings) == 0 {
		return nil
	}
	return &built{b.Modules, b.Changes, b.Warnings}
}

func hookOf(h *hook.Hook, b *hook.Built) hookBody {
	deps := h.Dependencies
	if deps == nil {
		deps = map[string]string{}
	}
	return hookBody{h.ID, h.Name, h.Script, deps, h.TriggerID, h.Enabled, builtOf(b)}
}

// missing words a resource that does not exist.
func missing(err error, format string, args ...any) error {
	if fault.CodeOf(err) == fault.ResourceNotFound {
		return wire.NotFound(format, args...)
	}
	return err
}

func noHook(err error) error { return missing(err, "The hook does not exist.") }

func (a *api) listHooks(ctx context.Context, r *Request) (int, any, error) {
	page, err := r.Page(50, 100)
	if err != nil {
		return 0, nil, err
	}
	q := hook.HookQuery{TriggerID: r.Query.Get("triggerId"), Skip: page.Start(), Limit: page.Size}
	if q.Enabled, err = optionalBool(r, "enabled"); err != nil {
		return 0, nil, err
	}
	list, total, err := a.Hooks.Hooks(ctx, r.PoolID, q)
	if err != nil {
		return 0, nil, err
	}
	out := make([]hookBody, len(list))
	for i, h := range list {
		out[i] = hookOf(h, nil)
	}
	return http.StatusOK, page.Listed("hooks", out, len(out), total), nil
}

func (a *api) createHook(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	name, code := hookName, hookScript
	name.Required, code.Required = true, true
	in := hook.NewHook{
		Name: value(f.Text("name", name)), Script: value(f.Text("script", code)), Enabled: value(f.Bool("enabled", wire.Rule{})),
		TriggerID:    value(f.Text("triggerId", wire.Rule{Title: "Execution stage of this hook", Required: true, OneOf: hookTriggers})),
		Dependencies: f.Map("dependencies", dependencies), Save: saveOf(f),
	}
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	h, b, err := a.Hooks.CreateHook(ctx, r.PoolID, &in)
	if err != nil {
		return 0, nil, taken(err, "A hook with the same name already exists.")
	}
	r.Detail("hook", h.ID)
	return http.StatusCreated, hookOf(h, b), nil
}

// saveOf reads the consent to young modules.
func saveOf(f *wire.Fields) hook.Save {
	return hook.Save{Confirm: value(f.Bool("confirm_modules", wire.Rule{Title: "Consent to modules that were released a few days ago"}))}
}

// taken words a name that is in use.
func taken(err error, format string, args ...any) error {
	if fault.CodeOf(err) == fault.ResourceExists {
		return wire.Errorf(http.StatusConflict, "", format, args...)
	}
	return err
}

func (a *api) getHook(ctx context.Context, r *Request) (int, any, error) {
	h, err := a.Hooks.Hook(ctx, r.PoolID, r.Param("id"))
	if err != nil {
		return 0, nil, noHook(err)
	}
	return http.StatusOK, hookOf(h, nil), nil
}

func (a *api) updateHook(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	c := hook.HookChange{
		Name: f.Text("name", hookName), Script: f.Text("script", hookScript), Enabled: f.Bool("enabled", wire.Rule{}), Save: saveOf(f),
	}
	if deps := f.Map("dependencies", dependencies); deps != nil {
		c.Dependencies = &deps
	}
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	if c.Name == nil && c.Script == nil && c.Enabled == nil && c.Dependencies == nil {
		return 0, nil, wire.BadBody("", "", "Too few properties defined (0), minimum 1")
	}
	h, b, err := a.Hooks.UpdateHook(ctx, r.PoolID, r.Param("id"), &c)
	if err != nil {
		return 0, nil, taken(noHook(err), "A hook with the same name already exists.")
	}
	return http.StatusOK, hookOf(h, b), nil
}

func (a *api) deleteHook(ctx context.Context, r *Request) (int, any, error) {
	err := a.Hooks.DeleteHook(ctx, r.PoolID, r.Param("id"))
	if err != nil && fault.CodeOf(err) != fault.ResourceNotFound {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, nil
}

func (a *api) getHookSecrets(ctx context.Context, r *Request) (int, any, error) {
	h, err := a.Hooks.Hook(ctx, r.PoolID, r.Param("id"))
	if err != nil {
		return 0, nil, noHook(err)
	}
	out := make(map[string]string, len(h.Secrets))
	for _, s := range h.Secrets {
		out[s.Name] = hook.Placeholder
	}
	return http.StatusOK, out, nil
}

// secretsOf reads an object of 1 to 20 strings.
func secretsOf(r *Request) (map[string]string, error) {
	f, err := r.Fields()
	if err != nil {
		return nil, err
	}
	if n := f.Len(); n < 1 || n > maxSecrets {
		return nil, wire.BadBody("", "", "Too few or too many properties defined (%d), minimum 1, maximum %d", n, maxSecrets)
	}
	out := map[string]string{}
	for _, name := range f.Names() {
		out[name] = value(f.Text(name, wire.Rule{Title: "Value of a secret", Max: 4096}))
	}
	return out, f.Done()
}

func (a *api) addHookSecrets(ctx context.Context, r *Request) (int, any, error) {
	secrets, err := secretsOf(r)
	if err != nil {
		return 0, nil, err
	}
	if err := a.Hooks.AddHookSecrets(ctx, r.PoolID, r.Param("id"), secrets); err != nil {
		return 0, nil, taken(noHook(err), "A secret of this name exists already; PATCH changes it.")
	}
	return http.StatusCreated, struct{}{}, nil
}

func (a *api) updateHookSecrets(ctx context.Context, r *Request) (int, any, error) {
	secrets, err := secretsOf(r)
	if err != nil {
		return 0, nil, err
	}
	if err := a.Hooks.UpdateHookSecrets(ctx, r.PoolID, r.Param("id"), secrets); err != nil {
		return 0, nil, missing(err, "The hook, or one of the secrets, does not exist.")
	}
	return http.StatusCreated, struct{}{}, nil
}

func (a *api) deleteHookSecrets(ctx context.Context, r *Request) (int, any, error) {
	names, err := wire.ParseStrings(r.Body, 1)
	if err != nil {
		return 0, nil, err
	}
	if err := a.Hooks.DeleteHookSecrets(ctx, r.PoolID, r.Param("id"), names); err != nil {
		return 0, nil, noHook(err)
	}
	return http.StatusNoContent, nil, nil
}

// value is what a pointer points to, or the zero value.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func optionalBool(r *Request, name string) (*bool, error) {
	if r.Query.Get(name) == "" {
		return nil, nil
	}
	b, err := wire.QueryBool(r.Query, name, false)
	return &b, err
}
