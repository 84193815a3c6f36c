package management

import (
	"context"
	"net/http"
	"strings"
	"time"

	"countersign/internal/auth0api/wire"
	"countersign/internal/hook"
)

// timeForm is how the original writes times: UTC with nanoseconds.
const timeForm = "2006-01-02T15:04:05.000000000Z"

func stamp(t time.Time) string { return t.UTC().Format(timeForm) }

type secretBody struct {
	Name      string `json:"name"`
	UpdatedAt string `json:"updated_at"`
}

func secretsListed(list []hook.Secret) []secretBody {
	out := make([]secretBody, len(list))
	for i, s := range list {
		out[i] = secretBody{s.Name, stamp(s.UpdatedAt)}
	}
	return out
}

type actionBody struct {
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	Triggers     []hook.TriggerRef `json:"supported_triggers"`
	CreatedAt    string            `json:"created_at"`
	UpdatedAt    string            `json:"updated_at"`
	Code         string            `json:"code"`
	Dependencies []hook.Dependency `json:"dependencies"`
	Runtime      string            `json:"runtime"`
	Status       hook.Status       `json:"status"`
	Errors       []hook.BuildError `json:"errors,omitempty"`
	Secrets      []secretBody      `json:"secrets"`
	Modules      []string          `json:"modules"`
	Current      *currentBody      `json:"current_version,omitempty"`
	Deployed     *versionBody      `json:"deployed_version,omitempty"`
	AllDeployed  bool              `json:"all_changes_deployed"`
	BuiltAt      string            `json:"built_at,omitempty"`
	Ours         *built            `json:"countersign,omitempty"`
}

// currentBody is the draft as a version that is not deployed.
type currentBody struct {
	ID        string `json:"id"`
	Code      string `json:"code"`
	Runtime   string `json:"runtime"`
	Status    string `json:"status"`
	Number    int64  `json:"number"`
	BuildTime string `json:"build_time,omitempty"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

type versionBody struct {
	ID           string            `json:"id"`
	ActionID     string            `json:"action_id"`
	Code         string            `json:"code"`
	Dependencies []hook.Dependency `json:"dependencies"`
	Deployed     bool              `json:"deployed"`
	Runtime      string            `json:"runtime"`
	Secrets      []secretBody      `json:"secrets"`
	Status       string            `json:"status"`
	Number       int64             `json:"number"`
	BuiltAt      string            `json:"built_at"`
	CreatedAt    string            `json:"created_at"`
	UpdatedAt    string            `json:"updated_at"`
	Triggers     []hook.TriggerRef `json:"supported_triggers"`
	Action       *actionRef        `json:"action,omitempty"`
}

type actionRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func actionOf(x *hook.Action) actionBody {
	b := actionBody{
		ID: x.ID, Name: x.Name, Triggers: []hook.TriggerRef{x.Trigger}, CreatedAt: stamp(x.CreatedAt), UpdatedAt: stamp(x.UpdatedAt), Code: x.Code,
		Dependencies: orEmpty(x.Dependencies), Runtime: x.Runtime, Status: x.Status, Errors: x.Errors, Secrets: secretsListed(x.Secrets), Modules: []string{},
		AllDeployed: x.Deployed != nil && x.Current, Ours: builtOf(&hook.Built{Modules: x.Modules, Changes: x.Changes, Warnings: x.Warnings}),
	}
	if !x.BuiltAt.IsZero() {
		b.BuiltAt = stamp(x.BuiltAt)
	}
	b.Current = currentOf(x, b.BuiltAt)
	if x.Deployed != nil {
		v := versionOf(x.Deployed, x)
		v.Deployed = true
		b.Deployed = &v
	}
	return b
}

// currentOf is the draft as the version that it would become, or has become.
func currentOf(x *hook.Action, builtAt string) *currentBody {
	c := &currentBody{
		ID: x.ID, Code: x.Code, Runtime: x.Runtime, Status: strings.ToUpper(string(x.Status)), Number: 1, BuildTime: builtAt,
		CreatedAt: stamp(x.CreatedAt), UpdatedAt: stamp(x.UpdatedAt),
	}
	switch d := x.Deployed; {
	case d != nil && x.Current:
		c.ID, c.Number = d.ID, d.Number
	case d != nil:
		c.Number = d.Number + 1
	}
	return c
}

func versionOf(v *hook.Version, x *hook.Action) versionBody {
	return versionBody{
		ID: v.ID, ActionID: x.ID, Code: v.Code, Dependencies: orEmpty(v.Dependencies), Deployed: v.Deployed, Runtime: v.Runtime, Secrets: secretsListed(v.Secrets),
		Status: "built", Number: v.Number, BuiltAt: stamp(v.BuiltAt), CreatedAt: stamp(v.CreatedAt), UpdatedAt: stamp(v.CreatedAt),
		Triggers: []hook.TriggerRef{x.Trigger}, Action: &actionRef{x.ID, x.Name},
	}
}

type triggerBody struct {
	hook.TriggerRef
	Status     string            `json:"status"`
	Runtimes   []string          `json:"runtimes"`
	Default    string            `json:"default_runtime"`
	Compatible []hook.TriggerRef `json:"compatible_triggers"`
	Policy     string            `json:"binding_policy"`
}

func (a *api) listTriggers(context.Context, *Request) (int, any, error) {
	out := []triggerBody{}
	for _, t := range a.Hooks.Triggers() {
		out = append(out, triggerBody{t.TriggerRef, t.Status, orEmpty(t.Runtimes), t.DefaultRuntime, []hook.TriggerRef{}, t.BindingPolicy})
	}
	return http.StatusOK, map[string]any{"triggers": out}, nil
}

type bindingBody struct {
	ID          string     `json:"id"`
	TriggerID   string     `json:"trigger_id"`
	Action      actionBody `json:"action"`
	DisplayName string     `json:"display_name"`
	CreatedAt   string     `json:"created_at"`
	UpdatedAt   string     `json:"updated_at"`
}

func bindingsOf(list []*hook.Binding) []bindingBody {
	out := make([]bindingBody, len(list))
	for i, b := range list {
		out[i] = bindingBody{b.ID, b.TriggerID, actionOf(b.Action), b.DisplayName, stamp(b.CreatedAt), stamp(b.UpdatedAt)}
	}
	return out
}

func noTrigger(err error) error { return missing(err, "That trigger does not exist.") }

func (a *api) listBindings(ctx context.Context, r *Request) (int, any, error) {
	page, err := r.Page(20, 100)
	if err != nil {
		return 0, nil, err
	}
	list, err := a.Hooks.Bindings(ctx, r.PoolID, r.Param("trigger"))
	if err != nil {
		return 0, nil, noTrigger(err)
	}
	out := bindingsOf(wire.Cut(page, list))
	return http.StatusOK, map[string]any{"total": len(list), "page": page.Number, "per_page": page.Size, "bindings": out}, nil
}

func (a *api) updateBindings(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	in := []hook.NewBinding{}
	for _, o := range f.Objects("bindings", wire.Rule{Title: "The actions that will be bound to this trigger", Required: true, Max: 100}) {
		b := hook.NewBinding{DisplayName: value(o.Text("display_name", wire.Rule{Max: 255}))}
		if len(o.Objects("secrets", wire.Rule{Null: true})) > 0 {
			o.Fail("secrets", "", "Secrets of a binding are not supported: set them on the action")
		}
		if ref := o.Object("ref", wire.Rule{Title: "A reference to an action", Required: true}); ref != nil {
			kind := value(ref.Text("type", wire.Rule{Required: true, OneOf: []string{"action_id", "action_name"}}))
			if v := value(ref.Text("value", wire.Rule{Required: true, Min: 1, Max: 255})); kind == "action_id" {
				b.ActionID = v
			} else {
				b.ActionName = v
			}
		}
		in = append(in, b)
	}
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	list, err := a.Hooks.Bind(ctx, r.PoolID, r.Param("trigger"), in)
	if err != nil {
		return 0, nil, noTrigger(err)
	}
	return http.StatusOK, map[string]any{"bindings": bindingsOf(list)}, nil
}

type executionBody struct {
	ID        string       `json:"id"`
	TriggerID string       `json:"trigger_id"`
	Status    string       `json:"status"`
	Results   []resultBody `json:"results"`
	CreatedAt string       `json:"created_at"`
	UpdatedAt string       `json:"updated_at"`
}

type resultBody struct {
	ActionName string           `json:"action_name"`
	Error      *hook.BuildError `json:"error,omitempty"`
	StartedAt  string           `json:"started_at"`
	EndedAt    string           `json:"ended_at"`
}

func (a *api) getExecution(ctx context.Context, r *Request) (int, any, error) {
	e, err := a.Hooks.Execution(ctx, r.PoolID, r.Param("id"))
	if err != nil {
		return 0, nil, missing(err, "That execution does not exist.")
	}
	out := executionBody{e.ID, e.TriggerID, e.Status, []resultBody{}, stamp(e.CreatedAt), stamp(e.UpdatedAt)}
	for _, x := range e.Results {
		out.Results = append(out.Results, resultBody{x.ActionName, x.Error, stamp(x.StartedAt), stamp(x.EndedAt)})
	}
	return http.StatusOK, out, nil
}
